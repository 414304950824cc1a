#pragma once

#include <fastqueue/model/error.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include <sqlite3.h>

namespace fastqueue::detail {

/// What outboxes are kept in: one row a task, in the order in which they were committed. Other programs may write rows as
/// well: `id` is a UUID's 36 characters, `content` is `json`, `options` are FQ1's fields (`priority=high retries=3`),
/// `arguments` is what stands in a payload (`[5, 3]`).
inline constexpr char const* outbox_table = R"(CREATE TABLE IF NOT EXISTS fastqueue_outbox(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  content TEXT NOT NULL DEFAULT 'json',
  options TEXT NOT NULL DEFAULT '',
  arguments BLOB NOT NULL,
  refusals INTEGER NOT NULL DEFAULT 0,
  refusal TEXT,
  next_us INTEGER NOT NULL DEFAULT 0))";

/// The code that tells a caller what to do about a failure of SQLite's.
[[nodiscard]] inline std::error_code outbox_code(int rc) noexcept {
    switch (rc & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return std::make_error_code(std::errc::device_or_resource_busy);
        case SQLITE_FULL:
            return std::make_error_code(std::errc::no_space_on_device);
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return std::make_error_code(std::errc::permission_denied);
        default:
            return make_error_code(errc::store_failed);
    }
}

/// Throws what the latest call on `db` ran into.
/// \param what  could not be done
[[noreturn]] inline void throw_outbox_error(sqlite3* db, std::string const& what) {
    auto const rc = sqlite3_errcode(db);
    if (rc == SQLITE_NOMEM) throw std::bad_alloc{};
    auto const* const file = sqlite3_db_filename(db, "main");
    auto const place = file == nullptr || *file == '\0' ? std::string{"a database in memory"}
                                                        : "'" + std::string{file} + "'";
    throw error{outbox_code(rc), what + " in " + place + ": " + sqlite3_errmsg(db)};
}

inline void make_outbox_table(sqlite3* db) {
    if (sqlite3_exec(db, outbox_table, nullptr, nullptr, nullptr) != SQLITE_OK)
        throw_outbox_error(db, "the table fastqueue_outbox cannot be made");
}

/// A prepared statement. Parameters are bound, and columns read, from the first to the last; what is bound must live until
/// the statement has run. One thread at a time.
class outbox_statement {
public:
    /// \throws error that names the file
    outbox_statement(sqlite3* db, std::string_view sql) : db_{db} {
        sqlite3_stmt* made = nullptr;
        auto const rc = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                           SQLITE_PREPARE_PERSISTENT, &made, nullptr);
        handle_.reset(made);
        if (rc != SQLITE_OK) throw_outbox_error(db, "the table fastqueue_outbox cannot be used");
    }

    outbox_statement& number(std::uint64_t value) {
        return check(sqlite3_bind_int64(handle(), ++bound_, static_cast<sqlite3_int64>(value)));
    }
    outbox_statement& text(std::string_view value) {
        return check(
            sqlite3_bind_text64(handle(), ++bound_, at(value), value.size(), SQLITE_STATIC, SQLITE_UTF8));
    }
    outbox_statement& blob(std::string_view value) {
        return check(sqlite3_bind_blob64(handle(), ++bound_, at(value), value.size(), SQLITE_STATIC));
    }
    /// \return SQLITE_ROW, SQLITE_DONE or what went wrong
    [[nodiscard]] int step() noexcept {
        read_ = 0;
        return sqlite3_step(handle());
    }
    /// \return whether there is a row to read
    [[nodiscard]] bool next() {
        auto const rc = step();
        if (rc == SQLITE_ROW) return true;
        if (rc == SQLITE_DONE) return false;
        fail();
    }
    /// Runs it to its end, so that it can be bound again.
    void run() {
        while (next()) {}
        reset();
    }
    void reset() noexcept {
        sqlite3_reset(handle());
        sqlite3_clear_bindings(handle());
        bound_ = 0;
    }
    /// Throws why the latest step failed, and is ready again.
    [[noreturn]] void fail() {
        try {
            throw_outbox_error(db_, "the table fastqueue_outbox cannot be used");
        } catch (...) {
            reset();
            throw;
        }
    }

    [[nodiscard]] std::uint64_t number() noexcept {
        return static_cast<std::uint64_t>(sqlite3_column_int64(handle(), read_++));
    }
    /// The octets of the next column, until the next step; none for NULL.
    [[nodiscard]] std::string_view octets() noexcept {
        auto const* const data = static_cast<char const*>(sqlite3_column_blob(handle(), read_));
        auto const size = static_cast<std::size_t>(sqlite3_column_bytes(handle(), read_));
        ++read_;
        return data == nullptr ? std::string_view{} : std::string_view{data, size};
    }

private:
    struct finalizes {
        void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
    };
    [[nodiscard]] sqlite3_stmt* handle() const noexcept { return handle_.get(); }
    // A null pointer would be NULL and not an empty text.
    [[nodiscard]] static char const* at(std::string_view value) noexcept {
        return value.empty() ? "" : value.data();
    }
    outbox_statement& check(int rc) {
        if (rc != SQLITE_OK) fail();
        return *this;
    }

    sqlite3* db_;
    std::unique_ptr<sqlite3_stmt, finalizes> handle_;
    int bound_ = 0;
    int read_ = 0;
};

}  // namespace fastqueue::detail
