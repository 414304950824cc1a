#pragma once

#include <fastqueue/model/task_id.hpp>
#include <fastqueue/wire/octet_buffer.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fastqueue::wire {

/// Writes one header line at the end of a buffer, token by token. The buffer outlives it.
class header_writer {
public:
    header_writer(octet_buffer& out, std::string_view verb) : out_{&out} { put("FQ1 ", verb); }
    header_writer& token(std::string_view text) {
        put(" ", text);
        return *this;
    }
    header_writer& token(uuid const& id) {
        auto* const at = out_->extend(uuid::text_size + 1);
        *at = ' ';
        id.write(at + 1);
        return *this;
    }
    header_writer& token(std::uint64_t number) {
        out_->push_back(' ');
        return digits(number);
    }
    /// Tokens that are written already, each with a space before it.
    header_writer& raw(std::string_view tokens) {
        out_->append(tokens);
        return *this;
    }
    header_writer& field(std::string_view key, std::string_view value) {
        open(key);
        out_->append(value);
        return *this;
    }
    header_writer& field(std::string_view key, std::uint64_t number) {
        open(key);
        return digits(number);
    }
    header_writer& field(std::string_view key, uuid const& id) {
        open(key);
        id.write(out_->extend(uuid::text_size));
        return *this;
    }

private:
    void put(std::string_view first, std::string_view second) {
        auto* const at = out_->extend(first.size() + second.size());
        std::memcpy(at, first.data(), first.size());
        if (!second.empty()) std::memcpy(at + first.size(), second.data(), second.size());
    }
    void open(std::string_view key) {
        auto* const at = out_->extend(key.size() + 2);
        at[0] = ' ';
        std::memcpy(at + 1, key.data(), key.size());
        at[key.size() + 1] = '=';
    }
    header_writer& digits(std::uint64_t number) {
        constexpr std::size_t most = 20;
        auto* const at = out_->extend(most);
        out_->shorten(most - static_cast<std::size_t>(std::to_chars(at, at + most, number).ptr - at));
        return *this;
    }

    octet_buffer* out_;
};

}  // namespace fastqueue::wire
