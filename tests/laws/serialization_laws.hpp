#pragma once

#include <fastqueue/json/utf8.hpp>
#include <fastqueue/model/error.hpp>
#include <fastqueue/policy/serialization.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace laws {

/// Values of the kinds that every serialization must carry, at random.
class random_values {
public:
    explicit random_values(std::uint64_t seed) : random_{seed} {}

    [[nodiscard]] std::uint64_t below(std::uint64_t n) { return random_() % n; }
    void make(bool& v) { v = below(2) == 1; }
    void make(std::int32_t& v) { v = static_cast<std::int32_t>(odd_number()); }
    void make(std::uint8_t& v) { v = static_cast<std::uint8_t>(odd_number()); }
    void make(std::int64_t& v) { v = static_cast<std::int64_t>(odd_number()); }
    void make(std::uint64_t& v) { v = odd_number(); }
    void make(double& v) {
        std::array<double, 6> const odd{0.0, -0.0, 1e300, -1e-300, 0.1, std::numeric_limits<double>::max()};
        v = below(2) == 0 ? odd[below(odd.size())]
                          : static_cast<double>(static_cast<std::int64_t>(random_())) / 1024;
    }
    void make(std::string& v) {
        std::array<std::string_view, 8> const pieces{
            "a", "Z9 ", "\"\\/", "\n\t", "\xc3\xa9", "\xf0\x9f\x98\x80", std::string_view{"\0", 1}, "\x7f"};
        v.clear();
        for (auto n = below(20); n > 0; --n) v += pieces[below(pieces.size())];
    }
    void make(std::monostate&) {}
    template <class T>
    void make(std::optional<T>& v) {
        v.reset();
        if (below(2) == 0) make(v.emplace());
    }
    template <class T>
    void make(std::vector<T>& v) {
        v.clear();
        for (auto n = below(6); n > 0; --n) {
            T element{};
            make(element);
            v.push_back(std::move(element));
        }
    }
    template <class T>
    void make(std::map<std::string, T>& v) {
        v.clear();
        for (auto n = below(5); n > 0; --n) {
            std::string key;
            make(key);
            make(v[key]);
        }
    }
    template <class... Ts>
    void make(std::tuple<Ts...>& v) {
        std::apply([&](auto&... element) { (make(element), ...); }, v);
    }

private:
    /// Often one at the edge of a representation.
    std::uint64_t odd_number() {
        auto const bits = random_();
        auto const shifted = bits >> below(64);
        return below(3) == 0 ? std::uint64_t{1} << below(64) : below(2) == 0 ? ~shifted : shifted;
    }
    std::mt19937_64 random_;
};

using everything =
    std::tuple<bool, std::int32_t, std::uint8_t, std::int64_t, std::uint64_t, double, std::string,
               std::optional<std::int64_t>, std::vector<std::string>,
               std::map<std::string, std::vector<double>>,
               std::tuple<std::int32_t, std::optional<std::string>>, std::vector<std::vector<bool>>>;

template <class Serialization, class T>
bool comes_back(T const& value) {
    std::string const before = "what was there";
    std::string out = before;
    Serialization::encode(out, value);
    return out.starts_with(before) &&
           Serialization::template decode<T>(std::string_view{out}.substr(before.size())) == value;
}

/// Decodes what a stranger may have sent. \return a value was read
template <class Serialization>
bool reads_damaged(std::string_view bytes) {
    try {
        static_cast<void>(Serialization::template decode<everything>(bytes));
        return true;
    } catch (fastqueue::error const& e) {
        bool const named = e.code() == fastqueue::errc::bad_value;
        bool text = !e.text().empty();
        for (std::string_view rest = e.text(); text && !rest.empty();) {
            auto const length = fastqueue::json::utf8_length(rest);
            text = length > 0;
            rest.remove_prefix(length);
        }
        if (!named || !text) FAIL_CHECK("an error without its code or a sentence: " << e.what());
        return false;
    }
}

template <class Serialization, class... Ts>
void arguments_come_back(random_values& random) {
    std::tuple<Ts...> given;
    random.make(given);
    std::string out;
    std::apply([&](auto const&... v) { Serialization::encode_arguments(out, v...); }, given);
    std::tuple<Ts...> read;
    Serialization::decode_arguments(out, {}, read);
    CHECK(read == given);
}

/// What must hold for every serialization: values and arguments come back as they were, nothing but an error comes of octets
/// that it has not written, and who leaves an argument out hears its name.
template <fastqueue::policy::serialization Serialization>
void serialization_laws() {
    using fastqueue::errc;
    auto const seed = GENERATE(take(10, random<std::uint64_t>(0, ~0ULL >> 1U)));
    CAPTURE(seed);
    random_values random{seed};

    SECTION("its name may stand in a header") {
        std::string_view const name = Serialization::content;
        CHECK_FALSE(name.empty());
        CHECK(name.size() <= 64);
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos);
    }
    SECTION("a value that was appended comes back") {
        for (int i = 0; i < 100; ++i) {
            everything value;
            random.make(value);
            REQUIRE(comes_back<Serialization>(value));
        }
        CHECK(comes_back<Serialization>(std::monostate{}));
        CHECK(comes_back<Serialization>(std::string(100'000, 'x')));
    }
    SECTION("a part of a value is an error, and so is more than one") {
        everything value;
        random.make(value);
        std::string out;
        Serialization::encode(out, value);
        for (std::size_t n = 0; n < out.size(); ++n)
            REQUIRE_FALSE(reads_damaged<Serialization>(std::string_view{out}.substr(0, n)));
        CHECK_FALSE(reads_damaged<Serialization>(out + out));
    }
    SECTION("damaged octets give a value or an error") {
        everything value;
        random.make(value);
        std::string out;
        Serialization::encode(out, value);
        for (int i = 0; i < 2000; ++i) {
            auto damaged = out;
            for (auto n = 1 + random.below(4); n > 0; --n)
                damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
            static_cast<void>(reads_damaged<Serialization>(damaged));
        }
        for (int i = 0; i < 2000; ++i) {
            std::string noise(random.below(40), '\0');
            for (auto& c : noise) c = static_cast<char>(random.below(256));
            static_cast<void>(reads_damaged<Serialization>(noise));
        }
    }
    SECTION("arguments come back") {
        arguments_come_back<Serialization>(random);
        arguments_come_back<Serialization, std::int32_t>(random);
        arguments_come_back<Serialization, std::string, std::optional<double>, std::vector<std::uint64_t>>(
            random);
        arguments_come_back<Serialization, everything, bool>(random);
    }
    SECTION("no octets are no arguments") {
        std::tuple<> none;
        Serialization::decode_arguments({}, {}, none);
        std::tuple<std::optional<int>> one{7};
        Serialization::decode_arguments({}, {}, one);
        CHECK(std::get<0>(one) == std::nullopt);
    }
    SECTION("what was not given is filled, left empty, or named") {
        std::array<std::string_view, 3> const names{"first", "second", "third"};
        std::string out;
        Serialization::encode_arguments(out, 1);
        std::tuple<int, std::optional<int>, int> values;
        Serialization::decode_arguments(out, names, values, [](auto position, auto& element) {
            if constexpr (decltype(position)::value == 2) element = 30;
            return decltype(position)::value == 2;
        });
        CHECK(values == std::tuple{1, std::optional<int>{}, 30});
        try {
            Serialization::decode_arguments(out, names, values);
            FAIL_CHECK("nobody missed the third");
        } catch (fastqueue::error const& e) {
            CHECK(e.code() == errc::bad_arguments);
            CHECK(e.text().find("third") != std::string::npos);
        }
    }
    SECTION("one too many is refused") {
        std::string out;
        Serialization::encode_arguments(out, 1, std::string{"x"});
        std::tuple<int> values;
        try {
            Serialization::decode_arguments(out, {}, values);
            FAIL_CHECK("it was taken");
        } catch (fastqueue::error const& e) {
            CHECK(e.code() == errc::bad_arguments);
        }
    }
}

}  // namespace laws
