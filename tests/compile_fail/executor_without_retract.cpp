// expect: Policies::executor_policy does not model fastqueue::policy::executor

#include <fastqueue/policies.hpp>

#include <functional>

// Can't give back what has not begun.
class no_retract {
public:
    no_retract(fastqueue::policy::executor_options, std::function<void()>) {}
    void submit(fastqueue::policy::job&) noexcept {}
    void kick() noexcept {}
    fastqueue::policy::job* finished() noexcept { return nullptr; }
    void stop() noexcept {}
};

struct bad : fastqueue::default_policies {
    using executor_policy = no_retract;
};

template struct fastqueue::detail::checked<bad>;
