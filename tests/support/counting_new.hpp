#pragma once

// Counts what `new` is asked for. Replaces it for the whole program, so only one of its files may include
// this. Not inlined, or GCC takes the pair for a mismatch.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace support {

inline std::atomic<std::uint64_t> allocations{0};

}  // namespace support

[[gnu::noinline]] void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
    ++support::allocations;
    return std::malloc(size > 0 ? size : 1);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (auto* const p = operator new(size, std::nothrow)) return p;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
