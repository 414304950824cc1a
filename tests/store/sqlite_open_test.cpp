#include <fastqueue/store/sqlite.hpp>

#include "store/sqlite_fixture.hpp"
#include "support/catch.hpp"

#include <set>
#include <span>
#include <string>

#include <sys/stat.h>

using namespace sqlite_test;
using Catch::Matchers::Contains;

namespace {

void make_store(fs::path const& path) {
    sqlite store{path};
    store.put(task(1));
}
std::set<std::string> names(fs::path const& in) {
    std::set<std::string> found;
    for (auto const& entry : fs::directory_iterator{in}) found.insert(entry.path().filename().string());
    return found;
}
/// What opening says to a user who may do nothing but what the permissions let them.
std::string refusal_to_nobody(fs::path const& path) {
    child nobody{[&](int out) {
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 1;
        auto const text = refusal(path);
        return ::write(out, text.data(), text.size()) >= 0 ? 0 : 1;
    }};
    auto const text = nobody.read(10'000);
    CHECK(nobody.join() == 0);
    return text;
}

}  // namespace

TEST_CASE("sqlite: its epoch is made once, and kept", "[store]") {
    folder const in;
    auto const epoch = sqlite{in / "q.db"}.epoch();
    CHECK_FALSE(epoch.empty());
    CHECK(sqlite{in / "q.db"}.epoch() == epoch);
    CHECK(sqlite{in / "other.db"}.epoch() != epoch);
}

TEST_CASE("sqlite: what cannot be a store is refused in one sentence, and left alone", "[store]") {
    folder const in;
    CHECK_THAT(refusal(in / "no" / "q.db"), Contains("there is no directory"));
    fs::create_directory(in / "dir");
    CHECK_THAT(refusal(in / "dir"), Contains("is a directory"));
    write_file(in / "text", "what a fine day");
    CHECK_THAT(refusal(in / "text"), Contains("not a database"));
    CHECK(read_file(in / "text") == "what a fine day");
    write_file(in / "long", std::string(100'000, 'x'));
    CHECK_THAT(refusal(in / "long"), Contains("not a database"));
    REQUIRE(::mkfifo((in / "fifo").c_str(), 0600) == 0);
    CHECK_THAT(refusal(in / "fifo"), Contains("not a file"));
    CHECK(names(in.path()) == std::set<std::string>{"dir", "text", "long", "fifo"});
}

TEST_CASE("sqlite: a database of another program is refused, and left alone", "[store]") {
    folder const in;
    for (std::string const pragma : {"", "PRAGMA application_id = 7", "PRAGMA user_version = 1"}) {
        auto const path = in / "theirs.db";
        fs::remove(path);
        {
            fq::store::detail::sqlite_database theirs{path.string(), "theirs"};
            theirs.run("CREATE TABLE notes (text)");
            theirs.run(pragma);
        }
        auto const before = read_file(path);
        CHECK_THAT(refusal(path), Contains("another program"));
        CHECK(read_file(path) == before);
        CHECK(names(in.path()) == std::set<std::string>{"theirs.db"});
    }
}

TEST_CASE("sqlite: fault 93: a store of a newer version is refused, untouched", "[store]") {
    folder const in;
    make_store(in / "q.db");
    fs::remove(in / "q.db.lock");
    auto octets = read_file(in / "q.db");
    octets[63] = 9;
    write_file(in / "q.db", octets);
    CHECK_THAT(refusal(in / "q.db"), Contains("has version 9") && Contains("newer FastQueue"));
    CHECK(read_file(in / "q.db") == octets);
    CHECK(names(in.path()) == std::set<std::string>{"q.db"});
}

TEST_CASE("sqlite: fault 15: the second who opens a store is told which process has it", "[store]") {
    folder const in;
    SECTION("another process") {
        child holder{[&](int out) {
            sqlite const store{in / "q.db"};
            if (::write(out, "x", 1) != 1) return 1;
            ::pause();
            return 0;
        }};
        REQUIRE(holder.read(1) == "x");
        CHECK_THAT(refusal(in / "q.db"), Contains("in use by process " + std::to_string(holder.pid()) + ":"));
        holder.kill();
        CHECK(refusal(in / "q.db").empty());
    }
    SECTION("this process") {
        sqlite const store{in / "q.db"};
        CHECK_THAT(refusal(in / "q.db"), Contains(std::to_string(::getpid()) + " (this one)"));
        CHECK_THAT(refusal(in / "." / "q.db"), Contains("in use"));
    }
    CHECK(refusal(in / "q.db").empty());
}

TEST_CASE("sqlite: fault 92: without permission a store is refused, and left alone", "[store]") {
    folder const in;
    fs::permissions(in.path(), fs::perms{0755});
    make_store(in / "q.db");
    fs::permissions(in / "q.db", fs::perms{0644});
    auto const before = names(in.path());
    CHECK_THAT(refusal_to_nobody(in / "new.db"), Contains("cannot be written") && Contains("ermission"));
    CHECK_THAT(refusal_to_nobody(in / "q.db"), Contains("cannot be written") && Contains("ermission"));
    fs::permissions(in.path(), fs::perms{0777});
    fs::permissions(in / "q.db", fs::perms{0444});
    CHECK_THAT(refusal_to_nobody(in / "q.db"), Contains("ermission"));
    CHECK(names(in.path()) == before);
}

TEST_CASE("sqlite: a program that has the file open otherwise is told of", "[store]") {
    folder const in;
    make_store(in / "q.db");
    child other{[&](int out) {
        fq::store::detail::sqlite_database theirs{(in / "q.db").string(), "theirs"};
        theirs.run("PRAGMA locking_mode = EXCLUSIVE");
        theirs.run("BEGIN IMMEDIATE");
        theirs.run("CREATE TABLE mine (x)");
        if (::write(out, "x", 1) != 1) return 1;
        ::pause();
        return 0;
    }};
    REQUIRE(other.read(1) == "x");
    CHECK_THAT(refusal(in / "q.db"), Contains("another program has it open"));
}

TEST_CASE("sqlite: file systems on a network are known by the numbers that the system tells", "[store]") {
    using fq::store::detail::network_file_system;
    CHECK(network_file_system(0x6969) == "NFS");
    CHECK(network_file_system(0xfe534d42) == "SMB");
    CHECK(network_file_system(static_cast<std::uint64_t>(static_cast<int>(0xff534d42))) == "CIFS");
    CHECK(network_file_system(0xef53).empty());      // ext4
    CHECK(network_file_system(0x01021994).empty());  // tmpfs
}

// ---- versions

namespace {

using fq::store::detail::sqlite_step;
constexpr sqlite_step steps[] = {{"CREATE TABLE pets (name); INSERT INTO pets VALUES ('Rex')"},
                                 {"ALTER TABLE pets ADD COLUMN legs DEFAULT 4"},
                                 {"UPDATE pets SET legs = 3"}};
constexpr sqlite_step bad_steps[] = {steps[0], {"ALTER TABLE pets ADD COLUMN tail DEFAULT 1"}, {"nonsense"}};

std::uint64_t version(fq::store::detail::sqlite_database const& database) {
    return sqlite_number(database, "PRAGMA user_version");
}

}  // namespace

TEST_CASE("sqlite: a file of any earlier version becomes the newest, step by step", "[store]") {
    folder const in;
    for (std::size_t had = 0; had <= 3; ++had) {
        fq::store::detail::sqlite_database database{(in / std::to_string(had)).string(), "q"};
        if (had > 0) migrate(database, std::span{steps}.first(had));
        CHECK(migrate(database, steps) == had);
        CHECK(version(database) == 3);
        CHECK(sqlite_number(database, "SELECT count(*) FROM pets") == 1);
        CHECK(sqlite_number(database, "SELECT legs FROM pets") == 3);
        CHECK(migrate(database, steps) == 3);
    }
}

TEST_CASE("sqlite: steps to a newer version are taken all or none", "[store]") {
    folder const in;
    fq::store::detail::sqlite_database database{(in / "q").string(), "q"};
    migrate(database, std::span{steps}.first(1));
    CHECK_THROWS_AS(migrate(database, bad_steps), fq::error);
    CHECK(version(database) == 1);
    CHECK(sqlite_number(database, "SELECT count(*) FROM pragma_table_info('pets')") == 1);
    CHECK(migrate(database, steps) == 1);
}

TEST_CASE("sqlite: options of a task are stored where they differ, and read back", "[store]") {
    using codec = fq::store::detail::sqlite_task_options;
    std::string stored = "left over";
    codec::write({}, stored);
    CHECK(stored.empty());
    fq::task_options options;
    options.retries = 7;
    options.retry_backoff = 1.5;
    options.key_hash = ~0ULL;
    codec::write(options, stored);
    CHECK(stored.size() == 27);
    fq::task_options read;
    REQUIRE(codec::read(stored, read));
    CHECK(read.retries == 7);
    CHECK(read.retry_backoff == 1.5);
    CHECK(read.key_hash == ~0ULL);
    CHECK(read.timeout_ms == 0);
    stored[9] = '?';
    CHECK_FALSE(codec::read(stored, read));
    CHECK_FALSE(codec::read(std::string_view{stored}.substr(1), read));
}
