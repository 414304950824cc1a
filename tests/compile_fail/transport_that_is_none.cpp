// expect: Policies::transport_policy does not model fastqueue::policy::transport

#include <fastqueue/policies.hpp>

class no_transport {};

struct bad : fastqueue::default_policies {
    using transport_policy = no_transport;
};

template struct fastqueue::detail::checked<bad>;
