#include <fastqueue/tasks/registry.hpp>

#include "serialization/types.hpp"
#include "support/catch.hpp"

#include <fastqueue/serialization/portable_binary.hpp>
#include <fastqueue/tasks/failure.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fq = fastqueue;
using fq::errc;

namespace {

inline constexpr fq::task<int(int, int)> add{"add", "x", "y"};
inline constexpr fq::task<std::string(std::string, std::optional<std::string>)> greet{"greet", "name",
                                                                                      "greeting"};

// What a run gave: `8`, or `bad_arguments!: text`, with a `!` where trying again is useless.
std::string run(fq::registry const& r, std::string_view name, std::string_view arguments,
                std::string_view content = "json", std::stop_token stop = {}) {
    fq::context ctx{{}, 1, name, stop};
    std::string out = "left over";
    auto const result = r.find(name)->invoke(ctx, content, arguments, out);
    if (result.ok()) return out;
    return std::string{name_of(result.code)} + (result.is_final ? "!: " : ": ") + out;
}

std::string define_problem(auto&& define) {
    try {
        define();
    } catch (fq::error const& e) {
        return std::string{name_of(static_cast<errc>(e.code().value()))} + ": " + e.text();
    }
    return "none";
}

int twice(int x) noexcept { return 2 * x; }

struct with_state {
    std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);
    int operator()(int x) const { return x + ++*calls; }
};

}  // namespace

TEST_CASE("registry: runs a task by position and by name", "[tasks]") {
    fq::registry r;
    r.define(add, [](int x, int y) { return x - y; });
    CHECK(run(r, "add", "[5,3]") == "2");
    CHECK(run(r, "add", R"({"y":3,"x":5})") == "2");
    CHECK(run(r, "add", "[5,3]", "") == "2");
}

TEST_CASE("registry: takes functions, lambdas, function objects, and auto parameters with a handle",
          "[tasks]") {
    fq::registry r;
    r.define("function", twice, "x");
    r.define("pointer", &twice);
    r.define("object", with_state{});
    r.define(add, [](auto x, auto y) { return x + y; });
    r.define("empty", [] {});
    CHECK(run(r, "function", R"({"x":4})") == "8");
    CHECK(run(r, "pointer", "[4]") == "8");
    CHECK(run(r, "object", "[10]") == "11");
    CHECK(run(r, "object", "[10]") == "12");
    CHECK(run(r, "add", "[1,2]") == "3");
    CHECK(run(r, "empty", "") == "null");
    CHECK(run(r, "empty", "[]") == "null");
    CHECK(run(r, "empty", "{}") == "null");
}

TEST_CASE("registry: handlers take values, references, containers and structs", "[tasks]") {
    fq::registry r;
    r.define("sort", [](std::vector<int>& v) { return v = {v.rbegin(), v.rend()}; });
    r.define("own", [](std::vector<int>&& v) { return v.size(); });
    r.define("read",
             [](std::string const& s, std::optional<int> n) { return s + std::to_string(n.value_or(-1)); });
    r.define(
        "scale", [](types::box b, int by) { return b.width *= by, b; }, "box", "by");
    CHECK(run(r, "sort", "[[1,2]]") == "[2,1]");
    CHECK(run(r, "own", "[[1,2]]") == "2");
    CHECK(run(r, "read", "[\"a\"]") == "\"a-1\"");
    CHECK(run(r, "read", "[\"a\",null]") == "\"a-1\"");
    CHECK(run(r, "read", "[\"a\",7]") == "\"a7\"");
    CHECK(run(r, "scale", R"({"by":2,"box":{"width":3,"corner":[1,2],"holes":[],"tags":{}}})")
              .starts_with(R"({"width":6,)"));
}

TEST_CASE("registry: defaults stand in for arguments that are not given", "[tasks]") {
    fq::registry r;
    r.define(
        greet,
        [](std::string const& name, std::optional<std::string> const& greeting) {
            return *greeting + ' ' + name;
        },
        fq::arg("greeting") = "Hello");
    r.define(
        "scale", [](double x, double by) { return x * by; }, fq::arg("x"), fq::arg("by") = 2);
    CHECK(run(r, "greet", "[\"Ann\"]") == "\"Hello Ann\"");
    CHECK(run(r, "greet", R"({"greeting":"Hi","name":"Ann"})") == "\"Hi Ann\"");
    CHECK(run(r, "scale", "[1.5]") == "3");
    CHECK(run(r, "scale", "[1.5,3]") == "4.5");
    CHECK(run(r, "scale", "[1.5,null]") == "bad_arguments!: argument \"by\": expected a number, got null");
}

TEST_CASE("registry: arguments that do not fit are named, and the handler never runs", "[tasks]") {
    bool ran = false;
    fq::registry r;
    r.define(add, [&ran](int, int) { return ran = true, 0; });
    CHECK(run(r, "add", "[1,\"abc\"]") ==
          "bad_arguments!: argument \"y\": expected an integer, got a string (\"abc\")");
    CHECK(run(r, "add", "[1]") == "bad_arguments!: missing argument \"y\"");
    CHECK(run(r, "add", "[1,2,3]") == "bad_arguments!: expected at most 2 arguments, got 3");
    CHECK(run(r, "add", R"({"x":1,"z":2})") ==
          "bad_arguments!: unknown argument \"z\": the parameters are \"x\", \"y\"");
    CHECK(run(r, "add", "") == "bad_arguments!: missing argument \"x\"");
    CHECK(run(r, "add", "5") == "bad_arguments!: the arguments must be a JSON list or object");
    CHECK(run(r, "add", "[1,").starts_with("bad_arguments!: the arguments are not JSON"));
    CHECK_FALSE(ran);
}

TEST_CASE("registry: what a handler throws becomes the task's error", "[tasks]") {
    fq::registry r;
    r.define("std", [] { throw std::runtime_error{"went wrong"}; });
    r.define("int", [] { throw 42; });
    r.define("permanent", [] { throw fq::permanent_failure{"never"}; });
    r.define("cancelled", [] { throw fq::task_cancelled{}; });
    r.define("error", [] { throw fq::error{errc::bad_arguments, "of a call inside"}; });
    r.define("binary", [] { throw std::runtime_error{"a\xff"}; });
    r.define("long", [] { throw std::runtime_error{std::string(100'000, 'x')}; });
    CHECK(run(r, "std", "") == "handler_error: went wrong");
    CHECK(run(r, "int", "") == "handler_error: unknown exception");
    CHECK(run(r, "permanent", "") == "handler_error!: never");
    CHECK(run(r, "cancelled", "") == "cancelled!: the handler stopped because it was asked to");
    CHECK(run(r, "error", "") == "handler_error: of a call inside");
    CHECK(run(r, "binary", "") == "handler_error: a\uFFFD");
    CHECK(run(r, "long", "").size() == fq::max_error_text + std::string_view{"handler_error: "}.size());
}

TEST_CASE("registry: a result that cannot be written is a clear failure", "[tasks]") {
    fq::registry r;
    r.define("nan", [] { return std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}; });
    r.define("bytes", [] { return std::string{"\xff"}; });
    CHECK(run(r, "nan", "") ==
          "handler_error!: the result cannot be written: JSON has no NaN and no infinity");
    CHECK(run(r, "bytes", "") ==
          "handler_error!: the result cannot be written: a string is not UTF-8: JSON cannot carry it");
}

TEST_CASE("registry: a leading context is passed by the library and is no argument", "[tasks]") {
    fq::registry r;
    r.define(
        "who",
        [](fq::context& c, int n) {
            return std::string{c.name()} + std::to_string(c.attempt() + static_cast<unsigned>(n));
        },
        "n");
    r.define("stop", [](fq::context& c) { return c.stop_requested() && c.stop().stop_requested(); });
    r.define(add, [](fq::context&, int x, int y) { return x * y; });
    CHECK(run(r, "who", R"({"n":4})") == "\"who5\"");
    CHECK(run(r, "add", "[3,4]") == "12");
    CHECK(r.find("who")->parameters().size() == 1);
    std::stop_source source;
    CHECK(run(r, "stop", "", "json", source.get_token()) == "false");
    source.request_stop();
    CHECK(run(r, "stop", "", "json", source.get_token()) == "true");
}

TEST_CASE("registry: each content type has an invoker of its own, JSON always among them", "[tasks]") {
    using binary = fq::serialization::portable_binary;
    fq::registry_with<binary> r;
    r.define(add, [](int x, int y) { return x + y; });
    auto const call = add.with<binary>(5, 3);
    CHECK(call.content() == "cereal-portable-binary");
    CHECK(binary::decode<int>(run(r, "add", call.arguments(), call.content())) == 8);
    CHECK(run(r, "add", "[5,3]") == "8");
    fq::registry json_only;
    json_only.define(add, [](int x, int y) { return x + y; });
    CHECK(run(json_only, "add", call.arguments(), call.content()) ==
          "unsupported_content!: task \"add\" cannot be called with content \"cereal-portable-binary\"");
}

TEST_CASE("registry: lists tasks in the order of their names, with signature and description", "[tasks]") {
    fq::registry r;
    CHECK(r.empty());
    r.define("b", [](std::vector<std::string> const&, double) -> bool { return true; });
    r.define(
        greet, [](std::string const&, std::optional<std::string> const&) { return ""; },
        fq::arg("greeting") = "Hi");
    r.define(add, [](int x, int y) { return x + y; }).describe("The sum.");
    CHECK(r.size() == 3);
    CHECK(r.names() == std::vector<std::string>{"add", "b", "greet"});
    std::vector<std::string> signatures;
    for (auto const& each : r) signatures.push_back(each.signature());
    CHECK(signatures == std::vector<std::string>{
                            "add(x: integer, y: integer) -> integer", "b(list of string, number) -> boolean",
                            "greet(name: string, greeting: string or null = ...) -> string"});
    CHECK(r.find("add")->description() == "The sum.");
    CHECK(r.find("none") == nullptr);
    CHECK(r.nearest("addd") == std::vector<std::string>{"add"});
}

TEST_CASE("registry: what cannot be defined is refused, and says why", "[tasks]") {
    fq::registry r;
    r.define(add, [](int x, int y) { return x + y; });
    CHECK(define_problem([&] { r.define("add", twice); }) ==
          "bad_name: task \"add\" is defined twice: in this program and in this program");
    CHECK(
        define_problem([&] { r.define("a b", twice); }).starts_with("bad_name: \"a b\" cannot name a task"));
    CHECK(define_problem([&] { r.define("", twice); }).starts_with("bad_name"));
    CHECK(define_problem([&] { r.define("t", twice, fq::arg("x") = "text"); }) ==
          "bad_option: the default of \"x\" is no value of its type");
    CHECK(define_problem([&] {
              r.define(
                  "t", [](std::vector<int> const&) {}, fq::arg("xs") = 5);
          }) == "bad_option: the default of \"xs\" is no value of its type");
    CHECK(define_problem([&] {
              r.define(
                  greet, [](std::string const&, std::optional<std::string> const&) { return ""; },
                  fq::arg("other") = 1);
          }) == "bad_option: a default for \"other\", which is no parameter");
    CHECK(r.size() == 1);
}

TEST_CASE("registry: copies and merges keep the handlers", "[tasks]") {
    fq::registry r;
    {
        fq::registry first;
        first.define("z", with_state{});
        first.define("m", twice);
        r = first;
        fq::registry second;
        second.define("a", [] { return 1; });
        r.merge(second);
        CHECK_THROWS_AS(r.merge(first), fq::error);
    }
    CHECK(r.names() == std::vector<std::string>{"a", "m", "z"});
    CHECK(run(r, "a", "") == "1");
    CHECK(run(r, "m", "[3]") == "6");
    CHECK(run(r, "z", "[3]") == "4");
}

TEST_CASE("registry: a merge that fails adds nothing", "[tasks]") {
    fq::registry r;
    r.define("b", twice);
    fq::registry other;
    other.define("a", twice);
    other.define("b", twice);
    CHECK_THROWS_AS(r.merge(other), fq::error);
    CHECK(r.names() == std::vector<std::string>{"b"});
}

TEST_CASE("registry: many threads may run the same task at once", "[tasks]") {
    fq::registry r;
    with_state counter;
    r.define("count", counter);
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            fq::context ctx{{}, 1, "count", std::stop_token{}};
            std::string out;
            for (int n = 0; n < 1000; ++n) {
                if (!r.find("count")->invoke(ctx, "json", "[0]", out).ok()) ++wrong;
            }
        });
    }
    for (auto& each : threads) each.join();
    CHECK(wrong == 0);
    CHECK(*counter.calls == 4000);
}

TEST_CASE("registry: a run uses the memory of the string it is given again", "[tasks]") {
    fq::registry r;
    r.define("text", [](std::string s) { return s; });
    fq::context ctx{{}, 1, "text", std::stop_token{}};
    std::string out;
    out.reserve(1000);
    auto const* const memory = out.data();
    CHECK(r.find("text")->invoke(ctx, "json", '[' + ('"' + std::string(500, 'x') + "\"]"), out).ok());
    CHECK(out.size() == 502);
    CHECK(out.data() == memory);
}
