#pragma once

#include <fastqueue/model/descriptor.hpp>
#include <fastqueue/store/sqlite_database.hpp>
#include <fastqueue/store/sqlite_lock.hpp>
#include <fastqueue/store/sqlite_place.hpp>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace fastqueue::store::detail {

/// A copy of an open database, made a few pages at a time: what its own connection writes meanwhile goes into the
/// copy as well. It bears its name only once it is complete and on the disk; before, and after a crash, it is
/// called `<path>.partial`.
class sqlite_backup {
public:
    /// \throws error
    sqlite_backup(sqlite_database const& from, std::string path)
        : path_{std::move(path)}, partial_{path_ + ".partial"} {
        if (::access(path_.c_str(), F_OK) == 0) refuse("there is such a file already: name a new one");
        ::unlink(partial_.c_str());
        made_ = fastqueue::detail::descriptor{
            ::open(partial_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
        if (!made_) refuse_number();
        try {
            to_ = std::make_unique<sqlite_database>(partial_, path_);
            to_->run("PRAGMA journal_mode = OFF");  // a copy that was cut off is not used
            to_->run("PRAGMA synchronous = OFF");   // once, at its end, by us
            copy_.reset(sqlite3_backup_init(to_->handle(), "main", from.handle(), "main"));
            if (!copy_) to_->fail("cannot be made");
        } catch (...) {
            ::unlink(partial_.c_str());
            throw;
        }
    }
    ~sqlite_backup() {
        if (!done_) ::unlink(partial_.c_str());
    }
    sqlite_backup(sqlite_backup const&) = delete;
    sqlite_backup& operator=(sqlite_backup const&) = delete;

    [[nodiscard]] std::string const& path() const noexcept { return path_; }

    /// Copies so many pages more.
    /// \return whether that was the last of it
    /// \throws error; then there will be no copy
    bool step(int pages) {
        auto const rc = sqlite3_backup_step(copy_.get(), pages);
        if (rc == SQLITE_OK) return false;
        if (rc != SQLITE_DONE) refuse(std::string{sqlite3_errstr(rc)} + ": make room, or name another file");
        copy_.reset();
        to_.reset();
        if (::fsync(made_.get()) != 0) refuse_number();
        if (::link(partial_.c_str(), path_.c_str()) != 0) refuse_number();
        ::unlink(partial_.c_str());
        done_ = true;
        sqlite_place{path_}.sync_folder();
        return true;
    }

private:
    struct finishes {
        void operator()(sqlite3_backup* b) const noexcept { sqlite3_backup_finish(b); }
    };
    [[noreturn]] void refuse_number() const {
        refuse(std::error_code{errno, std::generic_category()}.message() + ": name another file");
    }
    [[noreturn]] void refuse(std::string const& why) const {
        throw error{errc::bad_option, "the backup '" + path_ + "' cannot be made: " + why};
    }

    std::string path_;
    std::string partial_;
    fastqueue::detail::descriptor made_;
    std::unique_ptr<sqlite_database> to_;
    std::unique_ptr<sqlite3_backup, finishes> copy_;
    bool done_ = false;
};

}  // namespace fastqueue::store::detail
