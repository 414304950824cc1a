"""Checks that every include in include/fastqueue/ points downward (docs/architecture.md).

usage: check_includes.py [ROOT]      prints one line FILE:LINE: WHAT IS WRONG for each violation
       check_includes.py --self-test
"""

import functools
import os
import re
import sys
import tempfile

ROOT = ""
POLICY = {"policy", "model", "json"}
BELOW_TRANSPORT = POLICY | {"core", "wire", "zmtp"}

# folder -> the folders it may include, besides itself. A folder that is not here has no layer yet.
MAY_INCLUDE = {
    "model": set(),
    "json": {"model"},
    "policy": {"model"},
    "eviction": POLICY,
    "balancing": POLICY,
    "serialization": POLICY,
    "store": POLICY,
    "executor": POLICY,
    "observer": POLICY,
    "time_zones": POLICY,
    "tasks": POLICY | {"serialization", "wire"},  # an invocation's wishes are written as a header has them
    "wire": {"model", "json"},
    "zmtp": {"model"},
    "core": {"wire", "policy", "model", "json"},
    "transport": BELOW_TRANSPORT,
}
BELOW_THE_ROLES = set(MAY_INCLUDE)
MAY_INCLUDE["testing"] = BELOW_THE_ROLES
MAY_INCLUDE[""] = BELOW_THE_ROLES | {"testing", "shell"}  # the root: roles and bundles
MAY_INCLUDE["shell"] = BELOW_THE_ROLES | {""}  # the same storey: what the roles are put together from

# A folder that one file, by the beginning of its name, may include beyond its layer.
ALSO = {
    ("transport/simulated", "testing"),  # the network that it simulates, which tests steer
    ("testing/simulated_client", ROOT), ("testing/simulated_client", "shell"),  # a role in virtual time
    ("testing/simulated_system", ROOT),  # puts all roles together, for users' tests
}

# Anybody may include these headers of the root: they include nothing of ours.
OPEN_TO_ALL = {"version.hpp", "module.h"}

# Headers of the root that hold no role: what they may reach, through others too.
LIGHT = POLICY | {"tasks", "serialization", "wire"}
LIGHT_DOORS = {"task.hpp": LIGHT, "module.hpp": LIGHT}

SANS_IO = ("model/", "json/", "policy/", "wire/", "zmtp/", "core/")

# (what, pattern of the included header, where it may stand, where it may not)
FOREIGN = [
    ("Asio", re.compile(r"asio(/|\.hpp)"), None, SANS_IO + (
        "eviction/", "balancing/", "serialization/", "store/", "executor/", "observer/", "tasks/", "testing/",
        "task.hpp", "module.h", "version.hpp")),
    ("cereal", re.compile(r"cereal/"), None, ("core/", "zmtp/", "wire/", "model/", "policy/")),
    ("a thread", re.compile(r"(thread|stop_token|mutex|shared_mutex|condition_variable|future)$"), None,
     ("core/", "zmtp/", "wire/", "model/")),
    ("CLI11", re.compile(r"CLI/"), (), None),
    ("Catch2", re.compile(r"catch2/"), (), None),
    ("SQLite", re.compile(r"sqlite3\.h"), ("store/sqlite", "sqlite_"), None),
    ("libsodium", re.compile(r"sodium"), ("zmtp/curve",), None),
    ("the date library", re.compile(r"date/"), ("time_zones/tzdb",), None),
    ("libzmq", re.compile(r"zmq"), ("transport/zmq",), None),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")')


def folder_of(path):
    """The layer of a header, given relative to include/fastqueue/; the root is the empty text."""
    return path.split("/")[0] if "/" in path else ROOT


@functools.lru_cache(maxsize=None)
def includes_of(file):
    """(line number, text in brackets, whether it stands in angle brackets) of every include."""
    with open(file, encoding="utf-8") as lines:
        found = [(number, INCLUDE.match(line)) for number, line in enumerate(lines, 1)]
    return [(number, match.group(1)[1:-1], match.group(1)[0] == "<") for number, match in found if match]


def headers_of(base):
    for folder, folders, files in os.walk(base):
        folders.sort()
        for name in sorted(files):
            if name.endswith((".hpp", ".h")):
                yield os.path.relpath(os.path.join(folder, name), base).replace(os.sep, "/")


def own_include(header, target, base):
    """What is wrong with one of our headers including another, or None."""
    source, layer = folder_of(header), folder_of(target)
    if not os.path.exists(os.path.join(base, target)):
        return f"<fastqueue/{target}> does not exist"
    if target in OPEN_TO_ALL or source == layer:
        return None
    if layer not in MAY_INCLUDE:
        return f"the folder {layer}/ has no layer: name it in tests/support/check_includes.py"
    also = any(header.startswith(name) and layer == folder for name, folder in ALSO)
    if layer not in MAY_INCLUDE[source] and not also:
        return f"{source or 'the root'} must not include {layer + '/' if layer else 'the root: '}" \
               f"{target if not layer else target.split('/', 1)[1]}"
    return None


def foreign_include(header, target):
    """What is wrong with one of our headers including a library's header, or None."""
    for what, pattern, only, never in FOREIGN:
        if pattern.match(target):
            if (only is not None and not header.startswith(only)) or (never and header.startswith(never)):
                return f"{what} has no place here: <{target}>"
    return None


def reach_of(header, base, seen):
    """All of our headers that a header includes, through others too."""
    for _, target, _ in includes_of(os.path.join(base, header)):
        own = target.removeprefix("fastqueue/")
        if target.startswith("fastqueue/") and own not in seen and os.path.exists(os.path.join(base, own)):
            seen.add(own)
            reach_of(own, base, seen)
    return seen


def violations(root):
    """One line a violation, in the order of the files."""
    base = os.path.join(root, "include", "fastqueue")
    for header in headers_of(base):
        place = f"include/fastqueue/{header}"
        if folder_of(header) not in MAY_INCLUDE:
            yield f"{place}:1: the folder {folder_of(header)}/ has no layer: name it in tests/support/check_includes.py"
            continue
        for number, target, angled in includes_of(os.path.join(base, header)):
            if not angled:
                wrong = f'write <fastqueue/...> in full, not "{target}"'
            elif target.startswith("fastqueue/"):
                wrong = own_include(header, target.removeprefix("fastqueue/"), base)
            else:
                wrong = foreign_include(header, target)
            if wrong:
                yield f"{place}:{number}: {wrong}"
        if header in reach_of(header, base, set()):
            yield f"{place}:1: includes itself, through others"
    for header, allowed in LIGHT_DOORS.items():
        if os.path.exists(os.path.join(base, header)):
            for other in sorted(reach_of(header, base, set())):
                if folder_of(other) not in allowed and other not in OPEN_TO_ALL and other not in LIGHT_DOORS:
                    yield f"include/fastqueue/{header}:1: must stay light, and reaches {other}"


SAMPLES = [  # header, its includes, what the one violation says (None: there is none)
    ("model/good.hpp", ["<string>", "<fastqueue/version.hpp>"], None),
    ("core/good.hpp", ["<fastqueue/wire/good.hpp>", "<fastqueue/model/good.hpp>"], None),
    ("control_plane.hpp", ["<fastqueue/transport/good.hpp>", "<asio/io_context.hpp>"], None),
    ("module.h", ["<stddef.h>"], None),
    ("tasks/good.hpp", ["<fastqueue/module.h>"], None),
    ("transport/good.hpp", ["<asio.hpp>", "<fastqueue/core/good.hpp>"], None),
    ("store/sqlite.hpp", ["<sqlite3.h>"], None),
    ("time_zones/tzdb.hpp", ["<date/tz.h>"], None),
    ("time_zones/utc.hpp", ["<date/date.h>"], "the date library has no place here: <date/date.h>"),
    ("sqlite_outbox.hpp", ["<sqlite3.h>", "<fastqueue/wire/good.hpp>"], None),
    ("testing/simulated_system.hpp", ["<fastqueue/control_plane.hpp>"], None),
    ("testing/role.hpp", ["<fastqueue/control_plane.hpp>"], "testing must not include the root: control_plane.hpp"),
    ("transport/simulated.hpp", ["<fastqueue/testing/network.hpp>"], None),
    ("testing/network.hpp", ["<fastqueue/model/good.hpp>"], None),
    ("transport/tests.hpp", ["<fastqueue/testing/network.hpp>"], "transport must not include testing/network.hpp"),
    ("model/round.hpp", ["<fastqueue/model/round_2.hpp>"], "includes itself, through others"),
    ("model/round_2.hpp", ["<fastqueue/model/round.hpp>"], "includes itself, through others"),
    ("core/up.hpp", ["<fastqueue/transport/good.hpp>"], "core must not include transport/good.hpp"),
    ("core/role.hpp", ["<fastqueue/control_plane.hpp>"], "core must not include the root: control_plane.hpp"),
    ("core/thread.hpp", ["<thread>"], "a thread has no place here: <thread>"),
    ("zmtp/asio.hpp", ["<asio/buffer.hpp>"], "Asio has no place here: <asio/buffer.hpp>"),
    ("zmtp/sideways.hpp", ["<fastqueue/wire/good.hpp>"], "zmtp must not include wire/good.hpp"),
    ("eviction/sideways.hpp", ["<fastqueue/store/sqlite.hpp>"], "eviction must not include store/sqlite.hpp"),
    ("store/memory.hpp", ["<sqlite3.h>"], "SQLite has no place here: <sqlite3.h>"),
    ("model/quoted.hpp", ['"good.hpp"'], 'write <fastqueue/...> in full, not "good.hpp"'),
    ("model/gone.hpp", ["<fastqueue/model/none.hpp>"], "<fastqueue/model/none.hpp> does not exist"),
    ("attic/new.hpp", [], "the folder attic/ has no layer: name it in tests/support/check_includes.py"),
    ("task.hpp", ["<fastqueue/transport/good.hpp>"], "must stay light, and reaches core/good.hpp"),
]
FILL = ["version.hpp", "wire/good.hpp"]


def self_test():
    """Every violating sample is detected, with its place, and no other."""
    with tempfile.TemporaryDirectory() as root:
        for header, includes in [(name, []) for name in FILL] + [(name, lines) for name, lines, _ in SAMPLES]:
            path = os.path.join(root, "include", "fastqueue", header)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("#pragma once\n\n" + "".join(f"#include {include}\n" for include in includes))
        found = list(violations(root))
    problems = []
    for header, includes, wrong in SAMPLES:
        said = [line for line in found if line.startswith(f"include/fastqueue/{header}:")]
        if wrong is None and said:
            problems.append(f"found in a good sample: {said}")
        if wrong is not None:
            line = 1 if not includes or header in LIGHT_DOORS or "itself" in wrong else 3
            if f"include/fastqueue/{header}:{line}: {wrong}" not in said:
                problems.append(f"{header}: expected '{wrong}' at line {line}, found {said}")
    return problems


def main(arguments):
    if arguments == ["--self-test"]:
        lines = self_test()
    else:
        default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        lines = list(violations(arguments[0] if arguments else default))
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
