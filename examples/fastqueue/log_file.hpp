#pragma once

#include "output.hpp"

#include <fastqueue/model/error.hpp>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace fastqueue::cli {

/// Where a log goes: standard output, or the end of a file that can be opened again under its name, after somebody moved
/// it. Writing and opening again are safe from any thread and wait for no lock.
class log_file {
public:
    log_file() = default;  // standard output
    ~log_file() {
        if (is_file()) ::close(file_);
    }
    log_file(log_file const&) = delete;
    log_file& operator=(log_file const&) = delete;

    /// Call once, before anything is written. \param from  which option or variable names the file, for errors
    /// \throws error (bad_option)
    void open(std::string_view from, std::string path) {
        path_ = std::move(path);
        int const file = opened();
        if (file < 0)
            throw error{errc::bad_option, std::string{from} + " '" + path_ +
                                              "' cannot be opened: " + std::system_category().message(errno) +
                                              "; name a file in a folder that can be written"};
        file_ = file;
    }
    /// Opens the file under its name; a record goes whole to the old file or whole to the new.
    /// \return what is wrong; the old file is kept then
    [[nodiscard]] std::error_code reopen() noexcept {
        if (!is_file()) return {};
        int const fresh = opened();
        if (fresh < 0) return {errno, std::system_category()};
        // One step for all threads: who writes meanwhile has either.
        bool const put = ::dup3(fresh, file_, O_CLOEXEC) >= 0;
        std::error_code const problem{put ? 0 : errno, std::system_category()};
        ::close(fresh);
        return problem;
    }

    [[nodiscard]] bool is_file() const noexcept { return file_ != STDOUT_FILENO; }
    [[nodiscard]] std::string const& path() const noexcept { return path_; }
    /// Whether it is a terminal whose user has nothing against colours. \source https://no-color.org
    [[nodiscard]] bool takes_colour() const noexcept {
        auto const* const no = std::getenv("NO_COLOR");
        return ::isatty(file_) == 1 && (no == nullptr || *no == '\0');
    }
    void write(std::string_view record) const noexcept { detail::write_all(file_, record); }

private:
    [[nodiscard]] int opened() const noexcept {
        return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    }

    std::string path_;
    int file_ = STDOUT_FILENO;
};

}  // namespace fastqueue::cli
