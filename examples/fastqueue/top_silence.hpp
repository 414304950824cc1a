#pragma once

#include <chrono>
#include <optional>

namespace fastqueue::cli {

/// How long a question has had no answer, and when that is to be told: after a second, and then once a second. Time is an
/// argument. One thread.
class top_silence {
public:
    using instant = std::chrono::steady_clock::time_point;

    void asked(instant now) {
        if (!since_) since_ = now;
    }
    void answered() {
        since_.reset();
        told_.reset();
    }
    /// Nobody listened until now.
    void begin_anew(instant now) {
        told_.reset();
        if (since_) since_ = now;
    }
    /// When there is something to tell; nothing: there is no silence.
    [[nodiscard]] std::optional<instant> due() const {
        if (!since_) return std::nullopt;
        return (told_ ? *told_ : *since_) + patience;
    }
    /// \return false: it is not due yet
    bool tell(instant now) {
        if (!since_ || now < *due()) return false;
        told_ = now;
        return true;
    }
    /// Of the silence, when it was told last; nothing: it was not.
    [[nodiscard]] std::optional<std::chrono::microseconds> length() const {
        if (!told_) return std::nullopt;
        return std::chrono::duration_cast<std::chrono::microseconds>(*told_ - *since_);
    }

private:
    static constexpr std::chrono::milliseconds patience{1000};

    std::optional<instant> since_;
    std::optional<instant> told_;
};

}  // namespace fastqueue::cli
