"""Section 4: outcomes, answers, batches, FIFO groups, the deadline, concurrency and back-off."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest

from harness import events as e
from harness.answers import HTML_PAGE, CutConnection, Hang, Scripted, error, http, ok
from harness.events import FIFO_QUEUE, KINDS, event, identity, sqs_record, target
from harness.function import Function, Functions, Result
from harness.outcome import answer, check_answer, dead_lettered, direct, send
from harness.table import cases

RELAYED, SETTLED, DEAD, RETRY = "relayed", "already-settled", "dead-lettered", "retry"
CODEPIPELINE = ("codepipeline-job", "codepipeline-third-party-job")
SFN, SWF = "step-functions-task", "swf-activity-task"


# --- the table of answers × kinds ------------------------------------------------------------------
# All rows run as one batch (and again as direct invocations), for time-outs and the SDK's own
# pauses would otherwise add up; each row is then a case.


def outcome_rows() -> list[tuple[str, str, Scripted, str]]:
    rows: list[tuple[str, str, Scripted, str]] = []

    def add(sentence: str, answered: Scripted, outcome: str, kinds: tuple[str, ...] = KINDS) -> None:
        rows.extend((f"{sentence}, for a {kind}", kind, answered, outcome) for kind in kinds)

    for style in ("bare", "namespaced", "header"):
        for name in ("TaskTimedOut", "TaskDoesNotExist"):
            add(f"{name} ({style}) is already settled", error(name, style=style), SETTLED, (SFN,))
        add(f"InvalidJobStateException ({style}) is already settled", error("InvalidJobStateException", style=style), SETTLED, CODEPIPELINE)
        add(f"UnknownResourceFault ({style}) is already settled", error("UnknownResourceFault", style=style), SETTLED, (SWF,))
        add(f"InvalidToken ({style}) is dead-lettered", error("InvalidToken", style=style), DEAD, (SFN,))
        for name in ("JobNotFoundException", "InvalidClientTokenException"):
            add(f"{name} ({style}) is dead-lettered", error(name, style=style), DEAD, CODEPIPELINE)
        for name in ("ValidationException", "SerializationException", "InvalidParameterValue", "InvalidParameterValueException"):
            add(f"{name} ({style}) is dead-lettered", error(name, style=style), DEAD)
        add(f"AccessDeniedException ({style}) is retried", error("AccessDeniedException", style=style), RETRY)
        add(f"ThrottlingException ({style}) is retried", error("ThrottlingException", style=style), RETRY)
        add(f"OperationNotPermittedFault ({style}) is retried", error("OperationNotPermittedFault", style=style), RETRY, (SWF,))
        add(f"an unknown name ({style}) is retried", error("BrandNewException", style=style), RETRY)
    for name in (
        "Throttling", "ThrottledException", "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
        "ProvisionedThroughputExceededException", "SlowDown", "BandwidthLimitExceeded", "LimitExceededException",
        "PriorRequestNotComplete", "TransactionInProgressException", "RequestThrottled", "EC2ThrottledException",
    ):  # fmt: skip
        add(f"{name} is throttling and retried", error(name), RETRY, (SFN, "codepipeline-job"))
    for name in ("KmsThrottlingException", "KmsNotFoundException"):
        add(f"{name} is retried", error(name), RETRY, (SFN,))
    for name in (
        "AccessDenied", "UnrecognizedClientException", "ExpiredTokenException", "ExpiredToken", "InvalidSignatureException",
        "MissingAuthenticationTokenException", "IncompleteSignatureException", "InvalidClientTokenId", "SignatureDoesNotMatch",
        "NotAuthorized", "OptInRequired", "RequestExpired", "ServiceUnavailable", "InternalFailure", "UnknownOperationException",
    ):  # fmt: skip
        add(f"{name} is retried", error(name), RETRY, (SFN, "codepipeline-third-party-job", SWF))
    add("access denied with status 403 is retried", error("AccessDeniedException", 403), RETRY)
    add("a bare 429 is retried", http(429, b""), RETRY)
    add("a 429 with an unknown name is retried", error("BrandNewException", 429), RETRY)
    for status in (500, 502, 503, 504, 507, 599):
        add(f"a bare {status} is retried", http(status, b""), RETRY)
    add("a 502 with a page is retried", http(502, HTML_PAGE), RETRY)
    add("a 500 with a name is retried", error("InternalServerError", 500), RETRY)
    add("a 503 with a name is retried", error("ServiceUnavailableException", 503), RETRY)
    add("a 400 with a page cannot be read and is retried", http(400, HTML_PAGE), RETRY)
    add("a 400 without a body cannot be read and is retried", http(400, b"", "application/x-amz-json-1.0"), RETRY)
    add("a 400 with an empty object cannot be read and is retried", http(400, b"{}", "application/x-amz-json-1.0"), RETRY)
    add("a 400 with half an object cannot be read and is retried", http(400, b'{"__type":"Val'), RETRY)
    add("a 400 with bytes that are no text cannot be read and is retried", http(400, b"\xff\xfe\x00"), RETRY)
    add("a 400 whose name is a number cannot be read and is retried", http(400, b'{"__type":42}'), RETRY)
    add("a 403 with a page is retried", http(403, HTML_PAGE), RETRY)
    add("a 404 with a page is retried", http(404, HTML_PAGE), RETRY)
    add("a connection cut before the answer is retried", CutConnection(), RETRY)
    add("a message that speaks of validation is not its name", error("BrandNewException", message="ValidationException: InvalidToken"), RETRY)
    # Names belong to their service: what the table knows of one it does not know of another.
    add("TaskTimedOut is not an answer of this service and is retried", error("TaskTimedOut"), RETRY, (SWF, "codepipeline-job"))
    add("UnknownResourceFault is not an answer of this service and is retried", error("UnknownResourceFault"), RETRY, (SFN,))
    add("InvalidToken is not an answer of this service and is retried", error("InvalidToken"), RETRY, (SWF,))
    add("JobNotFoundException is not an answer of this service and is retried", error("JobNotFoundException"), RETRY, (SFN,))
    # A 200 is an acceptance, whatever its body holds.
    add("200 with an empty object is relayed", ok(b"{}"), RELAYED)
    add("200 without a body is relayed", ok(b""), RELAYED)
    add("200 with a page is relayed", ok(HTML_PAGE), RELAYED)
    add("200 with half an object is relayed", ok(b'{"half":'), RELAYED)
    add("200 with a text is relayed", ok(b'"done"'), RELAYED)
    add("200 with an array is relayed", ok(b"[1]"), RELAYED)
    add("200 with null is relayed", ok(b"null"), RELAYED)
    add("200 with bytes that are no text is relayed", ok(b"\xff\x00\xfe"), RELAYED)
    add("200 with what looks like an error is relayed", ok(b'{"__type":"ValidationException","message":"x"}'), RELAYED)
    add("200 after half a second is relayed", ok(delay_s=0.5), RELAYED, (SFN,))
    # What the SDK tries again by itself may end well.
    add("a throttle and then an acceptance is relayed or retried", [error("ThrottlingException"), ok()], "relayed|retry")
    add("a 500 and then an acceptance is relayed or retried", [http(500), ok()], "relayed|retry")
    add("a cut and then TaskTimedOut is settled or retried", [CutConnection(), error("TaskTimedOut")], "already-settled|retry", (SFN,))
    return rows


ROWS = outcome_rows()


class Table:
    """All rows in one batch: what became of each."""

    def __init__(self, relay: Function) -> None:
        self.targets = [target(kind) for _, kind, _, _ in ROWS]
        records = [sqs_record(event(of, id=f"row-{i}"), message_id=f"row-{i}") for i, of in enumerate(self.targets)]
        script = {identity(of): answered for of, (_, _, answered, _) in zip(self.targets, ROWS, strict=True)}
        self.result = relay.invoke(e.sqs(*records), script, time_left_s=120)
        self.failures = set(self.result.failures)
        self.letters = {letter.attributes["EVENT_ID"]: letter for letter in self.result.dead_letters}

    def outcome(self, row: int) -> str:
        name = f"row-{row}"
        calls = self.result.calls_of(identity(self.targets[row]))
        if name in self.failures:
            assert name not in self.letters and not any(call.accepted for call in calls)
            return RETRY
        if name in self.letters:
            assert not any(call.accepted for call in calls)
            return DEAD
        assert calls, "done without a call"
        return RELAYED if calls[-1].accepted else SETTLED


@pytest.fixture(scope="module")
def table(functions: Functions) -> Table:
    return Table(functions.get(RELAY_CONCURRENCY="64"))


@cases("row", [(sentence, i) for i, (sentence, *_) in enumerate(ROWS)])
def test_each_answer_in_one_batch(table: Table, row: int) -> None:
    _, kind, _, expected = ROWS[row]
    outcome = table.outcome(row)
    assert outcome in expected.split("|")
    if outcome == DEAD:
        attributes = table.letters[f"row-{row}"].attributes
        assert (attributes["ERROR_CODE"], attributes["TARGET_KIND"]) == ("REJECTED_BY_SERVICE", kind)


PROMPT = [
    (sentence, kind, answered, outcome)
    for sentence, kind, answered, outcome in ROWS
    if outcome in (SETTLED, DEAD, RELAYED) or (outcome == RETRY and "AccessDenied" in sentence)
]


@cases("kind, answered, expected", PROMPT)
def test_each_answer_to_a_direct_invocation(relay: Function, kind: str, answered: Scripted, expected: str) -> None:
    of = target(kind)
    result = relay.invoke(event(of, id="the-id"), {identity(of): answered})
    if expected == RETRY:
        assert result.failed and not result.dead_letters
        return
    response = answer(result)
    assert response["outcome"] == expected
    assert (response["targetKind"], response["eventId"]) == (kind, "the-id")
    assert len(result.dead_letters) == (expected == DEAD)
    if expected == DEAD:
        assert response["errorCode"] == "REJECTED_BY_SERVICE" == result.the_dead_letter().attributes["ERROR_CODE"]


# --- answers to direct invocations, EventBridge and SNS ----------------------------------------------


def test_a_relayed_direct_event_is_answered_to_the_member(relay: Function) -> None:
    assert direct(relay, event(id="i")) == {"outcome": "relayed", "targetKind": SFN, "eventId": "i"}


def test_an_eventbridge_event_is_answered_alike(relay: Function) -> None:
    assert direct(relay, e.eventbridge(event(), id="i")) == {"outcome": "relayed", "targetKind": SFN, "eventId": "i"}


def test_one_sns_record_is_answered_with_an_object(relay: Function) -> None:
    assert direct(relay, e.sns(event(id="i"))) == {"outcome": "relayed", "targetKind": SFN, "eventId": "i"}


def test_several_sns_records_are_answered_with_an_array_in_their_order(relay: Function) -> None:
    settled = e.swf()
    result = relay.invoke(
        e.sns(event(id="a"), "not json", event(settled, id="c"), event({"kind": "other"}, id="d")),
        {identity(settled): error("UnknownResourceFault")},
    )
    assert isinstance(result.response, list)
    for item in result.response:
        check_answer(item)
    assert [item["outcome"] for item in result.response] == [RELAYED, DEAD, SETTLED, DEAD]
    assert [item.get("errorCode") for item in result.response] == [None, "MALFORMED_EVENT", None, "UNKNOWN_TARGET"]
    assert result.response[0] == {"outcome": "relayed", "targetKind": SFN, "eventId": "a"}


def test_several_sns_records_of_which_one_is_to_be_retried_fail(relay: Function) -> None:
    denied, good = e.sfn(), e.sfn()
    result = relay.invoke(e.sns(event(denied), event(good)), {identity(denied): error("AccessDeniedException")})
    assert result.failed and [call.identity for call in result.accepted] == [identity(good)]


def test_a_dead_lettered_direct_event_carries_code_and_message(relay: Function) -> None:
    result = relay.invoke(event({"kind": "codepipeline-job", "jobId": "X"}, id="i"))
    response = answer(result)
    attributes = result.the_dead_letter().attributes
    assert (response["errorCode"], response["errorMessage"]) == ("INVALID_EVENT", attributes["ERROR_MESSAGE"])
    assert (response["targetKind"], response["eventId"]) == ("codepipeline-job", "i")


def test_a_direct_event_of_an_unknown_kind_has_no_kind_in_the_answer(relay: Function) -> None:
    assert "targetKind" not in direct(relay, event({"kind": "other"}))


@pytest.mark.parametrize("build", [event, lambda of: e.eventbridge(event(of)), lambda of: e.sns(event(of))])
def test_an_event_to_be_retried_fails_the_invocation_and_the_function_lives_on(relay: Function, build) -> None:
    of = e.sfn()
    assert relay.invoke(build(of), {identity(of): error("AccessDeniedException")}).failed
    assert not relay.invoke(build(e.sfn())).failed


# --- batches -----------------------------------------------------------------------------------------


def test_a_batch_that_went_well_is_answered_with_an_empty_list(relay: Function) -> None:
    result = relay.invoke(e.sqs(event(), event(e.swf())))
    assert result.response == {"batchItemFailures": []}


def test_each_record_of_a_batch_ends_by_itself(relay: Function) -> None:
    good, settled, denied, rejected = e.sfn(), e.sfn(), e.job(), e.third_party()
    records = [
        sqs_record("no json", message_id="malformed"),
        sqs_record(event(denied), message_id="denied"),
        sqs_record(event(good), message_id="good"),
        sqs_record("[" * 50_000, message_id="brackets"),
        sqs_record(event(settled), message_id="settled"),
        sqs_record(event(rejected), message_id="rejected"),
        sqs_record(event({"kind": "other"}), message_id="unknown"),
        sqs_record('{"a":' * 12_000 + "1" + "}" * 12_000, message_id="deep"),
    ]
    script = {
        identity(settled): error("TaskTimedOut"),
        identity(denied): error("AccessDeniedException"),
        identity(rejected): error("JobNotFoundException"),
    }
    result = relay.invoke(e.sqs(*records), script)
    assert result.failures == ["denied"]
    assert [call.identity for call in result.accepted] == [identity(good)]
    letters = {letter.attributes["SOURCE_MESSAGE_ID"]: letter.attributes["ERROR_CODE"] for letter in result.dead_letters}
    assert letters == {
        "malformed": "MALFORMED_EVENT", "brackets": "MALFORMED_EVENT", "rejected": "REJECTED_BY_SERVICE",
        "unknown": "UNKNOWN_TARGET", "deep": "INVALID_EVENT",
    }  # fmt: skip


def test_the_same_event_twice_in_a_batch_is_twice_attempted(relay: Function) -> None:
    of = e.sfn()
    result = relay.invoke(e.sqs(event(of), event(of)), {identity(of): [ok(), error("TaskTimedOut")]})
    assert result.failures == [] and len(result.calls) == 2


def test_a_batch_of_10000_records_of_6_megabytes(relay_with) -> None:
    relay = relay_with(RELAY_CONCURRENCY="64")
    bad = 1000
    bodies = ["x" * 300] * bad + [event(e.swf(), {"message": "m" * 120}) for _ in range(10_000 - bad)]
    records = [
        {"messageId": f"m{i}", "receiptHandle": f"r{i}", "body": e.text(body), "attributes": {"ApproximateReceiveCount": "1"},
         "eventSource": "aws:sqs", "eventSourceARN": e.SOURCE_QUEUE, "awsRegion": "eu-west-1", "messageAttributes": {},
         "md5OfBody": "0" * 32}
        for i, body in enumerate(bodies)
    ]  # fmt: skip
    payload = json.dumps({"Records": records})
    records[0]["body"] = "x" * max(300, min(1_000_000, 6_000_000 - len(payload)))
    result = relay.invoke({"Records": records}, time_left_s=240, check_secrets=False)
    assert result.failures == []
    assert len(result.accepted) == 10_000 - bad and len(result.dead_letters) == bad


# --- a dead-letter queue that fails --------------------------------------------------------------------

QUEUE_FAULTS: list[tuple[str, Scripted]] = [
    ("a dead-letter queue that denies access leaves the record", error("AccessDenied", 403)),
    ("a dead-letter queue that does not exist leaves the record", error("QueueDoesNotExist")),
    ("a dead-letter queue without its key leaves the record", error("KmsAccessDenied")),
    ("a dead-letter queue that throttles its key leaves the record", error("KmsThrottled")),
    ("a dead-letter queue that throttles leaves the record", error("RequestThrottled")),
    ("a dead-letter queue that answers 500 leaves the record", http(500)),
    ("a dead-letter queue that answers 503 with a page leaves the record", http(503, HTML_PAGE)),
    ("a dead-letter queue that cuts the connection leaves the record", CutConnection()),
    ("a dead-letter queue that refuses the content leaves the record", error("InvalidMessageContents")),
]


@cases("fault", QUEUE_FAULTS)
def test_a_record_is_done_only_when_its_dead_letter_is_stored(relay: Function, fault: Scripted) -> None:
    good = e.sfn()
    records = [sqs_record("no json", message_id="bad"), sqs_record(event(good), message_id="good")]
    result = relay.invoke(e.sqs(*records), {"SendMessage": fault})
    assert result.failures == ["bad"] and not result.dead_letters
    assert [call.identity for call in result.accepted] == [identity(good)]


@pytest.mark.parametrize("build", [lambda: {}, lambda: e.eventbridge({}), lambda: e.sns({}), lambda: b"[]"])
def test_an_invocation_whose_dead_letter_is_not_stored_fails(relay: Function, build) -> None:
    assert relay.invoke(build(), {"SendMessage": error("AccessDenied", 403)}).failed


def test_a_dead_letter_that_fails_alone_leaves_its_record_alone(relay: Function) -> None:
    # With SendMessageBatch the failure is an entry of `Failed` in a 200; with SendMessage it is an error.
    records = [sqs_record(f"bad {i}", message_id=f"m{i}") for i in range(10)]
    result = relay.invoke(e.sqs(*records), {"refuse_bodies": {"bad 3", "bad 7"}})
    assert sorted(result.failures) == ["m3", "m7"]
    assert sorted(letter.body for letter in result.dead_letters) == [f"bad {i}" for i in range(10) if i not in (3, 7)]


def test_a_dead_letter_that_fails_once_may_succeed_again(relay: Function) -> None:
    record = sqs_record("bad", message_id="m")
    result = relay.invoke(e.sqs(record), {"SendMessage": [http(500)]})
    assert bool(result.failures) != bool(result.dead_letters)


# --- FIFO groups -----------------------------------------------------------------------------------------


def fifo(content: object, message_id: str, group: str = "g", **options: object) -> dict:
    return sqs_record(content, message_id=message_id, group=group, queue=FIFO_QUEUE, **options)


DENIED = error("AccessDeniedException")


def test_later_records_of_a_group_wait_for_one_to_be_retried(relay: Function) -> None:
    targets = [e.sfn() for _ in range(5)]
    records = [fifo(event(of), f"m{i}") for i, of in enumerate(targets)]
    result = relay.invoke(e.sqs(*records), {identity(targets[2]): DENIED})
    assert result.failures == ["m2", "m3", "m4"]
    assert [call.identity for call in result.accepted] == [identity(of) for of in targets[:2]]
    assert not any(result.calls_of(identity(of)) for of in targets[3:]), "a later record was attempted"


def test_other_groups_go_on(relay: Function) -> None:
    targets = {name: e.sfn() for name in ("a1", "b1", "a2", "b2", "c1", "a3")}
    records = [fifo(event(of), name, name[0]) for name, of in targets.items()]
    result = relay.invoke(e.sqs(*records), {identity(targets["a1"]): DENIED})
    assert sorted(result.failures) == ["a1", "a2", "a3"]
    assert {call.identity for call in result.accepted} == {identity(targets[n]) for n in ("b1", "b2", "c1")}


@cases(
    "first, answered",
    [
        ("a settled record does not hold its group", None, error("TaskTimedOut")),
        ("a rejected record does not hold its group", None, error("InvalidToken")),
        ("a malformed record does not hold its group", "no json", None),
    ],
)
def test_only_a_retry_holds_a_group(relay: Function, first: object, answered: Scripted | None) -> None:
    one, two = e.sfn(), e.sfn()
    script = {identity(one): answered} if answered else {}
    result = relay.invoke(e.sqs(fifo(first or event(one), "m1"), fifo(event(two), "m2")), script)
    assert result.failures == [] and [call.identity for call in result.accepted] == [identity(two)]


def test_a_dead_letter_that_is_not_stored_holds_its_group(relay: Function) -> None:
    two = e.sfn()
    records = [fifo("no json", "m1"), fifo(event(two), "m2")]
    result = relay.invoke(e.sqs(*records), {"SendMessage": error("AccessDenied", 403)})
    assert result.failures == ["m1", "m2"] and not result.calls


def test_later_malformed_records_of_a_held_group_are_not_dead_lettered(relay: Function) -> None:
    one = e.sfn()
    records = [fifo(event(one), "m1"), fifo("no json", "m2")]
    result = relay.invoke(e.sqs(*records), {identity(one): DENIED})
    assert result.failures == ["m1", "m2"] and not result.dead_letters


def test_records_of_one_group_are_never_in_flight_together(relay: Function) -> None:
    targets = [e.sfn() for _ in range(8)]
    records = [fifo(event(of), f"m{i}", "ab"[i % 2]) for i, of in enumerate(targets)]
    result = relay.invoke(e.sqs(*records), {"*": ok(delay_s=0.05)})
    assert result.failures == []
    for parity in (0, 1):
        calls = [result.calls_of(identity(of))[0] for of in targets[parity::2]]
        for earlier, later in zip(calls, calls[1:], strict=False):
            assert later.started >= earlier.ended, "two of one group in flight, or out of order"
    assert result.duration_s < 8 * 0.05 + 0.3
    starts = sorted(result.calls, key=lambda call: call.started)
    assert starts[1].started < starts[0].ended, "two groups were not in flight together"


def test_a_group_of_a_standard_queue_holds_nothing(relay: Function) -> None:
    one, two = e.sfn(), e.sfn()
    records = [sqs_record(event(of), message_id=f"m{i}", group="tenant") for i, of in enumerate((one, two))]
    result = relay.invoke(e.sqs(*records), {identity(one): DENIED})
    assert result.failures == ["m0"] and [call.identity for call in result.accepted] == [identity(two)]


# --- RELAY_MAX_RECEIVES ------------------------------------------------------------------------------------


@cases(
    "receives, limit, exhausted",
    [
        ("a record below the limit is retried", 2, "3", False),
        ("a record at the limit is dead-lettered", 3, "3", True),
        ("a record beyond the limit is dead-lettered", 9, "3", True),
        ("a limit of 1 dead-letters at the first receive", 1, "1", True),
        ("a limit of 0 is no limit", 1000, "0", False),
        ("no limit is the default", 1000, None, False),
    ],
)
def test_max_receives(relay_with, receives: int, limit: str | None, exhausted: bool) -> None:
    relay = relay_with(RELAY_MAX_RECEIVES=limit)
    of = e.sfn()
    record = sqs_record(event(of), receives=receives)
    result = relay.invoke(e.sqs(record), {identity(of): DENIED})
    if not exhausted:
        assert result.failures == [record["messageId"]] and not result.dead_letters
        return
    assert result.failures == []
    letter = result.the_dead_letter()
    assert letter.attributes["ERROR_CODE"] == "RETRIES_EXHAUSTED" and letter.body == record["body"]
    assert "AccessDenied" in letter.attributes["ERROR_MESSAGE"], "the last error is to be named"
    assert letter.attributes["RETRY_ATTEMPTS"] == str(receives - 1)
    assert letter.attributes["TARGET_KIND"] == SFN


@cases(
    "answered, code",
    [
        ("a record at the limit that is accepted is relayed", ok(), None),
        ("a record at the limit that is settled is settled", error("TaskTimedOut"), None),
        ("a record at the limit that is rejected is rejected", error("InvalidToken"), "REJECTED_BY_SERVICE"),
    ],
)
def test_max_receives_changes_a_retry_only(relay_with, answered: Scripted, code: str | None) -> None:
    of = e.sfn()
    result = relay_with(RELAY_MAX_RECEIVES="3").invoke(e.sqs(sqs_record(event(of), receives=5)), {identity(of): answered})
    assert result.failures == []
    assert [letter.attributes["ERROR_CODE"] for letter in result.dead_letters] == ([code] if code else [])


def test_an_exhausted_record_whose_dead_letter_is_not_stored_is_retried(relay_with) -> None:
    of = e.sfn()
    script = {identity(of): DENIED, "SendMessage": error("AccessDenied", 403)}
    record = sqs_record(event(of), receives=5)
    result = relay_with(RELAY_MAX_RECEIVES="3").invoke(e.sqs(record), script)
    assert result.failures == [record["messageId"]]


def test_a_record_that_was_not_attempted_is_never_exhausted(relay_with) -> None:
    one, two = e.sfn(), e.sfn()
    records = [fifo(event(one), "m1", receives=1), fifo(event(two), "m2", receives=9)]
    result = relay_with(RELAY_MAX_RECEIVES="3").invoke(e.sqs(*records), {identity(one): DENIED})
    assert result.failures == ["m1", "m2"] and not result.dead_letters


def test_an_exhausted_record_does_not_hold_its_group(relay_with) -> None:
    one, two = e.sfn(), e.sfn()
    records = [fifo(event(one), "m1", receives=3), fifo(event(two), "m2")]
    result = relay_with(RELAY_MAX_RECEIVES="3").invoke(e.sqs(*records), {identity(one): DENIED})
    assert result.failures == [] and [call.identity for call in result.accepted] == [identity(two)]
    assert result.the_dead_letter().attributes["ERROR_CODE"] == "RETRIES_EXHAUSTED"


def test_max_receives_is_for_sqs_records_only(relay_with) -> None:
    of = e.sfn()
    result = relay_with(RELAY_MAX_RECEIVES="1").invoke(event(of), {identity(of): DENIED})
    assert result.failed and not result.dead_letters


# --- back-off ------------------------------------------------------------------------------------------------


@cases(
    "base, cap, receives, most",
    [
        ("the first receive waits at most the base", "10", None, 1, 10),
        ("the second receive waits at most twice the base", "10", None, 2, 20),
        ("the fifth receive waits at most sixteen times the base", "10", None, 5, 160),
        ("the wait is capped at 900 by default", "10", None, 9, 900),
        ("the wait is capped by the setting", "10", "30", 9, 30),
        ("a thousand receives do not overflow", "10", "30", 1000, 30),
        ("the cap may be twelve hours", "40000", "43200", 3, 43200),
        ("a base of one second waits one second", "1", None, 1, 1),
        ("a base above the cap waits at most the cap", "100", "5", 1, 5),
    ],
)
def test_back_off(relay_with, base: str, cap: str | None, receives: int, most: int) -> None:
    relay = relay_with(RELAY_RETRY_BASE_SECONDS=base, RELAY_RETRY_CAP_SECONDS=cap)
    targets = [e.sfn() for _ in range(12)]
    good = e.sfn()
    records = [sqs_record(event(of), receives=receives) for of in targets]
    result = relay.invoke(
        e.sqs(*records, sqs_record(event(good), receives=receives)), {identity(of): DENIED for of in targets}
    )
    assert set(result.failures) == {record["messageId"] for record in records}
    waits = {change["ReceiptHandle"]: change["VisibilityTimeout"] for change in result.aws.visibility}
    assert set(waits) == {record["receiptHandle"] for record in records}, "exactly the retried records are put off"
    assert all(1 <= wait <= most for wait in waits.values()), waits
    assert most < 100 or len(set(waits.values())) > 1, "the waits are not random"
    assert all(change["QueueUrl"].endswith("/111122223333/failures") for change in result.aws.visibility)


@pytest.mark.parametrize("base", [None, "0"])
def test_without_a_base_there_is_no_back_off(relay_with, base: str | None) -> None:
    of = e.sfn()
    result = relay_with(RELAY_RETRY_BASE_SECONDS=base).invoke(e.sqs(event(of)), {identity(of): DENIED})
    assert len(result.failures) == 1 and not result.aws.others


@cases(
    "fault",
    [
        ("back-off that is denied is only logged", error("AccessDenied", 403)),
        ("back-off of a message no longer in flight is only logged", error("MessageNotInflight")),
        ("back-off that is answered with 500 is only logged", http(500)),
        ("back-off that is cut is only logged", CutConnection()),
    ],
)
def test_back_off_is_best_effort(relay_with, fault: Scripted) -> None:
    denied, good = e.sfn(), e.sfn()
    record = sqs_record(event(denied))
    relay = relay_with(RELAY_RETRY_BASE_SECONDS="10", RELAY_RETRY_CAP_SECONDS=None)
    result = relay.invoke(e.sqs(record, event(good)), {identity(denied): DENIED, "ChangeMessageVisibility": fault})
    assert result.failures == [record["messageId"]] and len(result.accepted) == 1


def test_back_off_that_hangs_does_not_hold_the_batch(relay_with) -> None:
    of = e.sfn()
    relay = relay_with(RELAY_RETRY_BASE_SECONDS="10", RELAY_RETRY_CAP_SECONDS=None)
    result = relay.invoke(e.sqs(event(of)), {identity(of): DENIED, "ChangeMessageVisibility": Hang()}, time_left_s=4)
    assert len(result.failures) == 1 and result.duration_s < 4


# --- the deadline and time limits --------------------------------------------------------------------------


def test_a_service_that_never_answers_does_not_hold_the_batch(relay: Function) -> None:
    hanging, good = e.sfn(), [e.sfn() for _ in range(9)]
    records = [sqs_record(event(hanging), message_id="hangs"), *(event(of) for of in good)]
    result = relay.invoke(e.sqs(*records), {identity(hanging): Hang()}, time_left_s=3)
    assert result.failures == ["hangs"] and result.duration_s < 3
    assert {call.identity for call in result.accepted} == {identity(of) for of in good}


def test_more_hanging_records_than_are_in_flight_at_once_are_all_retried_in_time(relay: Function) -> None:
    records = [sqs_record(event()) for _ in range(35)]
    result = relay.invoke(e.sqs(*records), {"*": Hang()}, time_left_s=3)
    assert set(result.failures) == {record["messageId"] for record in records} and result.duration_s < 3


@pytest.mark.parametrize("kind", KINDS)
def test_each_service_is_held_to_the_deadline(relay: Function, kind: str) -> None:
    result = relay.invoke(e.sqs(event(target(kind))), {"*": Hang()}, time_left_s=1.5)
    assert len(result.failures) == 1 and result.duration_s < 1.5


def test_a_direct_event_fails_before_the_deadline(relay: Function) -> None:
    result = relay.invoke(event(), {"*": Hang()}, time_left_s=2)
    assert result.failed and result.duration_s < 2


def test_a_dead_letter_queue_that_hangs_does_not_hold_the_batch(relay: Function) -> None:
    good = e.sfn()
    records = [sqs_record("no json", message_id="bad"), sqs_record(event(good), message_id="good")]
    result = relay.invoke(e.sqs(*records), {"SendMessage": Hang()}, time_left_s=3)
    assert result.failures == ["bad"] and result.duration_s < 3 and len(result.accepted) == 1


def test_the_second_try_without_kms_is_held_to_the_deadline(relay: Function) -> None:
    of = e.sfn()
    script = {identity(of): lambda call: error("KmsAccessDeniedException") if "cause" in call.params else Hang()}
    result = relay.invoke(e.sqs(event(of)), script, time_left_s=2)
    assert len(result.failures) == 1 and result.duration_s < 2


def test_throttling_does_not_run_past_the_deadline(relay: Function) -> None:
    result = relay.invoke(e.sqs(event(), event()), {"*": error("ThrottlingException")}, time_left_s=1)
    assert len(result.failures) == 2 and result.duration_s < 1


@pytest.mark.parametrize("left_s", [0.3, 0.1, 0.01])
def test_too_little_time_left_is_a_retry(relay: Function, left_s: float) -> None:
    records = [sqs_record(event()) for _ in range(10)]
    result = relay.invoke(e.sqs(*records), {"*": Hang()}, time_left_s=left_s)
    assert set(result.failures) == {record["messageId"] for record in records}
    assert result.duration_s < left_s + 0.5, "an answer that late is of no use"


@pytest.mark.parametrize("deadline_ms", [600_000, 0, 1])
def test_a_deadline_long_ago_is_no_deadline(relay: Function, deadline_ms: int) -> None:
    # cargo-lambda sends 600000 ms after 1970.
    result = relay.invoke(e.sqs(event(), "no json"), {"*": ok(delay_s=0.1)}, deadline_ms=deadline_ms)
    assert result.failures == [] and len(result.accepted) == 1 and len(result.dead_letters) == 1


def test_a_deadline_beyond_all_clocks_is_no_matter(relay: Function) -> None:
    result = relay.invoke(event(), deadline_ms=9_007_199_254_740_991)
    assert answer(result)["outcome"] == RELAYED


def test_a_slow_service_within_the_deadline_is_waited_for(relay: Function) -> None:
    assert answer(relay.invoke(event(), {"*": ok(delay_s=1.5)}, time_left_s=20))["outcome"] == RELAYED


@pytest.fixture(scope="session", autouse=True)
def without_deadline() -> Iterator[list]:
    """A call that hangs without any deadline, begun with the session so that nobody waits for it."""
    outcome: list = []
    function = Function()

    def run() -> None:
        try:
            batch = e.sqs(event(e.job()))
            outcome.append(function.invoke(batch, {"*": Hang()}, time_left_s=None, limit_s=90))
        except BaseException as broken:  # noqa: BLE001 - reported by the case
            outcome.append(broken)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield [outcome, thread]
    function.close()


def test_a_call_has_a_time_limit_of_its_own(without_deadline: list) -> None:
    """The limit is not said; what takes longer than 75 seconds is no limit that a batch could live with."""
    outcome, thread = without_deadline
    thread.join(75)
    assert outcome, "still waiting"
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    assert isinstance(outcome[0], Result) and len(outcome[0].failures) == 1


# --- concurrency ---------------------------------------------------------------------------------------------


def most_in_flight(result: Result) -> int:
    moments = sorted([(c.started, 1) for c in result.calls] + [(c.ended, -1) for c in result.calls])
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most


@pytest.mark.parametrize("setting, limit", [(None, 10), ("1", 1), ("3", 3), ("10", 10), ("64", 64)])
def test_concurrency_is_limited_and_used(relay_with, setting: str | None, limit: int) -> None:
    relay = relay_with(RELAY_CONCURRENCY=setting)
    count = min(limit * 3, 100)
    result = relay.invoke(e.sqs(*(event() for _ in range(count))), {"*": ok(delay_s=0.04 if limit > 1 else 0.01)})
    assert result.failures == []
    most = most_in_flight(result)
    assert most <= limit, f"{most} in flight"
    assert most >= min(limit, 3), f"only {most} in flight"


def test_ten_records_take_the_time_of_one(relay: Function) -> None:
    relay.invoke(e.sqs(*(event() for _ in range(10))))
    result = relay.invoke(e.sqs(*(event() for _ in range(10))), {"*": ok(delay_s=0.2)})
    assert result.failures == [] and result.duration_s < 0.5


def test_a_slow_record_does_not_hold_those_that_follow(relay: Function) -> None:
    slow = e.sfn()
    others = [e.sfn() for _ in range(30)]
    script = {identity(slow): ok(delay_s=1.0), "*": ok(delay_s=0.01)}
    result = relay.invoke(e.sqs(event(slow), *(event(of) for of in others)), script)
    assert result.failures == []
    assert max(result.calls_of(identity(of))[0].ended for of in others) < result.calls_of(identity(slow))[0].ended


# --- what a service says is not repeated too freely ------------------------------------------------------------


def test_a_rejection_that_repeats_the_token_is_told_without_it(relay: Function) -> None:
    of = e.sfn()
    script = {identity(of): error("InvalidToken", message=f"Invalid Token: '{of['taskToken']}'")}
    dead_lettered(relay, event(of), "REJECTED_BY_SERVICE", script=script, calls=None)


def test_a_rejection_with_a_long_message_is_told_within_1024_characters(relay: Function) -> None:
    of = e.sfn()
    script = {identity(of): error("ValidationException", message="long " * 4000)}
    letter = dead_lettered(relay, event(of), "REJECTED_BY_SERVICE", script=script, calls=None)
    assert len(letter.attributes["ERROR_MESSAGE"]) <= 1024


def test_a_rejection_with_odd_characters_is_told_without_them(relay: Function) -> None:
    of = e.sfn()
    script = {identity(of): error("ValidationException", message="a\x00b\x1bc\uffffd")}
    dead_lettered(relay, event(of), "REJECTED_BY_SERVICE", script=script, calls=None)


def test_the_function_answers_many_invocations(relay: Function) -> None:
    before = time.monotonic()
    for _ in range(100):
        assert send(relay, event()).failures == []
    assert time.monotonic() - before < 30
