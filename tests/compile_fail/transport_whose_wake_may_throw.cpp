// expect: Policies::transport_policy does not model fastqueue::policy::transport

#include <fastqueue/policies.hpp>

// `wake` is called by destructors and by threads that have nobody to tell.
struct may_throw : fastqueue::transport::tcp {
    void wake() { tcp::wake(); }
};

struct bad : fastqueue::default_policies {
    using transport_policy = may_throw;
};

template struct fastqueue::detail::checked<bad>;
