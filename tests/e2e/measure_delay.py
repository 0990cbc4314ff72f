"""How long a failure takes from its worker to the orchestrator's answer, in LocalStack. No test: `benches/delay` runs it.

Each event's `time` is the moment before it is sent, so that `age_ms` in the relay's log line is the whole way: the publisher's call,
the queue, the event source mapping, the function, the API's answer. CloudWatch has the same number as the metric ReportAge.
"""

import json
import math
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud import Relay, wait_for

SINGLE_EVENTS, TOGETHER, ENTRIES_MAX = 200, 100, 10
PAUSE_SECONDS = 1.6
"""Between two events that come alone: LocalStack's mapping pauses for up to 1.5 s after a delivery, where Lambda's long poll does not."""
REGION = "eu-north-1"


@pytest.fixture(scope="module")
def relay(cloud):
    """The stack with its defaults."""
    template, architecture = os.environ["E2E_TEMPLATE"], os.environ["E2E_ARCHITECTURE"]
    return Relay(cloud, cloud.deploy(template, region=REGION, Architecture=architecture))


class Work:
    """Executions that wait for one activity."""

    def __init__(self, cloud):
        self.states = cloud.client("stepfunctions", region=REGION)
        self.cloud = cloud
        self.activity = self.states.create_activity(name="measured")["activityArn"]
        work = {"Type": "Task", "Resource": self.activity, "End": True}
        self.machine = cloud.state_machine({"StartAt": "Work", "States": {"Work": work}}, region=REGION)
        self.executions = []

    def open(self):
        """The token of a task that waits."""
        self.executions.append(self.cloud.start(self.machine))
        return self.states.get_activity_task(activityArn=self.activity, workerName="measure")["taskToken"]

    def ends(self):
        return {self.cloud.end_of(execution)["error"] for execution in self.executions}


def event(number, token):
    return {
        "id": f"measured-{number}",
        "time": datetime.now(UTC).isoformat(),
        "target": {"kind": "step-functions-task", "taskToken": token},
        "failure": {"type": "Measured", "message": "worker failed"},
    }


def percentile(values, percent):
    """The smallest of the values that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def summary(lines):
    delays, durations = [line["age_ms"] for line in lines], [line["duration_ms"] for line in lines]
    return {
        "events": len(lines),
        "median_ms": percentile(delays, 50),
        "p99_ms": percentile(delays, 99),
        "max_ms": max(delays),
        "call_median_ms": percentile(durations, 50),
    }


def send_alone(relay, sqs, work, numbers):
    for number in numbers:
        token = work.open()
        sqs.send_message(QueueUrl=relay.queue_url, MessageBody=json.dumps(event(number, token)))
        time.sleep(PAUSE_SECONDS)


def send_together(relay, sqs, work, numbers):
    tokens = {number: work.open() for number in numbers}
    for first in range(numbers.start, numbers.stop, ENTRIES_MAX):
        chunk = range(first, min(first + ENTRIES_MAX, numbers.stop))
        entries = [{"Id": str(n), "MessageBody": json.dumps(event(n, tokens[n]))} for n in chunk]
        assert not sqs.send_message_batch(QueueUrl=relay.queue_url, Entries=entries).get("Failed")


def relayed(relay, numbers):
    ids = {f"measured-{number}" for number in numbers}

    def all_of_them():
        lines = [line for line in relay.outcomes(outcome="relayed") if line.get("event_id") in ids]
        return len(lines) >= len(ids) and lines

    return wait_for(all_of_them, 120, "every event relayed")


def test_the_delay_from_a_worker_to_the_answer(cloud, relay):
    work, sqs = Work(cloud), cloud.client("sqs", region=REGION)
    first, alone = range(1), range(1, 1 + SINGLE_EVENTS)
    together = range(alone.stop, alone.stop + TOGETHER)
    send_alone(relay, sqs, work, first)
    relayed(relay, first)
    send_alone(relay, sqs, work, alone)
    relayed(relay, alone)
    send_together(relay, sqs, work, together)
    scenarios = {"first": first, "alone": alone, "together": together}
    found = {name: summary(relayed(relay, numbers)) for name, numbers in scenarios.items()}
    assert work.ends() == {"Measured"}, "the executions have failed with the events' own error"
    found["measured_on"] = {"date": str(datetime.now(UTC).date()), "processors": os.cpu_count(), "system": platform.system()}
    report = Path(os.environ["E2E_STATE"]) / "delay.json"
    report.write_text(json.dumps(found, indent=2) + "\n")
    print(f"\n{report}\n{report.read_text()}")
