#include <fastqueue/executor/process.hpp>

#include "laws/executor_laws.hpp"
#include "support/catch.hpp"
#include "support/wakeups.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using fastqueue::errc;
using fastqueue::error;
using fastqueue::executor::process;
using fastqueue::policy::executor_options;
using fastqueue::policy::job;
using fastqueue::policy::job_service;
using fastqueue::policy::job_state;
using fastqueue::policy::job_transfer;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

/// Sends words, and keeps what comes.
struct word_job : job {
    explicit word_job(std::string what) : words{std::move(what)} { transfer = &by_words; }
    std::string words;
    std::string answer;
    std::string lost;
    std::vector<std::string> news;

    static job_transfer const by_words;
};

constexpr job_transfer word_job::by_words{
    [](job const& j, std::string& request) { request = static_cast<word_job const&>(j).words; },
    [](job& j, std::string_view text) noexcept { static_cast<word_job&>(j).answer = text; },
    [](job& j, std::string_view text) noexcept { static_cast<word_job&>(j).news.emplace_back(text); },
    [](job& j, std::string_view why) noexcept { static_cast<word_job&>(j).lost = why; },
    [](job& j) noexcept { static_cast<word_job&>(j).lost = "refused"; }};

/// Does what the words say.
struct obedient_service : job_service {
    obedient_service() {  // Catch's handlers would tell of the end of a test
        for (int const number : {SIGSEGV, SIGABRT}) std::signal(number, SIG_DFL);
    }
    void accept(std::string_view request) override {
        words = request;
        stopped = false;
    }
    void run(std::string& answer, std::function<void(std::string_view)> const& tell) override {
        if (words.starts_with("tell"))
            for (int i = 0; i < 3; ++i) tell(std::to_string(i));
        if (words == "tell and crash") ::raise(SIGSEGV);
        if (words == "crash") ::raise(SIGSEGV);
        if (words == "exit") std::_Exit(3);
        if (words == "throw") throw 1;
        if (words == "complain and exit") {
            for (int i = 0; i < 2000; ++i) std::cerr << "line " << i << '\n';
            std::_Exit(1);
        }
        if (words == "complain") std::cerr << "all is well\n";
        if (words == "complain much") std::cerr << std::string(300'000, '.') << '\n';
        if (words == "close all") {
            for (int fd = 3; fd < 1000; ++fd) ::close(fd);
        }
        if (words.starts_with("fork") && ::fork() == 0) {  // the copy has what the child has
            std::this_thread::sleep_for(20s);
            std::_Exit(0);
        }
        if (words == "fork and crash") ::raise(SIGSEGV);
        if (words == "hang" || words == "close all" || words == "fork and hang")
            std::this_thread::sleep_for(10min);
        auto const end = std::chrono::steady_clock::now() + 60s;
        while (words == "wait" && !stopped && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(1ms);
        answer = stopped ? "stopped" : words;
        if (words == "pid") answer = std::to_string(::getpid());
        if (words == "parent") answer = std::to_string(::getppid());
    }
    void interrupt() noexcept override { stopped = true; }

    std::string words;
    std::atomic<bool> stopped{false};
};

/// An executor, and what one waits for.
class room {
public:
    explicit room(std::uint32_t concurrency = 1, std::function<void(std::uint32_t)> thread_ends = {})
        : executor{
              executor_options{.concurrency = concurrency,
                               .capacity = 64,
                               .thread_ends = std::move(thread_ends),
                               .service = [](std::uint32_t) { return std::make_unique<obedient_service>(); }},
              [this] { woken_.signal(); }} {}

    word_job& begin(std::string words) {
        auto& j = jobs_.emplace_back(std::move(words));
        executor.submit(j);
        executor.kick();
        return j;
    }
    /// Until so many have come back.
    void await(std::size_t count) {
        while (count > 0) {
            REQUIRE(woken_.wait());
            for (auto* j = executor.finished(); j != nullptr; j = j->next) --count;
        }
    }
    word_job& done(std::string words) {
        auto& j = begin(std::move(words));
        await(1);
        return j;
    }
    void await_running(word_job const& j) {
        auto const end = std::chrono::steady_clock::now() + 20s;
        while (j.state != job_state::running && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(1ms);
        REQUIRE(j.state == job_state::running);
    }

private:
    support::wakeups woken_;
    std::deque<word_job> jobs_;

public:
    process executor;
};

/// What comes to our stderr while it lives is kept.
class quiet_stderr {
public:
    quiet_stderr() : before_{::dup(STDERR_FILENO)}, file_{std::tmpfile()} {
        ::dup2(::fileno(file_), STDERR_FILENO);
    }
    ~quiet_stderr() {
        ::dup2(before_, STDERR_FILENO);
        ::close(before_);
        std::fclose(file_);
    }
    [[nodiscard]] std::string text() const {
        std::string all(1U << 20U, '\0');
        auto const n = ::pread(::fileno(file_), all.data(), all.size(), 0);
        all.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return all;
    }

private:
    int before_;
    std::FILE* file_;
};

}  // namespace

TEST_CASE("process: keeps the laws of executors", "[executor]") {
    auto const concurrency = GENERATE(1U, 3U);
    laws::executor_laws<process>(concurrency);
}

TEST_CASE("process: a job runs in a process of its own, and its answer comes back whole", "[executor]") {
    room r{2};
    CHECK(r.done("pid").answer != std::to_string(::getpid()));
    std::string const much(5'000'000, 'x');
    CHECK(r.done(much).answer == much);
    CHECK(r.done("").answer.empty());
}

TEST_CASE("process: a crash costs the child it happens in, and says how it ended", "[executor]") {
    quiet_stderr const quiet;
    room r;
    auto const first = r.done("pid").answer;
    CHECK_THAT(r.done("crash").lost, Contains("the handler's process was ended by signal 11"));
    auto const second = r.done("pid").answer;
    CHECK(second != first);
    CHECK_THAT(r.done("exit").lost, Contains("the handler's process ended with exit status 3"));
    CHECK_THAT(r.done("throw").lost, Contains("ended by signal 6") && Contains("terminate called"));
    CHECK(r.done("pid").answer != second);
}

TEST_CASE("process: what the job wrote to stderr before its end is told, its last lines if there are many",
          "[executor]") {
    quiet_stderr const quiet;
    room r;
    r.done("complain");
    auto const& j = r.done("complain and exit");
    CHECK_THAT(j.lost,
               Contains("exit status 1; its last lines on stderr:\nline 1") && Contains("\nline 1999"));
    CHECK_THAT(j.lost, !Contains("all is well") && !Contains("line 1000\n"));
    CHECK(j.lost.size() < 3000);
    CHECK_THAT(quiet.text(), Contains("all is well\nline 0\nline 1\n") && Contains("line 1000\n"));
}

TEST_CASE("process: a child that writes much to stderr is not held up", "[executor]") {
    quiet_stderr const quiet;
    room r;
    CHECK(r.done("complain much").answer == "complain much");
}

TEST_CASE("process: a job that runs is told to stop, also one that is just beginning", "[executor]") {
    room r{2};
    for (int i = 0; i < 50; ++i) {
        auto& j = r.begin("wait");
        if (i % 2 == 0) r.await_running(j);
        r.executor.interrupt(j);
        r.await(1);
        REQUIRE(j.answer == "stopped");
        REQUIRE(r.done("next").answer == "next");
    }
}

TEST_CASE("process: a handler that has forked a copy of its process hides neither its end nor a kill",
          "[executor]") {
    quiet_stderr const quiet;
    room r;
    CHECK_THAT(r.done("fork and crash").lost, Contains("signal 11"));
    auto& j = r.begin("fork and hang");
    r.await_running(j);
    r.executor.kill(j);
    r.await(1);
    CHECK_THAT(j.lost, Contains("signal 9"));
    CHECK(r.done("next").answer == "next");
}

TEST_CASE("process: a handler that hangs is ended also when children can no longer be made", "[executor]") {
    room r;
    ::kill(std::stoi(r.done("parent").answer), SIGKILL);
    auto& j = r.begin("hang");
    r.await_running(j);
    r.executor.kill(j);
    r.await(1);
    CHECK_FALSE(j.lost.empty());
}

TEST_CASE("process: a wish that comes too late is not the next job's", "[executor]") {
    room r;
    auto& j = r.done("once");
    r.executor.interrupt(j);
    r.executor.kill(j);
    j.state = job_state::idle;
    j.answer.clear();
    r.executor.submit(j);
    r.executor.kick();
    r.await(1);
    CHECK(j.answer == "once");
}

TEST_CASE("process: a child that does not end when it should is ended", "[executor]") {
    auto const begin = std::chrono::steady_clock::now();
    {
        room const r{1, [](std::uint32_t) { std::this_thread::sleep_for(10min); }};
    }
    CHECK(std::chrono::steady_clock::now() - begin < 60s);
}

TEST_CASE("process: a job that hangs is ended with its child, and others are not", "[executor]") {
    room r{2};
    auto& other = r.begin("wait");
    r.await_running(other);
    for (int i = 0; i < 5; ++i) {
        auto& j = r.begin("hang");
        if (i > 0) r.await_running(j);
        r.executor.kill(j);
        r.await(1);
        REQUIRE(j.lost == "the handler's process was ended by signal 9 (Killed)");
    }
    CHECK(r.done("next").answer == "next");
    r.executor.interrupt(other);
    r.await(1);
    CHECK(other.answer == "stopped");
}

TEST_CASE("process: a child that is killed by somebody, or closes what is not its own, is replaced",
          "[executor]") {
    room r;
    auto const pid = std::stoi(r.done("pid").answer);
    auto& j = r.begin("wait");
    r.await_running(j);
    ::kill(pid, SIGKILL);
    r.await(1);
    CHECK_THAT(j.lost, Contains("signal 9 (Killed), by hand or for want of memory"));
    CHECK(r.done("next").answer == "next");
    CHECK_THAT(r.done("close all").lost, Contains("signal 9"));
    CHECK(r.done("next").answer == "next");
}

TEST_CASE("process: when children can no longer be made, those that live go on, and further jobs are told",
          "[executor]") {
    room r;
    ::kill(std::stoi(r.done("parent").answer), SIGKILL);
    CHECK(r.done("next").answer == "next");
    CHECK_THAT(r.done("exit").lost, Contains("the handler's process has gone, and nobody knows why"));
    CHECK(r.done("next").lost == "refused");
}

TEST_CASE(
    "process: what asks the program to end does not end a child, and its own signal handlers are not there",
    "[executor]") {
    struct sigaction before {};
    struct sigaction mine {};
    mine.sa_handler = [](int) { std::_Exit(9); };
    ::sigaction(SIGTERM, &mine, &before);
    room r;
    ::sigaction(SIGTERM, &before, nullptr);
    auto const pid = std::stoi(r.done("pid").answer);
    auto& j = r.begin("wait");
    r.await_running(j);
    for (int const number : {SIGTERM, SIGINT, SIGHUP}) ::kill(pid, number);
    r.executor.interrupt(j);
    r.await(1);
    CHECK(j.answer == "stopped");
    CHECK(std::stoi(r.done("pid").answer) == pid);
}

TEST_CASE("process: children do not hold the program's connections open", "[executor]") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    room r;
    ::close(ends[0]);
    char octet = 0;
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    CHECK(::recv(ends[1], &octet, 1, 0) == 0);
    ::close(ends[1]);
}

TEST_CASE("process: what a thread had for itself ends in the child", "[executor]") {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    {
        room r{2, [&](std::uint32_t n) {
                   auto const digit = static_cast<char>('0' + n);
                   static_cast<void>(::write(pipe[1], &digit, 1));
               }};
        r.done("once");
    }
    std::string seen(8, '\0');
    seen.resize(static_cast<std::size_t>(std::max<::ssize_t>(0, ::read(pipe[0], seen.data(), seen.size()))));
    std::ranges::sort(seen);
    CHECK(seen == "01");
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST_CASE("process: a job that cannot be sent runs here", "[executor]") {
    room r;
    struct here : job {
        here() {
            run = [](job& j) noexcept { static_cast<here&>(j).pid = ::getpid(); };
        }
        ::pid_t pid = 0;
    } j;
    r.executor.submit(j);
    r.executor.kick();
    r.await(1);
    CHECK(j.pid == ::getpid());
}

TEST_CASE("process: an executor that nobody serves, or of no size, is refused", "[executor]") {
    CHECK_THROWS_WITH((process{executor_options{}, [] {}}), Contains("needs a service"));
    auto options = laws::executor_driver<process>::options(0, 1);
    CHECK_THROWS_WITH((process{options, [] {}}), Contains("the executor's concurrency is 0"));
}

TEST_CASE("process executor: what a job tells on its way arrives in order, before its end", "[executor]") {
    room r;
    auto& told = r.done("tell");
    CHECK(told.news == std::vector<std::string>{"0", "1", "2"});
    CHECK(told.answer == "tell");
    quiet_stderr const quiet;
    auto& crashed = r.done("tell and crash");
    CHECK(crashed.news == std::vector<std::string>{"0", "1", "2"});
    CHECK_THAT(crashed.lost, Contains("signal 11"));
}
