#pragma once

#include <fastqueue/core/plane_options.hpp>
#include <fastqueue/core/slab.hpp>
#include <fastqueue/model/peer.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

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
