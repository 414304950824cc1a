// expect: Policies::eviction_policy does not model fastqueue::policy::eviction

#include <fastqueue/policies.hpp>

#include <cstdint>

// Forgets to say what a use does to a slot.
class no_use {
public:
    explicit no_use(fastqueue::policy::slot) {}
    void inserted(fastqueue::policy::slot, std::uint64_t) noexcept {}
    void erased(fastqueue::policy::slot) noexcept {}
    fastqueue::policy::slot victim() noexcept { return 0; }
};

struct bad : fastqueue::default_policies {
    using eviction_policy = no_use;
};

template struct fastqueue::detail::checked<bad>;
