#pragma once

#include <fastqueue/model/error.hpp>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sqlite3.h>

namespace fastqueue::store::detail {

/// What cannot be mended by the program: the file, why, and what a person does about it.
[[noreturn]] inline void throw_store_error(std::error_code code, std::string const& file,
                                           std::string const& why) {
    throw error{code, "the store '" + file + "' " + why};
}

[[noreturn]] inline void throw_corrupted(std::string const& file, std::string const& what) {
    throw_store_error(make_error_code(errc::store_failed), file,
                      "is damaged: " + what + ": put a backup in its place, or name another file");
}

/// A connection to a file, closed at its end. One thread at a time.
class sqlite_database {
public:
    /// \throws error that names `shown`
    sqlite_database(std::string const& path, std::string shown) : shown_{std::move(shown)} {
        auto const flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
        sqlite3* opened = nullptr;
        auto const rc = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
        handle_.reset(opened);
        if (opened == nullptr) throw std::bad_alloc{};
        sqlite3_extended_result_codes(opened, 1);
        if (rc != SQLITE_OK) fail("cannot be opened");
        keep_log_at_close(true);
    }

    [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }
    [[nodiscard]] std::string const& shown() const noexcept { return shown_; }

    /// Runs statements that give no rows, or whose rows nobody wants.
    void run(std::string const& sql) {
        if (sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail("failed");
    }

    /// Whether closing leaves the log as it is; else it goes into the file, and is removed.
    void keep_log_at_close(bool keep) noexcept {
        sqlite3_db_config(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
    }

    /// Throws what the latest call ran into.
    /// \param what  follows the file's name in the sentence
    [[noreturn]] void fail(std::string const& what) const { fail(what, sqlite3_extended_errcode(handle())); }
    [[noreturn]] void fail(std::string const& what, int rc) const {
        switch (rc & 0xff) {
            case SQLITE_CORRUPT:
            case SQLITE_NOTADB:
                throw_corrupted(shown_, sqlite3_errmsg(handle()));
            case SQLITE_NOMEM:
                throw std::bad_alloc{};
            case SQLITE_BUSY:
                throw_store_error(std::make_error_code(std::errc::device_or_resource_busy), shown_,
                                  what + ": another program has it open: close that first");
            case SQLITE_FULL:
                throw_store_error(
                    std::make_error_code(std::errc::no_space_on_device), shown_,
                    what + ": its disk is full" + system_cause() + ": make room and start again");
            default:
                throw_store_error(make_error_code(errc::store_failed), shown_,
                                  what + ": " + sqlite3_errmsg(handle()) + system_cause());
        }
    }

private:
    struct closes {
        void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    };

    /// What the system said, where it did.
    [[nodiscard]] std::string system_cause() const {
        auto const number = sqlite3_system_errno(handle());
        return number == 0 ? std::string{} : " (" + std::string{std::strerror(number)} + ")";
    }

    std::string shown_;
    std::unique_ptr<sqlite3, closes> handle_;
};

/// A prepared statement. Parameters are bound, and columns read, from the first to the last; what is bound must
/// live until the statement has run.
class sqlite_statement {
public:
    sqlite_statement(sqlite_database const& database, std::string_view sql) : database_{&database} {
        sqlite3_stmt* prepared = nullptr;
        auto const rc = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                           SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
        handle_.reset(prepared);
        if (rc != SQLITE_OK) database.fail("cannot be used");
    }

    sqlite_statement& number(std::uint64_t value) {
        return check(sqlite3_bind_int64(handle(), ++bound_, static_cast<sqlite3_int64>(value)));
    }
    sqlite_statement& text(std::string_view value) {
        return check(
            sqlite3_bind_text64(handle(), ++bound_, at(value), value.size(), SQLITE_STATIC, SQLITE_UTF8));
    }
    sqlite_statement& blob(std::string_view value) {
        return check(sqlite3_bind_blob64(handle(), ++bound_, at(value), value.size(), SQLITE_STATIC));
    }
    sqlite_statement& null() { return check(sqlite3_bind_null(handle(), ++bound_)); }

    /// \return whether there is a row to read
    bool step() {
        auto const rc = sqlite3_step(handle());
        read_ = 0;
        if (rc == SQLITE_ROW) return true;
        if (rc != SQLITE_DONE) database_->fail("failed");
        return false;
    }
    /// Ends the statement, so that it can be bound again. What is not is NULL.
    void reset() noexcept {
        sqlite3_reset(handle());
        sqlite3_clear_bindings(handle());
        bound_ = 0;
    }
    /// Runs it to its end. \return how many rows it changed
    std::uint64_t run() {
        while (step()) {}
        reset();
        return static_cast<std::uint64_t>(sqlite3_changes(database_->handle()));
    }

    [[nodiscard]] bool is_null() const noexcept {
        return sqlite3_column_type(handle(), read_) == SQLITE_NULL;
    }
    std::uint64_t number() noexcept {
        return static_cast<std::uint64_t>(sqlite3_column_int64(handle(), read_++));
    }
    /// The octets of the next column, until the next step; none for NULL.
    std::string_view octets() {
        auto const* const data = static_cast<char const*>(sqlite3_column_blob(handle(), read_));
        auto const size = static_cast<std::size_t>(sqlite3_column_bytes(handle(), read_));
        if (data == nullptr && size > 0) throw std::bad_alloc{};
        ++read_;
        return data == nullptr ? std::string_view{} : std::string_view{data, size};
    }

private:
    struct finalizes {
        void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
    };
    [[nodiscard]] sqlite3_stmt* handle() const noexcept { return handle_.get(); }
    // a null pointer would be NULL and not an empty text
    static char const* at(std::string_view value) noexcept { return value.empty() ? "" : value.data(); }
    sqlite_statement& check(int rc) {
        if (rc != SQLITE_OK) database_->fail("cannot be used");
        return *this;
    }

    sqlite_database const* database_;
    std::unique_ptr<sqlite3_stmt, finalizes> handle_;
    int bound_ = 0;
    int read_ = 0;
};

/// The first column of a statement's only row; 0 where there is none.
[[nodiscard]] inline std::uint64_t sqlite_number(sqlite_database const& database, std::string_view sql) {
    sqlite_statement statement{database, sql};
    return statement.step() ? statement.number() : 0;
}

}  // namespace fastqueue::store::detail
