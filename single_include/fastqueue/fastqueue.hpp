// FastQueue 0.1.0: a distributed task queue, the whole library in one header.
// Made by single_include/amalgamate.py: change the headers in include/fastqueue/ and run it again.
//
// MIT License
//
// Copyright (c) 2026 The FastQueue authors
//
// Permission is hereby granted, free of charge, to any person obtaining a copy
// of this software and associated documentation files (the "Software"), to deal
// in the Software without restriction, including without limitation the rights
// to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
// copies of the Software, and to permit persons to whom the Software is
// furnished to do so, subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all
// copies or substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
// IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
// FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
// AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
// LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
// OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
// SOFTWARE.

#pragma once

// ---- <fastqueue/fastqueue.hpp>

// Everything that needs no optional library: the roles, every policy, and what a task module is made with.
// `single_include/fastqueue/fastqueue.hpp` is made from this.

// ---- <fastqueue/balancing/power_of_two.hpp>

// ---- <fastqueue/model/hash.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fastqueue {

/// Mixes two words by a 128-bit product: every input bit reaches every output bit.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using wide = unsigned __int128;
    auto const product = static_cast<wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

namespace detail {

inline constexpr std::uint64_t hash_k1 = 0x9e3779b97f4a7c15U;
inline constexpr std::uint64_t hash_k2 = 0xd6e8feb86659fd93U;

[[nodiscard]] inline std::uint64_t word_at(char const* at) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    return word;
}

/// Takes blocks of 32 octets off the front. Four products at a time, since each waits for the one before it.
[[nodiscard]] inline std::uint64_t hash_blocks(std::string_view& bytes, std::uint64_t state) noexcept {
    std::uint64_t lanes[4] = {state, state ^ hash_k1, state ^ hash_k2, ~state};
    for (; bytes.size() >= 32; bytes.remove_prefix(32)) {
        for (std::size_t i = 0; i < 4; ++i) lanes[i] = mix(lanes[i] ^ word_at(bytes.data() + 8 * i), hash_k1);
    }
    return mix(lanes[0] ^ mix(lanes[1], hash_k2), hash_k1) ^ mix(lanes[2] ^ mix(lanes[3], hash_k1), hash_k2);
}

}  // namespace detail

/// A fast hash for tables and fingerprints; not a cryptographic one.
/// \param seed  a secret where a peer chooses the bytes, so that it can't choose collisions
/// \complexity linear, eight octets a step, allocates nothing
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) noexcept {
    constexpr auto k1 = detail::hash_k1;
    constexpr auto k2 = detail::hash_k2;
    constexpr std::size_t large = 128;
    std::uint64_t state = seed ^ mix(bytes.size() ^ k1, k2);
    if (bytes.size() >= large) state = detail::hash_blocks(bytes, state);
    auto const* at = bytes.data();
    auto left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) state = mix(state ^ detail::word_at(at), k1);
    std::uint64_t tail = 0;
    if (left > 0) std::memcpy(&tail, at, left);
    return mix(state ^ tail ^ k2, k1 ^ left);
}

}  // namespace fastqueue

// ---- <fastqueue/policy/balancing.hpp>

#include <concepts>

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

#include <cassert>
#include <vector>

namespace fastqueue::balancing {

/// Draws two workers and picks the one with the lesser load for its weight. Nearly as even as looking for the
/// least, and O(1); and several control planes that see the same loads don't all run to the same worker.
/// About 24 octets a worker.
class power_of_two {
public:
    explicit power_of_two(std::uint64_t seed) noexcept : random_{seed} {}

    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t weight, policy::load l) {
        if (w >= place_.size()) place_.resize(w + std::size_t{1});
        candidates_.push_back(candidate{w, weight > 0 ? weight : 1, l});
        place_[w] = candidates_.size() - 1;
    }
    void left(policy::worker_slot w) noexcept {
        auto const hole = place_[w];
        candidates_[hole] = candidates_.back();
        place_[candidates_[hole].slot] = hole;
        candidates_.pop_back();
    }
    void load_changed(policy::worker_slot w, policy::load l) noexcept { candidates_[place_[w]].load = l; }
    [[nodiscard]] policy::worker_slot pick(std::uint64_t) noexcept {
        assert(!candidates_.empty());  // the fleet never asks without a candidate
        auto const n = candidates_.size();
        if (n == 1) return candidates_.front().slot;
        auto const one = below(n);
        auto const other = (one + 1 + below(n - 1)) % n;  // never the same
        auto const& a = candidates_[one];
        auto const& b = candidates_[other];
        return std::uint64_t{b.load} * a.weight < std::uint64_t{a.load} * b.weight ? b.slot : a.slot;
    }

private:
    struct candidate {
        policy::worker_slot slot;
        std::uint32_t weight;
        policy::load load;
    };

    // Own, since the same seed must give the same picks with every standard library.
    std::size_t below(std::size_t n) noexcept {
        random_ += 0x9e3779b97f4a7c15U;
        return static_cast<std::size_t>(mix(random_, 0xd6e8feb86659fd93U) % n);
    }

    std::uint64_t random_;
    std::vector<candidate> candidates_;  // dense
    std::vector<std::size_t> place_;     // of each worker in candidates_
};

static_assert(policy::balancing<power_of_two>);

}  // namespace fastqueue::balancing

// ---- <fastqueue/balancing/round_robin.hpp>

namespace fastqueue::balancing {

/// Picks one worker after the other; who joins waits for a whole turn. Load and weight don't count. For
/// workers that are alike and tasks that are alike, and where it must be foreseeable who gets what. O(1) a
/// call, 8 octets a worker.
class round_robin {
public:
    /// The seed is not used: nothing here is left to chance.
    explicit round_robin(std::uint64_t) noexcept {}

    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t, policy::load) {
        if (w >= links_.size()) links_.resize(w + std::size_t{1});
        if (next_ == nobody) {
            links_[w] = link{w, w};
            next_ = w;
            return;
        }
        auto const last = links_[next_].previous;
        links_[w] = link{last, next_};
        links_[last].next = w;
        links_[next_].previous = w;
    }
    void left(policy::worker_slot w) noexcept {
        auto const [previous, next] = links_[w];
        links_[previous].next = next;
        links_[next].previous = previous;
        if (next_ == w) next_ = next == w ? nobody : next;
    }
    void load_changed(policy::worker_slot, policy::load) noexcept {}
    [[nodiscard]] policy::worker_slot pick(std::uint64_t) noexcept {
        assert(next_ != nobody);  // the fleet never asks without a candidate
        auto const picked = next_;
        next_ = links_[picked].next;
        return picked;
    }

private:
    static constexpr policy::worker_slot nobody = ~policy::worker_slot{0};
    struct link {
        policy::worker_slot previous = nobody;
        policy::worker_slot next = nobody;
    };

    std::vector<link> links_;  // the candidates are a ring within it
    policy::worker_slot next_ = nobody;
};

static_assert(policy::balancing<round_robin>);

}  // namespace fastqueue::balancing

// ---- <fastqueue/balancing/sticky.hpp>

// ---- <fastqueue/balancing/least_loaded.hpp>

// ---- <fastqueue/model/indexed_heap.hpp>

#include <functional>
#include <utility>

namespace fastqueue {

/// A binary heap of dense slot numbers by key, in which each slot's place is known, so that a key can be
/// changed and any slot taken out in O(log n). Memory grows with the largest slot number; the smallest key by
/// `Less` is on top. One thread at a time.
template <class Key, class Less = std::less<Key>>
class indexed_heap {
public:
    using slot = std::uint32_t;

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
    [[nodiscard]] slot top() const noexcept { return heap_.front().second; }
    [[nodiscard]] Key const& top_key() const noexcept { return heap_.front().first; }
    [[nodiscard]] bool contains(slot s) const noexcept { return s < place_.size() && place_[s] != none; }
    [[nodiscard]] Key const& key(slot s) const noexcept { return heap_[place_[s]].first; }

    /// Puts `s` in, or moves it to its new key.
    void set(slot s, Key key) {
        if (s >= place_.size()) place_.resize(s + std::size_t{1}, none);
        if (place_[s] == none) {
            place_[s] = static_cast<std::uint32_t>(heap_.size());
            heap_.emplace_back(std::move(key), s);
            up(heap_.size() - 1);
            return;
        }
        auto const at = place_[s];
        bool const rises = less_(key, heap_[at].first);
        heap_[at].first = std::move(key);
        rises ? up(at) : down(at);
    }

    /// Takes `s` out; nothing happens where it is not in.
    void erase(slot s) noexcept {
        if (!contains(s)) return;
        std::size_t const at = place_[s];
        std::size_t const last = heap_.size() - 1;
        place_[s] = none;
        if (at != last) {
            bool const rises = less_(heap_[last].first, heap_[at].first);
            heap_[at] = std::move(heap_[last]);
            place_[heap_[at].second] = static_cast<std::uint32_t>(at);
            heap_.pop_back();
            rises ? up(at) : down(at);
            return;
        }
        heap_.pop_back();
    }

    void clear() noexcept {
        heap_.clear();
        place_.clear();
    }

private:
    static constexpr std::uint32_t none = ~0U;

    void put(std::size_t at, std::pair<Key, slot>&& entry) noexcept {
        place_[entry.second] = static_cast<std::uint32_t>(at);
        heap_[at] = std::move(entry);
    }
    void up(std::size_t at) noexcept {
        auto entry = std::move(heap_[at]);
        while (at > 0) {
            auto const parent = (at - 1) / 2;
            if (!less_(entry.first, heap_[parent].first)) break;
            put(at, std::move(heap_[parent]));
            at = parent;
        }
        put(at, std::move(entry));
    }
    void down(std::size_t at) noexcept {
        auto entry = std::move(heap_[at]);
        for (;;) {
            auto child = 2 * at + 1;
            if (child >= heap_.size()) break;
            if (child + 1 < heap_.size() && less_(heap_[child + 1].first, heap_[child].first)) ++child;
            if (!less_(heap_[child].first, entry.first)) break;
            put(at, std::move(heap_[child]));
            at = child;
        }
        put(at, std::move(entry));
    }

    std::vector<std::pair<Key, slot>> heap_;
    std::vector<std::uint32_t> place_;
    [[no_unique_address]] Less less_;
};

}  // namespace fastqueue

#include <compare>

namespace fastqueue::balancing {

/// Picks the worker with the least load for its weight; among equals, the one that was picked longest ago, so
/// that work spreads over idle workers. The default. A worker of weight 2 is given work until it has twice
/// the load of one of weight 1. O(log n) a call, about 48 octets a worker.
class least_loaded {
public:
    /// The seed is not used: nothing here is left to chance.
    explicit least_loaded(std::uint64_t) noexcept {}

    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t weight, policy::load l) {
        if (w >= workers_.size()) workers_.resize(w + std::size_t{1});
        workers_[w].weight = weight > 0 ? weight : 1;
        load_changed(w, l);
    }
    void left(policy::worker_slot w) noexcept { heap_.erase(w); }
    /// \throws std::bad_alloc
    void load_changed(policy::worker_slot w, policy::load l) {
        auto const& [weight, picked] = workers_[w];
        heap_.set(w, rank{(std::uint64_t{l} << 10U) / weight, picked});
    }
    [[nodiscard]] policy::worker_slot pick(std::uint64_t) noexcept {
        assert(!heap_.empty());  // the fleet never asks without a candidate
        auto const w = heap_.top();
        workers_[w].picked = ++now_;
        heap_.set(w, rank{heap_.top_key().weighted_load, now_});
        return w;
    }

private:
    struct rank {
        std::uint64_t weighted_load;
        std::uint64_t picked;  // when it was picked last
        friend auto operator<=>(rank const&, rank const&) noexcept = default;
    };
    struct worker {
        std::uint32_t weight = 1;
        std::uint64_t picked =
            0;  // stays while a worker is full, or it would be first again each time it has room
    };

    indexed_heap<rank> heap_;
    std::vector<worker> workers_;
    std::uint64_t now_ = 0;  // counts picks
};

static_assert(policy::balancing<least_loaded>);

}  // namespace fastqueue::balancing

namespace fastqueue::balancing {

/// Keeps tasks of one `key` with one worker, which has what they need at hand: an open file, a loaded model, a warm cache.
/// While that one is full, the key's second choice gets them, always the same one, then the third; nobody waits for a worker
/// beside an idle one. Who joins or leaves moves only its share of the keys. Tasks without a key go to the least loaded.
/// Weights count for these only. O(log n) a call, about 50 octets a worker.
/// \source Lamping, Veach: A fast, minimal memory, consistent hash algorithm, 2014
class sticky {
public:
    explicit sticky(std::uint64_t seed) noexcept : seed_{seed}, others_{seed} {}

    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t weight, policy::load l) {
        if (w >= workers_.size()) workers_.resize(w + std::size_t{1});
        if (!std::exchange(workers_[w].known, true)) places_.push_back(w);
        workers_[w].present = true;
        others_.joined(w, weight, l);
    }
    void left(policy::worker_slot w) noexcept {
        workers_[w].present = false;
        others_.left(w);
    }
    /// \throws std::bad_alloc
    void load_changed(policy::worker_slot w, policy::load l) { others_.load_changed(w, l); }
    [[nodiscard]] policy::worker_slot pick(std::uint64_t key) noexcept {
        constexpr std::uint64_t choices = 8;  // where so many are full, most are: any other will do
        for (std::uint64_t choice = 0; key != 0 && choice < choices; ++choice) {
            auto const w = places_[place_of(drawn(key ^ seed_, choice))];
            if (workers_[w].present) return w;
        }
        return others_.pick(key);
    }

private:
    /// The `n`th of the random numbers that belong to `hash`.
    [[nodiscard]] static std::uint64_t drawn(std::uint64_t hash, std::uint64_t n) noexcept {
        auto const state = hash + (n + 1) * 0x9e3779b97f4a7c15U;
        return mix(state, state ^ 0xd6e8feb86659fd93U);
    }
    /// The number below `places_.size()` that belongs to `hash`: with each number more, one in that many hashes moves, and
    /// moves to the new one.
    [[nodiscard]] std::size_t place_of(std::uint64_t hash) const noexcept {
        std::uint64_t at = 0;
        // The next number to which this hash moves is drawn, rather than asked for at each: P(beyond n) = (at + 1) / n.
        for (std::uint64_t next = 0, draw = 1; next < places_.size(); ++draw) {
            at = next;
            auto const fraction = static_cast<double>((drawn(hash, draw) >> 11U) + 1) * 0x1p-53;
            next = static_cast<std::uint64_t>(static_cast<double>(at + 1) / fraction);
        }
        return static_cast<std::size_t>(at);
    }

    std::uint64_t seed_;
    least_loaded others_;
    struct worker {
        bool known = false;
        bool present = false;
    };
    std::vector<worker> workers_;
    std::vector<policy::worker_slot> places_;  // who ever joined, in that order: the fleet reuses numbers
};

static_assert(policy::balancing<sticky>);

}  // namespace fastqueue::balancing

// ---- <fastqueue/balancing/weighted.hpp>

#include <algorithm>

namespace fastqueue::balancing {

/// Gives workers their share of the tasks: one of weight 3 gets three for each that one of weight 1 gets, in an even mix and
/// whatever their load. For workers whose speeds are known, and where it must be foreseeable who gets what. O(log n) a call,
/// about 40 octets a worker.
/// \source Waldspurger, Weihl: Stride scheduling, MIT/LCS/TM-528, 1995
class weighted {
public:
    /// The seed is not used: nothing here is left to chance.
    explicit weighted(std::uint64_t) noexcept {}

    /// Who was away goes on where it stood, but is not given what it missed.
    /// \throws std::bad_alloc
    void joined(policy::worker_slot w, std::uint32_t weight, policy::load) {
        if (w >= workers_.size()) workers_.resize(w + std::size_t{1});
        auto& [stride, pass] = workers_[w];
        stride = one_turn / std::clamp(weight, 1U, 1000U);
        pass = std::max(pass, pass_);
        heap_.set(w, rank{pass, ++joins_});
    }
    void left(policy::worker_slot w) noexcept { heap_.erase(w); }
    void load_changed(policy::worker_slot, policy::load) noexcept {}
    [[nodiscard]] policy::worker_slot pick(std::uint64_t) noexcept {
        assert(!heap_.empty());  // the fleet never asks without a candidate
        auto const w = heap_.top();
        auto& [stride, pass] = workers_[w];
        pass_ = pass;
        pass += stride;
        heap_.set(w, rank{pass, heap_.top_key().joined});
        return w;
    }

private:
    static constexpr std::uint64_t one_turn = 1U << 20U;
    struct rank {
        std::uint64_t pass;
        std::uint64_t joined;
        friend auto operator<=>(rank const&, rank const&) noexcept = default;
    };
    struct worker {
        std::uint64_t stride = one_turn;
        std::uint64_t pass = 0;  // when its next task is due, on a clock of tasks
    };

    indexed_heap<rank> heap_;
    std::vector<worker> workers_;
    std::uint64_t pass_ = 0;  // of the latest pick
    std::uint64_t joins_ = 0;
};

static_assert(policy::balancing<weighted>);

}  // namespace fastqueue::balancing

// ---- <fastqueue/client.hpp>

// ---- <fastqueue/batch.hpp>

// ---- <fastqueue/tasks/invocation.hpp>

// ---- <fastqueue/model/error.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <system_error>

namespace fastqueue {

/// All that can go wrong, in one category. The first group travels in FQ1 headers under the same names
/// (`docs/protocol.md`, "Errors"); the others stay inside a process.
enum class errc {
    // FQ1: what a peer is told
    bad_request = 1,
    unknown_verb,
    wrong_port,
    unknown_task_name,
    bad_arguments,
    handler_error,
    timeout,
    worker_lost,
    too_many_deaths,
    id_conflict,
    outcome_unknown,
    result_gone,
    not_finished,
    batch_refused,
    duplicate,
    unknown_task,
    already_finished,
    unknown_worker,
    worker_id_taken,
    queue_full,
    too_large,
    unsupported_content,
    unsupported_version,
    shutting_down,
    not_authorized,
    cancelled,
    expired,

    // a caller's own process
    unreachable = 64,  ///< nobody answers at the address
    timed_out,         ///< no answer in the time the caller gave
    connection_lost,
    refused,  ///< the connection was refused: nobody listens there
    stopped,  ///< this object has been stopped
    bad_address,
    address_in_use,
    bad_name,
    bad_id,
    bad_option,
    bad_module,
    bad_value,  ///< bytes that cannot be read as the type asked for
    no_such_peer,
    send_queue_full,
    store_failed,  ///< tasks cannot be stored, or not be read back

    // ZMTP: why a connection is closed
    need_more = 128,  ///< not an error: call again with more bytes
    bad_greeting,
    unsupported_zmtp_version,
    mechanism_mismatch,
    reserved_flag_set,
    frame_too_large,
    message_too_large,
    too_many_frames,
    bad_command,
    bad_metadata,
    socket_type_mismatch,
    handshake_timeout,
    heartbeat_timeout,
    too_many_handshakes,
    too_many_connections,
    peer_error,  ///< the peer sent a ZMTP ERROR
};

namespace detail {

struct errc_text {
    errc code;
    std::string_view name;  // the token in FQ1 headers
    std::string_view text;
};

inline constexpr std::array errc_texts{
    errc_text{errc::bad_request, "bad_request", "the request cannot be read"},
    errc_text{errc::unknown_verb, "unknown_verb", "the verb does not exist"},
    errc_text{errc::wrong_port, "wrong_port", "the verb is not served on this port"},
    errc_text{errc::unknown_task_name, "unknown_task_name", "no worker knows a task of that name"},
    errc_text{errc::bad_arguments, "bad_arguments", "the arguments do not fit the task's parameters"},
    errc_text{errc::handler_error, "handler_error", "the task's handler failed"},
    errc_text{errc::timeout, "timeout", "the task exceeded its time limit"},
    errc_text{errc::worker_lost, "worker_lost", "the worker was lost while it ran the task"},
    errc_text{errc::too_many_deaths, "too_many_deaths", "the task's worker was lost too many times"},
    errc_text{errc::id_conflict, "id_conflict", "the task id is in use for another task"},
    errc_text{errc::outcome_unknown, "outcome_unknown", "whether the task has run cannot be known any more"},
    errc_text{errc::result_gone, "result_gone", "the task has ended and its result is no longer kept"},
    errc_text{errc::not_finished, "not_finished", "the task has not finished"},
    errc_text{errc::batch_refused, "batch_refused", "another task of the same batch was refused"},
    errc_text{errc::duplicate, "duplicate", "a task with the same unique key is alive"},
    errc_text{errc::unknown_task, "unknown_task", "no task with that id is known"},
    errc_text{errc::already_finished, "already_finished", "the task has already finished"},
    errc_text{errc::unknown_worker, "unknown_worker", "no worker of that name is registered"},
    errc_text{errc::worker_id_taken, "worker_id_taken", "another live worker bears that name"},
    errc_text{errc::queue_full, "queue_full", "a limit on queued work is reached"},
    errc_text{errc::too_large, "too_large", "a header, payload or message is over its limit"},
    errc_text{errc::unsupported_content, "unsupported_content", "the content type is not supported"},
    errc_text{errc::unsupported_version, "unsupported_version", "the protocol version is not supported"},
    errc_text{errc::shutting_down, "shutting_down", "the control plane is shutting down"},
    errc_text{errc::not_authorized, "not_authorized", "the peer is not allowed to do this"},
    errc_text{errc::cancelled, "cancelled", "the task was cancelled"},
    errc_text{errc::expired, "expired", "the task expired before it began"},
    errc_text{errc::unreachable, "unreachable", "nobody answers at the address"},
    errc_text{errc::timed_out, "timed_out", "no answer within the time given"},
    errc_text{errc::connection_lost, "connection_lost", "the connection was lost"},
    errc_text{errc::refused, "refused", "the connection was refused"},
    errc_text{errc::stopped, "stopped", "it has been stopped"},
    errc_text{errc::bad_address, "bad_address", "the address is malformed"},
    errc_text{errc::address_in_use, "address_in_use", "the address is in use"},
    errc_text{errc::bad_name, "bad_name", "the name is malformed"},
    errc_text{errc::bad_id, "bad_id", "the task id is not a UUID"},
    errc_text{errc::bad_option, "bad_option", "the option's value is out of range"},
    errc_text{errc::bad_module, "bad_module", "the task module cannot be used"},
    errc_text{errc::bad_value, "bad_value", "the bytes cannot be read as that type"},
    errc_text{errc::no_such_peer, "no_such_peer", "no such peer is connected"},
    errc_text{errc::send_queue_full, "send_queue_full", "the peer does not read fast enough"},
    errc_text{errc::store_failed, "store_failed", "tasks cannot be stored, or not be read back"},
    errc_text{errc::need_more, "need_more", "more bytes are needed"},
    errc_text{errc::bad_greeting, "bad_greeting", "the peer does not speak ZMTP"},
    errc_text{errc::unsupported_zmtp_version, "unsupported_zmtp_version",
              "the peer speaks ZMTP older than 3.0"},
    errc_text{errc::mechanism_mismatch, "mechanism_mismatch", "the peer uses another security mechanism"},
    errc_text{errc::reserved_flag_set, "reserved_flag_set", "a frame has illegal flags"},
    errc_text{errc::frame_too_large, "frame_too_large", "a frame is over the limit"},
    errc_text{errc::message_too_large, "message_too_large", "a message is over the limit"},
    errc_text{errc::too_many_frames, "too_many_frames", "a message has too many frames"},
    errc_text{errc::bad_command, "bad_command", "a ZMTP command is malformed or out of place"},
    errc_text{errc::bad_metadata, "bad_metadata", "the peer's metadata are malformed"},
    errc_text{errc::socket_type_mismatch, "socket_type_mismatch", "the peer's socket type does not fit here"},
    errc_text{errc::handshake_timeout, "handshake_timeout", "the handshake was not completed in time"},
    errc_text{errc::heartbeat_timeout, "heartbeat_timeout", "the peer has been silent for too long"},
    errc_text{errc::too_many_handshakes, "too_many_handshakes", "too many unfinished handshakes"},
    errc_text{errc::too_many_connections, "too_many_connections", "too many connections"},
    errc_text{errc::peer_error, "peer_error", "the peer refused the connection"},
};

[[nodiscard]] constexpr errc_text const* find_errc(errc code) noexcept {
    for (auto const& entry : errc_texts) {
        if (entry.code == code) return &entry;
    }
    return nullptr;
}

class error_category final : public std::error_category {
public:
    [[nodiscard]] char const* name() const noexcept override { return "fastqueue"; }
    [[nodiscard]] std::string message(int value) const override {
        auto const* entry = find_errc(static_cast<errc>(value));
        return std::string{entry != nullptr ? entry->text : "unknown error"};
    }
};

}  // namespace detail

/// The category of every `errc`. Safe from any thread.
[[nodiscard]] inline std::error_category const& category() noexcept {
    static detail::error_category const instance;
    return instance;
}

[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), category()};
}

/// The token of `code` in FQ1 headers; empty for a value outside the enumeration.
[[nodiscard]] constexpr std::string_view name_of(errc code) noexcept {
    auto const* entry = detail::find_errc(code);
    return entry != nullptr ? entry->name : std::string_view{};
}

/// The code whose token is `name`; `fallback` for a token this version does not know.
[[nodiscard]] constexpr errc errc_from_name(std::string_view name, errc fallback) noexcept {
    for (auto const& entry : detail::errc_texts) {
        if (entry.name == name) return entry.code;
    }
    return fallback;
}

/// What every blocking call throws: a code and a sentence that names the thing, the value and the mend.
class error : public std::system_error {
public:
    error(std::error_code code, std::string const& what) : std::system_error{code, what}, text_{what} {}
    error(errc code, std::string const& what) : error{make_error_code(code), what} {}

    /// The sentence without the category's own text behind it.
    [[nodiscard]] std::string const& text() const noexcept { return text_; }

private:
    std::string text_;
};

}  // namespace fastqueue

template <>
struct std::is_error_code_enum<fastqueue::errc> : std::true_type {};

// ---- <fastqueue/model/name.hpp>

namespace fastqueue {

inline constexpr std::size_t max_name_size = 255;

/// Whether `name` may name a task or a worker: 1 to 255 of `A-Z a-z 0-9 . _ : -`.
[[nodiscard]] constexpr bool is_valid_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > max_name_size) return false;
    return std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == ':' || c == '-';
    });
}

/// Levenshtein's distance: how many characters must be put in, taken out or changed.
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            auto const substituted = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row[b.size()];
}

/// The names most like `wanted`, nearest first, at most `most`; those too unlike to have been meant are left
/// out.
template <class Names>
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view wanted, Names const& names,
                                                     std::size_t most = 3) {
    std::vector<std::pair<std::size_t, std::string>> found;
    auto const limit = std::max<std::size_t>(2, wanted.size() / 3);
    for (std::string_view const name : names) {
        auto const distance = edit_distance(wanted, name);
        if (distance <= limit) found.emplace_back(distance, name);
    }
    std::ranges::sort(found);
    if (found.size() > most) found.resize(most);
    std::vector<std::string> out;
    out.reserve(found.size());
    for (auto& [distance, name] : found) out.push_back(std::move(name));
    return out;
}

}  // namespace fastqueue

// ---- <fastqueue/model/priority.hpp>

#include <optional>

namespace fastqueue {

/// Strict: while a task of a higher priority waits and can run, none of a lower one is begun.
enum class priority : std::uint8_t { critical = 0, high = 1, normal = 2, low = 3 };

inline constexpr std::size_t priority_count = 4;
inline constexpr std::array<std::string_view, priority_count> priority_names{"critical", "high", "normal",
                                                                             "low"};

[[nodiscard]] constexpr std::size_t index_of(priority p) noexcept { return static_cast<std::size_t>(p); }
[[nodiscard]] constexpr std::string_view name_of(priority p) noexcept { return priority_names[index_of(p)]; }

/// Reads a lower-case name; empty for anything else.
[[nodiscard]] constexpr std::optional<priority> parse_priority(std::string_view name) noexcept {
    for (std::size_t i = 0; i < priority_count; ++i) {
        if (priority_names[i] == name) return static_cast<priority>(i);
    }
    return std::nullopt;
}

}  // namespace fastqueue

// ---- <fastqueue/model/task_id.hpp>

// ---- <fastqueue/model/hex.hpp>

#include <bit>

namespace fastqueue::detail {

// Eight hexadecimal digits at a time, as the eight octets of a word: a UUID is read and written for each task at each
// hop. The first digit is the word's lowest octet, so this is for little-endian machines.
inline constexpr bool has_fast_hex = std::endian::native == std::endian::little;

/// Reads eight digits, in either case.
/// \param out  four octets, the first in the lowest
/// \return not 0: something else stands there
[[nodiscard]] constexpr std::uint64_t read_hex8(std::uint64_t text, std::uint32_t& out) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    auto const letters = (text >> 6U) & ones;  // both cases have that bit, digits have not
    auto const values = (text & 0x0f * ones) + 9 * letters;
    // What these values are written as must be what was read, but for its case; and none may be over 15.
    auto const over_nine = ((values + 6 * ones) >> 4U) & ones;
    auto const written = values + 0x30 * ones + 39 * over_nine;
    auto const bad = (written ^ (text | letters << 5U)) | (values & 0x10 * ones);
    auto packed = (values << 4U | values >> 8U) & 0x00ff00ff00ff00ffU;
    packed = (packed | packed >> 8U) & 0x0000ffff0000ffffU;
    out = static_cast<std::uint32_t>(packed | packed >> 16U);
    return bad;
}

/// Eight lower-case digits of four octets.
[[nodiscard]] constexpr std::uint64_t write_hex8(std::uint32_t octets) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    std::uint64_t spread = octets;
    spread = (spread | spread << 16U) & 0x0000ffff0000ffffU;
    spread = (spread | spread << 8U) & 0x00ff00ff00ff00ffU;
    auto const values = ((spread >> 4U) & 0x000f000f000f000fU) | (spread & 0x000f000f000f000fU) << 8U;
    auto const over_nine = ((values + 6 * ones) >> 4U) & ones;
    return values + 0x30 * ones + 39 * over_nine;
}

}  // namespace fastqueue::detail

// ---- <fastqueue/model/time.hpp>

#include <chrono>
#include <limits>

namespace fastqueue {

/// A point on the monotonic clock. Leases, heartbeats, back-off and time limits live here: a wall clock that
/// jumps moves none of them.
using instant = std::chrono::steady_clock::time_point;

/// A point in UTC, to the microsecond. Only what people plan by the calendar lives here (eta, expiry,
/// reports).
using wall_instant = std::chrono::sys_time<std::chrono::microseconds>;

/// Both clocks, read together once a turn of the loop. Everything below `transport/` gets time as an
/// argument.
struct clock_reading {
    instant steady{};
    wall_instant wall{};
};

/// The earliest moment that `instant` can hold a duration after, without overflow.
/// \param delay  0 and up; anything that would run past the clock's end is cut to "never".
[[nodiscard]] constexpr instant saturating_add(instant from, std::chrono::microseconds delay) noexcept {
    auto const room = std::chrono::duration_cast<std::chrono::microseconds>(instant::max() - from);
    return delay >= room ? instant::max() : from + delay;
}

/// Microseconds since the Unix epoch, as FQ1 writes them; 0 for a time before it.
[[nodiscard]] constexpr std::uint64_t to_epoch_us(wall_instant t) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(t.time_since_epoch().count(), 0));
}

/// The other way; a number that no clock can hold is cut to the last moment it can.
[[nodiscard]] constexpr wall_instant from_epoch_us(std::uint64_t us) noexcept {
    constexpr std::uint64_t last = std::numeric_limits<std::int64_t>::max();
    return wall_instant{std::chrono::microseconds{static_cast<std::int64_t>(std::min(us, last))}};
}

}  // namespace fastqueue

#include <type_traits>

#include <sys/random.h>

namespace fastqueue {

/// Fills `out` from the system's cryptographic source.
/// \throws error if the system has none to give
inline void random_bytes(void* out, std::size_t size) {
    auto* at = static_cast<char*>(out);
    while (size > 0) {
        auto const got = ::getrandom(at, size, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw error{errc::bad_value,
                        "the system gives no random numbers: " + std::string{std::strerror(errno)}};
        }
        at += got;
        size -= static_cast<std::size_t>(got);
    }
}

/// A 64-bit number nobody can guess: seeds of tables and of jitter.
[[nodiscard]] inline std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    random_bytes(&seed, sizeof seed);
    return seed;
}

/// A UUID: 16 octets inside, 36 characters outside. Names a task, a worker's incarnation, a control plane's
/// epoch. A value; safe to copy anywhere.
class uuid {
public:
    static constexpr std::size_t text_size = 36;

    /// All zeros: names nothing.
    constexpr uuid() noexcept = default;
    constexpr explicit uuid(std::array<std::uint8_t, 16> const& octets) noexcept : octets_{octets} {}

    /// Version 7 where a time is given: ids made later compare greater, and 74 bits cannot be guessed.
    /// \source RFC 9562, section 5.7
    [[nodiscard]] static uuid make_v7(wall_instant now) {
        uuid id;
        random_bytes(id.octets_.data() + 6, 10);
        id.stamp_v7(now);
        return id;
    }

    /// The same from random bits that the caller has, for simulations that must repeat.
    [[nodiscard]] static uuid make_v7(wall_instant now, std::uint64_t random_high,
                                      std::uint64_t random_low) noexcept {
        uuid id;
        std::memcpy(id.octets_.data() + 6, &random_high, 2);
        std::memcpy(id.octets_.data() + 8, &random_low, 8);
        id.stamp_v7(now);
        return id;
    }

    /// Version 4: random all through. For secrets: it tells no time.
    /// \source RFC 9562, section 5.4
    [[nodiscard]] static uuid make_v4() {
        uuid id;
        random_bytes(id.octets_.data(), 16);
        id.octets_[6] = static_cast<std::uint8_t>((id.octets_[6] & 0x0fU) | 0x40U);
        id.octets_[8] = static_cast<std::uint8_t>((id.octets_[8] & 0x3fU) | 0x80U);
        return id;
    }

    /// Reads the 36-character form, in either case; empty for anything else.
    [[nodiscard]] static constexpr std::optional<uuid> parse(std::string_view text) noexcept {
        if (text.size() != text_size) return std::nullopt;
        if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return std::nullopt;
        if (detail::has_fast_hex && !std::is_constant_evaluated()) return parse_words(text.data());
        constexpr std::uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
        uuid id;
        unsigned seen = 0;
        for (std::size_t i = 0; i < 16; ++i) {
            unsigned const high = digits[static_cast<unsigned char>(text[places[i]])];
            unsigned const low = digits[static_cast<unsigned char>(text[places[i] + 1U])];
            seen |= high | low;
            id.octets_[i] = static_cast<std::uint8_t>(high << 4U | low);
        }
        if (seen >= no_digit) return std::nullopt;
        return id;
    }

    /// Writes the 36 lower-case characters to `out`, which has room for them.
    constexpr void write(char* out) const noexcept {
        if (detail::has_fast_hex && !std::is_constant_evaluated()) return write_words(out);
        constexpr std::string_view letters = "0123456789abcdef";
        for (std::size_t i = 0; i < 16; ++i) {
            if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
            *out++ = letters[octets_[i] >> 4U];
            *out++ = letters[octets_[i] & 15U];
        }
    }
    [[nodiscard]] std::string text() const {
        std::string out(text_size, '-');
        write(out.data());
        return out;
    }

    [[nodiscard]] constexpr bool empty() const noexcept { return *this == uuid{}; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 16> const& octets() const noexcept { return octets_; }
    [[nodiscard]] std::uint64_t hash(std::uint64_t seed) const noexcept {
        auto const half = std::bit_cast<halves>(octets_);
        return mix(half[0] ^ seed, half[1] ^ 0x9e3779b97f4a7c15U);
    }
    friend constexpr auto operator<=>(uuid const&, uuid const&) noexcept = default;
    friend constexpr bool operator==(uuid const& a, uuid const& b) noexcept {
        return std::bit_cast<halves>(a.octets_) == std::bit_cast<halves>(b.octets_);
    }

private:
    using halves = std::array<std::uint64_t, 2>;

    static constexpr std::uint8_t no_digit = 16;
    /// What a character is worth as a hexadecimal digit.
    static constexpr auto digits = [] {
        std::array<std::uint8_t, 256> table{};
        table.fill(no_digit);
        for (unsigned i = 0; i < 10; ++i) table['0' + i] = static_cast<std::uint8_t>(i);
        for (unsigned i = 0; i < 6; ++i) table['a' + i] = table['A' + i] = static_cast<std::uint8_t>(10 + i);
        return table;
    }();
    // The digits stand in five groups: 8-4-4-4-12. Halves of a word are put together in registers, not in memory.
    [[nodiscard]] static std::optional<uuid> parse_words(char const* text) noexcept {
        std::uint32_t read[4];
        auto const bad = detail::read_hex8(load<std::uint64_t>(text), read[0]) |
                         detail::read_hex8(load_halves(text + 9, text + 14), read[1]) |
                         detail::read_hex8(load_halves(text + 19, text + 24), read[2]) |
                         detail::read_hex8(load<std::uint64_t>(text + 28), read[3]);
        if (bad != 0) return std::nullopt;
        uuid id;
        std::uint64_t const both[2] = {read[0] | std::uint64_t{read[1]} << 32U,
                                       read[2] | std::uint64_t{read[3]} << 32U};
        std::memcpy(id.octets_.data(), both, sizeof both);
        return id;
    }
    void write_words(char* out) const noexcept {
        store(out, detail::write_hex8(load<std::uint32_t>(octets_.data())));
        store_halves(out + 9, out + 14, detail::write_hex8(load<std::uint32_t>(octets_.data() + 4)));
        store_halves(out + 19, out + 24, detail::write_hex8(load<std::uint32_t>(octets_.data() + 8)));
        store(out + 28, detail::write_hex8(load<std::uint32_t>(octets_.data() + 12)));
        out[8] = out[13] = out[18] = out[23] = '-';
    }
    template <class T>
    [[nodiscard]] static T load(void const* at) noexcept {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
    template <class T>
    static void store(char* at, T value) noexcept {
        std::memcpy(at, &value, sizeof value);
    }
    [[nodiscard]] static std::uint64_t load_halves(char const* low, char const* high) noexcept {
        return load<std::uint32_t>(low) | std::uint64_t{load<std::uint32_t>(high)} << 32U;
    }
    static void store_halves(char* low, char* high, std::uint64_t value) noexcept {
        store(low, static_cast<std::uint32_t>(value));
        store(high, static_cast<std::uint32_t>(value >> 32U));
    }
    void stamp_v7(wall_instant now) noexcept {
        auto ms = to_epoch_us(now) / 1000;
        for (std::size_t i = 6; i-- > 0; ms >>= 8U) octets_[i] = static_cast<std::uint8_t>(ms);
        octets_[6] = static_cast<std::uint8_t>((octets_[6] & 0x0fU) | 0x70U);
        octets_[8] = static_cast<std::uint8_t>((octets_[8] & 0x3fU) | 0x80U);
    }

    std::array<std::uint8_t, 16> octets_{};
};

/// Names a task, and is its idempotency key: the same id submitted again is the same task.
using task_id = uuid;

}  // namespace fastqueue

// ---- <fastqueue/model/task_options.hpp>

namespace fastqueue {

/// What happens to a task whose worker was lost while it may have run it.
enum class delivery : std::uint8_t {
    at_least_once,  ///< it is run again
    at_most_once,   ///< it is never run again, and never sent ahead to a busy worker
};

/// How a task wants to be treated. Defaults are FQ1's; what is at its default is not sent.
struct task_options {
    std::optional<fastqueue::priority> priority;  ///< none: the port's
    fastqueue::delivery delivery = fastqueue::delivery::at_least_once;
    bool meta = false;                     ///< the result carries attempt, worker and times
    bool reply_both = false;               ///< a submit is answered at once and again at the end
    std::uint32_t retries = 0;             ///< 0 to 1000: tries after a failure of the handler
    std::uint64_t retry_delay_ms = 1000;   ///< before the first retry
    double retry_backoff = 2;              ///< factor from one retry to the next, 1 to 100
    std::uint64_t retry_max_ms = 600'000;  ///< no wait is longer
    double retry_jitter = 0.1;             ///< 0 to 1: so much of each wait is left to chance
    std::uint64_t soft_timeout_ms = 0;     ///< of one attempt: then the handler is asked to stop; 0: none
    std::uint64_t timeout_ms = 0;          ///< of one attempt: then it ends as `timeout`; 0: none
    std::optional<std::uint64_t> countdown_ms;  ///< not before so long after it was accepted
    std::optional<std::uint64_t> eta_us;        ///< not before this time, microseconds UTC
    std::optional<std::uint64_t> expires_ms;    ///< not begun so long after it was accepted: `expired`
    std::optional<std::uint64_t> expires_us;    ///< not begun at this time, microseconds UTC: `expired`
    std::uint64_t key_hash = 0;  ///< of `key`, for balancing policies that keep a key with a worker
    uuid resent;                 ///< the epoch to which this id was first sent; empty: never before
};

inline constexpr std::uint32_t max_retries = 1000;

}  // namespace fastqueue

// ---- <fastqueue/serialization/json.hpp>

// ---- <fastqueue/json/document.hpp>

// ---- <fastqueue/json/reader.hpp>

// ---- <fastqueue/json/number.hpp>

#include <charconv>

namespace fastqueue::json {

/// Reads a JSON number as an integer. False, with `out` untouched, if it is written with a fraction or an
/// exponent
/// (`5.0` is not an integer here) or does not fit `Integer`. O(n), never throws; safe from any thread.
template <std::integral Integer>
[[nodiscard]] bool read_number(std::string_view text, Integer& out) noexcept {
    Integer value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    out = value;
    return true;
}

/// Reads a JSON number as a floating-point value. False, with `out` untouched, if its magnitude is too large
/// or too small for `Real`. O(n), never throws; safe from any thread.
template <std::floating_point Real>
[[nodiscard]] bool read_number(std::string_view text, Real& out) noexcept {
    Real value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    out = value;
    return true;
}

/// As `std::isfinite`, whose header has 5,000 lines of other functions. Never throws; safe from any thread.
template <std::floating_point Real>
[[nodiscard]] constexpr bool is_finite(Real value) noexcept {
    return value >= std::numeric_limits<Real>::lowest() && value <= std::numeric_limits<Real>::max();
}

}  // namespace fastqueue::json

// ---- <fastqueue/json/plain.hpp>

namespace fastqueue::json::detail {

/// Whether 64 octets all stand for themselves, by the vectors that GCC and Clang make of what a processor has.
[[nodiscard]] inline bool is_plain_block(char const* octets) noexcept {
    using vector = unsigned char __attribute__((vector_size(16)));
    vector special{};
    for (int i = 0; i < 64; i += 16) {
        vector v;
        std::memcpy(&v, octets + i, sizeof v);
        special |= static_cast<vector>((v < 0x20) | (v > 0x7f) | (v == '"') | (v == '\\'));
    }
    std::uint64_t halves[2];
    std::memcpy(halves, &special, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

/// Steps over octets that stand for themselves in a string: ASCII but for control characters, quotes and backslashes. Eight or
/// more at a time, so it may stop up to seven octets before the first that does not.
/// \return where it stopped, `from` and up
[[nodiscard]] inline std::size_t skip_plain_words(std::string_view text, std::size_t from) noexcept {
    while (text.size() - from >= 64 && is_plain_block(text.data() + from)) from += 64;
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr std::uint64_t tops = 0x80 * ones;
    for (; text.size() - from >= 8; from += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + from, 8);
        auto const quotes = word ^ std::uint64_t{'"'} * ones;
        auto const backslashes = word ^ std::uint64_t{'\\'} * ones;
        // The highest bit of an octet: over 0x7f, under 0x20, or equal. A carry can only set it too often.
        auto const special =
            word | (word - 0x20 * ones) | ((quotes - ones) & ~quotes) | ((backslashes - ones) & ~backslashes);
        if ((special & tops) != 0) break;
    }
    return from;
}

}  // namespace fastqueue::json::detail

// ---- <fastqueue/json/utf8.hpp>

namespace fastqueue::json {

/// The length in octets of the well-formed UTF-8 sequence at the front of `text`: 1 to 4, or 0 if there is
/// none (empty, cut short, overlong, a surrogate, beyond U+10FFFF). Never throws; safe from any thread.
/// \source RFC 3629, section 4
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text) noexcept {
    auto const at = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
    };
    auto const in = [&](std::size_t i, unsigned low, unsigned high) { return at(i) >= low && at(i) <= high; };
    auto const continues = [&](std::size_t i) { return in(i, 0x80, 0xBF); };
    if (text.empty()) return 0;
    unsigned const lead = at(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {  // E0 would be overlong below A0; ED reaches the surrogates above 9F
        bool const second = in(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
        return second && continues(2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {  // F0 would be overlong below 90; F4 leaves Unicode above 8F
        bool const second = in(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
        return second && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

/// Whether all of `text` is well-formed UTF-8. O(n), never throws; safe from any thread.
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        auto const length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace fastqueue::json

namespace fastqueue::json {

/// What `reader::next` found.
enum class token : std::uint8_t {
    begin_object,
    end_object,
    begin_array,
    end_array,
    key,
    string,
    number,
    true_,
    false_,
    null,
    end,   ///< after the document's one value
    error  ///< see `reader::problem` and `reader::offset`; there is nothing after it
};

/// Containers nested deeper than this are refused, whatever a reader is told.
inline constexpr unsigned max_depth_limit = 64;

/// A strict pull reader of one JSON document. It never recurses, allocates only to decode strings with
/// escapes, and takes time linear in the text. UTF-8 is validated; lone surrogates, control characters in
/// strings, numbers that JSON does not know and anything behind the document are refused. A member's name
/// that occurs twice is passed on twice: what that means is for the caller to say.
///
/// The text must outlive the reader. One thread at a time.
/// \source RFC 8259
class reader {
public:
    /// \param text       the whole document
    /// \param max_depth  how deep containers may be nested, 0 to `max_depth_limit` (more is taken as that)
    explicit reader(std::string_view text, unsigned max_depth = max_depth_limit) noexcept
        : source_{text}, max_depth_{std::min(max_depth, max_depth_limit)} {}

    reader(reader const&) = delete;  // text() may point into this object
    reader& operator=(reader const&) = delete;

    /// The next token. After `token::error` it is `token::error` for ever, after `token::end` `token::end`.
    /// \throws std::bad_alloc while it decodes a string
    token next() {
        if (expect_ == expect::nothing) return last_;
        skip_space();
        start_ = position_;
        last_ = dispatch();
        return last_;
    }

    /// After `key` and `string` what it says, escapes decoded (valid until the next call of `next`); after
    /// `number` the number as it is written.
    [[nodiscard]] std::string_view text() const noexcept { return text_; }

    /// Where the last token began, in octets from the document's start; after `token::error` where the
    /// problem is.
    [[nodiscard]] std::size_t offset() const noexcept { return start_; }

    /// Where the last token ended, in octets from the document's start.
    [[nodiscard]] std::size_t end_offset() const noexcept { return position_; }

    /// After `token::error`, what is wrong, in words; empty otherwise.
    [[nodiscard]] std::string_view problem() const noexcept { return problem_; }

    /// How many containers are open.
    [[nodiscard]] unsigned depth() const noexcept { return depth_; }

    /// After `begin_object` or `begin_array`, reads past its end; after `key`, past its value; otherwise does
    /// nothing. \return false if the document turned out to be malformed
    bool skip() {
        if (last_ == token::key) next();
        if (last_ == token::error) return false;
        if (last_ != token::begin_object && last_ != token::begin_array) return true;
        for (auto const outside = depth_ - 1; depth_ != outside;) {
            if (next() == token::error) return false;
        }
        return true;
    }

    /// The last number as an integer: see `read_number`.
    [[nodiscard]] bool to(std::int64_t& out) const noexcept { return number_to(out); }
    [[nodiscard]] bool to(std::uint64_t& out) const noexcept { return number_to(out); }
    /// The last number as a double; false if it is out of range, as `1e999` is.
    [[nodiscard]] bool to(double& out) const noexcept { return number_to(out); }

private:
    enum class expect : std::uint8_t { value, value_or_end, key, key_or_end, after_value, nothing };

    template <class Number>
    [[nodiscard]] bool number_to(Number& out) const noexcept {
        return last_ == token::number && read_number(text_, out);
    }

    [[nodiscard]] bool at_end() const noexcept { return position_ == source_.size(); }
    [[nodiscard]] char peek() const noexcept { return at_end() ? '\0' : source_[position_]; }
    [[nodiscard]] static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
    [[nodiscard]] bool in_object() const noexcept { return (objects_ >> (depth_ - 1) & 1U) != 0; }

    void skip_space() noexcept {
        while (!at_end()) {
            char const c = source_[position_];
            if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
            ++position_;
        }
    }

    token fail(std::string_view problem, std::size_t where) noexcept {
        problem_ = problem;
        text_ = {};
        start_ = where;
        expect_ = expect::nothing;
        return token::error;
    }
    token fail(std::string_view problem) noexcept { return fail(problem, position_); }

    token dispatch() {
        switch (expect_) {
            case expect::value:
                return read_value();
            case expect::value_or_end:
                return peek() == ']' ? close() : read_value();
            case expect::key:
                return read_key();
            case expect::key_or_end:
                return peek() == '}' ? close() : read_key();
            case expect::after_value:
                return after_value();
            case expect::nothing:
                break;
        }
        return last_;
    }

    token after_value() {
        if (depth_ == 0) {
            if (!at_end()) return fail("something follows the document");
            expect_ = expect::nothing;
            return token::end;
        }
        char const c = peek();
        if (c == (in_object() ? '}' : ']')) return close();
        if (c != ',') {
            if (at_end()) return fail("the document ends too early");
            return fail(in_object() ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        ++position_;
        skip_space();
        start_ = position_;
        return in_object() ? read_key() : read_value();
    }

    token read_value() {
        if (at_end()) return fail(position_ == 0 ? "the document is empty" : "the document ends too early");
        char const c = peek();
        switch (c) {
            case '{':
                return open(true);
            case '[':
                return open(false);
            case '"':
                return read_string() ? value_read(token::string) : token::error;
            case 't':
                return read_word("true", token::true_);
            case 'f':
                return read_word("false", token::false_);
            case 'n':
                return read_word("null", token::null);
            default:
                break;
        }
        if (c == '-' || is_digit(c)) return read_number_token();
        return fail("expected a value");
    }

    token value_read(token what) noexcept {
        expect_ = expect::after_value;
        return what;
    }

    token open(bool object) noexcept {
        if (depth_ == max_depth_) return fail("nested too deep");
        auto const bit = std::uint64_t{1} << depth_;
        objects_ = object ? objects_ | bit : objects_ & ~bit;
        ++depth_;
        ++position_;
        expect_ = object ? expect::key_or_end : expect::value_or_end;
        return object ? token::begin_object : token::begin_array;
    }

    token close() noexcept {
        auto const what = in_object() ? token::end_object : token::end_array;
        --depth_;
        ++position_;
        return value_read(what);
    }

    token read_word(std::string_view word, token what) noexcept {
        if (source_.substr(position_, word.size()) != word) return fail("expected a value");
        position_ += word.size();
        return value_read(what);
    }

    token read_key() {
        if (at_end()) return fail("the document ends too early");
        if (peek() != '"') return fail("expected a member's name in quotes");
        if (!read_string()) return token::error;
        skip_space();
        if (peek() != ':') return fail("expected ':'");
        ++position_;
        expect_ = expect::value;
        return token::key;
    }

    void skip_digits() noexcept {
        while (is_digit(peek())) ++position_;
    }

    token read_number_token() noexcept {
        if (peek() == '-') ++position_;
        if (!is_digit(peek())) return fail("expected a digit");
        if (peek() == '0') {
            ++position_;
            if (is_digit(peek())) return fail("a number begins with 0");
        }
        skip_digits();
        if (peek() == '.') {
            ++position_;
            if (!is_digit(peek())) return fail("expected a digit after the decimal point");
            skip_digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            ++position_;
            if (peek() == '+' || peek() == '-') ++position_;
            if (!is_digit(peek())) return fail("expected a digit in the exponent");
            skip_digits();
        }
        text_ = source_.substr(start_, position_ - start_);
        return value_read(token::number);
    }

    // Stops at what a string may not just contain: a quote, a backslash, a control character. False: not
    // UTF-8.
    bool skip_plain() noexcept {
        while (!at_end()) {
            position_ = detail::skip_plain_words(source_, position_);
            if (at_end()) break;
            auto const c = static_cast<unsigned char>(source_[position_]);
            if (c < 0x20 || c == '"' || c == '\\') return true;
            if (c < 0x80) {
                ++position_;
                continue;
            }
            auto const length = utf8_length(source_.substr(position_, 4));
            if (length == 0) return false;
            position_ += length;
        }
        return true;
    }

    bool read_string() {
        auto const first = ++position_;
        bool decoded = false;
        for (auto run = first;;) {
            if (!skip_plain()) return fail("not UTF-8"), false;
            if (at_end()) return fail("a string does not end"), false;
            if (decoded) buffer_.append(source_, run, position_ - run);
            char const c = source_[position_];
            if (c == '"') {
                text_ = decoded ? std::string_view{buffer_} : source_.substr(first, position_ - first);
                ++position_;
                return true;
            }
            if (c != '\\') return fail("a control character in a string"), false;
            if (!decoded) buffer_.assign(source_, first, position_ - first);
            decoded = true;
            if (!read_escape()) return false;
            run = position_;
        }
    }

    bool read_escape() {
        auto const where = position_++;
        char const c = peek();
        if (c == 'u') return read_unicode_escape(where);
        constexpr std::string_view from = "\"\\/bfnrt";
        constexpr std::string_view to = "\"\\/\b\f\n\r\t";
        auto const found = at_end() ? std::string_view::npos : from.find(c);
        if (found == std::string_view::npos) return fail("an unknown escape in a string", where), false;
        ++position_;
        buffer_.push_back(to[found]);
        return true;
    }

    bool read_unicode_escape(std::size_t where) {
        std::uint32_t code = 0;
        if (!read_hex(code)) return fail("expected four hexadecimal digits after \\u", where), false;
        if (code >= 0xD800 && code <= 0xDFFF) {
            std::uint32_t low = 0;
            bool const paired = code <= 0xDBFF && source_.substr(position_, 2) == "\\u" &&
                                (++position_, read_hex(low)) && low >= 0xDC00 && low <= 0xDFFF;
            if (!paired) return fail("a lone surrogate in a string", where), false;
            code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
        }
        append_utf8(code);
        return true;
    }

    // At the `u` of an escape: reads it and the four digits behind it.
    bool read_hex(std::uint32_t& out) noexcept {
        ++position_;
        out = 0;
        for (int i = 0; i < 4; ++i, ++position_) {
            char const c = peek();
            std::uint32_t digit = 0;
            if (is_digit(c)) {
                digit = static_cast<std::uint32_t>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                digit = static_cast<std::uint32_t>(c - 'a') + 10;
            } else if (c >= 'A' && c <= 'F') {
                digit = static_cast<std::uint32_t>(c - 'A') + 10;
            } else {
                return false;
            }
            out = out << 4U | digit;
        }
        return true;
    }

    void append_utf8(std::uint32_t code) {
        auto const put = [this](std::uint32_t octet) { buffer_.push_back(static_cast<char>(octet)); };
        if (code < 0x80) return put(code);
        if (code < 0x800) {
            put(0xC0 | code >> 6U);
        } else {
            if (code < 0x10000) {
                put(0xE0 | code >> 12U);
            } else {
                put(0xF0 | code >> 18U);
                put(0x80 | (code >> 12U & 0x3F));
            }
            put(0x80 | (code >> 6U & 0x3F));
        }
        put(0x80 | (code & 0x3F));
    }

    std::string_view source_;
    std::string_view text_;
    std::string_view problem_;
    std::string buffer_;         // the last string that had escapes
    std::size_t position_ = 0;   // the next octet to read
    std::size_t start_ = 0;      // where the last token began
    std::uint64_t objects_ = 0;  // bit n: the container at depth n is an object
    unsigned depth_ = 0;
    unsigned max_depth_;
    expect expect_ = expect::value;
    token last_ = token::null;
};

}  // namespace fastqueue::json

namespace fastqueue::json {

/// A JSON document as a flat list of nodes in the order of the text, so that it is checked whole before any of it is
/// believed, and that a value can be stepped over in O(1). Nodes point into the text, which must outlive them. Small
/// documents (up to 32 nodes) need no memory of the heap. Const members may be called from several threads at once.
class document {
public:
    struct node {
        std::uint32_t
            begin;  ///< offset of the text: in a plain string behind the quote, else the first octet
        std::uint32_t length;  ///< octets of it; strings with escapes have theirs by `text`
        std::uint32_t next;    ///< index of the node behind this value, and behind all that it holds
        token kind;            ///< begin_object, begin_array, key, string, number, true_, false_ or null
        bool escaped;          ///< a string or key that must be decoded
    };
    using index = std::uint32_t;

    static constexpr index none = std::numeric_limits<index>::max();

    document() noexcept = default;
    document(document const&) = delete;  // nodes_ may point into this object
    document& operator=(document const&) = delete;

    /// Reads the whole of `text`. A member's value follows its key.
    /// \return false if it is not JSON: see `problem` and `problem_offset`
    [[nodiscard]] bool parse(std::string_view text, unsigned max_depth = max_depth_limit) {
        source_ = text;
        size_ = 0;
        problem_ = {};
        if (text.size() >= none) return fail("the document is too large", 0);
        std::array<index, max_depth_limit> open;  // the containers around the next token
        for (reader in{text, max_depth};;) {
            auto const kind = in.next();
            if (kind == token::end) return true;
            if (kind == token::error) return fail(in.problem(), in.offset());
            if (kind == token::end_object || kind == token::end_array) {
                nodes_[open[in.depth()]].next = size_;
                continue;
            }
            if (kind == token::begin_object || kind == token::begin_array) open[in.depth() - 1] = size_;
            append(kind, in);
        }
    }

    /// What is wrong, in words, and where, in octets from the beginning.
    [[nodiscard]] std::string_view problem() const noexcept { return problem_; }
    [[nodiscard]] std::size_t problem_offset() const noexcept { return problem_offset_; }

    /// How many nodes there are. Node 0 is the document's value.
    [[nodiscard]] index size() const noexcept { return size_; }
    [[nodiscard]] node const& operator[](index i) const noexcept { return nodes_[i]; }

    /// A number as it is written, or a string or key, decoded into `scratch` if it must be.
    [[nodiscard]] std::string_view text(index i, std::string& scratch) const {
        node const& n = nodes_[i];
        if (!n.escaped) return source_.substr(n.begin, n.length);
        reader again{source_.substr(n.begin)};
        again.next();
        scratch = again.text();
        return scratch;
    }

    /// The value of the first member `name` of the object at `object`, or `none`. Begins at `hint`, which is the index
    /// of one of its keys or its end, where no member with that name can stand before it; O(members).
    [[nodiscard]] index find(index object, std::string_view name, std::string& scratch,
                             index hint = 0) const {
        auto const end = nodes_[object].next;
        for (auto key = hint != 0 ? hint : object + 1; key < end; key = nodes_[key + 1].next) {
            if (text(key, scratch) == name) return key + 1;
        }
        return none;
    }

    /// What a string or a number says, for messages: control characters are shown as `?`, and it is cut after at most
    /// `most` octets.
    [[nodiscard]] std::string excerpt(index i, std::size_t most = 40) const {
        node const& n = nodes_[i];
        if (n.kind != token::string && n.kind != token::key && n.kind != token::number) return {};
        std::string scratch;
        std::string_view const whole = text(i, scratch);
        auto cut = whole.size() > most ? most : whole.size();
        while (cut > 0 && cut < whole.size() && (static_cast<unsigned char>(whole[cut]) & 0xC0U) == 0x80U)
            --cut;
        std::string shown{whole.substr(0, cut)};
        for (char& c : shown) {
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
        }
        if (cut < whole.size()) shown += "...";
        return shown;
    }

private:
    bool fail(std::string_view problem, std::size_t where) noexcept {
        problem_ = problem;
        problem_offset_ = where;
        size_ = 0;
        return false;
    }

    void append(token kind, reader const& in) {
        node n{static_cast<index>(in.offset()), 0, size_ + 1, kind, false};
        if (kind == token::string || kind == token::key || kind == token::number) {
            auto const text = in.text();
            auto const first = source_.data();
            // A decoded string lies in the reader's own buffer: its node keeps the quote, to be read again from there.
            n.escaped = kind != token::number && text.data() != first + in.offset() + 1;
            if (kind != token::number && !n.escaped) ++n.begin;
            n.length = static_cast<index>(text.size());
        }
        if (size_ == capacity_) grow();
        nodes_[size_++] = n;
    }

    void grow() {
        if (many_.empty()) many_.assign(few_.begin(), few_.end());
        many_.resize(std::size_t{capacity_} * 2);
        nodes_ = many_.data();
        capacity_ = static_cast<index>(many_.size());
    }

    std::string_view source_;
    std::string_view problem_;
    std::size_t problem_offset_ = 0;
    index size_ = 0;
    index capacity_ = 32;
    std::array<node, 32> few_;
    std::vector<node> many_;  // all nodes, once there are more than few_ can hold
    node* nodes_ = few_.data();
};

}  // namespace fastqueue::json

// ---- <fastqueue/policy/serialization.hpp>

#include <span>
#include <tuple>

namespace fastqueue::policy {

/// What `decode_arguments` calls for a parameter that no argument was given for: `fill(position, element)`, where `position`
/// is a `std::integral_constant<std::size_t, I>`. It assigns the parameter's default and returns true, or returns false.
struct no_defaults {
    template <class Position, class T>
    constexpr bool operator()(Position, T&) const noexcept {
        return false;
    }
};

template <class S>
concept names_content = requires {
    { S::content } -> std::convertible_to<std::string_view>;
};

template <class S>
concept encodes_values = requires(std::string& out, int const& value) {
    { S::encode(out, value) } -> std::same_as<void>;
};

template <class S>
concept decodes_values = requires(std::string_view bytes) {
    { S::template decode<int>(bytes) } -> std::same_as<int>;
};

template <class S>
concept encodes_arguments = requires(std::string& out, int const& x, std::string const& y) {
    { S::encode_arguments(out) } -> std::same_as<void>;
    { S::encode_arguments(out, x, y) } -> std::same_as<void>;
};

template <class S>
concept decodes_arguments = requires(std::string_view bytes, std::span<std::string_view const> names,
                                     std::tuple<int, std::string>& values, no_defaults fill) {
    { S::decode_arguments(bytes, names, values, fill) } -> std::same_as<void>;
};

// clang-format off
/// How arguments and results become bytes and come back. Stateless: all members are static, and safe from any thread.
///
/// expression                          | throws                | law
/// S::content                          |                       | the name in FQ1's `content=`, constant; 1 to 64 of `a-z 0-9 -`
/// S::encode(out, v)                   | error (bad_value)     | appends v to out; a result of a void handler is std::monostate
/// S::decode<T>(bytes)                 | error (bad_value)     | the T that encode wrote; all of bytes is used, or it throws
/// S::encode_arguments(out, v...)      | error (bad_value)     | appends a list of arguments by position
/// S::decode_arguments(b, n, tuple, f) | error (bad_arguments) | reads each element of the tuple, or fills it by f, or leaves a
///                                     |                       | std::optional empty, or throws and names the parameter;
///                                     |                       | no bytes at all are no arguments. n: the parameters'
///                                     |                       | names in order, fewer or empty where they have none
///
/// Bytes come from strangers: what is allocated stays within a small factor of their number, and nesting is bounded.
/// The text of an error is a sentence for people, UTF-8.
/// Implementations: serialization/json.hpp (the default), serialization/portable_binary.hpp, serialization/msgpack.hpp.
// clang-format on
template <class S>
concept serialization = names_content<S> && encodes_values<S> && decodes_values<S> && encodes_arguments<S> &&
    decodes_arguments<S>;

}  // namespace fastqueue::policy

// ---- <fastqueue/serialization/arguments.hpp>

// ---- <fastqueue/serialization/shape.hpp>

#include <deque>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <variant>

namespace fastqueue::serialization {

/// What a C++ type looks like from outside, the same for every serialization. What is no shape of the standard library's
/// is an `object`: its members are found through the user's `serialize`, or `save` and `load`, as cereal does.
enum class shape {
    null,      ///< std::monostate, std::nullptr_t
    boolean,   ///< bool
    integer,   ///< any other integral type
    real,      ///< float, double
    text,      ///< std::string; std::string_view and char const* to be written only
    number,    ///< an enumeration, as its underlying number
    optional,  ///< std::optional
    choice,    ///< std::variant
    tuple,     ///< std::tuple, std::pair
    fixed,     ///< std::array
    sequence,  ///< vector, deque, list, set, multiset, unordered_set
    map,       ///< std::map, std::unordered_map
    object     ///< a class of the user's
};

namespace detail {

template <class T>
inline constexpr shape class_shape = shape::object;
template <>
inline constexpr shape class_shape<std::monostate> = shape::null;
template <>
inline constexpr shape class_shape<std::nullptr_t> = shape::null;
template <>
inline constexpr shape class_shape<std::string> = shape::text;
template <>
inline constexpr shape class_shape<std::string_view> = shape::text;
template <>
inline constexpr shape class_shape<char const*> = shape::text;
template <std::size_t N>
inline constexpr shape class_shape<char[N]> = shape::text;
template <class T>
inline constexpr shape class_shape<std::optional<T>> = shape::optional;
template <class... Ts>
inline constexpr shape class_shape<std::variant<Ts...>> = shape::choice;
template <class... Ts>
inline constexpr shape class_shape<std::tuple<Ts...>> = shape::tuple;
template <class A, class B>
inline constexpr shape class_shape<std::pair<A, B>> = shape::tuple;
template <class T, std::size_t N>
inline constexpr shape class_shape<std::array<T, N>> = shape::fixed;
template <class T, class A>
inline constexpr shape class_shape<std::vector<T, A>> = shape::sequence;
template <class T, class A>
inline constexpr shape class_shape<std::deque<T, A>> = shape::sequence;
template <class T, class A>
inline constexpr shape class_shape<std::list<T, A>> = shape::sequence;
template <class T, class C, class A>
inline constexpr shape class_shape<std::set<T, C, A>> = shape::sequence;
template <class T, class C, class A>
inline constexpr shape class_shape<std::multiset<T, C, A>> = shape::sequence;
template <class T, class H, class E, class A>
inline constexpr shape class_shape<std::unordered_set<T, H, E, A>> = shape::sequence;
template <class K, class V, class C, class A>
inline constexpr shape class_shape<std::map<K, V, C, A>> = shape::map;
template <class K, class V, class H, class E, class A>
inline constexpr shape class_shape<std::unordered_map<K, V, H, E, A>> = shape::map;

template <class T>
[[nodiscard]] consteval shape find_shape() noexcept {
    if constexpr (std::same_as<T, bool>) return shape::boolean;
    if constexpr (std::integral<T>) return shape::integer;
    if constexpr (std::floating_point<T>) return shape::real;
    if constexpr (std::is_enum_v<T>) return shape::number;
    return class_shape<T>;
}

}  // namespace detail

template <class T>
inline constexpr shape shape_of = detail::find_shape<std::remove_cv_t<T>>();

/// A map whose keys are strings: an object in JSON. Other maps are lists of [key, value] pairs.
template <class T>
concept string_map = shape_of<T>
== shape::map&& std::same_as<typename T::key_type, std::string>;

/// The type in people's words and without an article, as signatures and error messages show it: `integer`, `number`,
/// `string`, `boolean`, `list of integer`, `object`, `integer or null`. Allocates; safe from any thread.
template <class T>
[[nodiscard]] std::string type_in_words() {
    constexpr auto s = shape_of<T>;
    if constexpr (s == shape::null) return "null";
    if constexpr (s == shape::boolean) return "boolean";
    if constexpr (s == shape::integer || s == shape::number) return "integer";
    if constexpr (s == shape::real) return "number";
    if constexpr (s == shape::text) return "string";
    if constexpr (s == shape::optional) return type_in_words<typename T::value_type>() + " or null";
    if constexpr (s == shape::sequence || s == shape::fixed) {
        return "list of " + type_in_words<typename T::value_type>();
    }
    if constexpr (string_map<T>) return "object of " + type_in_words<typename T::mapped_type>();
    if constexpr (s == shape::tuple || s == shape::map) return "list";
    return "object";
}

}  // namespace fastqueue::serialization

namespace fastqueue::serialization {

/// How messages name an argument: `argument "x"`, or `argument 2` where it has no name.
[[nodiscard]] inline std::string argument_label(std::string_view name, std::size_t position) {
    return name.empty() ? "argument " + std::to_string(position) : "argument \"" + std::string{name} + '"';
}

namespace detail {

[[noreturn]] inline void bad_arguments(std::string const& what) { throw error{errc::bad_arguments, what}; }

[[noreturn]] inline void too_many_arguments(std::size_t expected, std::size_t got) {
    bad_arguments("expected " + std::string{expected == 0 ? "no" : "at most " + std::to_string(expected)} +
                  (expected == 1 ? " argument" : " arguments") + ", got " + std::to_string(got));
}

[[nodiscard]] inline std::string_view name_at(std::span<std::string_view const> names,
                                              std::size_t i) noexcept {
    return i < names.size() ? names[i] : std::string_view{};
}

[[noreturn]] inline void missing_argument(std::span<std::string_view const> names, std::size_t i) {
    bad_arguments("missing " + argument_label(name_at(names, i), i + 1));
}

[[noreturn]] inline void unknown_argument(std::string const& name, std::span<std::string_view const> names) {
    std::string what = "unknown argument \"" + name + '"';
    if (names.empty()) bad_arguments(what + ": the parameters of this task have no names");
    what += ": the parameters are ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i != 0) what += ", ";
        what += '"' + std::string{names[i]} + '"';
    }
    bad_arguments(what);
}

// Runs `body`, and takes back what it appended to `out` if it throws.
template <class Body>
void undo_on_error(std::string& out, Body&& body) {
    auto const before = out.size();
    try {
        body();
    } catch (...) {
        out.resize(before);
        throw;
    }
}

// Runs `body`: what is wrong with a value is wrong with the arguments then.
template <class Body>
void in_arguments(Body&& body) {
    try {
        body();
    } catch (error const& e) {
        if (e.code() == errc::bad_arguments) throw;
        throw error{errc::bad_arguments, e.text()};
    }
}

// Calls read(i, element) for each element that was given, and fills the others.
template <class Tuple, class Given, class Read, class Fill>
void read_each(std::span<std::string_view const> names, Tuple& out, Given&& given, Read&& read, Fill&& fill) {
    auto const one = [&]<std::size_t I>(std::integral_constant<std::size_t, I> position) {
        auto& element = std::get<I>(out);
        if (given(I)) return read(I, element);
        if (fill(position, element)) return;
        if constexpr (shape_of<std::remove_reference_t<decltype(element)>> == shape::optional)
            element.reset();
        else
            missing_argument(names, I);
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) { (one(std::integral_constant<std::size_t, I>{}), ...); }
    (std::make_index_sequence<std::tuple_size_v<Tuple>>{});
}

}  // namespace detail
}  // namespace fastqueue::serialization

// ---- <fastqueue/serialization/json_input.hpp>

// ---- <fastqueue/serialization/archive.hpp>

#include <cereal/cereal.hpp>

namespace fastqueue::serialization {

namespace detail {

struct named_output_tag {};
struct named_input_tag {};

/// The cereal archive that the user's `serialize` and `save` functions are given, for an encoder of a form in which members have
/// names: `name`, `put`, `as_list`, `begin_node`, `end_node`. A text archive to cereal, so that its own functions write the
/// same values for each. One thread at a time.
template <class Archive, class Encoder>
class named_output : public cereal::OutputArchive<Archive, cereal::AllowEmptyClassElision>,
                     public cereal::traits::TextArchive,
                     public named_output_tag {
    using base = cereal::OutputArchive<Archive, cereal::AllowEmptyClassElision>;

public:
    /// \param whole  the archive itself, named by its own constructor: here it is not yet one, and no cast may say it is
    named_output(Archive* whole, Encoder& encoder) : base{whole}, encoder_{encoder} {}

    template <class... Ts>
    Archive& operator()(Ts&&... values) {
        (one(values), ...);
        return static_cast<Archive&>(*this);
    }
    template <class T>
    Archive& operator&(T&& value) {
        return (*this)(value);
    }
    template <class T>
    Archive& operator<<(T&& value) {
        return (*this)(value);
    }

    [[nodiscard]] Encoder& encoder() noexcept { return encoder_; }

    /// By cereal: finds the user's function for `value`.
    template <class T>
    void dispatch(T const& value) {
        base::operator()(value);
    }

private:
    template <class T>
    void one(cereal::NameValuePair<T> const& member) {
        encoder_.name(member.name);
        one(member.value);
    }
    template <class T>
    void one(cereal::SizeTag<T> const&) {
        encoder_.as_list();
    }
    template <class K, class V>
    void one(cereal::MapItem<K, V> const& item) {
        encoder_.put(std::tie(item.key, item.value));
    }
    template <class T>
    void one(cereal::DeferredData<T> const& later) {
        dispatch(later);
    }
    template <class T>
    void one(T const& value) {
        encoder_.put(value);
    }

    Encoder& encoder_;
};

/// The same for `serialize` and `load`, and for a decoder: `name`, `get`, `get_here`, `list_size`, `begin_node`, `end_node`.
/// \tparam Output  the archive that writes what this one reads
template <class Archive, class Output, class Decoder>
class named_input : public cereal::InputArchive<Archive, cereal::AllowEmptyClassElision>,
                    public cereal::traits::TextArchive,
                    public named_input_tag {
    using base = cereal::InputArchive<Archive, cereal::AllowEmptyClassElision>;

public:
    using output_type = Output;

    /// \param whole  as for `named_output`
    named_input(Archive* whole, Decoder& decoder) : base{whole}, decoder_{decoder} {}

    template <class... Ts>
    Archive& operator()(Ts&&... values) {
        (one(values), ...);
        return static_cast<Archive&>(*this);
    }
    template <class T>
    Archive& operator&(T&& value) {
        return (*this)(value);
    }
    template <class T>
    Archive& operator>>(T&& value) {
        return (*this)(value);
    }

    [[nodiscard]] Decoder& decoder() noexcept { return decoder_; }

    /// By cereal: finds the user's function for `value`.
    template <class T>
    void dispatch(T& value) {
        base::operator()(value);
    }

private:
    template <class T>
    void one(cereal::NameValuePair<T>& member) {
        decoder_.name(member.name);
        one(member.value);
    }
    template <class T>
    void one(cereal::SizeTag<T>& tag) {
        tag.size = static_cast<std::remove_reference_t<T>>(decoder_.list_size());
    }
    template <class K, class V>
    void one(cereal::MapItem<K, V>& item) {
        auto both = std::tie(item.key, item.value);
        decoder_.get(both);
    }
    template <class T>
    void one(cereal::DeferredData<T>& later) {
        dispatch(later);
    }
    template <class T>
    void one(T& value) {
        decoder_.get(value);
    }

    Decoder& decoder_;
};

/// Has cereal find the user's functions for `value`, which is a class of his. The archive holds four tables, so it is made for
/// those who need it only, and once for all that the outermost class holds.
/// \param current  where the one in use is kept; none yet: nullptr
template <class Archive, class Coder, class T>
void dispatch(Archive*& current, Coder& coder, T& value) {
    if (current != nullptr) return current->dispatch(value);
    Archive archive{coder};
    current = &archive;
    struct reset {
        Archive*& pointer;
        ~reset() { pointer = nullptr; }
    } const at_end{current};
    archive.dispatch(value);
    archive.serializeDeferments();
}

// Those that become what their one value is have no braces of their own.
template <class T>
inline constexpr bool is_transparent = false;
template <class T>
inline constexpr bool is_transparent<cereal::NameValuePair<T>> = true;
template <class T>
inline constexpr bool is_transparent<cereal::DeferredData<T>> = true;
template <class T>
inline constexpr bool is_transparent<cereal::base_class<T>> = false;

template <class T, class Archive>
inline constexpr bool has_braces =
    shape_of<T> == shape::object && !is_transparent<T> &&
    !cereal::traits::has_minimal_base_class_serialization<T, cereal::traits::has_minimal_output_serialization,
                                                          Archive>::value &&
    !cereal::traits::has_minimal_output_serialization<T, Archive>::value;

template <class T>
concept plain_for_cereal = shape_of<T>
== shape::text || std::is_arithmetic_v<T>;

}  // namespace detail

// What cereal looks for in an archive's namespace.
template <std::derived_from<detail::named_output_tag> Archive, class T>
void prologue(Archive& archive, T const&) {
    if constexpr (detail::has_braces<T, Archive>) archive.encoder().begin_node();
}
template <std::derived_from<detail::named_output_tag> Archive, class T>
void epilogue(Archive& archive, T const&) {
    if constexpr (detail::has_braces<T, Archive>) archive.encoder().end_node();
}
template <std::derived_from<detail::named_output_tag> Archive, class T>
void CEREAL_SAVE_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<T> const& member) {
    archive(member);
}
template <std::derived_from<detail::named_output_tag> Archive, detail::plain_for_cereal T>
void CEREAL_SAVE_FUNCTION_NAME(Archive& archive, T const& value) {
    archive.encoder().put(value);
}
template <std::derived_from<detail::named_input_tag> Archive, class T>
void prologue(Archive& archive, T const&) {
    if constexpr (detail::has_braces<T, typename Archive::output_type>) archive.decoder().begin_node();
}
template <std::derived_from<detail::named_input_tag> Archive, class T>
void epilogue(Archive& archive, T const&) {
    if constexpr (detail::has_braces<T, typename Archive::output_type>) archive.decoder().end_node();
}
template <std::derived_from<detail::named_input_tag> Archive, class T>
void CEREAL_LOAD_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<T>& member) {
    archive(member);
}
template <std::derived_from<detail::named_input_tag> Archive, detail::plain_for_cereal T>
void CEREAL_LOAD_FUNCTION_NAME(Archive& archive, T& value) {
    archive.decoder().get_here(value);
}

}  // namespace fastqueue::serialization

// ---- <fastqueue/serialization/decoder.hpp>

namespace fastqueue::serialization::detail {

/// What reading is like in every form of documents in which members have names: which value a type is read from, and all
/// that is made of other values. One thread at a time.
/// \tparam Form     derives from this; reads plain values and maps: `read_boolean`, `read_integer`, `read_real`, `read_text`,
///                  `read_map`, and `read_octets`, which says whether it did
/// \tparam Cursor   of the form
/// \tparam Archive  the cereal archive that the user's functions are given
template <class Form, class Cursor, class Archive>
class decoder : public Cursor {
public:
    using place = typename Cursor::place;
    using Cursor::Cursor;

    /// Reads the document's value `at`.
    /// \throws error (bad_value) with a sentence
    template <class T>
    void read(T& out, place const& at) {
        static_assert(!std::is_same_v<T, std::string_view> && !std::is_pointer_v<T>,
                      "a view or pointer owns nothing to read into: use std::string");
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::object) read_object(out, at);
        if constexpr (s == shape::optional) read_optional(out, at);
        if constexpr (s == shape::null) read_null(at);
        if constexpr (s == shape::boolean) form().read_boolean(out, at);
        if constexpr (s == shape::integer) form().read_integer(out, at);
        if constexpr (s == shape::real) form().read_real(out, at);
        if constexpr (s == shape::number) read_enumeration(out, at);
        if constexpr (s == shape::text) form().read_text(out, at);
        if constexpr (s == shape::choice) read_choice(out, at);
        if constexpr (s == shape::tuple) read_tuple(out, at);
        if constexpr (s == shape::fixed) read_fixed(out, at);
        if constexpr (string_map<T>) form().read_map(out, at);
        if constexpr (s == shape::sequence || (s == shape::map && !string_map<T>)) read_sequence(out, at);
    }

    /// Reads the next member or element of what is being read.
    template <class T>
    void get(T& out) {
        auto const at = this->next();
        if (this->is_there(at)) return read(out, at);
        if constexpr (shape_of<T> != shape::optional)
            this->missing();
        else
            out.reset();
    }

    /// Reads what a class of the user's becomes that is one plain value (`load_minimal`).
    template <class T>
    void get_here(T& out) {
        auto const at = std::exchange(at_, Cursor::absent);
        this->is_there(at) ? read(out, at) : get(out);
    }

    /// Around each class of the user's.
    void begin_node() {
        auto const at = std::exchange(at_, Cursor::absent);
        this->enter(this->is_there(at) ? at : next_or_missing());
    }
    void end_node() noexcept { this->leave(); }

private:
    [[nodiscard]] Form& form() noexcept { return static_cast<Form&>(*this); }

    place next_or_missing() {
        auto const at = this->next();
        if (!this->is_there(at)) this->missing();
        return at;
    }

    void read_null(place const& at) const {
        if (!this->is_null(at)) this->expected("null", at);
    }

    template <class Enumeration>
    void read_enumeration(Enumeration& out, place const& at) {
        std::underlying_type_t<Enumeration> number{};
        form().read_integer(number, at);
        out = static_cast<Enumeration>(number);
    }

    template <class Optional>
    void read_optional(Optional& out, place const& at) {
        if (this->is_null(at)) return out.reset();
        read(out.emplace(), at);
    }

    template <class Variant>
    void read_choice(Variant& out, place const& at) {
        this->check_map(at, "an object with \"index\" and \"data\"");
        this->enter(at);
        std::size_t chosen = 0;
        this->name("index");
        get(chosen);
        constexpr auto size = std::variant_size_v<Variant>;
        if (chosen >= size)
            this->fail("expected a number below " + std::to_string(size) + ", got " + std::to_string(chosen));
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            auto const take = [&](auto& alternative) {
                this->name("data");
                get(alternative);
            };
            ((I == chosen ? take(out.template emplace<I>()) : void()), ...);
        }
        (std::make_index_sequence<size>{});
        this->leave();
    }

    template <class Tuple>
    void read_tuple(Tuple& out, place const& at) {
        begin_list(at, std::tuple_size_v<Tuple>);
        std::apply([&](auto&... each) { (get(each), ...); }, out);
        this->leave();
    }

    template <class Array>
    void read_fixed(Array& out, place const& at) {
        begin_list(at, out.size());
        for (auto& each : out) get(each);
        this->leave();
    }

    void begin_list(place const& at, std::size_t size) {
        this->check_list(at);
        this->enter(at);
        auto const found = this->list_size();
        if (found == size) return;
        this->leave();
        this->fail("expected a list of " + std::to_string(size) + ", got one of " + std::to_string(found));
    }

    template <class Sequence>
    void read_sequence(Sequence& out, place const& at) {
        if (form().read_octets(out, at)) return;
        this->check_list(at);
        this->enter(at);
        out.clear();
        while (this->more()) {
            if constexpr (requires { out.emplace_back(); } &&
                          !std::is_same_v<typename Sequence::value_type, bool>) {
                get(out.emplace_back());
            } else if constexpr (shape_of<Sequence> == shape::map) {
                std::pair<typename Sequence::key_type, typename Sequence::mapped_type> pair;
                get(pair);
                out.insert(std::move(pair));
            } else {
                auto element = typename Sequence::value_type();
                get(element);
                out.insert(out.end(), std::move(element));
            }
        }
        this->leave();
    }

    template <class T>
    void read_object(T& out, place const& at) {
        at_ = at;
        dispatch(archive_, form(), out);
    }

    Archive* archive_ = nullptr;  // while a class of the user's is being read
    place at_ = Cursor::absent;   // the value of the class that is about to begin
};

}  // namespace fastqueue::serialization::detail

// ---- <fastqueue/serialization/json_cursor.hpp>

// ---- <fastqueue/serialization/document_path.hpp>

namespace fastqueue::serialization::detail {

/// Which member or element of a container was taken last: what a cursor's nodes have in common. Left uninitialised until it
/// is needed, so the name is no string_view.
struct path_step {
    std::uint32_t position;  // elements, or members without a name, taken so far
    bool by_name;            // the last one was a member with the name `name`
    char const* name;
    std::size_t name_size;

    void begin() noexcept {
        position = 0;
        by_name = false;
        name = nullptr;
        name_size = 0;
    }
    void set_name(std::string_view text) noexcept {
        by_name = true;
        name = text.data();
        name_size = text.size();
    }
    /// `"width"`, or `element 2`
    [[nodiscard]] std::string label() const {
        if (!by_name) return "element " + std::to_string(position);
        return '"' +
               (name == nullptr ? "value" + std::to_string(position - 1) : std::string{name, name_size}) +
               '"';
    }
};

/// The containers that a decoder is in, from the outermost, and how to say where it stands when something is wrong.
/// \tparam Node  a `path_step` and what a form of documents needs besides
template <class Node, std::size_t Depth>
class document_path {
public:
    document_path() = default;
    document_path(document_path const&) = delete;
    document_path& operator=(document_path const&) = delete;

    /// What is read next is an argument: messages then begin with `argument "x"`, or `argument 2` where it has no name.
    /// \param name      must outlive what is read; may be empty
    /// \param position  counted from 1
    void argument(std::string_view name, std::size_t position) noexcept {
        argument_ = name;
        position_ = position;
    }

    /// The next value is the member `name`.
    void name(std::string_view name) noexcept {
        name_ = name;
        named_ = true;
    }

    /// What is being read is a member with this name, which outlives its reading.
    void at_member(std::string_view name) noexcept { top().set_name(name); }

    /// \throws error (bad_value): what was asked for last is not there; `missing "width" in argument "box"`
    [[noreturn]] void missing() {
        auto const what = top().label();
        --depth_;  // what is missing is not where it is missing
        auto const inside = path();
        throw error{errc::bad_value, "missing " + what + (inside.empty() ? "" : " in " + inside)};
    }

    /// \throws error (bad_value) that says where
    [[noreturn]] void fail(std::string const& what) const {
        auto const where = path();
        throw error{errc::bad_value, where.empty() ? what : where + ": " + what};
    }

protected:
    ~document_path() = default;

    [[nodiscard]] bool outside() const noexcept { return depth_ == 0; }
    [[nodiscard]] Node& top() noexcept { return nodes_[depth_ - 1]; }
    [[nodiscard]] Node const& top() const noexcept { return nodes_[depth_ - 1]; }
    /// \throws error (bad_value) if it is nested too deep
    [[nodiscard]] Node& push() {
        if (depth_ == nodes_.size()) fail("nested too deep");
        auto& node = nodes_[depth_++];
        node.begin();
        return node;
    }
    Node& pop() noexcept { return nodes_[--depth_]; }
    /// What `name` said, once.
    [[nodiscard]] bool take_name() noexcept { return std::exchange(named_, false); }
    [[nodiscard]] std::string_view asked_for() const noexcept { return name_; }

private:
    // `argument "box", "corner", element 2`
    [[nodiscard]] std::string path() const {
        std::string text;
        if (position_ != 0) text = argument_label(argument_, position_);
        for (unsigned i = 0; i < depth_; ++i) {
            auto const& n = nodes_[i];
            if (n.position == 0 && !n.by_name) continue;
            if (!text.empty()) text += ", ";
            text += n.label();
        }
        return text;
    }

    std::string_view argument_;
    std::size_t position_ = 0;  // 0: what is read is no argument
    std::string_view name_;
    bool named_ = false;
    unsigned depth_ = 0;
    std::array<Node, Depth> nodes_;
};

}  // namespace fastqueue::serialization::detail

namespace fastqueue::serialization {

namespace detail {

struct json_path_node : path_step {
    json::document::index container;  // what the members or elements are taken from
    json::document::index cursor;     // where the next one is looked for first
    bool in_order;                    // each member so far was found at the cursor
};

}  // namespace detail

/// Where a decoder stands in a JSON document: which containers it is in, which member or element comes next, and how to
/// say so when something is wrong. One thread at a time.
class json_cursor : public detail::document_path<detail::json_path_node, json::max_depth_limit> {
public:
    using place = json::document::index;  ///< a node of the document
    static constexpr place absent = json::document::none;

    /// \param document  must outlive the cursor
    explicit json_cursor(json::document const& document) noexcept : document_{document} {}

    /// How many elements the list that is being read has.
    /// \throws error (bad_value) if it is no list
    [[nodiscard]] std::size_t list_size() {
        if (outside()) return 0;
        auto const list = top().container;
        check_here(list, json::token::begin_array, "a list");
        std::size_t size = 0;
        for (auto i = list + 1; i < document_[list].next; i = document_[i].next) ++size;
        return size;
    }

    /// Goes into the container at `container`, whose members or elements are read next, and out of it.
    /// \throws error (bad_value) if it is nested too deep
    void enter(place container) {
        auto& node = push();
        node.container = container;
        node.cursor = container + 1;
        node.in_order = true;
    }
    void leave() noexcept { pop(); }

    /// The node of the next member or element; `absent` if it is not there.
    [[nodiscard]] place next() {
        if (outside()) return 0;
        auto& here = top();
        bool const named = take_name();
        if (document_[here.container].kind == json::token::begin_array && !named) return next_element(here);
        check_here(here.container, json::token::begin_object, "an object");
        here.set_name(named ? asked_for() : std::string_view{});
        if (named) return member(here, asked_for());
        return member(here, "value" + std::to_string(here.position++));
    }

    /// Whether an element is left of the list that is being read.
    [[nodiscard]] bool more() const noexcept { return top().cursor < document_[top().container].next; }

    [[nodiscard]] static bool is_there(place at) noexcept { return at != absent; }
    [[nodiscard]] bool is_null(place at) const noexcept { return document_[at].kind == json::token::null; }
    void check_list(place at) const { check(at, json::token::begin_array, "a list"); }
    void check_map(place at, char const* what) const { check(at, json::token::begin_object, what); }
    void check(place at, json::token kind, char const* what) const {
        if (document_[at].kind != kind) expected(what, at);
    }
    [[noreturn]] void expected(std::string const& what, place at) const {
        fail("expected " + what + ", got " + describe(at));
    }

    [[nodiscard]] json::document const& document() const noexcept { return document_; }

private:
    place next_element(detail::json_path_node& here) const noexcept {
        ++here.position;
        here.by_name = false;
        auto const at = here.cursor;
        if (at >= document_[here.container].next) return absent;
        here.cursor = document_[at].next;
        return at;
    }

    // Members mostly come in the order in which they are asked for: then one comparison finds each.
    place member(detail::json_path_node& here, std::string_view name) {
        auto const end = document_[here.container].next;
        if (here.in_order && here.cursor < end && document_.text(here.cursor, scratch_) == name) {
            auto const value = here.cursor + 1;
            here.cursor = document_[value].next;
            return value;
        }
        here.in_order = false;
        return document_.find(here.container, name, scratch_);
    }

    // `a string ("abc")`
    [[nodiscard]] std::string describe(place at) const {
        switch (document_[at].kind) {
            case json::token::begin_object:
                return "an object";
            case json::token::begin_array:
                return "a list";
            case json::token::true_:
                return "a boolean (true)";
            case json::token::false_:
                return "a boolean (false)";
            case json::token::null:
                return "null";
            case json::token::string:
                return "a string (\"" + document_.excerpt(at) + "\")";
            default:
                return "a number (" + document_.excerpt(at) + ")";
        }
    }

    // As `check`, for the container itself, whose members are not part of the path.
    void check_here(place at, json::token kind, char const* what) {
        if (document_[at].kind == kind) return;
        leave();
        expected(what, at);
    }

    json::document const& document_;
    std::string scratch_;
};

}  // namespace fastqueue::serialization

// ---- <fastqueue/serialization/json_output.hpp>

// ---- <fastqueue/json/writer.hpp>

namespace fastqueue::json {

/// Appends one JSON document to a string and places the commas itself. The caller keeps the grammar: what it
/// begins it ends, and in an object each value has a key.
///
/// What JSON cannot say is never written as something that is not JSON: a NaN or an infinity becomes `null`,
/// an octet that is no UTF-8 becomes U+FFFD, and `ok()` is false from then on. Who must not lose anything
/// asks `ok()` at the end.
///
/// \throws std::bad_alloc from each member that writes. One thread at a time.
/// \source RFC 8259
class writer {
public:
    /// \param out  appended to; must outlive the writer
    explicit writer(std::string& out) noexcept : out_{&out} {}

    writer& begin_object() { return open('{'); }
    writer& end_object() { return close('}'); }
    writer& begin_array() { return open('['); }
    writer& end_array() { return close(']'); }

    /// The name of the member that comes next.
    writer& key(std::string_view name) {
        separate();
        quote(name);
        out_->push_back(':');
        separated_ = true;
        return *this;
    }

    writer& value(std::string_view text) {
        separate();
        quote(text);
        return *this;
    }
    writer& value(char const* text) { return value(std::string_view{text}); }
    writer& value(std::string const& text) { return value(std::string_view{text}); }
    writer& value(std::same_as<bool> auto flag) { return raw(flag ? "true" : "false"); }
    writer& value(std::nullptr_t) { return raw("null"); }

    /// In full, also above 2^53, where some readers (JavaScript's) lose digits.
    template <std::integral Integer>
    requires(!std::same_as<Integer, bool>) writer& value(Integer number) { return write_number(number); }

    /// The shortest text that reads back as the same value; `null`, and no longer `ok`, for NaN and
    /// infinities.
    template <std::floating_point Real>
    writer& value(Real number) {
        if (is_finite(number)) return write_number(number);
        ok_ = false;
        return raw("null");
    }

    /// A value that is JSON already, and is not looked at.
    writer& raw(std::string_view json) {
        separate();
        out_->append(json);
        return *this;
    }

    /// Whether all that was given could be said in JSON.
    [[nodiscard]] bool ok() const noexcept { return ok_; }

private:
    void separate() {
        if (!separated_) out_->push_back(',');
        separated_ = false;
    }

    writer& open(char bracket) {
        separate();
        out_->push_back(bracket);
        separated_ = true;
        return *this;
    }

    writer& close(char bracket) {
        out_->push_back(bracket);
        separated_ = false;
        return *this;
    }

    template <class Number>
    writer& write_number(Number number) {
        char digits[64];  // 24 are enough for a double, 20 for an integer, 45 for a long double
        auto const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        return raw({digits, static_cast<std::size_t>(end - digits)});
    }

    void quote(std::string_view text) {
        // A long text is copied once, and what follows it does not move it.
        constexpr std::size_t long_text = 1024;
        if (text.size() >= long_text && out_->capacity() - out_->size() < text.size() + 64)
            out_->reserve(std::max(out_->size() + text.size() + text.size() / 8, 2 * out_->capacity()));
        out_->push_back('"');
        std::size_t run = 0;  // where what is not yet copied begins
        for (std::size_t i = 0;;) {
            i = detail::skip_plain_words(text, i);
            if (i == text.size()) break;
            auto const c = static_cast<unsigned char>(text[i]);
            auto const length = c < 0x80 ? 1 : utf8_length(text.substr(i, 4));
            if (length != 0 && c >= 0x20 && c != '"' && c != '\\') {
                i += length;
                continue;
            }
            out_->append(text, run, i - run);
            if (length == 0) {
                ok_ = false;
                out_->append("\xEF\xBF\xBD");
            } else {
                escape(c);
            }
            run = ++i;
        }
        out_->append(text, run).push_back('"');
    }

    void escape(unsigned char c) {
        constexpr std::string_view from = "\"\\\b\f\n\r\t";
        constexpr std::string_view to = "\"\\bfnrt";
        constexpr std::string_view hex = "0123456789abcdef";
        out_->push_back('\\');
        if (auto const found = from.find(static_cast<char>(c)); found != std::string_view::npos) {
            out_->push_back(to[found]);
            return;
        }
        out_->append("u00").append(1, hex[c >> 4U]).append(1, hex[c & 0xFU]);
    }

    std::string* out_;
    bool separated_ = true;  // the next value needs no comma before it
    bool ok_ = true;
};

}  // namespace fastqueue::json

namespace fastqueue::serialization {

class json_output;

/// Writes values as plain JSON, appending to a string. Classes of the user's go through `json_output`, all else is written
/// straight away. One thread at a time.
///
/// | C++ | JSON |
/// |---|---|
/// | bool, integers, floating point, enumerations | `true`, a number (an enumeration is its number) |
/// | std::string | a string; it must be UTF-8 |
/// | std::optional | the value, or `null` |
/// | vector, deque, list, set, array, tuple, pair | a list |
/// | map with string keys | an object; other maps: a list of [key, value] |
/// | std::variant | `{"index": 1, "data": value}`, the index counted from 0 |
/// | std::monostate | `null` |
/// | a class with `serialize` or `save` | an object; members without a name are `value0`, `value1` ... |
class json_encoder {
public:
    explicit json_encoder(std::string& out) noexcept : out_{out} {}
    json_encoder(json_encoder const&) = delete;  // a json_output points here
    json_encoder& operator=(json_encoder const&) = delete;

    /// Writes one value where the document stands.
    /// \throws error (bad_value) for what JSON cannot say: NaN, infinities, strings that are not UTF-8, values nested
    ///         deeper than readers accept
    template <class T>
    void put(T const& value) {
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::object) {
            put_object(value);  // by cereal: begin_node and end_node
        } else if constexpr (s == shape::optional) {
            if (value) return put(*value);
            put(nullptr);
        } else {
            before_value();
            write(value);
        }
    }

    /// The next value is the member `name`.
    void name(std::string_view name) noexcept {
        name_ = name;
        named_ = true;
    }

    /// The value that is being written is a list.
    void as_list() {
        if (depth_ == 0 || nodes_[depth_ - 1].kind != kind::undecided) return;
        nodes_[depth_ - 1].kind = kind::list;
        out_.begin_array();
    }

    /// Around each class of the user's. What it holds decides whether it becomes an object or a list.
    void begin_node() {
        before_value();
        push(kind::undecided);
    }
    void end_node() {
        auto const ended = nodes_[--depth_].kind;
        if (ended == kind::undecided) out_.begin_object();
        ended == kind::list ? out_.end_array() : out_.end_object();
    }

private:
    enum class kind : std::uint8_t { undecided, object, list };
    struct node {
        json_encoder::kind kind;
        std::uint32_t unnamed;  // members without a name so far
    };

    [[noreturn]] static void fail(std::string const& what) { throw error{errc::bad_value, what}; }

    void push(kind k) {
        if (depth_ == json::max_depth_limit) fail("the value is nested too deep for JSON");
        nodes_[depth_++] = {k, 0};
    }

    void before_value() {
        if (depth_ == 0) return;
        auto& top = nodes_[depth_ - 1];
        if (top.kind == kind::list) {
            named_ = false;
            return;
        }
        if (top.kind == kind::undecided) {
            top.kind = kind::object;
            out_.begin_object();
        }
        if (std::exchange(named_, false)) {
            out_.key(name_);
        } else {
            out_.key("value" + std::to_string(top.unnamed++));
        }
    }

    template <class T>
    void write(T const& value) {
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::null) out_.value(nullptr);
        if constexpr (s == shape::boolean || s == shape::integer) out_.value(value);
        if constexpr (s == shape::number) out_.value(static_cast<std::underlying_type_t<T>>(value));
        if constexpr (s == shape::real) write_real(value);
        if constexpr (s == shape::text) write_text(value);
        if constexpr (s == shape::choice) write_choice(value);
        if constexpr (s == shape::tuple) write_tuple(value);
        if constexpr (string_map<T>) write_map(value);
        if constexpr (s == shape::map && !string_map<T>) write_pairs(value);
        if constexpr (s == shape::sequence || s == shape::fixed) write_sequence(value);
    }

    template <class Real>
    void write_real(Real value) {
        if (!json::is_finite(value)) fail("JSON has no NaN and no infinity");
        out_.value(value);
    }

    void write_text(std::string_view text) {
        out_.value(text);
        if (!out_.ok()) fail("a string is not UTF-8: JSON cannot carry it");
    }

    template <class Variant>
    void write_choice(Variant const& value) {
        if (value.valueless_by_exception()) fail("a variant holds no value");
        push(kind::object);
        out_.begin_object().key("index").value(value.index());
        name("data");
        std::visit([this](auto const& held) { this->put(held); }, value);
        out_.end_object();
        --depth_;
    }

    template <class Tuple>
    void write_tuple(Tuple const& tuple) {
        list([&] { std::apply([&](auto const&... each) { (put(each), ...); }, tuple); });
    }

    template <class Sequence>
    void write_sequence(Sequence const& sequence) {
        list([&] {
            for (typename Sequence::value_type const& each : sequence) put(each);
        });
    }

    template <class Map>
    void write_map(Map const& map) {
        push(kind::object);
        out_.begin_object();
        for (auto const& [key, value] : map) {
            name(key);
            put(value);
        }
        out_.end_object();
        --depth_;
        if (!out_.ok()) fail("a key is not UTF-8: JSON cannot carry it");
    }

    template <class Map>
    void write_pairs(Map const& map) {
        list([&] {
            for (auto const& [key, value] : map) put(std::tie(key, value));
        });
    }

    template <class Body>
    void list(Body&& body) {
        push(kind::list);
        out_.begin_array();
        body();
        out_.end_array();
        --depth_;
    }

    template <class T>
    void put_object(T const& value);

    json::writer out_;
    json_output* archive_ = nullptr;  // while a class of the user's is being written
    std::string_view name_;
    bool named_ = false;
    unsigned depth_ = 0;
    std::array<node, json::max_depth_limit> nodes_;
};

/// The cereal archive that the user's `serialize` and `save` functions are given. See `json_encoder` for the form.
class json_output : public detail::named_output<json_output, json_encoder> {
public:
    explicit json_output(json_encoder& encoder) : named_output{this, encoder} {}
};

template <class T>
void json_encoder::put_object(T const& value) {
    detail::dispatch(archive_, *this, value);
}

}  // namespace fastqueue::serialization

namespace fastqueue::serialization {

class json_input;

/// Reads values from a JSON document, in the form that `json_encoder` lays down. Members of objects are found by name, in
/// any order; unknown ones are ignored; of two with one name the first counts. A std::optional member may be absent.
/// A class whose members have no names may also be given as a list.
/// Integers may not be written with a fraction or an exponent. One thread at a time.
///
/// Each failure is a sentence that says where, what was expected and what came:
/// `argument "box", "width": expected an integer, got a string ("abc")`; `missing "width" in argument "box"`.
class json_decoder : public detail::decoder<json_decoder, json_cursor, json_input> {
public:
    using decoder::decoder;

private:
    friend class detail::decoder<json_decoder, json_cursor, json_input>;

    void read_boolean(bool& out, place at) const {
        auto const kind = document()[at].kind;
        if (kind != json::token::true_ && kind != json::token::false_) expected("a boolean", at);
        out = kind == json::token::true_;
    }

    template <class Integer>
    void read_integer(Integer& out, place at) {
        using limits = std::numeric_limits<Integer>;
        check(at, json::token::number, "an integer");
        auto const text = document().text(at, scratch_);
        if (json::read_number(text, out)) return;
        if (text.find_first_of(".eE") != text.npos) expected("an integer", at);
        fail("expected an integer from " + std::to_string(limits::min()) + " to " +
             std::to_string(limits::max()) + ", got " + document().excerpt(at));
    }

    template <class Real>
    void read_real(Real& out, place at) {
        check(at, json::token::number, "a number");
        if (!json::read_number(document().text(at, scratch_), out))
            fail("the number is out of range: " + document().excerpt(at));
    }

    void read_text(std::string& out, place at) {
        check(at, json::token::string, "a string");
        out = document().text(at, scratch_);
    }

    template <class Sequence>
    static bool read_octets(Sequence&, place) noexcept {
        return false;
    }

    template <class Map>
    void read_map(Map& out, place at) {
        check_map(at, "an object");
        enter(at);
        out.clear();
        for (auto key = at + 1; key < document()[at].next; key = document()[key + 1].next) {
            auto const [entry, is_new] = out.try_emplace(std::string{document().text(key, scratch_)});
            if (!is_new) continue;
            at_member(entry->first);
            read(entry->second, key + 1);
        }
        leave();
    }

    std::string scratch_;
};

/// The cereal archive that the user's `serialize` and `load` functions are given. See `json_decoder`.
class json_input : public detail::named_input<json_input, json_output, json_decoder> {
public:
    explicit json_input(json_decoder& decoder) : named_input{this, decoder} {}
};

}  // namespace fastqueue::serialization

CEREAL_SETUP_ARCHIVE_TRAITS(fastqueue::serialization::json_input, fastqueue::serialization::json_output)

namespace fastqueue::serialization {

/// Values as plain JSON; arguments as a list (by position), an object (by name) or nothing (none). Which type becomes what:
/// see `json_encoder`; what is read: see `json_decoder`. Unknown and repeated argument names are refused.
struct json {
    static constexpr std::string_view content = "json";

    /// Appends `value`. \throws error (bad_value), with `out` as it was
    template <class T>
    static void encode(std::string& out, T const& value) {
        detail::undo_on_error(out, [&] { json_encoder{out}.put(value); });
    }

    /// Reads one document. \throws error (bad_value)
    template <class T>
    [[nodiscard]] static T decode(std::string_view bytes) {
        fastqueue::json::document document;
        parse(document, bytes, "the value is not JSON: ", errc::bad_value);
        auto value = T();  // not {}: a constructor with a default argument may be explicit
        json_decoder{document}.read(value, 0);
        return value;
    }

    /// Appends a list of arguments by position. \throws error (bad_value), with `out` as it was
    template <class... Ts>
    static void encode_arguments(std::string& out, Ts const&... values) {
        detail::undo_on_error(out, [&] { json_encoder{out}.put(std::tie(values...)); });
    }

    /// Reads arguments into `values`: see `policy::serialization`. \throws error (bad_arguments)
    template <class... Ts, class Fill = policy::no_defaults>
    static void decode_arguments(std::string_view bytes, std::span<std::string_view const> names,
                                 std::tuple<Ts...>& values, Fill const& fill = {}) {
        fastqueue::json::document document;
        std::array<index, sizeof...(Ts)> given;  // the node of each argument
        given.fill(fastqueue::json::document::none);
        if (!bytes.empty()) {
            parse(document, bytes, "the arguments are not JSON: ", errc::bad_arguments);
            locate(document, names, given);
        }
        json_decoder decoder{document};
        auto const is_given = [&](std::size_t i) { return given[i] != fastqueue::json::document::none; };
        auto const read = [&](std::size_t i, auto& element) {
            decoder.argument(detail::name_at(names, i), i + 1);
            decoder.read(element, given[i]);
        };
        detail::in_arguments([&] { detail::read_each(names, values, is_given, read, fill); });
    }

private:
    using index = fastqueue::json::document::index;

    static void parse(fastqueue::json::document& document, std::string_view bytes, std::string_view prefix,
                      errc code) {
        if (document.parse(bytes)) return;
        throw error{code, std::string{prefix} + std::string{document.problem()} + " at octet " +
                              std::to_string(document.problem_offset())};
    }

    // Finds the node of each argument, by position or by name.
    static void locate(fastqueue::json::document const& document, std::span<std::string_view const> names,
                       std::span<index> given) {
        using fastqueue::json::token;
        switch (document[0].kind) {
            case token::begin_array:
                return locate_by_position(document, given);
            case token::begin_object:
                return locate_by_name(document, names.first(std::min(names.size(), given.size())), given);
            default:
                detail::bad_arguments("the arguments must be a JSON list or object");
        }
    }

    static void locate_by_position(fastqueue::json::document const& document, std::span<index> given) {
        std::size_t count = 0;
        for (index i = 1; i < document.size(); i = document[i].next, ++count) {
            if (count < given.size()) given[count] = i;
        }
        if (count > given.size()) detail::too_many_arguments(given.size(), count);
    }

    static void locate_by_name(fastqueue::json::document const& document,
                               std::span<std::string_view const> names, std::span<index> given) {
        std::string scratch;
        for (index key = 1; key < document.size(); key = document[key + 1].next) {
            auto const name = document.text(key, scratch);
            auto const found = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
            if (found == names.size()) detail::unknown_argument(document.excerpt(key), names);
            if (given[found] != fastqueue::json::document::none) {
                detail::bad_arguments(argument_label(name, 0) + " is given twice");
            }
            given[found] = key + 1;
        }
    }
};

static_assert(policy::serialization<json>);

}  // namespace fastqueue::serialization

namespace fastqueue {

namespace detail {

inline constexpr std::uint64_t max_wire_number = std::uint64_t{1} << 53U;  // FQ1's largest

[[noreturn]] inline void bad_option(std::string_view option, std::string const& why) {
    throw error{errc::bad_option, std::string{option} + ": " + why};
}

// In milliseconds, rounded up so that a short wait does not become none.
template <class Rep, class Period>
[[nodiscard]] std::uint64_t option_ms(std::string_view option, std::chrono::duration<Rep, Period> duration) {
    using exact = std::chrono::duration<long double, std::milli>;
    auto const ms = std::chrono::duration_cast<exact>(duration).count();
    if (!(ms >= 0)) bad_option(option, "a duration must not be negative");  // catches NaN too
    if (ms > static_cast<long double>(max_wire_number)) bad_option(option, "the duration is too long");
    auto const whole = static_cast<std::uint64_t>(ms);
    return static_cast<long double>(whole) < ms ? whole + 1 : whole;
}

template <class Rep, class Period>
[[nodiscard]] std::uint64_t time_limit_ms(std::string_view option,
                                          std::chrono::duration<Rep, Period> duration) {
    auto const ms = option_ms(option, duration);
    if (ms == 0) bad_option(option, "a time limit of nothing would let nothing run; leave it out for none");
    return ms;
}

[[nodiscard]] inline bool is_wire_token(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 255 &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace detail

/// A task to be run: its name, its encoded arguments and how it wants to be treated. `R` is the type of its result. It is a
/// value that a client's `call`, `delay` and batches take, and may be sent any number of times: each is another task
/// unless `id` fixes which. Made by calling a `task` handle or by `invoke`. One thread at a time.
///
/// Options are set fluently: `tasks::add(5, 3).at(priority::critical).retries(3).timeout(2s)`. Each throws
/// error (bad_option) for a value out of its range.
template <class R>
class invocation {
public:
    using result_type = R;

    /// From parts; `arguments` are encoded already.
    /// \throws error (bad_name) if `name` cannot name a task
    invocation(std::string_view name, std::string arguments,
               std::string_view content = serialization::json::content)
        : name_{name}, arguments_{std::move(arguments)}, content_{content} {
        if (!is_valid_name(name)) {
            throw error{errc::bad_name, "a task's name is 1 to 255 of A-Z a-z 0-9 . _ : -"};
        }
    }

    /// The same task, whatever is said of its result's type.
    template <class Other>
    explicit invocation(invocation<Other> const& other)
        : name_{other.name()},
          arguments_{other.arguments()},
          content_{other.content()},
          options_{other.options()},
          id_{other.id()},
          key_{other.key()} {}

    invocation& at(priority p) & { return options_.priority = p, *this; }
    invocation&& at(priority p) && { return std::move(at(p)); }

    /// How often it is tried again after its handler failed or was too slow, 0 to 1000.
    invocation& retries(std::uint32_t n) & {
        if (n > max_retries) detail::bad_option("retries", "at most 1000");
        return options_.retries = n, *this;
    }
    invocation&& retries(std::uint32_t n) && { return std::move(retries(n)); }

    /// The wait before the first retry; each further one is longer by `backoff` (1 to 100), up to `longest`.
    template <class Rep, class Period>
    invocation& retry_delay(std::chrono::duration<Rep, Period> first, double backoff = 2,
                            std::chrono::milliseconds longest = std::chrono::minutes{10}) & {
        if (!(backoff >= 1 && backoff <= 100)) detail::bad_option("retry_delay", "the back-off is 1 to 100");
        options_.retry_delay_ms = detail::option_ms("retry_delay", first);
        options_.retry_max_ms = detail::option_ms("retry_delay", longest);
        return options_.retry_backoff = backoff, *this;
    }
    template <class Rep, class Period>
    invocation&& retry_delay(std::chrono::duration<Rep, Period> first, double backoff = 2,
                             std::chrono::milliseconds longest = std::chrono::minutes{10}) && {
        return std::move(retry_delay(first, backoff, longest));
    }

    /// So much of each wait before a retry is left to chance, 0 to 1: then tasks that failed together do not come back together.
    invocation& retry_jitter(double part) & {
        if (!(part >= 0 && part <= 1)) detail::bad_option("retry_jitter", "the part is 0 to 1");
        return options_.retry_jitter = part, *this;
    }
    invocation&& retry_jitter(double part) && { return std::move(retry_jitter(part)); }

    /// An attempt that takes longer ends as `timeout`. Longer than 0.
    template <class Rep, class Period>
    invocation& timeout(std::chrono::duration<Rep, Period> limit) & {
        return options_.timeout_ms = detail::time_limit_ms("timeout", limit), *this;
    }
    template <class Rep, class Period>
    invocation&& timeout(std::chrono::duration<Rep, Period> limit) && {
        return std::move(timeout(limit));
    }

    /// After this time the handler is asked to stop. Longer than 0.
    template <class Rep, class Period>
    invocation& soft_timeout(std::chrono::duration<Rep, Period> limit) & {
        return options_.soft_timeout_ms = detail::time_limit_ms("soft_timeout", limit), *this;
    }
    template <class Rep, class Period>
    invocation&& soft_timeout(std::chrono::duration<Rep, Period> limit) && {
        return std::move(soft_timeout(limit));
    }

    /// Not before so long after it was accepted. Takes the place of an `eta`.
    template <class Rep, class Period>
    invocation& countdown(std::chrono::duration<Rep, Period> wait) & {
        options_.countdown_ms = detail::option_ms("countdown", wait);
        return options_.eta_us.reset(), *this;
    }
    template <class Rep, class Period>
    invocation&& countdown(std::chrono::duration<Rep, Period> wait) && {
        return std::move(countdown(wait));
    }

    /// Not before this time (UTC). Takes the place of a `countdown`.
    template <class Duration>
    invocation& eta(std::chrono::sys_time<Duration> when) & {
        options_.eta_us = epoch_us("eta", when);
        return options_.countdown_ms.reset(), *this;
    }
    template <class Duration>
    invocation&& eta(std::chrono::sys_time<Duration> when) && {
        return std::move(eta(when));
    }

    /// If it has not begun so long after it was accepted, it ends as `expired`. Takes the place of `expires_at`.
    template <class Rep, class Period>
    invocation& expires_in(std::chrono::duration<Rep, Period> wait) & {
        options_.expires_ms = detail::option_ms("expires_in", wait);
        return options_.expires_us.reset(), *this;
    }
    template <class Rep, class Period>
    invocation&& expires_in(std::chrono::duration<Rep, Period> wait) && {
        return std::move(expires_in(wait));
    }

    /// If it has not begun at this time (UTC), it ends as `expired`. Takes the place of `expires_in`.
    template <class Duration>
    invocation& expires_at(std::chrono::sys_time<Duration> when) & {
        options_.expires_us = epoch_us("expires_at", when);
        return options_.expires_ms.reset(), *this;
    }
    template <class Duration>
    invocation&& expires_at(std::chrono::sys_time<Duration> when) && {
        return std::move(expires_at(when));
    }

    /// Never run again after its worker was lost, and never sent ahead.
    invocation& at_most_once() & { return options_.delivery = delivery::at_most_once, *this; }
    invocation&& at_most_once() && { return std::move(at_most_once()); }

    /// Which task this is: the same id sent again is the same task. Without it the client chooses one for each sending.
    invocation& id(task_id const& id) & {
        if (id.empty()) detail::bad_option("id", "all zeros name nothing");
        return id_ = id, *this;
    }
    invocation&& id(task_id const& id) && { return std::move(this->id(id)); }

    /// For balancing policies that keep a key with one worker: 1 to 255 printable ASCII characters without spaces.
    invocation& key(std::string_view key) & {
        if (!detail::is_wire_token(key))
            detail::bad_option("key", "1 to 255 printable characters without spaces");
        return key_ = key, *this;
    }
    invocation&& key(std::string_view key) && { return std::move(this->key(key)); }

    /// The result tells attempt, worker and times.
    invocation& with_meta() & { return options_.meta = true, *this; }
    invocation&& with_meta() && { return std::move(with_meta()); }

    [[nodiscard]] std::string const& name() const noexcept { return name_; }
    [[nodiscard]] std::string const& arguments() const noexcept { return arguments_; }  ///< encoded
    [[nodiscard]] std::string_view content() const noexcept { return content_; }  ///< how they are encoded
    [[nodiscard]] task_options const& options() const noexcept { return options_; }
    [[nodiscard]] task_id const& id() const noexcept { return id_; }  ///< empty: the client chooses
    [[nodiscard]] std::string const& key() const noexcept { return key_; }

private:
    template <class Duration>
    [[nodiscard]] static std::uint64_t epoch_us(std::string_view option,
                                                std::chrono::sys_time<Duration> when) {
        using exact = std::chrono::duration<long double, std::micro>;
        auto const us = std::chrono::duration_cast<exact>(when.time_since_epoch()).count();
        if (!(us >= 0)) detail::bad_option(option, "the time is before 1970");
        if (us > static_cast<long double>(detail::max_wire_number))
            detail::bad_option(option, "the time is too far away");
        return static_cast<std::uint64_t>(us);
    }

    std::string name_;
    std::string arguments_;
    std::string_view content_;  // of a serialization policy: lives for ever
    task_options options_;
    task_id id_;
    std::string key_;
};

/// An invocation by name, for callers that share no handle with the worker. Arguments are written as JSON by position.
/// \throws error (bad_name), error (bad_value) for an argument JSON cannot carry
template <class R, class... Ts>
[[nodiscard]] invocation<R> invoke(std::string_view name, Ts const&... arguments) {
    std::string bytes;
    serialization::json::encode_arguments(bytes, arguments...);
    return {name, std::move(bytes)};
}

}  // namespace fastqueue

namespace fastqueue {

/// Tasks that are handed over together, in one message: all are accepted, or none is. They may be different ones. At most
/// 65536 tasks and 64 MiB. A value; one thread at a time.
class batch {
public:
    template <class R>
    batch& add(invocation<R> const& task) & {
        tasks_.emplace_back(task);
        return *this;
    }
    template <class R>
    batch&& add(invocation<R> const& task) && {
        return std::move(add(task));
    }
    void reserve(std::size_t count) { tasks_.reserve(count); }
    [[nodiscard]] std::size_t size() const noexcept { return tasks_.size(); }
    [[nodiscard]] bool empty() const noexcept { return tasks_.empty(); }
    [[nodiscard]] auto begin() const noexcept { return tasks_.begin(); }
    [[nodiscard]] auto end() const noexcept { return tasks_.end(); }

private:
    std::vector<invocation<void>> tasks_;
};

}  // namespace fastqueue

// ---- <fastqueue/client_options.hpp>

// ---- <fastqueue/model/endpoint.hpp>

#include <arpa/inet.h>

namespace fastqueue {

/// Where something listens: `tcp://host:port`. The host is a name, an IPv4 address, an IPv6 address in
/// brackets or, for listening only, `*`; the port is 0 to 65535, where 0 (or `*`) asks the system for a free
/// one.
struct endpoint {
    std::string host;  ///< without brackets
    std::uint16_t port = 0;

    [[nodiscard]] bool is_wildcard() const noexcept {
        return host == "*" || host == "0.0.0.0" || host == "::";
    }
    [[nodiscard]] bool is_ipv6() const noexcept { return host.find(':') != std::string::npos; }
    [[nodiscard]] bool is_loopback() const noexcept {
        return host == "localhost" || host == "::1" || host.starts_with("127.");
    }
    /// The same host, `offset` ports further; empty past 65535. A port of 0 stays 0: each is then taken free.
    [[nodiscard]] std::optional<endpoint> plus(std::uint32_t offset) const {
        if (port == 0) return endpoint{host, 0};
        if (offset > 65535U - port) return std::nullopt;
        return endpoint{host, static_cast<std::uint16_t>(port + offset)};
    }
    [[nodiscard]] std::string text() const {
        return "tcp://" + (is_ipv6() ? "[" + host + "]" : host) + ":" + std::to_string(port);
    }
    friend bool operator==(endpoint const&, endpoint const&) = default;
};

namespace detail {

/// Why `host` is none, or empty.
[[nodiscard]] inline std::string_view host_problem(std::string_view host) noexcept {
    if (host.empty()) return "the host is missing";
    if (host == "*") return {};
    if (host.size() > 253) return "the host name is longer than 253 characters";
    auto const plain = std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    });
    return plain ? std::string_view{} : "the host has a character that no host name has";
}

[[nodiscard]] inline std::string_view ipv6_problem(std::string_view host) noexcept {
    auto const zone = host.find('%');
    auto const address = host.substr(0, zone);
    char text[INET6_ADDRSTRLEN] = {};  // the system's reader wants a zero at the end
    in6_addr ignored{};
    bool const fits = address.size() < sizeof text && address.find('\0') == std::string_view::npos;
    if (fits) address.copy(text, sizeof text - 1);
    if (!fits || ::inet_pton(AF_INET6, text, &ignored) != 1)
        return "what stands in brackets is not an IPv6 address";
    if (zone == std::string_view::npos) return {};
    auto const name = host.substr(zone + 1);
    return name.empty() || name == "*" || !host_problem(name).empty() ? "the address has a malformed zone"
                                                                      : std::string_view{};
}

[[nodiscard]] inline std::string_view port_problem(std::string_view text, std::uint16_t& port) noexcept {
    if (text == "*") return {};
    if (text.empty()) return "the port is missing";
    std::uint32_t number = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool const digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || (failed == std::errc{} && end != text.data() + text.size()))
        return "the port is not a number";
    if (failed != std::errc{} || number > 65535) return "the port is over 65535";
    port = static_cast<std::uint16_t>(number);
    return {};
}

}  // namespace detail

/// Reads `tcp://host:port`, strictly: nothing is guessed, cut or wrapped.
/// \param[out] out  written on success only
/// \return empty on success, else the reason in words, fit for "... is not an address: <reason>"
[[nodiscard]] inline std::string_view parse_endpoint(std::string_view text, endpoint& out) {
    constexpr std::string_view scheme = "tcp://";
    if (!text.starts_with(scheme)) return "it does not begin with tcp://";
    auto rest = text.substr(scheme.size());
    std::string_view host;
    if (rest.starts_with('[')) {
        auto const close = rest.find(']');
        if (close == std::string_view::npos) return "the bracket is not closed";
        host = rest.substr(1, close - 1);
        rest = rest.substr(close + 1);
        if (auto const problem = detail::ipv6_problem(host); !problem.empty()) return problem;
        if (rest.empty() || rest.front() != ':') return "the port is missing";
    } else {
        auto const colon = rest.find(':');
        if (colon == std::string_view::npos) return "the port is missing";
        host = rest.substr(0, colon);
        rest = rest.substr(colon);
        if (rest.find(':', 1) != std::string_view::npos) return "an IPv6 address must stand in brackets";
        if (auto const problem = detail::host_problem(host); !problem.empty()) return problem;
    }
    std::uint16_t port = 0;
    if (auto const problem = detail::port_problem(rest.substr(1), port); !problem.empty()) return problem;
    out = endpoint{std::string{host}, port};
    return {};
}

/// The same for callers that want the endpoint or an exception.
/// \throws error (errc::bad_address) that names the address, what is wrong with it and how one looks
[[nodiscard]] inline endpoint make_endpoint(std::string_view text) {
    endpoint out;
    if (auto const problem = parse_endpoint(text, out); !problem.empty()) {
        throw error{errc::bad_address, "'" + std::string{text.substr(0, 300)} + "' is not an address: " +
                                           std::string{problem} + "; write it as tcp://127.0.0.1:5555"};
    }
    return out;
}

}  // namespace fastqueue

// ---- <fastqueue/model/outcome.hpp>

// ---- <fastqueue/model/task_state.hpp>

namespace fastqueue {

/// Where a task stands. The last four are final: nothing leaves them.
enum class task_state : std::uint8_t {
    scheduled,  ///< waits for its time
    queued,     ///< waits for a worker
    assigned,   ///< at a worker, not begun as far as known
    running,
    retrying,  ///< failed, waits for its next attempt
    success,
    failure,
    cancelled,
    expired,  ///< its time ran out before it began
};

inline constexpr std::array<std::string_view, 9> task_state_names{
    "scheduled", "queued", "assigned", "running", "retrying", "success", "failure", "cancelled", "expired"};

[[nodiscard]] constexpr std::string_view name_of(task_state s) noexcept {
    return task_state_names[static_cast<std::size_t>(s)];
}

[[nodiscard]] constexpr std::optional<task_state> parse_task_state(std::string_view name) noexcept {
    for (std::size_t i = 0; i < task_state_names.size(); ++i) {
        if (task_state_names[i] == name) return static_cast<task_state>(i);
    }
    return std::nullopt;
}

[[nodiscard]] constexpr bool is_final(task_state s) noexcept { return s >= task_state::success; }

/// Whether a task may go from one state straight to another. The table in docs/architecture.md is this
/// function.
[[nodiscard]] constexpr bool may_become(task_state from, task_state to) noexcept {
    using enum task_state;
    switch (from) {
        case scheduled:
            return to == queued || to == cancelled || to == expired;
        case queued:
            return to == assigned || to == running || to == cancelled || to == expired || to == failure;
        case assigned:
            return to == running || to == queued || is_final(to) || to == retrying;
        case running:
            return to == queued || to == retrying || is_final(to);
        case retrying:
            return to == queued || to == cancelled || to == expired;
        default:
            return false;
    }
}

}  // namespace fastqueue

namespace fastqueue {

/// How and where a task ran, if it was asked for.
struct task_meta {
    std::uint32_t attempt = 0;
    std::string worker;
    std::uint64_t submitted_us = 0;  ///< the control plane's clock, microseconds UTC; 0: not yet
    std::uint64_t started_us = 0;
    std::uint64_t finished_us = 0;
};

/// One attempt that ended without a result, of those that a control plane remembers: the last sixteen of a task.
struct failed_attempt {
    std::uint32_t attempt = 0;
    std::uint64_t at_us = 0;  ///< when it ended: the control plane's clock, microseconds UTC
    std::string worker;       ///< may be empty
    std::error_code code;     ///< `handler_error`, `timeout`, `worker_lost` ...
    std::string text;         ///< the beginning of what was said of it
};

/// What became of a task that has ended: its value, or why there is none. No result type needs a default
/// constructor. A value; one thread at a time.
template <class R>
class outcome {
public:
    using value_type = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

    /// Nothing is known yet: `queued`, and `not_finished`. For what makes its results before it has them, as coroutines do.
    outcome() : outcome{task_state::queued, errc::not_finished, "it has not ended"} {}
    /// A task that ended in success.
    [[nodiscard]] static outcome succeeded(value_type value) {
        outcome out{task_state::success, {}, {}};
        out.value_.emplace(std::move(value));
        return out;
    }
    /// A task that ended otherwise, or has not ended.
    [[nodiscard]] static outcome ended(task_state state, std::error_code code, std::string text) {
        return outcome{state, code, std::move(text)};
    }

    [[nodiscard]] explicit operator bool() const noexcept { return value_.has_value(); }
    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    [[nodiscard]] task_state state() const noexcept { return state_; }
    /// Why there is no value: `handler_error`, `timeout`, `cancelled` ...; empty with a value.
    [[nodiscard]] std::error_code error() const noexcept { return code_; }
    /// What the handler or the control plane said of it, UTF-8.
    [[nodiscard]] std::string const& text() const noexcept { return text_; }

    /// The result.
    /// \throws fastqueue::error with error() and text() when there is none
    [[nodiscard]] value_type& value() & {
        check();
        return *value_;
    }
    [[nodiscard]] value_type const& value() const& {
        check();
        return *value_;
    }
    [[nodiscard]] value_type&& value() && {
        check();
        return std::move(*value_);
    }
    [[nodiscard]] value_type& operator*() & noexcept { return *value_; }
    [[nodiscard]] value_type const& operator*() const& noexcept { return *value_; }

    /// Attempt, worker and times, where the control plane sent them.
    [[nodiscard]] task_meta const& meta() const noexcept { return meta_; }
    void meta(task_meta meta) { meta_ = std::move(meta); }

private:
    outcome(task_state state, std::error_code code, std::string text)
        : state_{state}, code_{code}, text_{std::move(text)} {}
    void check() const {
        if (!value_) throw fastqueue::error{code_, text_};
    }

    task_state state_;
    std::error_code code_;
    std::string text_;
    std::optional<value_type> value_;
    task_meta meta_;
};

}  // namespace fastqueue

namespace fastqueue {

/// A task that is about to be sent, as an interceptor sees it.
struct outgoing_task {
    task_id const& id;
    std::string_view name;
    std::string_view arguments;  ///< encoded
    task_options& options;
    std::string& key;
    std::string& traceparent;  ///< W3C trace context, for the worker; empty: none
};

/// How a client is set up.
struct client_options {
    endpoint discovery{"127.0.0.1", 5550};      ///< where the control plane is asked for
    std::chrono::milliseconds timeout{30'000};  ///< for each operation, from its begin to its answer
    std::uint32_t retries = 3;  ///< further dials before "nobody there", as long as there never was contact
    std::uint64_t seed = 0;     ///< of back-off's jitter; 0: random
    /// Sees each task before it is sent and may change how it is treated; on the thread that sends it. What it throws, the
    /// call throws, and nothing is sent.
    std::function<void(outgoing_task&)> before_call = {};
};

/// Where a task stands, as the control plane knows it.
struct task_status {
    task_state state = task_state::queued;
    std::error_code error;  ///< of one that failed
    std::string value;      ///< encoded, or the error's text; empty while there is none
    task_meta meta;
};

}  // namespace fastqueue

// ---- <fastqueue/shell/client_loop.hpp>

// ---- <fastqueue/core/client.hpp>

// ---- <fastqueue/core/backoff.hpp>

namespace fastqueue::core {

/// A small seeded generator (splitmix64): jitter and simulated ids, the same on every platform.
/// \source Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014
class random_source {
public:
    explicit random_source(std::uint64_t seed) noexcept : state_{seed} {}
    [[nodiscard]] std::uint64_t next() noexcept {
        auto z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    /// Uniform in [0, 1).
    [[nodiscard]] double fraction() noexcept { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

private:
    std::uint64_t state_;
};

/// How long to wait before dialling again: doubling, with a cap, and half of it left to chance so that a
/// thousand peers do not come back at once. Reset it only when a handshake was completed: a server that
/// accepts and closes is not hammered.
class backoff {
public:
    using duration = std::chrono::milliseconds;

    backoff() noexcept = default;
    backoff(duration first, duration most) noexcept : first_{first}, most_{most} {}

    [[nodiscard]] duration next(random_source& random) noexcept {
        auto const full = std::min(most_, first_ * (1 << std::min(failures_, 16U)));
        ++failures_;
        auto const half = static_cast<double>(full.count()) / 2;
        return duration{static_cast<duration::rep>(half + half * random.fraction())};
    }
    void reset() noexcept { failures_ = 0; }
    [[nodiscard]] unsigned failures() const noexcept { return failures_; }

private:
    duration first_{100};
    duration most_{5000};
    unsigned failures_ = 0;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/client_options.hpp>

// ---- <fastqueue/model/limits.hpp>

namespace fastqueue {

/// What a control plane takes, stated to its peers in `nodes` and `hello`. Everything that could grow has a
/// number here.
struct limits {
    std::uint32_t max_header = 4096;             ///< octets of one header line
    std::uint32_t max_payload = 16U << 20U;      ///< octets of one payload
    std::uint32_t max_message = 64U << 20U;      ///< octets of one message, all frames together
    std::uint32_t max_pairs = 65'536;            ///< pairs of one message
    std::uint64_t max_tasks = 1'000'000;         ///< tasks that have not ended
    std::uint64_t max_task_bytes = 1ULL << 30U;  ///< octets of the arguments of tasks that have not ended
    std::uint32_t max_outstanding = 65'536;      ///< `call`, `wait` and `watch` unanswered on one connection
    std::uint32_t max_workers = 4096;            ///< registered at once
    std::uint32_t max_task_names = 65'536;       ///< different names ever registered or waited for
    std::uint32_t max_names_a_worker = 4096;     ///< tasks that one worker may announce
};

}  // namespace fastqueue

namespace fastqueue::core {

/// The numbers and addresses of a client.
struct client_options {
    endpoint discovery{"127.0.0.1", 5550};
    std::uint32_t retries =
        3;  ///< dials after the first that may fail before "nobody there"; once there was contact, a
            ///< lost control plane is sought until the calls' own time is over
    std::size_t max_pending = 1'000'000;  ///< operations that may wait for their answers
    fastqueue::limits limits;
    std::uint64_t seed = 0;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/deadlines.hpp>

// ---- <fastqueue/core/slot_list.hpp>

// ---- <fastqueue/core/slab.hpp>

#include <memory>

namespace fastqueue::core {

/// Names nothing: no slot of a slab, no index.
inline constexpr std::uint32_t none = ~0U;

/// A pool of objects that stay where they are and are named by small dense numbers. What is given back keeps
/// its members' memory, and is the first to be taken again: steady work allocates nothing. One thread at a
/// time.
template <class T, std::uint32_t ChunkSize = 256>
class slab {
public:
    /// A slot. Its object is as it was when it was given back: the taker sets every member.
    /// \throws std::bad_alloc
    [[nodiscard]] std::uint32_t take() {
        if (free_.empty()) grow();
        auto const slot = free_.back();
        free_.pop_back();
        ++used_;
        return slot;
    }
    void give(std::uint32_t slot) noexcept {
        assert(used_ > 0);
        free_.push_back(slot);  // has room: reserved in grow()
        --used_;
    }
    [[nodiscard]] T& operator[](std::uint32_t slot) noexcept {
        return chunks_[slot / ChunkSize][slot % ChunkSize];
    }
    [[nodiscard]] T const& operator[](std::uint32_t slot) const noexcept {
        return chunks_[slot / ChunkSize][slot % ChunkSize];
    }
    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    /// One past the largest slot that was ever taken.
    [[nodiscard]] std::uint32_t capacity() const noexcept {
        return static_cast<std::uint32_t>(chunks_.size()) * ChunkSize;
    }

private:
    void grow() {
        auto const first = capacity();
        free_.reserve(first + std::size_t{ChunkSize});
        chunks_.push_back(std::make_unique<T[]>(ChunkSize));
        for (std::uint32_t i = ChunkSize; i-- > 0;) free_.push_back(first + i);
    }

    std::vector<std::unique_ptr<T[]>> chunks_;
    std::vector<std::uint32_t> free_;
    std::size_t used_ = 0;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// A doubly linked list through the members `previous` and `next` of what lives in a slab. An object is in
/// one list at a time. Every call is O(1), but for `insert_in_order`.
class slot_list {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == none; }
    [[nodiscard]] std::uint32_t front() const noexcept { return head_; }
    [[nodiscard]] std::uint32_t back() const noexcept { return tail_; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

    template <class Slab>
    void push_back(Slab& pool, std::uint32_t slot) noexcept {
        insert_before(pool, none, slot);
    }
    template <class Slab>
    void push_front(Slab& pool, std::uint32_t slot) noexcept {
        insert_before(pool, head_, slot);
    }
    /// Keeps the list ascending by `sequence`, looking from the front: what comes back is older than what
    /// waits.
    template <class Slab>
    void insert_in_order(Slab& pool, std::uint32_t slot) noexcept {
        if (head_ == none || pool[tail_].sequence < pool[slot].sequence) return push_back(pool, slot);
        auto at = head_;
        while (at != none && pool[at].sequence < pool[slot].sequence) at = pool[at].next;
        insert_before(pool, at, slot);
    }
    template <class Slab>
    void erase(Slab& pool, std::uint32_t slot) noexcept {
        auto& node = pool[slot];
        (node.previous == none ? head_ : pool[node.previous].next) = node.next;
        (node.next == none ? tail_ : pool[node.next].previous) = node.previous;
        node.previous = node.next = none;
        --size_;
    }

private:
    template <class Slab>
    void insert_before(Slab& pool, std::uint32_t at, std::uint32_t slot) noexcept {
        auto& node = pool[slot];
        node.next = at;
        node.previous = at == none ? tail_ : pool[at].previous;
        (node.previous == none ? head_ : pool[node.previous].next) = slot;
        (at == none ? tail_ : pool[at].previous) = slot;
        ++size_;
    }

    std::uint32_t head_ = none;
    std::uint32_t tail_ = none;
    std::uint32_t size_ = 0;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// Moments on the monotonic clock, one a slot. A tick costs what is due, not what waits. Most moments come in order, since
/// most time-outs are of one length: those wait in a list, which costs O(1), and the others in a heap. One thread at a time.
class deadlines {
public:
    void set(std::uint32_t slot, instant at) {
        clear(slot);
        if (!in_order_.empty() && at < nodes_[in_order_.back()].at) return heap_.set(slot, at);
        if (slot >= nodes_.size()) nodes_.resize(slot + std::size_t{1});
        nodes_[slot].at = at;
        nodes_[slot].listed = true;
        in_order_.push_back(nodes_, slot);
    }
    void clear(std::uint32_t slot) noexcept {
        if (!in_list(slot)) return heap_.erase(slot);
        in_order_.erase(nodes_, slot);
        nodes_[slot].listed = false;
    }
    /// A slot whose moment has come, taken out; empty when there is none.
    [[nodiscard]] std::optional<std::uint32_t> pop(instant now) noexcept {
        if (next() > now || (in_order_.empty() && heap_.empty())) return std::nullopt;
        bool const listed = heap_.empty() || first_listed() <= heap_.top_key();
        auto const slot = listed && !in_order_.empty() ? in_order_.front() : heap_.top();
        clear(slot);
        return slot;
    }
    [[nodiscard]] std::optional<instant> at(std::uint32_t slot) const noexcept {
        if (in_list(slot)) return nodes_[slot].at;
        return heap_.contains(slot) ? std::optional{heap_.key(slot)} : std::nullopt;
    }
    [[nodiscard]] instant next() const noexcept {
        return heap_.empty() ? first_listed() : std::min(first_listed(), heap_.top_key());
    }

private:
    struct node {
        instant at{};
        std::uint32_t previous = none;
        std::uint32_t next = none;
        bool listed = false;
    };
    [[nodiscard]] bool in_list(std::uint32_t slot) const noexcept {
        return slot < nodes_.size() && nodes_[slot].listed;
    }
    [[nodiscard]] instant first_listed() const noexcept {
        return in_order_.empty() ? instant::max() : nodes_[in_order_.front()].at;
    }

    std::vector<node> nodes_;  // by slot
    slot_list in_order_;
    indexed_heap<instant> heap_;
};

/// Moments in UTC, one a slot. Who sleeps until one must look at the wall clock now and then: it may be set.
class wall_deadlines {
public:
    void set(std::uint32_t slot, wall_instant at) { heap_.set(slot, at); }
    void clear(std::uint32_t slot) noexcept { heap_.erase(slot); }
    [[nodiscard]] std::optional<std::uint32_t> pop(wall_instant now) noexcept {
        if (heap_.empty() || heap_.top_key() > now) return std::nullopt;
        auto const slot = heap_.top();
        heap_.erase(slot);
        return slot;
    }
    [[nodiscard]] std::optional<wall_instant> at(std::uint32_t slot) const noexcept {
        return heap_.contains(slot) ? std::optional{heap_.key(slot)} : std::nullopt;
    }
    /// When to look again, on the monotonic clock: at the moment as the wall clock stands now, in a second at
    /// the latest.
    [[nodiscard]] instant next(clock_reading const& now) const noexcept {
        if (heap_.empty()) return instant::max();
        auto const left = std::max(heap_.top_key() - now.wall, std::chrono::microseconds{0});
        return now.steady + std::min(left, std::chrono::microseconds{std::chrono::seconds{1}});
    }

private:
    indexed_heap<wall_instant> heap_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/outbox.hpp>

// ---- <fastqueue/model/peer.hpp>

namespace fastqueue {

/// Names one connection of one transport, for as long as that transport lives: a number is never used again.
enum class peer_id : std::uint64_t { none = 0 };

/// What a transport knows of a connection when its handshake is done.
struct peer_info {
    std::uint32_t tag = 0;       ///< what `listen` or `dial` was given
    bool accepted = false;       ///< it came to a listener of ours
    bool one_at_a_time = false;  ///< it sends one request and then waits for one reply (REQ)
    bool same_process = false;   ///< both ends live in this process (inproc)
    std::string_view address;    ///< the peer's host as text, without port; valid during the call
};

}  // namespace fastqueue

// ---- <fastqueue/policy/store.hpp>

namespace fastqueue::policy {

/// Counts what was written to a store: each write has a number, and all up to `committed` survive a crash.
using store_sequence = std::uint64_t;

/// Names a task within its store: chosen by the control plane, larger with each task that it accepts, never used twice.
using task_number = std::uint64_t;

/// A task as it is stored. The views live only during the call that passes them.
struct task_record {
    task_number number = 0;
    task_id id;
    std::string_view name;
    std::string_view content;  ///< of the arguments; empty: json
    std::string_view arguments;
    std::string_view traceparent;
    task_options options;  ///< of which delivery, retries, limits and key matter after a restart
    priority level = priority::normal;
    std::uint64_t fingerprint = 0;   ///< of name, content and arguments
    std::uint64_t submitted_us = 0;  ///< UTC, as all times here
    std::uint64_t due_us = 0;        ///< not before; 0: at once
    std::uint64_t expires_us = 0;    ///< not after; 0: never
};

/// An attempt that ended without a result: what is now known of the task.
struct attempt_record {
    task_number number = 0;
    task_id id;
    std::uint32_t attempt = 0;   ///< the highest that was given out
    std::uint32_t failures = 0;  ///< counted against `retries`
    std::uint32_t deaths = 0;    ///< counted against `max_deaths`
    std::uint64_t due_us = 0;    ///< when it is tried again; 0: at once
    std::string_view history;    ///< of the attempts that went wrong; opaque
};

/// The end of a task as it is stored.
struct result_record {
    task_number number = 0;
    task_id id;
    task_state state = task_state::success;
    errc code{};  ///< none on success
    std::string_view value;
    std::uint32_t attempt = 0;
    std::string_view worker;
    std::uint64_t started_us = 0;
    std::uint64_t finished_us = 0;
    std::string_view history;
    bool dead = false;  ///< a dead letter: arguments and options are kept with it
};

/// A task that waited or ran when its store was last closed.
struct stored_task {
    task_record task;
    std::uint64_t octets =
        0;              ///< of its arguments, which are empty in `task` where they were left in the store
    bool left = false;  ///< they were: see `fetch`
    attempt_record last;
    std::uint32_t claimed = 0;  ///< the attempt of the latest claim; 0: none
};

/// A task that had ended.
struct stored_end {
    task_record task;  ///< arguments and options only of a dead letter
    result_record result;
    bool has_value = false;  ///< its result was not forgotten
};

/// Takes what a store has kept.
class restore_sink {
public:
    /// Each task that has not ended, by number.
    virtual void task(stored_task const& stored) = 0;
    /// Each that has, in the order of their ends.
    virtual void end(stored_end const& stored) = 0;
    /// Each name that was a member.
    virtual void member(std::string_view name) = 0;

protected:
    ~restore_sink() = default;
};

/// A `put` that lost: the store held that id already, from another control plane. What is there stands.
struct already_stored {
    task_id id;
    task_state state = task_state::queued;
    std::uint64_t fingerprint = 0;
};

/// Arguments that were asked for.
struct fetched_arguments {
    task_number number = 0;
    std::string arguments;
};

/// A copy of the store that was asked for.
struct backup_done {
    std::string path;
    std::string failure;  ///< empty: it is there, and complete
};

/// What a store tells when it is asked.
struct store_news {
    store_sequence committed = 0;          ///< everything up to this number is safe
    std::vector<already_stored> existing;  ///< puts among them that found the id taken
    std::vector<fetched_arguments>
        fetched;                       ///< since it was last asked, in the order in which they were asked for
    std::vector<backup_done> backups;  ///< since it was last asked
    std::optional<std::string> full;   ///< no new task may be put, and why; ends are still written
    std::optional<std::string> failure;  ///< it can't write any more, and why: stop accepting at once
};

template <class S>
concept writes_tasks = requires(S s, task_record const& task, attempt_record const& attempt,
                                result_record const& result, task_number number, std::uint32_t n,
                                std::string_view name) {
    { s.put(task) } -> std::same_as<store_sequence>;
    { s.claim(number, n) } -> std::same_as<store_sequence>;
    { s.requeue(attempt) } -> std::same_as<store_sequence>;
    { s.finish(result) } -> std::same_as<store_sequence>;
    { s.forget(number) } -> std::same_as<store_sequence>;
    { s.erase(number) } -> std::same_as<store_sequence>;
    { s.member(name, true) } -> std::same_as<store_sequence>;
};

template <class S>
concept tells_commits = requires(S s, store_sequence awaited, store_news& news) {
    { s.flush(awaited) } -> std::same_as<void>;
    { s.poll(news) } -> std::same_as<void>;
};

/// Where tasks survive. Every write is appended to a batch and numbered; nothing waits for a disk. Nothing that a client
/// can see leaves the control plane before the write that it rests on is committed.
///
/// expression              | throws    | law
/// s.attach(wake)          | bad_alloc | `wake` may be called from any thread when `poll` has news
/// s.put(task)             | bad_alloc | adds it, unless the id is there: then the news say so at its commit
/// s.claim(number, n)      | bad_alloc | attempt n has been given to a worker whose death nobody else could tell of
/// s.requeue(attempt)      | bad_alloc | this attempt has ended without a result; the task waits again
/// s.finish(result)        | bad_alloc | the task has ended; the first one stands
/// s.forget(number)        | bad_alloc | drops a result's value, and a dead letter's arguments; the id stays used
/// s.erase(number)         | bad_alloc | drops a task that has ended: its id is not known any more
/// s.member(name, there)   | bad_alloc | a worker has joined, or left with nothing in its hands; or a pause was made or
///                         |           | ended, whose name has a `=` in it
/// s.flush(awaited)        | never     | at the end of a turn: what was appended may be written now, as one batch; somebody
///                         |           | waits for the writes up to `awaited`, the rest may wait a moment for company
/// s.poll(news)            | bad_alloc | what was committed, fetched, found taken or failed since; sequences grow by one a
///                         |           | write
/// s.epoch()               | never     | names this store's life: kept by a durable store, new with each volatile one
template <class S>
concept store = writes_tasks<S> && tells_commits<S> &&
    requires(S s, S const& cs, std::function<void()> wake) {
    s.attach(wake);
    { cs.epoch() } -> std::same_as<uuid>;
};

/// A store that outlives its control plane.
///
/// expression              | throws    | law
/// s.keeps()               | never     | false: it is none after all (one that was selected at run time); then nothing
///                         |           | below does anything
/// s.restore(sink, octets) | error     | before the first write: tells all that was kept, and waits for the disk. Once the
///                         |           | arguments come to `octets`, those of further tasks are left where they are
/// s.fetch(number)         | bad_alloc | asks for the arguments of a task that has not ended: they come as news, also where
///                         |           | its `put` is not yet committed
/// s.backup(path)          | bad_alloc | asks for a consistent copy, in a new file; done or not comes as news
template <class S>
concept durable_store = store<S> && requires(S s, S const& cs, restore_sink& sink, std::uint64_t octets,
                                             task_number number, std::string path) {
    { cs.keeps() } -> std::same_as<bool>;
    s.restore(sink, octets);
    s.fetch(number);
    s.backup(path);
};

}  // namespace fastqueue::policy

// ---- <fastqueue/wire/pair_writer.hpp>

// ---- <fastqueue/wire/header_writer.hpp>

// ---- <fastqueue/wire/octet_buffer.hpp>

namespace fastqueue::wire {

/// Octets that are only appended to: what messages are written into, token by token. A `std::string` calls out of line for
/// each piece; here a piece is a check and a copy. It keeps its room when it is cleared. One thread at a time.
class octet_buffer {
public:
    octet_buffer() = default;
    octet_buffer(octet_buffer&& other) noexcept
        : octets_{std::move(other.octets_)},
          size_{std::exchange(other.size_, 0)},
          capacity_{std::exchange(other.capacity_, 0)} {}
    octet_buffer& operator=(octet_buffer&& other) noexcept {
        octets_ = std::move(other.octets_);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        return *this;
    }
    ~octet_buffer() = default;

    /// Room for `n` octets more, which now belong to it and are to be written.
    /// \throws std::bad_alloc
    [[nodiscard]] char* extend(std::size_t n) {
        if (capacity_ - size_ < n) grow(n);
        auto* const at = octets_.get() + size_;
        size_ += n;
        return at;
    }
    /// Octets that `extend` gave and that were not needed.
    void shorten(std::size_t n) noexcept { size_ -= n; }
    void append(std::string_view text) {
        if (!text.empty()) std::memcpy(extend(text.size()), text.data(), text.size());
    }
    void push_back(char c) { *extend(1) = c; }
    void clear() noexcept { size_ = 0; }
    /// The same, and gives its memory back.
    void release() noexcept {
        octets_.reset();
        size_ = capacity_ = 0;
    }

    [[nodiscard]] char* data() noexcept { return octets_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::string_view view() const noexcept { return {octets_.get(), size_}; }

private:
    void grow(std::size_t n) {
        auto const room = std::max({size_ + n, 2 * capacity_, std::size_t{256}});
        auto larger = std::unique_ptr<char[]>{new char[room]};
        if (size_ > 0) std::memcpy(larger.get(), octets_.get(), size_);
        octets_ = std::move(larger);
        capacity_ = room;
    }

    std::unique_ptr<char[]> octets_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace fastqueue::wire

namespace fastqueue::wire {

/// Writes one header line at the end of a buffer, token by token. The buffer outlives it.
class header_writer {
public:
    header_writer(octet_buffer& out, std::string_view verb) : out_{&out} { put("FQ1 ", verb); }
    header_writer& token(std::string_view text) {
        put(" ", text);
        return *this;
    }
    header_writer& token(uuid const& id) {
        auto* const at = out_->extend(uuid::text_size + 1);
        *at = ' ';
        id.write(at + 1);
        return *this;
    }
    header_writer& token(std::uint64_t number) {
        out_->push_back(' ');
        return digits(number);
    }
    /// Tokens that are written already, each with a space before it.
    header_writer& raw(std::string_view tokens) {
        out_->append(tokens);
        return *this;
    }
    header_writer& field(std::string_view key, std::string_view value) {
        open(key);
        out_->append(value);
        return *this;
    }
    header_writer& field(std::string_view key, std::uint64_t number) {
        open(key);
        return digits(number);
    }
    header_writer& field(std::string_view key, uuid const& id) {
        open(key);
        id.write(out_->extend(uuid::text_size));
        return *this;
    }

private:
    void put(std::string_view first, std::string_view second) {
        auto* const at = out_->extend(first.size() + second.size());
        std::memcpy(at, first.data(), first.size());
        if (!second.empty()) std::memcpy(at + first.size(), second.data(), second.size());
    }
    void open(std::string_view key) {
        auto* const at = out_->extend(key.size() + 2);
        at[0] = ' ';
        std::memcpy(at + 1, key.data(), key.size());
        at[key.size() + 1] = '=';
    }
    header_writer& digits(std::uint64_t number) {
        constexpr std::size_t most = 20;
        auto* const at = out_->extend(most);
        out_->shorten(most - static_cast<std::size_t>(std::to_chars(at, at + most, number).ptr - at));
        return *this;
    }

    octet_buffer* out_;
};

}  // namespace fastqueue::wire

// ---- <fastqueue/wire/pair_cursor.hpp>

// ---- <fastqueue/wire/header.hpp>

namespace fastqueue::wire {

/// Why something was refused: the code a peer is told, the reason in words, and the token it is about.
struct problem {
    errc code = errc::bad_request;
    std::string_view why;
    std::string_view token{};
};

struct field {
    std::string_view key;
    std::string_view value;
};

/// A header line taken apart: views into the line, no allocation.
/// \source docs/protocol.md, "Messages"
class header {
public:
    static constexpr std::size_t max_positional = 8;
    static constexpr std::size_t max_fields = 32;

    /// Takes `line` apart. `*this` shows into it from then on.
    /// \param max_octets  a longer line is `too_large`
    /// \return why it cannot be read, or empty
    [[nodiscard]] std::optional<problem> parse(std::string_view line, std::size_t max_octets) noexcept {
        verb_ = {};
        positional_count_ = field_count_ = 0;
        if (line.size() > max_octets) return problem{errc::too_large, "the header is longer than the limit"};
        if (!line.starts_with("FQ1 ")) return version_problem(line);
        auto rest = line.substr(4);
        verb_ = take(rest);
        if (verb_.empty()) return problem{errc::bad_request, "the verb is missing"};
        if (!is_plain(verb_)) return problem{errc::bad_request, "a header is printable ASCII"};
        return rest.data() == nullptr ? std::nullopt : tokens(rest);
    }

    [[nodiscard]] std::string_view verb() const noexcept { return verb_; }
    [[nodiscard]] std::span<std::string_view const> positional() const noexcept {
        return {positional_.data(), positional_count_};
    }
    [[nodiscard]] std::span<field const> fields() const noexcept { return {fields_.data(), field_count_}; }
    /// The value of `key`; empty where it is not there.
    [[nodiscard]] std::string_view get(std::string_view key) const noexcept {
        for (auto const& f : fields()) {
            if (f.key == key) return f.value;
        }
        return {};
    }

private:
    static std::optional<problem> version_problem(std::string_view line) noexcept {
        auto const digit = [&](std::size_t at) { return line[at] >= '0' && line[at] <= '9'; };
        bool const other =
            line.size() > 3 && line.starts_with("FQ") && digit(2) && (line[2] != '1' || digit(3));
        return other ? problem{errc::unsupported_version, "this peer speaks FQ1", line.substr(0, 8)}
                     : problem{errc::bad_request, "the header does not begin with 'FQ1 '"};
    }
    /// Cuts the token before the next space off `rest`; what is left has no data where there was no space.
    static std::string_view take(std::string_view& rest) noexcept {
        auto const space = rest.find(' ');
        auto const token = rest.substr(0, space);
        rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
        return token;
    }
    static bool is_plain(std::string_view token) noexcept {
        return std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; });
    }
    /// Whether all octets are 0x20 to 0x7e; eight at a time. An octet out of range sets the top bit of its own in one
    /// of the three terms, and what it may carry into its neighbour matters no more.
    [[nodiscard]] static bool is_printable(std::string_view line) noexcept {
        constexpr std::uint64_t ones = 0x0101010101010101U;
        constexpr std::uint64_t tops = 0x8080808080808080U;
        std::uint64_t bad = 0;
        auto const* at = line.data();
        auto left = line.size();
        for (; left >= 8; at += 8, left -= 8) {
            std::uint64_t w = 0;
            std::memcpy(&w, at, 8);
            bad |= w | (w - 0x20 * ones) | (w + ones);  // over 0x7f, under 0x20, 0x7f
        }
        for (; left > 0; ++at, --left) bad |= (*at < 0x20 || *at > 0x7e) ? tops : 0U;
        return (bad & tops) == 0;
    }
    [[nodiscard]] std::optional<problem> tokens(std::string_view rest) noexcept {
        if (!is_printable(rest)) return problem{errc::bad_request, "a header is printable ASCII"};
        while (true) {
            auto const end = std::min(rest.find(' '), rest.size());
            auto const token = rest.substr(0, end);
            if (auto const bad = add(token, std::min(token.find('='), end))) return bad;
            if (end == rest.size()) return std::nullopt;
            rest.remove_prefix(end + 1);
        }
    }
    std::optional<problem> add(std::string_view token, std::size_t equals) noexcept {
        if (token.empty()) return problem{errc::bad_request, "tokens are separated by exactly one space"};
        if (equals == token.size()) {
            if (positional_count_ == max_positional)
                return problem{errc::bad_request, "too many tokens", token};
            positional_[positional_count_++] = token;
            return std::nullopt;
        }
        field const f{token.substr(0, equals), token.substr(equals + 1)};
        if (f.key.empty()) return problem{errc::bad_request, "a key is missing before '='", token};
        if (std::ranges::any_of(fields(), [&](field const& other) { return other.key == f.key; })) {
            return problem{errc::bad_request, "the key stands twice", f.key};
        }
        if (field_count_ == max_fields) return problem{errc::bad_request, "more than 32 keys", f.key};
        fields_[field_count_++] = f;
        return std::nullopt;
    }

    std::string_view verb_;
    std::size_t positional_count_ = 0;
    std::size_t field_count_ = 0;
    std::array<std::string_view, max_positional> positional_;
    std::array<field, max_fields> fields_;
};

}  // namespace fastqueue::wire

// ---- <fastqueue/wire/number.hpp>

namespace fastqueue::wire {

/// The largest number a header may hold: what a double, and so every JSON reader, still holds exactly.
inline constexpr std::uint64_t max_number = 1ULL << 53U;

/// Reads a decimal number without sign, 0 to `max`; empty for anything else.
[[nodiscard]] inline std::optional<std::uint64_t> read_number(std::string_view text,
                                                              std::uint64_t max = max_number) noexcept {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    std::uint64_t value = 0;
    auto const* const end = text.data() + text.size();
    auto const [at, failed] = std::from_chars(text.data(), end, value);
    if (failed != std::errc{} || at != end || value > max) return std::nullopt;
    return value;
}

/// Reads a plain decimal fraction such as `0.1` or `2`, 0 to `max`; empty for anything else, exponents
/// included.
[[nodiscard]] inline std::optional<double> read_fraction(std::string_view text, double max) noexcept {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    double value = 0;
    auto const* const end = text.data() + text.size();
    auto const [at, failed] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (failed != std::errc{} || at != end || !(value <= max)) return std::nullopt;
    return value;
}

}  // namespace fastqueue::wire

namespace fastqueue::wire {

/// How the pairs of a message are laid out. A request is answered in its own form.
enum class form : std::uint8_t { frames, packed };

/// A header line and what belongs to it.
struct pair {
    std::string_view header;
    std::string_view payload;
};

/// The frames before the first pair, kept flat so that a later reply can mirror them: for each a u32 length
/// (big-endian) and its octets. Empty for a peer that sends none.
using envelope = std::string;

inline constexpr std::size_t max_envelope_frames = 8;
inline constexpr std::size_t max_envelope_octets = 512;

namespace detail {

inline std::uint32_t load_u32(char const* at) noexcept {
    auto const* b = reinterpret_cast<unsigned char const*>(at);
    return (std::uint32_t{b[0]} << 24U) | (std::uint32_t{b[1]} << 16U) | (std::uint32_t{b[2]} << 8U) | b[3];
}
inline void store_u32(char* at, std::uint32_t value) noexcept {
    at[0] = static_cast<char>(value >> 24U);
    at[1] = static_cast<char>(value >> 16U);
    at[2] = static_cast<char>(value >> 8U);
    at[3] = static_cast<char>(value);
}

}  // namespace detail

/// Walks the pairs of one message, whether each is two frames or all are packed into one. The whole layout is
/// checked when the cursor is made, so that a message is either walked to its end or refused as a whole.
/// Shows into the frames it was given. One thread at a time.
class pair_cursor {
public:
    /// \param delimited  the sender is a REQ socket: what stands before its delimiter is envelope, readable or not
    explicit pair_cursor(std::span<std::string_view const> frames, std::uint32_t max_pairs = 65'536,
                         bool delimited = false)
        : rest_{frames} {
        if (frames.size() == 1 && frames[0].empty()) {
            rest_ = {};
            probe_ = true;
            return;
        }
        cut_envelope(delimited);
        if (rest_.size() == 1 && rest_[0].starts_with("FQ1 pack ")) {
            form_ = form::packed;
            open_pack(max_pairs);
        } else if (rest_.empty() || rest_.size() % 2 != 0) {
            problem_ = problem{errc::bad_request, "a message is pairs of a header frame and a payload frame"};
        } else if (rest_.size() / 2 > max_pairs) {
            problem_ = problem{errc::too_large, "the message has more pairs than the limit"};
        } else {
            left_ = static_cast<std::uint32_t>(rest_.size() / 2);
        }
        if (problem_) left_ = 0;
    }

    /// Why the message is refused as a whole, or empty.
    [[nodiscard]] std::optional<problem> const& trouble() const noexcept { return problem_; }
    /// A message of one empty frame: to be ignored.
    [[nodiscard]] bool is_probe() const noexcept { return probe_; }
    [[nodiscard]] wire::form form() const noexcept { return form_; }
    [[nodiscard]] std::uint32_t pairs_left() const noexcept { return left_; }

    /// The next pair; false after the last.
    [[nodiscard]] bool next(pair& out) noexcept {
        if (left_ == 0) return false;
        --left_;
        if (form_ == form::packed) {
            out.header = take_block();
            out.payload = take_block();
        } else {
            out = {rest_[0], rest_[1]};
            rest_ = rest_.subspan(2);
        }
        return true;
    }

    /// Copies what a reply must mirror.
    void copy_envelope(envelope& out) const {
        out.clear();
        for (auto const frame : envelope_) {
            char length[4];
            detail::store_u32(length, static_cast<std::uint32_t>(frame.size()));
            out.append(length, 4);
            out.append(frame);
        }
    }

private:
    void cut_envelope(bool delimited) noexcept {
        if (rest_.empty() || rest_[0].starts_with("FQ1 ")) return;
        std::size_t octets = 0;
        for (std::size_t i = 0; i + 1 < rest_.size() && i < max_envelope_frames; ++i) {
            octets += rest_[i].size() + 4;
            if (rest_[i].empty() && (delimited || rest_[i + 1].starts_with("FQ1 "))) {
                if (octets > max_envelope_octets) {
                    problem_ = problem{errc::too_large, "the envelope is longer than 512 octets"};
                }
                envelope_ = rest_.first(i + 1);
                rest_ = rest_.subspan(i + 1);
                return;
            }
        }
    }
    void open_pack(std::uint32_t max_pairs) noexcept {
        packed_ = rest_[0];
        auto const line_end = packed_.find('\n');
        auto const count = line_end == std::string_view::npos
                               ? std::nullopt
                               : read_number(packed_.substr(9, line_end - 9), 65'536);
        if (!count || *count == 0) {
            problem_ = problem{errc::bad_request, "the pack's count is not 1 to 65536"};
            return;
        }
        if (*count > max_pairs) {
            problem_ = problem{errc::too_large, "the message has more pairs than the limit"};
            return;
        }
        packed_ = packed_.substr(line_end + 1);
        left_ = static_cast<std::uint32_t>(*count);
        if (!adds_up()) problem_ = problem{errc::bad_request, "the pack's lengths do not add up"};
    }
    [[nodiscard]] bool adds_up() const noexcept {
        std::size_t at = 0;
        for (std::uint64_t block = 0; block < std::uint64_t{left_} * 2; ++block) {
            if (packed_.size() - at < 4) return false;
            std::size_t const length = detail::load_u32(packed_.data() + at);
            at += 4;
            if (packed_.size() - at < length) return false;
            if (block % 2 == 0 && packed_.substr(at, length).starts_with("FQ1 pack ")) return false;
            at += length;
        }
        return at == packed_.size();
    }
    std::string_view take_block() noexcept {
        std::size_t const length = detail::load_u32(packed_.data());
        auto const block = packed_.substr(4, length);
        packed_.remove_prefix(4 + length);
        return block;
    }

    std::span<std::string_view const> envelope_;
    std::span<std::string_view const> rest_;
    std::string_view packed_;
    std::uint32_t left_ = 0;
    wire::form form_ = form::frames;
    bool probe_ = false;
    std::optional<problem> problem_;
};

}  // namespace fastqueue::wire

namespace fastqueue::wire {

/// Gathers the pairs of one message, and shows them as frames when it is sent. The buffer keeps its room when
/// it is cleared, so that a writer in steady use allocates nothing. One thread at a time.
class pair_writer {
public:
    pair_writer() { clear(); }

    void clear() {
        if (buffer_.capacity() > keep_octets) buffer_.release();
        buffer_.clear();
        static_cast<void>(buffer_.extend(headroom));  // filled by show_packed
        pairs_ = 0;
    }
    /// The same, and gives its memory back.
    void release() {
        buffer_.release();
        clear();
    }
    /// Octets of memory that it holds.
    [[nodiscard]] std::size_t capacity() const noexcept { return buffer_.capacity(); }

    /// Begins a pair; write its header with what this returns, then call `finish`.
    header_writer begin(std::string_view verb) {
        open_ = buffer_.size();
        static_cast<void>(buffer_.extend(length_octets));  // filled by close_header
        return header_writer{buffer_, verb};
    }
    /// Ends the pair that `begin` began.
    void finish(std::string_view payload) {
        close_header();
        detail::store_u32(buffer_.extend(length_octets), static_cast<std::uint32_t>(payload.size()));
        buffer_.append(payload);
        ++pairs_;
    }
    /// A whole pair whose header is there already.
    void add(std::string_view header, std::string_view payload) {
        open_ = buffer_.size();
        static_cast<void>(buffer_.extend(length_octets));
        buffer_.append(header);
        finish(payload);
    }

    [[nodiscard]] std::uint32_t pairs() const noexcept { return pairs_; }
    [[nodiscard]] bool empty() const noexcept { return pairs_ == 0; }
    /// Octets of the message, about.
    [[nodiscard]] std::size_t octets() const noexcept { return buffer_.size() - headroom; }

    /// The message's frames, in `out`, which show into this writer and into `mirrored` until either changes.
    /// \param mirrored  the envelope of the request that is answered, or empty
    void frames(form layout, std::string_view mirrored, std::vector<std::string_view>& out) {
        out.clear();
        while (!mirrored.empty()) {
            std::size_t const length = detail::load_u32(mirrored.data());
            out.push_back(mirrored.substr(4, length));
            mirrored.remove_prefix(4 + length);
        }
        layout == form::packed ? show_packed(out) : show_frames(out);
    }

private:
    static constexpr std::size_t headroom =
        16;  // "FQ1 pack 65536\n" before the blocks, so that a pack is one piece
    static constexpr std::size_t length_octets = 4;
    static constexpr std::size_t keep_octets = 4U << 20U;

    void close_header() noexcept {
        detail::store_u32(buffer_.data() + open_,
                          static_cast<std::uint32_t>(buffer_.size() - open_ - length_octets));
    }
    void show_packed(std::vector<std::string_view>& out) {
        char line[headroom];
        std::string_view constexpr verb = "FQ1 pack ";
        verb.copy(line, verb.size());
        auto* end = std::to_chars(line + verb.size(), line + headroom, pairs_).ptr;
        *end++ = '\n';
        auto const size = static_cast<std::size_t>(end - line);
        std::memcpy(buffer_.data() + headroom - size, line, size);
        out.push_back(buffer_.view().substr(headroom - size));
    }
    void show_frames(std::vector<std::string_view>& out) const {
        auto rest = buffer_.view().substr(headroom);
        while (!rest.empty()) {
            std::size_t const length = detail::load_u32(rest.data());
            out.push_back(rest.substr(4, length));
            rest.remove_prefix(4 + length);
        }
    }

    octet_buffer buffer_;
    std::size_t open_ = 0;
    std::uint32_t pairs_ = 0;
};

}  // namespace fastqueue::wire

namespace fastqueue::core {

/// A message that a machine wants sent, gathered over a turn.
struct outgoing {
    peer_id to = peer_id::none;
    wire::form layout = wire::form::frames;
    wire::envelope envelope;
    policy::store_sequence after =
        0;  ///< it rests on this write, and must not leave before that is committed
    wire::pair_writer pairs;
};

struct dial_action {
    dial_action(endpoint where, std::uint32_t named) : to{std::move(where)}, tag{named} {}
    endpoint to;
    std::uint32_t tag;
};
struct close_action {
    explicit close_action(peer_id whom) noexcept : peer{whom} {}
    peer_id peer;
};
using link_action = std::variant<dial_action, close_action>;

/// What a machine wants done: messages, and connections to make and end. It is only ever appended to, and
/// performed by the shell at the end of the turn. This is also the commit barrier: a message stays until what
/// it rests on is stored. Buffers are kept from turn to turn. One thread at a time.
class outbox {
public:
    /// A new message to `to`; the index is valid until `perform`.
    [[nodiscard]] std::size_t open(peer_id to, wire::form layout, wire::envelope const& envelope = {}) {
        if (used_ == messages_.size()) messages_.emplace_back();
        if (used_ > 0) octets_ += messages_[used_ - 1].pairs.octets();
        auto& m = messages_[used_];
        m.to = to;
        m.layout = layout;
        m.envelope = envelope;
        m.after = 0;
        m.pairs.clear();
        return used_++;
    }
    [[nodiscard]] outgoing& operator[](std::size_t index) noexcept { return messages_[index]; }
    /// Counts the times that `perform` has ended: an index is good as long as this stands.
    [[nodiscard]] std::uint64_t turn() const noexcept { return turn_; }

    void dial(endpoint to, std::uint32_t tag) {
        links_.emplace_back(std::in_place_type<dial_action>, std::move(to), tag);
    }
    void close(peer_id peer) { links_.emplace_back(std::in_place_type<close_action>, peer); }

    /// Hands out what may leave, oldest first: `send(outgoing&)`, then `link(link_action const&)`, so that a
    /// last word reaches a peer before its connection is closed.
    template <class Send, class Link>
    void perform(policy::store_sequence committed, Send&& send, Link&& link) {
        release(committed, send);
        for (std::size_t i = 0; i < used_; ++i) {
            auto& m = messages_[i];
            if (m.pairs.empty()) continue;
            m.after <= committed ? send(m) : hold(m);
        }
        give_memory_back();
        used_ = 0;
        octets_ = 0;
        ++turn_;
        auto const links = std::exchange(links_, {});
        for (auto const& action : links) link(action);
    }
    /// Octets of this turn's messages, about: many are handed out before the turn's end.
    [[nodiscard]] std::size_t octets() const noexcept {
        return used_ == 0 ? 0 : octets_ + messages_[used_ - 1].pairs.octets();
    }
    /// Whether something waits for a commit.
    [[nodiscard]] bool holds() const noexcept { return !held_.empty(); }
    /// The latest write that a message rests on, of this turn or held back before.
    [[nodiscard]] policy::store_sequence awaited() const noexcept {
        auto latest = latest_held_;
        for (std::size_t i = 0; i < used_; ++i) {
            if (!messages_[i].pairs.empty()) latest = std::max(latest, messages_[i].after);
        }
        return latest;
    }

private:
    void hold(outgoing& m) {
        latest_held_ = std::max(latest_held_, m.after);
        held_.push_back(std::move(m));
    }
    /// A turn with many large messages leaves no more behind than others need.
    void give_memory_back() {
        constexpr std::size_t enough = 8U << 20U;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < used_; ++i) {
            kept += messages_[i].pairs.capacity();
            if (kept > enough) messages_[i].pairs.release();
        }
        constexpr std::size_t usual = 1024;
        if (messages_.size() > usual) messages_.resize(usual);
    }
    template <class Send>
    void release(policy::store_sequence committed, Send&& send) {
        if (held_.empty()) return;
        for (auto& m : held_) {
            if (m.after <= committed) send(m);
        }
        std::erase_if(held_, [&](outgoing const& m) { return m.after <= committed; });
    }

    std::deque<outgoing> messages_;
    std::size_t used_ = 0;
    std::size_t octets_ = 0;  // of all but the last
    std::uint64_t turn_ = 1;
    std::deque<outgoing> held_;
    policy::store_sequence latest_held_ = 0;  // of all that ever were: what is committed is no longer awaited
    std::vector<link_action> links_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/policy/transport.hpp>

namespace fastqueue::policy {

/// Who a transport tells what happens. All calls come from one thread at a time, and none while another is
/// under way. A sink may call the transport back from any of these; the transport never calls the sink from
/// inside such a call.
class transport_sink {
public:
    transport_sink() = default;
    transport_sink(transport_sink const&) = delete;
    transport_sink& operator=(transport_sink const&) = delete;
    virtual ~transport_sink() = default;

    /// A connection is ready: the handshake is done, messages may be sent.
    virtual void opened(peer_id peer, peer_info const& info) = 0;
    /// A whole message has come. `frames` and what they show live only during the call.
    virtual void message(peer_id peer, std::span<std::string_view const> frames) = 0;
    /// A connection has ended, or a dial has failed (then without an `opened`; `errc::refused` if nobody
    /// listens). Never told of a peer that the sink itself closed.
    virtual void closed(peer_id peer, std::error_code why) = 0;
    /// The moment given to `arm` has come.
    virtual void due() = 0;
    /// `wake` was called since the last time.
    virtual void woken() = 0;
    /// All that was ready has been told: now act on it. What is sent here leaves in one write a connection.
    virtual void turn_end() = 0;
};

template <class T>
concept listens_and_dials = requires(T t, endpoint const& where, std::uint32_t tag, endpoint& bound) {
    { t.listen(where, tag, bound) } -> std::same_as<std::error_code>;
    { t.stop_listening() } -> std::same_as<void>;
    { t.dial(where, tag) } -> std::same_as<peer_id>;
};

template <class T>
concept carries_messages = requires(T t, peer_id peer, std::span<std::string_view const> frames) {
    { t.send(peer, frames) } -> std::same_as<std::error_code>;
    { t.close(peer) } -> std::same_as<void>;
};

template <class T>
concept keeps_time = requires(T t, T const& ct, std::optional<instant> deadline) {
    { t.arm(deadline) } -> std::same_as<void>;
    { ct.now() } -> std::same_as<clock_reading>;
};

template <class T>
concept can_be_woken = requires(T t) {
    { t.wake() }
    noexcept->std::same_as<void>;
};

/// How messages travel between the roles. Free of any library's types: a message is its frames.
///
/// expression                | throws    | law
/// t.attach(sink)            | never     | before anything else, once; the sink outlives the transport's last event
/// t.listen(at, tag, bound)  | bad_alloc | success: connections come with that tag, `bound` is where (port 0 resolved);
///                           |           | else the system's error and nothing is bound
/// t.stop_listening()        | never     | no new connection is accepted; those there are live on
/// t.dial(to, tag)           | bad_alloc | one attempt, a name never used before; `opened` or `closed` follows, later
/// t.send(peer, frames)      | bad_alloc | the whole message is queued, in order; or an error and nothing is:
///                           |           | `no_such_peer`, `send_queue_full` (that peer is then cut: `closed` follows),
///                           |           | `message_too_large`
/// t.close(peer)             | never     | what was queued is written if the peer reads it soon, then it ends; no event
/// t.arm(deadline)           | never     | replaces the one armed before; empty: none. `due` comes at it or later
/// t.now()                   | never     | the time of this turn: the clock is read once
/// t.wake()                  | never     | the one call that is safe from any thread; `woken` follows once, soon
///
/// Back-off is not its business: who dials again, and when, is decided in `core/`, where it can be simulated.
template <class T>
concept transport = listens_and_dials<T> && carries_messages<T> && keeps_time<T> && can_be_woken<T> &&
    requires(T t, transport_sink& sink) {
    t.attach(sink);
};

/// Who has much to send waits where so many octets are queued to a peer already, rather than have it cut.
inline constexpr std::uint64_t much_queued = 4U << 20U;
/// And hands out so much in one turn.
inline constexpr std::uint64_t much_a_turn = 4 * much_queued;

/// A transport that tells what a peer has not taken yet.
///
/// expression     | throws | law
/// t.queued(peer) | never  | octets sent to it and not handed on, about; 0 for who is gone. A turn follows when it has become
///                |        | less and was over `much_queued`
template <class T>
concept tells_queue = transport<T> && requires(T const& t, peer_id peer) {
    { t.queued(peer) }
    noexcept->std::same_as<std::uint64_t>;
};

/// A role that asked for what comes also calls `t.read_always()` where a transport has it: whoever stops reading from a peer
/// that leaves much unread itself must not do so then, or the two wait for each other.

/// A transport that a thread can be lent to. A simulated one cannot: its network turns it.
///
/// expression | throws    | law
/// t.run()    | bad_alloc | tells what happens, turn after turn, until `stop`
/// t.stop()   | never     | from within a turn: what is queued is written within a second, all is closed, `run` returns
template <class T>
concept runnable_transport = transport<T> && requires(T t) {
    t.run();
    t.stop();
};

/// One that threads take turns with.
///
/// expression | throws    | law
/// t.turn()   | bad_alloc | waits until there is something to tell, and tells it; false: stopped, and all is closed. From any
///            |           | thread, one at a time
template <class T>
concept turnable_transport = runnable_transport<T> && requires(T t) {
    { t.turn() } -> std::same_as<bool>;
};

}  // namespace fastqueue::policy

// ---- <fastqueue/wire/nodes.hpp>

namespace fastqueue::wire {

/// One entry of the discovery document `nodes`.
struct node {
    std::string id;
    std::string role;  ///< `control-plane` or `subworker`
    std::string base;
    std::string management;            ///< of a control plane
    std::string results;               ///< of a control plane
    std::string state;                 ///< of a subworker
    std::vector<std::uint16_t> ports;  ///< of a control plane: those for tasks, critical to low
    uuid epoch;                        ///< of a control plane
    std::uint32_t max_payload = 0;
};

/// Writes the limits as members of an object that is open.
inline void write_limits(json::writer& out, limits const& l) {
    out.key("max_header").value(l.max_header).key("max_payload").value(l.max_payload);
    out.key("max_message").value(l.max_message).key("max_pairs").value(l.max_pairs);
    out.key("max_outstanding").value(l.max_outstanding);
}

namespace detail {

[[nodiscard]] inline bool read_node_limits(json::reader& in, node& out) {
    if (in.next() != json::token::begin_object) return false;
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key) return false;
        bool const payload = in.text() == "max_payload";
        if (!payload) {
            if (!in.skip()) return false;
            continue;
        }
        std::uint64_t number = 0;
        if (in.next() != json::token::number || !in.to(number)) return false;
        out.max_payload = static_cast<std::uint32_t>(std::min<std::uint64_t>(number, 0xffffffffU));
    }
    return true;
}

[[nodiscard]] inline bool read_ports_of_node(json::reader& in, node& out) {
    if (in.next() != json::token::begin_array) return false;
    for (auto t = in.next(); t != json::token::end_array; t = in.next()) {
        std::uint64_t port = 0;
        if (t != json::token::number || !in.to(port) || port > 65535 || out.ports.size() == 4) return false;
        out.ports.push_back(static_cast<std::uint16_t>(port));
    }
    return true;
}

[[nodiscard]] inline bool read_node(json::reader& in, node& out) {
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key) return false;
        std::string const key{in.text()};
        if (key == "limits" || key == "ports") {
            if (key == "limits" ? !read_node_limits(in, out) : !read_ports_of_node(in, out)) return false;
            continue;
        }
        std::string* const into = key == "id"           ? &out.id
                                  : key == "role"       ? &out.role
                                  : key == "base"       ? &out.base
                                  : key == "management" ? &out.management
                                  : key == "results"    ? &out.results
                                  : key == "state"      ? &out.state
                                                        : nullptr;
        if (into == nullptr && key != "epoch") {
            if (!in.skip()) return false;
            continue;
        }
        if (in.next() != json::token::string) return false;
        if (into != nullptr)
            *into = in.text();
        else
            out.epoch = uuid::parse(in.text()).value_or(uuid{});
    }
    return true;
}

}  // namespace detail

/// Reads a `nodes` document; empty where it is none.
[[nodiscard]] inline std::optional<std::vector<node>> read_nodes(std::string_view text) {
    json::reader in{text};
    std::vector<node> out;
    if (in.next() != json::token::begin_array) return std::nullopt;
    for (auto t = in.next(); t != json::token::end_array; t = in.next()) {
        if (t != json::token::begin_object || !detail::read_node(in, out.emplace_back())) return std::nullopt;
    }
    if (in.next() != json::token::end) return std::nullopt;
    return out;
}

}  // namespace fastqueue::wire

namespace fastqueue::core {

/// Where a request goes.
enum class client_port : std::uint8_t { tasks, management, discovery };

/// One pair of a batch.
struct client_pair {
    std::string tokens;  ///< with a space before each
    std::string payload;
};

/// What a client asks. The header's tokens behind the verb are written by who asks; `ref` and `resent` are added here.
struct client_request {
    std::string_view verb;  ///< of a static string
    client_port port = client_port::tasks;
    std::string tokens;  ///< with a space before each
    std::string payload;
    std::vector<client_pair>
        batch;                 ///< not empty: these go in one message, in place of `tokens` and `payload`
    std::uint64_t cookie = 0;  ///< names the operation to the caller
    std::uint64_t number = 0;  ///< names it for `cancel`, never used twice; 0: it cannot be cancelled
    std::chrono::microseconds timeout{std::chrono::seconds{30}};
};

/// An answer, or why there is none. What it shows lives only during the call that gives it.
struct client_answer {
    std::uint64_t cookie = 0;
    std::error_code error;                 ///< nothing was answered, or an `error` was
    wire::header const* header = nullptr;  ///< none where nothing was answered
    std::string_view payload;              ///< the answer's, or words about the error
};

/// A client's brain: it finds the control plane, keeps its connections, and sees each operation to its end: across lost
/// connections and restarts, where what was sent is sent again under the same id. It has no socket, clock or thread.
/// A shell calls `at(now)`, then events, then `turn(done)`, then performs `outbox()`; and wakes it at `next_deadline()`.
/// `done(client_answer const&)` is called once for each operation; it must not call back. One thread at a time.
class client {
public:
    static constexpr std::uint32_t discovery_tag = 200;
    static constexpr std::uint32_t tasks_tag = 201;
    static constexpr std::uint32_t management_tag = 202;

    explicit client(client_options options) : options_{std::move(options)}, random_{options_.seed} {}

    void at(clock_reading now) noexcept { now_ = now; }

    /// Begins an operation. \return queue_full: too many are pending; too_large: the payload is over the limit
    [[nodiscard]] std::error_code start(client_request&& request) {
        if (operations_.used() >= options_.max_pending) return make_error_code(errc::queue_full);
        if (request.verb == "submit" && request.tokens.empty() && request.batch.empty())
            return make_error_code(errc::bad_option);
        if (is_too_large(request)) return make_error_code(errc::too_large);
        auto const slot = operations_.take();
        auto& o = operations_[slot];
        o.generation = (o.generation + 1) & generation_mask;
        o.request = std::move(request);
        o.first_epoch = {};
        o.sent = false;
        o.live = true;
        if (o.request.number != 0) numbered_[o.request.number] = slot;
        unsent_.push_back(operations_, slot);
        if (o.request.timeout.count() >= 0)
            timeouts_.set(slot, saturating_add(now_.steady, o.request.timeout));
        if (phase_ == phase::idle) connect();
        return {};
    }

    // ---- the transport's events

    void dialled(std::uint32_t tag, peer_id peer) noexcept {
        if (tag == discovery_tag)
            discovery_.peer = peer;
        else if (tag == tasks_tag)
            tasks_.peer = peer;
        else
            management_.peer = peer;
    }
    void opened(peer_id peer) {
        if (peer == discovery_.peer) {
            discovery_.open = true;
            ask_discovery();
        } else if (peer == tasks_.peer) {
            tasks_.open = true;
            phase_ = phase::ready;
            was_there_ = true;
            backoff_.reset();
        } else if (peer == management_.peer) {
            management_.open = true;
        }
    }
    template <class Done>
    void closed(peer_id peer, std::error_code why, Done&& done) {
        if (peer == management_.peer) {
            management_ = {};
            return retry_port(client_port::management);
        }
        bool const ours = peer == discovery_.peer || peer == tasks_.peer;
        if (!ours) return;
        if (peer == discovery_.peer && phase_ != phase::discovering) {
            discovery_ = {};
            return retry_port(client_port::discovery);
        }
        lost(why, done);
    }
    template <class Done>
    void message(peer_id peer, std::span<std::string_view const> frames, Done&& done) {
        wire::pair_cursor cursor{frames, options_.limits.max_pairs};
        wire::header h;
        wire::pair pair;
        while (cursor.next(pair)) {
            if (h.parse(pair.header, options_.limits.max_header)) continue;
            if (peer == discovery_.peer && h.verb() == "nodes" && phase_ == phase::discovering)
                found(pair.payload, done);
            answer(h, pair.payload, done);
        }
    }

    // ---- time

    /// \param queued  called as `queued(peer)`: how many octets are on their way there already
    template <class Queued, class Done>
    void turn(Queued&& queued, Done&& done) {
        while (auto const slot = timeouts_.pop(now_.steady)) {
            finish(*slot,
                   {operations_[*slot].request.cookie, make_error_code(errc::timed_out), nullptr,
                    "no answer in the time given"},
                   done);
        }
        if (phase_ == phase::discovering && now_.steady >= discover_by_) {
            lost(make_error_code(errc::timed_out), done);  // somebody accepts there, and never answers
        }
        if (now_.steady >= retry_at_) {
            retry_at_ = instant::max();
            connect();
        }
        if (phase_ == phase::ready) send_unsent(queued);
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        auto const discovery = phase_ == phase::discovering ? discover_by_ : instant::max();
        return std::min({timeouts_.next(), retry_at_, discovery});
    }

    /// Nobody waits for the operation any more: it ends as `operation_canceled`. What was sent is not taken back.
    template <class Done>
    void cancel(std::uint64_t number, Done&& done) {
        auto const at = numbered_.find(number);
        if (at == numbered_.end()) return;  // it has ended meanwhile
        auto const why = std::make_error_code(std::errc::operation_canceled);
        finish(at->second, {operations_[at->second].request.cookie, why, nullptr, {}}, done);
    }
    /// Ends every operation with `why`.
    template <class Done>
    void fail_all(std::error_code why, std::string_view text, Done&& done) {
        for (auto* list : {&unsent_, &sent_}) {
            while (!list->empty())
                finish(list->front(), {operations_[list->front()].request.cookie, why, nullptr, text}, done);
        }
    }

    /// Whether there was more to send than a turn should: then another one is due.
    [[nodiscard]] bool goes_on() const noexcept { return goes_on_; }

    [[nodiscard]] core::outbox& outbox() noexcept { return out_; }
    [[nodiscard]] std::size_t pending() const noexcept { return operations_.used(); }
    [[nodiscard]] uuid const& epoch() const noexcept { return epoch_; }

private:
    enum class phase : std::uint8_t { idle, discovering, connecting, ready, waiting };
    static constexpr std::chrono::seconds discovery_time{5};
    static constexpr std::uint32_t slot_bits = 21;
    static constexpr std::uint64_t generation_mask = (1ULL << 31U) - 1;

    struct link {
        peer_id peer = peer_id::none;
        bool open = false;
        bool dialling = false;
        bool full = false;  // at this turn: much is on its way there
    };
    struct operation {
        client_request request;
        std::uint64_t generation = 0;
        uuid first_epoch;  // where it was sent first
        std::uint64_t sequence = 0;
        std::uint32_t previous = none;
        std::uint32_t next = none;
        bool sent = false;
        bool live = false;
        std::size_t answers = 0;  // to a batch
        std::error_code refused;  // why the batch was, and the words
        std::string refusal;
    };

    /// What a request takes on its way, about.
    [[nodiscard]] static std::uint64_t octets_of(client_request const& r) noexcept {
        constexpr std::size_t around_a_pair = 128;
        std::uint64_t sum = r.tokens.size() + r.payload.size() + around_a_pair;
        for (auto const& pair : r.batch) sum += pair.tokens.size() + pair.payload.size() + around_a_pair;
        return sum;
    }
    [[nodiscard]] bool is_too_large(client_request const& r) const noexcept {
        auto const over = [this](client_pair const& pair) { return pair.payload.size() > max_payload_; };
        return r.payload.size() > max_payload_ || r.batch.size() > options_.limits.max_pairs ||
               std::ranges::any_of(r.batch, over) ||
               (!r.batch.empty() && octets_of(r) > options_.limits.max_message);
    }

    // ---- finding the control plane

    void connect() {
        phase_ = phase::discovering;
        discover_by_ = saturating_add(now_.steady, discovery_time);
        discovery_ = {};
        out_.dial(options_.discovery, discovery_tag);
    }
    void ask_discovery() {
        auto& pairs = out_[out_.open(discovery_.peer, wire::form::frames)].pairs;
        pairs.begin("discover");
        pairs.finish({});
    }
    template <class Done>
    void found(std::string_view document, Done&& done) {
        auto const nodes = wire::read_nodes(document);
        endpoint base;
        endpoint management;
        bool const good = nodes && !nodes->empty() && nodes->front().role == "control-plane" &&
                          parse_endpoint(nodes->front().base, base).empty() &&
                          parse_endpoint(nodes->front().management, management).empty();
        if (!good) return lost(make_error_code(errc::bad_value), done);
        epoch_ = nodes->front().epoch;
        if (nodes->front().max_payload != 0) max_payload_ = nodes->front().max_payload;
        management_at_ = management;
        phase_ = phase::connecting;
        out_.dial(normal_port(nodes->front(), base), tasks_tag);
    }
    /// What is not said otherwise is of normal priority.
    static endpoint normal_port(wire::node const& plane, endpoint base) {
        constexpr std::uint32_t normal = 2;
        if (plane.ports.size() == 4) {
            base.port = plane.ports[normal];
            return base;
        }
        return base.plus(normal).value_or(base);
    }
    /// The way to the control plane is cut: what was sent will be sent again when it is found again.
    template <class Done>
    void lost(std::error_code why, Done&& done) {
        for (auto* l : {&discovery_, &tasks_, &management_}) {
            if (l->peer != peer_id::none) out_.close(l->peer);
            *l = {};
        }
        while (!sent_.empty()) unsend(sent_.back());
        phase_ = phase::waiting;
        if (!was_there_ && backoff_.failures() >= options_.retries) {
            phase_ = phase::idle;
            backoff_.reset();
            std::string const text = "nobody answers at " + options_.discovery.text() + " (" + why.message() +
                                     "); is the control plane running?";
            return fail_all(make_error_code(errc::unreachable), text, done);
        }
        if (operations_.used() == 0) {
            phase_ = phase::idle;
            return;
        }
        retry_at_ = saturating_add(now_.steady, backoff_.next(random_));
    }

    // ---- operations

    void unsend(std::uint32_t slot) {
        sent_.erase(operations_, slot);
        operations_[slot].sent = false;
        unsent_.push_front(operations_, slot);  // what waits was asked for later
    }
    void retry_port(client_port port) {
        for (auto slot = sent_.back(); slot != none;) {
            auto const previous = operations_[slot].previous;
            if (operations_[slot].request.port == port) unsend(slot);
            slot = previous;
        }
    }
    [[nodiscard]] link& link_of(client_port port) noexcept {
        return port == client_port::tasks        ? tasks_
               : port == client_port::management ? management_
                                                 : discovery_;
    }
    /// Sends what there is room for; the rest waits here, in order, since too long a queue has the connection cut.
    template <class Queued>
    void send_unsent(Queued&& queued) {
        for (auto* l : {&discovery_, &tasks_, &management_})
            l->full = l->open && queued(l->peer) > policy::much_queued;
        goes_on_ = false;
        for (auto slot = unsent_.front(); slot != none;) {
            auto const next = operations_[slot].next;
            auto& to = link_of(operations_[slot].request.port);
            if (to.full) return;  // a turn follows when it is less
            auto const now = out_.octets();
            goes_on_ = now > 0 && now + octets_of(operations_[slot].request) > policy::much_a_turn;
            if (goes_on_) return;
            if (to.open)
                send(slot, to.peer);
            else
                dial_port(operations_[slot].request.port, to);
            slot = next;
        }
    }
    void dial_port(client_port port, link& to) {
        if (std::exchange(to.dialling, true)) return;
        if (port == client_port::management)
            out_.dial(management_at_, management_tag);
        else if (port == client_port::discovery)
            out_.dial(options_.discovery, discovery_tag);
    }
    /// What one turn asks at a connection shares a message. Submits have one for themselves, since the submits of a message
    /// are all accepted or all refused.
    void send(std::uint32_t slot, peer_id peer) {
        auto& o = operations_[slot];
        bool const alone = o.request.verb == "submit";
        if (alone) shared_turn_ = 0;  // what comes after it must not overtake it
        auto& pairs = alone ? out_[out_.open(peer, wire::form::packed)].pairs : shared(peer);
        o.answers = 0;
        if (o.request.batch.empty()) write(pairs, slot, o.request.tokens, o.request.payload);
        for (auto const& pair : o.request.batch) write(pairs, slot, pair.tokens, pair.payload);
        if (o.first_epoch.empty()) o.first_epoch = epoch_;
        unsent_.erase(operations_, slot);
        sent_.push_back(operations_, slot);
        o.sent = true;
    }
    void write(wire::pair_writer& pairs, std::uint32_t slot, std::string_view tokens,
               std::string_view payload) {
        auto const& o = operations_[slot];
        auto header = pairs.begin(o.request.verb);
        header.raw(tokens).field("ref", (o.generation << slot_bits) | slot);
        bool const creates = o.request.verb == "call" || o.request.verb == "submit";
        if (creates && !o.first_epoch.empty()) header.field("resent", o.first_epoch);
        pairs.finish(payload);
    }
    [[nodiscard]] wire::pair_writer& shared(peer_id peer) {
        constexpr std::size_t enough_octets = 1U << 20U;
        bool const fits = shared_turn_ == out_.turn() && shared_to_ == peer &&
                          shared_->octets() <= enough_octets && shared_->pairs() < 4096;
        if (!fits) {
            shared_ = &out_[out_.open(peer, wire::form::packed)].pairs;
            shared_turn_ = out_.turn();
            shared_to_ = peer;
        }
        return *shared_;
    }
    template <class Done>
    void answer(wire::header const& h, std::string_view payload, Done&& done) {
        auto const ref = wire::read_number(h.get("ref"), ~std::uint64_t{0} >> 1U);
        if (!ref) return;
        auto const slot = static_cast<std::uint32_t>(*ref & ((1U << slot_bits) - 1));
        if (slot >= operations_.capacity()) return;
        auto& o = operations_[slot];
        if (!o.live || !o.sent || o.generation != *ref >> slot_bits) return;  // late: its operation has ended
        client_answer given{o.request.cookie, {}, &h, payload};
        if (h.verb() == "error") {
            auto const code =
                errc_from_name(h.positional().size() > 1 ? h.positional()[1] : "", errc::bad_request);
            if (code == errc::shutting_down && survives_restart(o.request.verb)) return unsend_later(slot);
            given.error = make_error_code(code);
        }
        if (!o.request.batch.empty() && !batch_is_answered(o, given)) return;
        finish(slot, given, done);
    }
    /// The answer to a batch is that to all its pairs: where one was refused, the reason is that one's.
    static bool batch_is_answered(operation& o, client_answer& given) {
        auto const others = make_error_code(errc::batch_refused);
        if (given.error && (!o.refused || o.refused == others)) {
            auto const about = given.header->positional().empty() ? "-" : given.header->positional()[0];
            o.refused = given.error;
            o.refusal = std::string{about} + ": " + std::string{given.payload};
        }
        if (++o.answers < o.request.batch.size()) return false;
        given = {o.request.cookie, o.refused, given.header, o.refusal};
        return true;
    }
    /// What means the same to the next control plane as to this one.
    static bool survives_restart(std::string_view verb) noexcept {
        return verb == "call" || verb == "submit" || verb == "wait";
    }
    /// The control plane ends: the request is made again, under the same id, when it is back.
    void unsend_later(std::uint32_t slot) {
        auto& o = operations_[slot];
        o.answers = 0;
        o.refused = {};
        o.generation = (o.generation + 1) & generation_mask;
    }
    template <class Done>
    void finish(std::uint32_t slot, client_answer const& given, Done&& done) {
        done(given);
        auto& o = operations_[slot];
        timeouts_.clear(slot);
        if (o.request.number != 0) numbered_.erase(o.request.number);
        (o.sent ? sent_ : unsent_).erase(operations_, slot);
        o.live = o.sent = false;
        o.refused = {};
        o.refusal.clear();
        o.request.batch = {};
        if (o.request.payload.capacity() > 4096) o.request.payload = {};
        operations_.give(slot);
    }

    client_options options_;
    core::outbox out_;
    random_source random_;
    backoff backoff_{std::chrono::milliseconds{50}, std::chrono::milliseconds{2'000}};
    clock_reading now_{};
    phase phase_ = phase::idle;
    bool was_there_ = false;
    link discovery_;
    link tasks_;
    link management_;
    endpoint management_at_;
    uuid epoch_;
    std::uint64_t max_payload_ = 16U << 20U;
    instant retry_at_ = instant::max();
    instant discover_by_ = instant::max();
    slab<operation> operations_;
    bool goes_on_ = false;
    slot_list unsent_;
    slot_list sent_;
    deadlines timeouts_;
    std::unordered_map<std::uint64_t, std::uint32_t> numbered_;  // operations that can be cancelled
    wire::pair_writer* shared_ = nullptr;
    std::uint64_t shared_turn_ = 0;
    peer_id shared_to_ = peer_id::none;
};

}  // namespace fastqueue::core

// ---- <fastqueue/policy/spin.hpp>

#include <atomic>
#include <thread>

namespace fastqueue::policy {

/// About what a round trip takes between processes of one machine, with a wake-up at each hop: whoever has just been busy is
/// likely to be needed again within it, and need not be woken then.
/// \source Karlin, Li, Manasse, Owicki: Empirical studies of competitive spinning for a shared-memory multiprocessor, 1991
inline constexpr std::chrono::microseconds usual_spin{100};

/// Lets another thread run.
struct system_yield {
    void operator()() const noexcept { std::this_thread::yield(); }
};

/// Looks until something is there, and lets other threads run in between: what a thread does before it sleeps, where it has
/// just been busy. Who yields to a program that computes gets the processor back only when that one's slice is over, some
/// milliseconds later, whereas who sleeps is let in as soon as it is woken. So after such a yield it does not look for a
/// while, longer each time it happens again. Threads: any at once.
/// \tparam Clock, Yield  the system's, but in tests
template <class Clock = std::chrono::steady_clock, class Yield = system_yield>
class basic_spinner {
public:
    /// \param limit  how long; 0 or less: not at all
    /// \param look   returns whether something is there
    /// \return whether something was
    template <class Look>
    bool operator()(std::chrono::microseconds limit, Look&& look) {
        if (limit.count() <= 0 || rests()) return false;
        auto before = Clock::now();
        auto const until = before + limit;
        do {
            yield_();
            bool const crowded = Clock::now() - before > a_turn;
            bool const found = look();
            if (crowded) rest_more();
            if (crowded || found) return found;
            before = Clock::now();
        } while (before < until);
        calm();
        return false;
    }

private:
    /// Threads that give way in turn themselves have done so by then.
    static constexpr std::chrono::milliseconds a_turn{1};
    static constexpr std::uint32_t shortest_rest = 64;  // times it is asked
    static constexpr std::uint32_t longest_rest = 4096;

    [[nodiscard]] bool rests() noexcept {
        auto const left = rest_.load(std::memory_order_relaxed);
        if (left == 0) return false;
        rest_.store(left - 1, std::memory_order_relaxed);
        return true;
    }
    void rest_more() noexcept {
        auto const next = next_rest_.load(std::memory_order_relaxed);
        rest_.store(next, std::memory_order_relaxed);
        next_rest_.store(std::min(2 * next, longest_rest), std::memory_order_relaxed);
    }
    void calm() noexcept {
        if (next_rest_.load(std::memory_order_relaxed) != shortest_rest)
            next_rest_.store(shortest_rest, std::memory_order_relaxed);
    }

    std::atomic<std::uint32_t> rest_{0};
    std::atomic<std::uint32_t> next_rest_{shortest_rest};
    [[no_unique_address]] Yield yield_;
};

using spinner = basic_spinner<>;

}  // namespace fastqueue::policy

// ---- <fastqueue/shell/client_driver.hpp>

// ---- <fastqueue/policies.hpp>

// ---- <fastqueue/eviction/lru.hpp>

// ---- <fastqueue/eviction/slot_ring.hpp>

// ---- <fastqueue/policy/eviction.hpp>

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

namespace fastqueue::eviction::detail {

/// Slots in one order or several, as doubly linked rings within one array: every call is O(1), and only the constructor
/// allocates (8 octets a slot). A slot is in one ring at most.
class slot_ring {
public:
    /// \param rings  numbered from 0
    explicit slot_ring(policy::slot capacity, policy::slot rings = 1)
        : links_(capacity + std::size_t{rings}), end_{capacity} {
        for (policy::slot r = 0; r < rings; ++r) links_[end_ + r] = link{end_ + r, end_ + r};
    }

    void push_front(policy::slot s, policy::slot ring = 0) noexcept {
        assert(s < end_);
        auto const anchor = end_ + ring;
        auto const second = links_[anchor].next;
        links_[s] = link{anchor, second};
        links_[second].previous = s;
        links_[anchor].next = s;
    }
    void unlink(policy::slot s) noexcept {
        assert(s < end_);
        auto const [previous, next] = links_[s];
        links_[previous].next = next;
        links_[next].previous = previous;
    }
    [[nodiscard]] policy::slot back(policy::slot ring = 0) const noexcept {
        assert(links_[end_ + ring].previous < end_);  // the cache never asks an empty policy
        return links_[end_ + ring].previous;
    }

private:
    struct link {
        policy::slot previous;
        policy::slot next;
    };

    std::vector<link> links_;  // the last ones are the rings' anchors
    policy::slot end_;
};

}  // namespace fastqueue::eviction::detail

namespace fastqueue::eviction {

/// Evicts the slot whose last use is oldest. The default: a result that was just asked for is likely to be
/// asked for again. O(1) a call, 8 octets a slot, no allocation after construction.
class lru {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit lru(policy::slot capacity) : ring_{capacity} {}

    void inserted(policy::slot s, std::uint64_t) noexcept { ring_.push_front(s); }
    void used(policy::slot s) noexcept {
        ring_.unlink(s);
        ring_.push_front(s);
    }
    void erased(policy::slot s) noexcept { ring_.unlink(s); }
    [[nodiscard]] policy::slot victim() const noexcept { return ring_.back(); }

private:
    detail::slot_ring ring_;  // most recently used first
};

static_assert(policy::eviction<lru>);

}  // namespace fastqueue::eviction

// ---- <fastqueue/executor/threads.hpp>

// ---- <fastqueue/executor/thread_pool.hpp>

// ---- <fastqueue/executor/finished_list.hpp>

// ---- <fastqueue/policy/executor.hpp>

// ---- <fastqueue/policy/remote_job.hpp>

namespace fastqueue::policy {

struct job;

/// How a job is run in another process than its owner's: what is sent there, and what becomes of the job after it. Called by
/// an executor in place of `job::run`, on the thread whose number stands in the job; a job without one can only be run here.
struct job_transfer {
    /// Writes the request for `job_service::accept`. \throws std::bad_alloc
    void (*pack)(job const&, std::string& request);
    /// It has run, and this is what `job_service::run` wrote.
    void (*settle)(job&, std::string_view answer) noexcept;
    /// It has not come to its end, or nobody knows: why, in words.
    void (*lost)(job&, std::string_view why) noexcept;
    /// There was no process for it: it has not begun.
    void (*refused)(job&) noexcept;
};

/// An owner's side in such a process: made there, from what the owner's program knew when the executor began. It serves one
/// job at a time, on the process's first thread.
class job_service {
public:
    job_service() = default;
    virtual ~job_service() = default;
    job_service(job_service const&) = delete;
    job_service& operator=(job_service const&) = delete;

    /// Gets ready for a job.
    virtual void accept(std::string_view request) = 0;
    /// Runs it, and writes the answer.
    virtual void run(std::string& answer) = 0;
    /// The job that was accepted last should stop. From another thread.
    virtual void interrupt() noexcept = 0;
};

/// Makes the service of the process that stands for a thread of the executor.
using job_service_maker = std::function<std::unique_ptr<job_service>(std::uint32_t thread)>;

}  // namespace fastqueue::policy

namespace fastqueue::policy {

enum class job_state : std::uint8_t { idle, queued, running, finished, retracted };

/// One run of a handler, as an executor sees it: a node for its lists and a function to call. Owned and
/// pooled by the worker; an executor holds it from `submit` until it hands it back through `finished` or
/// `retract`.
struct job {
    using function = void (*)(job&) noexcept;

    function run = nullptr;
    job_transfer const* transfer = nullptr;  ///< for an executor that runs it in another process
    std::uint8_t level =
        0;  ///< 0 is begun before 1, 1 before 2, 2 before 3; first come first served within a level
    std::uint64_t took_us = 0;  ///< set by the function; an executor in virtual time sets it anew behind it
    std::atomic<job_state> state{job_state::idle};
    job* next = nullptr;       ///< for the executor's own lists and the list that `finished` gives
    std::uint64_t ticket = 0;  ///< for the executor: where it put the job, from `submit` on
    std::uint32_t thread =
        0;  ///< set by the executor before it runs it: which of its threads, 0 to concurrency - 1

    job() = default;
    job(job const&) = delete;
    job& operator=(job const&) = delete;

protected:
    ~job() = default;
};

inline constexpr std::uint8_t job_levels = 4;

struct executor_options {
    std::uint32_t concurrency = 1;                        ///< handlers that run at once, 1 to 1024
    std::uint32_t capacity = 1024;                        ///< jobs that may be held at once
    std::function<void(std::uint32_t)> thread_ends = {};  ///< called on each thread after its last job
    std::chrono::microseconds spin = usual_spin;  ///< how long a thread looks for more jobs before it sleeps
    job_service_maker service =
        {};  ///< for an executor that runs jobs in other processes: what runs them there
};

template <class E>
concept takes_jobs = requires(E e, job& j) {
    { e.submit(j) }
    noexcept->std::same_as<void>;
    { e.kick() }
    noexcept->std::same_as<void>;
    { e.retract(j) }
    noexcept->std::same_as<bool>;
};

template <class E>
concept gives_back = requires(E e) {
    { e.finished() }
    noexcept->std::same_as<job*>;
    { e.stop() }
    noexcept->std::same_as<void>;
};

/// Where handlers run.
///
/// expression             | throws    | law
/// E(executor_options, w) | yes       | w is `std::function<void()>`: called from any thread, when jobs have finished
///                        |           | and there is none to go on with. Before that short ones may gather, so an owner
///                        |           | that holds jobs looks at `finished` from time to time
/// e.submit(j)            | never     | j is idle and becomes queued; never more than `capacity` jobs are held
/// e.kick()               | never     | after a batch of submits: now somebody must begin them. An executor may begin earlier
/// e.retract(j)           | never     | true: j had not begun, it never will, and it is the caller's again (state
///                        |           | `retracted`); false: it has begun or finished, and comes by `finished`
/// e.finished()           | never     | all jobs that have finished since the last call, as a list through `next`,
///                        |           | oldest first; they are the caller's again
/// e.stop()               | never     | no job is begun any more; returns when those that run have finished
///
/// `thread_ends(n)` is called before `stop` returns, on the thread that ran the jobs with `j.thread` n.
/// Each job is run once, by `j.run(j)`, with `j.state` running; after it the state is finished. `submit`, `kick`, `retract`,
/// `finished` and `stop` are called from one thread at a time. Only the state may be read by that thread meanwhile.
template <class E>
concept executor = takes_jobs<E> && gives_back<E>;

/// An executor that reaches jobs that run: in another process, where a flag in the job's own memory says nothing. Others need
/// not; then the job is asked to stop through its flag, and is waited for.
///
/// expression             | throws    | law
/// e.interrupt(j)         | never     | j has been submitted and has not come back by `finished`; if it runs, it is told to stop
/// e.kill(j)              | never     | the same, and what runs it is ended: it comes back soon, lost
template <class E>
concept reaches_jobs = executor<E> && requires(E e, job& j) {
    { e.interrupt(j) }
    noexcept->std::same_as<void>;
    { e.kill(j) }
    noexcept->std::same_as<void>;
};

/// An executor that a role can make for itself. Another must be handed over as an instance.
template <class E>
concept makeable_executor =
    executor<E> && std::constructible_from<E, executor_options, std::function<void()>>;

}  // namespace fastqueue::policy

namespace fastqueue::executor::detail {

/// Jobs that have run, linked through `next`: any thread adds, the owner takes all at once. No locks, no
/// allocation.
class finished_list {
public:
    /// Any thread. Marks `j` finished; the owner may have it again before this returns.
    /// \return whether the list was empty, so that the owner must be told
    bool add(policy::job& j) noexcept {
        j.state.store(policy::job_state::finished, std::memory_order_relaxed);
        auto* seen = newest_.load(std::memory_order_relaxed);
        do {
            j.next = seen;
        } while (
            !newest_.compare_exchange_weak(seen, &j, std::memory_order_acq_rel, std::memory_order_relaxed));
        return seen == nullptr;
    }

    /// Owner only. Everything that was added since the last call, oldest first; nullptr if nothing was.
    policy::job* take_all() noexcept {
        auto* newest = newest_.exchange(nullptr, std::memory_order_acq_rel);
        policy::job* oldest = nullptr;
        while (newest != nullptr) {
            auto* const older = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = older;
        }
        return oldest;
    }

private:
    alignas(64) std::atomic<policy::job*> newest_{nullptr};
};

}  // namespace fastqueue::executor::detail

// ---- <fastqueue/executor/job_ring.hpp>

namespace fastqueue::executor::detail {

/// A bounded first-in-first-out ring of jobs: one owner puts in and takes back, any number of threads claim.
/// No locks, and no allocation after construction.
///
/// An entry belongs to whoever moves its ticket on from "full": a claiming thread or the owner who retracts.
/// Tickets are positions and never come again, and nobody looks into a job before its entry is won. So a
/// retracted job may be freed or put in again at once, whatever a slow thread has read before.
class job_ring {
public:
    /// \param capacity  the most jobs that are ever in the ring at once, 1 and up
    /// \throws std::bad_alloc
    explicit job_ring(std::uint32_t capacity)
        : mask_{std::bit_ceil(std::size_t{capacity}) * 2 - 1}, entries_{new entry[mask_ + 1]} {}

    /// Owner only. The ring has twice the room that it needs, since a retracted job leaves a hole behind:
    /// when holes fill it up it is tidied, which costs O(1) a call on average.
    /// \return how many jobs became claimable by this call: more than one if it has tidied up
    std::uint32_t put(policy::job& j) noexcept {
        auto const moved = filled_ - head_.load(std::memory_order_acquire) > mask_ ? tidy() : 0U;
        append(j);
        return moved + 1;
    }

    /// Owner only. Takes back a job that has been put in.
    /// \return whether it had not been claimed, and now never is
    bool retract(policy::job& j) noexcept {
        auto expected = full(j.ticket);
        return at(j.ticket).ticket.compare_exchange_strong(expected, expected + 1, std::memory_order_acq_rel,
                                                           std::memory_order_relaxed);
    }

    /// Takes out the oldest job; nullptr if there is none. Any thread.
    policy::job* claim() noexcept {
        for (;;) {
            auto const position = head_.load(std::memory_order_acquire);
            if (position >= tail_.load(std::memory_order_acquire)) return nullptr;
            if (auto* const j = claim(position)) return j;
        }
    }

    /// Whether there is nothing to claim; holes count as something until a `claim` has passed them.
    [[nodiscard]] bool empty() const noexcept {
        return head_.load(std::memory_order_acquire) >= tail_.load(std::memory_order_acquire);
    }

private:
    struct entry {
        std::atomic<std::uint64_t> ticket{0};
        std::atomic<policy::job*> task{nullptr};
    };
    static constexpr std::size_t cache_line = 64;

    static constexpr std::uint64_t full(std::uint64_t position) noexcept { return 2 * position + 1; }
    entry& at(std::uint64_t position) noexcept { return entries_[position & mask_]; }

    void append(policy::job& j) noexcept {
        auto& e = at(filled_);
        j.ticket = filled_;
        e.task.store(&j, std::memory_order_relaxed);
        e.ticket.store(full(filled_), std::memory_order_release);
        tail_.store(++filled_, std::memory_order_release);
    }

    // Claims the entry there and moves the head past it; nullptr if somebody else has had it. The job is read
    // before the ticket is won: afterwards the owner may fill the entry again.
    policy::job* claim(std::uint64_t position) noexcept {
        auto& e = at(position);
        auto seen = e.ticket.load(std::memory_order_acquire);
        policy::job* won = nullptr;
        if (seen == full(position)) {
            auto* const j = e.task.load(std::memory_order_relaxed);
            if (e.ticket.compare_exchange_strong(seen, seen + 1, std::memory_order_acq_rel)) won = j;
        }
        head_.compare_exchange_strong(position, position + 1, std::memory_order_acq_rel,
                                      std::memory_order_relaxed);
        return won;
    }

    // Moves every job behind the last one, in order, so that the holes are left in front of the head. At most
    // half of the entries are jobs, so the next time is at least half a ring away. Meanwhile a thread may
    // miss the one job that is on its way; `put` counts it as new, so that somebody is woken for it.
    std::uint32_t tidy() noexcept {
        std::uint32_t moved = 0;
        auto const end = filled_;
        for (auto position = head_.load(std::memory_order_acquire); position < end;
             position = head_.load(std::memory_order_acquire)) {
            if (auto* const j = claim(position)) {
                append(*j);
                ++moved;
            }
        }
        assert(moved <= (mask_ + 1) / 2);  // the worker never holds more jobs than the capacity it asked for
        return moved;
    }

    std::size_t mask_;
    std::unique_ptr<entry[]> entries_;
    std::uint64_t filled_ = 0;  // the owner's copy of tail_
    alignas(cache_line) std::atomic<std::uint64_t> tail_{0};
    alignas(cache_line) std::atomic<std::uint64_t> head_{0};
};

}  // namespace fastqueue::executor::detail

// ---- <fastqueue/executor/sleepers.hpp>

// ---- <fastqueue/executor/futex.hpp>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

// `std::atomic::wait` of GCC 12 yields the processor several times before it sleeps, and `notify_one` is a system
// call a thread. On Linux the system's own way is cheaper.
namespace fastqueue::executor::detail {

/// Sleeps while `word` is `value`; may also return early. Any thread.
inline void wait_while(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
#if defined(__linux__)
    static_assert(sizeof word == sizeof value);
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
    word.wait(value, std::memory_order_acquire);
#endif
}

/// Ends the sleep of up to `count` threads that wait for `word`. Any thread.
inline void wake(std::atomic<std::uint32_t>& word, std::uint32_t count) noexcept {
#if defined(__linux__)
    if (count > 0) ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
#else
    for (; count > 0; --count) word.notify_one();
#endif
}

}  // namespace fastqueue::executor::detail

namespace fastqueue::executor::detail {

/// Lets idle threads sleep and wakes just as many as are needed, without a lock.
///
/// A thread says `announce`, looks once more for work, and then sleeps or withdraws. Whoever makes work says
/// `rouse` after it. Both change the same counter: if the thread comes first `rouse` counts it, and if it
/// comes second it sees the work. So nobody sleeps beside work.
class sleepers {
public:
    void announce() noexcept { idle_.fetch_add(1, std::memory_order_acq_rel); }

    /// Takes back an announcement. If `rouse` has counted this thread by then its call stays open, and
    /// whoever sleeps next looks for work once more.
    void withdraw() noexcept {
        auto idle = idle_.load(std::memory_order_relaxed);
        while (idle > 0 && !idle_.compare_exchange_weak(idle, idle - 1, std::memory_order_acq_rel)) {}
    }

    /// After `announce`: blocks until this thread is called.
    void sleep() noexcept {
        auto calls = calls_.load(std::memory_order_acquire);
        for (;;) {
            if (calls == 0) {
                wait_while(calls_, 0);
                calls = calls_.load(std::memory_order_acquire);
            } else if (calls_.compare_exchange_weak(calls, calls - 1, std::memory_order_acq_rel)) {
                return;
            }
        }
    }

    /// Calls up to `wanted` of the threads that have announced themselves. Any thread.
    void rouse(std::uint32_t wanted) noexcept {
        auto idle = idle_.fetch_add(0, std::memory_order_acq_rel);  // a write, for the order told above
        while (idle > 0) {
            auto const called = std::min(idle, wanted);
            if (idle_.compare_exchange_weak(idle, idle - called, std::memory_order_acq_rel)) {
                call(called);
                return;
            }
        }
    }

    /// Lets `count` sleeps end, announced or not: for the end of all.
    void call(std::uint32_t count) noexcept {
        calls_.fetch_add(count, std::memory_order_seq_cst);
        wake(calls_, count);
    }

private:
    alignas(64) std::atomic<std::uint32_t> idle_{0};   // announced, and not yet called
    alignas(64) std::atomic<std::uint32_t> calls_{0};  // made, and not yet followed
};

}  // namespace fastqueue::executor::detail

// ---- <fastqueue/model/own_thread.hpp>

#include <pthread.h>
#include <signal.h>

namespace fastqueue::detail {

/// Signals that a thread raises by its own mistake.
inline constexpr int own_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

/// While it lives this thread takes no signals, and threads begun by it never do, so that a program's signal
/// handling stays in the program's own threads. Left out are those that a thread raises by its own mistake.
class signals_blocked {
public:
    signals_blocked() noexcept {
        sigset_t set;
        sigfillset(&set);
        for (int const own : own_signals) sigdelset(&set, own);
        pthread_sigmask(SIG_BLOCK, &set, &before_);
    }
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(signals_blocked const&) = delete;
    signals_blocked& operator=(signals_blocked const&) = delete;

private:
    sigset_t before_;
};

inline void name_this_thread(std::string const& name) noexcept {
#if defined(__APPLE__)
    pthread_setname_np(name.c_str());
#else
    pthread_setname_np(pthread_self(), name.c_str());
#endif
}

}  // namespace fastqueue::detail

namespace fastqueue::executor::detail {

/// \throws error (bad_option)
inline void check_executor_options(policy::executor_options const& options) {
    auto const check = [](char const* name, std::uint32_t value, std::uint32_t most) {
        if (value >= 1 && value <= most) return;
        throw error{errc::bad_option, std::string{"the executor's "} + name + " is " + std::to_string(value) +
                                          ": it must be 1 to " + std::to_string(most)};
    };
    check("concurrency", options.concurrency, 1024);
    check("capacity", options.capacity, 1U << 24U);
}

/// Threads that take jobs, the first of the lowest level first, and give them back: an executor but for what is done with a
/// job, which is `Call`'s: called as `call(job)` by the thread whose number stands in the job.
template <class Call>
class thread_pool {
public:
    thread_pool(policy::executor_options options, std::function<void()> wake, Call call = {})
        : rings_{ring(options), ring(options), ring(options), ring(options)},
          wake_{std::move(wake)},
          thread_ends_{std::move(options.thread_ends)},
          spin_{options.spin},
          call_{std::move(call)} {
        pool_.reserve(options.concurrency);
        fastqueue::detail::signals_blocked const blocked;
        try {
            for (std::uint32_t i = 0; i < options.concurrency; ++i)
                pool_.emplace_back([this, i] { work(i); });
        } catch (...) {
            stop();
            throw;
        }
    }
    ~thread_pool() { stop(); }
    thread_pool(thread_pool const&) = delete;
    thread_pool& operator=(thread_pool const&) = delete;

    /// Puts `j` in line; a thread that is awake may begin it at once.
    void submit(policy::job& j) noexcept {
        assert(j.level < policy::job_levels);
        j.state.store(policy::job_state::queued, std::memory_order_relaxed);
        fresh_ += rings_[j.level].put(j);
    }

    /// Wakes as many threads as there are new jobs, and no more.
    void kick() noexcept {
        if (fresh_ > 0) sleepers_.rouse(std::exchange(fresh_, 0));
    }

    /// Also after `stop`, for all that was not begun.
    bool retract(policy::job& j) noexcept {
        if (!rings_[j.level].retract(j)) return false;
        j.state.store(policy::job_state::retracted, std::memory_order_relaxed);
        return true;
    }

    policy::job* finished() noexcept { return finished_.take_all(); }

    /// Returns when the jobs that run have returned. What is still in line stays there until it is retracted.
    void stop() noexcept {
        stopping_.store(true, std::memory_order_release);
        sleepers_.rouse(0);
        sleepers_.call(static_cast<std::uint32_t>(pool_.size()));
        for (auto& thread : pool_) thread.join();
        pool_.clear();
    }

private:
    static job_ring ring(policy::executor_options const& options) {
        check_executor_options(options);
        return job_ring{options.capacity};
    }

    static constexpr std::uint64_t most_untold_us = 50;
    static constexpr std::uint32_t most_untold_jobs = 128;

    void work(std::uint32_t index) noexcept {
        fastqueue::detail::name_this_thread("fq-exec-" + std::to_string(index));
        untold owed;
        while (!stopping_.load(std::memory_order_acquire)) {
            if (auto* const j = claim()) {
                j->thread = index;
                run(*j, owed);
            } else {
                tell(owed);
                if (!look_(spin_, [this] { return has_work(); })) rest();
            }
        }
        tell(owed);
        if (thread_ends_) thread_ends_(index);
    }

    /// What a thread has finished and its owner may not have been told of.
    struct untold {
        bool first = false;  // it found the list empty: nobody else tells of what is in it
        std::uint32_t jobs = 0;
        std::uint64_t us = 0;
    };
    void tell(untold& owed) noexcept {
        if (owed.first && wake_) wake_();
        owed = {};
    }

    policy::job* claim() noexcept {
        for (auto& ring : rings_) {
            if (auto* const j = ring.claim()) return j;
        }
        return nullptr;
    }

    /// Short jobs are told of together, when some have gathered or there is no other: being woken costs the owner
    /// more than they do.
    void run(policy::job& j, untold& owed) noexcept {
        j.state.store(policy::job_state::running, std::memory_order_relaxed);
        call_(j);
        owed.us += j.took_us;  // before the owner has it back
        ++owed.jobs;
        if (finished_.add(j)) owed.first = true;
        if (owed.us >= most_untold_us || owed.jobs >= most_untold_jobs) tell(owed);
    }

    void rest() noexcept {
        sleepers_.announce();
        has_work() ? sleepers_.withdraw() : sleepers_.sleep();
    }
    /// Whether there is a reason not to sleep.
    [[nodiscard]] bool has_work() const noexcept {
        return stopping_.load(std::memory_order_acquire) ||
               std::ranges::any_of(rings_, [](auto const& ring) { return !ring.empty(); });
    }

    std::array<job_ring, policy::job_levels> rings_;
    sleepers sleepers_;
    finished_list finished_;
    std::function<void()> wake_;
    std::function<void(std::uint32_t)> thread_ends_;
    std::chrono::microseconds spin_;
    policy::spinner look_;
    Call call_;
    std::atomic<bool> stopping_{false};
    std::uint32_t fresh_ = 0;  // submitted and not yet kicked: the owner's
    std::vector<std::thread> pool_;
};

}  // namespace fastqueue::executor::detail

namespace fastqueue::executor {

namespace detail {

struct run_here {
    void operator()(policy::job& j) const noexcept { j.run(j); }
};

}  // namespace detail

/// Runs jobs on threads of its own, which are named `fq-exec-0` and so on, sleep while there is nothing to do
/// and take no signals (nor does a program that a handler starts, unless it unblocks them). Levels are
/// strict: a thread begins nothing while a job of a lower number waits. No lock and no allocation a job.
///
/// `submit`, `kick`, `retract`, `finished` and `stop` belong to one thread at a time, the owner; none of them
/// blocks but `stop`. Does not survive `fork`: the child has none of the threads.
class threads : public detail::thread_pool<detail::run_here> {
public:
    /// Begins the threads.
    /// \param wake  called by the threads; must not block, and must not call back
    /// \throws error (errc::bad_option) for a number out of range; std::system_error if the system gives no
    ///         thread, std::bad_alloc
    threads(policy::executor_options options, std::function<void()> wake)
        : thread_pool{std::move(options), std::move(wake)} {}
};

static_assert(policy::executor<threads>);

}  // namespace fastqueue::executor

// ---- <fastqueue/observer/none.hpp>

// ---- <fastqueue/policy/observer.hpp>

namespace fastqueue::policy {

/// Something happened to a task. `worker` is empty where none is concerned.
struct task_event {
    task_id id;
    std::string_view name;
    task_state state;
    std::uint32_t attempt;
    std::string_view worker;
};

enum class worker_change : std::uint8_t { joined, inactive, lost, left };

[[nodiscard]] constexpr std::string_view name_of(worker_change change) noexcept {
    constexpr std::string_view names[] = {"joined", "inactive", "lost", "left"};
    return names[static_cast<std::size_t>(change)];
}

struct worker_event {
    std::string_view worker;
    worker_change change;
    std::string_view reason;  ///< in words, for a person
};

/// Something worth a line in an operator's log: a peer that was cut, a stale answer that was dropped.
struct notice_event {
    errc code;
    std::string_view text;
};

/// Who watches a role. Called on the role's own thread, from inside its turn: it must be quick and must not block.
///
/// expression      | throws | law
/// O()             | yes    | what a role makes that was given none
/// O(std::move(o)) | yes    | watches as o did; a role keeps the one that it was given
/// o.on(event)     | never  | may copy what the event shows; the views live only during the call
template <class O>
concept observer = std::default_initializable<O> && std::move_constructible<O> &&
    requires(O o, task_event const& t, worker_event const& w, notice_event const& n) {
    { o.on(t) }
    noexcept;
    { o.on(w) }
    noexcept;
    { o.on(n) }
    noexcept;
};

}  // namespace fastqueue::policy

namespace fastqueue::observer {

/// Watches nothing and costs nothing. The default.
class none {
public:
    void on(policy::task_event const&) noexcept {}
    void on(policy::worker_event const&) noexcept {}
    void on(policy::notice_event const&) noexcept {}
};

static_assert(policy::observer<none>);

}  // namespace fastqueue::observer

// ---- <fastqueue/store/memory.hpp>

namespace fastqueue::store {

/// Keeps nothing: the control plane holds every task in memory anyhow, and what it holds ends with it. Each
/// write is numbered and counts as committed at once, so `poll` has news right after a write and `wake` is
/// never called. The default; the cheapest; a crash loses all. One thread at a time.
class memory {
public:
    /// A life of its own.
    /// \throws error if the system gives no random numbers
    memory() : memory{uuid::make_v4()} {}
    /// A life of that name, for simulations that must repeat.
    explicit memory(uuid epoch) noexcept : epoch_{epoch} {}

    void attach(std::function<void()> const&) noexcept {}

    policy::store_sequence put(policy::task_record const&) noexcept { return ++written_; }
    policy::store_sequence claim(policy::task_number, std::uint32_t) noexcept { return ++written_; }
    policy::store_sequence requeue(policy::attempt_record const&) noexcept { return ++written_; }
    policy::store_sequence finish(policy::result_record const&) noexcept { return ++written_; }
    policy::store_sequence forget(policy::task_number) noexcept { return ++written_; }
    policy::store_sequence erase(policy::task_number) noexcept { return ++written_; }
    policy::store_sequence member(std::string_view, bool) noexcept { return ++written_; }

    void flush(policy::store_sequence) noexcept {}
    /// Everything so far; it never finds an id taken, since nothing else writes here, and it never fails.
    void poll(policy::store_news& news) const noexcept {
        news.committed = written_;
        news.existing.clear();
        news.fetched.clear();
        news.backups.clear();
        news.full.reset();
        news.failure.reset();
    }
    [[nodiscard]] uuid epoch() const noexcept { return epoch_; }

private:
    uuid epoch_;
    policy::store_sequence written_ = 0;
};

static_assert(policy::store<memory>);

}  // namespace fastqueue::store

// ---- <fastqueue/transport/tcp.hpp>

// ---- <fastqueue/transport/loop_gate.hpp>

// ---- <fastqueue/transport/turn_clock.hpp>

namespace fastqueue::transport {

/// Both clocks of the machine, read at most once a turn and only if somebody asks. Outside a turn each
/// question reads them. One thread at a time.
class turn_clock {
public:
    void begin_turn() noexcept {
        in_turn_ = true;
        fresh_ = false;
    }
    void end_turn() noexcept { in_turn_ = false; }

    [[nodiscard]] clock_reading now() const noexcept {
        if (!in_turn_ || !fresh_) {
            reading_ = read();
            fresh_ = true;
        }
        return reading_;
    }

private:
    [[nodiscard]] static clock_reading read() noexcept {
        using std::chrono::microseconds;
        auto const wall = std::chrono::system_clock::now();
        return {std::chrono::steady_clock::now(), std::chrono::time_point_cast<microseconds>(wall)};
    }

    mutable clock_reading reading_{};
    mutable bool fresh_ = false;
    bool in_turn_ = false;
};

}  // namespace fastqueue::transport

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

namespace fastqueue::transport::detail {

/// The loop that a transport lives in: one of its own, which it turns itself, or somebody else's, where it is a guest. A
/// guest does what a turn's end does in a handler of its own, posted by the first thing that happens: so all that was ready
/// then is still written at once. When the guest has left, handlers of his that are still in the loop do nothing.
///
/// One thread at a time, `post` excepted.
class loop_gate {
public:
    /// \param host  nullptr: a loop of its own
    explicit loop_gate(asio::io_context* host)
        : own_{host == nullptr ? std::make_unique<asio::io_context>(1) : nullptr},
          io_{host == nullptr ? own_.get() : host},
          present_{host == nullptr ? nullptr : std::make_shared<bool>(true)} {
        if (own_) work_.emplace(own_->get_executor());
    }
    ~loop_gate() { leave(); }
    loop_gate(loop_gate const&) = delete;
    loop_gate& operator=(loop_gate const&) = delete;

    /// A guest has no more to do here.
    void leave() noexcept {
        if (present_) *present_ = false;
    }
    [[nodiscard]] asio::io_context& io() const noexcept { return *io_; }
    [[nodiscard]] bool is_guest() const noexcept { return present_ != nullptr; }
    /// What a guest does at a turn's end; it returns whether another turn is wanted. Once, before anything else.
    void on_turn(std::function<bool()> turn) { turn_ = std::move(turn); }

    /// `f` as a handler for the loop.
    template <class F>
    [[nodiscard]] auto wrap(F f) {
        return [this, present = present_, f = std::move(f)](auto&&... arguments) mutable {
            if (present && !*present) return;
            enter();
            f(std::forward<decltype(arguments)>(arguments)...);
        };
    }
    /// Something was done that a turn's end must see. Nothing for a transport that turns its loop itself.
    void enter() {
        if (!is_guest() || entered_ || !*present_) return;
        entered_ = true;
        clock_.begin_turn();
        asio::post(*io_, [this, present = present_] {
            if (!*present) return;
            bool const again = turn_();
            clock_.end_turn();
            entered_ = false;
            if (again) enter();
        });
    }
    /// Lets `f` run in the loop. Any thread, as long as the transport lives.
    template <class F>
    void post(F f) {
        asio::post(*io_, [this, present = present_, f = std::move(f)] {
            if (!*present) return;
            enter();
            f();
        });
    }
    [[nodiscard]] turn_clock& clock() noexcept { return clock_; }

private:
    std::unique_ptr<asio::io_context> own_;
    asio::io_context* io_;
    std::shared_ptr<bool> present_;  // none where the loop is our own, and so never outlives us
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::function<bool()> turn_;
    turn_clock clock_;
    bool entered_ = false;
};

}  // namespace fastqueue::transport::detail

// ---- <fastqueue/transport/loop_timer.hpp>

#include <asio/steady_timer.hpp>

namespace fastqueue::transport::detail {

/// Ends a loop's sleep when the earliest of many deadlines comes. Deadlines that move away cost nothing: the
/// timer stays where it is, rings too early once, and is then set anew.
class loop_timer {
public:
    explicit loop_timer(loop_gate& gate) : gate_{gate}, timer_{gate.io()} {}

    /// Sees to it that the loop is awake at `earliest` at the latest; it may be so before.
    void set(std::optional<instant> earliest) {
        if (!earliest || *earliest == instant::max()) return;
        if (set_to_ && *set_to_ <= *earliest) return;
        set_to_ = earliest;
        timer_.expires_at(*earliest);
        timer_.async_wait(gate_.wrap([this](std::error_code const& ec) {
            if (!ec) set_to_.reset();
        }));
    }
    void cancel() {
        timer_.cancel();
        set_to_.reset();
    }

private:
    loop_gate& gate_;
    asio::steady_timer timer_;
    std::optional<instant> set_to_;
};

}  // namespace fastqueue::transport::detail

// ---- <fastqueue/transport/native_socket.hpp>

#include <asio/ip/tcp.hpp>
#include <cerrno>

#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace fastqueue::transport::detail {

// Asio's own calls make sockets that a child process inherits, which would keep a dead worker's connections
// open: here they are closed at exec, where the system can do that without a gap between two calls.

[[nodiscard]] inline std::error_code last_socket_error() noexcept { return {errno, std::system_category()}; }

/// Opens `socket` (a socket or an acceptor) for the family of `protocol`, non-blocking.
template <class Socket>
[[nodiscard]] std::error_code open_socket(Socket& socket, asio::ip::tcp protocol) {
    std::error_code ec;
#if defined(__linux__)
    int const fd = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return last_socket_error();
    socket.assign(protocol, fd, ec);
    if (ec) {
        ::close(fd);
        return ec;
    }
#else
    socket.open(protocol, ec);
    if (ec) return ec;
#if !defined(_WIN32)
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
#endif
#endif
    socket.non_blocking(true, ec);
    return ec;
}

/// Takes one waiting connection from `acceptor`, which is non-blocking.
/// \return success; `std::errc::operation_would_block` where none waits; else the system's error
[[nodiscard]] inline std::error_code accept_socket(asio::ip::tcp::acceptor& acceptor,
                                                   asio::ip::tcp::socket& socket,
                                                   asio::ip::tcp::endpoint& from) {
    std::error_code ec;
#if defined(__linux__)
    auto length = static_cast<::socklen_t>(from.capacity());
    int const fd = ::accept4(acceptor.native_handle(), from.data(), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return last_socket_error();
    from.resize(length);
    socket.assign(from.protocol(), fd, ec);
    if (ec) {
        ::close(fd);
        return ec;
    }
#else
    acceptor.accept(socket, from, ec);
    if (ec) return ec;
#if !defined(_WIN32)
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
#endif
#endif
    socket.non_blocking(true, ec);
    return ec;
}

/// What every connection wants: small messages leave at once, for a turn already makes one write of many.
inline void set_no_delay(asio::ip::tcp::socket& socket) noexcept {
    std::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
}

/// The address as text; an IPv4 address that came through an IPv6 socket as IPv4.
[[nodiscard]] inline std::string address_text(asio::ip::address address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    return address.to_string();
}

}  // namespace fastqueue::transport::detail

// ---- <fastqueue/transport/peer_table.hpp>

namespace fastqueue::transport {

/// The objects behind a transport's peer ids: the low half of an id is a slot, the high half counts the
/// slot's owners, so that looking up is one index and one comparison, and an id is never used twice. Objects
/// stay where they are until erased. One thread at a time.
template <class T>
class peer_table {
public:
    using slot = std::uint32_t;

    [[nodiscard]] static slot slot_of(peer_id id) noexcept {
        return static_cast<slot>(static_cast<std::uint64_t>(id));
    }

    /// Makes a T from `arguments`, which `find` gives from now on.
    template <class... Arguments>
    peer_id emplace(Arguments&&... arguments) {
        auto value = std::make_unique<T>(std::forward<Arguments>(arguments)...);
        if (free_.empty()) {
            entries_.emplace_back();
            free_.reserve(entries_.size());  // erase must not throw
            free_.push_back(static_cast<slot>(entries_.size() - 1));
        }
        auto const at = free_.back();
        free_.pop_back();
        entries_[at].value = std::move(value);
        ++size_;
        return peer_id{(std::uint64_t{entries_[at].owners} << 32U) | at};
    }

    /// What lives under `id`, or null.
    [[nodiscard]] T* find(peer_id id) const noexcept {
        auto const at = slot_of(id);
        if (at >= entries_.size()) return nullptr;
        auto const& e = entries_[at];
        return e.owners == static_cast<std::uint64_t>(id) >> 32U ? e.value.get() : nullptr;
    }

    /// What lives in a slot now, or null.
    [[nodiscard]] T* at(slot s) const noexcept {
        return s < entries_.size() ? entries_[s].value.get() : nullptr;
    }

    void erase(peer_id id) noexcept {
        if (find(id) == nullptr) return;
        auto const at = slot_of(id);
        auto const doomed = std::move(entries_[at].value);
        --size_;
        // A slot whose count is used up is given up, rather than an id used again.
        if (++entries_[at].owners != 0) free_.push_back(at);
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Calls `f(T&)` for each object; `f` may add objects, but erase none.
    template <class F>
    void for_each(F&& f) const {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            if (auto* value = entries_[i].value.get()) f(*value);
        }
    }

private:
    struct entry {
        std::unique_ptr<T> value;
        std::uint32_t owners = 1;  // from 1, so that no id is `none`
    };

    std::vector<entry> entries_;
    std::vector<slot> free_;
    std::size_t size_ = 0;
};

}  // namespace fastqueue::transport

// ---- <fastqueue/transport/tcp_acceptor.hpp>

// ---- <fastqueue/transport/tcp_listener.hpp>

#include <asio/ip/v6_only.hpp>

namespace fastqueue::transport {

/// A listening socket.
struct tcp_listener {
    tcp_listener(asio::io_context& io, std::uint32_t tag_of_its_connections)
        : acceptor{io}, tag{tag_of_its_connections} {}

    asio::ip::tcp::acceptor acceptor;
    std::uint32_t tag;
    peer_id id{};  // its own in the table of listeners
    bool waiting = false;
};

namespace detail {

/// Where to bind for `at`, best first. `*` is IPv6 and IPv4 in one socket where the system can do that, else
/// IPv4; a name is looked up (this may block) and its IPv4 addresses come first.
[[nodiscard]] inline std::error_code bind_candidates(asio::io_context& io, endpoint const& at,
                                                     std::vector<asio::ip::tcp::endpoint>& out) {
    using asio::ip::tcp;
    if (at.host == "*") {
        out = {tcp::endpoint{asio::ip::address_v6::any(), at.port},
               tcp::endpoint{asio::ip::address_v4::any(), at.port}};
        return {};
    }
    std::error_code ec;
    auto const numeric = asio::ip::make_address(at.host, ec);
    if (!ec) {
        out = {tcp::endpoint{numeric, at.port}};
        return {};
    }
    auto const found = tcp::resolver{io}.resolve(at.host, "", ec);
    if (ec) return ec;
    for (bool const v4 : {true, false}) {
        for (auto const& entry : found) {
            auto const address = entry.endpoint().address();
            if (address.is_v4() == v4) out.emplace_back(address, at.port);
        }
    }
    return {};
}

[[nodiscard]] inline std::error_code bind_one(asio::ip::tcp::acceptor& acceptor,
                                              asio::ip::tcp::endpoint const& where, bool both_families,
                                              int backlog) {
    if (auto const failed = open_socket(acceptor, where.protocol())) return failed;
    std::error_code ec;
    // So that a restart need not wait for old connections; a port on which somebody listens is refused still.
    acceptor.set_option(asio::socket_base::reuse_address{true}, ec);
    if (!ec && where.address().is_v6()) acceptor.set_option(asio::ip::v6_only{!both_families}, ec);
    if (!ec) acceptor.bind(where, ec);
    if (!ec) acceptor.listen(backlog, ec);
    if (ec) {
        std::error_code ignored;
        acceptor.close(ignored);
    }
    return ec;
}

}  // namespace detail

/// Binds `acceptor` and listens.
/// \param[out] bound  as `at`, with the port that it has become; written on success only
/// \return success, or the system's error (`std::errc::address_in_use` ...); then nothing is bound
[[nodiscard]] inline std::error_code open_listener(asio::io_context& io, endpoint const& at, int backlog,
                                                   asio::ip::tcp::acceptor& acceptor, endpoint& bound) {
    std::vector<asio::ip::tcp::endpoint> candidates;
    auto result = detail::bind_candidates(io, at, candidates);
    for (auto const& where : candidates) {
        result = detail::bind_one(acceptor, where, at.host == "*", backlog);
        // A taken port is taken: the next family would only hide that.
        if (!result || result == std::errc::address_in_use) break;
    }
    if (result)
        return {result.value(), result.category() == asio::error::get_system_category()
                                    ? std::system_category()
                                    : result.category()};
    std::error_code ec;
    auto const local = acceptor.local_endpoint(ec);
    if (ec) return ec;
    bound = endpoint{at.host, local.port()};
    return {};
}

}  // namespace fastqueue::transport

#include <asio/socket_base.hpp>

namespace fastqueue::transport {

/// The listeners of one loop. Where the system has no descriptor or memory left for a connection, accepting
/// rests for a tenth of a second: trying again at once would only burn the processor. One thread at a time.
class tcp_acceptor {
public:
    /// What to do with a new connection, from the loop: its listener's tag, its socket (closed if it is not
    /// moved from) and the peer's address.
    using admission = std::function<void(std::uint32_t, asio::ip::tcp::socket&&, std::string)>;

    tcp_acceptor(detail::loop_gate& gate, admission admit)
        : gate_{gate}, io_{gate.io()}, admit_{std::move(admit)} {}

    /// \return success, or why nothing is bound: see `open_listener`
    [[nodiscard]] std::error_code listen(endpoint const& where, std::uint32_t tag, int backlog,
                                         endpoint& bound) {
        auto const id = listeners_.emplace(io_, tag);
        auto& listener = *listeners_.find(id);
        listener.id = id;
        if (auto const failed = open_listener(io_, where, backlog, listener.acceptor, bound)) {
            listeners_.erase(id);
            return failed;
        }
        await_connections(listener);
        return {};
    }
    void stop_listening() noexcept {
        std::vector<peer_id> open;
        listeners_.for_each([&](tcp_listener const& l) { open.push_back(l.id); });
        for (auto const id : open) listeners_.erase(id);
        again_.reset();
    }

    /// When accepting goes on after a rest.
    [[nodiscard]] std::optional<instant> next_deadline() const noexcept { return again_; }
    void tick(instant now) {
        if (!again_ || now < *again_) return;
        again_.reset();
        listeners_.for_each([this](tcp_listener& l) { await_connections(l); });
    }

private:
    static constexpr int most_a_turn = 64;
    static constexpr std::chrono::milliseconds rest{100};

    void await_connections(tcp_listener& l) {
        if (l.waiting) return;
        l.waiting = true;
        auto ready = [this, id = l.id](std::error_code const& ec) {
            auto* const listener = listeners_.find(id);
            if (ec || listener == nullptr) return;
            listener->waiting = false;
            accept(*listener);
        };
        l.acceptor.async_wait(asio::socket_base::wait_read, gate_.wrap(std::move(ready)));
    }

    void accept(tcp_listener& l) {
        for (int i = 0; i < most_a_turn; ++i) {
            asio::ip::tcp::socket socket{io_};
            asio::ip::tcp::endpoint from;
            auto const ec = detail::accept_socket(l.acceptor, socket, from);
            if (ec == std::errc::operation_would_block) break;
            if (ec == std::errc::connection_aborted || ec == std::errc::interrupted) continue;
            if (ec) {
                again_ = gate_.clock().now().steady + rest;
                return;
            }
            admit_(l.tag, std::move(socket), detail::address_text(from.address()));
        }
        await_connections(l);
    }

    detail::loop_gate& gate_;
    asio::io_context& io_;
    admission admit_;
    peer_table<tcp_listener> listeners_;
    std::optional<instant> again_;
};

}  // namespace fastqueue::transport

// ---- <fastqueue/transport/tcp_connection.hpp>

// ---- <fastqueue/transport/zmtp_peer.hpp>

// ---- <fastqueue/zmtp/connection.hpp>

// ---- <fastqueue/zmtp/command.hpp>

// ---- <fastqueue/zmtp/frame_header.hpp>

namespace fastqueue::zmtp {

/// The flags octet of a frame. Bits 3 to 7 are reserved and must be zero.
/// \source RFC 37/ZMTP 3.1, "Framing"
namespace frame_flag {
inline constexpr std::uint8_t more = 0x01;     ///< another frame of the same message follows
inline constexpr std::uint8_t large = 0x02;    ///< the size takes 8 octets
inline constexpr std::uint8_t command = 0x04;  ///< a command, not a part of a message
}  // namespace frame_flag

/// Longest encoded frame header, in octets.
inline constexpr std::size_t largest_header_bytes = 9;

/// One decoded frame header.
struct frame_header {
    std::uint64_t body_bytes = 0;
    std::uint8_t header_bytes = 0;  ///< 2 or 9
    std::uint8_t flags = 0;         ///< of `frame_flag`, `large` included

    [[nodiscard]] constexpr bool more() const noexcept { return (flags & frame_flag::more) != 0; }
    [[nodiscard]] constexpr bool command() const noexcept { return (flags & frame_flag::command) != 0; }
};

namespace detail {

[[nodiscard]] constexpr bool legal_flags(unsigned flags) noexcept {
    return (flags & 0xf8U) == 0 &&
           (flags & (frame_flag::more | frame_flag::command)) != (frame_flag::more | frame_flag::command);
}

// How many octets of the header that begins with `in` are to be read before more can be told of it.
[[nodiscard]] constexpr std::size_t header_bytes_of(std::string_view in) noexcept {
    if (in.empty()) return 1;
    return (static_cast<unsigned char>(in[0]) & frame_flag::large) != 0 ? largest_header_bytes : 2;
}

// The hot path: an `errc` (zero is success) costs less than an `error_code`.
[[nodiscard]] constexpr errc read_header(std::string_view in, std::uint64_t body_bytes_limit,
                                         frame_header& out) noexcept {
    if (in.empty()) return errc::need_more;
    auto const flags = static_cast<unsigned char>(in[0]);
    if (!legal_flags(flags)) return errc::reserved_flag_set;
    auto const header_bytes = header_bytes_of(in);
    if (in.size() < header_bytes) return errc::need_more;
    std::uint64_t size = 0;
    for (std::size_t i = 1; i < header_bytes; ++i) size = size << 8U | static_cast<unsigned char>(in[i]);
    if (size > body_bytes_limit || (size >> 63U) != 0) return errc::frame_too_large;
    out = {size, static_cast<std::uint8_t>(header_bytes), flags};
    return errc{};
}

}  // namespace detail

/// Decodes one ZMTP frame header from the front of `in`. Reads nothing past it.
/// \param in                octets received so far, any number including zero
/// \param body_bytes_limit  largest body this node accepts, in bytes
/// \param[out] out          written on success only
/// \return success, or
///         errc::need_more          fewer than 2 (short) or 9 (long) octets: call again with more
///         errc::reserved_flag_set  bits 7-3 not zero, or MORE on a command: close the connection
///         errc::frame_too_large    body over the limit, or bit 63 set: close the connection
/// \complexity O(1), allocates nothing, never throws
/// \source RFC 37/ZMTP 3.1, "Framing"
[[nodiscard]] inline std::error_code decode_header(std::string_view in, std::uint64_t body_bytes_limit,
                                                   frame_header& out) noexcept {
    auto const result = detail::read_header(in, body_bytes_limit, out);
    return result == errc{} ? std::error_code{} : make_error_code(result);
}

/// Octets that the header of a frame with a body of `body_bytes` takes: 2 up to 255, then 9.
[[nodiscard]] constexpr std::size_t encoded_header_bytes(std::uint64_t body_bytes) noexcept {
    return body_bytes <= 255 ? 2 : largest_header_bytes;
}

/// Appends the header of a frame. The short form is chosen where the size fits.
/// \param flags       of `frame_flag`, without `large`
/// \param body_bytes  size of the body that follows, at most 2^63 - 1
inline void append_header(std::string& out, std::uint8_t flags, std::uint64_t body_bytes) {
    char header[largest_header_bytes];
    if (body_bytes <= 255) {
        header[0] = static_cast<char>(flags);
        header[1] = static_cast<char>(body_bytes);
        out.append(header, 2);
        return;
    }
    header[0] = static_cast<char>(flags | frame_flag::large);
    for (unsigned i = 0; i < 8; ++i) header[8 - i] = static_cast<char>(body_bytes >> (8 * i) & 0xffU);
    out.append(header, largest_header_bytes);
}

/// Appends a whole frame in the clear: header and body.
inline void append_frame(std::string& out, std::uint8_t flags, std::string_view body) {
    append_header(out, flags, body.size());
    out.append(body);
}

}  // namespace fastqueue::zmtp

namespace fastqueue::zmtp {

/// A command: the body of a frame with the COMMAND bit, taken apart. The views are into that body.
/// \source RFC 37/ZMTP 3.1, "Commands"
struct command {
    std::string_view name;
    std::string_view data;
};

/// Takes the body of a command frame apart. libzmq's `^RROR` (its PLAIN server has a C string literal gone
/// wrong) is read as ERROR.
/// \param[out] out  written on success only
/// \return success, or errc::bad_command: empty, no name, or a name that reaches past the body
[[nodiscard]] inline std::error_code parse_command(std::string_view body, command& out) noexcept {
    constexpr std::string_view misspelt = "^RROR";
    if (body.substr(0, misspelt.size()) == misspelt) {
        out = {"ERROR", body.substr(misspelt.size())};
        return {};
    }
    if (body.empty()) return errc::bad_command;
    auto const length = static_cast<std::size_t>(static_cast<unsigned char>(body[0]));
    if (length == 0 || length > body.size() - 1) return errc::bad_command;
    out = {body.substr(1, length), body.substr(1 + length)};
    return {};
}

/// Appends the body of a command: its name with the length before it, then the data.
/// \param name  1 to 255 octets
inline void append_command_body(std::string& out, std::string_view name, std::string_view data) {
    assert(!name.empty() && name.size() <= 255);
    out.push_back(static_cast<char>(name.size()));
    out.append(name).append(data);
}

/// Appends a whole command frame in the clear.
/// \param name  1 to 255 octets
inline void append_command(std::string& out, std::string_view name, std::string_view data) {
    append_header(out, frame_flag::command, 1 + name.size() + data.size());
    append_command_body(out, name, data);
}

/// Most octets of context that PING carries and PONG returns.
inline constexpr std::size_t ping_context_bytes = 16;

/// What a PING says.
struct ping {
    std::chrono::milliseconds ttl{0};  ///< the peer may be given up when it is silent for so long; 0: no hint
    std::string_view context;          ///< at most 16 octets, to be returned in PONG
};

/// Reads the data of a PING command.
/// \param[out] out  written on success only
/// \return success, or errc::bad_command: no room for the TTL, or a context over 16 octets
[[nodiscard]] inline std::error_code parse_ping(std::string_view data, ping& out) noexcept {
    if (data.size() < 2 || data.size() > 2 + ping_context_bytes) return errc::bad_command;
    auto const deciseconds = static_cast<unsigned>(static_cast<unsigned char>(data[0])) << 8U |
                             static_cast<unsigned>(static_cast<unsigned char>(data[1]));
    out = {std::chrono::milliseconds{deciseconds * 100LL}, data.substr(2)};
    return {};
}

/// Appends the body of a PING command without context.
/// \param ttl  rounded up to 100 ms; more than 65.5 s is sent as 65.5 s, which libzmq can still multiply
inline void append_ping_body(std::string& out, std::chrono::milliseconds ttl) {
    constexpr long long most_deciseconds = 655;
    auto deciseconds = ttl.count() <= 0 ? 0 : ttl.count() / 100 + (ttl.count() % 100 != 0 ? 1 : 0);
    if (deciseconds > most_deciseconds) deciseconds = most_deciseconds;
    char const data[2] = {static_cast<char>(deciseconds >> 8), static_cast<char>(deciseconds & 0xff)};
    append_command_body(out, "PING", {data, 2});
}

/// Appends the body of a PONG command.
/// \param context  that of the PING; what is over 16 octets is cut off
inline void append_pong_body(std::string& out, std::string_view context) {
    append_command_body(out, "PONG", context.substr(0, ping_context_bytes));
}

/// Replaces what is not printable ASCII by '?', so that a peer's words can stand in one line of a log.
[[nodiscard]] inline std::string printable(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

/// The reason in the data of an ERROR command; as much of it as is there, made printable.
[[nodiscard]] inline std::string error_reason(std::string_view data) {
    if (data.empty()) return {};
    return printable(data.substr(1, static_cast<unsigned char>(data[0])));
}

/// The data of an ERROR command: the reason with its length before it.
/// \param reason  made printable; what is over 255 octets is cut off
[[nodiscard]] inline std::string error_data(std::string_view reason) {
    reason = reason.substr(0, 255);
    return std::string(1, static_cast<char>(reason.size())) + printable(reason);
}

/// Appends a whole SUBSCRIBE command frame, as a subscriber sends it to a 3.1 publisher.
inline void append_subscribe(std::string& out, std::string_view prefix) {
    append_command(out, "SUBSCRIBE", prefix);
}

/// Appends a whole CANCEL command frame, which takes one SUBSCRIBE back.
inline void append_cancel(std::string& out, std::string_view prefix) {
    append_command(out, "CANCEL", prefix);
}

}  // namespace fastqueue::zmtp

// ---- <fastqueue/zmtp/greeting.hpp>

namespace fastqueue::zmtp {

/// Size of a ZMTP 3.x greeting in octets.
inline constexpr std::size_t greeting_bytes = 64;
/// Most octets in the name of a security mechanism.
inline constexpr std::size_t mechanism_name_bytes = 20;

namespace detail {

inline constexpr std::size_t mechanism_offset = 12;
inline constexpr std::size_t as_server_offset = 32;

[[nodiscard]] constexpr unsigned octet(char c) noexcept { return static_cast<unsigned char>(c); }

}  // namespace detail

/// The greeting of a ZMTP 3.1 peer, to be sent whole and at once: a peer that waits for ours before it sends
/// its own, as libzmq does, would wait for ever otherwise.
/// \param mechanism  `NULL`, `PLAIN` or `CURVE`: 1 to 20 octets
/// \param as_server  this side is the server of PLAIN or CURVE
/// \source RFC 37/ZMTP 3.1, "Greeting"
[[nodiscard]] constexpr std::array<char, greeting_bytes> encode_greeting(std::string_view mechanism,
                                                                         bool as_server) noexcept {
    assert(!mechanism.empty() && mechanism.size() <= mechanism_name_bytes);
    std::array<char, greeting_bytes> out{};
    out[0] = '\xff';
    out[8] = 1;  // not significant; libzmq's value where there is no identity
    out[9] = '\x7f';
    out[10] = 3;
    out[11] = 1;
    std::copy(mechanism.begin(), mechanism.end(), out.begin() + detail::mechanism_offset);
    out[detail::as_server_offset] = as_server ? 1 : 0;
    return out;
}

/// Reads a peer's greeting, however it is cut into pieces, and refuses a bad one at its first bad octet.
/// Padding, filler and a version over 3.1 are accepted. Allocates nothing.
class greeting_reader {
public:
    /// \param mechanism  the only mechanism accepted; all 20 octets are compared, the rest must be NUL
    explicit constexpr greeting_reader(std::string_view mechanism) noexcept {
        assert(mechanism.size() <= mechanism_name_bytes);
        std::copy(mechanism.begin(), mechanism.end(), expected_.begin());
    }

    /// Takes octets from the front of `bytes` until the greeting is complete; the rest stays in `bytes`.
    /// \return success (see `complete()`), or, and the connection must be closed,
    ///         errc::bad_greeting              the first octet is not ff: not ZMTP, or ZMTP 1.0
    ///         errc::unsupported_zmtp_version  ZMTP 1.0 or 2.0
    ///         errc::mechanism_mismatch        another mechanism
    [[nodiscard]] std::error_code feed(std::string_view& bytes) noexcept {
        auto const n = std::min(bytes.size(), greeting_bytes - size_);
        std::copy_n(bytes.begin(), n, octets_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += n;
        bytes.remove_prefix(n);
        return check();
    }

    /// All 64 octets are there.
    [[nodiscard]] constexpr bool complete() const noexcept { return size_ == greeting_bytes; }
    /// The peer's major version, 3 or more. After `complete()`.
    [[nodiscard]] constexpr unsigned major_version() const noexcept { return detail::octet(octets_[10]); }
    /// The peer's minor version: 0 means subscriptions in message frames. After `complete()`.
    [[nodiscard]] constexpr unsigned minor_version() const noexcept { return detail::octet(octets_[11]); }
    /// What the peer says of its role; libzmq always says false. After `complete()`.
    [[nodiscard]] constexpr bool as_server() const noexcept { return octets_[detail::as_server_offset] != 0; }

private:
    [[nodiscard]] std::error_code check() const noexcept {
        if (size_ >= 1 && octets_[0] != '\xff') return errc::bad_greeting;
        if (size_ >= 10 && (detail::octet(octets_[9]) & 1U) == 0) return errc::unsupported_zmtp_version;
        if (size_ >= 11 && detail::octet(octets_[10]) < 3) return errc::unsupported_zmtp_version;
        if (size_ <= detail::mechanism_offset) return {};
        auto const named = std::min(size_ - detail::mechanism_offset, mechanism_name_bytes);
        bool const same =
            std::equal(expected_.begin(), expected_.begin() + static_cast<std::ptrdiff_t>(named),
                       octets_.begin() + detail::mechanism_offset);
        return same ? std::error_code{} : errc::mechanism_mismatch;
    }

    std::array<char, greeting_bytes> octets_{};
    std::array<char, mechanism_name_bytes> expected_{};
    std::size_t size_ = 0;
};

}  // namespace fastqueue::zmtp

// ---- <fastqueue/zmtp/heartbeat.hpp>

// ---- <fastqueue/zmtp/limits.hpp>

namespace fastqueue::zmtp {

/// Largest body of a frame that arrives before the handshake is done, in bytes. CURVE's commands fit.
inline constexpr std::uint64_t handshake_frame_bytes = 4096;

/// What one connection takes from its peer and keeps for it. A breach closes the connection.
/// The defaults suit FastQueue's roles; a duration of zero turns that timer off.
struct limits {
    /// Largest frame body, in bytes, received or sent.
    std::uint64_t frame_bytes = (16U << 20U) + (64U << 10U);
    /// Largest sum of the frame bodies of one message, in bytes, received or sent.
    std::uint64_t message_bytes = 64U << 20U;
    /// Most frames in one message, received or sent. Empty frames cost nothing on the wire but memory here.
    std::uint32_t message_frames = 131'080;
    /// Most bytes that may wait in `pending()`: the largest message with its frame headers fits once.
    std::uint64_t send_queue_bytes = 72U << 20U;
    /// From construction (accepted or connected) to READY; trickled octets do not extend it.
    std::chrono::milliseconds handshake_time{30'000};
    /// A PING goes out when nothing was received for so long. Zero: never.
    std::chrono::milliseconds heartbeat_interval{5'000};
    /// The connection ends when after that PING nothing at all was received for so long; any octet counts as
    /// life. Zero: never.
    std::chrono::milliseconds heartbeat_timeout{15'000};
    /// Told to the peer in PING: it may close when it hears nothing for so long. Rounded up to 100 ms, at
    /// most 65.5 s (libzmq multiplies it in 16 bits). Zero: none.
    std::chrono::milliseconds heartbeat_ttl{30'000};
};

}  // namespace fastqueue::zmtp

namespace fastqueue::zmtp {

/// `delay` after `from`, without overflow for delays that mean "never".
[[nodiscard]] constexpr instant later(instant from, std::chrono::milliseconds delay) noexcept {
    constexpr std::chrono::milliseconds ten_years = std::chrono::hours{24 * 3650};
    return saturating_add(from, std::clamp(delay, std::chrono::milliseconds{0}, ten_years));
}

/// When to send PING and when to give a peer up: the timers of one connection after its handshake. Reads no
/// clock; the owner reports what happens and asks what is due.
/// \source RFC 37/ZMTP 3.1, "Connection Heartbeating"
class heartbeat {
public:
    enum class action { none, ping, give_up };

    explicit heartbeat(limits const& limits) noexcept
        : interval_{limits.heartbeat_interval},
          timeout_{limits.heartbeat_timeout},
          own_ttl_{limits.heartbeat_ttl} {}

    /// Something arrived, if only one octet.
    void received(instant now) noexcept {
        last_received_ = now;
        waiting_ = false;
        peer_ttl_ = {};
    }

    /// The peer's PING said that it may be given up when it is silent for `ttl`; any later frame ends that.
    void peer_announced(std::chrono::milliseconds ttl) noexcept { peer_ttl_ = ttl; }

    /// A frame of the peer was complete after its PING.
    void peer_spoke() noexcept { peer_ttl_ = {}; }

    /// Something other than PING was queued for the peer.
    void sent() noexcept { ping_is_last_ = false; }

    /// A PING was queued, or one that was queued before has still not left.
    void pinged(instant now) noexcept {
        if (!waiting_ && now >= later(last_received_, interval_)) {
            waiting_ = true;
            waiting_since_ = now;
        }
        pinged_at_ = now;
        ping_is_last_ = true;
    }

    /// A part of what is queued before the end of the last PING has been written: the peer cannot have
    /// answered yet, but it reads.
    void ping_progressed(instant now) noexcept { waiting_since_ = now; }

    /// When `due()` next says something other than `none`; empty for never.
    [[nodiscard]] std::optional<instant> next() const noexcept {
        auto at = give_up_at();
        if (auto const ping = ping_at(); ping && (!at || *ping < *at)) at = ping;
        return at;
    }

    /// What is due at `now`.
    [[nodiscard]] action due(instant now) const noexcept {
        if (auto const at = give_up_at(); at && now >= *at) return action::give_up;
        if (auto const at = ping_at(); at && now >= *at) return action::ping;
        return action::none;
    }

private:
    using ms = std::chrono::milliseconds;

    [[nodiscard]] std::optional<instant> give_up_at() const noexcept {
        std::optional<instant> at;
        if (peer_ttl_ > ms{0}) at = later(last_received_, peer_ttl_);
        if (waiting_ && timeout_ > ms{0}) {
            auto const silent = later(waiting_since_, timeout_);
            if (!at || silent < *at) at = silent;
        }
        return at;
    }

    [[nodiscard]] std::optional<instant> ping_at() const noexcept {
        if (interval_ <= ms{0}) return std::nullopt;
        std::optional<instant> at;
        if (!waiting_) at = later(last_received_, interval_);
        // Our own PING made the peer wait for another frame of ours; where we only listen, none would come.
        if (ping_is_last_ && own_ttl_ > ms{0}) {
            auto const again = later(pinged_at_, std::max(own_ttl_ / 2, ms{1}));
            if (!at || again < *at) at = again;
        }
        return at;
    }

    ms interval_;
    ms timeout_;
    ms own_ttl_;
    ms peer_ttl_{0};
    instant last_received_{};
    instant waiting_since_{};
    instant pinged_at_{};
    bool waiting_ = false;       // a PING is out and nothing came since
    bool ping_is_last_ = false;  // nothing was sent after our last PING
};

}  // namespace fastqueue::zmtp

// ---- <fastqueue/zmtp/mechanism.hpp>

namespace fastqueue::zmtp {

/// What a mechanism makes of one handshake command.
struct handshake_reply {
    std::error_code error;           ///< set: the connection ends; the mechanism may have appended an ERROR
    bool peer_known = false;         ///< the peer's metadata have come: nothing more is expected from it
    std::string_view peer_metadata;  ///< with `peer_known`: properties; valid until the next call
};

/// How a mechanism shakes hands.
template <class M>
concept shakes_hands = requires(M m, M const c, command const& from_peer, std::string_view text,
                                std::string& out) {
    { M::name } -> std::convertible_to<std::string_view>;
    { c.as_server() }
    noexcept->std::same_as<bool>;
    { m.start(text, out) } -> std::same_as<std::error_code>;
    { m.on_command(from_peer, out) } -> std::same_as<handshake_reply>;
    { m.finish(out) } -> std::same_as<void>;
    { m.refuse(text, out) } -> std::same_as<void>;
};

/// How a mechanism that seals turns frames into others once the handshake is done.
template <class M>
concept seals_frames = requires(M m, std::uint8_t flags, std::uint8_t& plain_flags, std::string_view body,
                                std::string& out) {
    { M::frame_overhead } -> std::convertible_to<std::size_t>;
    { m.encode_frame(flags, body, out) } -> std::same_as<std::error_code>;
    { m.decode_frame(flags, body, plain_flags, out) } -> std::same_as<std::error_code>;
};

/// A ZMTP security mechanism: what is said between the greeting and the first message, and how frames look
/// afterwards. One object serves one connection; it reads no clock and does no I/O.
///
/// expression                   | law
/// M::name                      | the name in the greeting, 1 to 20 octets, upper case
/// M::seals                     | constant; false: frames travel in the clear, and nothing below is called
/// c.as_server()                | the octet in the greeting; a matter of configuration, not of who dialled
/// m.start(metadata, out)       | once, when the peer's greeting is complete; `metadata` are our own
/// properties,
///                              | to be kept if they are sent later. Appends whole frames to `out`
/// m.on_command(command, out)   | each command from the peer but ERROR, until `peer_known`. A command that is
///                              | unknown or out of turn is errc::bad_command. Appends whole frames
/// m.finish(out)                | once, when the connection has accepted the peer's metadata: what is still
/// to
///                              | be said (PLAIN's and CURVE's READY from the server). Then traffic begins
/// m.refuse(reason, out)        | instead of finish(): appends an ERROR in the mechanism's own spelling
/// M::frame_overhead            | octets by which a sealed body is longer than the plain one, at most
/// m.encode_frame(f, body, out) | appends one whole sealed frame; `f` is of `frame_flag` (MORE, COMMAND)
/// m.decode_frame(f, body, p, out) | opens a frame's body: appends the plain octets (at most as many as
/// `body`
///                              | has) to `out` and sets `p` to the plain flags (MORE, COMMAND)
///
/// The library promises one thread at a time and the order above; after an error no further call.
template <class M>
concept mechanism = std::move_constructible<M> && shakes_hands<M> && requires {
    { M::seals } -> std::convertible_to<bool>;
} &&(!M::seals || seals_frames<M>);

/// No security: both sides send READY as soon as they have the other's greeting.
/// \source RFC 37/ZMTP 3.1, "The NULL Security Mechanism"
struct null_mechanism {
    static constexpr std::string_view name = "NULL";
    static constexpr bool seals = false;

    [[nodiscard]] bool as_server() const noexcept { return false; }

    [[nodiscard]] std::error_code start(std::string_view metadata, std::string& out) {
        append_command(out, "READY", metadata);
        return {};
    }

    [[nodiscard]] handshake_reply on_command(command const& from_peer, std::string&) {
        if (from_peer.name != "READY") return {errc::bad_command, false, {}};
        return {{}, true, from_peer.data};
    }

    void finish(std::string&) {}

    void refuse(std::string_view reason, std::string& out) {
        append_command(out, "ERROR", error_data(reason));
    }
};

static_assert(mechanism<null_mechanism>);

}  // namespace fastqueue::zmtp

// ---- <fastqueue/zmtp/message_reader.hpp>

// ---- <fastqueue/zmtp/slack.hpp>

namespace fastqueue::zmtp::detail {

// Whether a buffer that is kept between uses is worth keeping. A large one is a new mapping each time it is made, and its
// pages cost more than what is copied into them; so it stays with who is busy, and goes back after some uses that needed
// little of it.
class slack {
public:
    static constexpr std::size_t busy_bytes = 4U << 20U;  // a larger one is never kept
    static constexpr std::size_t small_bytes = 4096;      // a smaller one always

    // It was used, and is empty now. Returns whether to give it back.
    [[nodiscard]] bool after_use(std::size_t used, std::size_t capacity) noexcept {
        if (capacity <= small_bytes) return false;
        most_ = std::max(most_, used);
        if (capacity > busy_bytes) return start();
        if (++uses_ < window) return false;
        bool const idle = most_ < capacity / 4;
        start();
        return idle;
    }

private:
    static constexpr std::uint32_t window = 64;

    bool start() noexcept {
        most_ = 0;
        uses_ = 0;
        return true;
    }

    std::size_t most_ = 0;  // that was used of it
    std::uint32_t uses_ = 0;
};

}  // namespace fastqueue::zmtp::detail

namespace fastqueue::zmtp::detail {

// Turns octets into commands and whole messages. Complete messages are views into the caller's octets; only
// an unfinished one is copied inside, growing with what came. Each octet is copied at most once (amortised)
// and looked at once, whatever the pieces.
//
// The handler has `errc command(std::string_view body)` and `errc message(std::span<std::string_view
// const>)`; an errc other than zero ends it all.
template <mechanism Mechanism>
class message_reader {
public:
    explicit message_reader(limits const& limits) noexcept
        : frame_bytes_{limits.frame_bytes},
          message_bytes_{limits.message_bytes},
          message_frames_{limits.message_frames} {}

    message_reader(message_reader const&) = delete;  // frames_ may point into tail_'s own small buffer
    message_reader& operator=(message_reader const&) = delete;

    // The handshake is done: messages are welcome now, and sealed where the mechanism seals.
    void open() noexcept { open_ = true; }

    template <class Handler>
    [[nodiscard]] errc feed(std::string_view bytes, Mechanism& mechanism, Handler& handler) {
        while (!bytes.empty()) {
            auto const result = tail_.empty() ? read_in_place(bytes, mechanism, handler)
                                              : read_tail(bytes, mechanism, handler);
            if (result != errc{}) return result;
        }
        if (tail_.empty()) give_back();
        return errc{};
    }
    // Nothing has come for a while: nothing is kept for what may come next.
    void rest() noexcept {
        if (tail_.empty()) std::string{}.swap(tail_);
        if (plain_.empty()) std::string{}.swap(plain_);
        if (frames_.empty()) std::vector<std::string_view>{}.swap(frames_);
    }

    // The last octet that came was the last one of a command: nothing of another frame came behind it.
    [[nodiscard]] bool ends_in_command() const noexcept { return command_last_ && tail_.size() <= partial_; }

    void drop_all() noexcept {
        std::vector<std::string_view>{}.swap(frames_);
        std::string{}.swap(tail_);
        std::string{}.swap(plain_);
    }

    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return held(tail_) + held(plain_) + frames_.capacity() * sizeof(std::string_view);
    }

private:
    static constexpr std::size_t kept_frames = slack::small_bytes / sizeof(std::string_view);

    [[nodiscard]] std::uint64_t frame_limit() const noexcept {
        if (!open_) return handshake_frame_bytes;
        if constexpr (Mechanism::seals) {
            return frame_bytes_ + Mechanism::frame_overhead;
        } else {
            return frame_bytes_;
        }
    }

    // Whether a frame with this header may come, before anything is kept of its body.
    [[nodiscard]] errc header(std::string_view in, frame_header& out) const noexcept {
        auto const result = read_header(in, frame_limit(), out);
        if (result != errc{}) return result;
        if (!open_) return out.command() ? errc{} : errc::bad_command;
        return Mechanism::seals || out.command() ? errc{} : admit(out.body_bytes);
    }

    [[nodiscard]] errc admit(std::uint64_t body_bytes) const noexcept {
        if (body_bytes > frame_bytes_) return errc::frame_too_large;
        if (body_bytes > message_bytes_ - size_) return errc::message_too_large;
        return frames_.size() < message_frames_ ? errc{} : errc::too_many_frames;
    }

    template <class Handler>
    [[nodiscard]] errc read_in_place(std::string_view& bytes, Mechanism& mechanism, Handler& handler) {
        while (!bytes.empty()) {
            frame_header next;
            auto result = header(bytes, next);
            if (result == errc{} && bytes.size() - next.header_bytes < next.body_bytes)
                result = errc::need_more;
            if (result == errc::need_more) break;
            if (result != errc{}) return result;
            auto const body = bytes.substr(next.header_bytes, static_cast<std::size_t>(next.body_bytes));
            bytes.remove_prefix(next.header_bytes + body.size());
            result = take(next, body, mechanism, handler);
            if (result != errc{}) return result;
        }
        keep(bytes);
        bytes = {};
        return errc{};
    }

    // The views are into the caller's memory: what is unfinished moves inside.
    void keep(std::string_view rest) {
        partial_ = 0;
        if constexpr (!Mechanism::seals) {
            make_room(tail_, static_cast<std::size_t>(size_) + rest.size());
            for (auto& frame : frames_) {
                tail_.append(frame);
                frame = frame.empty() ? std::string_view{}
                                      : std::string_view{tail_}.substr(tail_.size() - frame.size());
            }
            partial_ = tail_.size();
        }
        append(tail_, rest);
    }

    // tail_ holds the finished frames of the message and then a part of one frame, from partial_ on.
    template <class Handler>
    [[nodiscard]] errc read_tail(std::string_view& bytes, Mechanism& mechanism, Handler& handler) {
        while (true) {
            auto const have = std::string_view{tail_}.substr(partial_);
            frame_header next;
            auto const result = header(have, next);
            if (result != errc{} && result != errc::need_more) return result;
            auto const whole = result == errc{}
                                   ? next.header_bytes + static_cast<std::size_t>(next.body_bytes)
                                   : header_bytes_of(have);
            auto const missing = whole - have.size();
            auto const piece = bytes.substr(0, missing);
            make_room(tail_, piece.size(), missing);
            tail_.append(piece);
            bytes.remove_prefix(piece.size());
            if (piece.size() < missing) return errc{};
            if (result == errc::need_more) continue;
            auto const error = take_from_tail(next, mechanism, handler);
            if (error != errc{} || tail_.empty() || bytes.empty()) return error;
        }
    }

    template <class Handler>
    [[nodiscard]] errc take_from_tail(frame_header const& next, Mechanism& mechanism, Handler& handler) {
        auto const body = std::string_view{tail_}.substr(partial_ + next.header_bytes);
        auto const frames = frames_.size();
        auto const result = take(next, body, mechanism, handler);
        if (result != errc{}) return result;
        if (frames_.empty()) partial_ = 0;
        if (frames_.size() > frames && !Mechanism::seals) {
            partial_ = tail_.size();
        } else if (partial_ > 0) {
            tail_.resize(partial_);  // a command leaves no trace
        } else {
            used_ = std::max(used_, tail_.size());
            tail_.clear();  // all is done, or what was opened is in plain_
        }
        return errc{};
    }

    template <class Handler>
    [[nodiscard]] errc take(frame_header const& next, std::string_view body, Mechanism& mechanism,
                            Handler& handler) {
        if (!open_) return give_command(body, handler);
        if constexpr (Mechanism::seals) {
            return unseal(next.flags, body, mechanism, handler);
        } else {
            return next.command() ? give_command(body, handler) : add_frame(next.more(), body, handler);
        }
    }

    template <class Handler>
    [[nodiscard]] errc unseal(std::uint8_t flags, std::string_view body, Mechanism& mechanism,
                              Handler& handler) {
        auto const before = plain_.size();
        make_room(plain_, body.size());
        std::uint8_t plain_flags = 0;
        if (auto const error = mechanism.decode_frame(flags, body, plain_flags, plain_)) {
            return error.category() == category() ? static_cast<errc>(error.value()) : errc::bad_command;
        }
        assert(plain_.size() - before <= body.size());
        if (!legal_flags(plain_flags)) return errc::reserved_flag_set;
        auto const plain = std::string_view{plain_}.substr(before);
        if ((plain_flags & frame_flag::command) != 0) {
            auto const result = give_command(plain, handler);
            plain_.resize(before);
            return result;
        }
        auto const result = admit(plain.size());
        return result == errc{} ? add_frame((plain_flags & frame_flag::more) != 0, plain, handler) : result;
    }

    template <class Handler>
    [[nodiscard]] errc give_command(std::string_view body, Handler& handler) {
        command_last_ = true;
        return handler.command(body);
    }

    template <class Handler>
    [[nodiscard]] errc add_frame(bool more, std::string_view body, Handler& handler) {
        command_last_ = false;
        frames_.push_back(body);
        size_ += body.size();
        if (more) return errc{};
        auto const result = handler.message(std::span<std::string_view const>{frames_});
        size_ = 0;
        frames_.clear();
        if (frames_.capacity() > kept_frames) std::vector<std::string_view>{}.swap(frames_);
        if constexpr (Mechanism::seals) {
            used_ = std::max(used_, plain_.size());
            plain_.clear();
        }
        return result;
    }

    void give_back() noexcept {
        if (slack_.after_use(used_, std::max(tail_.capacity(), plain_.capacity()))) rest();
        used_ = 0;
    }

    void append(std::string& buffer, std::string_view piece) {
        make_room(buffer, piece.size());
        buffer.append(piece);
    }

    // Grows by doubling, or at once to what was announced if that is at most four times what came; and takes the views of the
    // unfinished message along.
    void make_room(std::string& buffer, std::size_t room, std::size_t announced = 0) {
        if (buffer.capacity() - buffer.size() >= room) return;
        auto const have = buffer.size() + room;
        bool const believed = announced > room && buffer.size() + announced <= 4 * have;
        std::string bigger;
        bigger.reserve(believed ? buffer.size() + announced : std::max(have, 2 * buffer.capacity()));
        bigger.append(buffer);
        auto const inside = [&](std::string_view v) { return !v.empty() && is_in(buffer, v); };
        for (auto& frame : frames_) {
            if (inside(frame)) frame = {bigger.data() + (frame.data() - buffer.data()), frame.size()};
        }
        buffer.swap(bigger);
    }

    [[nodiscard]] static bool is_in(std::string const& buffer, std::string_view v) noexcept {
        std::less_equal<char const*> const before;
        return before(buffer.data(), v.data()) && before(v.data() + v.size(), buffer.data() + buffer.size());
    }

    [[nodiscard]] static std::size_t held(std::string const& s) noexcept {
        return s.capacity() > std::string{}.capacity() ? s.capacity() + 1 : 0;
    }

    std::uint64_t frame_bytes_;
    std::uint64_t message_bytes_;
    std::uint64_t message_frames_;
    std::uint64_t size_ = 0;  // sum of frames_
    std::vector<std::string_view> frames_;
    std::string tail_;
    std::string plain_;  // opened frames of the unfinished message, where the mechanism seals
    slack slack_;
    std::size_t used_ = 0;     // of the buffers, by what came last
    std::size_t partial_ = 0;  // of tail_: where the unfinished frame begins
    bool open_ = false;
    bool command_last_ = false;  // the last whole frame was a command
};

}  // namespace fastqueue::zmtp::detail

// ---- <fastqueue/zmtp/metadata.hpp>

namespace fastqueue::zmtp {

/// Most octets of metadata that are read.
inline constexpr std::size_t metadata_bytes_limit = 4096;
/// Most octets in the `Identity` of a peer.
inline constexpr std::size_t identity_bytes_limit = 255;

/// Appends one property: `nl name(nl) vl(4, big endian) value(vl)`.
/// \param name   1 to 255 octets of letters, digits, `-`, `_`, `.`, `+`
/// \param value  at most 2^31 - 1 octets
/// \source RFC 37/ZMTP 3.1, "Metadata"
inline void append_property(std::string& out, std::string_view name, std::string_view value) {
    assert(!name.empty() && name.size() <= 255 && value.size() <= 0x7fffffff);
    out.push_back(static_cast<char>(name.size()));
    out.append(name);
    for (int shift = 24; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(value.size() >> shift & 0xffU));
    out.append(value);
}

/// Whether two property names are the same: case does not count.
[[nodiscard]] constexpr bool same_name(std::string_view a, std::string_view b) noexcept {
    auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

namespace detail {

[[nodiscard]] constexpr bool is_property_name(std::string_view name) noexcept {
    for (char const c : name) {
        bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool const other = (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '+';
        if (!letter && !other) return false;
    }
    return !name.empty();
}

// Cuts one property from the front of `in`; false if it is malformed.
[[nodiscard]] constexpr bool take_property(std::string_view& in, std::string_view& name,
                                           std::string_view& value) noexcept {
    auto const name_bytes = static_cast<std::size_t>(static_cast<unsigned char>(in[0]));
    if (in.size() - 1 < name_bytes + 4) return false;
    name = in.substr(1, name_bytes);
    in.remove_prefix(1 + name_bytes);
    std::uint32_t value_bytes = 0;
    for (std::size_t i = 0; i < 4; ++i) value_bytes = value_bytes << 8U | static_cast<unsigned char>(in[i]);
    in.remove_prefix(4);
    if (value_bytes > in.size()) return false;
    value = in.substr(0, value_bytes);
    in.remove_prefix(value_bytes);
    return is_property_name(name);
}

}  // namespace detail

/// Calls `visit(name, value)` for each property of `in`, in order; the views are into `in`. Strict: every
/// octet must belong to a property. Allocates nothing. \return success, or errc::bad_metadata: malformed
/// (what came before has been visited), or over 4096 octets
template <class Visitor>
[[nodiscard]] std::error_code for_each_property(std::string_view in, Visitor&& visit) {
    if (in.size() > metadata_bytes_limit) return errc::bad_metadata;
    while (!in.empty()) {
        std::string_view name;
        std::string_view value;
        if (!detail::take_property(in, name, value)) return errc::bad_metadata;
        visit(name, value);
    }
    return {};
}

/// The properties that a connection looks at. The views are into what was parsed.
struct peer_properties {
    std::optional<std::string_view> socket_type;  ///< as the peer spelt it
    std::string_view identity;                    ///< empty where the peer sent none
};

/// Whether `identity` can be a peer's: at most 255 octets, and not beginning with NUL, which marks the ids
/// that a ROUTER makes up itself.
[[nodiscard]] constexpr bool legal_identity(std::string_view identity) noexcept {
    return identity.size() <= identity_bytes_limit && (identity.empty() || identity[0] != '\0');
}

/// Reads a peer's metadata. Names in any case, unknown ones skipped.
/// \param[out] out  written on success only
/// \return success, or errc::bad_metadata: malformed, an illegal identity, or one of the two named twice
[[nodiscard]] inline std::error_code read_properties(std::string_view in, peer_properties& out) noexcept {
    std::optional<std::string_view> type;
    std::optional<std::string_view> identity;
    bool twice = false;
    auto const keep = [&twice](std::optional<std::string_view>& slot, std::string_view value) {
        twice = twice || slot.has_value();
        slot = value;
    };
    auto const error = for_each_property(in, [&](std::string_view name, std::string_view value) {
        if (same_name(name, "Socket-Type")) keep(type, value);
        if (same_name(name, "Identity")) keep(identity, value);
    });
    if (error) return error;
    if (twice || !legal_identity(identity.value_or(""))) return errc::bad_metadata;
    out = {type, identity.value_or("")};
    return {};
}

}  // namespace fastqueue::zmtp

// ---- <fastqueue/zmtp/output_queue.hpp>

namespace fastqueue::zmtp {

/// Octets that wait to be written to a peer. What `pending()` has shown stays where it is until `consumed()`,
/// whatever is appended meanwhile, so that a write may be under way during it. One thread at a time.
class output_queue {
public:
    /// What to write next, from the front. Empty only if nothing waits. There may be more behind it.
    [[nodiscard]] std::string_view pending() const noexcept {
        shown_ = front_.size() > offset_;
        return std::string_view{front_}.substr(offset_);
    }

    /// Removes `n` octets from the front of `pending()`. O(1) amortised. A connection that is busy keeps its memory, up to 4 MiB.
    void consumed(std::size_t n) noexcept {
        assert(n <= front_.size() - offset_);
        shown_ = false;
        offset_ += n;
        consumed_ += n;
        if (offset_ == front_.size()) {
            drained();
        } else if (offset_ >= compact_bytes && offset_ >= front_.size() - offset_) {
            front_.erase(0, offset_);
            offset_ = 0;
        }
    }

    /// The string to append to, with room for `n` more octets, so that appending them cannot throw.
    [[nodiscard]] std::string& with_room(std::size_t n) {
        auto& tail = shown_ || !back_.empty() ? back_ : front_;
        if (tail.capacity() - tail.size() < n) tail.reserve(std::max(tail.size() + n, 2 * tail.capacity()));
        return tail;
    }

    /// `n` octets, which go before all that waits, went to the peer without waiting here. Gives memory back where nothing waits.
    void passed_by(std::size_t n) noexcept {
        consumed_ += n;
        if (size() == 0) drained();
    }

    /// Nothing was sent for a while: nothing is kept for what may follow.
    void rest() noexcept {
        if (front_.empty()) std::string{}.swap(front_);
        if (back_.empty()) std::string{}.swap(back_);
    }

    /// Octets that wait.
    [[nodiscard]] std::size_t size() const noexcept { return front_.size() - offset_ + back_.size(); }
    /// The stream position behind the last octet appended; the first octet ever has position 0.
    [[nodiscard]] std::uint64_t end() const noexcept { return consumed_ + size(); }
    /// The stream position of the next octet to be written.
    [[nodiscard]] std::uint64_t begin() const noexcept { return consumed_; }
    /// Memory held, in bytes.
    [[nodiscard]] std::size_t memory_bytes() const noexcept { return held(front_) + held(back_); }

private:
    static constexpr std::size_t compact_bytes = 64U << 10U;

    [[nodiscard]] static std::size_t held(std::string const& s) noexcept {
        return s.capacity() > std::string{}.capacity() ? s.capacity() + 1 : 0;
    }

    void drained() noexcept {
        offset_ = 0;
        auto const used = front_.size();
        front_.clear();
        if (!back_.empty()) std::swap(front_, back_);
        auto const capacity = std::max(front_.capacity(), back_.capacity());
        if (slack_.after_use(used, capacity)) rest();
    }

    std::string front_;
    std::string back_;        // what came while front_ was shown
    std::size_t offset_ = 0;  // of front_: written already
    std::uint64_t consumed_ = 0;
    detail::slack slack_;
    mutable bool shown_ = false;
};

}  // namespace fastqueue::zmtp

// ---- <fastqueue/zmtp/socket_type.hpp>

namespace fastqueue::zmtp {

/// The ZeroMQ socket types of the stable patterns.
/// \source RFC 28 to 31
enum class socket_type : std::uint8_t { req, rep, dealer, router, pub, sub, xpub, xsub, push, pull, pair };

namespace detail {

struct socket_type_entry {
    std::string_view name;
    std::uint16_t partners;  // bit n: may talk to the type with value n
    bool tells_identity;
};

[[nodiscard]] constexpr std::uint16_t bit(socket_type type) noexcept {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(type));
}

template <class... Types>
[[nodiscard]] constexpr std::uint16_t bits(Types... types) noexcept {
    return static_cast<std::uint16_t>((0U | ... | bit(types)));
}

// In the order of the enumeration.
inline constexpr std::array<socket_type_entry, 11> socket_types{{
    {"REQ", bits(socket_type::rep, socket_type::router), true},
    {"REP", bits(socket_type::req, socket_type::dealer), false},
    {"DEALER", bits(socket_type::rep, socket_type::dealer, socket_type::router), true},
    {"ROUTER", bits(socket_type::req, socket_type::dealer, socket_type::router), true},
    {"PUB", bits(socket_type::sub, socket_type::xsub), false},
    {"SUB", bits(socket_type::pub, socket_type::xpub), false},
    {"XPUB", bits(socket_type::sub, socket_type::xsub), false},
    {"XSUB", bits(socket_type::pub, socket_type::xpub), false},
    {"PUSH", bits(socket_type::pull), false},
    {"PULL", bits(socket_type::push), false},
    {"PAIR", bits(socket_type::pair), false},
}};

[[nodiscard]] constexpr socket_type_entry const& entry_of(socket_type type) noexcept {
    return socket_types[static_cast<std::size_t>(type)];
}

}  // namespace detail

/// The value of the `Socket-Type` property, upper case.
[[nodiscard]] constexpr std::string_view name_of(socket_type type) noexcept {
    return detail::entry_of(type).name;
}

/// The type whose name is exactly `name` (upper case, as RFC 37 has it); empty for any other text.
[[nodiscard]] constexpr std::optional<socket_type> socket_type_from_name(std::string_view name) noexcept {
    for (std::size_t i = 0; i < detail::socket_types.size(); ++i) {
        if (detail::socket_types[i].name == name) return static_cast<socket_type>(i);
    }
    return std::nullopt;
}

/// Whether a socket of type `a` may be connected to one of type `b`. Symmetric.
[[nodiscard]] constexpr bool legal_pair(socket_type a, socket_type b) noexcept {
    return (detail::entry_of(a).partners & detail::bit(b)) != 0;
}

/// Whether sockets of this type send the `Identity` property, empty or not, as libzmq's do.
[[nodiscard]] constexpr bool tells_identity(socket_type type) noexcept {
    return detail::entry_of(type).tells_identity;
}

}  // namespace fastqueue::zmtp

namespace fastqueue::zmtp {

/// What a connection says of itself, and what it accepts.
struct connection_options {
    socket_type type = socket_type::dealer;
    bool accepted = false;  ///< the peer dialled us; for the owner's own use, the protocol is the same
    std::string identity;   ///< told to the peer by REQ, DEALER and ROUTER; at most 255 octets, not NUL first
    zmtp::limits limits;
};

/// One ZMTP 3.1 connection without its socket and clock: octets and time go in, messages and octets come out.
///
/// The owner gives what it has read to `receive()`, writes `pending()` and reports that to `consumed()`, and
/// calls `tick()` at `next_deadline()`. After the first error the connection is dead: write what is pending
/// (it may hold an ERROR for the peer) and close. One thread at a time. Not movable; no call may be made from
/// within another but `send()` and the observers from within a sink. Exceptions: std::bad_alloc, and what the
/// sink throws; the connection can only be destroyed then.
///
/// A sink has `ready()` and `message(std::span<std::string_view const> frames)`; the views live only during
/// the call.
/// \tparam Mechanism  security: see the concept `mechanism`
/// \source RFC 37/ZMTP 3.1
template <mechanism Mechanism = null_mechanism>
class basic_connection {
public:
    /// Queues the greeting. The handshake's time runs from `now`.
    /// \throws fastqueue::error  errc::bad_option: the identity is too long or begins with NUL
    basic_connection(connection_options options, instant now, Mechanism mechanism = {})
        : options_{std::move(options)},
          mechanism_{std::move(mechanism)},
          greeting_{Mechanism::name},
          reader_{options_.limits},
          heartbeat_{options_.limits},
          created_{now} {
        if (!legal_identity(options_.identity)) {
            throw error{errc::bad_option,
                        "a ZMTP identity has at most 255 octets and does not begin with NUL"};
        }
        auto const greeting = encode_greeting(Mechanism::name, mechanism_.as_server());
        output_.with_room(greeting.size()).append(greeting.data(), greeting.size());
    }

    basic_connection(basic_connection const&) = delete;
    basic_connection& operator=(basic_connection const&) = delete;
    ~basic_connection() = default;

    /// Takes octets that have arrived, any number of them. Calls `sink.ready()` once, when the handshake is
    /// done, and `sink.message(frames)` for each complete message. Complete messages are views into `bytes`;
    /// only an unfinished one is copied, to a buffer of at most four times what came, whatever size is announced.
    /// \return success, or why the connection is dead (the same again for a dead one):
    ///         errc::bad_greeting, unsupported_zmtp_version, mechanism_mismatch, reserved_flag_set,
    ///         frame_too_large, message_too_large, too_many_frames, bad_command, bad_metadata,
    ///         socket_type_mismatch, peer_error, or an error of the mechanism; `error_text()` says more
    template <class Sink>
    [[nodiscard]] std::error_code receive(std::string_view bytes, instant now, Sink&& sink) {
        if (state_ == state::dead || bytes.empty()) return error_;
        heartbeat_.received(now);
        if (state_ == state::greeting) {
            if (auto const failure = read_greeting(bytes)) return fail(failure);
        }
        handler<std::remove_reference_t<Sink>> to_sink{*this, sink};
        auto const failure = reader_.feed(bytes, mechanism_, to_sink);
        if (failure == errc{}) {
            // As if what followed a PING had come in a piece of its own: half a frame, or one with MORE.
            if (!reader_.ends_in_command()) heartbeat_.peer_spoke();
            return {};
        }
        reader_.drop_all();
        return fail(failure);
    }

    /// Queues one message of one frame or more; all of it or nothing.
    /// \return success, or, with nothing queued,
    ///         errc::connection_lost    not `ready()`: before the handshake's end, or dead
    ///         errc::message_too_large  over `frame_bytes`, `message_bytes` or `message_frames`, or no frame
    ///         errc::send_queue_full    `pending()` would grow over `send_queue_bytes`
    ///         or an error of the mechanism, and then the connection is dead
    /// \complexity one append to the output; no allocation while the buffer's capacity serves
    [[nodiscard]] std::error_code send(std::span<std::string_view const> frames) {
        if (state_ != state::ready) return errc::connection_lost;
        auto const size = encoded_bytes(frames);
        if (size == 0) return errc::message_too_large;
        auto const waiting = output_.size();
        auto const limit = options_.limits.send_queue_bytes;
        if (size > limit || waiting > limit - size) return errc::send_queue_full;
        auto& out = output_.with_room(size);
        for (std::size_t i = 0; i < frames.size(); ++i) {
            auto const flags = i + 1 < frames.size() ? frame_flag::more : std::uint8_t{0};
            if (auto const failure = write_frame(out, flags, frames[i])) return fail(failure);
        }
        heartbeat_.sent();
        return {};
    }

    /// The same for a transport that can write now: where nothing waits and the mechanism does not seal, a large message is
    /// offered before any of it is copied.
    /// \param write  called at most once, as `write(std::span<std::string_view const> parts)`; returns how many octets of them
    ///               were written, from the front: 0 if none can be now
    template <class Write>
    [[nodiscard]] std::error_code send(std::span<std::string_view const> frames, Write&& write) {
        constexpr std::size_t large = 64U << 10U;
        if constexpr (!Mechanism::seals) {
            bool const free = state_ == state::ready && output_.size() == 0;
            if (free && frames.size() == 1 && frames[0].size() >= large) {
                auto const size = encoded_bytes(frames);
                if (size != 0 && size <= options_.limits.send_queue_bytes) return send_past(frames[0], write);
            }
        }
        return send(frames);
    }

    /// What to write to the peer, from the front; there may be more behind it. Empty only if nothing waits.
    /// The view stays valid until `consumed()`, whatever is sent or received meanwhile.
    [[nodiscard]] std::string_view pending() const noexcept { return output_.pending(); }

    /// All octets that wait to be written: those of `pending()` and what is behind them.
    [[nodiscard]] std::uint64_t queued() const noexcept { return output_.size(); }

    /// The first `n` octets of `pending()` have been written. O(1) amortised; gives memory back after a
    /// burst.
    void consumed(std::size_t n, instant now) {
        if (n == 0) return;
        bool const ping_inside = output_.begin() < ping_end_;
        output_.consumed(n);
        if (ping_inside) heartbeat_.ping_progressed(now);
        if (pong_waits_ && output_.begin() >= pong_end_ && state_ == state::ready) {
            pong_waits_ = false;
            if (auto const failure = write_pong({waiting_pong_.data(), waiting_pong_size_})) fail(failure);
        }
    }

    /// When `tick()` next has work: the handshake's end, a PING, the heartbeat's limit, the peer's TTL.
    [[nodiscard]] std::optional<instant> next_deadline() const noexcept {
        if (state_ == state::ready) return heartbeat_.next();
        auto const limit = options_.limits.handshake_time;
        if (state_ == state::dead || limit.count() <= 0) return std::nullopt;
        return later(created_, limit);
    }

    /// Does what is due. May be called at any time.
    /// \return success (a PING may have been queued), or why the connection is dead:
    ///         errc::handshake_timeout, errc::heartbeat_timeout, an error of the mechanism, or an earlier one
    [[nodiscard]] std::error_code tick(instant now) {
        if (state_ == state::dead) return error_;
        auto const due = next_deadline();
        if (!due || now < *due) return {};
        if (state_ != state::ready) return fail(errc::handshake_timeout);
        if (heartbeat_.due(now) == heartbeat::action::give_up) return fail(errc::heartbeat_timeout);
        return ping_peer(now);
    }

    /// The handshake is done and the connection is not dead: `send()` works.
    [[nodiscard]] bool ready() const noexcept { return state_ == state::ready; }
    /// The peer's socket type. After `ready()`.
    [[nodiscard]] socket_type peer_type() const noexcept { return peer_type_; }
    /// The peer's identity, empty where it has none. After `ready()`.
    [[nodiscard]] std::string_view peer_identity() const noexcept { return peer_identity_; }
    /// Why the connection is dead: what the peer's ERROR said, or what was found wrong. One line of printable
    /// ASCII; empty for a living one.
    [[nodiscard]] std::string_view error_text() const noexcept { return error_text_; }
    /// Memory held for input and output, in bytes.
    [[nodiscard]] std::size_t buffered_bytes() const noexcept {
        return reader_.memory_bytes() + output_.memory_bytes();
    }
    /// What the connection was made with.
    [[nodiscard]] connection_options const& options() const noexcept { return options_; }
    /// The security mechanism, for what it knows of the peer (a user, a key).
    [[nodiscard]] Mechanism const& security() const noexcept { return mechanism_; }

private:
    enum class state : std::uint8_t { greeting, handshake, ready, dead };

    // What the reader calls: it lives for one receive().
    template <class Sink>
    struct handler {
        basic_connection& self;
        Sink& sink;

        errc command(std::string_view body) {
            if (self.state_ == state::ready) return to_errc(self.traffic_command(body));
            if (auto const failure = self.handshake_command(body)) return to_errc(failure);
            if (self.state_ == state::ready) sink.ready();
            return self.outcome();
        }

        errc message(std::span<std::string_view const> frames) {
            self.heartbeat_.peer_spoke();
            sink.message(frames);
            return self.outcome();
        }
    };

    // An error that happened inside the sink's own calls ends receive() too.
    [[nodiscard]] errc outcome() const noexcept { return state_ == state::dead ? to_errc(error_) : errc{}; }

    [[nodiscard]] static errc to_errc(std::error_code e) noexcept {
        if (!e) return errc{};
        return e.category() == category() ? static_cast<errc>(e.value()) : errc::bad_command;
    }

    [[nodiscard]] std::error_code read_greeting(std::string_view& bytes) {
        if (auto const failure = greeting_.feed(bytes)) return failure;
        if (!greeting_.complete()) return {};
        state_ = state::handshake;
        std::string metadata;
        append_property(metadata, "Socket-Type", name_of(options_.type));
        if (tells_identity(options_.type)) append_property(metadata, "Identity", options_.identity);
        return mechanism_.start(metadata, output_.with_room(metadata.size()));
    }

    [[nodiscard]] std::error_code handshake_command(std::string_view body) {
        zmtp::command parsed;
        if (auto const failure = parse_command(body, parsed)) return failure;
        if (parsed.name == "ERROR") return refused_by_peer(parsed.data);
        auto const reply = mechanism_.on_command(parsed, output_.with_room(0));
        if (reply.error || !reply.peer_known) return reply.error;
        if (auto const failure = check_peer(reply.peer_metadata)) {
            mechanism_.refuse(error_text_, output_.with_room(0));
            return failure;
        }
        mechanism_.finish(output_.with_room(0));
        state_ = state::ready;
        reader_.open();
        return {};
    }

    [[nodiscard]] std::error_code check_peer(std::string_view metadata) {
        peer_properties peer;
        if (auto const failure = read_properties(metadata, peer)) {
            return explain(failure, "malformed metadata, or an illegal Identity");
        }
        if (!peer.socket_type) return explain(errc::bad_metadata, "Socket-Type is missing");
        auto const type = socket_type_from_name(*peer.socket_type);
        if (!type || !legal_pair(options_.type, *type)) {
            return explain(errc::socket_type_mismatch, std::string{name_of(options_.type)} +
                                                           " does not talk to " +
                                                           printable(peer.socket_type->substr(0, 20)));
        }
        peer_type_ = *type;
        peer_identity_ = peer.identity;
        return {};
    }

    [[nodiscard]] std::error_code traffic_command(std::string_view body) {
        heartbeat_.peer_spoke();
        zmtp::command parsed;
        if (auto const failure = parse_command(body, parsed)) return failure;
        if (parsed.name == "PING") return answer_ping(parsed.data);
        if (parsed.name == "ERROR") return refused_by_peer(parsed.data);
        return {};  // PONG, SUBSCRIBE, CANCEL, and what a later version may bring
    }

    [[nodiscard]] std::error_code refused_by_peer(std::string_view data) {
        auto const reason = error_reason(data);
        return explain(errc::peer_error, reason.empty() ? "the peer sent ERROR" : reason);
    }

    // A peer that sends PING and does not read gets one PONG, and then one more for the last PING.
    [[nodiscard]] std::error_code answer_ping(std::string_view data) {
        ping parsed;
        if (auto const failure = parse_ping(data, parsed))
            return explain(failure, "a PING of illegal length");
        heartbeat_.peer_announced(parsed.ttl);
        if (output_.begin() >= pong_end_) return write_pong(parsed.context);
        pong_waits_ = true;
        waiting_pong_size_ = parsed.context.copy(waiting_pong_.data(), waiting_pong_.size());
        return {};
    }

    [[nodiscard]] std::error_code write_pong(std::string_view context) {
        std::string body;
        append_pong_body(body, context);
        auto const failure = write_command(body);
        pong_end_ = output_.end();
        heartbeat_.sent();
        return failure;
    }

    [[nodiscard]] std::error_code ping_peer(instant now) {
        reader_.rest();
        output_.rest();
        std::error_code failure;
        if (output_.begin() >= ping_end_) {  // else the last one still waits, and says as much
            std::string body;
            append_ping_body(body, options_.limits.heartbeat_ttl);
            failure = write_command(body);
            ping_end_ = output_.end();
        }
        heartbeat_.pinged(now);
        return failure ? fail(failure) : failure;
    }

    template <class Write>
    [[nodiscard]] std::error_code send_past(std::string_view body, Write&& write) {
        std::string head;
        append_header(head, 0, body.size());
        std::array<std::string_view, 2> const parts{head, body};
        auto& out =
            output_.with_room(head.size() + body.size());  // or, thrown later, half a frame would have left
        auto const written = write(std::span<std::string_view const>{parts});
        if (written < head.size()) out.append(head, written);
        out.append(body.substr(written - std::min(written, head.size())));
        output_.passed_by(written);
        heartbeat_.sent();
        return {};
    }
    [[nodiscard]] std::error_code write_command(std::string_view body) {
        auto& out = output_.with_room(largest_header_bytes + body.size() + overhead());
        return write_frame(out, frame_flag::command, body);
    }

    [[nodiscard]] std::error_code write_frame(std::string& out, std::uint8_t flags, std::string_view body) {
        if constexpr (Mechanism::seals) {
            return mechanism_.encode_frame(flags, body, out);
        } else {
            append_frame(out, flags, body);
            return {};
        }
    }

    [[nodiscard]] static constexpr std::size_t overhead() noexcept {
        if constexpr (Mechanism::seals) {
            return Mechanism::frame_overhead;
        } else {
            return 0;
        }
    }

    // What the frames take on the wire; 0 if they may not be sent.
    [[nodiscard]] std::size_t encoded_bytes(std::span<std::string_view const> frames) const noexcept {
        auto const& limits = options_.limits;
        if (frames.size() > limits.message_frames) return 0;
        std::uint64_t body_bytes = 0;
        std::size_t header_bytes = 0;
        for (auto const frame : frames) {
            if (frame.size() > limits.frame_bytes || frame.size() > limits.message_bytes - body_bytes)
                return 0;
            body_bytes += frame.size();
            header_bytes += encoded_header_bytes(frame.size() + overhead()) + overhead();
        }
        return static_cast<std::size_t>(body_bytes) + header_bytes;
    }

    std::error_code explain(std::error_code failure, std::string text) {
        error_text_ = std::move(text);
        return failure;
    }

    std::error_code fail(std::error_code failure) {
        if (state_ == state::dead) return error_;
        state_ = state::dead;
        error_ = failure;
        if (error_text_.empty()) error_text_ = failure.message();
        return error_;
    }

    connection_options options_;
    Mechanism mechanism_;
    greeting_reader greeting_;
    detail::message_reader<Mechanism> reader_;
    output_queue output_;
    heartbeat heartbeat_;
    instant created_;
    std::uint64_t ping_end_ = 0;  // position in the output behind the last PING, and the last PONG
    std::uint64_t pong_end_ = 0;
    std::error_code error_;
    std::string error_text_;
    std::string peer_identity_;
    std::array<char, ping_context_bytes> waiting_pong_{};
    std::size_t waiting_pong_size_ = 0;
    state state_ = state::greeting;
    socket_type peer_type_ = socket_type::dealer;
    bool pong_waits_ = false;
};

/// A connection without security.
using connection = basic_connection<>;

}  // namespace fastqueue::zmtp

namespace fastqueue::transport {

/// Where a peer is in its life. The order matters: from `closing` on, the sink hears no more of it but the
/// end of a lost one.
enum class peer_stage : std::uint8_t {
    resolving,
    connecting,
    handshaking,
    ready,
    closing,  ///< what is queued is written, then it ends
    lost,     ///< it has ended inside a call of the sink's: `closed` is told next turn
    gone      ///< it has ended, the object goes at the end of the turn
};

/// What transports that speak ZMTP over a byte stream know of one peer.
struct zmtp_peer {
    zmtp_peer(peer_stage begun, std::uint32_t tag_of_it) : stage{begun}, tag{tag_of_it} {}

    std::optional<zmtp::connection> zmtp;  // once there is a stream
    std::string address;
    peer_id id{};
    instant limit{};         // of resolving, connecting and closing
    std::error_code reason;  // why it is lost
    peer_stage stage;
    std::uint32_t tag;
    bool accepted = false;
    bool receiving = false;  // inside `zmtp->receive`: only `zmtp->send` may be called
    bool touched = false;    // in the list of those to be looked after at the end of the turn

    /// Octets may flow.
    [[nodiscard]] bool connected() const noexcept {
        return stage == peer_stage::handshaking || stage == peer_stage::ready ||
               (stage == peer_stage::closing && zmtp.has_value());
    }
    /// The sink waits to be told of its end.
    [[nodiscard]] bool known_to_sink() const noexcept {
        if (stage >= peer_stage::closing) return false;
        return stage == peer_stage::ready || !accepted;
    }
    [[nodiscard]] std::optional<instant> next_deadline() const noexcept {
        switch (stage) {
            case peer_stage::resolving:
            case peer_stage::connecting:
            case peer_stage::closing:
                return limit;
            case peer_stage::handshaking:
            case peer_stage::ready:
                return zmtp->next_deadline();
            case peer_stage::lost:
            case peer_stage::gone:
                break;
        }
        return std::nullopt;
    }
    /// Listeners are ROUTER, dialled connections DEALER.
    void begin_handshake(zmtp::limits const& limits, instant now) {
        zmtp::connection_options options;
        options.type = accepted ? zmtp::socket_type::router : zmtp::socket_type::dealer;
        options.accepted = accepted;
        options.limits = limits;
        zmtp.emplace(std::move(options), now);
        stage = peer_stage::handshaking;
    }
    /// After the handshake.
    [[nodiscard]] peer_info info() const noexcept {
        return {.tag = tag,
                .accepted = accepted,
                .one_at_a_time = zmtp->peer_type() == zmtp::socket_type::req,
                .same_process = false,
                .address = address};
    }
};

}  // namespace fastqueue::transport

namespace fastqueue::transport {

/// The addresses of one dial, tried one after another.
struct tcp_dial {
    std::vector<asio::ip::tcp::endpoint> addresses;
    std::size_t next = 0;
    bool refused = false;       // an address answered that nobody listens
    bool unanswered = false;    // an address did not answer at all: somebody may live there
    std::uint32_t attempt = 0;  // so that the end of an attempt that was given up is told from this one's
};

/// One peer of a `tcp` transport: its ZMTP connection, its socket, and what the loop has to remember of them.
struct tcp_connection : zmtp_peer {
    tcp_connection(asio::io_context& io, peer_stage begun, std::uint32_t tag_of_it)
        : zmtp_peer{begun, tag_of_it}, socket{io} {}

    asio::ip::tcp::socket socket;
    std::unique_ptr<tcp_dial> dial;  // until it is connected
    bool guarded = false;            // counted among the unfinished handshakes
    bool reading = false;            // a wait for octets is under way
    bool writing = false;            // a wait for room is under way
    bool paused = false;             // not read from, since it does not read
    bool shut = false;               // our end is closed
    bool write_broken = false;       // the rest of what it sent is still to be read

    [[nodiscard]] std::uint64_t queued() const noexcept { return zmtp && !write_broken ? zmtp->queued() : 0; }
    [[nodiscard]] std::string_view pending() const noexcept {
        return zmtp && !write_broken ? zmtp->pending() : std::string_view{};
    }
    void disconnect() noexcept {
        std::error_code ignored;
        socket.close(ignored);
    }
};

}  // namespace fastqueue::transport

// ---- <fastqueue/transport/tcp_options.hpp>

namespace fastqueue::transport {

/// The numbers of a `tcp` transport.
struct tcp_options {
    zmtp::limits limits{};                         ///< what each connection may do
    std::uint32_t max_connections = 16'384;        ///< accepted ones beyond are closed at once
    std::uint32_t max_handshakes = 1024;           ///< unfinished handshakes of accepted connections, in all
    std::uint32_t max_handshakes_a_host = 256;     ///< and from one address
    std::chrono::milliseconds connect_time{5000};  ///< for resolving a name, and for each address it has
    std::chrono::milliseconds linger{1000};        ///< how long `close` and `stop` wait for a peer to read
    std::size_t read_bytes = 256U << 10U;          ///< of the one buffer that all connections read into
    std::size_t read_pause_bytes = 4U << 20U;  ///< a peer that leaves more than this unread is not read from
    std::chrono::microseconds spin = policy::usual_spin;  ///< how long `run` looks for more before it sleeps
    int backlog = 1024;  ///< connections that the system may hold before we accept
};

}  // namespace fastqueue::transport

// ---- <fastqueue/transport/waker.hpp>

#include <new>

namespace fastqueue::transport::detail {

/// Memory for the one handler of ours that is under way at a time, so that posting it allocates nothing.
struct handler_slot {
    alignas(std::max_align_t) std::byte bytes[256];
};

template <class T>
struct slot_allocator {
    using value_type = T;

    handler_slot* memory;

    explicit slot_allocator(handler_slot* m) noexcept : memory{m} {}
    template <class U>
    slot_allocator(slot_allocator<U> const& other) noexcept : memory{other.memory} {}

    [[nodiscard]] T* allocate(std::size_t n) {
        if (n * sizeof(T) <= sizeof memory->bytes) return reinterpret_cast<T*>(memory->bytes);
        return static_cast<T*>(::operator new(n * sizeof(T)));
    }
    void deallocate(T* p, std::size_t) noexcept {
        if (static_cast<void*>(p) != memory->bytes) ::operator delete(p);
    }
    template <class U>
    friend bool operator==(slot_allocator const& a, slot_allocator<U> const& b) noexcept {
        return a.memory == b.memory;
    }
};

/// Tells a loop from any thread that there is something to do. Calls between two turns count as one; a call
/// costs a system call only if the loop is asleep, for the loop's own wake-up is used and no descriptor of
/// ours.
class waker {
public:
    /// From any thread.
    void wake(loop_gate& gate) noexcept {
        if (pending_.exchange(true, std::memory_order_acq_rel)) return;
        if (gate.is_guest())
            gate.post([this] { arrived_ = true; });
        else
            asio::post(gate.io().get_executor(), handler{this});
    }

    /// In the loop: whether `wake` was called since the last time.
    [[nodiscard]] bool take() noexcept {
        if (!arrived_) return false;
        arrived_ = false;
        // The handler's memory is free again here, so the next wake may use it.
        return pending_.exchange(false, std::memory_order_acq_rel);
    }

private:
    struct handler {
        using allocator_type = slot_allocator<void>;
        waker* self;

        [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{&self->memory_}; }
        void operator()() const noexcept { self->arrived_ = true; }
    };

    std::atomic<bool> pending_{false};
    bool arrived_ = false;  // touched by the loop only
    handler_slot memory_;
};

}  // namespace fastqueue::transport::detail

// ---- <fastqueue/zmtp/handshake_guard.hpp>

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

#include <asio/buffer.hpp>

namespace fastqueue::transport {

/// ZMTP 3.1 over TCP. Listeners are ROUTER, dialled connections DEALER.
///
/// One turn takes whatever is ready, tells the sink, and then makes one write for each connection that has
/// something to send; so the more there is to do, the larger the writes. A failure of one peer ends that
/// peer's connection and nothing else. `*` listens on IPv6 and IPv4 alike, where the system can do that.
///
/// Threads: one at a time, `wake` excepted. The destructor may wait for a name look-up that is under way.
/// After `fork` the child must not touch it; its descriptors are closed at exec.
/// \source RFC 37/ZMTP 3.1; `policy/transport.hpp` has the laws
class tcp {
public:
    explicit tcp(tcp_options options = {}) : tcp{nullptr, options} {}
    /// As a guest in somebody else's loop, which must not be turned by several threads at once: it has no `run` then, and does
    /// its work whenever the loop is turned. Destroyed in the loop's thread, or while nobody turns the loop; before the loop.
    explicit tcp(asio::io_context& host, tcp_options options = {}) : tcp{&host, options} {}
    tcp(tcp const&) = delete;
    tcp& operator=(tcp const&) = delete;
    ~tcp() = default;

    void attach(policy::transport_sink& sink) noexcept { sink_ = &sink; }

    /// \return success; `errc::stopped`; a resolver's or the system's error (`std::errc::address_in_use` ...)
    [[nodiscard]] std::error_code listen(endpoint const& where, std::uint32_t tag, endpoint& bound) {
        if (stopping_) return errc::stopped;
        return acceptor_.listen(where, tag, options_.backlog, bound);
    }

    void stop_listening() noexcept { acceptor_.stop_listening(); }

    /// From now on, where one process writes to several of our connections, its messages are told in the order in which they
    /// came to this machine. Costs a look at each connection that something came over in the same turn.
    void keep_order_across_peers() noexcept { ordered_ = true; }

    /// From now on peers are read from however much they leave unread themselves: for a role that asked for what comes. Two ends
    /// that both wait until the other one reads would wait for ever.
    void read_always() noexcept { options_.read_pause_bytes = std::numeric_limits<std::size_t>::max(); }

    /// Host names are looked up anew at each dial, and all their addresses are tried.
    [[nodiscard]] peer_id dial(endpoint const& where, std::uint32_t tag) {
        auto const id = make_peer(peer_stage::resolving, tag);
        auto& c = *peers_.find(id);
        c.dial = std::make_unique<tcp_dial>();
        c.limit = now().steady + options_.connect_time;
        std::error_code ec;
        auto const numeric = asio::ip::make_address(where.host, ec);
        if (stopping_) {
            c.stage = peer_stage::gone;
        } else if (!ec) {
            c.dial->addresses.emplace_back(numeric, where.port);
            connect_next(c);
        } else {
            auto done = [this, id](std::error_code const& failed, auto const& found) {
                resolved(id, failed, found);
            };
            resolver_.async_resolve(where.host, std::to_string(where.port),
                                    asio::ip::resolver_base::numeric_service, gate_.wrap(std::move(done)));
        }
        return id;
    }

    [[nodiscard]] std::error_code send(peer_id peer, std::span<std::string_view const> frames) {
        auto* const c = peers_.find(peer);
        if (c == nullptr || c->stage != peer_stage::ready) return errc::no_such_peer;
        auto result =
            c->zmtp->send(frames, [c](std::span<std::string_view const> parts) { return offer(*c, parts); });
        if (result == errc::send_queue_full) {
            // Perhaps it is only this turn that is large: what the system takes now need not wait for its
            // end.
            if (!c->receiving) write(*c);
            result = c->zmtp->send(frames);
            if (result == errc::send_queue_full) lose_later(*c, errc::send_queue_full);
        }
        touch(*c);
        return result;
    }

    [[nodiscard]] std::uint64_t queued(peer_id peer) const noexcept {
        auto const* const c = peers_.find(peer);
        return c == nullptr ? 0 : c->queued();
    }

    void close(peer_id peer) noexcept {
        auto* const c = peers_.find(peer);
        if (c == nullptr || c->stage == peer_stage::closing || c->stage == peer_stage::gone) return;
        retire(*c);
    }

    /// How long `run` looks for more before it sleeps; 0: not at all.
    void spin(std::chrono::microseconds limit) noexcept { options_.spin = limit; }
    void arm(std::optional<instant> deadline) {
        armed_ = deadline;
        gate_.enter();
    }
    [[nodiscard]] clock_reading now() const noexcept { return clock_.now(); }
    void wake() noexcept { waker_.wake(gate_); }

    /// Turns the loop until `stop`. Whatever else was posted to `context()` runs in the same turns.
    void run() {
        while (turn()) {}
    }
    /// One turn, which waits until there is something to do.
    /// \return false: it was stopped, and all is closed
    bool turn() { return turn(true); }
    /// The same without waiting, for an owner with another loop.
    bool poll() { return turn(false); }

    /// From within a turn. The sink hears nothing more but perhaps this turn's end; what is queued is written
    /// if the peers read it within `linger`, then `run` returns.
    void stop() noexcept {
        if (stopping_) return;
        stopping_ = true;
        stop_by_ = now().steady + options_.linger;
        resolver_.cancel();
        stop_listening();
        armed_.reset();
        peers_.for_each([this](tcp_connection& c) { close(c.id); });
    }

    /// Whether the loop is somebody else's.
    [[nodiscard]] bool is_guest() const noexcept { return gate_.is_guest(); }
    /// The loop, for what wants to run in the same thread.
    [[nodiscard]] asio::io_context& context() noexcept { return io_; }

private:
    tcp(asio::io_context* host, tcp_options const& options)
        : options_{options},
          guard_{{.total = options.max_handshakes, .per_address = options.max_handshakes_a_host}},
          gate_{host},
          scratch_(std::max<std::size_t>(options.read_bytes, 1024)) {
        gate_.on_turn([this] {
            end_turn();
            return must_go_on();
        });
    }

    /// What `zmtp::connection` tells of one peer.
    struct receiver {
        tcp& owner;
        tcp_connection& peer;

        void ready() { owner.opened(peer); }
        void message(std::span<std::string_view const> frames) {
            // The sink may have closed it in the message before.
            if (peer.stage == peer_stage::ready) owner.sink_->message(peer.id, frames);
        }
    };

    static constexpr int most_handlers_a_turn = 64;
    static constexpr int most_reads_a_turn = 4;

    // ---- the loop ----

    bool turn(bool may_wait) {
        settle();  // what was done outside a turn
        set_timer();
        if (!ended()) take_turn(may_wait);
        if (!ended()) return true;
        if (stopping_) cut_all();
        return false;
    }
    void take_turn(bool may_wait) {
        clock_.begin_turn();
        if (may_wait && !must_go_on())
            await_event();
        else
            io_.poll_one();
        for (int i = 0; i < most_handlers_a_turn && io_.poll_one() != 0; ++i) {}
        end_turn();
        clock_.end_turn();
    }
    [[nodiscard]] bool ended() const noexcept { return finished() || io_.stopped(); }
    /// What is still to be told must not wait for the network, nor must who waits for room.
    [[nodiscard]] bool must_go_on() const noexcept { return !lost_.empty() || drained_; }
    /// Being woken costs more than looking a few times more, and between two looks others get their turn: under load more has
    /// come by then, and fewer wake-ups bring more each.
    void await_event() {
        if (!look_(options_.spin, [this] { return io_.poll_one() != 0; })) io_.run_one();
    }
    void end_turn() {
        look_again();
        tell_lost();
        tell_elapsed();
        if (waker_.take() && !stopping_) sink_->woken();
        drained_ = false;
        if (!stopping_) sink_->turn_end();
        settle();
        if (!gate_.is_guest()) return;
        set_timer();
        if (finished()) leave();
    }
    /// A guest's last turn: nothing of his keeps the loop going.
    void leave() noexcept {
        cut_all();
        gate_.leave();
        timer_.cancel();
    }

    [[nodiscard]] bool finished() const noexcept {
        return stopping_ && (peers_.size() == 0 || now().steady >= stop_by_);
    }

    void cut_all() noexcept {
        peers_.for_each([this](tcp_connection& c) {
            c.stage = peer_stage::gone;
            touch(c);
        });
        settle();
    }

    void tell_lost() {
        auto const lost = std::exchange(lost_, {});
        for (auto const id : lost) {
            auto* const c = peers_.find(id);
            if (c == nullptr || c->stage != peer_stage::lost) continue;  // the sink has closed it since
            c->stage = peer_stage::gone;
            touch(*c);
            sink_->closed(id, c->reason);
        }
    }

    void tell_elapsed() {
        auto const steady = now().steady;
        while (!deadlines_.empty() && deadlines_.top_key() <= steady) {
            auto const slot = deadlines_.top();
            auto& c = *peers_.at(slot);
            // The deadline that is kept is an old one: most have moved on since.
            if (auto const due = c.next_deadline(); due && *due <= steady) elapsed(c);
            touch(c);
            auto const next = c.next_deadline();
            if (next) deadlines_.set(slot, std::max(*next, steady + std::chrono::milliseconds{1}));
            if (!next) deadlines_.erase(slot);
        }
        acceptor_.tick(steady);
        if (armed_ && *armed_ <= steady && !stopping_) {
            armed_.reset();
            sink_->due();
        }
    }

    void set_timer() {
        auto earliest = armed_;
        auto const consider = [&](std::optional<instant> const& at) {
            if (at && (!earliest || *at < *earliest)) earliest = at;
        };
        consider(acceptor_.next_deadline());
        if (!deadlines_.empty()) consider(deadlines_.top_key());
        if (stopping_) consider(stop_by_);
        timer_.set(earliest);
    }

    // ---- the end of a turn: every connection that something was done with is looked after once ----

    void touch(tcp_connection& c) noexcept {
        if (std::exchange(c.touched, true)) return;
        touched_.push_back(c.id);  // has room: see make_peer
        gate_.enter();
    }

    void settle() {
        for (std::size_t i = 0; i < touched_.size(); ++i) {
            auto* const c = peers_.find(touched_[i]);
            c->touched = false;
            settle(*c);
        }
        touched_.clear();
    }

    void settle(tcp_connection& c) {
        if (c.connected()) {
            write(c);
            if (c.stage == peer_stage::closing) finish_sending(c);
            await_octets(c);
        }
        if (c.stage == peer_stage::gone) return forget(c);
        auto const next = c.next_deadline();
        auto const slot = peers_.slot_of(c.id);
        if (next && (!deadlines_.contains(slot) || *next < deadlines_.key(slot))) deadlines_.set(slot, *next);
    }

    void forget(tcp_connection& c) noexcept {
        release_guard(c);
        deadlines_.erase(peers_.slot_of(c.id));
        peers_.erase(c.id);
    }

    /// Writes what the system takes now. What goes wrong is met again by `write`.
    static std::size_t offer(tcp_connection& c, std::span<std::string_view const> parts) noexcept {
        if (c.writing || c.write_broken) return 0;
        std::array<asio::const_buffer, 2> const buffers{asio::buffer(parts[0]), asio::buffer(parts[1])};
        std::error_code failed;
        auto const written = c.socket.send(buffers, 0, failed);
        return failed ? 0 : written;
    }
    void write(tcp_connection& c) {
        auto const before = c.queued();
        write_all(c);
        if (before > policy::much_queued && c.queued() < before) drained_ = true;
    }
    void write_all(tcp_connection& c) {
        while (!c.writing && !c.pending().empty()) {
            std::error_code ec;
            auto const written = c.socket.send(asio::buffer(c.pending().data(), c.pending().size()), 0, ec);
            if (ec == asio::error::interrupted) continue;
            if (ec && ec != asio::error::would_block) {
                // It may have said something before it went: reading will tell that, and then the end.
                c.write_broken = true;
                break;
            }
            c.zmtp->consumed(written, now().steady);
            if (!c.pending().empty()) await_room(c);
        }
    }

    void finish_sending(tcp_connection& c) noexcept {
        if (c.shut || !c.pending().empty()) return;
        // Closing outright would reset the connection if octets of the peer's are unread, and the system
        // would then throw away what we have just written. So the peer is told, and its end awaited for a
        // while.
        std::error_code ignored;
        c.socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
        c.shut = true;
    }

    void await_room(tcp_connection& c) {
        c.writing = true;
        auto ready = [this, id = c.id](std::error_code const& ec) {
            auto* const peer = peers_.find(id);
            if (ec || peer == nullptr) return;
            peer->writing = false;
            touch(*peer);
        };
        c.socket.async_wait(asio::ip::tcp::socket::wait_write, gate_.wrap(std::move(ready)));
    }

    void await_octets(tcp_connection& c) {
        auto const unread = c.pending().size();
        if (unread > options_.read_pause_bytes) c.paused = true;
        if (unread <= options_.read_pause_bytes / 2) c.paused = false;
        if (c.reading || c.paused) return;
        c.reading = true;
        auto ready = [this, id = c.id](std::error_code const& ec) {
            auto* const peer = peers_.find(id);
            if (ec || peer == nullptr) return;
            peer->reading = false;
            touch(*peer);
            if (ordered_) read_.push_back(id);
            if (peer->connected()) read(*peer);
        };
        c.socket.async_wait(asio::ip::tcp::socket::wait_read, gate_.wrap(std::move(ready)));
    }

    // ---- octets come ----

    void read(tcp_connection& c) {
        for (int i = 0; i < most_reads_a_turn && c.connected(); ++i) {
            std::error_code ec;
            auto const count = c.socket.receive(asio::buffer(scratch_), 0, ec);
            if (ec == asio::error::would_block || ec == asio::error::interrupted) return;
            if (ec) return end(c, errc::connection_lost);
            if (c.stage == peer_stage::closing) continue;  // nobody wants them, the end is awaited
            c.receiving = true;
            auto const failed = c.zmtp->receive({scratch_.data(), count}, now().steady, receiver{*this, c});
            c.receiving = false;
            if (failed && c.stage < peer_stage::closing) return refuse(c, failed);
            if (count < scratch_.size() || c.pending().size() > options_.read_pause_bytes) return;
        }
    }

    /// What came last this turn may have overtaken octets that reached another connection after that was read.
    void look_again() {
        for (std::size_t i = 0; i + 1 < read_.size(); ++i) {
            if (auto* const c = peers_.find(read_[i]); c != nullptr && c->connected()) read(*c);
        }
        read_.clear();
    }

    void opened(tcp_connection& c) {
        if (c.stage != peer_stage::handshaking) return;
        release_guard(c);
        c.stage = peer_stage::ready;
        sink_->opened(c.id, c.info());
    }

    // ---- ways to end; the sink is told last, for it may do anything ----

    /// At once.
    void end(tcp_connection& c, std::error_code why) {
        bool const tell = c.known_to_sink() && !stopping_;
        c.stage = peer_stage::gone;
        c.disconnect();
        touch(c);
        if (tell) sink_->closed(c.id, why);
    }

    /// The peer has broken the protocol: it is told so before the end.
    void refuse(tcp_connection& c, std::error_code why) {
        bool const tell = c.known_to_sink() && !stopping_;
        retire(c);
        if (tell) sink_->closed(c.id, why);
    }

    /// From inside a call of the sink's, which is told next turn.
    void lose_later(tcp_connection& c, std::error_code why) {
        c.stage = peer_stage::lost;
        c.reason = why;
        c.disconnect();
        lost_.push_back(c.id);
    }

    /// Without an event: what is queued is still written.
    void retire(tcp_connection& c) noexcept {
        bool const drain = c.connected();
        c.stage = drain ? peer_stage::closing : peer_stage::gone;
        if (drain) c.limit = now().steady + options_.linger;
        if (!drain) c.disconnect();
        release_guard(c);
        touch(c);
    }

    void elapsed(tcp_connection& c) {
        switch (c.stage) {
            case peer_stage::resolving:
                return end(c, errc::unreachable);
            case peer_stage::connecting:
                c.dial->unanswered = true;
                return connect_next(c);
            case peer_stage::handshaking:
            case peer_stage::ready:
                if (auto const failed = c.zmtp->tick(now().steady)) refuse(c, failed);
                return;
            case peer_stage::closing:
                return end(c, errc::connection_lost);
            case peer_stage::lost:
            case peer_stage::gone:
                return;
        }
    }

    void release_guard(tcp_connection& c) noexcept {
        if (std::exchange(c.guarded, false)) guard_.release(c.address);
    }

    // ---- connections come ----

    void admit(std::uint32_t tag, asio::ip::tcp::socket&& socket, std::string address) {
        if (peers_.size() >= options_.max_connections || !guard_.admit(address)) return;
        auto& c = *peers_.find(make_peer(peer_stage::connecting, tag));
        c.socket = std::move(socket);
        c.address = std::move(address);
        c.accepted = c.guarded = true;
        begin_handshake(c);
    }

    void begin_handshake(tcp_connection& c) {
        detail::set_no_delay(c.socket);
        c.begin_handshake(options_.limits, now().steady);
        deadlines_.erase(peers_.slot_of(c.id));  // that of connecting
        touch(c);
    }

    // ---- connections are made ----

    template <class Found>
    void resolved(peer_id id, std::error_code const& failed, Found const& found) {
        auto* const c = peers_.find(id);
        if (c == nullptr || c->stage != peer_stage::resolving) return;
        if (failed) return end(*c, errc::unreachable);
        for (auto const& entry : found) c->dial->addresses.push_back(entry.endpoint());
        connect_next(*c);
    }

    /// Begins with the next address that a socket can be opened for.
    void connect_next(tcp_connection& c) {
        c.stage = peer_stage::connecting;
        auto& d = *c.dial;
        while (d.next < d.addresses.size()) {
            auto const address = d.addresses[d.next++];
            c.disconnect();
            if (detail::open_socket(c.socket, address.protocol())) continue;
            c.limit = now().steady + options_.connect_time;
            deadlines_.erase(peers_.slot_of(c.id));
            c.address = detail::address_text(address.address());
            auto done = [this, id = c.id, n = ++d.attempt](std::error_code const& ec) {
                auto* const peer = peers_.find(id);
                if (peer == nullptr || peer->stage != peer_stage::connecting) return;
                if (peer->dial->attempt == n) connected(*peer, ec);
            };
            c.socket.async_connect(address, gate_.wrap(std::move(done)));
            return touch(c);
        }
        ++d.attempt;
        c.disconnect();
        // Refused means that nobody lives there; where one address has kept silent that is not known.
        lose_later(c, d.refused && !d.unanswered ? errc::refused : errc::unreachable);
    }

    void connected(tcp_connection& c, std::error_code const& ec) {
        if (!ec && !is_echo(c)) {
            c.dial.reset();
            return begin_handshake(c);
        }
        if (!ec || ec == asio::error::connection_refused) c.dial->refused = true;
        if (ec == asio::error::timed_out || ec == asio::error::connection_reset) c.dial->unanswered = true;
        connect_next(c);
    }

    /// A dial to a free port of this host may meet itself there (both ends are then one socket).
    [[nodiscard]] static bool is_echo(tcp_connection const& c) noexcept {
        std::error_code ec;
        auto const here = c.socket.local_endpoint(ec);
        if (ec) return false;
        auto const there = c.socket.remote_endpoint(ec);
        return !ec && here == there;
    }

    [[nodiscard]] peer_id make_peer(peer_stage stage, std::uint32_t tag) {
        auto const id = peers_.emplace(io_, stage, tag);
        auto& c = *peers_.find(id);
        c.id = id;
        if (touched_.capacity() < peers_.size()) touched_.reserve(2 * peers_.size());
        touch(c);
        return id;
    }

    tcp_options options_;
    zmtp::handshake_guard guard_;
    policy::transport_sink* sink_ = nullptr;
    detail::waker waker_;  // before the loop, which may hold its handler to the end
    detail::loop_gate gate_;
    asio::io_context& io_ = gate_.io();
    asio::ip::tcp::resolver resolver_{io_};
    detail::loop_timer timer_{gate_};
    turn_clock& clock_ = gate_.clock();
    tcp_acceptor acceptor_{gate_,
                           [this](std::uint32_t tag, asio::ip::tcp::socket&& socket, std::string address) {
                               admit(tag, std::move(socket), std::move(address));
                           }};
    peer_table<tcp_connection> peers_;
    indexed_heap<instant> deadlines_;  // by slot; never later than the true ones
    std::vector<peer_id> touched_;
    std::vector<peer_id> lost_;
    std::vector<peer_id> read_;  // this turn, where order is kept
    std::vector<char> scratch_;
    policy::spinner look_;
    std::optional<instant> armed_;
    instant stop_by_{};
    bool drained_ = false;  // a long queue has become shorter since the sink was asked last
    bool stopping_ = false;
    bool ordered_ = false;
};

static_assert(policy::runnable_transport<tcp>);
static_assert(policy::tells_queue<tcp>);

}  // namespace fastqueue::transport

namespace fastqueue {

/// The choices that the three roles share. Derive from it and replace one alias to swap a policy:
/// `struct mine : fastqueue::default_policies { using eviction_policy = my_eviction; };`
/// No member mentions another, so that deriving replaces a choice everywhere.
struct default_policies {
    using transport_policy = transport::tcp;           ///< how messages travel
    using serialization_policy = serialization::json;  ///< how arguments and results become bytes
    using eviction_policy = eviction::lru;             ///< which result leaves a full cache
    using balancing_policy = balancing::least_loaded;  ///< which worker gets a task
    using store_policy = store::memory;                ///< where tasks survive
    using executor_policy = executor::threads;         ///< where handlers run
    using observer_policy = observer::none;            ///< who watches
};

namespace detail {

/// Says in a sentence which of a bundle's choices does not fit.
template <class P>
struct checked {
    static_assert(policy::transport<typename P::transport_policy>,
                  "Policies::transport_policy does not model fastqueue::policy::transport");
    static_assert(policy::serialization<typename P::serialization_policy>,
                  "Policies::serialization_policy does not model fastqueue::policy::serialization");
    static_assert(policy::eviction<typename P::eviction_policy>,
                  "Policies::eviction_policy does not model fastqueue::policy::eviction");
    static_assert(policy::balancing<typename P::balancing_policy>,
                  "Policies::balancing_policy does not model fastqueue::policy::balancing");
    static_assert(policy::store<typename P::store_policy>,
                  "Policies::store_policy does not model fastqueue::policy::store");
    static_assert(policy::executor<typename P::executor_policy>,
                  "Policies::executor_policy does not model fastqueue::policy::executor");
    static_assert(policy::observer<typename P::observer_policy>,
                  "Policies::observer_policy does not model fastqueue::policy::observer");
};

}  // namespace detail

/// Instances of policies that a role shall use instead of making them: a store with a path, a transport with limits, a
/// simulated one. What is left empty the role makes with the default constructor.
template <class P>
struct policy_instances {
    using executor_maker = std::function<std::unique_ptr<typename P::executor_policy>(
        policy::executor_options, std::function<void()>)>;
    std::unique_ptr<typename P::transport_policy> transport;
    std::unique_ptr<typename P::store_policy> store;
    executor_maker executor;
    typename P::observer_policy observer{};
};

namespace detail {

template <class T>
[[nodiscard]] std::unique_ptr<T> given_or_made(std::unique_ptr<T> given) {
    if constexpr (std::is_default_constructible_v<T>) {
        return given ? std::move(given) : std::make_unique<T>();
    } else {
        if (!given)
            throw error{errc::bad_option,
                        "a policy that cannot be made without arguments was not handed over"};
        return given;
    }
}

template <class P>
[[nodiscard]] std::unique_ptr<typename P::executor_policy> make_executor(
    typename policy_instances<P>::executor_maker const& maker, policy::executor_options options,
    std::function<void()> wake) {
    using executor = typename P::executor_policy;
    if (maker) return maker(options, std::move(wake));
    if constexpr (policy::makeable_executor<executor>)
        return std::make_unique<executor>(options, std::move(wake));
    else
        throw error{errc::bad_option, "the executor policy cannot be made here: hand an instance over"};
}

}  // namespace detail

}  // namespace fastqueue

// ---- <fastqueue/shell/client_inbox.hpp>

#include <mutex>

namespace fastqueue::shell {

/// What other threads want of a client's loop: operations to begin and to cancel. It outlives the loop, so that who comes
/// too late finds it closed. Any thread.
class client_inbox {
public:
    /// \param wake  wakes the loop; called under the lock, never after `detach` has returned
    explicit client_inbox(std::function<void()> wake) : wake_{std::move(wake)} {}

    /// \param tell  called beside it, in the same way; empty: nobody any more
    void on_filled(std::function<void()> tell) {
        std::scoped_lock const lock{mutex_};
        tell_ = std::move(tell);
    }

    /// \return false: the client has been stopped, and the request is as it was
    [[nodiscard]] bool post(core::client_request& request) {
        std::scoped_lock const lock{mutex_};
        if (closed_) return false;
        requests_.push_back(std::move(request));
        wake();
        return true;
    }
    void cancel(std::uint64_t number) {
        std::scoped_lock const lock{mutex_};
        if (closed_) return;
        cancels_.push_back(number);
        wake();
    }
    /// Nothing is taken any more; the loop is told.
    void close() {
        std::scoped_lock const lock{mutex_};
        closed_ = true;
        tell();
    }
    /// The same for another reason than the usual one.
    void close(std::error_code why, std::string text) {
        {
            std::scoped_lock const lock{mutex_};
            if (!closed_) end_ = {why, std::move(text)};
        }
        close();
    }
    /// The loop goes away.
    void detach() {
        std::scoped_lock const lock{mutex_};
        closed_ = true;
        wake_ = nullptr;
    }
    struct end {
        std::error_code why = make_error_code(errc::stopped);
        std::string text = "the client has been stopped";
    };
    /// What operations end with, and are refused with, once it is closed.
    [[nodiscard]] end reason() {
        std::scoped_lock const lock{mutex_};
        return end_;
    }
    /// A number for an operation that can be cancelled.
    [[nodiscard]] std::uint64_t next_number() {
        std::scoped_lock const lock{mutex_};
        return ++numbers_;
    }

    /// For the loop: takes all there is, in place of what the arguments held.
    /// \return whether it was closed
    [[nodiscard]] bool take(std::vector<core::client_request>& requests,
                            std::vector<std::uint64_t>& cancels) {
        requests.clear();
        cancels.clear();
        std::scoped_lock const lock{mutex_};
        requests.swap(requests_);
        cancels.swap(cancels_);
        woken_ = false;
        return closed_;
    }

private:
    void wake() {
        if (!std::exchange(woken_, true)) tell();
    }
    void tell() {
        if (wake_) wake_();
        if (tell_) tell_();
    }

    std::mutex mutex_;  // taken once an operation by who begins it, once a turn by the loop
    std::function<void()> wake_;
    std::function<void()> tell_;
    std::vector<core::client_request> requests_;
    std::vector<std::uint64_t> cancels_;
    std::uint64_t numbers_ = 0;
    end end_;
    bool woken_ = false;
    bool closed_ = false;
};

}  // namespace fastqueue::shell

// ---- <fastqueue/shell/perform.hpp>

namespace fastqueue::shell {

/// Does what a machine's outbox holds, through a transport. A role is no more than this, and events the other way.
/// \param dialled  called as `dialled(tag, peer)` for each connection that was begun
template <class Transport, class Dialled>
void perform(core::outbox& box, policy::store_sequence committed, Transport& transport,
             std::vector<std::string_view>& frames, Dialled&& dialled) {
    box.perform(
        committed,
        [&](core::outgoing& m) {
            m.pairs.frames(m.layout, m.envelope, frames);
            // A peer that has gone, or reads too slowly, is told of by `closed`; what it missed is settled then.
            static_cast<void>(transport.send(m.to, frames));
        },
        [&](core::link_action const& action) {
            if (auto const* dial = std::get_if<core::dial_action>(&action))
                dialled(dial->tag, transport.dial(dial->to, dial->tag));
            else
                transport.close(std::get<core::close_action>(action).peer);
        });
}

}  // namespace fastqueue::shell

// ---- <fastqueue/shell/queued.hpp>

namespace fastqueue::shell {

/// How many octets are on their way to `peer` already, as far as the transport tells; else 0.
template <class Transport>
[[nodiscard]] std::uint64_t queued(Transport const& transport, peer_id peer) noexcept {
    if constexpr (policy::tells_queue<Transport>)
        return transport.queued(peer);
    else
        return 0;
}

}  // namespace fastqueue::shell

namespace fastqueue::shell {

/// Who is told how an operation ended. Called once, on the driver's thread; it must not block.
class answer_handler {
public:
    virtual void answered(core::client_answer const& answer) noexcept = 0;

protected:
    ~answer_handler() = default;
};

/// A client's machine with its transport: operations go in from any thread, answers come out on the driver's. The blocking
/// client lends it a thread, an asynchronous one is a guest in its user's loop, and a simulated network turns it in virtual
/// time.
template <class Policies>
class client_driver : private detail::checked<Policies>, private policy::transport_sink {
public:
    using transport_type = typename Policies::transport_policy;

    client_driver(core::client_options options, std::unique_ptr<transport_type> transport)
        : transport_{detail::given_or_made(std::move(transport))},
          core_{std::move(options)},
          inbox_{std::make_shared<client_inbox>([this] { transport_->wake(); })} {
        transport_->attach(*this);
        if constexpr (requires { transport_->read_always(); }) transport_->read_always();
    }
    ~client_driver() override { inbox_->detach(); }

    /// Begins an operation; `handler` hears of its end and lives until then. Safe from any thread.
    void post(core::client_request request, answer_handler& handler) {
        request.cookie = reinterpret_cast<std::uintptr_t>(&handler);
        if (inside()) return own_.push_back(std::move(request));
        if (inbox_->post(request)) return;
        auto const end = inbox_->reason();
        handler.answered({0, end.why, nullptr, end.text});
    }
    /// The same on the thread that turns the loop, which need not be woken for it.
    void begin(core::client_request request, answer_handler& handler) {
        request.cookie = reinterpret_cast<std::uintptr_t>(&handler);
        own_.push_back(std::move(request));
        turn_end();
    }
    /// Where an operation can be cancelled by its number, also when the driver is gone.
    [[nodiscard]] std::shared_ptr<client_inbox> const& inbox() const noexcept { return inbox_; }

    void run() requires policy::runnable_transport<transport_type> { transport_->run(); }
    /// One turn, which waits for something to do. \return false: stopped
    bool turn() requires policy::turnable_transport<transport_type> { return transport_->turn(); }
    /// Ends all operations with `errc::stopped`; then `run` returns. Safe from any thread.
    void stop() noexcept { inbox_->close(); }
    /// The same with another reason, for an owner that knows why there will be no answer any more.
    void stop(std::error_code why, std::string text) { inbox_->close(why, std::move(text)); }
    /// The same at once, for an owner whose thread is the loop's.
    void stop_here() {
        inbox_->close();
        last_turn_ = true;
        if (!inside()) turn_end();
    }
    /// Whether the loop is somebody else's.
    [[nodiscard]] bool is_guest() const noexcept {
        if constexpr (requires { transport_->is_guest(); })
            return transport_->is_guest();
        else
            return false;
    }
    [[nodiscard]] transport_type& transport() noexcept { return *transport_; }
    [[nodiscard]] core::client const& machine() const noexcept { return core_; }

private:
    static void deliver(core::client_answer const& answer) noexcept {
        reinterpret_cast<answer_handler*>(static_cast<std::uintptr_t>(answer.cookie))->answered(answer);
    }

    [[nodiscard]] bool inside() const noexcept {
        return inside_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    /// An event of the loop: what is posted in it will be seen at its turn's end.
    void enter() {
        core_.at(transport_->now());
        inside_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }
    void opened(peer_id peer, peer_info const&) override {
        enter();
        core_.opened(peer);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) override {
        enter();
        core_.message(peer, frames, deliver);
    }
    void closed(peer_id peer, std::error_code why) override {
        enter();
        core_.closed(peer, why, deliver);
    }
    void due() override {}
    void woken() override {}
    void turn_end() override {
        core_.at(transport_->now());
        inside_.store({}, std::memory_order_relaxed);
        // Answers that came before the end shall be heard: one more turn tells them.
        bool const closed = take_inbox();
        bool const closing = closed && std::exchange(last_turn_, true);
        if (closed && !closing) transport_->wake();
        if (closing) end_all();
        core_.turn([this](peer_id peer) { return shell::queued(*transport_, peer); }, deliver);
        shell::perform(core_.outbox(), ~policy::store_sequence{0}, *transport_, frames_,
                       [this](std::uint32_t tag, peer_id peer) { core_.dialled(tag, peer); });
        if (core_.goes_on()) transport_->wake();
        auto const next = core_.next_deadline();
        transport_->arm(next == instant::max() ? std::nullopt : std::optional{next});
        if (!closing) return;
        if constexpr (policy::runnable_transport<transport_type>) transport_->stop();
    }
    void end_all() {
        auto const end = inbox_->reason();
        core_.fail_all(end.why, end.text, deliver);
    }
    bool take_inbox() {
        bool const closing = inbox_->take(requests_, cancels_);
        for (auto* requests : {&own_, &requests_}) {
            for (auto& request : *requests) {
                auto const cookie = request.cookie;
                if (auto const failed = core_.start(std::move(request)))
                    deliver({cookie, failed, nullptr, {}});
            }
        }
        own_.clear();
        for (auto const number : cancels_) core_.cancel(number, deliver);
        return closing;
    }

    std::unique_ptr<transport_type> transport_;
    core::client core_;
    std::shared_ptr<client_inbox> inbox_;
    std::vector<core::client_request> own_;       // posted by handlers of answers, in this turn
    std::vector<core::client_request> requests_;  // of other threads
    std::vector<std::uint64_t> cancels_;
    std::vector<std::string_view> frames_;
    std::atomic<std::thread::id> inside_;  // the thread that is in an event
    bool last_turn_ = false;
};

}  // namespace fastqueue::shell

// ---- <fastqueue/shell/pending_answer.hpp>

#include <condition_variable>

namespace fastqueue::shell {

/// An answer's contents, kept.
struct kept_answer {
    std::error_code error;
    std::string verb;
    task_state state = task_state::queued;
    errc code{};  ///< of a task that failed
    std::string content;
    std::string payload;
    task_meta meta;
};

/// Copies what an answer says out of the read buffer.
inline void keep(core::client_answer const& answer, kept_answer& out) {
    out.error = answer.error;
    out.payload = answer.payload;
    if (answer.header == nullptr) return;
    auto const& h = *answer.header;
    out.verb = h.verb();
    auto const number = [&](std::string_view key) { return wire::read_number(h.get(key)).value_or(0); };
    if (h.positional().size() > 1 && !answer.error) {
        if (auto const state = parse_task_state(h.positional()[1])) out.state = *state;
    }
    if (auto const code = h.get("code"); !code.empty()) out.code = errc_from_name(code, errc::handler_error);
    out.content = h.get("content");
    out.meta.attempt = static_cast<std::uint32_t>(number("attempt"));
    out.meta.worker = h.get("worker");
    out.meta.submitted_us = number("submitted_us");
    out.meta.started_us = number("started_us");
    out.meta.finished_us = number("finished_us");
}

/// What a blocking call waits on. Used by one caller at a time.
class pending_answer final : public answer_handler {
public:
    void answered(core::client_answer const& answer) noexcept override {
        std::scoped_lock const lock{mutex_};
        keep(answer, kept_);
        there_.store(true, std::memory_order_release);
        if (asleep_)
            condition_.notify_one();  // under the lock: the waiter may take this object away right after
    }
    [[nodiscard]] bool there() const noexcept { return there_.load(std::memory_order_acquire); }
    /// Waits for the answer: the operation's own time-out bounds it.
    /// \param look  of the callers of one client
    [[nodiscard]] kept_answer wait(policy::spinner& look) {
        if (!there()) look(policy::usual_spin, [this] { return there(); });
        std::unique_lock lock{mutex_};
        asleep_ = true;
        condition_.wait(lock, [this] { return there_.load(std::memory_order_relaxed); });
        return std::move(kept_);
    }

private:
    std::mutex mutex_;
    std::condition_variable condition_;
    std::atomic<bool> there_{false};  // set under the lock; looked at without it before sleeping
    bool asleep_ = false;
    kept_answer kept_;
};

}  // namespace fastqueue::shell

namespace fastqueue::shell {

/// Who turns a blocking client's loop. A caller that waits for its answer turns it itself, so no other thread has to be woken
/// on the way there or back. It is lent to callers as long as one comes every now and then; a thread of its own turns it when
/// nobody calls, when several do at once, and whenever there is an operation that nobody waits for in here.
///
/// Threads: `ask` from any at once.
template <class Policies>
class client_loop {
    using driver_type = client_driver<Policies>;
    static constexpr bool can_be_lent = policy::turnable_transport<typename driver_type::transport_type>;

public:
    /// \param driver  outlives this; its inbox tells of what comes from other threads
    explicit client_loop(driver_type& driver) : driver_{driver}, own_{[this] { attend(); }} {
        driver_.inbox()->on_filled([this] { want(); });
    }
    ~client_loop() {
        driver_.stop();
        own_.join();
        driver_.inbox()->on_filled(nullptr);
    }
    client_loop(client_loop const&) = delete;
    client_loop& operator=(client_loop const&) = delete;

    /// Sends a request and waits for its answer, which the operation's own time bounds.
    [[nodiscard]] kept_answer ask(core::client_request request) {
        pending_answer answer;
        bool const alone = callers_.fetch_add(1, std::memory_order_relaxed) == 0;
        in_a_row_.store(alone ? in_a_row_.load(std::memory_order_relaxed) + 1 : 0, std::memory_order_relaxed);
        if (borrow())
            turn_for(std::move(request), answer);
        else
            driver_.post(std::move(request), answer);
        auto kept = answer.wait(look_);
        callers_.fetch_sub(1, std::memory_order_relaxed);
        return kept;
    }

private:
    /// How long the loop is left alone for the next caller.
    static constexpr std::chrono::milliseconds lend_time{10};
    /// After so many calls of which none met another one, it is worth lending.
    static constexpr unsigned calls_in_a_row = 4;

    [[nodiscard]] bool borrow() {
        if constexpr (!can_be_lent) return false;
        std::scoped_lock const lock{mutex_};
        if (!lent_ || borrowed_ || wanted_.load(std::memory_order_relaxed)) return false;
        return used_ = borrowed_ = true;
    }
    /// What a turn throws has nobody who could go on after it, as on the loop's own thread.
    void turn_for(core::client_request request, pending_answer& answer) noexcept {
        if constexpr (can_be_lent) {
            driver_.begin(std::move(request), answer);
            while (!answer.there() && !wanted_.load(std::memory_order_acquire))
                if (!driver_.turn()) break;
            std::scoped_lock const lock{mutex_};
            borrowed_ = false;
            if (awaited_) changed_.notify_one();
        }
    }
    /// There is something to do that no caller in here waits for.
    void want() {
        std::scoped_lock const lock{mutex_};
        wanted_.store(true, std::memory_order_release);
        if (lent_) changed_.notify_one();
    }

    void attend() {
        if constexpr (can_be_lent)
            while (turn_own()) lend();
        else
            driver_.run();
    }
    /// Turns until callers come one by one and none of them waits.
    /// \return false: stopped
    [[nodiscard]] bool turn_own() {
        in_a_row_.store(0, std::memory_order_relaxed);
        do {
            wanted_.store(false, std::memory_order_relaxed);  // what was posted before is taken in this turn
            if (!driver_.turn()) return false;
        } while (driver_.machine().pending() != 0 ||
                 in_a_row_.load(std::memory_order_relaxed) < calls_in_a_row);
        return true;
    }
    void lend() {
        std::unique_lock lock{mutex_};
        auto const wanted = [this] { return wanted_.load(std::memory_order_relaxed); };
        lent_ = true;
        do {
            used_ = false;
            changed_.wait_for(lock, lend_time, wanted);
            await_return(lock);
        } while (!wanted() && used_);
        lent_ = false;
    }
    void await_return(std::unique_lock<std::mutex>& lock) {
        awaited_ = true;
        changed_.wait(lock, [this] { return !borrowed_; });
        awaited_ = false;
    }

    driver_type& driver_;
    policy::spinner look_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<bool> wanted_{false};    // by its own thread; set under the lock
    std::atomic<unsigned> callers_{0};   // that are in `ask`
    std::atomic<unsigned> in_a_row_{0};  // calls that met no other one; only ever a hint
    bool lent_ = false;                  // its own thread is not in it
    bool borrowed_ = false;              // a caller is in it
    bool used_ = false;                  // a caller has been in it lately
    bool awaited_ = false;               // its own thread waits until the caller gives it back
    std::thread own_;                    // last: it uses all of the above
};

}  // namespace fastqueue::shell

// ---- <fastqueue/shell/client_operations.hpp>

// ---- <fastqueue/shell/async_operation.hpp>

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>

namespace fastqueue::shell {

/// An operation whose end a completion handler is told of: with its executor, its allocator and its cancellation slot, none
/// of which needs to be known to the machine. It destroys itself when it has ended, before the handler is called.
///
/// \tparam Convert  makes of a `kept_answer` what the handler takes, and calls it: `convert(handler, std::move(answer))`
template <class Handler, class Convert, class Fallback>
class async_operation final : public answer_handler {
public:
    using executor_type = asio::associated_executor_t<Handler, Fallback>;

    /// \param fallback  where a handler runs that has no executor of its own
    template <class Driver>
    static void start(Driver& driver, Fallback const& fallback, core::client_request request, Handler handler,
                      Convert convert) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
            request.number = driver.inbox()->next_number();
            slot.assign([inbox = std::weak_ptr<client_inbox>{driver.inbox()},
                         number = request.number](asio::cancellation_type) {
                if (auto const there = inbox.lock()) there->cancel(number);
            });
        }
        allocator memory{asio::get_associated_allocator(handler)};
        auto* const made = traits::allocate(memory, 1);
        try {
            auto const executor = asio::get_associated_executor(handler, fallback);
            traits::construct(memory, made, std::move(handler), std::move(convert), executor,
                              driver.is_guest());
        } catch (...) {
            traits::deallocate(memory, made, 1);
            throw;
        }
        driver.post(std::move(request), *made);
    }

    async_operation(Handler handler, Convert convert, executor_type const& executor, bool later)
        : handler_{std::move(handler)}, convert_{std::move(convert)}, work_{executor}, later_{later} {}

    void answered(core::client_answer const& answer) noexcept override {
        kept_answer kept;
        keep(answer, kept);
        if (kept.error == std::errc::operation_canceled) kept.error = asio::error::operation_aborted;
        auto const work = std::move(work_);
        bool const later = later_;
        ending end{std::move(handler_), std::move(convert_), std::move(kept)};
        allocator memory{asio::get_associated_allocator(end.handler)};
        traits::destroy(memory, this);
        traits::deallocate(memory, this, 1);
        later ? asio::post(work.get_executor(), std::move(end))
              : asio::dispatch(work.get_executor(), std::move(end));
    }

private:
    using allocator = typename std::allocator_traits<
        asio::associated_allocator_t<Handler>>::template rebind_alloc<async_operation>;
    using traits = std::allocator_traits<allocator>;

    /// The call of the handler.
    struct ending {
        Handler handler;
        Convert convert;
        kept_answer answer;

        void operator()() {
            auto slot = asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected()) slot.clear();
            convert(std::move(handler), std::move(answer));
        }
    };

    Handler handler_;
    Convert convert_;
    asio::executor_work_guard<executor_type> work_;  // it has something to do until the handler was called
    bool later_;  // not within the client's own turn: the handler may destroy the client
};

}  // namespace fastqueue::shell

// ---- <fastqueue/shell/client_answers.hpp>

namespace fastqueue::shell {

/// The value in an answer.
/// \throws error (unsupported_content, bad_value ...) if it cannot be read
template <class T, class Serialization>
[[nodiscard]] T decode(kept_answer const& answer) {
    if (answer.content.empty() || answer.content == serialization::json::content)
        return serialization::json::decode<T>(answer.payload);
    if (answer.content == Serialization::content) return Serialization::template decode<T>(answer.payload);
    throw error{errc::unsupported_content,
                "the result's content '" + answer.content + "' cannot be read by this client"};
}

/// What a `result` tells of a task.
/// \throws error if its value cannot be read
template <class R, class Serialization>
[[nodiscard]] outcome<R> outcome_of(kept_answer answer) {
    using value = typename outcome<R>::value_type;
    auto made = [&] {
        if (answer.state == task_state::success)
            return outcome<R>::succeeded(decode<value, Serialization>(answer));
        auto const code = !is_final(answer.state) ? std::error_code{}
                          : answer.code != errc{} ? make_error_code(answer.code)
                                                  : make_error_code(errc::handler_error);
        return outcome<R>::ended(answer.state, code, std::move(answer.payload));
    }();
    made.meta(std::move(answer.meta));
    return made;
}

[[nodiscard]] inline task_status status_of(kept_answer answer) {
    task_status s;
    s.state = answer.state;
    if (answer.code != errc{}) s.error = make_error_code(answer.code);
    s.value = std::move(answer.payload);
    s.meta = std::move(answer.meta);
    return s;
}

namespace detail {

// As the document `inspect` has them.
struct attempt_row {
    std::uint32_t attempt = 0;
    std::uint64_t at_us = 0;
    std::optional<std::string> worker;
    std::string code;
    std::string text;

    template <class Archive>
    void serialize(Archive& a) {
        a(CEREAL_NVP(attempt), CEREAL_NVP(at_us), CEREAL_NVP(worker), CEREAL_NVP(code), CEREAL_NVP(text));
    }
};
struct task_row {
    std::optional<std::vector<attempt_row>> history;

    template <class Archive>
    void serialize(Archive& a) {
        a(CEREAL_NVP(history));
    }
};

}  // namespace detail

/// The attempts that a document of the verb `inspect` tells of. \throws error (bad_value) if it is none
[[nodiscard]] inline std::vector<failed_attempt> history_of(std::string_view document) {
    std::vector<failed_attempt> made;
    auto row = serialization::json::decode<detail::task_row>(document);
    if (!row.history) return made;
    for (auto& a : *row.history) {
        made.push_back({a.attempt, a.at_us, std::move(a.worker).value_or(""),
                        make_error_code(errc_from_name(a.code, errc::handler_error)), std::move(a.text)});
    }
    return made;
}

}  // namespace fastqueue::shell

// ---- <fastqueue/shell/client_requests.hpp>

// ---- <fastqueue/model/id_source.hpp>

namespace fastqueue {

/// Makes ids of version 7 from random bits that it fetches for many at once, since asking the system for them each time
/// costs as much as all else that a client does for a small task. One thread at a time. A child after `fork` would make
/// its parent's ids: it must have a source of its own.
class id_source {
public:
    /// \throws error if the system has no random numbers to give
    [[nodiscard]] task_id next(wall_instant now) {
        if (used_ == pool_.size()) refill();
        std::uint16_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, &pool_[used_], sizeof high);
        std::memcpy(&low, &pool_[used_ + sizeof high], sizeof low);
        std::memset(&pool_[used_], 0, id_octets);  // an id that was given out cannot be found here again
        used_ += id_octets;
        return task_id::make_v7(now, high, low);
    }

private:
    void refill() {
        random_bytes(pool_.data(), pool_.size());
        used_ = 0;
    }

    static constexpr std::size_t id_octets = 10;  // the rest of an id is its time

    std::array<std::uint8_t, 200 * id_octets> pool_;
    std::size_t used_ = pool_.size();
};

}  // namespace fastqueue

// ---- <fastqueue/wire/task_options.hpp>

namespace fastqueue::wire {

/// What a `submit` or `call` says beside id and name. The views show into the header.
struct request_options {
    task_options task;
    std::string_view content;  ///< empty: json
    std::string_view ref;
    std::string_view key;
    std::string_view traceparent;
};

namespace detail {

class options_reader {
public:
    explicit options_reader(request_options& out) noexcept : out_{out} {}

    [[nodiscard]] std::optional<problem> read(header const& h) {
        for (auto const& f : h.fields()) {
            if (!take(f)) return problem_;
        }
        auto const& t = out_.task;
        if (t.countdown_ms && t.eta_us)
            return problem{errc::bad_request, "countdown_ms and eta_us exclude each other"};
        return std::nullopt;
    }

private:
    bool take(field const& f) {
        auto& t = out_.task;
        switch (f.key.front()) {
            case 'c':
                return take_c(f);
            case 'd':
                return f.key != "delivery" || delivery(f);
            case 'e':
                if (f.key == "eta_us") return number(f, t.eta_us);
                if (f.key == "expires_ms") return number(f, t.expires_ms);
                return f.key != "expires_us" || number(f, t.expires_us);
            case 'k':
                return f.key != "key" || key(f);
            case 'm':
                return f.key != "meta" || flag(f, t.meta);
            case 'o':
                return f.key != "on_duplicate" || unsupported(f);
            case 'p':
                return f.key != "priority" || level(f);
            case 'r':
                return take_r(f);
            case 's':
                return f.key != "soft_timeout_ms" || time_limit(f, t.soft_timeout_ms);
            case 't':
                if (f.key == "timeout_ms") return time_limit(f, t.timeout_ms);
                if (f.key == "traceparent") out_.traceparent = f.value;
                return true;
            case 'u':
                return f.key != "unique" || unsupported(f);
            default:
                return true;  // unknown: from a newer peer
        }
    }
    bool take_c(field const& f) {
        if (f.key == "countdown_ms") return number(f, out_.task.countdown_ms);
        if (f.key == "content") return content(f);
        return (f.key != "callback" && f.key != "callback_data") || unsupported(f);
    }
    bool take_r(field const& f) {
        auto& t = out_.task;
        if (f.key == "ref") return ref(f);
        if (f.key == "retries") return retries(f);
        if (f.key == "retry_delay_ms") return number(f, t.retry_delay_ms);
        if (f.key == "retry_max_ms") return number(f, t.retry_max_ms);
        if (f.key == "retry_backoff")
            return fraction(f, t.retry_backoff, 100) && (t.retry_backoff >= 1 || bad(f));
        if (f.key == "retry_jitter") return fraction(f, t.retry_jitter, 1);
        if (f.key == "reply") return reply(f);
        return f.key != "resent" || resent(f);
    }

    bool bad(field const& f, std::string_view why = "the value cannot be read") {
        problem_ = {errc::bad_request, why, f.key};
        return false;
    }
    bool unsupported(field const& f) { return bad(f, "the option is not supported by this version"); }
    bool number(field const& f, std::uint64_t& out) {
        auto const value = read_number(f.value);
        if (!value) return bad(f);
        out = *value;
        return true;
    }
    bool time_limit(field const& f, std::uint64_t& out) {
        return number(f, out) && (out > 0 || bad(f, "a time limit is at least 1 ms"));
    }
    bool number(field const& f, std::optional<std::uint64_t>& out) {
        out = read_number(f.value);
        return out || bad(f);
    }
    bool fraction(field const& f, double& out, double max) {
        auto const value = read_fraction(f.value, max);
        if (!value) return bad(f);
        out = *value;
        return true;
    }
    bool flag(field const& f, bool& out) {
        if (f.value != "0" && f.value != "1") return bad(f);
        out = f.value == "1";
        return true;
    }
    bool level(field const& f) {
        out_.task.priority = parse_priority(f.value);
        return out_.task.priority || bad(f, "the priority is critical, high, normal or low");
    }
    bool delivery(field const& f) {
        if (f.value == "at_least_once") return true;
        if (f.value != "at_most_once") return bad(f);
        out_.task.delivery = fastqueue::delivery::at_most_once;
        return true;
    }
    bool retries(field const& f) {
        auto const value = read_number(f.value, max_retries);
        if (!value) return bad(f, "the retries are 0 to 1000");
        out_.task.retries = static_cast<std::uint32_t>(*value);
        return true;
    }
    bool key(field const& f) {
        if (f.value.empty() || f.value.size() > 255) return bad(f, "a key has 1 to 255 characters");
        out_.key = f.value;
        out_.task.key_hash = hash_bytes(f.value) | 1U;  // never 0: that means none
        return true;
    }
    bool content(field const& f) {
        if (f.value.empty() || f.value.size() > 64) return bad(f, "a content type has 1 to 64 characters");
        out_.content = f.value == "json" ? std::string_view{} : f.value;
        return true;
    }
    bool ref(field const& f) {
        if (f.value.empty() || f.value.size() > 64) return bad(f, "a ref has 1 to 64 characters");
        out_.ref = f.value;
        return true;
    }
    bool reply(field const& f) {
        if (f.value != "accepted" && f.value != "both") return bad(f);
        out_.task.reply_both = f.value == "both";
        return true;
    }
    bool resent(field const& f) {
        auto const epoch = uuid::parse(f.value);
        if (!epoch) return bad(f);
        out_.task.resent = *epoch;
        return true;
    }

    request_options& out_;
    problem problem_;
};

inline void write_fraction(header_writer& out, std::string_view key, double value) {
    char text[64];
    auto written = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
    if (written.ec != std::errc{})  // too small to be written out exactly
        written = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 20);
    out.field(key, std::string_view{text, static_cast<std::size_t>(written.ptr - text)});
}

}  // namespace detail

/// Reads the options of a `submit` or `call`.
/// \return what is wrong with one of them, or empty
[[nodiscard]] inline std::optional<problem> read_options(header const& h, request_options& out) {
    return detail::options_reader{out}.read(h);
}

/// Writes those options that differ from their defaults. `resent` and `ref` are the connection's business,
/// not written.
inline void write_options(header_writer& out, task_options const& o) {
    static task_options const usual;
    if (o.priority) out.field("priority", name_of(*o.priority));
    if (o.delivery == delivery::at_most_once) out.field("delivery", "at_most_once");
    if (o.meta) out.field("meta", "1");
    if (o.reply_both) out.field("reply", "both");
    if (o.retries != 0) out.field("retries", std::uint64_t{o.retries});
    if (o.retry_delay_ms != usual.retry_delay_ms) out.field("retry_delay_ms", o.retry_delay_ms);
    if (o.retry_backoff != usual.retry_backoff) detail::write_fraction(out, "retry_backoff", o.retry_backoff);
    if (o.retry_max_ms != usual.retry_max_ms) out.field("retry_max_ms", o.retry_max_ms);
    if (o.retry_jitter != usual.retry_jitter) detail::write_fraction(out, "retry_jitter", o.retry_jitter);
    if (o.soft_timeout_ms != 0) out.field("soft_timeout_ms", o.soft_timeout_ms);
    if (o.timeout_ms != 0) out.field("timeout_ms", o.timeout_ms);
    if (o.countdown_ms) out.field("countdown_ms", *o.countdown_ms);
    if (o.eta_us) out.field("eta_us", *o.eta_us);
    if (o.expires_ms) out.field("expires_ms", *o.expires_ms);
    if (o.expires_us) out.field("expires_us", *o.expires_us);
}

}  // namespace fastqueue::wire

namespace fastqueue::shell {

/// Turns what a caller wants into what the client's machine sends. Any thread.
class client_requests {
public:
    explicit client_requests(client_options options) : options_{std::move(options)} {}

    /// A task with its id: `call` or `submit`.
    template <class R>
    [[nodiscard]] core::client_request task(std::string_view verb, invocation<R> const& task,
                                            task_id const& id) const {
        auto request = plain(verb);
        request.tokens = tokens(task, id);
        request.payload = task.arguments();
        return request;
    }
    /// Tasks that are accepted together, each with the id at its place in `ids`.
    [[nodiscard]] core::client_request tasks(batch const& tasks, std::vector<task_id> const& ids) const {
        auto request = plain("submit");
        request.batch.reserve(tasks.size());
        auto id = ids.begin();
        for (auto const& task : tasks) request.batch.push_back({tokens(task, *id++), task.arguments()});
        return request;
    }
    [[nodiscard]] core::client_request about(std::string_view verb, task_id const& id) const {
        auto request = plain(verb);
        request.tokens = " " + id.text();
        return request;
    }
    /// \param timeout  when the control plane answers though the task has not ended
    [[nodiscard]] core::client_request wait(task_id const& id, std::chrono::milliseconds timeout) const {
        auto request = about("wait", id);
        auto const ms = std::max<std::chrono::milliseconds::rep>(timeout.count(), 0);
        request.tokens += " timeout_ms=" + std::to_string(ms);
        request.timeout = timeout + options_.timeout;
        return request;
    }
    [[nodiscard]] core::client_request document(std::string_view verb, std::string_view arguments,
                                                std::string_view payload = {}) const {
        auto request = plain(verb);
        request.payload = payload;
        if (!arguments.empty()) request.tokens = " " + std::string{arguments};
        request.port = core::client_port::management;
        return request;
    }

    template <class R>
    [[nodiscard]] task_id id_of(invocation<R> const& task) {
        if (!task.id().empty()) return task.id();
        std::scoped_lock const lock{mutex_};
        return ids_.next(wall_now());
    }
    [[nodiscard]] std::vector<task_id> ids_of(batch const& tasks) {
        std::vector<task_id> ids;
        ids.reserve(tasks.size());
        for (auto const& task : tasks) ids.push_back(id_of(task));
        return ids;
    }
    /// The same options as the client's machine wants them.
    [[nodiscard]] core::client_options machine_options() const {
        core::client_options made;
        made.discovery = options_.discovery;
        made.retries = options_.retries;
        made.seed = options_.seed != 0 ? options_.seed : random_seed();
        return made;
    }

    [[nodiscard]] static wall_instant wall_now() noexcept {
        using std::chrono::microseconds;
        return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
    }

private:
    [[nodiscard]] core::client_request plain(std::string_view verb) const {
        core::client_request request;
        request.verb = verb;
        request.timeout = options_.timeout;
        return request;
    }
    static void check(std::string_view what, std::string_view token) {
        if (!token.empty() && !fastqueue::detail::is_wire_token(token))
            fastqueue::detail::bad_option(what, "1 to 255 printable characters without spaces");
    }
    template <class R>
    [[nodiscard]] std::string tokens(invocation<R> const& task, task_id const& id) const {
        auto options = task.options();
        auto key = task.key();
        std::string traceparent;
        if (options_.before_call) {
            outgoing_task seen{id, task.name(), task.arguments(), options, key, traceparent};
            options_.before_call(seen);
            check("key", key);
            check("traceparent", traceparent);
        }
        wire::octet_buffer head;
        wire::header_writer header{head, {}};
        header.token(id).token(task.name());
        wire::write_options(header, options);
        if (!key.empty()) header.field("key", key);
        if (task.content() != serialization::json::content) header.field("content", task.content());
        if (!traceparent.empty()) header.field("traceparent", traceparent);
        return std::string{head.view().substr(4)};  // without "FQ1 "
    }

    client_options options_;
    std::mutex mutex_;
    id_source ids_;
};

}  // namespace fastqueue::shell

// ---- <fastqueue/task.hpp>

// The light door: all that a task's author needs, and no sockets. Handles, registry, context, invocations.

// ---- <fastqueue/tasks/argument.hpp>

namespace fastqueue {

/// A parameter's name together with the value that it has when no argument is given. Made by `arg("x") = value`.
template <class T>
struct defaulted_arg {
    std::string name;
    T value;
};

/// Names a parameter where a task is defined by name, or gives one a default:
/// `r.define("greet", handler, fq::arg("name"), fq::arg("greeting") = "Hello")`.
class arg {
public:
    explicit arg(std::string_view name) : name_{name} {}

    template <class T>
    [[nodiscard]] defaulted_arg<T> operator=(T value) && {
        return {std::move(name_), std::move(value)};
    }

    [[nodiscard]] std::string const& name() const noexcept { return name_; }

private:
    std::string name_;
};

/// One parameter of a task, for listings.
struct parameter {
    std::string name;  ///< empty: it can be given by position only
    std::string type;  ///< in words: `integer`, `list of string`, `object` ...
    bool has_default = false;
};

}  // namespace fastqueue

// ---- <fastqueue/tasks/context.hpp>

// ---- <fastqueue/tasks/resources.hpp>

#include <typeindex>

namespace fastqueue {

/// How each thread of a worker makes something for itself.
struct resource_factory {
    std::type_index type;
    std::function<std::shared_ptr<void>()> make;
};

/// What one thread of a worker has for itself: a database connection, a cache, a parser. Each is made when a handler on that
/// thread first asks for it, and destroyed on the same thread when that ends. One thread at a time.
class thread_resources {
public:
    /// \param factories  outlive it
    explicit thread_resources(std::vector<resource_factory> const& factories)
        : factories_{&factories}, made_(factories.size()) {}
    thread_resources(thread_resources&&) = default;
    thread_resources& operator=(thread_resources&&) = default;
    ~thread_resources() { clear(); }

    /// \throws what its factory throws: it is tried again the next time; error (bad_option) if there is no factory for it
    template <class T>
    [[nodiscard]] T& get() {
        for (std::size_t i = 0; i < made_.size(); ++i) {
            if ((*factories_)[i].type != typeid(T)) continue;
            if (!made_[i]) {
                made_[i] = (*factories_)[i].make();
                order_.push_back(i);
            }
            return *static_cast<T*>(made_[i].get());
        }
        throw error{errc::bad_option, std::string{"the worker has no "} + typeid(T).name() +
                                          " a thread; see registry::per_thread"};
    }
    /// Destroys them, the last made first.
    void clear() noexcept {
        for (; !order_.empty(); order_.pop_back()) made_[order_.back()].reset();
    }

private:
    std::vector<resource_factory> const* factories_;
    std::vector<std::shared_ptr<void>> made_;
    std::vector<std::size_t> order_;
};

}  // namespace fastqueue

#include <stop_token>

namespace fastqueue {

/// Where a handler's stop signal comes from when it is not a `std::stop_token`: across the C boundary of a module.
class stop_source_bridge {
public:
    [[nodiscard]] virtual bool stop_requested() const noexcept = 0;
    /// A token that follows the signal.
    [[nodiscard]] virtual std::stop_token token() = 0;

protected:
    ~stop_source_bridge() = default;
};

/// What a handler may know of its run, if its first parameter is a `context&`. The library passes it; it is no argument.
/// Lives as long as the run. `stop_requested` may be called from any thread, the rest by the handler's own.
class context {
public:
    /// \param name  of the task; must outlive the context
    context(task_id const& id, std::uint32_t attempt, std::string_view name, std::stop_token stop) noexcept
        : id_{id}, attempt_{attempt}, name_{name}, stop_{std::move(stop)} {}
    /// \param resources  of the thread; nullptr: it has none
    context(task_id const& id, std::uint32_t attempt, std::string_view name, stop_source_bridge& stop,
            thread_resources* resources = nullptr) noexcept
        : id_{id}, attempt_{attempt}, name_{name}, bridge_{&stop}, resources_{resources} {}
    context(context const&) = delete;
    context& operator=(context const&) = delete;

    /// The task's id, the same in every attempt. With `attempt()` a fencing token for outside systems.
    [[nodiscard]] task_id const& id() const noexcept { return id_; }
    /// Counted from 1; grows with each run that began or may have, also after one that was lost.
    [[nodiscard]] std::uint32_t attempt() const noexcept { return attempt_; }
    /// The task's name.
    [[nodiscard]] std::string_view name() const noexcept { return name_; }

    /// Whether the handler should stop: the task was cancelled, is over its soft time limit, or the worker is leaving.
    [[nodiscard]] bool stop_requested() const noexcept {
        return bridge_ != nullptr ? bridge_->stop_requested() : stop_.stop_requested();
    }
    /// The same as a token, for `std::condition_variable_any`, `std::stop_callback` and the like.
    [[nodiscard]] std::stop_token stop() const { return bridge_ != nullptr ? bridge_->token() : stop_; }

    /// What this thread of the worker has for itself; see registry::per_thread.
    /// \throws what making it throws; error (bad_option) if the worker has no such thing
    template <class T>
    [[nodiscard]] T& resource() const {
        if (resources_ == nullptr)
            throw error{errc::bad_option, "a task of a module has no resources of its worker's threads"};
        return resources_->get<T>();
    }

private:
    task_id id_;
    std::uint32_t attempt_;
    std::string_view name_;
    std::stop_token stop_;
    stop_source_bridge* bridge_ = nullptr;
    thread_resources* resources_ = nullptr;
};

}  // namespace fastqueue

// ---- <fastqueue/tasks/failure.hpp>

namespace fastqueue {

/// Thrown by a handler that knows that trying again is useless: the task ends in `failure` with this text, whatever
/// retries it has left.
class permanent_failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Thrown by a handler that knows when trying again is worth while: the attempt has failed with this text, and the next one, if
/// the task has retries left, begins after this wait in place of the task's own delay.
class retry_after : public std::runtime_error {
public:
    /// \param wait  from the attempt's end; below 0 is 0
    retry_after(std::chrono::milliseconds wait, std::string const& what)
        : std::runtime_error{what}, wait_{std::max(wait, std::chrono::milliseconds{})} {}

    [[nodiscard]] std::chrono::milliseconds wait() const noexcept { return wait_; }

private:
    std::chrono::milliseconds wait_;
};

/// Thrown by a handler that was asked to stop and did: the attempt ends as cancelled, not as failed.
class task_cancelled : public std::runtime_error {
public:
    task_cancelled() : std::runtime_error{"the handler stopped because it was asked to"} {}
    using std::runtime_error::runtime_error;
};

}  // namespace fastqueue

// ---- <fastqueue/tasks/handle.hpp>

namespace fastqueue {

template <class Signature>
class task;

/// What caller and worker agree on at compile time: a task's name, its parameters and its result. Stands in a header that
/// both include: `inline constexpr fq::task<int(int, int)> add{"add", "x", "y"};`. Calling it runs nothing: it gives an
/// invocation, which a client sends. A constant; safe from any thread.
template <class R, class... Ts>
class task<R(Ts...)> {
    static_assert((std::same_as<Ts, std::remove_cvref_t<Ts>> && ...),
                  "a task's parameters are values, not references");
    static_assert(!std::is_reference_v<R>, "a task's result is a value, not a reference");

public:
    using result_type = R;

    /// \param name   1 to 255 of `A-Z a-z 0-9 . _ : -`; must live for ever, as literals do
    /// \param names  of the parameters in order: all of them, or none, and then they can be given by position only
    template <std::convertible_to<std::string_view>... Names>
    requires(sizeof...(Names) == sizeof...(Ts) ||
             sizeof...(Names) == 0) constexpr explicit task(std::string_view name, Names const&... names)
        : name_{name}, names_{names...} {}

    [[nodiscard]] constexpr std::string_view name() const noexcept { return name_; }
    /// The parameters' names in order; empty where they have none.
    [[nodiscard]] constexpr std::span<std::string_view const> names() const noexcept { return names_; }

    /// An invocation with these arguments. Trailing std::optional parameters may be left out.
    /// \throws error (bad_value) for an argument that cannot be written
    template <class... Us>
    requires(sizeof...(Us) <= sizeof...(Ts)) [[nodiscard]] invocation<R> operator()(
        Us const&... arguments) const {
        return with<serialization::json>(arguments...);
    }

    /// The same in another serialization: `add.with<fq::serialization::portable_binary>(5, 3)`.
    template <class Serialization, class... Us>
    requires(sizeof...(Us) <= sizeof...(Ts)) [[nodiscard]] invocation<R> with(Us const&... arguments) const {
        std::string bytes;
        encode<Serialization>(bytes, std::index_sequence_for<Us...>{}, std::tie(arguments...));
        check_left_out(std::make_index_sequence<sizeof...(Ts) - sizeof...(Us)>{});
        return {name_, std::move(bytes), Serialization::content};
    }

private:
    template <std::size_t I>
    using parameter_type = std::tuple_element_t<I, std::tuple<Ts...>>;

    // Arguments are converted first, so that what is sent is what the handler's parameter is.
    template <class Serialization, std::size_t... I, class Given>
    static void encode(std::string& out, std::index_sequence<I...>, Given const& given) {
        static_assert((std::convertible_to<std::tuple_element_t<I, Given>, parameter_type<I>> && ...),
                      "an argument cannot be converted to the task's parameter");
        Serialization::encode_arguments(out, convert<parameter_type<I>>(std::get<I>(given))...);
    }

    template <class T, class U>
    static decltype(auto) convert(U const& value) {
        if constexpr (std::same_as<T, U>)
            return (value);
        else
            return T(value);
    }

    template <std::size_t... I>
    static consteval void check_left_out(std::index_sequence<I...>) {
        constexpr auto given = sizeof...(Ts) - sizeof...(I);
        static_assert(
            ((serialization::shape_of<parameter_type<given + I>> == serialization::shape::optional) && ...),
            "an argument is missing: only trailing std::optional parameters may be left out");
    }

    std::string_view name_;
    std::array<std::string_view, sizeof...(Ts)> names_;
};

}  // namespace fastqueue

// ---- <fastqueue/tasks/registry.hpp>

// ---- <fastqueue/tasks/definition.hpp>

#include <exception>

namespace fastqueue {

/// What became of one run of a handler. The value, or the error's text, is in the string that `invoke` was given.
struct invocation_result {
    errc code{};                                       ///< zero: success
    bool is_final = false;                             ///< of a failure: trying again is useless
    std::optional<std::uint64_t> retry_after_ms = {};  ///< of another one: when it is worth while

    [[nodiscard]] constexpr bool ok() const noexcept { return code == errc{}; }
};

/// Longer texts of errors are cut.
inline constexpr std::size_t max_error_text = 4096;

/// Writes `what` to `out` as FQ1 wants texts: UTF-8, what is not becoming U+FFFD, and at most `max_error_text` octets.
/// \throws std::bad_alloc
inline void write_error_text(std::string& out, std::string_view what) {
    out.clear();
    while (!what.empty()) {
        auto const length = json::utf8_length(what.substr(0, 4));
        auto const piece = length == 0 ? std::string_view{"\xEF\xBF\xBD"} : what.substr(0, length);
        if (out.size() + piece.size() > max_error_text) return;
        out += piece;
        what.remove_prefix(std::max<std::size_t>(length, 1));
    }
}

namespace detail {

enum class run_phase : unsigned char { reading_arguments, running, writing_result };

inline invocation_result report(std::string& out, run_phase phase, std::string_view what) {
    if (phase == run_phase::writing_result) {
        write_error_text(out, "the result cannot be written: " + std::string{what});
        return {errc::handler_error, true};
    }
    write_error_text(out, what);
    return phase == run_phase::reading_arguments ? invocation_result{errc::bad_arguments, true}
                                                 : invocation_result{errc::handler_error, false};
}

// In a catch (...): says in `out` what is being thrown.
inline invocation_result report_exception(std::string& out, run_phase phase) {
    try {
        throw;
    } catch (permanent_failure const& e) {
        write_error_text(out, e.what());
        return {errc::handler_error, true};
    } catch (retry_after const& e) {
        write_error_text(out, e.what());
        return {errc::handler_error, false, static_cast<std::uint64_t>(e.wait().count())};
    } catch (task_cancelled const& e) {
        write_error_text(out, e.what());
        return {errc::cancelled, true};
    } catch (error const& e) {
        return report(out, phase, e.text());
    } catch (std::exception const& e) {
        return report(out, phase, e.what());
    } catch (...) {
        return report(out, phase, "unknown exception");
    }
}

}  // namespace detail

/// How a task is run with arguments of one content type. `state` is the definition's.
struct task_invoker {
    using function = invocation_result (*)(void const* state, context&, std::string_view content,
                                           std::string_view arguments, std::string& out);

    std::string content;
    function run;
};

/// A task that a worker can run: its name, what it takes and gives, and the code. Copies share the code, and keep a module
/// mapped that it came from. Const members may be called from several threads at once.
class task_definition {
public:
    /// \param state     what each invoker is given; shared by copies
    /// \param invokers  at least one; JSON's first
    task_definition(std::string name, std::vector<parameter> parameters, std::string result_type,
                    std::shared_ptr<void const> state, std::vector<task_invoker> invokers)
        : name_{std::move(name)},
          parameters_{std::move(parameters)},
          result_type_{std::move(result_type)},
          state_{std::move(state)},
          invokers_{std::move(invokers)} {}

    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] std::vector<parameter> const& parameters() const noexcept { return parameters_; }
    /// The result's type in words; `null` for a handler that returns nothing.
    [[nodiscard]] std::string const& result_type() const noexcept { return result_type_; }
    /// What the task does, for people; may be empty.
    [[nodiscard]] std::string const& description() const noexcept { return description_; }
    /// The file of the module it came from; empty for the program's own.
    [[nodiscard]] std::string const& module() const noexcept { return module_; }
    [[nodiscard]] std::vector<task_invoker> const& invokers() const noexcept { return invokers_; }

    /// `add(x: integer, y: integer = ...) -> integer`
    [[nodiscard]] std::string signature() const {
        std::string text = name_ + '(';
        for (auto const& p : parameters_) {
            if (&p != parameters_.data()) text += ", ";
            text += p.name.empty() ? p.type : p.name + ": " + p.type;
            if (p.has_default) text += " = ...";
        }
        return text + ") -> " + result_type_;
    }

    task_definition& describe(std::string_view text) {
        description_ = text;
        return *this;
    }
    task_definition& from_module(std::string_view path) {
        module_ = path;
        return *this;
    }

    /// Runs the handler in the calling thread.
    /// \param content    how the arguments are encoded and the result shall be; empty: JSON
    /// \param[out] out   the encoded result, or the error's text (UTF-8). Its memory is used again from call to call
    /// \return success, or
    ///         errc::unsupported_content  the task is not there in that content type
    ///         errc::bad_arguments        the arguments do not fit: the handler has not run
    ///         errc::cancelled            the handler threw `task_cancelled`
    ///         errc::handler_error        the handler threw anything else, or its result cannot be encoded
    [[nodiscard]] invocation_result invoke(context& ctx, std::string_view content, std::string_view arguments,
                                           std::string& out) const noexcept {
        try {
            out.clear();
            if (content.empty()) content = serialization::json::content;
            for (auto const& each : invokers_) {
                if (each.content == content) return run(each, ctx, arguments, out);
            }
            write_error_text(
                out, "task \"" + name_ + "\" cannot be called with content \"" + std::string{content} + '"');
            return {errc::unsupported_content, true};
        } catch (...) {  // no memory left even to say so
            out.clear();
            return {errc::handler_error, false};
        }
    }

private:
    [[nodiscard]] invocation_result run(task_invoker const& invoker, context& ctx, std::string_view arguments,
                                        std::string& out) const {
        try {
            return invoker.run(state_.get(), ctx, invoker.content, arguments, out);
        } catch (...) {
            return detail::report_exception(out, detail::run_phase::running);
        }
    }

    std::string name_;
    std::vector<parameter> parameters_;
    std::string result_type_;
    std::string description_;
    std::string module_;
    std::shared_ptr<void const> state_;
    std::vector<task_invoker> invokers_;
};

}  // namespace fastqueue

// ---- <fastqueue/tasks/handler.hpp>

namespace fastqueue::detail {

// The signature of a callable that has just one.
template <class F>
struct signature_of : signature_of<decltype(&F::operator())> {};
template <class R, class... Ps>
struct signature_of<R (*)(Ps...)> {
    using type = R(Ps...);
};
template <class R, class... Ps>
struct signature_of<R (*)(Ps...) noexcept> : signature_of<R (*)(Ps...)> {};
template <class C, class R, class... Ps>
struct signature_of<R (C::*)(Ps...) const> : signature_of<R (*)(Ps...)> {};
template <class C, class R, class... Ps>
struct signature_of<R (C::*)(Ps...) const noexcept> : signature_of<R (*)(Ps...)> {};
template <class C, class R, class... Ps>
struct signature_of<R (C::*)(Ps...)> : signature_of<R (*)(Ps...)> {};  // refused later, in words

template <class F>
concept has_one_signature = requires {
    typename signature_of<F>::type;
};

// Parameters as a handler declares them, without the leading context.
template <class Signature>
struct parameters_of;
template <class R, class... Ps>
struct parameters_of<R(Ps...)> {
    using result = R;
    using declared = std::tuple<Ps...>;
    using values = std::tuple<std::remove_cvref_t<Ps>...>;
    static constexpr bool takes_context = false;
};
template <class R, class... Ps>
struct parameters_of<R(context&, Ps...)> : parameters_of<R(Ps...)> {
    static constexpr bool takes_context = true;
};

/// A handler with all it needs to be called from bytes. Const, so that any number of threads may call it.
template <class R, class Declared, class Values, class F>
class handler {
    static constexpr std::size_t count = std::tuple_size_v<Values>;

    template <class>
    struct defaults_of;
    template <class... Ts>
    struct defaults_of<std::tuple<Ts...>> {
        using type = std::tuple<std::optional<Ts>...>;
    };

public:
    handler(F function, std::vector<std::string> names)
        : function_{std::move(function)}, names_{std::move(names)} {
        names_.resize(count);
        std::ranges::copy(names_, views_.begin());
    }
    handler(handler const&) = delete;  // views_ point into names_
    handler& operator=(handler const&) = delete;

    /// \throws error (bad_option) if there is no such parameter, or it cannot have that value
    template <class T>
    void set_default(defaulted_arg<T> const& given) {
        bool found = false;
        each_position([&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            if (names_[I] != given.name) return;
            found = true;
            using target = std::tuple_element_t<I, Values>;
            if constexpr (std::convertible_to<T const&,
                                              target>)  // implicitly: a number is no length of a list
                std::get<I>(defaults_).emplace(static_cast<target>(given.value));
            else
                throw error{errc::bad_option,
                            "the default of \"" + given.name + "\" is no value of its type"};
        });
        if (!found)
            throw error{errc::bad_option, "a default for \"" + given.name + "\", which is no parameter"};
    }

    [[nodiscard]] std::vector<parameter> parameters() const {
        std::vector<parameter> list;
        each_position([&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            list.push_back({names_[I], serialization::type_in_words<std::tuple_element_t<I, Values>>(),
                            std::get<I>(defaults_).has_value()});
        });
        return list;
    }

    /// The function of a `task_invoker`.
    template <class Serialization>
    static invocation_result run(void const* state, context& ctx, std::string_view,
                                 std::string_view arguments, std::string& out) {
        auto const& self = *static_cast<handler const*>(state);
        auto phase = run_phase::reading_arguments;
        try {
            Values values;
            Serialization::decode_arguments(arguments, self.views_, values, self.filler());
            phase = run_phase::running;
            auto const result = self.call(ctx, values, std::make_index_sequence<count>{});
            phase = run_phase::writing_result;
            Serialization::encode(out, result);
            return {};
        } catch (...) {
            return report_exception(out, phase);
        }
    }

private:
    template <class Body>
    static void each_position(Body&& body) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (body(std::integral_constant<std::size_t, I>{}), ...);
        }
        (std::make_index_sequence<count>{});
    }

    [[nodiscard]] auto filler() const {
        return [this]<std::size_t I, class T>(std::integral_constant<std::size_t, I>, T& element) {
            auto const& value = std::get<I>(this->defaults_);
            if (value) element = *value;
            return value.has_value();
        };
    }

    template <std::size_t... I>
    auto call(context& ctx, [[maybe_unused]] Values& values, std::index_sequence<I...>) const {
        // As the handler declares them: moved into values, bound to references.
        auto const invoke = [&]() -> decltype(auto) {
            if constexpr (std::invocable<F const&, context&, std::tuple_element_t<I, Declared>...>) {
                return function_(ctx,
                                 static_cast<std::tuple_element_t<I, Declared>&&>(std::get<I>(values))...);
            } else {
                return function_(static_cast<std::tuple_element_t<I, Declared>&&>(std::get<I>(values))...);
            }
        };
        if constexpr (std::is_void_v<R>) {
            invoke();
            return std::monostate{};
        } else {
            return static_cast<R>(invoke());
        }
    }

    F function_;
    std::vector<std::string> names_;
    std::array<std::string_view, count> views_;
    typename defaults_of<Values>::type defaults_;
};

}  // namespace fastqueue::detail

// ---- <fastqueue/tasks/hooks.hpp>

namespace fastqueue {

/// The rest of a run, as an interceptor sees it: the interceptors within and the handler. Lives as long as the interceptor's
/// call.
class next_run {
public:
    next_run(std::function<invocation_result()> const& run, std::string const& out) noexcept
        : run_{&run}, out_{&out} {}
    next_run(next_run const&) = delete;
    next_run& operator=(next_run const&) = delete;

    /// Runs it. Does not throw: what the handler threw is told below. Calling it again is an error.
    void operator()() {
        if (called_) throw error{errc::bad_option, "an interceptor ran a task twice"};
        called_ = true;
        result_ = (*run_)();
    }
    [[nodiscard]] bool called() const noexcept { return called_; }
    [[nodiscard]] bool succeeded() const noexcept { return called_ && result_.ok(); }
    /// How it failed; none if it succeeded.
    [[nodiscard]] errc code() const noexcept { return result_.code; }
    /// The encoded value, or the error's text.
    [[nodiscard]] std::string_view text() const noexcept { return *out_; }
    [[nodiscard]] invocation_result result() const noexcept { return result_; }

private:
    std::function<invocation_result()> const* run_;
    std::string const* out_;
    invocation_result result_;
    bool called_ = false;
};

/// What a worker does around its tasks. Set up first, run then: const members may be called from several threads at once. A
/// value.
class worker_hooks {
public:
    using interceptor = std::function<void(context&, next_run&)>;

    std::vector<interceptor> around;              ///< of each run, the first is outermost
    std::vector<std::function<void()>> on_start;  ///< before a worker takes its first task; in order
    std::vector<std::function<void()>> on_stop;   ///< after its last; in reverse order
    std::vector<resource_factory> per_thread;     ///< what each of its threads has for itself

    [[nodiscard]] bool empty() const noexcept {
        return around.empty() && on_start.empty() && on_stop.empty() && per_thread.empty();
    }
    void merge(worker_hooks const& other) {
        around.insert(around.end(), other.around.begin(), other.around.end());
        on_start.insert(on_start.end(), other.on_start.begin(), other.on_start.end());
        on_stop.insert(on_stop.end(), other.on_stop.begin(), other.on_stop.end());
        per_thread.insert(per_thread.end(), other.per_thread.begin(), other.per_thread.end());
    }

    /// Runs a task with all that is around it.
    /// \param run  the handler itself; writes to `out`
    [[nodiscard]] invocation_result run(context& ctx, std::string& out,
                                        std::function<invocation_result()> const& run) const {
        return run_from(0, ctx, out, run);
    }

private:
    [[nodiscard]] invocation_result run_from(std::size_t first, context& ctx, std::string& out,
                                             std::function<invocation_result()> const& handler) const {
        if (first == around.size()) return handler();
        std::function<invocation_result()> const inner = [&] {
            return run_from(first + 1, ctx, out, handler);
        };
        next_run next{inner, out};
        try {
            around[first](ctx, next);
        } catch (...) {
            return detail::report_exception(out, detail::run_phase::running);
        }
        if (next.called()) return next.result();
        out = "an interceptor did not let the task run";
        return {errc::handler_error, false};
    }
};

}  // namespace fastqueue

namespace fastqueue {

namespace detail {

template <class T>
struct is_defaulted : std::false_type {};
template <class T>
struct is_defaulted<defaulted_arg<T>> : std::true_type {};

template <class T>
concept names_parameter =
    is_defaulted<T>::value || std::same_as<T, arg> || std::convertible_to<T, std::string_view>;

template <class T>
[[nodiscard]] std::string parameter_name(T const& given) {
    if constexpr (is_defaulted<T>::value)
        return given.name;
    else if constexpr (std::same_as<T, arg>)
        return given.name();
    else
        return std::string{std::string_view{given}};
}

struct name_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept {
        return std::hash<std::string_view>{}(name);
    }
};

}  // namespace detail

/// The tasks that a worker can run. Handlers are found by name, in O(1) and without allocation. Define first, run then:
/// const members may be called from several threads at once, the others only while nobody else uses it. A value; copies
/// share the handlers.
///
/// A handler takes its arguments as values or references of types that the serialization can read, and may have a `context&`
/// before them. It is called from several threads at once. What it returns is the task's result; what it throws, its error.
class registry {
public:
    using const_iterator = std::vector<task_definition>::const_iterator;

    /// Defines the task of a handle. Parameters have the handle's types and names.
    /// \param handler   callable with the handle's parameters, maybe after a `context&`; its result becomes the handle's
    /// \param defaults  any of `fq::arg("name") = value`
    /// \return for `describe`; valid until the registry changes
    /// \throws error (bad_name) for a name that cannot be one or is taken; error (bad_option) for a default that does not fit
    template <class R, class... Ts, class F, class... Defaults>
    task_definition& define(task<R(Ts...)> const& handle, F handler, Defaults const&... defaults) {
        return define_task<serialization::json>(handle, std::move(handler), defaults...);
    }

    /// Defines a task by name. Parameters have the handler's types.
    /// \param handler     callable with one signature (no overloads, no `auto` parameters: those need a handle)
    /// \param parameters  the names of all parameters in order, each a string, `fq::arg("x")` or `fq::arg("x") = value`;
    ///                    or none, and then arguments can be given by position only
    template <class F, detail::names_parameter... Parameters>
    task_definition& define(std::string_view name, F handler, Parameters const&... parameters) {
        return define_named<serialization::json>(name, std::move(handler), parameters...);
    }

    /// Adds a definition that is there already: of another registry, of a module.
    /// \throws error (bad_name) for a name that cannot be one or is taken, naming both origins
    task_definition& add(task_definition definition) {
        std::string name{definition.name()};
        if (!is_valid_name(name)) {
            throw error{errc::bad_name,
                        "\"" + name + "\" cannot name a task: it is 1 to 255 of A-Z a-z 0-9 . _ : -"};
        }
        if (auto const* known = find(name)) {
            throw error{errc::bad_name, "task \"" + name + "\" is defined twice: in " + origin(*known) +
                                            " and in " + origin(definition)};
        }
        auto const at = std::ranges::lower_bound(definitions_, name, {}, &task_definition::name);
        auto const position = at - definitions_.begin();
        definitions_.insert(at, std::move(definition));
        for (auto& [key, index] : index_) {
            if (index >= static_cast<std::size_t>(position)) ++index;
        }
        index_.emplace(std::move(name), static_cast<std::size_t>(position));
        return definitions_[static_cast<std::size_t>(position)];
    }

    /// Lets `f(context&, next_run&)` run around each task of this registry's worker: before `next()`, after it, or in its
    /// place. The first one added is outermost. Called from several threads at once; what it throws is the task's error.
    registry& around(worker_hooks::interceptor f) {
        hooks_.around.push_back(std::move(f));
        return *this;
    }
    /// Called once before a worker takes its first task. What it throws, the worker's `start` throws.
    registry& on_start(std::function<void()> f) {
        hooks_.on_start.push_back(std::move(f));
        return *this;
    }
    /// Called once when a worker has ended its last task; must not throw.
    registry& on_stop(std::function<void()> f) {
        hooks_.on_stop.push_back(std::move(f));
        return *this;
    }
    /// Gives each thread of a worker a `T` for itself, made by `make()` when a handler there first asks for it with
    /// `context::resource<T>()`, and destroyed when the thread ends.
    template <class T, class F>
    registry& per_thread(F make) {
        hooks_.per_thread.push_back({typeid(T), [make = std::move(make)] {
                                         return std::shared_ptr<void>{std::make_shared<T>(make())};
                                     }});
        return *this;
    }
    [[nodiscard]] worker_hooks const& hooks() const noexcept { return hooks_; }

    /// Adds all tasks and hooks of `other`, or, if it throws error (bad_name), none.
    void merge(registry const& other) {
        auto merged = *this;
        for (auto const& each : other) merged.add(each);
        merged.hooks_.merge(other.hooks_);
        *this = std::move(merged);
    }

    /// The task of that name; null if there is none. Valid until the registry changes.
    [[nodiscard]] task_definition const* find(std::string_view name) const noexcept {
        auto const found = index_.find(name);
        return found != index_.end() ? &definitions_[found->second] : nullptr;
    }

    /// The names most like `name`, nearest first, for messages.
    [[nodiscard]] std::vector<std::string> nearest(std::string_view name) const {
        return nearest_names(name, names());
    }

    /// All names, in order.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> list;
        list.reserve(definitions_.size());
        for (auto const& each : definitions_) list.emplace_back(each.name());
        return list;
    }

    /// Definitions in the order of their names.
    [[nodiscard]] const_iterator begin() const noexcept { return definitions_.begin(); }
    [[nodiscard]] const_iterator end() const noexcept { return definitions_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return definitions_.size(); }
    [[nodiscard]] bool empty() const noexcept { return definitions_.empty(); }

protected:
    template <class... Serializations, class R, class... Ts, class F, class... Defaults>
    task_definition& define_task(task<R(Ts...)> const& handle, F handler, Defaults const&... defaults) {
        static_assert((detail::is_defaulted<Defaults>::value && ...),
                      "the handle names the parameters: give only defaults");
        constexpr bool fits =
            std::is_invocable_r_v<R, F const&, Ts...> || std::is_invocable_r_v<R, F const&, context&, Ts...>;
        static_assert(fits || !(std::is_invocable_v<F&, Ts...> || std::is_invocable_v<F&, context&, Ts...>),
                      "the handler must give the handle's result, and be callable when const: it is called "
                      "from several threads");
        static_assert(fits, "the handler cannot be called with the handle's parameters");
        std::vector<std::string> names(handle.names().begin(), handle.names().end());
        return insert<R, std::tuple<Ts...>, std::tuple<Ts...>, Serializations...>(
            handle.name(), std::move(handler), std::move(names), defaults...);
    }

    template <class... Serializations, class F, class... Parameters>
    task_definition& define_named(std::string_view name, F handler, Parameters const&... parameters) {
        static_assert(
            detail::has_one_signature<F>,
            "the handler has no single signature (an overload, an auto parameter): define it with a handle");
        using of = detail::parameters_of<typename detail::signature_of<F>::type>;
        constexpr auto count = std::tuple_size_v<typename of::values>;
        static_assert(sizeof...(Parameters) == 0 || sizeof...(Parameters) == count,
                      "name all parameters, or none");
        return insert<typename of::result, typename of::declared, typename of::values, Serializations...>(
            name, std::move(handler), {detail::parameter_name(parameters)...}, parameters...);
    }

private:
    template <class R, class Declared, class Values, class... Serializations, class F, class... Given>
    task_definition& insert(std::string_view name, F function, std::vector<std::string> names,
                            Given const&... given) {
        using value = std::conditional_t<std::is_void_v<R>, std::monostate, std::remove_cvref_t<R>>;
        using handler =
            detail::handler<std::conditional_t<std::is_void_v<R>, void, value>, Declared, Values, F>;
        auto state = std::make_shared<handler>(std::move(function), std::move(names));
        [[maybe_unused]] auto const take = [&](auto const& each) {
            if constexpr (detail::is_defaulted<std::remove_cvref_t<decltype(each)>>::value)
                state->set_default(each);
        };
        (take(given), ...);
        auto parameters = state->parameters();
        return add({std::string{name},
                    std::move(parameters),
                    serialization::type_in_words<value>(),
                    std::move(state),
                    {{std::string{Serializations::content}, &handler::template run<Serializations>}...}});
    }

    [[nodiscard]] static std::string origin(task_definition const& d) {
        return d.module().empty() ? "this program" : "module " + d.module();
    }

    worker_hooks hooks_;
    std::vector<task_definition> definitions_;  // by name
    std::unordered_map<std::string, std::size_t, detail::name_hash, std::equal_to<>> index_;
};

/// A registry whose tasks can also be called in other serializations than JSON:
/// `fq::registry_with<fq::serialization::portable_binary> r;`
template <policy::serialization... More>
class registry_with : public registry {
public:
    template <class R, class... Ts, class F, class... Defaults>
    task_definition& define(task<R(Ts...)> const& handle, F handler, Defaults const&... defaults) {
        return define_task<serialization::json, More...>(handle, std::move(handler), defaults...);
    }
    template <class F, detail::names_parameter... Parameters>
    task_definition& define(std::string_view name, F handler, Parameters const&... parameters) {
        return define_named<serialization::json, More...>(name, std::move(handler), parameters...);
    }
};

}  // namespace fastqueue

#include <asio/async_result.hpp>
#include <asio/system_executor.hpp>

namespace fastqueue::shell {

/// What every client can do without blocking. Each operation takes a completion token (a callback, `asio::use_future`,
/// `asio::use_awaitable` ...) as its last argument. The handler runs on its own executor; where it has none, on the client's
/// loop, where it must not block and not throw. Its cancellation slot ends the waiting (`operation_aborted`) and not the
/// task: that is what `async_cancel` is for.
///
/// The error code says whether an answer was had: `unreachable`, `timed_out`, `stopped`, or what the control plane refused
/// with. What became of the task is in the outcome. A coroutine with `asio::use_awaitable` gets the code alone, as
/// std::system_error; `asio::as_tuple(asio::use_awaitable)` gives both, and the control plane's words are the outcome's text.
///
/// Threads: all members may be called from any thread at once.
template <class Policies>
class client_operations {
protected:
    using driver_type = client_driver<Policies>;
    using serialization = typename Policies::serialization_policy;

public:
    /// Runs a task. Completes with `(std::error_code, outcome<R>)` when it has ended.
    template <class R, class Token>
    auto async_call(invocation<R> const& task, Token&& token) {
        return start<void(std::error_code, outcome<R>)>(requests_.task("call", task, requests_.id_of(task)),
                                                        give_outcome<R>{}, std::forward<Token>(token));
    }
    /// Hands a task over. Completes with `(std::error_code, task_id)` when it is accepted.
    template <class R, class Token>
    auto async_delay(invocation<R> const& task, Token&& token) {
        auto const id = requests_.id_of(task);
        return start<void(std::error_code, task_id)>(requests_.task("submit", task, id), give<task_id>{id},
                                                     std::forward<Token>(token));
    }
    /// Hands many tasks over in one message: all are accepted, or none is. Completes with
    /// `(std::error_code, std::vector<task_id>)`, in the batch's order; `bad_option` for an empty one.
    template <class Token>
    auto async_delay(batch const& tasks, Token&& token) {
        auto ids = requests_.ids_of(tasks);
        auto request = requests_.tasks(tasks, ids);
        return start<void(std::error_code, std::vector<task_id>)>(
            std::move(request), give<std::vector<task_id>>{std::move(ids)}, std::forward<Token>(token));
    }
    /// Waits for a task's end, at most `timeout`. Completes with `(std::error_code, outcome<R>)`, whose state is not final
    /// when the time was over.
    template <class R, class Token>
    auto async_wait(task_id const& id, std::chrono::milliseconds timeout, Token&& token) {
        return start<void(std::error_code, outcome<R>)>(requests_.wait(id, timeout), give_outcome<R>{},
                                                        std::forward<Token>(token));
    }
    /// Where a task stands. Completes with `(std::error_code, task_status)`.
    template <class Token>
    auto async_status(task_id const& id, Token&& token) {
        return start<void(std::error_code, task_status)>(requests_.about("get", id), give_status{},
                                                         std::forward<Token>(token));
    }
    /// Cancels a task. Completes with `(std::error_code, task_state)`: `cancelled` where it had not begun, `running` where
    /// its handler was asked to stop.
    template <class Token>
    auto async_cancel(task_id const& id, Token&& token) {
        return start<void(std::error_code, task_state)>(requests_.about("cancel", id), give_state{},
                                                        std::forward<Token>(token));
    }
    /// Drops a task's result. Completes with `(std::error_code)`.
    template <class Token>
    auto async_forget(task_id const& id, Token&& token) {
        return start<void(std::error_code)>(requests_.about("forget", id), give_nothing{},
                                            std::forward<Token>(token));
    }
    /// A document of the management port, as JSON. Completes with `(std::error_code, std::string)`.
    /// \param verb       of a literal: `workers`, `queues`, `tasks`, `why` ...
    /// \param arguments  what stands behind it in the header, as `state=running limit=5`
    template <class Token>
    auto async_document(std::string_view verb, std::string_view arguments, Token&& token) {
        return start<void(std::error_code, std::string)>(requests_.document(verb, arguments), give_payload{},
                                                         std::forward<Token>(token));
    }

    /// A new id that nobody can guess.
    [[nodiscard]] static task_id new_id() { return task_id::make_v7(client_requests::wall_now()); }

protected:
    client_operations(client_options options, std::unique_ptr<typename Policies::transport_policy> transport)
        : requests_{std::move(options)}, driver_{requests_.machine_options(), std::move(transport)} {}
    ~client_operations() = default;

    [[nodiscard]] client_requests& requests() noexcept { return requests_; }
    [[nodiscard]] driver_type& driver() noexcept { return driver_; }

private:
    // What handlers are called with. Where no answer was had the rest is empty, and the words are in the outcome's text.
    template <class R>
    struct give_outcome {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            if (answer.error) return none(std::move(handler), answer.error, std::move(answer.payload));
            try {
                auto made = outcome_of<R, serialization>(std::move(answer));
                std::move(handler)(std::error_code{}, std::move(made));
            } catch (error const& e) {
                none(std::move(handler), e.code(), e.text());
            }
        }
        template <class Handler>
        static void none(Handler handler, std::error_code why, std::string text) {
            std::move(handler)(why, outcome<R>::ended(task_state::queued, why, std::move(text)));
        }
    };
    template <class T>
    struct give {
        T value;
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) {
            std::move(handler)(answer.error, answer.error ? T{} : std::move(value));
        }
    };
    struct give_status {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            auto const why = answer.error;
            std::move(handler)(why, why ? task_status{} : status_of(std::move(answer)));
        }
    };
    struct give_state {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            std::move(handler)(answer.error, answer.state);
        }
    };
    struct give_nothing {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            std::move(handler)(answer.error);
        }
    };
    struct give_payload {
        template <class Handler>
        void operator()(Handler handler, kept_answer answer) const {
            std::move(handler)(answer.error, answer.error ? std::string{} : std::move(answer.payload));
        }
    };

    template <class Signature, class Convert, class Token>
    auto start(core::client_request request, Convert convert, Token&& token) {
        return asio::async_initiate<Token, Signature>(
            [this](auto handler, core::client_request&& asked, Convert&& made) {
                auto const loop = loop_executor();
                using operation = async_operation<decltype(handler), Convert, std::decay_t<decltype(loop)>>;
                operation::start(driver_, loop, std::move(asked), std::move(handler), std::move(made));
            },
            token, std::move(request), std::move(convert));
    }

    /// Where a handler runs that has no executor of its own.
    [[nodiscard]] auto loop_executor() {
        if constexpr (requires { driver_.transport().context(); })
            return driver_.transport().context().get_executor();
        else
            return asio::
                system_executor{};  // a loop without Asio: what is dispatched here runs at once, in it
    }

    client_requests requests_;
    driver_type driver_;
};

}  // namespace fastqueue::shell

// ---- <fastqueue/shell/completions.hpp>

#include <iterator>

namespace fastqueue::shell {

/// One of the tasks that were waited for.
template <class R>
struct completion {
    std::size_t index = 0;  ///< its place among those asked for
    task_id id;
    std::error_code error;  ///< nothing could be learnt: `unknown_task`, `timed_out`, `stopped` ...
    std::optional<outcome<R>>
        result;  ///< what became of it; empty with an error, or if it has not ended in time
};

/// Tasks in the order in which they end, as a range of `completion<R>&`. One thread at a time. It may be destroyed at any
/// time; what is still waited for is then let go.
template <class R, class Policies>
class completions {
    struct state {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<completion<R>> arrived;
    };

public:
    completions(client_operations<Policies>& client, std::span<task_id const> ids,
                std::chrono::milliseconds timeout)
        : left_{ids.size()} {
        for (std::size_t i = 0; i < ids.size(); ++i) {
            client.template async_wait<R>(
                ids[i], timeout, [to = state_, i, id = ids[i]](std::error_code why, outcome<R> result) {
                    bool const ended = !why && is_final(result.state());
                    completion<R> made{i, id, why, std::nullopt};
                    if (ended) made.result.emplace(std::move(result));
                    std::scoped_lock const lock{to->mutex};
                    to->arrived.push_back(std::move(made));
                    to->changed.notify_one();
                });
        }
    }

    /// Waits for the next one. \return empty: all have been shown
    [[nodiscard]] std::optional<completion<R>> next() {
        if (left_ == 0) return std::nullopt;
        --left_;
        std::unique_lock lock{state_->mutex};
        state_->changed.wait(lock,
                             [this] { return !state_->arrived.empty(); });  // the operation's time bounds it
        std::optional<completion<R>> first{std::move(state_->arrived.front())};
        state_->arrived.pop_front();
        return first;
    }

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = completion<R>;
        using difference_type = std::ptrdiff_t;
        using pointer = value_type*;
        using reference = value_type&;

        iterator() = default;
        explicit iterator(completions& of) : of_{&of} { ++*this; }
        [[nodiscard]] reference operator*() const noexcept { return *of_->shown_; }
        [[nodiscard]] pointer operator->() const noexcept { return &*of_->shown_; }
        iterator& operator++() {
            of_->shown_ = of_->next();
            if (!of_->shown_) of_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        [[nodiscard]] friend bool operator==(iterator const& a, iterator const& b) noexcept {
            return a.of_ == b.of_;
        }

    private:
        completions* of_ = nullptr;
    };
    [[nodiscard]] iterator begin() { return iterator{*this}; }
    [[nodiscard]] iterator end() noexcept { return {}; }

private:
    std::shared_ptr<state> state_ = std::make_shared<state>();
    std::size_t left_;
    std::optional<completion<R>> shown_;
};

}  // namespace fastqueue::shell

namespace fastqueue {

/// Submits tasks and fetches their results, with a loop and a thread of its own. A lost connection or a control plane that
/// starts again is bridged within each call's time: what was sent is sent again under the same id. So it runs once, unless the
/// control plane has forgotten it: one with the memory store does at its end.
///
/// The members below block, and throw fastqueue::error: `unreachable` (nobody there), `timed_out`, `stopped`, or what the
/// control plane refused with. They must not be called from a completion handler that runs on the client's own loop: whoever
/// waits here alone turns that loop. The `async_` ones are shell::client_operations'.
///
/// Threads: all members may be called from any thread at once. After `fork` the child must not touch it.
template <class Policies = default_policies>
class basic_client : public shell::client_operations<Policies> {
    using base = shell::client_operations<Policies>;
    using serialization = typename Policies::serialization_policy;

public:
    /// Connects when it is first used.
    explicit basic_client(client_options options = {}, policy_instances<Policies> instances = {})
        : base{std::move(options), std::move(instances.transport)}, loop_{this->driver()} {}
    ~basic_client() = default;
    basic_client(basic_client const&) = delete;
    basic_client& operator=(basic_client const&) = delete;

    /// Runs a task and waits for its value.
    /// \throws error with what the handler said (`handler_error` ...) if it did not succeed
    template <class R>
    R call(invocation<R> const& task) {
        auto result = call_outcome(task);
        if constexpr (std::is_void_v<R>)
            static_cast<void>(result.value());
        else
            return std::move(result).value();
    }
    /// The same by name; arguments are sent as JSON, by position.
    template <class R, class... Ts>
    R call(std::string_view name, Ts const&... arguments) {
        return call(invoke<R>(name, arguments...));
    }
    /// Runs a task and waits for its end, whatever it is.
    /// \throws error only where no end could be learnt
    template <class R>
    [[nodiscard]] outcome<R> call_outcome(invocation<R> const& task) {
        return outcome_of<R>(ask(this->requests().task("call", task, this->requests().id_of(task))));
    }

    /// Hands a task over and does not wait for its end.
    /// \return its id, once the control plane has accepted it
    template <class R>
    task_id delay(invocation<R> const& task) {
        auto const id = this->requests().id_of(task);
        static_cast<void>(ask(this->requests().task("submit", task, id)));
        return id;
    }
    /// Hands many tasks over in one message: all are accepted, or none is.
    /// \return their ids, in the batch's order
    /// \throws error naming the task that was refused
    std::vector<task_id> delay(batch const& tasks) {
        auto ids = this->requests().ids_of(tasks);
        if (!ids.empty()) static_cast<void>(ask(this->requests().tasks(tasks, ids)));
        return ids;
    }

    /// The task's end; empty while it has none.
    /// \throws error (unknown_task) for an id that is not known, or whose result is no longer kept
    template <class R>
    [[nodiscard]] std::optional<outcome<R>> result(task_id const& id) {
        return if_final<R>(ask(this->requests().about("get", id)));
    }
    /// Waits for the task's end, at most `timeout`; empty when that is over.
    /// \throws error (unknown_task)
    template <class R>
    [[nodiscard]] std::optional<outcome<R>> wait(task_id const& id, std::chrono::milliseconds timeout) {
        return if_final<R>(ask(this->requests().wait(id, timeout)));
    }
    /// Waits for the end of all, at most `timeout`.
    /// \return what became of each, at its place in `ids`; empty for one that has not ended by then, or is not known
    template <class R>
    [[nodiscard]] std::vector<std::optional<outcome<R>>> wait_all(std::span<task_id const> ids,
                                                                  std::chrono::milliseconds timeout) {
        std::vector<std::optional<outcome<R>>> out(ids.size());
        auto completions = as_completed<R>(ids, timeout);
        while (auto next = completions.next()) out[next->index] = std::move(next->result);
        return out;
    }
    /// The tasks in the order in which they end: `for (auto& done : client.as_completed<int>(ids, 10s))`. Ends when all have
    /// been shown, or `timeout` is over. The client outlives what is returned.
    template <class R>
    [[nodiscard]] shell::completions<R, Policies> as_completed(std::span<task_id const> ids,
                                                               std::chrono::milliseconds timeout) {
        return {*this, ids, timeout};
    }

    /// Where the task stands. \throws error (unknown_task)
    [[nodiscard]] task_status status(task_id const& id) {
        return shell::status_of(ask(this->requests().about("get", id)));
    }
    /// The same, at its end or when `timeout` is over. \throws error (unknown_task)
    [[nodiscard]] task_status wait_status(task_id const& id, std::chrono::milliseconds timeout) {
        return shell::status_of(ask(this->requests().wait(id, timeout)));
    }
    /// The task's attempts that went wrong, the latest last: while it lives, and as long as its result is kept.
    /// \throws error (unknown_task)
    [[nodiscard]] std::vector<failed_attempt> history(task_id const& id) {
        return shell::history_of(document("inspect", id.text()));
    }
    /// Cancels a task.
    /// \return `cancelled` where it had not begun, `running` where its handler was asked to stop
    /// \throws error (unknown_task, already_finished)
    task_state cancel(task_id const& id) { return ask(this->requests().about("cancel", id)).state; }
    /// Drops a task's result. \throws error (unknown_task, not_finished)
    void forget(task_id const& id) { static_cast<void>(ask(this->requests().about("forget", id))); }

    /// A document of the management port, as JSON: `workers`, `queues`, `tasks`, `stats`, `health` ...
    /// \param verb       of a literal
    /// \param arguments  what stands behind it in the header, as `state=running limit=5`
    /// \param payload    what some verbs take beside it, as `backup` the file's path
    /// \throws error (unknown_task, unknown_worker ...)
    [[nodiscard]] std::string document(std::string_view verb, std::string_view arguments = {},
                                       std::string_view payload = {}) {
        return ask(this->requests().document(verb, arguments, payload)).payload;
    }

    /// Sends a task whose arguments are encoded already, and waits for its end. For programs that pass on what they are
    /// given, as the CLI does.
    [[nodiscard]] task_status call_encoded(invocation<void> const& task) {
        return shell::status_of(ask(this->requests().task("call", task, this->requests().id_of(task))));
    }

private:
    /// Sends a request and waits for its answer.
    [[nodiscard]] shell::kept_answer ask(core::client_request request) {
        auto answer = loop_.ask(std::move(request));
        if (answer.error)
            throw error{answer.error, answer.payload.empty() ? answer.error.message() : answer.payload};
        return answer;
    }
    template <class R>
    [[nodiscard]] static outcome<R> outcome_of(shell::kept_answer answer) {
        return shell::outcome_of<R, serialization>(std::move(answer));
    }
    template <class R>
    [[nodiscard]] static std::optional<outcome<R>> if_final(shell::kept_answer answer) {
        if (!is_final(answer.state)) return std::nullopt;
        return outcome_of<R>(std::move(answer));
    }

    shell::client_loop<Policies> loop_;
};

using client = basic_client<>;

}  // namespace fastqueue

// ---- <fastqueue/control_plane.hpp>

// ---- <fastqueue/core/plane.hpp>

// ---- <fastqueue/core/admin_desk.hpp>

// ---- <fastqueue/core/plane_state.hpp>

// ---- <fastqueue/core/dead_letters.hpp>

namespace fastqueue::core {

/// A task that ended in `failure`, kept with all that is needed to see why and to run it again.
struct dead_letter {
    policy::task_number number = 0;
    task_id id;
    std::string name;
    std::string content;  ///< of the arguments; empty: json
    std::string arguments;
    std::string traceparent;
    task_options options;
    priority level = priority::normal;
    std::uint64_t submitted_us = 0;
    std::uint64_t finished_us = 0;
    std::uint32_t attempt = 0;
    errc code{};
    std::string text;     ///< what was said last
    std::string worker;   ///< of the last attempt
    std::string history;  ///< of all attempts: see trouble_log
    bool left = false;    ///< its arguments are still to come from the store
};

/// The dead letters: so many and so many octets; the oldest leave first. One thread at a time.
class dead_letters {
public:
    struct limits {
        std::size_t count = 10'000;
        std::uint64_t octets = 64ULL << 20U;
    };
    explicit dead_letters(limits limit) : limit_{limit} {}

    /// Adds one. `gone(number)` is called for each that has to leave for it, perhaps itself.
    template <class Gone>
    void add(dead_letter letter, Gone&& gone) {
        octets_ += octets_of(letter);
        auto const id = letter.id;
        order_.push_back(id);
        if (letter.left) incomplete_.emplace(letter.number, id);
        letters_.insert_or_assign(id, std::move(letter));
        while (!order_.empty() && (letters_.size() > limit_.count || octets_ > limit_.octets)) {
            auto const oldest = letters_.find(order_.front());
            order_.pop_front();
            if (oldest == letters_.end()) continue;  // it was taken out since
            gone(oldest->second.number);
            drop(oldest);
        }
    }
    [[nodiscard]] dead_letter const* find(task_id const& id) const noexcept {
        auto const at = letters_.find(id);
        return at == letters_.end() ? nullptr : &at->second;
    }
    /// The arguments of one that was added without them have come.
    void complete(policy::task_number number, std::string const& arguments) {
        auto const known = incomplete_.find(number);
        if (known == incomplete_.end()) return;
        auto const at = letters_.find(known->second);
        incomplete_.erase(known);
        if (at == letters_.end()) return;
        octets_ += arguments.size();
        at->second.arguments = arguments;
        at->second.left = false;
    }
    /// Drops one, if it is there.
    void erase(task_id const& id) noexcept {
        auto const at = letters_.find(id);
        if (at == letters_.end()) return;
        drop(at);
        if (letters_.empty()) order_.clear();
    }
    /// Drops the one that has been there longest, if that is its number.
    void erase_oldest(policy::task_number number) noexcept {
        while (!order_.empty()) {
            auto const oldest = letters_.find(order_.front());
            if (oldest != letters_.end() && oldest->second.number != number) return;
            order_.pop_front();
            if (oldest == letters_.end()) continue;  // it was taken out since
            return drop(oldest);
        }
    }
    /// Calls `f(letter)` for each, the latest first, until it returns false.
    template <class F>
    void each(F&& f) const {
        for (auto id = order_.rbegin(); id != order_.rend(); ++id) {
            auto const at = letters_.find(*id);
            if (at != letters_.end() && !f(at->second)) return;
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return letters_.size(); }

private:
    using letter_map = std::map<task_id, dead_letter>;

    static std::uint64_t octets_of(dead_letter const& l) noexcept {
        return sizeof l + l.arguments.size() + l.text.size() + l.history.size() + l.name.size() +
               l.traceparent.size();
    }
    void drop(letter_map::iterator at) noexcept {
        octets_ -= octets_of(at->second);
        letters_.erase(at);
    }

    limits limit_;
    letter_map letters_;
    std::deque<task_id> order_;  // of their ends; may name some that have left
    std::unordered_map<policy::task_number, task_id> incomplete_;  // may name such, too
    std::uint64_t octets_ = 0;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/dispatcher.hpp>

// ---- <fastqueue/core/name_table.hpp>

namespace fastqueue::core {

/// What the control plane knows of a task's name: its four lanes, who can run it, and how long it takes.
struct name_entry {
    std::string name;
    std::array<slot_list, priority_count> lanes;  ///< tasks that wait, oldest first
    std::vector<std::uint32_t> classes;           ///< of workers that know it
    std::uint32_t able = 0;     ///< workers that know it and may get work, those of this process not counted
    std::uint32_t cost_us = 0;  ///< how long a run takes, smoothed; 0: not known yet
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    bool known = false;   ///< a worker has announced it, once
    bool paused = false;  ///< an operator holds its tasks back

    /// Takes a run's duration into account: quickly upwards, slowly downwards, for the damage is done by a
    /// long task that was taken for a short one.
    void ran_for(std::uint64_t took_us) noexcept {
        auto const sample = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(took_us, 1, 1U << 30U));
        if (cost_us == 0)
            cost_us = sample;
        else if (sample > cost_us)
            cost_us += (sample - cost_us + 1) / 2;
        else
            cost_us -= (cost_us - sample + 7) / 8;  // or what is shorter than 8 would count as 8 for ever
    }
};

/// Gives each task name a dense number. Names are never taken out: their number is bounded by the caller.
/// One thread at a time.
class name_table {
public:
    /// The number of `name`, or `none`.
    [[nodiscard]] std::uint32_t find(std::string_view name) const noexcept {
        if (latest_ < by_number_.size() && by_number_[latest_]->name == name)
            return latest_;  // they come in runs
        auto const at = index_.find(name);
        return at == index_.end() ? none : latest_ = at->second;
    }
    std::uint32_t intern(std::string_view name) {
        if (auto const known = find(name); known != none) return known;
        auto const slot = static_cast<std::uint32_t>(entries_.size());
        auto& e = entries_.emplace_back();
        e.name = name;
        by_number_.push_back(&e);
        index_.emplace(e.name, slot);
        return slot;
    }
    [[nodiscard]] name_entry& operator[](std::uint32_t slot) noexcept { return *by_number_[slot]; }
    [[nodiscard]] name_entry const& operator[](std::uint32_t slot) const noexcept {
        return *by_number_[slot];
    }
    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }
    [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
    [[nodiscard]] auto end() const noexcept { return entries_.end(); }

private:
    std::deque<name_entry> entries_;  // a deque: the index shows into the names
    std::vector<name_entry*> by_number_;
    std::unordered_map<std::string_view, std::uint32_t> index_;
    mutable std::uint32_t latest_ = 0;  // that was found
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/task.hpp>

namespace fastqueue::core {

/// What few tasks have, kept apart so that the many stay small.
struct task_terms {
    task_options options;
    std::string traceparent;
    std::string history;         ///< of the attempts that went wrong: see trouble_log
    std::uint32_t failures = 0;  ///< counted against `retries`
    std::uint32_t deaths = 0;    ///< counted against `max_deaths`
};

/// Whether a task asks for nothing that its control plane must remember beyond what every task has.
[[nodiscard]] inline bool is_usual(task_options const& o) noexcept {
    return o.retries == 0 && o.timeout_ms == 0 && o.soft_timeout_ms == 0;
}

/// What tells two tasks apart that bear one id.
[[nodiscard]] inline std::uint64_t task_fingerprint(std::string_view name, std::string_view content,
                                                    std::string_view arguments) noexcept {
    return hash_bytes(arguments, hash_bytes(content, hash_bytes(name)));
}

/// A task that has not ended, as the control plane holds it. A pooled node: in a lane while it waits, in a
/// list of its worker while it is out. There may be ten million: each octet counts.
struct task {
    task_id id;
    policy::task_number number = 0;  ///< its name in the store
    std::uint64_t sequence = 0;      ///< order of acceptance: of two in a lane the smaller goes first
    std::uint64_t submitted_us = 0;
    std::uint64_t started_us = 0;       ///< of the present attempt; 0: not begun, as far as known
    policy::store_sequence stored = 0;  ///< the latest write that its present state rests on
    std::string arguments;
    std::uint32_t octets = 0;       ///< of its arguments, wherever they are
    std::uint32_t key_hash = 0;     ///< for balancing policies: so many bits of the key's are enough; 0: none
    std::uint32_t ledger = none;    ///< its entry in the id ledger
    std::uint32_t name = none;      ///< in the name table
    std::uint32_t worker = none;    ///< who holds it
    std::uint32_t previous = none;  ///< links of the list it is in
    std::uint32_t next = none;
    std::uint32_t waiters = none;  ///< who wants to know of its end
    std::uint32_t terms = none;    ///< what it asks for beyond the usual, and what went wrong with it
    std::uint32_t attempt = 0;     ///< grows with every `run` that is sent and not given back unbegun
    std::uint32_t cost_us = 0;     ///< what its worker's credit was charged
    std::uint16_t content = 0;     ///< in the content table; 0: json
    task_state state : 4 = task_state::queued;
    priority level : 2 = priority::normal;
    bool at_most_once : 1 = false;
    bool recalled : 1 = false;          ///< asked back; the answer is on its way
    bool cancel_requested : 1 = false;  ///< its worker was asked to stop it
    bool overdue : 1 = false;           ///< it expired while a worker held it that had not begun it
    bool restored : 1 = false;          ///< from an earlier life: a worker may still have it, and will say so
    bool unsure : 1 = false;            ///< its present attempt may have been given out, and is not stored
    bool left : 1 = false;              ///< its arguments are in the store only
    bool fetching : 1 = false;          ///< its worker gets it when they have come from there
};
static_assert(sizeof(void*) != 8 || sizeof(task) <= 104 + sizeof(std::string));

}  // namespace fastqueue::core

// ---- <fastqueue/core/worker_record.hpp>

// ---- <fastqueue/core/shared_text.hpp>

namespace fastqueue::core {

/// A text that many hold and none changes, as large as a pointer where it is held: copies share it. One thread at a time,
/// which is why it counts its holders without atomics, as `std::shared_ptr` would not.
class shared_text {
public:
    shared_text() = default;
    /// \throws std::bad_alloc
    explicit shared_text(std::string_view text)
        : held_{text.empty() ? nullptr : new held{std::string{text}}} {}
    shared_text(shared_text const& other) noexcept : held_{other.held_} {
        if (held_ != nullptr) ++held_->holders;
    }
    shared_text(shared_text&& other) noexcept : held_{std::exchange(other.held_, nullptr)} {}
    shared_text& operator=(shared_text other) noexcept {
        std::swap(held_, other.held_);
        return *this;
    }
    ~shared_text() {
        if (held_ != nullptr && --held_->holders == 0) delete held_;
    }

    [[nodiscard]] std::string_view view() const noexcept {
        return held_ == nullptr ? std::string_view{} : std::string_view{held_->text};
    }
    [[nodiscard]] bool empty() const noexcept { return held_ == nullptr; }

private:
    struct held {
        std::string text;
        std::size_t holders = 1;
    };
    held* held_ = nullptr;
};

}  // namespace fastqueue::core

// ---- <fastqueue/wire/registration.hpp>

// ---- <fastqueue/wire/run_message.hpp>

namespace fastqueue::wire {

/// One attempt of one task: what `run`, `began`, `done`, `recall` and `cancel` are about. The fence.
struct lease_name {
    uuid id;
    std::uint32_t attempt = 0;
};

/// Reads `<id> <attempt>` at the front of the positional tokens.
[[nodiscard]] inline std::optional<problem> read_lease(header const& h, std::size_t positional,
                                                       lease_name& out) noexcept {
    if (h.positional().size() != positional) {
        return problem{errc::bad_request, "the verb takes another number of tokens", h.verb()};
    }
    auto const id = uuid::parse(h.positional()[0]);
    if (!id) return problem{errc::bad_request, "the id is not a UUID", h.positional()[0]};
    auto const attempt = read_number(h.positional()[1], 0xffffffffU);
    if (!attempt || *attempt == 0)
        return problem{errc::bad_request, "the attempt is not a number from 1", h.positional()[1]};
    out = {*id, static_cast<std::uint32_t>(*attempt)};
    return std::nullopt;
}

inline void write_lease(header_writer& out, lease_name const& lease) {
    out.token(lease.id).token(std::uint64_t{lease.attempt});
}

/// `run <id> <attempt> <name> ...`: a control plane gives a worker work.
struct run_message {
    lease_name lease;
    std::string_view name;
    priority level = priority::normal;
    std::uint64_t soft_timeout_ms = 0;
    std::uint64_t timeout_ms = 0;
    std::string_view content;  ///< empty: json
    std::string_view traceparent;

    [[nodiscard]] std::optional<problem> read(header const& h) noexcept {
        if (auto bad = read_lease(h, 3, lease)) return bad;
        name = h.positional()[2];
        for (auto const& f : h.fields()) {
            if (!take(f)) return problem{errc::bad_request, "the value cannot be read", f.key};
        }
        return std::nullopt;
    }
    void write(header_writer& out, bool with_priority) const {
        write_lease(out, lease);
        out.token(name);
        if (with_priority) out.field("priority", name_of(level));
        if (soft_timeout_ms != 0) out.field("soft_timeout_ms", soft_timeout_ms);
        if (timeout_ms != 0) out.field("timeout_ms", timeout_ms);
        if (!content.empty()) out.field("content", content);
        if (!traceparent.empty()) out.field("traceparent", traceparent);
    }

private:
    bool take(field const& f) noexcept {
        if (f.key == "priority") {
            auto const p = parse_priority(f.value);
            if (p) level = *p;
            return p.has_value();
        }
        if (f.key == "soft_timeout_ms") return number(f.value, soft_timeout_ms);
        if (f.key == "timeout_ms") return number(f.value, timeout_ms);
        if (f.key == "content") content = f.value == "json" ? std::string_view{} : f.value;
        if (f.key == "traceparent") traceparent = f.value;
        return true;
    }
    static bool number(std::string_view text, std::uint64_t& out) noexcept {
        auto const value = read_number(text);
        if (value) out = *value;
        return value.has_value();
    }
};

/// How an attempt ended, as its worker tells it.
enum class run_end : std::uint8_t { success, failure, cancelled, returned };

/// `done <id> <attempt> <state> ...`: a worker answers a `run`.
struct done_message {
    lease_name lease;
    run_end end = run_end::success;
    errc code = errc::handler_error;  ///< of a failure
    bool final = false;               ///< of a failure: not to be tried again
    bool unbegun = false;             ///< of what was returned: it never began, and nothing of it will
    std::optional<std::uint64_t> took_us;
    std::optional<std::uint64_t> retry_after_ms;

    [[nodiscard]] std::optional<problem> read(header const& h) noexcept {
        if (auto bad = read_lease(h, 3, lease)) return bad;
        auto const state = h.positional()[2];
        if (state == "success")
            end = run_end::success;
        else if (state == "failure")
            end = run_end::failure;
        else if (state == "cancelled")
            end = run_end::cancelled;
        else if (state == "returned")
            end = run_end::returned;
        else
            return problem{errc::bad_request, "the state is success, failure, cancelled or returned", state};
        for (auto const& f : h.fields()) {
            if (!take(f)) return problem{errc::bad_request, "the value cannot be read", f.key};
        }
        return std::nullopt;
    }
    void write(header_writer& out) const {
        static constexpr std::string_view names[] = {"success", "failure", "cancelled", "returned"};
        write_lease(out, lease);
        out.token(names[static_cast<std::size_t>(end)]);
        if (took_us) out.field("took_us", *took_us);
        if (end == run_end::returned && unbegun) out.field("unbegun", "1");
        if (end != run_end::failure) return;
        if (code != errc::handler_error) out.field("code", name_of(code));
        if (final) out.field("final", "1");
        if (retry_after_ms) out.field("retry_after_ms", *retry_after_ms);
    }

private:
    bool take(field const& f) noexcept {
        if (f.key == "took_us") return (took_us = read_number(f.value)).has_value();
        if (f.key == "retry_after_ms") return (retry_after_ms = read_number(f.value)).has_value();
        if (f.key == "code") code = errc_from_name(f.value, errc::handler_error);
        if (f.key == "unbegun") unbegun = f.value == "1";
        if (f.key == "final") {
            final = f.value == "1";
            return final || f.value == "0";
        }
        return true;
    }
};

}  // namespace fastqueue::wire

namespace fastqueue::wire {

/// `register <worker> ...`: a worker says who it is, what it can do and what it holds. Owns what it shows: a
/// registration is rare, and is kept.
struct registration {
    std::string worker;
    uuid incarnation;
    std::uint32_t concurrency = 1;  ///< 1 to 1024
    std::uint32_t window = 0;       ///< runs that may be outstanding; 0: as many as the concurrency
    std::uint32_t weight = 1;       ///< 1 to 1000
    bool packed = false;            ///< wants what it did not ask for packed
    std::optional<endpoint> address;
    std::optional<std::array<std::uint16_t, 4>> ports;
    std::vector<std::string> tasks;
    std::vector<lease_name> runs;
    std::vector<std::string> contents;
    std::string version;
    std::string host;
    std::uint64_t pid = 0;
};

namespace detail {

[[nodiscard]] inline bool read_ports(std::string_view text, std::array<std::uint16_t, 4>& out) noexcept {
    for (std::size_t i = 0; i < 4; ++i) {
        auto const comma = text.find(',');
        auto const port = read_number(text.substr(0, comma), 65535);
        if (!port || *port == 0 || (comma == std::string_view::npos) != (i == 3)) return false;
        out[i] = static_cast<std::uint16_t>(*port);
        if (i < 3) text.remove_prefix(comma + 1);
    }
    return true;
}

[[nodiscard]] inline std::optional<problem> read_registration_field(field const& f, registration& out) {
    auto const number = [&](std::uint32_t least, std::uint32_t most,
                            std::uint32_t& into) -> std::optional<problem> {
        auto const value = read_number(f.value, most);
        if (!value || *value < least) return problem{errc::bad_request, "the number is out of range", f.key};
        into = static_cast<std::uint32_t>(*value);
        return std::nullopt;
    };
    if (f.key == "concurrency") return number(1, 1024, out.concurrency);
    if (f.key == "window") return number(1, 65'536, out.window);
    if (f.key == "weight") return number(1, 1000, out.weight);
    if (f.key == "pack") {
        if (f.value != "0" && f.value != "1")
            return problem{errc::bad_request, "the value is neither 0 nor 1", f.key};
        out.packed = f.value == "1";
    }
    if (f.key == "incarnation") {
        auto const id = uuid::parse(f.value);
        if (!id) return problem{errc::bad_request, "the incarnation is not a UUID", f.key};
        out.incarnation = *id;
    }
    if (f.key == "address") {
        endpoint at;
        if (auto const why = parse_endpoint(f.value, at); !why.empty())
            return problem{errc::bad_request, why, f.key};
        if (at.is_wildcard()) return problem{errc::bad_request, "a wildcard cannot be dialled", f.key};
        out.address = at;
    }
    if (f.key == "ports") {
        std::array<std::uint16_t, 4> ports{};
        if (!read_ports(f.value, ports))
            return problem{errc::bad_request, "the ports are four numbers with commas", f.key};
        out.ports = ports;
    }
    return std::nullopt;
}

/// `["a", "b"]`, the reader standing before the array. At most `most` strings are kept: more is malformed.
[[nodiscard]] inline bool read_strings(json::reader& in, std::size_t most, std::vector<std::string>& out) {
    if (in.next() != json::token::begin_array) return false;
    for (auto t = in.next(); t != json::token::end_array; t = in.next()) {
        if (t != json::token::string || out.size() == most) return false;
        out.emplace_back(in.text());
    }
    return true;
}

/// `[["<id>", <attempt>], ...]`
[[nodiscard]] inline bool read_leases(json::reader& in, std::size_t most, std::vector<lease_name>& out) {
    if (in.next() != json::token::begin_array) return false;
    for (auto t = in.next(); t != json::token::end_array; t = in.next()) {
        if (t != json::token::begin_array || out.size() == most || in.next() != json::token::string)
            return false;
        auto const id = uuid::parse(in.text());
        std::uint64_t attempt = 0;
        if (!id || in.next() != json::token::number || !in.to(attempt) || attempt == 0 ||
            attempt > 0xffffffffU)
            return false;
        if (in.next() != json::token::end_array) return false;
        out.push_back({*id, static_cast<std::uint32_t>(attempt)});
    }
    return true;
}

inline void write_leases(json::writer& out, std::vector<lease_name> const& leases) {
    out.begin_array();
    for (auto const& lease : leases) {
        out.begin_array().value(lease.id.text()).value(lease.attempt).end_array();
    }
    out.end_array();
}

}  // namespace detail

inline constexpr std::size_t max_announced_runs = 65'536;

/// Reads the header of a `register`.
[[nodiscard]] inline std::optional<problem> read_registration(header const& h, registration& out) {
    if (h.positional().size() != 1)
        return problem{errc::bad_request, "register takes the worker's name", h.verb()};
    if (!is_valid_name(h.positional()[0])) {
        return problem{errc::bad_request, "the worker's name is not 1 to 255 of A-Z a-z 0-9 . _ : -",
                       "worker"};
    }
    out.worker = h.positional()[0];
    for (auto const& f : h.fields()) {
        if (auto bad = detail::read_registration_field(f, out)) return bad;
    }
    if (out.incarnation.empty())
        return problem{errc::bad_request, "the incarnation is missing", "incarnation"};
    if (h.get("concurrency").empty())
        return problem{errc::bad_request, "the concurrency is missing", "concurrency"};
    if (out.ports && !out.address)
        return problem{errc::bad_request, "ports stand with an address only", "ports"};
    if (out.address && !out.ports && (out.address->port == 0 || !out.address->plus(3)))
        return problem{errc::bad_request, "its four ports are not all from 1 to 65535", "address"};
    if (out.window < out.concurrency) out.window = out.concurrency;
    return std::nullopt;
}

/// Reads the document of a `register`. Unknown members are ignored.
/// \param max_tasks  more tasks than that are refused
[[nodiscard]] inline std::optional<problem> read_registration_document(std::string_view text,
                                                                       std::size_t max_tasks,
                                                                       registration& out) {
    json::reader in{text};
    if (in.next() != json::token::begin_object)
        return problem{errc::bad_request, "the document is not a JSON object"};
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key) return problem{errc::bad_request, "the document is not JSON"};
        std::string const key{in.text()};
        bool good = true;
        if (key == "tasks")
            good = detail::read_strings(in, max_tasks, out.tasks);
        else if (key == "runs")
            good = detail::read_leases(in, max_announced_runs, out.runs);
        else if (key == "content")
            good = detail::read_strings(in, 16, out.contents);
        else if (key == "version" || key == "host") {
            good = in.next() == json::token::string;
            if (good) (key == "host" ? out.host : out.version) = in.text().substr(0, 255);
        } else if (key == "pid")
            good = in.next() == json::token::number && in.to(out.pid);
        else
            good = in.skip();
        if (!good)
            return problem{errc::bad_request, "the registration's document has a member of a wrong shape"};
    }
    if (in.next() != json::token::end)
        return problem{errc::bad_request, "something stands behind the document"};
    for (auto const& name : out.tasks) {
        if (!is_valid_name(name))
            return problem{errc::bad_request, "a task's name is not 1 to 255 of A-Z a-z 0-9 . _ : -"};
    }
    return std::nullopt;
}

/// Writes the header's tokens behind the verb.
inline void write_registration(header_writer& out, registration const& r) {
    out.token(r.worker)
        .field("incarnation", r.incarnation)
        .field("concurrency", std::uint64_t{r.concurrency});
    if (r.window > r.concurrency) out.field("window", std::uint64_t{r.window});
    if (r.weight != 1) out.field("weight", std::uint64_t{r.weight});
    if (r.address) out.field("address", r.address->text());
    if (r.ports) {
        auto const& p = *r.ports;
        out.field("ports", std::to_string(p[0]) + ',' + std::to_string(p[1]) + ',' + std::to_string(p[2]) +
                               ',' + std::to_string(p[3]));
    }
    if (r.packed) out.field("pack", "1");
}

/// The document that goes with it.
inline void write_registration_document(std::string& out, registration const& r) {
    json::writer w{out};
    w.begin_object().key("tasks").begin_array();
    for (auto const& name : r.tasks) w.value(name);
    w.end_array().key("runs");
    detail::write_leases(w, r.runs);
    w.key("version")
        .value(r.version)
        .key("host")
        .value(r.host)
        .key("pid")
        .value(r.pid)
        .key("content")
        .begin_array();
    for (auto const& content : r.contents) w.value(content);
    w.end_array().end_object();
}

/// `registered`'s document: runs that the worker announced and that are not its any more.
inline void write_drop_document(std::string& out, std::vector<lease_name> const& dropped) {
    json::writer w{out};
    w.begin_object().key("drop");
    detail::write_leases(w, dropped);
    w.end_object();
}

[[nodiscard]] inline bool read_drop_document(std::string_view text, std::vector<lease_name>& out) {
    if (text.empty()) return true;
    json::reader in{text};
    if (in.next() != json::token::begin_object) return false;
    for (auto t = in.next(); t != json::token::end_object; t = in.next()) {
        if (t != json::token::key) return false;
        if (in.text() == "drop" ? !detail::read_leases(in, max_announced_runs, out) : !in.skip())
            return false;
    }
    return in.next() == json::token::end;
}

}  // namespace fastqueue::wire

namespace fastqueue::core {

/// Where a worker stands with its control plane.
enum class worker_state : std::uint8_t {
    joining,   ///< registered; its ports are being dialled
    active,    ///< gets work
    broken,    ///< its session broke; in a moment it is lost
    inactive,  ///< silent for too long: what it held runs elsewhere
    draining,  ///< gets no more work; what it runs is believed
};

[[nodiscard]] constexpr std::string_view name_of(worker_state s) noexcept {
    constexpr std::string_view names[] = {"joining", "active", "broken", "inactive", "draining"};
    return names[static_cast<std::size_t>(s)];
}

/// One of the connections over which a worker gets its runs.
struct worker_link {
    peer_id peer = peer_id::none;
    std::uint32_t tag = 0;  ///< of the dial that made it
    bool open = false;
};

/// A worker, as the control plane sees it. Pooled.
struct worker_record {
    shared_text name;  ///< its results keep it longer than the fleet does
    uuid incarnation;
    wire::registration announced;
    worker_state state = worker_state::joining;
    bool local = false;          ///< in this process: works only where nobody else can
    bool dialled = false;        ///< has ports of its own, which we dial
    bool must_announce = false;  ///< nothing is sent until it has said what it holds
    bool set_aside = false;      ///< an operator wants it to get no more work
    peer_id management = peer_id::none;
    std::array<worker_link, priority_count>
        links;                        ///< if dialled; else only the first, which is `management`
    std::uint32_t capability = none;  ///< its class
    std::uint32_t concurrency = 1;
    std::uint32_t window = 1;
    std::uint32_t outstanding =
        0;  ///< runs sent and not answered, those counted whose task has gone on without them
    std::uint32_t charged_us = 0;            ///< the cost of what is outstanding, as far as it was known
    std::uint64_t charged_octets = 0;        ///< the arguments of what is outstanding
    std::uint64_t unchecked_octets = 0;      ///< of what it was given since its queues were looked at
    policy::store_sequence gated_until = 0;  ///< the write that must be committed before all of that has left
    std::uint32_t fetching = 0;              ///< of what it holds: whose arguments are awaited from the store
    bool clogged = false;  ///< it was given much: it gets no more until its queues are known to be short
    std::array<slot_list, priority_count> ahead;  ///< tasks sent, not known to have begun
    slot_list begun;
    slot_list recalled;
    std::vector<wire::lease_name>
        orphans;              ///< runs whose task went on without them; their `done` frees a place
    bool among_idle = false;  ///< a candidate of its class's balancing policies
    bool among_ahead = false;
    bool filled = false;  ///< its window was full, and is not half empty yet
    instant last_seen{};
    instant since{};
    instant deadline = instant::max();  ///< when the fleet looks at it next
    backoff redial;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;

    /// The state as people are told it.
    [[nodiscard]] std::string_view state_name() const noexcept {
        if (!set_aside || state != worker_state::active) return name_of(state);
        return outstanding > 0 ? name_of(worker_state::draining) : "drained";
    }
    [[nodiscard]] std::uint32_t load() const noexcept { return outstanding * 1024U / concurrency; }
    /// Every thread is in a run that takes long: what was sent ahead would wait behind it.
    [[nodiscard]] bool blocked() const noexcept { return begun.size() >= concurrency; }
    [[nodiscard]] bool sends_began() const noexcept { return window > concurrency; }
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// Work of this cost at most is sent ahead to a worker whose threads are busy: about what a round trip takes.
inline constexpr std::uint32_t ahead_limit_us = 1000;
/// So many octets of arguments at most wait at a worker whose threads are busy.
inline constexpr std::uint64_t ahead_limit_octets = 16U << 20U;

/// Which task goes to which worker next. Tasks wait in lanes, one FIFO a priority and name. Workers that know
/// the same names are one *class*; each class has its heads of lanes in heaps, by order of acceptance, and
/// its workers with room in two balancing policies: the idle ones, and those that may get short work ahead.
/// So a choice looks at the few classes there are, never at all workers, and never steps over tasks that
/// nobody can run.
///
/// Strict priority: while the first task of a class has no place, nothing behind it gets one.
/// One thread at a time.
template <policy::balancing Balancing>
class dispatcher {
public:
    struct choice {
        std::uint32_t task;
        std::uint32_t worker;
    };

    dispatcher(slab<task>& tasks, slab<worker_record, 16>& workers, std::uint64_t seed)
        : tasks_{tasks}, workers_{workers}, seed_{seed} {}

    [[nodiscard]] name_table& names() noexcept { return names_; }
    [[nodiscard]] name_table const& names() const noexcept { return names_; }
    [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_; }

    /// Puts a task into its lane, at its place by sequence.
    void enqueue(std::uint32_t slot) {
        auto const& t = tasks_[slot];
        auto& lane = lane_of(t);
        auto const before = lane.front();
        lane.insert_in_order(tasks_, slot);
        ++waiting_;
        if (lane.front() != before) head_changed(t.name, t.level);
    }
    /// Takes a task out of its lane.
    void dequeue(std::uint32_t slot) {
        auto const& t = tasks_[slot];
        auto& lane = lane_of(t);
        bool const was_first = lane.front() == slot;
        lane.erase(tasks_, slot);
        --waiting_;
        if (was_first) head_changed(t.name, t.level);
    }

    /// Gives a worker its class by the names it knows (sorted, without repetition), in place of the one it
    /// had.
    void set_capability(std::uint32_t w, std::vector<std::uint32_t> names) {
        clear_capability(w);
        auto& record = workers_[w];
        auto const key = std::pair{record.local, std::move(names)};
        auto const at = by_names_.find(key);
        record.capability = at != by_names_.end() ? at->second : make_class(key);
        ++classes_[record.capability]->members;
    }
    /// The worker knows nothing any more.
    void clear_capability(std::uint32_t w) {
        auto& record = workers_[w];
        if (record.capability == none) return;
        set_serving(w, false);
        auto const c = std::exchange(record.capability, none);
        if (--classes_[c]->members == 0) drop_class(c);
    }
    /// Whether the worker may get work: tells the names that depend on it.
    void set_serving(std::uint32_t w, bool serving) {
        auto& record = workers_[w];
        auto& members = serving_;
        if (w >= members.size()) members.resize(w + std::size_t{1}, false);
        if (members[w] == serving) return;
        members[w] = serving;
        if (!record.local) {
            for (auto const name : classes_[record.capability]->names) able_changed(name, serving);
        }
        room_changed(w);
    }
    /// The worker's outstanding runs or state have changed.
    void room_changed(std::uint32_t w) {
        auto& r = workers_[w];
        if (r.capability == none) return;
        bool const may = w < serving_.size() && serving_[w] && !r.clogged;
        bool const idle = may && r.outstanding < r.concurrency;
        note_filling(r);
        // What is on its way back goes before what would be sent now.
        bool const ahead = may && !idle && !r.filled && !r.blocked() && r.recalled.empty() &&
                           r.charged_us < ahead_limit_us * r.concurrency &&
                           r.charged_octets < ahead_limit_octets;
        auto& c = *classes_[r.capability];
        place(c.idle, c.idle_count, r.among_idle, idle, w);
        place(c.ahead, c.ahead_count, r.among_ahead, ahead, w);
    }

    /// From now on no task of this priority is given out, or they are again. What waits keeps its place.
    void pause(priority level, bool paused) {
        paused_[index_of(level)] = paused;
        for (std::uint32_t name = 0; name < names_.size(); ++name) head_changed(name, level);
    }
    /// The same for the tasks of a name.
    void pause(std::uint32_t name, bool paused) {
        names_[name].paused = paused;
        heads_changed(name);
    }
    [[nodiscard]] bool is_paused(priority level) const noexcept { return paused_[index_of(level)]; }

    /// The next task and its worker; the task has left its lane. Empty when nothing that waits has a place.
    [[nodiscard]] std::optional<choice> next() {
        if (waiting_ == 0) return std::nullopt;
        auto const best = best_head();
        if (best.task == none) return std::nullopt;
        auto const& t = tasks_[best.task];
        auto const w = pick(t);
        dequeue(best.task);
        return choice{best.task, w};
    }

    /// Whether some worker that may get work knows `name`.
    [[nodiscard]] bool is_served(std::uint32_t name) const noexcept {
        for (auto const c : names_[name].classes) {
            if (classes_[c]->members > 0) return true;
        }
        return false;
    }

private:
    struct worker_class {
        explicit worker_class(std::uint64_t seed) : idle{seed}, ahead{seed} {}
        std::vector<std::uint32_t> names;
        bool local = false;
        std::uint32_t members = 0;
        std::uint32_t idle_count = 0;
        std::uint32_t ahead_count = 0;
        std::array<indexed_heap<std::uint64_t>, priority_count>
            heads;  // slot: name; key: the head's sequence
        Balancing idle;
        Balancing ahead;
    };
    using class_key = std::pair<bool, std::vector<std::uint32_t>>;
    struct lane_head {
        std::size_t level = priority_count;
        std::uint64_t sequence = 0;
        std::uint32_t task = none;
        [[nodiscard]] bool before(lane_head const& other) const noexcept {
            return level != other.level ? level < other.level : sequence < other.sequence;
        }
    };

    [[nodiscard]] slot_list& lane_of(task const& t) noexcept {
        return names_[t.name].lanes[index_of(t.level)];
    }

    void head_changed(std::uint32_t name, priority level) {
        auto const first = names_[name].lanes[index_of(level)].front();
        for (auto const c : names_[name].classes) show_head(*classes_[c], name, index_of(level), first);
    }
    void show_head(worker_class& c, std::uint32_t name, std::size_t level, std::uint32_t first) {
        bool const others_can = c.local && names_[name].able > 0;  // then this process leaves it to them
        bool const hidden = others_can || names_[name].paused || paused_[level];
        if (first == none || hidden)
            c.heads[level].erase(name);
        else
            c.heads[level].set(name, tasks_[first].sequence);
    }
    void able_changed(std::uint32_t name, bool more) {
        auto& e = names_[name];
        more ? ++e.able : --e.able;
        if (e.able > 1 || (e.able == 1 && !more)) return;
        heads_changed(name);
    }
    void heads_changed(std::uint32_t name) {
        for (std::size_t level = 0; level < priority_count; ++level) {
            head_changed(name, static_cast<priority>(level));
        }
    }

    std::uint32_t make_class(class_key const& key) {
        auto made = std::make_unique<worker_class>(seed_ + by_names_.size());
        made->local = key.first;
        made->names = key.second;
        std::uint32_t slot = 0;
        while (slot < classes_.size() && classes_[slot]) ++slot;
        if (slot == classes_.size()) classes_.emplace_back();
        classes_[slot] = std::move(made);
        by_names_.emplace(key, slot);
        for (auto const name : key.second) {
            names_[name].classes.push_back(slot);
            names_[name].known = true;
            for (std::size_t level = 0; level < priority_count; ++level) {
                show_head(*classes_[slot], name, level, names_[name].lanes[level].front());
            }
        }
        return slot;
    }
    void drop_class(std::uint32_t slot) {
        auto const dropped = std::move(classes_[slot]);
        for (auto const name : dropped->names) std::erase(names_[name].classes, slot);
        by_names_.erase(class_key{dropped->local, dropped->names});
    }

    /// A worker whose window is full gets more when half of it is done: many runs at once, rather than a few each time that a
    /// few have ended. Half is not less than what it runs: below that it counts as idle, and is filled anyway.
    /// \source RFC 813, which cures TCP of the same, the silly window syndrome
    static void note_filling(worker_record& r) noexcept {
        if (r.outstanding >= r.window)
            r.filled = true;
        else if (r.outstanding <= std::max(r.window / 2, r.concurrency))
            r.filled = false;
    }

    void place(Balancing& policy, std::uint32_t& count, bool& among, bool wanted, std::uint32_t w) {
        auto const& r = workers_[w];
        if (wanted && among) return policy.load_changed(w, r.load());
        if (wanted == among) return;
        among = wanted;
        if (wanted) {
            policy.joined(w, r.announced.weight, r.load());
            ++count;
        } else {
            policy.left(w);
            --count;
        }
    }

    [[nodiscard]] bool may_go_ahead(task const& t) const noexcept {
        auto const cost = names_[t.name].cost_us;
        return cost != 0 && cost < ahead_limit_us && !t.at_most_once;
    }
    [[nodiscard]] bool has_place(worker_class const& c, task const& t) const noexcept {
        return c.idle_count > 0 || (c.ahead_count > 0 && may_go_ahead(t));
    }
    /// The first of all tasks that are first in their class and have a place there.
    [[nodiscard]] lane_head best_head() const noexcept {
        lane_head best;
        for (auto const& c : classes_) {
            if (!c || (c->idle_count == 0 && c->ahead_count == 0)) continue;
            for (std::size_t level = 0; level <= best.level && level < priority_count; ++level) {
                if (c->heads[level].empty()) continue;
                auto const first = names_[c->heads[level].top()].lanes[level].front();
                lane_head const candidate{level, c->heads[level].top_key(), first};
                if (has_place(*c, tasks_[first]) && candidate.before(best)) best = candidate;
                break;
            }
        }
        return best;
    }
    /// Whether nothing stands before a task in a class: also where its own class lets it go ahead, it must not overtake
    /// there.
    [[nodiscard]] static bool is_first(worker_class const& c, task const& t) noexcept {
        auto const level = index_of(t.level);
        for (std::size_t higher = 0; higher < level; ++higher) {
            if (!c.heads[higher].empty()) return false;
        }
        return !c.heads[level].empty() && c.heads[level].top() == t.name;
    }
    /// The worker for a task that has a place: an idle one before a busy one, among classes the least loaded.
    [[nodiscard]] std::uint32_t pick(task const& t) {
        auto best = none;
        bool best_is_idle = false;
        auto const key = t.key_hash == 0 ? 0 : mix(t.key_hash, 0x9e3779b97f4a7c15U);  // in all its bits
        for (auto const c : names_[t.name].classes) {
            auto& in = *classes_[c];
            if (!has_place(in, t) || !is_first(in, t)) continue;
            bool const idle = in.idle_count > 0;
            if (best != none && best_is_idle && !idle) continue;
            auto const w = idle ? in.idle.pick(key) : in.ahead.pick(key);
            if (best == none || (idle && !best_is_idle) || workers_[w].load() < workers_[best].load()) {
                best = w;
                best_is_idle = idle;
            }
        }
        return best;
    }

    slab<task>& tasks_;
    slab<worker_record, 16>& workers_;
    std::uint64_t seed_;
    name_table names_;
    std::vector<std::unique_ptr<worker_class>> classes_;
    std::map<class_key, std::uint32_t> by_names_;
    std::vector<bool> serving_;
    std::array<bool, priority_count> paused_{};
    std::uint32_t waiting_ = 0;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/event_stream.hpp>

namespace fastqueue::core {

/// The peers that asked for events, and what they are told. Costs nothing where nobody asked. One thread at a time.
class event_stream {
public:
    static constexpr std::size_t most = 64;  ///< peers

    /// \return false: there are too many
    [[nodiscard]] bool add(peer_id peer) {
        if (std::ranges::find(watchers_, peer) != watchers_.end()) return true;
        if (watchers_.size() == most) return false;
        watchers_.push_back(peer);
        return true;
    }
    void remove(peer_id peer) noexcept { std::erase(watchers_, peer); }
    [[nodiscard]] bool is_heard() const noexcept { return !watchers_.empty(); }

    /// What the name of an event is, that has befallen a task.
    [[nodiscard]] static std::string_view name_of_task(task_state state) noexcept {
        switch (state) {
            case task_state::scheduled:
                return "task.scheduled";
            case task_state::running:
                return "task.started";
            case task_state::retrying:
                return "task.retrying";
            case task_state::success:
                return "task.succeeded";
            case task_state::failure:
                return "task.failed";
            case task_state::cancelled:
                return "task.cancelled";
            case task_state::expired:
                return "task.expired";
            default:
                return "task.queued";
        }
    }
    /// \param after  the write on which it rests: it is told when that is committed
    /// \param code   of an attempt or a task that failed
    template <class State>
    void tell_task(State& s, std::string_view event, task const& t, std::uint64_t at_us,
                   std::string_view worker, errc code, policy::store_sequence after) const {
        std::string document;
        json::writer w{document};
        begin(w, event, at_us)
            .key("id")
            .value(t.id.text())
            .key("name")
            .value(s.dispatch.names()[t.name].name);
        w.key("priority")
            .value(name_of(t.level))
            .key("state")
            .value(name_of(t.state))
            .key("attempt")
            .value(t.attempt);
        if (!worker.empty()) w.key("worker").value(worker);
        if (code != errc{}) w.key("code").value(name_of(code));
        w.end_object();
        send(s, event, document, after);
    }
    template <class State>
    void tell_worker(State& s, policy::worker_event const& e) const {
        auto const event = "worker." + std::string{name_of(e.change)};
        std::string document;
        json::writer w{document};
        begin(w, event, s.now_us()).key("worker").value(e.worker).key("reason").value(e.reason).end_object();
        send(s, event, document, 0);
    }

private:
    static json::writer& begin(json::writer& w, std::string_view event, std::uint64_t at_us) {
        return w.begin_object().key("event").value(event).key("at_us").value(at_us);
    }
    template <class State>
    void send(State& s, std::string_view event, std::string_view document,
              policy::store_sequence after) const {
        for (auto const peer : watchers_) {
            auto const slot = s.peers.find(peer);
            auto const layout = s.peers[slot].packed ? wire::form::packed : wire::form::frames;
            auto& pairs = s.gated(slot, layout, after, document.size());
            auto header = pairs.begin("event");
            header.token(event);
            pairs.finish(document);
        }
    }

    std::vector<peer_id> watchers_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/id_ledger.hpp>

// ---- <fastqueue/model/prefetch.hpp>

namespace fastqueue::detail {

/// Begins to fetch what is at `where` into the cache. Not more than a hint.
inline void prefetch(void const* where) noexcept {
    __builtin_prefetch(where);
    // A function that does nothing else has no effect, as GCC sees it, and its calls may be dropped.
    asm volatile("");
}

}  // namespace fastqueue::detail

namespace fastqueue::core {

/// Remembers which ids were used, for what, and how it ended: far longer than results are kept, so that a
/// request sent again is the same task and not a second one. 32 octets an entry and 13 to 26 in the index.
/// Entries of tasks that live stay; of those that have ended at most `capacity` are kept, the latest. One
/// thread at a time.
class id_ledger {
public:
    struct entry {
        task_id id;
        std::uint64_t mark =
            0;  ///< 56 bits of the fingerprint of name, content and arguments, 8 of the state
        std::uint32_t reference = none;  ///< the task while it lives, then its cached result
        std::uint32_t next = none;       ///< entries that have ended, oldest first
    };
    static_assert(sizeof(entry) == 32);

    /// \param seed  a secret, so that nobody can choose ids that collide in the index
    id_ledger(std::uint32_t capacity, std::uint64_t seed)
        : capacity_{capacity}, seed_{seed}, index_(1024, empty_place) {}

    /// The entry of `id`, or `none`.
    [[nodiscard]] std::uint32_t find(task_id const& id) const noexcept {
        return static_cast<std::uint32_t>(index_[place(id, hash_of(id))]);
    }
    /// Says that `id` will be looked for soon. In a large ledger most of a look is waiting for memory: so that
    /// begins for many ids at once.
    void expect(task_id const& id) const noexcept {
        fastqueue::detail::prefetch(&index_[hash_of(id) & mask()]);
    }
    [[nodiscard]] entry const& operator[](std::uint32_t slot) const noexcept { return entries_[slot]; }
    [[nodiscard]] task_state state(std::uint32_t slot) const noexcept {
        return static_cast<task_state>(entries_[slot].mark & 0xffU);
    }

    /// Adds an id that is not there, of a task that lives at `reference`.
    std::uint32_t insert(task_id const& id, std::uint64_t fingerprint, std::uint32_t reference) {
        if ((size_ + 1) * 8 > index_.size() * 5) rehash();
        auto const slot = entries_.take();
        auto& e = entries_[slot];
        e.id = id;
        e.mark = (fingerprint << 8U) | static_cast<std::uint64_t>(task_state::queued);
        e.reference = reference;
        e.next = none;
        auto const hash = hash_of(id);
        index_[place(id, hash)] = std::uint64_t{hash} << 32U | slot;
        ++size_;
        return slot;
    }
    [[nodiscard]] bool same_task(std::uint32_t slot, std::uint64_t fingerprint) const noexcept {
        return (entries_[slot].mark >> 8U) == (fingerprint << 8U) >> 8U;
    }
    void set_reference(std::uint32_t slot, std::uint32_t reference) noexcept {
        entries_[slot].reference = reference;
    }

    /// The task of `slot` has ended. Where that makes one too many, the oldest is forgotten.
    /// \return the reference that the forgotten entry had (its cached result), or `none`
    std::uint32_t end(std::uint32_t slot, task_state state, std::uint32_t reference) {
        auto& e = entries_[slot];
        e.mark = (e.mark & ~std::uint64_t{0xff}) | static_cast<std::uint64_t>(state);
        e.reference = reference;
        e.next = none;
        (newest_ == none ? oldest_ : entries_[newest_].next) = slot;
        newest_ = slot;
        if (++ended_ <= capacity_) return none;
        complete_ = false;
        return forget_oldest();
    }

    /// Whether every id since the start is still known.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    // A place holds 32 bits of the id's hash above the slot: so a look at a wrong place ends in the index, and
    // its upkeep never leaves it. The low half of an empty one is `none`.
    static constexpr std::uint64_t empty_place = ~std::uint64_t{0};

    [[nodiscard]] std::size_t mask() const noexcept { return index_.size() - 1; }
    [[nodiscard]] static constexpr std::uint32_t hash_in(std::uint64_t place) noexcept {
        return static_cast<std::uint32_t>(place >> 32U);
    }
    [[nodiscard]] static constexpr std::uint32_t slot_in(std::uint64_t place) noexcept {
        return static_cast<std::uint32_t>(place);
    }
    [[nodiscard]] std::uint32_t hash_of(task_id const& id) const noexcept {
        return static_cast<std::uint32_t>(id.hash(seed_));
    }
    /// Where `id` stands in the index, or the free place where it would.
    [[nodiscard]] std::size_t place(task_id const& id, std::uint32_t hash) const noexcept {
        auto at = hash & mask();
        while (index_[at] != empty_place) {
            if (hash_in(index_[at]) == hash && entries_[slot_in(index_[at])].id == id) break;
            at = (at + 1) & mask();
        }
        return at;
    }
    void rehash() {
        auto const old = std::exchange(index_, std::vector<std::uint64_t>(index_.size() * 2, empty_place));
        for (auto const kept : old) {
            if (kept == empty_place) continue;
            auto at = hash_in(kept) & mask();
            while (index_[at] != empty_place) at = (at + 1) & mask();
            index_[at] = kept;
        }
    }
    /// Takes a place out of the index and closes the gap, so that no tombstones gather.
    void erase_place(std::size_t gap) noexcept {
        for (auto at = (gap + 1) & mask(); index_[at] != empty_place; at = (at + 1) & mask()) {
            auto const home = hash_in(index_[at]) & mask();
            if (((at - home) & mask()) >= ((at - gap) & mask())) {
                index_[gap] = index_[at];
                gap = at;
            }
        }
        index_[gap] = empty_place;
    }
    /// What will be forgotten a little later is fetched by now, a step each time: the entry first, then its place.
    void look_ahead() noexcept {
        constexpr std::uint32_t far = 16;
        if (ahead_ == none) ahead_ = oldest_;
        for (int step = 0; step < 2 && ahead_by_ < far && entries_[ahead_].next != none; ++step) {
            expect(entries_[ahead_].id);
            ahead_ = entries_[ahead_].next;
            ++ahead_by_;
        }
        fastqueue::detail::prefetch(&entries_[ahead_]);
        if (ahead_by_ == 0)
            ahead_ = none;  // it is the one that goes
        else
            --ahead_by_;
    }
    std::uint32_t forget_oldest() noexcept {
        auto const slot = oldest_;
        look_ahead();
        oldest_ = entries_[slot].next;
        if (oldest_ == none) newest_ = none;
        auto const reference = entries_[slot].reference;
        erase_place(place(entries_[slot].id, hash_of(entries_[slot].id)));
        entries_.give(slot);
        --ended_;
        --size_;
        return reference;
    }

    std::uint32_t capacity_;
    std::uint64_t seed_;
    slab<entry, 4096> entries_;
    std::vector<std::uint64_t> index_;
    std::size_t size_ = 0;
    std::size_t ended_ = 0;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
    std::uint32_t ahead_ = none;  // one that is to be forgotten soon
    std::uint32_t ahead_by_ = 0;  // how many go before it
    bool complete_ = true;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/peer_table.hpp>

// ---- <fastqueue/core/plane_options.hpp>

namespace fastqueue::core {

/// What a control plane does with a task whose name no worker has announced.
enum class unknown_tasks : std::uint8_t {
    automatic,  ///< waits while it may still be announced (shortly after the start, before anybody has), then
                ///< refuses
    wait,
    refuse,
};

/// What listens where; also the tag of each listener.
enum class port_role : std::uint32_t { critical, high, normal, low, results, management, discovery, link };

/// The numbers and names of a control plane. Each has the default that the worker guide states.
struct plane_options {
    std::string id = "control-plane";
    std::string base;  ///< the addresses that discovery gives, as text
    std::string management;
    std::string results;
    std::vector<std::uint16_t> task_ports;  ///< critical to low, where they are not base ... base + 3
    std::uint32_t result_cache_size = 10'000;
    std::uint64_t result_cache_octets = 256ULL << 20U;
    std::chrono::seconds result_cache_ttl{3600};
    std::uint32_t id_ledger_size = 1'000'000;  ///< ids of ended tasks that are remembered
    std::chrono::milliseconds heartbeat{5'000};
    std::chrono::milliseconds inactive{30'000};
    std::chrono::milliseconds grace{1'000};  ///< a worker whose session broke may come back in it
    std::uint32_t max_deaths = 3;
    std::uint32_t max_dead_letters = 10'000;  ///< tasks that failed and are kept to be looked at
    std::uint64_t max_dead_octets = 64ULL << 20U;
    std::chrono::milliseconds reunion{10'000};  ///< after a restart workers may say in it what they still run
    std::uint64_t waiting_octets = 256ULL << 20U;  ///< of arguments in memory, where a store has them as well
    core::unknown_tasks unknown_names = core::unknown_tasks::automatic;
    bool has_local_worker = false;
    std::vector<std::string> worker_allow;  ///< hosts that a worker may name, beside loopback and its own
    fastqueue::limits limits;
    std::uint64_t seed = 0;  ///< of jitter and tables
    std::string version;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// A connection, as the control plane sees it.
struct peer_record {
    peer_id id = peer_id::none;
    port_role role = port_role::normal;
    bool one_at_a_time = false;  ///< REQ
    bool same_process = false;
    bool packed = false;  ///< wants what it did not ask for packed
    bool watches_nodes = false;
    std::string address;
    std::uint32_t worker = none;
    std::uint32_t waiters = none;    ///< answers it still waits for
    std::uint32_t outstanding = 0;   ///< their number
    std::size_t message = 0;         ///< in the outbox: what it gets unasked this turn
    std::uint64_t message_turn = 0;  ///< the turn for which `message` is good
    std::size_t gated = 0;           ///< the same for what waits for a commit
    std::uint64_t gated_turn = 0;
};

/// The connections by their names. One thread at a time.
class peer_table {
public:
    std::uint32_t add(peer_id id, port_role role, peer_info const& info) {
        auto const slot = records_.take();
        auto& r = records_[slot];
        r = peer_record{};
        r.id = id;
        r.role = role;
        r.one_at_a_time = info.one_at_a_time;
        r.same_process = info.same_process;
        r.address = info.address;
        index_.emplace(id, slot);
        return slot;
    }
    [[nodiscard]] std::uint32_t find(peer_id id) const noexcept {
        auto const at = index_.find(id);
        return at == index_.end() ? none : at->second;
    }
    void erase(std::uint32_t slot) {
        index_.erase(records_[slot].id);
        records_[slot].id = peer_id::none;
        records_.give(slot);
    }
    [[nodiscard]] peer_record& operator[](std::uint32_t slot) noexcept { return records_[slot]; }
    [[nodiscard]] peer_record const& operator[](std::uint32_t slot) const noexcept { return records_[slot]; }
    [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }

    template <class F>
    void each(F&& f) {
        for (auto const& [id, slot] : index_) f(slot);
    }

private:
    slab<peer_record, 64> records_;
    std::unordered_map<peer_id, std::uint32_t> index_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/rate_meter.hpp>

namespace fastqueue::core {

/// How many events there were a second, over the last ten whole seconds. Counting is an addition. One thread at a time.
class rate_meter {
public:
    void count(instant now) noexcept {
        turn_to(second_of(now));
        ++counts_[static_cast<std::size_t>(second_) % counts_.size()];
    }
    /// \return events a second, 0 while there was none
    [[nodiscard]] double per_second(instant now) const noexcept {
        auto const present = second_of(now);
        std::uint64_t sum = 0;
        for (auto second = present - window; second < present; ++second) {
            bool const known = second <= second_ && second > second_ - slots;
            if (known && second >= 0) sum += counts_[static_cast<std::size_t>(second) % counts_.size()];
        }
        return static_cast<double>(sum) / static_cast<double>(window);
    }

private:
    static constexpr std::int64_t window = 10;
    static constexpr std::int64_t slots = window + 1;  // the second that is under way has one, too

    static std::int64_t second_of(instant t) noexcept {
        return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
    }
    /// What lies between the last event and now was empty.
    void turn_to(std::int64_t second) noexcept {
        if (second - second_ >= slots) {
            counts_.fill(0);
            second_ = second;
        }
        while (second_ < second) counts_[static_cast<std::size_t>(++second_) % counts_.size()] = 0;
    }

    std::array<std::uint32_t, static_cast<std::size_t>(slots)> counts_{};
    std::int64_t second_ = 0;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/result_cache.hpp>

namespace fastqueue::core {

/// How a task ended, as it is kept for who asks later.
struct cached_result {
    std::uint64_t submitted_us = 0;
    std::uint64_t started_us = 0;
    std::uint64_t finished_us = 0;
    std::uint32_t attempt = 0;
    std::uint16_t content = 0;
    std::uint32_t name = 0;  ///< in the name table
    errc code{};             ///< none on success
    task_state state = task_state::success;
    shared_text worker;
    std::string value;                  ///< the value, or the error's text
    policy::store_sequence stored = 0;  ///< the write that made the end durable
    policy::task_number number = 0;     ///< its name in the store
    shared_text history;                ///< of its attempts that went wrong, as a `trouble_log`
};

/// Keeps the latest results: so many, so many octets, so long after their end. Who has to leave a full cache
/// is the policy's choice. Each result belongs to an entry of the id ledger, which is told when it goes. One
/// thread at a time.
template <policy::eviction Eviction>
class result_cache {
public:
    struct limits {
        std::uint32_t size = 10'000;           ///< results
        std::uint64_t octets = 256ULL << 20U;  ///< of their values
        std::chrono::seconds ttl{3600};        ///< counted from the task's end
    };

    explicit result_cache(limits limit)
        : limit_{limit}, eviction_{limit.size == 0 ? 1U : limit.size}, items_(limit.size) {
        free_.reserve(limit.size);
        for (std::uint32_t i = limit.size; i-- > 0;) free_.push_back(i);
    }

    /// Keeps a copy of `result` with `value` as its value. `gone(ledger, number)` is called for each that has to leave for it.
    /// \return its slot, or `none` where it can't be kept (a cache of size 0, a value over the whole budget)
    template <class Gone>
    std::uint32_t insert(std::uint32_t ledger, std::uint64_t hash, cached_result const& result,
                         std::string_view value, instant ended, Gone&& gone) {
        auto const size = octets_of(result) + value.size();
        if (items_.empty() || size > limit_.octets) return none;
        while (free_.empty() || octets_ + size > limit_.octets) drop(eviction_.victim(), gone);
        auto const slot = free_.back();
        free_.pop_back();
        auto& item = items_[slot];
        item.result = result;  // `value` is empty in it: the slot's own buffer is filled next
        item.result.value.assign(value);
        item.ledger = ledger;
        item.ended = ended;
        octets_ += size;
        link(slot);
        eviction_.inserted(slot, hash);
        return slot;
    }

    /// The result in `slot`, if its time is not over. Reading it so is a use.
    [[nodiscard]] cached_result const* use(std::uint32_t slot, instant now) noexcept {
        if (expired(items_[slot], now)) return nullptr;
        eviction_.used(slot);
        return &items_[slot].result;
    }
    /// The same without being a use.
    [[nodiscard]] cached_result const* peek(std::uint32_t slot, instant now) const noexcept {
        return expired(items_[slot], now) ? nullptr : &items_[slot].result;
    }

    /// Drops one result; nobody is told.
    void erase(std::uint32_t slot) noexcept {
        drop(slot, [](std::uint32_t, policy::task_number) {});
    }
    /// Drops all whose time is over. `gone(ledger, number)` is called for each. Costs what is dropped.
    template <class Gone>
    void sweep(instant now, Gone&& gone) {
        while (oldest_ != none && expired(items_[oldest_], now)) drop(oldest_, gone);
    }

    /// Calls `f(ledger, result)` for each, the latest end first, until it returns false. That is no use.
    template <class F>
    void each(instant now, F&& f) const {
        for (auto slot = newest_; slot != none && !expired(items_[slot], now); slot = items_[slot].previous) {
            if (!f(items_[slot].ledger, items_[slot].result)) return;
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size() - free_.size(); }
    [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }

private:
    static constexpr std::size_t worth_keeping = 256;

    struct entry {
        cached_result result;
        std::uint32_t ledger = none;
        std::uint32_t previous = none;  // in order of their ends, which is the order in which they expire
        std::uint32_t next = none;
        instant ended{};
    };

    static std::uint64_t octets_of(cached_result const& r) noexcept {
        return r.value.size() + r.worker.view().size() + r.history.view().size();
    }
    [[nodiscard]] bool expired(entry const& i, instant now) const noexcept {
        return saturating_add(i.ended, limit_.ttl) <= now;
    }
    void link(std::uint32_t slot) noexcept {
        items_[slot].previous = newest_;
        items_[slot].next = none;
        (newest_ == none ? oldest_ : items_[newest_].next) = slot;
        newest_ = slot;
    }
    template <class Gone>
    void drop(std::uint32_t slot, Gone&& gone) {
        auto& i = items_[slot];
        eviction_.erased(slot);
        octets_ -= octets_of(i.result);
        (i.previous == none ? oldest_ : items_[i.previous].next) = i.next;
        (i.next == none ? newest_ : items_[i.next].previous) = i.previous;
        if (i.result.value.capacity() > worth_keeping) i.result.value = {};
        i.result.worker = {};
        free_.push_back(slot);
        gone(i.ledger, i.result.number);
    }

    limits limit_;
    Eviction eviction_;
    std::vector<entry> items_;
    std::vector<std::uint32_t> free_;
    std::uint64_t octets_ = 0;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/reunion.hpp>

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

// ---- <fastqueue/core/waiters.hpp>

namespace fastqueue::core {

/// What somebody waits for.
enum class wait_kind : std::uint8_t {
    call,    ///< the end of a task
    wait,    ///< the same, or the end of a time
    watch,   ///< the end, and progress on the way
    cancel,  ///< whether a task that was sent ahead had begun
};

/// An answer that is owed. In two lists: its task's, and its peer's.
struct waiter {
    std::uint32_t peer = none;
    std::uint32_t task = none;
    std::uint32_t task_previous = none, task_next = none;
    std::uint32_t peer_previous = none, peer_next = none;
    wait_kind kind = wait_kind::call;
    wire::form layout = wire::form::frames;
    bool meta = false;
    wire::envelope envelope;
    std::string ref;
};

/// All answers that are owed. Every call is O(1). One thread at a time.
class waiter_pool {
public:
    waiter_pool(slab<task>& tasks, peer_table& peers) : tasks_{tasks}, peers_{peers} {}

    [[nodiscard]] waiter& operator[](std::uint32_t slot) noexcept { return pool_[slot]; }

    std::uint32_t add(std::uint32_t peer, std::uint32_t task, wait_kind kind) {
        auto const slot = pool_.take();
        auto& w = pool_[slot];
        w.peer = peer;
        w.task = task;
        w.kind = kind;
        w.meta = false;
        w.envelope.clear();
        w.ref.clear();
        w.task_previous = w.peer_previous = none;
        w.task_next = tasks_[task].waiters;
        if (w.task_next != none) pool_[w.task_next].task_previous = slot;
        tasks_[task].waiters = slot;
        auto& p = peers_[peer];
        w.peer_next = p.waiters;
        if (w.peer_next != none) pool_[w.peer_next].peer_previous = slot;
        p.waiters = slot;
        ++p.outstanding;
        return slot;
    }
    void remove(std::uint32_t slot) {
        auto& w = pool_[slot];
        (w.task_previous == none ? tasks_[w.task].waiters : pool_[w.task_previous].task_next) = w.task_next;
        if (w.task_next != none) pool_[w.task_next].task_previous = w.task_previous;
        auto& p = peers_[w.peer];
        (w.peer_previous == none ? p.waiters : pool_[w.peer_previous].peer_next) = w.peer_next;
        if (w.peer_next != none) pool_[w.peer_next].peer_previous = w.peer_previous;
        --p.outstanding;
        pool_.give(slot);
    }

private:
    slab<waiter> pool_;
    slab<task>& tasks_;
    peer_table& peers_;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// What a control plane has counted since its start.
struct plane_counters {
    std::uint64_t submitted = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t expired = 0;
    std::uint64_t retried = 0;
    std::uint64_t redelivered = 0;    ///< runs that were lost with their worker
    std::uint64_t returned = 0;       ///< runs that came back unfinished
    std::uint64_t stale_answers = 0;  ///< answers that did not hold the lease, dropped
    std::uint64_t refused = 0;        ///< requests that got an error
    std::uint64_t restored = 0;       ///< tasks that were there from an earlier life
    std::uint64_t adopted = 0;        ///< of them, those that a worker still ran
};

/// A request that is being answered: to whom, in which form, and its one answering message.
struct request {
    static constexpr std::size_t unopened = ~std::size_t{0};
    std::uint32_t peer = none;
    wire::form layout = wire::form::frames;
    wire::envelope envelope;
    std::size_t message = unopened;
};

/// What a request wants handed back in each answer.
[[nodiscard]] inline std::string_view ref_of(wire::header const& h) noexcept {
    return h.get("ref").substr(0, 64);
}

/// The one id that a verb takes; empty where something else stands there.
[[nodiscard]] inline std::optional<task_id> sole_id(wire::header const& h) noexcept {
    return h.positional().size() == 1 ? uuid::parse(h.positional()[0]) : std::nullopt;
}

/// Everything that a control plane knows, shared by the parts that act on it. No part keeps state of
/// another's.
template <class P>
struct plane_state {
    using store_type = typename P::store_policy;
    using observer_type = typename P::observer_policy;

    plane_state(plane_options const& o, store_type& s, observer_type& watcher)
        : options{o},
          store{s},
          observer{watcher},
          dispatch{tasks, workers, o.seed},
          ledger{o.id_ledger_size, o.seed},
          cache{{o.result_cache_size, o.result_cache_octets, o.result_cache_ttl}},
          dead{{o.max_dead_letters, o.max_dead_octets}},
          waiting{tasks, peers},
          random{o.seed} {
        contents.emplace_back("json");
    }

    plane_options options;
    store_type& store;
    observer_type& observer;
    event_stream events;
    clock_reading now{};
    outbox out;
    slab<task> tasks;
    slab<task_terms, 64> terms;
    slab<worker_record, 16> workers;
    dispatcher<typename P::balancing_policy> dispatch;
    id_ledger ledger;
    result_cache<typename P::eviction_policy> cache;
    dead_letters dead;
    core::reunion reunion;
    peer_table peers;
    waiter_pool waiting;
    random_source random;
    std::vector<std::string> contents;  ///< content types, dense; 0 is json
    plane_counters counters;
    std::array<rate_meter, priority_count> rates;  ///< ends a second, by priority
    policy::store_sequence committed = 0;
    policy::store_sequence last_end = 0;  ///< the latest write of a task's end
    std::uint64_t next_sequence = 1;
    policy::task_number next_number = 1;
    std::uint64_t task_octets = 0;  ///< of the arguments that are in memory, of tasks that live
    std::unordered_map<policy::task_number, std::uint32_t>
        fetching;                           ///< tasks whose arguments were asked for
    std::vector<std::uint32_t> clogged;     ///< workers that were sent much
    std::deque<policy::task_number> ended;  ///< as long as their ids are known
    std::optional<std::string> full;        ///< why the store takes no more tasks
    std::string failure;                    ///< why the store takes nothing any more
    instant started{};
    bool started_set = false;
    bool any_registered = false;
    bool stopping = false;

    /// Whether what is stored outlives this process.
    [[nodiscard]] bool keeps() const noexcept {
        if constexpr (policy::durable_store<store_type>)
            return store.keeps();
        else
            return false;
    }

    /// The message that `peer` gets unasked, and in which it gets answers that came due.
    /// \param octets  of the payload that is to go into it
    [[nodiscard]] wire::pair_writer& unasked(std::uint32_t peer, wire::form layout, std::size_t octets = 0) {
        auto& p = peers[peer];
        return shared(p, layout, p.message, p.message_turn, octets).pairs;
    }
    /// The same for what must not leave before `after` is committed: apart, so that nothing else waits with it.
    [[nodiscard]] wire::pair_writer& gated(std::uint32_t peer, wire::form layout,
                                           policy::store_sequence after, std::size_t octets = 0) {
        auto& p = peers[peer];
        auto& message = shared(p, layout, p.gated, p.gated_turn, octets);
        message.after = std::max(message.after, after);
        return message.pairs;
    }
    /// The message that answers `r`.
    [[nodiscard]] outgoing& answer(request& r) {
        if (r.message == request::unopened) r.message = out.open(peers[r.peer].id, r.layout, r.envelope);
        return out[r.message];
    }
    /// What answers `r` shows something that was written as `after`: it leaves when that is committed.
    void rests_on(request& r, policy::store_sequence after) {
        auto& message = answer(r);
        message.after = std::max(message.after, after);
    }
    /// Answers one pair with an error.
    /// \param subject  the id or name it is about, or `-`
    wire::header_writer begin_error(request& r, std::string_view subject, errc code, std::string_view ref) {
        ++counters.refused;
        auto header = answer(r).pairs.begin("error");
        header.token(subject).token(name_of(code));
        if (code == errc::queue_full) header.field("retry_after_ms", std::uint64_t{100});
        if (!ref.empty()) header.field("ref", ref);
        return header;
    }
    void error(request& r, std::string_view subject, errc code, std::string_view ref, std::string_view text) {
        begin_error(r, subject, code, ref);
        answer(r).pairs.finish(text);
    }
    /// Answers one pair with a document.
    /// \param subject  what it is about, behind the verb; may be empty
    void show(request& r, wire::header const& h, std::string_view verb, std::string_view subject,
              std::string_view document) {
        show(r, ref_of(h), verb, subject, document);
    }
    void show(request& r, std::string_view ref, std::string_view verb, std::string_view subject,
              std::string_view document) {
        auto header = answer(r).pairs.begin(verb);
        if (!subject.empty()) header.token(subject);
        if (!ref.empty()) header.field("ref", ref);
        answer(r).pairs.finish(document);
    }
    /// Answers one pair of an operator's with `bad_request`.
    void refuse(request& r, wire::header const& h, std::string_view why) {
        error(r, "-", errc::bad_request, ref_of(h), why);
    }
    /// The one id that an operator's verb takes; what is none is refused.
    /// \return empty: it was refused
    [[nodiscard]] std::optional<task_id> asked_id(request& r, wire::header const& h) {
        auto const id = sole_id(h);
        if (!id) refuse(r, h, "the verb takes one id, which is a UUID");
        return id;
    }
    /// Reads `limit=`, how much of a list is wanted, and refuses what is none.
    /// \return empty: it was refused
    [[nodiscard]] std::optional<std::uint32_t> list_limit(request& r, wire::header const& h) {
        constexpr std::uint64_t usual = 100;
        constexpr std::uint64_t most = 10'000;
        auto const text = h.get("limit");
        auto const limit = text.empty() ? std::optional{usual} : wire::read_number(text, most);
        if (limit && *limit > 0) return static_cast<std::uint32_t>(*limit);
        refuse(r, h, "limit= is 1 to 10000");
        return std::nullopt;
    }
    /// The number of a content type, which is kept apart from now on.
    [[nodiscard]] std::uint16_t content_number(std::string_view content) {
        if (content.empty()) return 0;
        auto const at = std::ranges::find(contents, content);
        if (at != contents.end()) return static_cast<std::uint16_t>(at - contents.begin());
        contents.emplace_back(content);
        return static_cast<std::uint16_t>(contents.size() - 1);
    }
    /// How often the task's attempts failed, and how often its worker died.
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> troubles_of(task const& t) const noexcept {
        if (t.terms == none) return {};
        return {terms[t.terms].failures, terms[t.terms].deaths};
    }
    void notice(errc code, std::string_view text) { observer.on(policy::notice_event{code, text}); }
    void tell(task const& t, std::string_view worker, errc code = {}) {
        observer.on(policy::task_event{t.id, dispatch.names()[t.name].name, t.state, t.attempt, worker});
        if (events.is_heard()) stream(event_stream::name_of_task(t.state), t, now_us(), worker, code);
    }
    /// Tells those who asked for events. What has ended rests on the write of its end.
    void stream(std::string_view event, task const& t, std::uint64_t at_us, std::string_view worker,
                errc code = {}) {
        events.tell_task(*this, event, t, at_us, worker, code, is_final(t.state) ? last_end : t.stored);
    }
    void tell(policy::worker_event const& e) {
        observer.on(e);
        if (events.is_heard()) events.tell_worker(*this, e);
    }
    /// The task whose lease this is, held by `worker`; or `none`. The fence: who does not hold it has no say.
    [[nodiscard]] std::uint32_t holder(std::uint32_t worker, wire::lease_name const& lease) const noexcept {
        auto const entry = ledger.find(lease.id);
        if (entry == none || is_final(ledger.state(entry))) return none;
        auto const slot = ledger[entry].reference;
        auto const& t = tasks[slot];
        return t.worker == worker && t.attempt == lease.attempt ? slot : none;
    }
    [[nodiscard]] std::string_view worker_name(std::uint32_t worker) const noexcept {
        return worker == none ? std::string_view{} : workers[worker].name.view();
    }
    [[nodiscard]] shared_text shared_worker_name(std::uint32_t worker) const noexcept {
        return worker == none ? shared_text{} : workers[worker].name;
    }
    /// Tasks that could begin if there were a place for them.
    [[nodiscard]] std::uint64_t waiting_tasks() const noexcept {
        return std::uint64_t{dispatch.waiting()} + reunion.tasks.size();
    }
    [[nodiscard]] outgoing& shared(peer_record const& p, wire::form layout, std::size_t& index,
                                   std::uint64_t& turn, std::size_t octets) {
        constexpr std::size_t enough_octets =
            1U << 20U;  // a frame of many must not become too large for its reader
        bool const fits = turn == out.turn() && out[index].layout == layout &&
                          out[index].pairs.octets() + octets < enough_octets &&
                          out[index].pairs.pairs() < 4096;
        if (!fits) {
            index = out.open(p.id, layout);
            turn = out.turn();
        }
        return out[index];
    }
    [[nodiscard]] std::uint64_t now_us() const noexcept { return to_epoch_us(now.wall); }
    /// How long ago that was, in milliseconds; 0 where the wall clock was set back behind it.
    [[nodiscard]] std::uint64_t ms_since(std::uint64_t us) const noexcept {
        return (now_us() - std::min(us, now_us())) / 1000;
    }
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/run_desk.hpp>

// ---- <fastqueue/core/task_life.hpp>

// ---- <fastqueue/core/trouble_log.hpp>

namespace fastqueue::core {

/// One attempt that went wrong.
struct trouble {
    std::uint64_t at_us = 0;  ///< UTC
    std::uint32_t attempt = 0;
    errc code{};
    std::string_view worker;  ///< may be empty
    std::string_view text;
};

/// The history of a task's attempts that went wrong, as text that can be stored: a line each, the latest last, at most
/// sixteen. An attempt's text is cut to two hundred octets.
class trouble_log {
public:
    static constexpr std::size_t most = 16;
    static constexpr std::size_t most_text = 200;

    static void add(std::string& log, trouble const& t) {
        if (count(log) >= most) log.erase(0, log.find('\n') + 1);
        log += std::to_string(t.at_us) + ' ' + std::to_string(t.attempt) + ' ';
        log += name_of(t.code);
        log += ' ';
        log += t.worker.empty() ? std::string_view{"-"} : t.worker;
        log += ' ';
        for (char const c : cut(t.text)) log += c == '\n' || c == '\r' ? ' ' : c;
        log += '\n';
    }
    /// Calls `f(trouble)` for each, the earliest first. A line that cannot be read is passed over.
    template <class F>
    static void each(std::string_view log, F&& f) {
        while (!log.empty()) {
            auto line = take(log, '\n');
            trouble t;
            bool good = number(take(line, ' '), t.at_us);
            std::uint64_t attempt = 0;
            good = number(take(line, ' '), attempt) && good;
            t.attempt = static_cast<std::uint32_t>(attempt);
            t.code = errc_from_name(take(line, ' '), errc::handler_error);
            auto const worker = take(line, ' ');
            if (worker != "-") t.worker = worker;
            t.text = line;
            if (good) f(t);
        }
    }

    /// As a JSON list, the value of a key that has been written.
    static void write(json::writer& w, std::string_view log) {
        w.begin_array();
        each(log, [&](trouble const& t) {
            w.begin_object().key("attempt").value(t.attempt).key("at_us").value(t.at_us);
            if (!t.worker.empty()) w.key("worker").value(t.worker);
            w.key("code").value(name_of(t.code)).key("text").value(t.text).end_object();
        });
        w.end_array();
    }

private:
    static std::size_t count(std::string_view log) noexcept {
        std::size_t lines = 0;
        for (char const c : log) lines += c == '\n' ? 1U : 0U;
        return lines;
    }
    static std::string_view cut(std::string_view text) noexcept {
        if (text.size() <= most_text) return text;
        auto end = most_text;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
            --end;  // between characters
        return text.substr(0, end);
    }
    /// The text up to `stop`, which is taken off `rest` with it.
    static std::string_view take(std::string_view& rest, char stop) noexcept {
        auto const end = rest.find(stop);
        auto const first = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        return first;
    }
    static bool number(std::string_view text, std::uint64_t& out) noexcept {
        out = 0;
        for (char const c : text) {
            if (c < '0' || c > '9') return false;
            out = out * 10 + static_cast<std::uint64_t>(c - '0');
        }
        return !text.empty();
    }
};

}  // namespace fastqueue::core

#include <cmath>

namespace fastqueue::core {

/// The life of a task from its acceptance to its end: the times it waits for, its retries, its end and who is
/// told.
template <class P>
class task_life {
public:
    explicit task_life(plane_state<P>& state) : s_{state} {}

    struct acceptance {
        task_id id;
        std::string_view name;
        std::string_view arguments;
        std::uint64_t fingerprint = 0;
        priority level = priority::normal;
    };

    /// Makes a task of a request that was found good.
    std::uint32_t accept(acceptance const& a, wire::request_options const& o) {
        auto const slot = s_.tasks.take();
        auto& t = s_.tasks[slot];
        auto const record = record_of(a, o);
        fill(t, record);
        if (!o.task.resent.empty() && s_.keeps())
            t.attempt = 1;  // it may have run before its first put was safe
        t.ledger = s_.ledger.insert(a.id, a.fingerprint, slot);
        ++s_.counters.submitted;
        t.stored = s_.store.put(record);
        take_arguments(t, a.arguments);
        if (t.attempt != 0) write_attempt(t, 0);
        plan(slot, o.task);
        return slot;
    }

    /// The task waits again: its attempt has ended without a result.
    void requeue(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        if (t.overdue) return end(slot, task_state::expired, errc::expired, "expired before it began");
        detach(t);
        write_attempt(t, 0);
        wait_again(slot);
    }
    /// The task waits again: its worker gave it back and says that it never began. Nothing ran under this attempt's number, so the
    /// next one has it, and the store has nothing to remember.
    void unassign(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        if (t.overdue) return end(slot, task_state::expired, errc::expired, "expired before it began");
        detach(t);
        --t.attempt;
        wait_again(slot);
    }

    /// The task's worker was lost.
    /// \param began  whether it may have run: then it counts against `max_deaths`
    void lost(std::uint32_t slot, bool began) {
        auto& t = s_.tasks[slot];
        auto const worker = std::string{s_.worker_name(t.worker)};
        ++s_.counters.redelivered;
        if (t.at_most_once) {  // also where nothing was heard of its beginning: the word may have been lost as well
            return end(
                slot, task_state::failure, errc::worker_lost,
                "the worker '" + worker + "' was lost while it had the task, which is to run at most once");
        }
        if (began && died(slot, worker)) return;
        if (t.cancel_requested) return end(slot, task_state::cancelled, errc::cancelled, "cancelled");
        requeue(slot);
    }
    /// The worker that ran the task died. \return true: once too often, and the task has ended
    bool died(std::uint32_t slot, std::string const& worker) {
        auto& t = s_.tasks[slot];
        note_trouble(t, errc::worker_lost, worker, "the worker was lost while it ran the task");
        auto const deaths = ++s_.terms[t.terms].deaths;
        if (deaths < s_.options.max_deaths) return false;
        end(slot, task_state::failure, errc::too_many_deaths,
            "its worker was lost " + std::to_string(deaths) + " times while it ran; the last was '" + worker +
                "'");
        return true;
    }

    /// An attempt failed: the task is tried again, or ends.
    void failed(std::uint32_t slot, errc code, bool final, std::optional<std::uint64_t> retry_after_ms,
                std::string_view text) {
        auto& t = s_.tasks[slot];
        note_trouble(t, code, s_.worker_name(t.worker), text);
        bool const retryable =
            (code == errc::handler_error || code == errc::timeout) && !final && !t.cancel_requested;
        auto& terms = s_.terms[t.terms];  // they are there: the trouble was noted in them
        if (!retryable || terms.failures >= terms.options.retries) {
            return end(slot, task_state::failure, code, text);
        }
        ++terms.failures;
        ++s_.counters.retried;
        t.overdue = false;  // it has begun in time
        expiry_.clear(slot);
        wall_expiry_.clear(slot);
        auto const wait = retry_after_ms ? std::chrono::milliseconds{*retry_after_ms} : retry_delay(t);
        detach(t);
        write_attempt(t, s_.now_us() + static_cast<std::uint64_t>(wait.count()) * 1000);
        t.state = task_state::retrying;
        due_.set(slot, saturating_add(s_.now.steady, wait));
        s_.tell(t, {}, code);
    }

    /// The task has begun, as far as its control plane knows.
    void began(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        t.state = task_state::running;
        t.started_us = s_.now_us();
        t.overdue = false;
        expiry_.clear(slot);
        wall_expiry_.clear(slot);
        if (t.terms != none && s_.terms[t.terms].options.timeout_ms != 0) {
            auto const limit =
                std::chrono::milliseconds{s_.terms[t.terms].options.timeout_ms} + std::chrono::seconds{1};
            limits_.set(slot, saturating_add(s_.now.steady, limit));
        }
        s_.tell(t, s_.worker_name(t.worker));
    }

    /// The end of a task. It is in no lane and at no worker any more, or is taken out of its lane.
    void end(std::uint32_t slot, task_state state, errc code, std::string_view value) {
        auto& t = s_.tasks[slot];
        if (t.state == task_state::queued) leave_lane(slot);
        bool const unseen = t.state != task_state::running && t.started_us != 0 && t.worker != none;
        t.state = state;
        count(t);
        auto const worker = s_.worker_name(t.worker);
        auto const finished = s_.now_us();
        bool const dead = state == task_state::failure && s_.options.max_dead_letters > 0;
        if constexpr (policy::durable_store<typename P::store_policy>) {
            if (dead && t.left) s_.store.fetch(t.number);  // before its end is written
        }
        auto const after = s_.store.finish({t.number, t.id, state, code, value, t.attempt, worker,
                                            t.started_us, finished, history_of(t), dead});
        s_.last_end = after;
        cached_result const result{t.submitted_us,
                                   t.started_us,
                                   finished,
                                   t.attempt,
                                   t.content,
                                   t.name,
                                   code,
                                   state,
                                   s_.shared_worker_name(t.worker),
                                   {},
                                   after,
                                   t.number,
                                   shared_text{history_of(t)}};
        answer_waiters(slot, result, value, after);
        if (unseen && s_.events.is_heard()) s_.stream("task.started", t, t.started_us, worker);
        s_.tell(t, worker, code);
        if (dead) bury(t, result, value);
        keep(t, result, value);
        clear_times(slot);
        release(slot);
    }

    /// Somebody wants to know of the task's end.
    void answer_later(std::uint32_t slot, request& r, wait_kind kind, std::string_view ref, bool meta,
                      std::optional<std::uint64_t> timeout_ms) {
        auto const w = s_.waiting.add(r.peer, slot, kind);
        auto& waits = s_.waiting[w];
        waits.layout = r.layout;
        waits.envelope = r.envelope;
        waits.ref = ref;
        waits.meta = meta;
        if (timeout_ms) waits_.set(w, saturating_add(s_.now.steady, std::chrono::milliseconds{*timeout_ms}));
    }
    /// A peer has gone: nobody waits there any more, or watches.
    void forget_peer(std::uint32_t peer) {
        while (s_.peers[peer].waiters != none) drop_waiter(s_.peers[peer].waiters);
        s_.events.remove(s_.peers[peer].id);
        s_.peers.erase(peer);
    }
    /// There will be no answer: the control plane ends.
    void break_off(std::uint32_t w) {
        auto const id = s_.tasks[s_.waiting[w].task].id;
        auto header = begin_reply(w, "error");
        header.token(id).token(name_of(errc::shutting_down));
        finish_reply(w, header, "the control plane is shutting down", 0);
        drop_waiter(w);
    }
    /// A task that was sent ahead turned out to have begun: a cancel cannot be certain any more.
    void answer_cancels(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        for (auto w = t.waiters; w != none;) {
            auto const next = s_.waiting[w].task_next;
            if (s_.waiting[w].kind == wait_kind::cancel) {
                auto header = begin_reply(w, "cancelled");
                header.token(t.id).token(name_of(t.state));
                finish_reply(w, header, {}, t.stored);
                drop_waiter(w);
            }
            w = next;
        }
    }

    /// Does what is due.
    /// \param timed_out  called with each task whose attempt went over its limit
    template <class TimedOut>
    void tick(TimedOut&& timed_out) {
        while (auto const slot = due_.pop(s_.now.steady)) become_ready(*slot);
        while (auto const slot = eta_.pop(s_.now.wall)) become_ready(*slot);
        while (auto const slot = expiry_.pop(s_.now.steady)) expire(*slot);
        while (auto const slot = wall_expiry_.pop(s_.now.wall)) expire(*slot);
        while (auto const slot = limits_.pop(s_.now.steady)) timed_out(*slot);
        while (auto const w = waits_.pop(s_.now.steady)) wait_is_over(*w);
    }
    /// Until a scheduled or retrying task is due.
    [[nodiscard]] std::optional<std::chrono::milliseconds> due_in(std::uint32_t slot) const noexcept {
        using std::chrono::milliseconds;
        if (auto const at = due_.at(slot))
            return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(*at - s_.now.steady));
        if (auto const at = eta_.at(slot))
            return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(*at - s_.now.wall));
        return std::nullopt;
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        return std::min({due_.next(), expiry_.next(), limits_.next(), waits_.next(), eta_.next(s_.now),
                         wall_expiry_.next(s_.now)});
    }

    /// Writes `result <id> <state> ...` but for the payload.
    void write_result(wire::header_writer& header, task_id const& id, cached_result const& r,
                      std::string_view ref, bool meta) {
        header.token(id).token(name_of(r.state));
        if (r.code != errc{}) header.field("code", name_of(r.code));
        if (!ref.empty()) header.field("ref", ref);
        if (r.content != 0) header.field("content", s_.contents[r.content]);
        if (!meta) return;
        header.field("attempt", std::uint64_t{r.attempt});
        if (!r.worker.empty()) header.field("worker", r.worker.view());
        header.field("submitted_us", r.submitted_us);
        if (r.started_us != 0) header.field("started_us", r.started_us);
        if (r.finished_us != 0) header.field("finished_us", r.finished_us);
    }
    /// The same of a task that lives.
    void write_present(wire::header_writer& header, task const& t, std::string_view ref) {
        cached_result const present{t.submitted_us,
                                    t.started_us,
                                    0,
                                    t.attempt,
                                    t.content,
                                    t.name,
                                    {},
                                    t.state,
                                    s_.shared_worker_name(t.worker),
                                    {},
                                    t.stored,
                                    t.number,
                                    {}};
        write_result(header, t.id, present, ref, true);
    }
    /// What a result cache is to call for each result that leaves it: its value need not be stored any longer.
    [[nodiscard]] auto gone() {
        return [this](std::uint32_t ledger, policy::task_number number) {
            s_.ledger.set_reference(ledger, none);
            if (s_.keeps() && s_.dead.find(s_.ledger[ledger].id) == nullptr) s_.store.forget(number);
        };
    }
    /// The task of an id has ended; its result is in `kept`, if anywhere.
    void close_id(std::uint32_t entry, cached_result const& result, std::uint32_t kept) {
        auto const forgotten = s_.ledger.end(entry, result.state, kept);
        if (forgotten != none) s_.cache.erase(forgotten);
        if (s_.keeps()) s_.ended.push_back(result.number);
    }
    void keep_letter(dead_letter letter) {
        s_.dead.add(std::move(letter), [this](policy::task_number gone) { s_.store.forget(gone); });
    }
    /// Forgets what depends on the time the present attempt takes.
    void detach(task& t) {
        limits_.clear(s_.ledger[t.ledger].reference);
        t.worker = none;
        t.started_us = 0;
        t.recalled = false;
    }
    /// Makes `t` what its record says, but for its arguments.
    /// \param last  of its attempts that went wrong
    void fill(task& t, policy::task_record const& r, policy::attempt_record const& last = {}) {
        auto kept = std::move(t.arguments);
        t = task{};
        t.arguments = std::move(kept);
        t.id = r.id;
        t.number = r.number;
        t.sequence = s_.next_sequence++;
        t.submitted_us = r.submitted_us;
        t.name = s_.dispatch.names().intern(r.name);
        t.content = s_.content_number(r.content);
        t.level = r.level;
        t.at_most_once = r.options.delivery == delivery::at_most_once;
        t.key_hash = static_cast<std::uint32_t>(r.options.key_hash);
        bool const untroubled = last.failures == 0 && last.deaths == 0 && last.history.empty();
        if (is_usual(r.options) && r.traceparent.empty() && untroubled) return;
        t.terms = s_.terms.take();
        s_.terms[t.terms] = task_terms{r.options, std::string{r.traceparent}, std::string{last.history},
                                       last.failures, last.deaths};
    }
    /// A task of an earlier life, with its times, waits for what is to happen to it.
    void resume(std::uint32_t slot, policy::stored_task const& stored) {
        auto& t = s_.tasks[slot];
        auto const due = std::max(stored.task.due_us, stored.last.due_us);
        if (stored.task.expires_us != 0 && stored.last.failures == 0)
            wall_expiry_.set(slot, from_epoch_us(stored.task.expires_us));
        t.state = task_state::queued;
        if (due > s_.now_us()) {
            t.state = stored.last.failures > 0 ? task_state::retrying : task_state::scheduled;
            eta_.set(slot, from_epoch_us(due));
        } else if (may_be_out(t, stored)) {
            t.restored = true;
            s_.reunion.tasks.push_back(s_.tasks, slot);
        } else {
            s_.dispatch.enqueue(slot);
        }
    }
    /// A worker of an earlier life has the task.
    void adopt(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        s_.reunion.tasks.erase(s_.tasks, slot);
        t.restored = false;
        ++s_.counters.adopted;
    }
    /// Those that might have had them have spoken: what is left waits like all others.
    void end_reunion() {
        auto& waiting = s_.reunion.tasks;
        while (!waiting.empty()) {
            auto const slot = waiting.front();
            auto& t = s_.tasks[slot];
            if (t.at_most_once) {  // of these only such as had been given out
                end(slot, task_state::failure, errc::worker_lost,
                    "its worker did not come back after a restart of the control plane, and it is to run at "
                    "most once");
                continue;
            }
            waiting.erase(s_.tasks, slot);
            t.restored = false;
            s_.dispatch.enqueue(slot);
        }
    }
    /// Of its attempts that went wrong, as a `trouble_log`.
    [[nodiscard]] std::string_view history_of(task const& t) const noexcept {
        return t.terms == none ? std::string_view{} : std::string_view{s_.terms[t.terms].history};
    }
    /// Writes what is known of the task after an attempt without a result.
    void write_attempt(task& t, std::uint64_t due_us) {
        auto const [failures, deaths] = s_.troubles_of(t);
        t.stored = s_.store.requeue({t.number, t.id, t.attempt, failures, deaths, due_us, history_of(t)});
    }

private:
    [[nodiscard]] policy::task_record record_of(acceptance const& a,
                                                wire::request_options const& o) noexcept {
        policy::task_record r;
        r.number = s_.next_number++;
        r.id = a.id;
        r.name = a.name;
        r.content = o.content;
        r.arguments = a.arguments;
        r.traceparent = o.traceparent;
        r.options = o.task;
        r.level = o.task.priority.value_or(a.level);
        r.fingerprint = a.fingerprint;
        r.submitted_us = s_.now_us();
        auto const later = [&r](std::uint64_t ms) { return r.submitted_us + ms * 1000; };
        r.due_us = o.task.countdown_ms ? later(*o.task.countdown_ms) : o.task.eta_us.value_or(0);
        r.expires_us = o.task.expires_ms ? later(*o.task.expires_ms) : o.task.expires_us.value_or(0);
        return r;
    }
    /// Keeps the arguments in memory, unless the store has them and there are many already.
    void take_arguments(task& t, std::string_view arguments) {
        t.octets = static_cast<std::uint32_t>(arguments.size());
        t.left = s_.keeps() && !arguments.empty() && s_.task_octets + t.octets > s_.options.waiting_octets;
        if (t.left) return t.arguments.clear();
        t.arguments.assign(arguments);
        s_.task_octets += t.octets;
    }
    /// Whether a worker may have been given it after the last write that is known of.
    static bool may_be_out(task& t, policy::stored_task const& stored) noexcept {
        bool const claimed = stored.claimed > stored.last.attempt;
        if (t.at_most_once || claimed) return t.at_most_once && claimed;
        ++t.attempt;
        t.unsure = true;
        return true;
    }
    void wait_again(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        t.state = task_state::queued;
        s_.dispatch.enqueue(slot);
        s_.tell(t, {});
    }
    void leave_lane(std::uint32_t slot) {
        s_.tasks[slot].restored ? s_.reunion.tasks.erase(s_.tasks, slot) : s_.dispatch.dequeue(slot);
    }
    void note_trouble(task& t, errc code, std::string_view worker, std::string_view text) {
        if (t.terms == none) {
            t.terms = s_.terms.take();
            s_.terms[t.terms] = task_terms{};
        }
        trouble_log::add(s_.terms[t.terms].history, {s_.now_us(), t.attempt, code, worker, text});
    }
    /// Keeps a task that failed, to be looked at and perhaps run again.
    void bury(task const& t, cached_result const& result, std::string_view text) {
        constexpr std::size_t most_text = 2048;
        dead_letter letter;
        letter.number = t.number;
        letter.id = t.id;
        letter.name = s_.dispatch.names()[t.name].name;
        if (t.content != 0) letter.content = s_.contents[t.content];
        letter.arguments = t.arguments;
        if (t.terms != none) {
            letter.traceparent = s_.terms[t.terms].traceparent;
            letter.options = s_.terms[t.terms].options;
            letter.history = s_.terms[t.terms].history;
        }
        letter.options.delivery = t.at_most_once ? delivery::at_most_once : delivery::at_least_once;
        letter.options.key_hash = t.key_hash;
        letter.level = t.level;
        letter.submitted_us = t.submitted_us;
        letter.finished_us = result.finished_us;
        letter.attempt = t.attempt;
        letter.code = result.code;
        letter.text = text.substr(0, most_text);
        letter.worker = result.worker.view();
        letter.left = t.left;
        keep_letter(std::move(letter));
    }
    /// Queues it, or sets the time for which it waits.
    void plan(std::uint32_t slot, task_options const& o) {
        auto& t = s_.tasks[slot];
        using std::chrono::milliseconds;
        if (o.expires_ms) expiry_.set(slot, saturating_add(s_.now.steady, milliseconds{*o.expires_ms}));
        if (o.expires_us) wall_expiry_.set(slot, from_epoch_us(*o.expires_us));
        if (o.countdown_ms && *o.countdown_ms > 0) {
            t.state = task_state::scheduled;
            due_.set(slot, saturating_add(s_.now.steady, milliseconds{*o.countdown_ms}));
        } else if (o.eta_us && from_epoch_us(*o.eta_us) > s_.now.wall) {
            t.state = task_state::scheduled;
            eta_.set(slot, from_epoch_us(*o.eta_us));
        } else {
            t.state = task_state::queued;
            s_.dispatch.enqueue(slot);
        }
        if (s_.events.is_heard()) s_.stream("task.submitted", t, t.submitted_us, {});
        s_.tell(t, {});
    }
    void become_ready(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        t.state = task_state::queued;
        t.sequence = s_.next_sequence++;  // it waits from now on: behind those that were ready before
        s_.dispatch.enqueue(slot);
        s_.tell(t, {});
    }
    void expire(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        if (t.state == task_state::running) return;
        if (t.state ==
            task_state::assigned) {  // it is out and has its chance, but does not wait a second time
            t.overdue = true;
            return;
        }
        end(slot, task_state::expired, errc::expired, "expired before it began");
    }
    [[nodiscard]] std::chrono::milliseconds retry_delay(task const& t) {
        auto const& o = s_.terms[t.terms].options;
        if (o.retry_delay_ms == 0) return {};  // the power may be infinite, and 0 times that is no number
        auto const grown = static_cast<double>(o.retry_delay_ms) *
                           std::pow(o.retry_backoff, s_.terms[t.terms].failures - 1.0);
        auto const capped = std::min(grown, static_cast<double>(o.retry_max_ms));
        return std::chrono::milliseconds{
            static_cast<std::int64_t>(capped * (1 - o.retry_jitter * s_.random.fraction()))};
    }
    void count(task const& t) {
        auto& name = s_.dispatch.names()[t.name];
        s_.rates[index_of(t.level)].count(s_.now.steady);
        switch (t.state) {
            case task_state::success:
                ++s_.counters.succeeded, ++name.succeeded;
                break;
            case task_state::failure:
                ++s_.counters.failed, ++name.failed;
                break;
            case task_state::cancelled:
                ++s_.counters.cancelled;
                break;
            default:
                ++s_.counters.expired;
                break;
        }
    }
    void keep(task const& t, cached_result const& result, std::string_view value) {
        auto const kept = s_.cache.insert(t.ledger, t.id.hash(0), result, value, s_.now.steady, gone());
        close_id(t.ledger, result, kept);
        if (!s_.keeps()) return;
        if (kept == none && s_.dead.find(t.id) == nullptr) s_.store.forget(t.number);
        while (s_.ended.size() > s_.options.id_ledger_size) {  // as many as the ledger knows
            s_.dead.erase_oldest(s_.ended.front());
            s_.store.erase(s_.ended.front());
            s_.ended.pop_front();
        }
    }
    void clear_times(std::uint32_t slot) {
        due_.clear(slot);
        eta_.clear(slot);
        expiry_.clear(slot);
        wall_expiry_.clear(slot);
        limits_.clear(slot);
    }
    void release(std::uint32_t slot) {
        constexpr std::size_t worth_keeping = 4096;
        auto& t = s_.tasks[slot];
        if (!t.left) s_.task_octets -= t.octets;
        if (t.arguments.capacity() > worth_keeping) t.arguments = {};
        if (t.terms != none) s_.terms.give(t.terms);
        t.id = {};  // so that those that live can be told from the rest
        s_.tasks.give(slot);
    }

    /// Begins the pair that answers a waiter, in the message it belongs to.
    wire::header_writer begin_reply(std::uint32_t w, std::string_view verb, std::size_t octets = 0) {
        auto& waits = s_.waiting[w];
        if (waits.layout == wire::form::packed && waits.envelope.empty()) {
            reply_ = &s_.unasked(waits.peer, waits.layout, octets);
            reply_message_ = s_.peers[waits.peer].message;
        } else {
            reply_message_ = s_.out.open(s_.peers[waits.peer].id, waits.layout, waits.envelope);
            reply_ = &s_.out[reply_message_].pairs;
        }
        return reply_->begin(verb);
    }
    void finish_reply(std::uint32_t w, wire::header_writer& header, std::string_view payload,
                      policy::store_sequence after) {
        if (!s_.waiting[w].ref.empty()) header.field("ref", s_.waiting[w].ref);
        reply_->finish(payload);
        auto& message = s_.out[reply_message_];
        message.after = std::max(message.after, after);
    }
    void answer_waiters(std::uint32_t slot, cached_result const& r, std::string_view value,
                        policy::store_sequence after) {
        auto const id = s_.tasks[slot].id;
        while (s_.tasks[slot].waiters != none) {
            auto const w = s_.tasks[slot].waiters;
            bool const cancels = s_.waiting[w].kind == wait_kind::cancel;
            bool const came_late = cancels && r.state != task_state::cancelled;
            auto header = begin_reply(w,
                                      came_late ? "error"
                                      : cancels ? "cancelled"
                                                : "result",
                                      cancels ? 0 : value.size());
            if (came_late)
                header.token(id).token(name_of(errc::already_finished)).field("state", name_of(r.state));
            else if (cancels)
                header.token(id).token(name_of(r.state));
            else
                write_result(header, id, r, {}, s_.waiting[w].meta);
            finish_reply(w, header, cancels ? std::string_view{} : value, after);
            drop_waiter(w);
        }
    }
    void wait_is_over(std::uint32_t w) {
        auto const& t = s_.tasks[s_.waiting[w].task];
        auto header = begin_reply(w, "result");
        write_present(header, t, {});
        finish_reply(w, header, {}, t.stored);
        s_.waiting.remove(w);
    }
    void drop_waiter(std::uint32_t w) {
        waits_.clear(w);
        s_.waiting.remove(w);
    }

    plane_state<P>& s_;
    deadlines due_;       // countdowns and retries, by task
    wall_deadlines eta_;  // by task
    deadlines expiry_;    // by task
    wall_deadlines wall_expiry_;
    deadlines limits_;  // of attempts that run, by task
    deadlines waits_;   // by waiter
    wire::pair_writer* reply_ = nullptr;
    std::size_t reply_message_ = 0;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/worker_desk.hpp>

namespace fastqueue::core {

/// Who the workers are and whether they live: registration, heartbeats, the connections to their ports, and
/// what happens to what they held when they are gone.
template <class P>
class worker_desk {
public:
    worker_desk(plane_state<P>& state, task_life<P>& life) : s_{state}, life_{life} {}

    /// Whether something changed that `nodes` shows, since the last time it was asked.
    [[nodiscard]] bool take_changed() noexcept { return std::exchange(changed_, false); }

    /// Workers by name, for documents.
    [[nodiscard]] std::unordered_map<std::string, std::uint32_t> const& by_name() const noexcept {
        return by_name_;
    }

    // ---- the worker's verbs on the management port

    void on_register(request& r, wire::header const& h, std::string_view payload) {
        wire::registration reg;
        auto bad = wire::read_registration(h, reg);
        if (!bad) bad = wire::read_registration_document(payload, s_.options.limits.max_names_a_worker, reg);
        if (bad) return refuse(r, bad->code, h, std::string{bad->token} + ": " + std::string{bad->why});
        if (s_.stopping) return refuse(r, errc::shutting_down, h, "this control plane is shutting down");
        if (!may_have(reg, s_.peers[r.peer])) {
            return refuse(r, errc::not_authorized, h,
                          "the address " + reg.address->text() +
                              " is neither loopback nor the worker's own; allow it with --worker-allow");
        }
        auto const w = admit(r, h, reg);
        if (w == none) return;
        std::vector<wire::lease_name> dropped;
        settle(w, reg, r.peer, dropped);
        std::string document;
        wire::write_drop_document(document, dropped);
        answer_registered(r, h, document);
    }

    void on_heartbeat(request& r, wire::header const& h) {
        auto const w = find(h);
        if (w == none || s_.workers[w].state == worker_state::inactive) {
            return refuse(r, errc::unknown_worker, h, "register again: no such worker is registered here");
        }
        saw(w);
        answer_registered(r, h, {});
    }

    void on_unregister(request& r, wire::header const& h) {
        auto const w = find(h);
        if (w == none) return refuse(r, errc::unknown_worker, h, "no such worker is registered here");
        auto header = s_.answer(r).pairs.begin("unregistered");
        header.token(s_.workers[w].name.view());
        finish(r, h, header, {});
        drain(w);
    }

    /// An operator wants the worker to get no more work, or some again. What it has is left to it; a new start of the
    /// worker begins anew.
    /// \return the worker, or `none`
    std::uint32_t set_aside(std::string_view name, bool aside) {
        auto const at = by_name_.find(std::string{name});
        if (at == by_name_.end()) return none;
        auto& record = s_.workers[at->second];
        changed_ = changed_ || record.set_aside != aside;
        record.set_aside = aside;
        if (aside)
            s_.dispatch.set_serving(at->second, false);
        else if (record.state == worker_state::active && !record.must_announce && !pauses_.at(at->second))
            serve(at->second);
        return at->second;
    }

    // ---- connections

    /// A dial that the outbox asked for has been made: its connection is `peer`.
    void dialled(std::uint32_t tag, peer_id peer) {
        auto const at = links_.find(tag);
        if (at == links_.end()) return s_.out.close(peer);
        link_of(at->second).peer = peer;
        by_peer_[peer] = tag;
    }
    /// A connection to a worker's port is ready. \return false: it is not one of those
    bool opened(std::uint32_t slot, std::uint32_t tag) {
        auto const at = links_.find(tag);
        if (at == links_.end()) return false;
        auto const [w, index] = at->second;
        auto& record = s_.workers[w];
        auto& peer = s_.peers[slot];
        peer.worker = w;
        peer.packed = record.announced.packed;
        record.links[index].open = true;
        say_hello(slot);
        if (session_open(record)) session_complete(w);
        return true;
    }
    /// A dial failed. \return false: it was not one of ours
    bool dial_failed(peer_id peer, std::error_code why) {
        auto const at = by_peer_.find(peer);
        if (at == by_peer_.end()) return false;
        auto const link = links_.at(at->second);
        forget_link(link);
        session_broken(link.first, why == errc::refused);
        return true;
    }
    /// A connection of a worker has ended.
    void closed(std::uint32_t slot) {
        auto const w = s_.peers[slot].worker;
        if (w == none) return;
        auto& record = s_.workers[w];
        auto const peer = s_.peers[slot].id;
        if (!record.dialled) {
            if (record.management == peer) session_broken(w, false);
            return;
        }
        auto const at = by_peer_.find(peer);
        if (at == by_peer_.end()) return;  // its management connection: that means nothing
        forget_link(links_.at(at->second));
        session_broken(w, false);
    }

    // ---- time

    /// Anything that a worker says is a sign of life.
    void saw(std::uint32_t w) {
        s_.workers[w].last_seen = s_.now.steady;  // the deadline is moved when it comes
    }
    void tick() {
        while (auto const w = timers_.pop(s_.now.steady)) due(*w);
        while (auto const w = redials_.pop(s_.now.steady)) redial(*w);
        while (auto const w = pauses_.pop(s_.now.steady)) {
            if (s_.workers[*w].state == worker_state::active) serve(*w);
        }
    }
    /// The process stood still for so long: nobody's silence in it is held against him. What they said meanwhile may not
    /// have been read yet, so each has a moment from now on, too.
    void forgive(instant::duration gap) {
        auto const now = s_.now.steady;
        auto const moment = std::min(s_.options.heartbeat, s_.options.inactive);
        for (auto const& [name, w] : by_name_) {
            auto& r = s_.workers[w];
            r.last_seen = std::max(r.last_seen + gap, now - (s_.options.inactive - moment));
            auto const later =
                saturating_add(r.deadline, std::chrono::duration_cast<std::chrono::microseconds>(gap));
            bool const away = r.state == worker_state::broken || r.state == worker_state::joining;
            set_deadline(w, std::max(later, now + (away ? s_.options.grace : moment)));
        }
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        return std::min({timers_.next(), redials_.next(), pauses_.next()});
    }

    // ---- for the plane

    /// The worker gets no more runs; it leaves when it has answered those it has.
    void drain(std::uint32_t w) {
        auto& record = s_.workers[w];
        if (record.state == worker_state::draining) return;
        record.state = worker_state::draining;
        s_.dispatch.set_serving(w, false);
        changed_ = true;
        if (record.outstanding == 0) remove(w, policy::worker_change::left, "it unregistered");
    }
    /// The worker gave a run back that nobody asked for: it is let alone for a moment, so that the two do not play ball.
    void pause(std::uint32_t w) {
        s_.dispatch.set_serving(w, false);
        pauses_.set(w, s_.now.steady + std::chrono::milliseconds{100});
    }
    /// A draining worker has answered a run.
    void answered(std::uint32_t w) {
        auto const& record = s_.workers[w];
        if (record.state == worker_state::draining && record.outstanding == 0 && !s_.stopping) {
            remove(w, policy::worker_change::left, "it unregistered");
        }
    }
    [[nodiscard]] bool can_send(worker_record const& record) const noexcept { return session_open(record); }

private:
    using link_name = std::pair<std::uint32_t, std::size_t>;  // worker, index

    [[nodiscard]] worker_link& link_of(link_name const& name) noexcept {
        return s_.workers[name.first].links[name.second];
    }
    [[nodiscard]] static bool session_open(worker_record const& record) noexcept {
        std::size_t const needed = record.dialled ? priority_count : 1;
        return std::all_of(record.links.begin(), record.links.begin() + static_cast<std::ptrdiff_t>(needed),
                           [](worker_link const& l) { return l.open; });
    }

    void refuse(request& r, errc code, wire::header const& h, std::string_view text) {
        auto const name = h.positional().empty() ? std::string_view{"-"} : h.positional()[0];
        s_.error(r,
                 code == errc::unknown_worker || code == errc::worker_id_taken || name.size() > max_name_size
                     ? "-"
                     : name,
                 code, h.get("ref"), text);
    }
    void finish(request& r, wire::header const& h, wire::header_writer& header, std::string_view payload) {
        if (auto const ref = ref_of(h); !ref.empty()) header.field("ref", ref);
        s_.answer(r).pairs.finish(payload);
    }
    void answer_registered(request& r, wire::header const& h, std::string_view document) {
        auto header = s_.answer(r).pairs.begin("registered");
        header.token(h.positional()[0]).field("epoch", s_.store.epoch());
        header.field("heartbeat_ms", ms(s_.options.heartbeat)).field("inactive_ms", ms(s_.options.inactive));
        header.field("grace_ms", ms(s_.options.grace));
        finish(r, h, header, document);
    }
    static std::uint64_t ms(std::chrono::milliseconds d) noexcept {
        return static_cast<std::uint64_t>(d.count());
    }

    /// The worker that `<name> incarnation=` names, if it is that one.
    [[nodiscard]] std::uint32_t find(wire::header const& h) const {
        if (h.positional().size() != 1) return none;
        auto const at = by_name_.find(std::string{h.positional()[0]});
        auto const incarnation = uuid::parse(h.get("incarnation"));
        if (at == by_name_.end() || !incarnation) return none;
        return s_.workers[at->second].incarnation == *incarnation ? at->second : none;
    }
    [[nodiscard]] bool may_have(wire::registration const& reg, peer_record const& peer) const {
        if (!reg.address || reg.address->is_loopback() || reg.address->host == peer.address) return true;
        return std::ranges::find(s_.options.worker_allow, reg.address->host) != s_.options.worker_allow.end();
    }
    /// Whether a worker is there, as far as one can know now.
    [[nodiscard]] bool is_live(worker_record const& record) const noexcept {
        if (record.state == worker_state::broken || record.state == worker_state::inactive) return false;
        return s_.now.steady - record.last_seen < s_.options.heartbeat * 2 + std::chrono::seconds{1};
    }
    /// Whether the one that registers listens where that worker did: so that one is gone, however alive it seems, since what
    /// we dialled is already the new one.
    [[nodiscard]] static bool took_place_of(worker_record const& record,
                                            wire::registration const& reg) noexcept {
        return reg.address && reg.address == record.announced.address && reg.ports == record.announced.ports;
    }
    /// The worker's record, an old or a new one; `none` if it was refused.
    std::uint32_t admit(request& r, wire::header const& h, wire::registration const& reg) {
        auto const at = by_name_.find(reg.worker);
        if (at != by_name_.end()) {
            auto const old = at->second;
            if (s_.workers[old].incarnation == reg.incarnation) return old;
            if (is_live(s_.workers[old]) && !took_place_of(s_.workers[old], reg)) {
                refuse(r, errc::worker_id_taken, h,
                       "another live worker bears the name '" + reg.worker + "'; choose another --worker-id");
                return none;
            }
            remove(old, policy::worker_change::lost, "another worker took its name");
        }
        if (by_name_.size() >= s_.options.limits.max_workers) {
            refuse(r, errc::queue_full, h, "as many workers are registered as may be");
            return none;
        }
        auto const w = s_.workers.take();
        s_.workers[w] = worker_record{};
        s_.workers[w].name = shared_text{reg.worker};
        s_.workers[w].incarnation = reg.incarnation;
        s_.workers[w].since = s_.now.steady;
        by_name_.emplace(reg.worker, w);
        if (s_.keeps()) s_.store.member(reg.worker, true);
        return w;
    }
    /// Takes over what the worker says of itself, and settles who holds what.
    void settle(std::uint32_t w, wire::registration const& reg, std::uint32_t peer,
                std::vector<wire::lease_name>& dropped) {
        auto& record = s_.workers[w];
        auto const id = s_.peers[peer].id;
        bool const moved = reg.address != record.announced.address || reg.ports != record.announced.ports;
        bool const fresh = record.management == peer_id::none;
        bool const new_session = fresh || moved || record.must_announce ||
                                 (!reg.address && record.management != id) ||
                                 record.state == worker_state::inactive;
        take_numbers(record, reg, s_.peers[peer]);
        record.management = id;
        s_.peers[peer].worker = w;
        s_.peers[peer].packed = reg.packed;
        reconcile(w, reg.runs, new_session, dropped);
        s_.reunion.is_back(reg.worker);
        name_tasks(w, reg);
        saw(w);
        record.must_announce = false;
        if (!record.dialled) {
            drop_links(w);  // it may have had ports before
            record.links[0] = {id, 0, true};
            session_complete(w);
        } else if (session_open(record) && !moved) {
            session_complete(w);
        } else if (fresh || moved || record.links[0].tag == 0) {
            connect(w);
        }  // else its ports are being dialled already
        s_.any_registered = true;
    }
    void take_numbers(worker_record& record, wire::registration const& reg, peer_record const& peer) {
        record.announced = reg;
        record.announced.runs.clear();
        record.dialled = reg.address.has_value();
        record.local = peer.same_process;
        record.concurrency = reg.concurrency;
        record.window = reg.window;
    }
    void name_tasks(std::uint32_t w, wire::registration const& reg) {
        std::vector<std::uint32_t> names;
        for (auto const& name : reg.tasks) {
            if (s_.dispatch.names().find(name) == none &&
                s_.dispatch.names().size() >= s_.options.limits.max_task_names)
                continue;
            names.push_back(s_.dispatch.names().intern(name));
        }
        std::ranges::sort(names);
        names.erase(std::unique(names.begin(), names.end()), names.end());
        s_.dispatch.set_capability(w, std::move(names));
    }
    /// Compares what the worker says it holds with its leases.
    /// \param new_session  what it does not name never reached it, or its answer never reached us: it waits
    /// again
    void reconcile(std::uint32_t w, std::vector<wire::lease_name> const& runs, bool new_session,
                   std::vector<wire::lease_name>& dropped) {
        std::vector<std::uint32_t> kept;
        for (auto const& run : runs) {
            auto slot = s_.holder(w, run);
            if (slot == none) slot = adopt(w, run);
            if (slot != none)
                kept.push_back(slot);
            else if (!is_orphan(s_.workers[w], run))
                dropped.push_back(run);  // its answer to an orphan frees a place
        }
        if (!new_session) return;
        std::ranges::sort(kept);
        for (auto const slot : all_held(w)) {
            if (std::ranges::binary_search(kept, slot)) continue;
            take_back(w, slot);
            life_.lost(slot, false);
        }
        auto& record = s_.workers[w];
        record.outstanding -=
            static_cast<std::uint32_t>(std::erase_if(record.orphans, [&](wire::lease_name const& o) {
                return std::ranges::none_of(runs, [&](wire::lease_name const& run) {
                    return run.id == o.id && run.attempt == o.attempt;
                });
            }));
        s_.dispatch.room_changed(w);
    }
    /// A run of an earlier life of ours, if its task waits for that.
    /// \return the task, or `none`
    [[nodiscard]] std::uint32_t adopt(std::uint32_t w, wire::lease_name const& run) {
        auto const entry = s_.ledger.find(run.id);
        if (entry == none || is_final(s_.ledger.state(entry))) return none;
        auto const slot = s_.ledger[entry].reference;
        auto& t = s_.tasks[slot];
        if (!t.restored || run.attempt < t.attempt) return none;
        life_.adopt(slot);
        t.attempt = run.attempt;
        t.worker = w;
        t.state = task_state::assigned;
        take_on(w, slot);
        return slot;
    }
    [[nodiscard]] static bool is_orphan(worker_record const& record, wire::lease_name const& run) noexcept {
        return std::ranges::any_of(record.orphans, [&](wire::lease_name const& o) {
            return o.id == run.id && o.attempt == run.attempt;
        });
    }
    [[nodiscard]] std::vector<std::uint32_t> all_held(std::uint32_t w) const {
        std::vector<std::uint32_t> out;
        auto const add = [&](slot_list const& list) {
            for (auto at = list.front(); at != none; at = s_.tasks[at].next) out.push_back(at);
        };
        auto const& record = s_.workers[w];
        add(record.begun);
        for (auto const& list : record.ahead) add(list);
        add(record.recalled);
        return out;
    }

public:
    /// What runs in this process is cut off by its end, which was asked for: no death is charged for that.
    void excuse_local() {
        for (auto const& [name, w] : by_name_) {
            if (!s_.workers[w].local) continue;
            for (auto const slot : all_held(w)) {
                if (auto& t = s_.tasks[slot]; !t.at_most_once) life_.write_attempt(t, 0);
            }
        }
    }
    /// Puts a task into its worker's lists, at a place of its own.
    void take_on(std::uint32_t w, std::uint32_t slot) {
        auto& record = s_.workers[w];
        auto const& t = s_.tasks[slot];
        ++record.outstanding;
        record.charged_us += t.cost_us;
        record.charged_octets += t.octets;
        if (record.sends_began()) {
            record.ahead[index_of(t.level)].push_back(s_.tasks, slot);
        } else {
            record.begun.push_back(s_.tasks, slot);
            life_.began(slot);
        }
    }
    /// Takes a task out of its worker's lists and gives the place back.
    void take_back(std::uint32_t w, std::uint32_t slot) {
        auto& record = s_.workers[w];
        auto& t = s_.tasks[slot];
        if (t.state == task_state::running)
            record.begun.erase(s_.tasks, slot);
        else if (t.recalled)
            record.recalled.erase(s_.tasks, slot);
        else
            record.ahead[index_of(t.level)].erase(s_.tasks, slot);
        --record.outstanding;
        record.charged_us -= t.cost_us;
        record.charged_octets -= t.octets;
        if (t.fetching) --record.fetching;
        t.fetching = false;
        t.cost_us = 0;
    }

private:
    // ---- sessions

    void connect(std::uint32_t w) {
        auto& record = s_.workers[w];
        s_.dispatch.set_serving(w, false);
        drop_links(w);
        record.state = worker_state::joining;
        set_deadline(w, s_.now.steady +
                            std::max<std::chrono::milliseconds>(s_.options.grace, std::chrono::seconds{5}));
        dial_all(w);
    }
    void dial_all(std::uint32_t w) {
        auto& record = s_.workers[w];
        for (std::size_t i = 0; i < priority_count; ++i) {
            if (record.links[i].tag != 0) continue;
            auto to = *record.announced.address;
            to.port = record.announced.ports ? (*record.announced.ports)[i]
                                             : static_cast<std::uint16_t>(to.port + i);
            auto const tag = next_tag_++;
            record.links[i] = {peer_id::none, tag, false};
            links_[tag] = {w, i};
            s_.out.dial(to, tag);
        }
    }
    void forget_link(link_name const& name) {
        auto& link = link_of(name);
        by_peer_.erase(link.peer);
        links_.erase(link.tag);
        link = {};
    }
    void drop_links(std::uint32_t w) {
        auto& record = s_.workers[w];
        for (std::size_t i = 0; i < priority_count; ++i) {
            auto const peer = record.links[i].peer;
            if (record.links[i].tag == 0) {
                record.links[i] = {};
                continue;
            }
            forget_link({w, i});
            if (peer != peer_id::none) close_peer(peer);
        }
    }
    void close_peer(peer_id peer) {
        s_.out.close(peer);
        auto const slot = s_.peers.find(peer);
        if (slot == none) return;
        life_.forget_peer(slot);
    }
    void say_hello(std::uint32_t slot) {
        auto& pairs = s_.unasked(slot, s_.peers[slot].packed ? wire::form::packed : wire::form::frames);
        auto header = pairs.begin("hello");
        header.token(s_.options.id).field("epoch", s_.store.epoch());
        header.field("max_payload", std::uint64_t{s_.options.limits.max_payload});
        header.field("max_message", std::uint64_t{s_.options.limits.max_message});
        pairs.finish({});
    }
    /// All connections of the worker are there.
    void session_complete(std::uint32_t w) {
        auto& record = s_.workers[w];
        record.redial.reset();
        redials_.clear(w);
        if (record.state == worker_state::draining || record.must_announce) return;
        if (record.state != worker_state::active) {
            record.state = worker_state::active;
            tell(w, policy::worker_change::joined, "it is ready");
        }
        set_deadline(w, record.last_seen + s_.options.inactive);
        serve(w);
        s_.dispatch.room_changed(w);
    }
    /// A connection of the worker has ended, or could not be made.
    void session_broken(std::uint32_t w, bool refused) {
        auto& record = s_.workers[w];
        if (refused) return remove(w, policy::worker_change::lost, "nobody listens at its address");
        if (record.state == worker_state::draining)
            return remove(w, policy::worker_change::left, "its connection closed");
        s_.dispatch.set_serving(w, false);
        drop_links(w);
        if (record.state == worker_state::inactive) return;
        bool const first = record.state != worker_state::broken && record.state != worker_state::joining;
        if (first) {
            record.state = worker_state::broken;
            record.must_announce = true;
            set_deadline(w, s_.now.steady + s_.options.grace);
            changed_ = true;
        }
        if (!record.dialled) return;
        if (first)
            dial_all(w);
        else
            redials_.set(w, s_.now.steady + record.redial.next(s_.random));
    }
    void serve(std::uint32_t w) {
        if (!s_.workers[w].set_aside) s_.dispatch.set_serving(w, true);
    }
    void redial(std::uint32_t w) {
        auto const state = s_.workers[w].state;
        if (state == worker_state::broken || state == worker_state::joining) dial_all(w);
    }

    // ---- time

    void set_deadline(std::uint32_t w, instant at) {
        s_.workers[w].deadline = at;
        timers_.set(w, at);
    }
    void due(std::uint32_t w) {
        auto& record = s_.workers[w];
        switch (record.state) {
            case worker_state::joining:
                return remove(w, policy::worker_change::lost, "its address could not be reached");
            case worker_state::broken:
                return grace_is_over(w);
            case worker_state::inactive:
                return remove(w, policy::worker_change::lost, "it stayed silent");
            default:
                break;
        }
        auto const limit = record.last_seen + s_.options.inactive;
        if (limit > s_.now.steady) return set_deadline(w, limit);
        become_inactive(w);
    }
    /// The worker did not say in time what it holds.
    void grace_is_over(std::uint32_t w) {
        auto& record = s_.workers[w];
        if (!record.dialled || !session_open(record)) {
            return remove(w, policy::worker_change::lost,
                          "its connection broke and it did not come back in time");
        }
        revoke(w, false);
        record.must_announce = false;
        session_complete(w);
    }
    void become_inactive(std::uint32_t w) {
        auto& record = s_.workers[w];
        s_.dispatch.set_serving(w, false);
        revoke(w, true);
        if (record.state == worker_state::draining)
            return remove(w, policy::worker_change::lost, "it fell silent");
        record.state = worker_state::inactive;
        tell(w, policy::worker_change::inactive, "nothing was heard of it for too long");
        set_deadline(w, s_.now.steady + s_.options.inactive * 20);  // a name is not kept for ever
    }
    /// Takes all tasks from a worker.
    /// \param charge  its death counts against those that it had begun, or may have
    void revoke(std::uint32_t w, bool charge) {
        auto& record = s_.workers[w];
        auto const tasks = all_held(w);
        auto may_have_begun = std::max<std::size_t>(record.begun.size(), record.concurrency);
        for (std::size_t i = 0; i < tasks.size(); ++i) s_.tasks[tasks[i]].cost_us = 0;
        record.charged_us = 0;
        std::vector<bool> began(tasks.size());
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            began[i] = charge && i < may_have_begun && !s_.tasks[tasks[i]].recalled;
            take_back(w, tasks[i]);
        }
        record.outstanding = 0;
        record.orphans.clear();
        for (std::size_t i = tasks.size(); i-- > 0;) life_.lost(tasks[i], began[i]);
        s_.dispatch.room_changed(w);
    }
    void remove(std::uint32_t w, policy::worker_change change, std::string_view why) {
        auto& record = s_.workers[w];
        s_.dispatch.set_serving(w, false);
        revoke(w, change != policy::worker_change::left || record.outstanding > 0);
        s_.dispatch.clear_capability(w);
        if (record.dialled) drop_links(w);
        s_.peers.each([&](std::uint32_t slot) {
            if (s_.peers[slot].worker == w) s_.peers[slot].worker = none;
        });
        timers_.clear(w);
        redials_.clear(w);
        pauses_.clear(w);
        tell(w, change, why);
        if (s_.keeps()) s_.store.member(record.name.view(), false);
        by_name_.erase(std::string{record.name.view()});
        s_.workers.give(w);
    }
    void tell(std::uint32_t w, policy::worker_change change, std::string_view why) {
        changed_ = true;
        s_.tell(policy::worker_event{s_.workers[w].name.view(), change, why});
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    std::unordered_map<std::string, std::uint32_t> by_name_;
    std::unordered_map<std::uint32_t, link_name> links_;  // by tag
    std::unordered_map<peer_id, std::uint32_t> by_peer_;  // its tag
    deadlines timers_;
    deadlines redials_;
    deadlines pauses_;
    std::uint32_t next_tag_ = 1000;
    bool changed_ = false;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// Hands tasks to workers and takes their answers. A lease is `(id, attempt)` at one worker: an answer that does not hold
/// it is counted and dropped.
template <class P>
class run_desk {
public:
    run_desk(plane_state<P>& state, task_life<P>& life, worker_desk<P>& workers)
        : s_{state}, life_{life}, workers_{workers} {}

    /// Gives out whatever has a place.
    void dispatch() {
        if (s_.stopping) return;
        while (auto const choice = s_.dispatch.next()) assign(choice->task, choice->worker);
    }

    // ---- what a worker says of its runs; `worker` is whose connection it came over

    void on_done(std::uint32_t worker, wire::header const& h, std::string_view payload) {
        wire::done_message done;
        if (auto const bad = done.read(h)) return s_.notice(bad->code, bad->why);
        auto const slot = s_.holder(worker, done.lease);
        if (slot == none) return stale(worker, done.lease);
        bool const asked_back = s_.tasks[slot].recalled;
        bool const begun = s_.tasks[slot].state == task_state::running && s_.workers[worker].sends_began();
        give_back(worker, slot, done);
        switch (done.end) {
            case wire::run_end::success:
                life_.end(slot, task_state::success, {}, payload);
                break;
            case wire::run_end::failure:
                life_.failed(slot, done.code, done.final, done.retry_after_ms, payload);
                break;
            case wire::run_end::cancelled:
                life_.end(slot, task_state::cancelled, errc::cancelled,
                          payload.empty() ? "cancelled" : payload);
                break;
            case wire::run_end::returned:
                if (!asked_back) workers_.pause(worker);
                came_back(worker, slot, begun, done.unbegun);
                break;
        }
        workers_.answered(worker);
    }
    void on_began(std::uint32_t worker, wire::header const& h) {
        wire::lease_name lease;
        if (auto const bad = wire::read_lease(h, 2, lease)) return s_.notice(bad->code, bad->why);
        auto const slot = s_.holder(worker, lease);
        if (slot == none || s_.tasks[slot].state == task_state::running) return;
        auto& record = s_.workers[worker];
        auto& t = s_.tasks[slot];
        (t.recalled ? record.recalled : record.ahead[index_of(t.level)]).erase(s_.tasks, slot);
        t.recalled = false;
        record.begun.push_back(s_.tasks, slot);
        life_.began(slot);
        life_.answer_cancels(slot);
        s_.dispatch.room_changed(worker);
        if (record.blocked()) recall_ahead(worker);
    }

    /// Asks for everything back that the worker was sent and has not begun: somebody else may be idle. What is to run last is
    /// asked for first and all over one connection, so that what the worker begins meanwhile overtakes nothing.
    void recall_ahead(std::uint32_t worker) {
        auto& record = s_.workers[worker];
        if (!record.sends_began() || !workers_.can_send(record)) return;
        for (auto level = priority_count; level-- > 0;) {
            auto& list = record.ahead[level];
            while (!list.empty()) {
                auto const slot = list.back();
                list.erase(s_.tasks, slot);
                record.recalled.push_back(s_.tasks, slot);
                s_.tasks[slot].recalled = true;
                tell_worker(worker, slot, "recall", priority::low);
            }
        }
    }
    /// Arguments have come from the store: the task's worker gets it now, if it still has it.
    void fetched(policy::fetched_arguments const& f) {
        auto const at = s_.fetching.find(f.number);
        if (at == s_.fetching.end()) return;
        auto const slot = at->second;
        auto& t = s_.tasks[slot];
        s_.fetching.erase(at);
        if (t.number != f.number || !t.fetching) return;
        auto& record = s_.workers[t.worker];
        t.fetching = false;
        --record.fetching;
        if (!workers_.can_send(record)) return;  // it will say that it has not got it
        send_run(t, record, f.arguments);
        if (t.recalled) tell_worker(t.worker, slot, "recall", t.level);
        if (t.cancel_requested) tell_worker(t.worker, slot, "cancel", t.level);
    }
    /// Who was given much gets more when all of it has left and its queues are short.
    /// \return whether there is any such worker
    template <class Queued>
    bool look_at_queues(Queued&& queued) {
        auto const before = s_.clogged.size();
        std::erase_if(s_.clogged, [&](std::uint32_t w) {
            auto& record = s_.workers[w];
            if (!record.clogged) return true;  // it left, and perhaps another has its place
            if (record.fetching > 0 || record.gated_until > s_.committed) return false;
            // Not the sum: a turn follows where one of them becomes shorter.
            record.unchecked_octets = 0;
            for (auto const& link : record.links) {
                if (link.peer != peer_id::none)
                    record.unchecked_octets =
                        std::max<std::uint64_t>(record.unchecked_octets, queued(link.peer));
            }
            record.clogged = record.unchecked_octets > policy::much_queued;
            if (!record.clogged) s_.dispatch.room_changed(w);
            return !record.clogged;
        });
        return s_.clogged.size() != before;
    }
    /// Asks the worker of a task to stop it.
    void cancel(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        t.cancel_requested = true;
        if (workers_.can_send(s_.workers[t.worker])) tell_worker(t.worker, slot, "cancel", t.level);
    }
    /// The attempt went over its limit and its worker said nothing: the task goes on without it.
    void over_limit(std::uint32_t slot) {
        auto& t = s_.tasks[slot];
        auto const worker = t.worker;
        bool const asked = t.cancel_requested;
        cancel(slot);
        t.cancel_requested = asked;
        workers_.take_back(worker, slot);
        auto& record = s_.workers[worker];
        ++record.outstanding;  // its place stays taken until its answer
        record.orphans.push_back({t.id, t.attempt});
        ++record.failed;
        s_.dispatch.room_changed(worker);
        life_.failed(slot, errc::timeout, false, std::nullopt, "the attempt exceeded its time limit");
    }

private:
    void assign(std::uint32_t slot, std::uint32_t worker) {
        auto& t = s_.tasks[slot];
        auto& record = s_.workers[worker];
        if (t.unsure) life_.write_attempt(t, 0);
        t.unsure = false;
        ++t.attempt;
        t.worker = worker;
        t.cost_us = std::min(s_.dispatch.names()[t.name].cost_us, ahead_limit_us);
        t.state = task_state::assigned;
        if (must_claim(t, record)) t.stored = s_.store.claim(t.number, t.attempt);
        workers_.take_on(worker, slot);
        note_weight(worker, t.octets);
        s_.dispatch.room_changed(worker);
        t.left ? fetch(slot) : send_run(t, record, t.arguments);
    }
    void note_weight(std::uint32_t worker, std::uint64_t octets) {
        auto& record = s_.workers[worker];
        record.unchecked_octets += octets;
        if (record.unchecked_octets <= policy::much_queued || record.clogged) return;
        record.clogged = true;
        s_.clogged.push_back(worker);
    }
    /// Whether only the store can tell afterwards that the task may have run: where a worker's death is ours as well, and
    /// where it must not run again.
    [[nodiscard]] static bool must_claim(task const& t, worker_record const& record) noexcept {
        return record.local || t.at_most_once;
    }
    void fetch(std::uint32_t slot) {
        if constexpr (policy::durable_store<typename P::store_policy>) {
            auto& t = s_.tasks[slot];
            t.fetching = true;
            ++s_.workers[t.worker].fetching;
            s_.fetching[t.number] = slot;
            s_.store.fetch(t.number);
        }
    }
    void send_run(task const& t, worker_record& record, std::string_view arguments) {
        wire::run_message run;
        run.lease = {t.id, t.attempt};
        run.name = s_.dispatch.names()[t.name].name;
        run.level = t.level;
        if (t.content != 0) run.content = s_.contents[t.content];
        if (t.terms != none) {
            auto const& terms = s_.terms[t.terms];
            run.soft_timeout_ms = terms.options.soft_timeout_ms;
            run.timeout_ms = terms.options.timeout_ms;
            run.traceparent = terms.traceparent;
        }
        if (is_gated(t, record)) record.gated_until = std::max(record.gated_until, t.stored);
        auto& pairs = to_worker(t, record, t.level, arguments.size());
        auto header = pairs.begin("run");
        run.write(header, !record.dialled);
        pairs.finish(arguments);
    }
    /// Where a word about a task goes on.
    /// \param level  over whose connection
    /// \param octets  of the payload
    [[nodiscard]] wire::pair_writer& to_worker(task const& t, worker_record const& record, priority level,
                                               std::size_t octets = 0) {
        auto const peer = s_.peers.find(record.links[record.dialled ? index_of(level) : 0].peer);
        auto const layout = record.announced.packed ? wire::form::packed : wire::form::frames;
        return is_gated(t, record) ? s_.gated(peer, layout, t.stored, octets)
                                   : s_.unasked(peer, layout, octets);
    }
    /// A first attempt may begin before its submission is safe. What must not run twice waits for it, and so do others for the
    /// number of their attempt, which is never to be seen twice; and then all that is said of it, so that its order is kept.
    [[nodiscard]] bool is_gated(task const& t, worker_record const& record) const noexcept {
        return t.stored > s_.committed && (must_claim(t, record) || t.attempt > 1);
    }
    void tell_worker(std::uint32_t worker, std::uint32_t slot, std::string_view verb, priority level) {
        auto& record = s_.workers[worker];
        auto const layout = record.announced.packed ? wire::form::packed : wire::form::frames;
        // Runs that this turn may still send to the ports above must not leave behind those that go to this one.
        auto const last = record.dialled ? index_of(level) : 0;
        for (std::size_t i = 0; i < last; ++i)
            static_cast<void>(s_.unasked(s_.peers.find(record.links[i].peer), layout));
        auto const& t = s_.tasks[slot];
        auto& pairs = to_worker(t, record, level);
        auto header = pairs.begin(verb);
        wire::write_lease(header, {t.id, t.attempt});
        pairs.finish({});
    }

    void give_back(std::uint32_t worker, std::uint32_t slot, wire::done_message const& done) {
        auto& record = s_.workers[worker];
        auto& t = s_.tasks[slot];
        workers_.take_back(worker, slot);
        if (t.started_us == 0) t.started_us = s_.now_us() - std::min(s_.now_us(), done.took_us.value_or(0));
        if (done.took_us && done.end != wire::run_end::returned)
            s_.dispatch.names()[t.name].ran_for(*done.took_us);
        if (done.end == wire::run_end::success)
            ++record.succeeded;
        else if (done.end == wire::run_end::failure)
            ++record.failed;
        s_.dispatch.room_changed(worker);
    }
    void came_back(std::uint32_t worker, std::uint32_t slot, bool begun, bool unbegun) {
        ++s_.counters.returned;
        auto& t = s_.tasks[slot];
        if (begun && t.at_most_once) {
            return life_.end(slot, task_state::failure, errc::worker_lost,
                             "its worker stopped before it had ended, and it is to run at most once");
        }
        if (t.cancel_requested) return life_.end(slot, task_state::cancelled, errc::cancelled, "cancelled");
        bool const written = must_claim(t, s_.workers[worker]);
        unbegun && !begun && !written ? life_.unassign(slot) : life_.requeue(slot);
    }
    void stale(std::uint32_t worker, wire::lease_name const& lease) {
        ++s_.counters.stale_answers;
        auto& record = s_.workers[worker];
        auto const at = std::ranges::find_if(record.orphans, [&](wire::lease_name const& o) {
            return o.id == lease.id && o.attempt == lease.attempt;
        });
        if (at == record.orphans.end())
            return s_.notice(errc::unknown_task, "an answer that does not hold the task's lease was dropped");
        record.orphans.erase(at);
        --record.outstanding;
        s_.dispatch.room_changed(worker);
        workers_.answered(worker);
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    worker_desk<P>& workers_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/task_documents.hpp>

// ---- <fastqueue/core/task_reasons.hpp>

namespace fastqueue::core {

/// Why a task is where it is.
struct task_reason {
    std::string_view reason;  ///< for programs: `no_worker`, `all_busy`, `running` ...
    std::string text;         ///< for people: a sentence
};

/// Answers the question that an operator asks of a task that does not come: what does it wait for?
template <class P>
class task_reasons {
public:
    task_reasons(plane_state<P> const& state, task_life<P> const& life, worker_desk<P> const& workers)
        : s_{state}, life_{life}, workers_{workers} {}

    /// \param slot  of a task that has not ended
    [[nodiscard]] task_reason of(std::uint32_t slot) const {
        auto const& t = s_.tasks[slot];
        switch (t.state) {
            case task_state::running:
                return running(t);
            case task_state::assigned:
                return at_worker(t);
            case task_state::scheduled:
                return {"countdown", "it is not to begin yet: its time comes in " + due_text(slot)};
            case task_state::retrying:
                return {"retry_delay", "attempt " + std::to_string(t.attempt) + " failed; try " +
                                           std::to_string(s_.troubles_of(t).first) + " of " +
                                           std::to_string(retries(t)) + " comes in " + due_text(slot)};
            default:
                return waiting(t);
        }
    }
    /// \param result  as it is kept; nullptr: no longer
    [[nodiscard]] task_reason of_ended(task_state state, cached_result const* result) const {
        std::string text = "it has ended as " + std::string{name_of(state)};
        if (result == nullptr) return {"ended", text + "; its result is no longer kept"};
        if (!result->worker.empty()) text += " at " + std::string{result->worker.view()};
        if (result->code != errc{}) text += " (" + std::string{name_of(result->code)} + ")";
        return {"ended", text + ", " + since(result->finished_us) + " ago"};
    }

private:
    [[nodiscard]] static std::string seconds(std::uint64_t ms) {
        return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
    }
    [[nodiscard]] std::string since(std::uint64_t us) const { return seconds(s_.ms_since(us)); }
    [[nodiscard]] std::string due_text(std::uint32_t slot) const {
        auto const due = life_.due_in(slot);
        return due ? seconds(static_cast<std::uint64_t>(due->count())) : "a moment";
    }
    [[nodiscard]] std::uint32_t retries(task const& t) const noexcept {
        return t.terms == none ? 0 : s_.terms[t.terms].options.retries;
    }

    [[nodiscard]] task_reason running(task const& t) const {
        std::string text =
            "it runs at " + std::string{s_.worker_name(t.worker)} + " since " + since(t.started_us);
        auto const limit = t.terms == none ? 0 : s_.terms[t.terms].options.timeout_ms;
        text += limit == 0 ? "; it has no time limit" : "; its limit is " + seconds(limit);
        if (t.cancel_requested) text += "; it was asked to stop";
        return {"running", text};
    }
    [[nodiscard]] task_reason at_worker(task const& t) const {
        std::string const worker{s_.worker_name(t.worker)};
        if (t.recalled)
            return {"recalled", "it was sent to " + worker +
                                    " and is called back: something long is in front of it there"};
        return {"sent_ahead", "it is at " + worker + " and begins there in a moment"};
    }
    [[nodiscard]] task_reason waiting(task const& t) const {
        if (s_.stopping) return {"stopping", "the control plane is shutting down and gives nothing out"};
        if (t.restored)
            return {
                "reunion",
                "the control plane has restarted: workers of before have a moment to say that they run it"};
        auto const& name = s_.dispatch.names()[t.name].name;
        if (s_.dispatch.is_paused(t.level))
            return {"paused", "tasks of its priority are held back: fastqueue resume --priority " +
                                  std::string{name_of(t.level)}};
        if (s_.dispatch.names()[t.name].paused)
            return {"paused", "tasks of its name are held back: fastqueue resume --task-name " + name};
        std::uint32_t ready = 0;
        std::uint32_t away = 0;
        std::string who;
        for (auto const& [id, w] : workers_.by_name()) {
            auto const& r = s_.workers[w];
            if (std::ranges::find(r.announced.tasks, name) == r.announced.tasks.end()) continue;
            if (r.state == worker_state::active && !r.set_aside) {
                ++ready;
                continue;
            }
            if (++away <= 3) who += (who.empty() ? "" : ", ") + id + " is " + std::string{r.state_name()};
        }
        if (ready > 0) return all_busy(t, ready);
        if (away > 0)
            return {"workers_away", "none of the workers that know '" + name + "' can be given work: " + who};
        return {"no_worker", no_worker(name)};
    }
    [[nodiscard]] std::string no_worker(std::string const& name) const {
        std::vector<std::string> known;
        for (auto const& entry : s_.dispatch.names()) {
            if (entry.known && entry.name != name) known.push_back(entry.name);
        }
        auto const near = nearest_names(name, known, 3);
        std::string text = "no worker knows '" + name + "'";
        for (std::size_t i = 0; i < near.size(); ++i) text += (i == 0 ? "; near are " : ", ") + near[i];
        return text;
    }
    [[nodiscard]] task_reason all_busy(task const& t, std::uint32_t ready) const {
        auto const level = index_of(t.level);
        std::uint64_t higher = 0;
        std::uint64_t same = 0;
        for (auto const& entry : s_.dispatch.names()) {
            for (std::size_t i = 0; i < level; ++i) higher += entry.lanes[i].size();
            same += entry.lanes[level].size();
        }
        std::uint64_t before = 0;
        auto const& lane = s_.dispatch.names()[t.name].lanes[level];
        for (auto at = lane.front(); at != none && s_.tasks[at].id != t.id; at = s_.tasks[at].next) ++before;
        return {"all_busy",
                (ready == 1 ? std::string{"the worker that can run it is busy; "}
                            : "all " + std::to_string(ready) + " workers that can run it are busy; ") +
                    "there wait " + std::to_string(higher) + " tasks of higher priority and " +
                    std::to_string(same - 1) + " others of its own, " + std::to_string(before) +
                    " of them of its kind and before it"};
    }

    plane_state<P> const& s_;
    task_life<P> const& life_;
    worker_desk<P> const& workers_;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// Which tasks a list is to show.
struct task_filter {
    std::optional<task_state> state;  ///< none: all that have not ended
    std::string_view name;            ///< empty: all
    std::uint32_t limit = 100;        ///< 1 to 10000
};

/// The JSON documents that a control plane shows of single tasks. What each holds is laid down in docs/protocol.md.
template <class P>
class task_documents {
public:
    task_documents(plane_state<P> const& state, task_life<P> const& life, worker_desk<P> const& workers)
        : s_{state}, life_{life}, reasons_{state, life, workers} {}

    /// Tasks that have not ended, those accepted first at the front; or the kept results of those that ended as the filter
    /// says, the latest first.
    [[nodiscard]] std::string list(task_filter const& f) const {
        std::string out;
        json::writer w{out};
        w.begin_array();
        if (f.state && is_final(*f.state))
            write_ended(w, f);
        else
            for (auto const& [submitted, slot] : living(f)) write_brief(w.begin_object(), slot).end_object();
        w.end_array();
        return out;
    }
    /// All that is known of one task. \return empty: the id is not known
    [[nodiscard]] std::optional<std::string> inspect(task_id const& id) const {
        auto const entry = s_.ledger.find(id);
        if (entry == none) return std::nullopt;
        std::string out;
        json::writer w{out};
        w.begin_object();
        if (!is_final(s_.ledger.state(entry)))
            write_whole(w, s_.ledger[entry].reference);
        else if (auto const* const r = kept(entry))
            write_result(w, id, *r), write_history(w, r->history.view());
        else
            write_forgotten(w, id, s_.ledger.state(entry));
        w.end_object();
        return out;
    }
    /// Why a task is where it is. \return empty: the id is not known
    [[nodiscard]] std::optional<std::string> why(task_id const& id) const {
        auto const entry = s_.ledger.find(id);
        if (entry == none) return std::nullopt;
        auto const state = s_.ledger.state(entry);
        auto const found =
            is_final(state) ? reasons_.of_ended(state, kept(entry)) : reasons_.of(s_.ledger[entry].reference);
        std::string out;
        json::writer w{out};
        w.begin_object().key("id").value(id.text());
        w.key("state").value(name_of(is_final(state) ? state : s_.tasks[s_.ledger[entry].reference].state));
        w.key("reason").value(found.reason).key("text").value(found.text).end_object();
        return out;
    }

private:
    [[nodiscard]] cached_result const* kept(std::uint32_t entry) const {
        auto const slot = s_.ledger[entry].reference;
        return slot == none ? nullptr : s_.cache.peek(slot, s_.now.steady);
    }
    [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint32_t>> living(task_filter const& f) const {
        std::vector<std::pair<std::uint64_t, std::uint32_t>> found;  // a heap: the latest of them on top
        for (std::uint32_t slot = 0; slot < s_.tasks.capacity(); ++slot) {
            auto const& t = s_.tasks[slot];
            bool const fits = !t.id.empty() && (!f.state || t.state == *f.state) &&
                              (f.name.empty() || s_.dispatch.names()[t.name].name == f.name);
            if (!fits) continue;
            if (found.size() == f.limit) {
                if (found.front().first <= t.submitted_us) continue;
                std::ranges::pop_heap(found);
                found.pop_back();
            }
            found.emplace_back(t.submitted_us, slot);
            std::ranges::push_heap(found);
        }
        std::ranges::sort_heap(found);
        return found;
    }
    void write_ended(json::writer& w, task_filter const& f) const {
        std::uint32_t count = 0;
        s_.cache.each(s_.now.steady, [&](std::uint32_t ledger, cached_result const& r) {
            bool const fits =
                r.state == *f.state && (f.name.empty() || s_.dispatch.names()[r.name].name == f.name);
            if (!fits) return true;
            w.begin_object();
            write_result(w, s_.ledger[ledger].id, r);
            w.end_object();
            return ++count < f.limit;
        });
    }

    json::writer& write_brief(json::writer& w, std::uint32_t slot) const {
        auto const& t = s_.tasks[slot];
        w.key("id").value(t.id.text()).key("name").value(s_.dispatch.names()[t.name].name);
        w.key("state").value(name_of(t.state)).key("priority").value(name_of(t.level));
        auto const [failures, deaths] = s_.troubles_of(t);
        w.key("attempt").value(t.attempt).key("failures").value(failures).key("deaths").value(deaths);
        if (t.worker != none) w.key("worker").value(s_.worker_name(t.worker));
        w.key("age_ms").value(s_.ms_since(t.submitted_us));
        if (t.state == task_state::running) w.key("running_ms").value(s_.ms_since(t.started_us));
        if (auto const due = life_.due_in(slot)) w.key("in_ms").value(due->count());
        return w;
    }
    void write_whole(json::writer& w, std::uint32_t slot) const {
        auto const& t = s_.tasks[slot];
        write_brief(w, slot);
        if (t.terms != none) {
            auto const& o = s_.terms[t.terms].options;
            w.key("retries").value(o.retries).key("timeout_ms").value(o.timeout_ms);
            w.key("soft_timeout_ms").value(o.soft_timeout_ms);
        }
        w.key("delivery").value(t.at_most_once ? "at_most_once" : "at_least_once");
        w.key("content").value(s_.contents[t.content]).key("payload_octets").value(t.octets);
        w.key("submitted_us").value(t.submitted_us);
        if (t.started_us != 0) w.key("started_us").value(t.started_us);
        write_history(w, life_.history_of(t));
    }
    /// Its result is no longer kept; what its dead letter remembers is.
    void write_forgotten(json::writer& w, task_id const& id, task_state state) const {
        w.key("id").value(id.text()).key("state").value(name_of(state));
        if (auto const* const letter = s_.dead.find(id)) write_history(w, letter->history);
    }
    static void write_history(json::writer& w, std::string_view history) {
        if (!history.empty()) trouble_log::write(w.key("history"), history);
    }
    void write_result(json::writer& w, task_id const& id, cached_result const& r) const {
        w.key("id").value(id.text()).key("name").value(s_.dispatch.names()[r.name].name);
        w.key("state").value(name_of(r.state));
        if (r.code != errc{}) w.key("code").value(name_of(r.code));
        w.key("attempt").value(r.attempt);
        if (!r.worker.empty()) w.key("worker").value(r.worker.view());
        w.key("age_ms").value(s_.ms_since(r.submitted_us));
        w.key("content").value(s_.contents[r.content]).key("result_octets").value(r.value.size());
        w.key("submitted_us").value(r.submitted_us);
        if (r.started_us != 0) w.key("started_us").value(r.started_us);
        w.key("finished_us").value(r.finished_us);
    }

    plane_state<P> const& s_;
    task_life<P> const& life_;
    task_reasons<P> reasons_;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// What an operator asks and orders: single tasks and single workers. Each verb is answered with itself and a document.
template <class P>
class admin_desk {
public:
    admin_desk(plane_state<P>& state, task_life<P> const& life, worker_desk<P>& workers, run_desk<P>& runs)
        : s_{state}, workers_{workers}, runs_{runs}, documents_{state, life, workers} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h, std::string_view payload) {
        if (h.verb() == "tasks")
            list(r, h);
        else if (h.verb() == "inspect")
            one(r, h, [this](task_id const& id) { return documents_.inspect(id); });
        else if (h.verb() == "why")
            one(r, h, [this](task_id const& id) { return documents_.why(id); });
        else if (h.verb() == "drain")
            drain(r, h);
        else if (h.verb() == "backup")
            backup(r, h, payload);
        else
            return false;
        return true;
    }
    /// A copy of the store is there, or could not be made.
    void backed_up(policy::backup_done const& done) {
        auto const asked = std::ranges::find(backups_, done.path, &pending_backup::path);
        if (asked == backups_.end()) return;
        auto const b = std::move(*asked);
        backups_.erase(asked);
        if (s_.peers.find(b.peer) != b.whom.peer) return;  // who asked has gone
        auto r = b.whom;
        if (!done.failure.empty()) return s_.error(r, "-", errc::store_failed, b.ref, done.failure);
        std::string document;
        json::writer{document}.begin_object().key("path").value(done.path).end_object();
        s_.show(r, b.ref, "backup", {}, document);
    }

private:
    void list(request& r, wire::header const& h) {
        task_filter f;
        if (!h.positional().empty()) return s_.refuse(r, h, "the verb takes state=, name= and limit= only");
        if (auto const text = h.get("state"); !text.empty()) {
            f.state = parse_task_state(text);
            if (!f.state) return s_.refuse(r, h, "state= is none that a task can be in");
        }
        auto const limit = s_.list_limit(r, h);
        if (!limit) return;
        f.limit = *limit;
        f.name = h.get("name");
        s_.show(r, h, h.verb(), {}, documents_.list(f));
    }
    template <class Document>
    void one(request& r, wire::header const& h, Document&& of) {
        auto const id = s_.asked_id(r, h);
        if (!id) return;
        auto const document = of(*id);
        if (!document)
            return s_.error(r, id->text(), errc::unknown_task, ref_of(h), "no such task is known here");
        s_.show(r, h, h.verb(), id->text(), *document);
    }
    void drain(request& r, wire::header const& h) {
        auto const undo = h.get("undo");
        if (h.positional().size() != 1 || !(undo.empty() || undo == "1"))
            return s_.refuse(r, h, "the verb takes the name of one worker, and undo=1");
        auto const w = workers_.set_aside(h.positional()[0], undo.empty());
        if (w == none) {
            return s_.error(r, "-", errc::unknown_worker, ref_of(h),
                            "no worker of that name is registered here; see workers");
        }
        auto const& record = s_.workers[w];
        if (undo.empty()) runs_.recall_ahead(w);
        std::string document;
        json::writer out{document};
        out.begin_object().key("worker").value(record.name.view()).key("state").value(record.state_name());
        out.key("outstanding").value(record.outstanding).end_object();
        s_.show(r, h, h.verb(), record.name.view(), document);
    }

    /// A path names a file on this machine, so only who is on it may ask.
    void backup(request& r, wire::header const& h, std::string_view path) {
        if (!is_loopback(s_.peers[r.peer].address) && !s_.peers[r.peer].same_process)
            return s_.error(r, "-", errc::not_authorized, ref_of(h),
                            "a backup is only made for who asks from this machine");
        if (path.empty() || path.front() != '/' || path.find('\0') != std::string_view::npos)
            return s_.refuse(r, h, "the payload is the absolute path of the file to make");
        if constexpr (policy::durable_store<typename P::store_policy>) {
            if (s_.keeps()) {
                backups_.push_back({std::string{path}, std::string{ref_of(h)}, s_.peers[r.peer].id, r});
                return s_.store.backup(std::string{path});
            }
        }
        s_.refuse(r, h, "this control plane keeps its tasks in memory only: there is nothing to copy");
    }
    [[nodiscard]] static bool is_loopback(std::string_view address) {
        return endpoint{std::string{address}, 0}.is_loopback();
    }

    struct pending_backup {
        std::string path;
        std::string ref;
        peer_id peer;
        request whom;
    };

    plane_state<P>& s_;
    worker_desk<P>& workers_;
    run_desk<P>& runs_;
    task_documents<P> documents_;
    std::vector<pending_backup> backups_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/dead_desk.hpp>

namespace fastqueue::core {

/// The dead letters, as an operator sees and orders them: `dead [<id>]`, `rerun <id>`, `purge [<id>]`.
template <class P>
class dead_desk {
public:
    dead_desk(plane_state<P>& state, task_life<P>& life) : s_{state}, life_{life} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h) {
        if (h.verb() == "dead")
            h.positional().empty() ? list(r, h) : show(r, h);
        else if (h.verb() == "rerun")
            rerun(r, h);
        else if (h.verb() == "purge")
            purge(r, h);
        else
            return false;
        return true;
    }

    /// Arguments have come from the store, perhaps of one that was kept without.
    void fetched(policy::fetched_arguments const& f) { s_.dead.complete(f.number, f.arguments); }

private:
    void list(request& r, wire::header const& h) {
        auto limit = s_.list_limit(r, h);
        if (!limit) return;
        auto const name = h.get("name");
        std::string out;
        json::writer w{out};
        w.begin_array();
        s_.dead.each([&](dead_letter const& l) {
            if (!name.empty() && l.name != name) return true;
            write_brief(w.begin_object(), l).end_object();
            return --*limit > 0;
        });
        w.end_array();
        s_.show(r, h, h.verb(), {}, out);
    }
    void show(request& r, wire::header const& h) {
        auto const* const l = find(r, h);
        if (l == nullptr) return;
        std::string out;
        json::writer w{out};
        write_brief(w.begin_object(), *l);
        w.key("retries").value(l->options.retries).key("timeout_ms").value(l->options.timeout_ms);
        w.key("content").value(l->content.empty() ? std::string_view{"json"} : std::string_view{l->content});
        w.key("arguments").value(l->arguments).key("submitted_us").value(l->submitted_us);
        w.key("finished_us").value(l->finished_us).key("history");
        trouble_log::write(w, l->history);
        w.end_object();
        s_.show(r, h, h.verb(), l->id.text(), out);
    }
    /// The task is accepted anew, under another id: the first one has its end, and that stands.
    void rerun(request& r, wire::header const& h) {
        auto const* const l = find(r, h);
        if (l == nullptr) return;
        auto const as = h.get("as");
        auto const id = as.empty() ? std::optional{uuid::make_v4()} : uuid::parse(as);
        if (!id) return s_.refuse(r, h, "as= is no UUID");
        if (s_.ledger.find(*id) != none)
            return s_.error(r, l->id.text(), errc::id_conflict, ref_of(h), "the id of as= is in use");
        if (l->left)
            return s_.error(r, l->id.text(), errc::queue_full, ref_of(h),
                            "its arguments are still being read from the store: try again");
        if (s_.stopping || s_.full || s_.tasks.used() >= s_.options.limits.max_tasks)
            return s_.error(r, l->id.text(), s_.stopping ? errc::shutting_down : errc::queue_full, ref_of(h),
                            "the control plane takes no more tasks now");
        auto const stored = accept(*l, *id);
        auto const old = l->id;
        auto const number = l->number;
        s_.dead.erase(old);
        s_.store.forget(number);
        std::string out;
        json::writer w{out};
        w.begin_object().key("id").value(id->text()).key("rerun_of").value(old.text()).end_object();
        s_.show(r, h, h.verb(), old.text(), out);
        s_.rests_on(r, stored);
    }
    policy::store_sequence accept(dead_letter const& l, task_id const& id) {
        wire::request_options o;
        o.task = l.options;
        o.task.priority = l.level;
        o.content = l.content;
        o.traceparent = l.traceparent;
        auto const fingerprint = task_fingerprint(l.name, l.content, l.arguments);
        auto const slot = life_.accept({id, l.name, l.arguments, fingerprint, l.level}, o);
        return s_.tasks[slot].stored;
    }
    void purge(request& r, wire::header const& h) {
        std::vector<task_id> gone;
        if (!h.positional().empty()) {
            auto const* const l = find(r, h);
            if (l == nullptr) return;
            gone.push_back(l->id);
        } else {
            s_.dead.each([&](dead_letter const& l) {
                gone.push_back(l.id);
                return true;
            });
        }
        policy::store_sequence last = 0;
        for (auto const& id : gone) {
            last = s_.store.forget(s_.dead.find(id)->number);
            s_.dead.erase(id);
        }
        std::string out;
        json::writer w{out};
        w.begin_object().key("purged").value(gone.size()).end_object();
        s_.show(r, h, h.verb(), {}, out);
        s_.rests_on(r, last);
    }

    json::writer& write_brief(json::writer& w, dead_letter const& l) const {
        std::uint32_t deaths = 0;
        trouble_log::each(l.history,
                          [&](trouble const& t) { deaths += t.code == errc::worker_lost ? 1U : 0U; });
        w.key("id").value(l.id.text()).key("name").value(l.name).key("priority").value(name_of(l.level));
        w.key("code").value(name_of(l.code)).key("text").value(l.text).key("attempt").value(l.attempt);
        w.key("deaths").value(deaths);
        if (!l.worker.empty()) w.key("worker").value(l.worker);
        w.key("age_ms").value(s_.ms_since(l.finished_us));
        return w;
    }
    [[nodiscard]] dead_letter const* find(request& r, wire::header const& h) {
        auto const id = s_.asked_id(r, h);
        if (!id) return nullptr;
        auto const* const letter = s_.dead.find(*id);
        if (letter == nullptr)
            s_.error(r, id->text(), errc::unknown_task, ref_of(h),
                     "no task with that id is among the dead letters");
        return letter;
    }

    plane_state<P>& s_;
    task_life<P>& life_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/pause_desk.hpp>

// ---- <fastqueue/core/pause_name.hpp>

namespace fastqueue::core {

/// How a store keeps what an operator holds back: among the names of workers, which have no `=` in theirs.
namespace pause_name {

inline constexpr std::string_view level_key = "priority=";
inline constexpr std::string_view task_key = "name=";

[[nodiscard]] inline std::string of(priority level) {
    return std::string{level_key} + std::string{name_of(level)};
}
[[nodiscard]] inline std::string of(std::string_view task) {
    return std::string{task_key} + std::string{task};
}

/// Whether a name that was kept is no worker's but a pause's.
[[nodiscard]] inline bool is_one(std::string_view kept) noexcept { return kept.find('=') != kept.npos; }

/// Holds back in `dispatcher` what the name says, as before a restart. What it cannot read it leaves alone.
template <class Dispatcher>
void restore(std::string_view kept, Dispatcher& dispatcher) {
    auto const value = kept.substr(kept.find('=') + 1);
    if (kept.starts_with(level_key)) {
        if (auto const level = parse_priority(value)) dispatcher.pause(*level, true);
    } else if (kept.starts_with(task_key)) {
        dispatcher.pause(dispatcher.names().intern(value), true);
    }
}

}  // namespace pause_name

}  // namespace fastqueue::core

namespace fastqueue::core {

/// What an operator holds back: tasks of a priority, or of a name, are taken and wait, and none of them begins until he lets them
/// go on. With a durable store a pause outlives a restart.
template <class P>
class pause_desk {
public:
    pause_desk(plane_state<P>& state, worker_desk<P> const& workers, run_desk<P>& runs)
        : s_{state}, workers_{workers}, runs_{runs} {}

    /// \return false: it is none of its verbs
    bool verb(request& r, wire::header const& h) {
        bool const pauses = h.verb() == "pause";
        if (!pauses && h.verb() != "resume") return false;
        auto const name = h.get("name");
        auto const level = h.get("priority");
        auto const p = parse_priority(level);
        if (!h.positional().empty() || (name.empty() && level.empty()))
            s_.refuse(r, h, "the verb takes name=, or priority=, or both");
        else if (!level.empty() && !p)
            s_.refuse(r, h, "priority= is critical, high, normal or low");
        else if (!name.empty() && s_.dispatch.names().find(name) == none)
            s_.error(r, "-", errc::unknown_task_name, ref_of(h),
                     "no task of that name was ever seen here; see names");
        else
            set(r, h, name, p, pauses);
        return true;
    }

private:
    void set(request& r, wire::header const& h, std::string_view name, std::optional<priority> level,
             bool paused) {
        if (level) {
            s_.dispatch.pause(*level, paused);
            keep(r, pause_name::of(*level), paused);
        }
        if (!name.empty()) {
            s_.dispatch.pause(s_.dispatch.names().find(name), paused);
            keep(r, pause_name::of(name), paused);
        }
        if (paused) {  // what is at workers and has not begun comes back; the rest of it is given out again
            for (auto const& [id, w] : workers_.by_name()) runs_.recall_ahead(w);
        }
        s_.show(r, h, h.verb(), {}, document());
    }
    void keep(request& r, std::string const& what, bool paused) {
        if (s_.keeps()) s_.rests_on(r, s_.store.member(what, paused));
    }
    [[nodiscard]] std::string document() const {
        std::string out;
        json::writer w{out};
        w.begin_object().key("priorities").begin_array();
        for (std::size_t level = 0; level < priority_count; ++level) {
            if (s_.dispatch.is_paused(static_cast<priority>(level))) w.value(priority_names[level]);
        }
        w.end_array().key("names").begin_array();
        for (auto const& entry : s_.dispatch.names()) {
            if (entry.paused) w.value(entry.name);
        }
        w.end_array().end_object();
        return out;
    }

    plane_state<P>& s_;
    worker_desk<P> const& workers_;
    run_desk<P>& runs_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/plane_documents.hpp>

namespace fastqueue::core {

/// The JSON documents that a control plane shows of itself. What each holds is laid down in docs/protocol.md.
template <class P>
class plane_documents {
public:
    plane_documents(plane_state<P> const& state, worker_desk<P> const& workers)
        : s_{state}, workers_{workers} {}

    [[nodiscard]] std::string nodes() const {
        std::string out;
        json::writer w{out};
        auto const& o = s_.options;
        w.begin_array().begin_object();
        w.key("id").value(o.id).key("role").value("control-plane").key("base").value(o.base);
        w.key("management").value(o.management).key("results").value(o.results);
        w.key("ports").begin_array();
        for (auto const port : o.task_ports) w.value(port);
        w.end_array().key("epoch").value(s_.store.epoch().text()).key("version").value(o.version);
        w.key("limits").begin_object();
        wire::write_limits(w, o.limits);
        w.end_object().end_object();
        for (auto const slot : sorted()) {
            auto const& r = s_.workers[slot];
            w.begin_object().key("id").value(r.name.view()).key("role").value("subworker");
            if (r.announced.address) w.key("base").value(r.announced.address->text());
            w.key("state").value(r.state_name()).end_object();
        }
        w.end_array();
        return out;
    }

    [[nodiscard]] std::string workers() const {
        std::string out;
        json::writer w{out};
        w.begin_array();
        for (auto const slot : sorted()) write_worker(w, s_.workers[slot]);
        w.end_array();
        return out;
    }

    [[nodiscard]] std::string queues() const {
        std::string out;
        json::writer w{out};
        w.begin_object();
        for (std::size_t level = 0; level < priority_count; ++level) write_level(w, level);
        w.end_object();
        return out;
    }

    [[nodiscard]] std::string names() const {
        std::string out;
        json::writer w{out};
        w.begin_array();
        std::vector<name_entry const*> names;
        for (auto const& entry : s_.dispatch.names()) {
            if (entry.known) names.push_back(&entry);
        }
        std::ranges::sort(names, {}, [](name_entry const* n) -> std::string const& { return n->name; });
        for (auto const* n : names) {
            w.begin_object().key("name").value(n->name).key("workers").value(n->able);
            w.key("succeeded")
                .value(n->succeeded)
                .key("failed")
                .value(n->failed)
                .key("typical_us")
                .value(n->cost_us);
            w.key("paused").value(n->paused).end_object();
        }
        w.end_array();
        return out;
    }

    [[nodiscard]] std::string stats() const {
        std::string out;
        json::writer w{out};
        auto const& c = s_.counters;
        w.begin_object().key("submitted").value(c.submitted).key("succeeded").value(c.succeeded);
        w.key("failed").value(c.failed).key("cancelled").value(c.cancelled).key("expired").value(c.expired);
        w.key("retried")
            .value(c.retried)
            .key("redelivered")
            .value(c.redelivered)
            .key("returned")
            .value(c.returned);
        w.key("stale_answers").value(c.stale_answers).key("refused").value(c.refused);
        w.key("tasks").value(s_.tasks.used()).key("waiting").value(s_.waiting_tasks());
        w.key("task_octets").value(s_.task_octets).key("cached_results").value(s_.cache.size());
        w.key("cached_octets").value(s_.cache.octets()).key("known_ids").value(s_.ledger.size());
        w.key("dead_letters")
            .value(s_.dead.size())
            .key("restored")
            .value(c.restored)
            .key("adopted")
            .value(c.adopted);
        w.key("connections").value(s_.peers.size()).key("workers").value(workers_.by_name().size());
        w.key("uptime_ms").value(ms(s_.now.steady - s_.started)).end_object();
        return out;
    }

    [[nodiscard]] std::string health() const {
        std::size_t active = 0;
        for (auto const& [name, slot] : workers_.by_name())
            active += s_.workers[slot].state == worker_state::active ? 1U : 0U;
        std::string out;
        json::writer w{out};
        auto const status = s_.stopping ? "stopping" : s_.full ? "full" : "ok";
        w.begin_object().key("status").value(status).key("id").value(s_.options.id);
        w.key("active_workers").value(active).key("durable").value(s_.keeps());
        if (s_.full) w.key("full").value(*s_.full);
        w.key("version").value(s_.options.version).end_object();
        return out;
    }

private:
    [[nodiscard]] std::vector<std::uint32_t> sorted() const {
        std::vector<std::uint32_t> slots;
        for (auto const& [name, slot] : workers_.by_name()) slots.push_back(slot);
        std::ranges::sort(slots, {}, [&](std::uint32_t s) { return s_.workers[s].name.view(); });
        return slots;
    }
    static std::int64_t ms(instant::duration d) noexcept {
        return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
    }
    void write_worker(json::writer& w, worker_record const& r) const {
        w.begin_object()
            .key("id")
            .value(r.name.view())
            .key("state")
            .value(r.state_name())
            .key("local")
            .value(r.local);
        if (r.announced.address) w.key("address").value(r.announced.address->text());
        w.key("host")
            .value(r.announced.host)
            .key("pid")
            .value(r.announced.pid)
            .key("version")
            .value(r.announced.version);
        w.key("concurrency").value(r.concurrency).key("window").value(r.window);
        w.key("outstanding").value(r.outstanding).key("running").value(r.begun.size());
        w.key("succeeded").value(r.succeeded).key("failed").value(r.failed);
        w.key("last_seen_ms")
            .value(ms(s_.now.steady - r.last_seen))
            .key("uptime_ms")
            .value(ms(s_.now.steady - r.since));
        w.key("tasks").begin_array();
        for (auto const& name : r.announced.tasks) w.value(name);
        w.end_array().end_object();
    }
    void write_level(json::writer& w, std::size_t level) const {
        std::uint64_t waiting = 0;
        std::uint64_t oldest = s_.now_us();
        for (auto const& entry : s_.dispatch.names()) {
            auto const& lane = entry.lanes[level];
            waiting += lane.size();
            if (!lane.empty()) oldest = std::min(oldest, s_.tasks[lane.front()].submitted_us);
        }
        for (auto at = s_.reunion.tasks.front(); at != none; at = s_.tasks[at].next) {
            if (index_of(s_.tasks[at].level) != level) continue;
            ++waiting;
            oldest = std::min(oldest, s_.tasks[at].submitted_us);
        }
        w.key(priority_names[level]).begin_object().key("waiting").value(waiting);
        w.key("oldest_ms").value(s_.ms_since(oldest));
        w.key("rate").value(s_.rates[level].per_second(s_.now.steady));
        w.key("paused").value(s_.dispatch.is_paused(static_cast<priority>(level))).end_object();
    }

    plane_state<P> const& s_;
    worker_desk<P> const& workers_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/request_desk.hpp>

namespace fastqueue::core {

/// What clients ask: new tasks, and what became of old ones.
template <class P>
class request_desk {
public:
    request_desk(plane_state<P>& state, task_life<P>& life, run_desk<P>& runs)
        : s_{state}, life_{life}, runs_{runs} {}

    /// A `submit` or `call` that was read and found good, or why not.
    struct task_request {
        task_id id;
        std::string_view subject;  // the id as it was written, for errors
        std::string_view name;
        wire::request_options options;
        std::uint64_t fingerprint = 0;
        std::optional<wire::problem> problem;
        std::string text;  // more about the problem than its `why`
    };

    /// Reads a request and finds out whether it can be taken, without taking it.
    /// \param reserved  tasks and octets that others of the same batch are going to take
    struct reservation {
        std::uint64_t tasks = 0;
        std::uint64_t octets = 0;
    };
    [[nodiscard]] task_request check(request const& r, wire::header const& h, std::string_view payload,
                                     bool call, reservation const& reserved) {
        task_request q;
        read(r, h, payload, call, q);
        if (q.problem) return q;
        auto const entry = s_.ledger.find(q.id);
        if (entry != none) {
            if (!s_.ledger.same_task(entry, q.fingerprint))
                refuse(q, errc::id_conflict, "the id is in use for another task: choose a new one");
        } else {
            check_new(q, payload, reserved);
        }
        return q;
    }

    /// Takes a request that was found good, and answers it: a `submit` now, a `call` when the task has ended.
    void take(request& r, task_request& q, std::string_view payload, bool call, priority port) {
        auto const& o = q.options;
        if (q.problem) return answer_problem(r, q);
        auto entry = s_.ledger.find(q.id);
        if (entry == none) {
            auto const slot = life_.accept({q.id, q.name, payload, q.fingerprint, port}, o);
            entry = s_.tasks[slot].ledger;
        }
        bool const lives = !is_final(s_.ledger.state(entry));
        if (call)
            return lives ? life_.answer_later(s_.ledger[entry].reference, r, wait_kind::call, o.ref,
                                              o.task.meta, std::nullopt)
                         : answer_ended(r, q, entry);
        auto const state = lives ? s_.tasks[s_.ledger[entry].reference].state : s_.ledger.state(entry);
        auto& message = s_.answer(r);
        auto header = message.pairs.begin("accepted");
        header.token(q.id).token(name_of(state));
        if (!o.ref.empty()) header.field("ref", o.ref);
        message.pairs.finish({});
        if (!lives) return s_.rests_on(r, end_of(entry));
        auto const slot = s_.ledger[entry].reference;
        s_.rests_on(r, s_.tasks[slot].stored);
        if (o.task.reply_both) life_.answer_later(slot, r, wait_kind::call, o.ref, o.task.meta, std::nullopt);
    }

    void answer_problem(request& r, task_request const& q) {
        auto const& p = *q.problem;
        std::string text = q.text;
        if (text.empty()) {
            if (!p.token.empty()) text.append(p.token).append(": ");
            text.append(p.why);
        }
        auto header = s_.begin_error(r, q.subject.empty() ? "-" : q.subject, p.code, q.options.ref);
        if (p.code == errc::too_large)
            header.field("max_payload", std::uint64_t{s_.options.limits.max_payload});
        s_.answer(r).pairs.finish(text);
    }

    void on_get(request& r, wire::header const& h) {
        auto const at = look_up(r, h);
        if (!at) return;
        if (at->lives) return answer_present(r, h, at->slot);
        answer_kept(r, h, *at);
    }
    void on_wait(request& r, wire::header const& h) {
        auto const timeout = h.get("timeout_ms");
        auto const timeout_ms = wire::read_number(timeout);
        if (!timeout.empty() && !timeout_ms) return bad(r, h, "timeout_ms: the value cannot be read");
        auto const at = look_up(r, h);
        if (!at) return;
        if (at->lives) {
            if (is_full(r)) return too_many(r, h);
            return life_.answer_later(at->slot, r, wait_kind::wait, ref_of(h), true, timeout_ms);
        }
        answer_kept(r, h, *at);
    }
    void on_cancel(request& r, wire::header const& h) {
        auto const at = look_up(r, h);
        if (!at) return;
        if (!at->lives) {
            auto header = s_.begin_error(r, id_text(h), errc::already_finished, ref_of(h));
            header.field("state", name_of(at->state));
            s_.rests_on(r, end_of(at->slot));
            return s_.answer(r).pairs.finish("the task has already ended: " +
                                             std::string{name_of(at->state)});
        }
        auto const state = s_.tasks[at->slot].state;
        if (state == task_state::assigned) {
            if (is_full(r)) return too_many(r, h);
            life_.answer_later(at->slot, r, wait_kind::cancel, ref_of(h), false, std::nullopt);
            return runs_.cancel(at->slot);
        }
        if (state == task_state::running)
            runs_.cancel(at->slot);
        else
            life_.end(at->slot, task_state::cancelled, errc::cancelled, "cancelled");
        s_.rests_on(r, state == task_state::running ? s_.tasks[at->slot].stored : s_.last_end);
        auto header = s_.answer(r).pairs.begin("cancelled");
        header.token(at->id).token(name_of(state == task_state::running ? state : task_state::cancelled));
        finish(r, h, header);
    }
    void on_forget(request& r, wire::header const& h) {
        auto const at = look_up(r, h);
        if (!at) return;
        if (at->lives)
            return s_.error(r, id_text(h), errc::not_finished, ref_of(h),
                            "the task has not ended: cancel it first");
        auto const kept = s_.ledger[at->slot].reference;
        if (kept != none) {
            auto const number = s_.cache.peek(kept, instant::min())->number;
            s_.cache.erase(kept);
            s_.ledger.set_reference(at->slot, none);
            s_.dead.erase(at->id);
            s_.rests_on(r, s_.store.forget(number));
        }
        auto header = s_.answer(r).pairs.begin("forgotten");
        header.token(at->id);
        finish(r, h, header);
    }

private:
    struct found {
        task_id id;
        bool lives = false;
        std::uint32_t slot = none;  // of the task while it lives, of its ledger entry afterwards
        task_state state = task_state::queued;
    };

    // ---- reading

    static void refuse(task_request& q, errc code, std::string_view why, std::string_view token = {}) {
        q.problem = wire::problem{code, why, token};
    }
    void read(request const& r, wire::header const& h, std::string_view payload, bool call, task_request& q) {
        q.problem = wire::read_options(h, q.options);
        if (q.problem) q.options.ref = ref_of(h);  // it may stand behind what could not be read
        if (h.positional().size() != 2)
            return refuse(q, errc::bad_request, "it takes an id and a task's name", h.verb());
        auto const id = uuid::parse(h.positional()[0]);
        if (!id) return refuse(q, errc::bad_request, "the id is not a UUID", h.positional()[0].substr(0, 64));
        q.id = *id;
        q.subject = h.positional()[0];
        q.name = h.positional()[1];
        if (q.problem) return;
        if (!is_valid_name(q.name))
            return refuse(q, errc::bad_request, "a task's name is 1 to 255 of A-Z a-z 0-9 . _ : -", "name");
        if (payload.size() > s_.options.limits.max_payload)
            return refuse(q, errc::too_large, "the payload is over the limit");
        if (r.peer != none && s_.peers[r.peer].one_at_a_time && q.options.task.reply_both) {
            return refuse(q, errc::bad_request, "a REQ socket gets one reply: use DEALER", "reply");
        }
        if ((call || q.options.task.reply_both) && is_full(r))
            return refuse(q, errc::queue_full, "too many calls are unanswered on this connection");
        q.fingerprint = task_fingerprint(q.name, q.options.content, payload);
    }
    void check_new(task_request& q, std::string_view payload, reservation const& reserved) {
        auto const& o = q.options.task;
        if (s_.stopping) return refuse(q, errc::shutting_down, "this control plane is shutting down");
        if (!o.resent.empty() && o.delivery == delivery::at_most_once &&
            !(o.resent == s_.store.epoch() && s_.ledger.complete())) {
            return refuse(
                q, errc::outcome_unknown,
                "whether this task has run cannot be known any more, and it is to run at most once");
        }
        auto const& l = s_.options.limits;
        if (s_.full) {
            q.text = *s_.full;
            return refuse(q, errc::queue_full, "the store takes no more tasks");
        }
        bool const in_memory = !s_.keeps();
        if (s_.tasks.used() + reserved.tasks >= l.max_tasks ||
            (in_memory && s_.task_octets + reserved.octets + payload.size() > l.max_task_bytes)) {
            return refuse(q, errc::queue_full, "the control plane holds as many tasks as it may");
        }
        if (!q.options.content.empty() && !may_have_content(q.options.content)) {
            return refuse(q, errc::unsupported_content, "more content types than are kept apart");
        }
        check_name(q);
    }
    void check_name(task_request& q) {
        auto const& names = s_.dispatch.names();
        auto const name = names.find(q.name);
        if (name != none && names[name].known) return;
        if (!may_wait_for_name()) {
            std::vector<std::string_view> known;
            for (auto const& entry : names) {
                if (entry.known) known.push_back(entry.name);
            }
            q.text = "no worker knows a task named '" + std::string{q.name} + "'";
            auto const near = nearest_names(q.name, known);
            for (std::size_t i = 0; i < near.size(); ++i)
                q.text += (i == 0 ? "; did you mean " : ", ") + near[i];
            return refuse(q, errc::unknown_task_name, "no worker knows the name");
        }
        if (name == none && names.size() >= s_.options.limits.max_task_names) {
            refuse(q, errc::queue_full, "as many different task names are known as may be");
        }
    }
    [[nodiscard]] bool may_have_content(std::string_view content) const noexcept {
        return s_.contents.size() < max_contents ||
               std::ranges::find(s_.contents, content) != s_.contents.end();
    }
    [[nodiscard]] bool may_wait_for_name() const noexcept {
        if (s_.options.unknown_names != unknown_tasks::automatic)
            return s_.options.unknown_names == unknown_tasks::wait;
        return !s_.any_registered || s_.now.steady - s_.started < s_.options.inactive;
    }
    static constexpr std::size_t max_contents = 64;
    [[nodiscard]] bool is_full(request const& r) const noexcept {
        return r.peer != none && s_.peers[r.peer].outstanding >= s_.options.limits.max_outstanding;
    }

    // ---- looking up

    static std::string_view id_text(wire::header const& h) noexcept {
        return h.positional().empty() ? std::string_view{"-"} : h.positional()[0].substr(0, 64);
    }
    void bad(request& r, wire::header const& h, std::string_view text) {
        auto const subject = sole_id(h) ? h.positional()[0] : "-";
        s_.error(r, subject, errc::bad_request, ref_of(h), text);
    }
    void too_many(request& r, wire::header const& h) {
        s_.error(r, id_text(h), errc::queue_full, ref_of(h), "too many answers are owed on this connection");
    }
    void gone(request& r, wire::header const& h, task_id const&) {
        s_.error(r, id_text(h), errc::unknown_task, ref_of(h),
                 "the task has ended and its result is no longer kept");
    }
    std::optional<found> look_up(request& r, wire::header const& h) {
        auto const id = sole_id(h);
        if (!id) {
            bad(r, h, "it takes one id, a UUID");
            return std::nullopt;
        }
        auto const entry = s_.ledger.find(*id);
        if (entry == none) {
            s_.error(r, id_text(h), errc::unknown_task, ref_of(h), "no task with that id is known here");
            return std::nullopt;
        }
        auto const state = s_.ledger.state(entry);
        auto const reference = s_.ledger[entry].reference;
        if (!is_final(state)) return found{*id, true, reference, s_.tasks[reference].state};
        return found{*id, false, entry, state};
    }
    /// The write that made the end of the task of a ledger entry durable, or a later one.
    [[nodiscard]] policy::store_sequence end_of(std::uint32_t entry) const noexcept {
        auto const kept = s_.ledger[entry].reference;
        auto const* const result = kept == none ? nullptr : s_.cache.peek(kept, s_.now.steady);
        return result != nullptr ? result->stored : s_.last_end;
    }

    // ---- answering

    void finish(request& r, wire::header const& h, wire::header_writer& header) {
        if (auto const ref = ref_of(h); !ref.empty()) header.field("ref", ref);
        s_.answer(r).pairs.finish({});
    }
    void answer_present(request& r, wire::header const& h, std::uint32_t slot) {
        auto header = s_.answer(r).pairs.begin("result");
        life_.write_present(header, s_.tasks[slot], ref_of(h));
        s_.answer(r).pairs.finish({});
        s_.rests_on(r, s_.tasks[slot].stored);
    }
    /// The result of a task that has ended, if it is still kept.
    void answer_kept(request& r, wire::header const& h, found const& at) {
        auto const kept = s_.ledger[at.slot].reference;
        auto const* const result = kept == none ? nullptr : s_.cache.use(kept, s_.now.steady);
        if (result == nullptr) return gone(r, h, at.id);
        auto header = s_.answer(r).pairs.begin("result");
        life_.write_result(header, at.id, *result, ref_of(h), true);
        s_.answer(r).pairs.finish(result->value);
        s_.rests_on(r, result->stored);
    }
    /// A `call` of a task that has ended already.
    void answer_ended(request& r, task_request const& q, std::uint32_t entry) {
        auto const reference = s_.ledger[entry].reference;
        auto const* const result = reference == none ? nullptr : s_.cache.use(reference, s_.now.steady);
        if (result == nullptr)
            return s_.error(r, q.subject, errc::result_gone, q.options.ref,
                            "the task has ended and its result is no longer kept");
        auto header = s_.answer(r).pairs.begin("result");
        life_.write_result(header, q.id, *result, q.options.ref, q.options.task.meta);
        s_.answer(r).pairs.finish(result->value);
        s_.rests_on(r, result->stored);
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    run_desk<P>& runs_;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/restorer.hpp>

namespace fastqueue::core {

/// Builds a control plane's state from what its store has kept: what waits and what has ended, the ids that were used and
/// the dead letters.
template <class P>
class restorer final : public policy::restore_sink {
public:
    restorer(plane_state<P>& state, task_life<P>& life) : s_{state}, life_{life} {}

    void task(policy::stored_task const& stored) override {
        auto const slot = s_.tasks.take();
        auto& t = s_.tasks[slot];
        life_.fill(t, stored.task, stored.last);
        take_rest(t, stored);
        t.ledger = s_.ledger.insert(t.id, stored.task.fingerprint, slot);
        s_.next_number = std::max(s_.next_number, t.number + 1);
        ++s_.counters.restored;
        if (is_charged(t, stored)) {
            life_.resume(slot, stored);
            if (life_.died(slot, s_.options.id)) return;
            return life_.write_attempt(t, 0);
        }
        life_.resume(slot, stored);
    }
    void end(policy::stored_end const& stored) override {
        auto const& task = stored.task;
        auto const& r = stored.result;
        auto const entry = s_.ledger.insert(task.id, task.fingerprint, none);
        s_.next_number = std::max(s_.next_number, task.number + 1);
        cached_result const result{task.submitted_us,
                                   r.started_us,
                                   r.finished_us,
                                   r.attempt,
                                   s_.content_number(task.content),
                                   s_.dispatch.names().intern(task.name),
                                   r.code,
                                   r.state,
                                   worker_named(r.worker),
                                   {},
                                   0,
                                   task.number,
                                   shared_text{r.history}};
        if (r.dead) bury(stored);
        auto const kept = stored.has_value ? s_.cache.insert(entry, task.id.hash(0), result, r.value,
                                                             ended_at(r.finished_us), life_.gone())
                                           : none;
        life_.close_id(entry, result, kept);
    }
    void member(std::string_view name) override {
        pause_name::is_one(name) ? pause_name::restore(name, s_.dispatch) : s_.reunion.expect(name);
    }

    /// All has been told.
    void finish() { s_.reunion.begin(s_.now.steady, s_.options.reunion); }

private:
    /// What its record does not say.
    void take_rest(core::task& t, policy::stored_task const& stored) {
        t.attempt = std::max(stored.last.attempt, stored.claimed);
        t.octets = static_cast<std::uint32_t>(stored.octets);
        t.left = stored.left;
        if (!t.left) s_.task_octets += t.octets;
        t.arguments.assign(stored.task.arguments);
    }
    /// Results of one worker share its name: those of a time mostly have the same.
    [[nodiscard]] core::shared_text const& worker_named(std::string_view name) {
        if (worker_.view() != name) worker_ = core::shared_text{name};
        return worker_;
    }
    /// Whether its attempt ended with this process: only a task that ran here is claimed and may run again.
    static bool is_charged(core::task const& t, policy::stored_task const& stored) noexcept {
        return !t.at_most_once && stored.claimed > stored.last.attempt;
    }
    /// When that was, on the clock by which results grow old.
    [[nodiscard]] instant ended_at(std::uint64_t us) const noexcept {
        auto const ago = std::min<std::uint64_t>(s_.now_us() - std::min(us, s_.now_us()), 1ULL << 50U);
        return s_.now.steady - std::chrono::microseconds{static_cast<std::int64_t>(ago)};
    }
    void bury(policy::stored_end const& stored) {
        dead_letter letter;
        letter.number = stored.task.number;
        letter.id = stored.task.id;
        letter.name = stored.task.name;
        letter.content = stored.task.content;
        letter.arguments = stored.task.arguments;
        letter.traceparent = stored.task.traceparent;
        letter.options = stored.task.options;
        letter.level = stored.task.level;
        letter.submitted_us = stored.task.submitted_us;
        letter.finished_us = stored.result.finished_us;
        letter.attempt = stored.result.attempt;
        letter.code = stored.result.code;
        letter.text = stored.result.value;
        letter.worker = stored.result.worker;
        letter.history = stored.result.history;
        life_.keep_letter(std::move(letter));
    }

    plane_state<P>& s_;
    task_life<P>& life_;
    core::shared_text worker_;  // the latest that was asked for
};

}  // namespace fastqueue::core

// ---- <fastqueue/wire/verbs.hpp>

namespace fastqueue::wire {

/// Every verb that some port serves, whoever listens there.
inline constexpr std::array<std::string_view, 32> verbs{
    "submit",    "call",       "get",    "wait",  "watch",    "cancel", "forget", "register",
    "heartbeat", "unregister", "run",    "began", "progress", "done",   "recall", "hello",
    "discover",  "workers",    "queues", "stats", "tasks",    "health", "names",  "inspect",
    "why",       "drain",      "dead",   "rerun", "purge",    "backup", "pause",  "resume"};

/// What a peer is told whose verb is not served where it was sent: it exists elsewhere, or nowhere.
[[nodiscard]] constexpr errc misplaced(std::string_view verb) noexcept {
    return std::ranges::find(verbs, verb) != verbs.end() ? errc::wrong_port : errc::unknown_verb;
}

}  // namespace fastqueue::wire

namespace fastqueue::core {

/// The control plane's brain: events in, an outbox of actions out. It has no socket and no clock; both clocks come with
/// each event. Everything it does is decided by the events, their times and the seed.
///
/// A shell calls, in each turn: `at(now)`, then events, then `turn()`, then performs `outbox()`; and wakes it at
/// `next_deadline()`. One thread at a time.
template <class P>
class plane {
public:
    plane(plane_options const& options, typename P::store_policy& store,
          typename P::observer_policy& observer)
        : s_{options, store, observer},
          life_{s_},
          workers_{s_, life_},
          runs_{s_, life_, workers_},
          requests_{s_, life_, runs_},
          documents_{s_, workers_},
          admin_{s_, life_, workers_, runs_},
          dead_{s_, life_},
          pauses_{s_, workers_, runs_} {}

    /// The time of this turn. A gap far over what was asked for means that the process stood still: nobody's silence in
    /// it is held against him.
    void at(clock_reading now) {
        s_.now = now;
        if (!s_.started_set) {
            s_.started = now.steady;
            s_.started_set = true;
        } else if (now.steady > saturating_add(expected_, stall)) {
            workers_.forgive(now.steady - expected_);
        }
        expected_ = now.steady;
    }

    /// Takes over what the store has kept of an earlier life. Once, after the first `at` and before anything else.
    /// \throws error  the store cannot be read
    void restore() {
        if constexpr (policy::durable_store<typename P::store_policy>) {
            restorer<P> sink{s_, life_};
            s_.store.restore(sink, s_.options.waiting_octets);
            sink.finish();
        }
    }

    void opened(peer_id peer, peer_info const& info) {
        auto const role = info.tag < static_cast<std::uint32_t>(port_role::link)
                              ? static_cast<port_role>(info.tag)
                              : port_role::link;
        auto const slot = s_.peers.add(peer, role, info);
        if (role == port_role::link && !workers_.opened(slot, info.tag)) {
            s_.out.close(peer);
            s_.peers.erase(slot);
        }
    }
    void dialled(std::uint32_t tag, peer_id peer) { workers_.dialled(tag, peer); }

    void closed(peer_id peer, std::error_code why) {
        auto const slot = s_.peers.find(peer);
        if (slot == none) {
            workers_.dial_failed(peer, why);
            return;
        }
        workers_.closed(slot);
        life_.forget_peer(slot);
    }

    void message(peer_id peer, std::span<std::string_view const> frames) {
        auto const slot = s_.peers.find(peer);
        if (slot == none) return;
        wire::pair_cursor cursor{frames, s_.options.limits.max_pairs, s_.peers[slot].one_at_a_time};
        if (cursor.is_probe()) return;
        request r;
        r.peer = slot;
        r.layout = cursor.form();
        cursor.copy_envelope(r.envelope);
        if (auto const worker = s_.peers[slot].worker; worker != none) workers_.saw(worker);
        if (cursor.trouble()) return s_.error(r, "-", cursor.trouble()->code, {}, cursor.trouble()->why);
        if (s_.peers[slot].role == port_role::link) return from_worker(slot, cursor);
        if (is_task_port(s_.peers[slot].role) && cursor.pairs_left() > 1 && holds_submit(cursor))
            return batch(r, cursor);
        bool const alone = cursor.pairs_left() == 1;
        wire::header h;
        each_pair(cursor, [&](wire::pair const& pair) {
            if (auto const bad = h.parse(pair.header, s_.options.limits.max_header))
                s_.error(r, "-", bad->code, {}, bad->why);
            else
                handle(r, h, pair.payload, alone);
        });
    }
    /// Whether so much is to be sent that it should not wait for the turn's end.
    [[nodiscard]] bool has_much_to_send() const noexcept { return s_.out.octets() > policy::much_queued; }
    /// What the outbox held has been sent. \param queued  called as `queued(peer)`: how many octets are on their way there
    /// \return whether workers may get more that could not before: then another turn is due
    template <class Queued>
    [[nodiscard]] bool sent(Queued&& queued) {
        return !s_.clogged.empty() && runs_.look_at_queues(queued) && s_.dispatch.waiting() > 0;
    }

    /// The store has committed more, or failed.
    void committed(policy::store_news const& news) {
        s_.committed = std::max(s_.committed, news.committed);
        if (news.full && !s_.full) s_.notice(errc::queue_full, *news.full);
        s_.full = news.full;
        for (auto const& arguments : news.fetched) {
            runs_.fetched(arguments);
            dead_.fetched(arguments);
        }
        for (auto const& backup : news.backups) admin_.backed_up(backup);
        if (!news.failure || !s_.failure.empty()) return;
        s_.failure = *news.failure;
        s_.notice(errc::store_failed, s_.failure);
        stop();
    }
    /// Why the store takes nothing any more; empty while it does. Nothing that happens from then on is safe: the owner is to
    /// end at once.
    [[nodiscard]] std::string const& failure() const noexcept { return s_.failure; }

    /// Ends the turn: does what is due and gives out what has a place.
    void turn() {
        workers_.tick();
        life_.tick([this](std::uint32_t slot) { runs_.over_limit(slot); });
        if (s_.now.steady >= next_sweep_) sweep();
        if (!s_.reunion.tasks.empty() && s_.reunion.is_over(s_.now.steady)) life_.end_reunion();
        runs_.dispatch();
        if (workers_.take_changed()) tell_watchers();
        expected_ = std::max(s_.now.steady, next_deadline());
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        // While there are workers it wakes once a heartbeat at least: so it sees when the process stood still.
        auto const beat = workers_.by_name().empty() ? instant::max() : s_.now.steady + s_.options.heartbeat;
        return std::min(
            {life_.next_deadline(), workers_.next_deadline(), s_.reunion.next_deadline(), next_sweep_, beat});
    }
    [[nodiscard]] core::outbox& outbox() noexcept { return s_.out; }
    [[nodiscard]] policy::store_sequence committed_up_to() const noexcept { return s_.committed; }

    /// Takes nothing new and gives nothing out; what was sent ahead is called back. Who waits for a task that is not
    /// running is told `shutting_down`.
    void stop() {
        if (s_.stopping) return;
        s_.stopping = true;
        for (auto const& [name, w] : workers_.by_name()) runs_.recall_ahead(w);
    }
    /// Whether nothing runs any more, so that the process can end.
    [[nodiscard]] bool idle() const noexcept { return outstanding() == 0; }
    /// Runs that are at workers and not answered.
    [[nodiscard]] std::size_t outstanding() const noexcept {
        std::size_t sum = 0;
        for (auto const& [name, w] : workers_.by_name()) sum += s_.workers[w].outstanding;
        return sum;
    }
    /// Last words: whoever still waits is told that there will be no answer. Where tasks outlive this process nothing is said:
    /// their askers find the next one. That tasks were cut off then is written, lest it be taken for a death.
    void farewell() {
        if (s_.keeps()) return workers_.excuse_local();
        s_.peers.each([this](std::uint32_t slot) {
            while (s_.peers[slot].waiters != none) life_.break_off(s_.peers[slot].waiters);
        });
    }

    /// The parts that tests and documents look at.
    [[nodiscard]] plane_state<P> const& state() const noexcept { return s_; }
    [[nodiscard]] plane_options& options() noexcept { return s_.options; }

private:
    static constexpr std::chrono::seconds stall{1};

    [[nodiscard]] static bool is_task_port(port_role role) noexcept { return role <= port_role::low; }

    // ---- requests

    void handle(request& r, wire::header const& h, std::string_view payload, bool alone) {
        auto const role = s_.peers[r.peer].role;
        auto const verb = h.verb();
        if (r.message != request::unopened &&
            s_.out[r.message].pairs.octets() > s_.options.limits.max_message / 2) {
            return s_.error(r, "-", errc::queue_full, ref_of(h),
                            "the answers to one message become too large: ask for less at a time");
        }
        if ((verb == "call" || verb == "wait" || verb == "watch") && s_.peers[r.peer].one_at_a_time &&
            (!alone || verb == "watch")) {
            return s_.error(r, "-", errc::bad_request, ref_of(h),
                            "a REQ socket asks for one call or wait at a time: use DEALER");
        }
        if (is_task_port(role) && (verb == "call" || verb == "submit"))
            return task_request(r, h, payload, role);
        if ((is_task_port(role) || role == port_role::results) && result_verb(r, h)) return;
        if (role == port_role::management &&
            (management_verb(r, h, payload) || worker_verb(r.peer, h, payload)))
            return;
        if (role == port_role::discovery && discovery_verb(r, h)) return;
        auto const code = wire::misplaced(verb);
        s_.error(r, "-", code, ref_of(h),
                 std::string{verb.substr(0, 64)} +
                     (code == errc::wrong_port ? " is not served on this port" : " is no verb"));
    }
    void task_request(request& r, wire::header const& h, std::string_view payload, port_role role) {
        bool const call = h.verb() == "call";
        auto q = requests_.check(r, h, payload, call, {});
        requests_.take(r, q, payload, call, static_cast<priority>(role));
    }
    bool result_verb(request& r, wire::header const& h) {
        auto const verb = h.verb();
        if (verb == "get")
            requests_.on_get(r, h);
        else if (verb == "wait")
            requests_.on_wait(r, h);
        else if (verb == "cancel")
            requests_.on_cancel(r, h);
        else if (verb == "watch")
            s_.error(r, "-", errc::bad_request, ref_of(h),
                     "watching a task is not supported by this version: use wait");
        else if (verb == "forget")
            requests_.on_forget(r, h);
        else
            return false;
        return true;
    }
    bool management_verb(request& r, wire::header const& h, std::string_view payload) {
        auto const verb = h.verb();
        if (verb == "register")
            workers_.on_register(r, h, payload);
        else if (verb == "heartbeat")
            workers_.on_heartbeat(r, h);
        else if (verb == "unregister")
            workers_.on_unregister(r, h);
        else if (verb == "workers")
            document(r, h, documents_.workers());
        else if (verb == "queues")
            document(r, h, documents_.queues());
        else if (verb == "names")
            document(r, h, documents_.names());
        else if (verb == "stats")
            document(r, h, documents_.stats());
        else if (verb == "health")
            document(r, h, documents_.health());
        else if (verb == "watch")
            watch_events(r, h);
        else
            return dead_.verb(r, h) || pauses_.verb(r, h) || admin_.verb(r, h, payload);
        return true;
    }
    void watch_events(request& r, wire::header const& h) {
        if (h.positional().size() != 1 || h.positional()[0] != "events")
            return s_.error(r, "-", errc::bad_request, ref_of(h), "what can be watched here is events");
        if (!s_.events.add(s_.peers[r.peer].id))
            return s_.error(r, "-", errc::queue_full, ref_of(h), "as many watch events already as may");
        s_.show(r, h, "watch", "events", R"({"event":"watching"})");
    }
    bool discovery_verb(request& r, wire::header const& h) {
        if (h.verb() != "discover" && h.verb() != "watch") return false;
        if (h.verb() == "watch") s_.peers[r.peer].watches_nodes = true;
        document(r, h, documents_.nodes(), "nodes");
        return true;
    }
    void document(request& r, wire::header const& h, std::string const& text, std::string_view verb = {}) {
        if (!h.positional().empty())
            return s_.error(r, "-", errc::bad_request, ref_of(h), "the verb stands alone");
        s_.show(r, h, verb.empty() ? h.verb() : verb, {}, text);
    }
    /// Calls `f` for each pair, while what those behind it are going to look up is fetched already.
    template <class F>
    void each_pair(wire::pair_cursor& cursor, F&& f) {
        constexpr int far = 16;
        auto ahead = cursor;
        for (int i = 0; i < far; ++i) expect_next(ahead);
        for (wire::pair pair; cursor.next(pair);) {
            expect_next(ahead);
            f(pair);
        }
    }
    void expect_next(wire::pair_cursor& ahead) const noexcept {
        constexpr std::size_t before_id = std::string_view{"FQ1 call "}.size();
        wire::pair pair;
        if (!ahead.next(pair) || pair.header.size() < before_id + uuid::text_size) return;
        if (!pair.header.starts_with("FQ1 call ") && !pair.header.starts_with("FQ1 done ")) return;
        if (auto const id = uuid::parse(pair.header.substr(before_id, uuid::text_size)))
            s_.ledger.expect(*id);
    }

    // ---- batches: the submits of one message are all accepted or all refused

    using fingerprints = std::map<task_id, std::uint64_t>;

    [[nodiscard]] static bool holds_submit(wire::pair_cursor cursor) noexcept {
        wire::pair pair;
        while (cursor.next(pair)) {
            if (pair.header.starts_with("FQ1 submit")) return true;
        }
        return false;
    }
    void batch(request& r, wire::pair_cursor cursor) {
        bool const good = batch_is_good(r, cursor);
        typename request_desk<P>::reservation reserved;
        fingerprints seen;
        wire::header h;
        wire::pair pair;
        while (cursor.next(pair)) {
            if (auto const bad = h.parse(pair.header, s_.options.limits.max_header)) {
                s_.error(r, "-", bad->code, {}, bad->why);
                continue;
            }
            if (good || h.verb() != "submit") {
                handle(r, h, pair.payload, false);
                continue;
            }
            auto q = check_in_batch(r, h, pair.payload, reserved, seen);
            if (!q.problem)
                q.problem =
                    wire::problem{errc::batch_refused, "another pair of the same message was refused", {}};
            requests_.answer_problem(r, q);
        }
    }
    [[nodiscard]] bool batch_is_good(request const& r, wire::pair_cursor cursor) {
        typename request_desk<P>::reservation reserved;
        fingerprints seen;
        wire::header h;
        wire::pair pair;
        while (cursor.next(pair)) {
            if (h.parse(pair.header, s_.options.limits.max_header)) return false;
            if (h.verb() != "submit") continue;
            if (check_in_batch(r, h, pair.payload, reserved, seen).problem) return false;
        }
        return true;
    }
    /// Checks a `submit` as if those before it in the message had been taken.
    [[nodiscard]] auto check_in_batch(request const& r, wire::header const& h, std::string_view payload,
                                      typename request_desk<P>::reservation& reserved, fingerprints& seen) {
        auto const id = h.positional().empty() ? std::nullopt : uuid::parse(h.positional()[0]);
        auto others = reserved;
        if (id && others.tasks > 0 && seen.contains(*id)) {  // it has its room already
            --others.tasks;
            others.octets -= std::min<std::uint64_t>(others.octets, payload.size());
        }
        auto q = requests_.check(r, h, payload, false, others);
        if (q.problem) return q;
        auto const [at, fresh] = seen.try_emplace(q.id, q.fingerprint);
        if (!fresh && at->second != q.fingerprint)
            q.problem = wire::problem{
                errc::id_conflict, "the id stands twice in the message, for different tasks", {}};
        if (!fresh || s_.ledger.find(q.id) != none) return q;
        ++reserved.tasks;
        reserved.octets += payload.size();
        return q;
    }

    // ---- workers

    void from_worker(std::uint32_t peer, wire::pair_cursor& cursor) {
        wire::header h;
        each_pair(cursor, [&](wire::pair const& pair) {
            if (auto const bad = h.parse(pair.header, s_.options.limits.max_header))
                return s_.notice(bad->code, bad->why);
            if (s_.peers[peer].id == peer_id::none) return;  // its connection was closed meanwhile
            worker_verb(peer, h, pair.payload);
        });
    }
    bool worker_verb(std::uint32_t peer, wire::header const& h, std::string_view payload) {
        auto const verb = h.verb();
        if (verb != "done" && verb != "began" && verb != "progress") return false;
        auto const worker = s_.peers[peer].worker;
        if (worker == none) {
            ++s_.counters.stale_answers;
            return true;
        }
        if (verb == "done")
            runs_.on_done(worker, h, payload);
        else if (verb == "began")
            runs_.on_began(worker, h);
        return true;
    }

    // ---- time

    void sweep() {
        s_.cache.sweep(s_.now.steady, life_.gone());
        next_sweep_ = s_.now.steady + std::chrono::minutes{1};
    }
    void tell_watchers() {
        std::string text;
        s_.peers.each([&](std::uint32_t slot) {
            if (!s_.peers[slot].watches_nodes) return;
            if (text.empty()) text = documents_.nodes();
            auto& pairs = s_.unasked(slot, wire::form::frames);
            pairs.begin("nodes");
            pairs.finish(text);
        });
    }

    plane_state<P> s_;
    task_life<P> life_;
    worker_desk<P> workers_;
    run_desk<P> runs_;
    request_desk<P> requests_;
    plane_documents<P> documents_;
    admin_desk<P> admin_;
    dead_desk<P> dead_;
    pause_desk<P> pauses_;
    instant next_sweep_{};
    instant expected_{};
};

}  // namespace fastqueue::core

// ---- <fastqueue/shell/host_name.hpp>

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

// ---- <fastqueue/shell/local_worker.hpp>

// ---- <fastqueue/subworker.hpp>

// ---- <fastqueue/core/worker.hpp>

// ---- <fastqueue/core/run_record.hpp>

namespace fastqueue::core {

/// One run at a worker. Pooled; while its handler runs, the handler's thread reads what is above the line.
struct run_record {
    wire::lease_name lease;
    priority level = priority::normal;
    std::string name;
    std::string arguments;
    std::string content;
    std::string traceparent;
    // ---- the loop's own
    std::uint64_t sequence = 0;
    std::uint32_t previous = none;
    std::uint32_t next = none;
    std::uint64_t soft_timeout_ms = 0;
    std::uint64_t timeout_ms = 0;
    bool begun = false;      ///< told to the control plane, and so in the list of those that run
    bool dropped = false;    ///< its lease is gone: its end is told to nobody
    bool overtime = false;   ///< it went over its hard limit: whatever comes of it is `timeout`
    bool given_up = false;   ///< the worker ends, and waits for it no longer
    bool cancelled = false;  ///< somebody asked to stop it
};

/// How a handler ended, as the shell tells it.
struct run_result {
    wire::run_end end = wire::run_end::success;
    errc code = errc::handler_error;
    bool final = false;
    std::optional<std::uint64_t> retry_after_ms;
    std::uint64_t took_us = 0;
};

/// What a worker wants its shell to do with an executor.
struct run_action {
    enum class kind : std::uint8_t {
        execute,  ///< hand it to the executor
        retract,  ///< take it back if it has not begun, and say so by `retracted`
        stop,     ///< let its stop token fire
        end,      ///< its time is over: end what runs it, where that can be done; else as `stop`
    };
    kind what;
    std::uint32_t run;
};

}  // namespace fastqueue::core

// ---- <fastqueue/core/worker_link_state.hpp>

// ---- <fastqueue/core/worker_options.hpp>

namespace fastqueue::core {

/// The numbers and names of a worker.
struct worker_options {
    std::string id;
    uuid incarnation;
    std::uint32_t concurrency = 1;  ///< handlers that run at once, 1 to 1024
    std::uint32_t window = 512;     ///< runs that may be here at once; never less than `concurrency`
    std::uint32_t weight = 1;
    endpoint control_plane{"127.0.0.1", 5555};
    std::optional<endpoint> discovery;   ///< where to ask for the management port first
    std::optional<endpoint> management;  ///< known already: discovery is not asked
    std::optional<endpoint> address;     ///< where its own ports are; none: runs come over its connection
    std::optional<std::array<std::uint16_t, 4>> ports;
    std::vector<std::string> tasks;
    std::vector<std::string> contents{"json"};
    std::chrono::milliseconds taken_patience{5'000};  ///< how long it asks again when its name is taken
    std::string host;
    std::uint64_t pid = 0;
    std::string version;
    fastqueue::limits limits;
    std::uint64_t seed = 0;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// A worker's standing with its control plane: how it finds it, registers, keeps in touch and comes back. One thread at a
/// time.
class worker_link_state {
public:
    static constexpr std::uint32_t discovery_tag = 100;
    static constexpr std::uint32_t management_tag = 101;

    worker_link_state(worker_options const& options, outbox& out)
        : options_{options}, out_{out}, random_{options.seed} {}

    void start(instant now) {
        now_ = now;
        connect();
    }
    void dialled(std::uint32_t tag, peer_id peer) noexcept {
        (tag == discovery_tag ? discovery_ : management_) = peer;
    }

    /// \return true: it is time to send the registration
    [[nodiscard]] bool opened(peer_id peer, peer_info const& info, instant now) {
        now_ = now;
        if (info.accepted) {
            strangers_[peer] = {info.tag, info.one_at_a_time};
            return false;
        }
        if (peer == discovery_) {
            ask_discovery();
            return false;
        }
        if (peer != management_) return false;
        phase_ = phase::registering;
        backoff_.reset();
        heard_ = now;
        arm(answer_time);
        return true;
    }
    /// Somebody at one of our ports says that it is our control plane. Only then it is one: others may connect, too.
    /// \return true: register again, since messages may have been lost with the connections before
    [[nodiscard]] bool hello(peer_id peer, wire::header const& h) {
        auto const at = strangers_.find(peer);
        auto const epoch = uuid::parse(h.get("epoch"));
        if (at == strangers_.end() || !epoch) return false;
        // While the answer to our registration is on its way it may be one that we do not know yet.
        if (phase_ == phase::registered && !epoch_.empty() && *epoch != epoch_) return false;
        auto const tag = at->second.tag;
        strangers_.erase(at);
        return link_opened(peer, tag);
    }
    /// Whether `peer` is the control plane.
    [[nodiscard]] bool knows(peer_id peer) const noexcept {
        return peer == management_ || peer == discovery_ || std::ranges::find(links_, peer) != links_.end();
    }
    /// The priority of runs that `peer` brings without naming one: that of the port it is connected to.
    [[nodiscard]] priority level_of(peer_id peer) const noexcept {
        auto const at = std::ranges::find(links_, peer);
        return at == links_.end() ? priority::normal : static_cast<priority>(at - links_.begin());
    }
    [[nodiscard]] bool is_one_at_a_time(peer_id peer) const noexcept {
        auto const at = strangers_.find(peer);
        return at != strangers_.end() && at->second.one_at_a_time;
    }
    void closed(peer_id peer, instant now) {
        now_ = now;
        if (strangers_.erase(peer) > 0) return;
        if (peer == discovery_) {
            discovery_ = peer_id::none;
            if (phase_ == phase::discovering) dial_management(fallback());
        } else if (peer == management_) {
            lost_management();
        } else if (auto const at = std::ranges::find(links_, peer); at != links_.end()) {
            *at = peer_id::none;
            link_lost_ = true;
        }
    }
    /// \return true: register again
    [[nodiscard]] bool message(peer_id peer, wire::header const& h, std::string_view payload, instant now) {
        now_ = now;
        heard_ = now;
        if (peer == discovery_ && h.verb() == "nodes") {
            found(payload);
            return false;
        }
        if (h.verb() == "unregistered") unregistered_ = true;
        if (peer != management_ || h.verb() != "error" || h.positional().size() < 2) return false;
        return refused(errc_from_name(h.positional()[1], errc::bad_request), payload);
    }
    void registered(wire::header const& h, instant now) {
        now_ = now;
        heard_ = now;
        taken_since_ = instant::max();
        epoch_ = uuid::parse(h.get("epoch")).value_or(uuid{});
        if (auto const beat = wire::read_number(h.get("heartbeat_ms")); beat && *beat > 0)
            heartbeat_ = std::chrono::milliseconds{*beat};
        if (auto const silent = wire::read_number(h.get("inactive_ms")); silent && *silent > 0)
            inactive_ = std::chrono::milliseconds{*silent};
        if (phase_ == phase::registering) {
            phase_ = phase::registered;
            arm(heartbeat_);
        }
        if (leaving_) unregister(now);
    }
    void send_registration(std::vector<wire::lease_name> held) {
        if (phase_ != phase::registering && phase_ != phase::registered) return;
        wire::registration r;
        r.worker = options_.id;
        r.incarnation = options_.incarnation;
        r.concurrency = options_.concurrency;
        r.window = options_.window;
        r.weight = options_.weight;
        r.packed = true;
        r.address = options_.address;
        r.ports = options_.ports;
        r.tasks = options_.tasks;
        r.contents = options_.contents;
        r.version = options_.version;
        r.host = options_.host;
        r.pid = options_.pid;
        r.runs = std::move(held);
        std::string document;
        wire::write_registration_document(document, r);
        auto& pairs = to_management();
        auto header = pairs.begin("register");
        wire::write_registration(header, r);
        pairs.finish(document);
    }
    void unregister(instant now) {
        now_ = now;
        leaving_ = true;
        if (phase_ != phase::registered) return;
        auto& pairs = to_management();
        pairs.begin("unregister").token(options_.id).field("incarnation", options_.incarnation);
        pairs.finish({});
        arm(answer_time);
    }

    /// \return true: it is time to register again
    [[nodiscard]] bool tick(instant now, std::size_t running) {
        now_ = now;
        if (now < deadline_) return false;
        deadline_ = instant::max();
        switch (phase_) {
            case phase::waiting:
                connect();
                return false;
            case phase::discovering:
                dial_management(fallback());
                return false;
            case phase::connecting:
                return false;
            case phase::registering:
                arm(answer_time);
                return true;
            case phase::registered:
                beat(running);
                return false;
        }
        return false;
    }
    [[nodiscard]] instant next_deadline() const noexcept { return deadline_; }

    [[nodiscard]] bool is_registered() const noexcept { return phase_ == phase::registered; }
    [[nodiscard]] bool is_unregistered() const noexcept { return unregistered_; }
    [[nodiscard]] bool can_speak() const noexcept { return phase_ == phase::registered; }
    /// Whether there is somebody who takes answers: on the connections to our ports, or on our own.
    [[nodiscard]] bool can_answer() const noexcept {
        if (!options_.address) return phase_ == phase::registered;
        return std::ranges::any_of(links_, [](peer_id p) { return p != peer_id::none; });
    }
    /// Answers all go over one connection, so that their order is the order in which the runs ended.
    [[nodiscard]] peer_id answer_to() const noexcept {
        if (!options_.address) return management_;
        auto const at = std::ranges::find_if(links_, [](peer_id p) { return p != peer_id::none; });
        return at == links_.end() ? peer_id::none : *at;
    }
    [[nodiscard]] std::string const& fatal() const noexcept { return fatal_; }
    [[nodiscard]] errc fatal_code() const noexcept { return fatal_code_; }

private:
    enum class phase : std::uint8_t { waiting, discovering, connecting, registering, registered };
    static constexpr std::chrono::milliseconds answer_time{5'000};

    void arm(std::chrono::milliseconds delay) noexcept { deadline_ = saturating_add(now_, delay); }

    void connect() {
        if (options_.management) return dial_management(*options_.management);
        if (!options_.discovery) return dial_management(fallback());
        phase_ = phase::discovering;
        out_.dial(*options_.discovery, discovery_tag);
        arm(std::chrono::milliseconds{2'000});
    }
    /// Without discovery the management port is five after the base.
    [[nodiscard]] endpoint fallback() const {
        return options_.control_plane.plus(5).value_or(options_.control_plane);
    }
    void dial_management(endpoint const& to) {
        if (discovery_ != peer_id::none) out_.close(std::exchange(discovery_, peer_id::none));
        phase_ = phase::connecting;
        deadline_ = instant::max();  // the dial itself has an end
        out_.dial(to, management_tag);
    }
    void ask_discovery() {
        auto& pairs = out_[out_.open(discovery_, wire::form::frames)].pairs;
        pairs.begin("discover");
        pairs.finish({});
    }
    /// Takes the management port of the control plane that we were told of. Another one's is not ours: two may share a
    /// machine, and only one of them the discovery port.
    void found(std::string_view document) {
        if (phase_ != phase::discovering) return;
        auto const nodes = wire::read_nodes(document);
        endpoint management;
        endpoint base;
        bool const ours = nodes && !nodes->empty() && wire_endpoint(nodes->front().base, base) &&
                          base.port == options_.control_plane.port &&
                          wire_endpoint(nodes->front().management, management);
        dial_management(ours ? management : fallback());
    }
    static bool wire_endpoint(std::string const& text, endpoint& out) {
        return parse_endpoint(text, out).empty();
    }

    /// The control plane has dialled one of our ports. When all are there again after a break, it must be told what we
    /// hold: messages may have been lost with the old connections.
    [[nodiscard]] bool link_opened(peer_id peer, std::uint32_t tag) {
        if (tag >= links_.size()) return false;
        link_lost_ = link_lost_ || links_[tag] != peer_id::none;
        links_[tag] = peer;
        bool const all = std::ranges::none_of(links_, [](peer_id p) { return p == peer_id::none; });
        if (!all || !link_lost_) return false;
        link_lost_ = false;
        return phase_ == phase::registered && !leaving_;
    }
    void lost_management() {
        management_ = peer_id::none;
        phase_ = phase::waiting;
        arm(backoff_.next(random_));
    }
    [[nodiscard]] bool refused(errc code, std::string_view text) {
        if (code == errc::unknown_worker) {
            if (leaving_) {
                unregistered_ = true;
                return false;
            }
            phase_ = phase::registering;
            arm(answer_time);
            return true;
        }
        if (phase_ != phase::registering) return false;
        if (code == errc::worker_id_taken || code == errc::shutting_down || code == errc::queue_full) {
            if (taken_since_ == instant::max()) taken_since_ = now_;
            bool const patient =
                code != errc::worker_id_taken || now_ - taken_since_ < options_.taken_patience;
            if (patient) {
                arm(std::chrono::milliseconds{500});
                return false;
            }
        }
        fatal_code_ = code;
        fatal_ = "the control plane refused the worker '" + options_.id + "': " + std::string{text};
        return false;
    }
    void beat(std::size_t running) {
        if (now_ - heard_ > inactive_) {  // our words get nowhere, or its do
            out_.close(management_);
            return lost_management();
        }
        if (leaving_) return unregister(now_);
        auto& pairs = to_management();
        pairs.begin("heartbeat")
            .token(options_.id)
            .field("incarnation", options_.incarnation)
            .field("running", std::uint64_t{running});
        pairs.finish({});
        arm(heartbeat_);
    }
    [[nodiscard]] wire::pair_writer& to_management() {
        return out_[out_.open(management_, wire::form::frames)].pairs;
    }

    worker_options const& options_;
    outbox& out_;
    random_source random_;
    backoff backoff_{std::chrono::milliseconds{100}, std::chrono::milliseconds{2'000}};
    phase phase_ = phase::waiting;
    instant now_{};
    instant deadline_ = instant::max();
    instant heard_{};
    instant taken_since_ = instant::max();
    std::chrono::milliseconds heartbeat_{5'000};
    std::chrono::milliseconds inactive_{30'000};
    peer_id discovery_ = peer_id::none;
    peer_id management_ = peer_id::none;
    struct stranger {
        std::uint32_t tag = 0;
        bool one_at_a_time = false;
    };
    std::unordered_map<peer_id, stranger> strangers_;  // at our ports, and have not said hello
    uuid epoch_;                                       // of the control plane we are registered with
    std::array<peer_id, 4> links_{};
    bool link_lost_ = false;
    bool leaving_ = false;
    bool unregistered_ = false;
    std::string fatal_;
    errc fatal_code_ = errc::bad_request;
};

}  // namespace fastqueue::core

namespace fastqueue::core {

/// A worker's brain: it registers and stays registered, holds the runs it is given, and answers each once. It has no
/// socket, clock or thread. A shell calls `at(now)`, then events, then `turn()`, then performs `actions()` and
/// `outbox()`; and wakes it at `next_deadline()`. One thread at a time.
class worker {
public:
    explicit worker(worker_options options) : options_{std::move(options)}, link_{options_, out_} {
        if (options_.window < options_.concurrency) options_.window = options_.concurrency;
    }

    void at(clock_reading now) noexcept { now_ = now; }

    // ---- the transport's events

    void start() { link_.start(now_.steady); }
    void dialled(std::uint32_t tag, peer_id peer) { link_.dialled(tag, peer); }
    void opened(peer_id peer, peer_info const& info) {
        if (link_.opened(peer, info, now_.steady)) announce();
    }
    void closed(peer_id peer) {
        answers_turn_ = 0;  // what comes now must not go into a message to a connection that has ended
        link_.closed(peer, now_.steady);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) {
        wire::pair_cursor cursor{frames, options_.limits.max_pairs, link_.is_one_at_a_time(peer)};
        if (cursor.is_probe()) return;
        if (cursor.trouble()) return refuse(peer, cursor, cursor.trouble()->code, cursor.trouble()->why);
        wire::header h;
        wire::pair pair;
        while (cursor.next(pair)) {
            auto const bad = h.parse(pair.header, options_.limits.max_header);
            if (bad)
                refuse(peer, cursor, bad->code, bad->why);
            else if (link_.knows(peer))
                take(peer, h, pair.payload);
            else if (h.verb() == "hello")
                take_hello(peer, h);
            else
                refuse(peer, cursor, wire::misplaced(h.verb()),
                       "this is a subworker's port: ask its control plane");
        }
    }

    /// How many octets of its answers are on their way already: where they are many, more of them wait here.
    void queued(std::uint64_t octets) noexcept { queued_ = octets; }
    [[nodiscard]] peer_id answer_to() const noexcept { return link_.answer_to(); }
    /// Whether there was more to say than a turn should: then another one is due.
    [[nodiscard]] bool goes_on() const noexcept {
        return !owed_.empty() && link_.can_answer() && queued_ <= policy::much_queued;
    }

    // ---- the executor's events

    /// A handler has ended.
    /// \param text  its value, or the error's text
    void executed(std::uint32_t slot, run_result const& result, std::string_view text) {
        auto const& r = runs_[slot];
        auto done = done_of(r, result);
        if (!r.dropped)
            answer(done, r.overtime && !is_timeout(result)
                             ? std::string_view{"the attempt exceeded its time limit"}
                             : text);
        release(slot);
        look_soon();
    }
    /// A run that was to be retracted had not begun.
    void retracted(std::uint32_t slot) {
        auto const& r = runs_[slot];
        wire::done_message done;
        done.lease = r.lease;
        done.end = r.cancelled ? wire::run_end::cancelled : wire::run_end::returned;
        done.unbegun = true;
        if (!r.dropped) answer(done, {});
        release(slot);
    }
    /// A handler was seen running.
    void begun(std::uint32_t slot) {
        auto& r = runs_[slot];
        if (r.begun) return;
        r.begun = true;
        waiting_.erase(runs_, slot);
        running_.push_back(runs_, slot);
        set_limits(slot);
        if (link_.can_answer()) say_begun(r);
    }
    /// Calls `f(slot)` for each run that is not known to run, when it is time to look whether it does.
    template <class F>
    void each_to_look_at(F&& f) {
        if (now_.steady < look_at_) return;
        look_at_ = instant::max();
        for (auto slot = waiting_.front(); slot != none;) {
            auto const next = runs_[slot].next;
            f(slot);
            slot = next;
        }
        if (running_.size() < std::min<std::size_t>(options_.concurrency, outstanding())) look_soon();
    }

    // ---- time and end

    void turn() {
        while (auto const slot = soft_.pop(now_.steady)) actions_.push_back({run_action::kind::stop, *slot});
        while (auto const slot = hard_.pop(now_.steady)) {
            runs_[*slot].overtime = true;
            actions_.push_back({run_action::kind::end, *slot});
        }
        if (link_.tick(now_.steady, outstanding())) announce();
        send_owed();
        put_in_order();
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        return std::min({soft_.next(), hard_.next(), link_.next_deadline(), look_at_});
    }
    /// Takes nothing new: what has not begun goes back, what runs is finished, then it unregisters and is `finished`.
    void stop() {
        if (stopping_) return;
        stopping_ = true;
        for (auto slot = waiting_.back(); slot != none; slot = runs_[slot].previous) {
            actions_.push_back({run_action::kind::retract, slot});
        }
        link_.unregister(now_.steady);
    }
    /// Asks every handler that runs to stop: for an owner that cannot wait any longer.
    void stop_handlers() {
        for (auto slot = running_.front(); slot != none; slot = runs_[slot].next) {
            actions_.push_back({run_action::kind::stop, slot});
        }
    }
    /// After `stop`: the time for finishing is over. What still runs goes back unfinished, and its end will be told to
    /// nobody. \return how many those are
    std::size_t hand_back() {
        handed_back_ = true;
        std::size_t count = 0;
        for (auto slot = running_.front(); slot != none; slot = runs_[slot].next) {
            if (runs_[slot].dropped) continue;
            wire::done_message done;
            done.lease = runs_[slot].lease;
            done.end = wire::run_end::returned;
            answer(done, {});
            runs_[slot].dropped = true;
            ++count;
        }
        for (auto const* list : {&running_, &waiting_}) {
            for (auto slot = list->front(); slot != none; slot = runs_[slot].next) {
                if (std::exchange(runs_[slot].given_up, true)) continue;
                ++given_up_;
                actions_.push_back({run_action::kind::end, slot});
            }
        }
        return count;
    }
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    /// After `stop`: everything is answered, and the control plane knows that the worker has left or cannot be told.
    [[nodiscard]] bool finished() const noexcept {
        bool const said = handed_back_ || owed_.empty() || !link_.can_answer();
        return stopping_ && outstanding() == given_up_ && said &&
               (link_.is_unregistered() || !link_.can_speak());
    }
    /// Why it gave up for good; empty while it has not.
    [[nodiscard]] std::string const& fatal() const noexcept { return link_.fatal(); }
    /// What the control plane refused it with.
    [[nodiscard]] errc fatal_code() const noexcept { return link_.fatal_code(); }

    // ---- what it wants done

    [[nodiscard]] core::outbox& outbox() noexcept { return out_; }
    /// What the executor is to do; taken out.
    [[nodiscard]] std::vector<run_action> take_actions() { return std::exchange(actions_, {}); }
    [[nodiscard]] bool has_actions() const noexcept { return !actions_.empty(); }
    void swap_actions(std::vector<run_action>& other) noexcept {
        other.clear();
        actions_.swap(other);
    }
    [[nodiscard]] run_record const& run(std::uint32_t slot) const noexcept { return runs_[slot]; }
    [[nodiscard]] std::size_t outstanding() const noexcept { return waiting_.size() + running_.size(); }
    [[nodiscard]] std::size_t running() const noexcept { return running_.size(); }
    [[nodiscard]] bool registered() const noexcept { return link_.is_registered(); }
    [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }
    [[nodiscard]] worker_options const& options() const noexcept { return options_; }
    /// Payloads over this can't be sent: the control plane's limit, as it said.
    [[nodiscard]] std::uint64_t max_payload() const noexcept { return max_payload_; }

private:
    struct owed_answer {
        wire::done_message done;
        std::string text;
    };

    // ---- messages

    void take(peer_id peer, wire::header const& h, std::string_view payload) {
        auto const verb = h.verb();
        if (verb == "run") return take_run(peer, h, payload);
        if (verb == "recall" || verb == "cancel") return take_back(h, verb == "cancel");
        if (verb == "registered") return take_registered(h, payload);
        if (link_.message(peer, h, payload, now_.steady)) announce();
    }
    void take_run(peer_id peer, wire::header const& h, std::string_view payload) {
        wire::run_message message;
        message.level = link_.level_of(peer);
        if (message.read(h)) return;
        if (stopping_ || outstanding() >= hard_window()) {
            wire::done_message done;
            done.lease = message.lease;
            done.end = wire::run_end::returned;
            done.unbegun = true;
            return answer(done, {});
        }
        auto const slot = runs_.take();
        auto& r = runs_[slot];
        r.lease = message.lease;
        r.level = message.level;
        r.name.assign(message.name);
        r.arguments.assign(payload);
        r.content.assign(message.content);
        r.traceparent.assign(message.traceparent);
        r.soft_timeout_ms = message.soft_timeout_ms;
        r.timeout_ms = message.timeout_ms;
        r.begun = r.dropped = r.overtime = r.cancelled = r.given_up = false;
        r.sequence = ++sequence_;
        waiting_.push_back(runs_, slot);
        actions_.push_back({run_action::kind::execute, slot});
        look_soon();
    }
    /// A control plane that sends more than was announced does so by a race at most: some room is left for it.
    [[nodiscard]] std::size_t hard_window() const noexcept { return std::size_t{options_.window} * 2 + 64; }
    void take_back(wire::header const& h, bool cancel) {
        wire::lease_name lease;
        if (wire::read_lease(h, 2, lease)) return;
        auto const slot = find(lease);
        if (slot == none) return;
        auto& r = runs_[slot];
        if (cancel) r.cancelled = true;
        if (!r.begun) actions_.push_back({run_action::kind::retract, slot});
        if (cancel) actions_.push_back({run_action::kind::stop, slot});
    }
    /// Answers whoever is wrong here.
    void refuse(peer_id peer, wire::pair_cursor const& cursor, errc code, std::string_view why) {
        wire::envelope envelope;
        cursor.copy_envelope(envelope);
        auto& pairs = out_[out_.open(peer, cursor.form(), envelope)].pairs;
        pairs.begin("error").token("-").token(name_of(code));
        pairs.finish(why);
    }
    void take_hello(peer_id peer, wire::header const& h) {
        if (link_.hello(peer, h)) announce();
        if (!link_.knows(peer)) return;
        if (auto const limit = wire::read_number(h.get("max_payload"))) max_payload_ = *limit;
    }
    void take_registered(wire::header const& h, std::string_view payload) {
        std::vector<wire::lease_name> dropped;
        if (!wire::read_drop_document(payload, dropped)) return;
        link_.registered(h, now_.steady);
        for (auto const& lease : dropped) drop(lease);
        // Runs over this connection could not be told of as begun before it was registered.
        if (link_.can_answer()) say_all_begun();
    }
    /// The lease is another's now: the run is given up and its end is told to nobody.
    void drop(wire::lease_name const& lease) {
        std::erase_if(owed_, [&](owed_answer const& o) {
            return o.done.lease.id == lease.id && o.done.lease.attempt == lease.attempt;
        });
        auto const slot = find(lease);
        if (slot == none) return;
        runs_[slot].dropped = true;
        if (!runs_[slot].begun) actions_.push_back({run_action::kind::retract, slot});
        actions_.push_back({run_action::kind::stop, slot});
    }
    [[nodiscard]] std::uint32_t find(wire::lease_name const& lease) const noexcept {
        for (auto const* list : {&waiting_, &running_}) {
            for (auto slot = list->front(); slot != none; slot = runs_[slot].next) {
                if (runs_[slot].lease.id == lease.id && runs_[slot].lease.attempt == lease.attempt)
                    return slot;
            }
        }
        return none;
    }
    /// Says who we are and what we hold, so that the control plane can compare it with what it thinks.
    void announce() {
        std::vector<wire::lease_name> held;
        for (auto const* list : {&running_, &waiting_}) {
            for (auto slot = list->front(); slot != none; slot = runs_[slot].next) {
                if (!runs_[slot].dropped) held.push_back(runs_[slot].lease);
            }
        }
        for (auto const& o : owed_) held.push_back(o.done.lease);
        link_.send_registration(std::move(held));
        // A control plane that has restarted does not know yet which of them have begun.
        if (link_.can_answer()) say_all_begun();
    }
    void say_all_begun() {
        for (auto slot = running_.front(); slot != none; slot = runs_[slot].next) say_begun(runs_[slot]);
    }
    void say_begun(run_record const& r) {
        if (r.dropped) return;
        auto header = answers().begin("began");
        wire::write_lease(header, r.lease);
        answers_->finish({});
    }

    // ---- answers

    static bool is_timeout(run_result const& result) noexcept {
        return result.end == wire::run_end::failure && result.code == errc::timeout;
    }
    [[nodiscard]] static wire::done_message done_of(run_record const& r, run_result const& result) noexcept {
        wire::done_message done;
        done.lease = r.lease;
        done.end = result.end;
        done.code = result.code;
        done.final = result.final;
        done.retry_after_ms = result.retry_after_ms;
        done.took_us = result.took_us;
        if (r.overtime) {
            done.end = wire::run_end::failure;
            done.code = errc::timeout;
        } else if (r.cancelled && result.end == wire::run_end::failure) {
            done.end = wire::run_end::cancelled;
        }
        return done;
    }
    /// The message in which answers of this turn are gathered.
    /// \param octets  of the next one
    [[nodiscard]] wire::pair_writer& answers(std::size_t octets = 0) {
        constexpr std::size_t enough_octets = 1U << 20U;
        if (answers_turn_ != out_.turn() || answers_->octets() + octets > enough_octets ||
            answers_->pairs() >= 4096) {
            answers_ = &out_[out_.open(link_.answer_to(), wire::form::packed)].pairs;
            answers_turn_ = out_.turn();
        }
        return *answers_;
    }
    [[nodiscard]] bool has_room() const noexcept {
        return link_.can_answer() && queued_ <= policy::much_queued && out_.octets() < policy::much_a_turn;
    }
    void answer(wire::done_message const& done, std::string_view text) {
        ++answered_;
        if (!owed_.empty() || !has_room()) {
            owed_.push_back({done, std::string{text}});
            return;
        }
        auto header = answers(text.size()).begin("done");
        done.write(header);
        answers_->finish(text);
    }
    void send_owed() {
        for (; !owed_.empty() && has_room(); owed_.pop_front()) {
            auto header = answers(owed_.front().text.size()).begin("done");
            owed_.front().done.write(header);
            answers_->finish(owed_.front().text);
        }
    }
    void release(std::uint32_t slot) {
        constexpr std::size_t worth_keeping = 4096;
        auto& r = runs_[slot];
        (r.begun ? running_ : waiting_).erase(runs_, slot);
        if (r.given_up) --given_up_;
        soft_.clear(slot);
        hard_.clear(slot);
        if (r.arguments.capacity() > worth_keeping) r.arguments = {};
        runs_.give(slot);
    }
    void set_limits(std::uint32_t slot) {
        auto const& r = runs_[slot];
        using std::chrono::milliseconds;
        if (r.soft_timeout_ms != 0)
            soft_.set(slot, saturating_add(now_.steady, milliseconds{r.soft_timeout_ms}));
        if (r.timeout_ms != 0) hard_.set(slot, saturating_add(now_.steady, milliseconds{r.timeout_ms}));
    }
    /// Runs begin in order of priority, and what is least urgent is taken back first, also where one turn brought it the other
    /// way round: it comes over four connections, and the threads look while the actions are done.
    void put_in_order() {
        auto const rank = [this](run_action const& a) {
            auto const level = index_of(runs_[a.run].level);
            return a.what == run_action::kind::execute ? level : 2 * priority_count - level;
        };
        if (!std::ranges::is_sorted(actions_, {}, rank)) std::ranges::stable_sort(actions_, {}, rank);
    }
    /// Whether handlers that run have been told of is looked at a moment later: most runs are over by then, and need not
    /// be told of at all.
    void look_soon() noexcept {
        if (waiting_.empty()) return;
        look_at_ = std::min(look_at_, now_.steady + std::chrono::milliseconds{1});
    }

    worker_options options_;
    core::outbox out_;
    worker_link_state link_;
    clock_reading now_{};
    slab<run_record> runs_;
    slot_list waiting_;  // not known to run
    slot_list running_;
    deadlines soft_;
    deadlines hard_;
    std::vector<run_action> actions_;
    std::deque<owed_answer> owed_;  // in order; the next ones go behind them
    bool handed_back_ = false;
    std::uint64_t queued_ = 0;  // octets that the way to the control plane holds
    wire::pair_writer* answers_ = nullptr;
    std::uint64_t answers_turn_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint64_t answered_ = 0;
    std::size_t given_up_ = 0;  // runs whose end nobody waits for
    std::uint64_t max_payload_ = 16U << 20U;
    instant look_at_ = instant::max();
    bool stopping_ = false;
};

}  // namespace fastqueue::core

// ---- <fastqueue/shell/execution.hpp>

// ---- <fastqueue/shell/packet.hpp>

namespace fastqueue::shell {

/// Writes values for another process of the same program, as they lie in memory: numbers, enumerations, ids; texts behind
/// their length.
class packet_writer {
public:
    explicit packet_writer(std::string& out) noexcept : out_{&out} {}

    template <class T>
    requires std::is_trivially_copyable_v<T> packet_writer& number(T const& value) {
        out_->append(reinterpret_cast<char const*>(&value), sizeof value);
        return *this;
    }
    packet_writer& text(std::string_view value) {
        number(std::uint64_t{value.size()});
        out_->append(value);
        return *this;
    }

private:
    std::string* out_;
};

/// Reads what `packet_writer` wrote. Who packed it may have lost his mind, so what is not there reads as zeros and nothing.
class packet_reader {
public:
    explicit packet_reader(std::string_view octets) noexcept : rest_{octets} {}

    template <class T>
    requires std::is_trivially_copyable_v<T> packet_reader& number(T& value) noexcept {
        auto const octets = take(sizeof value);
        value = T{};
        if (octets.size() == sizeof value) std::memcpy(&value, octets.data(), sizeof value);
        return *this;
    }
    packet_reader& text(std::string& value) {
        std::uint64_t size = 0;
        number(size);
        value.assign(take(size));
        return *this;
    }

private:
    [[nodiscard]] std::string_view take(std::uint64_t size) noexcept {
        auto const octets = rest_.substr(0, size <= rest_.size() ? static_cast<std::size_t>(size) : 0);
        rest_.remove_prefix(octets.size());
        return octets;
    }

    std::string_view rest_;
};

}  // namespace fastqueue::shell

namespace fastqueue::shell {

/// One run of a handler: what an executor is given, and what it leaves behind. Used again for run after run; a stop token
/// is only made for a handler that asks for one.
class execution final : public policy::job, private stop_source_bridge {
public:
    /// Prepares a run. What it is given by reference stays as it is until it has ended.
    /// \param task  what the record names; nullptr: it is not known here
    /// \param resources  one for each thread of the executor
    void prepare(std::uint32_t slot, core::run_record const& record, task_definition const* task,
                 worker_hooks const& hooks, std::vector<thread_resources>& resources,
                 std::uint64_t max_payload) {
        slot_ = slot;
        record_ = &record;
        task_ = task;
        hooks_ = &hooks;
        resources_ = &resources;
        max_payload_ = max_payload;
        stop_.store(false, std::memory_order_relaxed);
        source_.reset();
        level = static_cast<std::uint8_t>(record.level);
        state = policy::job_state::idle;
        next = nullptr;
        run = [](policy::job& self) noexcept { static_cast<execution&>(self).execute(); };
        transfer = &by_packets;
    }
    /// Lets the handler's stop token fire. Safe from any thread.
    void ask_to_stop() {
        stop_.store(true, std::memory_order_release);
        std::scoped_lock const lock{mutex_};
        if (source_) source_->request_stop();
    }

    [[nodiscard]] std::uint32_t slot() const noexcept { return slot_; }
    /// How it ended; valid when the executor has given it back.
    [[nodiscard]] core::run_result const& result() noexcept {
        result_.took_us = took_us;
        return result_;
    }
    [[nodiscard]] std::string_view text() const noexcept { return out_; }

    // ---- for executors that run it in another process

    /// Reads what was packed for the service there. \return the limit of payloads
    static std::uint64_t unpack(std::string_view request, core::run_record& record) {
        std::uint64_t max_payload = 0;
        packet_reader{request}
            .number(max_payload)
            .number(record.lease.id)
            .number(record.lease.attempt)
            .number(record.level)
            .text(record.name)
            .text(record.content)
            .text(record.arguments);
        return max_payload;
    }
    void pack_answer(std::string& answer) const {
        packet_writer{answer}.number(result_).number(took_us).text(out_);
    }

    /// Gives memory back after a large result.
    void tidy() noexcept {
        if (out_.capacity() > 64U << 10U) out_ = {};
    }

private:
    void pack(std::string& request) const {
        packet_writer{request}
            .number(max_payload_)
            .number(record_->lease.id)
            .number(record_->lease.attempt)
            .number(record_->level)
            .text(record_->name)
            .text(record_->content)
            .text(record_->arguments);
    }
    void settle(std::string_view answer) noexcept {
        try {
            packet_reader{answer}.number(result_).number(took_us).text(out_);
        } catch (...) {
            return lost("there was no memory for the result");
        }
        if (result_.end > wire::run_end::returned)
            lost("the handler's process gave no answer that can be read");
    }
    void lost(std::string_view why) noexcept {
        result_ = {};
        result_.end = wire::run_end::failure;
        try {
            write_error_text(out_, why);
        } catch (...) {  // no memory left even to say so
            out_.clear();
        }
    }
    void refused() noexcept {
        result_ = {};
        result_.end = wire::run_end::returned;
        out_.clear();
    }
    static policy::job_transfer const by_packets;

    void execute() noexcept {
        using clock = std::chrono::steady_clock;
        auto const begin = clock::now();
        auto const made = invoke();
        auto const took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begin);
        result_ = {};
        took_us = static_cast<std::uint64_t>(took.count());
        if (made.ok()) return;
        result_.end = made.code == errc::cancelled ? wire::run_end::cancelled : wire::run_end::failure;
        result_.code = made.code;
        result_.final = made.is_final;
        if (made.retry_after_ms) result_.retry_after_ms = std::min(*made.retry_after_ms, wire::max_number);
    }
    [[nodiscard]] invocation_result invoke() noexcept {
        if (task_ == nullptr) {
            out_ = "this worker has no such task";
            return {errc::unknown_task_name, true};
        }
        context ctx{record_->lease.id, record_->lease.attempt, task_->name(),
                    static_cast<stop_source_bridge&>(*this), &(*resources_)[thread]};
        auto const made = run_in(ctx);
        if (!made.ok() || out_.size() <= max_payload_) return made;
        auto const size = std::to_string(out_.size());
        out_ = "the result has " + size + " octets, over the limit of " + std::to_string(max_payload_);
        return {errc::too_large, true};
    }
    [[nodiscard]] invocation_result run_in(context& ctx) noexcept {
        if (hooks_->around.empty()) return task_->invoke(ctx, record_->content, record_->arguments, out_);
        try {
            return hooks_->run(
                ctx, out_, [&] { return task_->invoke(ctx, record_->content, record_->arguments, out_); });
        } catch (...) {
            return fastqueue::detail::report_exception(out_, fastqueue::detail::run_phase::running);
        }
    }
    [[nodiscard]] bool stop_requested() const noexcept override {
        return stop_.load(std::memory_order_acquire);
    }
    [[nodiscard]] std::stop_token token() override {
        std::scoped_lock const lock{mutex_};
        if (!source_) source_.emplace();
        if (stop_.load(std::memory_order_acquire)) source_->request_stop();
        return source_->get_token();
    }

    std::uint32_t slot_ = 0;
    core::run_record const* record_ = nullptr;
    task_definition const* task_ = nullptr;
    worker_hooks const* hooks_ = nullptr;
    std::vector<thread_resources>* resources_ = nullptr;
    std::uint64_t max_payload_ = 0;
    std::string out_;
    core::run_result result_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;  // of source_; taken when somebody is stopped or wants a token, not for each run
    std::optional<std::stop_source> source_;
};

inline constexpr policy::job_transfer execution::by_packets{
    [](policy::job const& self, std::string& request) { static_cast<execution const&>(self).pack(request); },
    [](policy::job& self, std::string_view answer) noexcept { static_cast<execution&>(self).settle(answer); },
    [](policy::job& self, std::string_view why) noexcept { static_cast<execution&>(self).lost(why); },
    [](policy::job& self) noexcept { static_cast<execution&>(self).refused(); }};

}  // namespace fastqueue::shell

// ---- <fastqueue/shell/run_service.hpp>

namespace fastqueue::shell {

/// A worker's side in a child process of its executor: runs what an `execution` there has packed, by an execution here.
class run_service final : public policy::job_service {
public:
    /// \param tasks      the worker's, of which this process has a copy
    /// \param resources  one for each thread of the executor; this process uses that of its own
    run_service(registry const& tasks, std::vector<thread_resources>& resources,
                std::uint32_t thread) noexcept
        : tasks_{&tasks}, resources_{&resources}, thread_{thread} {}

    void accept(std::string_view request) override {
        auto const max_payload = execution::unpack(request, record_);
        execution_.prepare(0, record_, tasks_->find(record_.name), tasks_->hooks(), *resources_, max_payload);
        execution_.thread = thread_;
    }
    void run(std::string& answer) override {
        execution_.run(execution_);
        execution_.pack_answer(answer);
        execution_.tidy();
    }
    void interrupt() noexcept override { execution_.ask_to_stop(); }

private:
    registry const* tasks_;
    std::vector<thread_resources>* resources_;
    std::uint32_t thread_;
    core::run_record record_;
    execution execution_;
};

}  // namespace fastqueue::shell

// ---- <fastqueue/version.hpp>

// The one place that states the version: CMake, Meson and the amalgamation script read these three lines.
#define FASTQUEUE_VERSION_MAJOR 0
#define FASTQUEUE_VERSION_MINOR 1
#define FASTQUEUE_VERSION_PATCH 0

#define FASTQUEUE_DETAIL_TEXT_OF(value) #value
#define FASTQUEUE_DETAIL_DOTTED(major, minor, patch) \
    FASTQUEUE_DETAIL_TEXT_OF(major) "." FASTQUEUE_DETAIL_TEXT_OF(minor) "." FASTQUEUE_DETAIL_TEXT_OF(patch)

/// The version as text: "major.minor.patch".
#define FASTQUEUE_VERSION_STRING \
    FASTQUEUE_DETAIL_DOTTED(FASTQUEUE_VERSION_MAJOR, FASTQUEUE_VERSION_MINOR, FASTQUEUE_VERSION_PATCH)

/// The version as one number for `#if`: 10000 * major + 100 * minor + patch.
#define FASTQUEUE_VERSION \
    (FASTQUEUE_VERSION_MAJOR * 10000 + FASTQUEUE_VERSION_MINOR * 100 + FASTQUEUE_VERSION_PATCH)

namespace fastqueue {

/// The version of these headers, following semantic versioning.
inline constexpr int version_major = FASTQUEUE_VERSION_MAJOR;
inline constexpr int version_minor = FASTQUEUE_VERSION_MINOR;
inline constexpr int version_patch = FASTQUEUE_VERSION_PATCH;

/// "major.minor.patch"
inline constexpr char const* version_string = FASTQUEUE_VERSION_STRING;

}  // namespace fastqueue

namespace fastqueue {

/// How a subworker is set up.
struct subworker_options {
    std::string worker_id;  ///< 1 to 255 of `A-Z a-z 0-9 . _ : -`; unique at its control plane
    endpoint control_plane{"127.0.0.1", 5555};                        ///< the control plane's base address
    std::optional<endpoint> discovery = endpoint{"127.0.0.1", 5550};  ///< asked first for the management port
    std::optional<endpoint> management;                               ///< known already: nobody is asked
    std::optional<endpoint> base =
        endpoint{"127.0.0.1", 5555};  ///< base ... base + 3 are its ports; none: runs come over
                                      ///< its own connection, as behind NAT
    std::string advertise_host;       ///< under which the control plane reaches a wildcard base
    std::uint32_t concurrency = 1;    ///< handlers that run at once, 1 to 1024
    std::uint32_t weight = 1;         ///< its share beside others of its control plane, 1 to 1000
    std::uint32_t window = 512;       ///< runs that may be here at once for each handler
    std::chrono::milliseconds grace{
        30'000};  ///< how long `stop` waits for what runs; then it goes back unfinished
    std::chrono::microseconds spin =
        policy::usual_spin;  ///< how long its threads look for work before they sleep
    std::uint64_t seed = 0;  ///< of jitter and, where set, of the incarnation; 0: random
};

/// Takes runs from a control plane and executes them: a thin shell around `core::worker`, a transport and an executor.
///
/// Threads: construct, `start` and `run` on one thread; `stop` is safe from any. Handlers run where the executor policy
/// says, several at once with a concurrency over 1. After `fork` the child must not touch it.
template <class Policies = default_policies>
class basic_subworker : private detail::checked<Policies>, private policy::transport_sink {
public:
    using executor_type = typename Policies::executor_policy;
    using transport_type = typename Policies::transport_policy;

    /// \throws error (bad_name, bad_option) for an option that can't be
    basic_subworker(subworker_options options, registry tasks, policy_instances<Policies> instances = {})
        : options_{std::move(options)},
          tasks_{std::move(tasks)},
          transport_{detail::given_or_made(std::move(instances.transport))},
          observer_{std::move(instances.observer)},
          make_executor_{std::move(instances.executor)} {
        check();
        transport_->attach(*this);
        if constexpr (requires { transport_->read_always(); }) transport_->read_always();
        // A run of high priority must not be overtaken by one that was sent behind it to another of our ports.
        if constexpr (requires { transport_->keep_order_across_peers(); })
            transport_->keep_order_across_peers();
        if constexpr (requires { transport_->spin(options_.spin); }) transport_->spin(options_.spin);
    }
    ~basic_subworker() override {
        if (executor_) executor_->stop();
        if (!hooks_started_) return;
        auto const& hooks = tasks_.hooks().on_stop;
        for (auto hook = hooks.rbegin(); hook != hooks.rend(); ++hook) (*hook)();
    }

    /// Listens on its ports and begins to look for the control plane. Waits for nothing.
    /// \throws error (address_in_use, ...) naming the port
    void start() {
        core::worker_options o = machine_options();
        for (auto const& hook : tasks_.hooks().on_start) hook();
        hooks_started_ = true;
        listen(o);
        window_ = o.window;
        for (std::uint32_t i = 0; i < options_.concurrency; ++i)
            resources_.emplace_back(tasks_.hooks().per_thread);
        executor_ = detail::make_executor<Policies>(
            make_executor_,
            {options_.concurrency, o.window * 2 + 128, [this](std::uint32_t n) { resources_[n].clear(); },
             options_.spin,
             [this](std::uint32_t n) { return std::make_unique<shell::run_service>(tasks_, resources_, n); }},
            [this] { transport_->wake(); });
        core_.emplace(std::move(o));
        core_->at(transport_->now());
        core_->start();
        finish_turn();
    }
    /// Serves until it has stopped. Calls `start` if that was not done.
    /// \throws error with the control plane's code (worker_id_taken, bad_request ...) if that refuses it for good
    void run() requires policy::runnable_transport<transport_type> {
        if (!core_) start();
        transport_->run();
        if (!core_->fatal().empty()) throw error{core_->fatal_code(), core_->fatal()};
    }
    /// Drains: takes nothing new, gives back what has not begun, finishes what runs, unregisters; then `run` returns. What
    /// has not ended after `grace` goes back unfinished. Safe from any thread, any number of times.
    void stop() noexcept {
        stop_requested_.store(true, std::memory_order_release);
        transport_->wake();
    }

    /// As `stop`, and the handlers that run are asked to stop, too. Safe from any thread.
    void abandon() noexcept {
        abandon_requested_.store(true, std::memory_order_release);
        stop();
    }

    /// Where it listens; empty where runs come over its own connection.
    [[nodiscard]] std::vector<endpoint> const& addresses() const noexcept { return bound_; }
    [[nodiscard]] registry const& tasks() const noexcept { return tasks_; }
    [[nodiscard]] std::string const& id() const noexcept { return options_.worker_id; }
    [[nodiscard]] bool registered() const noexcept { return core_ && core_->registered(); }
    /// The machine, for tests.
    [[nodiscard]] core::worker const& machine() const noexcept { return *core_; }
    [[nodiscard]] executor_type& executor() noexcept { return *executor_; }
    [[nodiscard]] transport_type& transport() noexcept { return *transport_; }
    [[nodiscard]] bool has_stopped() const noexcept { return stopped_; }
    /// After `run`: how many runs it handed back unfinished. Their handlers may still run, and the destructor waits for them.
    [[nodiscard]] std::size_t abandoned() const noexcept { return abandoned_; }

private:
    void check() const {
        if (!is_valid_name(options_.worker_id)) {
            throw error{errc::bad_name, "the worker id '" + options_.worker_id.substr(0, 300) +
                                            "' is not 1 to 255 of A-Z a-z 0-9 . _ : -"};
        }
        if (options_.concurrency < 1 || options_.concurrency > 1024) {
            throw error{errc::bad_option,
                        "the concurrency " + std::to_string(options_.concurrency) + " is not 1 to 1024"};
        }
        if (options_.weight < 1 || options_.weight > 1000) {
            throw error{errc::bad_option,
                        "the weight " + std::to_string(options_.weight) + " is not 1 to 1000"};
        }
    }
    [[nodiscard]] core::worker_options machine_options() const {
        core::worker_options o;
        o.id = options_.worker_id;
        o.seed = options_.seed != 0 ? options_.seed : random_seed();
        o.incarnation =
            options_.seed != 0 ? uuid::make_v7({}, options_.seed, options_.seed * 31) : uuid::make_v4();
        o.concurrency = options_.concurrency;
        o.weight = options_.weight;
        o.window =
            std::clamp<std::uint32_t>(options_.window * options_.concurrency, options_.concurrency, 16'384);
        o.control_plane = options_.control_plane;
        o.discovery = options_.discovery;
        o.management = options_.management;
        for (auto const& task : tasks_) o.tasks.emplace_back(task.name());
        if (options_.seed == 0) {  // what must repeat shows nothing of the machine
            o.host = shell::host_name();
            o.pid = shell::process_id();
        }
        o.version = version_string;
        return o;
    }
    /// Opens the four ports, one a priority.
    void listen(core::worker_options& o) {
        if (!options_.base) return;
        std::array<std::uint16_t, priority_count> ports{};
        for (std::uint32_t i = 0; i < priority_count; ++i) {
            auto const at = options_.base->plus(i);
            if (!at)
                throw error{errc::bad_address,
                            "the ports of " + options_.base->text() + " would go past 65535"};
            endpoint bound;
            if (auto const failed = transport_->listen(*at, i, bound))
                shell::throw_cannot_listen(
                    *at, "the subworker's port for " + std::string{priority_names[i]} + " tasks", failed);
            ports[i] = bound.port;
            bound_.push_back(bound);
        }
        o.ports = ports;
        o.address = bound_.front();
        if (!options_.advertise_host.empty())
            o.address->host = options_.advertise_host;
        else if (o.address->is_wildcard())
            o.address->host = shell::host_name();
    }

    // ---- the transport's events

    void opened(peer_id peer, peer_info const& info) override {
        core_->at(transport_->now());
        core_->opened(peer, info);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) override {
        core_->at(transport_->now());
        core_->message(peer, frames);
    }
    void closed(peer_id peer, std::error_code) override {
        core_->at(transport_->now());
        core_->closed(peer);
    }
    void due() override {}
    void woken() override {
        if (stop_requested_.load(std::memory_order_acquire)) {
            core_->at(transport_->now());
            core_->stop();
            if (!stop_by_) stop_by_ = saturating_add(transport_->now().steady, options_.grace);
            if (abandon_requested_.load(std::memory_order_acquire)) core_->stop_handlers();
        }
    }
    void turn_end() override {
        if (core_) finish_turn();
    }

    void finish_turn() {
        core_->at(transport_->now());
        core_->queued(shell::queued(*transport_, core_->answer_to()));
        collect();
        if (stop_by_ && transport_->now().steady >= *stop_by_) hand_back();
        core_->turn();
        do_actions();  // first: what is looked at below has been handed over
        core_->each_to_look_at([this](std::uint32_t slot) {
            if (executions_[slot]->state.load(std::memory_order_acquire) == policy::job_state::running)
                core_->begun(slot);
        });
        shell::perform(core_->outbox(), ~policy::store_sequence{0}, *transport_, frames_,
                       [this](std::uint32_t tag, peer_id peer) { core_->dialled(tag, peer); });
        if (core_->goes_on()) transport_->wake();
        tell();
        auto const next = std::min(core_->next_deadline(), stop_by_.value_or(instant::max()));
        transport_->arm(next == instant::max() ? std::nullopt : std::optional{next});
        if (core_->finished() || !core_->fatal().empty()) end();
    }
    void hand_back() {
        abandoned_ += core_->hand_back();
        stop_by_ = instant::max();
    }
    void collect() {
        for (auto* job = executor_->finished(); job != nullptr;) {
            auto& done = static_cast<shell::execution&>(*job);
            job = job->next;
            core_->executed(done.slot(), done.result(), done.text());
            done.tidy();
        }
    }
    void do_actions() {
        bool submitted = false;
        core_->swap_actions(actions_);
        for (auto const& action : actions_) {
            switch (action.what) {
                case core::run_action::kind::execute:
                    begin(action.run);
                    submitted = true;
                    break;
                case core::run_action::kind::retract:
                    if (executor_->retract(*executions_[action.run])) core_->retracted(action.run);
                    break;
                case core::run_action::kind::stop:
                    ask_to_stop(*executions_[action.run]);
                    break;
                case core::run_action::kind::end:
                    end_run(*executions_[action.run]);
                    break;
            }
        }
        if (submitted) executor_->kick();
    }
    void ask_to_stop(shell::execution& run) {
        run.ask_to_stop();
        if constexpr (policy::reaches_jobs<executor_type>) executor_->interrupt(run);
    }
    void end_run(shell::execution& run) {
        run.ask_to_stop();
        if constexpr (policy::reaches_jobs<executor_type>) executor_->kill(run);
    }
    void begin(std::uint32_t slot) {
        while (slot >= executions_.size()) executions_.push_back(std::make_unique<shell::execution>());
        auto const& record = core_->run(slot);
        if (latest_ == nullptr || latest_->name() != record.name) latest_ = tasks_.find(record.name);
        executions_[slot]->prepare(slot, record, latest_, tasks_.hooks(), resources_, core_->max_payload());
        executor_->submit(*executions_[slot]);
    }
    /// Tells the observer when it has been registered, or has lost its control plane.
    void tell() {
        if (core_->registered() == was_registered_) return;
        was_registered_ = !was_registered_;
        observer_.on(policy::worker_event{
            options_.worker_id, was_registered_ ? policy::worker_change::joined : policy::worker_change::lost,
            was_registered_ ? "registered with the control plane"
                            : "no connection to the control plane; looking for it"});
    }
    void end() {
        if (stopped_) return;
        stopped_ = true;
        if constexpr (policy::runnable_transport<transport_type>)
            transport_->stop();
        else
            transport_->stop_listening();
    }

    subworker_options options_;
    registry tasks_;
    std::unique_ptr<transport_type> transport_;
    typename Policies::observer_policy observer_;
    typename policy_instances<Policies>::executor_maker make_executor_;
    std::optional<core::worker> core_;
    std::vector<thread_resources> resources_;  // one for each thread of the executor
    bool hooks_started_ = false;
    std::vector<std::unique_ptr<shell::execution>> executions_;
    std::unique_ptr<executor_type> executor_;  // behind what its threads use: it ends first
    task_definition const* latest_ = nullptr;  // that was looked up: the same task often comes again
    std::vector<core::run_action> actions_;
    std::vector<std::string_view> frames_;
    std::vector<endpoint> bound_;
    std::uint32_t window_ = 0;
    std::optional<instant> stop_by_;
    std::size_t abandoned_ = 0;
    std::atomic<bool> stop_requested_{false};
    std::atomic<bool> abandon_requested_{false};
    bool was_registered_ = false;
    bool stopped_ = false;
};

using subworker = basic_subworker<>;

}  // namespace fastqueue

// ---- <fastqueue/transport/inproc.hpp>

// ---- <fastqueue/transport/inproc_hub.hpp>

// ---- <fastqueue/transport/inproc_mailbox.hpp>

namespace fastqueue::transport {

/// Messages one behind another: their octets, and how they are divided.
struct inproc_batch {
    std::string octets;
    std::vector<std::uint32_t> layout;  // of each message: how many frames, then the size of each

    void append(std::span<std::string_view const> frames) {
        layout.push_back(static_cast<std::uint32_t>(frames.size()));
        for (auto const frame : frames) {
            layout.push_back(static_cast<std::uint32_t>(frame.size()));
            octets.append(frame);
        }
    }
    /// Memory in use; `frame_bytes` counts what a frame costs beyond its octets.
    [[nodiscard]] std::size_t bytes() const noexcept { return octets.size() + layout.size() * frame_bytes; }
    [[nodiscard]] bool empty() const noexcept { return layout.empty(); }
    void clear() noexcept {
        octets.clear();
        layout.clear();
    }

    static constexpr std::size_t frame_bytes = sizeof(std::uint32_t);
};

class inproc_mailbox;

/// Two transports that are connected. What is written [end] belongs to that end's thread, but for `queued`.
struct inproc_link {
    std::array<std::shared_ptr<inproc_mailbox>, 2>
        mailbox;                                       // of the dialler and of the acceptor; never change
    std::array<std::atomic<std::size_t>, 2> queued{};  // bytes on their way to that end
    std::array<peer_id, 2> id{};
};

/// What one transport gives another.
struct inproc_parcel {
    enum class content : std::uint8_t { arrival, messages, end };

    content what;
    std::shared_ptr<inproc_link> link;
    std::size_t end = 0;  // that the receiver is
    std::uint32_t tag = 0;
    inproc_batch batch{};
};

/// Where one `inproc` transport is given things by others. Everything from any thread.
class inproc_mailbox {
public:
    /// \return false: the transport is gone
    bool put(inproc_parcel&& parcel) {
        {
            std::lock_guard const lock{mutex_};
            if (closed_) return false;
            parcels_.push_back(std::move(parcel));
            if (parcels_.size() == 1) notify();
        }
        filled_.notify_one();
        return true;
    }
    void wake() {
        {
            std::lock_guard const lock{mutex_};
            if (std::exchange(woken_, true) || closed_) return;
            notify();
        }
        filled_.notify_one();
    }

    /// Takes all that is there.
    /// \param parcels  empty; its memory is used for the next ones
    /// \return whether `wake` was called since the last time
    bool take(std::vector<inproc_parcel>& parcels) {
        std::lock_guard const lock{mutex_};
        parcels_.swap(parcels);
        return std::exchange(woken_, false);
    }
    /// Returns when there is something, or at `until`.
    void wait(std::optional<instant> until) {
        std::unique_lock lock{mutex_};
        auto const filled = [this] { return woken_ || !parcels_.empty(); };
        if (until && *until != instant::max()) {
            filled_.wait_until(lock, *until, filled);
        } else {
            filled_.wait(lock, filled);
        }
    }
    /// Nothing more is taken; gives what is still there.
    [[nodiscard]] std::vector<inproc_parcel> close() noexcept {
        std::lock_guard const lock{mutex_};
        closed_ = true;
        on_filled_ = nullptr;
        return std::exchange(parcels_, {});
    }
    /// \param on_filled  called by whoever puts the first thing in; must not call the transport
    void set_wake(std::function<void()> on_filled) {
        std::lock_guard const lock{mutex_};
        on_filled_ = std::move(on_filled);
        if (woken_ || !parcels_.empty()) notify();
    }

private:
    // Under the lock, so that nobody is called any more once the transport is gone.
    void notify() const {
        if (on_filled_) on_filled_();
    }

    std::mutex mutex_;
    std::condition_variable filled_;
    std::vector<inproc_parcel> parcels_;
    std::function<void()> on_filled_;
    bool woken_ = false;
    bool closed_ = false;
};

}  // namespace fastqueue::transport

namespace fastqueue::transport {

/// The place where `inproc` transports of one process find each other. Addresses are texts here: a dial finds
/// a listener only under exactly the endpoint that it listens on. All calls from any thread; it must outlive
/// the transports, which share it.
class inproc_hub {
public:
    struct door {
        std::shared_ptr<inproc_mailbox> mailbox;
        std::uint32_t tag = 0;
    };

    /// \param[out] bound  `where`; a port of 0 becomes one that is free here
    /// \return success or `std::errc::address_in_use`
    [[nodiscard]] std::error_code listen(endpoint const& where, door const& d, endpoint& bound) {
        std::lock_guard const lock{mutex_};
        auto at = where;
        while (at.port == 0 || (where.port == 0 && doors_.contains(at.text()))) at.port = ++last_port_;
        if (!doors_.try_emplace(at.text(), d).second) {
            return std::make_error_code(std::errc::address_in_use);
        }
        bound = std::move(at);
        return {};
    }
    void stop_listening(inproc_mailbox const* mailbox) noexcept {
        std::lock_guard const lock{mutex_};
        std::erase_if(doors_, [&](auto const& item) { return item.second.mailbox.get() == mailbox; });
    }
    [[nodiscard]] std::optional<door> find(endpoint const& where) const {
        std::lock_guard const lock{mutex_};
        auto const found = doors_.find(where.text());
        return found == doors_.end() ? std::nullopt : std::optional{found->second};
    }

    /// Buffers that have been used before keep their memory.
    [[nodiscard]] inproc_batch take_batch() {
        std::lock_guard const lock{mutex_};
        if (spare_.empty()) return {};
        auto batch = std::move(spare_.back());
        spare_.pop_back();
        return batch;
    }
    void give_back(inproc_batch&& batch) {
        if (batch.octets.capacity() > largest_spare_bytes) return;
        batch.clear();
        std::lock_guard const lock{mutex_};
        if (spare_.size() < most_spares) spare_.push_back(std::move(batch));
    }

private:
    static constexpr std::size_t largest_spare_bytes = 1U << 20U;
    static constexpr std::size_t most_spares = 32;

    mutable std::mutex mutex_;
    std::map<std::string, door> doors_;
    std::vector<inproc_batch> spare_;
    std::uint16_t last_port_ = 0;
};

}  // namespace fastqueue::transport

namespace fastqueue::transport {

/// Messages between the threads of one process: no sockets, no encoding, one copy. Either a thread is lent to
/// it (`run`), or it is turned by an owner with another loop: `poll` when `set_wake`'s function was called or
/// `next_deadline` has come, and `flush` after sending from outside a turn.
///
/// Threads: one at a time, `wake` excepted. When it goes, its peers see `errc::connection_lost`.
class inproc {
public:
    /// \param hub     where others are found
    /// \param limits  of messages and of what may wait for a peer, as in the other transports
    explicit inproc(std::shared_ptr<inproc_hub> hub, zmtp::limits limits = {})
        : hub_{std::move(hub)}, limits_{limits} {}
    inproc(inproc const&) = delete;
    inproc& operator=(inproc const&) = delete;
    ~inproc() {
        hub_->stop_listening(mailbox_.get());
        auto const unread = mailbox_->close();
        peers_.for_each([](peer& p) { tell_end(p); });
        for (auto const& parcel : unread) {
            if (parcel.what == inproc_parcel::content::arrival) put_end(parcel.link, 0);
        }
    }

    void attach(policy::transport_sink& sink) noexcept { sink_ = &sink; }

    /// \return success, `errc::stopped`, or `std::errc::address_in_use`
    [[nodiscard]] std::error_code listen(endpoint const& where, std::uint32_t tag, endpoint& bound) {
        if (stopping_) return errc::stopped;
        return hub_->listen(where, {mailbox_, tag}, bound);
    }
    void stop_listening() noexcept { hub_->stop_listening(mailbox_.get()); }

    [[nodiscard]] peer_id dial(endpoint const& where, std::uint32_t tag) {
        auto const id = peers_.emplace();
        auto& p = *peers_.find(id);
        p.id = id;
        p.tag = tag;
        reserve();
        auto const door = stopping_ ? std::nullopt : hub_->find(where);
        if (door) {
            p.link = std::make_shared<inproc_link>();
            p.link->mailbox = {mailbox_, door->mailbox};
            p.link->id[0] = id;
            if (door->mailbox->put({inproc_parcel::content::arrival, p.link, 1, door->tag})) {
                opening_.push_back(id);
                return id;
            }
            p.link.reset();
        }
        lose_later(p, errc::refused);
        return id;
    }

    [[nodiscard]] std::error_code send(peer_id to, std::span<std::string_view const> frames) {
        auto* const p = peers_.find(to);
        if (p == nullptr || p->stage != phase::ready) return errc::no_such_peer;
        std::uint64_t octets = 0;
        for (auto const frame : frames) {
            octets += frame.size();
            if (frame.size() > limits_.frame_bytes) return errc::message_too_large;
        }
        if (frames.empty() || frames.size() > limits_.message_frames || octets > limits_.message_bytes) {
            return errc::message_too_large;
        }
        auto const cost = octets + (frames.size() + 1) * inproc_batch::frame_bytes;
        if (p->link->queued[1 - p->end].load(std::memory_order_relaxed) + cost > limits_.send_queue_bytes) {
            tell_end(*p);
            lose_later(*p, errc::send_queue_full);
            return errc::send_queue_full;
        }
        p->link->queued[1 - p->end].fetch_add(cost, std::memory_order_relaxed);
        if (p->batch.empty()) p->batch = hub_->take_batch();
        p->batch.append(frames);
        touch(*p);
        return {};
    }

    [[nodiscard]] std::uint64_t queued(peer_id to) const noexcept {
        auto const* const p = peers_.find(to);
        return p == nullptr || !p->link ? 0 : p->link->queued[1 - p->end].load(std::memory_order_relaxed);
    }

    void close(peer_id which) noexcept {
        auto* const p = peers_.find(which);
        if (p == nullptr || p->stage == phase::gone) return;
        hand_over(*p);
        tell_end(*p);
        p->stage = phase::gone;
        touch(*p);
    }

    void arm(std::optional<instant> deadline) noexcept { armed_ = deadline; }
    [[nodiscard]] clock_reading now() const noexcept { return clock_.now(); }
    void wake() noexcept { mailbox_->wake(); }

    /// Turns until `stop`.
    void run() {
        while (turn()) {}
    }
    /// Waits until there is something to do, and does it.
    /// \return false: it was stopped
    bool turn() {
        flush();  // what was sent outside a turn
        if (!stopping_ && !busy()) mailbox_->wait(armed_);
        return poll();
    }
    /// Does what is there, without waiting.
    /// \return false: it was stopped
    bool poll() {
        if (!stopping_) do_turn();
        return !stopping_;
    }
    /// From within a turn: what is queued is handed over, all peers are closed, `run` returns.
    void stop() noexcept {
        stopping_ = true;
        stop_listening();
        armed_.reset();
        peers_.for_each([this](peer& p) { close(p.id); });
    }

    /// Hands over what was sent outside a turn.
    void flush() {
        for (auto const id : touched_) {
            auto& p = *peers_.find(id);
            p.touched = false;
            hand_over(p);
            if (p.stage == phase::gone) peers_.erase(id);
        }
        touched_.clear();
    }
    /// When `poll` next has something to do, though nobody calls `set_wake`'s function.
    [[nodiscard]] std::optional<instant> next_deadline() const noexcept {
        return busy() ? std::optional{now().steady} : armed_;
    }
    /// \param on_filled  called, from any thread, when there is something after there was nothing; it must
    ///                   only wake the owner's loop, and call nothing of this object
    void set_wake(std::function<void()> on_filled) { mailbox_->set_wake(std::move(on_filled)); }

private:
    enum class phase : std::uint8_t { dialling, ready, lost, gone };

    struct peer {
        std::shared_ptr<inproc_link> link;  // none: the dial was refused
        std::size_t end = 0;                // of the link, that we are
        inproc_batch batch;                 // what leaves at the end of the turn
        std::error_code reason;             // why it is lost
        peer_id id{};
        std::uint32_t tag = 0;
        phase stage = phase::dialling;
        bool touched = false;
    };

    // Something is still to be told that nobody puts into the mailbox.
    [[nodiscard]] bool busy() const noexcept { return !lost_.empty() || !opening_.empty(); }

    void do_turn() {
        clock_.begin_turn();
        bool const woken = mailbox_->take(parcels_);
        for (auto const id : std::exchange(opening_, {})) {
            if (auto* const p = peers_.find(id); p != nullptr && p->stage == phase::dialling) open(*p);
        }
        tell_lost();
        for (auto& parcel : parcels_) unpack(parcel);
        parcels_.clear();
        if (armed_ && *armed_ <= now().steady) {
            armed_.reset();
            sink_->due();
        }
        if (woken && !stopping_) sink_->woken();
        if (!stopping_) sink_->turn_end();
        flush();
        clock_.end_turn();
    }

    void open(peer& p) {
        p.stage = phase::ready;
        sink_->opened(p.id, {.tag = p.tag,
                             .accepted = p.end == 1,
                             .one_at_a_time = false,
                             .same_process = true,
                             .address = "127.0.0.1"});
    }

    void tell_lost() {
        for (auto const id : std::exchange(lost_, {})) {
            auto* const p = peers_.find(id);
            if (p == nullptr || p->stage != phase::lost) continue;
            p->stage = phase::gone;
            touch(*p);
            sink_->closed(id, p->reason);
        }
    }

    void unpack(inproc_parcel& parcel) {
        if (parcel.what == inproc_parcel::content::arrival) return welcome(parcel);
        auto const id = parcel.link->id[parcel.end];
        if (parcel.what == inproc_parcel::content::messages) {
            deliver(id, parcel.batch);
            auto const before =
                parcel.link->queued[parcel.end].fetch_sub(parcel.batch.bytes(), std::memory_order_relaxed);
            if (before > policy::much_queued) parcel.link->mailbox[1 - parcel.end]->wake();
            return hub_->give_back(std::move(parcel.batch));
        }
        auto* const p = peers_.find(id);
        if (p == nullptr || (p->stage != phase::ready && p->stage != phase::dialling)) return;
        p->stage = phase::gone;
        touch(*p);
        sink_->closed(id, errc::connection_lost);
    }

    void welcome(inproc_parcel& parcel) {
        if (stopping_) return put_end(parcel.link, 0);
        auto const id = peers_.emplace();
        auto& p = *peers_.find(id);
        p.id = id;
        p.tag = parcel.tag;
        p.end = 1;
        p.link = std::move(parcel.link);
        p.link->id[1] = id;
        reserve();
        open(p);
    }

    void deliver(peer_id from, inproc_batch const& batch) {
        std::string_view octets = batch.octets;
        for (std::size_t at = 0; at < batch.layout.size();) {
            // The sink may have closed it in the message before.
            auto const* const p = peers_.find(from);
            if (p == nullptr || p->stage != phase::ready) return;
            frames_.clear();
            for (auto left = batch.layout[at++]; left > 0; --left) {
                frames_.push_back(octets.substr(0, batch.layout[at]));
                octets.remove_prefix(batch.layout[at++]);
            }
            sink_->message(from, frames_);
        }
    }

    void hand_over(peer& p) {
        if (p.batch.empty()) return;
        p.link->mailbox[1 - p.end]->put(
            {inproc_parcel::content::messages, p.link, 1 - p.end, 0, std::exchange(p.batch, {})});
    }

    static void put_end(std::shared_ptr<inproc_link> const& link, std::size_t end) {
        link->mailbox[end]->put({inproc_parcel::content::end, link, end});
    }
    static void tell_end(peer const& p) {
        if (p.link && p.stage != phase::lost && p.stage != phase::gone) put_end(p.link, 1 - p.end);
    }

    void lose_later(peer& p, std::error_code why) {
        p.stage = phase::lost;
        p.reason = why;
        p.batch = {};
        lost_.push_back(p.id);
    }

    void touch(peer& p) noexcept {
        if (!std::exchange(p.touched, true)) touched_.push_back(p.id);  // has room: see reserve
    }
    void reserve() {
        if (touched_.capacity() < peers_.size()) touched_.reserve(2 * peers_.size());
    }

    std::shared_ptr<inproc_hub> hub_;
    zmtp::limits limits_;
    std::shared_ptr<inproc_mailbox> mailbox_ = std::make_shared<inproc_mailbox>();
    policy::transport_sink* sink_ = nullptr;
    turn_clock clock_;
    peer_table<peer> peers_;
    std::vector<inproc_parcel> parcels_;
    std::vector<std::string_view> frames_;
    std::vector<peer_id> touched_;
    std::vector<peer_id> opening_;
    std::vector<peer_id> lost_;
    std::optional<instant> armed_;
    bool stopping_ = false;
};

static_assert(policy::runnable_transport<inproc>);
static_assert(policy::tells_queue<inproc>);

}  // namespace fastqueue::transport

namespace fastqueue::shell {

/// How many runs a thread may be sent at once, where nothing speaks against it.
inline constexpr std::uint32_t usual_window = 512;

/// The worker inside a control plane's process: an ordinary subworker, with a thread of its own, over `inproc`. It gets
/// work only while nobody else can do it. One thread at a time.
template <class Policies>
class local_worker {
public:
    struct policies : Policies {
        using transport_policy = transport::inproc;
    };

    using executor_maker = typename policy_instances<policies>::executor_maker;

    /// \param door    where the control plane listens in `hub`
    /// \param window  runs a thread; 1: nothing is sent ahead, so that what dies with the process has begun
    /// \param executor  makes it; empty: it is made as the policy's type can be
    local_worker(std::shared_ptr<transport::inproc_hub> hub, endpoint door, std::string id, registry tasks,
                 std::uint32_t concurrency, std::uint32_t window, std::chrono::microseconds spin,
                 std::uint64_t seed, executor_maker executor)
        : worker_{options(std::move(door), std::move(id), concurrency, window, spin, seed), std::move(tasks),
                  instances(std::move(hub), std::move(executor))} {}
    ~local_worker() {
        worker_.abandon();
        if (thread_.joinable()) thread_.join();
    }
    local_worker(local_worker const&) = delete;
    local_worker& operator=(local_worker const&) = delete;

    /// \throws what making an executor throws
    void start() {
        worker_.start();
        thread_ = std::thread{[this] { worker_.run(); }};
    }
    /// It ends at once; handlers that run are asked to stop, and the destructor waits for them.
    void abandon() noexcept { worker_.abandon(); }

private:
    static subworker_options options(endpoint door, std::string id, std::uint32_t concurrency,
                                     std::uint32_t window, std::chrono::microseconds spin,
                                     std::uint64_t seed) {
        subworker_options o;
        o.window = window;
        o.worker_id = std::move(id);
        o.management = std::move(door);
        o.base.reset();
        o.discovery.reset();
        o.concurrency = concurrency;
        o.grace = {};
        o.spin = spin;
        o.seed = seed;
        return o;
    }
    static policy_instances<policies> instances(std::shared_ptr<transport::inproc_hub> hub,
                                                executor_maker executor) {
        policy_instances<policies> made;
        made.executor = std::move(executor);
        made.transport = std::make_unique<transport::inproc>(std::move(hub));
        return made;
    }

    basic_subworker<policies> worker_;
    std::thread thread_;
};

}  // namespace fastqueue::shell

namespace fastqueue {

/// How a control plane is set up. The defaults are the worker guide's.
struct control_plane_options {
    std::string id = "control-plane";
    endpoint base{"127.0.0.1", 5555};  ///< base ... base + 3 take tasks, base + 4 serves results
    endpoint discovery{"127.0.0.1", 5550};
    /// The management port, on the host of `base`; none: 5560, or a free one where the base's port is 0.
    std::optional<std::uint16_t> subworker_port;
    std::string advertise_host;  ///< under which others reach a wildcard base
    std::uint32_t result_cache_size = 10'000;
    std::chrono::seconds result_cache_ttl{3600};
    std::uint64_t result_cache_bytes = 256ULL << 20U;
    std::chrono::milliseconds heartbeat{5'000};        ///< how often workers are to speak
    std::chrono::milliseconds worker_timeout{30'000};  ///< silent for so long: inactive
    std::chrono::milliseconds worker_grace{1'000};     ///< after a broken connection
    std::chrono::milliseconds shutdown_grace{30'000};  ///< how long `stop` waits for what runs
    std::uint32_t max_deaths = 3;
    std::uint32_t id_ledger_size = 1'000'000;   ///< ids of ended tasks that are remembered
    std::uint32_t max_dead_letters = 10'000;    ///< tasks that failed and are kept to be looked at; 0: none
    std::chrono::milliseconds reunion{10'000};  ///< after a restart workers may say in it what they still run
    std::uint64_t waiting_bytes = 256ULL
                                  << 20U;  ///< of arguments in memory, where the store has them as well
    core::unknown_tasks unknown_tasks = core::unknown_tasks::automatic;
    bool local = true;  ///< tasks of its own registry are run here while nobody else can
    std::uint32_t local_concurrency = 1;
    std::vector<std::string> worker_allow;
    std::chrono::microseconds spin = policy::usual_spin;  ///< how long it looks for work before it sleeps
    fastqueue::limits limits;
    std::uint64_t seed = 0;  ///< 0: random
};

/// The coordinator: takes tasks from clients and gives them to workers. A thin shell around `core::plane`, a transport and
/// a store.
///
/// Threads: construct, `start` and `run` on one thread, or one after the other; `stop` is safe from any. Several live in one
/// process. After `fork` the child must not touch it.
template <class Policies = default_policies>
class basic_control_plane : private detail::checked<Policies>, private policy::transport_sink {
public:
    using transport_type = typename Policies::transport_policy;

    /// \param tasks  what it can run itself; may be empty
    /// \throws error (bad_name, bad_address) for an option that can't be
    explicit basic_control_plane(control_plane_options options, registry tasks = {},
                                 policy_instances<Policies> instances = {})
        : options_{std::move(options)},
          tasks_{std::move(tasks)},
          transport_{detail::given_or_made(std::move(instances.transport))},
          store_{detail::given_or_made(std::move(instances.store))},
          observer_{std::move(instances.observer)},
          make_local_executor_{std::move(instances.executor)},
          core_{machine_options(), *store_, observer_} {
        transport_->attach(*this);
        if constexpr (requires { transport_->spin(options_.spin); }) transport_->spin(options_.spin);
        store_->attach([this] { transport_->wake(); });
    }

    /// Opens all ports. Nothing is served before it returns, and nothing stays open where it throws.
    /// \throws error (address_in_use ...) naming the port; store_failed: what was kept cannot be read
    void start() {
        core_.at(transport_->now());
        if (!std::exchange(restored_, true)) core_.restore();  // a second try, on other ports, finds it done
        listen();
        if (options_.local && !tasks_.empty()) start_local();
        started_ = true;
        finish_turn();
    }
    /// Serves until it has stopped. Calls `start` if that was not done.
    /// \throws error (store_failed): it had to stop, since nothing could be stored any more
    void run() requires policy::runnable_transport<transport_type> {
        if (!started_) start();
        transport_->run();
        if (!core_.failure().empty()) throw error{errc::store_failed, core_.failure()};
    }
    /// Takes nothing new, lets what runs finish (at most `shutdown_grace`), closes all; then `run` returns. Safe from any
    /// thread, any number of times.
    void stop() noexcept {
        stop_requested_.store(true, std::memory_order_release);
        transport_->wake();
    }

    struct addresses {
        std::array<endpoint, priority_count> tasks;
        endpoint results;
        endpoint management;
        endpoint discovery;
    };
    /// Where it listens; valid after `start`.
    [[nodiscard]] addresses const& listens() const noexcept { return bound_; }
    [[nodiscard]] registry const& tasks() const noexcept { return tasks_; }
    /// The machine, for tests.
    [[nodiscard]] core::plane<Policies> const& machine() const noexcept { return core_; }
    [[nodiscard]] bool has_stopped() const noexcept { return stopped_; }
    /// After `run`: how many runs had not ended when `shutdown_grace` was over. Handlers of its own may still run, and the
    /// destructor waits for them.
    [[nodiscard]] std::size_t unfinished() const noexcept { return unfinished_; }

private:
    static constexpr std::uint64_t local_mark = 1ULL
                                                << 63U;  // tells a peer of `inproc` from one of the transport

    /// What `inproc` tells, passed on under names of its own.
    struct local_door final : policy::transport_sink {
        explicit local_door(basic_control_plane& owner) : owner_{owner} {}
        void opened(peer_id peer, peer_info const& info) override { owner_.opened(mark(peer), info); }
        void message(peer_id peer, std::span<std::string_view const> frames) override {
            owner_.message(mark(peer), frames);
        }
        void closed(peer_id peer, std::error_code why) override { owner_.closed(mark(peer), why); }
        void due() override {}
        void woken() override {}
        void turn_end() override {}
        static peer_id mark(peer_id peer) noexcept {
            return static_cast<peer_id>(static_cast<std::uint64_t>(peer) | local_mark);
        }

    private:
        basic_control_plane& owner_;
    };
    /// Sends to either, by the name's mark.
    struct either_transport {
        basic_control_plane& owner;
        std::error_code send(peer_id peer, std::span<std::string_view const> frames) {
            return is_local(peer) ? owner.inproc_->send(plain(peer), frames)
                                  : owner.transport_->send(peer, frames);
        }
        peer_id dial(endpoint const& to, std::uint32_t tag) { return owner.transport_->dial(to, tag); }
        void close(peer_id peer) {
            is_local(peer) ? owner.inproc_->close(plain(peer)) : owner.transport_->close(peer);
        }
        [[nodiscard]] std::uint64_t queued(peer_id peer) const noexcept {
            return is_local(peer) ? owner.inproc_->queued(plain(peer))
                                  : shell::queued(*owner.transport_, peer);
        }
        static bool is_local(peer_id peer) noexcept {
            return (static_cast<std::uint64_t>(peer) & local_mark) != 0;
        }
        static peer_id plain(peer_id peer) noexcept {
            return static_cast<peer_id>(static_cast<std::uint64_t>(peer) & ~local_mark);
        }
    };

    [[nodiscard]] core::plane_options machine_options() const {
        if (!is_valid_name(options_.id))
            throw error{errc::bad_name,
                        "the id '" + options_.id.substr(0, 300) + "' is not 1 to 255 of A-Z a-z 0-9 . _ : -"};
        core::plane_options o;
        o.id = options_.id;
        o.result_cache_size = options_.result_cache_size;
        o.result_cache_octets = options_.result_cache_bytes;
        o.result_cache_ttl = options_.result_cache_ttl;
        o.heartbeat = options_.heartbeat;
        o.inactive = options_.worker_timeout;
        o.grace = options_.worker_grace;
        o.max_deaths = options_.max_deaths;
        o.id_ledger_size = options_.id_ledger_size;
        o.max_dead_letters = options_.max_dead_letters;
        o.reunion = options_.reunion;
        o.waiting_octets = options_.waiting_bytes;
        o.unknown_names = options_.unknown_tasks;
        o.has_local_worker = options_.local && !tasks_.empty();
        o.worker_allow = options_.worker_allow;
        o.limits = options_.limits;
        o.seed = options_.seed != 0 ? options_.seed : random_seed();
        o.version = version_string;
        return o;
    }
    void listen() {
        using core::port_role;
        for (std::uint32_t i = 0; i < priority_count; ++i) {
            open(above_base(i), static_cast<port_role>(i), std::string{priority_names[i]} + " tasks",
                 bound_.tasks[i]);
        }
        open(above_base(4), port_role::results, "results", bound_.results);
        constexpr std::uint16_t usual = 5560;
        auto const port =
            options_.subworker_port.value_or(options_.base.port == 0 ? std::uint16_t{0} : usual);
        open({options_.base.host, port}, port_role::management, "management", bound_.management);
        open(options_.discovery, port_role::discovery, "discovery", bound_.discovery);
        auto& o = core_.options();
        o.base = advertised(bound_.tasks[0]);
        o.results = advertised(bound_.results);
        o.management = advertised(bound_.management);
        o.task_ports = {bound_.tasks[0].port, bound_.tasks[1].port, bound_.tasks[2].port,
                        bound_.tasks[3].port};
    }
    [[nodiscard]] endpoint above_base(std::uint32_t offset) const {
        auto const at = options_.base.plus(offset);
        if (!at)
            throw error{errc::bad_address, "the ports of " + options_.base.text() + " would go past 65535"};
        return *at;
    }
    void open(endpoint const& at, core::port_role role, std::string const& what, endpoint& bound) {
        auto const failed = transport_->listen(at, static_cast<std::uint32_t>(role), bound);
        if (!failed) return;
        transport_->stop_listening();
        shell::throw_cannot_listen(at, "the control plane's port for " + what, failed);
    }
    [[nodiscard]] std::string advertised(endpoint at) const {
        if (!options_.advertise_host.empty())
            at.host = options_.advertise_host;
        else if (at.is_wildcard())
            at.host = shell::host_name();
        return at.text();
    }
    void start_local() {
        auto hub = std::make_shared<transport::inproc_hub>();
        inproc_ = std::make_unique<transport::inproc>(hub);
        inproc_->attach(door_);
        inproc_->set_wake([this] { transport_->wake(); });
        endpoint bound;
        static_cast<void>(inproc_->listen(bound_.management,
                                          static_cast<std::uint32_t>(core::port_role::management), bound));
        local_ = std::make_unique<shell::local_worker<Policies>>(
            std::move(hub), bound, options_.id + ".local", tasks_, options_.local_concurrency,
            core_.state().keeps() ? 1U : shell::usual_window, options_.spin, options_.seed,
            make_local_executor_);
        local_->start();
    }

    // ---- the transport's events

    void opened(peer_id peer, peer_info const& info) override {
        core_.at(transport_->now());
        core_.opened(peer, info);
    }
    void message(peer_id peer, std::span<std::string_view const> frames) override {
        core_.at(transport_->now());
        core_.message(peer, frames);
        if (core_.has_much_to_send()) send();
    }
    void closed(peer_id peer, std::error_code why) override {
        core_.at(transport_->now());
        core_.closed(peer, why);
    }
    void due() override {}
    void woken() override {
        if (!stop_requested_.load(std::memory_order_acquire) || stop_by_) return;
        core_.at(transport_->now());
        core_.stop();
        stop_by_ = saturating_add(transport_->now().steady, options_.shutdown_grace);
    }
    void turn_end() override {
        if (started_) finish_turn();
    }

    void finish_turn() {
        if (inproc_) inproc_->poll();
        core_.at(transport_->now());
        core_.turn();
        bool const over = stop_by_ && transport_->now().steady >= *stop_by_;
        bool const done = over || (stop_by_ && core_.idle());
        if (done) unfinished_ = core_.outstanding();
        if (done) core_.farewell();
        store_->flush(core_.outbox().awaited());
        store_->poll(news_);
        core_.committed(news_);
        send();
        if (inproc_) inproc_->flush();
        if (core_.sent([this](peer_id peer) { return either_transport{*this}.queued(peer); }))
            transport_->wake();
        // What is still to be committed is waited for, as long as there is time.
        if (over || !core_.failure().empty() || (done && !core_.outbox().holds())) return end();
        arm();
    }
    void send() {
        either_transport net{*this};
        shell::perform(core_.outbox(), core_.committed_up_to(), net, frames_,
                       [this](std::uint32_t tag, peer_id peer) { core_.dialled(tag, peer); });
    }
    void arm() {
        auto next = core_.next_deadline();
        if (stop_by_) next = std::min(next, *stop_by_);
        if (inproc_) next = std::min(next, inproc_->next_deadline().value_or(instant::max()));
        transport_->arm(next == instant::max() ? std::nullopt : std::optional{next});
    }
    void end() {
        if (stopped_) return;
        stopped_ = true;
        if (inproc_) inproc_->stop();
        if (local_) local_->abandon();  // and is joined by the destructor: a handler may take its time
        if constexpr (policy::runnable_transport<transport_type>)
            transport_->stop();
        else
            transport_->stop_listening();
    }

    control_plane_options options_;
    registry tasks_;
    std::unique_ptr<transport_type> transport_;
    std::unique_ptr<typename Policies::store_policy> store_;
    typename Policies::observer_policy observer_;
    typename policy_instances<Policies>::executor_maker make_local_executor_;
    core::plane<Policies> core_;
    local_door door_{*this};
    std::unique_ptr<transport::inproc> inproc_;
    std::unique_ptr<shell::local_worker<Policies>> local_;  // behind what its thread uses
    policy::store_news news_;
    std::vector<std::string_view> frames_;
    addresses bound_;
    std::optional<instant> stop_by_;
    std::atomic<bool> stop_requested_{false};
    std::size_t unfinished_ = 0;
    bool restored_ = false;
    bool started_ = false;
    bool stopped_ = false;
};

using control_plane = basic_control_plane<>;

}  // namespace fastqueue

// ---- <fastqueue/embedded.hpp>

namespace fastqueue {

/// How a queue within a process is set up. The defaults are the control plane's and the client's.
struct embedded_options {
    std::uint32_t concurrency = 1;                     ///< handlers that run at once, 1 to 1024
    std::chrono::milliseconds timeout{30'000};         ///< for each operation, from its begin to its answer
    std::chrono::milliseconds shutdown_grace{30'000};  ///< how long the destructor waits for what runs
    std::uint32_t max_deaths = 3;  ///< a task under which the process died so often is not run again
    std::uint32_t max_dead_letters = 10'000;  ///< tasks that failed and are kept to be looked at; 0: none
    std::uint32_t result_cache_size = 10'000;
    std::chrono::seconds result_cache_ttl{3600};
    std::uint64_t result_cache_bytes = 256ULL << 20U;
    std::uint64_t waiting_bytes = 256ULL
                                  << 20U;  ///< of arguments in memory, where the store has them as well
    fastqueue::limits limits = {};
    /// Sees each task before it is handed over; see client_options.
    std::function<void(outgoing_task&)> before_call = {};
};

/// A bundle's choices for roles that live in one process.
template <class Policies>
struct embedded_policies : Policies {
    using transport_policy = transport::inproc;
};

/// A queue within one process: a client whose control plane, with its worker, is in the same process and reached without
/// sockets. These are the roles that a network of machines has, with the same leases and retries, and it is used as any
/// client is. With a durable store what was accepted survives the process:
///
///     struct durable : fq::default_policies { using store_policy = fq::store::sqlite; };
///     fq::basic_embedded<durable> queue{tasks(), {}, std::make_unique<fq::store::sqlite>("queue.db")};
///     auto const id = queue.delay(tasks::add(5, 3));  // returns when it is on the disk
///
/// From one process to a network: write `fq::client queue{{.discovery = {"10.0.0.1", 5550}}};` in place of that line, and
/// let the registry be run by a control plane or subworkers. What stands below it stays, also where it is written for any
/// client: `template <class Client> void use(Client& queue)`.
///
/// Its end takes nothing new, waits for the handlers that run, and leaves the rest in the store. A handler that ignores its
/// stop signal is waited for beyond `shutdown_grace`, though its result is not kept.
///
/// Handlers may hand tasks over (`delay`). One that waits for another task (`call`, `wait`) keeps a thread busy meanwhile:
/// with a concurrency of 1 it waits in vain.
///
/// Threads: all members may be called from any thread at once. After `fork` the child must not touch it.
template <class Policies = default_policies>
class basic_embedded : public basic_client<embedded_policies<Policies>> {
    using policies = embedded_policies<Policies>;
    using base = basic_client<policies>;
    using hub_pointer = std::shared_ptr<transport::inproc_hub>;

public:
    using store_type = typename Policies::store_policy;

    /// \param tasks  what it can run
    /// \param store  where tasks survive; none: one that is made with the default constructor
    /// \throws error (bad_option) for an option that can't be; what a store throws whose contents cannot be read
    explicit basic_embedded(registry tasks, embedded_options options = {},
                            std::unique_ptr<store_type> store = {})
        : basic_embedded{std::make_shared<transport::inproc_hub>(), std::move(tasks), std::move(options),
                         std::move(store)} {
        // What its worker cannot run is refused; before that is there, what it can would be refused as well.
        while (!plane_.tasks().empty() && !worker_is_there() && failure().empty())
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    ~basic_embedded() {
        plane_.stop();
        thread_.join();
    }  // then the control plane goes, and with it handlers that took their time; the client they may use goes last

    /// Why nothing is accepted any more; empty while all is well. From then on each operation fails with `store_failed` and
    /// this text. The cure is to end this object, to mend what it says, and to make another: what was accepted is in the
    /// store.
    [[nodiscard]] std::string failure() const {
        std::scoped_lock const lock{mutex_};
        return failure_;
    }

private:
    basic_embedded(hub_pointer const& hub, registry tasks, embedded_options const& options,
                   std::unique_ptr<store_type> store)
        : base{client_side(options), with_transport(hub)},
          plane_{plane_side(options), std::move(tasks), with_transport(hub, std::move(store))} {
        plane_.start();
        thread_ = std::thread{[this] { serve(); }};
    }

    static client_options client_side(embedded_options const& options) {
        client_options o;
        o.timeout = options.timeout;
        o.before_call = options.before_call;
        return o;
    }
    static control_plane_options plane_side(embedded_options const& options) {
        if (options.concurrency < 1 || options.concurrency > 1024) {
            throw error{errc::bad_option,
                        "the concurrency " + std::to_string(options.concurrency) + " is not 1 to 1024"};
        }
        control_plane_options o;
        o.local_concurrency = options.concurrency;
        o.shutdown_grace = options.shutdown_grace;
        o.max_deaths = options.max_deaths;
        o.max_dead_letters = options.max_dead_letters;
        o.result_cache_size = options.result_cache_size;
        o.result_cache_ttl = options.result_cache_ttl;
        o.result_cache_bytes = options.result_cache_bytes;
        o.waiting_bytes = options.waiting_bytes;
        o.limits = options.limits;
        o.reunion = {};                                 // nobody outside can still run anything,
        o.unknown_tasks = core::unknown_tasks::refuse;  // and nobody will come who knows another task
        return o;
    }
    static policy_instances<policies> with_transport(hub_pointer const& hub,
                                                     std::unique_ptr<store_type> store = {}) {
        policy_instances<policies> made;
        made.transport = std::make_unique<transport::inproc>(hub);
        made.store = std::move(store);
        return made;
    }

    [[nodiscard]] bool worker_is_there() {
        return this->document("workers").find("\"active\"") != std::string::npos;
    }
    /// What the control plane's thread does. A failure there is told to who waits here, and ends nothing else.
    void serve() {
        try {
            plane_.run();
            this->driver().stop(make_error_code(errc::stopped), "the queue has been ended");
        } catch (error const& e) {
            fail(e.code(), e.text());
        } catch (std::exception const& e) {
            fail(make_error_code(errc::stopped), e.what());
        }
    }
    void fail(std::error_code why, std::string const& text) {
        {
            std::scoped_lock const lock{mutex_};
            failure_ = text;
        }
        this->driver().stop(why, text);
    }

    mutable std::mutex mutex_;
    std::string failure_;
    basic_control_plane<policies> plane_;
    std::thread thread_;
};

using embedded = basic_embedded<>;

}  // namespace fastqueue

// ---- <fastqueue/eviction/fifo.hpp>

namespace fastqueue::eviction {

/// Evicts the slot that came first; only arrival counts. Keeps every result for about the same time, whoever
/// looks at it: for callers who must be able to count on how long that is. O(1) a call, 8 octets a slot, no
/// allocation after construction.
class fifo {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit fifo(policy::slot capacity) : ring_{capacity} {}

    void inserted(policy::slot s, std::uint64_t) noexcept { ring_.push_front(s); }
    void used(policy::slot) noexcept {}
    void erased(policy::slot s) noexcept { ring_.unlink(s); }
    [[nodiscard]] policy::slot victim() const noexcept { return ring_.back(); }

private:
    detail::slot_ring ring_;  // newest first
};

static_assert(policy::eviction<fifo>);

}  // namespace fastqueue::eviction

// ---- <fastqueue/eviction/lfu.hpp>

namespace fastqueue::eviction {

/// Evicts the slot that was used least; among equals, the one whose last use is oldest. For a few results
/// that many ask for again and again, beside many that are asked for once: a flood of new ones can't wash out
/// the old.
///
/// It ages: a newcomer starts at the count of the last victim, not at zero, so that what was popular once and
/// is not any more goes in the end. O(log n) a call, 28 octets a slot, no allocation after construction.
class lfu {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit lfu(policy::slot capacity) {
        // The heap grows with what is put in and never shrinks: filled once, it never allocates again.
        for (policy::slot s = 0; s < capacity; ++s) heap_.set(s, rank{});
        for (policy::slot s = 0; s < capacity; ++s) heap_.erase(s);
    }

    void inserted(policy::slot s, std::uint64_t) noexcept { heap_.set(s, rank{floor_ + 1, ++now_}); }
    void used(policy::slot s) noexcept { heap_.set(s, rank{heap_.key(s).uses + 1, ++now_}); }
    void erased(policy::slot s) noexcept { heap_.erase(s); }
    [[nodiscard]] policy::slot victim() noexcept {
        floor_ = heap_.top_key().uses;
        return heap_.top();
    }

private:
    struct rank {
        std::uint64_t uses = 0;
        std::uint64_t last = 0;
        friend auto operator<=>(rank const&, rank const&) noexcept = default;
    };

    indexed_heap<rank> heap_;
    std::uint64_t floor_ = 0;  // uses of the last victim
    std::uint64_t now_ = 0;    // counts calls
};

static_assert(policy::eviction<lfu>);

}  // namespace fastqueue::eviction

// ---- <fastqueue/eviction/none.hpp>

namespace fastqueue::eviction {

/// Has no opinion: evicts whatever is cheapest to name, most often what came last. For results that are
/// fetched at once or never (clients that wait for each call), where the order is worth nothing; and the base
/// line that the others' cost is measured against. O(1) a call, 8 octets a slot, no allocation after
/// construction.
class none {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit none(policy::slot capacity) : tracked_(capacity), place_(capacity) {}

    void inserted(policy::slot s, std::uint64_t) noexcept { put(s, size_++); }
    void used(policy::slot) noexcept {}
    void erased(policy::slot s) noexcept {
        assert(size_ > 0);
        put(tracked_[--size_], place_[s]);
    }
    [[nodiscard]] policy::slot victim() const noexcept {
        assert(size_ > 0);  // the cache never asks an empty policy
        return tracked_[size_ - 1];
    }

private:
    void put(policy::slot s, policy::slot at) noexcept {
        tracked_[at] = s;
        place_[s] = at;
    }

    std::vector<policy::slot> tracked_;  // the first size_
    std::vector<policy::slot> place_;    // of each slot in tracked_
    policy::slot size_ = 0;
};

static_assert(policy::eviction<none>);

}  // namespace fastqueue::eviction

// ---- <fastqueue/eviction/s3fifo.hpp>

// ---- <fastqueue/eviction/ghost_list.hpp>

namespace fastqueue::eviction::detail {

/// Remembers which keys left a cache not long ago: about the latest `capacity` of them. By 32 bits of their hashes, so that
/// one of four thousand million is mistaken for another; that costs a hit, no more. Only the constructor allocates (32 to 64
/// octets a key).
class ghost_list {
public:
    explicit ghost_list(std::uint32_t capacity)
        : capacity_{capacity}, sets_(std::bit_ceil(capacity / 2 + std::size_t{1})) {}

    void add(std::uint64_t hash) noexcept {
        auto& set = set_of(hash);
        auto const oldest = std::ranges::min_element(set, {}, &ghost::left_at);
        *oldest = {tag_of(hash), ++now_};
    }
    [[nodiscard]] bool has(std::uint64_t hash) const noexcept {
        auto const& set = sets_[hash & (sets_.size() - 1)];
        return std::ranges::any_of(set, [&](ghost const& g) {
            return g.left_at != 0 && g.tag == tag_of(hash) && now_ - g.left_at < capacity_;
        });
    }

private:
    static constexpr std::uint32_t ways = 4;
    struct ghost {
        std::uint32_t tag = 0;
        std::uint64_t left_at = 0;  // counts those that left; 0: nobody
    };
    using ghost_set = std::array<ghost, ways>;

    static std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash >> 32U);
    }
    ghost_set& set_of(std::uint64_t hash) noexcept { return sets_[hash & (sets_.size() - 1)]; }

    std::uint64_t capacity_;
    std::vector<ghost_set> sets_;
    std::uint64_t now_ = 0;
};

}  // namespace fastqueue::eviction::detail

namespace fastqueue::eviction {

/// S3-FIFO: newcomers pass through a small queue, a tenth of the cache, and only those that are used twice there get into the
/// main one; who left the small queue a while ago and comes back gets in at once. So what is never asked for again leaves
/// soon, and a scan does not wash out the rest; a use costs no more than a counter. O(1) a call on average, 24 octets a
/// slot and 32 to 64 for who left, no allocation after construction.
/// \source Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023
class s3fifo {
public:
    /// \param capacity  slots are 0 to capacity - 1
    /// \throws std::bad_alloc
    explicit s3fifo(policy::slot capacity)
        : rings_{capacity, 2},
          slots_(capacity),
          ghosts_{capacity},
          small_size_{std::max(1U, capacity / 10)} {}

    void inserted(policy::slot s, std::uint64_t hash) noexcept {
        slots_[s] = {hash, 0, ghosts_.has(hash) ? main : small};
        enter(s);
    }
    void used(policy::slot s) noexcept {
        constexpr std::uint8_t most = 3;
        if (slots_[s].uses < most) ++slots_[s].uses;
    }
    void erased(policy::slot s) noexcept { leave(s); }
    /// Moves on those that have earned it until it meets one that has not.
    [[nodiscard]] policy::slot victim() noexcept {
        while (true) {
            bool const from_small = count_[small] > 0 && (count_[small] >= small_size_ || count_[main] == 0);
            auto const s = rings_.back(from_small ? small : main);
            auto& about = slots_[s];
            if (from_small && about.uses < 2) {
                if (!ghosts_.has(about.hash)) ghosts_.add(about.hash);
                return s;
            }
            if (!from_small && about.uses == 0) return s;
            leave(s);
            about.uses = from_small ? std::uint8_t{0} : static_cast<std::uint8_t>(about.uses - 1);
            about.queue = main;
            enter(s);
        }
    }

private:
    enum queue : std::uint8_t { small, main };
    struct about_slot {
        std::uint64_t hash = 0;
        std::uint8_t uses = 0;  // since it entered its queue, as far as they count
        enum queue queue = small;
    };

    void enter(policy::slot s) noexcept {
        rings_.push_front(s, slots_[s].queue);
        ++count_[slots_[s].queue];
    }
    void leave(policy::slot s) noexcept {
        rings_.unlink(s);
        --count_[slots_[s].queue];
    }

    detail::slot_ring rings_;  // of each queue, the newest first
    std::vector<about_slot> slots_;
    detail::ghost_list ghosts_;
    std::array<policy::slot, 2> count_{};
    policy::slot small_size_;
};

static_assert(policy::eviction<s3fifo>);

}  // namespace fastqueue::eviction

// ---- <fastqueue/executor/inline_.hpp>

namespace fastqueue::executor {

/// Runs jobs on the owner's thread, from inside `kick`: for tests, for programs that want no threads, and for
/// handlers that cost less than a hand-over. A handler that takes its time holds up the owner's heartbeats.
///
/// `submit` only puts in line; a job that comes to be submitted while another runs is begun after it, by the
/// same `kick`, and never from inside. One thread at a time.
class inline_ {
public:
    /// \param options  only the capacity counts
    /// \param wake     called from inside `kick`
    /// \throws std::bad_alloc
    inline_(policy::executor_options options, std::function<void()> wake)
        : rings_{detail::job_ring{options.capacity}, detail::job_ring{options.capacity},
                 detail::job_ring{options.capacity}, detail::job_ring{options.capacity}},
          wake_{std::move(wake)},
          thread_ends_{std::move(options.thread_ends)} {}
    ~inline_() { stop(); }
    inline_(inline_ const&) = delete;
    inline_& operator=(inline_ const&) = delete;

    void submit(policy::job& j) noexcept {
        assert(j.level < policy::job_levels);
        j.state.store(policy::job_state::queued, std::memory_order_relaxed);
        rings_[j.level].put(j);
    }

    /// Runs all that is in line, lower levels first; nothing if it is called by a job or by `wake`.
    void kick() noexcept {
        if (std::exchange(running_, true)) return;
        while (auto* const j = stopped_ ? nullptr : claim()) {
            j->state.store(policy::job_state::running, std::memory_order_relaxed);
            j->thread = 0;
            j->run(*j);
            if (finished_.add(*j) && wake_) wake_();
        }
        running_ = false;
    }

    /// Also after `stop`, for all that was not begun.
    bool retract(policy::job& j) noexcept {
        if (!rings_[j.level].retract(j)) return false;
        j.state.store(policy::job_state::retracted, std::memory_order_relaxed);
        return true;
    }

    policy::job* finished() noexcept { return finished_.take_all(); }

    /// What is still in line stays there until it is retracted.
    void stop() noexcept {
        if (!std::exchange(stopped_, true) && thread_ends_) thread_ends_(0);
    }

private:
    policy::job* claim() noexcept {
        for (auto& ring : rings_) {
            if (auto* const j = ring.claim()) return j;
        }
        return nullptr;
    }

    std::array<detail::job_ring, policy::job_levels> rings_;
    detail::finished_list finished_;
    std::function<void()> wake_;
    std::function<void(std::uint32_t)> thread_ends_;
    bool running_ = false;
    bool stopped_ = false;
};

static_assert(policy::executor<inline_>);

}  // namespace fastqueue::executor

// ---- <fastqueue/executor/process.hpp>

// ---- <fastqueue/executor/child_main.hpp>

// ---- <fastqueue/executor/child_ends.hpp>

// ---- <fastqueue/executor/descriptor_pairs.hpp>

// ---- <fastqueue/model/descriptor.hpp>

namespace fastqueue::detail {

/// Owns a file descriptor.
class descriptor {
public:
    descriptor() noexcept = default;
    explicit descriptor(int fd) noexcept : fd_{fd} {}
    descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~descriptor() { close(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    void close() noexcept {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

private:
    int fd_ = -1;
};

}  // namespace fastqueue::detail

#include <fcntl.h>
#include <sys/socket.h>

namespace fastqueue::executor::detail {

[[noreturn]] inline void throw_system(char const* what) {
    throw std::system_error{errno, std::system_category(), what};
}

using fastqueue::detail::descriptor;

/// Two ends of a connection within the machine, which programs that are begun later do not get.
/// \param type  SOCK_STREAM, or SOCK_SEQPACKET
/// \throws std::system_error
[[nodiscard]] inline std::pair<descriptor, descriptor> connected_pair(int type) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_system("socketpair");
    return {descriptor{ends[0]}, descriptor{ends[1]}};
}

/// A pipe: the end to read, which does not block, and the end to write. \throws std::system_error
[[nodiscard]] inline std::pair<descriptor, descriptor> pipe_pair() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_system("pipe");
    std::pair<descriptor, descriptor> made{descriptor{ends[0]}, descriptor{ends[1]}};
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) throw_system("fcntl");
    return made;
}

}  // namespace fastqueue::executor::detail

namespace fastqueue::executor::detail {

/// What a child talks through.
struct child_ends {
    static constexpr std::size_t count = 3;
    using list = std::array<int, count>;

    descriptor jobs;    ///< requests come, answers go
    descriptor stops;   ///< the numbers of jobs that should stop come
    descriptor errors;  ///< its stderr

    child_ends() = default;
    child_ends(descriptor j, descriptor s, descriptor e) noexcept
        : jobs{std::move(j)}, stops{std::move(s)}, errors{std::move(e)} {}
    explicit child_ends(list const& fds) noexcept : jobs{fds[0]}, stops{fds[1]}, errors{fds[2]} {}
    [[nodiscard]] list numbers() const noexcept { return {jobs.get(), stops.get(), errors.get()}; }
};

}  // namespace fastqueue::executor::detail

// ---- <fastqueue/executor/job_channel.hpp>

#include <sys/uio.h>

namespace fastqueue::executor::detail {

/// What goes between an executor and a child of it: a number, a length, and so many octets.
struct frame_head {
    std::uint64_t serial = 0;
    std::uint64_t size = 0;
};

/// Larger frames are nobody's.
inline constexpr std::uint64_t most_frame_octets = std::uint64_t{1} << 32U;

/// \param wait  called when nothing is there, if `flags` is MSG_DONTWAIT; false: nothing will come
/// \return false if the other side has gone
template <class Wait>
[[nodiscard]] bool receive_octets(int fd, void* to, std::size_t size, int flags, Wait&& wait) noexcept {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
        auto const n = ::recv(fd, at, size, flags);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN && wait()) continue;
        if (n <= 0) return false;
        at += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}
/// Waits for as long as it takes.
[[nodiscard]] inline bool receive_octets(int fd, void* to, std::size_t size) noexcept {
    return receive_octets(fd, to, size, 0, [] { return false; });
}

/// \return false if the other side has gone
[[nodiscard]] inline bool send_frame(int fd, std::uint64_t serial, std::string_view octets) noexcept {
    frame_head head{serial, octets.size()};
    std::array<::iovec, 2> pieces{{{&head, sizeof head}, {const_cast<char*>(octets.data()), octets.size()}}};
    ::msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    while (message.msg_iovlen > 0) {
        auto const n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        auto sent = static_cast<std::size_t>(n);
        for (; message.msg_iovlen > 0 && sent >= message.msg_iov->iov_len; --message.msg_iovlen)
            sent -= message.msg_iov++->iov_len;
        if (message.msg_iovlen == 0) break;
        message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + sent;
        message.msg_iov->iov_len -= sent;
    }
    return true;
}

/// Room is made for what has come, not for what the other side says: it may be out of its mind.
/// \param receive  `receive(to, size)`: false if the other side has gone
/// \param right    whether a frame with this number is wanted; what follows another one is not read
/// \return false if the other side has gone, or sent another frame
/// \throws std::bad_alloc
template <class Receive, class Right>
[[nodiscard]] bool receive_frame(Receive&& receive, Right&& right, std::string& octets) {
    constexpr std::uint64_t piece = 1U << 20U;
    frame_head head;
    octets.clear();
    if (!receive(&head, sizeof head) || !right(head.serial) || head.size > most_frame_octets) return false;
    while (octets.size() < head.size) {
        auto const have = octets.size();
        auto const more = static_cast<std::size_t>(std::min(piece, head.size - have));
        octets.resize(have + more);
        if (!receive(octets.data() + have, more)) return false;
    }
    return true;
}

}  // namespace fastqueue::executor::detail

#include <cstdio>

namespace fastqueue::executor::detail {

/// What happens in a child: jobs are run, one after the other, by its first thread, while another hears which of them should
/// stop.
class child_main {
public:
    /// \param thread_ends  called after the last job, or empty
    child_main(std::uint32_t number, child_ends ends, policy::job_service_maker const& make,
               std::function<void(std::uint32_t)> thread_ends)
        : number_{number}, ends_{std::move(ends)}, thread_ends_{std::move(thread_ends)} {
        ::dup2(ends_.errors.get(), STDERR_FILENO);
        ends_.errors.close();
        fastqueue::detail::name_this_thread("fq-child-" + std::to_string(number));
        service_ = make(number);
        std::thread{[this] { watch(); }}.detach();
    }
    child_main(child_main const&) = delete;
    child_main& operator=(child_main const&) = delete;

    /// Until the executor ends, and the process with it: what the program does at its own end is not for here.
    [[noreturn]] void run() noexcept {
        std::uint64_t serial = 0;
        std::string request;
        std::string answer;
        auto const receive = [this](void* to, std::size_t size) {
            return receive_octets(ends_.jobs.get(), to, size);
        };
        auto const any = [&serial](std::uint64_t number) {
            serial = number;
            return true;
        };
        while (receive_frame(receive, any, request)) {
            answer.clear();
            service_->accept(request);
            runs(serial);
            service_->run(answer);
            runs(0);
            std::fflush(stdout);  // what the handler has said is seen now, and not lost with the process
            if (!send_frame(ends_.jobs.get(), serial, answer)) break;
        }
        std::scoped_lock const lock{mutex_};
        service_.reset();
        if (thread_ends_) thread_ends_(number_);
        std::fflush(nullptr);
        ::_exit(0);
    }

private:
    void runs(std::uint64_t serial) noexcept {
        std::scoped_lock const lock{mutex_};
        running_ = serial;
        if (serial != 0 && asked_ == serial) service_->interrupt();
    }
    void watch() noexcept {
        std::uint64_t serial = 0;
        while (receive_octets(ends_.stops.get(), &serial, sizeof serial)) {
            std::scoped_lock const lock{mutex_};
            asked_ = serial;
            if (serial == running_) service_->interrupt();
        }
        std::scoped_lock const lock{mutex_};
        if (running_ != 0) ::_exit(0);  // the executor's process was killed: nobody waits for the answer
    }

    std::uint32_t number_;
    child_ends ends_;
    std::function<void(std::uint32_t)> thread_ends_;
    std::unique_ptr<policy::job_service> service_;
    std::mutex mutex_;
    std::uint64_t running_ = 0;  // from 1
    std::uint64_t asked_ = 0;    // to stop: the latest
};

}  // namespace fastqueue::executor::detail

// ---- <fastqueue/executor/child_process.hpp>

// ---- <fastqueue/executor/error_relay.hpp>

#include <poll.h>

namespace fastqueue::executor::detail {

/// Passes on to the program's stderr what its children write to theirs, from a thread of its own, and keeps each one's last
/// lines. Any thread.
class error_relay {
public:
    static constexpr std::size_t most_kept = 2048;  ///< octets of each child

    /// \throws std::system_error
    explicit error_relay(std::uint32_t children) : sources_(children) {
        std::tie(wake_, woken_) = connected_pair(SOCK_STREAM);
        fastqueue::detail::signals_blocked const blocked;
        thread_ = std::thread{[this] { work(); }};
    }
    ~error_relay() {
        ::shutdown(wake_.get(), SHUT_WR);
        thread_.join();
    }
    error_relay(error_relay const&) = delete;
    error_relay& operator=(error_relay const&) = delete;

    /// \param from  the pipe of a new child; non-blocking
    void watch(std::uint32_t child, descriptor from) {
        {
            std::scoped_lock const lock{mutex_};
            sources_[child] = {std::move(from), {}};
        }
        static_cast<void>(::send(wake_.get(), "", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    /// Forgets what the child has written until now.
    void forget(std::uint32_t child) { static_cast<void>(last_lines(child)); }
    /// What it has written since, as far as it was kept; whole lines where there are several.
    [[nodiscard]] std::string last_lines(std::uint32_t child) {
        std::string fresh;
        std::string lines;
        {
            std::scoped_lock const lock{mutex_};
            drain(sources_[child], fresh);
            lines = std::exchange(sources_[child].tail, {});
        }
        pass_on(fresh);
        if (lines.size() == most_kept) lines.erase(0, lines.find('\n') + 1);  // npos + 1 is 0
        while (!lines.empty() && lines.back() == '\n') lines.pop_back();
        return lines;
    }

private:
    struct source {
        descriptor from;
        std::string tail;
    };

    /// What has come is added to `fresh`.
    static void drain(source& s, std::string& fresh) {
        std::array<char, 4096> octets{};
        while (s.from) {
            auto const n = ::read(s.from.get(), octets.data(), octets.size());
            if (n < 0 && errno == EINTR) continue;
            if (n == 0 || (n < 0 && errno != EAGAIN)) s.from.close();
            if (n <= 0) return;
            std::string_view const come{octets.data(), static_cast<std::size_t>(n)};
            fresh += come;
            s.tail += come;
            if (s.tail.size() > most_kept) s.tail.erase(0, s.tail.size() - most_kept);
            if (fresh.size() >= most_at_once) return;
        }
    }
    /// Outside the lock: who reads our stderr may take his time.
    static void pass_on(std::string_view octets) noexcept {
        while (!octets.empty()) {
            auto const n = ::write(STDERR_FILENO, octets.data(), octets.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return;
            octets.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    void work() noexcept {
        fastqueue::detail::name_this_thread("fq-exec-stderr");
        std::vector<::pollfd> awaited;
        bool goes_on = true;
        for (std::string fresh; goes_on; fresh.clear()) {
            goes_on = await(awaited);
            {
                std::scoped_lock const lock{mutex_};
                for (auto& s : sources_) drain(s, fresh);
            }
            pass_on(fresh);
        }
    }
    /// \return false: it is the end
    bool await(std::vector<::pollfd>& awaited) {
        awaited.assign(1, {woken_.get(), POLLIN, 0});
        {
            std::scoped_lock const lock{mutex_};
            for (auto const& s : sources_) {
                if (s.from) awaited.push_back({s.from.get(), POLLIN, 0});
            }
        }
        ::poll(awaited.data(), awaited.size(), -1);
        if ((awaited.front().revents & (POLLIN | POLLHUP)) == 0) return true;
        std::array<char, 64> calls{};
        return ::recv(woken_.get(), calls.data(), calls.size(), MSG_DONTWAIT) != 0;
    }

    static constexpr std::size_t most_at_once = 64U << 10U;

    std::mutex mutex_;  // of sources_
    std::vector<source> sources_;
    descriptor wake_;
    descriptor woken_;
    std::thread thread_;
};

}  // namespace fastqueue::executor::detail

// ---- <fastqueue/executor/zygote.hpp>

// ---- <fastqueue/executor/inheritance.hpp>

#include <dirent.h>

namespace fastqueue::executor::detail {

/// In a fork of a program: closes the program's sockets, what else belongs to its loops, and what it has marked to be closed for other
/// programs (as a lock of a store is). Else its ports would stay taken when it has ended, and its peers would wait for a
/// connection that nobody serves. Other files stay open, and what is given. Behind the numbers there is nothing then, and they
/// are not given out again: who still knows one writes into no other's connection.
inline void close_all_but(int kept) noexcept {
    auto* const folder = ::opendir("/proc/self/fd");
    int const nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (folder == nullptr) return;
    while (auto const* entry = ::readdir(folder)) {
        std::string_view const name{entry->d_name};
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        if (fd <= STDERR_FILENO || fd == kept || fd == ::dirfd(folder) || fd == nothing) continue;
        std::array<char, 32> text{};
        auto const n = ::readlinkat(::dirfd(folder), entry->d_name, text.data(), text.size());
        std::string_view const what{text.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
        bool const is_programs = what.starts_with("socket:") || what.starts_with("anon_inode:") ||
                                 (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
        if (is_programs && (nothing < 0 || ::dup3(nothing, fd, O_CLOEXEC) < 0)) ::close(fd);
    }
    ::closedir(folder);
    ::close(nothing);
}

/// In a fork of a program: its signal handlers are not for here, where they would write into the program's pipes. What asks a
/// program to end, often its whole group, is left to the program, which lets those that run finish. By a function that does
/// nothing, since programs that a handler begins would inherit it if it were ignored.
inline void reset_signals() noexcept {
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction now {};
        bool const own = std::ranges::find(fastqueue::detail::own_signals, number) !=
                         std::end(fastqueue::detail::own_signals);
        if (own || ::sigaction(number, nullptr, &now) != 0) continue;
        bool const asks_to_end = number == SIGINT || number == SIGTERM || number == SIGHUP;
        if (!asks_to_end && number != SIGCHLD && now.sa_handler == SIG_IGN) continue;
        struct sigaction then {};
        then.sa_handler = SIG_DFL;
        if (asks_to_end) then.sa_handler = [](int) {};
        then.sa_flags = SA_RESTART;
        ::sigaction(number, &then, nullptr);
    }
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

/// \param kept  a descriptor that stays open
inline void leave_behind(int kept) noexcept {
    close_all_but(kept);
    reset_signals();
}

}  // namespace fastqueue::executor::detail

#include <sys/types.h>
#include <sys/wait.h>

namespace fastqueue::executor::detail {

/// A process with one thread that does nothing but make children, and ends with its owner. What has many threads cannot fork
/// safely at any time, since in the copy a lock stays locked whose holder is not there; this one is forked early and once.
/// Its functions may be called from several threads; they take turns.
class zygote {
public:
    /// What a child does. It does not return, or its process ends then.
    using child_function = std::function<void(std::uint32_t number, child_ends ends)>;

    /// \throws std::system_error
    explicit zygote(child_function const& child) {
        auto [ours, theirs] = connected_pair(SOCK_SEQPACKET);
        std::fflush(stdout);  // else each child would write what is in the buffer once more
        std::fflush(stderr);
        pid_ = ::fork();
        if (pid_ < 0) throw_system("fork");
        if (pid_ == 0) {
            ours.close();
            serve(theirs, child);
        }
        control_ = std::move(ours);
    }
    ~zygote() {
        ::shutdown(control_.get(), SHUT_RDWR);  // also where a copy of this process holds it open
        control_.close();
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
    }
    zygote(zygote const&) = delete;
    zygote& operator=(zygote const&) = delete;

    /// \param ends  the child's; closed here
    /// \return its process id, which is its until `reap`
    /// \throws std::system_error
    [[nodiscard]] ::pid_t spawn(std::uint32_t number, child_ends ends) {
        auto const made = ask({order_kind::spawn, number}, &ends);
        if (made < 0) throw std::system_error{static_cast<int>(-made), std::system_category(), "fork"};
        return static_cast<::pid_t>(made);
    }
    /// Waits for the end of a child. \return how it ended, as `waitpid` tells it; -1: nobody knows
    [[nodiscard]] int reap(::pid_t pid) noexcept {
        return static_cast<int>(ask({order_kind::reap, static_cast<std::uint32_t>(pid)}, nullptr));
    }

    /// Kills a child that was not reaped. Its number is its own as long as its parent lives; after that it may be another's.
    void kill(::pid_t pid) const noexcept {
        char octet = 0;
        auto const n = ::recv(control_.get(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n != 0) ::kill(pid, SIGKILL);
    }

private:
    enum class order_kind : std::uint32_t { spawn, reap };
    struct order {
        order_kind kind;
        std::uint32_t number;
    };
    struct order_message {
        ::msghdr head{};
        ::iovec piece{};
        alignas(::cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * child_ends::count)> attached{};

        explicit order_message(order& what) noexcept {
            piece = {&what, sizeof what};
            head.msg_iov = &piece;
            head.msg_iovlen = 1;
            head.msg_control = attached.data();
            head.msg_controllen = attached.size();
        }
    };

    std::int64_t ask(order what, child_ends const* ends) noexcept {
        std::scoped_lock const lock{mutex_};
        std::int64_t answer = 0;
        if (!send(control_.get(), what, ends)) return -EPIPE;
        auto const n = retried([&] { return ::recv(control_.get(), &answer, sizeof answer, 0); });
        return n == sizeof answer ? answer : -EPIPE;
    }
    template <class F>
    static ::ssize_t retried(F&& call) noexcept {
        ::ssize_t n = 0;
        do n = call();
        while (n < 0 && errno == EINTR);
        return n;
    }
    static bool send(int fd, order what, child_ends const* ends) noexcept {
        order_message message{what};
        if (ends != nullptr) {
            auto const fds = ends->numbers();
            auto* const at = CMSG_FIRSTHDR(&message.head);
            at->cmsg_level = SOL_SOCKET;
            at->cmsg_type = SCM_RIGHTS;
            at->cmsg_len = CMSG_LEN(sizeof fds);
            std::memcpy(CMSG_DATA(at), fds.data(), sizeof fds);
        } else {
            message.head.msg_control = nullptr;
            message.head.msg_controllen = 0;
        }
        return retried([&] { return ::sendmsg(fd, &message.head, MSG_NOSIGNAL); }) == sizeof what;
    }
    static bool receive(int fd, order& what, child_ends& ends) noexcept {
        order_message message{what};
        if (retried([&] { return ::recvmsg(fd, &message.head, MSG_CMSG_CLOEXEC); }) != sizeof what)
            return false;
        if (auto const* at = CMSG_FIRSTHDR(&message.head); at != nullptr && at->cmsg_type == SCM_RIGHTS) {
            child_ends::list fds{-1, -1, -1};
            auto const size = std::min<std::size_t>(at->cmsg_len - CMSG_LEN(0), sizeof fds);
            std::memcpy(fds.data(), CMSG_DATA(at), size);
            ends = child_ends{fds};
        }
        return true;
    }

    // ---- in the zygote

    [[noreturn]] static void serve(descriptor& control, child_function const& child) noexcept {
        leave_behind(control.get());
        fastqueue::detail::name_this_thread("fq-zygote");
        order what{};
        child_ends ends;
        while (receive(control.get(), what, ends)) {
            auto const answer = what.kind == order_kind::spawn
                                    ? make_child(control, what.number, std::move(ends), child)
                                    : wait_for(static_cast<::pid_t>(what.number));
            ends = {};
            if (::send(control.get(), &answer, sizeof answer, MSG_NOSIGNAL) < 0) break;
        }
        ::_exit(0);
    }
    static std::int64_t make_child(descriptor& control, std::uint32_t number, child_ends ends,
                                   child_function const& child) noexcept {
        if (!ends.errors) return -EMFILE;  // they came in order, as many as there was room for
        auto const pid = ::fork();
        if (pid < 0) return -errno;
        if (pid > 0) return pid;
        control.close();
        child(number, std::move(ends));
        ::_exit(0);
    }
    static std::int64_t wait_for(::pid_t pid) noexcept {
        int status = -1;
        while (::waitpid(pid, &status, 0) < 0) {
            if (errno != EINTR) return -1;
        }
        return status;
    }

    std::mutex mutex_;
    descriptor control_;
    ::pid_t pid_ = -1;
};

}  // namespace fastqueue::executor::detail

#include <sys/syscall.h>

namespace fastqueue::executor::detail {

/// How a child ended, in words.
[[nodiscard]] inline std::string words_of_status(int status, bool killed_by_us) {
    if (status < 0) return "the handler's process has gone, and nobody knows why";
    if (WIFEXITED(status))
        return "the handler's process ended with exit status " + std::to_string(WEXITSTATUS(status));
    auto const signal = WTERMSIG(status);
    auto text = "the handler's process was ended by signal " + std::to_string(signal) + " (" +
                ::strsignal(signal) + ')';
    if (signal == SIGKILL && !killed_by_us) text += ", by hand or for want of memory";
    return text;
}

/// An executor's side of one child. `call` and what it stands beside belong to one thread, the one that the child stands for;
/// `interrupt` and `kill` to any while that is in `call`, as the executor's lock sees to.
class child_process {
public:
    child_process(zygote& from, error_relay& errors, std::uint32_t number)
        : zygote_{&from}, errors_{&errors}, number_{number} {}
    ~child_process() {
        if (begun()) static_cast<void>(end());
    }
    child_process(child_process const&) = delete;
    child_process& operator=(child_process const&) = delete;

    [[nodiscard]] bool begun() const noexcept { return pid_ > 0; }
    /// \throws std::system_error
    void begin() {
        auto [jobs, its_jobs] = connected_pair(SOCK_STREAM);
        auto [stops, its_stops] = connected_pair(SOCK_STREAM);
        auto [errors, its_errors] = pipe_pair();
        pid_ = zygote_->spawn(number_, {std::move(its_jobs), std::move(its_stops), std::move(its_errors)});
        exit_ = descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};  // none before Linux 5.3
        errors_->watch(number_, std::move(errors));
        jobs_ = std::move(jobs);
        stops_ = std::move(stops);
        killed_ = false;
    }
    /// The number under which the next call's job may be stopped is a new one from here on.
    void prepare() {
        ++serial_;
        errors_->forget(number_);
    }
    /// \return false: it has gone before it answered
    /// \throws std::bad_alloc
    [[nodiscard]] bool call(std::string_view request, std::string& answer) {
        auto const receive = [this](void* to, std::size_t size) {
            return receive_octets(jobs_.get(), to, size, MSG_DONTWAIT, [this] { return has_answer(); });
        };
        auto const right = [this](std::uint64_t serial) { return serial == serial_; };
        return send_frame(jobs_.get(), serial_, request) && receive_frame(receive, right, answer);
    }
    /// Asks the job of this call to stop.
    void interrupt() noexcept {
        static_cast<void>(::send(stops_.get(), &serial_, sizeof serial_, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    void kill() noexcept {
        killed_ = true;
        end_now();
    }
    /// Of one that has gone, or shall now: how it ended, and its last words.
    [[nodiscard]] std::string bury() {
        end_now();  // who has closed his end without ending is out of his mind; it changes nothing for one that is ending
        auto why = words_of_status(end(), killed_);
        if (auto const lines = errors_->last_lines(number_); !lines.empty())
            why += "; its last lines on stderr:\n" + lines;
        return why;
    }
    /// The same, without a word.
    void end_at_once() noexcept {
        end_now();
        static_cast<void>(end());
    }
    /// Lets it end in its own time, when it is not in a call; though what it does then may hang as well.
    /// \return its status
    int end() noexcept {
        ::shutdown(jobs_.get(), SHUT_WR);
        ::shutdown(stops_.get(), SHUT_RDWR);
        if (!is_gone_in(patience_ms)) end_now();
        jobs_.close();
        stops_.close();
        exit_.close();
        return zygote_->reap(std::exchange(pid_, -1));
    }

private:
    static constexpr int patience_ms = 5000;

    /// Where the system tells of a process's end by a descriptor, that tells of it: a copy of the child that a handler has forked keeps
    /// the child's end of a socket open.
    [[nodiscard]] bool is_gone_in(int ms) const noexcept {
        ::pollfd end{exit_ ? exit_.get() : jobs_.get(), POLLIN, 0};
        int n = 0;
        do n = ::poll(&end, 1, ms);
        while (n < 0 && errno == EINTR);
        return n > 0;
    }
    /// Waits until there is something to read. \return false: there will be nothing, for it has ended
    [[nodiscard]] bool has_answer() const noexcept {
        std::array<::pollfd, 2> ends{{{jobs_.get(), POLLIN, 0}, {exit_.get(), POLLIN, 0}}};
        while (::poll(ends.data(), ends.size(), -1) < 0 && errno == EINTR) {}
        return ends[0].revents != 0;
    }
    void end_now() noexcept {
        if (exit_)
            static_cast<void>(::syscall(SYS_pidfd_send_signal, exit_.get(), SIGKILL, nullptr, 0));
        else
            zygote_->kill(pid_);
    }

    zygote* zygote_;
    error_relay* errors_;
    std::uint32_t number_;
    ::pid_t pid_ = -1;
    std::uint64_t serial_ = 0;
    bool killed_ = false;
    descriptor jobs_;
    descriptor stops_;
    descriptor exit_;  // readable when it has ended
};

}  // namespace fastqueue::executor::detail

namespace fastqueue::executor {

/// Runs jobs in processes of their own, as many as may run at once, forked before the first job: a handler that crashes, ends
/// the process, eats all memory or hangs costs its own process only, in whose place a new one is forked. How it ended and
/// the last lines that it wrote to stderr become the failure's text. For Linux.
///
/// The children are copies of the program as it was when the executor was made, with its first thread only: whoever makes one
/// (a subworker does in `start`) should not have begun threads that hold locks which handlers need. Sockets and loops of
/// the program are not theirs. They take no part in the end of the program: SIGINT, SIGTERM and SIGHUP to the whole group
/// leave them alone, they end when the executor does, or when the program's process has gone. A handler's job costs two
/// switches between processes, tens of microseconds.
///
/// `submit`, `kick`, `retract`, `finished`, `stop`, `interrupt` and `kill` belong to one thread at a time, the owner; only
/// `stop` blocks.
class process {
public:
    /// Forks the children and begins a thread for each.
    /// \param options  `service` says what runs jobs in a child; `thread_ends` is called there
    /// \param wake  called by the threads; must not block, and must not call back
    /// \throws error (bad_option) for a number out of range or without a service; std::system_error if the system gives no
    ///         process, thread or descriptor; std::bad_alloc
    process(policy::executor_options options, std::function<void()> wake)
        : zygote_{child_of(options)},
          errors_{options.concurrency},
          children_{begin_children(options.concurrency)},
          running_(options.concurrency, nullptr),
          pool_{for_threads(std::move(options)), std::move(wake), hand_over{this}} {}
    ~process() { stop(); }
    process(process const&) = delete;
    process& operator=(process const&) = delete;

    void submit(policy::job& j) noexcept {
        forget(j);  // what was wished of it in an earlier life
        pool_.submit(j);
    }
    void kick() noexcept { pool_.kick(); }
    bool retract(policy::job& j) noexcept { return pool_.retract(j); }
    policy::job* finished() noexcept { return pool_.finished(); }
    /// Returns when the jobs that run have returned and the children have ended.
    void stop() noexcept {
        pool_.stop();
        children_.clear();
    }

    void interrupt(policy::job& j) noexcept { reach(j, urgency::stop); }
    void kill(policy::job& j) noexcept { reach(j, urgency::kill); }

private:
    using child_list = std::vector<std::unique_ptr<detail::child_process>>;
    enum class urgency : std::uint8_t { stop, kill };
    struct wish {
        policy::job* job;
        urgency how;
    };
    struct hand_over {
        process* self;
        void operator()(policy::job& j) const noexcept { self->run(j); }
    };

    static detail::zygote::child_function child_of(policy::executor_options const& options) {
        if (!options.service)
            throw error{errc::bad_option,
                        "a process executor needs a service: what runs jobs in its children"};
        detail::check_executor_options(options);
        return [make = options.service, ends = options.thread_ends](std::uint32_t number,
                                                                    detail::child_ends with) {
            detail::child_main{number, std::move(with), make, ends}.run();
        };
    }
    static policy::executor_options for_threads(policy::executor_options options) {
        options.thread_ends = {};
        options.service = {};
        return options;
    }
    child_list begin_children(std::uint32_t count) {
        child_list made;
        for (std::uint32_t i = 0; i < count; ++i) {
            made.push_back(std::make_unique<detail::child_process>(zygote_, errors_, i));
            made.back()->begin();
        }
        return made;
    }

    // ---- on a thread of the pool

    void run(policy::job& j) noexcept {
        if (j.transfer == nullptr) return j.run(j);
        auto const begin = std::chrono::steady_clock::now();
        auto& child = *children_[j.thread];
        if (!child.begun() && !begin_again(child)) return j.transfer->refused(j);
        std::string text;
        if (ask(child, j, text)) return j.transfer->settle(j, text);
        using std::chrono::microseconds;
        auto const took = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
        j.took_us = static_cast<std::uint64_t>(took.count());
        j.transfer->lost(j, text);
    }
    /// \param[out] text  the answer, or why there is none
    bool ask(detail::child_process& child, policy::job& j, std::string& text) noexcept {
        bool answered = false;
        try {
            std::string request;
            j.transfer->pack(j, request);
            child.prepare();
            starts(child, j);
            answered = child.call(request, text);
            ends(j);
            if (!answered) text = child.bury();
        } catch (std::exception const&) {
            ends(j);
            answered = false;
            text.clear();  // no memory left even to say so
            if (child.begun()) child.end_at_once();
        }
        if (!answered) static_cast<void>(begin_again(child));
        return answered;
    }
    /// After a child's end at once, and if that fails for the next job: which goes back unbegun if it fails again.
    static bool begin_again(detail::child_process& child) noexcept {
        try {
            child.begin();
            return true;
        } catch (std::exception const&) {
            return false;
        }
    }

    // ---- which of them runs where

    void starts(detail::child_process& child, policy::job& j) {
        std::scoped_lock const lock{mutex_};
        running_[j.thread] = &j;
        for (auto const& w : early_) {
            if (w.job == &j) apply(child, w.how);
        }
    }
    void ends(policy::job& j) {
        std::scoped_lock const lock{mutex_};
        running_[j.thread] = nullptr;
    }
    void reach(policy::job& j, urgency how) noexcept {
        std::scoped_lock const lock{mutex_};
        auto const at = std::ranges::find(running_, &j);
        if (at != running_.end())
            return apply(*children_[static_cast<std::size_t>(at - running_.begin())], how);
        early_.push_back({&j, how});  // it has not begun, or has ended and will be collected
    }
    static void apply(detail::child_process& child, urgency how) noexcept {
        how == urgency::kill ? child.kill() : child.interrupt();
    }
    void forget(policy::job& j) noexcept {
        std::scoped_lock const lock{mutex_};
        std::erase_if(early_, [&](wish const& w) { return w.job == &j; });
    }

    detail::zygote zygote_;
    detail::error_relay errors_;
    child_list children_;
    std::mutex mutex_;
    std::vector<policy::job*> running_;  // by thread
    std::vector<wish> early_;            // for jobs that nobody runs
    detail::thread_pool<hand_over> pool_;
};

static_assert(policy::executor<process>);
static_assert(policy::reaches_jobs<process>);

}  // namespace fastqueue::executor

// ---- <fastqueue/executor/selectable.hpp>

namespace fastqueue::executor {

/// One of several kinds of executor, chosen when the program runs: for a program that takes it as an option. Threads as the
/// kind that was chosen; one branch a call.
template <policy::executor... Executors>
class selectable {
public:
    /// The first kind.
    selectable(policy::executor_options options, std::function<void()> wake)
        : selectable{std::make_unique<std::tuple_element_t<0, std::tuple<Executors...>>>(std::move(options),
                                                                                         std::move(wake))} {}
    /// That one, which must be there.
    template <class E>
    requires(std::is_same_v<E, Executors> || ...) explicit selectable(std::unique_ptr<E> chosen)
        : chosen_{std::move(chosen)} {}

    void submit(policy::job& j) noexcept {
        visit([&](auto& e) { e.submit(j); });
    }
    void kick() noexcept {
        visit([](auto& e) { e.kick(); });
    }
    bool retract(policy::job& j) noexcept {
        return visit([&](auto& e) { return e.retract(j); });
    }
    policy::job* finished() noexcept {
        return visit([](auto& e) { return e.finished(); });
    }
    void stop() noexcept {
        visit([](auto& e) { e.stop(); });
    }
    /// Nothing, where the kind that was chosen runs jobs in this process.
    void interrupt(policy::job& j) noexcept {
        visit([&]<class E>(E& e) {
            if constexpr (policy::reaches_jobs<E>) e.interrupt(j);
        });
    }
    void kill(policy::job& j) noexcept {
        visit([&]<class E>(E& e) {
            if constexpr (policy::reaches_jobs<E>) e.kill(j);
        });
    }

private:
    template <class F>
    auto visit(F&& f) noexcept {
        return std::visit([&](auto& e) { return f(*e); }, chosen_);
    }

    std::variant<std::unique_ptr<Executors>...> chosen_;
};

}  // namespace fastqueue::executor

// ---- <fastqueue/module.hpp>

// ---- <fastqueue/module.h>
/* The boundary between a FastQueue worker and a shared object with tasks: plain C, compiles as C99 and as C++.
 *
 * A module exports one function, `fastqueue_module_entry`. What it returns lives as long as the module is loaded. Only
 * octets and codes cross: no C++ type, no exception. C++ authors use <fastqueue/module.hpp> and never see this file.
 *
 * Texts are UTF-8, with a length and without a terminating zero. All functions may be called from several threads at
 * once, `fastqueue_module_entry` excepted, and must not throw or jump across the boundary.
 */
#ifndef FASTQUEUE_MODULE_H
#define FASTQUEUE_MODULE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FASTQUEUE_MODULE_MAGIC 0x314d5146u /* "FQM1" */
#define FASTQUEUE_MODULE_VERSION 2u        /* grows with each change that an old module would not survive */

/* How a run ended. */
enum fastqueue_status {
    FASTQUEUE_SUCCESS = 0,
    FASTQUEUE_HANDLER_ERROR = 1,       /* may be tried again */
    FASTQUEUE_PERMANENT_FAILURE = 2,   /* trying again is useless */
    FASTQUEUE_BAD_ARGUMENTS = 3,       /* the handler has not run */
    FASTQUEUE_UNSUPPORTED_CONTENT = 4, /* the handler has not run */
    FASTQUEUE_CANCELLED = 5            /* the handler stopped because it was asked to */
};

struct fastqueue_bytes {
    char const* data;
    size_t size;
};

/* What a handler may know of its run, valid until `run` returns. */
struct fastqueue_context {
    void* host;        /* the first argument of the functions below */
    uint8_t const* id; /* of the task: 16 octets */
    uint32_t attempt;  /* counted from 1 */
    /* Not 0: the handler should stop. */
    int (*stop_requested)(void* host);
    /* Calls notify(argument) once when the handler should stop, from any thread, or at once if that is so already.
       At most one a run; never called after unwatch_stop has returned. */
    void (*watch_stop)(void* host, void (*notify)(void* argument), void* argument);
    void (*unwatch_stop)(void* host);
    /* If this run ends as FASTQUEUE_HANDLER_ERROR, the next one begins after so many milliseconds, and not after the task's own
       delay. */
    void (*retry_after)(void* host, uint64_t milliseconds);
};

/* Where a run puts its result, or the text of its error. Not 0: no memory, stop writing. */
struct fastqueue_output {
    void* host;
    int (*append)(void* host, char const* data, size_t size);
};

struct fastqueue_parameter {
    struct fastqueue_bytes name; /* may be empty */
    struct fastqueue_bytes type; /* in words: "integer" */
    uint32_t has_default;
};

struct fastqueue_task {
    struct fastqueue_bytes name;
    struct fastqueue_bytes description;
    struct fastqueue_bytes result_type;
    struct fastqueue_parameter const* parameters;
    size_t parameter_count;
    struct fastqueue_bytes const* contents; /* content types that `run` takes: "json" at least */
    size_t content_count;
    void const* state; /* the module's own, given back to `run` */
    /* Runs the handler in the calling thread. Returns a fastqueue_status. */
    int32_t (*run)(void const* state, struct fastqueue_context const* context, struct fastqueue_bytes content,
                   struct fastqueue_bytes arguments, struct fastqueue_output output);
};

/* Compared octet for octet before anything else is read. */
struct fastqueue_stamp {
    uint32_t magic;
    uint32_t version;
    uint32_t module_size; /* sizeof each struct */
    uint32_t task_size;
    uint32_t parameter_size;
    uint32_t context_size;
};

struct fastqueue_module {
    struct fastqueue_stamp stamp; /* first in every version */
    struct fastqueue_bytes error; /* not empty: the module could not be set up, and why */
    struct fastqueue_task const* tasks;
    size_t task_count;
};

#define FASTQUEUE_MODULE_STAMP                                                                       \
    {                                                                                                \
        FASTQUEUE_MODULE_MAGIC, FASTQUEUE_MODULE_VERSION, (uint32_t)sizeof(struct fastqueue_module), \
            (uint32_t)sizeof(struct fastqueue_task), (uint32_t)sizeof(struct fastqueue_parameter),   \
            (uint32_t)sizeof(struct fastqueue_context)                                               \
    }

#if defined(_WIN32)
#define FASTQUEUE_MODULE_EXPORT __declspec(dllexport)
#else
#define FASTQUEUE_MODULE_EXPORT __attribute__((visibility("default")))
#endif

/* The module's one door. Called once after loading; NULL is an error. */
FASTQUEUE_MODULE_EXPORT struct fastqueue_module const* fastqueue_module_entry(void);

#ifdef __cplusplus
}
#endif

#endif /* FASTQUEUE_MODULE_H */

namespace fastqueue::detail {

[[nodiscard]] inline fastqueue_bytes to_bytes(std::string_view text) noexcept {
    return {text.data(), text.size()};
}
[[nodiscard]] inline std::string_view to_view(fastqueue_bytes bytes) noexcept {
    return bytes.size == 0 ? std::string_view{} : std::string_view{bytes.data, bytes.size};
}

// The host's stop signal, seen from inside a module.
class module_stop final : public stop_source_bridge {
public:
    explicit module_stop(fastqueue_context const& host) noexcept : host_{&host} {}
    module_stop(module_stop const&) = delete;
    module_stop& operator=(module_stop const&) = delete;
    ~module_stop() {
        if (source_) host_->unwatch_stop(host_->host);
    }

    [[nodiscard]] bool stop_requested() const noexcept override {
        return host_->stop_requested(host_->host) != 0;
    }

    // Only who asks for a token pays for its shared state.
    [[nodiscard]] std::stop_token token() override {
        if (!source_) {
            source_.emplace();
            host_->watch_stop(host_->host, &notify, &*source_);
        }
        return source_->get_token();
    }

private:
    static void notify(void* source) noexcept { static_cast<std::stop_source*>(source)->request_stop(); }

    fastqueue_context const* host_;
    std::optional<std::stop_source> source_;
};

[[nodiscard]] inline std::int32_t to_status(invocation_result const& result) noexcept {
    if (result.ok()) return FASTQUEUE_SUCCESS;
    switch (result.code) {
        case errc::bad_arguments:
            return FASTQUEUE_BAD_ARGUMENTS;
        case errc::unsupported_content:
            return FASTQUEUE_UNSUPPORTED_CONTENT;
        case errc::cancelled:
            return FASTQUEUE_CANCELLED;
        default:
            return result.is_final ? FASTQUEUE_PERMANENT_FAILURE : FASTQUEUE_HANDLER_ERROR;
    }
}

[[nodiscard]] inline std::int32_t run_in_module(void const* state, fastqueue_context const* host,
                                                fastqueue_bytes content, fastqueue_bytes arguments,
                                                fastqueue_output output) noexcept {
    auto const& task = *static_cast<task_definition const*>(state);
    std::array<std::uint8_t, 16> id{};
    std::memcpy(id.data(), host->id, id.size());
    module_stop stop{*host};
    context ctx{task_id{id}, host->attempt, task.name(), stop};
    std::string out;
    auto const result = task.invoke(ctx, to_view(content), to_view(arguments), out);
    if (output.append(output.host, out.data(), out.size()) != 0) return FASTQUEUE_HANDLER_ERROR;
    if (result.retry_after_ms) host->retry_after(host->host, *result.retry_after_ms);
    return to_status(result);
}

/// A registry as the C boundary shows it. One a module, in its `fastqueue_module_entry`.
class module_export {
public:
    explicit module_export(registry (*make)()) noexcept {
        try {
            registry_ = make();
            if (registry_.hooks().empty())
                describe();
            else
                fail("hooks, interceptors and resources of threads need a program that links its tasks");
        } catch (std::exception const& e) {
            fail(e.what());
        } catch (...) {
            fail("unknown exception");
        }
    }
    module_export(module_export const&) = delete;
    module_export& operator=(module_export const&) = delete;

    [[nodiscard]] fastqueue_module const* get() const noexcept { return &module_; }

private:
    void describe() {
        lists_.reserve(registry_.size());
        for (auto const& task : registry_) {
            auto& list = lists_.emplace_back();
            for (auto const& p : task.parameters()) {
                list.parameters.push_back({to_bytes(p.name), to_bytes(p.type), p.has_default ? 1U : 0U});
            }
            for (auto const& each : task.invokers()) list.contents.push_back(to_bytes(each.content));
            tasks_.push_back({to_bytes(task.name()), to_bytes(task.description()),
                              to_bytes(task.result_type()), list.parameters.data(), list.parameters.size(),
                              list.contents.data(), list.contents.size(), &task, &run_in_module});
        }
        module_.tasks = tasks_.data();
        module_.task_count = tasks_.size();
    }

    void fail(std::string_view why) noexcept {
        try {
            write_error_text(error_, why.empty() ? "it does not say why" : why);
            module_.error = to_bytes(error_);
        } catch (...) {
            module_.error = to_bytes("out of memory");
        }
    }

    struct lists {
        std::vector<fastqueue_parameter> parameters;
        std::vector<fastqueue_bytes> contents;
    };

    registry registry_;
    std::vector<lists> lists_;  // one a task
    std::vector<fastqueue_task> tasks_;
    std::string error_;
    fastqueue_module module_{FASTQUEUE_MODULE_STAMP, {nullptr, 0}, nullptr, 0};
};

}  // namespace fastqueue::detail

/// Makes a shared object a task module. Stands once in it, outside of any namespace; `make_registry` is a function without
/// parameters that returns a `fastqueue::registry`. It is called once, when a worker loads the module; what it throws
/// becomes the worker's error message.
#define FASTQUEUE_MODULE(make_registry)                                                         \
    extern "C" FASTQUEUE_MODULE_EXPORT ::fastqueue_module const* fastqueue_module_entry(void) { \
        static ::fastqueue::detail::module_export const exported{                               \
            +[]() -> ::fastqueue::registry { return make_registry(); }};                        \
        return exported.get();                                                                  \
    }

// ---- <fastqueue/observer/log.hpp>

// ---- <fastqueue/observer/log_text.hpp>

namespace fastqueue::observer::detail {

/// Whether the well-formed sequence is a character that a terminal or a log reader takes for a command: C0,
/// DEL, C1, or a line or paragraph separator.
[[nodiscard]] constexpr bool is_control(std::string_view c) noexcept {
    if (c.size() == 1) return static_cast<unsigned char>(c[0]) < 0x20 || c[0] == 0x7f;
    if (c.size() == 2) return c[0] == '\xc2' && static_cast<unsigned char>(c[1]) < 0xa0;
    return c == "\u2028" || c == "\u2029";
}

/// Appends what a peer may have chosen, so that it stays text on one line: controls and octets that are not
/// UTF-8 become `\xHH`, a backslash becomes two.
/// \param most  octets of `text` that are looked at; what is longer ends in `...`
inline void append_escaped(std::string& out, std::string_view text, std::size_t most = 512) {
    constexpr std::string_view digits = "0123456789abcdef";
    auto const whole = text.size() <= most;
    text = text.substr(0, most);
    while (!text.empty()) {
        auto const length = json::utf8_length(text);
        auto const c = text.substr(0, length > 0 ? length : 1);
        if (c == "\\") {
            out += "\\\\";
        } else if (length > 0 && !is_control(c)) {
            out += c;
        } else {
            for (char const octet : c) {
                auto const value = static_cast<unsigned char>(octet);
                out += "\\x";
                out += digits[value >> 4U];
                out += digits[value & 15U];
            }
        }
        text.remove_prefix(c.size());
    }
    if (!whole) out += "...";
}

}  // namespace fastqueue::observer::detail

namespace fastqueue::observer {

/// Writes each event as one line, without line end, to a function of yours:
///
///     task 01890a5d-ac96-774b-bcce-b302099a8057 add running attempt 2 on mill-3
///     worker mill-3 lost: no heartbeat for 15 s
///     notice bad_greeting: 203.0.113.7 does not speak ZMTP (and 812 more before)
///
/// Peers can't flood it: of each kind of notice, and of each kind of change of workers, there are at most
/// `most_a_second` lines a second; the next one tells how many were left out. What a peer has chosen comes
/// escaped, so it can neither begin a line of its own nor command a terminal. One thread at a time.
class log {
public:
    using sink = std::function<void(std::string_view)>;
    using clock = std::function<instant()>;
    static constexpr std::uint32_t most_a_second = 5;

    /// Says nothing.
    log() = default;
    /// \param write  called from inside the role's turn: it must be quick; what it throws is dropped
    /// \param now    for tests
    explicit log(sink write, clock now = std::chrono::steady_clock::now)
        : write_{std::move(write)}, now_{std::move(now)} {}

    void on(policy::task_event const& event) noexcept {
        say([&](std::string& line) {
            line += "task ";
            line += event.id.text();
            line += ' ';
            detail::append_escaped(line, event.name);
            line += ' ';
            line += name_of(event.state);
            if (event.attempt > 0) line += " attempt " + std::to_string(event.attempt);
            if (!event.worker.empty()) line += " on ";
            detail::append_escaped(line, event.worker);
        });
    }
    void on(policy::worker_event const& event) noexcept {
        auto const kind = static_cast<std::size_t>(event.change) % worker_kinds;
        limited(kind, [&](std::string& line) {
            line += "worker ";
            detail::append_escaped(line, event.worker);
            line += ' ';
            line += name_of(static_cast<policy::worker_change>(kind));
            if (!event.reason.empty()) line += ": ";
            detail::append_escaped(line, event.reason);
        });
    }
    void on(policy::notice_event const& event) noexcept {
        auto const kind = worker_kinds + static_cast<std::size_t>(event.code) % notice_kinds;
        limited(kind, [&](std::string& line) {
            line += "notice ";
            line += name_of(event.code);
            line += ": ";
            detail::append_escaped(line, event.text);
        });
    }

private:
    static constexpr std::size_t worker_kinds = 4;
    static constexpr std::size_t notice_kinds = 256;

    struct window {
        instant begin{};
        std::uint32_t lines = 0;     // since `begin`
        std::uint64_t left_out = 0;  // since the last line
    };

    template <class Format>
    void say(Format format) noexcept {
        if (!write_) return;
        try {
            line_.clear();
            format(line_);
            write_(line_);
        } catch (...) {  // a log that cannot be written must not end the program
        }
    }

    template <class Format>
    void limited(std::size_t kind, Format format) noexcept {
        if (!write_) return;
        auto& w = windows_[kind];
        auto const now = now_();
        if (w.lines == 0 || now - w.begin >= std::chrono::seconds{1}) {
            w.begin = now;
            w.lines = 0;
        }
        if (w.lines == most_a_second) {
            ++w.left_out;
            return;
        }
        ++w.lines;
        auto const left_out = std::exchange(w.left_out, 0);
        say([&](std::string& line) {
            format(line);
            if (left_out > 0) line += " (and " + std::to_string(left_out) + " more before)";
        });
    }

    sink write_;
    clock now_;
    std::string line_;  // kept for its memory
    std::array<window, worker_kinds + notice_kinds> windows_{};
};

static_assert(policy::observer<log>);

}  // namespace fastqueue::observer

// ---- <fastqueue/serialization/portable_binary.hpp>

// ---- <fastqueue/serialization/binary_input.hpp>

// ---- <fastqueue/serialization/binary_output.hpp>

namespace fastqueue::serialization {

class binary_output;

/// Values nested deeper than this are refused, when they are written and when they are read.
inline constexpr unsigned max_binary_depth = 64;

/// Writes values as cereal's portable binary archive does (and reads them there), appending to a string instead of a stream:
/// little-endian numbers of their own size, 64-bit counts before strings and containers, no names. One thread at a time.
class binary_encoder {
public:
    /// Begins with the octet that says which end comes first.
    explicit binary_encoder(std::string& out) : out_{&out} { out_->push_back('\1'); }
    binary_encoder(binary_encoder const&) = delete;  // a binary_output points here
    binary_encoder& operator=(binary_encoder const&) = delete;

    /// \throws error (bad_value) for a variant without a value and for values nested too deep
    template <class T>
    void put(T const& value) {
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::null)
            return;
        else if constexpr (std::is_arithmetic_v<T>)
            put_number(value);
        else if constexpr (s == shape::number)
            put_number(static_cast<std::underlying_type_t<T>>(value));
        else if constexpr (s == shape::text)
            put_text(value);
        else
            put_nested(value);
    }

    void put_size(std::size_t size) { put_number(static_cast<std::uint64_t>(size)); }

    /// `count` numbers as they lie in memory.
    template <class Number>
    void put_raw(Number const* numbers, std::size_t count) {
        if constexpr (std::endian::native == std::endian::little || sizeof(Number) == 1) {
            out_->append(reinterpret_cast<char const*>(numbers), count * sizeof(Number));
        } else {
            for (std::size_t i = 0; i < count; ++i) put_number(numbers[i]);
        }
    }

private:
    template <class Number>
    void put_number(Number number) {
        auto octets = std::bit_cast<std::array<char, sizeof(Number)>>(number);
        if constexpr (std::endian::native != std::endian::little) std::ranges::reverse(octets);
        out_->append(octets.data(), octets.size());
    }

    void put_text(std::string_view text) {
        put_size(text.size());
        out_->append(text);
    }

    template <class T>
    void put_nested(T const& value) {
        constexpr auto s = shape_of<T>;
        if (++depth_ > max_binary_depth) throw error{errc::bad_value, "the value is nested too deep"};
        if constexpr (s == shape::object)
            put_object(value);
        else if constexpr (s == shape::optional) {
            put_number(!value.has_value());  // cereal's order: true says that there is none
            if (value) put(*value);
        } else if constexpr (s == shape::choice)
            put_choice(value);
        else if constexpr (s == shape::tuple)
            std::apply([&](auto const&... each) { (put(each), ...); }, value);
        else
            put_each(value);
        --depth_;
    }

    template <class Variant>
    void put_choice(Variant const& value) {
        if (value.valueless_by_exception()) throw error{errc::bad_value, "a variant holds no value"};
        put_number(static_cast<std::int32_t>(value.index()));
        std::visit([this](auto const& held) { this->put(held); }, value);
    }

    template <class Container>
    void put_each(Container const& container) {
        using element = typename Container::value_type;
        if constexpr (shape_of<Container> != shape::fixed) put_size(container.size());
        if constexpr (std::is_arithmetic_v<element> && requires { container.data(); }) {
            put_raw(container.data(), container.size());
        } else {
            for (element const& each : container) put(each);
        }
    }

    template <class T>
    void put_object(T const& value);

    std::string* out_;
    binary_output* archive_ = nullptr;  // while a class of the user's is being written
    unsigned depth_ = 0;
};

/// The cereal archive that the user's `serialize` and `save` functions are given.
class binary_output : public cereal::OutputArchive<binary_output, cereal::AllowEmptyClassElision> {
    using base = cereal::OutputArchive<binary_output, cereal::AllowEmptyClassElision>;

public:
    explicit binary_output(binary_encoder& encoder) : base{this}, encoder_{encoder} {}

    template <class... Ts>
    binary_output& operator()(Ts&&... values) {
        (one(values), ...);
        return *this;
    }
    template <class T>
    binary_output& operator&(T&& value) {
        return one(value), *this;
    }
    template <class T>
    binary_output& operator<<(T&& value) {
        return one(value), *this;
    }

    [[nodiscard]] binary_encoder& encoder() noexcept { return encoder_; }

    /// By cereal: finds the user's function for `value`.
    template <class T>
    void dispatch(T const& value) {
        base::operator()(value);
    }

private:
    template <class T>
    void one(cereal::NameValuePair<T> const& member) {
        one(member.value);
    }
    template <class T>
    void one(cereal::SizeTag<T> const& tag) {
        encoder_.put_size(tag.size);
    }
    template <class T>
    void one(cereal::BinaryData<T> const& data) {
        using number = std::remove_cv_t<std::remove_pointer_t<std::remove_reference_t<T>>>;
        using octets = std::conditional_t<std::is_void_v<number>, char, number>;
        encoder_.put_raw(static_cast<octets const*>(data.data), data.size / sizeof(octets));
    }
    template <class K, class V>
    void one(cereal::MapItem<K, V> const& item) {
        one(item.key);
        one(item.value);
    }
    template <class T>
    void one(cereal::DeferredData<T> const& later) {
        dispatch(later);
    }
    template <class T>
    void one(T const& value) {
        encoder_.put(value);
    }

    binary_encoder& encoder_;
};

template <class T>
void binary_encoder::put_object(T const& value) {
    detail::dispatch(archive_, *this, value);
}

// What cereal looks for in an archive's namespace.
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(binary_output& archive, cereal::NameValuePair<T> const& member) {
    archive(member);
}
template <class T>
requires(shape_of<T> == shape::text ||
         std::is_arithmetic_v<T>) void CEREAL_SAVE_FUNCTION_NAME(binary_output& archive, T const& value) {
    archive.encoder().put(value);
}

}  // namespace fastqueue::serialization

namespace fastqueue::serialization {

class binary_input;

/// Reads what `binary_encoder`, or cereal's portable binary archive on either kind of machine, has written. A count is
/// believed only as far as there are octets left for it, and containers grow as they are read, so what is allocated stays
/// in proportion to what came. One thread at a time.
class binary_decoder {
public:
    /// \throws error (bad_value) if the first octet is none that this archive begins with
    explicit binary_decoder(std::string_view bytes) : rest_{bytes} {
        auto const order = take(1).front();
        if (order != '\0' && order != '\1') fail("this is no portable binary archive");
        swapped_ = (order == '\1') != (std::endian::native == std::endian::little);
    }
    binary_decoder(binary_decoder const&) = delete;  // a binary_input points here
    binary_decoder& operator=(binary_decoder const&) = delete;

    /// What is read next is an argument: messages then begin with `argument "x"`.
    void argument(std::string_view name, std::size_t position) noexcept {
        argument_ = name;
        position_ = position;
    }

    /// \throws error (bad_value) with a sentence
    template <class T>
    void get(T& out) {
        static_assert(!std::is_same_v<T, std::string_view> && !std::is_pointer_v<T>,
                      "a view or pointer owns nothing to read into: use std::string");
        constexpr auto s = shape_of<T>;
        if constexpr (s == shape::null)
            return;
        else if constexpr (s == shape::boolean)
            out = get_flag();
        else if constexpr (std::is_arithmetic_v<T>)
            out = get_number<T>();
        else if constexpr (s == shape::number)
            out = static_cast<T>(get_number<std::underlying_type_t<T>>());
        else if constexpr (s == shape::text)
            out = take(get_size());
        else
            get_nested(out);
    }

    /// A count of things that take an octet each at least.
    [[nodiscard]] std::size_t get_size() {
        auto const size = get_number<std::uint64_t>();
        if (size > rest_.size()) too_short();
        return static_cast<std::size_t>(size);
    }

    /// `count` numbers to where they shall lie.
    template <class Number>
    void get_raw(Number* out, std::size_t count) {
        if (count > rest_.size() / sizeof(Number)) too_short();
        for (std::size_t i = 0; i < count; ++i) out[i] = get_number<Number>();
    }

    /// \throws error (bad_value) if anything is left
    void finish() {
        position_ = 0;
        if (!rest_.empty()) fail("something follows the value: " + std::to_string(rest_.size()) + " octets");
    }

private:
    [[noreturn]] void fail(std::string const& what) const {
        throw error{errc::bad_value,
                    (position_ != 0 ? argument_label(argument_, position_) + ": " : "") + what};
    }
    [[noreturn]] void too_short() const { fail("the bytes end too early"); }

    std::string_view take(std::size_t size) {
        if (size > rest_.size()) too_short();
        auto const taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    template <class Number>
    Number get_number() {
        std::array<char, sizeof(Number)> octets;
        std::memcpy(octets.data(), take(octets.size()).data(), octets.size());
        if (swapped_) std::ranges::reverse(octets);
        return std::bit_cast<Number>(octets);
    }

    // A bool that is neither 0 nor 1 would be undefined behaviour to look at.
    bool get_flag() {
        auto const octet = take(1).front();
        if (octet != '\0' && octet != '\1') fail("expected a boolean");
        return octet == '\1';
    }

    template <class T>
    void get_nested(T& out) {
        constexpr auto s = shape_of<T>;
        if (++depth_ > max_binary_depth) fail("nested too deep");
        if constexpr (s == shape::object)
            get_object(out);
        else if constexpr (s == shape::optional)
            get_flag() ? out.reset() : get(out.emplace());
        else if constexpr (s == shape::choice)
            get_choice(out);
        else if constexpr (s == shape::tuple)
            std::apply([&](auto&... each) { (get(each), ...); }, out);
        else if constexpr (s == shape::fixed) {
            for (auto& each : out) get(each);
        } else {
            get_each(out);
        }
        --depth_;
    }

    template <class Variant>
    void get_choice(Variant& out) {
        auto const chosen = get_number<std::int32_t>();
        constexpr auto size = std::variant_size_v<Variant>;
        if (chosen < 0 || static_cast<std::size_t>(chosen) >= size) fail("a variant has no such alternative");
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            ((I == static_cast<std::size_t>(chosen) ? get(out.template emplace<I>()) : void()), ...);
        }
        (std::make_index_sequence<size>{});
    }

    template <class Container>
    void get_each(Container& out) {
        out.clear();
        for (auto left = get_size(); left > 0; --left) {
            if constexpr (shape_of<Container> == shape::map) {
                std::pair<typename Container::key_type, typename Container::mapped_type> item;
                get(item);
                out.insert(std::move(item));
            } else {
                auto item = typename Container::value_type();
                get(item);
                out.insert(out.end(), std::move(item));
            }
        }
    }

    template <class T>
    void get_object(T& out);

    std::string_view rest_;
    std::string_view argument_;
    std::size_t position_ = 0;         // 0: what is read is no argument
    binary_input* archive_ = nullptr;  // while a class of the user's is being read
    unsigned depth_ = 0;
    bool swapped_ = false;
};

/// The cereal archive that the user's `serialize` and `load` functions are given.
class binary_input : public cereal::InputArchive<binary_input, cereal::AllowEmptyClassElision> {
    using base = cereal::InputArchive<binary_input, cereal::AllowEmptyClassElision>;

public:
    explicit binary_input(binary_decoder& decoder) : base{this}, decoder_{decoder} {}

    template <class... Ts>
    binary_input& operator()(Ts&&... values) {
        (one(values), ...);
        return *this;
    }
    template <class T>
    binary_input& operator&(T&& value) {
        return one(value), *this;
    }
    template <class T>
    binary_input& operator>>(T&& value) {
        return one(value), *this;
    }

    [[nodiscard]] binary_decoder& decoder() noexcept { return decoder_; }

    /// By cereal: finds the user's function for `value`.
    template <class T>
    void dispatch(T& value) {
        base::operator()(value);
    }

private:
    template <class T>
    void one(cereal::NameValuePair<T>& member) {
        one(member.value);
    }
    template <class T>
    void one(cereal::SizeTag<T>& tag) {
        tag.size = static_cast<std::remove_reference_t<T>>(decoder_.get_size());
    }
    template <class T>
    void one(cereal::BinaryData<T>& data) {
        using number = std::remove_pointer_t<std::remove_reference_t<T>>;
        using octets = std::conditional_t<std::is_void_v<number>, char, number>;
        decoder_.get_raw(static_cast<octets*>(data.data), data.size / sizeof(octets));
    }
    template <class K, class V>
    void one(cereal::MapItem<K, V>& item) {
        one(item.key);
        one(item.value);
    }
    template <class T>
    void one(cereal::DeferredData<T>& later) {
        dispatch(later);
    }
    template <class T>
    void one(T& value) {
        decoder_.get(value);
    }

    binary_decoder& decoder_;
};

template <class T>
void binary_decoder::get_object(T& out) {
    detail::dispatch(archive_, *this, out);
}

// What cereal looks for in an archive's namespace.
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(binary_input& archive, cereal::NameValuePair<T>& member) {
    archive(member);
}
template <class T>
requires(shape_of<T> == shape::text ||
         std::is_arithmetic_v<T>) void CEREAL_LOAD_FUNCTION_NAME(binary_input& archive, T& value) {
    archive.decoder().get(value);
}

}  // namespace fastqueue::serialization

CEREAL_SETUP_ARCHIVE_TRAITS(fastqueue::serialization::binary_input, fastqueue::serialization::binary_output)

namespace fastqueue::serialization {

/// Values in the form of cereal's portable binary archive: smaller and faster than JSON for numbers and large arrays, exact
/// for NaN and for strings that are no text, and readable only by who knows the types. Arguments are their number (32 bits)
/// and then each one, by position.
struct portable_binary {
    static constexpr std::string_view content = "cereal-portable-binary";

    /// Appends `value`. \throws error (bad_value)
    template <class T>
    static void encode(std::string& out, T const& value) {
        binary_encoder{out}.put(value);
    }

    /// Reads a value that takes all of `bytes`. \throws error (bad_value)
    template <class T>
    [[nodiscard]] static T decode(std::string_view bytes) {
        binary_decoder in{bytes};
        auto value = T();  // not {}: a constructor with a default argument may be explicit
        in.get(value);
        in.finish();
        return value;
    }

    /// Appends arguments. \throws error (bad_value)
    template <class... Ts>
    static void encode_arguments(std::string& out, Ts const&... values) {
        binary_encoder encoder{out};
        encoder.put(static_cast<std::uint32_t>(sizeof...(Ts)));
        (encoder.put(values), ...);
    }

    /// Reads arguments into `values`: see `policy::serialization`. \throws error (bad_arguments)
    template <class... Ts, class Fill = policy::no_defaults>
    static void decode_arguments(std::string_view bytes, std::span<std::string_view const> names,
                                 std::tuple<Ts...>& values, Fill const& fill = {}) {
        detail::in_arguments([&] {
            std::optional<binary_decoder> in;
            std::uint32_t count = 0;
            if (!bytes.empty()) in.emplace(bytes).get(count);
            if (count > sizeof...(Ts)) detail::too_many_arguments(sizeof...(Ts), count);
            auto const is_given = [&](std::size_t i) { return i < count; };
            auto const read = [&](std::size_t i, auto& element) {
                in->argument(detail::name_at(names, i), i + 1);
                in->get(element);
            };
            detail::read_each(names, values, is_given, read, fill);
            if (in) in->finish();
        });
    }
};

static_assert(policy::serialization<portable_binary>);

}  // namespace fastqueue::serialization

// ---- <fastqueue/store/selectable.hpp>

namespace fastqueue::store {

/// One of several kinds of store, chosen when the program runs: for a program that takes `--store`. It is as durable as
/// what was chosen. One branch a call.
template <policy::store... Stores>
class selectable {
public:
    /// The first kind, as it is without a choice.
    selectable() : chosen_{std::make_unique<std::tuple_element_t<0, std::tuple<Stores...>>>()} {}
    /// That one, which must be there.
    template <class S>
    requires(std::is_same_v<S, Stores> || ...) explicit selectable(std::unique_ptr<S> chosen)
        : chosen_{std::move(chosen)} {}

    void attach(std::function<void()> wake) {
        visit([&](auto& s) { s.attach(std::move(wake)); });
    }
    policy::store_sequence put(policy::task_record const& task) {
        return visit([&](auto& s) { return s.put(task); });
    }
    policy::store_sequence claim(policy::task_number number, std::uint32_t attempt) {
        return visit([&](auto& s) { return s.claim(number, attempt); });
    }
    policy::store_sequence requeue(policy::attempt_record const& attempt) {
        return visit([&](auto& s) { return s.requeue(attempt); });
    }
    policy::store_sequence finish(policy::result_record const& result) {
        return visit([&](auto& s) { return s.finish(result); });
    }
    policy::store_sequence forget(policy::task_number number) {
        return visit([&](auto& s) { return s.forget(number); });
    }
    policy::store_sequence erase(policy::task_number number) {
        return visit([&](auto& s) { return s.erase(number); });
    }
    policy::store_sequence member(std::string_view name, bool there) {
        return visit([&](auto& s) { return s.member(name, there); });
    }
    void flush(policy::store_sequence awaited) noexcept {
        visit([&](auto& s) { s.flush(awaited); });
    }
    void poll(policy::store_news& news) {
        visit([&](auto& s) { s.poll(news); });
    }
    [[nodiscard]] uuid epoch() const noexcept {
        return std::visit([](auto const& s) { return s->epoch(); }, chosen_);
    }

    [[nodiscard]] bool keeps() const noexcept {
        return std::visit(
            []<class S>(std::unique_ptr<S> const& s) {
                if constexpr (policy::durable_store<S>) return s->keeps();
                return false;
            },
            chosen_);
    }
    void restore(policy::restore_sink& sink, std::uint64_t octets) {
        visit_durable([&](auto& s) { s.restore(sink, octets); });
    }
    void fetch(policy::task_number number) {
        visit_durable([&](auto& s) { s.fetch(number); });
    }
    void backup(std::string const& path) {
        visit_durable([&](auto& s) { s.backup(path); });
    }

    /// The one that was chosen, if it is of that kind.
    template <class S>
    [[nodiscard]] S* get() noexcept {
        auto* const held = std::get_if<std::unique_ptr<S>>(&chosen_);
        return held != nullptr ? held->get() : nullptr;
    }

private:
    template <class Use>
    decltype(auto) visit(Use use) {
        return std::visit([&](auto& s) -> decltype(auto) { return use(*s); }, chosen_);
    }
    template <class Use>
    void visit_durable(Use use) {
        visit([&]<class S>(S& s) {
            if constexpr (policy::durable_store<S>) use(s);
        });
    }

    std::variant<std::unique_ptr<Stores>...> chosen_;
};

}  // namespace fastqueue::store

// ---- <fastqueue/tasks/module_loader.hpp>

// ---- <fastqueue/tasks/module_task.hpp>

namespace fastqueue::detail {

/// A task of a loaded module, called through the C boundary.
class module_task {
public:
    module_task(std::shared_ptr<void const> library, fastqueue_task const& task) noexcept
        : library_{std::move(library)}, task_{&task} {}

    /// The function of a `task_invoker`.
    static invocation_result run(void const* state, context& ctx, std::string_view content,
                                 std::string_view arguments, std::string& out) {
        auto const& self = *static_cast<module_task const*>(state);
        run_host host{ctx, {}, {}};
        auto const id = ctx.id().octets();
        fastqueue_context const shown{&host,       id.data(),     ctx.attempt(), &stop_requested,
                                      &watch_stop, &unwatch_stop, &retry_after};
        auto const status = self.task_->run(self.task_->state, &shown, {content.data(), content.size()},
                                            {arguments.data(), arguments.size()}, {&out, &append});
        auto result = to_result(status, out);
        if (status == FASTQUEUE_HANDLER_ERROR) result.retry_after_ms = host.retry_after_ms;
        return result;
    }

private:
    struct run_host {
        context& ctx;
        std::optional<std::stop_callback<std::function<void()>>> watch;
        std::optional<std::uint64_t> retry_after_ms;
    };

    static int stop_requested(void* host) noexcept {
        return static_cast<run_host*>(host)->ctx.stop_requested() ? 1 : 0;
    }

    static void watch_stop(void* host, void (*notify)(void*), void* argument) noexcept {
        auto& self = *static_cast<run_host*>(host);
        self.watch.emplace(self.ctx.stop(), [notify, argument] { notify(argument); });
    }
    static void unwatch_stop(void* host) noexcept { static_cast<run_host*>(host)->watch.reset(); }

    static void retry_after(void* host, std::uint64_t ms) noexcept {
        static_cast<run_host*>(host)->retry_after_ms = ms;
    }

    static int append(void* host, char const* data, std::size_t size) noexcept {
        try {
            static_cast<std::string*>(host)->append(data, size);
            return 0;
        } catch (...) {
            return 1;
        }
    }

    // A module is not trusted to keep to the codes, nor its error texts to be UTF-8.
    static invocation_result to_result(std::int32_t status, std::string& out) {
        if (status == FASTQUEUE_SUCCESS) return {};
        write_error_text(out, std::string{out});
        switch (status) {
            case FASTQUEUE_BAD_ARGUMENTS:
                return {errc::bad_arguments, true};
            case FASTQUEUE_UNSUPPORTED_CONTENT:
                return {errc::unsupported_content, true};
            case FASTQUEUE_CANCELLED:
                return {errc::cancelled, true};
            case FASTQUEUE_PERMANENT_FAILURE:
                return {errc::handler_error, true};
            default:
                return {errc::handler_error, false};
        }
    }

    std::shared_ptr<void const> library_;  // keeps it mapped
    fastqueue_task const* task_;
};

}  // namespace fastqueue::detail

#include <dlfcn.h>
#include <cstdlib>
#include <filesystem>

namespace fastqueue {

/// Where `module_loader` looks for a bare name, in this order.
struct module_search {
    std::filesystem::path working_folder = ".";
    std::string path;                     ///< folders separated by colons; empty ones are ignored
    std::filesystem::path binary_folder;  ///< beside the program; empty: not there
};

/// What FASTQUEUE_MODULE_PATH holds now, for `module_search::path`; empty if it is not set. Not safe while another thread
/// changes the environment.
[[nodiscard]] inline std::string module_path_from_environment() {
    auto const* const value = std::getenv("FASTQUEUE_MODULE_PATH");
    return value != nullptr ? value : "";
}

/// Loads task modules: shared objects with a plain C boundary (`fastqueue/module.h`). Loading runs the module's code: load
/// only what you would also run as a program. One thread at a time.
class module_loader {
public:
    explicit module_loader(module_search search = {}) : search_{std::move(search)} {}

    /// Loads a module and adds its tasks to `into`: all of them, or none where it throws. The module stays mapped as long as
    /// a copy of one of its definitions lives.
    /// \param name  a path, taken as it is, if there is a slash in it; else `mytasks` stands for `mytasks.so` or
    ///              `libmytasks.so` (or `.dylib`) in one of the folders
    /// \throws error (bad_module) with one sentence that says what is wrong with which file
    void load(registry& into, std::string_view name) const {
        auto const file = find(name);
        auto const library = open(file);
        auto const& module = enter(library.get(), file);
        registry added;
        for (std::size_t i = 0; i < module.task_count; ++i) add(added, library, module.tasks[i], file);
        try {
            into.merge(added);
        } catch (error const& e) {
            throw error{errc::bad_module, e.text()};
        }
    }

    /// The file that `load` would take. \throws error (bad_module) that lists where it looked
    [[nodiscard]] std::filesystem::path find(std::string_view name) const {
        if (name.empty()) fail("a task module's name is empty");
        if (name.find('/') != std::string_view::npos) {
            if (!is_file(name)) fail("task module \"" + std::string{name} + "\" is not there");
            return name;
        }
        std::string looked;
        for (auto const& folder : folders()) {
            for (auto const& file : candidates(name)) {
                // With a slash even where it is in the working folder: dlopen would look elsewhere for a bare name.
                if (auto path = folder / file; is_file(path)) return path;
            }
            looked += (looked.empty() ? "" : ", ") + folder.string();
        }
        fail("task module \"" + std::string{name} + "\" was not found: no " + candidates(name)[0] + " or " +
             candidates(name)[1] + " in " + looked);
    }

private:
    [[noreturn]] static void fail(std::string const& what) { throw error{errc::bad_module, what}; }
    [[noreturn]] static void fail(std::filesystem::path const& file, std::string const& what) {
        fail("task module " + file.string() + ' ' + what);
    }

    [[nodiscard]] static bool is_file(std::filesystem::path const& path) {
        std::error_code ignored;
        return std::filesystem::is_regular_file(path, ignored);
    }

    [[nodiscard]] std::vector<std::filesystem::path> folders() const {
        std::vector<std::filesystem::path> list{search_.working_folder};
        for (std::string_view rest = search_.path; !rest.empty();) {
            auto const end = std::min(rest.find(':'), rest.size());
            if (end != 0) list.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        if (!search_.binary_folder.empty()) list.push_back(search_.binary_folder);
        return list;
    }

    [[nodiscard]] static std::vector<std::string> candidates(std::string_view name) {
#if defined(__APPLE__)
        constexpr std::string_view suffixes[] = {".dylib", ".so"};
#else
        constexpr std::string_view suffixes[] = {".so"};
#endif
        std::vector<std::string> list;
        for (auto const suffix : suffixes) {
            bool const has_suffix = name.ends_with(suffix);
            std::string const file = std::string{name} + std::string{has_suffix ? "" : suffix};
            list.push_back(file);
            list.push_back("lib" + file);
        }
        return list;
    }

    [[nodiscard]] static std::shared_ptr<void> open(std::filesystem::path const& file) {
        void* const handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr) {
            auto const* const why = ::dlerror();
            fail(file, "is not a shared object that can be loaded here: " +
                           std::string{why != nullptr ? why : "no reason given"});
        }
        return {handle, [](void* mapped) { ::dlclose(mapped); }};
    }

    [[nodiscard]] static fastqueue_module const& enter(void* library, std::filesystem::path const& file) {
        auto const entry =
            reinterpret_cast<decltype(&fastqueue_module_entry)>(::dlsym(library, "fastqueue_module_entry"));
        if (entry == nullptr) fail(file, "has no entry point: it does not export fastqueue_module_entry");
        fastqueue_module const* module = nullptr;
        try {
            module = entry();
        } catch (...) {
            fail(file, "could not be set up: its entry point threw an exception");
        }
        if (module == nullptr) fail(file, "could not be set up: its entry point returned nothing");
        check_stamp(module->stamp, file);
        if (module->error.size != 0) {
            std::string why;
            write_error_text(why, {module->error.data, module->error.size});
            fail(file, "could not be set up: " + why);
        }
        return *module;
    }

    static void check_stamp(fastqueue_stamp const& theirs, std::filesystem::path const& file) {
        fastqueue_stamp const ours = FASTQUEUE_MODULE_STAMP;
        if (theirs.magic != ours.magic)
            fail(file, "is no FastQueue module: its stamp begins with something else");
        if (std::memcmp(&theirs, &ours, sizeof ours) == 0) return;
        fail(file, "was built for module ABI " + describe(theirs) + ", this program has " + describe(ours) +
                       ": build it again with this program's headers");
    }

    // `1 (56/88/40/48)`
    [[nodiscard]] static std::string describe(fastqueue_stamp const& stamp) {
        return std::to_string(stamp.version) + " (" + std::to_string(stamp.module_size) + '/' +
               std::to_string(stamp.task_size) + '/' + std::to_string(stamp.parameter_size) + '/' +
               std::to_string(stamp.context_size) + ')';
    }

    [[nodiscard]] static std::string text(fastqueue_bytes bytes) {
        return bytes.size == 0 ? std::string{} : std::string{bytes.data, bytes.size};
    }

    static void add(registry& into, std::shared_ptr<void> const& library, fastqueue_task const& task,
                    std::filesystem::path const& file) {
        if (task.run == nullptr) fail(file, "has a task \"" + text(task.name) + "\" without code");
        std::vector<parameter> parameters;
        for (std::size_t i = 0; i < task.parameter_count; ++i) {
            auto const& p = task.parameters[i];
            parameters.push_back({text(p.name), text(p.type), p.has_default != 0});
        }
        std::vector<task_invoker> invokers;
        for (std::size_t i = 0; i < task.content_count; ++i) {
            invokers.push_back({text(task.contents[i]), &detail::module_task::run});
        }
        task_definition definition{text(task.name), std::move(parameters), text(task.result_type),
                                   std::make_shared<detail::module_task>(library, task), std::move(invokers)};
        definition.describe(text(task.description)).from_module(file.string());
        try {
            into.add(std::move(definition));
        } catch (error const& e) {
            fail(file, "cannot be used: " + e.text());
        }
    }

    module_search search_;
};

}  // namespace fastqueue
