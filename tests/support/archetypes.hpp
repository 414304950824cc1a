#pragma once

// Policies that can do exactly what the concepts ask, and nothing that they don't: no copies, no moves, no
// const where none is promised. What is built on a policy must also build on its archetype.

#include <fastqueue/balancing/round_robin.hpp>
#include <fastqueue/eviction/none.hpp>
#include <fastqueue/executor/inline_.hpp>
#include <fastqueue/policy/balancing.hpp>
#include <fastqueue/policy/eviction.hpp>
#include <fastqueue/policy/executor.hpp>
#include <fastqueue/policy/observer.hpp>
#include <fastqueue/policy/store.hpp>
#include <fastqueue/store/memory.hpp>

#include <cstdint>
#include <functional>
#include <utility>

namespace archetypes {

namespace fq = fastqueue;

class immovable {
public:
    immovable() = default;
    immovable(immovable const&) = delete;
    immovable& operator=(immovable const&) = delete;
};

class eviction : immovable {
public:
    explicit eviction(fq::policy::slot capacity) : inner_{capacity} {}
    void inserted(fq::policy::slot s, std::uint64_t hash) noexcept { inner_.inserted(s, hash); }
    void used(fq::policy::slot s) noexcept { inner_.used(s); }
    void erased(fq::policy::slot s) noexcept { inner_.erased(s); }
    fq::policy::slot victim() noexcept { return inner_.victim(); }

private:
    fq::eviction::none inner_;
};

class balancing : immovable {
public:
    explicit balancing(std::uint64_t seed) : inner_{seed} {}
    void joined(fq::policy::worker_slot w, std::uint32_t weight, fq::policy::load l) {
        inner_.joined(w, weight, l);
    }
    void left(fq::policy::worker_slot w) noexcept { inner_.left(w); }
    void load_changed(fq::policy::worker_slot w, fq::policy::load l) { inner_.load_changed(w, l); }
    fq::policy::worker_slot pick(std::uint64_t key) noexcept { return inner_.pick(key); }

private:
    fq::balancing::round_robin inner_;
};

class executor : immovable {
public:
    explicit executor(fq::policy::executor_options options, std::function<void()> wake)
        : inner_{options, std::move(wake)} {}
    void submit(fq::policy::job& j) noexcept { inner_.submit(j); }
    void kick() noexcept { inner_.kick(); }
    bool retract(fq::policy::job& j) noexcept { return inner_.retract(j); }
    fq::policy::job* finished() noexcept { return inner_.finished(); }
    void stop() noexcept { inner_.stop(); }

private:
    fq::executor::inline_ inner_;
};

class observer : immovable {
public:
    observer() = default;
    void on(fq::policy::task_event const&) noexcept {}
    void on(fq::policy::worker_event const&) noexcept {}
    void on(fq::policy::notice_event const&) noexcept {}
};

class store : immovable {
public:
    store() = default;
    void attach(std::function<void()> wake) { inner_.attach(wake); }
    fq::policy::store_sequence put(fq::policy::task_record const& task) { return inner_.put(task); }
    fq::policy::store_sequence claim(fq::policy::task_number number, std::uint32_t attempt) {
        return inner_.claim(number, attempt);
    }
    fq::policy::store_sequence requeue(fq::policy::attempt_record const& attempt) {
        return inner_.requeue(attempt);
    }
    fq::policy::store_sequence finish(fq::policy::result_record const& result) {
        return inner_.finish(result);
    }
    fq::policy::store_sequence forget(fq::policy::task_number number) { return inner_.forget(number); }
    fq::policy::store_sequence erase(fq::policy::task_number number) { return inner_.erase(number); }
    fq::policy::store_sequence member(std::string_view name, bool there) {
        return inner_.member(name, there);
    }
    void flush(fq::policy::store_sequence awaited) { inner_.flush(awaited); }
    void poll(fq::policy::store_news& news) { inner_.poll(news); }
    fq::uuid epoch() const { return inner_.epoch(); }

private:
    fq::store::memory inner_;
};

static_assert(fq::policy::eviction<eviction>);
static_assert(fq::policy::balancing<balancing>);
static_assert(fq::policy::executor<executor>);
static_assert(fq::policy::observer<observer>);
static_assert(fq::policy::store<store>);

}  // namespace archetypes
