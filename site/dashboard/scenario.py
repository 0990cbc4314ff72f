"""The bad day: when failures are published, and what the services answer."""

import json
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests/blackbox"))

from harness import answers  # noqa: E402

START = datetime(2026, 11, 19, 18, tzinfo=timezone.utc).timestamp()
SECONDS = 86_400
ANSWER_S = 0.02, 0.06  # how long an API takes


def at(clock):
    """A time of that day, which begins at 18:00, in seconds since its beginning."""
    hour, minute = map(int, clock.split(":"))
    return (hour - 18) % 24 * 3600 + minute * 60


# The day. Failures an hour by night and by day, and what goes wrong.
NIGHT, DAYTIME = 150, 300
OUTAGE = at("02:00"), at("03:05")  # CodePipeline answers 503
CLUSTER_LOST, LOST, CALLS_A_SECOND = at("09:10"), 200, 4  # so many tasks at once, more than Step Functions takes calls
WRONG_REGION, ALLOWED = at("13:30"), at("15:20")  # a worker moves to a region that the relay may not call, until it may
BROKEN_SCRIPT = at("16:50")  # publishes what is not JSON


def rfc_3339(second):
    return datetime.fromtimestamp(START + second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def arrivals(chance):
    """Pairs of a second and a body, in order: what is published in the day."""
    found = [(BROKEN_SCRIPT + 40 * n, '{"target": {"kind": "swf-activity-task", "taskToken": ') for n in range(4)]
    for number in range(LOST):
        second = CLUSTER_LOST + chance.uniform(0, 60)
        found.append((second, failure(second, f"lost-{number}", "render-farm", chance, "step-functions-task")))
    second = 0.0
    while second < SECONDS:
        hour = (second / 3600 + 18) % 24
        second += chance.expovariate((DAYTIME if 8 <= hour < 18 else NIGHT) / 3600)
        found.append((second, ordinary(second, len(found), chance)))
    for second in range(WRONG_REGION, ALLOWED, 60):
        found.append((second, failure(second, f"encode-{second}", "encoder", chance, "step-functions-task", region="eu-central-1")))
    return sorted(found)


def ordinary(second, number, chance):
    drawn = chance.random()
    if drawn < 0.1:  # an ECS task that ended well: no failure
        return json.dumps({
            "version": "0", "id": f"notice-{number}", "source": "aws.ecs", "detail-type": "ECS Task State Change",
            "account": "111122223333", "region": "eu-west-1", "time": rfc_3339(second), "resources": [],
            "detail": {"lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "containers": [{"exitCode": 0}]},
        })  # fmt: skip
    kind, source = ("step-functions-task", "render-farm") if drawn < 0.6 else ("codepipeline-job", "build-fleet")
    if drawn > 0.9:
        kind, source = "swf-activity-task", "media"
    return failure(second, f"{source}-{number}", source, chance, kind)


def failure(second, name, source, chance, kind, **place):
    """An event of a worker that noticed its failure up to two seconds ago."""
    identity = f"{chance.getrandbits(128):032x}"
    if kind == "codepipeline-job":
        member = {"jobId": "-".join((identity[:8], identity[8:12], identity[12:16], identity[16:20], identity[20:]))}
    else:
        member = {"taskToken": "token-" + identity}
    text = "The log of the renderer. " * (2_000 if chance.random() < 0.02 else 1)
    return json.dumps({
        "version": "1", "id": name, "source": source, "time": rfc_3339(second - chance.uniform(0, 2)),
        "target": {"kind": kind, **member, **place}, "failure": {"type": "Render.Failed", "message": text},
    })  # fmt: skip


class Apis:
    """What the services answer at a time of the day."""

    def __init__(self, clock, chance):
        self.clock, self.chance, self.calls = clock, chance, Counter()

    def answer(self, call):
        now = self.clock.now()
        if call.service == "codepipeline" and OUTAGE[0] <= now < OUTAGE[1]:
            return answers.error("ServiceUnavailable", 503, "Service Unavailable")
        if call.operation == "SendTaskFailure":
            self.calls[int(now)] += 1
            if self.calls[int(now)] > CALLS_A_SECOND:
                return answers.error("ThrottlingException", 400, "Rate exceeded")
            if self.chance.random() < 0.03:
                return answers.error("TaskTimedOut", 400, "Task Timed Out: 'Provided task does not exist anymore'")
        return answers.ok(b"" if call.service == "swf" else b"{}", delay_s=self.chance.uniform(*ANSWER_S))
