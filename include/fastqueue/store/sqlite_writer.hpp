#pragma once

#include <fastqueue/store/sqlite_database.hpp>
#include <fastqueue/store/sqlite_schema.hpp>
#include <fastqueue/store/sqlite_seal.hpp>
#include <fastqueue/store/sqlite_task_options.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::store::detail {

/// Numbers of ended states in files. \return 0 for a state that is none of them
[[nodiscard]] constexpr std::uint64_t stored_state(task_state state) noexcept {
    switch (state) {
        case task_state::success:
            return 1;
        case task_state::failure:
            return 2;
        case task_state::cancelled:
            return 3;
        case task_state::expired:
            return 4;
        default:
            return 0;
    }
}
inline constexpr std::array state_of_number{task_state::queued, task_state::success, task_state::failure,
                                            task_state::cancelled, task_state::expired};

/// Writes into an open database what a batch replays, and reads arguments that it asks for. The transaction around
/// it is the caller's. Any error is final: part of the transaction may have been done.
class sqlite_writer {
public:
    sqlite_writer(sqlite_database& database, sqlite_identity const& identity)
        : database_{database},
          identity_{identity},
          tasks_{identity.tasks},
          ended_{sqlite_number(database, "SELECT max(ended) FROM task")} {}

    void put(policy::task_record const& t) {
        if (fresh_.size() == most_fresh || (!fresh_.empty() && t.number <= fresh_.back().task.number))
            settle();
        fresh_.push_back({t, 0, {}, 0, false});
    }
    void claim(policy::task_number number, std::uint32_t attempt) {
        auto const claimed = sealed_claim(number, attempt);
        if (auto* const task = fresh(number)) {
            if (task->ended == 0) task->claimed = claimed;
        } else {
            claim_.number(claimed).number(number).run();
        }
    }
    void requeue(policy::attempt_record const& a) {
        settle(a.number);
        requeue_.number(a.attempt).number(a.failures).number(a.deaths).number(a.due_us).blob(a.history);
        requeue_.number(seal_of_attempt(a)).number(a.number).run();
    }
    void finish(policy::result_record const& r) {
        if (auto* const task = fresh(r.number)) {
            if (task->ended != 0) return;
            task->end = r;
            task->ended = ++ended_;
        } else {
            auto& statement = r.dead ? finish_dead_ : finish_;
            bind_end(statement, r, ++ended_);
            statement.number(r.number).run();
        }
    }
    void forget(policy::task_number number) {
        settle(number);
        forget_.number(number).run();
    }
    void erase(policy::task_number number) {
        settle(number);
        tasks_ -= erase_.number(number).run();
    }
    void member(std::string_view name, bool there) {
        if (there) {
            join_.text(name).number(sqlite_seal{}.add(name).value()).run();
        } else {
            leave_.text(name).run();
        }
    }

    void fetch(policy::task_number number) {
        settle(number);
        policy::fetched_arguments found{number, {}};
        if (fetch_.number(number).step()) {
            auto const options = fetch_.octets();
            found.arguments = fetch_.octets();
            if (fetch_.number() != seal_of_work(number, options, found.arguments))
                throw_corrupted(database_.shown(),
                                "the arguments of task " + std::to_string(number) + " are wrong");
        }
        fetch_.reset();
        fetched_.push_back(std::move(found));
    }
    /// Only kept: copying comes after the transaction.
    void backup(std::string_view path) { backups_.emplace_back(path); }

    /// The last of a transaction's writes: what the batch named must live until here.
    void end() {
        settle();
        if (std::exchange(identity_.tasks, tasks_) == tasks_) return;
        count_.number(tasks_).number(identity_.seal()).run();
    }
    [[nodiscard]] std::vector<policy::fetched_arguments> take_fetched() {
        return std::exchange(fetched_, {});
    }
    [[nodiscard]] std::vector<std::string> take_backups() { return std::exchange(backups_, {}); }

private:
    /// A task of this transaction that is no row yet: if it ends before, it becomes one in a single step.
    struct fresh_task {
        policy::task_record task;
        std::uint64_t claimed;
        policy::result_record end;
        std::uint64_t ended;  // 0: it has not
        bool written;
    };
    static constexpr std::size_t most_fresh = 4096;

    static std::string finish_with(std::string_view also) {
        return "UPDATE task SET failures=NULL, deaths=NULL, again_us=NULL, state=?, ended=?, attempt=?, "
               "history=?, code=?, worker=?, started_us=?, finished_us=?, last_seal=?, dead=?, value=?, "
               "value_seal=?" +
               std::string{also} + " WHERE number=? AND state=0";
    }

    fresh_task* fresh(policy::task_number number) noexcept {
        auto const at =
            std::ranges::lower_bound(fresh_, number, {}, [](auto const& f) { return f.task.number; });
        return at == fresh_.end() || at->task.number != number || at->written ? nullptr : &*at;
    }
    void settle() {
        for (auto& task : fresh_) write(task);
        fresh_.clear();
    }
    void settle(policy::task_number number) {
        if (auto* const task = fresh(number)) write(*task);
    }
    void write(fresh_task& f) {
        if (std::exchange(f.written, true)) return;
        auto const& t = f.task;
        put_.number(t.number).number(f.claimed).blob(octets_of(t.id)).text(t.name).text(t.content);
        put_.text(t.attributes).number(index_of(t.level)).number(t.fingerprint).number(t.submitted_us);
        put_.number(t.due_us).number(t.expires_us).number(seal_of_task(t));
        sqlite_task_options::write(t.options, options_);
        bool const needed = f.ended == 0 || f.end.dead;
        needed && !options_.empty() ? put_.blob(options_) : put_.null();
        needed ? put_.blob(t.arguments) : put_.null();
        needed ? put_.number(seal_of_work(t.number, options_, t.arguments)) : put_.null();
        if (f.ended != 0) {
            bind_end(put_, f.end, f.ended);
        } else {
            put_.number(0);  // the state; what was not bound is NULL
        }
        put_.run();
        ++tasks_;
    }
    static void bind_end(sqlite_statement& to, policy::result_record const& r, std::uint64_t ended) {
        auto const state = stored_state(r.state);
        auto const code = r.code == errc{} ? std::string_view{} : name_of(r.code);
        to.number(state).number(ended).number(r.attempt).blob(r.history).text(code).text(r.worker);
        to.number(r.started_us).number(r.finished_us).number(seal_of_end(r, state, code, ended));
        to.number(r.dead ? 1 : 0).blob(r.value).number(seal_of_value(r.number, r.value, r.dead));
    }

    sqlite_database& database_;
    sqlite_identity identity_;
    std::uint64_t tasks_;
    std::uint64_t ended_;
    std::vector<fresh_task> fresh_;  // by number
    std::string options_;
    std::vector<policy::fetched_arguments> fetched_;
    std::vector<std::string> backups_;

    sqlite_statement put_{
        database_,
        "INSERT INTO task (number, claimed, id, name, content, attributes, level, fingerprint, "
        "submitted_us, "
        "due_us, expires_us, seal, options, arguments, work_seal, state, ended, attempt, history, code, "
        "worker, "
        "started_us, finished_us, last_seal, dead, value, value_seal) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    sqlite_statement claim_{database_, "UPDATE task SET claimed=? WHERE number=? AND state=0"};
    sqlite_statement requeue_{database_,
                              "UPDATE task SET attempt=?, failures=?, deaths=?, again_us=?, history=?, "
                              "last_seal=? WHERE number=? AND state=0"};
    sqlite_statement finish_{database_, finish_with(", options=NULL, arguments=NULL, work_seal=NULL")};
    sqlite_statement finish_dead_{database_, finish_with("")};
    sqlite_statement forget_{
        database_,
        "UPDATE task SET dead=0, value=NULL, value_seal=NULL, options=NULL, arguments=NULL, "
        "work_seal=NULL WHERE number=? AND state<>0"};
    sqlite_statement erase_{database_, "DELETE FROM task WHERE number=? AND state<>0"};
    sqlite_statement join_{database_, "INSERT OR IGNORE INTO worker VALUES (?, ?)"};
    sqlite_statement leave_{database_, "DELETE FROM worker WHERE name=?"};
    sqlite_statement fetch_{database_,
                            "SELECT options, arguments, work_seal FROM task WHERE number=? AND state=0"};
    sqlite_statement count_{database_, "UPDATE store SET tasks=?, seal=?"};
};

}  // namespace fastqueue::store::detail
