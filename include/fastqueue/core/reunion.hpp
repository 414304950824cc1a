#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/core/slot_list.hpp>
#include <fastqueue/model/time.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace fastqueue::core {

/// The time after a restart in which workers come back and say what they still run. Tasks of the earlier life that one of
/// them may have wait so long, and are not given to anybody else. One thread at a time.
class reunion {
public:
    slot_list tasks;  ///< what may still be at a worker

    /// A worker of the earlier life, which may have some of them.
    void expect(std::string_view name) { missing_.emplace(name); }
    void begin(instant now, std::chrono::milliseconds patience) noexcept {
        until_ = saturating_add(now, patience);
    }
    /// That worker is here, and has said what it has.
    void is_back(std::string_view name) {
        auto const at = missing_.find(name);
        if (at != missing_.end()) missing_.erase(at);
    }
    /// Whether nobody is waited for any more.
    [[nodiscard]] bool is_over(instant now) const noexcept { return missing_.empty() || now >= until_; }
    [[nodiscard]] instant next_deadline() const noexcept { return tasks.empty() ? instant::max() : until_; }

private:
    std::set<std::string, std::less<>> missing_;
    instant until_ = instant::max();
};

}  // namespace fastqueue::core
