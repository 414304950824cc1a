"""Draws what tests/benchmarks/scale.cpp measures: one picture a sweep, as SVG, the same for the same figures.

plot.py FILE [FOLDER]   reads what `scale --json` printed, writes FOLDER/scale_<sweep>.svg (FOLDER: docs/images)
plot.py --self-test

The pictures in docs/scale.md are made on a quiet machine, some four minutes, with

    build/release/benchmarks/scale --seconds 1 --repetitions 5 --json > scale.json
    python3 tests/benchmarks/plot.py scale.json docs/images

Both axes are logarithmic. Dashed: the growth that theory expects, laid through what was measured.
"""

import json
import math
import os
import sys
import tempfile
import xml.etree.ElementTree as xml
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
TOP, BOTTOM, LEFT, RIGHT, GAP = 92, 58, 56, 30, 74  # around the panels, and between two
PANELS = 2  # as many units as fit into a picture
LINES = ("#1f5fa8", "#c2571a")
INK, FAINT, GRID, FINE, EXPECTED = "#222222", "#666666", "#d9d9d9", "#efefef", "#8a8a8a"
FONT = "font-family=\"'DejaVu Sans', Verdana, Arial, sans-serif\""


class Refused(Exception):
    """The input is not what `scale --json` prints."""


def n(value):
    """A coordinate, short."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def count_text(value):
    """1, 20, 1k, 50k, 1M; 0.5 below 1."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"


def octets_text(value):
    for size, sign in ((1 << 20, " MiB"), (1 << 10, " KiB")):
        if value >= size:
            return f"{value // size}{sign}"
    return f"{value} B"


class Axis:
    """Numbers on a logarithmic scale between two places of the picture."""

    def __init__(self, low, high, begin, end):
        self.low, self.high, self.begin, self.end = low, high, begin, end

    def place(self, value):
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.begin + part * (self.end - self.begin)


def decades(low, high):
    """Powers of ten around all that is shown; two decades at least, so that noise does not look like growth."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high) - 1e-9)
    while last - first < 2:
        if math.log10(low) - first < last - math.log10(high):
            first -= 1
        else:
            last += 1
    return first, last


def expected_of(growth, points):
    """How it grows, and the points for which that holds: `flat from 100 on` is flat for those from there on."""
    kind, _, bound = growth.partition(" from ")
    return kind, [p for p in points if not bound or p[0] >= float(bound.split()[0])]


def expectation(growth, points):
    """The function that theory expects, through the first and the last of what was measured; none for a word not known."""
    if not points:
        return None
    (x0, y0), (x1, y1) = points[0], points[-1]
    if growth == "flat" or growth == "logarithmic" and y1 <= y0:
        mean = math.exp(sum(math.log(y) for _, y in points) / len(points))
        return lambda x: mean
    if growth == "linear":
        return lambda x: y0 * x / x0
    if growth == "logarithmic":
        return lambda x: y0 + (y1 - y0) * math.log(x / x0) / math.log(x1 / x0)
    if growth == "flat, then inverse":  # a task takes a constant and so much an octet
        return lambda x: 1 / (1 / y0 + x / (y1 * x1))
    if growth == "linear, then flat":
        return lambda x: x / (x0 / y0 + x / y1)
    return None


def text(x, y, words, size=12, anchor="middle", fill=INK, more=""):
    return (f'<text x="{n(x)}" y="{n(y)}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{more}>'
            f"{escape(words)}</text>")


def line(x1, y1, x2, y2, colour, width=1):
    return f'<line x1="{n(x1)}" y1="{n(y1)}" x2="{n(x2)}" y2="{n(y2)}" stroke="{colour}" stroke-width="{width}"/>'


def path(places, colour, more):
    return f'<polyline points="{" ".join(f"{n(x)},{n(y)}" for x, y in places)}" fill="none" stroke="{colour}" {more}/>'


def x_ticks(counted, low, high, across):
    """Values with their labels, as many as are readable."""
    if counted.startswith("octets"):
        base, label = 16, octets_text
    else:
        base, label = 10, count_text
    first, last = round(math.log(low, base)), round(math.log(high, base))
    every = 1 if (last - first) * 40 <= across else 2
    return [(base**e, label(base**e) if (e - first) % every == 0 else "") for e in range(first, last + 1)]


def grid(x, y, first, last, ticks):
    """Lines and labels of both axes."""
    out = []
    for e in range(first, last):
        for digit in range(2, 10):
            at = y.place(digit * 10.0**e)
            out.append(line(x.begin, at, x.end, at, FINE))
            if last - first <= 2 and digit in (2, 5):
                out.append(text(x.begin - 7, at + 3.5, count_text(digit * 10.0**e), 10, "end", FAINT))
    for e in range(first, last + 1):
        at = y.place(10.0**e)
        out.append(line(x.begin, at, x.end, at, GRID))
        out.append(text(x.begin - 7, at + 4, count_text(10.0**e), 12, "end"))
    for value, label in ticks:
        at = x.place(value)
        out.append(line(at, y.begin, at, y.end, GRID))
        out.append(text(at, y.begin + 18, label, 12))
    return out + [line(x.begin, y.begin, x.end, y.begin, INK), line(x.begin, y.begin, x.begin, y.end, INK)]


def curve(x, y, points, growth, colour):
    """What was measured, on what was expected."""
    out = []
    kind, holds = expected_of(growth, points)
    expected = expectation(kind, holds)
    if expected:
        xs = [holds[0][0] * (holds[-1][0] / holds[0][0]) ** (i / 60) for i in range(61)]
        places = [(x.place(v), y.place(expected(v))) for v in xs if y.low <= expected(v) <= y.high]
        out.append(path(places, EXPECTED, 'stroke-width="1.5" stroke-dasharray="5 4"'))
    places = [(x.place(at), y.place(value)) for at, value in points]
    out.append(path(places, colour, 'stroke-width="2.2" stroke-linejoin="round"'))
    return out + [f'<circle cx="{n(px)}" cy="{n(py)}" r="3.4" fill="{colour}"/>' for px, py in places]


def panel(sweep, columns, begin, end):
    """The columns of one unit, as (name, growth, points)."""
    values = [value for _, _, points in columns for _, value in points]
    first, last = decades(min(values), max(values))
    low, high = sweep["points"][0][0], sweep["points"][-1][0]
    x = Axis(low, high if high > low else low * 10, begin, end)
    y = Axis(10.0**first, 10.0**last, HEIGHT - BOTTOM, TOP)
    out = grid(x, y, first, last, x_ticks(sweep["counted"], x.low, x.high, end - begin))
    for i, (name, growth, points) in enumerate(columns):
        out += curve(x, y, points, growth, LINES[i])
        if len(columns) > 1:
            at = TOP + 16 + 17 * i
            out += [line(begin + 10, at - 4, begin + 30, at - 4, LINES[i], 2.2), text(begin + 36, at, name, 12, "start")]
    return out + [text((begin + end) / 2, HEIGHT - 18, sweep["counted"], 12)]


def units_of(sweep):
    """What is drawn: for each unit its columns that have figures."""
    units = {}
    for i, column in enumerate(sweep["columns"], 1):
        points = [(p[0], p[i]) for p in sweep["points"] if p[i] is not None and p[i] > 0]
        if points:
            units.setdefault(column["unit"], []).append((column["name"], column["growth"], points))
    return list(units.items())[:PANELS]


def picture(sweep):
    units = units_of(sweep)
    if not units:
        raise Refused(f"the sweep {sweep['name']} has no figures")
    across = (WIDTH - LEFT - RIGHT - GAP * (len(units) - 1)) / len(units)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
           f'height="{HEIGHT}" role="img" {FONT}>',
           f"<title>{escape(sweep['title'])}</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           text(WIDTH / 2, 30, sweep["title"], min(17, 920 // len(sweep["title"])), more=' font-weight="bold"'),
           text(WIDTH / 2, 50, "dashed: the growth that theory expects", 11, fill=FAINT)]
    for i, (unit, columns) in enumerate(units):
        begin = LEFT + i * (across + GAP)
        heading = f"{columns[0][0]}, {unit}" if len(columns) == 1 else unit
        out.append(text(begin + across / 2, TOP - 14, heading, 12.5))
        out += panel(sweep, columns, begin, begin + across)
    return "\n".join(out + ["</svg>"]) + "\n"


def pictures(source):
    """The name and the text of each picture."""
    try:
        return {f"scale_{sweep['name']}.svg": picture(sweep) for sweep in json.loads(source)}
    except (ValueError, KeyError, IndexError, TypeError) as wrong:
        raise Refused(f"this is not what `scale --json` prints: {wrong!r}") from wrong


def draw(file, folder):
    with open(file, encoding="utf-8") as opened:
        made = pictures(opened.read())
    os.makedirs(folder, exist_ok=True)
    for name, svg in made.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as opened:
            opened.write(svg)


SAMPLE = """[{"name": "a", "title": "Cost & size", "counted": "tasks", "columns": [
  {"name": "x", "unit": "ns", "growth": "flat"}, {"name": "y", "unit": "ns", "growth": "logarithmic"},
  {"name": "z", "unit": "octets", "growth": "linear"}, {"name": "left out", "unit": "times", "growth": ""}],
  "points": [[10, 900.0, 90.0, null, 1], [100, 1100.0, 120.0, 4, 2], [1000, 1000, 150, 40, 3]], "skipped": []},
 {"name": "b", "title": "Octets", "counted": "octets of arguments", "columns": [
  {"name": "r", "unit": "a second", "growth": "flat, then inverse"}, {"name": "s", "unit": "MB/s", "growth": "?"}],
  "points": [[16, 1000, 0.016]], "skipped": [[64, "no room"]]}]"""


def self_test():
    """Draws a small sample, and refuses what cannot be drawn."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "in.json")
        with open(file, "w", encoding="utf-8") as opened:
            opened.write(SAMPLE)
        draw(file, os.path.join(folder, "out"))
        drawn = {}
        for name in os.listdir(os.path.join(folder, "out")):
            with open(os.path.join(folder, "out", name), encoding="utf-8") as opened:
                drawn[name] = opened.read()
    if drawn != pictures(SAMPLE) or sorted(drawn) != ["scale_a.svg", "scale_b.svg"]:
        return f"not the same twice: {sorted(drawn)}"
    for name, circles, dashed in (("scale_a.svg", 8, 3), ("scale_b.svg", 2, 1)):
        root = xml.fromstring(drawn[name])
        found = len(root.findall("{*}circle")), drawn[name].count("stroke-dasharray")
        if found != (circles, dashed):
            return f"{name}: points and expectations are {found}, not {(circles, dashed)}"
    if "Cost &amp; size" not in drawn["scale_a.svg"] or "left out" in drawn["scale_a.svg"]:
        return "the title is missing, or a third unit is there"
    flat = expectation("flat", [(1, 1.0), (10, 100.0)])(5)
    kept = expected_of("flat from 10 on", [(1, 5), (10, 6), (100, 7)])
    if abs(flat - 10) > 1e-9 or decades(6, 7) != (0, 2) or count_text(5e4) != "50k":
        return "numbers come out wrong"
    if kept != ("flat", [(10, 6), (100, 7)]):
        return f"an expectation that begins late: {kept}"
    for bad in ("", "[1]", '[{"name": "a"}]', SAMPLE.replace("[[16, 1000, 0.016]]", "[]")):
        try:
            pictures(bad)
            return f"drawn though it says nothing: {bad[:40]}"
        except Refused:
            pass
    return None


def main(arguments):
    if arguments == ["--self-test"]:
        problem = self_test()
    elif len(arguments) not in (1, 2) or arguments[0].startswith("-"):
        problem = __doc__
    else:
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        try:
            problem = draw(arguments[0], arguments[1] if len(arguments) == 2 else os.path.join(root, "docs", "images"))
        except (OSError, Refused) as failed:
            problem = str(failed)
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
