#pragma once

#include "benchmarks/load.hpp"
#include "benchmarks/machine_room.hpp"

#include <fastqueue/core/plane.hpp>
#include <fastqueue/policies.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/pair_cursor.hpp>
#include <fastqueue/wire/pair_writer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// The id of the `n`th task: of full entropy as far as a table can tell.
[[nodiscard]] inline fastqueue::task_id id_of(std::uint64_t n) {
    return fastqueue::task_id::make_v7({}, fastqueue::mix(n, 0x9e3779b97f4a7c15U),
                                       fastqueue::mix(n, 0xd6e8feb86659fd93U));
}

/// A whole control plane without input and output, with a client, an operator and workers that are no more than their
/// messages, and clocks that stand still unless they are told to go on.
template <class Policies>
class basic_quiet_plane {
    using plane = fastqueue::core::plane<Policies>;

public:
    struct setup {
        std::uint32_t workers = 1;
        std::string capacity = "concurrency=1 window=4096";  ///< of each worker
        fastqueue::core::plane_options options = {};
    };

    basic_quiet_plane() : basic_quiet_plane{setup{}} {}
    explicit basic_quiet_plane(setup with)
        : answers_(with.workers), core_{named(with.options), store_, observer_, zones_} {
        open(client_, fastqueue::core::port_role::normal);
        open(operator_, fastqueue::core::port_role::management);
        for (std::uint32_t w = 0; w < with.workers; ++w) enrol(w, with.capacity);
        turn();
    }

    /// So many calls in one message; each run is answered in one message a turn; until all have their results.
    void go_round(std::int64_t calls) {
        write_tasks("call", calls);
        results_ = 0;
        deliver(client_, asked_);
        for (std::int64_t turns = 0; results_ < calls; ++turns) {
            if (turns > 10'000 + calls) throw std::runtime_error{"not all calls are answered"};
            turn();
            answer();
        }
    }
    /// Writes so many tasks into a message, which `submit` then hands over.
    void prepare(std::int64_t tasks) { write_tasks("submit", tasks); }
    /// The same, where each asks for more. \param more  called as `more(header, i)`
    template <class More>
    void prepare(std::int64_t tasks, More&& more) {
        write_tasks("submit", tasks, more);
    }
    /// They are accepted, and dispatched as far as there is room.
    void submit() {
        deliver(client_, asked_);
        turn();
    }
    /// Writes so many of an operator's orders into a message, which `order` then hands over.
    /// \param write  called as `write(header, i)`; the verb is there
    template <class Write>
    void prepare_orders(std::string_view verb, std::int64_t count, Write&& write) {
        asked_.clear();
        for (std::int64_t i = 0; i < count; ++i) {
            auto header = asked_.begin(verb);
            write(header, i);
            asked_.finish(add_arguments);
        }
    }
    /// They are done, and answered.
    void order() {
        deliver(operator_, asked_);
        turn();
    }
    /// So much time goes by, and then there is a turn.
    /// \return what that took the core of the processor, without what it takes to send and to run what it gave out
    processor_clock::duration pass(std::chrono::microseconds time) {
        go_on(time);
        auto const begin = processor_clock::now();
        think();
        auto const took = processor_clock::now() - begin;
        send();
        return took;
    }
    /// The workers answer all that they run, and get as many again.
    void work_off() {
        answer();
        turn();
    }
    /// So many turns in which nothing comes and no time goes by.
    void idle(int turns) {
        for (int i = 0; i < turns; ++i) turn(std::chrono::microseconds{0});
    }
    /// They do so until none of them runs anything.
    void work_off_all() {
        while (!busy_.empty()) work_off();
    }
    [[nodiscard]] plane const& machine() const noexcept { return core_; }
    [[nodiscard]] fastqueue::clock_reading const& now() const noexcept { return now_; }

private:
    static constexpr auto client_ = static_cast<fastqueue::peer_id>(1);
    static constexpr auto operator_ = static_cast<fastqueue::peer_id>(2);
    static constexpr std::uint64_t first_worker = 3;

    static fastqueue::core::plane_options named(fastqueue::core::plane_options o) {
        o.base = "tcp://127.0.0.1:5555";
        o.seed = 7;
        return o;
    }
    [[nodiscard]] static fastqueue::peer_id peer_of(std::size_t worker) noexcept {
        return static_cast<fastqueue::peer_id>(first_worker + worker);
    }
    void enrol(std::uint32_t w, std::string const& capacity) {
        open(peer_of(w), fastqueue::core::port_role::management);
        tell(peer_of(w),
             "register w" + std::to_string(w) + " incarnation=" + id_of(~std::uint64_t{w}).text() + ' ' +
                 capacity + " pack=1",
             R"({"tasks":["add"],"runs":[]})");
    }
    void open(fastqueue::peer_id peer, fastqueue::core::port_role role) {
        core_.at(now_);
        core_.opened(peer, {static_cast<std::uint32_t>(role), true, false, false, "127.0.0.1"});
    }
    void tell(fastqueue::peer_id peer, std::string const& tokens, std::string const& payload) {
        auto const header = "FQ1 " + tokens;
        std::array<std::string_view, 2> const frames{header, payload};
        core_.message(peer, frames);
    }
    void write_tasks(std::string_view verb, std::int64_t count) {
        write_tasks(verb, count, [](fastqueue::wire::header_writer const&, std::int64_t) {});
    }
    template <class More>
    void write_tasks(std::string_view verb, std::int64_t count, More&& more) {
        asked_.clear();
        for (std::int64_t i = 0; i < count; ++i) {
            auto header = asked_.begin(verb);
            header.token(id_of(++tasks_)).token("add").field("ref", static_cast<std::uint64_t>(i));
            more(header, i);
            asked_.finish(add_arguments);
        }
    }
    void deliver(fastqueue::peer_id peer, fastqueue::wire::pair_writer& pairs) {
        pairs.frames(fastqueue::wire::form::packed, {}, frames_);
        core_.at(now_);
        core_.message(peer, frames_);
    }
    void answer() {
        for (auto const worker : busy_) {
            deliver(peer_of(worker), answers_[worker]);
            answers_[worker].clear();
        }
        busy_.clear();
    }
    void turn(std::chrono::microseconds after = std::chrono::microseconds{10}) {
        go_on(after);
        think();
        send();
    }
    void go_on(std::chrono::microseconds time) noexcept {
        now_.steady += time;
        now_.wall += time;
    }
    void think() {
        core_.at(now_);
        core_.turn();
        store_.poll(news_);
        core_.committed(news_);
    }
    void send() {
        core_.outbox().perform(
            core_.committed_up_to(),
            [this](fastqueue::core::outgoing& m) {
                m.pairs.frames(m.layout, m.envelope, frames_);
                if (m.to == client_) return take(frames_);
                if (m.to != operator_) work(frames_, m.to);
            },
            [](fastqueue::core::link_action const&) {});
        static_cast<void>(core_.sent([](fastqueue::peer_id) { return 0U; }));
    }
    /// A worker does what it is told.
    void work(std::span<std::string_view const> frames, fastqueue::peer_id at) {
        auto const worker = static_cast<std::size_t>(static_cast<std::uint64_t>(at) - first_worker);
        auto& answers = answers_[worker];
        bool const was_idle = answers.empty();
        fastqueue::wire::pair_cursor cursor{frames};
        fastqueue::wire::pair pair;
        while (cursor.next(pair)) {
            if (!pair.header.starts_with("FQ1 run ")) continue;
            auto header = answers.begin("done");
            header.raw(pair.header.substr(7, 1 + fastqueue::uuid::text_size)).raw(" 1 success took_us=1");
            answers.finish("8");
        }
        if (was_idle && !answers.empty()) busy_.push_back(worker);
    }
    void take(std::span<std::string_view const> frames) {
        fastqueue::wire::pair_cursor cursor{frames};
        results_ += cursor.pairs_left();
    }

    std::vector<fastqueue::wire::pair_writer> answers_;  // of each worker
    std::vector<std::size_t> busy_;                      // workers that have some
    typename Policies::store_policy store_;
    typename Policies::observer_policy observer_;
    typename Policies::time_zone_policy zones_;
    plane core_;
    fastqueue::clock_reading now_{fastqueue::instant{std::chrono::hours{1}},
                                  fastqueue::from_epoch_us(1'790'000'000'000'000)};
    fastqueue::policy::store_news news_;
    fastqueue::wire::pair_writer asked_;
    std::vector<std::string_view> frames_;
    std::uint64_t tasks_ = 0;
    std::int64_t results_ = 0;
};

using quiet_plane = basic_quiet_plane<fastqueue::default_policies>;

}  // namespace bench
