#pragma once

#include <fastqueue/model/task_id.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastqueue::wire {

/// Writes one header line at the end of a buffer, token by token. The buffer outlives it.
class header_writer {
public:
    header_writer(std::string& out, std::string_view verb) : out_{&out} {
        out_->append("FQ1 ");
        out_->append(verb);
    }
    header_writer& token(std::string_view text) {
        out_->push_back(' ');
        out_->append(text);
        return *this;
    }
    header_writer& token(uuid const& id) {
        char text[uuid::text_size + 1];
        text[0] = ' ';
        id.write(text + 1);
        out_->append(text, sizeof text);
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
        char text[uuid::text_size];
        id.write(text);
        out_->append(text, sizeof text);
        return *this;
    }

private:
    void open(std::string_view key) {
        out_->push_back(' ');
        out_->append(key);
        out_->push_back('=');
    }
    header_writer& digits(std::uint64_t number) {
        char text[20];
        auto const end = std::to_chars(text, text + sizeof text, number).ptr;
        out_->append(text, static_cast<std::size_t>(end - text));
        return *this;
    }

    std::string* out_;
};

}  // namespace fastqueue::wire
