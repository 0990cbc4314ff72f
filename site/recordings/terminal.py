"""Draws what a terminal showed as SVG: text with the colours of SGR codes, wrapped where the terminal would wrap it."""

import re
from html import escape

COLUMNS = 100
LETTER, LINE, MARGIN, BAR = 7.8, 18, 16, 34
PAPER, TEXT = "#1b1f27", "#d7dce4"
COLOURS = {
    31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea", 37: TEXT, 90: "#8b949e",
    91: "#ff7b72", 92: "#7ee787", 93: "#e3b341", 94: "#79c0ff", 95: "#d2a8ff", 96: "#76e3ea",
}  # fmt: skip
NO_BREAK = "\u00a0"  # blanks would be drawn as one
SGR = re.compile(r"\x1b\[([\d;]*)m")


def letters_of(output):
    """Each letter with its colour and whether it is bold."""
    colour, bold, end = TEXT, False, 0
    for code in [*SGR.finditer(output), None]:
        yield from ((letter, colour, bold) for letter in output[end : code.start() if code else None])
        if not code:
            return
        end = code.end()
        for number in map(int, (code[1] or "0").split(";")):
            if number in (0, 22):
                colour, bold = (TEXT if number == 0 else colour), False
            elif number == 1:
                bold = True
            elif number == 39:
                colour = TEXT
            elif number == 2:
                colour = COLOURS[90]
            else:
                colour = COLOURS[number]


def lines_of(output):
    line = []
    for letter in letters_of(output):
        if letter[0] == "\n" or len(line) == COLUMNS:
            yield line
            line = []
        if letter[0] != "\n":
            line.append(letter)
    yield line


def runs_of(line):
    """The letters that look alike and follow each other: column, text, colour, bold."""
    start = 0
    for column in range(1, len(line) + 1):
        if column == len(line) or line[column][1:] != line[start][1:]:
            yield start, "".join(letter for letter, *_ in line[start:column]), *line[start][1:]
            start = column


def draw(title, output):
    lines = list(lines_of(output.rstrip("\n")))
    width, height = COLUMNS * LETTER + 2 * MARGIN, BAR + LINE * len(lines) + MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
        ' font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="13">'
    )
    yield f"<title>{escape(title)}</title>"
    yield f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{PAPER}"/>'
    yield f'<text x="{MARGIN}" y="22" fill="#8b949e" font-size="12">{escape(title)}</text>'
    for number, line in enumerate(lines):
        for column, shown, colour, bold in runs_of(line):
            text = shown.strip()
            if text:
                left = MARGIN + (column + len(shown) - len(shown.lstrip())) * LETTER
                weight = ' font-weight="700"' if bold else ""
                # Its length is given, so that another font of the reader's moves nothing.
                yield (
                    f'<text x="{left:.5g}" y="{BAR + 14 + LINE * number}" textLength="{len(text) * LETTER:g}"'
                    f' fill="{colour}"{weight}>{escape(text).replace(" ", NO_BREAK)}</text>'
                )
    yield "</svg>"
