#include <fastqueue/shell/client_loop.hpp>

#include "roles/fixture.hpp"
#include "support/catch.hpp"

#include <asio/use_future.hpp>
#include <atomic>
#include <cstddef>
#include <future>
#include <optional>
#include <thread>
#include <vector>

using namespace roles;

namespace {

// Tells who turns it.
struct watched_tcp : fq::transport::tcp {
    static inline std::atomic<std::size_t> turns_here{0};
    static inline std::atomic<std::thread::id> here{};

    bool turn() {
        if (here.load() == std::this_thread::get_id()) ++turns_here;
        return tcp::turn();
    }
};
struct watched : fq::default_policies {
    using transport_policy = watched_tcp;
};

// Cannot be lent: it has `run`, and that is all.
struct run_only : private fq::transport::tcp {
    using tcp::arm;
    using tcp::attach;
    using tcp::close;
    using tcp::dial;
    using tcp::listen;
    using tcp::now;
    using tcp::run;
    using tcp::send;
    using tcp::stop;
    using tcp::stop_listening;
    using tcp::wake;
};
struct not_lent : fq::default_policies {
    using transport_policy = run_only;
};
static_assert(!fq::policy::turnable_transport<run_only>);

}  // namespace

TEST_CASE("client_loop: who calls alone turns the loop itself", "[roles]") {
    plane there;
    fq::basic_client<watched> client{there.client()};
    watched_tcp::here = std::this_thread::get_id();
    watched_tcp::turns_here = 0;
    for (int i = 0; i < 200; ++i) REQUIRE(client.call(add(i, 1)) == i + 1);
    CHECK(watched_tcp::turns_here >
          20);  // all but the first few, but a busy machine may be slow to call again
    watched_tcp::here = std::thread::id{};
}

TEST_CASE("client_loop: a transport that only runs is run by the loop's own thread", "[roles]") {
    plane there;
    fq::basic_client<not_lent> client{there.client()};
    for (int i = 0; i < 20; ++i) REQUIRE(client.call(add(i, 1)) == i + 1);
}

TEST_CASE("client_loop: nobody waits for the call of another one", "[roles]") {
    auto options = plane::usual();
    options.local_concurrency = 2;
    plane there{usual_tasks(), options};
    fq::client client{there.client()};
    for (int i = 0; i < 50; ++i) REQUIRE(client.call(add(i, 1)) == i + 1);
    auto const id = client.delay(sleep_ms(20'000));
    std::atomic<bool> ended{false};
    std::thread long_one{[&] {  // turns the loop, if anybody does
        static_cast<void>(client.wait<int>(id, 20s));
        ended = true;
    }};
    for (int i = 0; i < 100; ++i) {
        REQUIRE(client.async_call(add(i, 1), asio::use_future).get().value() == i + 1);
        REQUIRE(client.call(add(i, 2)) == i + 2);
    }
    CHECK_FALSE(ended);
    client.cancel(id);
    long_one.join();
}

TEST_CASE("client_loop: calls, crowds of calls and operations without a caller take turns", "[roles]") {
    plane there;
    fq::client client{there.client()};
    std::atomic<int> wrong{0};
    auto const call_often = [&](int from) {
        for (int i = from; i < from + 100; ++i)
            if (client.call(add(i, 1)) != i + 1) ++wrong;
    };
    for (int round = 0; round < 5; ++round) {
        call_often(round);
        std::vector<std::thread> crowd;
        for (int t = 0; t < 4; ++t) crowd.emplace_back(call_often, 1000 * t);
        std::vector<std::future<fq::outcome<int>>> futures;
        for (int i = 0; i < 100; ++i) futures.push_back(client.async_call(add(i, 3), asio::use_future));
        for (int i = 0; i < 100; ++i)
            if (futures[static_cast<std::size_t>(i)].get().value() != i + 3) ++wrong;
        for (auto& t : crowd) t.join();
    }
    CHECK(wrong == 0);
}

TEST_CASE("client_loop: a call's own time-out ends it, whoever turns the loop", "[roles]") {
    plane there;
    auto options = there.client();
    options.timeout = 100ms;
    fq::client client{options};
    for (int i = 0; i < 20; ++i) REQUIRE(client.call(add(i, 1)) == i + 1);
    try {
        static_cast<void>(client.call(sleep_ms(5000)));
        FAIL("it came back");
    } catch (fq::error const& e) {
        CHECK(e.code() == fq::make_error_code(fq::errc::timed_out));
    }
}

TEST_CASE("client_loop: what callers left unturned is looked after again", "[roles]") {
    std::optional<plane> there{std::in_place};
    fq::client client{there->client()};
    auto const ports = there->same_ports();
    for (int i = 0; i < 50; ++i) REQUIRE(client.call(add(i, 1)) == i + 1);
    there.reset();  // the loop has been lent: who hears of it?
    there.emplace(usual_tasks(), ports);
    for (int i = 0; i < 50; ++i) REQUIRE(client.call(add(i, 1)) == i + 1);
}
