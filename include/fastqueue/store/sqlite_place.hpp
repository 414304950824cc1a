#pragma once

#include <fastqueue/model/descriptor.hpp>
#include <fastqueue/store/sqlite_database.hpp>
#include <fastqueue/store/sqlite_lock.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/vfs.h>
#endif

namespace fastqueue::store::detail {

/// The name of a file system on which a lock or an fsync may mean nothing; empty for any other.
/// \param magic  as the system tells it (`statfs`)
[[nodiscard]] constexpr std::string_view network_file_system(std::uint64_t magic) noexcept {
    struct named {
        std::uint64_t magic;
        std::string_view name;
    };
    constexpr named known[] = {{0x6969, "NFS"},      {0x517b, "SMB"},     {0xfe534d42, "SMB"},
                               {0xff534d42, "CIFS"}, {0x5346414f, "AFS"}, {0x6b414653, "AFS"},
                               {0x73757245, "Coda"}};
    for (auto const& k : known) {
        if (k.magic == (magic & 0xffff'ffffU)) return k.name;
    }
    return {};
}

/// Where a store lies: what can be seen to be wrong with it before anything is touched, and how much room it has.
class sqlite_place {
public:
    /// \throws error that names the file, the cause and the mend
    explicit sqlite_place(std::filesystem::path const& file)
        : shown_{file.string()}, path_{std::filesystem::absolute(file).lexically_normal()} {
        check_folder();
        check_file();
        check_file_system();
    }

    [[nodiscard]] std::string path() const { return path_.string(); }
    [[nodiscard]] std::string folder() const { return path_.parent_path().string(); }
    [[nodiscard]] std::string const& shown() const noexcept { return shown_; }

    /// Makes what was created, removed or renamed in its folder survive a crash.
    void sync_folder() const {
        fastqueue::detail::descriptor const folder_fd{
            ::open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (!folder_fd || ::fsync(folder_fd.get()) != 0)
            refuse(errno, "cannot be made safe: the directory '" + folder() + "' cannot be synchronised: ");
    }

    /// Octets.
    struct room {
        std::uint64_t total;
        std::uint64_t left;
    };
    [[nodiscard]] room space() const {
        struct statvfs told {};
        if (::statvfs(path_.c_str(), &told) != 0) refuse(errno, "is out of reach: ");
        return {std::uint64_t{told.f_frsize} * told.f_blocks, std::uint64_t{told.f_frsize} * told.f_bavail};
    }

private:
    void check_folder() const {
        std::error_code ec;
        if (shown_.empty() || path_.filename().empty())
            throw_store_error(make_error_code(errc::bad_option), shown_, "has no file name: name a file");
        if (!std::filesystem::exists(path_.parent_path(), ec))
            throw_store_error(
                std::make_error_code(std::errc::no_such_file_or_directory), shown_,
                "cannot be opened: there is no directory '" + folder() + "': make it, or name another file");
        if (::access(folder().c_str(), W_OK | X_OK) != 0)
            refuse(errno, "cannot be opened: the directory '" + folder() + "' cannot be written: ");
    }
    void check_file() const {
        std::error_code ec;
        auto const status = std::filesystem::status(path_, ec);
        if (!std::filesystem::exists(status)) return;
        if (std::filesystem::is_directory(status))
            throw_store_error(std::make_error_code(std::errc::is_a_directory), shown_,
                              "cannot be opened: that is a directory: name a file in it");
        if (!std::filesystem::is_regular_file(status))
            throw_store_error(make_error_code(errc::bad_option), shown_,
                              "cannot be opened: that is not a file: name another");
        if (::access(path_.c_str(), R_OK | W_OK) != 0) refuse(errno, "cannot be opened: ");
    }
    void check_file_system() const {
#if defined(__linux__)
        struct statfs told {};
        if (::statfs(folder().c_str(), &told) != 0) refuse(errno, "cannot be opened: ");
        auto const name = network_file_system(static_cast<std::uint64_t>(told.f_type));
        if (!name.empty())
            throw_store_error(make_error_code(errc::bad_option), shown_,
                              "lies on a network's file system (" + std::string{name} +
                                  "), where no lock is certain: name a file on a disk of this machine");
#endif
    }
    [[noreturn]] void refuse(int number, std::string const& what) const {
        std::error_code const code{number, std::generic_category()};
        throw_store_error(code, shown_,
                          what + code.message() + ": see to its permissions, or name another file");
    }

    std::string shown_;
    std::filesystem::path path_;
};

}  // namespace fastqueue::store::detail
