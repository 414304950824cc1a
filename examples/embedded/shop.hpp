#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <sqlite3.h>

/// What a program has anyhow: its own database. Here a few orders, receipts, and a note of each run of a task.
class shop {
public:
    explicit shop(std::filesystem::path const& file) {
        sqlite3* opened = nullptr;
        if (sqlite3_open(file.c_str(), &opened) != SQLITE_OK)
            throw std::runtime_error{"cannot open the shop"};
        db_.reset(opened);
        sqlite3_busy_timeout(opened, 10'000);
        run("PRAGMA journal_mode=WAL");
        run("PRAGMA synchronous=NORMAL");
        run("CREATE TABLE IF NOT EXISTS orders(number INTEGER PRIMARY KEY)");
        run("CREATE TABLE IF NOT EXISTS receipts(number INTEGER PRIMARY KEY)");
        run("CREATE TABLE IF NOT EXISTS runs(task INTEGER)");
    }

    void run(std::string const& sql) {
        if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error{sqlite3_errmsg(db_.get())};
    }
    /// The only number that `sql` selects.
    int number(std::string const& sql) {
        int found = 0;
        auto const take = [](void* to, int, char** columns, char**) {
            *static_cast<int*>(to) = std::stoi(columns[0]);
            return 0;
        };
        if (sqlite3_exec(db_.get(), sql.c_str(), take, &found, nullptr) != SQLITE_OK)
            throw std::runtime_error{sqlite3_errmsg(db_.get())};
        return found;
    }
    sqlite3* handle() { return db_.get(); }

private:
    struct closes {
        void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    };
    std::unique_ptr<sqlite3, closes> db_;
};
