// expect: Policies::observer_policy does not model fastqueue::policy::observer

#include <fastqueue/policies.hpp>

// A role keeps its observer: it is moved there.
class unmovable : public fastqueue::observer::none {
public:
    unmovable() = default;
    unmovable(unmovable&&) = delete;
};

struct bad : fastqueue::default_policies {
    using observer_policy = unmovable;
};

template struct fastqueue::detail::checked<bad>;
