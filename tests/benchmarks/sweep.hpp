#pragma once

#include "benchmarks/numbers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// How a program that sweeps is set up.
struct sweep_settings {
    double seconds = 0.5;  // of each measurement
    int repetitions = 3;
    std::uint64_t most = ~std::uint64_t{0};  // of what a sweep counts
    bool json = false;
    std::string only;  // a sweep's name; empty: all
};

/// What is measured at each step, and how that is expected to grow.
struct column {
    std::string name;
    std::string unit;
    std::string growth;
};

/// One figure or several for each number of something; what could not be measured is left out with a word.
class sweep {
public:
    /// \param counted  what the steps are numbers of
    sweep(std::string name, std::string title, std::string counted, std::vector<column> columns)
        : name_{std::move(name)},
          title_{std::move(title)},
          counted_{std::move(counted)},
          columns_{std::move(columns)} {}

    /// The figures of one repetition; a negative one means nothing and is left out.
    using row = std::vector<double>;
    static constexpr double nothing = -1;

    /// A row as a line, for another process.
    [[nodiscard]] static std::string told(row const& figures) {
        std::ostringstream line;
        for (auto const figure : figures) line << figure << ' ';
        return line.str();
    }
    [[nodiscard]] static row heard(std::string const& line) {
        std::istringstream figures{line};
        return {std::istream_iterator<double>{figures}, {}};
    }

    void add(std::uint64_t at, std::vector<row> const& repetitions) {
        row medians;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            std::vector<double> values;
            for (auto const& r : repetitions) values.push_back(r.at(i));
            medians.push_back(median(std::move(values)));
        }
        points_.push_back({at, std::move(medians)});
    }
    void skip(std::uint64_t at, std::string const& why) { skipped_.push_back({at, why}); }
    [[nodiscard]] bool empty() const noexcept { return points_.empty() && skipped_.empty(); }
    [[nodiscard]] std::string const& name() const noexcept { return name_; }
    [[nodiscard]] std::vector<column> const& columns() const noexcept { return columns_; }

    /// A column's figure at the last step, in times of that at the first; `nothing` where there are no two.
    struct growth {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        double times = nothing;
    };
    [[nodiscard]] growth growth_of(std::size_t column) const {
        growth found;
        double first = 0;
        for (auto const& [at, values] : points_) {
            if (values[column] <= 0) continue;
            if (found.first == 0) {
                found.first = at;
                first = values[column];
            } else {
                found.last = at;
                found.times = values[column] / first;
            }
        }
        return found;
    }

    void print_table() const {
        std::printf("%s\n%16s", title_.c_str(), counted_.c_str());
        for (auto const& c : columns_) std::printf("  %*s", width(c), head(c).c_str());
        for (auto const& [at, values] : points_) {
            std::printf("\n%16llu", static_cast<unsigned long long>(at));
            for (std::size_t i = 0; i < values.size(); ++i)
                std::printf("  %*s", width(columns_[i]), text(values[i], "-").c_str());
        }
        std::printf("\n%16s", "expected");
        for (auto const& c : columns_) std::printf("  %*s", width(c), c.growth.c_str());
        std::puts("");
        for (auto const& [at, why] : skipped_)
            std::printf("%16llu  is left out: %s\n", static_cast<unsigned long long>(at), why.c_str());
        std::puts("");
    }
    void print_json() const {
        std::printf(R"({"name": "%s", "title": "%s", "counted": "%s", "columns": [)", name_.c_str(),
                    title_.c_str(), counted_.c_str());
        char const* separator = "";
        for (auto const& c : columns_) {
            std::printf(R"(%s{"name": "%s", "unit": "%s", "growth": "%s"})", separator, c.name.c_str(),
                        c.unit.c_str(), c.growth.c_str());
            separator = ", ";
        }
        std::printf("],\n  \"points\": [");
        separator = "";
        for (auto const& [at, values] : points_) {
            std::printf("%s\n    [%llu", separator, static_cast<unsigned long long>(at));
            for (auto const value : values) std::printf(", %s", text(value, "null").c_str());
            std::printf("]");
            separator = ",";
        }
        std::printf("],\n  \"skipped\": [");
        separator = "";
        for (auto const& [at, why] : skipped_) {
            std::printf(R"(%s[%llu, "%s"])", separator, static_cast<unsigned long long>(at), why.c_str());
            separator = ", ";
        }
        std::printf("]}");
    }

private:
    [[nodiscard]] static std::string head(column const& c) { return c.name + ", " + c.unit; }
    [[nodiscard]] static int width(column const& c) {
        return static_cast<int>(std::max(head(c).size(), c.growth.size()));
    }
    [[nodiscard]] static std::string text(double value, char const* absent) {
        if (value < 0) return absent;
        char digits[32];
        std::snprintf(digits, sizeof digits, value < 100 ? "%.3f" : "%.0f", value);
        return digits;
    }

    std::string name_;
    std::string title_;
    std::string counted_;
    std::vector<column> columns_;
    std::vector<std::pair<std::uint64_t, row>> points_;
    std::vector<std::pair<std::uint64_t, std::string>> skipped_;
};

/// The numbers from `first` on, each so many times the one before, as far as they may go.
[[nodiscard]] inline std::vector<std::uint64_t> steps(std::uint64_t first, std::uint64_t times,
                                                      std::uint64_t last, sweep_settings const& s) {
    std::vector<std::uint64_t> all;
    for (auto n = first; n <= std::min(last, s.most); n *= times) all.push_back(n);
    return all;
}

}  // namespace bench
