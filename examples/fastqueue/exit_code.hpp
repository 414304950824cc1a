#pragma once

#include <fastqueue/model/error.hpp>

#include <string_view>
#include <system_error>

namespace fastqueue::cli {

/// What the program tells its caller. Scripts rely on these numbers.
enum exit_code : int {
    done = 0,
    failed = 1,      ///< the task failed, or a worker could not be started
    usage = 2,       ///< the command line, or what it names, cannot be used
    nobody = 3,      ///< no control plane answers
    timed_out = 4,   ///< no answer in the time given
    refused = 5,     ///< the control plane said no
    unfinished = 6,  ///< grace was over: what still ran was handed back, or is lost with the control plane
    no_store = 7,    ///< the store cannot be opened, or nothing can be written to it any more
};

inline constexpr std::string_view exit_code_help =
    "Exit codes: 0 done, 1 the task failed (or a worker could not start), 2 usage,\n"
    "            3 nobody there, 4 timed out, 5 refused by the control plane,\n"
    "            6 grace was over: tasks were left or handed back unfinished,\n"
    "            7 the store cannot be opened, or nothing can be written to it any more,\n"
    "            130 or 143 ended at once by a second Ctrl+C or SIGTERM.";

/// The code that fits an error of the library.
[[nodiscard]] inline exit_code exit_code_of(std::error_code const& error) noexcept {
    if (error.category() != category()) return failed;
    switch (static_cast<errc>(error.value())) {
        case errc::bad_address:
        case errc::bad_name:
        case errc::bad_id:
        case errc::bad_option:
        case errc::bad_module:
            return usage;
        case errc::unreachable:
        case errc::refused:
            return nobody;
        case errc::timed_out:
            return timed_out;
        case errc::address_in_use:
        case errc::stopped:
            return failed;
        case errc::store_failed:
            return no_store;
        default:
            return refused;
    }
}

}  // namespace fastqueue::cli
