"""Holds the table of docs/reliability.md against the tests: each row of faults is there once, and names tests that are there, or says in italics
why there is none.

usage: reliability_page.py [ROOT]               prints the rows with their tests, and what is wrong
       reliability_page.py --check [ROOT]       prints what is wrong only; the exit code is 1 if there is anything
       reliability_page.py --self-test
"""

import pathlib
import re
import sys
import tempfile

ROWS = [*range(1, 56), *range(83, 101)]
PAGE = "docs/reliability.md"

ROW = re.compile(r"\|\s*(\d+)\s*\|(.*)\|([^|]*)\|\s*$")
TEST = re.compile(r'`(tests/[^`]+)`((?:\s+"[^"]+")*)')


class Tree:
    """The files of the tests, each read once, with literals that C++ puts together made one."""

    def __init__(self, root):
        self._root, self._texts = pathlib.Path(root), {}

    def text(self, name):
        if name not in self._texts:
            path = self._root / name
            read = path.read_text(encoding="utf-8") if path.is_file() else None
            self._texts[name] = read and re.sub(r'"\s*\n\s*"', "", read)
        return self._texts[name]


def table(page):
    """The rows: line, number, and the cell with the tests."""
    for at, line in enumerate(page.splitlines(), 1):
        found = ROW.match(line)
        if found:
            yield at, int(found[1]), found[3].strip()


def tests(cell):
    """The files that a cell names, each with parts of its text."""
    return [(file, re.findall(r'"([^"]+)"', names)) for file, names in TEST.findall(cell)]


def is_skipped(name, text):
    """Whether a test in Python is never run; one that is skipped only on some machines is a test."""
    return re.search(rf"@unittest\.skip\((?:(?!\n    def ).)*\n    def {re.escape(name)}", text, re.DOTALL) is not None


def wrong_in(cell, tree):
    named = tests(cell)
    if not named and not re.fullmatch(r"\*[^*]+\*", cell):
        yield "names no test, and does not say in italics why"
    for file, names in named:
        text = tree.text(file)
        if text is None:
            yield f"there is no {file}"
        elif not names:
            yield f"names nothing in {file}"
        else:
            yield from (f'{file} has no "{name}"' for name in names if name not in text)
            yield from (f'{file}: "{name}" is skipped' for name in names if is_skipped(name, text))


def problems(root):
    tree = Tree(root)
    seen = set()
    for line, number, cell in table((pathlib.Path(root) / PAGE).read_text(encoding="utf-8")):
        if number not in ROWS:
            yield f"{PAGE}:{line}: row {number}: is none of this table"
        if number in seen:
            yield f"{PAGE}:{line}: row {number}: is there twice"
        seen.add(number)
        yield from (f"{PAGE}:{line}: row {number}: {what}" for what in wrong_in(cell, tree))
    yield from (f"{PAGE}: row {number} is missing" for number in ROWS if number not in seen)


def show(root):
    for _, number, cell in table((pathlib.Path(root) / PAGE).read_text(encoding="utf-8")):
        print(number, cell if not tests(cell) else "")
        for file, names in tests(cell):
            print(*(f"    {file}: {name}" for name in names), sep="\n")


PYTHON = """class All:
    @unittest.skip("not yet")
    def test_later(self):
    def test_it(self):
    @unittest.skipIf(CLOCK, "of clocks")
    def test_here(self):
"""

SAMPLES = [  # the last cell of a row, and what is found
    ('`tests/a.cpp` "one"', None),
    ('`tests/a.cpp` "one" "that goes on"', None),
    ('`tests/a.cpp` "one"; `tests/b.py` "test_it"', None),
    ("*it cannot happen*", None),
    ("", "names no test, and does not say in italics why"),
    ("it cannot happen", "names no test, and does not say in italics why"),
    ('`tests/a.cpp` "two"', 'tests/a.cpp has no "two"'),
    ('`tests/a.cpp` "one"; `tests/b.py` "test_that"', 'tests/b.py has no "test_that"'),
    ('`tests/b.py` "test_later"', 'tests/b.py: "test_later" is skipped'),
    ('`tests/b.py` "test_here"', None),
    ("`tests/a.cpp`", "names nothing in tests/a.cpp"),
    ('`tests/c.py` "x"', "there is no tests/c.py"),
]


def self_test():
    """Each sample is judged as it must be, and so is a table in which a row is missing, twice there, or none of it."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ("docs", "tests"):
            (root / name).mkdir()
        (root / "tests/a.cpp").write_text('TEST_CASE("one");\nTEST_CASE("that goes "\n          "on");\n')
        (root / "tests/b.py").write_text(PYTHON)
        page = lambda cells: (root / PAGE).write_text("".join(f"| {number} | a `|` b | c | {cell} |\n" for number, cell in cells))
        for cell, expected in SAMPLES:
            page([(number, "*none*") for number in ROWS[1:]] + [(1, cell)])
            found = list(problems(root))
            if found != ([f"{PAGE}:{len(ROWS)}: row 1: {expected}"] if expected else []):
                wrong.append(f"{cell}: expected {expected!r}, found {found}")
        page([(number, "*none*") for number in (*ROWS[1:], 2, 60)])
        found = list(problems(root))
        for what in ("row 1 is missing", "row 2: is there twice", "row 60: is none"):
            if not any(what in line for line in found):
                wrong.append(f"not found: {what}")
        if len(found) != 3:
            wrong.append(f"expected three, found {found}")
    return wrong


def main(arguments):
    check = "--check" in arguments
    if arguments == ["--self-test"]:
        lines = self_test()
    else:
        places = [argument for argument in arguments if argument != "--check"]
        root = places[0] if places else pathlib.Path(__file__).resolve().parents[2]
        if not check:
            show(root)
        lines = list(problems(root))
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
