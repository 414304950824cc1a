#pragma once

#include "json_rows.hpp"
#include "values.hpp"
#include "wishes.hpp"

#include <fastqueue/json/document.hpp>
#include <fastqueue/json/writer.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/tasks/invocation.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::cli {

/// Reads one line of `submit --from`: `{"task": "add", "args": [5, 3], "priority": "low"}`. What it does not say is as the
/// command's options say.
class batch_line {
public:
    /// \throws error (bad_option ...) that says in words what is wrong with the line
    [[nodiscard]] static invocation<void> read(std::string_view text, task_wishes usual) {
        batch_line line{std::move(usual)};
        line.parse(text);
        return line.wishes_.made(std::move(line.arguments_));
    }

private:
    using index = json::document::index;
    enum member : std::size_t { task, args, kwargs, tags, id, first_wish };
    /// First those that are no wish, then a member for each of these.
    static constexpr auto members = [] {
        std::array<std::string_view, 5 + task_wish_list.size()> all{"task", "args", "kwargs", "tags", "id"};
        for (std::size_t i = 0; i < task_wish_list.size(); ++i)
            all[first_wish + i] = task_wish_list[i].member;
        return all;
    }();

    explicit batch_line(task_wishes usual) : wishes_{std::move(usual)} {}

    void parse(std::string_view text) {
        if (!document_.parse(text))
            wrong("is not JSON: " + std::string{document_.problem()} + ", in column " +
                  std::to_string(document_.problem_offset() + 1));
        if (document_[0].kind != json::token::begin_object)
            wrong(R"(is not a JSON object; write {"task": "add", "args": [5, 3]})");
        for (index key = 1; key < document_[0].next; key = document_[key + 1].next) take(key);
        if (wishes_.name.empty()) wrong(R"(names no task; add "task": "add" to it)");
        if (!arguments_there_) arguments_ = "[]";
    }
    void take(index key) {
        std::string scratch;
        auto const name = document_.text(key, scratch);
        auto const found = static_cast<std::size_t>(std::ranges::find(members, name) - members.begin());
        if (found == members.size()) strange(document_.excerpt(key));
        if (std::exchange(seen_[found], true)) wrong("has '" + std::string{name} + "' twice");
        if (document_[key + 1].kind == json::token::null) return;  // as if it were not there
        if (found == args || found == kwargs)
            take_arguments(found, key + 1);
        else if (found == tags)
            take_tags(key + 1);
        else
            take_wish(found, key + 1);
    }
    void take_arguments(std::size_t which, index value) {
        auto const wanted = which == args ? json::token::begin_array : json::token::begin_object;
        if (document_[value].kind != wanted)
            wrong(which == args ? "has 'args' that are no JSON array; write [5, 3]"
                                : R"(has 'kwargs' that are no JSON object; write {"x": 5, "y": 3})");
        if (std::exchange(arguments_there_, true)) wrong("has both 'args' and 'kwargs'; give one of them");
        json::writer w{arguments_};
        detail::write_again(w, document_, value);
    }
    void take_tags(index value) {
        if (document_[value].kind != json::token::begin_object)
            wrong(R"(has 'tags' that are no JSON object; write {"customer": "42"})");
        wishes_.tags.clear();
        for (index key = value + 1; key < document_[value].next; key = document_[key + 1].next) {
            auto const kind = document_[key + 1].kind;
            if (kind != json::token::string && kind != json::token::number)
                wrong("has a tag that is neither a JSON string nor a number");
            std::string scratch;
            std::string other;
            wishes_.tags.push_back(read_tag("tags", std::string{document_.text(key, scratch)} + '=' +
                                                        std::string{document_.text(key + 1, other)}));
        }
    }
    void take_wish(std::size_t which, index value) {
        bool const words = which < first_wish || task_wish_list[which - first_wish].is_text;
        if (document_[value].kind != (words ? json::token::string : json::token::number))
            wrong("has a '" + std::string{members[which]} + "' that is no JSON " +
                  (words ? "string" : "number"));
        std::string scratch;
        auto const name = members[which];
        auto const text = document_.text(value, scratch);
        if (which == task)
            wishes_.name = read_name(name, text);
        else if (which == id)
            wishes_.id = read_id(name, text);
        else
            take_wish(task_wish_list[which - first_wish], text);
    }
    /// What a line says goes before what the options say.
    void take_wish(task_wish const& wish, std::string_view text) {
        if (wish.member == "eta" && !said("countdown")) wishes_.countdown.reset();
        if (wish.member == "countdown" && !said("eta")) wishes_.eta.reset();
        wish.read(wishes_, wish.member, text);
    }
    [[nodiscard]] bool said(std::string_view which) const {
        return seen_[static_cast<std::size_t>(std::ranges::find(members, which) - members.begin())];
    }
    [[noreturn]] static void strange(std::string const& name) {
        auto const near = nearest_names(name, members, 1);
        std::string known;
        for (auto const& each : members) known.append(known.empty() ? "" : ", ").append(each);
        wrong("has '" + name + "', which is none of " + known +
              (near.empty() ? "" : "; did you mean " + near.front() + "?"));
    }
    [[noreturn]] static void wrong(std::string const& why) { throw error{errc::bad_option, why}; }

    json::document document_;
    task_wishes wishes_;
    std::string arguments_;
    bool arguments_there_ = false;
    std::array<bool, members.size()> seen_{};
};

}  // namespace fastqueue::cli
