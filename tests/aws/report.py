"""What became of each scenario, and the page that says so."""

import itertools
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rows import NOT_TRIED, Row, rows_of_the_page

ROOT = Path(__file__).parents[2]
INTERRUPTED = "the run ended before it"


@dataclass
class Scenario:
    name: str
    rows: tuple = ()
    result: str = "not tried"
    why: str = INTERRUPTED
    seconds: float = 0


class Recorder:
    """A plugin of pytest that keeps what became of each scenario."""

    def __init__(self):
        self.scenarios = {}

    def pytest_collection_finish(self, session):
        for item in session.items:
            marker = item.get_closest_marker("row")
            name = item.nodeid.rpartition("/")[2].replace(".py::test_", ": ").replace("_", " ")
            self.scenarios[item.nodeid] = Scenario(name, marker.args if marker else ())

    def pytest_runtest_logreport(self, report):
        scenario = self.scenarios[report.nodeid]
        scenario.seconds += report.duration
        if report.skipped:
            scenario.why = report.longrepr[2].removeprefix("Skipped: ")
        elif report.failed:
            scenario.result, scenario.why = "failed", f"{report.when}: {said_by(report)[:300]}"
        elif report.when == "call":
            scenario.result, scenario.why = "passed", ""


def said_by(report):
    """The one line of a failure that says most: of a deployment, SAM's error."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else str(report.longrepr)).strip().splitlines()
    return next((line for line in lines if line.startswith("Error:")), lines[0])


@dataclass
class Report:
    account: str
    region: str
    run: str
    where: str
    began: float = field(default_factory=time.time)

    def text(self, scenarios, deletion):
        counts = Counter(scenario.result for scenario in scenarios)
        results = ", ".join(f"{counts[result]} {result}" for result in ("passed", "failed", "not tried"))
        lines = [
            f"# failure-relay {version()} in {self.where}",
            "",
            f"Account {self.account}, region {self.region}, run {self.run}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
            f"{time.time() - self.began:.0f} s. Scenarios: {results}.",
        ]
        lines += table("Failed", ["scenario", "why"], [(s.name, s.why) for s in scenarios if s.result == "failed"])
        lines += table("Passed", ["scenario", "seconds"], [(s.name, f"{s.seconds:.0f}") for s in scenarios if s.result == "passed"])
        lines += table("The rows of docs/first-deployment.md", ["section", "assumed", "result"], rows_with_results(scenarios))
        lines += table("Not tried", ["scenarios", "why"], not_tried(scenarios))
        return "\n".join([*lines, *deleted(deletion, self.run), ""])


def version():
    number, commit = printed("release/version"), printed("git", "describe", "--always", "--dirty")
    return f"{number} ({commit})" if commit else number


def printed(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def table(heading, columns, rows):
    if not rows:
        return []
    cells = [columns, ["---"] * len(columns), *rows]
    return ["", f"## {heading}", "", *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)]


def rows_with_results(scenarios):
    return [(row.section, row.assumed, result_of(row, scenarios)) for row in rows_of_the_page()]


def result_of(row: Row, scenarios):
    showing = [s for s in scenarios if any(row.assumed.startswith(start) for start in s.rows)]
    for result in ("failed", "not tried", "passed"):
        if found := [s for s in showing if s.result == result]:
            return result if result == "passed" else f"{result}: {found[0].why}"
    why = next((why for start, why in NOT_TRIED.items() if row.assumed.startswith(start)), "not chosen")
    return f"not tried: {why}"


def not_tried(scenarios):
    """How many, by file, for each reason."""
    left = sorted((s.why, s.name.partition(":")[0]) for s in scenarios if s.result == "not tried")
    by_why = itertools.groupby(left, key=lambda pair: pair[0])
    rows = [(why, Counter(file for _, file in pairs)) for why, pairs in by_why]
    return [(", ".join(f"{n} × {file}" for file, n in counts.items()), why) for why, counts in rows]


def deleted(deletion, run):
    if deletion is None:
        return ["", "## Nothing was deleted", "", f"It was told to keep what it made; `--clean {run}` deletes it."]
    counts = ", ".join(f"{kind} {n}" for kind, n in deletion.deleted.items()) or "nothing"
    lines = ["", "## Deleted", "", f"{counts}."]
    if deletion.left:
        return [*lines, "", "**Still there, or not known:**", "", *(f"- {left}" for left in deletion.left)]
    return [*lines, "Nothing of this name is left."]
