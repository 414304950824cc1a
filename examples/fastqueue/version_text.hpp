#pragma once

#include <fastqueue/version.hpp>

#include <string>

namespace fastqueue::cli {

/// What `--version` prints: the version, and what it speaks and was built with.
[[nodiscard]] inline std::string version_text() {
#if defined(__clang__)
    std::string const compiler = "Clang " __clang_version__;
#elif defined(__GNUC__)
    std::string const compiler = "GCC " __VERSION__;
#else
    std::string const compiler = "an unknown compiler";
#endif
#if defined(NDEBUG)
    std::string const build = "release build";
#else
    std::string const build = "debug build, with assertions";
#endif
    return std::string{"fastqueue "} + version_string + "\nprotocol FQ1, ZMTP 3.1, " + compiler + ", " +
           build;
}

}  // namespace fastqueue::cli
