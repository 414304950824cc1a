// A durable queue inside one program, without a server or a socket: 200 tasks, a `kill -9` in the middle, and a second start
// that goes on. Beside it, tasks that are enqueued within a transaction of the program's own database.
//
//     embedded                          plays both lives in a new folder
//     embedded FOLDER                   one life: hands over, works, counts
//     embedded FOLDER --crash-after 60  ends itself with SIGKILL when so many tasks have run
#include "shop.hpp"

#include <fastqueue/embedded.hpp>
#include <fastqueue/sqlite_outbox.hpp>
#include <fastqueue/sqlite_outbox_relay.hpp>
#include <fastqueue/store/sqlite.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace fq = fastqueue;
using namespace std::chrono_literals;

namespace {

namespace tasks {
inline constexpr fq::task<int(int)> square{"square", "n"};
inline constexpr fq::task<void(int)> receipt{"receipt", "order"};
}  // namespace tasks

struct durable : fq::default_policies {
    using store_policy = fq::store::sqlite;
};

constexpr int task_count = 200;
constexpr int concurrency = 2;

fq::registry registry(std::filesystem::path const& folder, int crash_after) {
    fq::registry r;
    r.per_thread<shop>([folder] { return shop{folder / "shop.db"}; });
    auto const done = std::make_shared<std::atomic<int>>(0);
    r.define(tasks::square, [=](fq::context& ctx, int n) {
        ctx.resource<shop>().run("INSERT INTO runs VALUES(" + std::to_string(n) + ")");
        if (++*done == crash_after) std::raise(SIGKILL);
        std::this_thread::sleep_for(1ms);
        return n * n;
    });
    // It may run twice, if it is cut off at its very end: so twice must be as good as once.
    r.define(tasks::receipt, [](fq::context& ctx, int order) {
        ctx.resource<shop>().run("INSERT OR IGNORE INTO receipts VALUES(" + std::to_string(order) + ")");
    });
    return r;
}

// Ids that this program chooses: after a restart it hands the same tasks over again, and need not know which of them were
// accepted before.
fq::task_id id_of(int n) {
    std::array<std::uint8_t, 16> octets{'s', 'q', 'u', 'a', 'r', 'e'};
    octets[14] = static_cast<std::uint8_t>(n >> 8);
    octets[15] = static_cast<std::uint8_t>(n);
    return fq::task_id{octets};
}

/// Four orders. The customer of each second one changes his mind before it is committed.
void take_orders(shop& db) {
    fq::sqlite_outbox outbox{db.handle()};
    if (db.number("SELECT count(*) FROM orders") > 0) return;  // an earlier life did
    for (int order = 1; order <= 4; ++order) {
        db.run("BEGIN");
        db.run("INSERT INTO orders VALUES(" + std::to_string(order) + ")");
        outbox.enqueue(tasks::receipt(order).retries(3));
        db.run(order % 2 == 0 ? "ROLLBACK" : "COMMIT");
    }
}

/// Hands over all tasks and waits for their ends. Written for any client: with an `fq::client` it works over a network.
template <class Client>
int work(Client& queue, std::ostream& progress) {
    fq::batch all;
    std::vector<fq::task_id> ids;
    for (int n = 0; n < task_count; ++n) {
        ids.push_back(id_of(n));
        all.add(tasks::square(n).id(ids.back()));
    }
    queue.delay(all);  // returns when all are on the disk
    progress << "accepted " << ids.size() << std::endl;
    int right = 0;
    for (auto& done : queue.template as_completed<int>(ids, 60s)) {
        auto const n = static_cast<int>(done.index);
        if (done.result && done.result->value() == n * n) ++right;
        if (right % 20 == 0) progress << "ended " << right << std::endl;
    }
    return right;
}

void tell(shop& db, int right) {
    std::cout << "tasks: " << right << " of " << task_count << " ended, each once\n";
    auto const again =
        db.number("SELECT count(*) FROM runs") - db.number("SELECT count(DISTINCT task) FROM runs");
    std::cout << (again <= concurrency ? "run again: only what was running when it died"
                                       : "run again: too many: " + std::to_string(again))
              << '\n';
    std::cout << "orders: " << db.number("SELECT count(*) FROM orders") << " committed, "
              << db.number("SELECT count(*) FROM receipts") << " receipts\n";
}

int live(std::filesystem::path const& folder, int crash_after, std::ostream& progress) {
    shop db{folder / "shop.db"};
    take_orders(db);
    // For a network in its place: fq::client queue{{.discovery = {"10.0.0.1", 5550}}};
    fq::basic_embedded<durable> queue{registry(folder, crash_after),
                                      {.concurrency = concurrency},
                                      std::make_unique<fq::store::sqlite>(folder / "queue.db")};
    fq::outbox_relay relay{folder / "shop.db", queue};
    std::jthread const relaying{[&](std::stop_token const& end) {
        std::stop_callback const stops{end, [&] { relay.stop(); }};
        relay.run();
    }};
    auto const right = work(queue, progress);
    for (int i = 0; i < 1000 && db.number("SELECT count(*) FROM receipts") < 2; ++i)
        std::this_thread::sleep_for(10ms);
    tell(db, right);
    return right == task_count ? 0 : 1;
}

/// Both lives. The first is a process of its own, since it is killed.
int play() {
    auto name = (std::filesystem::temp_directory_path() / "fastqueue-embedded-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"cannot make a folder"};
    std::ostream nowhere{nullptr};
    auto const child = ::fork();  // before anything of FastQueue is there
    if (child == 0) ::_exit(live(name, 60, nowhere));
    int status = 0;
    ::waitpid(child, &status, 0);
    bool const killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    std::cout << (killed ? "the first life was killed" : "the first life ended by itself") << std::endl;
    auto const code = live(name, 0, nowhere);
    std::filesystem::remove_all(name);
    return code;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc == 1) return play();
    bool const crashes = argc == 4 && std::string{argv[2]} == "--crash-after";
    if (argc != 2 && !crashes) {
        std::cerr << "usage: embedded [FOLDER [--crash-after N]]\n";
        return 2;
    }
    return live(argv[1], crashes ? std::atoi(argv[3]) : 0, std::cout);
} catch (fq::error const& e) {
    std::cerr << "embedded: " << e.text() << '\n';
    return 1;
} catch (std::exception const& e) {
    std::cerr << "embedded: " << e.what() << '\n';
    return 1;
}
