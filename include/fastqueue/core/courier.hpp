#pragma once

#include <fastqueue/core/backoff.hpp>
#include <fastqueue/core/courier_links.hpp>
#include <fastqueue/core/courier_options.hpp>
#include <fastqueue/core/deadlines.hpp>
#include <fastqueue/core/letter_rack.hpp>
#include <fastqueue/core/outbox.hpp>
#include <fastqueue/core/slab.hpp>
#include <fastqueue/core/slot_list.hpp>
#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/peer.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/policy/store.hpp>
#include <fastqueue/policy/transport.hpp>
#include <fastqueue/wire/pair_cursor.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// What became of a courier's letters.
struct courier_counters {
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;  ///< their time was over, or they had to make room for those to other addresses
    std::uint64_t refused = 0;  ///< there was no room
};

/// Letters that were not delivered.
struct courier_notice {
    endpoint to;
    std::uint64_t letters = 0;
    std::error_code why;
};

/// Brings letters, each a pair of frames, to PULL sockets whose addresses strangers name. It dials them when there is something to
/// bring, keeps the connections for a while, and dials again after a pause while letters wait.
///
/// A letter is `sent` when it is handed to an open connection, after the write that it rests on: PUSH has no acknowledgement, and what
/// the listener had not taken when its connection broke is lost. The letters to one address leave in the order in which they were posted.
///
/// Whoever is dead, or does not read, harms nobody else:
/// * Letters wait within bounds, and each has a deadline. What is under way and not taken counts as well, so a listener that does not
///   read fills no memory.
/// * Where the bounds are reached, who has most makes room for who has less: an address is refused only what goes beyond its share.
/// * Of the connections those addresses that failed get half at most. A connection that others wait for is given up after
///   `patience`, its letters wait for their turn.
/// * An address without letters and connection is forgotten.
///
/// The owner calls `turn` in each of its turns, and whenever `next_deadline` has come; times never go back. One thread at a time.
class courier {
public:
    courier(courier_options const& options, outbox& out)
        : options_{options},
          out_{out},
          random_{options.seed},
          rack_{options.max_letters, options.max_octets},
          links_{options.max_connections} {}
    courier(courier const&) = delete;
    courier& operator=(courier const&) = delete;

    /// Takes a letter.
    /// \param header  the whole line
    /// \param after   it leaves when this is committed
    /// \return false: there is no room for it
    bool post(endpoint const& to, std::string header, std::string payload, policy::store_sequence after,
              instant now) {
        now_ = now;
        auto const octets = letter::cost(header.size(), payload.size());
        auto const slot = find_or_add(to);
        auto& a = addresses_[slot];
        if (rack_.count(slot) >= options_.max_letters_an_address || !make_room(slot, octets)) {
            ++counters_.refused;
            settle(slot);
            return false;
        }
        a.after = std::max(a.after, after);  // no letter may leave before an older one
        rack_.put(slot, std::move(header), std::move(payload), a.after,
                  saturating_add(now, options_.deadline));
        schedule(slot);
        return true;
    }

    /// Whether a dial or a connection of that tag is one of its.
    [[nodiscard]] bool owns(std::uint32_t tag) const noexcept {
        return tag >= options_.first_tag && tag - options_.first_tag < links_.size();
    }
    /// A dial of one of its tags was begun; `peer_id::none`: the transport has none as PUSH.
    void dialled(std::uint32_t tag, peer_id peer) {
        auto& l = links_[tag - options_.first_tag];
        if (l.at != courier_link::phase::asked) return;
        l.peer = peer;
        l.at = courier_link::phase::dialling;
        if (peer == peer_id::none)
            return fail(l.address, std::make_error_code(std::errc::operation_not_supported));
        schedule(l.address);
    }
    /// \return false: it is not one of its peers
    bool opened(peer_id peer, instant now) {
        auto* const l = links_.find(peer);
        if (l == nullptr) return false;
        now_ = now;
        l->at = courier_link::phase::open;
        l->begun = l->moved = l->used = now;
        schedule(l->address);
        return true;
    }
    /// \return false: it is not one of its peers
    bool closed(peer_id peer, std::error_code why, instant now) {
        auto* const l = links_.find(peer);
        if (l == nullptr) return false;
        now_ = now;
        fail(l->address, why);
        return true;
    }

    /// Does what is due, and hands out what can leave.
    /// \param committed  up to which write the outbox was performed the last time
    /// \param queued     called as `queued(peer)`: how many octets are on their way there; 0 where that is not known
    template <class Queued>
    void turn(instant now, policy::store_sequence committed, Queued&& queued) {
        now_ = now;
        committed_ = committed;
        more_ = look_soon_ = false;
        links_.each_open([&](courier_link& l) {
            if (rack_.under_way(l.address) > 0) look(l, queued(l.peer));
        });
        while (auto const slot = deadlines_.pop(now)) act(*slot);
        connect();
        deliver();
    }
    [[nodiscard]] instant next_deadline() const noexcept {
        if (more_) return now_;
        return look_soon_ ? std::min(deadlines_.next(), now_ + look_again) : deadlines_.next();
    }

    [[nodiscard]] courier_counters const& counters() const noexcept { return counters_; }
    /// Letters that failed since the last time: one notice an address in ten seconds, and one more when it is forgotten.
    [[nodiscard]] std::vector<courier_notice> take_notices() { return std::exchange(notices_, {}); }
    /// Letters that wait.
    [[nodiscard]] std::uint32_t waiting() const noexcept { return rack_.letters(); }
    /// Octets of letters that wait, or that were sent and not taken when that was last looked at.
    [[nodiscard]] std::uint64_t octets() const noexcept { return rack_.octets(); }
    /// Addresses that are known.
    [[nodiscard]] std::size_t addresses() const noexcept { return index_.size(); }

private:
    enum class stage : std::uint8_t {
        queued,   // for a connection
        resting,  // until `retry_at`
        linked
    };
    struct address {
        std::uint32_t previous = none, next = none;  // in `fresh_` or `failing_`
        endpoint to;
        stage at = stage::queued;
        bool failed = false;  // lately, and nothing was taken since
        std::uint32_t link = none;
        backoff pause;
        instant retry_at{};
        policy::store_sequence after = 0;  // of its latest letter
        std::error_code trouble;           // of its connections
        std::uint64_t lost = 0;            // letters that no notice tells of yet
        std::error_code why_lost;
        instant quiet_until{};
    };

    static constexpr std::chrono::milliseconds look_again{100};  // where no turn tells that there is room
    static constexpr std::chrono::seconds quiet{10};             // between two notices of one address
    static constexpr std::size_t most_notices = 100;

    // ---- addresses ----

    [[nodiscard]] std::uint32_t find_or_add(endpoint const& to) {
        auto const [at, fresh] = index_.try_emplace(to.text(), none);
        if (!fresh) return at->second;
        auto const slot = addresses_.take();
        auto& a = addresses_[slot];
        a = address{};
        a.to = to;
        a.pause = backoff{options_.first_pause, options_.longest_pause};
        rack_.open(slot);
        line_up(slot);
        return at->second = slot;
    }
    void forget(std::uint32_t slot) {
        auto& a = addresses_[slot];
        if (a.lost > 0) tell(a);
        if (a.at == stage::queued) line_of(a).erase(addresses_, slot);
        deadlines_.clear(slot);
        rack_.close(slot);
        index_.erase(a.to.text());
        a.to.host = {};
        addresses_.give(slot);
    }
    /// Where nothing is left to do for an address, it is forgotten.
    void settle(std::uint32_t slot) {
        rack_.count(slot) == 0 && addresses_[slot].at != stage::linked ? forget(slot) : schedule(slot);
    }
    void schedule(std::uint32_t slot) {
        auto const& a = addresses_[slot];
        bool const empty = rack_.count(slot) == 0;
        auto at = empty ? instant::max() : rack_.front(slot).expires;
        if (a.at == stage::resting) at = std::min(at, a.retry_at);
        if (a.at == stage::linked) {
            auto const& l = links_[a.link];
            if (l.at == courier_link::phase::dialling)
                at = std::min(at, saturating_add(l.begun, options_.patience));
            if (l.is_open() && empty) at = std::min(at, saturating_add(l.used, options_.idle));
        }
        if (at == instant::max()) return deadlines_.clear(slot);
        if (deadlines_.at(slot) != at) deadlines_.set(slot, at);
    }
    /// Something of this address is due.
    void act(std::uint32_t slot) {
        expire(slot);
        auto& a = addresses_[slot];
        if (a.at == stage::resting && a.retry_at <= now_) line_up(slot);
        if (a.at == stage::linked) {
            auto const& l = links_[a.link];
            if (l.at == courier_link::phase::dialling && is_over(l.begun, options_.patience))
                return hang_up(slot, errc::timed_out);
            bool const empty = rack_.count(slot) == 0;
            bool const idle = l.is_open() && is_over(l.used, options_.idle) && !waits_for_store(l);
            if (empty && (idle || l.at == courier_link::phase::dialling)) return release(slot);
        }
        settle(slot);
    }

    // ---- letters that are not delivered ----

    void expire(std::uint32_t slot) {
        std::uint64_t over = 0;
        for (; rack_.count(slot) > 0 && rack_.front(slot).expires <= now_; ++over) rack_.drop_front(slot);
        auto const& trouble = addresses_[slot].trouble;
        if (over > 0) lose(slot, over, trouble ? trouble : make_error_code(errc::timed_out));
    }
    void lose(std::uint32_t slot, std::uint64_t letters, std::error_code why) {
        auto& a = addresses_[slot];
        counters_.failed += letters;
        a.lost += letters;
        a.why_lost = why;
        if (now_ >= a.quiet_until) tell(a);
    }
    void tell(address& a) {
        if (notices_.size() < most_notices) notices_.push_back({a.to, a.lost, a.why_lost});
        a.lost = 0;
        a.quiet_until = now_ + quiet;
    }
    /// Takes from whoever has more than `slot` would have.
    /// \return false: nobody has
    [[nodiscard]] bool make_room(std::uint32_t slot, std::uint64_t octets) {
        if (octets > options_.max_octets) return false;
        while (!rack_.fits(octets)) {
            auto const most = rack_.largest();
            if (most == slot || rack_.share(most) <= rack_.share(slot, 1, octets)) return false;
            if (rack_.count(most) > 0) {
                rack_.drop_back(most);
                lose(most, 1, errc::queue_full);
                settle(most);
            } else if (rack_.is_out_of_letters() || waits_for_store(links_[addresses_[most].link])) {
                return false;
            } else {
                hang_up(most, errc::send_queue_full);
            }
        }
        return true;
    }

    // ---- connections ----

    [[nodiscard]] slot_list& line_of(address const& a) noexcept { return a.failed ? failing_ : fresh_; }
    /// Who waits for a connection; those that failed before wait behind those that did not.
    void line_up(std::uint32_t slot) {
        auto& a = addresses_[slot];
        a.at = stage::queued;
        line_of(a).push_back(addresses_, slot);
    }
    [[nodiscard]] std::uint32_t next_in_line() const noexcept {
        if (!fresh_.empty()) return fresh_.front();
        return links_.takes_failed() ? failing_.front() : none;
    }
    void connect() {
        for (auto slot = next_in_line(); slot != none; slot = next_in_line()) {
            look_soon_ = !links_.has_free() && !free_a_link();
            if (look_soon_) return;
            dial(slot);
        }
    }
    void dial(std::uint32_t slot) {
        auto& a = addresses_[slot];
        line_of(a).erase(addresses_, slot);
        a.at = stage::linked;
        a.link = links_.take(slot, a.failed, now_);
        out_.dial_push(a.to, options_.first_tag + a.link);
    }
    /// Others wait: ends a connection that has nothing to do, or else one that was had for long.
    [[nodiscard]] bool free_a_link() {
        courier_link* least = nullptr;
        links_.each_open([&](courier_link& l) {
            bool const had_long = is_over(l.begun, options_.patience) && !waits_for_store(l);
            if (!is_unused(l) && !had_long) return;
            bool const less = least == nullptr || is_unused(l) > is_unused(*least) ||
                              (is_unused(l) == is_unused(*least) && l.moved < least->moved);
            if (less) least = &l;
        });
        if (least == nullptr) return false;
        bool const stuck = !is_unused(*least) && is_over(least->moved, options_.patience);
        stuck ? hang_up(least->address, errc::timed_out) : release(least->address);
        return true;
    }
    [[nodiscard]] bool is_over(instant since, std::chrono::milliseconds time) const noexcept {
        return now_ >= saturating_add(since, time);
    }
    [[nodiscard]] bool is_unused(courier_link const& l) const noexcept {
        return rack_.count(l.address) == 0 && rack_.under_way(l.address) == 0;
    }
    /// What was handed out is not in the transport yet, and would be lost with the connection.
    [[nodiscard]] bool waits_for_store(courier_link const& l) const noexcept { return l.after > committed_; }
    void let_go(address& a, std::uint32_t slot) {
        links_.give(std::exchange(a.link, none));
        rack_.set_under_way(slot, 0);
    }
    void fail(std::uint32_t slot, std::error_code why) {
        auto& a = addresses_[slot];
        let_go(a, slot);
        a.at = stage::resting;
        a.failed = true;
        a.trouble = why;
        a.retry_at = saturating_add(now_, a.pause.next(random_));
        settle(slot);
    }
    void hang_up(std::uint32_t slot, std::error_code why) {
        out_.close(links_[addresses_[slot].link].peer);
        fail(slot, why);
    }
    /// Without blame: what was sent is still written, what waits lines up again.
    void release(std::uint32_t slot) {
        auto& a = addresses_[slot];
        out_.close(links_[a.link].peer);
        let_go(a, slot);
        line_up(slot);
        settle(slot);
    }

    // ---- what leaves ----

    void look(courier_link& l, std::uint64_t queued) {
        if (waits_for_store(l)) {
            l.moved = l.used = now_;  // its listener is not to blame
            return;
        }
        if (queued < rack_.under_way(l.address)) l.moved = now_;
        rack_.set_under_way(l.address, queued);
        if (queued > 0) return;
        auto& a = addresses_[l.address];
        a.failed = false;
        a.trouble = {};
        a.pause.reset();
        links_.trust(l);
    }
    void deliver() {
        std::uint64_t given = 0;
        for (std::uint32_t i = 0; i < links_.size() && !more_; ++i) {
            auto const index = (first_ + i) % links_.size();
            auto& l = links_[index];
            if (!l.is_open() || rack_.count(l.address) == 0) continue;
            while (rack_.count(l.address) > 0 && rack_.under_way(l.address) <= policy::much_queued) {
                more_ = given > policy::much_a_turn;
                if (more_) break;
                given += hand_out(l);
            }
            if (more_) first_ = index;
            look_soon_ = look_soon_ || rack_.count(l.address) > 0;
            schedule(l.address);
        }
    }
    /// \return octets
    std::uint64_t hand_out(courier_link& l) {
        auto const& oldest = rack_.front(l.address);
        auto const octets = oldest.octets();
        auto& message = out_[out_.open(l.peer, wire::form::frames)];
        message.after = l.after = oldest.after;
        message.pairs.add(oldest.header, oldest.payload);
        rack_.drop_front(l.address);
        rack_.set_under_way(l.address, rack_.under_way(l.address) + octets);
        l.moved = l.used = now_;
        ++counters_.sent;
        return octets;
    }

    courier_options options_;
    outbox& out_;
    random_source random_;
    letter_rack rack_;
    slab<address, 64> addresses_;                 // their slots are the rack's boxes
    std::map<std::string, std::uint32_t> index_;  // by text; not hashed: strangers choose the keys
    courier_links links_;
    slot_list fresh_;
    slot_list failing_;
    deadlines deadlines_;  // by address
    std::vector<courier_notice> notices_;
    courier_counters counters_;
    policy::store_sequence committed_ = 0;
    instant now_{};
    std::uint32_t first_ = 0;  // the link whose turn it is
    bool more_ = false;        // a turn was not enough
    bool look_soon_ = false;   // somebody waits until letters are taken
};

}  // namespace fastqueue::core
