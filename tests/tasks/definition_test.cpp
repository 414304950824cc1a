#include <fastqueue/tasks/definition.hpp>

#include "support/catch.hpp"

#include <memory>
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
