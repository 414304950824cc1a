#pragma once

#include <fastqueue/store/sqlite_database.hpp>
#include <fastqueue/store/sqlite_schema.hpp>
#include <fastqueue/store/sqlite_seal.hpp>
#include <fastqueue/store/sqlite_task_options.hpp>
#include <fastqueue/store/sqlite_writer.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::store::detail {

/// Tells a sink all that a database holds, row by row, and looks at every seal. One use.
class sqlite_reader {
public:
    /// \param tasks  how many rows there must be
    sqlite_reader(sqlite_database& database, std::uint64_t tasks) : database_{database}, tasks_{tasks} {}

    /// \throws error (errc::store_failed) for what is damaged; part of it may have been told then
    void restore(policy::restore_sink& sink, std::uint64_t octets) {
        sqlite_transaction all{database_};  // or each row that is looked up would begin one of its own
        members(sink);
        list();
        alive(sink, octets);
        ends(sink);
        all.commit();
    }

private:
    static constexpr std::string_view columns =
        "number, state, ended, claimed, id, name, content, attributes, level, fingerprint, submitted_us, "
        "due_us, "
        "expires_us, seal, attempt, failures, deaths, again_us, history, code, worker, started_us, "
        "finished_us, "
        "last_seal, dead, value, value_seal, options, work_seal, length(arguments)";

    static std::string select(std::string_view arguments, std::string_view which) {
        return "SELECT " + std::string{columns} + ", " + std::string{arguments} + " FROM task WHERE " +
               std::string{which};
    }

    void members(policy::restore_sink& sink) {
        sqlite_statement row{database_, "SELECT name, seal FROM worker"};
        while (row.step()) {
            auto const name = row.octets();
            require(row.number() == sqlite_seal{}.add(name).value(), "the name of a worker is wrong");
            sink.member(name);
        }
    }

    /// Which tasks have ended, in the order of their ends; whether all are there. Reads no large columns.
    void list() {
        sqlite_statement row{database_, "SELECT number, state, ended FROM task ORDER BY number"};
        std::uint64_t count = 0;
        std::uint64_t before = 0;
        for (; row.step(); ++count) {
            auto const number = row.number();
            require(count == 0 || number > before, "its tasks are not in order");
            before = number;
            if (row.number() != 0) ended_.emplace_back(row.number(), number);
        }
        require(count == tasks_, "some of its tasks are gone");
        std::ranges::sort(ended_);
    }

    void alive(policy::restore_sink& sink, std::uint64_t octets) {
        bool leaving = false;
        std::uint64_t next = 0;
        {
            sqlite_statement row{database_, select("arguments", "state=0 ORDER BY number")};
            while (!leaving && row.step()) {
                read(row);
                leaving = size_ > octets;
                if (leaving) {
                    next = task_.number;
                } else {
                    octets -= size_;
                    tell_task(sink, row.octets(), false);
                }
            }
        }
        if (!leaving) return;
        sqlite_statement row{database_, select("NULL", "state=0 AND number>=? ORDER BY number")};
        row.number(next);
        while (row.step()) {
            read(row);
            tell_task(sink, {}, size_ > 0);
        }
    }

    void ends(policy::restore_sink& sink) {
        sqlite_statement row{database_, select("arguments", "number=?")};
        for (auto const& [ended, number] : ended_) {
            require(row.number(number).step(), "a task is gone");
            read(row);
            tell_end(sink, row.octets(), ended);
            row.reset();
        }
    }

    /// All columns but the arguments.
    void read(sqlite_statement& row) {
        task_ = {};
        task_.number = row.number();
        state_ = row.number();
        row.number();
        claimed_ = row.number();
        auto const id = row.octets();
        task_.name = row.octets();
        task_.content = row.octets();
        task_.attributes = row.octets();
        auto const level = row.number();
        task_.fingerprint = row.number();
        task_.submitted_us = row.number();
        task_.due_us = row.number();
        task_.expires_us = row.number();
        sound(id.size() == 16 && level < priority_count);
        std::array<std::uint8_t, 16> octets{};
        std::copy_n(id.begin(), 16, reinterpret_cast<char*>(octets.data()));
        task_.id = uuid{octets};
        task_.level = static_cast<priority>(level);
        sound(row.number() == seal_of_task(task_));
        read_last(row);
    }
    void read_last(sqlite_statement& row) {
        last_ = {task_.number, task_.id, narrow(row), narrow(row), narrow(row), row.number(), row.octets()};
        code_ = row.octets();
        worker_ = row.octets();
        started_us_ = row.number();
        finished_us_ = row.number();
        no_last_ = row.is_null();
        last_seal_ = row.number();
        dead_ = row.number();
        no_value_ = row.is_null();
        value_ = row.octets();
        no_value_seal_ = row.is_null();
        value_seal_ = row.number();
        options_ = row.octets();
        no_work_ = row.is_null();
        work_seal_ = row.number();
        size_ = row.number();
    }

    void tell_task(policy::restore_sink& sink, std::string_view arguments, bool left) {
        policy::stored_task stored{task_, size_, left, last_, static_cast<std::uint32_t>(claimed_)};
        sound(state_ == 0 && code_.empty() && worker_.empty() && no_value_ && no_value_seal_);
        sound(claimed_ == 0 || claimed_ == sealed_claim(task_.number, stored.claimed));
        bool const none = last_.attempt == 0 && last_.failures == 0 && last_.deaths == 0 &&
                          last_.due_us == 0 && last_.history.empty();
        sound(no_last_ ? none : last_seal_ == seal_of_attempt(last_));
        sound(sqlite_task_options::read(options_, stored.task.options) && !no_work_);
        sound(left || work_seal_ == seal_of_work(task_.number, options_, arguments));
        stored.task.arguments = arguments;
        sink.task(stored);
    }

    void tell_end(policy::restore_sink& sink, std::string_view arguments, std::uint64_t ended) {
        sound(state_ < state_of_number.size() && dead_ <= 1);
        policy::stored_end stored{task_, {}, !no_value_seal_};
        auto& r = stored.result;
        r = {task_.number,
             task_.id,
             state_of_number[state_],
             code_.empty() ? errc{} : errc_from_name(code_, errc::outcome_unknown),
             value_,
             last_.attempt,
             worker_,
             started_us_,
             finished_us_,
             last_.history,
             dead_ == 1};
        sound(!no_last_ && last_seal_ == seal_of_end(r, state_, code_, ended));
        sound(no_value_seal_ ? no_value_ && dead_ == 0
                             : value_seal_ == seal_of_value(task_.number, value_, r.dead));
        sound(r.dead ? !no_work_ && work_seal_ == seal_of_work(task_.number, options_, arguments)
                     : no_work_ && options_.empty() && arguments.empty());
        sound(sqlite_task_options::read(options_, stored.task.options));
        stored.task.arguments = arguments;
        sink.end(stored);
    }

    std::uint32_t narrow(sqlite_statement& row) {
        auto const n = row.number();
        sound(n <= 0xffff'ffffU);
        return static_cast<std::uint32_t>(n);
    }
    void sound(bool holds) const {
        if (!holds)
            throw_corrupted(database_.shown(),
                            "the row of task " + std::to_string(task_.number) + " is wrong");
    }
    void require(bool holds, char const* what) const {
        if (!holds) throw_corrupted(database_.shown(), what);
    }

    sqlite_database& database_;
    std::uint64_t tasks_;
    std::vector<std::pair<std::uint64_t, policy::task_number>> ended_;

    // the row that was read last
    policy::task_record task_;
    policy::attempt_record last_;
    std::uint64_t state_ = 0;
    std::uint64_t claimed_ = 0;
    std::string_view code_;
    std::string_view worker_;
    std::uint64_t started_us_ = 0;
    std::uint64_t finished_us_ = 0;
    std::uint64_t last_seal_ = 0;
    std::uint64_t dead_ = 0;
    std::string_view value_;
    std::uint64_t value_seal_ = 0;
    std::string_view options_;
    std::uint64_t work_seal_ = 0;
    std::uint64_t size_ = 0;
    bool no_last_ = true;
    bool no_value_ = true;
    bool no_value_seal_ = true;
    bool no_work_ = true;
};

}  // namespace fastqueue::store::detail
