#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/transport/inproc_mailbox.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

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
