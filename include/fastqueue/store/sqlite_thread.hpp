#pragma once

#include <fastqueue/model/own_thread.hpp>

#include <thread>
#include <utility>

namespace fastqueue::store::detail {

/// A thread with a name that takes no signals, so that a program's signal handling stays in the program's own threads.
/// Left out are those that a thread raises by its own mistake.
class sqlite_thread {
public:
    template <class Work>
    sqlite_thread(char const* name, Work work) {
        fastqueue::detail::signals_blocked const blocked;
        thread_ = std::thread{[name, w = std::move(work)] {
            fastqueue::detail::name_this_thread(name);
            w();
        }};
    }
    ~sqlite_thread() { join(); }
    sqlite_thread(sqlite_thread const&) = delete;
    sqlite_thread& operator=(sqlite_thread const&) = delete;

    void join() noexcept {
        if (thread_.joinable()) thread_.join();
    }

private:
    std::thread thread_;
};

}  // namespace fastqueue::store::detail
