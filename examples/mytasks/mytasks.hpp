#pragma once

#include <fastqueue/task.hpp>

#include <cereal/cereal.hpp>

#include <cstdint>
#include <optional>
#include <string>

// What callers and workers agree on at compile time. The worker's side is in mytasks.cpp.
namespace mytasks {

namespace fq = fastqueue;

struct box {
    double width = 0;
    double height = 0;
    std::optional<std::string> label;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(width), CEREAL_NVP(height), CEREAL_NVP(label));
    }
};

inline constexpr fq::task<std::int64_t(std::int64_t, std::int64_t)> add{"add", "x", "y"};
inline constexpr fq::task<double(double, double)> multiply{"multiply", "x", "y"};
inline constexpr fq::task<std::string(std::string, std::optional<std::string>)> greet{"greet", "name",
                                                                                      "greeting"};
inline constexpr fq::task<std::uint64_t(std::string)> word_count{"word_count", "path"};
inline constexpr fq::task<std::uint32_t(std::string)> crc32{"crc32", "path"};
inline constexpr fq::task<std::uint64_t(std::uint64_t)> primes{"primes", "n"};
inline constexpr fq::task<std::uint64_t(std::uint64_t)> sleep_ms{"sleep_ms", "ms"};
inline constexpr fq::task<std::uint64_t(std::uint64_t, std::uint64_t)> steps{"steps", "count", "pause_ms"};
inline constexpr fq::task<void(std::string)> fail{"fail", "message"};
inline constexpr fq::task<box(box, double)> scale_box{"scale_box", "box", "factor"};

}  // namespace mytasks
