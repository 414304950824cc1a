#pragma once

#include <fastqueue/model/error.hpp>
#include <fastqueue/model/id_source.hpp>
#include <fastqueue/model/task_id.hpp>
#include <fastqueue/model/time.hpp>
#include <fastqueue/sqlite_outbox_table.hpp>
#include <fastqueue/tasks/invocation.hpp>
#include <fastqueue/wire/header_writer.hpp>
#include <fastqueue/wire/task_options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastqueue {

/// A task in an outbox that the control plane did not take.
struct refused_task {
    task_id id;
    std::string name;
    std::string reason;
    std::uint64_t refusals = 0;
};

/// Enqueues tasks within a transaction of the caller's own SQLite database: they are committed with it, or rolled back with
/// it. So a row that says "paid" and the task that sends the receipt exist both or neither, whatever crashes when.
///
///     fq::sqlite_outbox outbox{db};
///     begin(db);
///     insert_order(db, order);
///     outbox.enqueue(tasks::send_receipt(order.number).retries(3));
///     commit(db);
///
/// `outbox_relay` hands over what is committed. Tasks are rows of the table `fastqueue_outbox`, which is made when it is
/// missing. Each call is one statement: where no transaction is open, it is one of its own.
///
/// Countdowns and expiry count from here, not from when the control plane gets the task.
///
/// Threads: as for the connection, of which it is a part: one at a time. It must end before the connection is closed.
class sqlite_outbox {
public:
    /// \param db  the caller's connection; outlives this
    /// \throws error that names the file: the table cannot be made (`device_or_resource_busy`: another connection writes)
    explicit sqlite_outbox(sqlite3* db) : db_{db} { detail::make_outbox_table(db_); }
    sqlite_outbox(sqlite_outbox const&) = delete;
    sqlite_outbox& operator=(sqlite_outbox const&) = delete;

    /// Writes a task into the transaction that is open.
    /// \return its id: with it any client can ask for the result, once it was handed over
    /// \throws error (id_conflict) where another task waits here under that id; else one that names the file, and the
    ///         transaction is as it was before the call
    template <class R>
    task_id enqueue(invocation<R> const& task) {
        auto const now =
            std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
        auto const id = task.id().empty() ? ids_.next(now) : task.id();
        auto options = task.options();
        fix_times(options, to_epoch_us(now));
        insert({id.text(), task.name(), task.content(), fields(options, task.key()), task.arguments()});
        return id;
    }

    /// How many tasks wait to be handed over, as this connection sees it.
    [[nodiscard]] std::uint64_t waiting() {
        detail::outbox_statement count{db_, "SELECT count(*) FROM fastqueue_outbox"};
        return count.next() ? count.number() : 0;
    }
    /// Those that the control plane has refused, with its reason. They are tried again, ever more seldom, and hold up no
    /// other.
    [[nodiscard]] std::vector<refused_task> refused() {
        detail::outbox_statement list{
            db_,
            "SELECT id, name, refusal, refusals FROM fastqueue_outbox WHERE refusals > 0 ORDER BY number"};
        std::vector<refused_task> out;
        while (list.next()) {
            auto& r = out.emplace_back();
            r.id = uuid::parse(list.octets()).value_or(uuid{});
            r.name = list.octets();
            r.reason = list.octets();
            r.refusals = list.number();
        }
        return out;
    }
    /// Takes a task out, within the transaction that is open.
    /// \return false: it is not here; it may have been handed over
    bool drop(task_id const& id) {
        auto const text = id.text();
        detail::outbox_statement erase{db_, "DELETE FROM fastqueue_outbox WHERE id = ?"};
        erase.text(text).run();
        return sqlite3_changes(db_) > 0;
    }

private:
    struct row {
        std::string id;
        std::string_view name;
        std::string_view content;
        std::string options;
        std::string_view arguments;
    };

    static void fix_times(task_options& options, std::uint64_t now_us) noexcept {
        if (auto const wait = std::exchange(options.countdown_ms, std::nullopt))
            options.eta_us = now_us + *wait * 1000;
        if (auto const wait = std::exchange(options.expires_ms, std::nullopt))
            options.expires_us = now_us + *wait * 1000;
    }
    [[nodiscard]] static std::string fields(task_options const& options, std::string_view key) {
        wire::octet_buffer head;
        wire::header_writer header{head, {}};
        auto const begin = head.size() + 1;
        wire::write_options(header, options);
        if (!key.empty()) header.field("key", key);
        return head.size() > begin ? std::string{head.view().substr(begin)} : std::string{};
    }

    void insert(row const& r) {
        auto rc = try_insert(r);
        // The transaction in which the table was made may have been rolled back.
        if (rc == SQLITE_ERROR && !has_table()) {
            insert_.reset();
            detail::make_outbox_table(db_);
            rc = try_insert(r);
        }
        if (rc == SQLITE_DONE) return insert_->reset();
        if ((rc & 0xff) != SQLITE_CONSTRAINT) insert_->fail();
        insert_->reset();
        if (!is_here(r))
            throw error{errc::id_conflict, "the id " + r.id + " is in the outbox for another task already"};
    }
    [[nodiscard]] int try_insert(row const& r) {
        if (!insert_) {
            if (!has_table()) return SQLITE_ERROR;
            insert_.emplace(db_,
                            "INSERT INTO fastqueue_outbox(id, name, content, options, arguments) "
                            "VALUES(?, ?, ?, ?, ?)");
        }
        return insert_->text(r.id).text(r.name).text(r.content).text(r.options).blob(r.arguments).step();
    }
    [[nodiscard]] bool has_table() {
        detail::outbox_statement find{
            db_, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'fastqueue_outbox'"};
        return find.next();
    }
    /// Whether the same task waits here already.
    [[nodiscard]] bool is_here(row const& r) {
        detail::outbox_statement find{db_,
                                      "SELECT name, content, arguments FROM fastqueue_outbox WHERE id = ?"};
        find.text(r.id);
        if (!find.next()) return false;
        return find.octets() == r.name && find.octets() == r.content && find.octets() == r.arguments;
    }

    sqlite3* db_;
    id_source ids_;
    std::optional<detail::outbox_statement> insert_;
};

}  // namespace fastqueue
