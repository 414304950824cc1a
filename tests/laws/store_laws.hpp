#pragma once

#include <fastqueue/policy/store.hpp>

#include "laws/store_model.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace laws {

/// What must hold for every store: writes are numbered one by one, commits never go back or beyond what was written,
/// and what was flushed and is awaited is committed in the end.
/// \param make    makes an empty store, as a unique_ptr
/// \param settle  called with the store until `poll` shows all as committed; a store with a thread of its own waits
///                there, a little at a time
template <class Make, class Settle>
void store_laws(Make make, Settle settle) {
    auto const seed = GENERATE(take(3, random<std::uint64_t>(0, ~0ULL >> 1U)));
    CAPTURE(seed);
    made_up_work work{seed};
    auto const store = make();
    REQUIRE_FALSE(store->epoch().empty());
    store->attach([] {});
    fqp::store_news news;
    store->poll(news);
    auto before = news.committed;
    auto written = before;
    for (int turn = 0; turn < 60; ++turn) {
        for (auto calls = work.below(20); calls > 0; --calls) {
            auto const n = send(*store, work.next());
            REQUIRE(n == written + 1);
            written = n;
        }
        store->flush(written);
        for (int tries = 0; tries < 10'000 && before != written; ++tries) {
            store->poll(news);
            REQUIRE_FALSE(news.failure.has_value());
            REQUIRE(news.committed >= before);
            REQUIRE(news.committed <= written);
            REQUIRE(news.existing.empty());
            before = news.committed;
            if (before != written) settle(*store);
        }
        REQUIRE(before == written);
    }
    CHECK(written > 0);
}

/// What must hold for a durable store beyond that: after a crash at any moment it holds what it had told to be
/// committed, and of the rest, in the order in which it was written, as much as it likes; and arguments that are asked
/// for come in order with the writes.
///
/// World           | does
/// w.open()        | the store over what is kept, as a unique_ptr; at first there is nothing
/// w.settle(store) | lets it commit; called until what was awaited is committed
/// w.crash(store)  | takes the unique_ptr; what is not kept by now is lost
/// w.close(store)  | takes the unique_ptr, and closes it in order
template <class World>
class durable_run {
public:
    durable_run(World& world, std::uint64_t seed) : world_{world}, work_{seed} {}

    void run(int turns) {
        open();
        for (int turn = 0; turn < turns; ++turn) {
            act();
            switch (work_.below(5)) {
                case 0:
                    world_.crash(std::move(store_));
                    open();
                    break;
                case 1:
                    await_all();
                    world_.close(std::move(store_));
                    open();
                    REQUIRE(open_writes_.empty());
                    break;
                case 2:
                    await_all();
                    break;
                default:
                    world_.settle(*store_);
                    poll();
            }
        }
    }

private:
    void act() {
        for (auto calls = work_.below(12); calls > 0; --calls) {
            open_writes_.push_back(work_.next());
            REQUIRE(send(*store_, open_writes_.back()) == ++written_);
            newest_.apply(open_writes_.back());
            if (work_.below(6) != 0) continue;
            auto const number = work_.some();
            store_->fetch(number);
            asked_.emplace_back(number, newest_.arguments(number));
        }
        if (work_.below(8) != 0) store_->flush(work_.below(2) == 0 ? written_ : 0);
        poll();
    }
    void await_all() {
        store_->flush(written_);
        for (int tries = 0; tries < 10'000 && !(open_writes_.empty() && asked_.empty()); ++tries) {
            world_.settle(*store_);
            poll();
        }
        REQUIRE(open_writes_.empty());
        REQUIRE(asked_.empty());
    }
    void poll() {
        store_->poll(news_);
        REQUIRE_FALSE(news_.failure.has_value());
        REQUIRE_FALSE(news_.full.has_value());
        REQUIRE(news_.committed >= committed_);
        REQUIRE(news_.committed <= written_);
        for (; committed_ < news_.committed; ++committed_) commit_one();
        for (auto const& told : news_.fetched) {
            REQUIRE_FALSE(asked_.empty());
            CHECK(told.number == asked_.front().first);
            CHECK(told.arguments == asked_.front().second);
            asked_.pop_front();
        }
    }
    void commit_one() {
        safe_.apply(open_writes_.front());
        open_writes_.pop_front();
    }

    /// Opens what is left, and finds out how far it goes.
    void open() {
        store_ = world_.open();
        if (epoch_.empty()) epoch_ = store_->epoch();
        REQUIRE(store_->epoch() == epoch_);
        REQUIRE(store_->keeps());
        store_->attach([] {});
        auto const budget = work_.below(3) == 0 ? work_.below(30'000) : ~0ULL;
        image kept;
        store_->restore(kept, budget);
        while (!(kept == safe_.told(budget))) {
            REQUIRE_FALSE(open_writes_.empty());  // else what is kept is no beginning of what was written
            commit_one();
        }
        newest_ = safe_;
        open_writes_.clear();
        asked_.clear();
        written_ = committed_ = 0;
    }

    World& world_;
    made_up_work work_;
    std::unique_ptr<typename World::store> store_;
    fq::uuid epoch_;
    store_model safe_;    // all that was told to be committed
    store_model newest_;  // all that was written
    std::deque<write_call> open_writes_;
    std::deque<std::pair<fqp::task_number, std::string>> asked_;
    fqp::store_sequence written_ = 0;
    fqp::store_sequence committed_ = 0;
    fqp::store_news news_;
};

/// \param make_world  makes an empty world, as a unique_ptr
template <class Make>
void durable_store_laws(Make make_world, int turns) {
    auto const seed = GENERATE(take(3, random<std::uint64_t>(0, ~0ULL >> 1U)));
    CAPTURE(seed);
    auto const world = make_world();
    durable_run{*world, seed}.run(turns);
}

}  // namespace laws
