#pragma once

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

/// What the fuzz tests have in common: seeded cases that can be repeated, and mutations of a text.
namespace fuzz_seeds {

inline void mutate(std::string& text, std::mt19937& random) {
    for (auto n = random() % 4; n > 0 && !text.empty(); --n) {
        auto const at = random() % text.size();
        switch (random() % 5) {
            case 0:
                text[at] = static_cast<char>(random() % 256);
                break;
            case 1:
                text[at] = static_cast<char>(text[at] ^ (1 << random() % 8));
                break;
            case 2:
                text.erase(at, 1 + random() % 4);
                break;
            case 3:
                text.insert(at, std::string(1 + random() % 4, static_cast<char>(random() % 256)));
                break;
            default:
                text.resize(at);
        }
    }
}

inline std::uint32_t number_from(char const* variable, std::uint32_t otherwise) {
    auto const* const text = std::getenv(variable);
    return text != nullptr ? static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10)) : otherwise;
}

// Each case has a seed of its own, so that FASTQUEUE_SEED repeats a failed one at once and in every build.
// Gives `one` a generator for each of `count` seeds, or of FASTQUEUE_SEEDS (1 with FASTQUEUE_SEED alone), and
// stops early after `longest`.
template <class Case>
void each_seed(std::uint32_t count, std::chrono::seconds longest, Case one) {
    bool const replay = std::getenv("FASTQUEUE_SEED") != nullptr;
    auto const first = replay ? number_from("FASTQUEUE_SEED", 0) : std::random_device{}();
    auto const cases = number_from("FASTQUEUE_SEEDS", replay ? 1 : count);
    auto const end = std::chrono::steady_clock::now() + longest;
    for (std::uint32_t i = 0; i < cases && (replay || std::chrono::steady_clock::now() < end); ++i) {
        INFO("replay: FASTQUEUE_SEED=" << first + i << " fuzz_test \""
                                       << Catch::getResultCapture().getCurrentTestName() << "\"");
        std::mt19937 random{first + i};
        one(random);
    }
}

}  // namespace fuzz_seeds
