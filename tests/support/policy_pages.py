#!/usr/bin/env python3
"""docs/policies/ has a page for each policy: what its concept's header says, when it is called, and a whole example.

usage: policy_pages.py           writes the pages
       policy_pages.py --check   fails where a page is not what this script would write

The tables are the comments of include/fastqueue/policy/*.hpp, the examples are files that are compiled and run in the tests,
and what lies between is the policy's section in docs/policies.md.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs/policies"
OVERVIEW = ROOT / "docs/policies.md"
CUSTOM = "examples/custom_policies"
ARCHETYPES = "tests/roles/archetypes.hpp"

EXAMPLES = {  # a file, or a file and a class in it
    "transport": (ARCHETYPES, "transport"),
    "serialization": (f"{CUSTOM}/checked_json.hpp", None),
    "eviction": (f"{CUSTOM}/clock_eviction.hpp", None),
    "balancing": (f"{CUSTOM}/first_fit.hpp", None),
    "store": (f"{CUSTOM}/journal.hpp", None),
    "executor": (ARCHETYPES, "executor"),
    "observer": (f"{CUSTOM}/tally.hpp", None),
    "time_zones": (ARCHETYPES, "time_zones"),
}


def comments(header):
    """Each documented concept of a header: its name, and the lines of its comment."""
    lines = []
    for line in header.read_text().splitlines():
        if line.startswith("///"):
            lines.append(line[3:].removeprefix(" "))
        elif name := re.match(r"concept (\w+) =", line):
            if lines:
                yield name.group(1), lines
            lines = []
        elif not line.startswith(("template", "//")):
            lines = []


def cells(line):
    return [cell.strip() for cell in line.split("|")]


def in_code(cell):
    return f"`{cell}`" if cell and "`" not in cell else cell


def rows(lines):
    """A comment's table; a line whose first cell is empty goes on with the row before it."""
    made = []
    for line in map(cells, lines):
        if line[0]:
            made.append(line)
        else:
            made[-1] = [f"{before} {more}".strip() for before, more in zip(made[-1], line)]
    return made


def section(lines):
    """A concept's comment in Markdown."""
    table = [i for i, line in enumerate(lines) if "|" in line]
    if not table:
        return "\n".join(lines) + "\n"
    head, *body = rows(lines[table[0] : table[-1] + 1])
    out = lines[: table[0]] + ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    out += ["| " + " | ".join([in_code(row[0]), *row[1:]]) + " |" for row in body]
    return "\n".join(out + lines[table[-1] + 1 :]).rstrip() + "\n"


def example(path, name):
    text = (ROOT / path).read_text()
    if name is None:
        return text.removeprefix("#pragma once\n\n")
    found = re.search(rf"^class {name} .*?^}};$", text, re.MULTILINE | re.DOTALL)
    if not found:
        sys.exit(f"policy_pages: {path} has no class {name}")
    return found.group(0) + "\n"


def page(policy):
    overview = OVERVIEW.read_text()
    words = policy.replace("_", " ")
    title, when = re.search(rf"^## ({words.capitalize()}: .*?)\n\n(.*?)(?=^## |\Z)", overview, re.MULTILINE | re.DOTALL).groups()
    line = re.search(rf"^\| {words} \| .*$", overview, re.MULTILINE).group(0)
    when = when.replace("](../", "](../../").strip()
    parts = [f"# {title}\n", f"Written by `tests/support/policy_pages.py` from `include/fastqueue/policy/{policy}.hpp`.\n"]
    parts += ["| policy | who uses it | default | others |\n|---|---|---|---|\n" + line + "\n"]
    parts += ["## When it is called\n\n" + when + "\n"]
    for name, lines in comments(ROOT / f"include/fastqueue/policy/{policy}.hpp"):
        parts.append(f"## The concept `fastqueue::policy::{name}`\n\n" + section(lines))
    path, name = EXAMPLES[policy]
    parts.append(f"## An example\n\nIt stands in [{path}](../../{path}), and a test builds and runs it.\n\n"
                 f"```cpp\n{example(path, name)}```\n")
    return "\n".join(parts)


def main(check):
    stale = []
    for policy in EXAMPLES:
        path = PAGES / f"{policy}.md"
        if not check:
            path.write_text(page(policy))
        elif not path.exists() or path.read_text() != page(policy):
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        sys.exit(f"{', '.join(stale)}: not what the headers say; tests/support/policy_pages.py writes it")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    main(bool(sys.argv[1:]))
