// A user's program, built in every way that docs/getting-started.md offers. Prints the library's version.
#include <fastqueue/version.hpp>

#include <cstdio>

int main() {
    std::printf("FastQueue %s\n", fastqueue::version_string);
    return 0;
}
