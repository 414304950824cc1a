#pragma once

#include <fastqueue/fastqueue.hpp>

#include <cstdint>
#include <functional>
#include <ostream>
#include <string_view>
#include <utility>

/// Where tasks survive: not here, but each leaves a line. Nothing that a client sees leaves the control plane before its line
/// is written: what is appended during a turn counts as committed from `flush` on.
class journal {
public:
    explicit journal(std::ostream& out) : out_{out} {}
    void attach(std::function<void()> const&) noexcept {}

    using sequence = fastqueue::policy::store_sequence;
    sequence put(fastqueue::policy::task_record const& t) { return note("accepted", t.name); }
    sequence finish(fastqueue::policy::result_record const& r) {
        return note("ended", fastqueue::name_of(r.state));
    }
    sequence claim(fastqueue::policy::task_number, std::uint32_t) { return ++written_; }
    sequence requeue(fastqueue::policy::attempt_record const&) { return note("waits again", {}); }
    sequence forget(fastqueue::policy::task_number) { return note("forgotten", {}); }
    sequence erase(fastqueue::policy::task_number) { return ++written_; }
    sequence member(std::string_view worker, bool there) { return note(there ? "joined" : "left", worker); }

    void flush(sequence) noexcept {
        out_.flush();
        flushed_ = written_;
    }
    void poll(fastqueue::policy::store_news& news) const {
        news = {};
        news.committed = flushed_;
    }
    fastqueue::uuid epoch() const noexcept { return epoch_; }

private:
    sequence note(std::string_view what, std::string_view whom) {
        out_ << "journal: " << what << ' ' << whom << '\n';
        return ++written_;
    }

    std::ostream& out_;
    fastqueue::uuid epoch_ = fastqueue::uuid::make_v4();
    sequence written_ = 0;
    sequence flushed_ = 0;
};
