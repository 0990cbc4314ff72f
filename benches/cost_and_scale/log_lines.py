#!/usr/bin/env python3
"""Counts the bytes that the built functions log: for an event, and once in an invocation.

    benches/cost_and_scale/log_lines.py            writes log_lines.json anew
    benches/cost_and_scale/log_lines.py --check    fails when the functions log something else than that file says

It needs what tests/blackbox needs, and takes the functions from RELAY_BINARY and WATCH_BINARY, as that does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/blackbox"))
from harness import dynamo_db, events as e  # noqa: E402
from harness.function import RELAY_QUEUE, Function, watch_binary  # noqa: E402

EVENT = json.loads((ROOT / "events/routable/step-functions-task.json").read_text())
RENEWAL = {"lease": {"action": "renew", "ttlSeconds": 600}, "target": EVENT["target"]}
BATCH = 10
TOLERANCE = 0.03
"""A number in a line has a digit more or less from run to run."""


def logged(function: Function, payload: object) -> dict[str, int]:
    """The lines and the bytes of the second invocation: the first may say what a start says."""
    function.invoke(payload)
    result = function.invoke(payload)
    assert not result.failed, result.output
    lines = result.output.splitlines()
    names = {m["Name"] for line in result.metric_lines for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    return {"lines": len(lines), "bytes": sum(len(line.encode()) for line in lines), "metrics": len(names)}


def relay_lines(settings: dict[str, str | None]) -> dict[str, dict[str, int]]:
    function = Function(settings).wait_until_ready()
    try:
        return {
            "relayed": logged(function, e.sqs(EVENT)),
            "relayed_in_tens": logged(function, e.sqs(*[EVENT] * BATCH)),
            "renewed": logged(function, e.sqs(RENEWAL)),
        }
    finally:
        function.close()


def watch_lines(settings: dict[str, str | None]) -> dict[str, dict[str, int]]:
    function = Function({"RELAY_DEAD_LETTER_QUEUE_URL": None, "RELAY_QUEUE_URL": RELAY_QUEUE, **settings}, watch_binary())
    try:
        return {"watched": logged(function.wait_until_ready(), {})}
    finally:
        function.close()


def measured() -> dict[str, dict[str, int]]:
    with tempfile.TemporaryDirectory() as folder, dynamo_db.server(Path(folder) / "log") as url:
        settings = dynamo_db.Table(url).settings
        return relay_lines(settings) | watch_lines(settings)


def differences(written: dict, found: dict) -> list[str]:
    """What the file says and the functions do not do."""
    if written.keys() != found.keys():
        return [f"the file has {sorted(written)}, measured are {sorted(found)}"]
    wrong = []
    for name, now in found.items():
        then = written[name]
        is_as_long = abs(then["bytes"] - now["bytes"]) <= TOLERANCE * now["bytes"]
        if not is_as_long or (then["lines"], then["metrics"]) != (now["lines"], now["metrics"]):
            wrong.append(f"{name}: {then} in the file, {now} measured")
    return wrong


def main() -> int:
    file, found = HERE / "log_lines.json", measured()
    if sys.argv[1:] != ["--check"]:
        file.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    wrong = differences(json.loads(file.read_text()), found)
    print("\n".join(wrong) or "log_lines.json is what the functions log")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
