#!/usr/bin/env python3
"""Breaks the library on purpose, one promise at a time, and demands that the simulation finds each.

usage: run.py [--only NAME]... [--sample N [--commit HASH]] [--jobs N] [--seeds N]
       run.py --list
       run.py --self-test

Each NN-name.patch beside this file is one mutation: a first line that says which promise it breaks, then a
unified diff against include/. The simulation is compiled against a broken copy of include/ and run seed by seed.

  --only NAME    those whose file name holds NAME
  --sample N     N of them, chosen by the hash of the commit: so each commit tries others
  --commit HASH  choose as for that commit
  --jobs N       so many at a time (2)
  --seeds N      give up after so many seeds (2000)
  --list         what there is
  --self-test    proves that this program itself would notice

Exit codes: 0 all were found; 1 one was not, or its patch applies no more; 2 the command line is wrong.
"""

import argparse
import concurrent.futures
import hashlib
import html
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent.parent
ROOT = TESTS.parent
EVERY = "simulation: every*"  # the test case that goes through seeds
CHUNK = 100  # seeds a process: after a crash only these are run again, one by one
CHUNK_SECONDS = 60  # of the processor, of which a chunk takes two: a mutation may well make it run for ever
SEED_SECONDS = 10
PATIENCE_SECONDS = 3600  # by the clock, on which a machine with other work says nothing about a mutation


class Trouble(Exception):
    """The mutation could not be tried at all."""


# ---- patches


def words_of(patch):
    """The line that says which promise is broken."""
    first = patch.read_text(encoding="utf-8").partition("\n")[0]
    if not first or first.startswith(("---", "+++", "@@")):
        raise Trouble(f"{patch.name}:1: the first line must say in words which promise is broken")
    return first


def hunks_of(patch):
    """What the patch replaces: (file, text before, text after), in its order."""
    hunks = []
    file = None
    for line in patch.read_text(encoding="utf-8").splitlines(keepends=True)[1:]:
        if line.startswith("--- "):
            continue
        if line.startswith("+++ "):
            file = line[4:].strip().partition("/")[2]
        elif line.startswith("@@"):
            if file is None:
                raise Trouble(f"{patch.name}: a hunk stands before the name of its file")
            hunks.append([file, "", ""])
        elif hunks and line[0] in " +-":
            hunks[-1][1] += line[1:] if line[0] in " -" else ""
            hunks[-1][2] += line[1:] if line[0] in " +" else ""
        elif line.strip() and not line.startswith("#"):
            raise Trouble(f"{patch.name}: '{line.strip()}' is no line of a unified diff")
    return hunks


def apply(patch, include):
    """Patches the copy. Line numbers do not count: the text must be there, once."""
    for file, before, after in hunks_of(patch):
        path = include / file
        if not path.is_file():
            raise Trouble(f"{patch.name} does not apply: there is no include/{file}")
        text = path.read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise Trouble(f"{patch.name} does not apply: include/{file} holds {text.count(before)} times, "
                          f"not once: {before.strip()!r}")
        path.write_text(text.replace(before, after), encoding="utf-8")


# ---- building


def compiler():
    """The compiler's command, through ccache where that is."""
    ccache = shutil.which("ccache")
    return ([ccache] if ccache else []) + shlex.split(os.environ.get("CXX", "g++"))


def build(arguments, folder, what):
    """Runs the compiler in `folder`. Names are relative to it, so that ccache knows them in another one."""
    run = subprocess.run(compiler() + arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         stdin=subprocess.DEVNULL, text=True, errors="replace", check=False)
    if run.returncode != 0:
        error = next((line for line in run.stdout.splitlines() if "error" in line), run.stdout.strip())
        raise Trouble(f"{what} does not compile: {error}")


def build_main(folder):
    """Catch's own part, which no mutation changes."""
    build(["-std=c++20", "-O0", "-c", str(TESTS / "support/catch_main.cpp"), "-o", "main.o"], folder, "catch_main.cpp")
    return folder / "main.o"


def build_simulation(folder, main, name):
    """The simulation against folder/include; all in one unit, which takes a third less time."""
    sources = sorted((TESTS / "simulation").glob("*.cpp"))
    includes = "".join(f'#include "simulation/{s.name}"\n' for s in sources)
    (folder / "all.cpp").write_text(includes, encoding="utf-8")
    build(["-std=c++20", "-O1", "-DASIO_STANDALONE", "-DASIO_NO_DEPRECATED", "-D_GLIBCXX_ASSERTIONS",
           "-Iinclude", f"-I{TESTS}", "-c", "all.cpp", "-o", "all.o"], folder, name)
    build([str(main), "all.o", "-o", "simulation", "-pthread", "-ldl"], folder, name)
    return folder / "simulation"


# ---- running


def run_simulation(program, test, seconds, **variables):
    """Runs a test case, for so many seconds of the processor. Returns its exit code and what it wrote."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTQUEUE_")}
    environment.update({f"FASTQUEUE_{k}": str(v) for k, v in variables.items()})
    try:
        limited = ["sh", "-c", 'ulimit -c 0 && ulimit -t "$0" && exec "$@"', str(seconds)]
        run = subprocess.run(limited + [program, "-r", "xml", test], env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace",
                             timeout=PATIENCE_SECONDS, check=False)
        return run.returncode, run.stdout
    except subprocess.TimeoutExpired:
        raise Trouble(f"after {PATIENCE_SECONDS} s the simulation was still not over") from None


def complaint(code, output):
    """What a run says is wrong: (seed or None, words), or None."""
    if code == 0:
        return None
    said = re.search(r"seed (\d+): ([^\n<]*)", output)
    if said:
        return int(said[1]), html.unescape(said[2].strip())
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return None, "it has no end"
    if code < 0 or "<FatalErrorCondition" in output:
        assertion = re.search(r"Assertion '[^\n]*' failed", output)
        died = re.search(r"<FatalErrorCondition[^>]*>\s*([^<]*?)\s*<", output)
        return None, assertion[0] if assertion else died[1] if died else f"it dies of signal {-code}"
    failed = re.search(r"<Original>\s*([^<]*?)\s*</Original>\s*<Expanded>\s*([^<]*?)\s*</Expanded>",
                       output)
    return None, html.unescape(f"{failed[1]} is {failed[2]}") if failed else f"it ends with {code}"


def search_seeds(program, seeds):
    """The first seed whose run is judged wrong, and the words; or None."""
    for first in range(1, seeds + 1, CHUNK):
        count = min(CHUNK, seeds + 1 - first)
        wrong = complaint(*run_simulation(program, EVERY, CHUNK_SECONDS, SEED=first, SEEDS=count,
                                          FIRST_ONLY=1))
        if wrong is None or wrong[0] is not None:
            if wrong:
                return f"at seed {wrong[0]}: {wrong[1]}"
            continue
        for seed in range(first, first + count):
            alone = complaint(*run_simulation(program, EVERY, SEED_SECONDS, SEED=seed, SEEDS=1))
            if alone:
                return f"at seed {seed}: {alone[1]}"
        return f"at one of the seeds from {first} on, but at none alone: {wrong[1]}"
    return None


def search_others(program):
    """What the other test cases say, or None."""
    wrong = complaint(*run_simulation(program, "~" + EVERY, CHUNK_SECONDS))
    return f"not by a seed, but by another test case: {wrong[1]}" if wrong else None


def try_mutation(patch, include, main, seeds):
    """How it is found, or None. Raises Trouble where it cannot be tried. Without a patch nothing is broken."""
    if patch:
        words_of(patch)
    with tempfile.TemporaryDirectory(prefix="fastqueue-mutation-") as name:
        folder = pathlib.Path(name)
        shutil.copytree(include, folder / "include")
        if patch:
            apply(patch, folder / "include")
        program = build_simulation(folder, main, patch.name if patch else "the library as it is")
        return search_seeds(program, seeds) or search_others(program)


def tell(patch, tried, seeds):
    """Says how it went. Returns whether the mutation was found."""
    try:
        found = tried.result()
    except Trouble as trouble:
        print(f"{patch.stem}: NOT TRIED: {trouble}", flush=True)
        return False
    print(f"{patch.stem}: found {found}" if found else
          f"{patch.stem}: NOT FOUND within {seeds} seeds: {words_of(patch)}", flush=True)
    return found is not None


def try_all(patches, jobs, seeds):
    """Tries the library as it is, then them; tells of each, and returns how many were not found or not tried."""
    bad = 0
    with tempfile.TemporaryDirectory(prefix="fastqueue-mutations-") as name, \
            concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        folder = pathlib.Path(name)
        shutil.copytree(ROOT / "include", folder / "include")  # all see the same, whoever edits meanwhile
        main = build_main(folder)
        sound = pool.submit(try_mutation, None, folder / "include", main, CHUNK)
        tried = {pool.submit(try_mutation, p, folder / "include", main, seeds): p for p in patches}
        wrong = sound.exception() or sound.result()
        if wrong:  # then what is found in the others means nothing
            pool.shutdown(cancel_futures=True)
            print(f"nothing is broken, and yet it is found {wrong}" if sound.exception() is None else wrong)
            return len(patches)
        for future in concurrent.futures.as_completed(tried):
            bad += 0 if tell(tried[future], future, seeds) else 1
    print(f"{len(patches) - bad} of {len(patches)} mutations found")
    return bad


# ---- the choice


def sample(patches, count, commit):
    """Some of them, others for each commit."""
    rank = sorted(patches, key=lambda p: hashlib.sha256(f"{commit} {p.name}".encode()).digest())
    return sorted(rank[:count])


def head():
    """The hash of the commit, or a word where there is none."""
    git = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, check=False)
    return git.stdout.strip() or "no-commit"


def self_test():
    """A mutation that changes nothing is not found, patches that do not apply are not taken for found."""
    inbox = "--- a/fastqueue/core/outbox.hpp\n+++ b/fastqueue/core/outbox.hpp\n@@ -1,2 +1,2 @@\n"
    samples = {
        "empty": ("Nothing is broken.\n# only this\n", "NOT FOUND"),
        "comment": (f"A comment.\n{inbox} #pragma once\n+// nothing\n \n", "NOT FOUND"),
        "elsewhere": (f"The text is not there.\n{inbox}-#pragma twice\n+#pragma once\n", "does not apply"),
        "twice": (f"The text is there more than once.\n{inbox}-\n+\n", "does not apply"),
        "no-file": (f"There is no such file.\n{inbox.replace('outbox', 'no')}-a\n+b\n", "does not apply"),
        "no-words": (f"{inbox} #pragma once\n+// nothing\n \n", "in words"),
        "no-cpp": (f"It cannot be compiled.\n{inbox} #pragma once\n+int 1;\n \n", "does not compile"),
    }
    with tempfile.TemporaryDirectory(prefix="fastqueue-mutations-") as name:
        folder = pathlib.Path(name)
        main = build_main(folder)
        for title, (text, expected) in samples.items():
            patch = folder / f"00-{title}.patch"
            patch.write_text(text, encoding="utf-8")
            try:
                outcome = try_mutation(patch, ROOT / "include", main, 20) or "NOT FOUND"
            except Trouble as trouble:
                outcome = str(trouble)
            if expected not in outcome:
                return f"the sample '{title}' should end as '{expected}', not as: {outcome}"
    judged = [((0, ""), None), ((-signal.SIGXCPU, ""), (None, "it has no end")),
              ((-signal.SIGSEGV, ""), (None, "it dies of signal 11")),
              ((1, "\n seed 7: a &lt; b\n"), (7, "a < b"))]
    for given, expected in judged:
        if complaint(*given) != expected:
            return f"{given} is judged as {complaint(*given)}, not as {expected}"
    names = [pathlib.Path(f"{i:02}-x.patch") for i in range(20)]
    choices = {tuple(sample(names, 3, commit)) for commit in "abcdefgh"}
    if len(choices) < 4 or any(len(c) != 3 for c in choices):
        return "the choice does not depend on the commit"
    return None


def positive(text):
    """A number from 1 on."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def main(arguments):
    """Does what the command line says."""
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("--help", "-h", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--sample", type=positive)
    parser.add_argument("--commit", default=None)
    parser.add_argument("--jobs", type=positive, default=2)
    parser.add_argument("--seeds", type=positive, default=2000)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.error = lambda why: (print(f"run.py: {why}; see run.py --help", file=sys.stderr), sys.exit(2))
    options = parser.parse_args(arguments)
    if options.help:
        print(__doc__.strip())
        return 0
    if options.self_test:
        problem = self_test()
        if problem:
            print(problem, file=sys.stderr)
        return 1 if problem else 0

    patches = sorted(HERE.glob("[0-9][0-9]-*.patch"))
    for name in options.only:
        if not any(name in p.name for p in patches):
            print(f"run.py: --only {name}: no mutation is called so; see run.py --list", file=sys.stderr)
            return 2
    if options.only:
        patches = [p for p in patches if any(name in p.name for name in options.only)]
    if options.sample:
        commit = options.commit or head()
        patches = sample(patches, options.sample, commit)
        print(f"for commit {commit}: {', '.join(p.stem for p in patches)}", flush=True)
    if options.list:
        for patch in patches:
            print(f"{patch.stem}: {words_of(patch)}")
        return 0
    return 1 if try_all(patches, options.jobs, options.seeds) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
