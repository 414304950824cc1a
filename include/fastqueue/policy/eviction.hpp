#pragma once

#include <concepts>
#include <cstdint>

namespace fastqueue::policy {

using slot = std::uint32_t;  ///< dense: 0 to the cache's capacity - 1

template <class E>
concept tracks_slots = requires(E e, slot s, std::uint64_t hash) {
    { e.inserted(s, hash) }
    noexcept->std::same_as<void>;
    { e.used(s) }
    noexcept->std::same_as<void>;
    { e.erased(s) }
    noexcept->std::same_as<void>;
};

template <class E>
concept names_victim = requires(E e) {
    { e.victim() }
    noexcept->std::same_as<slot>;
};

/// Decides which cached result leaves first. The cache owns keys and values; a policy sees slot numbers only.
///
/// expression       | throws    | law
/// E(capacity)      | bad_alloc | the only call that may allocate
/// e.inserted(s, h) | never     | s was not tracked, now it is; h is the key's hash, for policies with a memory
/// e.used(s)        | never     | s is tracked
/// e.erased(s)      | never     | s was tracked, now it is not
/// e.victim()       | never     | a tracked slot; may move the policy's own hand (CLOCK, S3-FIFO)
///
/// The library promises one thread at a time, the preconditions above, and never to ask an empty policy for a victim.
/// Prove your own with tests/laws/eviction_laws.hpp.
template <class E>
concept eviction = std::constructible_from<E, slot> && tracks_slots<E> && names_victim<E>;

}  // namespace fastqueue::policy
