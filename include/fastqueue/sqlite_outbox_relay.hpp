#pragma once

#include <fastqueue/batch.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/sqlite_outbox_row.hpp>
#include <fastqueue/sqlite_outbox_table.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue {

/// Whatever takes many tasks at once: `client`, `embedded`, or a class of yours.
template <class C>
concept takes_batches = requires(C& taker, batch const& tasks) {
    { taker.delay(tasks) } -> std::same_as<std::vector<task_id>>;
};

/// How a relay works. The defaults serve.
struct outbox_relay_options {
    std::size_t batch_tasks = 256;            ///< most tasks in one message
    std::size_t batch_octets = 4U << 20U;     ///< of their arguments: no task is added above that
    std::chrono::milliseconds interval{100};  ///< how often it looks for new ones; see `wake`
    std::chrono::milliseconds pause{1'000};   ///< after nobody took them
    std::chrono::milliseconds busy_timeout{
        10'000};  ///< how long it waits for other connections of the database
};

/// Hands the tasks of an outbox to a control plane: in the order in which they were committed, in batches, each under the id
/// that it got in the outbox, and takes them out when they were accepted. Where it dies in between they are handed over
/// again, which makes no second task of one: the id is the same. Several relays of one outbox do no harm, for that reason.
///
/// What the control plane refuses stays in the outbox with the reason, is tried again after 2 seconds and then ever more
/// seldom (5 minutes at most), and holds up nothing else. Where nobody can take anything (`unreachable`, `queue_full` ...)
/// all wait.
///
/// Threads: construct, `relay` and `run` on one; `stop`, `wake` and `trouble` are safe from any.
template <takes_batches Client>
class outbox_relay {
public:
    /// \param database  the file that the outbox is in; it gets a connection of its own
    /// \param taker     a client; outlives this
    /// \throws error that names the file: it cannot be opened, or not be written
    outbox_relay(std::filesystem::path const& database, Client& taker, outbox_relay_options options = {})
        : client_{taker}, options_{options}, db_{open(database, options_)} {}
    outbox_relay(outbox_relay const&) = delete;
    outbox_relay& operator=(outbox_relay const&) = delete;

    /// Hands over all that is there and due.
    /// \return how many were accepted
    /// \throws error (unreachable, timed_out, queue_full ...) where nobody takes them; one that names the file
    std::size_t relay() {
        std::size_t accepted = 0;
        for (auto rows = read(); !rows.empty() && !stopped(); rows = read()) accepted += hand_over(rows);
        return accepted;
    }
    /// Does so until it is stopped, whatever goes wrong meanwhile.
    void run() {
        while (!stopped()) {
            std::string wrong;
            try {
                relay();
            } catch (std::exception const& e) {
                wrong = what(e);
            }
            auto const wait = wrong.empty() ? options_.interval : options_.pause;
            std::unique_lock lock{mutex_};
            trouble_ = std::move(wrong);
            changed_.wait_for(lock, wait, [this] { return stopped_ || woken_; });
            woken_ = false;
        }
    }
    /// Lets `run` return, after the batch that is under way. Safe from any thread.
    void stop() noexcept {
        std::scoped_lock const lock{mutex_};
        stopped_ = true;
        changed_.notify_all();
    }
    /// There is something new: saves the wait for the next look. Call it after a commit. Safe from any thread.
    void wake() noexcept {
        std::scoped_lock const lock{mutex_};
        woken_ = true;
        changed_.notify_all();
    }
    /// Why nothing could be handed over when it last tried; empty while all is well. Safe from any thread.
    [[nodiscard]] std::string trouble() const {
        std::scoped_lock const lock{mutex_};
        return trouble_;
    }

private:
    using row = detail::outbox_row;
    struct closes {
        void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    };
    using connection = std::unique_ptr<sqlite3, closes>;

    [[nodiscard]] static connection open(std::filesystem::path const& file,
                                         outbox_relay_options const& options) {
        sqlite3* opened = nullptr;
        auto const flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
        auto const rc = sqlite3_open_v2(file.c_str(), &opened, flags, nullptr);
        connection made{opened};
        if (opened == nullptr) throw std::bad_alloc{};
        if (rc != SQLITE_OK)
            throw error{detail::outbox_code(rc),
                        "the database '" + file.string() + "' cannot be opened: " + sqlite3_errmsg(opened)};
        sqlite3_busy_timeout(opened, static_cast<int>(options.busy_timeout.count()));
        detail::make_outbox_table(opened);
        return made;
    }
    [[nodiscard]] static std::string what(std::exception const& e) {
        auto const* const ours = dynamic_cast<error const*>(&e);
        return ours != nullptr ? ours->text() : e.what();
    }
    [[nodiscard]] static std::uint64_t now_us() noexcept {
        using std::chrono::microseconds;
        return to_epoch_us(std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()));
    }
    [[nodiscard]] bool stopped() const {
        std::scoped_lock const lock{mutex_};
        return stopped_;
    }

    /// The next ones. No transaction is open when it returns.
    [[nodiscard]] std::vector<row> read() {
        std::vector<row> rows;
        std::size_t octets = 0;
        list_.number(now_us()).number(options_.batch_tasks);
        while (octets <= options_.batch_octets && list_.next()) {
            auto& r = rows.emplace_back();
            r.number = list_.number();
            for (auto* text : {&r.id, &r.name, &r.content, &r.options, &r.arguments}) *text = list_.octets();
            octets += r.arguments.size();
        }
        list_.reset();
        return rows;
    }

    std::size_t hand_over(std::span<row const> rows) {
        batch tasks;
        std::vector<row const*> good;
        for (auto const& r : rows) {
            try {
                tasks.add(reader_.task_of(r));
                good.push_back(&r);
            } catch (error const& e) {
                refuse(r, e.text());
            }
        }
        if (good.empty()) return 0;
        try {
            static_cast<void>(client_.delay(tasks));
        } catch (error const& e) {
            if (concerns_all(e.code())) throw;
            if (good.size() > 1) return each_alone(good);
            refuse(*good.front(), e.text());
            return 0;
        }
        erase(good);
        return good.size();
    }
    std::size_t each_alone(std::vector<row const*> const& rows) {
        std::size_t accepted = 0;
        for (auto const* r : rows) accepted += hand_over({r, 1});
        return accepted;
    }
    /// Whether that has nothing to do with one task.
    [[nodiscard]] static bool concerns_all(std::error_code code) noexcept {
        constexpr errc codes[] = {errc::unreachable,   errc::timed_out,      errc::connection_lost,
                                  errc::refused,       errc::stopped,        errc::send_queue_full,
                                  errc::shutting_down, errc::not_authorized, errc::queue_full,
                                  errc::store_failed};
        return std::ranges::any_of(codes, [&](errc c) { return code == make_error_code(c); });
    }

    void erase(std::vector<row const*> const& rows) {
        in_transaction([&] {
            for (auto const* r : rows) erase_.number(r->number).run();
        });
    }
    void refuse(row const& r, std::string_view why) {
        constexpr std::uint64_t longest_s = 300;
        in_transaction([&] {
            count_.number(r.number);
            auto const before = count_.next() ? count_.number() : 0;
            count_.reset();
            auto const wait_s = before >= 8 ? longest_s : std::min(longest_s, std::uint64_t{2} << before);
            refuse_.text(why).number(now_us() + wait_s * 1'000'000).number(r.number).run();
        });
    }
    template <class Work>
    void in_transaction(Work&& work) {
        begin_.run();
        try {
            work();
            commit_.run();
        } catch (...) {
            if (sqlite3_get_autocommit(db_.get()) == 0)
                sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
            throw;
        }
    }

    Client& client_;
    outbox_relay_options options_;
    connection db_;
    detail::outbox_statement list_{
        db_.get(),
        "SELECT number, id, name, content, options, arguments FROM fastqueue_outbox "
        "WHERE next_us <= ? ORDER BY number LIMIT ?"};
    detail::outbox_statement erase_{db_.get(), "DELETE FROM fastqueue_outbox WHERE number = ?"};
    detail::outbox_statement count_{db_.get(), "SELECT refusals FROM fastqueue_outbox WHERE number = ?"};
    detail::outbox_statement refuse_{db_.get(),
                                     "UPDATE fastqueue_outbox SET refusals = refusals + 1, refusal = ?, "
                                     "next_us = ? WHERE number = ?"};
    detail::outbox_statement begin_{db_.get(), "BEGIN IMMEDIATE"};
    detail::outbox_statement commit_{db_.get(), "COMMIT"};
    detail::outbox_row_reader reader_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string trouble_;
    bool stopped_ = false;
    bool woken_ = false;
};

}  // namespace fastqueue
