// A module whose entry point gives nothing.
#include <fastqueue/module.h>

extern "C" fastqueue_module const* fastqueue_module_entry(void) { return nullptr; }
