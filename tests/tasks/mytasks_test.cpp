#include "../../examples/mytasks/mytasks.hpp"

#include "support/catch.hpp"

#include <fastqueue/tasks/module_loader.hpp>

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <string>

namespace fq = fastqueue;

namespace {

// Calls a task of the example's module as a worker does: through its handle, in bytes.
template <class R>
std::string run(fq::invocation<R> const& call, std::stop_token stop = {}) {
    fq::registry r;
    fq::module_loader{{FASTQUEUE_TEST_MODULE_DIR, "", {}}}.load(r, "mytasks");
    fq::context ctx{{}, 1, call.name(), stop};
    std::string out;
    auto const result = r.find(call.name())->invoke(ctx, call.content(), call.arguments(), out);
    return result.ok() ? out : std::string{name_of(result.code)} + (result.is_final ? "!: " : ": ") + out;
}

}  // namespace

TEST_CASE("mytasks: the example's tasks do what they say", "[tasks]") {
    CHECK(run(mytasks::add(5, 3)) == "8");
    CHECK(run(mytasks::add(INT64_MAX, 1)) == "handler_error!: the sum does not fit 64 bits");
    CHECK(run(mytasks::multiply(1.5, 2)) == "3");
    CHECK(run(mytasks::greet("Ann")) == "\"Hello, Ann!\"");
    CHECK(run(mytasks::greet("Ann", "Moin")) == "\"Moin, Ann!\"");
    CHECK(run(mytasks::primes(100)) == "25");
    CHECK(run(mytasks::fail("on purpose")) == "handler_error: on purpose");
    CHECK(run(mytasks::scale_box(mytasks::box{1, 2, "b"}, 2)) == R"({"width":2,"height":4,"label":"b"})");
}

TEST_CASE("mytasks: files are counted and summed", "[tasks]") {
    auto pattern = (std::filesystem::temp_directory_path() / "fastqueue-mytasks-XXXXXX").string();
    auto const handle = ::mkstemp(pattern.data());
    REQUIRE(handle >= 0);
    ::close(handle);
    std::ofstream{pattern} << "123456789";
    CHECK(run(mytasks::crc32(pattern)) == "3421780262");  // 0xCBF43926, the algorithm's check value
    std::ofstream{pattern} << " one two\n\tthree ";
    CHECK(run(mytasks::word_count(pattern)) == "3");
    std::filesystem::remove(pattern);
    CHECK(run(mytasks::word_count(pattern)) == "handler_error: cannot read " + pattern);
}

TEST_CASE("mytasks: long tasks honour the stop signal", "[tasks]") {
    std::stop_source stop;
    stop.request_stop();
    CHECK(run(mytasks::primes(1'000'000'000'000), stop.get_token()).starts_with("cancelled!"));
    CHECK(std::stoi(run(mytasks::sleep_ms(60'000), stop.get_token())) < 30'000);
    CHECK(std::stoi(run(mytasks::sleep_ms(5))) >= 5);
}
