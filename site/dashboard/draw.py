#!/usr/bin/env python3
"""Draws the dashboard of template.yaml, with the metrics of bad-day.json, as docs/pictures/dashboard.svg.

Needs PyYAML. `site/dashboard/draw.py -` prints the picture instead.
"""

import json
import math
import re
import sys
from datetime import datetime
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/template"))

from cloudformation import Template  # noqa: E402

CELL_WIDTH, CELL_HEIGHT, GAP, LINE = 50, 36, 8, 16
# CloudWatch's own, in its order.
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"]
OK, RINGS, GREY, GRID = "#1d8102", "#d13212", "#545b64", "#e3e7e8"
LEFT, RIGHT, TOP = 46, 46, 40  # around the plot
HOURS_BETWEEN_TICKS = 4
LETTER = 7  # width of a letter at 12 px, at most: what is longer than its place is cut


class Data:
    """What was recorded of the day. What the dashboard shows and the day lacks is an error: record it again."""

    def __init__(self):
        data = json.loads((HERE / "bad-day.json").read_text())
        self.series, self.alarms, self.tables = data["series"], data["alarms"], data["tables"]
        self.start = datetime.fromisoformat(data["start"].replace("Z", "+00:00"))
        self.period = data["period"]
        (self.periods,) = {len(values) for values in self.series.values()}

    def shown_by(self, widget):
        """Each line of a graph: label, colour, values, whether its axis is the right one."""
        found = []
        for metric in widget["properties"]["metrics"]:
            if "expression" in metric[-1]:
                found += [(kind, {}, values) for kind, values in self.by_kind(metric[-1]["expression"].split('"')[1])]
                continue
            namespace, name, *dimensions, options = metric
            pairs = [f"{n}={v}" for n, v in zip(dimensions[::2], dimensions[1::2])]
            statistic = options.get("stat", widget["properties"]["stat"])
            found.append((options["label"], options, self.series[" ".join([namespace, name, *pairs, statistic])]))
        return [
            (label, options.get("color", COLOURS[number % len(COLOURS)]), values, options.get("yAxis") == "right")
            for number, (label, options, values) in enumerate(found)
        ]

    def by_kind(self, name):
        pattern = re.compile(rf"FailureRelay {name} TargetKind=(\S+) Sum")
        return [(match[1], values) for key, values in self.series.items() if (match := pattern.fullmatch(key))]


def text(x, y, content, **attributes):
    written = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:g}" y="{y:g}"{written}>{escape(content)}</text>'


def cut(content, width):
    most = int(width / LETTER)
    return content if len(content) <= most else content[: most - 1] + "…"


def short(value):
    """A number as CloudWatch writes it beside an axis."""
    for limit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"


def top_of_axis(largest):
    """The next number of 1, 2, 4, 5, 6 or 8 times a power of ten."""
    power = 10 ** math.floor(math.log10(largest)) if largest > 0 else 1
    return next(step * power for step in (1, 2, 4, 5, 6, 8, 10) if step * power >= largest)


def draw_text(widget, width, height, data):
    first, *rest = widget["properties"]["markdown"].splitlines()
    yield text(12, 28, first.lstrip("# "), font_size=20, font_weight=700)
    for number, line in enumerate(rest):
        yield text(12, 50 + LINE * number, line)


def draw_alarms(widget, width, height, data):
    names = [alarm.strip("<>").removesuffix(".Arn") for alarm in widget["properties"]["alarms"]]
    rows = math.ceil(len(names) / 2)
    box, step = (width - 30) / 2, (height - TOP) / rows
    for number, name in enumerate(names):
        x, y = 10 + number // rows * (box + 10), TOP - 4 + number % rows * step
        times = data.alarms[name]
        colour, state = (RINGS, "In alarm") if times and times[-1][1] is None else (OK, "OK")
        yield f'<rect x="{x:g}" y="{y:g}" width="{box:g}" height="{step - 5:g}" rx="2" fill="#fff" stroke="{colour}"/>'
        yield f'<rect x="{x:g}" y="{y:g}" width="5" height="{step - 5:g}" fill="{colour}"/>'
        yield text(x + 12, y + step / 2 + 2, cut(name, box - 70))
        yield text(x + box - 8, y + step / 2 + 2, state, fill=colour, text_anchor="end", font_weight=700)


def draw_numbers(widget, width, height, data):
    shown = data.shown_by(widget)
    for number, ((label, colour, values, _), metric) in enumerate(zip(shown, widget["properties"]["metrics"])):
        whole = {"Sum": sum, "Maximum": max}[metric[-1].get("stat", widget["properties"]["stat"])]
        x, y = 16 + number % 3 * width / 3, TOP + 44 + number // 3 * (height - TOP) / 2
        yield text(x, y, f"{whole(value for value in values if value is not None):,.0f}", font_size=30)
        yield f'<rect x="{x:g}" y="{y + 13:g}" width="9" height="9" fill="{colour}"/>'
        yield text(x + 14, y + 22, label, fill=GREY)


def draw_graph(widget, width, height, data):
    shown = data.shown_by(widget)
    if widget["properties"].get("stacked"):
        shown = stacked(shown)
    legend = list(legend_of(shown, width))
    plot = Plot(width, height - 30 - LINE * (legend[-1][1] + 1), data)
    unit = widget["properties"].get("yAxis", {}).get("left", {}).get("label")
    if unit:
        yield text(10, TOP - 4, unit, fill=GREY, font_size=10)
    yield from plot.times()
    for is_right in (False, True):
        lines = [line for line in shown if line[3] == is_right]
        if lines:
            yield from plot.axis(top_of_axis(max(v for line in lines for v in line[2] if v is not None)), is_right)
            # The largest of a stack is drawn first, and the others over it.
            for _, colour, values, _ in reversed(lines):
                yield from plot.line(values, colour, widget["properties"].get("stacked"))
    for (x, row), (label, colour, _, _) in zip(legend, shown):
        y = height - LINE * (legend[-1][1] - row) - 8
        yield f'<rect x="{x:g}" y="{y - 9:g}" width="9" height="9" fill="{colour}"/>'
        yield text(x + 13, y, label, fill=GREY, font_size=11)


def stacked(shown):
    """Each line on top of those before it."""
    below = [0] * len(shown[0][2])
    piled = []
    for label, colour, values, is_right in shown:
        below = [under + (value or 0) for under, value in zip(below, values)]
        piled.append((label, colour, below, is_right))
    return piled


def legend_of(shown, width):
    """Where each label of the legend stands: its x, and its row."""
    x, row = 12, 0
    for label, *_ in shown:
        needed = 13 + len(label) * 6.2 + 14
        if x > 12 and x + needed > width:
            x, row = 12, row + 1
        yield x, row
        x += needed


class Plot:
    def __init__(self, width, bottom, data):
        self.width, self.bottom, self.data = width - LEFT - RIGHT, bottom, data
        self.scale = 1

    def x(self, period):
        return round(LEFT + (period + 0.5) / self.data.periods * self.width, 1)

    def y(self, value):
        return round(self.bottom - value * self.scale, 1)

    def times(self):
        each = HOURS_BETWEEN_TICKS * 3600 // self.data.period
        for tick in range(0, self.data.periods + 1, each):
            hour = (self.data.start.hour + tick * self.data.period // 3600) % 24
            x = LEFT + tick / self.data.periods * self.width
            yield text(x, self.bottom + 16, f"{hour:02}:00", fill=GREY, font_size=10, text_anchor="middle")

    def axis(self, top, is_right):
        self.scale = (self.bottom - TOP - 6) / top
        x, anchor = (LEFT + self.width + 5, "start") if is_right else (LEFT - 5, "end")
        for value in (0, top / 2, top):
            yield f'<path d="M{LEFT} {self.y(value):g}h{self.width:g}" stroke="{GRID}"/>'
            yield text(x, self.y(value) + 3, short(value), fill=GREY, font_size=10, text_anchor=anchor)

    def line(self, values, colour, is_area):
        """Periods without a value are gaps, and a single value between two gaps is a dot."""
        for run in runs(values):
            points = " ".join(f"{self.x(period):g},{self.y(value):g}" for period, value in run)
            if is_area:
                ends = f"{self.x(run[0][0]):g},{self.bottom} {points} {self.x(run[-1][0]):g},{self.bottom}"
                yield f'<polygon points="{ends}" fill="{colour}"/>'
            elif len(run) == 1:
                (period, value), = run
                yield f'<circle cx="{self.x(period):g}" cy="{self.y(value):g}" r="1.2" fill="{colour}"/>'
            else:
                yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>'


def runs(values):
    """The values that follow each other without a gap, with their numbers."""
    run = []
    for number, value in enumerate([*values, None]):
        if value is not None:
            run.append((number, value))
        elif run:
            yield run
            run = []


def draw_table(widget, width, height, data):
    columns = columns_of(widget["properties"]["query"])
    rows = [[as_text(row.get(column)) for column in columns] for row in data.tables[widget["properties"]["title"]]]
    rows = rows[: int((height - TOP - 26) / 18)]
    widths = fitted([max(len(row[n]) for row in [columns, *rows]) for n in range(len(columns))], width - 20)
    left = 10
    for number, (column, place) in enumerate(zip(columns, widths)):
        yield text(left, TOP + 8, cut(column, place), font_weight=700, font_size=11)
        for line, row in enumerate(rows):
            yield text(left, TOP + 32 + 18 * line, cut(row[number], place), font_size=11)
        left += place
    yield f'<path d="M10 {TOP + 15}h{width - 20}" stroke="{GREY}"/>'


def fitted(letters, width):
    """How wide each column is: what it needs, and where that is too much or too little the widest has less, or all have more."""
    widths = [(count + 2) * LETTER for count in letters]
    missing = sum(widths) - width
    if missing > 0:
        widths[widths.index(max(widths))] -= missing
        return widths
    return [needed - missing / len(widths) for needed in widths]


def columns_of(query):
    """The columns that CloudWatch Logs Insights shows for a query: the fields, or what is grouped by and then what is counted."""
    for part in query.split(" | "):
        command, _, rest = part.strip().partition(" ")
        if command == "fields":
            return rest.split(", ")
        if command == "stats":
            return rest.rpartition(" by ")[2].split(", ") + re.findall(r"\bas (\w+)", rest)
    raise ValueError(f"no columns: {query}")


def as_text(value):
    return "" if value is None else str(value)


def drawing_of(widget):
    if widget["type"] == "metric":
        return draw_numbers if widget["properties"]["view"] == "singleValue" else draw_graph
    return {"text": draw_text, "alarm": draw_alarms, "log": draw_table}[widget["type"]]


def draw(widgets, data):
    width = 24 * CELL_WIDTH
    height = max(w["y"] + w["height"] for w in widgets) * CELL_HEIGHT
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12" fill="#16191f"'
        ' font-family="system-ui, Helvetica, Arial, sans-serif">'
    )
    yield "<title>The dashboard at the end of a simulated bad day</title>"
    yield f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>'
    for widget in widgets:
        x, y = widget["x"] * CELL_WIDTH + GAP / 2, widget["y"] * CELL_HEIGHT + GAP / 2
        w, h = widget["width"] * CELL_WIDTH - GAP, widget["height"] * CELL_HEIGHT - GAP
        yield f'<svg x="{x:g}" y="{y:g}" width="{w}" height="{h}">'
        yield f'<rect width="{w}" height="{h}" fill="#fff" stroke="#d5dbdb"/>'
        if title := widget["properties"].get("title"):
            yield text(12, 21, title, font_weight=700, font_size=13)
        yield from drawing_of(widget)(widget, w, h, data)
        yield "</svg>"
    yield "</svg>"


def main():
    body = Template("template.yaml").resources()["Dashboard"]["DashboardBody"]
    picture = "\n".join(draw(json.loads(body)["widgets"], Data())) + "\n"
    if sys.argv[1:] == ["-"]:
        print(picture, end="")
    else:
        (ROOT / "docs/pictures/dashboard.svg").write_text(picture)


if __name__ == "__main__":
    main()
