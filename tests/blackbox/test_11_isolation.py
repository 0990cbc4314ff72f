"""Section 11: parking, what a parked record counts as, and the circuit of each API."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from harness import answers as a
from harness import events as e
from harness import notices as n
from harness.answers import CutConnection, Hang, Scripted, error, http, ok
from harness.events import FIFO_QUEUE, KINDS, PARKING_QUEUE, SOURCE_QUEUE, event, identity, parked_record, sqs_record
from harness.function import PARKING_QUEUE as PARKING_URL
from harness.function import Function, Result
from harness.table import cases

DENIED = error("AccessDeniedException")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
OPENS_AFTER_AT_MOST = 20
PROBED_WITHIN_S = 30.0
PROBE_S = 2.0


def fresh(content: object, **options: object) -> dict:
    """A record that is parked when its target denies access: received as often as RELAY_PARK_AFTER says."""
    return sqs_record(content, **{"receives": 3, **options})


@pytest.fixture
def parking(relay_with) -> Function:
    return relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL)


@pytest.fixture
def own_process() -> Iterator:
    """Circuits live as long as their process, so that each case about them has one to itself."""
    started: list[Function] = []

    def start(**changes: str) -> Function:
        started.append(Function({"RELAY_PARKING_QUEUE_URL": PARKING_URL, **changes}))
        return started[-1].wait_until_ready()

    yield start
    for function in started:
        function.close()


def the_line(result: Result) -> dict:
    assert len(result.outcome_lines) == 1, result.output
    return result.outcome_lines[0]


# --- settings ------------------------------------------------------------------------------------------


@cases(
    "variable, value",
    [
        ("a parking queue that is a name stops the function", "RELAY_PARKING_QUEUE_URL", "failures-parking"),
        ("a parking queue that is an ARN stops the function", "RELAY_PARKING_QUEUE_URL", PARKING_QUEUE),
        ("a FIFO queue for parking stops the function", "RELAY_PARKING_QUEUE_URL", f"{PARKING_URL}.fifo"),
        ("parking after 0 receives stops the function", "RELAY_PARK_AFTER", "0"),
        ("parking after a word stops the function", "RELAY_PARK_AFTER", "often"),
        ("parking after fewer than 0 receives stops the function", "RELAY_PARK_AFTER", "-1"),
        ("a longest parking that is a word stops the function", "RELAY_PARKED_SECONDS_MAX", "days"),
        ("the parking queue is no queue of abandoned work", "RELAY_ABANDONED_WORK_QUEUES", PARKING_QUEUE),
        ("the dead-letter queue is no queue of abandoned work", "RELAY_ABANDONED_WORK_QUEUES",
         "arn:aws:sqs:eu-west-1:111122223333:failures-dlq"),
    ],
)  # fmt: skip
def test_a_wrong_setting_stops_the_function_and_is_named(variable: str, value: str) -> None:
    function = Function({"RELAY_PARKING_QUEUE_URL": PARKING_URL, variable: value})
    try:
        said = function.stopped_at_start()
        assert said is not None and variable in said, said
    finally:
        function.close()


def test_without_a_parking_queue_nothing_is_parked(relay: Function) -> None:
    of = e.sfn()
    result = relay.invoke(e.sqs(fresh(event(of), message_id="m")), {identity(of): DENIED})
    assert result.failures == ["m"] and not result.parked


def test_an_empty_parking_queue_counts_as_none(relay_with) -> None:
    of = e.sfn()
    relay = relay_with(RELAY_PARKING_QUEUE_URL="", RELAY_PARK_AFTER="", RELAY_PARKED_SECONDS_MAX="")
    assert relay.invoke(e.sqs(fresh(event(of), message_id="m")), {identity(of): DENIED}).failures == ["m"]


# --- when a record is parked -----------------------------------------------------------------------------


@cases(
    "receives, after, is_parked",
    [
        ("a record received once is retried", 1, None, False),
        ("a record received twice is retried", 2, None, False),
        ("a record received three times is parked by default", 3, None, True),
        ("a record received a thousand times is parked", 1000, None, True),
        ("a record is parked at its first receive where the setting says so", 1, "1", True),
        ("a record below the setting is retried", 4, "5", False),
        ("a record at the setting is parked", 5, "5", True),
    ],
)
def test_a_record_is_parked_when_it_was_received_often_enough(
    relay_with, receives: int, after: str | None, is_parked: bool
) -> None:
    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_PARK_AFTER=after)
    of = e.sfn()
    result = relay.invoke(e.sqs(sqs_record(event(of), receives=receives, message_id="m")), {identity(of): DENIED})
    assert (len(result.parked), result.failures) == ((1, []) if is_parked else (0, ["m"]))
    assert not result.dead_letters and len(result.calls) == 1


@cases(
    "answered",
    [
        ("a record whose access is denied is parked", DENIED),
        ("a record that is throttled is parked", error("ThrottlingException")),
        ("a record that is answered with 500 is parked", http(500)),
        ("a record whose connection is cut is parked", CutConnection()),
        ("a record that is answered with what nobody knows is parked", error("BrandNewException")),
        ("a record that is answered by a page is parked", http(404, b"<html>")),
    ],
)
def test_a_record_is_parked_for_whatever_its_target_answers(own_process, answered: Scripted) -> None:
    of = e.job()
    result = own_process().invoke(e.sqs(fresh(event(of))), {identity(of): answered})
    assert result.failures == [] and result.the_parked().body == json.dumps(event(of))


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_each_kind_is_parked(parking: Function, kind: str) -> None:
    of = e.target(kind)
    result = parking.invoke(e.sqs(fresh(event(of))), {identity(of): DENIED})
    assert result.failures == [] and len(result.parked) == 1


def test_a_record_that_never_got_an_answer_is_parked(own_process) -> None:
    of = e.sfn()
    result = own_process().invoke(e.sqs(fresh(event(of))), {identity(of): Hang()})
    assert result.failures == [] and len(result.parked) == 1


def test_a_record_whose_role_cannot_be_assumed_is_parked(relay_with) -> None:
    from harness.aws_endpoint import sts_error

    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_ALLOWED_ACCOUNTS="444455556666", RELAY_ROLE_NAME="relay")
    result = relay.invoke(e.sqs(fresh(event(e.sfn(account="444455556666")))), {"AssumeRole": sts_error("AccessDenied")})
    assert result.failures == [] and len(result.parked) == 1


@cases(
    "answered, letters",
    [
        ("a record that is accepted is not parked", ok(), 0),
        ("a record that is settled is not parked", error("TaskTimedOut"), 0),
        ("a record that is rejected is not parked", error("InvalidToken"), 1),
    ],
)
def test_a_record_that_has_ended_is_not_parked(parking: Function, answered: Scripted, letters: int) -> None:
    of = e.sfn()
    result = parking.invoke(e.sqs(fresh(event(of))), {identity(of): answered})
    assert (result.failures, len(result.parked), len(result.dead_letters)) == ([], 0, letters)


def test_a_dead_letter_that_cannot_be_stored_is_retried_and_not_parked(parking: Function) -> None:
    def dead_letters_fail(call) -> a.Answer | None:
        return None if call.params["QueueUrl"] == PARKING_URL else error("AccessDenied", 403)

    result = parking.invoke(e.sqs(fresh("no json", message_id="m")), {"SendMessage": dead_letters_fail})
    assert result.failures == ["m"] and not result.parked and not result.dead_letters


def test_records_of_a_fifo_queue_are_never_parked(parking: Function) -> None:
    one, two = e.sfn(), e.sfn()
    records = [fresh(event(of), message_id=name, group="g", queue=FIFO_QUEUE) for name, of in (("m1", one), ("m2", two))]
    result = parking.invoke(e.sqs(*records), {identity(one): DENIED})
    assert result.failures == ["m1", "m2"] and not result.parked


@pytest.mark.parametrize("build", [event, lambda of: e.eventbridge(event(of)), lambda of: e.sns(event(of))])
def test_an_event_that_came_without_a_queue_is_never_parked(relay_with, build) -> None:
    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_PARK_AFTER="1")
    of = e.sfn()
    result = relay.invoke(build(of), {identity(of): DENIED})
    assert result.failed and not result.parked


def test_a_call_that_the_deadline_cut_off_is_retried_and_not_parked(own_process) -> None:
    of = e.sfn()
    result = own_process().invoke(e.sqs(fresh(event(of), message_id="m")), {identity(of): Hang()}, time_left_s=1.6)
    assert result.failures == ["m"] and not result.parked and result.duration_s < 1.6


def test_a_record_without_time_is_retried_and_not_parked(parking: Function) -> None:
    record = parked_record(event(), message_id="m")
    result = parking.invoke(e.sqs(record), time_left_s=0.1)
    assert result.failures == ["m"] and not result.parked and not result.calls


def test_max_receives_comes_first(relay_with) -> None:
    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_MAX_RECEIVES="3")
    of = e.sfn()
    result = relay.invoke(e.sqs(fresh(event(of))), {identity(of): DENIED})
    assert result.the_dead_letter().attributes["ERROR_CODE"] == "RETRIES_EXHAUSTED" and not result.parked


def test_each_record_of_a_batch_is_parked_by_itself(parking: Function) -> None:
    denied, good, young = [e.sfn() for _ in range(12)], e.sfn(), e.swf()
    records = [fresh(event(of), message_id=f"old-{i}") for i, of in enumerate(denied)]
    records += [fresh(event(good)), sqs_record(event(young), message_id="young"), fresh("no json")]
    script = {identity(of): DENIED for of in [*denied, young]}
    result = parking.invoke(e.sqs(*records), script)
    assert result.failures == ["young"] and len(result.dead_letters) == 1
    assert [call.identity for call in result.accepted] == [identity(good)]
    assert {m.attributes["SOURCE_MESSAGE_ID"] for m in result.parked} == {f"old-{i}" for i in range(12)}


# --- the message ---------------------------------------------------------------------------------------------


def test_the_parked_message_is_the_record_byte_for_byte_with_what_it_was(parking: Function) -> None:
    of = e.sfn()
    body = '\ufeff\r\n{ "target" : %s, "failure":{"message":"é😀","details":1.50} }\t' % json.dumps(of)
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    record = fresh(body, message_id="first", SentTimestamp="1735689611111", SenderId="AROA:worker", AWSTraceHeader=TRACE)
    result = parking.invoke(e.sqs(record), {identity(of): DENIED})
    message = result.the_parked()
    assert result.failures == [] and message.body == body and message.queue_url == PARKING_URL
    assert message.system_attributes == {"AWSTraceHeader": TRACE}
    assert message.deduplication_id is None and message.group_id is None
    since = message.attributes.pop("PARKED_SINCE")
    assert before <= datetime.fromisoformat(since) <= datetime.now(timezone.utc)
    assert message.attributes == {
        "RETRY_ATTEMPTS": "3", "SOURCE_ARN": SOURCE_QUEUE, "SOURCE_MESSAGE_ID": "first",
        "SENT_AT": "1735689611111", "PUBLISHER": "AROA:worker",
    }  # fmt: skip


def test_what_is_not_known_of_a_record_is_left_out(relay_with) -> None:
    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_PARK_AFTER="1")
    of = e.sfn()
    record = sqs_record(event(of), message_id="m")
    record["attributes"] = {"ApproximateReceiveCount": "1"}
    message = relay.invoke(e.sqs(record), {identity(of): DENIED}).the_parked()
    assert set(message.attributes) == {"PARKED_SINCE", "RETRY_ATTEMPTS", "SOURCE_ARN", "SOURCE_MESSAGE_ID"}
    assert not message.system_attributes


@cases(
    "cap, least, most",
    [
        ("the delay is 450 to 900 seconds by default", None, 450, 900),
        ("the delay is half of the cap to the cap", "60", 30, 60),
        ("the delay of an odd cap is a whole number", "5", 3, 5),
        ("a cap of one second delays by one second", "1", 1, 1),
        ("a cap above 900 seconds delays by at most 900", "43200", 450, 900),
    ],
)
def test_the_delay_is_random_between_half_of_the_cap_and_the_cap(relay_with, cap: str | None, least: int, most: int) -> None:
    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_RETRY_CAP_SECONDS=cap)
    targets = [e.sfn() for _ in range(30)]
    result = relay.invoke(e.sqs(*(fresh(event(of)) for of in targets)), {identity(of): DENIED for of in targets})
    delays = [message.delay_s for message in result.parked]
    assert len(delays) == 30 and all(least <= delay <= most for delay in delays), delays
    assert most - least < 20 or len(set(delays)) > 5, "the delays are not random"


def padded(of: dict, size: int) -> str:
    body = json.dumps(event(of))
    return body + " " * (size - len(body))


def test_a_record_that_does_not_fit_with_its_identity_stays_in_its_queue(parking: Function) -> None:
    of = e.sfn()
    result = parking.invoke(e.sqs(fresh(padded(of, 1_048_576), message_id="m")), {identity(of): DENIED})
    assert result.failures == ["m"] and not result.parked


def test_a_record_that_fits_only_without_what_describes_it_is_parked_without(parking: Function) -> None:
    of = e.sfn()
    result = parking.invoke(e.sqs(fresh(padded(of, 1_048_576 - 260), message_id="m")), {identity(of): DENIED})
    assert result.failures == []
    assert {"PARKED_SINCE", "RETRY_ATTEMPTS", "SOURCE_ARN", "SOURCE_MESSAGE_ID"} <= set(result.the_parked().attributes)


QUEUE_FAULTS: list[tuple[str, Scripted]] = [
    ("a parking queue that denies access leaves the record", error("AccessDenied", 403)),
    ("a parking queue that does not exist leaves the record", error("QueueDoesNotExist")),
    ("a parking queue that throttles leaves the record", error("RequestThrottled")),
    ("a parking queue that answers 500 leaves the record", http(500)),
    ("a parking queue that cuts the connection leaves the record", CutConnection()),
    ("a parking queue that refuses the content leaves the record", error("InvalidMessageContents")),
    ("a parking queue that confirms nothing leaves the record", http(200, b"{}", "application/x-amz-json-1.0")),
]


@cases("fault", QUEUE_FAULTS)
@pytest.mark.parametrize("count", [1, 3])
def test_a_record_is_done_only_when_sqs_has_confirmed_its_parking(parking: Function, fault: Scripted, count: int) -> None:
    targets = [e.sfn() for _ in range(count)]
    records = [fresh(event(of), message_id=f"m{i}") for i, of in enumerate(targets)]
    script = {identity(of): DENIED for of in targets} | {"SendMessage": fault}
    result = parking.invoke(e.sqs(*records), script)
    assert sorted(result.failures) == [f"m{i}" for i in range(count)]
    assert {line["outcome"] for line in result.outcome_lines} == {"retry"}


def test_a_parking_queue_that_never_answers_leaves_the_record_in_time(parking: Function) -> None:
    of = e.sfn()
    record = fresh(event(of), message_id="m")
    result = parking.invoke(e.sqs(record), {identity(of): DENIED, "SendMessage": Hang()}, time_left_s=3)
    assert result.failures == ["m"] and result.duration_s < 3


def test_a_parked_message_that_fails_alone_leaves_its_record_alone(parking: Function) -> None:
    targets = [e.sfn() for _ in range(5)]
    bodies = [json.dumps(event(of)) for of in targets]
    records = [fresh(body, message_id=f"m{i}") for i, body in enumerate(bodies)]
    script = {identity(of): DENIED for of in targets} | {"refuse_bodies": {bodies[2]}}
    result = parking.invoke(e.sqs(*records), script)
    assert result.failures == ["m2"] and len(result.parked) == 4


def test_a_trace_header_that_sqs_refuses_does_not_keep_a_record_from_being_parked(parking: Function) -> None:
    def refuse(call) -> a.Answer | None:
        entries = call.params.get("Entries", [call.params])
        return error("InvalidParameterValue") if any("MessageSystemAttributes" in entry for entry in entries) else None

    of = e.sfn()
    record = fresh(event(of), AWSTraceHeader="no trace header")
    result = parking.invoke(e.sqs(record), {identity(of): DENIED, "SendMessage": refuse})
    assert result.failures == [] and len(result.parked) == 1


# --- a record of the parking queue counts as what it was -----------------------------------------------------------


def test_a_record_of_the_parking_queue_is_parked_again_with_the_identity_of_the_first(parking: Function) -> None:
    of = e.sfn()
    record = parked_record(event(of), receives=1, AWSTraceHeader=TRACE)
    record["attributes"]["AWSTraceHeader"] = TRACE
    del record["messageAttributes"]["AWSTraceHeader"]
    result = parking.invoke(e.sqs(record), {identity(of): DENIED})
    message = result.the_parked()
    assert result.failures == []
    assert message.attributes == {
        "PARKED_SINCE": "2026-11-20T10:00:00.250Z", "RETRY_ATTEMPTS": "5", "SOURCE_ARN": SOURCE_QUEUE,
        "SOURCE_MESSAGE_ID": "the-first-message", "SENT_AT": "1735689600000", "PUBLISHER": "AROAPUBLISHER:worker",
    }  # fmt: skip
    assert message.system_attributes == {"AWSTraceHeader": TRACE}


def test_a_record_of_the_parking_queue_is_relayed_when_its_target_is_back(parking: Function) -> None:
    of = e.sfn()
    result = parking.invoke(e.sqs(parked_record(event(of))))
    assert result.failures == [] and result.the_call().identity == identity(of) and not result.parked


def test_a_record_of_the_parking_queue_has_the_id_receives_and_log_line_of_the_first(parking: Function) -> None:
    line = the_line(parking.invoke(e.sqs(parked_record(event(), message_id="own", receives=2))))
    assert (line["event_id"], line["record_id"], line["receives"]) == ("the-first-message", "the-first-message", 6)


def test_only_the_answer_names_the_parking_queues_own_message(relay_with) -> None:
    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_RETRY_BASE_SECONDS="2", RELAY_RETRY_CAP_SECONDS=None)
    of = e.sfn()
    record = parked_record(event(of), message_id="own")
    result = relay.invoke(e.sqs(record), {identity(of): DENIED, "SendMessage": error("AccessDenied", 403)})
    assert result.failures == ["own"]
    [hidden] = result.aws.visibility
    assert hidden["ReceiptHandle"] == record["receiptHandle"] and hidden["QueueUrl"].endswith("/failures-parking")
    assert 1 <= hidden["VisibilityTimeout"] <= 2 * 2**4


def test_a_dead_letter_of_a_parked_record_is_that_of_the_first(parking: Function) -> None:
    of = e.sfn()
    record = parked_record(event(of), receives=2)
    letter = parking.invoke(e.sqs(record), {identity(of): error("InvalidToken")}).the_dead_letter()
    expected = {
        "SOURCE_ARN": SOURCE_QUEUE, "SOURCE_MESSAGE_ID": "the-first-message", "RETRY_ATTEMPTS": "5",
        "EVENT_ID": "the-first-message", "PARKED_SINCE": "2026-11-20T10:00:00.250Z", "PUBLISHER": "AROAPUBLISHER:worker",
    }  # fmt: skip
    assert expected.items() <= letter.attributes.items()


def test_a_dead_letter_of_a_record_that_was_never_parked_says_nothing_of_parking(parking: Function) -> None:
    letter = parking.invoke(e.sqs(fresh("no json"))).the_dead_letter()
    assert not {"PARKED_SINCE", "SENT_AT"} & set(letter.attributes)


def test_receives_before_the_parking_count_for_max_receives(relay_with) -> None:
    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_MAX_RECEIVES="6")
    for own, is_exhausted in ((1, False), (2, True)):
        of = e.sfn()
        result = relay.invoke(e.sqs(parked_record(event(of), receives=own)), {identity(of): DENIED})
        assert (len(result.dead_letters), len(result.parked)) == ((1, 0) if is_exhausted else (0, 1))


def test_abandoned_work_that_was_parked_is_abandoned_work(relay_with) -> None:
    relay = relay_with(
        RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_ABANDONED_WORK_QUEUES=n.ABANDONED_QUEUE, RELAY_MAX_RECEIVES="2"
    )
    token = e.sfn()["taskToken"]
    record = parked_record({"TaskToken": token}, SOURCE_ARN=n.ABANDONED_QUEUE)
    call = relay.invoke(e.sqs(record)).the_call()
    assert (call.identity, call.params["error"]) == (token, "Worker.Abandoned")
    denied = relay.invoke(e.sqs(record), {token: DENIED})
    assert len(denied.parked) == 1 and not denied.dead_letters, "RELAY_MAX_RECEIVES does not apply to it"


@pytest.mark.parametrize(
    "queue",
    [
        SOURCE_QUEUE,
        "arn:aws:sqs:eu-west-1:111122223333:failures-parking-2",
        "arn:aws:sqs:eu-west-1:444455556666:failures-parking",
        "arn:aws:sqs:us-east-1:111122223333:failures-parking",
    ],
)
def test_the_attributes_of_a_parked_message_are_nothing_on_a_message_of_another_queue(parking: Function, queue: str) -> None:
    forged = parked_record("no json", message_id="own", queue=queue)
    result = parking.invoke(e.sqs(forged))
    attributes = result.the_dead_letter().attributes
    assert (attributes["SOURCE_ARN"], attributes["SOURCE_MESSAGE_ID"], attributes["RETRY_ATTEMPTS"]) == (queue, "own", "0")
    assert "PARKED_SINCE" not in attributes and attributes.get("PUBLISHER") != "AROAPUBLISHER:worker"
    assert (the_line(result)["record_id"], the_line(result)["receives"]) == ("own", 1)


def test_a_message_that_somebody_put_into_the_parking_queue_by_hand_is_itself(parking: Function) -> None:
    record = sqs_record("no json", message_id="own", queue=PARKING_QUEUE)
    attributes = parking.invoke(e.sqs(record)).the_dead_letter().attributes
    assert (attributes["SOURCE_ARN"], attributes["SOURCE_MESSAGE_ID"]) == (PARKING_QUEUE, "own")


# --- parked for too long -----------------------------------------------------------------------------------------


def ago(**since: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(**since)).isoformat().replace("+00:00", "Z")


def test_a_record_that_was_parked_for_too_long_is_dead_lettered_with_the_last_error(parking: Function) -> None:
    of, since = e.sfn(), ago(days=4, seconds=60)
    result = parking.invoke(e.sqs(parked_record(event(of), PARKED_SINCE=since)), {identity(of): DENIED})
    attributes = result.the_dead_letter().attributes
    assert len(result.calls) == 1, "it is tried once more"
    assert attributes["ERROR_CODE"] == "RETRIES_EXHAUSTED" and "AccessDeniedException" in attributes["ERROR_MESSAGE"]
    assert attributes["PARKED_SINCE"] == since and not result.parked and result.failures == []


@cases(
    "seconds, age, is_over",
    [
        ("four days are the default: less is parked again", None, 4 * 86_400 - 60, False),
        ("a minute that is not over is parked again", "60", 30, False),
        ("a minute that is over is dead-lettered", "60", 90, True),
    ],
)
def test_the_longest_parking_is_a_setting(relay_with, seconds: str | None, age: int, is_over: bool) -> None:
    relay = relay_with(RELAY_PARKING_QUEUE_URL=PARKING_URL, RELAY_PARKED_SECONDS_MAX=seconds)
    of = e.sfn()
    result = relay.invoke(e.sqs(parked_record(event(of), PARKED_SINCE=ago(seconds=age))), {identity(of): DENIED})
    assert (len(result.dead_letters), len(result.parked)) == ((1, 0) if is_over else (0, 1))


def test_a_record_that_was_parked_for_too_long_may_still_be_relayed(parking: Function) -> None:
    of = e.sfn()
    result = parking.invoke(e.sqs(parked_record(event(of), PARKED_SINCE=ago(days=9))))
    assert result.the_call().identity == identity(of) and result.failures == []


def test_a_dead_letter_of_too_long_a_parking_that_is_not_stored_leaves_the_record(parking: Function) -> None:
    of = e.sfn()
    record = parked_record(event(of), message_id="own", PARKED_SINCE=ago(days=9))
    result = parking.invoke(e.sqs(record), {identity(of): DENIED, "SendMessage": http(500)})
    assert result.failures == ["own"]


# --- the circuit -------------------------------------------------------------------------------------------------


def fail(relay: Function, answered: Scripted, count: int, of=e.sfn, at_once: int = 5) -> list[Result]:
    """So many fresh records of one API, received for the first time, in batches."""
    results = []
    for first in range(0, count, at_once):
        targets = [of() for _ in range(min(at_once, count - first))]
        script = {identity(target): answered for target in targets}
        results.append(relay.invoke(e.sqs(*(event(target) for target in targets)), script))
    return results


def is_called(relay: Function, of: dict, answered: Scripted = ok(), **options: object) -> bool:
    """Whether a fresh record is called; else it must be parked."""
    record = sqs_record(event(of), **options)
    result = relay.invoke(e.sqs(record), {identity(of): answered})
    if not result.calls:
        assert result.failures == [] and result.the_parked().body == record["body"]
    return bool(result.calls)


@cases(
    "answered",
    [
        ("twenty 500s in a row open the circuit", http(500)),
        ("twenty 503s with a name in a row open the circuit", error("ServiceUnavailableException", 503)),
        ("twenty connections cut in a row open the circuit", CutConnection()),
    ],
)
def test_the_circuit_opens_after_at_most_twenty_calls_in_a_row(own_process, answered: Scripted) -> None:
    relay = own_process()
    fail(relay, answered, OPENS_AFTER_AT_MOST)
    of = e.sfn()
    assert not is_called(relay, of), "a record received once is parked without a call"


def test_a_silent_api_opens_its_circuit_and_costs_seconds(own_process) -> None:
    relay = own_process()
    began = time.monotonic()
    fail(relay, Hang(), OPENS_AFTER_AT_MOST, at_once=10)
    assert time.monotonic() - began < 9
    assert not is_called(relay, e.sfn())


@cases(
    "answered",
    [
        ("a denied access is an answer", DENIED),
        ("a throttle is an answer", error("ThrottlingException")),
        ("a bare 429 is an answer", http(429)),
        ("an error that nobody knows is an answer", error("BrandNewException")),
        ("a page with a 404 is an answer", http(404, a.HTML_PAGE)),
    ],
)
def test_an_answer_of_any_kind_keeps_the_circuit_closed(own_process, answered: Scripted) -> None:
    relay = own_process()
    fail(relay, answered, 2 * OPENS_AFTER_AT_MOST)
    assert is_called(relay, e.sfn())


def test_an_answer_in_between_starts_the_count_again(own_process) -> None:
    relay = own_process()
    for _ in range(12):
        fail(relay, http(500), 3)
        assert is_called(relay, e.sfn())


def test_the_circuit_is_that_of_one_api_in_one_place(own_process) -> None:
    accounts = {"RELAY_ALLOWED_ACCOUNTS": "444455556666", "RELAY_ROLE_NAME": "relay"}
    relay = own_process(RELAY_ALLOWED_REGIONS="us-east-1", **accounts)
    fail(relay, http(500), OPENS_AFTER_AT_MOST)
    assert not is_called(relay, e.sfn())
    for other in (e.swf(), e.job(), e.third_party(), e.sfn(region="us-east-1"), e.sfn(account="444455556666")):
        assert is_called(relay, other)


def test_a_record_of_the_parking_queue_is_parked_again_while_the_circuit_is_open(own_process) -> None:
    relay = own_process()
    fail(relay, http(500), OPENS_AFTER_AT_MOST)
    result = relay.invoke(e.sqs(parked_record(event())))
    assert not result.calls and result.the_parked().attributes["RETRY_ATTEMPTS"] == "5"


@pytest.mark.parametrize("name", ["a FIFO queue", "SNS", "a direct invocation", "a message that is too large"])
def test_what_cannot_be_parked_is_called_while_the_circuit_is_open(own_process, name: str) -> None:
    relay = own_process()
    fail(relay, http(500), OPENS_AFTER_AT_MOST)
    of = e.sfn()
    match name:
        case "a FIFO queue":
            payload: object = e.sqs(sqs_record(event(of), group="g", queue=FIFO_QUEUE))
        case "SNS":
            payload = e.sns(event(of))
        case "a direct invocation":
            payload = event(of)
        case _:
            payload = e.sqs(padded(of, 1_048_576))
    assert relay.invoke(payload).the_call().identity == identity(of)


def test_a_record_that_was_parked_for_too_long_is_tried_while_the_circuit_is_open(own_process) -> None:
    relay = own_process()
    fail(relay, http(500), OPENS_AFTER_AT_MOST)
    of = e.sfn()
    result = relay.invoke(e.sqs(parked_record(event(of), PARKED_SINCE=ago(days=9))), {identity(of): http(500)})
    assert result.calls and result.the_dead_letter().attributes["ERROR_CODE"] == "RETRIES_EXHAUSTED"


def test_the_first_answer_of_any_call_closes_the_circuit(own_process) -> None:
    relay = own_process()
    fail(relay, http(500), OPENS_AFTER_AT_MOST)
    assert not is_called(relay, e.sfn())
    assert relay.invoke(e.sns(event())).the_call()
    assert is_called(relay, e.sfn())


def test_a_parking_queue_that_fails_leaves_a_record_whose_circuit_is_open(own_process) -> None:
    relay = own_process()
    fail(relay, http(500), OPENS_AFTER_AT_MOST)
    result = relay.invoke(e.sqs(sqs_record(event(), message_id="m")), {"SendMessage": http(500)})
    assert result.failures == ["m"] and not result.calls


def test_one_call_is_let_through_every_thirty_seconds_and_closes_the_circuit_when_it_is_answered(own_process) -> None:
    relay = own_process()
    fail(relay, http(500), OPENS_AFTER_AT_MOST)
    opened = time.monotonic()
    probes: list[float] = []
    while time.monotonic() - opened < 2 * PROBED_WITHIN_S and len(probes) < 2:
        targets = [e.sfn() for _ in range(4)]
        began = time.monotonic()
        result = relay.invoke(e.sqs(*(event(of) for of in targets)), {identity(of): Hang() for of in targets})
        assert result.duration_s < PROBE_S + 0.5 and result.failures == [] and len(result.parked) == 4
        if result.calls:
            assert len(result.calls) == 1, "one call is let through"
            probes.append(began)
        time.sleep(0.2)
    gaps = [later - earlier for earlier, later in zip([opened, *probes], probes, strict=False)]
    assert len(probes) == 2 and max(gaps) <= PROBED_WITHIN_S, gaps
    limit = time.monotonic() + PROBED_WITHIN_S
    while not is_called(relay, e.sfn()):
        assert time.monotonic() < limit, "no call was let through"
        time.sleep(0.2)
    assert is_called(relay, e.sfn()), "an answer has closed the circuit"


def test_healthy_records_are_not_held_up_while_the_circuit_is_open(own_process) -> None:
    relay = own_process()
    fail(relay, Hang(), OPENS_AFTER_AT_MOST, of=e.swf, at_once=10)
    began, batches = time.monotonic(), 0
    while time.monotonic() - began < 5:
        healthy, stuck = [e.sfn() for _ in range(5)], [e.swf() for _ in range(5)]
        hang = {identity(of): Hang() for of in stuck}
        result = relay.invoke(e.sqs(*(event(of) for of in [*healthy, *stuck])), hang)
        assert len(result.accepted) == 5 and len(result.parked) == 5
        batches += 1
    assert batches > 20, f"only {batches} batches in five seconds"


# --- logs and metrics ----------------------------------------------------------------------------------------------


def test_a_parked_record_is_told_in_a_warning_and_counted(parking: Function) -> None:
    of = e.swf()
    result = parking.invoke(e.sqs(fresh(event(of, id="i"), message_id="m")), {identity(of): DENIED})
    line = the_line(result)
    assert (line["outcome"], line["level"], line["service_error"]) == ("parked", "WARN", "AccessDeniedException")
    assert (line["event_id"], line["record_id"], line["receives"], line["target_kind"]) == ("i", "m", 3, "swf-activity-task")
    [metrics] = result.metric_lines
    assert (metrics["Parked"], metrics["Retried"], metrics["TargetKind"]) == (1, 0, "swf-activity-task")
    names = {metric["Name"]: metric["Unit"] for metric in metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert names["Parked"] == "Count"


def test_a_record_that_is_parked_without_a_call_is_told_alike(own_process) -> None:
    relay = own_process()
    fail(relay, http(500), OPENS_AFTER_AT_MOST)
    line = the_line(relay.invoke(e.sqs(event())))
    assert (line["outcome"], line["level"]) == ("parked", "WARN") and "service_error" not in line


def test_since_when_a_record_is_parked_is_rfc_3339(parking: Function) -> None:
    of = e.sfn()
    message = parking.invoke(e.sqs(fresh(event(of))), {identity(of): DENIED}).the_parked()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", message.attributes["PARKED_SINCE"])
