// A user's program that needs the component sqlite: what is written to a store is there when it is opened again.
#include <fastqueue/store/sqlite.hpp>
#include <fastqueue/version.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace fq = fastqueue;

struct counter final : fq::policy::restore_sink {
    int tasks = 0;
    void task(fq::policy::stored_task const&) override { ++tasks; }
    void end(fq::policy::stored_end const&) override {}
    void member(std::string_view) override {}
};

int main() {
    auto folder = (std::filesystem::temp_directory_path() / "fastqueue-consumer-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return 1;
    auto const file = std::filesystem::path{folder} / "queue.db";
    fq::policy::task_record task;
    task.number = 1;
    task.name = "add";
    fq::store::sqlite{file}.put(task);
    counter kept;
    fq::store::sqlite{file}.restore(kept, 0);
    std::filesystem::remove_all(folder);
    std::printf("FastQueue %s: %d task kept\n", fq::version_string, kept.tasks);
    return kept.tasks == 1 ? 0 : 1;
}
