#pragma once

#include <fastqueue/core/backoff.hpp>
#include <fastqueue/core/outbox.hpp>
#include <fastqueue/core/worker_options.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/wire/nodes.hpp>
#include <fastqueue/wire/registration.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// A worker's standing with its control plane: how it finds it, registers, keeps in touch and comes back. One thread at a
/// time.
class worker_link_state {
public:
    static constexpr std::uint32_t discovery_tag = 100;
    static constexpr std::uint32_t management_tag = 101;

    worker_link_state(worker_options const& options, outbox& out)
        : options_{options}, out_{out}, random_{options.seed} {}

    void start(instant now) {
        now_ = now;
        connect();
    }
    void dialled(std::uint32_t tag, peer_id peer) noexcept {
        (tag == discovery_tag ? discovery_ : management_) = peer;
    }

    /// \return true: it is time to send the registration
    [[nodiscard]] bool opened(peer_id peer, peer_info const& info, instant now) {
        now_ = now;
        if (info.accepted) {
            strangers_[peer] = {info.tag, info.one_at_a_time};
            return false;
        }
        if (peer == discovery_) {
            ask_discovery();
            return false;
        }
        if (peer != management_) return false;
        phase_ = phase::registering;
        backoff_.reset();
        heard_ = now;
        arm(answer_time);
        return true;
    }
    /// Somebody at one of our ports says that it is our control plane. Only then it is one: others may connect, too.
    /// \return true: register again, since messages may have been lost with the connections before
    [[nodiscard]] bool hello(peer_id peer, wire::header const& h) {
        auto const at = strangers_.find(peer);
        auto const epoch = uuid::parse(h.get("epoch"));
        if (at == strangers_.end() || !epoch) return false;
        // While the answer to our registration is on its way it may be one that we do not know yet.
        if (phase_ == phase::registered && !epoch_.empty() && *epoch != epoch_) return false;
        auto const tag = at->second.tag;
        strangers_.erase(at);
        return link_opened(peer, tag);
    }
    /// Whether `peer` is the control plane.
    [[nodiscard]] bool knows(peer_id peer) const noexcept {
        return peer == management_ || peer == discovery_ || std::ranges::find(links_, peer) != links_.end();
    }
    /// The priority of runs that `peer` brings without naming one: that of the port it is connected to.
    [[nodiscard]] priority level_of(peer_id peer) const noexcept {
        auto const at = std::ranges::find(links_, peer);
        return at == links_.end() ? priority::normal : static_cast<priority>(at - links_.begin());
    }
    [[nodiscard]] bool is_one_at_a_time(peer_id peer) const noexcept {
        auto const at = strangers_.find(peer);
        return at != strangers_.end() && at->second.one_at_a_time;
    }
    void closed(peer_id peer, instant now) {
        now_ = now;
        if (strangers_.erase(peer) > 0) return;
        if (peer == discovery_) {
            discovery_ = peer_id::none;
            if (phase_ == phase::discovering) dial_management(fallback());
        } else if (peer == management_) {
            lost_management();
        } else if (auto const at = std::ranges::find(links_, peer); at != links_.end()) {
            *at = peer_id::none;
            link_lost_ = true;
        }
    }
    /// \return true: register again
    [[nodiscard]] bool message(peer_id peer, wire::header const& h, std::string_view payload, instant now) {
        now_ = now;
        heard_ = now;
        if (peer == discovery_ && h.verb() == "nodes") {
            found(payload);
            return false;
        }
        if (h.verb() == "unregistered") unregistered_ = true;
        if (peer != management_ || h.verb() != "error" || h.positional().size() < 2) return false;
        if (h.get("ref").starts_with(schedule_ref)) {
            trouble_.append(trouble_.empty() ? "a schedule was refused: " : "; ").append(payload);
            return false;
        }
        return refused(errc_from_name(h.positional()[1], errc::bad_request), payload);
    }
    void registered(wire::header const& h, instant now) {
        now_ = now;
        heard_ = now;
        taken_since_ = instant::max();
        epoch_ = uuid::parse(h.get("epoch")).value_or(uuid{});
        if (auto const beat = wire::read_number(h.get("heartbeat_ms")); beat && *beat > 0)
            heartbeat_ = std::chrono::milliseconds{*beat};
        if (auto const silent = wire::read_number(h.get("inactive_ms")); silent && *silent > 0)
            inactive_ = std::chrono::milliseconds{*silent};
        if (phase_ == phase::registering) {
            phase_ = phase::registered;
            arm(heartbeat_);
            declare_schedules();
        }
        if (leaving_) unregister(now);
    }
    void send_registration(std::vector<wire::lease_name> held) {
        if (phase_ != phase::registering && phase_ != phase::registered) return;
        wire::registration r;
        r.worker = options_.id;
        r.incarnation = options_.incarnation;
        r.concurrency = options_.concurrency;
        r.window = options_.window;
        r.weight = options_.weight;
        r.packed = true;
        r.address = options_.address;
        r.ports = options_.ports;
        r.tasks = options_.tasks;
        r.contents = options_.contents;
        r.defaults = options_.defaults;
        r.version = options_.version;
        r.host = options_.host;
        r.pid = options_.pid;
        r.runs = std::move(held);
        std::string document;
        wire::write_registration_document(document, r);
        auto& pairs = to_management();
        auto header = pairs.begin("register");
        wire::write_registration(header, r);
        pairs.finish(document);
    }
    void unregister(instant now) {
        now_ = now;
        leaving_ = true;
        if (phase_ != phase::registered) return;
        auto& pairs = to_management();
        pairs.begin("unregister").token(options_.id).field("incarnation", options_.incarnation);
        pairs.finish({});
        arm(answer_time);
    }

    /// \return true: it is time to register again
    [[nodiscard]] bool tick(instant now, std::size_t running, std::size_t stuck) {
        now_ = now;
        if (now < deadline_) return false;
        deadline_ = instant::max();
        switch (phase_) {
            case phase::waiting:
                connect();
                return false;
            case phase::discovering:
                dial_management(fallback());
                return false;
            case phase::connecting:
                return false;
            case phase::registering:
                arm(answer_time);
                return true;
            case phase::registered:
                beat(running, stuck);
                return false;
        }
        return false;
    }
    [[nodiscard]] instant next_deadline() const noexcept { return deadline_; }

    [[nodiscard]] bool is_registered() const noexcept { return phase_ == phase::registered; }
    [[nodiscard]] bool is_unregistered() const noexcept { return unregistered_; }
    [[nodiscard]] bool can_speak() const noexcept { return phase_ == phase::registered; }
    /// Whether there is somebody who takes answers: on the connections to our ports, or on our own.
    [[nodiscard]] bool can_answer() const noexcept {
        if (!options_.address) return phase_ == phase::registered;
        return std::ranges::any_of(links_, [](peer_id p) { return p != peer_id::none; });
    }
    /// Answers all go over one connection, so that their order is the order in which the runs ended.
    [[nodiscard]] peer_id answer_to() const noexcept {
        if (!options_.address) return management_;
        auto const at = std::ranges::find_if(links_, [](peer_id p) { return p != peer_id::none; });
        return at == links_.end() ? peer_id::none : *at;
    }
    /// What else was refused since this was asked last, in words; mostly empty.
    [[nodiscard]] std::string take_trouble() { return std::exchange(trouble_, {}); }
    [[nodiscard]] std::string const& fatal() const noexcept { return fatal_; }
    [[nodiscard]] errc fatal_code() const noexcept { return fatal_code_; }

private:
    enum class phase : std::uint8_t { waiting, discovering, connecting, registering, registered };
    static constexpr std::chrono::milliseconds answer_time{5'000};
    static constexpr std::string_view schedule_ref = "schedule";

    void arm(std::chrono::milliseconds delay) noexcept { deadline_ = saturating_add(now_, delay); }

    void connect() {
        if (options_.management) return dial_management(*options_.management);
        if (!options_.discovery) return dial_management(fallback());
        phase_ = phase::discovering;
        out_.dial(*options_.discovery, discovery_tag);
        arm(std::chrono::milliseconds{2'000});
    }
    /// Without discovery the management port is five after the base.
    [[nodiscard]] endpoint fallback() const {
        return options_.control_plane.plus(5).value_or(options_.control_plane);
    }
    void dial_management(endpoint const& to) {
        if (discovery_ != peer_id::none) out_.close(std::exchange(discovery_, peer_id::none));
        phase_ = phase::connecting;
        deadline_ = instant::max();  // the dial itself has an end
        out_.dial(to, management_tag);
    }
    void ask_discovery() {
        auto& pairs = out_[out_.open(discovery_, wire::form::frames)].pairs;
        pairs.begin("discover");
        pairs.finish({});
    }
    /// Takes the management port of the control plane that we were told of. Another one's is not ours: two may share a
    /// machine, and only one of them the discovery port.
    void found(std::string_view document) {
        if (phase_ != phase::discovering) return;
        auto const nodes = wire::read_nodes(document);
        endpoint management;
        endpoint base;
        bool const ours = nodes && !nodes->empty() && wire_endpoint(nodes->front().base, base) &&
                          base.port == options_.control_plane.port &&
                          wire_endpoint(nodes->front().management, management);
        dial_management(ours ? management : fallback());
    }
    static bool wire_endpoint(std::string const& text, endpoint& out) {
        return parse_endpoint(text, out).empty();
    }

    /// The control plane has dialled one of our ports. When all are there again after a break, it must be told what we
    /// hold: messages may have been lost with the old connections.
    [[nodiscard]] bool link_opened(peer_id peer, std::uint32_t tag) {
        if (tag >= links_.size()) return false;
        link_lost_ = link_lost_ || links_[tag] != peer_id::none;
        links_[tag] = peer;
        bool const all = std::ranges::none_of(links_, [](peer_id p) { return p == peer_id::none; });
        if (!all || !link_lost_) return false;
        link_lost_ = false;
        return phase_ == phase::registered && !leaving_;
    }
    void lost_management() {
        management_ = peer_id::none;
        phase_ = phase::waiting;
        arm(backoff_.next(random_));
    }
    [[nodiscard]] bool refused(errc code, std::string_view text) {
        if (code == errc::unknown_worker) {
            if (leaving_) {
                unregistered_ = true;
                return false;
            }
            phase_ = phase::registering;
            arm(answer_time);
            return true;
        }
        if (phase_ != phase::registering) return false;
        if (code == errc::worker_id_taken || code == errc::shutting_down || code == errc::queue_full) {
            if (taken_since_ == instant::max()) taken_since_ = now_;
            bool const patient =
                code != errc::worker_id_taken || now_ - taken_since_ < options_.taken_patience;
            if (patient) {
                arm(std::chrono::milliseconds{500});
                return false;
            }
        }
        fatal_code_ = code;
        fatal_ = "the control plane refused the worker '" + options_.id + "': " + std::string{text};
        return false;
    }
    void declare_schedules() {
        for (auto const& declared : options_.schedules) {
            auto& pairs = to_management();
            auto header = pairs.begin("schedule");
            header.raw(declared.tokens).field("replace", "1").field("ref", schedule_ref);
            pairs.finish(declared.arguments);
        }
    }
    void beat(std::size_t running, std::size_t stuck) {
        if (now_ - heard_ > inactive_) {  // our words get nowhere, or its do
            out_.close(management_);
            return lost_management();
        }
        if (leaving_) return unregister(now_);
        auto& pairs = to_management();
        auto header = pairs.begin("heartbeat");
        header.token(options_.id)
            .field("incarnation", options_.incarnation)
            .field("running", std::uint64_t{running});
        if (stuck > 0) header.field("stuck", std::uint64_t{stuck});
        pairs.finish({});
        arm(heartbeat_);
    }
    [[nodiscard]] wire::pair_writer& to_management() {
        return out_[out_.open(management_, wire::form::frames)].pairs;
    }

    worker_options const& options_;
    outbox& out_;
    random_source random_;
    backoff backoff_{std::chrono::milliseconds{100}, std::chrono::milliseconds{2'000}};
    phase phase_ = phase::waiting;
    instant now_{};
    instant deadline_ = instant::max();
    instant heard_{};
    instant taken_since_ = instant::max();
    std::chrono::milliseconds heartbeat_{5'000};
    std::chrono::milliseconds inactive_{30'000};
    peer_id discovery_ = peer_id::none;
    peer_id management_ = peer_id::none;
    struct stranger {
        std::uint32_t tag = 0;
        bool one_at_a_time = false;
    };
    std::unordered_map<peer_id, stranger> strangers_;  // at our ports, and have not said hello
    uuid epoch_;                                       // of the control plane we are registered with
    std::array<peer_id, 4> links_{};
    bool link_lost_ = false;
    bool leaving_ = false;
    bool unregistered_ = false;
    std::string trouble_;
    std::string fatal_;
    errc fatal_code_ = errc::bad_request;
};

}  // namespace fastqueue::core
