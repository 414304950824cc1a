#pragma once

#include <fastqueue/transport/loop_gate.hpp>

#include <asio/post.hpp>
#include <atomic>
#include <cstddef>
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
