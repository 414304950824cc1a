#pragma once

#include <fastqueue/core/backoff.hpp>
#include <fastqueue/core/shared_text.hpp>
#include <fastqueue/core/slot_list.hpp>
#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/store.hpp>
#include <fastqueue/wire/registration.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
    std::uint32_t stuck = 0;                 ///< handlers that it has given up, and that have not returned
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
