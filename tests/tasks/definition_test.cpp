#include <fastqueue/tasks/definition.hpp>
#include <fastqueue/tasks/task_tokens.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace fq = fastqueue;

namespace {

fq::invocation_result count(void const* state, fq::context&, std::string_view content,
                            std::string_view arguments, std::string& out) {
    if (arguments == "throw") throw std::bad_alloc{};
    out.append(content).append(arguments).append(std::to_string(*static_cast<int const*>(state)));
    return {};
}

fq::task_definition make() {
    return {"count",
            {{"x", "integer", false}, {"", "string", true}},
            "null",
            std::make_shared<int const>(5),
            {{"json", &count}, {"cbor", &count}}};
}

}  // namespace

TEST_CASE("task_definition: runs the invoker of the content type, JSON where none is said", "[tasks]") {
    auto const task = make();
    fq::context ctx{{}, 1, "count", std::stop_token{}};
    std::string out = "left over";
    CHECK(task.invoke(ctx, "", "[]", out).ok());
    CHECK(out == "json[]5");
    CHECK(task.invoke(ctx, "cbor", "x", out).ok());
    CHECK(out == "cborx5");
    CHECK(task.invoke(ctx, "xml", "x", out).code == fq::errc::unsupported_content);
    auto const thrown = task.invoke(ctx, "json", "throw", out);
    CHECK(thrown.code == fq::errc::handler_error);
    CHECK_FALSE(thrown.is_final);
    CHECK(out == "std::bad_alloc");
}

TEST_CASE("task_definition: shows its signature", "[tasks]") {
    CHECK(make().signature() == "count(x: integer, string = ...) -> null");
    CHECK(make().describe("counts").description() == "counts");
}

TEST_CASE("write_error_text: is UTF-8 whatever came, and bounded at the end of a character", "[tasks]") {
    std::string out = "old";
    fq::write_error_text(out, "a\xff\u00e9\xe2\x82");
    CHECK(out == "a\uFFFD\u00e9\uFFFD\uFFFD");
    std::string many(fq::max_error_text - 1, 'x');
    fq::write_error_text(out, many + "\u00e9z");
    CHECK(out == many);
}

TEST_CASE("definition: hooks of its own run before and after each run, and see how it ended", "[tasks]") {
    auto task = make();
    std::vector<std::string> seen;
    task.before([&](fq::context& ctx) { seen.push_back("before " + std::to_string(ctx.attempt())); });
    task.after([&](fq::context&, fq::finished_run const& run) {
        seen.push_back((run.ok() ? "after " : "failed ") + std::string{run.text});
    });
    std::string out;
    fq::context ctx{{}, 2, "count", std::stop_token{}};
    CHECK(task.invoke(ctx, "json", "[1]", out).ok());
    CHECK(out == "json[1]5");
    CHECK_FALSE(task.invoke(ctx, "json", "throw", out).ok());
    CHECK(seen ==
          std::vector<std::string>{"before 2", "after json[1]5", "before 2", "failed std::bad_alloc"});
}

TEST_CASE("definition: what a hook throws is the task's error", "[tasks]") {
    std::string out;
    fq::context ctx{{}, 1, "count", std::stop_token{}};
    auto guarded = make();
    guarded.before([](fq::context&) { throw fq::permanent_failure{"not today"}; });
    auto const refused = guarded.invoke(ctx, "json", "[1]", out);
    CHECK(refused.is_final);
    CHECK(out == "not today");
    auto checked = make();
    checked.after(
        [](fq::context&, fq::finished_run const&) { throw std::runtime_error{"the books do not balance"}; });
    CHECK(checked.invoke(ctx, "json", "[1]", out).code == fq::errc::handler_error);
    CHECK(out == "the books do not balance");
    CHECK_FALSE(checked.invoke(ctx, "json", "throw", out).ok());
    CHECK(out == "std::bad_alloc");  // the run's own error stands
}

TEST_CASE("definition: it says how its tasks are treated", "[tasks]") {
    using namespace std::chrono_literals;
    auto task = make();
    task.retries(3).retry_delay(100ms, 3).timeout(5s).describe("counts");
    CHECK(task.options().retries == 3);
    CHECK(task.options().retry_delay_ms == 100);
    CHECK(task.options().timeout_ms == 5000);
    CHECK_THROWS_AS(task.retries(1001), fq::error);
    CHECK(fq::detail::default_tokens(task.options()) ==
          "retries=3 retry_delay_ms=100 retry_backoff=3 retry_max_ms=600000 timeout_ms=5000");
    CHECK(fq::detail::default_tokens(make().options()).empty());
}
