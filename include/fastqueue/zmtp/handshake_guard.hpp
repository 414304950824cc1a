#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace fastqueue::zmtp {

/// How many handshakes a listener lets be unfinished at one time.
struct handshake_limits {
    std::size_t total = 1024;
    std::size_t per_address = 256;
};

/// Counts unfinished handshakes, in total and per address, so that connections that never say anything cannot
/// take all places. A counter only: no clock, no sockets. Memory is bounded by `limits.total` addresses of at
/// most 64 octets each (longer ones count by their first 64). One thread at a time.
class handshake_guard {
public:
    explicit handshake_guard(handshake_limits limits = {}) noexcept : limits_{limits} {}

    /// Call when a connection is accepted.
    /// \param address  the peer's, without its port
    /// \return true: counted, and `release()` is owed once; false: one of the limits is reached, close it
    [[nodiscard]] bool admit(std::string_view address) {
        if (total_ >= limits_.total || limits_.per_address == 0) return false;
        auto const [entry, fresh] = by_address_.try_emplace(std::string{key(address)}, std::size_t{0});
        if (entry->second >= limits_.per_address) return false;
        ++entry->second;
        ++total_;
        return true;
    }

    /// Call once for each admitted connection, when its handshake is done or it has closed before that. An
    /// address that is not counted is ignored.
    void release(std::string_view address) noexcept {
        auto const entry = by_address_.find(key(address));
        if (entry == by_address_.end()) return;
        --total_;
        if (--entry->second == 0) by_address_.erase(entry);
    }

    /// Unfinished handshakes now.
    [[nodiscard]] std::size_t total() const noexcept { return total_; }
    /// Addresses with an unfinished handshake now.
    [[nodiscard]] std::size_t addresses() const noexcept { return by_address_.size(); }

private:
    [[nodiscard]] static std::string_view key(std::string_view address) noexcept {
        return address.substr(0, 64);
    }

    handshake_limits limits_;
    std::map<std::string, std::size_t, std::less<>> by_address_;
    std::size_t total_ = 0;
};

}  // namespace fastqueue::zmtp
