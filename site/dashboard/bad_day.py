"""A bad day at the relay: the real function under a clock that is moved on, between queues and APIs that are played.

What is real: the function, its calls, retries, circuits and parking, its metric lines and log lines. What is played: the queues
(queues.py), the event source mappings (ten records at a time, one invocation after another: one environment), and what is published
and answered (scenario.py). Needs libfaketime. Run by site/dashboard/record.
"""

import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/template"), str(ROOT / "tests/blackbox")]

from cloudformation import Template  # noqa: E402
from harness.events import PARKING_QUEUE, SOURCE_QUEUE, message_attributes, sqs_record  # noqa: E402
from harness.function import PARKING_QUEUE as PARKING_URL  # noqa: E402
from harness.function import Function  # noqa: E402
from metrics import Metrics, times_in_alarm  # noqa: E402
from queues import Queue  # noqa: E402
from scenario import ALLOWED, SECONDS, START, Apis, arrivals, rfc_3339  # noqa: E402

BATCH = 10
SEED = 16
LINES_KEPT = 20
DATA = Path(__file__).with_name("bad-day.json")


class Clock:
    """The day's time: the machine's, moved on. libfaketime shows it to the function."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile("w", prefix="faketime-")
        self.offset = START - time.time()
        self.move_to(0)

    def now(self):
        return time.time() + self.offset - START

    def move_to(self, second):
        self.offset += max(0.0, second - self.now())
        self.file.seek(0)
        self.file.write(f"{self.offset:+.6f}\n")
        self.file.flush()

    def environment(self):
        library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
        assert Path(library).exists(), "apt-get install libfaketime"
        return {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": self.file.name, "FAKETIME_NO_CACHE": "1"}


class Day:
    def __init__(self):
        chance = random.Random(SEED)
        self.clock, self.metrics, self.lines = Clock(), Metrics(START), []
        self.apis = Apis(self.clock, chance)
        self.arrivals = arrivals(chance)
        self.queue = Queue("Queue", 180, True)
        self.parking = Queue("ParkingQueue", 180, True)
        self.dead_letters = Queue("DeadLetterQueue", 30, False)
        self.next_minute, self.function = 60, None
        self.restart("")

    def restart(self, regions):
        """The function with the template's defaults, and these regions allowed."""
        if self.function:
            self.function.close()
        self.clock.move_to(self.clock.now())
        defaults = Template("template.yaml").defaults
        self.function = Function({
            "RELAY_PARKING_QUEUE_URL": PARKING_URL, "RELAY_ALLOWED_REGIONS": regions or None,
            "RELAY_RETRY_BASE_SECONDS": str(defaults["RetryBaseSeconds"]), "RELAY_RETRY_CAP_SECONDS": str(defaults["RetryCapSeconds"]),
            "RELAY_PARK_AFTER": str(defaults["ParkAfter"]), **self.clock.environment(),
        }).wait_until_ready()  # fmt: skip

    def run(self):
        has_allowed = False
        while (now := self.clock.now()) < SECONDS:
            if now >= ALLOWED and not has_allowed:
                has_allowed = True
                self.restart("eu-central-1")
                self.redrive(now)
            while self.arrivals and self.arrivals[0][0] <= now:
                self.queue.send(now, self.arrivals.pop(0)[1])
            self.sample(now)
            if not any([self.poll(self.queue, SOURCE_QUEUE), self.poll(self.parking, PARKING_QUEUE)]):
                self.clock.move_to(self.next_event(has_allowed))
        self.function.close()

    def next_event(self, has_allowed):
        arrival = self.arrivals[0][0] if self.arrivals else SECONDS
        waiting = [self.queue.next_visible(), self.parking.next_visible()]
        return min(arrival, *waiting, self.next_minute, SECONDS if has_allowed else ALLOWED)

    def redrive(self, now):
        """What `relayctl dlq redrive` does."""
        for letter in self.dead_letters.messages:
            self.queue.send(now, letter.body, {"REDRIVE_COUNT": "1"})
        self.dead_letters.messages = []

    def sample(self, now):
        while self.next_minute <= now:
            for queue in (self.queue, self.parking, self.dead_letters):
                for name, value in queue.metrics(now):
                    # Just before the minute ends, so that the value is of that minute.
                    dimensions = (("QueueName", f"<{queue.name}.QueueName>"),)
                    self.metrics.add("AWS/SQS", name, dimensions, START + self.next_minute - 1, value)
            self.next_minute += 60

    def poll(self, queue, arn):
        """One invocation, where messages wait."""
        now = self.clock.now()
        batch = queue.receive(now, BATCH)
        if not batch:
            return False
        records = [self.record(message, arn) for message in batch]
        self.clock.move_to(now)
        result = self.function.invoke(
            {"Records": records}, {"*": self.apis.answer},
            deadline_ms=int((START + self.clock.now() + 30) * 1000), check_secrets=False,
        )  # fmt: skip
        self.settle(queue, batch, records, result)
        self.measure(now, result)
        return True

    @staticmethod
    def record(message, arn):
        record = sqs_record(
            message.body, message_id=message.id, receives=message.receives, queue=arn,
            SentTimestamp=str(int((START + message.sent) * 1000)),
        )  # fmt: skip
        record["messageAttributes"] = message_attributes(message.attributes)
        return record

    def settle(self, queue, batch, records, result):
        """What SQS and the mapping do with what the function asked for and answered."""
        now, failed = self.clock.now(), set(result.failures)
        queue.delete([message for message in batch if message.id not in failed])
        by_handle = {record["receiptHandle"]: message for record, message in zip(records, batch)}
        for change in result.aws.visibility:
            by_handle[change["ReceiptHandle"]].visible = now + change["VisibilityTimeout"]
        for parked in result.parked:
            self.parking.send(now, parked.body, parked.attributes, parked.delay_s)
        for letter in result.dead_letters:
            self.dead_letters.send(now, letter.body, letter.attributes)

    def measure(self, began, result):
        for line in result.metric_lines:
            self.metrics.add_embedded(line)
        self.lines += result.outcome_lines
        function = (("FunctionName", "<RelayFunction>"),)
        for name, value in [("Errors", int(result.failed)), ("Throttles", 0), ("ConcurrentExecutions", 1),
                            ("Duration", result.duration_s * 1000)]:  # fmt: skip
            self.metrics.add("AWS/Lambda", name, function, START + began, value)


def recorded(day):
    """What the dashboard shows of that day, when the alarms rang, and the last lines of the log."""
    template = Template("template.yaml")
    dashboard = json.loads(template.resources()["Dashboard"]["DashboardBody"])
    series = {}
    for widget in dashboard["widgets"]:
        for key, statistic in shown_by(widget, day.metrics):
            values = day.metrics.statistic(key, statistic, 300, SECONDS)
            series[name_of(key, statistic)] = [None if value is None else round(value, 1) for value in values]
    alarms = template.resources("AWS::CloudWatch::Alarm")
    return {
        "start": rfc_3339(0),
        "period": 300,
        "series": series,
        "alarms": {name: times_in_alarm(alarm, day.metrics, SECONDS) for name, alarm in alarms.items()},
        "tables": tables(day.lines),
    }


def shown_by(widget, metrics):
    for metric in widget["properties"].get("metrics", []):
        if "expression" in metric[-1]:  # a SEARCH for each kind
            name = metric[-1]["expression"].split('"')[1]
            yield from ((key, "Sum") for key in sorted(metrics.points) if key[1] == name and key[2])
        else:
            namespace, name, *dimensions, options = metric
            pairs = tuple(zip(dimensions[::2], dimensions[1::2]))
            yield (namespace, name, pairs), options.get("stat", widget["properties"]["stat"])


def name_of(key, statistic):
    namespace, name, dimensions = key
    return " ".join([namespace, name, *(f"{n}={v}" for n, v in dimensions), statistic])


def tables(lines):
    """The answers of the dashboard's three queries, by the titles of their widgets."""
    dead = [line for line in lines if line["outcome"] == "dead-lettered"]
    tried = [line for line in lines if line["outcome"] in ("retry", "parked")]
    last = [line for line in lines if line["outcome"] != "ignored"][-LINES_KEPT:]
    return {
        "Why dead letters": grouped(
            dead, ("error_code", "target_kind", "service_error"),
            lambda group: {"events": len(group), "last_message": group[-1]["error_message"]}),
        "Why retried or parked": grouped(
            tried, ("service_error", "target_kind"),
            lambda group: {"tries": len(group), "most_receives": max(line["receives"] for line in group)}),
        "The last events": [{"@timestamp": line["timestamp"].replace("T", " ")[:23], **line} for line in reversed(last)],
    }  # fmt: skip


def grouped(lines, members, count):
    groups = {}
    for line in lines:
        groups.setdefault(tuple(line.get(member) for member in members), []).append(line)
    rows = [{**count(group), **dict(zip(members, key))} for key, group in groups.items()]
    return sorted(rows, key=lambda row: -next(iter(row.values())))


def main():
    day = Day()
    day.run()
    DATA.write_text(json.dumps(recorded(day), separators=(",", ":")).replace('],"', '],\n"') + "\n")
    print(Counter(line["outcome"] for line in day.lines))


if __name__ == "__main__":
    main()
