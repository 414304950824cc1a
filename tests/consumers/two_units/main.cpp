// The single header in two units of one program: whatever is not inline fails to link.
#include <fastqueue/fastqueue.hpp>

#include <cstdio>
#include <cstring>

char const* version_of_the_other_unit();

int main() {
    if (std::strcmp(version_of_the_other_unit(), fastqueue::version_string) != 0) return 1;
    std::printf("FastQueue %s\n", fastqueue::version_string);
    return 0;
}
