#pragma once

#include <fastqueue/policy/store.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace fastqueue::store {

/// One of several kinds of store, chosen when the program runs: for a program that takes `--store`. It is as durable as
/// what was chosen. One branch a call.
template <policy::store... Stores>
class selectable {
public:
    /// The first kind, as it is without a choice.
    selectable() : chosen_{std::make_unique<std::tuple_element_t<0, std::tuple<Stores...>>>()} {}
    /// That one, which must be there.
    template <class S>
    requires(std::is_same_v<S, Stores> || ...) explicit selectable(std::unique_ptr<S> chosen)
        : chosen_{std::move(chosen)} {}

    void attach(std::function<void()> wake) {
        visit([&](auto& s) { s.attach(std::move(wake)); });
    }
    policy::store_sequence put(policy::task_record const& task) {
        return visit([&](auto& s) { return s.put(task); });
    }
    policy::store_sequence claim(policy::task_number number, std::uint32_t attempt) {
        return visit([&](auto& s) { return s.claim(number, attempt); });
    }
    policy::store_sequence requeue(policy::attempt_record const& attempt) {
        return visit([&](auto& s) { return s.requeue(attempt); });
    }
    policy::store_sequence finish(policy::result_record const& result) {
        return visit([&](auto& s) { return s.finish(result); });
    }
    policy::store_sequence forget(policy::task_number number) {
        return visit([&](auto& s) { return s.forget(number); });
    }
    policy::store_sequence erase(policy::task_number number) {
        return visit([&](auto& s) { return s.erase(number); });
    }
    policy::store_sequence member(std::string_view name, bool there) {
        return visit([&](auto& s) { return s.member(name, there); });
    }
    void flush(policy::store_sequence awaited) noexcept {
        visit([&](auto& s) { s.flush(awaited); });
    }
    void poll(policy::store_news& news) {
        visit([&](auto& s) { s.poll(news); });
    }
    [[nodiscard]] uuid epoch() const noexcept {
        return std::visit([](auto const& s) { return s->epoch(); }, chosen_);
    }

    [[nodiscard]] bool keeps() const noexcept {
        return std::visit(
            []<class S>(std::unique_ptr<S> const& s) {
                if constexpr (policy::durable_store<S>) return s->keeps();
                return false;
            },
            chosen_);
    }
    void restore(policy::restore_sink& sink, std::uint64_t octets) {
        visit_durable([&](auto& s) { s.restore(sink, octets); });
    }
    void fetch(policy::task_number number) {
        visit_durable([&](auto& s) { s.fetch(number); });
    }
    void backup(std::string const& path) {
        visit_durable([&](auto& s) { s.backup(path); });
    }

    /// The one that was chosen, if it is of that kind.
    template <class S>
    [[nodiscard]] S* get() noexcept {
        auto* const held = std::get_if<std::unique_ptr<S>>(&chosen_);
        return held != nullptr ? held->get() : nullptr;
    }

private:
    template <class Use>
    decltype(auto) visit(Use use) {
        return std::visit([&](auto& s) -> decltype(auto) { return use(*s); }, chosen_);
    }
    template <class Use>
    void visit_durable(Use use) {
        visit([&]<class S>(S& s) {
            if constexpr (policy::durable_store<S>) use(s);
        });
    }

    std::variant<std::unique_ptr<Stores>...> chosen_;
};

}  // namespace fastqueue::store
