"""The judge: it knows what was published, delivered and told, and nothing of the relay. What it finds wrong is a text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from harness.function import Result
from source_queue import Message
from records import Record
from services import Services


def judge_answer(batch: list[Message], records: dict[str, Record], result: Result) -> Iterator[str]:
    """Whether each record that the answer acknowledges was proven to the function in this very invocation."""
    failures = set(result.failures)
    if foreign := failures - {message.id for message in batch}:
        yield f"identifiers that are not in the batch: {foreign}"
    if "secret-" in result.output:
        yield "a secret is in the output"
    if result.aws.violations:
        yield f"requests that AWS would refuse: {result.aws.violations}"
    proofs = Counter(call.identity for call in result.calls if getattr(call, "told", None) in ("accepted", "settled"))
    letters = Counter(body for call in result.aws.others for body in getattr(call, "confirmed", []))
    called = {call.identity for call in result.calls}
    for message in batch:
        record = records[message.sent_as]
        if message.id in failures:
            continue
        if record.fate == "ignored":
            if record.identity in called or letters[record.body]:
                yield f"{message.id} is no failure, and something was done"
        elif record.identity is not None and proofs[record.identity] > 0:
            proofs[record.identity] -= 1
        elif letters[record.body] > 0:
            letters[record.body] -= 1
        else:
            yield f"lost: {message.id} ({record.fate}) is acknowledged without proof"
    yield from judge_parked(batch, records, result)
    yield from judge_groups(batch, records, failures, result)


def judge_parked(batch: list[Message], records: dict[str, Record], result: Result) -> Iterator[str]:
    """Parked are records of this batch that have a target, byte for byte and with all their receives."""
    receives = {message.sent_as: message.receives + int(message.attributes.get("RETRY_ATTEMPTS", 0)) for message in batch}
    groups = {message.sent_as: message.group for message in batch}
    for copy in (copy for call in result.aws.others for copy in getattr(call, "parked", [])):
        id = copy.attributes.get("SOURCE_MESSAGE_ID")
        if id not in receives:
            yield f"a record is parked that is not in the batch: {copy.attributes}"
            continue
        is_right = copy.body == records[id].body and records[id].identity is not None and groups[id] is None
        is_doubled = sum(message.sent_as == id for message in batch) > 1
        if not is_right or not (is_doubled or copy.attributes.get("RETRY_ATTEMPTS") == str(receives[id])):
            yield f"{id} ({records[id].fate}) is parked as {copy.attributes}"


def judge_groups(batch: list[Message], records: dict[str, Record], failures: set[str], result: Result) -> Iterator[str]:
    """After a record that comes back nothing of its group is attempted, and no two of a group are in flight together."""
    groups: dict[str, list[Message]] = defaultdict(list)
    for message in batch:
        if message.group:
            groups[message.group].append(message)
    identities = Counter(records[message.sent_as].identity for message in batch)
    for group in groups.values():
        is_blocked, ended = False, 0.0
        for message in group:
            identity = records[message.sent_as].identity
            calls = [call for call in result.calls if identity and call.identity == identity]
            if is_blocked and message.id not in failures:
                yield f"{message.id} overtakes its group"
            if identities[identity] == 1:
                if calls and is_blocked:
                    yield f"{message.id} is attempted before its turn"
                if calls and min(call.started for call in calls) < ended:
                    yield f"{message.id} is in flight with its group"
                ended = max([ended, *(call.ended for call in calls)])
            is_blocked = is_blocked or message.id in failures


def judge_end(records: dict[str, Record], services: Services, receives_max: int) -> Iterator[str]:
    """When the queues are empty and all faults are over: where each record is, and what each letter says."""
    yield from services.wrong
    of_body: dict[str, list[tuple[str, Record]]] = defaultdict(list)
    for id, record in records.items():
        of_body[record.body].append((id, record))
    stored = {letter.body for letter in services.letters}
    for id, record in records.items():
        work = services.work.get(record.identity) if record.identity else None
        told = services.told[record.identity] if record.identity else set()
        if record.fate == "ignored":
            is_ended = record.body not in stored
        elif work is not None:
            is_ended = not work.is_open or record.body in stored
        else:
            is_ended = record.body in stored
        if not is_ended:
            yield f"lost: {id} ({record.fate}, told {told}) ended nowhere"
        if work is not None and len(work.failures) > 1:
            yield f"{id} was failed {len(work.failures)} times"
        if work is not None and work.failures and not work.is_silent and record.marker not in work.failures[0]:
            yield f"{id} was failed with the text of another"
    for letter in services.letters:
        owners = of_body.get(letter.body)
        if not owners:
            yield f"a letter that nobody published: {letter.body[:80]!r}"
            continue
        yield from judge_letter(letter, owners, services, receives_max)


def judge_letter(letter, owners: list[tuple[str, Record]], services: Services, receives_max: int) -> Iterator[str]:
    code, record = letter.attributes.get("ERROR_CODE"), owners[0][1]
    if letter.attributes.get("SOURCE_MESSAGE_ID") not in {id for id, _ in owners}:
        yield f"a letter with the id of another message: {letter.attributes}"
    if any("secret-" in value for value in letter.attributes.values()):
        yield "a secret is in an attribute"
    receives = int(letter.attributes.get("RETRY_ATTEMPTS", 0)) + 1
    match code:
        case "RETRIES_EXHAUSTED":
            is_right = record.identity is not None and 0 < receives_max <= receives
        case "REJECTED_BY_SERVICE":
            is_right = record.identity is not None and "rejected" in services.told[record.identity]
        case _:
            is_right = code == record.fate
    if not is_right:
        yield f"a letter says {code} of {record.fate} after {receives} receives"
