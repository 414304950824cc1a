#include <fastqueue/store/sqlite.hpp>

#include "store/sqlite_fixture.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#include <sys/mount.h>
#include <sys/resource.h>

using namespace sqlite_test;
using Catch::Matchers::Contains;

namespace {

/// While it lives, the disk of every store that is opened can be slow, or can fail to make writes safe.
class faulty_disk {
public:
    faulty_disk() {
        real_ = sqlite3_vfs_find(nullptr);
        vfs_ = *real_;
        vfs_.zName = "faulty";
        vfs_.xOpen = [](sqlite3_vfs*, char const* name, sqlite3_file* file, int flags, int* out) {
            auto const rc = real_->xOpen(real_, name, file, flags, out);
            if (rc == SQLITE_OK && file->pMethods != nullptr) file->pMethods = &patched(file->pMethods);
            return rc;
        };
        slow_ = failing_ = false;
        sqlite3_vfs_register(&vfs_, 1);
    }
    ~faulty_disk() {
        slow_ = failing_ = false;
        sqlite3_vfs_register(real_, 1);
        sqlite3_vfs_unregister(&vfs_);
    }
    faulty_disk(faulty_disk const&) = delete;
    faulty_disk& operator=(faulty_disk const&) = delete;

    void slow(bool is) { slow_ = is; }
    void failing(bool is) { failing_ = is; }
    int syncs() const { return syncs_; }

private:
    inline static sqlite3_vfs* real_ = nullptr;
    inline static sqlite3_vfs vfs_;
    struct methods : sqlite3_io_methods {
        sqlite3_io_methods const* real = nullptr;
    };
    /// There are several kinds of files, each with functions of its own.
    static methods& patched(sqlite3_io_methods const* real) {
        static std::map<sqlite3_io_methods const*, methods> kinds;
        auto& kind = kinds[real];
        static_cast<sqlite3_io_methods&>(kind) = *real;
        kind.real = real;
        kind.xSync = [](sqlite3_file* f, int how) {
            while (slow_) std::this_thread::sleep_for(1ms);
            ++syncs_;
            return failing_ ? SQLITE_IOERR_FSYNC
                            : static_cast<methods const*>(f->pMethods)->real->xSync(f, how);
        };
        return kind;
    }
    inline static std::atomic<bool> slow_ = false;
    inline static std::atomic<bool> failing_ = false;
    inline static std::atomic<int> syncs_ = 0;
};

/// A file system of that size in memory; `there` tells whether this user may have one.
class small_disk {
public:
    explicit small_disk(char const* size) {
        auto const text = std::string{"size="} + size;
        there = ::mount("none", in.path().c_str(), "tmpfs", 0, text.c_str()) == 0;
        if (!there) WARN("skipped: a small disk cannot be mounted: " << std::strerror(errno));
    }
    ~small_disk() {
        if (there) ::umount2(in.path().c_str(), MNT_DETACH);
    }
    small_disk(small_disk const&) = delete;
    small_disk& operator=(small_disk const&) = delete;
    folder in;
    bool there = false;
};

/// Writes tasks for ever, finishes each third and tells through `out` how many writes are committed.
int write_for_ever(fs::path const& path, int out) {
    sqlite store{path, {.checkpoint_octets = 1U << 18U}};
    laws::image kept;
    store.restore(kept, 0);
    auto number = kept.lines.size();
    fq::policy::store_news news;
    for (std::uint64_t turn = 0;; ++turn) {
        for (auto i = turn % 5; i < 5; ++i) store.put(task(++number, std::string(1000, 'a')));
        store.flush(number);
        store.poll(news);
        if (news.failure) return 3;
        auto const safe = kept.lines.size() + news.committed;
        if (::write(out, &safe, sizeof safe) != sizeof safe) return 4;
    }
}

}  // namespace

TEST_CASE("sqlite: fault 11: killed at any moment, it has all that it had told to be committed", "[store]") {
    folder const in;
    std::uint64_t before = 0;
    for (int round = 0; round < 12; ++round) {
        CAPTURE(round);
        child writer{[&](int out) { return write_for_ever(in / "q.db", out); }};
        std::uint64_t told = 0;
        for (int i = 0; i < 60 * round + 5; ++i) {
            auto const octets = writer.read(sizeof told);
            REQUIRE(octets.size() == sizeof told);
            std::memcpy(&told, octets.data(), sizeof told);
        }
        writer.kill();
        for (auto octets = writer.read(sizeof told); octets.size() == sizeof told;
             octets = writer.read(sizeof told))
            std::memcpy(&told, octets.data(), sizeof told);
        sqlite store{in / "q.db"};
        auto const kept = restored(store);
        CHECK(kept.lines.size() >= told);
        CHECK(kept.lines.size() >= before);
        laws::image expected;
        for (std::uint64_t n = 1; n <= kept.lines.size(); ++n) {
            std::string const arguments(1000, 'a');
            expected.task({task(n, arguments), 1000, false, {n, task(n).id, 0, 0, 0, 0, {}}, 0});
        }
        CHECK(kept == expected);
        before = kept.lines.size();
    }
}

TEST_CASE("sqlite: fault 91: killed while its log goes into the file, it has the old or the new", "[store]") {
    folder const in;
    for (int round = 0; round < 6; ++round) {
        child writer{[&](int) {
            sqlite store{in / "q.db", {.checkpoint_octets = 4096}};
            laws::image kept;
            store.restore(kept, 0);
            for (auto number = kept.lines.size();;) {
                store.put(task(++number, "[1]"));
                commit(store, number - kept.lines.size());
            }
            return 0;
        }};
        std::this_thread::sleep_for(30ms + round * 7ms);
        writer.kill();
        CHECK(refusal(in / "q.db").empty());
    }
}

TEST_CASE("sqlite: fault 89: a write that cannot be made safe is the last one", "[store]") {
    folder const in;
    faulty_disk disk;
    std::atomic<int> woken = 0;
    {
        sqlite store{in / "q.db"};
        store.attach([&] { ++woken; });
        store.put(task(1));
        commit(store, 1);
        disk.failing(true);
        store.put(task(2));
        store.flush(2);
        auto const news = poll_until(store, [](auto const& n) { return n.failure.has_value(); });
        CHECK_THAT(*news.failure, Contains("q.db") && Contains("I/O error"));
        CHECK(woken > 0);
        CHECK(news.committed == 1);
        disk.failing(false);
        auto const syncs = disk.syncs();
        store.put(task(3));
        store.flush(3);
        store.fetch(1);
        store.flush(3);
        std::this_thread::sleep_for(20ms);
        fq::policy::store_news after;
        store.poll(after);
        CHECK(after.committed == 1);
        CHECK(after.failure == news.failure);
        CHECK(after.fetched.empty());
        CHECK(disk.syncs() == syncs);
    }
    sqlite store{in / "q.db"};
    auto const kept = restored(store).lines.size();
    CHECK((kept == 1 || kept == 2));
}

TEST_CASE("sqlite: fault 90: a slow disk keeps nobody waiting but those who wait for it", "[store]") {
    folder const in;
    faulty_disk disk;
    sqlite store{in / "q.db"};
    disk.slow(true);
    fq::policy::store_news news;
    for (std::uint64_t n = 1; n <= 50; ++n) {
        store.put(task(n));
        store.flush(n);  // would never return if it waited
        store.poll(news);
        CHECK(news.committed == 0);
    }
    auto const before = disk.syncs();
    disk.slow(false);
    commit(store, 50);
    CHECK(disk.syncs() - before <= 4);  // what gathered meanwhile was one transaction
}

TEST_CASE("sqlite: fault 88: a full disk is told in time to write the ends, and forgotten when there is room",
          "[store]") {
    small_disk disk{"3m"};
    if (!disk.there) return;
    write_file(disk.in / "filler", std::string(1U << 20U, 'x'));
    std::string const large(5000, 'x');
    {
        sqlite store{disk.in / "q.db"};
        fq::policy::store_news news;
        std::uint64_t written = 0;
        std::uint64_t tasks = 0;
        while (!news.full) {
            REQUIRE(tasks < 1000);
            store.put(task(++tasks, large));
            commit(store, ++written);
            store.poll(news);
        }
        CHECK(tasks > 50);
        CHECK_THAT(*news.full, Contains("q.db") && Contains("KiB left"));
        for (std::uint64_t n = 1; n <= tasks; ++n) {
            store.finish(result(n));
            if (n % 5 == 0 || n == tasks) commit(store, written + n);
        }
        fs::remove(disk.in / "filler");
        poll_until(store, [](auto const& n) { return !n.full; });
        store.put(task(tasks + 1, large));
        commit(store, written + tasks + 1);
    }
    sqlite store{disk.in / "q.db"};
    CHECK_FALSE(restored(store).lines.empty());
}

TEST_CASE("sqlite: fault 88: when there is no room at all it stops, and has what it told", "[store]") {
    folder const in;
    child writer{[&](int out) {
        rlimit const limit{300'000, 300'000};
        ::signal(SIGXFSZ, SIG_IGN);
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
        sqlite store{in / "q.db"};
        fq::policy::store_news news;
        for (std::uint64_t n = 1; n < 1000 && !news.failure; ++n) {
            store.put(task(n, std::string(1000, 'a')));
            store.flush(n);
            news = poll_until(store, [n](auto const& now) { return now.committed == n || now.failure; });
        }
        if (!news.failure) return 4;
        if (news.failure->find("q.db") == std::string::npos) return 2;
        return ::write(out, &news.committed, sizeof news.committed) == sizeof news.committed ? 0 : 3;
    }};
    std::uint64_t told = 0;
    auto const octets = writer.read(sizeof told);
    REQUIRE(writer.join() == 0);
    REQUIRE(octets.size() == sizeof told);
    std::memcpy(&told, octets.data(), sizeof told);
    CHECK(told > 10);
    sqlite store{in / "q.db"};
    CHECK(restored(store).lines.size() >= told);
}

TEST_CASE("sqlite: fault 88: no room to make a store leaves none", "[store]") {
    small_disk disk{"16k"};
    if (!disk.there) return;
    write_file(disk.in / "filler", std::string(8192, 'x'));
    CHECK_FALSE(refusal(disk.in / "q.db").empty());
    CHECK_FALSE(fs::exists(disk.in / "q.db"));
    CHECK_FALSE(fs::exists(disk.in / "q.db.lock"));
}

TEST_CASE("sqlite: fault 99: its thread takes no signals", "[store]") {
    folder const in;
    static std::atomic<int> elsewhere = 0;
    auto const self = ::getpid();
    static auto const main_thread = std::this_thread::get_id();
    auto const before = ::signal(SIGUSR1, [](int) {
        if (std::this_thread::get_id() != main_thread) ++elsewhere;
    });
    {
        sqlite store{in / "q.db"};
        for (std::uint64_t n = 1; n <= 50; ++n) {
            store.put(task(n));
            store.flush(n);
            ::kill(self, SIGUSR1);
        }
        commit(store, 50);
    }
    ::signal(SIGUSR1, before);
    CHECK(elsewhere == 0);
}
