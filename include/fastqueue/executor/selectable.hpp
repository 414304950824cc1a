#pragma once

#include <fastqueue/policy/executor.hpp>

#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue::executor {

/// One of several kinds of executor, chosen when the program runs: for a program that takes it as an option. Threads as the
/// kind that was chosen; one branch a call.
template <policy::executor... Executors>
class selectable {
public:
    /// The first kind.
    selectable(policy::executor_options options, std::function<void()> wake)
        : selectable{std::make_unique<std::tuple_element_t<0, std::tuple<Executors...>>>(std::move(options),
                                                                                         std::move(wake))} {}
    /// That one, which must be there.
    template <class E>
    requires(std::is_same_v<E, Executors> || ...) explicit selectable(std::unique_ptr<E> chosen)
        : chosen_{std::move(chosen)} {}

    void submit(policy::job& j) noexcept {
        visit([&](auto& e) { e.submit(j); });
    }
    void kick() noexcept {
        visit([](auto& e) { e.kick(); });
    }
    bool retract(policy::job& j) noexcept {
        return visit([&](auto& e) { return e.retract(j); });
    }
    policy::job* finished() noexcept {
        return visit([](auto& e) { return e.finished(); });
    }
    void stop() noexcept {
        visit([](auto& e) { e.stop(); });
    }
    /// Nothing, where the kind that was chosen runs jobs in this process.
    void interrupt(policy::job& j) noexcept {
        visit([&]<class E>(E& e) {
            if constexpr (policy::reaches_jobs<E>) e.interrupt(j);
        });
    }
    void kill(policy::job& j) noexcept {
        visit([&]<class E>(E& e) {
            if constexpr (policy::reaches_jobs<E>) e.kill(j);
        });
    }

    /// No, where the kind that was chosen can't.
    bool replace(policy::job& j) noexcept {
        return visit([&]<class E>(E& e) {
            if constexpr (policy::replaces_stuck<E>)
                return e.replace(j);
            else
                return false;
        });
    }

private:
    template <class F>
    auto visit(F&& f) noexcept {
        return std::visit([&](auto& e) { return f(*e); }, chosen_);
    }

    std::variant<std::unique_ptr<Executors>...> chosen_;
};

}  // namespace fastqueue::executor
