#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/zmtp/frame_header.hpp>
#include <fastqueue/zmtp/limits.hpp>
#include <fastqueue/zmtp/mechanism.hpp>
#include <fastqueue/zmtp/slack.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace fastqueue::zmtp::detail {

// Turns octets into commands and whole messages. Complete messages are views into the caller's octets; only
// an unfinished one is copied inside, growing with what came. Each octet is copied at most once (amortised)
// and looked at once, whatever the pieces.
//
// The handler has `errc command(std::string_view body)` and `errc message(std::span<std::string_view
// const>)`; an errc other than zero ends it all.
template <mechanism Mechanism>
class message_reader {
public:
    explicit message_reader(limits const& limits) noexcept
        : frame_bytes_{limits.frame_bytes},
          message_bytes_{limits.message_bytes},
          message_frames_{limits.message_frames} {}

    message_reader(message_reader const&) = delete;  // frames_ may point into tail_'s own small buffer
    message_reader& operator=(message_reader const&) = delete;

    // The handshake is done: messages are welcome now, and sealed where the mechanism seals.
    void open() noexcept { open_ = true; }

    template <class Handler>
    [[nodiscard]] errc feed(std::string_view bytes, Mechanism& mechanism, Handler& handler) {
        while (!bytes.empty()) {
            auto const result = tail_.empty() ? read_in_place(bytes, mechanism, handler)
                                              : read_tail(bytes, mechanism, handler);
            if (result != errc{}) return result;
        }
        if (tail_.empty()) give_back();
        return errc{};
    }
    // Nothing has come for a while: nothing is kept for what may come next.
    void rest() noexcept {
        if (tail_.empty()) std::string{}.swap(tail_);
        if (plain_.empty()) std::string{}.swap(plain_);
        if (frames_.empty()) std::vector<std::string_view>{}.swap(frames_);
    }

    // The last octet that came was the last one of a command: nothing of another frame came behind it.
    [[nodiscard]] bool ends_in_command() const noexcept { return command_last_ && tail_.size() <= partial_; }

    void drop_all() noexcept {
        std::vector<std::string_view>{}.swap(frames_);
        std::string{}.swap(tail_);
        std::string{}.swap(plain_);
    }

    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return held(tail_) + held(plain_) + frames_.capacity() * sizeof(std::string_view);
    }

private:
    static constexpr std::size_t kept_frames = slack::small_bytes / sizeof(std::string_view);

    [[nodiscard]] std::uint64_t frame_limit() const noexcept {
        if (!open_) return handshake_frame_bytes;
        if constexpr (Mechanism::seals) {
            return frame_bytes_ + Mechanism::frame_overhead;
        } else {
            return frame_bytes_;
        }
    }

    // Whether a frame with this header may come, before anything is kept of its body.
    [[nodiscard]] errc header(std::string_view in, frame_header& out) const noexcept {
        auto const result = read_header(in, frame_limit(), out);
        if (result != errc{}) return result;
        if (!open_) return out.command() ? errc{} : errc::bad_command;
        return Mechanism::seals || out.command() ? errc{} : admit(out.body_bytes);
    }

    [[nodiscard]] errc admit(std::uint64_t body_bytes) const noexcept {
        if (body_bytes > frame_bytes_) return errc::frame_too_large;
        if (body_bytes > message_bytes_ - size_) return errc::message_too_large;
        return frames_.size() < message_frames_ ? errc{} : errc::too_many_frames;
    }

    template <class Handler>
    [[nodiscard]] errc read_in_place(std::string_view& bytes, Mechanism& mechanism, Handler& handler) {
        while (!bytes.empty()) {
            frame_header next;
            auto result = header(bytes, next);
            if (result == errc{} && bytes.size() - next.header_bytes < next.body_bytes)
                result = errc::need_more;
            if (result == errc::need_more) break;
            if (result != errc{}) return result;
            auto const body = bytes.substr(next.header_bytes, static_cast<std::size_t>(next.body_bytes));
            bytes.remove_prefix(next.header_bytes + body.size());
            result = take(next, body, mechanism, handler);
            if (result != errc{}) return result;
        }
        keep(bytes);
        bytes = {};
        return errc{};
    }

    // The views are into the caller's memory: what is unfinished moves inside.
    void keep(std::string_view rest) {
        partial_ = 0;
        if constexpr (!Mechanism::seals) {
            make_room(tail_, static_cast<std::size_t>(size_) + rest.size());
            for (auto& frame : frames_) {
                tail_.append(frame);
                frame = frame.empty() ? std::string_view{}
                                      : std::string_view{tail_}.substr(tail_.size() - frame.size());
            }
            partial_ = tail_.size();
        }
        append(tail_, rest);
    }

    // tail_ holds the finished frames of the message and then a part of one frame, from partial_ on.
    template <class Handler>
    [[nodiscard]] errc read_tail(std::string_view& bytes, Mechanism& mechanism, Handler& handler) {
        while (true) {
            auto const have = std::string_view{tail_}.substr(partial_);
            frame_header next;
            auto const result = header(have, next);
            if (result != errc{} && result != errc::need_more) return result;
            auto const whole = result == errc{}
                                   ? next.header_bytes + static_cast<std::size_t>(next.body_bytes)
                                   : header_bytes_of(have);
            auto const missing = whole - have.size();
            auto const piece = bytes.substr(0, missing);
            make_room(tail_, piece.size(), missing);
            tail_.append(piece);
            bytes.remove_prefix(piece.size());
            if (piece.size() < missing) return errc{};
            if (result == errc::need_more) continue;
            auto const error = take_from_tail(next, mechanism, handler);
            if (error != errc{} || tail_.empty() || bytes.empty()) return error;
        }
    }

    template <class Handler>
    [[nodiscard]] errc take_from_tail(frame_header const& next, Mechanism& mechanism, Handler& handler) {
        auto const body = std::string_view{tail_}.substr(partial_ + next.header_bytes);
        auto const frames = frames_.size();
        auto const result = take(next, body, mechanism, handler);
        if (result != errc{}) return result;
        if (frames_.empty()) partial_ = 0;
        if (frames_.size() > frames && !Mechanism::seals) {
            partial_ = tail_.size();
        } else if (partial_ > 0) {
            tail_.resize(partial_);  // a command leaves no trace
        } else {
            used_ = std::max(used_, tail_.size());
            tail_.clear();  // all is done, or what was opened is in plain_
        }
        return errc{};
    }

    template <class Handler>
    [[nodiscard]] errc take(frame_header const& next, std::string_view body, Mechanism& mechanism,
                            Handler& handler) {
        if (!open_) return give_command(body, handler);
        if constexpr (Mechanism::seals) {
            return unseal(next.flags, body, mechanism, handler);
        } else {
            return next.command() ? give_command(body, handler) : add_frame(next.more(), body, handler);
        }
    }

    template <class Handler>
    [[nodiscard]] errc unseal(std::uint8_t flags, std::string_view body, Mechanism& mechanism,
                              Handler& handler) {
        auto const before = plain_.size();
        make_room(plain_, body.size());
        std::uint8_t plain_flags = 0;
        if (auto const error = mechanism.decode_frame(flags, body, plain_flags, plain_)) {
            return error.category() == category() ? static_cast<errc>(error.value()) : errc::bad_command;
        }
        assert(plain_.size() - before <= body.size());
        if (!legal_flags(plain_flags)) return errc::reserved_flag_set;
        auto const plain = std::string_view{plain_}.substr(before);
        if ((plain_flags & frame_flag::command) != 0) {
            auto const result = give_command(plain, handler);
            plain_.resize(before);
            return result;
        }
        auto const result = admit(plain.size());
        return result == errc{} ? add_frame((plain_flags & frame_flag::more) != 0, plain, handler) : result;
    }

    template <class Handler>
    [[nodiscard]] errc give_command(std::string_view body, Handler& handler) {
        command_last_ = true;
        return handler.command(body);
    }

    template <class Handler>
    [[nodiscard]] errc add_frame(bool more, std::string_view body, Handler& handler) {
        command_last_ = false;
        frames_.push_back(body);
        size_ += body.size();
        if (more) return errc{};
        auto const result = handler.message(std::span<std::string_view const>{frames_});
        size_ = 0;
        frames_.clear();
        if (frames_.capacity() > kept_frames) std::vector<std::string_view>{}.swap(frames_);
        if constexpr (Mechanism::seals) {
            used_ = std::max(used_, plain_.size());
            plain_.clear();
        }
        return result;
    }

    void give_back() noexcept {
        if (slack_.after_use(used_, std::max(tail_.capacity(), plain_.capacity()))) rest();
        used_ = 0;
    }

    void append(std::string& buffer, std::string_view piece) {
        make_room(buffer, piece.size());
        buffer.append(piece);
    }

    // Grows by doubling, or at once to what was announced if that is at most four times what came; and takes the views of the
    // unfinished message along.
    void make_room(std::string& buffer, std::size_t room, std::size_t announced = 0) {
        if (buffer.capacity() - buffer.size() >= room) return;
        auto const have = buffer.size() + room;
        bool const believed = announced > room && buffer.size() + announced <= 4 * have;
        std::string bigger;
        bigger.reserve(believed ? buffer.size() + announced : std::max(have, 2 * buffer.capacity()));
        bigger.append(buffer);
        auto const inside = [&](std::string_view v) { return !v.empty() && is_in(buffer, v); };
        for (auto& frame : frames_) {
            if (inside(frame)) frame = {bigger.data() + (frame.data() - buffer.data()), frame.size()};
        }
        buffer.swap(bigger);
    }

    [[nodiscard]] static bool is_in(std::string const& buffer, std::string_view v) noexcept {
        std::less_equal<char const*> const before;
        return before(buffer.data(), v.data()) && before(v.data() + v.size(), buffer.data() + buffer.size());
    }

    [[nodiscard]] static std::size_t held(std::string const& s) noexcept {
        return s.capacity() > std::string{}.capacity() ? s.capacity() + 1 : 0;
    }

    std::uint64_t frame_bytes_;
    std::uint64_t message_bytes_;
    std::uint64_t message_frames_;
    std::uint64_t size_ = 0;  // sum of frames_
    std::vector<std::string_view> frames_;
    std::string tail_;
    std::string plain_;  // opened frames of the unfinished message, where the mechanism seals
    slack slack_;
    std::size_t used_ = 0;     // of the buffers, by what came last
    std::size_t partial_ = 0;  // of tail_: where the unfinished frame begins
    bool open_ = false;
    bool command_last_ = false;  // the last whole frame was a command
};

}  // namespace fastqueue::zmtp::detail
