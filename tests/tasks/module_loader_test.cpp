#include <fastqueue/tasks/module_loader.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#ifndef FASTQUEUE_TEST_MODULE_DIR
#error \
    "the build defines FASTQUEUE_TEST_MODULE_DIR: the folder with the shared objects of tests/tasks/modules"
#endif

namespace fq = fastqueue;
namespace fs = std::filesystem;
using fq::errc;
using fq::test::temporary_folder;

namespace {

fs::path const modules{FASTQUEUE_TEST_MODULE_DIR};

std::string file(std::string_view stem) { return (modules / (std::string{stem} + ".so")).string(); }

std::string problem(fq::registry& r, std::string_view name, fq::module_search search = {}) {
    try {
        fq::module_loader{std::move(search)}.load(r, name);
    } catch (fq::error const& e) {
        return e.code() == errc::bad_module ? e.text() : "other code: " + e.text();
    }
    return "none";
}
std::string problem(std::string_view stem) {
    fq::registry r;
    auto const what = problem(r, file(stem));
    CHECK(r.empty());
    return what;
}

std::string run(fq::registry const& r, std::string_view name, std::string_view arguments,
                std::stop_token stop = {}) {
    auto const id = fq::task_id::parse("01234567-89ab-cdef-0123-456789abcdef").value();
    fq::context ctx{id, 7, name, stop};
    std::string out;
    auto const result = r.find(name)->invoke(ctx, "json", arguments, out);
    if (result.ok()) return out;
    auto const later = result.retry_after_ms ? " in " + std::to_string(*result.retry_after_ms) + " ms" : "";
    return std::string{name_of(result.code)} + later + (result.is_final ? "!: " : ": ") + out;
}

}  // namespace

TEST_CASE("module_loader: loads a module with names, signatures and descriptions", "[tasks]") {
    fq::registry r;
    REQUIRE(problem(r, file("throwing")) == "none");
    CHECK(r.find("sum")->signature() == "sum(xs: list of integer, start: integer = ...) -> integer");
    CHECK(r.find("throw.std")->description() == "Throws.");
    CHECK(r.find("sum")->module() == file("throwing"));
    CHECK(run(r, "sum", "[[1,2,3]]") == "6");
    CHECK(run(r, "sum", R"({"start":10,"xs":[1]})") == "11");
}

TEST_CASE("module_loader: a handler in a module knows its task", "[tasks]") {
    fq::registry r;
    REQUIRE(problem(r, file("throwing")) == "none");
    CHECK(run(r, "who", "") == "\"01234567-89ab-cdef-0123-456789abcdef 7 who\"");
}

TEST_CASE("module_loader: failures cross the boundary as codes and texts", "[tasks]") {
    fq::registry r;
    REQUIRE(problem(r, file("throwing")) == "none");
    CHECK(run(r, "throw.std", R"(["went \u00e9 wrong"])") == "handler_error: went \u00e9 wrong");
    CHECK(run(r, "throw.int", "") == "handler_error: unknown exception");
    CHECK(run(r, "throw.permanent", "") == "handler_error!: never again");
    CHECK(run(r, "throw.later", "") == "handler_error in 5000 ms: in a while");
    CHECK(run(r, "throw.error", "") == "handler_error: an error of ours");
    CHECK(run(r, "sum", "[5]") == "bad_arguments!: argument \"xs\": expected a list, got a number (5)");
    fq::context ctx{{}, 1, "sum", std::stop_token{}};
    std::string out;
    CHECK(r.find("sum")->invoke(ctx, "cbor", "", out).code == errc::unsupported_content);
}

TEST_CASE("module_loader: a stop request reaches a handler that waits in a module", "[tasks]") {
    fq::registry r;
    REQUIRE(problem(r, file("throwing")) == "none");
    std::stop_source before;
    before.request_stop();
    CHECK(run(r, "wait", "", before.get_token()) ==
          "cancelled!: the handler stopped because it was asked to");
    std::stop_source during;
    std::string what;
    std::thread worker{[&] { what = run(r, "wait", "", during.get_token()); }};
    during.request_stop();  // before or while it waits: it must end either way
    worker.join();
    CHECK(what.starts_with("cancelled!"));
}

TEST_CASE("module_loader: a module stays mapped while a copy of its definitions lives", "[tasks]") {
    std::optional<fq::task_definition> kept;
    {
        fq::registry r;
        REQUIRE(problem(r, file("plain_c")) == "none");
        kept = *r.find("c.echo");
    }
    fq::context ctx{{}, 1, "c.echo", std::stop_token{}};
    std::string out;
    CHECK(kept->invoke(ctx, "json", "[1]", out).ok());
    CHECK(out == "[1]");
}

TEST_CASE("module_loader: a module in plain C that keeps to no rule does no harm", "[tasks]") {
    fq::registry r;
    REQUIRE(problem(r, file("plain_c")) == "none");
    CHECK(r.find("c.echo")->description() == "Gives back its arguments.");
    CHECK(run(r, "c.echo", "[\"x\"]") == "[\"x\"]");
    CHECK(run(r, "c.odd", "") == "handler_error: bad \uFFFD");
    CHECK(run(r, "c.escape", "") == "handler_error: unknown exception");
}

TEST_CASE("module_loader: what is wrong with a module is one sentence that names it", "[tasks]") {
    CHECK(problem("no_entry") == "task module " + file("no_entry") +
                                     " has no entry point: it does not export fastqueue_module_entry");
    auto const abi = problem("wrong_abi");
    CHECK(abi.starts_with("task module " + file("wrong_abi") +
                          " was built for module ABI 99 (1/2/3/4), this program has 3 ("));
    CHECK(problem("wrong_magic").ends_with("is no FastQueue module: its stamp begins with something else"));
    CHECK(problem("entry_throws").ends_with("could not be set up: the licence has run out"));
    CHECK(problem("entry_null").ends_with("could not be set up: its entry point returned nothing"));
}

TEST_CASE("module_loader: a file that is no shared object is refused", "[tasks]") {
    temporary_folder const folder;
    auto const path = folder.path() / "text.so";
    std::ofstream{path} << "not an object";
    fq::registry r;
    CHECK(problem(r, path.string())
              .starts_with("task module " + path.string() +
                           " is not a shared object that can be loaded here: "));
}

TEST_CASE("module_loader: two modules with one task name are both named, and nothing is added", "[tasks]") {
    fq::registry r;
    REQUIRE(problem(r, file("throwing")) == "none");
    auto const size = r.size();
    CHECK(problem(r, file("also_sum")) == "task \"sum\" is defined twice: in module " + file("throwing") +
                                              " and in module " + file("also_sum"));
    CHECK(r.size() == size);
    CHECK(r.find("a.first") == nullptr);
}

TEST_CASE("module_loader: a bare name is looked for in each folder in turn", "[tasks]") {
    temporary_folder const working;
    temporary_folder const listed;
    temporary_folder const binary;
    fq::module_search const search{working.path(), ":/nowhere::" + listed.path().string() + ':',
                                   binary.path()};
    fq::module_loader const loader{search};
    auto const copy = [](fs::path const& to) { fs::copy_file(file("plain_c"), to); };

    fq::registry r;
    auto const missing = problem(r, "mine", search);
    CHECK(missing == "task module \"mine\" was not found: no mine.so or libmine.so in " +
                         working.path().string() + ", /nowhere, " + listed.path().string() + ", " +
                         binary.path().string());
    copy(binary.path() / "mine.so");
    CHECK(loader.find("mine") == binary.path() / "mine.so");
    copy(listed.path() / "libmine.so");
    CHECK(loader.find("mine") == listed.path() / "libmine.so");
    copy(listed.path() / "mine.so");
    CHECK(loader.find("mine") == listed.path() / "mine.so");
    fs::create_directory(working.path() / "mine.so");  // a folder of that name is no module
    CHECK(loader.find("mine") == listed.path() / "mine.so");
    copy(working.path() / "libmine.so");
    CHECK(loader.find("mine") == working.path() / "libmine.so");
    CHECK(loader.find("mine.so") == working.path() / "libmine.so");
    REQUIRE(problem(r, "mine", search) == "none");
    CHECK(run(r, "c.echo", "[]") == "[]");
}

TEST_CASE("module_loader: a name with a slash is taken as it is", "[tasks]") {
    fq::registry r;
    CHECK(problem(r, "./not-there/mine.so", {modules, modules.string(), modules}) ==
          "task module \"./not-there/mine.so\" is not there");
    CHECK(problem(r, (modules / "plain_c").string()).ends_with("is not there"));
    CHECK(problem(r, "") == "a task module's name is empty");
}

TEST_CASE("module_loader: the environment is read only by who asks for it", "[tasks]") {
    ::setenv("FASTQUEUE_MODULE_PATH", FASTQUEUE_TEST_MODULE_DIR, 1);
    CHECK(fq::module_path_from_environment() == FASTQUEUE_TEST_MODULE_DIR);
    fq::registry r;
    CHECK(problem(r, "plain_c", {"/nowhere", "", {}}).starts_with("task module \"plain_c\" was not found"));
    ::unsetenv("FASTQUEUE_MODULE_PATH");
    CHECK(fq::module_path_from_environment().empty());
}
