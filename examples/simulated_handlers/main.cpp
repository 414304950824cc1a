// Tests your own handlers under faults, in virtual time: the library's real control plane, workers and clients on a simulated
// network whose machines crash, stand still and lose each other. Each seed is one run of a few seconds that takes some
// milliseconds, and shows the same again.
//
// The handler moves money between accounts. A task may run twice (its worker was lost before it could say that it was done),
// or die in the middle. Three people have written it; only one of them thought of that.
//
// Prints what was found; which seed and what was wrong goes to stderr.
#include <fastqueue/testing/simulated_system.hpp>

#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace fq = fastqueue;

namespace {

inline constexpr fq::task<void(int, int, int)> transfer{"transfer", "from", "to", "amount"};

/// Stands for a database: it outlives the workers. What is written to it stays written.
struct bank {
    std::map<int, int> balance;
    std::set<fq::task_id> done;
    void move(int from, int to, int amount) {
        balance[from] -= amount;
        balance[to] += amount;
    }
};

/// One run: the bank, the system around it, and what was asked for.
struct trial {
    bank accounts;
    std::optional<fq::testing::simulated_system> system;
};
using handler = std::function<void(trial&, fq::context&, int, int, int)>;

/// Forgets that it may run twice, and that it may end between two writes.
void hopeful(trial& t, fq::context&, int from, int to, int amount) {
    t.accounts.balance[from] -= amount;
    t.system->crash_point();  // in a storm the worker may die here
    t.accounts.balance[to] += amount;
}
/// Remembers what it has done, but in a transaction of its own.
void hasty(trial& t, fq::context& ctx, int from, int to, int amount) {
    if (!t.accounts.done.insert(ctx.id()).second) return;
    t.system->crash_point();
    t.accounts.move(from, to, amount);
}
/// Remembers it in the same transaction as the money: all of it is written, or nothing.
void careful(trial& t, fq::context& ctx, int from, int to, int amount) {
    auto changed = t.accounts;
    if (!changed.done.insert(ctx.id()).second) return;
    changed.move(from, to, amount);
    t.system->crash_point();
    t.accounts = changed;  // the commit
    t.system->crash_point();
}

/// \return what is wrong with the handler under this seed, or empty
std::string try_out(handler const& handle, std::uint64_t seed) {
    trial t;
    fq::registry tasks;
    tasks.define(transfer,
                 [&](fq::context& ctx, int from, int to, int amount) { handle(t, ctx, from, to, amount); });
    auto& system = t.system.emplace(seed, tasks);
    system.storm({.faults = 8});

    std::map<int, int> expected;
    std::vector<fq::testing::simulated_system::client_type::answer<void>> answers;
    for (int i = 0; i < 40; ++i) {
        auto const amount = static_cast<int>(system.random().between(1, 100));
        expected[i % 5] -= amount;
        expected[(i + 1) % 5] += amount;
        system.schedule(std::chrono::milliseconds{60 * i}, [&, i, amount] {
            answers.push_back(system.client().call(transfer(i % 5, (i + 1) % 5, amount)));
        });
    }
    if (!system.settle()) return "not all transfers ended";
    for (auto const& a : answers) {
        if (a.state() != fq::task_state::success) return "transfer " + a.id().text() + " failed";
    }
    for (auto const& [account, balance] : expected) {
        if (t.accounts.balance[account] != balance)
            return "account " + std::to_string(account) + " has " +
                   std::to_string(t.accounts.balance[account]) + ", not " + std::to_string(balance);
    }
    return {};
}

/// Looks for a seed that shows a fault, and whether it shows it again.
void look(std::string const& name, handler const& handle) {
    constexpr std::uint64_t seeds = 100;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        auto const wrong = try_out(handle, seed);
        if (wrong.empty()) continue;
        std::cerr << "seed " << seed << ": " << wrong << '\n';
        std::cout << name << ": a fault, which "
                  << (try_out(handle, seed) == wrong ? "the same seed shows again" : "does not show again")
                  << '\n';
        return;
    }
    std::cout << name << ": right under " << seeds << " seeds\n";
}

}  // namespace

int main() {
    look("the hopeful handler", hopeful);
    look("the hasty handler", hasty);
    look("the careful handler", careful);
}
