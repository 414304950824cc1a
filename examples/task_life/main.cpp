// What happens to a task between its acceptance and its end: one run that serves two callers, progress that a caller watches, tasks
// that are found and cancelled by their tags, and one that takes another's place.
#include <fastqueue/fastqueue.hpp>

#include <asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

namespace fq = fastqueue;
using namespace std::chrono_literals;

namespace {

constexpr fq::task<std::string(int)> report{"report", "year"};
constexpr fq::task<void(std::string)> mail{"mail", "text"};

std::atomic<int> seen{0};  // the latest month that the watcher has been shown
std::atomic<int> runs{0};

fq::registry tasks() {
    fq::registry r;
    r.define(report, [](fq::context& ctx, int year) {
        ++runs;
        for (int month = 1; month <= 3; ++month) {
            ctx.progress(month);  // any value that JSON can carry
            while (seen < month && !ctx.stop_requested()) std::this_thread::sleep_for(1ms);
        }
        return "the report of " + std::to_string(year);
    });
    r.define(mail, [](std::string const&) {});
    return r;
}

}  // namespace

int main() {
    fq::embedded queue{tasks()};

    // While the first one lives, there is no second one: who asks for it is refused, or attached to the first.
    auto const id = queue.delay(report(2035).unique("report-2035"));
    try {
        queue.delay(report(2035).unique("report-2035"));
    } catch (fq::error const& e) {
        std::cout << "refused: " << e.code().message() << "; it names the other one: "
                  << (e.text().find(id.text()) != std::string::npos ? "yes" : "no") << '\n';
    }
    auto const again = report(2035).unique("report-2035", fq::on_duplicate::attach);
    auto second = queue.async_call(again, asio::use_future);
    std::cout << "attached: " << (queue.delay(again) == id ? "under the first one's id" : "no") << '\n';

    // Watched until its end; of what comes faster than it is looked at, only the latest is shown.
    auto const end = queue.watch(id, [](fq::task_status const& now) {
        if (fq::is_final(now.state) || now.value.empty()) return;
        auto const month = std::stoi(now.value);
        if (month > seen) std::cout << "watched: month " << month << '\n';
        seen = month;
    });
    std::cout << "watched: " << fq::name_of(end.state) << ' ' << end.value << '\n';
    std::cout << "the other caller: " << second.get().value() << '\n';
    std::cout << "runs: " << runs << '\n';

    // Found again by what they were given along.
    auto const greeting = [](char const* customer) {
        return mail("Good morning").countdown(1h).tag("customer", customer).tag("kind", "greeting");
    };
    queue.delay(fq::batch{}.add(greeting("42")).add(greeting("42")).add(greeting("43")));
    std::cout << "cancelled of customer 42: " << queue.cancel_where("tag.customer=42").cancelled << '\n';

    // The later one counts, as long as the earlier one has not begun.
    auto const draft = queue.delay(mail("a draft").countdown(1h).unique("letter"));
    auto const letter =
        queue.delay(mail("a letter").countdown(1h).unique("letter", fq::on_duplicate::replace));
    std::cout << "the draft: " << fq::name_of(queue.status(draft).state) << '\n';
    std::cout << "the letter: " << fq::name_of(queue.status(letter).state) << '\n';
    std::cout << "cancelled by name and state: " << queue.cancel_where("name=mail state=scheduled").cancelled
              << '\n';
}
