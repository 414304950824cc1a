#pragma once

// The one place that states the version: CMake, Meson and the amalgamation script read these three lines.
#define FASTQUEUE_VERSION_MAJOR 0
#define FASTQUEUE_VERSION_MINOR 1
#define FASTQUEUE_VERSION_PATCH 0

#define FASTQUEUE_DETAIL_TEXT_OF(value) #value
#define FASTQUEUE_DETAIL_DOTTED(major, minor, patch) \
    FASTQUEUE_DETAIL_TEXT_OF(major) "." FASTQUEUE_DETAIL_TEXT_OF(minor) "." FASTQUEUE_DETAIL_TEXT_OF(patch)

/// The version as text: "major.minor.patch".
#define FASTQUEUE_VERSION_STRING \
    FASTQUEUE_DETAIL_DOTTED(FASTQUEUE_VERSION_MAJOR, FASTQUEUE_VERSION_MINOR, FASTQUEUE_VERSION_PATCH)

/// The version as one number for `#if`: 10000 * major + 100 * minor + patch.
#define FASTQUEUE_VERSION \
    (FASTQUEUE_VERSION_MAJOR * 10000 + FASTQUEUE_VERSION_MINOR * 100 + FASTQUEUE_VERSION_PATCH)

namespace fastqueue {

/// The version of these headers, following semantic versioning.
inline constexpr int version_major = FASTQUEUE_VERSION_MAJOR;
inline constexpr int version_minor = FASTQUEUE_VERSION_MINOR;
inline constexpr int version_patch = FASTQUEUE_VERSION_PATCH;

/// "major.minor.patch"
inline constexpr char const* version_string = FASTQUEUE_VERSION_STRING;

}  // namespace fastqueue
