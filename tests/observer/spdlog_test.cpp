#include <fastqueue/observer/spdlog.hpp>

#include "laws/observer_laws.hpp"
#include "support/catch.hpp"

#include <spdlog/sinks/base_sink.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using fastqueue::errc;
using fastqueue::task_state;
using fastqueue::policy::notice_event;
using fastqueue::policy::task_event;
using fastqueue::policy::worker_change;
using fastqueue::policy::worker_event;

namespace observer = fastqueue::observer;

namespace {

struct kept_lines : spdlog::sinks::sink {
    std::vector<std::string> lines;

    void log(spdlog::details::log_msg const& m) override {
        auto const level = spdlog::level::to_string_view(m.level);
        lines.push_back(std::string{level.data(), level.size()} + ": " +
                        std::string{m.payload.data(), m.payload.size()});
    }
    void flush() override {}
    void set_pattern(std::string const&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
};

struct broken_sink : kept_lines {
    void log(spdlog::details::log_msg const&) override { throw std::runtime_error{"the disk is full"}; }
};

fastqueue::task_id const id = *fastqueue::uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057");

template <class Observer>
void tell_all(Observer& watcher) {
    watcher.on(task_event{id, "add", task_state::queued, 0, ""});
    watcher.on(task_event{id, "add", task_state::failure, 2, "mill-3"});
    watcher.on(worker_event{"mill-4", worker_change::joined, ""});
    watcher.on(worker_event{"mill-3", worker_change::lost, "no heartbeat for 15 s"});
    watcher.on(notice_event{errc::bad_greeting, "203.0.113.7 was cut {}"});
}

}  // namespace

TEST_CASE("spdlog: each event is a line at its level", "[observer]") {
    auto const sink = std::make_shared<kept_lines>();
    auto const logger = std::make_shared<spdlog::logger>("queue", sink);
    logger->set_level(spdlog::level::debug);
    observer::spdlog watcher{logger};
    tell_all(watcher);
    CHECK(sink->lines ==
          std::vector<std::string>{
              "debug: task 01890a5d-ac96-774b-bcce-b302099a8057 add queued",
              "warning: task 01890a5d-ac96-774b-bcce-b302099a8057 add failure attempt 2 on mill-3",
              "info: worker mill-4 joined",
              "warning: worker mill-3 lost: no heartbeat for 15 s",
              "warning: notice bad_greeting: 203.0.113.7 was cut {}",
          });
}

TEST_CASE("spdlog: the logger's level says what is written", "[observer]") {
    auto const sink = std::make_shared<kept_lines>();
    auto const logger = std::make_shared<spdlog::logger>("queue", sink);
    logger->set_level(spdlog::level::warn);
    observer::spdlog watcher{logger};
    tell_all(watcher);
    CHECK(sink->lines.size() == 3);
}

TEST_CASE("spdlog: a copy writes to the same logger, and one that was moved away from says nothing",
          "[observer]") {
    auto const sink = std::make_shared<kept_lines>();
    observer::spdlog first{std::make_shared<spdlog::logger>("queue", sink)};
    auto copy = first;
    auto moved = std::move(first);
    copy.on(worker_event{"mill-4", worker_change::joined, ""});
    moved.on(worker_event{"mill-5", worker_change::joined, ""});
    CHECK(sink->lines ==
          std::vector<std::string>{"info: worker mill-4 joined", "info: worker mill-5 joined"});
}

TEST_CASE("spdlog: without a logger it says nothing, and a sink that throws harms nobody", "[observer]") {
    observer::spdlog silent;
    tell_all(silent);
    auto const logger = std::make_shared<spdlog::logger>("queue", std::make_shared<broken_sink>());
    std::vector<std::string> errors;
    logger->set_error_handler([&](std::string const& what) { errors.push_back(what); });
    logger->set_level(spdlog::level::trace);
    observer::spdlog watcher{logger};
    tell_all(watcher);
    CHECK(errors.size() == 5);
}

TEST_CASE("spdlog: keeps the laws of an observer", "[observer]") {
    auto const sink = std::make_shared<kept_lines>();
    laws::observer_laws<observer::spdlog>([&] {
        auto const logger = std::make_shared<spdlog::logger>("queue", sink);
        logger->set_level(spdlog::level::trace);
        return observer::spdlog{logger};
    });
    CHECK(sink->lines.size() > 300);
}
