#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/policy/serialization.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/serialization/shape.hpp>
#include <fastqueue/tasks/argument.hpp>
#include <fastqueue/tasks/definition.hpp>
#include <fastqueue/tasks/handle.hpp>
#include <fastqueue/tasks/handler.hpp>
#include <fastqueue/tasks/hooks.hpp>
#include <fastqueue/tasks/recurrence.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace fastqueue {

namespace detail {

template <class T>
struct is_defaulted : std::false_type {};
template <class T>
struct is_defaulted<defaulted_arg<T>> : std::true_type {};

template <class T>
concept names_parameter =
    is_defaulted<T>::value || std::same_as<T, arg> || std::convertible_to<T, std::string_view>;

template <class T>
[[nodiscard]] std::string parameter_name(T const& given) {
    if constexpr (is_defaulted<T>::value)
        return given.name;
    else if constexpr (std::same_as<T, arg>)
        return given.name();
    else
        return std::string{std::string_view{given}};
}

struct name_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept {
        return std::hash<std::string_view>{}(name);
    }
};

}  // namespace detail

/// The tasks that a worker can run. Handlers are found by name, in O(1) and without allocation. Define first, run then:
/// const members may be called from several threads at once, the others only while nobody else uses it. A value; copies
/// share the handlers.
///
/// A handler takes its arguments as values or references of types that the serialization can read, and may have a `context&`
/// before them. It is called from several threads at once. What it returns is the task's result; what it throws, its error.
class registry {
public:
    using const_iterator = std::vector<task_definition>::const_iterator;

    /// Defines the task of a handle. Parameters have the handle's types and names.
    /// \param handler   callable with the handle's parameters, maybe after a `context&`; its result becomes the handle's
    /// \param defaults  any of `fq::arg("name") = value`
    /// \return for `describe`; valid until the registry changes
    /// \throws error (bad_name) for a name that cannot be one or is taken; error (bad_option) for a default that does not fit
    template <class R, class... Ts, class F, class... Defaults>
    task_definition& define(task<R(Ts...)> const& handle, F handler, Defaults const&... defaults) {
        return define_task<serialization::json>(handle, std::move(handler), defaults...);
    }

    /// Defines a task by name. Parameters have the handler's types.
    /// \param handler     callable with one signature (no overloads, no `auto` parameters: those need a handle)
    /// \param parameters  the names of all parameters in order, each a string, `fq::arg("x")` or `fq::arg("x") = value`;
    ///                    or none, and then arguments can be given by position only
    template <class F, detail::names_parameter... Parameters>
    task_definition& define(std::string_view name, F handler, Parameters const&... parameters) {
        return define_named<serialization::json>(name, std::move(handler), parameters...);
    }

    /// Adds a definition that is there already: of another registry, of a module.
    /// \throws error (bad_name) for a name that cannot be one or is taken, naming both origins
    task_definition& add(task_definition definition) {
        std::string name{definition.name()};
        if (!is_valid_name(name)) {
            throw error{errc::bad_name,
                        "\"" + name + "\" cannot name a task: it is 1 to 255 of A-Z a-z 0-9 . _ : -"};
        }
        if (auto const* known = find(name)) {
            throw error{errc::bad_name, "task \"" + name + "\" is defined twice: in " + origin(*known) +
                                            " and in " + origin(definition)};
        }
        auto const at = std::ranges::lower_bound(definitions_, name, {}, &task_definition::name);
        auto const position = at - definitions_.begin();
        definitions_.insert(at, std::move(definition));
        for (auto& [key, index] : index_) {
            if (index >= static_cast<std::size_t>(position)) ++index;
        }
        index_.emplace(std::move(name), static_cast<std::size_t>(position));
        return definitions_[static_cast<std::size_t>(position)];
    }

    /// Declares that a task is submitted again and again, whoever runs it: `schedule("nightly", cron("0 2 * * *"), clean("/tmp"))`. Its
    /// worker tells its control plane when it registers: a schedule that is there already stays as it is if it says the same, and
    /// is changed else.
    /// \throws error (bad_name) for a name that cannot be one
    template <class R>
    registry& schedule(std::string_view name, recurrence const& when, invocation<R> const& task) {
        return schedule(declare_schedule(name, when, task));
    }
    registry& schedule(declared_schedule declared) {
        auto const name = std::string_view{declared.tokens}.substr(0, declared.tokens.find(' ', 1) + 1);
        for (auto const& other : schedules_) {
            if (other.tokens.starts_with(name))
                throw error{errc::bad_name, "the schedule" + std::string{name} + "is declared twice"};
        }
        schedules_.push_back(std::move(declared));
        return *this;
    }
    [[nodiscard]] std::vector<declared_schedule> const& schedules() const noexcept { return schedules_; }

    /// Lets `f(context&, next_run&)` run around each task of this registry's worker: before `next()`, after it, or in its
    /// place. The first one added is outermost. Called from several threads at once; what it throws is the task's error.
    registry& around(worker_hooks::interceptor f) {
        hooks_.around.push_back(std::move(f));
        return *this;
    }
    /// Called once before a worker takes its first task. What it throws, the worker's `start` throws.
    registry& on_start(std::function<void()> f) {
        hooks_.on_start.push_back(std::move(f));
        return *this;
    }
    /// Called once when a worker has ended its last task; must not throw.
    registry& on_stop(std::function<void()> f) {
        hooks_.on_stop.push_back(std::move(f));
        return *this;
    }
    /// Gives each thread of a worker a `T` for itself, made by `make()` when a handler there first asks for it with
    /// `context::resource<T>()`, and destroyed when the thread ends.
    template <class T, class F>
    registry& per_thread(F make) {
        hooks_.per_thread.push_back({typeid(T), [make = std::move(make)] {
                                         return std::shared_ptr<void>{std::make_shared<T>(make())};
                                     }});
        return *this;
    }
    [[nodiscard]] worker_hooks const& hooks() const noexcept { return hooks_; }

    /// Adds all tasks, schedules and hooks of `other`, or, if it throws error (bad_name), none.
    void merge(registry const& other) {
        auto merged = *this;
        for (auto const& each : other) merged.add(each);
        merged.hooks_.merge(other.hooks_);
        for (auto const& declared : other.schedules_) merged.schedule(declared);
        *this = std::move(merged);
    }

    /// The task of that name; null if there is none. Valid until the registry changes.
    [[nodiscard]] task_definition const* find(std::string_view name) const noexcept {
        auto const found = index_.find(name);
        return found != index_.end() ? &definitions_[found->second] : nullptr;
    }

    /// The names most like `name`, nearest first, for messages.
    [[nodiscard]] std::vector<std::string> nearest(std::string_view name) const {
        return nearest_names(name, names());
    }

    /// All names, in order.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> list;
        list.reserve(definitions_.size());
        for (auto const& each : definitions_) list.emplace_back(each.name());
        return list;
    }

    /// Definitions in the order of their names.
    [[nodiscard]] const_iterator begin() const noexcept { return definitions_.begin(); }
    [[nodiscard]] const_iterator end() const noexcept { return definitions_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return definitions_.size(); }
    [[nodiscard]] bool empty() const noexcept { return definitions_.empty(); }

protected:
    template <class... Serializations, class R, class... Ts, class F, class... Defaults>
    task_definition& define_task(task<R(Ts...)> const& handle, F handler, Defaults const&... defaults) {
        static_assert((detail::is_defaulted<Defaults>::value && ...),
                      "the handle names the parameters: give only defaults");
        constexpr bool fits =
            std::is_invocable_r_v<R, F const&, Ts...> || std::is_invocable_r_v<R, F const&, context&, Ts...>;
        static_assert(fits || !(std::is_invocable_v<F&, Ts...> || std::is_invocable_v<F&, context&, Ts...>),
                      "the handler must give the handle's result, and be callable when const: it is called "
                      "from several threads");
        static_assert(fits, "the handler cannot be called with the handle's parameters");
        std::vector<std::string> names(handle.names().begin(), handle.names().end());
        return insert<R, std::tuple<Ts...>, std::tuple<Ts...>, Serializations...>(
            handle.name(), std::move(handler), std::move(names), defaults...);
    }

    template <class... Serializations, class F, class... Parameters>
    task_definition& define_named(std::string_view name, F handler, Parameters const&... parameters) {
        static_assert(
            detail::has_one_signature<F>,
            "the handler has no single signature (an overload, an auto parameter): define it with a handle");
        using of = detail::parameters_of<typename detail::signature_of<F>::type>;
        constexpr auto count = std::tuple_size_v<typename of::values>;
        static_assert(sizeof...(Parameters) == 0 || sizeof...(Parameters) == count,
                      "name all parameters, or none");
        return insert<typename of::result, typename of::declared, typename of::values, Serializations...>(
            name, std::move(handler), {detail::parameter_name(parameters)...}, parameters...);
    }

private:
    template <class R, class Declared, class Values, class... Serializations, class F, class... Given>
    task_definition& insert(std::string_view name, F function, std::vector<std::string> names,
                            Given const&... given) {
        using value = std::conditional_t<std::is_void_v<R>, std::monostate, std::remove_cvref_t<R>>;
        using handler =
            detail::handler<std::conditional_t<std::is_void_v<R>, void, value>, Declared, Values, F>;
        auto state = std::make_shared<handler>(std::move(function), std::move(names));
        [[maybe_unused]] auto const take = [&](auto const& each) {
            if constexpr (detail::is_defaulted<std::remove_cvref_t<decltype(each)>>::value)
                state->set_default(each);
        };
        (take(given), ...);
        auto parameters = state->parameters();
        return add({std::string{name},
                    std::move(parameters),
                    serialization::type_in_words<value>(),
                    std::move(state),
                    {{std::string{Serializations::content}, &handler::template run<Serializations>}...}});
    }

    [[nodiscard]] static std::string origin(task_definition const& d) {
        return d.module().empty() ? "this program" : "module " + d.module();
    }

    std::vector<declared_schedule> schedules_;
    worker_hooks hooks_;
    std::vector<task_definition> definitions_;  // by name
    std::unordered_map<std::string, std::size_t, detail::name_hash, std::equal_to<>> index_;
};

/// A registry whose tasks can also be called in other serializations than JSON:
/// `fq::registry_with<fq::serialization::portable_binary> r;`
template <policy::serialization... More>
class registry_with : public registry {
public:
    template <class R, class... Ts, class F, class... Defaults>
    task_definition& define(task<R(Ts...)> const& handle, F handler, Defaults const&... defaults) {
        return define_task<serialization::json, More...>(handle, std::move(handler), defaults...);
    }
    template <class F, detail::names_parameter... Parameters>
    task_definition& define(std::string_view name, F handler, Parameters const&... parameters) {
        return define_named<serialization::json, More...>(name, std::move(handler), parameters...);
    }
};

}  // namespace fastqueue
