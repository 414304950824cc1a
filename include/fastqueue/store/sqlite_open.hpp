#pragma once

#include <fastqueue/store/sqlite_database.hpp>
#include <fastqueue/store/sqlite_log_check.hpp>
#include <fastqueue/store/sqlite_options.hpp>
#include <fastqueue/store/sqlite_place.hpp>
#include <fastqueue/store/sqlite_schema.hpp>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace fastqueue::store::detail {

/// Writes the log into the file and leaves it empty.
inline void empty_log(sqlite_database const& database) {
    if (sqlite3_wal_checkpoint_v2(database.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) !=
        SQLITE_OK)
        database.fail("failed while its log was written into the file");
}

[[nodiscard]] inline bool has_log(sqlite_place const& place) {
    std::error_code none;
    auto const size = std::filesystem::file_size(place.path() + "-wal", none);
    return !none && size > 0;
}

/// A file that has been looked at, brought to the newest version and set up for one connection that keeps it.
struct sqlite_opened {
    std::unique_ptr<sqlite_database> database;
    sqlite_identity identity;
};

inline sqlite_opened open_database(sqlite_place const& place, sqlite_options const& options,
                                   std::span<sqlite_step const> steps) {
    auto const head = sqlite_head::read(place.path());
    check_version(head, place.shown(), steps.size());
    if (head.blank && has_log(place))
        throw_corrupted(place.shown(), "its log (-wal) is there, but the file is gone or empty");
    [[maybe_unused]] sqlite_log_check const checked{place.path(), place.shown()};
    sqlite_opened opened{std::make_unique<sqlite_database>(place.path(), place.shown()), {}};
    auto& database = *opened.database;
    // before the first read: then the index of the log lies in memory, and no other connection gets in
    database.run("PRAGMA locking_mode = EXCLUSIVE");
    database.run("PRAGMA synchronous = FULL");
    database.run("PRAGMA foreign_keys = OFF");
    database.run(
        "PRAGMA secure_delete = OFF");  // some builds have it on: then an end writes what it frees, and needs room
    database.run("PRAGMA cell_size_check = ON");
    database.run("PRAGMA cache_size = -" + std::to_string(options.cache_octets / 1024));
    migrate(database, steps);
    {
        sqlite_statement log{database, "PRAGMA journal_mode = WAL"};
        if (!log.step() || log.octets() != "wal")
            throw_store_error(
                make_error_code(errc::bad_option), place.shown(),
                "cannot be opened: its file system keeps no log (WAL): name a file on another disk");
    }
    database.run("PRAGMA journal_size_limit = " + std::to_string(2 * options.checkpoint_octets));
    opened.identity = sqlite_identity::open(database);
    empty_log(database);  // and begin a new one: the torn end of an old one is never continued
    place.sync_folder();
    return opened;
}

/// The same, and leaves nothing behind where it fails.
inline sqlite_opened open_or_undo(sqlite_place const& place, sqlite_lock& lock,
                                  sqlite_options const& options) {
    bool const there = std::filesystem::exists(place.path()) || has_log(place);
    try {
        return open_database(place, options, sqlite_steps);
    } catch (...) {
        std::error_code ignored;
        for (auto const* const part : {"", "-journal", "-wal"}) {
            if (!there) std::filesystem::remove(place.path() + part, ignored);
        }
        lock.undo();
        throw;
    }
}

}  // namespace fastqueue::store::detail
