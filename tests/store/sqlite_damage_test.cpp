#include <fastqueue/store/sqlite.hpp>

#include "store/sqlite_fixture.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using namespace sqlite_test;
using Catch::Matchers::Contains;

namespace {

/// A store that was killed after a few transactions, and what it held after each.
struct killed {
    explicit killed(int transactions) : work{11} {
        sqlite store{in / "live.db"};
        fq::policy::store_sequence n = 0;
        states.push_back(model.told(~0ULL));
        for (int t = 0; t < transactions; ++t) {
            for (int i = 0; i < 6 || model.told(~0ULL) == states.back(); ++i) {
                auto const call = work.next();
                model.apply(call);
                n = send(store, call);
            }
            commit(store, n);
            states.push_back(model.told(~0ULL));
        }
        file = read_file(in / "live.db");
        log = read_file(in / "live.db-wal");
    }
    /// How many transactions a store of that file and log holds; fails if it holds anything else.
    /// \param[out] why  what it says if it can't be opened
    std::size_t open(std::string const& a_file, std::string const& a_log, std::string& why) {
        auto const path = in / "q.db";
        for (auto const* const part : {"", "-wal", ".lock"}) fs::remove(path.string() + part);
        write_file(path, a_file);
        write_file(path.string() + "-wal", a_log);
        laws::image kept;
        why = refusal(path, &kept);
        if (!why.empty()) return 0;
        auto const at = std::ranges::find(states, kept);
        REQUIRE(at != states.end());
        return static_cast<std::size_t>(at - states.begin());
    }
    /// Writes on, opens again and looks.
    void go_on(std::size_t from) {
        auto const path = in / "q.db";
        {
            sqlite store{path};
            store.put(task(1'000'000));
            commit(store, 1);
            auto const copy = in / "again.db";  // as if it were killed now
            copy_store(path, copy);
            sqlite again{copy};
            CHECK(restored(again).lines.size() == states[from].lines.size() + 1);
        }
        sqlite store{path};
        CHECK(restored(store).lines.size() == states[from].lines.size() + 1);
    }

    folder in;
    laws::made_up_work work;
    laws::store_model model;
    std::vector<laws::image> states;
    std::string file;
    std::string log;
};

constexpr std::size_t frame = 4096 + 24;

}  // namespace

TEST_CASE("sqlite: fault 83: a torn end of the log costs what was torn, and what comes after stays",
          "[store]") {
    killed k{6};
    auto const all = k.states.size() - 1;
    std::string why;
    REQUIRE(k.open(k.file, k.log, why) == all);
    std::size_t before = all;
    std::vector<std::size_t> lengths;
    for (std::size_t at = k.log.size(); at > 0; at -= std::min<std::size_t>(at, at % frame > 40 ? 1301 : 13))
        lengths.push_back(at);
    for (auto const length : lengths) {
        CAPTURE(length);
        auto const held = k.open(k.file, k.log.substr(0, length), why);
        REQUIRE(why.empty());
        CHECK(held <= before);
        if (held != before) k.go_on(held);
        before = held;
    }
    CHECK(before == 0);
}

TEST_CASE("sqlite: fault 83: a log that was torn is not continued behind the tear", "[store]") {
    folder const in;
    std::string const large(100'000, 'x');
    {
        sqlite store{in / "first.db"};
        store.put(task(1));
        commit(store, 1);
        auto const torn_at = fs::file_size(in / "first.db-wal") + 100;
        store.put(task(2, large));
        commit(store, 2);
        copy_store(in / "first.db", in / "torn.db");
        auto log = read_file(in / "torn.db-wal");
        std::fill_n(log.begin() + static_cast<std::ptrdiff_t>(torn_at), 512, '\xee');
        write_file(in / "torn.db-wal", log);
    }
    {
        sqlite store{in / "torn.db"};
        CHECK(restored(store).lines.size() == 1);
        store.put(task(3));
        commit(store, 1);
        copy_store(in / "torn.db", in / "again.db");
    }
    auto log = read_file(in / "again.db-wal");
    std::fill_n(log.begin() + 100, 512, '\xee');  // its only transaction is torn as well
    write_file(in / "again.db-wal", log);
    laws::image kept;
    CHECK(refusal(in / "again.db", &kept).empty());
    CHECK(kept.lines.size() == 1);
}

TEST_CASE("sqlite: fault 84: zeros at the end of the log are its end", "[store]") {
    killed k{6};
    auto const all = k.states.size() - 1;
    std::string why;
    CHECK(k.open(k.file, k.log + std::string(3 * frame, '\0'), why) == all);
    CHECK(why.empty());
    std::size_t before = all;
    for (std::size_t from = k.log.size() - 1; from > 2000; from -= 1999) {
        auto log = k.log;
        std::fill(log.begin() + static_cast<std::ptrdiff_t>(from), log.end(), '\0');
        auto const held = k.open(k.file, log, why);
        CHECK(why.empty());
        CHECK(held <= before);
        before = held;
    }
    CHECK(k.open(k.file, std::string(k.log.size(), '\0'), why) == 0);
    CHECK(why.empty());
}

TEST_CASE("sqlite: fault 83: parts of the last transaction that are missing in its middle cost only that one",
          "[store]") {
    killed k{1};
    auto const short_log = k.log.size();
    killed more{2};
    REQUIRE(more.log.size() > short_log + frame);
    std::string why;
    for (auto at = short_log; at + frame < more.log.size();
         at += 512) {  // a sector that never came to the disk
        auto log = more.log;
        std::fill_n(log.begin() + static_cast<std::ptrdiff_t>(at), 512, '\0');
        if (log == more.log) continue;
        auto const held = more.open(more.file, log, why);
        CHECK(why.empty());
        CHECK(held == 1);
    }
}

TEST_CASE("sqlite: fault 85: a bit that turned in the log is told where commits follow", "[store]") {
    killed k{6};
    auto const all = k.states.size() - 1;
    std::string why;
    std::mt19937_64 random{5};
    int told = 0;
    for (int i = 0; i < 250; ++i) {
        auto log = k.log;
        auto const at = random() % log.size();
        CAPTURE(at);
        log[at] = static_cast<char>(log[at] ^ (1 << random() % 8));
        auto const held = k.open(k.file, log, why);
        if (why.empty()) {
            CHECK(held + 2 >= all);  // it could be the torn end of the last
        } else {
            CHECK_THAT(why, Contains("is damaged"));
            ++told;
        }
        CHECK(read_file(k.in / "q.db-wal").size() == (why.empty() ? 0 : log.size()));
    }
    CHECK(told > 100);
}

TEST_CASE("sqlite: fault 85: a bit that turned in the file is told, or changes nothing", "[store]") {
    killed k{40};
    fs::remove(k.in / "live.db.lock");
    { sqlite const closed{k.in / "live.db"}; }
    auto const file = read_file(k.in / "live.db");
    std::string why;
    REQUIRE(k.open(file, "", why) == k.states.size() - 1);
    std::mt19937_64 random{6};
    int told = 0;
    for (int i = 0; i < 400; ++i) {
        auto turned = file;
        auto const at = i < 100 ? random() % 300 : random() % file.size();
        CAPTURE(at);
        turned[at] = static_cast<char>(turned[at] ^ (1 << random() % 8));
        auto const held = k.open(turned, "", why);
        if (why.empty()) CHECK(held == k.states.size() - 1);
        if (!why.empty()) ++told;
    }
    CHECK(told > 50);
}

TEST_CASE("sqlite: fault 85: pages that are gone or blank are told", "[store]") {
    killed k{40};
    { sqlite const closed{k.in / "live.db"}; }
    auto const file = read_file(k.in / "live.db");
    std::string why;
    for (std::size_t page = 0; page < file.size() / 4096; ++page) {
        CAPTURE(page);
        auto broken = file;
        std::fill_n(broken.begin() + static_cast<std::ptrdiff_t>(page * 4096), 4096, '\0');
        if (k.open(broken, "", why) != k.states.size() - 1) CHECK_FALSE(why.empty());
        if (page == 0) continue;
        k.open(file.substr(0, page * 4096), "", why);
        CHECK_FALSE(why.empty());
    }
}

TEST_CASE("sqlite: fault 87: lengths that cannot be are refused, and not believed", "[store]") {
    killed k{20};
    { sqlite const closed{k.in / "live.db"}; }
    auto const file = read_file(k.in / "live.db");
    std::string why;
    int leaves = 0;
    for (std::size_t page = 4096; page < file.size(); page += 4096) {
        if (file[page] != 13) continue;  // a leaf of a table; its first cell begins with the length of a row
        auto const at = [&](std::size_t i) {
            return std::size_t{static_cast<unsigned char>(file[page + i])};
        };
        if (at(3) * 256 + at(4) == 0) continue;
        auto broken = file;
        std::fill_n(broken.begin() + static_cast<std::ptrdiff_t>(page + at(8) * 256 + at(9)), 8, '\xff');
        CAPTURE(page);
        k.open(broken, "", why);
        CHECK_THAT(why, Contains("is damaged"));
        ++leaves;
    }
    CHECK(leaves > 3);
    auto log = k.log;
    log[8] = '\x7f';  // the size of its pages
    k.open(k.file, log, why);
    CHECK_THAT(why, Contains("the head of its log"));
}

TEST_CASE("sqlite: fault 86: a log whose file is gone is not taken for a new store", "[store]") {
    killed k{3};
    std::string why;
    k.open("", k.log, why);
    CHECK_THAT(why, Contains("its log (-wal) is there"));
    CHECK(read_file(k.in / "q.db-wal") == k.log);
    fs::remove(k.in / "q.db");
    CHECK_THAT(refusal(k.in / "q.db"), Contains("its log (-wal) is there"));
    CHECK(read_file(k.in / "q.db-wal") == k.log);
}

TEST_CASE("sqlite: fault 85: rows that are gone without a trace are missed", "[store]") {
    folder const in;
    {
        sqlite store{in / "q.db"};
        for (std::uint64_t n = 1; n <= 3; ++n) store.put(task(n));
        store.finish(result(1));
        store.erase(1);
    }
    CHECK(refusal(in / "q.db").empty());
    fq::store::detail::sqlite_database{(in / "q.db").string(), "q"}.run("DELETE FROM task WHERE number = 2");
    CHECK_THAT(refusal(in / "q.db"), Contains("some of its tasks are gone"));
}

TEST_CASE("sqlite: fault 85: arguments that were left in the store are looked at when they are fetched",
          "[store]") {
    folder const in;
    std::string const large(9000, 'x');
    {
        sqlite store{in / "q.db"};
        store.put(task(1, large));
    }
    auto octets = read_file(in / "q.db");
    auto const at = octets.find("xxxxxxxx");
    REQUIRE(at != std::string::npos);
    octets[at + 100] = 'y';
    write_file(in / "q.db", octets);
    sqlite store{in / "q.db"};
    CHECK(restored(store, 0).lines.size() == 1);
    store.fetch(1);
    store.flush(0);
    auto const news = poll_until(store, [](auto const& n) { return n.failure.has_value(); });
    CHECK_THAT(*news.failure, Contains("is damaged") && Contains("task 1 "));
    CHECK(news.fetched.empty());
}
