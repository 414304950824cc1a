// expect: Policies::time_zone_policy does not model fastqueue::policy::time_zones

#include <fastqueue/policies.hpp>

#include <chrono>
#include <optional>
#include <string_view>

// Names come from strangers, and a schedule that is due has nobody to tell.
class may_throw {
public:
    std::optional<fastqueue::policy::zone_period> period(std::string_view, std::chrono::sys_seconds) const {
        return std::nullopt;
    }
};

struct bad : fastqueue::default_policies {
    using time_zone_policy = may_throw;
};

template struct fastqueue::detail::checked<bad>;
