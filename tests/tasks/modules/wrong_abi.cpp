// A module of another version, whose structs are not this version's: nothing but its stamp may be read.
#include <fastqueue/module.h>

extern "C" fastqueue_module const* fastqueue_module_entry(void) {
    static fastqueue_stamp const stamp{FASTQUEUE_MODULE_MAGIC, 99, 1, 2, 3, 4};
    return reinterpret_cast<fastqueue_module const*>(&stamp);
}
