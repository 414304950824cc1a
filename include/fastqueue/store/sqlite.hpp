#pragma once

#include <fastqueue/policy/store.hpp>
#include <fastqueue/store/sqlite_exchange.hpp>
#include <fastqueue/store/sqlite_lock.hpp>
#include <fastqueue/store/sqlite_open.hpp>
#include <fastqueue/store/sqlite_options.hpp>
#include <fastqueue/store/sqlite_place.hpp>
#include <fastqueue/store/sqlite_reader.hpp>
#include <fastqueue/store/sqlite_thread.hpp>
#include <fastqueue/store/sqlite_worker.hpp>

#include <cassert>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::store {

/// Keeps tasks in a file of SQLite's, through crashes of the process and of the machine. Writes go to a thread of the
/// store (`fq-store`), which commits all that has gathered as one transaction: one fsync for however many. A write
/// that somebody waits for is begun at once, others wait for company for `linger`.
///
/// One process at a time: a lock on `<file>.lock`. Damage is found when the file is opened and restored, and told;
/// nothing is left out. Only the newest transactions of a log that was torn by a crash are, and those nobody was told
/// of. One thread at a time, and none of the functions but the constructor, `restore` and the destructor waits for the
/// disk. Needs SQLite 3.22 or newer.
class sqlite {
public:
    /// Opens the file, or makes it.
    /// \throws error that names the file, the cause and the mend; then nothing was changed
    explicit sqlite(std::filesystem::path const& file, sqlite_options const& options = {})
        : options_{options},
          place_{file},
          lock_{place_.path(), place_.shown()},
          opened_{detail::open_or_undo(place_, lock_, options_)},
          exchange_{options_},
          worker_{opened_, place_, options_, exchange_},
          thread_{"fq-store", [this] { worker_.run(); }} {}
    /// Commits what was appended.
    ~sqlite() {
        flush(written_);
        exchange_.close();
        thread_.join();
    }
    sqlite(sqlite const&) = delete;
    sqlite& operator=(sqlite const&) = delete;

    /// Once, before the first write.
    void attach(std::function<void()> wake) { exchange_.attach(std::move(wake)); }

    policy::store_sequence put(policy::task_record const& task) {
        batch_.put(task);
        return ++written_;
    }
    policy::store_sequence claim(policy::task_number number, std::uint32_t attempt) {
        batch_.claim(number, attempt);
        return ++written_;
    }
    policy::store_sequence requeue(policy::attempt_record const& attempt) {
        batch_.requeue(attempt);
        return ++written_;
    }
    policy::store_sequence finish(policy::result_record const& result) {
        batch_.finish(result);
        return ++written_;
    }
    policy::store_sequence forget(policy::task_number number) {
        batch_.forget(number);
        return ++written_;
    }
    policy::store_sequence erase(policy::task_number number) {
        batch_.erase(number);
        return ++written_;
    }
    policy::store_sequence member(std::string_view name, bool there) {
        batch_.member(name, there);
        return ++written_;
    }

    void flush(policy::store_sequence awaited) noexcept {
        if (batch_.empty() && awaited <= awaited_) return;
        try {
            exchange_.hand_over(batch_, written_, awaited, std::exchange(at_once_, false));
        } catch (std::exception const& e) {
            fail(e.what());
        }
        awaited_ = awaited > awaited_ ? awaited : awaited_;
    }
    /// Never names an id as taken: nothing else writes here, and its owner knows them all.
    void poll(policy::store_news& news) {
        news.existing.clear();
        news.fetched.clear();
        news.backups.clear();
        exchange_.poll(news_);
        news.committed = news_.committed;
        std::swap(news.fetched, news_.fetched);
        std::swap(news.backups, news_.backups);
        news.failure = news_.failure;
        news.full = news_.full;
        if (!news.full && behind())
            news.full = "the disk of the store '" + place_.shown() +
                        "' is too slow: " + std::to_string(exchange_.pending() >> 20U) +
                        " MiB wait to be written";
    }
    /// Kept in the file.
    [[nodiscard]] uuid epoch() const noexcept { return opened_.identity.epoch; }

    [[nodiscard]] bool keeps() const noexcept { return true; }
    /// Before the first write, since it reads on the caller's thread.
    /// \throws error for a file that is damaged
    void restore(policy::restore_sink& sink, std::uint64_t octets) {
        assert(written_ == 0);
        detail::sqlite_reader{*opened_.database, opened_.identity.tasks}.restore(sink, octets);
    }
    void fetch(policy::task_number number) {
        batch_.fetch(number);
        at_once_ = true;
    }
    void backup(std::string const& path) {
        batch_.backup(path);
        at_once_ = true;
    }

private:
    /// More is waiting than may; until half of that has been written.
    bool behind() noexcept {
        auto const most = options_.max_pending_octets;
        behind_ = exchange_.pending() > (behind_ ? most / 2 : most);
        return behind_;
    }
    void fail(char const* why) noexcept {
        try {
            exchange_.fail("the store '" + place_.shown() + "' failed: " + why);
        } catch (...) {
            std::terminate();  // not even the room to say so
        }
    }

    sqlite_options options_;
    detail::sqlite_place place_;
    detail::sqlite_lock lock_;
    detail::sqlite_opened opened_;
    detail::sqlite_exchange exchange_;
    detail::sqlite_worker worker_;
    detail::sqlite_thread thread_;

    detail::sqlite_batch batch_;  // appended in this turn
    policy::store_sequence written_ = 0;
    policy::store_sequence awaited_ = 0;
    bool at_once_ = false;
    bool behind_ = false;
    policy::store_news news_;
};

static_assert(policy::durable_store<sqlite>);

}  // namespace fastqueue::store
