#pragma once

#include <fastqueue/client.hpp>
#include <fastqueue/executor/process.hpp>
#include <fastqueue/executor/selectable.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/time_zones/tzdb.hpp>

namespace fastqueue::cli {

/// What all commands are made of. A line that names another of the library's policies, or one of yours, is all that it takes
/// (docs/policies.md); the control plane's store and the observers are chosen by options, see narrators.hpp, and so is the kind of
/// executor where it is a selectable one.
struct cli_policies : default_policies {
    using transport_policy = transport::tcp;
    using serialization_policy = serialization::json;
    using eviction_policy = eviction::lru;
    using balancing_policy = balancing::least_loaded;
    using executor_policy = executor::selectable<executor::threads, executor::process>;
    using time_zone_policy = time_zones::tzdb;
};

using client = basic_client<cli_policies>;

}  // namespace fastqueue::cli
