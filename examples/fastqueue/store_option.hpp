#pragma once

#include "options.hpp"
#include "values.hpp"

#include <fastqueue/model/error.hpp>
#include <fastqueue/store/memory.hpp>
#include <fastqueue/store/selectable.hpp>
#include <fastqueue/store/sqlite.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace fastqueue::cli {

/// Which store a control plane has is chosen when it is started.
using plane_store = store::selectable<store::memory, store::sqlite>;

/// Where tasks are kept, as `--store` names it: `memory`, or `sqlite:` and the path of a file.
class store_choice {
public:
    store_choice() = default;  // memory
    /// \throws error (bad_option) that names the option, the value and the mend
    store_choice(std::string_view option, std::string_view text) {
        constexpr std::string_view scheme = "sqlite:";
        if (text == "memory") return;
        if (!text.starts_with(scheme)) refuse(option, text);
        file_ = text.substr(scheme.size());
        if (file_.empty())
            throw error{errc::bad_option, std::string{option} + " '" + std::string{text} +
                                              "' names no file; write it as sqlite:queue.db"};
    }

    [[nodiscard]] bool keeps() const noexcept { return !file_.empty(); }
    /// Of the database; empty for memory.
    [[nodiscard]] std::filesystem::path const& file() const noexcept { return file_; }
    [[nodiscard]] std::string text() const { return keeps() ? "sqlite:" + file_.string() : "memory"; }

    /// \throws error (store_failed) with one sentence
    /// \param spin  how long its thread looks for more before it sleeps
    [[nodiscard]] std::unique_ptr<plane_store> opened(std::chrono::microseconds spin) const {
        if (!keeps()) return std::make_unique<plane_store>(std::make_unique<store::memory>());
        try {
            store::sqlite_options how;
            how.spin = spin;
            return std::make_unique<plane_store>(std::make_unique<store::sqlite>(file_, how));
        } catch (error const& e) {
            throw error{errc::store_failed, e.text()};
        }
    }

private:
    [[noreturn]] static void refuse(std::string_view option, std::string_view text) {
        std::string mend = "memory, or sqlite: and the path of a file, as sqlite:queue.db";
        bool const is_path =
            text.find('/') != text.npos || text.ends_with(".db") || text.ends_with(".sqlite");
        if (is_path && text.find(':') == text.npos)
            mend += "; did you mean sqlite:" + std::string{text} + "?";
        bad_value(option, text, mend);
    }

    std::filesystem::path file_;
};

}  // namespace fastqueue::cli
