#pragma once

#include <fastqueue/client_options.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/outcome.hpp>
#include <fastqueue/serialization/json.hpp>
#include <fastqueue/shell/pending_answer.hpp>

#include <cereal/cereal.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::shell {

/// The value in an answer.
/// \throws error (unsupported_content, bad_value ...) if it cannot be read
template <class T, class Serialization>
[[nodiscard]] T decode(kept_answer const& answer) {
    if (answer.content.empty() || answer.content == serialization::json::content)
        return serialization::json::decode<T>(answer.payload);
    if (answer.content == Serialization::content) return Serialization::template decode<T>(answer.payload);
    throw error{errc::unsupported_content,
                "the result's content '" + answer.content + "' cannot be read by this client"};
}

/// What a `result` tells of a task.
/// \throws error if its value cannot be read
template <class R, class Serialization>
[[nodiscard]] outcome<R> outcome_of(kept_answer answer) {
    using value = typename outcome<R>::value_type;
    auto made = [&] {
        if (answer.state == task_state::success)
            return outcome<R>::succeeded(decode<value, Serialization>(answer));
        auto const code = !is_final(answer.state) ? std::error_code{}
                          : answer.code != errc{} ? make_error_code(answer.code)
                                                  : make_error_code(errc::handler_error);
        return outcome<R>::ended(answer.state, code, std::move(answer.payload));
    }();
    made.meta(std::move(answer.meta));
    return made;
}

[[nodiscard]] inline task_status status_of(kept_answer answer) {
    task_status s;
    s.state = answer.state;
    if (answer.code != errc{}) s.error = make_error_code(answer.code);
    s.value = std::move(answer.payload);
    s.meta = std::move(answer.meta);
    return s;
}

namespace detail {

// As the document `inspect` has them.
struct attempt_row {
    std::uint32_t attempt = 0;
    std::uint64_t at_us = 0;
    std::optional<std::string> worker;
    std::string code;
    std::string text;

    template <class Archive>
    void serialize(Archive& a) {
        a(CEREAL_NVP(attempt), CEREAL_NVP(at_us), CEREAL_NVP(worker), CEREAL_NVP(code), CEREAL_NVP(text));
    }
};
struct task_row {
    std::optional<std::vector<attempt_row>> history;

    template <class Archive>
    void serialize(Archive& a) {
        a(CEREAL_NVP(history));
    }
};

struct cancelled_row {
    std::uint64_t cancelled = 0;
    std::uint64_t asked_to_stop = 0;
    std::optional<std::uint32_t> from;  // where to go on

    template <class Archive>
    void serialize(Archive& a) {
        a(CEREAL_NVP(cancelled), CEREAL_NVP(asked_to_stop), CEREAL_NVP(from));
    }
};

}  // namespace detail

/// What a document of the verb `cancel` tells. \throws error (bad_value) if it is none
[[nodiscard]] inline detail::cancelled_row cancelled_of(std::string_view document) {
    return serialization::json::decode<detail::cancelled_row>(document);
}
/// The attempts that a document of the verb `inspect` tells of. \throws error (bad_value) if it is none
[[nodiscard]] inline std::vector<failed_attempt> history_of(std::string_view document) {
    std::vector<failed_attempt> made;
    auto row = serialization::json::decode<detail::task_row>(document);
    if (!row.history) return made;
    for (auto& a : *row.history) {
        made.push_back({a.attempt, a.at_us, std::move(a.worker).value_or(""),
                        make_error_code(errc_from_name(a.code, errc::handler_error)), std::move(a.text)});
    }
    return made;
}

}  // namespace fastqueue::shell
