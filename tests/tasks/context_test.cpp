#include <fastqueue/tasks/context.hpp>

#include "support/catch.hpp"

namespace fq = fastqueue;

namespace {

class bridge final : public fq::stop_source_bridge {
public:
    [[nodiscard]] bool stop_requested() const noexcept override { return source.stop_requested(); }
    [[nodiscard]] std::stop_token token() override { return source.get_token(); }
    std::stop_source source;
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
