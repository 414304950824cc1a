#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace fastqueue {

inline constexpr std::size_t max_tags = 8;              ///< of one task
inline constexpr std::string_view tag_prefix = "tag.";  ///< of a tag's key where it stands among other keys

/// What few tasks bear beyond what all do: fields as a header has them, `key=value` with a space between: a trace context, the
/// key that makes it unique, tags, where its end is told, which firing of a schedule it is (`firing`). A view; the text outlives it.
class task_attributes {
public:
    explicit task_attributes(std::string_view text) noexcept : text_{text} {}

    /// Whether a header's field of this key is one.
    [[nodiscard]] static bool is_one(std::string_view key) noexcept {
        return key == "traceparent" || key == "unique" || key == "callback" || key == "callback_data" ||
               key.starts_with(tag_prefix);
    }
    /// Calls `f(key, value)` for each.
    template <class F>
    void each(F&& f) const {
        auto rest = text_;
        while (!rest.empty()) {
            auto const field = rest.substr(0, rest.find(' '));
            auto const equals = std::min(field.find('='), field.size());
            f(field.substr(0, equals), field.substr(std::min(equals + 1, field.size())));
            rest.remove_prefix(std::min(field.size() + 1, rest.size()));
        }
    }
    /// Calls `f(key, value)` for each tag, without the prefix.
    template <class F>
    void each_tag(F&& f) const {
        each([&f](std::string_view key, std::string_view value) {
            if (key.starts_with(tag_prefix)) f(key.substr(tag_prefix.size()), value);
        });
    }
    /// The value of `key`; empty where it is not there.
    [[nodiscard]] std::string_view get(std::string_view key) const noexcept {
        std::string_view found;
        each([&](std::string_view k, std::string_view value) {
            if (k == key) found = value;
        });
        return found;
    }

private:
    std::string_view text_;
};

}  // namespace fastqueue
