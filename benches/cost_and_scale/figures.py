"""What the model computes with, each from the one place where it stands."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/template"))
from cloudformation import Template  # noqa: E402

FULL_SPEED, SLOW_SERVICES, SMALL_CPU = "Services that answer at once:", "Services that answer after 20 ms:", "With the CPU of 128 MB"
"""What the tables of docs/performance.md are introduced with."""


@dataclass(frozen=True)
class Stack:
    """The template with these parameters."""

    memory_mb: int
    batch: int
    concurrency: int
    parking_concurrency: int
    events_at_once: int
    poll_seconds: int
    window_seconds: int
    retention_days: int
    back_off_base: int
    back_off_cap: int
    park_after: int
    alarm_metrics: int
    dashboards: int
    queues: int
    watch_memory_mb: int
    sweep_minutes: int
    traced: bool


@dataclass(frozen=True)
class Benchmark:
    """What docs/performance.md has of the relay."""

    cpu_ms_alone: float
    cpu_ms_in_tens: float
    warm_ms_small: float
    cold_ms_small: float
    renewal_factor: float
    """CPU of a renewal, beside that of a failure."""


@dataclass(frozen=True)
class Figures:
    prices: dict[str, float]
    """Of one unit, in USD."""
    quotas: dict
    assumed: dict[str, object]
    lines: dict[str, dict[str, int]]
    delay: dict
    stack: Stack
    benchmark: Benchmark
    listed: dict[str, dict]
    """The prices as they are listed, with their sources."""
    explained: dict[str, dict]
    """The assumptions, with their sources."""


def read(name: str) -> dict:
    return json.loads((HERE / name).read_text())


def unit_price(name: str, price: dict) -> float:
    """USD for one unit. Refuses what cannot be a price."""
    usd, per = price["usd"], price["per"]
    if not (isinstance(usd, (int, float)) and usd > 0 and isinstance(per, int) and per > 0):
        raise ValueError(f"{name}: {usd!r} USD per {per!r} is no price")
    return usd / per


def metrics_of(alarm: dict) -> int:
    """An alarm is billed for each metric that it looks at."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1


def stack(**parameters: object) -> Stack:
    template = Template("template.yaml", **parameters)
    resources = template.resources()
    function, mapping, queue = resources["RelayFunction"], resources["QueueMapping"], resources["Queue"]
    value = template.parameters
    rate, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", value["SweepSchedule"]).groups()
    return Stack(
        memory_mb=function["MemorySize"],
        batch=mapping["BatchSize"],
        concurrency=int(value["MaximumConcurrency"]),
        parking_concurrency=int(value["ParkingConcurrency"]),
        events_at_once=int(value["EventConcurrency"]),
        poll_seconds=queue["ReceiveMessageWaitTimeSeconds"],
        window_seconds=mapping["MaximumBatchingWindowInSeconds"],
        retention_days=int(value["LogRetentionDays"]),
        back_off_base=int(value["RetryBaseSeconds"]),
        back_off_cap=int(value["RetryCapSeconds"]),
        park_after=int(value["ParkAfter"]),
        alarm_metrics=sum(map(metrics_of, template.resources("AWS::CloudWatch::Alarm").values())),
        dashboards=len(template.resources("AWS::CloudWatch::Dashboard")),
        queues=len(template.resources("AWS::Lambda::EventSourceMapping")),
        watch_memory_mb=template.value(template.raw["Resources"]["WatchFunction"]["Properties"]["MemorySize"]),
        sweep_minutes=int(rate) * {"minute": 1, "hour": 60, "day": 1440}[unit],
        traced=function["Tracing"] == "Active",
    )


def benchmark_row(page: str, introduction: str) -> list[float]:
    """The relay's row of the first table after these words."""
    _, _, rest = page.partition(introduction)
    row = re.search(r"^\| failure-relay +\|(.+)\|$", rest, re.M)
    if not row:
        raise ValueError(f"docs/performance.md has no row of the relay after {introduction!r}")
    return [float(cell) for cell in row[1].split("|")]


def renewal_factor(page: str) -> float:
    found = re.search(r"takes ([\d.]+) million instructions a batch, beside ([\d.]+) million", page)
    if not found:
        raise ValueError("docs/performance.md does not say what a renewal takes")
    return float(found[1]) / float(found[2])


def benchmark() -> Benchmark:
    page = (ROOT / "docs/performance.md").read_text()
    alone, *_ = benchmark_row(page, FULL_SPEED)
    *_, in_tens, _ = benchmark_row(page, SLOW_SERVICES)
    _, _, after_start = page.partition("## Warm")
    warm, *_ = benchmark_row(after_start, SMALL_CPU)
    _, _, cold, _ = benchmark_row(page, "With the CPU that Lambda gives to 128 MB")
    return Benchmark(
        cpu_ms_alone=alone,
        cpu_ms_in_tens=in_tens / 100,
        warm_ms_small=warm,
        cold_ms_small=cold,
        renewal_factor=renewal_factor(page),
    )


def figures(**parameters: object) -> Figures:
    """With the template's defaults, but for `parameters`."""
    prices, assumptions = read("prices.json")["prices"], read("assumptions.json")["assumptions"]
    return Figures(
        prices={name: unit_price(name, price) for name, price in prices.items()},
        quotas=read("quotas.json"),
        assumed={name: entry["value"] for name, entry in assumptions.items()},
        lines=read("log_lines.json"),
        delay=read("delay.json"),
        stack=stack(**parameters),
        benchmark=benchmark(),
        listed=prices,
        explained=assumptions,
    )
