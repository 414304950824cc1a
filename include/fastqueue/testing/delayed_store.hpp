#pragma once

#include <fastqueue/testing/durable_disk.hpp>
#include <fastqueue/testing/simulated_store.hpp>

#include <memory>
#include <utility>

namespace fastqueue::testing {

/// A store that commits when its owner says so: for tests of what must not leave before it is safe. Without a disk it says
/// of itself that it keeps nothing, as the memory store does.
class delayed_store : public simulated_store {
public:
    explicit delayed_store(uuid epoch = uuid::make_v4())
        : simulated_store{std::make_shared<durable_disk>(epoch)} {}
    /// On a disk that outlives it.
    explicit delayed_store(std::shared_ptr<durable_disk> disk)
        : simulated_store{std::move(disk)}, keeps_{true} {}

    [[nodiscard]] bool keeps() const noexcept { return keeps_; }

private:
    bool keeps_ = false;
};

static_assert(policy::durable_store<delayed_store>);

}  // namespace fastqueue::testing
