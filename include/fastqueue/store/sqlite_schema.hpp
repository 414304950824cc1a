#pragma once

#include <fastqueue/model/descriptor.hpp>
#include <fastqueue/store/sqlite_database.hpp>
#include <fastqueue/store/sqlite_lock.hpp>
#include <fastqueue/store/sqlite_seal.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace fastqueue::store::detail {

/// How a file of one version becomes one of the next: statements, in one transaction.
struct sqlite_step {
    char const* statements;
};

/// From nothing to version 1, from there to 2, and so on. What a release has written is never changed here.
///
/// `task.state`: 0 while it has not ended, 1 success, 2 failure, 3 cancelled, 4 expired. `ended` counts the ends.
/// `again_us`: when it is tried again. The seals: `sqlite_seal`. `store.tasks`: how many rows `task` has.
inline constexpr sqlite_step sqlite_steps[] = {{R"(
CREATE TABLE store (epoch TEXT NOT NULL, tasks INTEGER NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE worker (name TEXT PRIMARY KEY, seal INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE task (
    number INTEGER PRIMARY KEY,
    state INTEGER NOT NULL, ended INTEGER, claimed INTEGER NOT NULL,
    id BLOB NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, attributes TEXT NOT NULL, level INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL, submitted_us INTEGER NOT NULL, due_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL, seal INTEGER NOT NULL,
    attempt INTEGER, failures INTEGER, deaths INTEGER, again_us INTEGER, history BLOB,
    code TEXT, worker TEXT, started_us INTEGER, finished_us INTEGER, last_seal INTEGER,
    dead INTEGER, value BLOB, value_seal INTEGER,
    options BLOB, arguments BLOB, work_seal INTEGER);
)"}};

/// Names a SQLite file as one of ours.
inline constexpr std::uint32_t sqlite_application = 0x46517374;  // FQst

/// What the first 100 octets of a file tell of it, read before SQLite may touch it.
struct sqlite_head {
    bool blank = true;  ///< no file, or an empty one
    bool database = false;
    std::uint32_t version = 0;
    std::uint32_t application = 0;

    /// \source SQLite, "Database File Format", 1.3
    [[nodiscard]] static sqlite_head read(std::string const& path) {
        fastqueue::detail::descriptor const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        char octets[100] = {};
        auto const size = file ? ::read(file.get(), octets, sizeof octets) : 0;
        sqlite_head head;
        head.blank = size == 0;
        head.database =
            size == 100 && std::string_view{octets, 16} == std::string_view{"SQLite format 3\0", 16};
        head.version = word(octets + 60);
        head.application = word(octets + 68);
        return head;
    }

private:
    static std::uint32_t word(char const* p) noexcept {
        auto const octet = [p](int i) { return std::uint32_t{static_cast<unsigned char>(p[i])}; };
        return octet(0) << 24U | octet(1) << 16U | octet(2) << 8U | octet(3);
    }
};

/// Throws unless a file of that kind may be opened with these steps.
inline void check_version(sqlite_head const& head, std::string const& shown, std::size_t newest) {
    if (head.blank) return;
    if (!head.database)
        throw_store_error(
            make_error_code(errc::store_failed), shown,
            "cannot be opened: it is not a database, or its head is damaged: name another file, or "
            "put a backup in its place");
    bool const fresh = head.application == 0 && head.version == 0;
    if (!fresh && head.application != sqlite_application)
        throw_store_error(make_error_code(errc::store_failed), shown,
                          "cannot be opened: it is a database of another program: name another file");
    if (head.version > newest)
        throw_store_error(make_error_code(errc::unsupported_version), shown,
                          "cannot be opened: it has version " + std::to_string(head.version) +
                              ", and this program knows versions up to " + std::to_string(newest) +
                              ": use a newer FastQueue, or name another file");
}

/// A transaction that is undone unless it is committed.
class sqlite_transaction {
public:
    explicit sqlite_transaction(sqlite_database& database) : database_{database} {
        database_.run("BEGIN IMMEDIATE");
    }
    ~sqlite_transaction() {
        if (!committed_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    sqlite_transaction(sqlite_transaction const&) = delete;
    sqlite_transaction& operator=(sqlite_transaction const&) = delete;
    void commit() {
        database_.run("COMMIT");
        committed_ = true;
    }

private:
    sqlite_database& database_;
    bool committed_ = false;
};

/// Brings an open file to the newest version: all steps that it lacks, or none.
/// \return the version that it had
/// \throws error; then the file is as it was
inline std::uint64_t migrate(sqlite_database& database, std::span<sqlite_step const> steps) {
    auto const had = sqlite_number(database, "PRAGMA user_version");
    sqlite_head now{false, true, static_cast<std::uint32_t>(had),
                    static_cast<std::uint32_t>(sqlite_number(database, "PRAGMA application_id"))};
    check_version(now, database.shown(), steps.size());
    if (had == 0 && sqlite_number(database, "SELECT count(*) FROM sqlite_master") > 0) {
        now.application = 1;  // somebody's who does not name it
        check_version(now, database.shown(), steps.size());
    }
    if (had == steps.size()) return had;
    sqlite_transaction all{database};
    for (auto const& step : steps.subspan(had)) database.run(step.statements);
    database.run("PRAGMA application_id = " + std::to_string(sqlite_application));
    database.run("PRAGMA user_version = " + std::to_string(steps.size()));
    all.commit();
    return had;
}

/// The one row of the table `store`.
struct sqlite_identity {
    uuid epoch;
    std::uint64_t tasks = 0;

    [[nodiscard]] std::uint64_t seal() const noexcept {
        return sqlite_seal{}.add(octets_of(epoch)).add(tasks).value();
    }
    /// Reads it, or writes a new one where there is none.
    [[nodiscard]] static sqlite_identity open(sqlite_database& database) {
        sqlite_statement select{database, "SELECT epoch, tasks, seal FROM store"};
        if (!select.step()) {
            sqlite_identity fresh{uuid::make_v4()};
            auto const text = fresh.epoch.text();
            sqlite_statement insert{database, "INSERT INTO store VALUES (?, ?, ?)"};
            insert.text(text).number(0).number(fresh.seal()).run();
            return fresh;
        }
        sqlite_identity found{uuid::parse(select.octets()).value_or(uuid{})};
        found.tasks = select.number();
        if (found.epoch.empty() || select.number() != found.seal() || select.step())
            throw_corrupted(database.shown(), "the row that names it is wrong");
        return found;
    }
};

}  // namespace fastqueue::store::detail
