#pragma once

#include "exit_code.hpp"
#include "json_rows.hpp"
#include "output.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/json/document.hpp>
#include <fastqueue/json/writer.hpp>

#include <cstdint>
#include <string>
#include <string_view>

// How a task's standing is printed.

namespace fastqueue::cli {

[[nodiscard]] inline std::string not_json(std::string_view value) {
    return "(" + std::to_string(value.size()) + " octets that are not JSON)";
}

/// A value as JSON; what another serialization has written is only described.
[[nodiscard]] inline std::string value_text(std::string_view value) {
    json::document document;
    return document.parse(value) ? std::string{value} : not_json(value);
}

namespace detail {

/// What was parsed from `text`, on one line.
[[nodiscard]] inline std::string on_one_line(json::document const& document, std::string_view text) {
    if (text.find_first_of("\r\n") == text.npos) return std::string{text};
    std::string out;
    json::writer w{out};
    write_again(w, document, 0);
    return out;
}

}  // namespace detail

/// The same on one line: a worker may have written it over several.
[[nodiscard]] inline std::string one_line_value(std::string_view value) {
    json::document document;
    return document.parse(value) ? detail::on_one_line(document, value) : not_json(value);
}

/// `handler_error`, or the state where there is no code.
[[nodiscard]] inline std::string_view code_name(task_status const& s) {
    return s.error ? name_of(static_cast<errc>(s.error.value())) : std::string_view{};
}

/// `failure handler_error: what the handler said`
[[nodiscard]] inline std::string failure_text(task_status const& s) {
    std::string text{name_of(s.state)};
    auto const code = code_name(s);
    if (!code.empty() && code != text) text.append(" ").append(code);
    return s.value.empty() ? text : text + ": " + s.value;
}

/// The value, if there is one; of what is no JSON, its size.
inline void write_value(json::writer& w, std::string_view text) {
    if (text.empty()) return;
    json::document document;
    if (document.parse(text)) {
        w.key("value").raw(detail::on_one_line(document, text));
    } else {
        w.key("value").value(nullptr).key("value_octets").value(text.size());
    }
}

/// One object: id, state, value or code and error, and what is known of attempt, worker and times. An answer that
/// tells only how the task ended, as to a submit of an id that was used before, has neither value nor error.
[[nodiscard]] inline std::string as_json(task_id const& id, task_status const& s) {
    std::string out;
    json::writer w{out};
    w.begin_object().key("id").value(id.text()).key("state").value(name_of(s.state));
    if (s.state == task_state::success) {
        write_value(w, s.value);
    } else if (is_final(s.state)) {
        auto const code = code_name(s);
        if (!code.empty()) w.key("code").value(code);
        if (!code.empty() || !s.value.empty()) w.key("error").value(s.value);
    } else if (json::document document; !s.value.empty() && document.parse(s.value)) {
        w.key("progress").raw(s.value);
    }
    if (s.meta.attempt > 0) w.key("attempt").value(s.meta.attempt);
    if (!s.meta.worker.empty()) w.key("worker").value(s.meta.worker);
    auto const time = [&](std::string_view key, std::uint64_t us) {
        if (us > 0) w.key(key).value(us);
    };
    time("submitted_us", s.meta.submitted_us);
    time("started_us", s.meta.started_us);
    time("finished_us", s.meta.finished_us);
    w.end_object();
    return out;
}

/// Prints a task's end: the value to standard output, what failed to standard error; as JSON all to standard output.
/// \return the exit code that fits
[[nodiscard]] inline exit_code report_end(task_id const& id, task_status const& s, bool json) {
    bool const good = s.state == task_state::success;
    if (json)
        say(as_json(id, s));
    else if (good)
        say(value_text(s.value));
    else
        complain(failure_text(s));
    return good ? done : failed;
}

/// A task's standing for people, a line each.
[[nodiscard]] inline std::string as_text(task_id const& id, task_status const& s) {
    std::string out = "task       " + id.text() + "\nstate      " + std::string{name_of(s.state)};
    auto const line = [&](std::string_view name, std::string const& value) {
        out.append("\n").append(name).append(11 - name.size(), ' ').append(value);
    };
    if (s.state == task_state::success)
        line("value", value_text(s.value));
    else if (is_final(s.state))
        line("error", one_line(std::string{code_name(s)} + (s.value.empty() ? "" : ": " + s.value)));
    else if (!s.value.empty())
        line("progress", one_line(s.value));
    if (s.meta.attempt > 0) line("attempt", std::to_string(s.meta.attempt));
    if (!s.meta.worker.empty()) line("worker", s.meta.worker);
    if (s.meta.submitted_us > 0) line("submitted", utc(s.meta.submitted_us));
    if (s.meta.started_us > 0) line("started", utc(s.meta.started_us));
    if (s.meta.finished_us > 0) line("finished", utc(s.meta.finished_us));
    if (s.meta.started_us > 0 && s.meta.finished_us >= s.meta.started_us)
        line("took", span_text(s.meta.finished_us - s.meta.started_us));
    return out;
}

}  // namespace fastqueue::cli
