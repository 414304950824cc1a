#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace fastqueue::policy {

/// Who a transport tells what happens. All calls come from one thread at a time, and none while another is
/// under way. A sink may call the transport back from any of these; the transport never calls the sink from
/// inside such a call.
class transport_sink {
public:
    transport_sink() = default;
    transport_sink(transport_sink const&) = delete;
    transport_sink& operator=(transport_sink const&) = delete;
    virtual ~transport_sink() = default;

    /// A connection is ready: the handshake is done, messages may be sent.
    virtual void opened(peer_id peer, peer_info const& info) = 0;
    /// A whole message has come. `frames` and what they show live only during the call.
    virtual void message(peer_id peer, std::span<std::string_view const> frames) = 0;
    /// A connection has ended, or a dial has failed (then without an `opened`; `errc::refused` if nobody
    /// listens). Never told of a peer that the sink itself closed.
    virtual void closed(peer_id peer, std::error_code why) = 0;
    /// The moment given to `arm` has come.
    virtual void due() = 0;
    /// `wake` was called since the last time.
    virtual void woken() = 0;
    /// All that was ready has been told: now act on it. What is sent here leaves in one write a connection.
    virtual void turn_end() = 0;
};

template <class T>
concept listens_and_dials = requires(T t, endpoint const& where, std::uint32_t tag, endpoint& bound) {
    { t.listen(where, tag, bound) } -> std::same_as<std::error_code>;
    { t.stop_listening() } -> std::same_as<void>;
    { t.dial(where, tag) } -> std::same_as<peer_id>;
};

template <class T>
concept carries_messages = requires(T t, peer_id peer, std::span<std::string_view const> frames) {
    { t.send(peer, frames) } -> std::same_as<std::error_code>;
    { t.close(peer) } -> std::same_as<void>;
};

template <class T>
concept keeps_time = requires(T t, T const& ct, std::optional<instant> deadline) {
    { t.arm(deadline) } -> std::same_as<void>;
    { ct.now() } -> std::same_as<clock_reading>;
};

template <class T>
concept can_be_woken = requires(T t) {
    { t.wake() }
    noexcept->std::same_as<void>;
};

/// How messages travel between the roles. Free of any library's types: a message is its frames.
///
/// expression                | throws    | law
/// t.attach(sink)            | never     | before anything else, once; the sink outlives the transport's last event
/// t.listen(at, tag, bound)  | bad_alloc | success: connections come with that tag, `bound` is where (port 0 resolved);
///                           |           | else the system's error and nothing is bound
/// t.stop_listening()        | never     | no new connection is accepted; those there are live on
/// t.dial(to, tag)           | bad_alloc | one attempt, a name never used before; `opened` or `closed` follows, later
/// t.send(peer, frames)      | bad_alloc | the whole message is queued, in order; or an error and nothing is:
///                           |           | `no_such_peer`, `send_queue_full` (that peer is then cut: `closed` follows),
///                           |           | `message_too_large`
/// t.close(peer)             | never     | what was queued is written if the peer reads it soon, then it ends; no event
/// t.arm(deadline)           | never     | replaces the one armed before; empty: none. `due` comes at it or later
/// t.now()                   | never     | the time of this turn: the clock is read once
/// t.wake()                  | never     | the one call that is safe from any thread; `woken` follows once, soon
///
/// Back-off is not its business: who dials again, and when, is decided in `core/`, where it can be simulated.
template <class T>
concept transport = listens_and_dials<T> && carries_messages<T> && keeps_time<T> && can_be_woken<T> &&
    requires(T t, transport_sink& sink) {
    t.attach(sink);
};

/// Who has much to send waits where so many octets are queued to a peer already, rather than have it cut.
inline constexpr std::uint64_t much_queued = 4U << 20U;
/// And hands out so much in one turn.
inline constexpr std::uint64_t much_a_turn = 4 * much_queued;

/// A transport that tells what a peer has not taken yet.
///
/// expression     | throws | law
/// t.queued(peer) | never  | octets sent to it and not handed on, about; 0 for who is gone. A turn follows when it has become
///                |        | less and was over `much_queued`
template <class T>
concept tells_queue = transport<T> && requires(T const& t, peer_id peer) {
    { t.queued(peer) }
    noexcept->std::same_as<std::uint64_t>;
};

/// A transport whose `send` leaves the writing for the turn's end.
///
/// expression | throws    | law
/// t.flush()  | bad_alloc | what was sent so far to peers that are not closed is written now, as far as they take it; also from
///            |           | within `message`
template <class T>
concept flushes = transport<T> && requires(T t) {
    t.flush();
};

template <class T>
concept dials_as_push = requires(T t, endpoint const& where, std::uint32_t tag) {
    { t.dial_push(where, tag) } -> std::same_as<peer_id>;
};

/// A transport that can bring messages to a PULL socket, as a PUSH socket does.
///
/// expression           | throws    | law
/// t.dial_push(to, tag) | bad_alloc | as `dial`, but the other end must be PULL, or `closed` follows and says that it is not; whatever
///                      |           | comes from there is no message: it is thrown away, and much of it may end the connection
template <class T>
concept pushes = transport<T> && dials_as_push<T>;

/// A role that asked for what comes also calls `t.read_always()` where a transport has it: whoever stops reading from a peer
/// that leaves much unread itself must not do so then, or the two wait for each other.

/// A transport that a thread can be lent to. A simulated one cannot: its network turns it.
///
/// expression | throws    | law
/// t.run()    | bad_alloc | tells what happens, turn after turn, until `stop`
/// t.stop()   | never     | from within a turn: what is queued is written within a second, all is closed, `run` returns
template <class T>
concept runnable_transport = transport<T> && requires(T t) {
    t.run();
    t.stop();
};

/// One that threads take turns with.
///
/// expression | throws    | law
/// t.turn()   | bad_alloc | waits until there is something to tell, and tells it; false: stopped, and all is closed. From any
///            |           | thread, one at a time
template <class T>
concept turnable_transport = runnable_transport<T> && requires(T t) {
    { t.turn() } -> std::same_as<bool>;
};

}  // namespace fastqueue::policy
