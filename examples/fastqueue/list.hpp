#pragma once

#include "connection.hpp"
#include "exit_code.hpp"
#include "json_rows.hpp"
#include "modules.hpp"
#include "name_tree.hpp"
#include "options.hpp"
#include "output.hpp"
#include "schedule_list.hpp"
#include "schedule_text.hpp"

#include <fastqueue/client.hpp>
#include <fastqueue/json/writer.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fastqueue::cli {

/// `fastqueue list`
class list_command {
public:
    explicit list_command(CLI::App& app)
        : options_{
              *app.add_subcommand("list", "List task names: of modules, or of a running control plane")} {
        add_module_option(options_, modules_,
                          "Modules whose tasks are listed; without it the control plane is asked");
        options_.flag("--tree", "Group them: by module, then by the dots and colons in their names",
                      [this](bool set) { tree_ = set; });
        options_.flag("--list-periodic",
                      "List schedules in place of tasks: of modules, or of a control plane",
                      [this](bool set) { periodic_ = set; });
        connection_.add_to(options_);
        options_.app().footer(
            "Examples: fastqueue list                                # what the workers can run\n"
            "          fastqueue list --task-modules mytasks --tree  # what a module has, without any "
            "worker");
    }

    [[nodiscard]] CLI::App& app() const noexcept { return options_.app(); }

    int run(registry tasks) {
        options_.read();
        if (!modules_.empty())
            show(with_modules(std::move(tasks), modules_));
        else if (periodic_)
            list_schedules(connection_);
        else
            ask();
        return done;
    }

private:
    // ---- of modules

    void show(registry const& tasks) const {
        if (periodic_)
            return connection_.json() ? say_lines(declared_json(tasks)) : say(declared_table(tasks));
        if (connection_.json()) return say_lines(as_json(tasks));
        if (tree_) return say_lines(as_tree(tasks));
        table out{{{"TASK"}, {"WHAT IT DOES"}}};
        for (auto const& each : tasks) out.row({each.signature(), one_line(each.description())});
        say(out.text());
    }
    [[nodiscard]] static std::string as_json(registry const& tasks) {
        std::string out;
        for (auto const& each : tasks) {
            if (!out.empty()) out += '\n';
            json::writer w{out};
            w.begin_object().key("name").value(each.name()).key("signature").value(each.signature());
            w.key("description").value(each.description()).key("module").value(each.module()).end_object();
        }
        return out;
    }
    [[nodiscard]] static std::string as_tree(registry const& tasks) {
        std::map<std::string, name_tree> modules;
        for (auto const& each : tasks) {
            auto line = each.signature();
            if (!each.description().empty()) line += "  # " + one_line(each.description());
            modules[each.module()].add(each.name(), std::move(line));
        }
        std::string out;
        for (auto const& [module, tree] : modules) {
            out.append(out.empty() ? "" : "\n").append(module.empty() ? "(this program)" : one_line(module));
            out.append("\n").append(tree.text(2));
        }
        return out;
    }

    // ---- of a control plane

    void ask() const {
        auto const document = connection_.ask({}, [](client& c) { return c.document("names"); });
        json_rows const rows{document};
        if (connection_.json()) return say_lines(rows.lines());
        if (rows.size() == 0) return say("no tasks: no worker has registered any yet");
        say(tree_ ? as_tree(rows) : as_table(rows));
    }
    [[nodiscard]] static std::string as_table(json_rows const& rows) {
        table out{{{"TASK"}, {"WORKERS", true}, {"SUCCEEDED", true}, {"FAILED", true}, {"TYPICALLY", true}}};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            out.row({rows.get(i, "name"), rows.get(i, "workers"), rows.get(i, "succeeded"),
                     rows.get(i, "failed"), typically(rows, i)});
        }
        return out.text();
    }
    [[nodiscard]] static std::string as_tree(json_rows const& rows) {
        name_tree tree;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            auto const name = rows.get(i, "name");
            tree.add(name, name + "  # workers: " + rows.get(i, "workers"));
        }
        return tree.text();
    }
    [[nodiscard]] static std::string typically(json_rows const& rows, std::size_t i) {
        auto const runs = rows.number(i, "succeeded") + rows.number(i, "failed");
        return runs > 0 ? span_text(rows.number(i, "typical_us")) : "-";
    }

    option_set options_;
    connection connection_;
    std::vector<std::string> modules_;
    bool tree_ = false;
    bool periodic_ = false;
};

}  // namespace fastqueue::cli
