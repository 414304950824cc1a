#pragma once

#include <fastqueue/policy/store.hpp>

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fastqueue::store::detail {

/// Writes on their way to the store's thread, one behind the other in one buffer: a record as it is, then the
/// octets that its views named. Allocates nothing once the buffer has grown. One thread at a time.
class sqlite_batch {
public:
    void put(policy::task_record const& task) {
        using r = policy::task_record;
        add(op::put, task, &r::name, &r::content, &r::arguments, &r::attributes);
    }
    void claim(policy::task_number number, std::uint32_t attempt) {
        add(op::claim, claimed{number, attempt});
    }
    void requeue(policy::attempt_record const& attempt) {
        add(op::requeue, attempt, &policy::attempt_record::history);
    }
    void finish(policy::result_record const& result) {
        using r = policy::result_record;
        add(op::finish, result, &r::value, &r::worker, &r::history);
    }
    void forget(policy::task_number number) { add(op::forget, number); }
    void erase(policy::task_number number) { add(op::erase, number); }
    void member(std::string_view name, bool there) {
        add(op::member, member_named{name, there}, &member_named::name);
    }
    void fetch(policy::task_number number) { add(op::fetch, number); }
    void backup(std::string_view path) { add(op::backup, path_named{path}, &path_named::path); }

    [[nodiscard]] bool empty() const noexcept { return operations_ == 0; }
    [[nodiscard]] std::uint64_t octets() const noexcept { return buffer_.size(); }
    [[nodiscard]] std::uint32_t operations() const noexcept { return operations_; }

    /// Appends all that is in `other`, which is empty afterwards.
    void take(sqlite_batch& other) {
        if (empty()) {
            std::swap(buffer_, other.buffer_);
        } else {
            buffer_.insert(buffer_.end(), other.buffer_.begin(), other.buffer_.end());
        }
        operations_ += other.operations_;
        other.clear();
    }
    /// Keeps the buffer for the next, unless it is a large one.
    void clear() noexcept {
        operations_ = 0;
        if (buffer_.capacity() > most_kept) {
            buffer_ = {};
        } else {
            buffer_.clear();
        }
    }

    /// Calls `to` with each in order, by the names of the functions above, and `behind` after each that writes a task's row
    /// anew. The views live as long as the batch.
    template <class To, class Behind>
    void replay(To& to, Behind&& behind) const {
        char const* at = buffer_.data();
        for (char const* const end = at + buffer_.size(); at != end;) {
            auto const kind = static_cast<op>(*at++);
            replay_one(kind, at, to);
            if (kind == op::finish || kind == op::requeue) behind();
        }
    }

private:
    enum class op : char { put, claim, requeue, finish, forget, erase, member, fetch, backup };
    struct claimed {
        policy::task_number number;
        std::uint32_t attempt;
    };
    struct member_named {
        std::string_view name;
        bool there;
    };
    struct path_named {
        std::string_view path;
    };
    static constexpr std::size_t most_kept = 8U << 20U;

    template <class Record, class... Texts>
    void add(op kind, Record const& record, Texts... texts) {
        static_assert(std::is_trivially_copyable_v<Record>);
        buffer_.push_back(static_cast<char>(kind));
        char octets[sizeof record];
        std::memcpy(octets, &record, sizeof record);
        buffer_.insert(buffer_.end(), octets, octets + sizeof record);
        (buffer_.insert(buffer_.end(), (record.*texts).begin(), (record.*texts).end()), ...);
        ++operations_;
    }
    /// The record at `at`, its views on the octets behind it; moves `at` behind both.
    template <class Record, class... Texts>
    static Record read(char const*& at, Texts... texts) {
        Record record;
        std::memcpy(&record, at, sizeof record);
        at += sizeof record;
        ((record.*texts = std::string_view{at, (record.*texts).size()}, at += (record.*texts).size()), ...);
        return record;
    }

    template <class To>
    static void replay_one(op kind, char const*& at, To& to) {
        using task = policy::task_record;
        using end = policy::result_record;
        switch (kind) {
            case op::put:
                return to.put(
                    read<task>(at, &task::name, &task::content, &task::arguments, &task::attributes));
            case op::claim: {
                auto const c = read<claimed>(at);
                return to.claim(c.number, c.attempt);
            }
            case op::requeue:
                return to.requeue(read<policy::attempt_record>(at, &policy::attempt_record::history));
            case op::finish:
                return to.finish(read<end>(at, &end::value, &end::worker, &end::history));
            case op::forget:
                return to.forget(read<policy::task_number>(at));
            case op::erase:
                return to.erase(read<policy::task_number>(at));
            case op::member: {
                auto const m = read<member_named>(at, &member_named::name);
                return to.member(m.name, m.there);
            }
            case op::fetch:
                return to.fetch(read<policy::task_number>(at));
            case op::backup:
                return to.backup(read<path_named>(at, &path_named::path).path);
        }
    }

    std::vector<char> buffer_;
    std::uint32_t operations_ = 0;
};

}  // namespace fastqueue::store::detail
