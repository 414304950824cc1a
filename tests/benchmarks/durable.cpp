// What it costs that tasks survive: FastQueue with its SQLite store beside itself with none, and beside the disk's own
// fsync, all in one run and on one directory. The same three processes as compare.cpp's.
#include "benchmarks/arguments.hpp"
#include "benchmarks/figures.hpp"
#include "benchmarks/load.hpp"
#include "benchmarks/numbers.hpp"
#include "benchmarks/own.hpp"
#include "benchmarks/processes.hpp"
#include "support/temporary_folder.hpp"

#include <fastqueue/store/sqlite.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace bench;

/// What the server's process has asked of the disk, seen from all processes.
class sync_counter {
public:
    /// In memory that is shared with the processes that are forked.
    static sync_counter& shared() {
        static auto& made = *[] {
            auto* const at = ::mmap(nullptr, sizeof(sync_counter), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
            if (at == MAP_FAILED) fail("mmap");
            return new (at) sync_counter;
        }();
        return made;
    }

    int run(long number, int fd) noexcept {
        auto const begin = steady::now();
        auto const done = ::syscall(number, fd);
        auto const took = static_cast<std::uint64_t>((steady::now() - begin).count());
        nanoseconds_ += took;
        latest_[calls_++ % latest_.size()] = took;
        return static_cast<int>(done);
    }
    [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
    [[nodiscard]] double seconds() const noexcept { return static_cast<double>(nanoseconds_) / 1e9; }
    /// The time that half of those since the `before`th kept to, in microseconds.
    [[nodiscard]] double p50_us(std::uint64_t before) const {
        std::vector<double> times;
        for (auto i = std::max(before, calls_ - std::min<std::uint64_t>(calls_, latest_.size())); i < calls_;
             ++i)
            times.push_back(static_cast<double>(latest_[i % latest_.size()]) / 1e3);
        return times.empty() ? 0 : bench::median(std::move(times));
    }

private:
    std::atomic<std::uint64_t> calls_{0};
    std::atomic<std::uint64_t> nanoseconds_{0};
    std::array<std::atomic<std::uint64_t>, 1U << 16U> latest_{};
};

}  // namespace

// In place of the C library's, so that SQLite's calls are counted; a program's own function goes before a library's.
extern "C" int fdatasync(int fd) { return sync_counter::shared().run(SYS_fdatasync, fd); }
extern "C" int fsync(int fd) { return sync_counter::shared().run(SYS_fsync, fd); }

namespace {

namespace fs = std::filesystem;
namespace fq = fastqueue;

struct settings {
    double seconds = 2;
    int repetitions = 5;
    std::string directory = ".";
    std::vector<std::uint32_t> in_flight{1, 32, 256, 1000};
};

struct durable_policies : fq::default_policies {
    using store_policy = fq::store::sqlite;
};

void serve_durably(channel& talk, std::string const& file) {
    fq::control_plane_options options;
    options.base = options.discovery = own::loopback();
    options.local = false;
    fq::policy_instances<durable_policies> instances;
    instances.store = std::make_unique<fq::store::sqlite>(file);
    fq::basic_control_plane<durable_policies> plane{options, {}, std::move(instances)};
    plane.start();
    auto const& at = plane.listens();
    talk.say(std::to_string(at.discovery.port) + ' ' + std::to_string(at.tasks[0].port));
    plane.run();
}

struct figures {
    double rate = 0;        // tasks a second
    double p50_us = 0;      // with one in flight
    double syncs = 0;       // a second
    double sync_share = 0;  // of the time, in which the disk is being waited for
    double sync_p50_us = 0;
    double tasks_per_sync = 0;       // 0: nothing was synchronised
    std::array<double, 3> cpu_us{};  // a task: server, worker, client
};

/// A folder where the user wants the files.
fastqueue::test::temporary_folder folder_in(std::string const& directory) {
    try {
        return fastqueue::test::temporary_folder{directory};
    } catch (fs::filesystem_error const& e) {
        throw std::system_error{e.code(), "--directory '" + directory + "': no folder can be made in it"};
    }
}

/// How long it takes to append 4 KiB to a file and have it on the disk.
double disk_p50_us(std::string const& directory, double seconds) {
    auto const where = folder_in(directory);
    descriptor const file{::open((where / "probe").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    if (file.get() < 0) fail("open");
    std::vector<char> const block(4096, 'x');
    load each{1, seconds};
    for (auto now = steady::now(); !each.over(now);) {
        auto const slot = each.submit(now);
        if (::write(file.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size()))
            fail("write");
        if (::syscall(SYS_fdatasync, file.get()) != 0) fail("fdatasync");
        now = steady::now();
        each.answered(slot, 8, now);
    }
    return each.percentile_us(0.5);
}

/// The client's process: warms up, says so, waits for the word, runs, tells.
void submit(channel& talk, std::string const& addresses, std::uint32_t in_flight, double seconds) {
    own::client client{addresses, in_flight};
    load warm{in_flight, seconds / 5};
    client.run(warm);
    talk.say("ready");
    static_cast<void>(talk.hear(10));
    load tasks{in_flight, seconds};
    client.run(tasks);
    std::ostringstream told;
    told << tasks.done() << ' ' << tasks.wrong() + warm.wrong() << ' ' << tasks.seconds() << ' '
         << tasks.percentile_us(0.5);
    talk.say(told.str());
    static_cast<void>(talk.hear(10));  // until our processor time has been read
}

figures measure(bool durable, std::uint32_t in_flight, settings const& s) {
    auto const where = folder_in(s.directory);
    process server{[&](channel& talk) {
        durable ? serve_durably(talk, (where / "queue.db").string()) : own::serve(talk);
    }};
    auto const addresses = server.talk().hear(10);
    process worker{[&](channel&) { own::work(addresses); }};
    process client{[&](channel& talk) { submit(talk, addresses, in_flight, s.seconds); }};
    auto const cpu = [&] {
        return std::array{server.cpu_seconds(), worker.cpu_seconds(), client.cpu_seconds()};
    };
    auto const& disk = sync_counter::shared();

    if (client.talk().hear(s.seconds + 10) != "ready") throw std::runtime_error{"the client is not ready"};
    auto const cpu_before = cpu();
    auto const calls_before = disk.calls();
    auto const spent_before = disk.seconds();
    client.talk().say("go");
    std::istringstream told{client.talk().hear(s.seconds + 10)};
    auto const cpu_after = cpu();
    auto const calls = static_cast<double>(disk.calls() - calls_before);
    auto const spent = disk.seconds() - spent_before;

    figures f;
    double done = 0;
    double wrong = 0;
    double took = 0;
    told >> done >> wrong >> took >> f.p50_us;
    if (!told || wrong != 0 || done < 1) throw std::runtime_error{"wrong answers"};
    f.rate = done / took;
    f.syncs = calls / took;
    f.sync_share = spent / took;
    f.sync_p50_us = disk.p50_us(calls_before);
    f.tasks_per_sync = calls > 0 ? done / calls : 0;
    for (std::size_t i = 0; i < 3; ++i) f.cpu_us[i] = (cpu_after[i] - cpu_before[i]) / done * 1e6;
    return f;
}

template <class Member>
double median(std::vector<figures> const& all, Member member) {
    std::vector<double> values;
    for (auto const& f : all) values.push_back(member(f));
    return bench::median(std::move(values));
}

struct results {
    std::vector<double> disk_us;
    std::map<std::pair<std::uint32_t, bool>, std::vector<figures>>
        of;  // by tasks in flight, and whether durable
};

results run_all(settings const& s) {
    results found;
    for (int i = 0; i < s.repetitions; ++i) {
        for (auto const in_flight : s.in_flight) {
            found.disk_us.push_back(disk_p50_us(s.directory, s.seconds / 4));
            for (bool const durable : {false, true})
                found.of[{in_flight, durable}].push_back(measure(durable, in_flight, s));
        }
    }
    return found;
}

/// A cell of the table that stands empty where it means nothing.
void print_if(bool means, char const* format, int width, double value) {
    means ? std::printf(format, width, value) : std::printf("%*s", width, "");
}

void print_row(results const& found, std::uint32_t in_flight, bool durable, double disk_us) {
    auto const& all = found.of.at({in_flight, durable});
    auto const of = [&](auto member) { return median(all, member); };
    auto const rate = [](figures const& f) { return f.rate; };
    auto const p50_us = of([](figures const& f) { return f.p50_us; });
    auto const own_us = of([](figures const& f) { return f.sync_p50_us; });
    bool const one = in_flight == 1;
    std::printf("%9u %-7s %9.0f %8.3f", in_flight, durable ? "sqlite" : "memory", of(rate),
                of(rate) / median(found.of.at({in_flight, false}), rate));
    print_if(one, "%*.1f", 9, p50_us);
    print_if(one && durable, "%*.2f", 8, p50_us / disk_us);
    print_if(one && durable, "%*.2f", 7, p50_us / own_us);
    print_if(durable, "%*.1f", 13, of([](figures const& f) { return f.tasks_per_sync; }));
    print_if(durable, "%*.0f", 10, of([](figures const& f) { return f.syncs; }));
    print_if(durable, "%*.1f", 10, own_us);
    print_if(durable, "%*.0f%%", 7, of([](figures const& f) { return f.sync_share; }) * 100);
    for (std::size_t i = 0; i < 3; ++i)
        std::printf("%s%.2f", i == 0 ? "  " : "/", of([i](figures const& f) { return f.cpu_us[i]; }));
    std::puts("");
}

void print(settings const& s, results const& found) {
    auto const disk_us = bench::median(found.disk_us);
    std::printf("the disk at %s: 4 KiB appended and fdatasync, p50 %.1f us, %.0f a second\n",
                s.directory.c_str(), disk_us, 1e6 / disk_us);
    std::printf("%9s %-7s %9s %8s%9s%8s%7s%13s%10s%10s%8s  %s\n", "in flight", "store", "tasks/s", "x memory",
                "p50 us", "x disk", "x own", "tasks/fsync", "fsyncs/s", "own us", "in them",
                "cpu us server/worker/client");
    for (auto const in_flight : s.in_flight) {
        for (bool const durable : {false, true}) print_row(found, in_flight, durable, disk_us);
    }
    std::printf(
        "medians of %d runs of %g s; own: the store's fsyncs, which lie between the task and its result\n"
        "aims: p50 at 1 in flight at most 1.5 fsyncs, 60000 tasks/s at 1000\n",
        s.repetitions, s.seconds);
}

settings read_arguments(std::vector<std::string_view> const& given) {
    settings s;
    for (std::size_t i = 0; i < given.size(); i += 2) {
        auto const option = given[i];
        if (i + 1 == given.size())
            throw std::runtime_error{"--directory PATH, --seconds S, --repetitions N, --in-flight N"};
        auto const value = given[i + 1];
        if (option == "--directory")
            s.directory = value;
        else if (option == "--seconds")
            s.seconds = number(option, value, 0.01, 600.0);
        else if (option == "--repetitions")
            s.repetitions = number(option, value, 1, 1000);
        else if (option == "--in-flight")
            s.in_flight = {number<std::uint32_t>(option, value, 1, 100'000)};
        else
            throw std::runtime_error{"unknown option " + std::string{option}};
    }
    return s;
}

/// Says what makes the figures mean little.
void warn(std::string const& directory) {
    double load = 0;
    auto const cores = static_cast<double>(std::thread::hardware_concurrency());
    if (::getloadavg(&load, 1) == 1 && load > cores / 2)
        std::fprintf(stderr, "durable: the machine is busy (load %.1f on %.0f cores): wait until it rests\n",
                     load, cores);
    constexpr long in_memory = 0x01021994;  // TMPFS_MAGIC
    struct ::statfs told {};
    if (::statfs(directory.c_str(), &told) == 0 && told.f_type == in_memory)
        std::fprintf(
            stderr,
            "durable: --directory '%s' is in memory (tmpfs), where fsync does nothing: name one on a disk\n",
            directory.c_str());
}

}  // namespace

int main(int count, char** words) {
    try {
        auto const given = read_arguments({words + 1, words + count});
        warn(given.directory);
        static_cast<void>(sync_counter::shared());  // before the first fork
        print(given, run_all(given));
        return 0;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "durable: %s\n", e.what());
        return 1;
    }
}
