#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace roles {

/// A gate that handlers wait at. Bounded, so that a test that fails ends.
class gate {
public:
    void open() {
        std::scoped_lock const lock{mutex_};
        open_ = true;
        changed_.notify_all();
    }
    bool wait() {
        std::unique_lock lock{mutex_};
        ++waiting_;
        changed_.notify_all();
        return changed_.wait_for(lock, std::chrono::seconds{20}, [this] { return open_; });
    }
    bool somebody_waits() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, std::chrono::seconds{20}, [this] { return waiting_ > 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
    int waiting_ = 0;
};

}  // namespace roles
