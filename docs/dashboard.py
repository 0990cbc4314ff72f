#!/usr/bin/env python3
"""Draws the dashboard of template.yaml as docs/dashboard.svg: which widget is where, and what it shows.

It draws no curves, for it has no data. Needs PyYAML. `docs/dashboard.py -` prints the picture instead.
"""

import json
import sys
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/template"))

from cloudformation import Template  # noqa: E402

CELL_WIDTH, CELL_HEIGHT, GAP, LINE = 50, 32, 6, 16
COLOURS = ["#1f77b4", "#2ca02c", "#ff7f0e", "#d62728", "#9467bd", "#7f7f7f"]


def lines_of(widget):
    """What a widget shows: pairs of a colour (or none) and a text."""
    properties = widget["properties"]
    if widget["type"] == "text":
        return [(None, line.lstrip("# ")) for line in properties["markdown"].splitlines()]
    if widget["type"] == "alarm":
        return [(COLOURS[1], alarm.strip("<>").removesuffix(".Arn")) for alarm in properties["alarms"]]
    if widget["type"] == "log":
        return [(None, part.strip()) for part in properties["query"].split(" | ")[1:]]
    shown = []
    for number, metric in enumerate(properties["metrics"]):
        options = metric[-1]
        if "expression" in options:
            shown.append((COLOURS[number], "a line for each kind that was seen"))
            continue
        colour = options.get("color", COLOURS[number % len(COLOURS)])
        shown.append((colour, f"{options['label']}  ({metric[1]}, {options.get('stat', properties['stat'])})"))
    return shown


def draw(widgets):
    width = 24 * CELL_WIDTH
    height = max(w["y"] + w["height"] for w in widgets) * CELL_HEIGHT
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
    yield f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>'
    for widget in widgets:
        x, y = widget["x"] * CELL_WIDTH + GAP / 2, widget["y"] * CELL_HEIGHT + GAP / 2
        w, h = widget["width"] * CELL_WIDTH - GAP, widget["height"] * CELL_HEIGHT - GAP
        yield f'<svg x="{x:g}" y="{y:g}" width="{w}" height="{h}">'
        yield f'<rect width="{w}" height="{h}" fill="#fff" stroke="#d5dbdb"/>'
        top = 18
        if title := widget["properties"].get("title"):
            yield f'<text x="10" y="{top}" font-weight="bold">{escape(title)}</text>'
            top += LINE + 4
        column, row = 0, top
        for colour, text in lines_of(widget):
            if row > h - 6:  # a second column
                column, row = column + w // 2, top
            if colour:
                yield f'<rect x="{column + 10}" y="{row - 9}" width="9" height="9" fill="{colour}"/>'
            yield f'<text x="{column + (26 if colour else 10)}" y="{row}" fill="#444">{escape(text)}</text>'
            row += LINE
        yield "</svg>"
    yield "</svg>"


def main():
    body = Template("template.yaml").resources()["Dashboard"]["DashboardBody"]
    picture = "\n".join(draw(json.loads(body)["widgets"])) + "\n"
    if sys.argv[1:] == ["-"]:
        print(picture, end="")
    else:
        Path(__file__).with_name("dashboard.svg").write_text(picture)


if __name__ == "__main__":
    main()
