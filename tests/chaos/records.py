"""What is published in a run, and what is to become of each record by the contract."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass

from harness import events as e
from harness import kinds as k
from harness.function import ACCOUNT, REGION
from services import Services, Work

OTHER_REGION, OTHER_ACCOUNT = "eu-central-1", "444455556666"


@dataclass
class Record:
    body: str
    fate: str
    """`work`, `ignored`, or the code of its dead letter."""
    marker: str
    identity: str | None = None


class Publisher:
    def __init__(self, seed: int, services: Services) -> None:
        self.dice = random.Random(seed)
        self.services = services
        self.made: list[Record] = []

    def next(self) -> Record:
        marker = f"record-{len(self.made)}-{uuid.UUID(int=self.dice.getrandbits(128))}"
        made = self.dice.choices([self._work, self._duplicate, self._unroutable, self._ignored], [70, 5, 20, 5])[0](marker)
        self.made.append(made)
        return made

    def _work(self, marker: str) -> Record:
        kind = self.dice.choice(k.ALL_NAMES)
        region = self.dice.choice([REGION] * 4 + [OTHER_REGION])
        account = self.dice.choice([None] * 4 + [OTHER_ACCOUNT])
        identity, target = self._of_the_four(kind, marker) if kind in e.KINDS else self._of_the_ten(kind, region)
        is_presigned = kind in k.BY_NAME and k.BY_NAME[kind].presigned
        if is_presigned:
            account = None
        elif region != REGION:
            target["region"] = region
        if not is_presigned and (account or self.dice.random() < 0.2):
            target["account"] = account or ACCOUNT
        state = self.dice.random()
        if state < 0.95:
            # Of the rest the services know nothing.
            self.services.work[identity] = Work(region, account, is_open=state < 0.85)
        return Record(self._wrapped(target, marker), "work", marker, identity)

    def _of_the_four(self, kind: str, marker: str) -> tuple[str, dict]:
        identity = str(uuid.UUID(int=self.dice.getrandbits(128))) if kind == "codepipeline-job" else f"secret-{marker}"
        target: dict = {"kind": kind, "jobId" if "job" in kind else "taskToken": identity}
        if kind == "codepipeline-third-party-job":
            target["clientToken"] = f"secret-client-{marker}"
        return identity, target

    def _of_the_ten(self, name: str, region: str) -> tuple[str, dict]:
        """A URL is of its region by itself."""
        kind = k.BY_NAME[name]
        target = kind.build(region=region) if kind.presigned else kind.build()
        return k.identity(target), target

    def _duplicate(self, marker: str) -> Record:
        earlier = [record for record in self.made[-40:] if record.identity in self.services.work and "taskToken" in record.body]
        if not earlier:
            return self._work(marker)
        first = self.dice.choice(earlier)
        return Record(first.body, "work", first.marker, first.identity)

    def _wrapped(self, target: dict, marker: str) -> str:
        text = f"{marker} é😀 " + "x" * self.dice.choice([0, 0, 0, 6_000])
        event = e.event(target, {"type": "Chaos.Failure", "message": text, "details": {"n": 1.5, "é": "\r\n"}}, id=marker[:20])
        names = self.dice.choice([(), (), (), ("sns",), ("eventbridge",), ("cloudevent", "sns")])
        body = e.text(e.wrap(event, names))
        return self.dice.choice([body, body, f"\ufeff{body}\r\n", json.dumps(json.loads(body), ensure_ascii=False, indent=1)])

    def _unroutable(self, marker: str) -> Record:
        body, code = self.dice.choice([
            (f"{marker} is no JSON\r\n", "MALFORMED_EVENT"),
            (f' ["{marker}"]', "MALFORMED_EVENT"),
            (f'{{"message":"{marker}","n":1.50,"n":2}}', "INVALID_EVENT"),
            (json.dumps(e.event({"kind": marker})), "UNKNOWN_TARGET"),
            (json.dumps({"version": "2", "target": {}, "id": marker}), "UNSUPPORTED_VERSION"),
            (json.dumps(e.event(e.sfn(region="mars-1"), marker)), "TARGET_NOT_ALLOWED"),
        ])  # fmt: skip
        return Record(body, code, marker)

    def _ignored(self, marker: str) -> Record:
        running = e.eventbridge({"lastStatus": "RUNNING", "marker": marker}, "ECS Task State Change", "aws.ecs")
        return Record(json.dumps(running), "ignored", marker)
