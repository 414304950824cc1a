#include <fastqueue/core/schedule_desk.hpp>

#include "core/plane_fixture.hpp"

using namespace plane_test;

namespace {

std::shared_ptr<fq::testing::durable_disk> fresh_disk() {
    return std::make_shared<fq::testing::durable_disk>(id(4711));
}
fq::core::plane_options seeded() {
    auto o = world::usual();
    o.ids_from_seed = true;
    return o;
}
std::string micros(fq::wall_instant t) { return std::to_string(fq::to_epoch_us(t)); }

/// A world with a worker that answers each run at once, or as told.
class scheduled {
public:
    explicit scheduled(std::shared_ptr<fq::testing::durable_disk> disk = fresh_disk(),
                       fq::clock_reading now = {fq::instant{std::chrono::hours{1000}},
                                                fq::from_epoch_us(1'790'000'000'000'000)})
        : w{std::move(disk), seeded()} {
        w.now = now;
        admin = w.connect(port_role::management);
        worker = w.worker("w1", "concurrency=16");
    }
    reply order(std::string const& tokens, std::string const& payload = {}) {
        return w.ask1(admin, tokens, payload);
    }
    /// Lets time pass in steps, answering runs. \return how many there were
    std::size_t run_for(std::chrono::milliseconds time, bool answers = true) {
        std::size_t count = 0;
        for (auto left = time; left > 0ms; left -= 500ms) {
            w.pass(std::min<std::chrono::microseconds>(left, 500ms));
            w.say(worker, "heartbeat w1 incarnation=" + text(1000));
            w.turn();
            for (auto const& run : w.take(worker)) {
                if (!run.line.starts_with("run ")) continue;
                ++count;
                runs.push_back(run);
                if (answers) w.done(worker, run, "success", "8");
            }
        }
        return count;
    }
    std::string member(std::string const& name, std::string const& key) {
        auto const text = order("schedules " + name).payload;
        auto const at = text.find('"' + key + "\":");
        if (at == std::string::npos) return {};
        auto const from = at + key.size() + 3;
        return text.substr(from, text.find_first_of(",}", from) - from);
    }

    world w;
    peer_id admin;
    peer_id worker;
    std::vector<reply> runs;
};

}  // namespace

TEST_CASE("schedules: an interval fires again and again, with the arguments and options it was given",
          "[core]") {
    scheduled s;
    auto const made = s.order("schedule tick add every_ms=1000 priority=high retries=2 tag.a=b", "[5,3]");
    CHECK(made.line == "schedule tick");
    CHECK(
        made.payload.find(
            R"("next_us":[1790000001000000,1790000002000000,1790000003000000,1790000004000000,1790000005000000])") !=
        std::string::npos);
    CHECK(s.run_for(10s) == 10);
    CHECK(s.runs[0].payload == "[5,3]");
    CHECK(s.runs[0].field("priority") == "high");
    CHECK(s.member("tick", "fired") == "10");
    std::set<std::string> ids;
    for (auto const& run : s.runs) ids.insert(run.line.substr(4, 36));
    CHECK(ids.size() == 10);
}

TEST_CASE("schedules: predecessor 15: cron's weekday is the calendar's", "[core]") {
    scheduled s;  // Monday, 21 September 2026, 14:13:20 UTC
    CHECK(s.order("schedule sunday add cron=0_12_*_*_SUN").payload.find(R"("next_us":[1790510400000000,)") !=
          std::string::npos);  // Sunday, the 27th
    CHECK(s.order("schedule seven add cron=0_12_*_*_7").payload.find(R"("next_us":[1790510400000000,)") !=
          std::string::npos);
    CHECK(s.order("schedule monday add cron=0_12_*_*_1").payload.find(R"("next_us":[1790596800000000,)") !=
          std::string::npos);  // today's was before now: the 28th
    CHECK(s.order("schedule berlin add cron=0_12_*_*_1 zone=+02:00")
              .payload.find(R"("next_us":[1790589600000000,)") != std::string::npos);
}

TEST_CASE("schedules: a firing whose task has not ended is skipped, unless they may overlap", "[core]") {
    scheduled s;
    s.order("schedule slow add every_ms=1000");
    s.order("schedule quick add every_ms=1000 overlap=allow");
    CHECK(s.run_for(5s, false) == 1 + 5);
    CHECK(s.member("slow", "fired") == "1");
    CHECK(s.member("slow", "skipped") == "4");
    CHECK(s.member("quick", "fired") == "5");
    for (auto const& run : s.runs) s.w.done(s.worker, run, "success");
    CHECK(s.run_for(2s) == 4);
}

TEST_CASE("schedules: a count, a beginning and an end bound them", "[core]") {
    scheduled s;
    auto const now = s.w.now.wall;
    s.order("schedule thrice add every_ms=1000 count=3");
    CHECK(s.order("schedules thrice")
              .payload.find(R"("next_us":[1790000001000000,1790000002000000,1790000003000000])") !=
          std::string::npos);
    s.order("schedule until add every_ms=1000 until_us=" + micros(now + 2s));
    s.order("schedule later add every_ms=1000 start_us=" + micros(now + 8500ms));
    CHECK(s.run_for(10s) == 3 + 2 + 2);
    CHECK(s.order("schedules thrice").payload.find(R"("next_us":[])") != std::string::npos);
    CHECK(s.member("later", "last_us") == micros(now + 9500ms));
}

TEST_CASE("schedules: one that is said again stays as it is, and a changed one wants to be replaced",
          "[core]") {
    scheduled s;
    s.order("schedule tick add every_ms=1000", "[1]");
    s.run_for(2500ms);
    CHECK(s.order("schedule tick add every_ms=1000 ref=r", "[1]").field("ref") == "r");
    CHECK(s.member("tick", "fired") == "2");
    CHECK(s.order("schedule tick add every_ms=1000", "[2]").line == "error - duplicate");
    CHECK(s.order("schedule tick add every_ms=5000 replace=1", "[2]").line == "schedule tick");
    CHECK(s.member("tick", "fired") == "2");
    CHECK(s.run_for(5s) == 1);
    CHECK(s.runs.back().payload == "[2]");
    CHECK(s.order("unschedule tick").line == "unschedule tick");
    CHECK(s.run_for(10s) == 0);
    CHECK(s.order("unschedule tick").line == "error - unknown_task_name");
}

TEST_CASE("schedules: a pause misses nothing that is made up for, and a trigger is a firing beside the times",
          "[core]") {
    scheduled s;
    s.order("schedule tick add every_ms=1000");
    CHECK(s.order("pause schedule=tick").payload.find(R"("paused":true)") != std::string::npos);
    CHECK(s.run_for(5500ms) == 0);
    CHECK(s.order("trigger tick as=" + text(77)).line == "trigger tick");
    CHECK(s.order("trigger tick as=" + text(77)).line == "trigger tick");  // the same one
    CHECK(s.run_for(500ms) == 1);
    CHECK(s.runs[0].line == "run " + text(77) + " 1 add");
    s.order("resume schedule=tick");
    CHECK(s.run_for(3s) == 3);
    CHECK(s.member("tick", "fired") == "3");
    CHECK(s.member("tick", "run_id") == '"' + text(77) + '"');
    CHECK(s.order("trigger tick as=" + s.runs.back().line.substr(4, 36)).line.ends_with("id_conflict"));
    CHECK(s.order("trigger tick as=x").line == "error - bad_request");
    CHECK(s.order("pause schedule=tock").line == "error - unknown_task_name");
}

TEST_CASE("schedules: a firing beside the times is not counted", "[core]") {
    scheduled s;
    s.order("schedule once add every_ms=1000 count=1");
    CHECK(s.order("trigger once as=" + text(77)).payload.find(R"("fired":0)") != std::string::npos);
    CHECK(s.run_for(5s) == 2);
    CHECK(s.member("once", "fired") == "1");
}

TEST_CASE("schedules: a firing's task says which it is", "[core]") {
    scheduled s;
    s.order("schedule tick add every_ms=1000 tag.kind=t");
    s.run_for(1s, false);
    auto const tasks = s.w.ask1(s.admin, "tasks tag.kind=t").payload;
    CHECK(tasks.find(R"("tags":{"kind":"t"})") != std::string::npos);
    auto const inspected = s.order("inspect " + s.runs[0].line.substr(4, 36)).payload;
    CHECK(inspected.find(R"("firing":"tick@2026-09-21T14:13:21Z")") != std::string::npos);
}

TEST_CASE("schedules: what a schedule cannot be is refused with the reason", "[core]") {
    scheduled s;
    auto const why = [&](std::string const& tokens, std::string const& payload = {}) {
        auto const r = s.order("schedule " + tokens, payload);
        return r.line == "error - bad_request" ? r.payload : r.line;
    };
    CHECK(why("tick add") == "one of every_ms= and cron= says when");
    CHECK(why("tick add every_ms=1 cron=*_*_*_*_*") == "one of every_ms= and cron= says when");
    CHECK(why("tick add every_ms=0").starts_with("every_ms= is 1 to"));
    CHECK(why("tick every_ms=1000") == "the verb takes the schedule's name and the task's");
    CHECK(why("t/ck add every_ms=1000") == "'t/ck' is not 1 to 255 of A-Z a-z 0-9 . _ : -");
    CHECK(why("tick add cron=0_24_*_*_*").find("hours are 0 to 23") != std::string::npos);
    CHECK(why("tick add cron=0_2_*_*_* zone=Mars").find("'Mars' is not known here") != std::string::npos);
    CHECK(why("tick add every_ms=5 countdown_ms=5").find("no meaning") != std::string::npos);
    CHECK(why("tick add every_ms=5 overlap=maybe") == "overlap= is skip or allow");
    CHECK(why("tick add every_ms=5 catch_up=some") == "catch_up= is none, one or all");
    CHECK(why("tick add every_ms=5 count=0") == "count= is a number from 1");
    CHECK(why("tick add every_ms=5 retries=1001").find("retries") != std::string::npos);
    CHECK(why("tick add every_ms=5", std::string(70'000, 'x')).find("8192") != std::string::npos);
    CHECK(s.order("schedules").payload == "[]");
}

TEST_CASE("schedules: their tasks call back where a submitted one may, and nowhere else", "[core]") {
    scheduled s;
    auto const refused = s.order("schedule tick add every_ms=1000 callback=tcp://10.0.0.1:80");
    CHECK(refused.line == "error - not_authorized");
    CHECK(refused.payload.starts_with("a callback to '10.0.0.1' is not allowed here"));
    CHECK(s.order("schedules").payload == "[]");
    CHECK(s.order("schedule tick add every_ms=1000 callback=tcp://127.0.0.1:80").line == "schedule tick");
}

TEST_CASE("schedules: there are only so many, and they are listed in order, page by page", "[core]") {
    auto o = seeded();
    o.limits.max_schedules = 3;
    world w{fresh_disk(), o};
    auto const admin = w.connect(port_role::management);
    for (auto const* name : {"c", "a", "b"})
        w.ask1(admin, "schedule " + std::string{name} + " add every_ms=1000");
    CHECK(w.ask1(admin, "schedule d add every_ms=1000").line == "error - queue_full");
    auto const page = w.ask1(admin, "schedules limit=1 after=a").payload;
    CHECK(page.starts_with(R"([{"name":"b",)"));
    CHECK(page.find(R"("name":"c")") == std::string::npos);
}

TEST_CASE("schedules: a full control plane fires later, and loses no firing", "[core]") {
    auto o = seeded();
    o.limits.max_tasks = 1;
    world w{fresh_disk(), o};
    auto const c = w.connect(port_role::normal);
    auto const admin = w.connect(port_role::management);
    w.ask1(c, "submit " + text(1) + " add countdown_ms=60000");
    w.ask1(admin, "schedule tick add every_ms=10000 count=1");
    w.pass(20s);
    CHECK(w.core.state().tasks.used() == 1);
    w.ask1(c, "cancel " + text(1));
    w.pass(1s);
    CHECK(w.core.state().tasks.used() == 1);
    CHECK(w.ask1(admin, "schedules tick").payload.find(R"("fired":1)") != std::string::npos);
}

TEST_CASE("schedules: after a restart they go on, and what was missed is made up for as they say", "[core]") {
    auto const disk = fresh_disk();
    fq::clock_reading now;
    {
        scheduled s{disk};
        s.order("schedule one add every_ms=60000", "[1]");
        s.order("schedule none add every_ms=60000 catch_up=none", "[2]");
        s.order("schedule all add every_ms=60000 catch_up=all", "[3]");
        s.order("schedule paused add every_ms=60000", "[4]");
        s.order("pause schedule=paused");
        CHECK(s.run_for(61s) == 3);
        now = s.w.now;
    }
    now.wall += 5min + 30s;  // the fifth was half a minute ago
    now.steady += 5min + 30s;
    scheduled s{disk, now};
    s.w.turn();
    CHECK(s.run_for(1s) == 1 + 5);
    CHECK(std::ranges::count(s.runs, "[3]", &reply::payload) == 5);
    CHECK(std::ranges::count(s.runs, "[1]", &reply::payload) == 1);
    CHECK(s.member("none", "fired") == "1");
    CHECK(s.member("paused", "fired") == "0");
    CHECK(s.run_for(60s) == 3);
}

TEST_CASE("schedules: whatever a crash leaves on the disk, no firing is submitted twice and none is lost",
          "[core]") {
    // The crash comes after each number of the writes that two firings make.
    for (fq::policy::store_sequence kept = 0; kept < 10; ++kept) {
        CAPTURE(kept);
        auto const disk = fresh_disk();
        fq::clock_reading now;
        {
            scheduled s{disk};
            s.order("schedule tick add every_ms=10000 overlap=allow", "[1]");
            s.w.commits = false;
            s.w.pass(21s);
            auto const safe = s.w.core.committed_up_to();
            s.w.store.commit_up_to(std::min(safe + kept, s.w.store.flushed()));
            now = s.w.now;
        }
        scheduled s{disk, now};
        s.run_for(9s + 500ms);  // up to the third
        std::set<std::string> ids;
        for (auto const& run : s.runs) CHECK(ids.insert(run.line.substr(4, 36)).second);
        CHECK(s.w.core.state().schedules.size() == 1);
        CHECK(s.member("tick", "last_us") == "1790000030000000");
        // The first one may have been passed over for the second, which came later.
        CHECK(ids.size() >= 2);
        CHECK(ids.size() <= 3);
        CHECK(std::to_string(ids.size()) == s.member("tick", "fired"));
    }
}

TEST_CASE("schedules: a clock that is set back fires nothing a second time", "[core]") {
    scheduled s;
    s.order("schedule tick add every_ms=10000");
    CHECK(s.run_for(25s) == 2);
    s.w.now.wall -= 15s;
    CHECK(s.run_for(20s) == 1);
    s.w.now.wall += 1h;
    CHECK(s.run_for(1s) == 1);  // the latest of those that were passed over
}

TEST_CASE("schedules: a unique key is respected by its firings", "[core]") {
    scheduled s;
    s.order("schedule tick add every_ms=1000 unique=k overlap=allow");
    CHECK(s.run_for(3s, false) == 1);
    CHECK(s.member("tick", "skipped") == "2");
}

TEST_CASE("schedules: names and keys that look like their state harm nobody, over two restarts", "[core]") {
    auto const disk = fresh_disk();
    fq::clock_reading now;
    {
        scheduled s{disk};
        CHECK(s.order("schedule tick add every_ms=1000 s.fired=1").line == "error - bad_request");
        CHECK(s.order("schedule s.tick s.clean every_ms=60000 retries=2 tag.a=b", "[1]").line ==
              "schedule s.tick");
        now = s.w.now;
    }
    for (int i = 0; i < 2; ++i) {
        scheduled s{disk, now};
        CHECK(s.member("s.tick", "definition") == R"("s.tick s.clean every_ms=60000 retries=2 tag.a=b")");
        CHECK(s.member("s.tick", "arguments") == R"("[1]")");
    }
}

TEST_CASE("schedules: what was missed in a long time costs no more than what was missed in a short one",
          "[core]") {
    auto const disk = fresh_disk();
    fq::clock_reading now;
    {
        scheduled s{disk};
        s.order("schedule fast add every_ms=10");
        s.order("schedule minute add cron=*_*_*_*_*");
        s.order("schedule yearly add cron=@yearly");
        now = s.w.now;
    }
    now.wall += 24h * 900;
    now.steady += 1s;
    scheduled s{disk, now};
    s.w.turn();
    CHECK(s.member("fast", "fired") == "1");
    CHECK(s.member("minute", "last_us") == "1867759980000000");  // the last full minute
    CHECK(s.member("yearly", "last_us") == "1861920000000000");  // 2029-01-01
}

TEST_CASE("schedules: one that would never fire is refused, and its times are kept where they stay the same",
          "[core]") {
    scheduled s;
    auto const now = s.w.now.wall;
    CHECK(
        s.order("schedule late add every_ms=1000 until_us=" + micros(now - 1s)).payload.find("never fire") !=
        std::string::npos);
    s.order("schedule hourly add every_ms=3600000", "[1]");
    auto const next = s.member("hourly", "next_us");
    s.run_for(30s);
    s.order("schedule hourly add every_ms=3600000 replace=1", "[2]");
    CHECK(s.member("hourly", "next_us") == next);
}

TEST_CASE("schedules: a trigger whose key another task holds is refused, and its task counts as one before",
          "[core]") {
    scheduled s;
    s.order("schedule tick add every_ms=1000 unique=k");
    s.w.ask1(s.w.connect(port_role::normal), "submit " + text(5) + " add unique=k countdown_ms=9999999");
    auto const refused = s.order("trigger tick as=" + text(77));
    CHECK(refused.line == "error - duplicate");
    CHECK(refused.payload == text(5));
    s.order("schedule slow add every_ms=1000");
    s.order("trigger slow as=" + text(78));
    s.run_for(3s, false);
    CHECK(s.member("slow", "skipped") == "3");
}
