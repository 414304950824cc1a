#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/priority.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/task_state.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/number.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace fastqueue::wire {

/// One attempt of one task: what `run`, `began`, `done`, `recall` and `cancel` are about. The fence.
struct lease_name {
    uuid id;
    std::uint32_t attempt = 0;
};

/// Reads `<id> <attempt>` at the front of the positional tokens.
[[nodiscard]] inline std::optional<problem> read_lease(header const& h, std::size_t positional,
                                                       lease_name& out) noexcept {
    if (h.positional().size() != positional) {
        return problem{errc::bad_request, "the verb takes another number of tokens", h.verb()};
    }
    auto const id = uuid::parse(h.positional()[0]);
    if (!id) return problem{errc::bad_request, "the id is not a UUID", h.positional()[0]};
    auto const attempt = read_number(h.positional()[1], 0xffffffffU);
    if (!attempt || *attempt == 0)
        return problem{errc::bad_request, "the attempt is not a number from 1", h.positional()[1]};
    out = {*id, static_cast<std::uint32_t>(*attempt)};
    return std::nullopt;
}

inline void write_lease(header_writer& out, lease_name const& lease) {
    out.token(lease.id).token(std::uint64_t{lease.attempt});
}

/// `run <id> <attempt> <name> ...`: a control plane gives a worker work.
struct run_message {
    lease_name lease;
    std::string_view name;
    priority level = priority::normal;
    std::uint64_t soft_timeout_ms = 0;
    std::uint64_t timeout_ms = 0;
    std::string_view content;  ///< empty: json
    std::string_view traceparent;

    [[nodiscard]] std::optional<problem> read(header const& h) noexcept {
        if (auto bad = read_lease(h, 3, lease)) return bad;
        name = h.positional()[2];
        for (auto const& f : h.fields()) {
            if (!take(f)) return problem{errc::bad_request, "the value cannot be read", f.key};
        }
        return std::nullopt;
    }
    void write(header_writer& out, bool with_priority) const {
        write_lease(out, lease);
        out.token(name);
        if (with_priority) out.field("priority", name_of(level));
        if (soft_timeout_ms != 0) out.field("soft_timeout_ms", soft_timeout_ms);
        if (timeout_ms != 0) out.field("timeout_ms", timeout_ms);
        if (!content.empty()) out.field("content", content);
        if (!traceparent.empty()) out.field("traceparent", traceparent);
    }

private:
    bool take(field const& f) noexcept {
        if (f.key == "priority") {
            auto const p = parse_priority(f.value);
            if (p) level = *p;
            return p.has_value();
        }
        if (f.key == "soft_timeout_ms") return number(f.value, soft_timeout_ms);
        if (f.key == "timeout_ms") return number(f.value, timeout_ms);
        if (f.key == "content") content = f.value == "json" ? std::string_view{} : f.value;
        if (f.key == "traceparent") traceparent = f.value;
        return true;
    }
    static bool number(std::string_view text, std::uint64_t& out) noexcept {
        auto const value = read_number(text);
        if (value) out = *value;
        return value.has_value();
    }
};

/// How an attempt ended, as its worker tells it.
enum class run_end : std::uint8_t { success, failure, cancelled, returned };

/// `done <id> <attempt> <state> ...`: a worker answers a `run`.
struct done_message {
    lease_name lease;
    run_end end = run_end::success;
    errc code = errc::handler_error;  ///< of a failure
    bool final = false;               ///< of a failure: not to be tried again
    bool unbegun = false;             ///< of what was returned: it never began, and nothing of it will
    std::optional<std::uint64_t> took_us;
    std::optional<std::uint64_t> retry_after_ms;

    [[nodiscard]] std::optional<problem> read(header const& h) noexcept {
        if (auto bad = read_lease(h, 3, lease)) return bad;
        auto const state = h.positional()[2];
        if (state == "success")
            end = run_end::success;
        else if (state == "failure")
            end = run_end::failure;
        else if (state == "cancelled")
            end = run_end::cancelled;
        else if (state == "returned")
            end = run_end::returned;
        else
            return problem{errc::bad_request, "the state is success, failure, cancelled or returned", state};
        for (auto const& f : h.fields()) {
            if (!take(f)) return problem{errc::bad_request, "the value cannot be read", f.key};
        }
        return std::nullopt;
    }
    void write(header_writer& out) const {
        static constexpr std::string_view names[] = {"success", "failure", "cancelled", "returned"};
        write_lease(out, lease);
        out.token(names[static_cast<std::size_t>(end)]);
        if (took_us) out.field("took_us", *took_us);
        if (end == run_end::returned && unbegun) out.field("unbegun", "1");
        if (end != run_end::failure) return;
        if (code != errc::handler_error) out.field("code", name_of(code));
        if (final) out.field("final", "1");
        if (retry_after_ms) out.field("retry_after_ms", *retry_after_ms);
    }

private:
    bool take(field const& f) noexcept {
        if (f.key == "took_us") return (took_us = read_number(f.value)).has_value();
        if (f.key == "retry_after_ms") return (retry_after_ms = read_number(f.value)).has_value();
        if (f.key == "code") code = errc_from_name(f.value, errc::handler_error);
        if (f.key == "unbegun") unbegun = f.value == "1";
        if (f.key == "final") {
            final = f.value == "1";
            return final || f.value == "0";
        }
        return true;
    }
};

}  // namespace fastqueue::wire
