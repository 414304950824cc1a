#include <fastqueue/fastqueue.hpp>

char const* version_of_the_other_unit();
char const* version_of_the_other_unit() { return fastqueue::version_string; }
