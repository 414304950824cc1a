// The command line without tasks of its own: they come from modules, --task-modules mytasks.
#include "cli.hpp"

int main(int argc, char** argv) { return fastqueue::cli::main(argc, argv); }
