#pragma once

#include <cereal/cereal.hpp>

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// Types as users write them, for the tests of each serialization.
namespace types {

enum class colour : std::uint8_t { red = 1, green = 200 };

struct point {  // members without names
    int x = 0;
    int y = 0;
    auto operator<=>(point const&) const = default;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(x, y);
    }
};

struct box {
    int width = 0;
    std::optional<double> height;
    point corner;
    std::vector<point> holes;
    std::map<std::string, std::int64_t> tags;
    bool operator==(box const&) const = default;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(width), CEREAL_NVP(height));
        archive& CEREAL_NVP(corner);
        archive(CEREAL_NVP(holes), CEREAL_NVP(tags));
    }
};

class celsius {  // written as one number
public:
    explicit celsius(double degrees = 0) : degrees_{degrees} {}
    bool operator==(celsius const&) const = default;

    template <class Archive>
    double save_minimal(Archive const&) const {
        return degrees_;
    }
    template <class Archive>
    void load_minimal(Archive const&, double const& degrees) {
        degrees_ = degrees;
    }

private:
    double degrees_;
};

struct split {  // save and load, free functions, private to nobody
    std::string text;
    bool operator==(split const&) const = default;
};
template <class Archive>
void save(Archive& archive, split const& s) {
    archive << cereal::make_nvp("text", s.text + "!");
}
template <class Archive>
void load(Archive& archive, split& s) {
    archive >> cereal::make_nvp("text", s.text);
    s.text.pop_back();
}

struct derived : point {
    celsius heat;
    bool operator==(derived const&) const = default;

    template <class Archive>
    void serialize(Archive& archive, std::uint32_t version) {
        archive(cereal::base_class<point>(this));
        if (version > 1) archive(CEREAL_NVP(heat));
    }
};

struct tree {
    int value = 0;
    std::vector<tree> children;
    bool operator==(tree const&) const = default;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(value), CEREAL_NVP(children));
    }
};

struct nothing {
    bool operator==(nothing const&) const = default;
};

}  // namespace types

CEREAL_CLASS_VERSION(types::derived, 2)
