#pragma once

#include <fastqueue/policy/observer.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>

namespace laws {

/// Events as a role may tell them, with names that strangers have chosen.
template <class Observer>
void tell_something(Observer& watcher, std::mt19937_64& random) {
    namespace fq = fastqueue;
    std::string odd(random() % 700, '\0');
    for (auto& c : odd) c = static_cast<char>(random() % 3 == 0 ? random() % 256 : 'a' + random() % 26);
    switch (random() % 3) {
        case 0: {
            auto const state = static_cast<fq::task_state>(random() % fq::task_state_names.size());
            return watcher.on(
                fq::policy::task_event{fq::task_id{}, odd, state, static_cast<std::uint32_t>(random()), odd});
        }
        case 1:
            return watcher.on(
                fq::policy::worker_event{odd, static_cast<fq::policy::worker_change>(random() % 4), odd});
        default:
            return watcher.on(fq::policy::notice_event{fq::errc::bad_greeting, odd});
    }
}

/// What must hold for every observer: it takes whatever it is told, also one that was made from nothing, or has moved.
/// \param make  gives one that has somebody to tell
template <fastqueue::policy::observer Observer, class Make>
void observer_laws(Make&& make) {
    auto const seed = GENERATE(take(5, random<std::uint64_t>(0, ~0ULL >> 1U)));
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    Observer silent;
    Observer first = make();
    for (int i = 0; i < 500; ++i) {
        tell_something(silent, random);
        tell_something(first, random);
    }
    Observer second = std::move(first);
    for (int i = 0; i < 500; ++i) tell_something(second, random);
    SUCCEED();  // nothing was thrown, which would have ended the program; the sanitizers look at the rest
}

}  // namespace laws
