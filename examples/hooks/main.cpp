// What a worker and a client do around their tasks: interceptors, hooks at start and stop, and something that each
// thread of the worker has for itself, as a database connection would be.
#include <fastqueue/fastqueue.hpp>

#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace fq = fastqueue;

namespace {

/// Stands for a connection that is dear to make, and must not be shared by threads.
class database {
public:
    void insert(std::string row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] std::size_t size() const { return rows_.size(); }

private:
    std::vector<std::string> rows_;
};

fq::registry tasks() {
    fq::registry r;
    r.per_thread<database>([] {
        std::cout << "this thread has its database\n";
        return database{};
    });
    r.define(
        "remember",
        [](fq::context& ctx, std::string const& row) {
            auto& mine = ctx.resource<database>();
            mine.insert(row);
            return mine.size();
        },
        "row");
    r.around([](fq::context& ctx, fq::next_run& next) {
        std::cout << "before " << ctx.name() << '\n';
        next();
        std::cout << "after " << ctx.name() << ": " << (next.succeeded() ? next.text() : "it failed") << '\n';
    });
    r.on_start([] { std::cout << "the worker starts\n"; });
    r.on_stop([] { std::cout << "the worker has stopped\n"; });
    return r;
}

}  // namespace

int main() {
    fq::control_plane_options options;
    options.base.port = options.discovery.port = 0;
    fq::control_plane plane{options, tasks()};
    plane.start();
    std::thread user{[&] {
        fq::client_options asking{.discovery = plane.listens().discovery};
        asking.before_call = [](fq::outgoing_task& task) {
            task.options.retries = 3;
        };  // for all calls of this client
        fq::client client{asking};
        for (auto const* row : {"one", "two"}) client.call<std::size_t>("remember", row);
        plane.stop();
    }};
    plane.run();
    user.join();
}
