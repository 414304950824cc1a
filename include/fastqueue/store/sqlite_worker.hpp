#pragma once

#include <fastqueue/store/sqlite_backup.hpp>
#include <fastqueue/store/sqlite_exchange.hpp>
#include <fastqueue/store/sqlite_open.hpp>
#include <fastqueue/store/sqlite_place.hpp>
#include <fastqueue/store/sqlite_writer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace fastqueue::store::detail {

/// What a store's thread does: all that was handed over in one transaction, then the next; between them it looks
/// after the disk's room, the log's length and copies that were asked for. The first error is the last thing that it
/// tells: a write that failed may be on the disk or not, and trying again would only hide that.
class sqlite_worker {
public:
    sqlite_worker(sqlite_opened const& opened, sqlite_place const& place, sqlite_options const& options,
                  sqlite_exchange& exchange)
        : database_{*opened.database},
          place_{place},
          exchange_{exchange},
          writer_{database_, opened.identity},
          begin_{database_, "BEGIN"},
          commit_{database_, "COMMIT"},
          page_{sqlite_number(database_, "PRAGMA page_size")} {
        auto const total = place_.space().total;
        reserve_ = std::min(options.reserve_octets, total / 8);
        checkpoint_ = std::min(options.checkpoint_octets, std::max<std::uint64_t>(total / 32, 16 * page_));
        sqlite3_wal_hook(database_.handle(), &sqlite_worker::log_grew, this);  // and no checkpoints by itself
        look_at_disk();
    }
    sqlite_worker(sqlite_worker const&) = delete;
    sqlite_worker& operator=(sqlite_worker const&) = delete;

    /// Works until the exchange is closed, or something fails.
    void run() noexcept {
        try {
            while (turn()) {}
            backup_.reset();
            empty_log(database_);
            database_.keep_log_at_close(false);
        } catch (error const& e) {
            exchange_.fail(e.text());
        } catch (std::exception const& e) {
            exchange_.fail("the store '" + place_.shown() + "' failed: " + e.what());
        }
    }

private:
    using clock = sqlite_exchange::clock;
    static constexpr int backup_pages = 256;

    bool turn() {
        switch (exchange_.take(batch_, last_, next_look())) {
            case sqlite_exchange::taken::end:
                return false;
            case sqlite_exchange::taken::writes:
                write();
                [[fallthrough]];
            case sqlite_exchange::taken::nothing:
                shorten_log();
                look_at_disk();
                copy();
        }
        return true;
    }
    /// When to do something though nothing is written.
    [[nodiscard]] std::optional<clock::time_point> next_look() const {
        if (backup_ || !backups_.empty()) return clock::time_point::min();
        return full_ ? std::optional{clock::now() + std::chrono::seconds{1}} : std::nullopt;
    }

    void write() {
        begin_.run();
        batch_.replay(writer_, [this] {
            if (full_) go_on_with_less();
        });
        writer_.end();
        commit_.run();
        exchange_.wrote(batch_.octets());
        batch_.clear();
        for (auto& path : writer_.take_backups()) backups_.push_back(std::move(path));
        exchange_.tell([this](policy::store_news& news) {
            news.committed = last_;
            auto found = writer_.take_fetched();
            std::ranges::move(found, std::back_inserter(news.fetched));
        });
    }

    /// Where room is short each end has a transaction of its own and the log is put into the file between them: a task that
    /// failed has its whole row written anew, and all of them at once could need more than is left.
    void go_on_with_less() {
        writer_.end();
        commit_.run();
        shorten_log();
        begin_.run();
    }

    /// Puts the log into the file when it is long; the next transaction then begins it anew.
    void shorten_log() {
        if (log_octets() < checkpoint_) return;
        if (sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                                      nullptr) != SQLITE_OK)
            database_.fail("failed while its log was written into the file");
        frames_ = 0;
    }
    static int log_grew(void* self, sqlite3*, char const*, int frames) noexcept {
        static_cast<sqlite_worker*>(self)->frames_ = static_cast<std::uint64_t>(frames);
        return SQLITE_OK;
    }
    [[nodiscard]] std::uint64_t log_octets() const noexcept { return frames_ * page_; }

    /// Ends must find room when tasks may not come in any more; so must the log when it goes into the file.
    void look_at_disk() {
        auto left = place_.space().left;
        auto const wanted = [this] { return reserve_ + log_octets() + (full_ ? reserve_ / 8 : 0); };
        if (left < wanted() && log_octets() > reserve_ / 4 && left > log_octets()) {
            empty_log(database_);
            frames_ = 0;
            left = place_.space().left;
        }
        bool const full = left < wanted();
        if (full == full_) return;
        full_ = full;
        exchange_.tell([&](policy::store_news& news) {
            news.full.reset();
            if (full)
                news.full = "the disk of the store '" + place_.shown() + "' has only " +
                            std::to_string(left >> 10U) + " KiB left: make room";
        });
    }

    /// Some pages of the copy that is being made.
    void copy() {
        if (!backup_ && backups_.empty()) return;
        policy::backup_done done;
        try {
            if (!backup_) {
                done.path = std::move(backups_.front());
                backups_.pop_front();
                backup_ = std::make_unique<sqlite_backup>(database_, done.path);
            }
            done.path = backup_->path();
            if (!backup_->step(backup_pages)) return;
        } catch (error const& e) {
            done.failure = e.text();
        }
        backup_.reset();
        exchange_.tell([&](policy::store_news& news) { news.backups.push_back(std::move(done)); });
    }

    sqlite_database& database_;
    sqlite_place const& place_;
    sqlite_exchange& exchange_;
    sqlite_writer writer_;
    sqlite_statement begin_;
    sqlite_statement commit_;
    std::uint64_t page_;
    std::uint64_t reserve_ = 0;
    std::uint64_t checkpoint_ = 0;
    std::uint64_t frames_ = 0;  // in the log, not yet in the file
    bool full_ = false;
    sqlite_batch batch_;
    policy::store_sequence last_ = 0;
    std::deque<std::string> backups_;  // asked for
    std::unique_ptr<sqlite_backup> backup_;
};

}  // namespace fastqueue::store::detail
