#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "options.hpp"
#include "output.hpp"
#include "store_option.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/policy/store.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::cli {

/// `fastqueue backup`: a copy of a store in a new file. A control plane that runs makes it, without stopping anything; where
/// none has the store open it is made here.
class backup_command {
public:
    explicit backup_command(CLI::App& app)
        : options_{*app.add_subcommand("backup", "Copy the store of a control plane into a new file")} {
        file_ = options_.app().add_option(
            "FILE", [](CLI::results_t const&) { return true; }, "The file to make (required)");
        file_->type_name("")->expected(1);
        options_.one("--store", "STORE",
                     "Copy this one, sqlite:PATH, if no control plane has it open (default: the one of the "
                     "control plane that runs)",
                     [this](std::string_view n, std::string_view v) {
                         store_ = store_choice{n, v};
                     });
        connection_.add_to(options_, {}, "How long to wait for the control plane's copy (default: 30)");
        options_.app().footer(
            "The copy is a store itself, complete and consistent: start a control plane from it with "
            "--store.\n"
            "Tasks go on meanwhile. Only who is on the control plane's machine may ask for it.\n"
            "Examples: fastqueue backup /var/backups/queue.db\n"
            "          fastqueue backup /var/backups/queue.db --store sqlite:queue.db\n"
            "Exit codes: 0 done, 2 usage, 3 nobody there, 4 timed out, 5 refused, 7 it could not be made.");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run() {
        options_.read();
        auto const path = target();
        bool const here = store_.keeps() && copied_here(path);
        if (!here) ask(path);
        tell(path, here ? "the store " + store_.text()
                        : "the store of the control plane at " + connection_.options().discovery.text());
        return done;
    }

private:
    [[nodiscard]] std::string target() const {
        if (file_->results().empty())
            throw error{errc::bad_option, "the file is missing: fastqueue backup /var/backups/queue.db"};
        auto const& given = file_->results().front();
        std::error_code problem;
        auto const path = std::filesystem::absolute(given, problem).lexically_normal();
        if (given.empty() || problem || path.filename().empty())
            throw error{errc::bad_option, "the file '" + given + "' is no name for one; name a new file"};
        if (std::filesystem::exists(std::filesystem::symlink_status(path, problem)))
            throw error{errc::bad_option, "the file '" + given + "' is there already; name a new one"};
        if (!std::filesystem::is_directory(path.parent_path(), problem))
            throw error{errc::bad_option, "the file '" + given + "' cannot be made: there is no directory '" +
                                              path.parent_path().string() +
                                              "'; make it, or name another file"};
        return path.string();
    }

    // ---- by the control plane

    void ask(std::string const& path) const {
        try {
            connection_.ask({}, [&](client& c) { static_cast<void>(c.document("backup", {}, path)); });
        } catch (error const& e) {
            if (in_use_ && exit_code_of(e.code()) == nobody)
                throw error{errc::unreachable, *in_use_ + "; and no control plane answers at " +
                                                   connection_.options().discovery.text() +
                                                   ": say where it is with --discovery-address"};
            throw;
        }
    }

    // ---- without one

    /// \return false: a control plane has it open
    bool copied_here(std::string const& path) {
        std::error_code problem;
        if (!std::filesystem::exists(store_.file(), problem))
            throw error{errc::bad_option,
                        "--store '" + store_.text() + "' is not there; name the file of a store"};
        try {
            store::sqlite store{store_.file()};
            copy(store, path);
            return true;
        } catch (error const& e) {
            if (e.code() != std::errc::device_or_resource_busy) throw error{errc::store_failed, e.text()};
            in_use_ = "the store '" + store_.file().string() + "' is in use";
            return false;
        }
    }
    static void copy(store::sqlite& store, std::string const& path) {
        nobody_listens sink;
        store.restore(sink, std::numeric_limits<std::uint64_t>::max());  // a copy of what is damaged is none
        std::counting_semaphore<> woken{0};
        store.attach([&woken] { woken.release(); });
        store.backup(path);
        store.flush(0);
        policy::store_news news;
        while (news.backups.empty() && !news.failure) {
            woken.acquire();
            store.poll(news);
        }
        auto const& why = news.failure ? *news.failure : news.backups.front().failure;
        if (!why.empty()) throw error{errc::store_failed, why};
    }
    /// Takes what is read for the sake of reading it.
    class nobody_listens final : public policy::restore_sink {
        void task(policy::stored_task const&) override {}
        void end(policy::stored_end const&) override {}
        void member(std::string_view) override {}
    };

    void tell(std::string const& path, std::string const& from) const {
        std::error_code unseen;
        auto const octets = std::filesystem::file_size(path, unseen);
        if (connection_.json()) {
            std::string out;
            json::writer w{out};
            w.begin_object().key("path").value(path);
            if (!unseen) w.key("octets").value(octets);
            w.end_object();
            return say(std::move(out));
        }
        say(one_line(path + (unseen ? "" : ": " + size_text(octets)) + ", a copy of " + from));
    }
    /// `512 octets`, `1.2 MiB`.
    [[nodiscard]] static std::string size_text(std::uintmax_t octets) {
        constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
        if (octets < 1024) return std::to_string(octets) + " octets";
        auto size = static_cast<double>(octets) / 1024;
        std::size_t unit = 0;
        for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%.1f %s", size, units[unit]);
        return text.data();
    }

    option_set options_;
    connection connection_;
    CLI::Option* file_ = nullptr;
    store_choice store_;
    std::optional<std::string> in_use_;  ///< the sentence, where `--store` is
};

}  // namespace fastqueue::cli
