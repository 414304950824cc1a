#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>

#include <cstdint>
#include <string>
#include <system_error>

#include <unistd.h>

namespace fastqueue::shell {

/// This machine's name; empty where it has none.
[[nodiscard]] inline std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? std::string{name} : std::string{};
}

[[nodiscard]] inline std::uint64_t process_id() noexcept { return static_cast<std::uint64_t>(::getpid()); }

/// Throws what a person needs to mend it.
/// \param what  whose port it is
[[noreturn]] inline void throw_cannot_listen(endpoint const& at, std::string const& what,
                                             std::error_code why) {
    bool const taken = why == std::errc::address_in_use;
    std::string text = "cannot listen on " + at.text() + " (" + what + "): " + why.message();
    if (taken)
        text += "; another process holds port " + std::to_string(at.port) +
                ": choose another address, or port 0 for a free one";
    throw error{taken ? make_error_code(errc::address_in_use) : why, text};
}

}  // namespace fastqueue::shell
