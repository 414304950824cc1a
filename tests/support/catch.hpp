#pragma once

// Catch2 2.13 on Debian 12, version 3 elsewhere: the one place that knows.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
