#pragma once

#include <fastqueue/balancing/least_loaded.hpp>
#include <fastqueue/eviction/lru.hpp>
#include <fastqueue/executor/threads.hpp>
#include <fastqueue/observer/none.hpp>
#include <fastqueue/policy/balancing.hpp>
#include <fastqueue/policy/eviction.hpp>
#include <fastqueue/policy/executor.hpp>
#include <fastqueue/policy/observer.hpp>
#include <fastqueue/policy/serialization.hpp>
#include <fastqueue/policy/store.hpp>
#include <fastqueue/policy/time_zones.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/store/memory.hpp>
#include <fastqueue/time_zones/utc.hpp>
#include <fastqueue/transport/tcp.hpp>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace fastqueue {

/// The choices that the three roles share. Derive from it and replace one alias to swap a policy:
/// `struct mine : fastqueue::default_policies { using eviction_policy = my_eviction; };`
/// No member mentions another, so that deriving replaces a choice everywhere.
struct default_policies {
    using transport_policy = transport::tcp;           ///< how messages travel
    using serialization_policy = serialization::json;  ///< how arguments and results become bytes
    using eviction_policy = eviction::lru;             ///< which result leaves a full cache
    using balancing_policy = balancing::least_loaded;  ///< which worker gets a task
    using store_policy = store::memory;                ///< where tasks survive
    using executor_policy = executor::threads;         ///< where handlers run
    using observer_policy = observer::none;            ///< who watches
    using time_zone_policy = time_zones::utc;          ///< what the clocks of periodic tasks show
};

namespace detail {

/// Says in a sentence which of a bundle's choices does not fit.
template <class P>
struct checked {
    static_assert(policy::transport<typename P::transport_policy>,
                  "Policies::transport_policy does not model fastqueue::policy::transport");
    static_assert(policy::serialization<typename P::serialization_policy>,
                  "Policies::serialization_policy does not model fastqueue::policy::serialization");
    static_assert(policy::eviction<typename P::eviction_policy>,
                  "Policies::eviction_policy does not model fastqueue::policy::eviction");
    static_assert(policy::balancing<typename P::balancing_policy>,
                  "Policies::balancing_policy does not model fastqueue::policy::balancing");
    static_assert(policy::store<typename P::store_policy>,
                  "Policies::store_policy does not model fastqueue::policy::store");
    static_assert(policy::executor<typename P::executor_policy>,
                  "Policies::executor_policy does not model fastqueue::policy::executor");
    static_assert(policy::observer<typename P::observer_policy>,
                  "Policies::observer_policy does not model fastqueue::policy::observer");
    static_assert(policy::time_zones<typename P::time_zone_policy>,
                  "Policies::time_zone_policy does not model fastqueue::policy::time_zones");
};

}  // namespace detail

/// Instances of policies that a role shall use instead of making them: a store with a path, a transport with limits, a
/// simulated one. What is left empty the role makes with the default constructor.
template <class P>
struct policy_instances {
    using executor_maker = std::function<std::unique_ptr<typename P::executor_policy>(
        policy::executor_options, std::function<void()>)>;
    std::unique_ptr<typename P::transport_policy> transport;
    std::unique_ptr<typename P::store_policy> store;
    executor_maker executor;
    typename P::observer_policy observer{};
    typename P::time_zone_policy time_zones{};
};

namespace detail {

template <class T>
[[nodiscard]] std::unique_ptr<T> given_or_made(std::unique_ptr<T> given) {
    if constexpr (std::is_default_constructible_v<T>) {
        return given ? std::move(given) : std::make_unique<T>();
    } else {
        if (!given)
            throw error{errc::bad_option,
                        "a policy that cannot be made without arguments was not handed over"};
        return given;
    }
}

template <class P>
[[nodiscard]] std::unique_ptr<typename P::executor_policy> make_executor(
    typename policy_instances<P>::executor_maker const& maker, policy::executor_options options,
    std::function<void()> wake) {
    using executor = typename P::executor_policy;
    if (maker) return maker(options, std::move(wake));
    if constexpr (policy::makeable_executor<executor>)
        return std::make_unique<executor>(options, std::move(wake));
    else
        throw error{errc::bad_option, "the executor policy cannot be made here: hand an instance over"};
}

}  // namespace detail

}  // namespace fastqueue
