#pragma once

#include "support/catch.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <system_error>

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

/// A folder that goes with its test.
class folder {
public:
    folder() {
        auto name = (std::filesystem::temp_directory_path() / "fastqueue-roles-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    folder(folder const&) = delete;
    folder& operator=(folder const&) = delete;
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::filesystem::path file(char const* name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

}  // namespace roles
