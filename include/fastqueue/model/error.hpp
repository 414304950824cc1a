#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace fastqueue {

/// All that can go wrong, in one category. The first group travels in FQ1 headers under the same names
/// (`docs/protocol.md`, "Errors"); the others stay inside a process.
enum class errc {
    // FQ1: what a peer is told
    bad_request = 1,
    unknown_verb,
    wrong_port,
    unknown_task_name,
    bad_arguments,
    handler_error,
    timeout,
    worker_lost,
    too_many_deaths,
    id_conflict,
    outcome_unknown,
    result_gone,
    not_finished,
    batch_refused,
    duplicate,
    unknown_task,
    already_finished,
    unknown_worker,
    worker_id_taken,
    queue_full,
    too_large,
    unsupported_content,
    unsupported_version,
    shutting_down,
    not_authorized,
    cancelled,
    expired,

    // a caller's own process
    unreachable = 64,  ///< nobody answers at the address
    timed_out,         ///< no answer in the time the caller gave
    connection_lost,
    refused,  ///< the connection was refused: nobody listens there
    stopped,  ///< this object has been stopped
    bad_address,
    address_in_use,
    bad_name,
    bad_id,
    bad_option,
    bad_module,
    bad_value,  ///< bytes that cannot be read as the type asked for
    no_such_peer,
    send_queue_full,
    store_failed,  ///< tasks cannot be stored, or not be read back

    // ZMTP: why a connection is closed
    need_more = 128,  ///< not an error: call again with more bytes
    bad_greeting,
    unsupported_zmtp_version,
    mechanism_mismatch,
    reserved_flag_set,
    frame_too_large,
    message_too_large,
    too_many_frames,
    bad_command,
    bad_metadata,
    socket_type_mismatch,
    handshake_timeout,
    heartbeat_timeout,
    too_many_handshakes,
    too_many_connections,
    peer_error,  ///< the peer sent a ZMTP ERROR
};

namespace detail {

struct errc_text {
    errc code;
    std::string_view name;  // the token in FQ1 headers
    std::string_view text;
};

inline constexpr std::array errc_texts{
    errc_text{errc::bad_request, "bad_request", "the request cannot be read"},
    errc_text{errc::unknown_verb, "unknown_verb", "the verb does not exist"},
    errc_text{errc::wrong_port, "wrong_port", "the verb is not served on this port"},
    errc_text{errc::unknown_task_name, "unknown_task_name", "no worker knows a task of that name"},
    errc_text{errc::bad_arguments, "bad_arguments", "the arguments do not fit the task's parameters"},
    errc_text{errc::handler_error, "handler_error", "the task's handler failed"},
    errc_text{errc::timeout, "timeout", "the task exceeded its time limit"},
    errc_text{errc::worker_lost, "worker_lost", "the worker was lost while it ran the task"},
    errc_text{errc::too_many_deaths, "too_many_deaths", "the task's worker was lost too many times"},
    errc_text{errc::id_conflict, "id_conflict", "the task id is in use for another task"},
    errc_text{errc::outcome_unknown, "outcome_unknown", "whether the task has run cannot be known any more"},
    errc_text{errc::result_gone, "result_gone", "the task has ended and its result is no longer kept"},
    errc_text{errc::not_finished, "not_finished", "the task has not finished"},
    errc_text{errc::batch_refused, "batch_refused", "another task of the same batch was refused"},
    errc_text{errc::duplicate, "duplicate", "a task with the same unique key is alive"},
    errc_text{errc::unknown_task, "unknown_task", "no task with that id is known"},
    errc_text{errc::already_finished, "already_finished", "the task has already finished"},
    errc_text{errc::unknown_worker, "unknown_worker", "no worker of that name is registered"},
    errc_text{errc::worker_id_taken, "worker_id_taken", "another live worker bears that name"},
    errc_text{errc::queue_full, "queue_full", "a limit on queued work is reached"},
    errc_text{errc::too_large, "too_large", "a header, payload or message is over its limit"},
    errc_text{errc::unsupported_content, "unsupported_content", "the content type is not supported"},
    errc_text{errc::unsupported_version, "unsupported_version", "the protocol version is not supported"},
    errc_text{errc::shutting_down, "shutting_down", "the control plane is shutting down"},
    errc_text{errc::not_authorized, "not_authorized", "the peer is not allowed to do this"},
    errc_text{errc::cancelled, "cancelled", "the task was cancelled"},
    errc_text{errc::expired, "expired", "the task expired before it began"},
    errc_text{errc::unreachable, "unreachable", "nobody answers at the address"},
    errc_text{errc::timed_out, "timed_out", "no answer within the time given"},
    errc_text{errc::connection_lost, "connection_lost", "the connection was lost"},
    errc_text{errc::refused, "refused", "the connection was refused"},
    errc_text{errc::stopped, "stopped", "it has been stopped"},
    errc_text{errc::bad_address, "bad_address", "the address is malformed"},
    errc_text{errc::address_in_use, "address_in_use", "the address is in use"},
    errc_text{errc::bad_name, "bad_name", "the name is malformed"},
    errc_text{errc::bad_id, "bad_id", "the task id is not a UUID"},
    errc_text{errc::bad_option, "bad_option", "the option's value is out of range"},
    errc_text{errc::bad_module, "bad_module", "the task module cannot be used"},
    errc_text{errc::bad_value, "bad_value", "the bytes cannot be read as that type"},
    errc_text{errc::no_such_peer, "no_such_peer", "no such peer is connected"},
    errc_text{errc::send_queue_full, "send_queue_full", "the peer does not read fast enough"},
    errc_text{errc::store_failed, "store_failed", "tasks cannot be stored, or not be read back"},
    errc_text{errc::need_more, "need_more", "more bytes are needed"},
    errc_text{errc::bad_greeting, "bad_greeting", "the peer does not speak ZMTP"},
    errc_text{errc::unsupported_zmtp_version, "unsupported_zmtp_version",
              "the peer speaks ZMTP older than 3.0"},
    errc_text{errc::mechanism_mismatch, "mechanism_mismatch", "the peer uses another security mechanism"},
    errc_text{errc::reserved_flag_set, "reserved_flag_set", "a frame has illegal flags"},
    errc_text{errc::frame_too_large, "frame_too_large", "a frame is over the limit"},
    errc_text{errc::message_too_large, "message_too_large", "a message is over the limit"},
    errc_text{errc::too_many_frames, "too_many_frames", "a message has too many frames"},
    errc_text{errc::bad_command, "bad_command", "a ZMTP command is malformed or out of place"},
    errc_text{errc::bad_metadata, "bad_metadata", "the peer's metadata are malformed"},
    errc_text{errc::socket_type_mismatch, "socket_type_mismatch", "the peer's socket type does not fit here"},
    errc_text{errc::handshake_timeout, "handshake_timeout", "the handshake was not completed in time"},
    errc_text{errc::heartbeat_timeout, "heartbeat_timeout", "the peer has been silent for too long"},
    errc_text{errc::too_many_handshakes, "too_many_handshakes", "too many unfinished handshakes"},
    errc_text{errc::too_many_connections, "too_many_connections", "too many connections"},
    errc_text{errc::peer_error, "peer_error", "the peer refused the connection"},
};

[[nodiscard]] constexpr errc_text const* find_errc(errc code) noexcept {
    for (auto const& entry : errc_texts) {
        if (entry.code == code) return &entry;
    }
    return nullptr;
}

class error_category final : public std::error_category {
public:
    [[nodiscard]] char const* name() const noexcept override { return "fastqueue"; }
    [[nodiscard]] std::string message(int value) const override {
        auto const* entry = find_errc(static_cast<errc>(value));
        return std::string{entry != nullptr ? entry->text : "unknown error"};
    }
};

}  // namespace detail

/// The category of every `errc`. Safe from any thread.
[[nodiscard]] inline std::error_category const& category() noexcept {
    static detail::error_category const instance;
    return instance;
}

[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), category()};
}

/// The token of `code` in FQ1 headers; empty for a value outside the enumeration.
[[nodiscard]] constexpr std::string_view name_of(errc code) noexcept {
    auto const* entry = detail::find_errc(code);
    return entry != nullptr ? entry->name : std::string_view{};
}

/// The code whose token is `name`; `fallback` for a token this version does not know.
[[nodiscard]] constexpr errc errc_from_name(std::string_view name, errc fallback) noexcept {
    for (auto const& entry : detail::errc_texts) {
        if (entry.name == name) return entry.code;
    }
    return fallback;
}

/// What every blocking call throws: a code and a sentence that names the thing, the value and the mend.
class error : public std::system_error {
public:
    error(std::error_code code, std::string const& what) : std::system_error{code, what}, text_{what} {}
    error(errc code, std::string const& what) : error{make_error_code(code), what} {}

    /// The sentence without the category's own text behind it.
    [[nodiscard]] std::string const& text() const noexcept { return text_; }

private:
    std::string text_;
};

}  // namespace fastqueue

template <>
struct std::is_error_code_enum<fastqueue::errc> : std::true_type {};
