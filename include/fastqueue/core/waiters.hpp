#pragma once

#include <fastqueue/core/peer_table.hpp>
#include <fastqueue/core/slab.hpp>
#include <fastqueue/core/task.hpp>
#include <fastqueue/wire/pair_cursor.hpp>

#include <cstdint>
#include <string>

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
    task_id asked;  ///< under which he asked, where that is not the task's own; empty: it is
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
        w.asked = {};
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
