"""What it costs to include FastQueue: time and memory of the compiler, lines it reads, and the headers behind them.

usage: compile_time.py [--compiler CXX] [--repetitions N] [--most N] [--json] [ENTRY...]
       compile_time.py [--compiler CXX] --check      fails where an entry reads more lines than its budget, or what it must not
       compile_time.py [--compiler CXX] --self-test

An entry is compiled as a user would: one file that includes it and nothing else. Times depend on the machine: they are told
beside their budgets, and nothing fails for them. Without --compiler it is $CXX or g++.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STANDARD = ["-std=c++20"]
ASIO = ["-DASIO_STANDALONE", "-DASIO_NO_DEPRECATED"]
LEVELS = ("-O0", "-O2")

# seconds: with -O0, on the machine of docs/performance.md. lines: not empty, after the preprocessor of GCC 12.
Entry = collections.namedtuple("Entry", "headers folder flags seconds lines never")
ENTRIES = {
    "task": Entry(["fastqueue/task.hpp"], "include", [], 1.5, 90_000, {"asio", "rapidjson"}),
    "client": Entry(["fastqueue/client.hpp"], "include", ASIO, 4.1, 142_000, {"rapidjson"}),
    "roles": Entry(["fastqueue/control_plane.hpp", "fastqueue/subworker.hpp"], "include", ASIO, 5.7, 154_000, {"rapidjson"}),
    "single": Entry(["fastqueue/fastqueue.hpp"], "single_include", [], 7.3, 165_000, set()),
}
ORIGINS = ("own", "asio", "cereal", "rapidjson", "std")
MARKER = re.compile(r'# \d+ "([^"]*)"((?: \d)*)')


def origin(path):
    """Whose header it is."""
    parts = pathlib.PurePath(path).parts
    if "fastqueue" in parts[:-1]:
        return "own"
    for name in ("asio", "cereal", "rapidjson"):
        if name in parts or parts[-1] == f"{name}.hpp":
            return name
    return "std"


class Reading:
    """What the preprocessor read: each header's lines, and who included it first."""

    def __init__(self, text):
        self.lines = collections.Counter()
        self.parent = {}
        stack = [""]
        for line in text.splitlines():
            marker = MARKER.match(line)
            if not marker:
                if line.strip() and not line.startswith("#"):
                    self.lines[stack[-1]] += 1
                continue
            path, flags = marker.group(1), marker.group(2).split()
            if "2" in flags:
                stack.pop()
            elif "1" in flags:
                if path.startswith("<"):  # the command line
                    path = ""
                elif path not in self.parent:
                    self.parent[path] = stack[-1]
                stack.append(path)

    def total(self):
        return sum(self.lines.values())

    def by_origin(self):
        """{origin: (headers, lines)}"""
        found = {name: [0, 0] for name in ORIGINS}
        for path in self.parent:
            found[origin(path)][0] += 1
            found[origin(path)][1] += self.lines[path]
        return {name: tuple(counts) for name, counts in found.items()}

    def with_all_behind(self):
        """{header: its lines and those of all that it was the first to include}"""
        sums = collections.Counter()
        for path in self.parent:
            at = path
            while at:
                sums[at] += self.lines[path]
                at = self.parent.get(at, "")
        return sums

    def dearest(self, count):
        """The doors to foreign headers, and our own headers, that bring most lines."""
        sums = self.with_all_behind()
        doors = [p for p in self.parent if origin(p) != "own" and origin(self.parent[p] or "std") == "own"]
        own = [p for p in self.parent if origin(p) == "own"]
        return [sorted(((sums[p], p, self.parent[p]) for p in kind), reverse=True)[:count] for kind in (doors, own)]


class Compiler:
    def __init__(self, command, folder):
        self.command, self.folder = command, folder

    def source(self, entry):
        path = os.path.join(self.folder, "entry.cpp")
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(f"#include <{header}>\n" for header in entry.headers) + "int main() {}\n")
        return path

    def line(self, entry, root, *more):
        return [self.command, *STANDARD, *entry.flags, "-I", str(pathlib.Path(root) / entry.folder), *more, self.source(entry)]

    def read(self, entry, root=ROOT):
        run = subprocess.run(self.line(entry, root, "-E"), stdout=subprocess.PIPE, text=True, errors="replace", check=True)
        return Reading(run.stdout)

    def compile(self, entry, level, root=ROOT):
        """(seconds, of them a processor's, MB of the largest of its processes)"""
        begin = time.monotonic()
        child = subprocess.Popen(self.line(entry, root, level, "-c", "-o", os.path.join(self.folder, "entry.o")))
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(entry.headers)} does not compile")
        return time.monotonic() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def complaints(name, entry, reading):
    """What breaks an entry's budget and does not depend on the machine."""
    for foreign in sorted(entry.never):
        if reading.by_origin()[foreign][0]:
            first = next(p for p in reading.parent if origin(p) == foreign)
            yield f"{name}: must not include {foreign}, and {reading.parent[first]} includes {first}"
    if reading.total() > entry.lines:
        yield f"{name}: {reading.total()} lines, and its budget is {entry.lines}: see --most"


def check(compiler):
    return [line for name, entry in ENTRIES.items() for line in complaints(name, entry, compiler.read(entry))]


def measure(compiler, entries, repetitions, most):
    told = {}
    for name in entries:
        entry = ENTRIES[name]
        reading = compiler.read(entry)
        runs = {level: [compiler.compile(entry, level) for _ in range(repetitions)] for level in LEVELS}
        told[name] = {
            "seconds": {level: statistics.median(wall for wall, _, _ in of) for level, of in runs.items()},
            "cpu_seconds": {level: statistics.median(cpu for _, cpu, _ in of) for level, of in runs.items()},
            "megabytes": {level: max(mb for _, _, mb in of) for level, of in runs.items()},
            "seconds_budget": entry.seconds, "lines": reading.total(), "lines_budget": entry.lines,
            "headers": {o: n for o, (n, _) in reading.by_origin().items()},
            "lines_of": {o: n for o, (_, n) in reading.by_origin().items()},
            "dearest": dict(zip(("doors", "own"), reading.dearest(most))),
        }
    return told


def short(path):
    return re.sub(r"^.*/(fastqueue/|c\+\+/\d+/|include/)", lambda m: m.group(1) if m.group(1) == "fastqueue/" else "", path)


def print_table(told):
    print(f"{'entry':8} {'-O0 s':>6} {'budget':>6} {'cpu s':>6} {'-O2 s':>6} {'cpu s':>6} {'-O0 MB':>6} {'-O2 MB':>6} {'lines':>7} {'budget':>7}"
          f"  headers: {' '.join(ORIGINS)}")
    for name, t in told.items():
        wall, cpu, mb = t["seconds"], t["cpu_seconds"], t["megabytes"]
        print(f"{name:8} {wall['-O0']:6.2f} {t['seconds_budget']:6.2f} {cpu['-O0']:6.2f} {wall['-O2']:6.2f} {cpu['-O2']:6.2f} "
              f"{mb['-O0']:6.0f} {mb['-O2']:6.0f} {t['lines']:7} {t['lines_budget']:7}  {' '.join(str(t['headers'][o]) for o in ORIGINS)}")
    for name, t in told.items():
        for kind, title in (("doors", "foreign headers"), ("own", "headers of ours")):
            print(f"\n{name}: {title}, with all that they are the first to include, in lines")
            for lines, path, by in t["dearest"][kind]:
                print(f"{lines:8}  {short(path)}" + (f", by {short(by)}" if by else ""))


def self_test(compiler):
    """Headers are counted once and by whose they are, lines by header; a header that must not be there is named."""
    files = {
        "include/fastqueue/task.hpp": "#pragma once\n#include <asio/sub/deep.hpp>\n#include <fastqueue/other.hpp>\nint a;\nint b;\n\n",
        "include/fastqueue/other.hpp": "#pragma once\n#include <asio/sub/deep.hpp>\nint c;\n",
        "include/asio/sub/deep.hpp": "#pragma once\n#include <cereal/x.hpp>\nint d;\nint e;\n",
        "include/cereal/x.hpp": "#pragma once\nint f;\n",
    }
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        entry = Entry(["fastqueue/task.hpp"], "include", [], 1, 7, {"asio"})
        reading = compiler.read(entry, root)
    wrong = []

    def expect(what, found, wanted):
        if found != wanted:
            wrong.append(f"{what}: {found}, not {wanted}")

    counts = reading.by_origin()
    counts.pop("std")  # GCC reads one for every program
    expect("headers and lines", counts, {"own": (2, 3), "asio": (1, 2), "cereal": (1, 1), "rapidjson": (0, 0)})
    expect("lines in all", reading.total(), 7)  # with `int main() {}`
    doors, own = reading.dearest(9)
    expect("doors", [(lines, short(path)) for lines, path, _ in doors], [(3, "asio/sub/deep.hpp")])
    expect("ours", [(lines, short(path)) for lines, path, _ in own], [(6, "fastqueue/task.hpp"), (1, "fastqueue/other.hpp")])
    expect("complaints", [line.split(",")[0] for line in complaints("x", entry, reading)], ["x: must not include asio"])
    expect("over the budget", len(list(complaints("x", entry._replace(lines=6, never=set()), reading))), 1)
    return wrong


def main(arguments):
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("entries", nargs="*", metavar="ENTRY")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--most", type=int, default=8)
    for flag in ("--json", "--check", "--self-test"):
        parser.add_argument(flag, action="store_true")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.entries if name not in ENTRIES]:
        parser.error(f"no entry is called {unknown[0]}; there are {', '.join(ENTRIES)}")
    with tempfile.TemporaryDirectory() as folder:
        compiler = Compiler(given.compiler, folder)
        if given.check or given.self_test:
            lines = check(compiler) if given.check else self_test(compiler)
            print("\n".join(lines), end="\n" if lines else "")
            return 1 if lines else 0
        told = measure(compiler, given.entries or ENTRIES, given.repetitions, given.most)
    print(json.dumps(told, indent=1)) if given.json else print_table(told)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
