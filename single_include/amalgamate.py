#!/usr/bin/env python3
"""Writes single_include/fastqueue/fastqueue.hpp: the whole library in one header.

usage: amalgamate.py             writes the file
       amalgamate.py --check     fails if the file is not what this script would write
       amalgamate.py --self-test

Starts at include/fastqueue/fastqueue.hpp and puts each of our headers in once, where it is first included. Foreign and
standard includes stay, each once. What fastqueue.hpp does not reach (headers that need SQLite, libsodium or libzmq) is
left out. The same sources give the same bytes, on any machine.
"""

import os
import re
import sys
import tempfile

SCRIPT = "single_include/amalgamate.py"
START = "fastqueue/fastqueue.hpp"
TARGET = "single_include/fastqueue/fastqueue.hpp"

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')
OPENS = re.compile(r"^\s*#\s*if")
CLOSES = re.compile(r"^\s*#\s*endif")
ONCE = re.compile(r"^\s*#\s*pragma\s+once\b")
VERSION = re.compile(r"^#define FASTQUEUE_VERSION_(MAJOR|MINOR|PATCH) (\d+)$", re.MULTILINE)


class Refused(Exception):
    """The sources cannot be made one header; the text says why."""


class Amalgamation:
    """One run over the headers below a root."""

    def __init__(self, root):
        self.base = os.path.join(root, "include")
        self.done = set()  # our headers and foreign ones that stand in the output, outside any #if
        self.lines = []

    def append(self, header):
        """Appends a header of ours and, before its own text, what it includes."""
        self.done.add(header)
        self.lines.append(f"// ---- <{header}>")
        depth = 0
        for number, line in enumerate(self.read(header).splitlines(), 1):
            found = INCLUDE.match(line)
            depth += bool(OPENS.match(line)) - bool(CLOSES.match(line))
            if found:
                self.include(found.group(1) or found.group(2), line, depth, f"include/{header}:{number}")
            elif not ONCE.match(line):
                self.lines.append(line.rstrip())
        self.lines.append("")

    def include(self, target, line, depth, place):
        if target in self.done:
            return
        if not target.startswith("fastqueue/"):
            self.lines.append(line.rstrip())
            if depth == 0:
                self.done.add(target)
        elif depth > 0:  # it would be missing wherever the condition does not hold
            raise Refused(f"{place}: an include of our own must not stand inside #if: <{target}>")
        else:
            self.append(target)

    def read(self, header):
        with open(os.path.join(self.base, header), encoding="utf-8") as file:
            return file.read()


def single_blank(lines):
    """The lines with runs of empty ones made one, and none at the end."""
    kept = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def amalgamate(root):
    """The text of the single header of the sources below `root`."""
    run = Amalgamation(root)
    if not os.path.exists(os.path.join(run.base, START)):
        raise Refused(f"include/{START} does not exist: there is nothing to make a single header of")
    try:
        version = ".".join(number for _, number in VERSION.findall(run.read("fastqueue/version.hpp")))
        run.append(START)
    except FileNotFoundError as missing:
        raise Refused(f"{missing.filename} is included and does not exist") from missing
    with open(os.path.join(root, "LICENSE"), encoding="utf-8") as file:
        terms = [f"// {line}".rstrip() for line in file.read().splitlines()]
    head = [f"// FastQueue {version}: a distributed task queue, the whole library in one header.",
            f"// Made by {SCRIPT}: change the headers in include/fastqueue/ and run it again.", "//"]
    return "\n".join(head + terms + ["", "#pragma once", ""] + single_blank(run.lines)) + "\n"


def is_current(root, text):
    try:
        with open(os.path.join(root, TARGET), encoding="utf-8") as file:
            return file.read() == text
    except FileNotFoundError:
        return False


def write(root, text):
    os.makedirs(os.path.dirname(os.path.join(root, TARGET)), exist_ok=True)
    with open(os.path.join(root, TARGET), "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def put(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def self_test():
    """Makes a small library one header, changes it, and breaks it."""
    with tempfile.TemporaryDirectory() as root:
        try:
            amalgamate(root)
            return "the missing fastqueue.hpp is not noticed"
        except Refused as refused:
            if "does not exist" not in str(refused):
                return f"unclear: {refused}"
        put(root, "LICENSE", "Terms\n")
        put(root, "include/fastqueue/version.hpp", "#pragma once\n#define FASTQUEUE_VERSION_MAJOR 3\n"
            "#define FASTQUEUE_VERSION_MINOR 2\n#define FASTQUEUE_VERSION_PATCH 1\n")
        put(root, "include/fastqueue/a.hpp", "#pragma once\n#include <fastqueue/version.hpp>\n\n"
            "#include <string>\n\n#if X\n#include <array>\n#endif\nint a;\n")
        put(root, "include/fastqueue/lone.hpp", "int not_reached;\n")
        put(root, f"include/{START}", "#pragma once\n#include <fastqueue/a.hpp>\n#include <fastqueue/version.hpp>\n"
            "\n#include <array>\n#include <string>\nint all;\n")
        text = amalgamate(root)
        for part, times in (("#pragma once", 1), ("VERSION_MAJOR", 1), ("<string>", 1), ("<array>", 2),
                            ("not_reached", 0), ("FastQueue 3.2.1", 1), ("// Terms", 1), ("include <fastqueue", 0)):
            if text.count(part) != times:
                return f"{part} stands {text.count(part)} times, not {times}, in:\n{text}"
        if not text.index("VERSION_MAJOR") < text.index("int a;") < text.index("int all;"):
            return f"wrong order:\n{text}"
        if is_current(root, text):
            return "an absent file passes for current"
        write(root, text)
        if not is_current(root, amalgamate(root)):
            return "what was just written is not current"
        put(root, "include/fastqueue/a.hpp", "int changed;\n")
        if is_current(root, amalgamate(root)):
            return "a changed source is not noticed"
        put(root, "include/fastqueue/a.hpp", "#if X\n#include <fastqueue/lone.hpp>\n#endif\n")
        try:
            amalgamate(root)
            return "an include of our own inside #if is not noticed"
        except Refused as refused:
            return None if "include/fastqueue/a.hpp:2" in str(refused) else f"unclear: {refused}"


def main(arguments):
    root = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    if arguments == ["--self-test"]:
        problem = self_test()
    elif arguments not in ([], ["--check"]):
        problem = __doc__
    else:
        problem = None
        try:
            text = amalgamate(root)
            if not arguments:
                write(root, text)
            elif not is_current(root, text):
                problem = f"{TARGET} is not what the headers make: run {SCRIPT} and commit the result"
        except Refused as refused:
            problem = str(refused)
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
