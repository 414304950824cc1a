// How often a cache with each eviction policy has what is asked for, on traces of a stated generator: the same seed gives the same
// figures on any machine.
#include "benchmarks/arguments.hpp"

#include <fastqueue/eviction/fifo.hpp>
#include <fastqueue/eviction/lfu.hpp>
#include <fastqueue/eviction/lru.hpp>
#include <fastqueue/eviction/none.hpp>
#include <fastqueue/eviction/s3fifo.hpp>
#include <fastqueue/policy/eviction.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <limits>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fq = fastqueue;
using key = std::uint32_t;
using requests = std::vector<key>;

struct settings {
    std::uint32_t keys = 100'000;
    std::uint32_t requests = 1'000'000;
    std::uint64_t seed = 1;
    bool json = false;
};

struct trace {
    std::string name;
    requests asked;
};

/// A number from 0 to below 1. The standard's distributions differ from library to library; this does not.
double fraction(std::mt19937_64& random) { return static_cast<double>(random() >> 11U) * 0x1p-53; }

/// Keys of which the i-th most popular is asked for in proportion to 1 / i^exponent: a random share is looked up in the table
/// of sums.
class zipf {
public:
    zipf(std::uint32_t keys, double exponent) {
        double sum = 0;
        sums_.reserve(keys);
        for (std::uint32_t rank = 1; rank <= keys; ++rank) sums_.push_back(sum += std::pow(rank, -exponent));
    }
    [[nodiscard]] key operator()(std::mt19937_64& random) const {
        auto const share = fraction(random) * sums_.back();
        auto const at = std::ranges::upper_bound(sums_, share) - sums_.begin();
        return static_cast<key>(std::min<std::ptrdiff_t>(at, std::ssize(sums_) - 1));
    }

private:
    std::vector<double> sums_;
};

requests popular(settings const& s, double exponent) {
    std::mt19937_64 random{s.seed};
    zipf const next{s.keys, exponent};
    requests out(s.requests);
    for (auto& k : out) k = next(random);
    return out;
}
/// As popular keys, but each so often a run of keys comes between that nobody asks for again: a fifth of all requests.
requests scanned(settings const& s) {
    std::mt19937_64 random{s.seed};
    zipf const next{s.keys, 1.0};
    auto const run = std::max(s.keys / 10, 1U);
    key fresh = s.keys;
    requests out;
    out.reserve(s.requests);
    while (out.size() < s.requests) {
        for (std::uint32_t i = 0; i < 4 * run && out.size() < s.requests; ++i) out.push_back(next(random));
        for (std::uint32_t i = 0; i < run && out.size() < s.requests; ++i) out.push_back(fresh++);
    }
    return out;
}
/// One key after the other, round and round.
requests looped(settings const& s, std::uint32_t length) {
    requests out(s.requests);
    for (std::uint32_t i = 0; i < s.requests; ++i) out[i] = i % length;
    return out;
}

/// What core::result_cache does of a cache: slots, and a policy that names the one to leave.
template <fq::policy::eviction Eviction>
double hit_rate(requests const& asked, std::uint32_t capacity) {
    constexpr auto nowhere = std::numeric_limits<fq::policy::slot>::max();
    Eviction policy{capacity};
    std::vector<fq::policy::slot> slot_of(*std::ranges::max_element(asked) + std::size_t{1}, nowhere);
    std::vector<key> key_in;
    std::uint64_t hits = 0;
    for (auto const k : asked) {
        if (slot_of[k] != nowhere) {
            ++hits;
            policy.used(slot_of[k]);
            continue;
        }
        auto at = static_cast<fq::policy::slot>(key_in.size());
        if (at == capacity) {
            at = policy.victim();
            policy.erased(at);
            slot_of[key_in[at]] = nowhere;
            key_in[at] = k;
        } else {
            key_in.push_back(k);
        }
        slot_of[k] = at;
        policy.inserted(at, k * 0x9e3779b97f4a7c15U);
    }
    return static_cast<double>(hits) / static_cast<double>(asked.size());
}

/// The best that there is: what leaves is what will be asked for last, which only who knows the future can tell.
/// \source Belady: A study of replacement algorithms for a virtual-storage computer, IBM Systems Journal 5(2), 1966
double best_hit_rate(requests const& asked, std::uint32_t capacity) {
    auto const keys = *std::ranges::max_element(asked) + std::size_t{1};
    constexpr auto never = std::numeric_limits<std::size_t>::max();
    std::vector<std::size_t> next(asked.size());  // when what is asked for now will be asked for again
    std::vector<std::size_t> seen(keys, never);
    for (auto i = asked.size(); i-- > 0;) next[i] = std::exchange(seen[asked[i]], i);
    std::vector<std::size_t> cached(keys, 0);  // when it will be asked for; 0: it is not there
    std::priority_queue<std::pair<std::size_t, key>> farthest;  // with old entries among them
    std::uint64_t hits = 0;
    std::size_t there = 0;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        auto const k = asked[i];
        if (cached[k] != 0) {
            ++hits;
        } else if (++there > capacity) {
            while (cached[farthest.top().second] != farthest.top().first) farthest.pop();
            cached[farthest.top().second] = 0;
            farthest.pop();
            --there;
        }
        cached[k] = next[i];
        farthest.emplace(next[i], k);
    }
    return static_cast<double>(hits) / static_cast<double>(asked.size());
}

struct contender {
    char const* name;
    std::function<double(requests const&, std::uint32_t)> rate;
};

std::vector<contender> contenders() {
    return {{"lru", hit_rate<fq::eviction::lru>},   {"lfu", hit_rate<fq::eviction::lfu>},
            {"fifo", hit_rate<fq::eviction::fifo>}, {"s3fifo", hit_rate<fq::eviction::s3fifo>},
            {"none", hit_rate<fq::eviction::none>}, {"the best there is", best_hit_rate}};
}

void print(settings const& s, trace const& t, std::vector<std::uint32_t> const& sizes) {
    if (!s.json) {
        std::printf("\n%-20s", t.name.c_str());
        for (auto const size : sizes) std::printf("%10u", size);
        std::printf("\n");
    }
    for (auto const& [name, rate] : contenders()) {
        if (!s.json) std::printf("%-20s", name);
        for (auto const size : sizes) {
            auto const percent = 100 * rate(t.asked, size);
            if (s.json)
                std::printf("{\"trace\":\"%s\",\"policy\":\"%s\",\"capacity\":%u,\"hits_percent\":%.2f}\n",
                            t.name.c_str(), name, size, percent);
            else
                std::printf("%9.1f%%", percent);
        }
        if (!s.json) std::printf("\n");
    }
}

settings read(int count, char** words) {
    settings s;
    bench::arguments line{count, words};
    line.take("--keys", s.keys, 1000U, 10'000'000U);
    line.take("--requests", s.requests, 1000U, 100'000'000U);
    line.take("--seed", s.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
    s.json = line.flag("--json");
    line.finish("--keys N, --requests N, --seed N, --json");
    return s;
}

}  // namespace

int main(int count, char** words) {
    try {
        auto const s = read(count, words);
        std::vector<std::uint32_t> const sizes{s.keys / 1000, s.keys / 100, s.keys / 10};
        if (!s.json)
            std::printf("hits in percent of %u requests, by the cache's capacity; %u keys, seed %llu\n",
                        s.requests, s.keys, static_cast<unsigned long long>(s.seed));
        print(s, {"zipf 0.7", popular(s, 0.7)}, sizes);
        print(s, {"zipf 1.0", popular(s, 1.0)}, sizes);
        print(s, {"zipf 1.0 with scans", scanned(s)}, sizes);
        print(s, {"loop", looped(s, s.keys / 10 + s.keys / 100)}, sizes);
    } catch (std::exception const& e) {
        std::fprintf(stderr, "hit_rate: %s\n", e.what());
        return 2;
    }
    return 0;
}
