#pragma once

#include "exit_code.hpp"
#include "output.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// What became of the lines of a batch: counted, and the first refused ones kept to be told at the end.
class batch_tally {
public:
    void succeeded() { ++succeeded_; }
    void failed() { ++failed_; }
    void late() { ++late_; }
    /// The line itself is wrong.
    void unreadable(std::uint64_t line, std::string why) {
        ++unreadable_;
        keep(line, std::move(why));
    }
    /// The control plane said no.
    void refused(std::uint64_t line, std::string why) {
        ++refused_;
        keep(line, std::move(why));
    }

    /// Tasks with an answer.
    [[nodiscard]] std::uint64_t ended() const noexcept { return succeeded_ + failed_; }
    /// Lines that need nothing more.
    [[nodiscard]] std::uint64_t lines() const noexcept { return ended() + late_ + unreadable_ + refused_; }
    [[nodiscard]] double rate() const {
        auto const seconds = this->seconds();
        return seconds > 0 ? static_cast<double>(ended()) / seconds : 0;
    }
    /// What stands behind a progress bar.
    [[nodiscard]] std::string progress() const {
        return "  " + rounded(rate(), 0) + "/s  " + std::to_string(failed_) + " failed" +
               (late_ + unreadable_ + refused_ > 0
                    ? "  " + std::to_string(late_ + unreadable_ + refused_) + " refused"
                    : "");
    }
    /// `5000 tasks in 0.9 s (5500/s), 2 failed, 1 lines refused`
    [[nodiscard]] std::string summary(bool waited) const {
        auto text = counted(ended(), "task") + (waited ? " in " : " handed over in ") +
                    rounded(seconds(), 1) + " s (" + rounded(rate(), 0) + "/s), ";
        if (waited) text += std::to_string(failed_) + " failed, ";
        if (late_ > 0) text += std::to_string(late_) + " without an answer in time (--wait), ";
        return text + counted(unreadable_ + refused_, "line") + " refused";
    }
    /// Refused lines and why, a line each; empty where there are none.
    [[nodiscard]] std::vector<std::string> refusals() const {
        std::vector<std::string> out;
        out.reserve(kept_.size());
        for (auto const& [line, why] : kept_)
            out.push_back("line " + std::to_string(line) + " refused: " + why);
        auto const all = unreadable_ + refused_;
        if (all > kept_.size()) out.push_back("... and " + std::to_string(all - kept_.size()) + " more");
        return out;
    }
    /// The worst that happened.
    [[nodiscard]] exit_code code() const noexcept {
        if (unreadable_ > 0) return usage;
        if (refused_ > 0) return cli::refused;
        if (late_ > 0) return timed_out;
        return failed_ > 0 ? cli::failed : done;
    }

private:
    using clock = std::chrono::steady_clock;
    static constexpr std::size_t most_told = 20;

    void keep(std::uint64_t line, std::string why) {
        if (kept_.size() < most_told) kept_.emplace_back(line, std::move(why));
    }
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(clock::now() - begun_).count();
    }
    [[nodiscard]] static std::string counted(std::uint64_t n, char const* what) {
        return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
    }
    [[nodiscard]] static std::string rounded(double value, int digits) {
        std::array<char, 64> text{};
        std::snprintf(text.data(), text.size(), "%.*f", digits, value);
        return text.data();
    }

    clock::time_point begun_ = clock::now();
    std::uint64_t succeeded_ = 0;
    std::uint64_t failed_ = 0;
    std::uint64_t late_ = 0;
    std::uint64_t unreadable_ = 0;
    std::uint64_t refused_ = 0;
    std::vector<std::pair<std::uint64_t, std::string>> kept_;
};

}  // namespace fastqueue::cli
