// Five policies of a user's own, each in a header of its own, swapped in by a line each: how values become octets, which result
// leaves a full cache, which worker gets a task, where tasks leave a trace, and who watches.
#include "checked_json.hpp"
#include "clock_eviction.hpp"
#include "first_fit.hpp"
#include "journal.hpp"
#include "tally.hpp"

#include <fastqueue/fastqueue.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fq = fastqueue;
using namespace std::chrono_literals;

namespace {

struct my_policies : fq::default_policies {
    using serialization_policy = checked_json;
    using eviction_policy = clock_eviction;
    using balancing_policy = first_fit;
    using store_policy = journal;
    using observer_policy = tally;
};

constexpr fq::task<int(int, int)> add{"add", "x", "y"};

/// A subworker on a thread of its own, there when it is constructed.
class helper {
public:
    helper(std::string const& name, fq::basic_control_plane<my_policies>::addresses const& at,
           fq::basic_client<my_policies>& client)
        : worker_{options(name, at), tasks()}, thread_{[this] { worker_.run(); }} {
        while (client.document("workers").find("\"id\":\"" + name + "\",\"state\":\"active\"") ==
               std::string::npos)
            std::this_thread::sleep_for(5ms);
    }
    ~helper() {
        worker_.stop();
        thread_.join();
    }

    [[nodiscard]] int runs() const { return runs_; }

private:
    fq::registry_with<checked_json> tasks() {
        fq::registry_with<checked_json> r;
        r.define(add, [this](int x, int y) {
            ++runs_;
            return x + y;
        });
        return r;
    }
    static fq::subworker_options options(std::string const& name,
                                         fq::basic_control_plane<my_policies>::addresses const& at) {
        fq::subworker_options o;
        o.worker_id = name;
        o.base.reset();  // it dials, and listens nowhere
        o.discovery = at.discovery;
        o.control_plane = at.tasks[0];
        return o;
    }
    std::atomic<int> runs_{0};
    fq::subworker worker_;
    std::thread thread_;
};

/// Three tasks where two results are kept, the first of which is used before the third comes.
void use(fq::basic_client<my_policies>& client) {
    std::vector<fq::task_id> ids;
    for (int i = 1; i <= 3; ++i) {
        ids.push_back(fq::uuid::make_v4());
        client.call(add.with<checked_json>(i, i).id(ids.back()));
        if (i == 2) static_cast<void>(client.wait<int>(ids.front(), 10s));
    }
    for (auto const& id : ids) {
        try {
            auto const sum = client.wait<int>(id, 10s).value().value();
            std::cout << "kept: " << sum << '\n';
        } catch (fq::error const& e) {
            std::cout << (e.code() == fq::errc::unknown_task ? "not kept\n" : e.what());
        }
    }
}

}  // namespace

int main() {
    fq::control_plane_options options;
    options.base.port = options.discovery.port = 0;
    options.local = false;
    options.result_cache_size = 2;
    std::ostringstream written;
    tally::numbers counted;
    fq::policy_instances<my_policies> own;
    own.store = std::make_unique<journal>(written);
    own.observer = tally{counted};
    {
        fq::basic_control_plane<my_policies> plane{options, {}, std::move(own)};
        plane.start();
        std::thread role{[&] { plane.run(); }};
        {
            fq::basic_client<my_policies> client{{.discovery = plane.listens().discovery}};
            helper const one{"one", plane.listens(), client};
            helper const two{"two", plane.listens(), client};
            use(client);
            std::cout << "one ran " << one.runs() << ", two ran " << two.runs() << '\n';
        }
        plane.stop();
        role.join();
    }
    std::cout << written.str() << counted.tasks[static_cast<std::size_t>(fq::task_state::success)]
              << " succeeded at " << counted.workers << " workers\n";
}
