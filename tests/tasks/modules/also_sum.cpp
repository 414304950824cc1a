// Has a task with the name of one in throwing.cpp, and one more that sorts before it.
#include <fastqueue/module.hpp>

namespace {
fastqueue::registry make() {
    fastqueue::registry r;
    r.define("a.first", [] { return 1; });
    r.define("sum", [] { return 1; });
    return r;
}
}  // namespace

FASTQUEUE_MODULE(make)
