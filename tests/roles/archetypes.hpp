#pragma once

#include <fastqueue/policies.hpp>
#include <fastqueue/policy/time_zones.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

/// One type for each policy's concept that can do what the concept asks and nothing more: where a role compiles and works with
/// these, the concept is all that it needs.
namespace archetypes {

namespace fq = fastqueue;

struct nothing_more {  // not copied, not moved
    nothing_more() = default;
    nothing_more(nothing_more const&) = delete;
    nothing_more& operator=(nothing_more const&) = delete;
};

class transport : nothing_more {
public:
    void attach(fq::policy::transport_sink& sink) { real_.attach(sink); }
    std::error_code listen(fq::endpoint const& where, std::uint32_t tag, fq::endpoint& bound) {
        return real_.listen(where, tag, bound);
    }
    void stop_listening() { real_.stop_listening(); }
    fq::peer_id dial(fq::endpoint const& where, std::uint32_t tag) { return real_.dial(where, tag); }
    std::error_code send(fq::peer_id peer, std::span<std::string_view const> frames) {
        return real_.send(peer, frames);
    }
    void close(fq::peer_id peer) { real_.close(peer); }
    void arm(std::optional<fq::instant> deadline) { real_.arm(deadline); }
    fq::clock_reading now() const { return real_.now(); }
    void wake() noexcept { real_.wake(); }
    void run() { real_.run(); }
    void stop() { real_.stop(); }

private:
    fq::transport::tcp real_;
};
static_assert(fq::policy::runnable_transport<transport>);
static_assert(!fq::policy::turnable_transport<transport> && !fq::policy::tells_queue<transport> &&
              !fq::policy::pushes<transport>);

struct serialization {
    static constexpr char const* content = "archetype";

    template <class T>
    static void encode(std::string& out, T const& value) {
        real::encode(out, value);
    }
    template <class T>
    static T decode(std::string_view bytes) {
        return real::decode<T>(bytes);
    }
    template <class... Ts>
    static void encode_arguments(std::string& out, Ts const&... values) {
        real::encode_arguments(out, values...);
    }
    template <class... Ts, class Fill>
    static void decode_arguments(std::string_view bytes, std::span<std::string_view const> names,
                                 std::tuple<Ts...>& values, Fill const& fill) {
        real::decode_arguments(bytes, names, values, fill);
    }
    serialization() = delete;

private:
    using real = fq::serialization::json;
};

class eviction : nothing_more {
public:
    explicit eviction(fq::policy::slot capacity) : real_{capacity} {}
    void inserted(fq::policy::slot s, std::uint64_t hash) noexcept { real_.inserted(s, hash); }
    void used(fq::policy::slot s) noexcept { real_.used(s); }
    void erased(fq::policy::slot s) noexcept { real_.erased(s); }
    fq::policy::slot victim() noexcept { return real_.victim(); }

private:
    fq::eviction::lru real_;
};

class balancing : nothing_more {
public:
    explicit balancing(std::uint64_t seed) : real_{seed} {}
    void joined(fq::policy::worker_slot w, std::uint32_t weight, fq::policy::load l) {
        real_.joined(w, weight, l);
    }
    void left(fq::policy::worker_slot w) noexcept { real_.left(w); }
    void load_changed(fq::policy::worker_slot w, fq::policy::load l) { real_.load_changed(w, l); }
    fq::policy::worker_slot pick(std::uint64_t key) noexcept { return real_.pick(key); }

private:
    fq::balancing::least_loaded real_;
};

class store : nothing_more {
public:
    void attach(std::function<void()> const& wake) { real_.attach(wake); }
    fq::policy::store_sequence put(fq::policy::task_record const& t) { return real_.put(t); }
    fq::policy::store_sequence claim(fq::policy::task_number n, std::uint32_t a) { return real_.claim(n, a); }
    fq::policy::store_sequence requeue(fq::policy::attempt_record const& a) { return real_.requeue(a); }
    fq::policy::store_sequence finish(fq::policy::result_record const& r) { return real_.finish(r); }
    fq::policy::store_sequence forget(fq::policy::task_number n) { return real_.forget(n); }
    fq::policy::store_sequence erase(fq::policy::task_number n) { return real_.erase(n); }
    fq::policy::store_sequence member(std::string_view name, bool there) { return real_.member(name, there); }
    void flush(fq::policy::store_sequence awaited) { real_.flush(awaited); }
    void poll(fq::policy::store_news& news) { real_.poll(news); }
    fq::uuid epoch() const { return real_.epoch(); }

private:
    fq::store::memory real_;
};
static_assert(!fq::policy::durable_store<store>);

class executor : nothing_more {
public:
    executor(fq::policy::executor_options options, std::function<void()> wake)
        : real_{std::move(options), std::move(wake)} {}
    void submit(fq::policy::job& j) noexcept { real_.submit(j); }
    void kick() noexcept { real_.kick(); }
    bool retract(fq::policy::job& j) noexcept { return real_.retract(j); }
    fq::policy::job* finished() noexcept { return real_.finished(); }
    void stop() noexcept { real_.stop(); }

private:
    fq::executor::threads real_;
};

class observer {
public:
    observer() = default;
    observer(observer&&) noexcept {}
    observer& operator=(observer&&) = delete;
    void on(fq::policy::task_event const&) noexcept {}
    void on(fq::policy::worker_event const&) noexcept {}
    void on(fq::policy::notice_event const&) noexcept {}
};

class time_zones {  // that of one office, an hour ahead since 1970
public:
    time_zones() = default;
    time_zones(time_zones&&) noexcept {}
    time_zones& operator=(time_zones&&) = delete;
    std::optional<fq::policy::zone_period> period(std::string_view zone,
                                                  std::chrono::sys_seconds at) const noexcept {
        using std::chrono::sys_seconds;
        if (zone != "office") return std::nullopt;
        constexpr sys_seconds moved{};
        if (at < moved) return fq::policy::zone_period{std::chrono::hours{0}, sys_seconds::min(), moved};
        return fq::policy::zone_period{std::chrono::hours{1}, moved, sys_seconds::max()};
    }
};
static_assert(fq::policy::time_zones<time_zones>);

struct policies : fq::default_policies {
    using transport_policy = transport;
    using serialization_policy = serialization;
    using eviction_policy = eviction;
    using balancing_policy = balancing;
    using store_policy = store;
    using executor_policy = executor;
    using observer_policy = observer;
    using time_zone_policy = time_zones;
};

}  // namespace archetypes
