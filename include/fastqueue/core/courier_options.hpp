#pragma once

#include <chrono>
#include <cstdint>

namespace fastqueue::core {

/// The numbers of a `courier`.
struct courier_options {
    std::uint32_t first_tag = 100;       ///< of its dials: as many from here as there may be connections
    std::uint32_t max_connections = 64;  ///< at once, those that are being made among them
    std::uint32_t max_letters = 10'000;  ///< that wait
    std::uint32_t max_letters_an_address = 1'000;
    std::uint64_t max_octets = 64ULL << 20U;  ///< of letters that wait or that listeners have not taken yet
    std::chrono::milliseconds deadline{60'000};  ///< of a letter: it then has failed
    std::chrono::milliseconds patience{
        5'000};  ///< for a dial, and with who holds a connection that others wait for
    std::chrono::milliseconds idle{30'000};      ///< a connection without letters is kept so long
    std::chrono::milliseconds first_pause{100};  ///< before an address is dialled again; doubled each time
    std::chrono::milliseconds longest_pause{5'000};
    std::uint64_t seed = 0;  ///< of the pauses' jitter
};

}  // namespace fastqueue::core
