#pragma once

#include "options.hpp"

#include <fastqueue/json/writer.hpp>
#include <fastqueue/tasks/module_loader.hpp>
#include <fastqueue/tasks/registry.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fastqueue::cli {

inline void add_module_option(option_set& options, std::vector<std::string>& modules,
                              std::string const& help) {
    options.many("--task-modules", "MODULE...", help, [&modules](std::string_view, std::string_view text) {
        if (std::ranges::find(modules, text) == modules.end()) modules.emplace_back(text);
    });
}

/// Where modules are looked for: the working folder, FASTQUEUE_MODULE_PATH, beside the program.
[[nodiscard]] inline module_search usual_search() {
    std::error_code ignored;
    auto const program = std::filesystem::read_symlink("/proc/self/exe", ignored);
    return {".", module_path_from_environment(), program.parent_path()};
}

/// Adds the tasks of modules to those of the program.
/// \throws error (bad_module) that says what is wrong with which file
[[nodiscard]] inline registry with_modules(registry tasks, std::vector<std::string> const& modules) {
    module_loader const loader{usual_search()};
    for (auto const& name : modules) loader.load(tasks, name);
    return tasks;
}

/// `add, crc32`, or `otherwise` where there are none.
[[nodiscard]] inline std::string names_of(registry const& tasks, std::string_view otherwise) {
    std::string list;
    for (auto const& name : tasks.names()) list += (list.empty() ? "" : ", ") + name;
    return list.empty() ? std::string{otherwise} : list;
}

/// The member `"names": [...]`.
inline void write_names(json::writer& w, registry const& tasks) {
    w.key("names").begin_array();
    for (auto const& name : tasks.names()) w.value(name);
    w.end_array();
}

}  // namespace fastqueue::cli
