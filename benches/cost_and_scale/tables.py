"""The tables of docs/cost-and-scale.md."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import replace

from . import costs, delay, throughput
from .figures import Figures, figures, stack

MEMORIES = (128, 256)
BATCHES = {1: "alone", 10: "in tens"}
FLOOD_SECONDS, TIMES = 60, 10
OUTAGE_SECONDS = 3600
TTLS = (600, 60)


def table(head: Iterable[str], rows: Iterable[Iterable[object]], texts: Container[int] = (0,)) -> str:
    """Its columns are numbers, but for those that are texts."""
    head = list(head)
    rule = ["---" if column in texts else "---:" for column in range(len(head))]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in [head, rule, *rows])


def usd(amount: float) -> str:
    return "< 0.01" if 0 < amount < 0.005 else f"{amount:,.2f}"


def duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.0f} s"
    number, unit = (seconds / 60, "min") if seconds < 7200 else (seconds / 3600, "h")
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"


def with_sum(columns: list[costs.Lines]) -> list[list[str]]:
    rows = [[name, *(usd(column[name]) for column in columns)] for name in columns[0]]
    return [*rows, ["**all**", *(f"**{usd(sum(column.values()))}**" for column in columns)]]


def untraced(f: Figures) -> Figures:
    return replace(f, stack=stack(Tracing="PassThrough"))


def short(f: Figures) -> str:
    """What a buyer reads first."""
    alone, tens = (costs.relayed(f, costs.MILLION, f.stack.memory_mb, batch) for batch in BATCHES)
    pipe, *_ = costs.alternatives(f).values()
    way, start = delay.way(f), delay.start(f)
    warm, cold = delay.total(way)[0], delay.total([*way, *start])[0]
    quota = next(throughput.quotas(f))
    found = throughput.flood(f, quota, TIMES * quota.per_second, FLOOD_SECONDS)
    return "\n".join([
        f"- **A million failures cost {usd(sum(alone.values()))} USD** where they come one by one, {usd(sum(tens.values()))} in batches",
        f"  of ten. X-Ray traces are {usd(alone['X-Ray traces'])} and {usd(tens['X-Ray traces'])} of it, which `Tracing=PassThrough` saves.",
        f"  Through EventBridge Pipes and an Express workflow it is {usd(sum(pipe.values()))}, with neither logs nor traces.",
        f"- **A month costs {usd(sum(costs.month(f, 1).values()))} USD before the first failure**: metrics, alarms, dashboard, polling.",
        f"- **From the worker to the API's answer: about {warm:.0f} ms** in AWS where an environment waits, {cold:.0f} ms where none does.",
        "  A model, whose largest parts are assumed.",
        f"- **The targets' quotas bound it**: {quota.per_second} a second for Step Functions in the large regions. The function, as it is",
        f"  deployed, makes {throughput.of_the_function(f):,.0f} calls a second.",
        f"- **Ten times that quota for a minute**, {found.events:,.0f} failures: each comes back until it is told, the last after",
        f"  {duration(found.told_s)}.",
    ])  # fmt: skip


def million(f: Figures) -> str:
    columns = [(batch, memory) for batch in BATCHES for memory in MEMORIES]
    head = ["USD for a million events", *(f"{BATCHES[batch]}, {memory} MB" for batch, memory in columns)]
    billed = ["billed for an invocation", *(f"{costs.batch_ms(f, memory, batch)} ms" for batch, memory in columns)]
    lines = [costs.relayed(f, costs.MILLION, memory, batch) for batch, memory in columns]
    without = [sum(costs.relayed(untraced(f), costs.MILLION, memory, batch).values()) for batch, memory in columns]
    return table(head, [*with_sum(lines), ["all, with `Tracing=PassThrough`", *map(usd, without)], billed])


def month(f: Figures) -> str:
    kinds = len(f.quotas["targets"])
    return table(["USD a month", "one kind of target", f"all {kinds}"], with_sum([costs.month(f, 1), costs.month(f, kinds)]))


def volumes(f: Figures) -> str:
    fixed, rows = sum(costs.month(f, 1).values()), []
    for events in (1_000, 100_000, 1_000_000, 10_000_000):
        of_events = (sum(costs.relayed(f, events, f.stack.memory_mb, batch).values()) for batch in BATCHES)
        rows.append([f"{events:,}", *(usd(fixed + amount) for amount in of_events)])
    return table(["events a month", *(f"USD, {name}" for name in BATCHES.values())], rows)


def leases(f: Figures) -> str:
    watch = costs.watch_month(f, figures(Leases="true"))
    one = sum(costs.renewal(f).values())
    rows = [[f"the watch: {name}", usd(amount)] for name, amount in watch.items()]
    rows.append(["**the watch, all**", f"**{usd(sum(watch.values()))}**"])
    for ttl in TTLS:
        renewals = costs.renewals_of_worker(ttl)
        rows.append([f"a worker that runs all month and holds a lease of {ttl} s: {renewals:,.0f} renewals", usd(renewals * one)])
    executions = f.assumed["running_executions"]
    rows.append([f"a sweep each {f.stack.sweep_minutes} min that reads {executions:,} executions", usd(costs.sweep_month(f))])
    return table(["", "USD a month"], rows)


def alternatives(f: Figures) -> str:
    relay = costs.relayed(f, costs.MILLION, f.stack.memory_mb, 1)
    without = sum(costs.relayed(untraced(f), costs.MILLION, f.stack.memory_mb, 1).values())
    rows = [
        ["the relay", "as above", usd(sum(relay.values()))],
        ["the relay, with `Tracing=PassThrough`", "", usd(without)],
        ["the same without logs, as the others are", "", usd(without - relay["Logs"])],
    ]
    for name, lines in costs.alternatives(f).items():
        of_it = ", ".join(f"{part} {usd(amount)}" for part, amount in lines.items())
        rows.append([name, of_it, usd(sum(lines.values()))])
    return table(["a million events, one by one", "of it", "USD"], rows, texts=(0, 1))


def kms(f: Figures) -> str:
    return f"`QueueEncryption=KMS` adds {usd(costs.kms_month(f))} USD a month with {f.assumed['kms_producers']} publishing roles."


def measured(f: Figures) -> str:
    names = {"first": "the first, which starts the function", "alone": "one by one", "together": "at once"}
    rows = []
    for name, what in names.items():
        found = f.delay[name]
        p99 = found["p99_ms"] if found["events"] >= 100 else "–"
        rows.append([what, found["events"], found["median_ms"], p99, found["call_median_ms"]])
    return table(["", "events", "median, ms", "99 %, ms", "of it the relay's work and its call, median, ms"], rows)


def modelled(f: Figures) -> str:
    def shown(steps: list[delay.Step]) -> list[list[object]]:
        return [[step.what, f"{step.median:,.0f}", f"{step.p99:,.0f}", step.known] for step in steps]

    def summed(what: str, steps: list[delay.Step]) -> list[object]:
        median, p99 = delay.total(steps)
        return [f"**{what}**", f"**{median:,.0f}**", f"**{p99:,.0f}**", ""]

    way, start = delay.way(f), delay.start(f)
    rows = [*shown(way), summed("an environment waits", way), *shown(start), summed("none waits", [*way, *start])]
    return table(["", "median, ms", "99 %, ms, at most", "known from"], rows, texts=(0, 3))


def retries(f: Figures) -> str:
    last, found = f.stack.park_after, delay.retries(f)
    names = [*(str(receives) for receives, _, _ in found if receives < last), f"{last} and more: it is parked"]
    rows = ([name, duration(low), duration(high)] for name, (_, low, high) in zip(names, found, strict=True))
    return table(["tries that failed", "the next one comes after", "at most"], rows)


def bounds(f: Figures) -> str:
    rate, environments = throughput.of_the_function(f), f.stack.concurrency
    size = f"{environments} environments × {f.stack.batch} events"
    rows = [["the function", size, "–", f"{rate:,.0f}", environments, duration(costs.MILLION / rate)]]
    for quota in throughput.quotas(f):
        needed = throughput.environments_for(f, quota.per_second)
        takes = duration(costs.MILLION / quota.per_second)
        rows.append([f"`{quota.kind}`", quota.where, f"{quota.burst:,}", quota.per_second, needed, takes])
    head = ["", "where", "burst", "events a second", "environments that reach it", "a million events take"]
    return table(head, rows, texts=(0, 1))


def renewals(f: Figures) -> str:
    rate, ttl = throughput.renewals(f), TTLS[0]
    new_table, index = throughput.renewals_of_a_new_table(f), throughput.renewals_of_the_index(f)
    return (
        f"Renewals of leases: the function writes down {rate:,.0f} a second, those of {rate * ttl / 3:,.0f} workers with {ttl} s each.\n"
        f"A new table takes {new_table:,.0f} a second at first, and grows with its use; the shards of its index hold {index:,.0f}."
    )


def unpublished(f: Figures) -> str:
    return ", ".join(f"`{kind}`" for kind in throughput.unpublished(f))


def flood(f: Figures) -> str:
    rows = []
    for quota in throughput.quotas(f):
        found = throughput.flood(f, quota, TIMES * quota.per_second, FLOOD_SECONDS)
        times = map(duration, (found.half_told_s, found.nearly_told_s, found.told_s))
        most = (f"{number:,.0f}" for number in (found.in_flight_max, found.parked_max))
        rows.append([f"`{quota.kind}`, {quota.where}", f"{found.events:,.0f}", *times, f"{found.calls_per_event:.1f}", *most])
    times = ["half of them told after", "99 %", "all"]
    return table(["", "events", *times, "calls an event", "most in flight", "most parked"], rows)


def outage(f: Figures) -> str:
    rows = []
    for per_second in (1, 10, 100):
        found = throughput.outage(f, per_second, OUTAGE_SECONDS)
        times = map(duration, (found.half_told_s, found.nearly_told_s, found.told_s))
        rows.append([per_second, f"{found.events:,.0f}", *times])
    return table(["failures a second for that target", "parked", "half of them told after", "99 %", "all"], rows, texts=())


def source(price: dict) -> str:
    if price["read_at"].startswith("https://"):
        return f"[{price['of']}]({price['read_at']})"
    return f"{price['of']}, {price['read_at']}"


def prices(f: Figures) -> str:
    rows = []
    for price in f.listed.values():
        amount = f"{price['usd']:.10f}".rstrip("0").rstrip(".")
        rows.append([price["what"], amount, f"{price['per']:,}", f"[page]({price['price_page']})", source(price)])
    return table(["", "USD", "for", "AWS's page", "read in"], rows, texts=(0, 3, 4))


def assumptions(f: Figures) -> str:
    rows = []
    for entry in f.explained.values():
        value = f"{entry['value']:,}" if isinstance(entry["value"], (int, float)) else "two"
        link = f"[source]({entry['source']})" if entry.get("source") else ""
        rows.append([entry["why"], f"{value} {entry['unit']}".replace("two two", "two"), link])
    return table(["", "", ""], rows, texts=(0, 1, 2))


COMPUTED = (
    short, million, month, volumes, kms, leases, alternatives, measured, modelled, retries, bounds, renewals, unpublished, flood, outage,
    prices, assumptions,
)  # fmt: skip
BLOCKS: dict[str, Callable[[Figures], str]] = {block.__name__: block for block in COMPUTED}
"""By the names under which the document has them."""
