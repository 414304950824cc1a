#pragma once

#include "benchmarks/numbers.hpp"

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// One number that a benchmark tells.
struct figure {
    std::string_view name;
    double value = 0;
    std::string_view goal = {};
};
using figures_of_a_run = std::vector<figure>;

/// The medians of some runs, which all tell the same figures.
[[nodiscard]] inline figures_of_a_run medians(std::vector<figures_of_a_run> const& runs) {
    auto middle = runs.front();
    for (std::size_t i = 0; i < middle.size(); ++i) {
        std::vector<double> values;
        for (auto const& run : runs) values.push_back(run[i].value);
        middle[i].value = median(std::move(values));
    }
    return middle;
}

struct told_figures {
    std::string_view of;
    figures_of_a_run figures;
};

inline void print_table(std::vector<told_figures> const& all) {
    for (auto const& [of, figures] : all) {
        for (auto const& f : figures)
            std::printf("%-11s %-45s %14.3f  %s\n", std::string{of}.c_str(), std::string{f.name}.c_str(),
                        f.value, std::string{f.goal}.c_str());
    }
}

inline void print_json(std::vector<told_figures> const& all) {
    char const* separator = "[";
    for (auto const& [of, figures] : all) {
        for (auto const& f : figures) {
            std::printf("%s\n {\"of\": \"%s\", \"figure\": \"%s\", \"value\": %.6g, \"goal\": \"%s\"}",
                        separator, std::string{of}.c_str(), std::string{f.name}.c_str(), f.value,
                        std::string{f.goal}.c_str());
            separator = ",";
        }
    }
    std::puts("\n]");
}

}  // namespace bench
