#pragma once

#include <concepts>
#include <cstdint>

namespace fastqueue::policy {

/// How busy a worker is: runs outstanding for each of its threads, in 1/1024.
using load = std::uint32_t;

using worker_slot = std::uint32_t;  ///< dense and small: the fleet reuses numbers of workers that left

template <class B>
concept follows_workers = requires(B b, worker_slot w, std::uint32_t weight, load l) {
    { b.joined(w, weight, l) } -> std::same_as<void>;
    { b.left(w) }
    noexcept->std::same_as<void>;
    { b.load_changed(w, l) } -> std::same_as<void>;
};

template <class B>
concept picks_worker = requires(B b, std::uint64_t key) {
    { b.pick(key) }
    noexcept->std::same_as<worker_slot>;
};

/// Decides which of several workers gets the next task. It is told of every change, so that a pick never looks at all
/// workers. One instance serves the workers of one *class* (those that know the same tasks), and only those that have
/// room now: a worker that is full has `left`, and `joined` again when it has room.
///
/// expression             | throws    | law
/// B(seed)                | bad_alloc | the same seed and calls give the same picks
/// b.joined(w, weight, l) | bad_alloc | w was not a candidate, now it is; weight is 1 to 1000 (1: the default)
/// b.left(w)              | never     | w was a candidate, now it is not
/// b.load_changed(w, l)   | bad_alloc | w is a candidate; its load is l
/// b.pick(key)            | never     | a candidate; key is the hash of the task's `key`, 0 where it has none
///
/// The library promises one thread at a time, the preconditions above, and never to ask without a candidate.
template <class B>
concept balancing = std::constructible_from<B, std::uint64_t> && follows_workers<B> && picks_worker<B>;

}  // namespace fastqueue::policy
