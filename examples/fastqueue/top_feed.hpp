#pragma once

#include "policies.hpp"
#include "top_figures.hpp"

#include <fastqueue/core/client.hpp>
#include <fastqueue/model/descriptor.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/shell/client_driver.hpp>
#include <fastqueue/shell/client_requests.hpp>
#include <fastqueue/shell/pending_answer.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace fastqueue::cli {

/// Asks a control plane for what `fastqueue top` shows, without holding up who wants to see it. Its owner asks and takes from
/// one thread, and learns from a file that polls as readable when there is something to take.
class top_feed {
public:
    /// What came of one question.
    struct round {
        top_documents documents;
        std::optional<error> failed;  ///< then there are none
    };

    explicit top_feed(client_options const& options)
        : requests_{options},
          wakes_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)},
          driver_{requests_.machine_options(), nullptr} {
        if (!wakes_)
            throw error{errc::bad_value, "the system gives no eventfd: " + std::string{std::strerror(errno)}};
        thread_ = std::thread{[this] { driver_.run(); }};
    }
    ~top_feed() {
        driver_.stop();
        if (thread_.joinable()) thread_.join();
    }
    top_feed(top_feed const&) = delete;
    top_feed& operator=(top_feed const&) = delete;

    [[nodiscard]] int wakes() const noexcept { return wakes_.get(); }
    /// Whether what was asked has not been taken yet.
    [[nodiscard]] bool asked() const noexcept { return asked_; }
    /// Asks for all documents at once. Not while it has been asked.
    void ask() {
        asked_ = true;
        left_ = questions_.size();
        for (auto& q : questions_) {
            q.answer = {};
            driver_.post(requests_.document(q.verb, q.arguments), q);
        }
    }
    /// What came of it, once all answers are there.
    [[nodiscard]] std::optional<round> take() {
        std::uint64_t ignored = 0;
        while (::read(wakes_.get(), &ignored, sizeof ignored) < 0 && errno == EINTR) {}
        if (!asked_ || left_ != 0) return std::nullopt;
        asked_ = false;
        for (auto const& q : questions_) {
            auto const& a = q.answer;
            if (a.error) return round{{}, error{a.error, a.payload.empty() ? a.error.message() : a.payload}};
        }
        auto const text = [this](std::size_t i) { return std::move(questions_[i].answer.payload); };
        return round{{text(0), text(1), text(2), text(3), text(4)}, std::nullopt};
    }

private:
    class question final : public shell::answer_handler {
    public:
        question(top_feed& owner, std::string_view what, std::string with)
            : verb{what}, arguments{std::move(with)}, owner_{owner} {}
        void answered(core::client_answer const& given) noexcept override {
            shell::keep(given, answer);
            owner_.answered();
        }

        std::string_view verb;
        std::string arguments;
        shell::kept_answer answer;

    private:
        top_feed& owner_;
    };

    void answered() noexcept {
        if (--left_ != 0) return;
        std::uint64_t const one = 1;
        while (::write(wakes_.get(), &one, sizeof one) < 0 && errno == EINTR) {}
    }

    shell::client_requests requests_;
    std::array<question, 5> questions_{
        {{*this, "health", {}},
         {*this, "stats", {}},
         {*this, "queues", {}},
         {*this, "workers", {}},
         {*this, "tasks", "state=running limit=" + std::to_string(top_most_tasks)}}};
    std::atomic<std::size_t> left_{0};
    bool asked_ = false;
    fastqueue::detail::descriptor wakes_;
    shell::client_driver<cli_policies> driver_;
    std::thread thread_;
};

}  // namespace fastqueue::cli
