#pragma once

#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_attributes.hpp>
#include <fastqueue/model/task_state.hpp>
#include <fastqueue/wire/header.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue::core {

/// Which tasks an operator means: `state=`, `name=`, `priority=` and `tag.KEY=`, all of which must fit. The views show into the
/// header.
struct task_filter {
    std::optional<task_state> state;  ///< none: all that have not ended
    std::optional<priority> level;
    std::string_view name;  ///< empty: all
    std::vector<std::pair<std::string_view, std::string_view>> tags;
    std::uint32_t limit = 100;  ///< 1 to 10000

    /// \param also  a key that the verb takes besides
    /// \return what is wrong with the header, or empty. Keys that nobody knows are refused here: they may be meant to restrict
    [[nodiscard]] std::string_view read(wire::header const& h, std::string_view also) {
        constexpr std::string_view known[] = {"state", "name", "priority", "ref"};
        for (auto const& f : h.fields()) {
            if (std::ranges::find(known, f.key) == std::end(known) && !f.key.starts_with(tag_prefix) &&
                f.key != also && !(also == "from" && f.key == "all"))
                return "it has a key that the verb does not take";
        }
        if (!h.positional().empty())
            return "the verb takes state=, name=, priority=, tag.KEY= and limit= only";
        name = h.get("name");
        auto const state_text = h.get("state");
        auto const level_text = h.get("priority");
        state = parse_task_state(state_text);
        level = parse_priority(level_text);
        if (!state && !state_text.empty()) return "state= is none that a task can be in";
        if (!level && !level_text.empty()) return "priority= is critical, high, normal or low";
        for (auto const& f : h.fields()) {
            if (f.key.starts_with(tag_prefix)) tags.emplace_back(f.key.substr(tag_prefix.size()), f.value);
        }
        return {};
    }
    /// Whether it asks for nothing in particular.
    [[nodiscard]] bool is_open() const noexcept { return !state && !level && name.empty() && tags.empty(); }
    /// Whether a task with these is one of them, as far as they go.
    [[nodiscard]] bool fits(std::string_view its_name, priority its_level, task_attributes its) const {
        return (name.empty() || name == its_name) && (!level || *level == its_level) &&
               std::ranges::all_of(tags, [&](auto const& wanted) {
                   bool found = false;
                   its.each_tag([&](auto key, auto value) {
                       found = found || (key == wanted.first && value == wanted.second);
                   });
                   return found;
               });
    }
};

/// Writes the member `tags` of a document, where there are any.
inline void write_tags(json::writer& w, task_attributes its) {
    bool open = false;
    its.each_tag([&](std::string_view key, std::string_view value) {
        if (!std::exchange(open, true)) w.key("tags").begin_object();
        w.key(key).value(value);
    });
    if (open) w.end_object();
}

}  // namespace fastqueue::core
