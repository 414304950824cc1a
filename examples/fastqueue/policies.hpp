#pragma once

#include <fastqueue/client.hpp>
#include <fastqueue/policies.hpp>

namespace fastqueue::cli {

/// What all commands are made of. A line that names another of the library's policies, or one of yours, is all that it takes
/// (docs/policies.md); the control plane's store and the observers are chosen by options, see narrators.hpp.
struct cli_policies : default_policies {
    using transport_policy = transport::tcp;
    using serialization_policy = serialization::json;
    using eviction_policy = eviction::lru;
    using balancing_policy = balancing::least_loaded;
    using executor_policy = executor::threads;
};

using client = basic_client<cli_policies>;

}  // namespace fastqueue::cli
