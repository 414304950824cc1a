// One program that is everything: its tasks are linked in, and it has all commands of `fastqueue`. Copy examples/fastqueue beside
// your own main.cpp, define your tasks as here, and no module has to be found when it starts:
//
//     linked_tasks control-plane --local off &
//     linked_tasks subworker --worker-id sw1 &
//     linked_tasks submit --task-name shout --args hello
#include "../fastqueue/cli.hpp"

#include <cctype>
#include <string>

namespace {

namespace fq = fastqueue;

constexpr fq::task<std::string(std::string)> shout{"shout", "text"};
constexpr fq::task<std::string(std::string, int)> repeat{"repeat", "text", "times"};

std::string in_capitals(std::string text) {
    for (auto& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

fq::registry own_tasks() {
    fq::registry tasks;
    tasks.define(shout, in_capitals).describe("The text in capitals.");
    tasks
        .define(
            repeat,
            [](std::string const& text, int times) {
                if (times < 0 || times > 1000) throw fq::permanent_failure{"times must be 0 to 1000"};
                std::string all;
                for (int i = 0; i < times; ++i) all += text;
                return all;
            },
            fq::arg("times") = 2)
        .describe("The text several times.");
    return tasks;
}

}  // namespace

int main(int argc, char** argv) { return fq::cli::main(argc, argv, own_tasks()); }
