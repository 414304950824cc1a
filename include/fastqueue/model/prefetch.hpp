#pragma once

namespace fastqueue::detail {

/// Begins to fetch what is at `where` into the cache. Not more than a hint.
inline void prefetch(void const* where) noexcept {
    __builtin_prefetch(where);
    // A function that does nothing else has no effect, as GCC sees it, and its calls may be dropped.
    asm volatile("");
}

}  // namespace fastqueue::detail
