#pragma once

#include <fastqueue/model/base64url.hpp>
#include <fastqueue/model/endpoint.hpp>
#include <fastqueue/model/hash.hpp>
#include <fastqueue/model/name.hpp>
#include <fastqueue/model/task_attributes.hpp>
#include <fastqueue/model/task_options.hpp>
#include <fastqueue/wire/header.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/number.hpp>

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace fastqueue::wire {

/// What a `submit` or `call` says beside id and name. The views show into the header.
struct request_options {
    task_options task;
    std::string_view content;  ///< empty: json
    std::string_view ref;
    std::string_view key;
    std::string_view unique;  ///< empty: none
    fastqueue::on_duplicate on_duplicate = fastqueue::on_duplicate::reject;
    std::string_view callback;    ///< where the task's end is told; empty: nowhere
    std::uint8_t tags = 0;        ///< how many
    bool has_attributes = false;  ///< there are some for `attributes_of`
};

/// Those of a header's fields that a task bears: see task_attributes.
[[nodiscard]] inline std::string attributes_of(header const& h) {
    std::string out;
    for (auto const& f : h.fields()) {
        if (task_attributes::is_one(f.key)) f.append_to(out);
    }
    return out;
}

namespace detail {

class options_reader {
public:
    explicit options_reader(request_options& out) noexcept : out_{out} {}

    [[nodiscard]] std::optional<problem> read(header const& h) {
        for (auto const& f : h.fields()) {
            if (!take(f)) return problem_;
        }
        auto const& t = out_.task;
        if (t.countdown_ms && t.eta_us)
            return problem{errc::bad_request, "countdown_ms and eta_us exclude each other"};
        if (out_.on_duplicate == on_duplicate::attach && t.delivery == fastqueue::delivery::at_most_once)
            return problem{errc::bad_request,
                           "a task that is to run at most once cannot be attached to another one"};
        if (says_otherwise_ && out_.unique.empty())
            return problem{errc::bad_request, "on_duplicate is for a unique key"};
        if (has_data_ && out_.callback.empty())
            return problem{errc::bad_request, "callback_data is for a callback"};
        return std::nullopt;
    }

private:
    bool take(field const& f) {
        auto& t = out_.task;
        switch (f.key.front()) {
            case 'c':
                return take_c(f);
            case 'd':
                return f.key != "delivery" || delivery(f);
            case 'e':
                if (f.key == "eta_us") return number(f, t.eta_us);
                if (f.key == "expires_ms") return number(f, t.expires_ms);
                return f.key != "expires_us" || number(f, t.expires_us);
            case 'k':
                return f.key != "key" || key(f);
            case 'm':
                return f.key != "meta" || flag(f, t.meta);
            case 'o':
                return f.key != "on_duplicate" || duplicates(f);
            case 'p':
                return f.key != "priority" || level(f);
            case 'r':
                return take_r(f);
            case 's':
                return f.key != "soft_timeout_ms" || time_limit(f, t.soft_timeout_ms);
            case 't':
                if (f.key == "timeout_ms") return time_limit(f, t.timeout_ms);
                if (f.key == "traceparent") return out_.has_attributes = true;
                return !f.key.starts_with(tag_prefix) || tag(f);
            case 'u':
                return f.key != "unique" || unique(f);
            default:
                return true;  // unknown: from a newer peer
        }
    }
    bool take_c(field const& f) {
        if (f.key == "countdown_ms") return number(f, out_.task.countdown_ms);
        if (f.key == "content") return content(f);
        if (f.key == "callback") return callback(f);
        return f.key != "callback_data" || callback_data(f);
    }
    bool take_r(field const& f) {
        auto& t = out_.task;
        if (f.key == "ref") return ref(f);
        if (f.key == "retries") return retries(f);
        if (f.key == "retry_delay_ms") return number(f, t.retry_delay_ms);
        if (f.key == "retry_max_ms") return number(f, t.retry_max_ms);
        if (f.key == "retry_backoff")
            return fraction(f, t.retry_backoff, 100) && (t.retry_backoff >= 1 || bad(f));
        if (f.key == "retry_jitter") return fraction(f, t.retry_jitter, 1);
        if (f.key == "reply") return reply(f);
        return f.key != "resent" || resent(f);
    }

    bool bad(field const& f, std::string_view why = "the value cannot be read") {
        problem_ = {errc::bad_request, why, f.key};
        return false;
    }
    bool number(field const& f, std::uint64_t& out) {
        auto const value = read_number(f.value);
        if (!value) return bad(f);
        out = *value;
        return true;
    }
    bool time_limit(field const& f, std::uint64_t& out) {
        return number(f, out) && (out > 0 || bad(f, "a time limit is at least 1 ms"));
    }
    bool number(field const& f, std::optional<std::uint64_t>& out) {
        out = read_number(f.value);
        return out || bad(f);
    }
    bool fraction(field const& f, double& out, double max) {
        auto const value = read_fraction(f.value, max);
        if (!value) return bad(f);
        out = *value;
        return true;
    }
    bool flag(field const& f, bool& out) {
        if (f.value != "0" && f.value != "1") return bad(f);
        out = f.value == "1";
        return true;
    }
    bool level(field const& f) {
        out_.task.priority = parse_priority(f.value);
        return out_.task.priority || bad(f, "the priority is critical, high, normal or low");
    }
    bool delivery(field const& f) {
        if (f.value == "at_least_once") return true;
        if (f.value != "at_most_once") return bad(f);
        out_.task.delivery = fastqueue::delivery::at_most_once;
        return true;
    }
    bool retries(field const& f) {
        auto const value = read_number(f.value, max_retries);
        if (!value) return bad(f, "the retries are 0 to 1000");
        out_.task.retries = static_cast<std::uint32_t>(*value);
        return true;
    }
    bool key(field const& f) {
        if (f.value.empty() || f.value.size() > 255) return bad(f, "a key has 1 to 255 characters");
        out_.key = f.value;
        out_.task.key_hash = hash_bytes(f.value) | 1U;  // never 0: that means none
        return true;
    }
    bool callback(field const& f) {
        endpoint at;
        if (!parse_endpoint(f.value, at).empty() || !at.is_destination())
            return bad(f, "it is no address to connect to, as tcp://127.0.0.1:7000");
        out_.callback = f.value;
        return out_.has_attributes = true;
    }
    bool callback_data(field const& f) {
        if (f.value.size() > 1024 || !is_base64url(f.value))
            return bad(f, "it is at most 1024 characters of base64url, without padding");
        return out_.has_attributes = has_data_ = true;
    }
    bool unique(field const& f) {
        if (f.value.empty() || f.value.size() > 255) return bad(f, "the key has 1 to 255 characters");
        out_.unique = f.value;
        return out_.has_attributes = true;
    }
    bool duplicates(field const& f) {
        says_otherwise_ = true;
        if (f.value == "attach") out_.on_duplicate = on_duplicate::attach;
        if (f.value == "replace") out_.on_duplicate = on_duplicate::replace;
        return out_.on_duplicate != on_duplicate::reject || f.value == "reject" ||
               bad(f, "it is reject, attach or replace");
    }
    bool tag(field const& f) {
        auto const key = f.key.substr(tag_prefix.size());
        if (key.size() > 64 || !is_valid_name(key))
            return bad(f, "a tag's key is 1 to 64 of A-Z a-z 0-9 . _ : -");
        if (f.value.empty() || f.value.size() > 255) return bad(f, "a tag's value has 1 to 255 characters");
        if (++out_.tags > max_tags) return bad(f, "a task has at most 8 tags");
        return out_.has_attributes = true;
    }
    bool content(field const& f) {
        if (f.value.empty() || f.value.size() > 64) return bad(f, "a content type has 1 to 64 characters");
        out_.content = f.value == "json" ? std::string_view{} : f.value;
        return true;
    }
    bool ref(field const& f) {
        if (f.value.empty() || f.value.size() > 64) return bad(f, "a ref has 1 to 64 characters");
        out_.ref = f.value;
        return true;
    }
    bool reply(field const& f) {
        if (f.value != "accepted" && f.value != "both") return bad(f);
        out_.task.reply_both = f.value == "both";
        return true;
    }
    bool resent(field const& f) {
        auto const epoch = uuid::parse(f.value);
        if (!epoch) return bad(f);
        out_.task.resent = *epoch;
        return true;
    }

    request_options& out_;
    problem problem_;
    bool has_data_ = false;
    bool says_otherwise_ = false;
};

inline void write_fraction(header_writer& out, std::string_view key, double value) {
    char text[64];
    auto written = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
    if (written.ec != std::errc{})  // too small to be written out exactly
        written = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 20);
    out.field(key, std::string_view{text, static_cast<std::size_t>(written.ptr - text)});
}

}  // namespace detail

/// Reads the options of a `submit` or `call`.
/// \return what is wrong with one of them, or empty
[[nodiscard]] inline std::optional<problem> read_options(header const& h, request_options& out) {
    return detail::options_reader{out}.read(h);
}

/// Reads options that stand alone, as a task's definition says them: what `write_options` wrote, or nothing.
/// \return empty: they cannot be read
[[nodiscard]] inline std::optional<task_options> read_options(std::string_view text) {
    if (text.empty()) return task_options{};
    auto const line = "FQ1 submit " + std::string{text};
    header h;
    request_options o;
    if (h.parse(line, line.size()) || !h.positional().empty() || read_options(h, o)) return std::nullopt;
    return o.task;
}

/// Writes those options that differ from their defaults. `resent` and `ref` are the connection's business,
/// not written.
inline void write_options(header_writer& out, task_options const& o) {
    static task_options const usual;
    if (o.priority) out.field("priority", name_of(*o.priority));
    if (o.delivery == delivery::at_most_once) out.field("delivery", "at_most_once");
    if (o.meta) out.field("meta", "1");
    if (o.reply_both) out.field("reply", "both");
    if (o.retries != 0 || o.retries_said) out.field("retries", std::uint64_t{o.retries});
    if (o.retry_delay_said || o.retry_delay_ms != usual.retry_delay_ms)
        out.field("retry_delay_ms", o.retry_delay_ms);
    if (o.retry_delay_said || o.retry_backoff != usual.retry_backoff)
        detail::write_fraction(out, "retry_backoff", o.retry_backoff);
    if (o.retry_delay_said || o.retry_max_ms != usual.retry_max_ms) out.field("retry_max_ms", o.retry_max_ms);
    if (o.retry_jitter_said || o.retry_jitter != usual.retry_jitter)
        detail::write_fraction(out, "retry_jitter", o.retry_jitter);
    if (o.soft_timeout_ms != 0) out.field("soft_timeout_ms", o.soft_timeout_ms);
    if (o.timeout_ms != 0) out.field("timeout_ms", o.timeout_ms);
    if (o.countdown_ms) out.field("countdown_ms", *o.countdown_ms);
    if (o.eta_us) out.field("eta_us", *o.eta_us);
    if (o.expires_ms) out.field("expires_ms", *o.expires_ms);
    if (o.expires_us) out.field("expires_us", *o.expires_us);
}

}  // namespace fastqueue::wire
