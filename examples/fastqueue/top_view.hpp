#pragma once

#include "top_figures.hpp"
#include "top_keys.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace fastqueue::cli {

/// A way to sort rows.
template <class Row>
struct top_order {
    std::string_view word;
    bool (*before)(Row const&, Row const&);
};

inline constexpr std::array<top_order<top_worker>, 6> worker_orders{{
    {"worker", [](top_worker const& a, top_worker const& b) { return a.id < b.id; }},
    {"state", [](top_worker const& a, top_worker const& b) { return a.state < b.state; }},
    {"load", [](top_worker const& a,
                top_worker const& b) { return a.running * b.concurrency > b.running * a.concurrency; }},
    {"rate",
     [](top_worker const& a, top_worker const& b) { return a.rate.value_or(0) > b.rate.value_or(0); }},
    {"failed", [](top_worker const& a, top_worker const& b) { return a.failed > b.failed; }},
    {"seen", [](top_worker const& a, top_worker const& b) { return a.last_seen_ms > b.last_seen_ms; }},
}};
inline constexpr std::array<top_order<top_task>, 5> task_orders{{
    {"running", [](top_task const& a, top_task const& b) { return a.running_ms > b.running_ms; }},
    {"age", [](top_task const& a, top_task const& b) { return a.age_ms > b.age_ms; }},
    {"name", [](top_task const& a, top_task const& b) { return a.name < b.name; }},
    {"attempt", [](top_task const& a, top_task const& b) { return a.attempt > b.attempt; }},
    {"priority", [](top_task const& a, top_task const& b) { return a.level < b.level; }},
}};
/// Of both lists: the workers' first.
inline constexpr auto top_order_words = [] {
    std::array<std::string_view, worker_orders.size() + task_orders.size()> words;
    std::size_t i = 0;
    for (auto const& each : worker_orders) words[i++] = each.word;
    for (auto const& each : task_orders) words[i++] = each.word;
    return words;
}();

/// How one of the two lists is looked at.
struct top_list {
    std::size_t order = 0;
    bool reversed = false;
    std::size_t first = 0;  ///< row that is shown at the top
    std::size_t all = 0;    ///< rows that there were, last time
    std::size_t shown = 0;  ///< of those, how many there was room for

    template <class Row, std::size_t N>
    [[nodiscard]] std::vector<Row> sorted(std::vector<Row> rows,
                                          std::array<top_order<Row>, N> const& orders) const {
        std::ranges::stable_sort(rows, orders[order].before);
        if (reversed) std::ranges::reverse(rows);
        return rows;
    }
    /// Moves the beginning so that no room is empty while there are rows for it.
    void make_room_for(std::size_t rows, std::size_t room) {
        all = rows;
        shown = std::min(all, room);
        scroll_to(first);
    }
    void scroll_to(std::size_t row) { first = std::min(row, all - shown); }
    void scroll_back(std::size_t by) { first -= std::min(first, by); }
};

/// What whoever looks has chosen.
struct top_view {
    static constexpr std::size_t workers = 0;
    static constexpr std::size_t tasks = 1;

    std::array<top_list, 2> lists;
    std::size_t chosen = workers;  ///< the list that keys are for
    bool help = false;
    bool keys = true;     ///< there are keys to tell of
    bool faint = false;   ///< the figures are old
    std::string note;     ///< stands out beside the title
    std::string address;  ///< of the control plane

    /// \param index  of top_order_words
    void sort_by(std::size_t index) {
        chosen = index < worker_orders.size() ? workers : tasks;
        lists[chosen].order = chosen == workers ? index : index - worker_orders.size();
    }
    /// \return false: the key is none for the view
    bool press(top_key key) {
        auto& list = lists[chosen];
        auto const page = std::max<std::size_t>(list.shown, 1);
        switch (key) {
            case top_key::sort:
                list.order =
                    (list.order + 1) % (chosen == workers ? worker_orders.size() : task_orders.size());
                return true;
            case top_key::reverse:
                list.reversed = !list.reversed;
                return true;
            case top_key::help:
                help = !help;
                return true;
            case top_key::other_list:
                chosen = chosen == workers ? tasks : workers;
                return true;
            case top_key::up:
                list.scroll_back(1);
                return true;
            case top_key::down:
                list.scroll_to(list.first + 1);
                return true;
            case top_key::page_up:
                list.scroll_back(page);
                return true;
            case top_key::page_down:
                list.scroll_to(list.first + page);
                return true;
            case top_key::first:
                list.scroll_to(0);
                return true;
            case top_key::last:
                list.scroll_to(list.all);
                return true;
            default:
                return false;
        }
    }

private:
    static constexpr std::size_t top_last = std::size_t{1}
                                            << 40U;  // drawing moves it to where there are rows
};

}  // namespace fastqueue::cli
