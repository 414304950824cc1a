// expect: Policies::observer_policy does not model fastqueue::policy::observer

#include <fastqueue/policies.hpp>

// Hears of tasks and workers only.
class no_notices {
public:
    void on(fastqueue::policy::task_event const&) noexcept {}
    void on(fastqueue::policy::worker_event const&) noexcept {}
};

struct bad : fastqueue::default_policies {
    using observer_policy = no_notices;
};

template struct fastqueue::detail::checked<bad>;
