#!/usr/bin/env python3
"""Changes lines of the command line's examples/fastqueue/policies.hpp, builds it, and runs the worker guide's scenario with it:
so that each policy's implementation is used once, and each change is one line.

usage: guide_with_policies.py FOLDER_OF_PROGRAMS -- COMPILER [FLAG ...]
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND_LINE = ROOT / "examples/fastqueue"
GUIDE = ROOT / "tests/cli/test_guide.py"

# As few builds as all implementations need; what is not named stays as it is.
BUNDLES = (
    {"eviction": "fifo", "balancing": "round_robin", "executor": "inline_"},
    {"eviction": "lfu", "balancing": "power_of_two", "serialization": "portable_binary", "executor": "process"},
    {"eviction": "none", "balancing": "sticky", "serialization": "msgpack", "executor": "threads"},
    {"eviction": "s3fifo", "balancing": "weighted", "transport": "zmq"},
)
CHOSEN_BY_OPTIONS = ("store", "observer")
NOT_BETWEEN_PROCESSES = {"inproc", "simulated"}


def implementations(policy):
    """Their names, by what the headers assert of themselves."""
    found = set()
    for header in sorted((ROOT / "include/fastqueue" / policy).glob("*.hpp")):
        found |= set(re.findall(rf"^static_assert\(policy::(?:\w+_)?{policy}<(\w+)>\);", header.read_text(), re.MULTILINE))
    return found - NOT_BETWEEN_PROCESSES


def left_out(text):
    """What no bundle uses and the command line's own does not."""
    missing = []
    for policy in re.findall(r"using (\w+)_policy = ", text):
        used = {bundle[policy] for bundle in BUNDLES if policy in bundle}
        used |= set(re.findall(rf"using {policy}_policy = {policy}::(\w+);", text))
        missing += [f"{policy}::{name}" for name in sorted(implementations(policy) - used)]
    return missing


def changed(text, bundle):
    """The bundle's header with these policies, and with their headers."""
    includes = ""
    for policy, name in bundle.items():
        line = re.compile(rf"^    using {policy}_policy = .*;$", re.MULTILINE)
        text, count = line.subn(f"    using {policy}_policy = {policy}::{name};", text)
        if count != 1:
            sys.exit(f"guide_with_policies: examples/fastqueue/policies.hpp has {count} lines for {policy}_policy")
        includes += f"#include <fastqueue/{policy}/{name}.hpp>\n"
    return text.replace("#pragma once\n", "#pragma once\n\n" + includes, 1)


def build(bundle, folder, compiler):
    shutil.copytree(COMMAND_LINE, folder / "source")
    header = folder / "source/policies.hpp"
    header.write_text(changed(header.read_text(), bundle))
    words = next(i for i, word in enumerate(compiler) if word.startswith("-"))  # one, or two with ccache; libraries come last
    source = str(folder / "source/main.cpp")
    subprocess.run([*compiler[:words], source, *compiler[words:], "-o", str(folder / "fastqueue")], check=True)


def run_guide(bundle, folder, programs):
    os.symlink(programs / "mytasks.so", folder / "mytasks.so")
    environment = dict(os.environ, FASTQUEUE_BIN_DIR=str(folder))
    done = subprocess.run([sys.executable, str(GUIDE)], env=environment, capture_output=True, text=True, timeout=300)
    print(f"{'passed' if done.returncode == 0 else 'FAILED'}: {bundle}", flush=True)
    if done.returncode != 0:
        print(done.stdout, done.stderr)
    return done.returncode == 0


def main(programs, compiler):
    text = (COMMAND_LINE / "policies.hpp").read_text()
    if missing := left_out(text):
        sys.exit(f"guide_with_policies: no bundle has {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(2) as pool:
        folders = [pathlib.Path(work) / str(i) for i in range(len(BUNDLES))]
        for folder in folders:
            folder.mkdir()
        list(pool.map(build, BUNDLES, folders, [compiler] * len(BUNDLES)))
        passed = [run_guide(bundle, folder, programs) for bundle, folder in zip(BUNDLES, folders)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[3:]))
