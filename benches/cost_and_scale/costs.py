"""USD of a million events, of a month in which nothing happens, and of leases; and of what could be built instead."""

from __future__ import annotations

import math

from .figures import Figures

MILLION = 1_000_000
MONTH_SECONDS = 2_592_000
"""30 days, as in docs/leases.md."""
GIB = 1024**3
METRIC_SETS = 2
"""Each metric counts for its kind and for all kinds together."""
LEASE_METRICS = 3
"""Taken, renewed, released."""

Lines = dict[str, float]


def billed_ms(f: Figures, memory_mb: int, records: int, cpu_ms: float, service_ms: float) -> int:
    """What Lambda bills for one invocation: it waits for the service, and computes with its share of a core."""
    rounds = math.ceil(records / f.stack.events_at_once)
    return math.ceil(rounds * service_ms + cpu_ms * f.assumed["vcpu_memory_mb"] / memory_mb)


def cpu_ms(f: Figures, batch: int) -> float:
    """Of a batch of one failure or of ten, which are what the benchmark has."""
    return {1: f.benchmark.cpu_ms_alone, 10: f.benchmark.cpu_ms_in_tens}[batch]


def batch_ms(f: Figures, memory_mb: int, batch: int) -> int:
    """What is billed for a batch of failures."""
    return billed_ms(f, memory_mb, batch, cpu_ms(f, batch), f.assumed["api_ms"])


def renewals_ms(f: Figures, memory_mb: int, batch: int) -> int:
    """What is billed for a batch of renewals."""
    return billed_ms(f, memory_mb, batch, cpu_ms(f, batch) * f.benchmark.renewal_factor, f.assumed["table_ms"])


def duration_usd(f: Figures, memory_mb: int, ms: float) -> float:
    return ms / 1000 * memory_mb / 1024 * f.prices["lambda_gb_second_arm64"]


def log_usd(f: Figures, logged: dict[str, int]) -> float:
    """Of one invocation: its own lines and Lambda's, taken in and kept."""
    platform = f.assumed["platform_lines"]
    lines = logged["lines"] + len(platform)
    size = logged["bytes"] + sum(len(line) for line in platform) + lines * f.assumed["log_line_overhead_bytes"]
    months = f.stack.retention_days * 86_400 / MONTH_SECONDS
    kept = f.assumed["log_compression"] * months * f.prices["log_gb_month"]
    return size / GIB * (f.prices["log_gb_taken"] + kept)


def traces(f: Figures, invocations: float) -> float:
    """How many of a month's invocations X-Ray records, where they come evenly: all of a relay that is not busy."""
    first = min(invocations, MONTH_SECONDS * f.assumed["traces_per_second"])
    return (first + f.assumed["traced_share"] * (invocations - first)) * f.stack.traced


def queue_requests(batch: int) -> float:
    """Of one event: sent by its publisher, received and deleted with its batch."""
    return 1 + 2 / batch


def relayed(f: Figures, events: float, memory_mb: int, batch: int) -> Lines:
    """So many events a month, in batches of one or ten."""
    invocations = events / batch
    logged = f.lines["relayed" if batch == 1 else "relayed_in_tens"]
    return {
        "SQS requests": events * queue_requests(batch) * f.prices["sqs_request"],
        "Lambda invocations": invocations * f.prices["lambda_request"],
        "Lambda duration": invocations * duration_usd(f, memory_mb, batch_ms(f, memory_mb, batch)),
        "Logs": invocations * log_usd(f, logged),
        "X-Ray traces": traces(f, invocations) * f.prices["trace"],
    }


def empty_receives(f: Figures, queues: int) -> float:
    """Of a month: each poller asks again when its long poll has ended."""
    return queues * f.assumed["pollers"] * MONTH_SECONDS / f.stack.poll_seconds


def month(f: Figures, kinds: int) -> Lines:
    """What a month costs without an event; the metrics only where there was one in each hour."""
    metrics = f.lines["relayed"]["metrics"] * (METRIC_SETS - 1 + kinds)
    return {
        "SQS, empty receives": empty_receives(f, f.stack.queues) * f.prices["sqs_request"],
        "Alarms": f.stack.alarm_metrics * f.prices["alarm_metric"],
        "Dashboard": f.stack.dashboards * f.prices["dashboard"],
        "Custom metrics": metrics * f.prices["custom_metric"],
    }


def kms_month(f: Figures) -> float:
    """QueueEncryption=KMS with a key of the stack's: SQS asks for a data key each hour, for each principal."""
    hours, consumers = MONTH_SECONDS / 3600, 1
    requests = hours * (2 * f.assumed["kms_producers"] + consumers)
    return f.prices["kms_key"] + requests * f.prices["kms_request"]


def watch_month(f: Figures, with_leases: Figures) -> Lines:
    """Leases=true, before a worker takes one."""
    runs = MONTH_SECONDS / 60
    reads = f.assumed["watch_queries"] * 0.5  # eventually consistent
    metrics = f.lines["watched"]["metrics"] + LEASE_METRICS * METRIC_SETS
    return {
        "Lambda": runs * (f.prices["lambda_request"] + duration_usd(f, f.stack.watch_memory_mb, f.assumed["watch_ms"])),
        "DynamoDB queries": runs * reads * f.prices["dynamodb_read"],
        "Logs": runs * log_usd(f, f.lines["watched"]),
        "X-Ray traces": traces(f, runs) * f.prices["trace"],
        "Alarms": (with_leases.stack.alarm_metrics - f.stack.alarm_metrics) * f.prices["alarm_metric"],
        "Custom metrics": metrics * f.prices["custom_metric"],
    }


def renewal(f: Figures) -> Lines:
    """One renewal that comes alone."""
    ms = renewals_ms(f, f.stack.memory_mb, 1)
    return {
        "SQS requests": queue_requests(1) * f.prices["sqs_request"],
        "Lambda": f.prices["lambda_request"] + duration_usd(f, f.stack.memory_mb, ms),
        "DynamoDB writes": f.assumed["lease_write_units"] * f.prices["dynamodb_write"],
        "Logs": log_usd(f, f.lines["renewed"]),
        "X-Ray traces": traces(f, 1) * f.prices["trace"],
    }


def renewals_of_worker(ttl_seconds: int) -> float:
    """Of a worker that runs all month and renews at a third of its lease."""
    return MONTH_SECONDS / (ttl_seconds / 3)


def sweep_seconds(f: Figures, executions: int) -> float:
    """A sweep reads a history an execution, with half of the quota."""
    return executions / (f.quotas["history_reads_per_second"]["value"] / 2)


def sweep_month(f: Figures) -> float:
    """The invocations of the sweep; the APIs that it asks cost nothing."""
    sweeps = MONTH_SECONDS / (60 * f.stack.sweep_minutes)
    ms = 1000 * sweep_seconds(f, f.assumed["running_executions"])
    return sweeps * (f.prices["lambda_request"] + duration_usd(f, f.stack.watch_memory_mb, ms))


def express_usd(f: Figures) -> float:
    """An execution of an Express workflow that makes the one call."""
    gb_seconds = f.assumed["express_ms"] / 1000 * f.assumed["express_mb"] / 1024
    return f.prices["express_request"] + gb_seconds * f.prices["express_gb_second"]


def alternatives(f: Figures) -> dict[str, Lines]:
    """A million events through what AWS has without a function; nothing is logged, counted or traced there."""
    queue = MILLION * queue_requests(1) * f.prices["sqs_request"]
    express = MILLION * express_usd(f)
    event = MILLION * f.prices["custom_event"]
    pipe = MILLION * f.prices["pipe_request"]
    return {
        "SQS → Pipe → Express workflow": {"SQS requests": queue, "Pipe": pipe, "Express workflow": express},
        "Bus → rule → Express workflow": {"Custom events": event, "Express workflow": express},
        "Bus → API destination → REST API": {
            "Custom events": event,
            "API destination": MILLION * f.prices["api_destination"],
            "API Gateway": MILLION * f.prices["rest_api_call"],
        },
    }
