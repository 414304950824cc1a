// How a task is tried again: by its own delay, at a time that its handler names, or not at all; what time limits do; and
// where the attempts that went wrong can be looked up.
#include <fastqueue/fastqueue.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

namespace fq = fastqueue;
using namespace std::chrono_literals;

namespace {

constexpr fq::task<std::string(std::string)> fetch{"fetch", "from"};
constexpr fq::task<int(int)> charge{"charge", "cents"};
constexpr fq::task<int()> ponder{"ponder"};

fq::registry tasks() {
    fq::registry r;
    r.define(fetch, [](fq::context& ctx, std::string const& from) {
        if (ctx.attempt() == 1) throw std::runtime_error{"no answer from " + from};
        if (ctx.attempt() == 2) throw fq::retry_after{20ms, from + " asks for patience"};
        return "a page of " + from;
    });
    r.define(charge, [](int cents) {
        if (cents <= 0) throw fq::permanent_failure{"there is nothing to charge"};
        return cents;
    });
    r.define(ponder, [](fq::context& ctx) {
        int thoughts = 0;
        for (; !ctx.stop_requested(); ++thoughts) std::this_thread::sleep_for(1ms);
        if (ctx.attempt() == 1) throw fq::task_cancelled{"no thought was complete"};
        return thoughts > 0 ? 42 : 0;
    });
    return r;
}

template <class R>
void tell(char const* what, fq::outcome<R> const& outcome) {
    std::cout << what << ": " << fq::name_of(outcome.state());
    if (!outcome) std::cout << ' ' << outcome.error().message() << ": " << outcome.text();
    std::cout << '\n';
}

}  // namespace

int main() {
    fq::basic_embedded<> queue{tasks()};

    // 10 ms before the first retry, twice as long before each further one, never more than 1 s, and no chance in it.
    auto const id = queue.new_id();
    auto const page =
        queue.call(fetch("example.org").id(id).retries(3).retry_delay(10ms, 2, 1s).retry_jitter(0));
    std::cout << page << '\n';
    for (auto const& failed : queue.history(id))
        std::cout << "attempt " << failed.attempt << ": " << failed.code.message() << ": " << failed.text
                  << '\n';

    tell("charge",
         queue.call_outcome(charge(-5).retries(10)));  // its handler says that trying again is useless
    tell("ponder", queue.call_outcome(ponder().timeout(50ms)));       // over its limit, whatever comes of it
    tell("ponder", queue.call_outcome(ponder().soft_timeout(50ms)));  // asked to stop, and does
}
