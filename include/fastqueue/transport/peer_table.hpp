#pragma once

#include <fastqueue/model/peer.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

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
