#pragma once

#include <fastqueue/model/descriptor.hpp>
#include <fastqueue/store/sqlite_database.hpp>

#include <cerrno>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fastqueue::store::detail {

/// Keeps a store to one process: a lock on the file `<store>.lock`, which holds the process's number. It ends with
/// the process, however that ends; the file stays, since removing it at every end would gain nothing.
class sqlite_lock {
public:
    /// \throws error that names the process which has it
    sqlite_lock(std::string const& store, std::string const& shown) : path_{store + ".lock"} {
        while (!try_lock(shown)) {}
        auto const pid = std::to_string(::getpid()) + "\n";
        if (::ftruncate(file_.get(), 0) != 0 ||
            ::pwrite(file_.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
            refuse(shown, "cannot be locked: '" + path_ + "' cannot be written: ", errno);
    }
    /// Removes the file if there was none before: for a store that could not be opened after all.
    void undo() noexcept {
        if (made_) ::unlink(path_.c_str());
    }

private:
    /// \return false: what was locked has been removed meanwhile, so it is to be tried again
    bool try_lock(std::string const& shown) {
        made_ = ::access(path_.c_str(), F_OK) != 0;
        file_ = fastqueue::detail::descriptor{
            ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644)};
        if (!file_) refuse(shown, "cannot be locked: '" + path_ + "': ", errno);
        while (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EINTR) continue;
            if (errno != EWOULDBLOCK) refuse(shown, "cannot be locked: '" + path_ + "': ", errno);
            throw_store_error(std::make_error_code(std::errc::device_or_resource_busy), shown,
                              "is in use by process " + holder() + ": stop that first, or name another file");
        }
        struct stat held {};
        struct stat there {};
        return ::fstat(file_.get(), &held) == 0 && ::stat(path_.c_str(), &there) == 0 &&
               held.st_ino == there.st_ino && held.st_dev == there.st_dev;
    }
    [[nodiscard]] std::string holder() const {
        char text[32];
        auto const size = ::pread(file_.get(), text, sizeof text, 0);
        std::string_view pid{text, size > 0 ? static_cast<std::size_t>(size) : 0};
        pid = pid.substr(0, pid.find_first_not_of("0123456789"));
        if (pid.empty()) return "(not known)";
        return std::string{pid} + (pid == std::to_string(::getpid()) ? " (this one)" : "");
    }
    [[noreturn]] void refuse(std::string const& shown, std::string const& what, int number) {
        std::error_code const code{number, std::generic_category()};
        throw_store_error(code, shown, what + code.message());
    }

    std::string path_;
    fastqueue::detail::descriptor file_;
    bool made_ = false;
};

}  // namespace fastqueue::store::detail
