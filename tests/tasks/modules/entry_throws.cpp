// A module that cannot make its registry.
#include <fastqueue/module.hpp>

#include <stdexcept>

namespace {
fastqueue::registry make() { throw std::runtime_error{"the licence has run out"}; }
}  // namespace

FASTQUEUE_MODULE(make)
