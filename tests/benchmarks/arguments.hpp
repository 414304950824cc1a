#pragma once

#include "benchmarks/numbers.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The words of a command line. Each option takes what is its own away; what nobody took is a mistake.
class arguments {
public:
    arguments(int count, char** words) : words_(words + 1, words + count) {}

    [[nodiscard]] bool flag(std::string_view option) {
        auto const at = std::ranges::find(words_, option);
        if (at == words_.end()) return false;
        words_.erase(at);
        return true;
    }
    void take(std::string_view option, std::string& value) {
        auto const at = std::ranges::find(words_, option);
        if (at == words_.end()) return;
        if (at + 1 == words_.end()) throw std::runtime_error{std::string{option} + " lacks its value"};
        value = at[1];
        words_.erase(at, at + 2);
    }
    template <class T>
    void take(std::string_view option, T& value, T least, T most) {
        std::string text;
        take(option, text);
        if (!text.empty()) value = number(option, text, least, most);
    }
    /// \throws std::runtime_error when something is left
    void finish(std::string_view usage) const {
        if (!words_.empty())
            throw std::runtime_error{"unknown: '" + std::string{words_.front()} +
                                     "'; known: " + std::string{usage}};
    }

private:
    std::vector<std::string_view> words_;
};

}  // namespace bench
