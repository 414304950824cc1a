// A task module: build it as the shared object mytasks.so, then `fastqueue subworker ... --task-modules mytasks`.
#include "mytasks.hpp"

#include <fastqueue/module.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

namespace {

namespace fq = fastqueue;

std::ifstream open(std::string const& path) {
    std::ifstream file{path, std::ios::binary};
    // The file may be there at the next attempt, so this is no permanent_failure.
    if (!file) throw std::runtime_error{"cannot read " + path};
    return file;
}

std::int64_t add(std::int64_t x, std::int64_t y) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(x, y, &sum)) throw fq::permanent_failure{"the sum does not fit 64 bits"};
    return sum;
}

std::uint64_t word_count(std::string const& path) {
    auto file = open(path);
    std::uint64_t words = 0;
    for (std::string word; file >> word;) ++words;
    return words;
}

constexpr std::array<std::uint32_t, 256> crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        auto crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
        table[i] = crc;
    }
    return table;
}();

std::uint32_t crc32(std::string const& path) {
    auto file = open(path);
    std::uint32_t crc = 0xFFFFFFFFU;
    for (std::array<char, 65536> block; file.read(block.data(), block.size()), file.gcount() > 0;) {
        for (std::streamsize i = 0; i < file.gcount(); ++i) {
            auto const octet = static_cast<unsigned char>(block[static_cast<std::size_t>(i)]);
            crc = crc_table[(crc ^ octet) & 0xFFU] ^ crc >> 8U;
        }
    }
    return ~crc;
}

bool is_prime(std::uint64_t n) {
    if (n < 4) return n > 1;
    if (n % 2 == 0) return false;
    for (std::uint64_t d = 3; d <= n / d; d += 2) {
        if (n % d == 0) return false;
    }
    return true;
}

std::uint64_t primes(fq::context& ctx, std::uint64_t n) {
    std::uint64_t count = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
        if (i % 1024 == 0 && ctx.stop_requested()) throw fq::task_cancelled{};
        count += is_prime(i) ? 1U : 0U;
    }
    return count;
}

// Returns how long it slept: less than asked for if it was told to stop.
std::uint64_t sleep_ms(fq::context& ctx, std::uint64_t ms) {
    using namespace std::chrono;
    auto const begin = steady_clock::now();
    auto const longest = std::min<std::uint64_t>(ms, 86'400'000);
    std::mutex mutex;
    std::condition_variable_any wakes;
    std::unique_lock lock{mutex};
    wakes.wait_for(lock, ctx.stop(), milliseconds{longest}, [] { return false; });
    return static_cast<std::uint64_t>(duration_cast<milliseconds>(steady_clock::now() - begin).count());
}

// Tells after each step how many are done.
std::uint64_t steps(fq::context& ctx, std::uint64_t count, std::uint64_t pause_ms) {
    for (std::uint64_t i = 0; i < count; ++i) {
        if (ctx.stop_requested()) throw fq::task_cancelled{};
        ctx.progress(std::map<std::string, std::uint64_t>{{"done", i}, {"of", count}});
        sleep_ms(ctx, pause_ms);
    }
    return count;
}

mytasks::box scale_box(mytasks::box const& box, double factor) {
    return {box.width * factor, box.height * factor, box.label};
}

fq::registry make_registry() {
    fq::registry r;
    r.define(mytasks::add, add).describe("The sum of two integers.");
    r.define(mytasks::multiply, [](double x, double y) {
         return x * y;
     }).describe("The product of two numbers.");
    r.define(
         mytasks::greet,
         [](std::string const& name, std::optional<std::string> const& greeting) {
             return greeting.value_or("Hi") + ", " + name + '!';
         },
         fq::arg("greeting") = "Hello")
        .describe("A greeting for somebody.");
    r.define(mytasks::word_count, word_count)
        .describe("How many words a text file on the worker's machine has.");
    r.define(mytasks::crc32, crc32).describe("The CRC-32 of a file on the worker's machine.");
    r.define(mytasks::primes, primes)
        .describe("How many primes are below n. Keeps a processor busy; can be cancelled.");
    r.define(mytasks::sleep_ms, sleep_ms)
        .describe("Sleeps, and returns for how many milliseconds; can be cancelled.");
    r.define(mytasks::steps, steps)
        .describe("Does so many steps with a pause after each, and tells its progress; can be cancelled.");
    r.define(mytasks::fail, [](std::string const& message) {
         throw std::runtime_error{message};
     }).describe("Fails with the message it is given.");
    r.define(mytasks::scale_box, scale_box).describe("A box enlarged by a factor.");
    return r;
}

}  // namespace

FASTQUEUE_MODULE(make_registry)
