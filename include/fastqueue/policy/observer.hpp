#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_state.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fastqueue::policy {

/// Something happened to a task. `worker` is empty where none is concerned.
struct task_event {
    task_id id;
    std::string_view name;
    task_state state;
    std::uint32_t attempt;
    std::string_view worker;
};

enum class worker_change : std::uint8_t { joined, inactive, lost, left };

[[nodiscard]] constexpr std::string_view name_of(worker_change change) noexcept {
    constexpr std::string_view names[] = {"joined", "inactive", "lost", "left"};
    return names[static_cast<std::size_t>(change)];
}

struct worker_event {
    std::string_view worker;
    worker_change change;
    std::string_view reason;  ///< in words, for a person
};

/// Something worth a line in an operator's log: a peer that was cut, a stale answer that was dropped.
struct notice_event {
    errc code;
    std::string_view text;
};

/// Who watches a role. Called on the role's own thread, from inside its turn: it must be quick and must not block.
///
/// expression      | throws | law
/// O()             | yes    | what a role makes that was given none
/// O(std::move(o)) | yes    | watches as o did; a role keeps the one that it was given
/// o.on(event)     | never  | may copy what the event shows; the views live only during the call
template <class O>
concept observer = std::default_initializable<O> && std::move_constructible<O> &&
    requires(O o, task_event const& t, worker_event const& w, notice_event const& n) {
    { o.on(t) }
    noexcept;
    { o.on(w) }
    noexcept;
    { o.on(n) }
    noexcept;
};

}  // namespace fastqueue::policy
