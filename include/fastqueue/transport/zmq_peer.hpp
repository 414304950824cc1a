#pragma once

#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/transport/zmq_link.hpp>
#include <fastqueue/transport/zmq_monitor.hpp>
#include <fastqueue/transport/zmq_options.hpp>
#include <fastqueue/transport/zmq_parcel.hpp>
#include <fastqueue/transport/zmq_sockets.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>
#include <zmq.hpp>

namespace fastqueue::transport::detail {

/// Where a peer is in its life. From `lost` on, the sink hears no more of it but the end of a lost one.
enum class zmq_stage : std::uint8_t {
    dialling,
    ready,
    lost,     ///< `closed` is told next turn
    closing,  ///< what is queued is written; the sink hears nothing of it any more
    gone      ///< the object goes at the end of the turn
};

struct zmq_peer {
    zmq_peer(std::shared_ptr<zmq_bell> const& bell, std::uint32_t tag_of_it)
        : account{std::make_shared<zmq_account>(bell)}, tag{tag_of_it} {}

    std::shared_ptr<zmq_account> account;
    std::error_code reason;        // why it is lost
    std::optional<instant> limit;  // of connecting and closing
    peer_id id{};
    std::uint32_t tag;
    zmq_stage stage = zmq_stage::dialling;
    bool touched = false;  // in the list of those to be looked after at the end of the turn
    bool watched = false;  // in the list of those that have a time
    bool ends = false;     // in the list of those whose connection has ended

    // A dialled one.
    std::unique_ptr<zmq_dialled> dialled;
    endpoint where;
    std::string address;
    bool push = false;     // it is sent to and not heard
    bool ipv6 = false;     // what is tried
    bool dropped = false;  // the connection has ended
    bool flushed = false;  // and all that came over it can be fetched

    // An accepted one.
    peer_id listener{};
    std::string routing_id;
    std::shared_ptr<zmq_link> link;  // none: it ended before we knew whose it is
    std::uint64_t spoke = 0;         // the listener's round in which it was heard last
    std::uint64_t quiet_from = 0;    // a whole round from this one on, in which it is not heard, is its end
    bool unreachable = false;        // libzmq knows it no more
    bool finished = false;           // libzmq was told to end the connection

    [[nodiscard]] std::uint64_t queued() const noexcept {
        return account->queued.load(std::memory_order_acquire);
    }
    /// Nothing can come over the connection that libzmq has not handed on.
    [[nodiscard]] bool is_handed_on() const noexcept { return !link || link->is_handed_on() || unreachable; }
};

struct text_hash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(std::string_view text) const noexcept {
        return std::hash<std::string_view>{}(text);
    }
};

/// A ROUTER and the connections that came to it.
struct zmq_listener {
    zmq_listener(::zmq::context_t& context, zmq_options const& options, std::uint64_t name, std::uint32_t t)
        : socket{context, ::zmq::socket_type::router}, monitor{context, socket, name}, tag{t} {
        set_options(socket, options);
        socket.set(::zmq::sockopt::backlog, options.backlog);
        socket.set(::zmq::sockopt::router_mandatory, true);
    }

    ::zmq::socket_t socket;
    zmq_monitor monitor;
    std::uint32_t tag;
    peer_id id{};             // its own in the table of listeners
    std::uint64_t round = 0;  // of looking for messages
    std::size_t ending = 0;   // peers that are waited for to be heard no more
    bool stopped = false;     // whoever comes is cut
    std::unordered_map<int, std::shared_ptr<zmq_link>> links;                    // by libzmq's descriptors
    std::unordered_map<std::string, peer_id, text_hash, std::equal_to<>> peers;  // by routing id

    /// A connection lives.
    [[nodiscard]] bool has_links() const noexcept {
        return std::ranges::any_of(links, [](auto const& entry) { return !entry.second->ended(); });
    }
};

/// One message, fetched whole.
class zmq_inbox {
public:
    enum class found : std::uint8_t { nothing, message, breach };

    explicit zmq_inbox(zmtp::limits const& limits) : limits_{limits} {}

    /// Takes the next message from `socket`. What is over the limits is thrown away while it comes.
    /// \param head  how many frames stand in front of the message
    [[nodiscard]] found next(::zmq::socket_t& socket, std::size_t head) {
        count_ = 0;
        bool fits = true;
        std::uint64_t octets = 0;
        for (bool more = true; more;) {
            if (count_ == parts_.size()) parts_.emplace_back();
            auto& part = parts_[count_];
            if (zmq_msg_recv(part.handle(), socket.handle(), ZMQ_DONTWAIT) < 0) return found::nothing;
            octets += part.size();
            more = part.more();
            fits = fits && octets <= limits_.message_bytes + 255 && count_ < limits_.message_frames + head;
            if (fits || count_ < head) ++count_;
        }
        frames_.clear();
        for (std::size_t i = head; fits && i < count_; ++i)
            frames_.emplace_back(static_cast<char const*>(parts_[i].data()), parts_[i].size());
        return fits ? found::message : found::breach;
    }
    /// Gives the message's memory back.
    void clear() {
        for (std::size_t i = 0; i < count_; ++i) parts_[i].rebuild();
        if (parts_.size() > most_kept) parts_.resize(most_kept);
    }

    [[nodiscard]] std::vector<std::string_view> const& frames() const noexcept { return frames_; }
    /// The first frame.
    [[nodiscard]] std::string_view head() const noexcept {
        return {static_cast<char const*>(parts_[0].data()), parts_[0].size()};
    }
    /// The number of the descriptor that it came by; it may belong to another connection since.
    [[nodiscard]] int descriptor() noexcept { return zmq_msg_get(last().handle(), ZMQ_SRCFD); }
    /// What libzmq knows of the peer, empty where it does not.
    [[nodiscard]] std::string_view property(char const* name) noexcept {
        auto const* const value = zmq_msg_gets(last().handle(), name);
        return value == nullptr ? std::string_view{} : std::string_view{value};
    }

private:
    static constexpr std::size_t most_kept = 256;

    [[nodiscard]] ::zmq::message_t& last() noexcept { return parts_[count_ - 1]; }

    zmtp::limits limits_;
    std::vector<::zmq::message_t> parts_;
    std::vector<std::string_view> frames_;
    std::size_t count_ = 0;
};

}  // namespace fastqueue::transport::detail
