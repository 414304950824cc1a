#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::test {

/// A folder of its own, removed with all that is in it at the end.
class temporary_folder {
public:
    explicit temporary_folder(std::filesystem::path const& parent = std::filesystem::temp_directory_path()) {
        auto name = (parent / "fastqueue-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::filesystem::filesystem_error{"no folder can be made", parent,
                                                    std::error_code{errno, std::generic_category()}};
        path_ = name;
    }
    temporary_folder(temporary_folder const&) = delete;
    temporary_folder& operator=(temporary_folder const&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::filesystem::path const& path() const noexcept { return path_; }
    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

}  // namespace fastqueue::test
