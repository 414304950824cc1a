#pragma once

#include <fastqueue/module.h>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/tasks/argument.hpp>
#include <fastqueue/tasks/definition.hpp>
#include <fastqueue/tasks/module_task.hpp>
#include <fastqueue/tasks/registry.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <dlfcn.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fastqueue {

/// Where `module_loader` looks for a bare name, in this order.
struct module_search {
    std::filesystem::path working_folder = ".";
    std::string path;                     ///< folders separated by colons; empty ones are ignored
    std::filesystem::path binary_folder;  ///< beside the program; empty: not there
};

/// What FASTQUEUE_MODULE_PATH holds now, for `module_search::path`; empty if it is not set. Not safe while another thread
/// changes the environment.
[[nodiscard]] inline std::string module_path_from_environment() {
    auto const* const value = std::getenv("FASTQUEUE_MODULE_PATH");
    return value != nullptr ? value : "";
}

/// Loads task modules: shared objects with a plain C boundary (`fastqueue/module.h`). Loading runs the module's code: load
/// only what you would also run as a program. One thread at a time.
class module_loader {
public:
    explicit module_loader(module_search search = {}) : search_{std::move(search)} {}

    /// Loads a module and adds its tasks to `into`: all of them, or none where it throws. The module stays mapped as long as
    /// a copy of one of its definitions lives.
    /// \param name  a path, taken as it is, if there is a slash in it; else `mytasks` stands for `mytasks.so` or
    ///              `libmytasks.so` (or `.dylib`) in one of the folders
    /// \throws error (bad_module) with one sentence that says what is wrong with which file
    void load(registry& into, std::string_view name) const {
        auto const file = find(name);
        auto const library = open(file);
        auto const& module = enter(library.get(), file);
        registry added;
        for (std::size_t i = 0; i < module.task_count; ++i) add(added, library, module.tasks[i], file);
        for (std::size_t i = 0; i < module.schedule_count; ++i) add(added, module.schedules[i], file);
        try {
            into.merge(added);
        } catch (error const& e) {
            throw error{errc::bad_module, e.text()};
        }
    }

    /// The file that `load` would take. \throws error (bad_module) that lists where it looked
    [[nodiscard]] std::filesystem::path find(std::string_view name) const {
        if (name.empty()) fail("a task module's name is empty");
        if (name.find('/') != std::string_view::npos) {
            if (!is_file(name)) fail("task module \"" + std::string{name} + "\" is not there");
            return name;
        }
        std::string looked;
        for (auto const& folder : folders()) {
            for (auto const& file : candidates(name)) {
                // With a slash even where it is in the working folder: dlopen would look elsewhere for a bare name.
                if (auto path = folder / file; is_file(path)) return path;
            }
            looked += (looked.empty() ? "" : ", ") + folder.string();
        }
        fail("task module \"" + std::string{name} + "\" was not found: no " + candidates(name)[0] + " or " +
             candidates(name)[1] + " in " + looked);
    }

private:
    [[noreturn]] static void fail(std::string const& what) { throw error{errc::bad_module, what}; }
    [[noreturn]] static void fail(std::filesystem::path const& file, std::string const& what) {
        fail("task module " + file.string() + ' ' + what);
    }

    [[nodiscard]] static bool is_file(std::filesystem::path const& path) {
        std::error_code ignored;
        return std::filesystem::is_regular_file(path, ignored);
    }

    [[nodiscard]] std::vector<std::filesystem::path> folders() const {
        std::vector<std::filesystem::path> list{search_.working_folder};
        for (std::string_view rest = search_.path; !rest.empty();) {
            auto const end = std::min(rest.find(':'), rest.size());
            if (end != 0) list.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        if (!search_.binary_folder.empty()) list.push_back(search_.binary_folder);
        return list;
    }

    [[nodiscard]] static std::vector<std::string> candidates(std::string_view name) {
#if defined(__APPLE__)
        constexpr std::string_view suffixes[] = {".dylib", ".so"};
#else
        constexpr std::string_view suffixes[] = {".so"};
#endif
        std::vector<std::string> list;
        for (auto const suffix : suffixes) {
            bool const has_suffix = name.ends_with(suffix);
            std::string const file = std::string{name} + std::string{has_suffix ? "" : suffix};
            list.push_back(file);
            list.push_back("lib" + file);
        }
        return list;
    }

    [[nodiscard]] static std::shared_ptr<void> open(std::filesystem::path const& file) {
        void* const handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr) {
            auto const* const why = ::dlerror();
            fail(file, "is not a shared object that can be loaded here: " +
                           std::string{why != nullptr ? why : "no reason given"});
        }
        return {handle, [](void* mapped) { ::dlclose(mapped); }};
    }

    [[nodiscard]] static fastqueue_module const& enter(void* library, std::filesystem::path const& file) {
        auto const entry =
            reinterpret_cast<decltype(&fastqueue_module_entry)>(::dlsym(library, "fastqueue_module_entry"));
        if (entry == nullptr) fail(file, "has no entry point: it does not export fastqueue_module_entry");
        fastqueue_module const* module = nullptr;
        try {
            module = entry();
        } catch (...) {
            fail(file, "could not be set up: its entry point threw an exception");
        }
        if (module == nullptr) fail(file, "could not be set up: its entry point returned nothing");
        check_stamp(module->stamp, file);
        if (module->error.size != 0) {
            std::string why;
            write_error_text(why, {module->error.data, module->error.size});
            fail(file, "could not be set up: " + why);
        }
        return *module;
    }

    static void check_stamp(fastqueue_stamp const& theirs, std::filesystem::path const& file) {
        fastqueue_stamp const ours = FASTQUEUE_MODULE_STAMP;
        if (theirs.magic != ours.magic)
            fail(file, "is no FastQueue module: its stamp begins with something else");
        if (std::memcmp(&theirs, &ours, sizeof ours) == 0) return;
        fail(file, "was built for module ABI " + describe(theirs) + ", this program has " + describe(ours) +
                       ": build it again with this program's headers");
    }

    // `1 (56/88/40/48)`
    [[nodiscard]] static std::string describe(fastqueue_stamp const& stamp) {
        return std::to_string(stamp.version) + " (" + std::to_string(stamp.module_size) + '/' +
               std::to_string(stamp.task_size) + '/' + std::to_string(stamp.parameter_size) + '/' +
               std::to_string(stamp.context_size) + ')';
    }

    [[nodiscard]] static std::string text(fastqueue_bytes bytes) {
        return bytes.size == 0 ? std::string{} : std::string{bytes.data, bytes.size};
    }

    static void add(registry& into, fastqueue_schedule const& schedule, std::filesystem::path const& file) {
        declared_schedule declared{text(schedule.tokens), text(schedule.arguments)};
        auto const line = "FQ1 schedule" + declared.tokens;
        wire::header h;
        bool const read = !h.parse(line, line.size()) && h.positional().size() == 2;
        if (!read || !h.get("ref").empty() || !h.get("replace").empty())
            fail(file, "has a schedule that cannot be read");
        into.schedule(std::move(declared));
    }
    static void add(registry& into, std::shared_ptr<void> const& library, fastqueue_task const& task,
                    std::filesystem::path const& file) {
        if (task.run == nullptr) fail(file, "has a task \"" + text(task.name) + "\" without code");
        std::vector<parameter> parameters;
        for (std::size_t i = 0; i < task.parameter_count; ++i) {
            auto const& p = task.parameters[i];
            parameters.push_back({text(p.name), text(p.type), p.has_default != 0});
        }
        std::vector<task_invoker> invokers;
        for (std::size_t i = 0; i < task.content_count; ++i) {
            invokers.push_back({text(task.contents[i]), &detail::module_task::run});
        }
        task_definition definition{text(task.name), std::move(parameters), text(task.result_type),
                                   std::make_shared<detail::module_task>(library, task), std::move(invokers)};
        definition.describe(text(task.description)).from_module(file.string());
        definition.treat(defaults_of(task, file));
        try {
            into.add(std::move(definition));
        } catch (error const& e) {
            fail(file, "cannot be used: " + e.text());
        }
    }

    [[nodiscard]] static task_options defaults_of(fastqueue_task const& task,
                                                  std::filesystem::path const& file) {
        auto const said = wire::read_options(text(task.defaults));
        if (!said) fail(file, "has a task \"" + text(task.name) + "\" whose defaults cannot be read");
        return *said;
    }

    module_search search_;
};

}  // namespace fastqueue
