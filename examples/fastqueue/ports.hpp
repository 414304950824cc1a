#pragma once

#include <fastqueue/model/endpoint.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

// For messages only: which port is taken, and which are free. What is true now may not be a moment later.

namespace fastqueue::cli {

/// Whether something could listen there now; true where that cannot be told.
[[nodiscard]] inline bool seems_free(endpoint const& at) {
    addrinfo hints{};
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    auto const* const host = at.host == "*" ? nullptr : at.host.c_str();
    if (::getaddrinfo(host, std::to_string(at.port).c_str(), &hints, &found) != 0) return true;
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> const owner{found, ::freeaddrinfo};
    int const file = ::socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
    if (file < 0) return true;
    int const on = 1;
    ::setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // as a real listener does
    bool const free = ::bind(file, found->ai_addr, found->ai_addrlen) == 0 && ::listen(file, 1) == 0;
    ::close(file);
    return free;
}

/// The first of `count` ports from `base` that is taken.
[[nodiscard]] inline std::optional<endpoint> first_taken(endpoint const& base, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        auto const at = base.plus(i);
        if (at && at->port != 0 && !seems_free(*at)) return at;
    }
    return std::nullopt;
}

/// The next base, in steps of `step`, with `count` free ports above it.
[[nodiscard]] inline std::optional<endpoint> next_free_range(endpoint from, std::uint32_t count,
                                                             std::uint32_t step) {
    for (int tries = 0; tries < 100; ++tries) {
        auto const next = from.plus(step);
        if (!next || !next->plus(count)) return std::nullopt;
        if (!first_taken(*next, count)) return next;
        from = *next;
    }
    return std::nullopt;
}

}  // namespace fastqueue::cli
