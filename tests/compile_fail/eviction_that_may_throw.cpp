// expect: Policies::eviction_policy does not model fastqueue::policy::eviction

#include <fastqueue/policies.hpp>

// A result has been kept already when its policy hears of it.
class may_throw {
public:
    explicit may_throw(fastqueue::policy::slot) {}
    void inserted(fastqueue::policy::slot, std::uint64_t) {}
    void used(fastqueue::policy::slot) noexcept {}
    void erased(fastqueue::policy::slot) noexcept {}
    fastqueue::policy::slot victim() noexcept { return 0; }
};

struct bad : fastqueue::default_policies {
    using eviction_policy = may_throw;
};

template struct fastqueue::detail::checked<bad>;
