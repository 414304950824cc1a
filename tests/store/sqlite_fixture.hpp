#pragma once

// Folders, waits and crashes for the tests of the store in a file.

#include <fastqueue/store/sqlite.hpp>

#include "laws/store_model.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace sqlite_test {

namespace fq = fastqueue;
namespace fs = std::filesystem;
using fq::store::sqlite;
using fq::store::sqlite_options;
using namespace std::chrono_literals;

using folder = fq::test::temporary_folder;

inline std::string read_file(fs::path const& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}
inline void write_file(fs::path const& path, std::string_view octets) {
    std::ofstream out{path, std::ios::binary | std::ios::trunc};
    out.write(octets.data(), static_cast<std::streamsize>(octets.size()));
}
/// Of a store that is open or was killed, to a folder where there is none.
inline void copy_store(fs::path const& from, fs::path const& to) {
    write_file(to, read_file(from));
    if (fs::exists(from.string() + "-wal"))
        write_file(to.string() + "-wal", read_file(from.string() + "-wal"));
}

inline fq::policy::task_record task(std::uint64_t number, std::string_view arguments = "[5,3]") {
    fq::policy::task_record t;
    t.number = number;
    t.id = fq::uuid::make_v7({}, number, number << 8U);
    t.name = "add";
    t.arguments = arguments;
    return t;
}
inline fq::policy::result_record result(std::uint64_t number, std::string_view value = "8") {
    fq::policy::result_record r;
    r.number = number;
    r.id = task(number).id;
    r.value = value;
    return r;
}
inline laws::image restored(sqlite& store, std::uint64_t octets = ~0ULL) {
    laws::image kept;
    store.restore(kept, octets);
    return kept;
}

/// Polls until `done`, for half a minute at most. \return what is known then
template <class Done>
fq::policy::store_news poll_until(sqlite& store, Done done) {
    fq::policy::store_news all;
    fq::policy::store_news news;
    for (int i = 0; i < 30'000; ++i) {
        store.poll(news);
        std::ranges::move(news.fetched, std::back_inserter(all.fetched));
        std::ranges::move(news.backups, std::back_inserter(all.backups));
        all.committed = news.committed;
        all.full = news.full;
        all.failure = news.failure;
        if (done(all)) return all;
        std::this_thread::sleep_for(1ms);
    }
    FAIL("nothing came of it");
    return all;
}
/// Flushes and waits until all up to `number` is committed.
inline void commit(sqlite& store, fq::policy::store_sequence number) {
    store.flush(number);
    auto const news =
        poll_until(store, [&](auto const& n) { return n.committed >= number || n.failure.has_value(); });
    CAPTURE(news.failure.value_or(""));
    REQUIRE_FALSE(news.failure.has_value());
}
/// What opening says, or restoring; empty if it worked.
inline std::string refusal(fs::path const& path, laws::image* kept = nullptr) {
    try {
        sqlite store{path};
        laws::image unwanted;
        store.restore(kept != nullptr ? *kept : unwanted, ~0ULL);
        return {};
    } catch (fq::error const& e) {
        CHECK(e.text().find('\n') == std::string::npos);
        CHECK(e.text().find(path.filename().string()) != std::string::npos);
        return e.text();
    }
}

/// Runs `work` in a process of its own, with a pipe to write to.
class child {
public:
    explicit child(std::function<int(int)> const& work) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::close(ends[0]);
            ::alarm(60);
            int code = 99;
            try {
                code = work(ends[1]);
            } catch (...) {}
            ::_exit(code);
        }
        ::close(ends[1]);
        out_ = ends[0];
    }
    ~child() {
        if (pid_ > 0) kill();
        ::close(out_);
    }
    child(child const&) = delete;
    child& operator=(child const&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// Up to `size` octets; fewer at its end.
    std::string read(std::size_t size) const {
        std::string octets(size, '\0');
        std::size_t had = 0;
        while (had < size) {
            auto const got = ::read(out_, octets.data() + had, size - had);
            if (got <= 0) break;
            had += static_cast<std::size_t>(got);
        }
        octets.resize(had);
        return octets;
    }
    void kill() {
        ::kill(pid_, SIGKILL);
        join();
    }
    /// \return its exit code
    int join() {
        int status = 0;
        ::waitpid(std::exchange(pid_, 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t pid_ = 0;
    int out_ = -1;
};

}  // namespace sqlite_test
