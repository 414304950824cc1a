#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace fastqueue {

/// A parameter's name together with the value that it has when no argument is given. Made by `arg("x") = value`.
template <class T>
struct defaulted_arg {
    std::string name;
    T value;
};

/// Names a parameter where a task is defined by name, or gives one a default:
/// `r.define("greet", handler, fq::arg("name"), fq::arg("greeting") = "Hello")`.
class arg {
public:
    explicit arg(std::string_view name) : name_{name} {}

    template <class T>
    [[nodiscard]] defaulted_arg<T> operator=(T value) && {
        return {std::move(name_), std::move(value)};
    }

    [[nodiscard]] std::string const& name() const noexcept { return name_; }

private:
    std::string name_;
};

/// One parameter of a task, for listings.
struct parameter {
    std::string name;  ///< empty: it can be given by position only
    std::string type;  ///< in words: `integer`, `list of string`, `object` ...
    bool has_default = false;
};

}  // namespace fastqueue
