#pragma once

#include <fastqueue/model/task_options.hpp>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::store::detail {

/// Those options of a task that matter after a restart, as they are stored: for each that is not at its default
/// one octet that names it and eight of its value, least first. All at their defaults: empty.
class sqlite_task_options {
public:
    /// Writes them to `out`, which is emptied first.
    static void write(task_options const& options, std::string& out) {
        out.clear();
        task_options const usual;
        each(options, usual, [&out](char name, std::uint64_t value, std::uint64_t plain) {
            if (value == plain) return value;
            out.push_back(name);
            for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
            return value;
        });
    }
    /// \return whether these octets were written by `write`
    static bool read(std::string_view in, task_options& options) {
        options = {};
        if (in.size() % 9 != 0) return false;
        std::size_t known = 0;
        for (std::size_t at = 0; at < in.size(); at += 9) {
            std::uint64_t stored = 0;
            for (unsigned i = 8; i > 0; --i) stored = stored << 8U | static_cast<unsigned char>(in[at + i]);
            each(options, options, [&](char name, std::uint64_t value, std::uint64_t) {
                if (name != in[at]) return value;
                ++known;
                return stored;
            });
        }
        return known * 9 == in.size();
    }

private:
    /// Calls `use` with name, value and default of each, and sets the option to what it returns. The names are in
    /// files: none is ever used for anything else.
    template <class Options, class Use>
    static void each(Options& options, task_options const& usual, Use use) {
        number(options.delivery, usual.delivery, 'd', use);
        number(options.retries, usual.retries, 'r', use);
        number(options.retry_delay_ms, usual.retry_delay_ms, 'w', use);
        real(options.retry_backoff, usual.retry_backoff, 'b', use);
        number(options.retry_max_ms, usual.retry_max_ms, 'm', use);
        real(options.retry_jitter, usual.retry_jitter, 'j', use);
        number(options.soft_timeout_ms, usual.soft_timeout_ms, 's', use);
        number(options.timeout_ms, usual.timeout_ms, 't', use);
        number(options.key_hash, usual.key_hash, 'k', use);
    }
    template <class N, class Plain, class Use>
    static void number(N& option, Plain usual, char name, Use use) {
        auto const value = use(name, static_cast<std::uint64_t>(option), static_cast<std::uint64_t>(usual));
        if constexpr (!std::is_const_v<N>) option = static_cast<N>(value);
    }
    template <class N, class Use>
    static void real(N& option, double usual, char name, Use use) {
        auto const value =
            use(name, std::bit_cast<std::uint64_t>(option), std::bit_cast<std::uint64_t>(usual));
        if constexpr (!std::is_const_v<N>) option = std::bit_cast<double>(value);
    }
};

}  // namespace fastqueue::store::detail
