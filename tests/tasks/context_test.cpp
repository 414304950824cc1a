#include <fastqueue/tasks/context.hpp>

#include "support/catch.hpp"

#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fq = fastqueue;

namespace {

class bridge final : public fq::run_host {
public:
    [[nodiscard]] bool stop_requested() const noexcept override { return source.stop_requested(); }
    [[nodiscard]] std::stop_token token() override { return source.get_token(); }
    void progress(std::string_view text) noexcept override { told.emplace_back(text); }
    std::stop_source source;
    std::vector<std::string> told;
};

}  // namespace

TEST_CASE("context: tells the run and follows a stop token", "[tasks]") {
    auto const id = fq::task_id::make_v4();
    std::stop_source source;
    fq::context const ctx{id, 3, "add", source.get_token()};
    CHECK(ctx.id() == id);
    CHECK(ctx.attempt() == 3);
    CHECK(ctx.name() == "add");
    CHECK_FALSE(ctx.stop_requested());
    source.request_stop();
    CHECK(ctx.stop_requested());
    CHECK(ctx.stop().stop_requested());
}

TEST_CASE("context: follows a bridge where there is no token", "[tasks]") {
    bridge far;
    fq::context const ctx{{}, 1, "add", far};
    CHECK_FALSE(ctx.stop_requested());
    auto const token = ctx.stop();
    far.source.request_stop();
    CHECK(ctx.stop_requested());
    CHECK(token.stop_requested());
}

TEST_CASE("context: progress is told as JSON", "[tasks]") {
    bridge far;
    fq::context ctx{{}, 1, "add", far};
    ctx.progress(40);
    ctx.progress(std::map<std::string, int>{{"done", 3}});
    CHECK(far.told == std::vector<std::string>{"40", R"({"done":3})"});
}

TEST_CASE("context: progress that is too long, or no JSON, is refused and nothing is told", "[tasks]") {
    bridge far;
    fq::context ctx{{}, 1, "add", far};
    CHECK_THROWS_WITH(ctx.progress(std::string(5000, 'x')),
                      Catch::Contains("5002 octets, over the limit of 4096"));
    CHECK_THROWS_AS(ctx.progress(std::numeric_limits<double>::quiet_NaN()), fq::error);
    CHECK(far.told.empty());
}

TEST_CASE("context: where nobody hosts the run, progress goes nowhere", "[tasks]") {
    fq::context ctx{{}, 1, "add", std::stop_token{}};
    CHECK_NOTHROW(ctx.progress(1));
}
