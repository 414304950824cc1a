#pragma once

#include <fastqueue/model/error.hpp>

#include <functional>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

namespace fastqueue {

/// How each thread of a worker makes something for itself.
struct resource_factory {
    std::type_index type;
    std::function<std::shared_ptr<void>()> make;
};

/// What one thread of a worker has for itself: a database connection, a cache, a parser. Each is made when a handler on that
/// thread first asks for it, and destroyed on the same thread when that ends. One thread at a time.
class thread_resources {
public:
    /// \param factories  outlive it
    explicit thread_resources(std::vector<resource_factory> const& factories)
        : factories_{&factories}, made_(factories.size()) {}
    thread_resources(thread_resources&&) = default;
    thread_resources& operator=(thread_resources&&) = default;
    ~thread_resources() { clear(); }

    /// \throws what its factory throws: it is tried again the next time; error (bad_option) if there is no factory for it
    template <class T>
    [[nodiscard]] T& get() {
        for (std::size_t i = 0; i < made_.size(); ++i) {
            if ((*factories_)[i].type != typeid(T)) continue;
            if (!made_[i]) {
                made_[i] = (*factories_)[i].make();
                order_.push_back(i);
            }
            return *static_cast<T*>(made_[i].get());
        }
        throw error{errc::bad_option, std::string{"the worker has no "} + typeid(T).name() +
                                          " a thread; see registry::per_thread"};
    }
    /// Destroys them, the last made first.
    void clear() noexcept {
        for (; !order_.empty(); order_.pop_back()) made_[order_.back()].reset();
    }

private:
    std::vector<resource_factory> const* factories_;
    std::vector<std::shared_ptr<void>> made_;
    std::vector<std::size_t> order_;
};

}  // namespace fastqueue
