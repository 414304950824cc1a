#include <fastqueue/core/run_desk.hpp>

#include "core/plane_fixture.hpp"

#include <random>
#include <set>

using namespace plane_test;

namespace {

/// Workers that do anything, clients that ask for anything, and time that passes: all by one seed.
class chaos {
public:
    explicit chaos(std::uint64_t seed) : random{seed}, w{options()} {
        for (auto const role : {port_role::critical, port_role::normal, port_role::low})
            clients.push_back(w.connect(role));
    }
    void step() {
        switch (below(12)) {
            case 0:
            case 1:
            case 2:
                return ask_task();
            case 3:
                return enroll();
            case 4:
                return lose_worker();
            case 5:
            case 6:
            case 7:
                return work();
            case 8:
                return w.pass(std::chrono::milliseconds{below(4000)});
            case 9:
                return ask_about();
            case 10:
                return links();
            default:
                return beat();
        }
    }
    /// Everything bad ends; one good worker does what is left.
    void heal() {
        for (auto& [name, f] : fleet) {
            for (auto const peer : f.peers) w.disconnect(peer);
        }
        fleet.clear();
        w.refuse_dials();
        w.pass(40s);
        auto const good = w.worker("good", "concurrency=4 window=64", R"("a","b")", 999'999);
        for (int i = 0; i < 3000 && w.core.state().tasks.used() > 0; ++i) {
            for (auto const& r : w.take(good)) {
                count_run(r);
                if (r.line.starts_with("run"))
                    w.say(good, "done " + world::lease(r) + " success took_us=100", "8");
            }
            w.turn();
            w.pass(50ms);
            if (i % 50 == 0) w.say(good, "heartbeat good incarnation=" + text(999'999));
        }
        collect();
    }
    void check() {
        CHECK(w.core.state().tasks.used() == 0);
        CHECK(w.core.state().terms.used() == 0);
        CHECK(w.core.state().task_octets == 0);
        CHECK(w.core.state().dispatch.waiting() == 0);
        for (auto const& [ref, count] : expected) {
            CAPTURE(ref);
            CHECK(answers[ref] == count);
        }
        for (auto const& [id_text, runs] : once) {
            CAPTURE(id_text);
            CHECK(runs.sent <= 1 + runs.returned);
        }
        auto const& c = w.core.state().counters;
        CHECK(c.submitted == c.succeeded + c.failed + c.cancelled + c.expired);
        CHECK(w.core.idle());
        for (auto const peer : clients)
            CHECK(w.core.state().peers[w.core.state().peers.find(peer)].outstanding == 0);
    }
    fq::core::plane_counters const& counters() const { return w.core.state().counters; }

private:
    struct fake {
        std::uint64_t incarnation = 0;
        std::string fields;
        std::vector<peer_id> peers;  // its management connection, then its links
        std::vector<std::string> held;
    };
    struct tally {
        int sent = 0;
        int returned = 0;
    };

    static fq::core::plane_options options() {
        auto o = world::usual();
        o.inactive = 12s;
        o.heartbeat = 3s;
        o.limits.max_tasks = 200;
        o.result_cache_size = 20;
        o.id_ledger_size = 500;
        return o;
    }
    std::uint64_t below(std::uint64_t n) { return random() % n; }
    fake* any() {
        if (fleet.empty()) return nullptr;
        auto at = fleet.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(below(fleet.size())));
        return &at->second;
    }

    void ask_task() {
        auto const n = ++last_id;
        auto const ref = std::to_string(++last_ref);
        std::string o = " ref=" + ref;
        bool const at_most_once = below(4) == 0;  // without retries, which would be runs that were asked for
        if (!at_most_once && below(3) == 0) o += " retries=2 retry_delay_ms=" + std::to_string(below(500));
        if (below(4) == 0) o += " timeout_ms=" + std::to_string(1 + below(3000));
        if (below(5) == 0) o += " expires_ms=" + std::to_string(below(5000));
        if (below(6) == 0) o += " countdown_ms=" + std::to_string(below(4000));
        if (at_most_once) {
            o += " delivery=at_most_once";
            once[text(n)];
        }
        if (below(3) == 0) o += " priority=high";
        bool const call = below(2) == 0;
        bool const both = !call && below(2) == 0;
        if (both) o += " reply=both";
        auto const peer = clients[below(clients.size())];
        w.say(peer, (call ? "call " : "submit ") + text(n) + (below(2) == 0 ? " a" : " b") + o, "[1]");
        expected[ref] = both ? 2 : 1;
        w.turn();
        collect();
    }
    void ask_about() {
        auto const n = text(1 + below(last_id + 1));
        auto const ref = std::to_string(++last_ref);
        auto const peer = clients[below(clients.size())];
        static constexpr std::string_view verbs[] = {"get ", "cancel ", "forget ", "wait "};
        w.say(peer, std::string{verbs[below(4)]} + n + " ref=" + ref);
        expected[ref] = 1;
        w.turn();
        collect();
    }
    void enroll() {
        auto const name = "w" + std::to_string(below(5));
        auto& f = fleet[name];
        bool const fresh = f.incarnation == 0;
        if (fresh || below(4) == 0) {
            f.incarnation = 1'000'000 + ++last_id;
            f.fields =
                "concurrency=" + std::to_string(1 + below(3)) + " window=" + std::to_string(1 + below(8));
            if (below(2) == 0) f.fields += " address=tcp://127.0.0.1:" + std::to_string(6000 + below(100));
            if (below(3) == 0) f.fields += " pack=1";
        }
        std::string runs;
        std::vector<std::string> kept;
        for (auto const& lease : f.held) {
            if (below(4) == 0) continue;
            kept.push_back(lease);
            if (!runs.empty()) runs += ',';
            runs += "[\"" + lease.substr(0, 36) + "\"," + lease.substr(37) + ']';
        }
        if (f.peers.empty() || below(3) == 0)
            f.peers.insert(f.peers.begin(), w.connect(port_role::management));
        w.say(f.peers.front(), world::registration(name, f.incarnation, f.fields),
              world::document(below(2) == 0 ? R"("a")" : R"("a","b")", runs));
        w.turn();
        f.held = kept;
        collect();
    }
    void lose_worker() {
        auto* const f = any();
        if (f == nullptr || f->peers.empty()) return;
        auto const at = below(f->peers.size());
        auto const peer = f->peers[at];
        f->peers.erase(f->peers.begin() + static_cast<std::ptrdiff_t>(at));
        if (below(2) == 0) f->held.clear();
        w.disconnect(peer);
        collect();
    }
    void links() {
        if (below(4) == 0)
            return w.refuse_dials(below(2) == 0 ? fq::errc::refused : fq::errc::connection_lost);
        auto const peers = w.accept_dials();
        auto* const f = any();  // whoever it was meant for: a worker's words may come over any connection
        if (f != nullptr) f->peers.insert(f->peers.end(), peers.begin(), peers.end());
        collect();
    }
    void beat() {
        for (auto& [name, f] : fleet) {
            if (!f.peers.empty() && below(3) != 0)
                w.say(f.peers.front(),
                      "heartbeat " + name + " incarnation=" + text(f.incarnation) + " running=0");
        }
        if (below(20) == 0) w.freeze(std::chrono::seconds{below(60)});
        auto* const f = any();
        if (f != nullptr && !f->peers.empty() && below(10) == 0) {
            for (auto const& [name, other] : fleet) {
                if (&other == f)
                    w.say(f->peers.front(), "unregister " + name + " incarnation=" + text(f->incarnation));
            }
        }
        w.turn();
        collect();
    }
    void work() {
        auto* const f = any();
        if (f == nullptr || f->peers.empty() || f->held.empty()) return;
        auto const at = below(f->held.size());
        auto lease = f->held[at];
        auto const peer = f->peers[below(f->peers.size())];
        if (below(3) == 0) {
            w.say(peer, "began " + lease);
        } else {
            static constexpr std::string_view ends[] = {" success took_us=100", " failure",
                                                        " failure final=1",     " returned",
                                                        " cancelled",           " success took_us=50000"};
            auto const end = std::string{ends[below(6)]};
            if (below(8) != 0)
                f->held.erase(f->held.begin() + static_cast<std::ptrdiff_t>(at));  // else it says it twice
            if (end == " returned") {
                if (auto const o = once.find(lease.substr(0, 36)); o != once.end()) ++o->second.returned;
            }
            if (below(10) == 0) lease += '7';
            w.say(peer, "done " + lease + end, "x");
        }
        w.turn();
        collect();
    }
    void count_run(reply const& r) {
        if (!r.line.starts_with("run")) return;
        if (auto const at = once.find(r.line.substr(4, 36)); at != once.end()) ++at->second.sent;
    }
    void collect() {
        for (auto const peer : clients) {
            for (auto const& r : w.take(peer)) ++answers[r.field("ref")];
        }
        for (auto& [name, f] : fleet) {
            for (auto const peer : f.peers) {
                for (auto const& r : w.take(peer)) {
                    count_run(r);
                    if (r.line.starts_with("run")) f.held.push_back(world::lease(r));
                }
            }
        }
    }

    std::mt19937_64 random;
    world w;
    std::vector<peer_id> clients;
    std::map<std::string, fake> fleet;
    std::map<std::string, int> expected;
    std::map<std::string, int> answers;
    std::map<std::string, tally> once;
    std::uint64_t last_id = 0;
    std::uint64_t last_ref = 0;
};

}  // namespace

TEST_CASE(
    "plane: whatever workers and clients do, each request is answered once, and nothing is left when all is "
    "well again",
    "[core]") {
    auto const first = std::random_device{}() % 1'000'000;
    fq::core::plane_counters all;
    for (std::uint64_t seed = first; seed < first + 24; ++seed) {
        CAPTURE(seed);
        chaos c{seed};
        for (int i = 0; i < 600; ++i) c.step();
        c.heal();
        c.check();
        all.submitted += c.counters().submitted;
        all.redelivered += c.counters().redelivered;
        all.returned += c.counters().returned;
        all.retried += c.counters().retried;
        all.stale_answers += c.counters().stale_answers;
    }
    CHECK(all.submitted > 500);  // it did meet what it is there for
    CHECK(all.redelivered > 50);
    CHECK(all.returned > 10);
    CHECK(all.retried > 5);
    CHECK(all.stale_answers > 10);
}
