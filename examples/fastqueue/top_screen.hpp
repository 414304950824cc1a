#pragma once

#include "fitted_table.hpp"
#include "output.hpp"
#include "terminal.hpp"
#include "top_figures.hpp"
#include "top_view.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// How many lines each part of the screen has.
struct top_rooms {
    std::size_t header = 0;
    std::size_t queues = 0;
    std::array<std::size_t, 2> lists{};  ///< with their heads
    bool footer = false;
    bool gaps = false;  ///< a blank line before queues and lists

    /// The title always has one; then come the totals, the queues and the lists, as far as there is room.
    /// \param wanted  lines that the lists would fill
    /// \param chosen  the list that is shown where there is no room for both
    [[nodiscard]] static top_rooms divide(std::size_t height, std::array<std::size_t, 2> wanted,
                                          std::size_t chosen, bool footer) {
        top_rooms out;
        out.header = std::min<std::size_t>(height, 3);
        auto left = height - out.header;
        out.footer = footer && left >= 3;
        out.gaps = height >= 20;
        left -= (out.footer ? 1U : 0U) + (out.gaps ? 3U : 0U);
        if (left >= queue_lines) left -= out.queues = queue_lines;
        if (left >= 4) {
            auto const rest = left - std::min(left, wanted[1]);
            out.lists[0] = std::min(wanted[0], std::max(rest, left / 2));
            out.lists[1] = std::min(wanted[1], left - out.lists[0]);
        } else if (left >= 2) {
            out.lists[chosen] = std::min(wanted[chosen], left);
        }
        return out;
    }

private:
    static constexpr std::size_t queue_lines = 5;
};

/// Draws `fastqueue top`: lines of figures that are never wider, and never more, than there is room for.
class top_screen {
public:
    /// \param view  its lists are moved to where there are rows
    [[nodiscard]] static std::vector<screen_line> lines(top_figures const& figures, top_view& view,
                                                        screen_size size) {
        top_screen screen{figures, view, size};
        screen.draw();
        return std::move(screen.out_);
    }

private:
    top_screen(top_figures const& figures, top_view& view, screen_size size)
        : f_{figures}, view_{view}, size_{size} {}

    void draw() {
        std::array<std::size_t, 2> const wanted{1 + std::max<std::size_t>(f_.workers.size(), 1),
                                                1 + std::max<std::size_t>(f_.running_tasks.size(), 1)};
        auto const rooms = top_rooms::divide(size_.height, wanted, view_.chosen, view_.keys);
        draw_header(rooms.header);
        gap(rooms);
        if (rooms.queues > 0) draw_queues();
        gap(rooms);
        if (rooms.lists[0] > 0) draw_workers(rooms.lists[0] - 1);
        gap(rooms);
        if (rooms.lists[1] > 0) draw_tasks(rooms.lists[1] - 1);
        if (!rooms.footer) return;
        out_.resize(size_.height - 1);
        out_.push_back({footer(), look::plain});
    }
    void gap(top_rooms const& rooms) {
        if (rooms.gaps) out_.emplace_back();
    }
    void add(std::string text, look as = look::plain) {
        out_.push_back({std::move(text), view_.faint ? look::faint : as});
    }

    // ---- what there is above the lists

    void draw_header(std::size_t lines) {
        if (lines > 0) out_.push_back({title(), look::strong});
        if (lines > 1)
            add(parts({"in " + rate(f_.in), "out " + rate(f_.out), labelled("queued", f_.waiting),
                       labelled("running", f_.running), labelled("due later", f_.later),
                       labelled("dead letters", f_.dead_letters), labelled("sent ahead", f_.ahead)}));
        if (lines > 2)
            add(parts({"in all: " + labelled("submitted", f_.submitted), labelled("failed", f_.failed),
                       labelled("retried", f_.retried), labelled("succeeded", f_.succeeded),
                       labelled("cancelled", f_.cancelled), labelled("expired", f_.expired)}));
    }
    /// What must be known goes before what is usual.
    [[nodiscard]] std::string title() const {
        auto note = view_.note;
        if (note.empty() && f_.status == "full") note = "FULL: takes no new tasks";
        if (note.empty() && f_.status == "stopping") note = "STOPPING";
        auto const usual = "fastqueue top  " + view_.address + "  up " + span_text(f_.uptime_ms * 1000) +
                           "  " + f_.plane + ' ' + f_.version;
        if (note.empty()) return clipped(usual, size_.width);
        note = clipped(note, size_.width);
        auto const left = size_.width - note.size();
        if (left < 12) return note;
        return note + "  " + clipped(usual, left - 2);
    }
    void draw_queues() {
        fitted_table table{
            {{"PRIORITY"}, {"WAITING", 1, true}, {"OLDEST", 2, true}, {"RATE", 3, true}, {"PAUSED", 4}}};
        for (auto const& q : f_.queues)
            table.row({q.name, std::to_string(q.waiting), q.waiting > 0 ? span_text(q.oldest_ms * 1000) : "-",
                       rate(q.rate), q.paused ? "yes" : "-"});
        for (auto& line : with_head(table.lines(size_.width, 0, priority_names.size()))) add_line(line);
    }

    // ---- the lists

    void draw_workers(std::size_t room) {
        fitted_table table{{{"WORKER", 0, false, 8},
                            {"STATE", 2},
                            {"LOAD", 1, true},
                            {"TASKS", 4, true},
                            {"RATE", 3, true},
                            {"ENDED", 7, true},
                            {"FAILED", 6, true},
                            {"SEEN", 5, true},
                            {"HOST", 8, false, 8},
                            {"UP", 9, true}}};
        for (auto const& w : view_.lists[0].sorted(f_.workers, worker_orders))
            table.row({w.id, w.state, std::to_string(w.running) + "/" + std::to_string(w.concurrency),
                       std::to_string(w.outstanding), rate(w.rate), std::to_string(w.ended),
                       std::to_string(w.failed), span_text(w.last_seen_ms * 1000), w.host,
                       span_text(w.uptime_ms * 1000)});
        draw_list(table, top_view::workers, room, "no workers; start one with fastqueue subworker");
    }
    void draw_tasks(std::size_t room) {
        auto const tasks = view_.lists[1].sorted(f_.running_tasks, task_orders);
        auto const whole = task_table(tasks, false);
        draw_list(whole.fits(size_.width) ? whole : task_table(tasks, true), top_view::tasks, room,
                  "no task is known to run");
    }
    /// \param brief  of ids only their last part, in which they differ: the first ones are the time
    [[nodiscard]] static fitted_table task_table(std::vector<top_task> const& tasks, bool brief) {
        fitted_table table{{{"TASK", 0, false, 8},
                            {"RUNNING", 1, true},
                            {"WORKER", 2, false, 8},
                            {"ATTEMPT", 4, true},
                            {"PRIORITY", 6},
                            {"AGE", 5, true},
                            {brief ? "ID ENDS IN" : "ID", 3}}};
        for (auto const& t : tasks) {
            auto const id = brief ? t.id.substr(t.id.rfind('-') + 1) : t.id;
            bool const known = t.level < priority_names.size();
            table.row({t.name, span_text(t.running_ms * 1000), t.worker, std::to_string(t.attempt),
                       std::string{known ? priority_names[t.level] : "-"}, span_text(t.age_ms * 1000), id});
        }
        return table;
    }
    void draw_list(fitted_table const& table, std::size_t which, std::size_t room, std::string const& none) {
        auto& list = view_.lists[which];
        list.make_room_for(table.rows(), room);
        auto lines = table.lines(size_.width, list.first, list.shown);
        if (list.shown < table.rows()) {
            bool const more = which == top_view::tasks && table.rows() == top_most_tasks;
            lines.front() = head_with(lines.front(), std::to_string(list.first + 1) + "-" +
                                                         std::to_string(list.first + list.shown) + " of " +
                                                         std::to_string(table.rows()) + (more ? "+" : ""));
        }
        for (auto& line : with_head(std::move(lines))) add_line(line);
        if (table.rows() == 0 && room > 0) add(clipped(none, size_.width));
    }
    /// A head with words at its right end, for which columns' names make room.
    [[nodiscard]] std::string head_with(std::string head, std::string const& words) const {
        if (words.size() + 10 > size_.width) return head;
        auto const room = size_.width - words.size() - 2;
        if (head.size() > room && head[room] != ' ') head.resize(head.rfind(' ', room - 1) + 1);
        head.resize(room, ' ');
        return head + "  " + words;
    }
    [[nodiscard]] static std::vector<screen_line> with_head(std::vector<std::string> lines) {
        std::vector<screen_line> out;
        out.reserve(lines.size());
        for (auto& line : lines) out.push_back({std::move(line), out.empty() ? look::head : look::plain});
        return out;
    }
    void add_line(screen_line& line) { add(std::move(line.text), line.as); }

    // ---- below

    [[nodiscard]] std::string footer() const {
        if (view_.help)
            return parts(
                {"q quit", "s sort", "r reverse", "p pause", "Tab other list", "Up/Down scroll", "h back"});
        std::array<std::string, 2> words;
        for (std::size_t i = 0; i < words.size(); ++i) {
            auto const& list = view_.lists[i];
            words[i] = (i == 0 ? "workers by " + std::string{worker_orders[list.order].word}
                               : "tasks by " + std::string{task_orders[list.order].word}) +
                       (list.reversed ? " (reversed)" : "");
            if (i == view_.chosen) words[i] = "[" + words[i] + "]";
        }
        return parts({"h help", "q quit", words[view_.chosen], words[1 - view_.chosen]});
    }

    // ---- words

    [[nodiscard]] static std::string labelled(std::string_view label, std::uint64_t number) {
        return std::string{label} + ' ' + std::to_string(number);
    }
    [[nodiscard]] static std::string rate(std::optional<double> per_second) {
        if (!per_second) return "-";
        std::array<char, 48> text{};
        std::snprintf(text.data(), text.size(), *per_second < 1000 ? "%.1f/s" : "%.0f/s", *per_second);
        return text.data();
    }
    /// As many of them as there is room for: half a number would be another one.
    [[nodiscard]] std::string parts(std::initializer_list<std::string> words) const {
        std::string out;
        for (auto const& word : words) {
            auto const gap = out.empty() ? 0U : 2U;
            if (out.size() + gap + word.size() > size_.width) break;
            out.append(gap, ' ').append(word);
        }
        return out;
    }

    top_figures const& f_;
    top_view& view_;
    screen_size size_;
    std::vector<screen_line> out_;
};

}  // namespace fastqueue::cli
