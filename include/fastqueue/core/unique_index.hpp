#pragma once

#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/hash.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace fastqueue::core {

/// Which task that lives holds which key of `unique`. As large as there are such tasks. One thread at a time.
class unique_index {
public:
    /// \param seed  of the hash: strangers choose the keys
    explicit unique_index(std::uint64_t seed = 0) : keys_{0, hash{seed}} {}

    /// The slot of the task with that key, or `none`.
    [[nodiscard]] std::uint32_t find(std::string_view key) const noexcept {
        auto const at = keys_.find(key);
        return at == keys_.end() ? none : at->second;
    }
    /// The task of the slot has the key, which nobody has.
    void insert(std::string_view key, std::uint32_t slot) { keys_.emplace(key, slot); }
    /// The task of the slot gives the key back, if it has it.
    void erase(std::string_view key, std::uint32_t slot) noexcept {
        auto const at = keys_.find(key);
        if (at != keys_.end() && at->second == slot) keys_.erase(at);
    }
    [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }

private:
    struct hash {
        using is_transparent = void;
        std::uint64_t seed = 0;
        std::size_t operator()(std::string_view text) const noexcept { return hash_bytes(text, seed); }
    };
    std::unordered_map<std::string, std::uint32_t, hash, std::equal_to<>> keys_;
};

}  // namespace fastqueue::core
