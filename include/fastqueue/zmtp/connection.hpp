#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/zmtp/command.hpp>
#include <fastqueue/zmtp/greeting.hpp>
#include <fastqueue/zmtp/heartbeat.hpp>
#include <fastqueue/zmtp/limits.hpp>
#include <fastqueue/zmtp/mechanism.hpp>
#include <fastqueue/zmtp/message_reader.hpp>
#include <fastqueue/zmtp/metadata.hpp>
#include <fastqueue/zmtp/output_queue.hpp>
#include <fastqueue/zmtp/socket_type.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace fastqueue::zmtp {

/// What a connection says of itself, and what it accepts.
struct connection_options {
    socket_type type =
        socket_type::dealer;  ///< PUSH takes no message over `handshake_frame_bytes`, and sends any
    bool accepted = false;    ///< the peer dialled us; for the owner's own use, the protocol is the same
    std::string identity;  ///< told to the peer by REQ, DEALER and ROUTER; at most 255 octets, not NUL first
    zmtp::limits limits;
};

/// One ZMTP 3.1 connection without its socket and clock: octets and time go in, messages and octets come out.
///
/// The owner gives what it has read to `receive()`, writes `pending()` and reports that to `consumed()`, and
/// calls `tick()` at `next_deadline()`. After the first error the connection is dead: write what is pending
/// (it may hold an ERROR for the peer) and close. One thread at a time. Not movable; no call may be made from
/// within another but `send()`, `consumed()` and the observers from within a sink. Exceptions: std::bad_alloc, and what the
/// sink throws; the connection can only be destroyed then.
///
/// A sink has `ready()` and `message(std::span<std::string_view const> frames)`; the views live only during
/// the call.
/// \tparam Mechanism  security: see the concept `mechanism`
/// \source RFC 37/ZMTP 3.1
template <mechanism Mechanism = null_mechanism>
class basic_connection {
public:
    /// Queues the greeting. The handshake's time runs from `now`.
    /// \throws fastqueue::error  errc::bad_option: the identity is too long or begins with NUL
    basic_connection(connection_options options, instant now, Mechanism mechanism = {})
        : options_{std::move(options)},
          mechanism_{std::move(mechanism)},
          greeting_{Mechanism::name},
          reader_{of_what_comes(options_)},
          heartbeat_{options_.limits},
          created_{now} {
        if (!legal_identity(options_.identity)) {
            throw error{errc::bad_option,
                        "a ZMTP identity has at most 255 octets and does not begin with NUL"};
        }
        auto const greeting = encode_greeting(Mechanism::name, mechanism_.as_server());
        output_.with_room(greeting.size()).append(greeting.data(), greeting.size());
    }

    basic_connection(basic_connection const&) = delete;
    basic_connection& operator=(basic_connection const&) = delete;
    ~basic_connection() = default;

    /// Takes octets that have arrived, any number of them. Calls `sink.ready()` once, when the handshake is
    /// done, and `sink.message(frames)` for each complete message. Complete messages are views into `bytes`;
    /// only an unfinished one is copied, to a buffer of at most four times what came, whatever size is announced.
    /// \return success, or why the connection is dead (the same again for a dead one):
    ///         errc::bad_greeting, unsupported_zmtp_version, mechanism_mismatch, reserved_flag_set,
    ///         frame_too_large, message_too_large, too_many_frames, bad_command, bad_metadata,
    ///         socket_type_mismatch, peer_error, or an error of the mechanism; `error_text()` says more
    template <class Sink>
    [[nodiscard]] std::error_code receive(std::string_view bytes, instant now, Sink&& sink) {
        if (state_ == state::dead || bytes.empty()) return error_;
        heartbeat_.received(now);
        if (state_ == state::greeting) {
            if (auto const failure = read_greeting(bytes)) return fail(failure);
        }
        handler<std::remove_reference_t<Sink>> to_sink{*this, sink};
        auto const failure = reader_.feed(bytes, mechanism_, to_sink);
        if (failure == errc{}) {
            // As if what followed a PING had come in a piece of its own: half a frame, or one with MORE.
            if (!reader_.ends_in_command()) heartbeat_.peer_spoke();
            return {};
        }
        reader_.drop_all();
        return fail(failure);
    }

    /// Queues one message of one frame or more; all of it or nothing.
    /// \return success, or, with nothing queued,
    ///         errc::connection_lost    not `ready()`: before the handshake's end, or dead
    ///         errc::message_too_large  over `frame_bytes`, `message_bytes` or `message_frames`, or no frame
    ///         errc::send_queue_full    `pending()` would grow over `send_queue_bytes`
    ///         or an error of the mechanism, and then the connection is dead
    /// \complexity one append to the output; no allocation while the buffer's capacity serves
    [[nodiscard]] std::error_code send(std::span<std::string_view const> frames) {
        if (state_ != state::ready) return errc::connection_lost;
        auto const size = encoded_bytes(frames);
        if (size == 0) return errc::message_too_large;
        auto const waiting = output_.size();
        auto const limit = options_.limits.send_queue_bytes;
        if (size > limit || waiting > limit - size) return errc::send_queue_full;
        auto& out = output_.with_room(size);
        for (std::size_t i = 0; i < frames.size(); ++i) {
            auto const flags = i + 1 < frames.size() ? frame_flag::more : std::uint8_t{0};
            if (auto const failure = write_frame(out, flags, frames[i])) return fail(failure);
        }
        heartbeat_.sent();
        return {};
    }

    /// The same for a transport that can write now: where nothing waits and the mechanism does not seal, a large message is
    /// offered before any of it is copied.
    /// \param write  called at most once, as `write(std::span<std::string_view const> parts)`; returns how many octets of them
    ///               were written, from the front: 0 if none can be now
    template <class Write>
    [[nodiscard]] std::error_code send(std::span<std::string_view const> frames, Write&& write) {
        constexpr std::size_t large = 64U << 10U;
        if constexpr (!Mechanism::seals) {
            bool const free = state_ == state::ready && output_.size() == 0;
            if (free && frames.size() == 1 && frames[0].size() >= large) {
                auto const size = encoded_bytes(frames);
                if (size != 0 && size <= options_.limits.send_queue_bytes) return send_past(frames[0], write);
            }
        }
        return send(frames);
    }

    /// What to write to the peer, from the front; there may be more behind it. Empty only if nothing waits.
    /// The view stays valid until `consumed()`, whatever is sent or received meanwhile.
    [[nodiscard]] std::string_view pending() const noexcept { return output_.pending(); }

    /// All octets that wait to be written: those of `pending()` and what is behind them.
    [[nodiscard]] std::uint64_t queued() const noexcept { return output_.size(); }

    /// The first `n` octets of `pending()` have been written. O(1) amortised; gives memory back after a
    /// burst.
    void consumed(std::size_t n, instant now) {
        if (n == 0) return;
        bool const ping_inside = output_.begin() < ping_end_;
        output_.consumed(n);
        if (ping_inside) heartbeat_.ping_progressed(now);
        if (pong_waits_ && output_.begin() >= pong_end_ && state_ == state::ready) {
            pong_waits_ = false;
            if (auto const failure = write_pong({waiting_pong_.data(), waiting_pong_size_})) fail(failure);
        }
    }

    /// When `tick()` next has work: the handshake's end, a PING, the heartbeat's limit, the peer's TTL.
    [[nodiscard]] std::optional<instant> next_deadline() const noexcept {
        if (state_ == state::ready) return heartbeat_.next();
        auto const limit = options_.limits.handshake_time;
        if (state_ == state::dead || limit.count() <= 0) return std::nullopt;
        return later(created_, limit);
    }

    /// Does what is due. May be called at any time.
    /// \return success (a PING may have been queued), or why the connection is dead:
    ///         errc::handshake_timeout, errc::heartbeat_timeout, an error of the mechanism, or an earlier one
    [[nodiscard]] std::error_code tick(instant now) {
        if (state_ == state::dead) return error_;
        auto const due = next_deadline();
        if (!due || now < *due) return {};
        if (state_ != state::ready) return fail(errc::handshake_timeout);
        if (heartbeat_.due(now) == heartbeat::action::give_up) return fail(errc::heartbeat_timeout);
        return ping_peer(now);
    }

    /// The handshake is done and the connection is not dead: `send()` works.
    [[nodiscard]] bool ready() const noexcept { return state_ == state::ready; }
    /// The peer's socket type. After `ready()`.
    [[nodiscard]] socket_type peer_type() const noexcept { return peer_type_; }
    /// The peer's identity, empty where it has none. After `ready()`.
    [[nodiscard]] std::string_view peer_identity() const noexcept { return peer_identity_; }
    /// Why the connection is dead: what the peer's ERROR said, or what was found wrong. One line of printable
    /// ASCII; empty for a living one.
    [[nodiscard]] std::string_view error_text() const noexcept { return error_text_; }
    /// Memory held for input and output, in bytes.
    [[nodiscard]] std::size_t buffered_bytes() const noexcept {
        return reader_.memory_bytes() + output_.memory_bytes();
    }
    /// What the connection was made with.
    [[nodiscard]] connection_options const& options() const noexcept { return options_; }
    /// The security mechanism, for what it knows of the peer (a user, a key).
    [[nodiscard]] Mechanism const& security() const noexcept { return mechanism_; }

private:
    enum class state : std::uint8_t { greeting, handshake, ready, dead };

    // What the reader calls: it lives for one receive().
    template <class Sink>
    struct handler {
        basic_connection& self;
        Sink& sink;

        errc command(std::string_view body) {
            if (self.state_ == state::ready) return to_errc(self.traffic_command(body));
            if (auto const failure = self.handshake_command(body)) return to_errc(failure);
            if (self.state_ == state::ready) sink.ready();
            return self.outcome();
        }

        errc message(std::span<std::string_view const> frames) {
            self.heartbeat_.peer_spoke();
            sink.message(frames);
            return self.outcome();
        }
    };

    // Nobody wants what a PULL sends to its PUSH: no memory is kept for it but that of commands.
    [[nodiscard]] static zmtp::limits of_what_comes(connection_options const& options) noexcept {
        auto limits = options.limits;
        if (options.type != socket_type::push) return limits;
        limits.frame_bytes = std::min(limits.frame_bytes, handshake_frame_bytes);
        limits.message_bytes = std::min(limits.message_bytes, handshake_frame_bytes);
        return limits;
    }

    // An error that happened inside the sink's own calls ends receive() too.
    [[nodiscard]] errc outcome() const noexcept { return state_ == state::dead ? to_errc(error_) : errc{}; }

    [[nodiscard]] static errc to_errc(std::error_code e) noexcept {
        if (!e) return errc{};
        return e.category() == category() ? static_cast<errc>(e.value()) : errc::bad_command;
    }

    [[nodiscard]] std::error_code read_greeting(std::string_view& bytes) {
        if (auto const failure = greeting_.feed(bytes)) return failure;
        if (!greeting_.complete()) return {};
        state_ = state::handshake;
        std::string metadata;
        append_property(metadata, "Socket-Type", name_of(options_.type));
        if (tells_identity(options_.type)) append_property(metadata, "Identity", options_.identity);
        return mechanism_.start(metadata, output_.with_room(metadata.size()));
    }

    [[nodiscard]] std::error_code handshake_command(std::string_view body) {
        zmtp::command parsed;
        if (auto const failure = parse_command(body, parsed)) return failure;
        if (parsed.name == "ERROR") return refused_by_peer(parsed.data);
        auto const reply = mechanism_.on_command(parsed, output_.with_room(0));
        if (reply.error || !reply.peer_known) return reply.error;
        if (auto const failure = check_peer(reply.peer_metadata)) {
            mechanism_.refuse(error_text_, output_.with_room(0));
            return failure;
        }
        mechanism_.finish(output_.with_room(0));
        state_ = state::ready;
        reader_.open();
        return {};
    }

    [[nodiscard]] std::error_code check_peer(std::string_view metadata) {
        peer_properties peer;
        if (auto const failure = read_properties(metadata, peer)) {
            return explain(failure, "malformed metadata, or an illegal Identity");
        }
        if (!peer.socket_type) return explain(errc::bad_metadata, "Socket-Type is missing");
        auto const type = socket_type_from_name(*peer.socket_type);
        if (!type || !legal_pair(options_.type, *type)) {
            return explain(errc::socket_type_mismatch, std::string{name_of(options_.type)} +
                                                           " does not talk to " +
                                                           printable(peer.socket_type->substr(0, 20)));
        }
        peer_type_ = *type;
        peer_identity_ = peer.identity;
        return {};
    }

    [[nodiscard]] std::error_code traffic_command(std::string_view body) {
        heartbeat_.peer_spoke();
        zmtp::command parsed;
        if (auto const failure = parse_command(body, parsed)) return failure;
        if (parsed.name == "PING") return answer_ping(parsed.data);
        if (parsed.name == "ERROR") return refused_by_peer(parsed.data);
        return {};  // PONG, SUBSCRIBE, CANCEL, and what a later version may bring
    }

    [[nodiscard]] std::error_code refused_by_peer(std::string_view data) {
        auto const reason = error_reason(data);
        return explain(errc::peer_error, reason.empty() ? "the peer sent ERROR" : reason);
    }

    // A peer that sends PING and does not read gets one PONG, and then one more for the last PING.
    [[nodiscard]] std::error_code answer_ping(std::string_view data) {
        ping parsed;
        if (auto const failure = parse_ping(data, parsed))
            return explain(failure, "a PING of illegal length");
        heartbeat_.peer_announced(parsed.ttl);
        if (output_.begin() >= pong_end_) return write_pong(parsed.context);
        pong_waits_ = true;
        waiting_pong_size_ = parsed.context.copy(waiting_pong_.data(), waiting_pong_.size());
        return {};
    }

    [[nodiscard]] std::error_code write_pong(std::string_view context) {
        std::string body;
        append_pong_body(body, context);
        auto const failure = write_command(body);
        pong_end_ = output_.end();
        heartbeat_.sent();
        return failure;
    }

    [[nodiscard]] std::error_code ping_peer(instant now) {
        reader_.rest();
        output_.rest();
        std::error_code failure;
        if (output_.begin() >= ping_end_) {  // else the last one still waits, and says as much
            std::string body;
            append_ping_body(body, options_.limits.heartbeat_ttl);
            failure = write_command(body);
            ping_end_ = output_.end();
        }
        heartbeat_.pinged(now);
        return failure ? fail(failure) : failure;
    }

    template <class Write>
    [[nodiscard]] std::error_code send_past(std::string_view body, Write&& write) {
        std::string head;
        append_header(head, 0, body.size());
        std::array<std::string_view, 2> const parts{head, body};
        auto& out =
            output_.with_room(head.size() + body.size());  // or, thrown later, half a frame would have left
        auto const written = write(std::span<std::string_view const>{parts});
        if (written < head.size()) out.append(head, written);
        out.append(body.substr(written - std::min(written, head.size())));
        output_.passed_by(written);
        heartbeat_.sent();
        return {};
    }
    [[nodiscard]] std::error_code write_command(std::string_view body) {
        auto& out = output_.with_room(largest_header_bytes + body.size() + overhead());
        return write_frame(out, frame_flag::command, body);
    }

    [[nodiscard]] std::error_code write_frame(std::string& out, std::uint8_t flags, std::string_view body) {
        if constexpr (Mechanism::seals) {
            return mechanism_.encode_frame(flags, body, out);
        } else {
            append_frame(out, flags, body);
            return {};
        }
    }

    [[nodiscard]] static constexpr std::size_t overhead() noexcept {
        if constexpr (Mechanism::seals) {
            return Mechanism::frame_overhead;
        } else {
            return 0;
        }
    }

    // What the frames take on the wire; 0 if they may not be sent.
    [[nodiscard]] std::size_t encoded_bytes(std::span<std::string_view const> frames) const noexcept {
        auto const& limits = options_.limits;
        if (frames.size() > limits.message_frames) return 0;
        std::uint64_t body_bytes = 0;
        std::size_t header_bytes = 0;
        for (auto const frame : frames) {
            if (frame.size() > limits.frame_bytes || frame.size() > limits.message_bytes - body_bytes)
                return 0;
            body_bytes += frame.size();
            header_bytes += encoded_header_bytes(frame.size() + overhead()) + overhead();
        }
        return static_cast<std::size_t>(body_bytes) + header_bytes;
    }

    std::error_code explain(std::error_code failure, std::string text) {
        error_text_ = std::move(text);
        return failure;
    }

    std::error_code fail(std::error_code failure) {
        if (state_ == state::dead) return error_;
        state_ = state::dead;
        error_ = failure;
        if (error_text_.empty()) error_text_ = failure.message();
        return error_;
    }

    connection_options options_;
    Mechanism mechanism_;
    greeting_reader greeting_;
    detail::message_reader<Mechanism> reader_;
    output_queue output_;
    heartbeat heartbeat_;
    instant created_;
    std::uint64_t ping_end_ = 0;  // position in the output behind the last PING, and the last PONG
    std::uint64_t pong_end_ = 0;
    std::error_code error_;
    std::string error_text_;
    std::string peer_identity_;
    std::array<char, ping_context_bytes> waiting_pong_{};
    std::size_t waiting_pong_size_ = 0;
    state state_ = state::greeting;
    socket_type peer_type_ = socket_type::dealer;
    bool pong_waits_ = false;
};

/// A connection without security.
using connection = basic_connection<>;

}  // namespace fastqueue::zmtp
