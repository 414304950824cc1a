#pragma once

#include <fastqueue/policy/store.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// What a store must hold, for the laws of stores: made-up work as a control plane would write it, a model that applies
// it in memory, and both the model and a store told as lines of text that can be compared.
namespace laws {

namespace fq = fastqueue;
namespace fqp = fastqueue::policy;

/// All that was kept, one line each: members, tasks by number, ends in their order.
class image final : public fqp::restore_sink {
public:
    void task(fqp::stored_task const& s) override {
        std::string line = "task";
        add(line, s.task);
        add(line, s.octets, s.last.number == s.task.number && s.last.id == s.task.id, s.last.attempt,
            s.last.failures, s.last.deaths, s.last.due_us, s.claimed);
        lines.push_back(line + quoted(s.last.history));
        arguments += s.task.arguments.size();
        if (s.left != (s.task.arguments.empty() && s.octets > 0)) lines.push_back("left is wrong");
        if (!s.left) lines.back() += quoted(s.task.arguments);
        lefts += s.left ? 1 : 0;
    }
    void end(fqp::stored_end const& s) override {
        auto const& r = s.result;
        std::string line = "end";
        add(line, s.task);
        line += quoted(s.task.arguments);
        add(line, r.number == s.task.number && r.id == s.task.id, r.attempt, r.started_us, r.finished_us,
            r.dead, s.has_value);
        lines.push_back(line + quoted(r.worker) + quoted(r.value) + quoted(r.history) + ' ' +
                        std::string{name_of(r.state)} + ' ' + std::string{name_of(r.code)});
    }
    void member(std::string_view name) override { members.insert(std::string{name}); }

    friend bool operator==(image const& a, image const& b) {
        return a.lines == b.lines && a.members == b.members;
    }

    std::vector<std::string> lines;
    std::set<std::string> members;
    std::uint64_t arguments = 0;  ///< octets that came with the tasks
    std::uint64_t lefts = 0;

private:
    template <class... Numbers>
    static void add(std::string& line, Numbers... n) {
        ((line += ' ' + std::to_string(n)), ...);
    }
    static void add(std::string& line, fqp::task_record const& t) {
        line += ' ' + t.id.text() + quoted(t.name) + quoted(t.content) + quoted(t.attributes);
        add(line, t.number, fq::index_of(t.level), t.fingerprint, t.submitted_us, t.due_us, t.expires_us);
        auto const& o = t.options;
        add(line, static_cast<int>(o.delivery), o.retries, o.retry_delay_ms, o.retry_backoff, o.retry_max_ms);
        add(line, o.retry_jitter, o.soft_timeout_ms, o.timeout_ms, o.key_hash);
    }
    static std::string quoted(std::string_view text) { return " '" + std::string{text} + "'"; }
};

struct claim_call {
    fqp::task_number number;
    std::uint32_t attempt;
};
struct forget_call {
    fqp::task_number number;
};
struct erase_call {
    fqp::task_number number;
};
struct member_call {
    std::string_view name;
    bool there;
};
using write_call = std::variant<fqp::task_record, claim_call, fqp::attempt_record, fqp::result_record,
                                forget_call, erase_call, member_call>;

template <class Store>
fqp::store_sequence send(Store& to, write_call const& call) {
    struct sender {
        Store& s;
        auto operator()(fqp::task_record const& c) const { return s.put(c); }
        auto operator()(claim_call const& c) const { return s.claim(c.number, c.attempt); }
        auto operator()(fqp::attempt_record const& c) const { return s.requeue(c); }
        auto operator()(fqp::result_record const& c) const { return s.finish(c); }
        auto operator()(forget_call const& c) const { return s.forget(c.number); }
        auto operator()(erase_call const& c) const { return s.erase(c.number); }
        auto operator()(member_call const& c) const { return s.member(c.name, c.there); }
    };
    return std::visit(sender{to}, call);
}

/// What the calls come to. Texts that they name must outlive it.
class store_model {
public:
    void apply(write_call const& call) { std::visit(*this, call); }

    void operator()(fqp::task_record const& t) { tasks_[t.number].stored.task = t; }
    void operator()(claim_call const& c) {
        if (auto* const e = alive(c.number)) e->stored.claimed = c.attempt;
    }
    void operator()(fqp::attempt_record const& a) {
        if (auto* const e = alive(a.number)) e->stored.last = a;
    }
    void operator()(fqp::result_record const& r) {
        auto* const e = alive(r.number);
        if (e == nullptr) return;
        e->end = fqp::stored_end{e->stored.task, r, true};
        if (!r.dead) drop_arguments(*e->end);
        ends_.push_back(r.number);
    }
    void operator()(forget_call const& f) {
        auto* const end = ended(f.number);
        if (end == nullptr) return;
        end->has_value = end->result.dead = false;
        end->result.value = {};
        drop_arguments(*end);
    }
    void operator()(erase_call const& c) {
        if (ended(c.number) == nullptr) return;
        tasks_.erase(c.number);
        std::erase(ends_, c.number);
    }
    void operator()(member_call const& m) {
        if (m.there) {
            members_.insert(std::string{m.name});
        } else {
            members_.erase(std::string{m.name});
        }
    }

    [[nodiscard]] std::string_view arguments(fqp::task_number number) const {
        auto const at = tasks_.find(number);
        return at == tasks_.end() || at->second.end ? std::string_view{} : at->second.stored.task.arguments;
    }
    /// As a store tells it with that budget.
    [[nodiscard]] image told(std::uint64_t octets) const {
        image out;
        bool leaving = false;
        for (auto const& [number, e] : tasks_) {
            if (e.end) continue;
            auto stored = e.stored;
            stored.last.number = number;
            stored.last.id = stored.task.id;
            stored.octets = stored.task.arguments.size();
            leaving = leaving || out.arguments + stored.octets > octets;
            stored.left = leaving && stored.octets > 0;
            if (leaving) stored.task.arguments = {};
            out.task(stored);
        }
        for (auto const number : ends_) out.end(*tasks_.at(number).end);
        out.members = members_;
        return out;
    }

private:
    struct entry {
        fqp::stored_task stored;
        std::optional<fqp::stored_end> end;
    };
    entry* alive(fqp::task_number number) {
        auto const at = tasks_.find(number);
        return at == tasks_.end() || at->second.end ? nullptr : &at->second;
    }
    fqp::stored_end* ended(fqp::task_number number) {
        auto const at = tasks_.find(number);
        return at == tasks_.end() || !at->second.end ? nullptr : &*at->second.end;
    }
    static void drop_arguments(fqp::stored_end& end) {
        end.task.arguments = {};
        end.task.options = {};
    }

    std::map<fqp::task_number, entry> tasks_;
    std::vector<fqp::task_number> ends_;
    std::set<std::string> members_;
};

/// Makes up what a control plane would write, and now and then what it should not and a store must ignore.
class made_up_work {
public:
    explicit made_up_work(std::uint64_t seed) : random_{seed} {}

    write_call next() {
        auto const dice = below(100);
        if (dice < 35 || last_ == 0) return task();
        if (dice < 45) return claim_call{some(), static_cast<std::uint32_t>(below(9) + 1)};
        if (dice < 57) return attempt();
        if (dice < 80) return result();
        if (dice < 88) return forget_call{some()};
        if (dice < 95) return erase_call{some()};
        return member_call{keep("worker" + std::to_string(below(4))), below(2) == 0};
    }
    /// One of the newest tasks, alive or not.
    fqp::task_number some() { return last_ - std::min(last_ - 1, below(40)); }
    std::uint64_t below(std::uint64_t n) { return random_() % n; }

private:
    std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
    std::string_view text() {
        std::string made(below(20) == 0 ? 9000 : below(40), '\0');
        for (auto& c : made) c = static_cast<char>(random_());
        return keep(std::move(made));
    }
    fq::uuid id(fqp::task_number number) { return fq::uuid::make_v7({}, number, number << 8U); }

    fqp::task_record task() {
        last_ += 1 + below(3);
        fqp::task_record t;
        t.number = last_;
        t.id = id(last_);
        t.name = keep("task" + std::to_string(below(5)));
        t.content = below(2) == 0 ? "" : "portable-binary";
        t.arguments = text();
        t.attributes = below(2) == 0 ? "" : "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        t.level = static_cast<fq::priority>(below(4));
        t.fingerprint = random_();
        t.submitted_us = below(1ULL << 50U);  // a clock that jumps about
        t.due_us = below(3) == 0 ? below(1ULL << 50U) : 0;
        t.expires_us = below(3) == 0 ? below(1ULL << 50U) : 0;
        if (below(2) == 0) {
            t.options.delivery = static_cast<fq::delivery>(below(2));
            t.options.retries = static_cast<std::uint32_t>(below(1000));
            t.options.retry_delay_ms = below(5000);
            t.options.retry_backoff = 1 + static_cast<double>(below(100)) / 10;
            t.options.retry_max_ms = random_();
            t.options.retry_jitter = static_cast<double>(below(11)) / 10;
            t.options.soft_timeout_ms = below(3) * 100;
            t.options.timeout_ms = below(3) * 1000;
            t.options.key_hash = random_();
        }
        return t;
    }
    fqp::attempt_record attempt() {
        auto const number = some();
        return {number,
                id(number),
                static_cast<std::uint32_t>(random_()),
                static_cast<std::uint32_t>(below(9)),
                static_cast<std::uint32_t>(below(9)),
                below(1ULL << 50U),
                text()};
    }
    fqp::result_record result() {
        using enum fq::task_state;
        static constexpr fq::task_state ends[] = {success, failure, cancelled, expired};
        fqp::result_record r;
        r.number = some();
        r.id = id(r.number);
        r.state = ends[below(4)];
        if (r.state != success) r.code = below(2) == 0 ? fq::errc::handler_error : fq::errc::worker_lost;
        r.value = text();
        r.attempt = static_cast<std::uint32_t>(below(100));
        r.worker = keep("worker" + std::to_string(below(9)));
        r.started_us = below(1ULL << 50U);
        r.finished_us = below(1ULL << 50U);
        r.history = below(2) == 0 ? "" : text();
        r.dead = r.state == failure && below(2) == 0;
        return r;
    }

    std::mt19937_64 random_;
    std::deque<std::string> texts_;  // never moved: records name them
    fqp::task_number last_ = 0;
};

}  // namespace laws
