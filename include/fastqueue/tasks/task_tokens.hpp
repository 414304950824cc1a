#pragma once

#include <fastqueue/model/task_options.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/tasks/invocation.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/octet_buffer.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <string>
#include <string_view>

namespace fastqueue::detail {

/// Writes what an invocation wants beside name and arguments.
/// \param options  and `key`: in place of the invocation's own
template <class R>
void write_wishes(wire::header_writer& out, invocation<R> const& task, task_options const& options,
                  std::string_view key) {
    wire::write_options(out, options);
    if (!key.empty()) out.field("key", key);
    out.raw(task.attributes());
    if (task.content() != serialization::json::content) out.field("content", task.content());
}

/// The same as text, with a space before each.
template <class R>
[[nodiscard]] std::string wish_tokens(invocation<R> const& task) {
    wire::octet_buffer head;
    wire::header_writer header{head, {}};
    write_wishes(header, task, task.options(), task.key());
    return std::string{head.view().substr(std::string_view{"FQ1 "}.size())};
}

/// What a definition says for its tasks, as a header has it; mostly empty.
[[nodiscard]] inline std::string default_tokens(task_options const& options) {
    wire::octet_buffer head;
    wire::header_writer header{head, {}};
    wire::write_options(header, options);
    auto const text = head.view().substr(std::string_view{"FQ1 "}.size());
    return std::string{text.substr(text.empty() ? 0 : 1)};
}

}  // namespace fastqueue::detail
