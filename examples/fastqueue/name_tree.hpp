#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace fastqueue::cli {

/// Names that dots and colons part into groups, to be shown as a tree: `images.resize` and `images.crop` stand under
/// `images`. A name may be a task and a group at once.
class name_tree {
public:
    /// \param line  what is shown for it
    void add(std::string_view name, std::string line) {
        auto* at = &root_;
        while (true) {
            auto const end = name.find_first_of(".:");
            at = &at->below[std::string{name.substr(0, end)}];
            if (end == name.npos) break;
            name.remove_prefix(std::min(name.find_first_not_of(".:", end), name.size()));
        }
        at->line = std::move(line);
    }
    [[nodiscard]] bool empty() const noexcept { return root_.below.empty(); }

    /// Lines, each level by two spaces further in.
    [[nodiscard]] std::string text(std::size_t indent = 0) const {
        std::string out;
        write(root_, indent, out);
        return out;
    }

private:
    struct node {
        std::string line;  // empty: only a group
        std::map<std::string, node, std::less<>> below;
    };

    static void write(node const& from, std::size_t indent, std::string& out) {
        for (auto const& [part, node] : from.below) {
            if (!out.empty()) out += '\n';
            out.append(indent, ' ').append(node.line.empty() ? part : node.line);
            write(node, indent + 2, out);
        }
    }

    node root_;
};

}  // namespace fastqueue::cli
