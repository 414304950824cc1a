#pragma once

#include "benchmarks/load.hpp"

#include <fastqueue/core/plane.hpp>
#include <fastqueue/policies.hpp>
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

/// A whole control plane without input and output, with a client and workers that are no more than their messages.
class quiet_plane {
    using plane = fastqueue::core::plane<fastqueue::default_policies>;

public:
    struct setup {
        std::uint32_t workers = 1;
        std::string capacity = "concurrency=1 window=4096";  ///< of each worker
        fastqueue::core::plane_options options = {};
    };

    quiet_plane() : quiet_plane{setup{}} {}
    explicit quiet_plane(setup with) : answers_(with.workers), core_{named(with.options), store_, observer_, zones_} {
        open(client_, fastqueue::core::port_role::normal);
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
    /// They are accepted, and dispatched as far as there is room.
    void submit() {
        deliver(client_, asked_);
        turn();
    }
    /// The workers answer all that they run, and get as many again.
    void work_off() {
        answer();
        turn();
    }
    [[nodiscard]] plane const& machine() const noexcept { return core_; }

private:
    static constexpr auto client_ = static_cast<fastqueue::peer_id>(1);
    static constexpr std::uint64_t first_worker = 2;

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
        asked_.clear();
        for (std::int64_t i = 0; i < count; ++i) {
            asked_.begin(verb)
                .token(id_of(++tasks_))
                .token("add")
                .field("ref", static_cast<std::uint64_t>(i));
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
    void turn() {
        now_.steady += std::chrono::microseconds{10};
        now_.wall += std::chrono::microseconds{10};
        core_.at(now_);
        core_.turn();
        store_.poll(news_);
        core_.committed(news_);
        core_.outbox().perform(
            core_.committed_up_to(),
            [this](fastqueue::core::outgoing& m) {
                m.pairs.frames(m.layout, m.envelope, frames_);
                m.to == client_ ? take(frames_) : work(frames_, m.to);
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
    fastqueue::store::memory store_;
    fastqueue::observer::none observer_;
    fastqueue::time_zones::utc zones_;
    plane core_;
    fastqueue::clock_reading now_{fastqueue::instant{std::chrono::hours{1}},
                                  fastqueue::from_epoch_us(1'790'000'000'000'000)};
    fastqueue::policy::store_news news_;
    fastqueue::wire::pair_writer asked_;
    std::vector<std::string_view> frames_;
    std::uint64_t tasks_ = 0;
    std::int64_t results_ = 0;
};

}  // namespace bench
