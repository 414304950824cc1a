#include <fastqueue/shell/client_driver.hpp>

#include "core/machine_fixture.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fq = fastqueue;
using fq::peer_id;

namespace {

/// Does as it is told, and writes down what the client wants.
class scripted {
public:
    void attach(fq::policy::transport_sink& s) noexcept { sink = &s; }
    std::error_code listen(fq::endpoint const&, std::uint32_t, fq::endpoint&) {
        return make_error_code(fq::errc::stopped);
    }
    void stop_listening() noexcept {}
    peer_id dial(fq::endpoint const&, std::uint32_t) { return static_cast<peer_id>(++dials); }
    std::error_code send(peer_id, std::span<std::string_view const> frames) {
        ++messages;
        fq::wire::pair_cursor cursor{frames};
        for (fq::wire::pair pair; cursor.next(pair);) asked.emplace_back(pair.header);
        return {};
    }
    void flush() noexcept { written = asked.size(); }
    void close(peer_id) noexcept {}
    void arm(std::optional<fq::instant>) noexcept {}
    [[nodiscard]] fq::clock_reading now() const noexcept { return time; }
    void wake() noexcept {}

    /// What came of an event: the end of its turn.
    void end_turn() {
        sink->turn_end();
        flush();
    }

    fq::policy::transport_sink* sink = nullptr;
    std::uint64_t dials = 0;
    std::size_t messages = 0;
    fq::clock_reading time{fq::instant{std::chrono::hours{1}}, {}};
    std::vector<std::string> asked;  ///< headers, of all that was sent
    std::size_t written = 0;         ///< so many of them are on their way
};
static_assert(fq::policy::flushes<scripted>);

struct policies : fq::default_policies {
    using transport_policy = scripted;
};
using driver = fq::shell::client_driver<policies>;

fq::core::client_request call(std::uint64_t n) {
    fq::core::client_request request;
    request.verb = "call";
    request.tokens = ' ' + core_test::text(n) + " add";
    return request;
}

/// Asks for another one as soon as it is answered.
class insatiable final : public fq::shell::answer_handler {
public:
    explicit insatiable(driver& d) : driver_{d} {}
    void answered(fq::core::client_answer const& answer) noexcept override {
        failed += answer.error ? 1U : 0U;
        driver_.post(call(++asked), *this);
        if (twice && !answer.error) driver_.post(call(++asked), *this);
    }
    std::uint64_t asked = 0;
    std::size_t failed = 0;
    bool twice = false;

private:
    driver& driver_;
};

/// A client with so many calls on their way.
struct rig {
    explicit rig(std::uint64_t calls, fq::core::client_options options = {}) : client{options, nullptr} {
        for (; more.asked < calls;) client.begin(call(++more.asked), more);
        net.sink->opened(peer_id{1}, {});
        net.end_turn();
        tell(peer_id{1}, "FQ1 nodes", machine_test::nodes("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5560", 7));
        net.end_turn();
        net.sink->opened(peer_id{2}, {});
        net.end_turn();
        REQUIRE(net.asked.size() == 1 + calls);  // "discover" was the first
    }
    void tell(peer_id from, std::string const& header, std::string const& payload) {
        std::vector<std::string_view> const frames{header, payload};
        net.sink->message(from, frames);
    }
    /// Answers `count` of the calls in one message, the oldest first.
    void answer(std::size_t count) {
        fq::wire::pair_writer pairs;
        for (; count > 0; --count) {
            fq::wire::header h;
            REQUIRE_FALSE(h.parse(net.asked[++answered], 8192));
            auto header = pairs.begin("result");
            header.token(h.positional()[0]).token("success").field("ref", h.get("ref"));
            pairs.finish("8");
        }
        std::vector<std::string_view> frames;
        pairs.frames(fq::wire::form::packed, {}, frames);
        net.sink->message(peer_id{2}, frames);
    }

    driver client;
    scripted& net = client.transport();
    insatiable more{client};
    std::size_t answered = 0;
};

}  // namespace

TEST_CASE(
    "client driver: 32 calls that answers have led to are on their way before the next answers are read",
    "[shell]") {
    rig r{100};
    auto const before = r.net.messages;
    r.answer(32);
    CHECK(r.net.written == 1 + 132);
    r.answer(31);  // few can wait until the turn ends
    CHECK(r.net.asked.size() == 1 + 132);
    r.answer(1);
    CHECK(r.net.written == 1 + 164);
    r.net.end_turn();
    CHECK(r.net.written == 1 + 164);
    CHECK(r.net.messages == before + 2);
    CHECK(r.more.failed == 0);
}

TEST_CASE("client driver: fewer calls leave at the end of the turn, all in one message", "[shell]") {
    rig r{10};
    auto const before = r.net.messages;
    r.answer(10);
    CHECK(r.net.written == 1 + 10);
    r.net.end_turn();
    CHECK(r.net.written == 1 + 20);
    CHECK(r.net.messages == before + 1);
}

TEST_CASE("client driver: a process that stood still hears all answers that are there before it gives one up",
          "[shell]") {
    rig r{100};
    r.net.time.steady += std::chrono::minutes{1};
    r.answer(64);
    r.answer(36);
    CHECK(r.more.failed == 0);
    r.net.end_turn();
    CHECK(r.more.failed == 0);
}

TEST_CASE("client driver: who is told that his call cannot be started may ask for another one", "[shell]") {
    fq::core::client_options few;
    few.max_pending = 64;
    rig r{64, few};
    r.more.twice = true;  // so each answer asks for one more than there is room for
    r.answer(40);
    CHECK(r.more.failed > 0);
    r.net.end_turn();
    CHECK(r.client.machine().pending() == 64);
}
