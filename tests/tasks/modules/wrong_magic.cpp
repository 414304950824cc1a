// It has an entry point of that name, and means something else by it.
#include <fastqueue/module.h>

extern "C" fastqueue_module const* fastqueue_module_entry(void) {
    static fastqueue_stamp const stamp{1, 1, 1, 1, 1, 1};
    return reinterpret_cast<fastqueue_module const*>(&stamp);
}
