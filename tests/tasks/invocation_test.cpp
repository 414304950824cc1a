#include <fastqueue/tasks/invocation.hpp>

#include "support/catch.hpp"

#include <fastqueue/tasks/handle.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

namespace fq = fastqueue;
using namespace std::chrono_literals;

namespace {

inline constexpr fq::task<int(int, int)> add{"add", "x", "y"};
inline constexpr fq::task<double(double, std::optional<int>)> scale{"scale"};

std::string problem(auto&& set) {
    auto call = add(5, 3);
    try {
        set(call);
    } catch (fq::error const& e) {
        return e.code() == fq::errc::bad_option ? e.text() : "other code";
    }
    return "none";
}

template <class... Ts>
concept can_scale = requires(Ts... arguments) {
    scale(arguments...);
};

}  // namespace

TEST_CASE("invocation: a handle gives name, arguments and result type", "[tasks]") {
    auto const call = add(5, 3);
    static_assert(std::is_same_v<decltype(call)::result_type, int>);
    CHECK(call.name() == "add");
    CHECK(call.arguments() == "[5,3]");
    CHECK(call.content() == "json");
    CHECK(call.id().empty());
    static_assert(add.names().size() == 2);
}

TEST_CASE("invocation: arguments are converted to the parameters' types before they are sent", "[tasks]") {
    CHECK(scale(2, 3).arguments() == "[2,3]");
    CHECK(scale(1.5).arguments() == "[1.5]");
    CHECK(scale(1.5, std::nullopt).arguments() == "[1.5,null]");
    CHECK(add(true, 2).arguments() == "[1,2]");
    static_assert(can_scale<double>);
    static_assert(!can_scale<double, int, int>);
}

TEST_CASE("invocation: can be made by name alone", "[tasks]") {
    auto const call = fq::invoke<std::string>("greet", "Ann", 5);
    static_assert(std::is_same_v<decltype(call)::result_type, std::string>);
    CHECK(call.name() == "greet");
    CHECK(call.arguments() == R"(["Ann",5])");
    CHECK_THROWS_AS(fq::invoke<int>("no name"), fq::error);
    CHECK_THROWS_AS(fq::invoke<int>(""), fq::error);
    CHECK_THROWS_AS(fq::invoke<int>("f", std::numeric_limits<double>::infinity()), fq::error);
}

TEST_CASE("invocation: options are set fluently", "[tasks]") {
    auto const id = fq::task_id::make_v4();
    auto const call = add(5, 3)
                          .at(fq::priority::critical)
                          .retries(3)
                          .retry_delay(250ms, 1.5, 2s)
                          .retry_jitter(0.5)
                          .timeout(2s)
                          .soft_timeout(1500us)
                          .countdown(1min)
                          .expires_in(1h)
                          .at_most_once()
                          .id(id)
                          .key("user-7")
                          .with_meta();
    auto const& o = call.options();
    CHECK(o.priority == fq::priority::critical);
    CHECK(o.retries == 3);
    CHECK(o.retry_delay_ms == 250);
    CHECK(o.retry_backoff == 1.5);
    CHECK(o.retry_max_ms == 2000);
    CHECK(o.retry_jitter == 0.5);
    CHECK(o.timeout_ms == 2000);
    CHECK(o.soft_timeout_ms == 2);  // rounded up
    CHECK(o.countdown_ms == 60'000);
    CHECK(o.expires_ms == 3'600'000);
    CHECK(o.delivery == fq::delivery::at_most_once);
    CHECK(o.meta);
    CHECK(call.id() == id);
    CHECK(call.key() == "user-7");
    CHECK(call.arguments() == "[5,3]");
}

TEST_CASE("invocation: the later of two options that exclude each other stands", "[tasks]") {
    auto const when = std::chrono::sys_time<std::chrono::milliseconds>{1'700'000'000'123ms};
    auto call = add(5, 3);
    call.countdown(1s).eta(when);
    CHECK_FALSE(call.options().countdown_ms);
    CHECK(call.options().eta_us == 1'700'000'000'123'000U);
    call.countdown(0s).expires_in(1s).expires_at(when);
    CHECK(call.options().countdown_ms == 0U);
    CHECK_FALSE(call.options().eta_us);
    CHECK_FALSE(call.options().expires_ms);
    CHECK(call.options().expires_us == 1'700'000'000'123'000U);
    call.expires_in(1s);
    CHECK_FALSE(call.options().expires_us);
}

TEST_CASE("invocation: values out of range are refused and name the option", "[tasks]") {
    CHECK(problem([](auto& c) { c.retries(1001); }) == "retries: at most 1000");
    CHECK(problem([](auto& c) { c.retries(1000); }) == "none");
    CHECK(problem([](auto& c) { c.timeout(0s); }).starts_with("timeout: "));
    CHECK(problem([](auto& c) { c.timeout(-1s); }) == "timeout: a duration must not be negative");
    CHECK(problem([](auto& c) {
              c.timeout(std::chrono::duration<double>{std::numeric_limits<double>::quiet_NaN()});
          }) == "timeout: a duration must not be negative");
    CHECK(problem([](auto& c) { c.timeout(std::chrono::hours::max()); }) ==
          "timeout: the duration is too long");
    CHECK(problem([](auto& c) { c.countdown(std::chrono::duration<double>{1e300}); }) ==
          "countdown: the duration is too long");
    CHECK(problem([](auto& c) { c.eta(std::chrono::sys_time<std::chrono::seconds>{-1s}); }) ==
          "eta: the time is before 1970");
    CHECK(problem([](auto& c) { c.retry_delay(1s, 0.5); }).starts_with("retry_delay: "));
    CHECK(problem([](auto& c) {
              c.retry_delay(1s, std::numeric_limits<double>::quiet_NaN());
          }).starts_with("retry_delay: "));
    CHECK(problem([](auto& c) { c.retry_jitter(1.5); }) == "retry_jitter: the part is 0 to 1");
    CHECK(problem([](auto& c) { c.retry_jitter(-0.1); }).starts_with("retry_jitter: "));
    CHECK(problem([](auto& c) { c.key(""); }).starts_with("key: "));
    CHECK(problem([](auto& c) { c.key("a b"); }).starts_with("key: "));
    CHECK(problem([](auto& c) { c.key("a=\n"); }).starts_with("key: "));
    CHECK(problem([](auto& c) { c.id({}); }).starts_with("id: "));
}

TEST_CASE("invocation: is a value that can be copied and sent again", "[tasks]") {
    auto const once = add(5, 3).retries(2);
    auto again = once;
    again.retries(4);
    CHECK(once.options().retries == 2);
    CHECK(again.options().retries == 4);
    CHECK(again.arguments() == once.arguments());
}
