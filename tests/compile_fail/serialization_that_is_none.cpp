// expect: Policies::serialization_policy does not model fastqueue::policy::serialization

#include <fastqueue/policies.hpp>

class no_serialization {};

struct bad : fastqueue::default_policies {
    using serialization_policy = no_serialization;
};

template struct fastqueue::detail::checked<bad>;
