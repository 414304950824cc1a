// expect: Policies::balancing_policy does not model fastqueue::policy::balancing

#include <fastqueue/policies.hpp>

#include <cstdint>

// Its pick may throw, and the fleet has no answer to that.
class may_throw {
public:
    explicit may_throw(std::uint64_t) {}
    void joined(fastqueue::policy::worker_slot, std::uint32_t, fastqueue::policy::load) {}
    void left(fastqueue::policy::worker_slot) noexcept {}
    void load_changed(fastqueue::policy::worker_slot, fastqueue::policy::load) {}
    fastqueue::policy::worker_slot pick(std::uint64_t) { return 0; }
};

struct bad : fastqueue::default_policies {
    using balancing_policy = may_throw;
};

template struct fastqueue::detail::checked<bad>;
