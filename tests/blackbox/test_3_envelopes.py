"""Section 3: envelopes, alone and in every combination to a depth of five."""

from __future__ import annotations

import itertools
import json

import pytest

from harness import events as e
from harness.events import INNER, event, sqs_record, wrap
from harness.function import Function
from harness.outcome import dead_lettered, direct, relayed
from harness.table import cases

INVALID, MALFORMED = "INVALID_EVENT", "MALFORMED_EVENT"
OUTER = {"sqs": e.sqs, "sns-lambda": e.sns}


def combinations(depth: int) -> list[tuple]:
    """Each sequence of envelopes of this depth: the outermost may be one of the two batches."""
    rows = []
    for names in itertools.product(INNER, repeat=depth - 1):
        rows += [(" > ".join((outer, *names)) + " is unwrapped", outer, names) for outer in OUTER]
    for names in itertools.product(INNER, repeat=depth):
        # Only "inside a body" is said of the notification; see the case of its own below.
        if names and names[0] != "sns":
            rows.append((" > ".join(names) + " is unwrapped", None, names))
    return rows


def build(outer: str | None, names: tuple[str, ...], content: object) -> object:
    inner = wrap(content, names)
    return OUTER[outer](inner) if outer else inner


@cases("outer, names", [row for depth in (1, 2, 3, 4) for row in combinations(depth)])
def test_up_to_four_envelopes(relay: Function, outer: str | None, names: tuple[str, ...]) -> None:
    of = e.sfn()
    result = relay.invoke(build(outer, names, event(of, {"message": "deep inside"})))
    call = result.the_call()
    assert call.identity == of["taskToken"] and call.params["cause"] == "deep inside"


def five() -> list[tuple]:
    rows = [row for row in combinations(5)]
    # All that have one kind of envelope inside, and a spread of the mixed ones: the rule is the count.
    return [row for i, row in enumerate(rows) if len(set(row[2])) == 1 or i % 17 == 0]


@cases("outer, names", [(row[0].replace("is unwrapped", "is too deep"), *row[1:]) for row in five()])
def test_a_fifth_envelope_is_invalid(relay: Function, outer: str | None, names: tuple[str, ...]) -> None:
    result = relay.invoke(build(outer, names, event()))
    assert not result.calls and result.the_dead_letter().attributes["ERROR_CODE"] == INVALID


@pytest.mark.parametrize("depth", [6, 20, 500])
def test_many_envelopes_are_invalid(relay: Function, depth: int) -> None:
    dead_lettered(relay, wrap(event(), ["cloudevent"] * depth), INVALID)


def test_a_notification_as_the_payload_itself(relay: Function) -> None:
    # Ambiguous: it is named "inside a body", yet envelopes come "in any order"; a direct one may be read or refused.
    response = direct(relay, e.sns_notification(event()))
    assert response["outcome"] == "relayed" or response["errorCode"] == INVALID


@cases(
    "extra",
    [
        ("a target beside the marks of EventBridge is an event", {"detail-type": "x", "detail": {"target": {"kind": "other"}}}),
        ("a target beside the marks of a CloudEvent is an event", {"specversion": "1.0", "data": {}}),
        ("a target beside the marks of a notification is an event", {"Type": "Notification", "Message": "not json"}),
        ("a target beside records is an event", {"Records": [{"eventSource": "aws:sqs", "body": "x"}]}),
        ("a target beside empty records is an event", {"Records": []}),
        ("a target beside all marks is an event", {"Type": "Notification", "Message": "{}", "detail-type": "x", "detail": {},
                                                   "specversion": "1.0", "data": {}}),
        ("a target beside the marks of a Lambda record is an event",
         {"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": {}}),
        ("a target beside the marks of an ECS notice is an event",
         {"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": {"lastStatus": "RUNNING"}}),
    ],
)  # fmt: skip
def test_an_object_with_a_target_is_an_event_whatever_else_it_holds(relay: Function, extra: dict) -> None:
    of = e.sfn()
    assert relayed(relay, event(of, **extra)).identity == of["taskToken"]
    of = e.sfn()
    assert relay.invoke(event(of, **extra)).the_call().identity == of["taskToken"]


def test_an_empty_target_beside_an_envelope_is_still_the_event(relay: Function) -> None:
    dead_lettered(relay, {"target": {}, **e.cloudevent(event())}, INVALID)


def test_a_target_that_is_no_object_leaves_an_envelope_an_envelope(relay: Function) -> None:
    of = e.sfn()
    assert relayed(relay, {**e.cloudevent(event(of)), "target": "x"}).identity == of["taskToken"]


@cases(
    "content",
    [
        ("a detail that is a text is malformed", e.eventbridge("text")),
        ("a detail that is JSON in a text is malformed", e.eventbridge(json.dumps({"a": 1}))),
        ("a detail that is an array is malformed", e.eventbridge([1])),
        ("a detail that is a number is malformed", e.eventbridge(1)),
        ("data that is a text is malformed", e.cloudevent("text")),
        ("data that is an array is malformed", e.cloudevent([])),
        ("data that is true is malformed", e.cloudevent(True)),
        ("a message that is no JSON is malformed", e.sns_notification("it broke")),
        ("a message that is an array is malformed", e.sns_notification("[]")),
        ("a message that is null is malformed", e.sns_notification("null")),
        ("a message that is empty is malformed", e.sns_notification("")),
        ("a message that breaks off is malformed", e.sns_notification('{"target":')),
        ("a message three deep that is no JSON is malformed", e.eventbridge(e.cloudevent(e.sns_notification("no")))),
    ],
)
def test_content_that_is_no_object_is_malformed(relay: Function, content: dict) -> None:
    dead_lettered(relay, content, MALFORMED)


@cases(
    "content",
    [
        ("an SQS batch inside a body is no envelope", e.sqs(event())),
        ("an SNS invocation inside a body is no envelope", e.sns(event())),
        ("an SQS batch inside an EventBridge event is no envelope", e.eventbridge(e.sqs(event()))),
        ("a notification whose message is no text is no envelope", {"Type": "Notification", "Message": {"target": {}}}),
        ("a message of another type is no envelope", {"Type": "SubscriptionConfirmation", "Message": "{}"}),
        ("a detail without a detail-type is no envelope", {"detail": {"target": {"kind": "step-functions-task"}}}),
        ("a detail-type without a detail is no envelope", {"detail-type": "x"}),
        ("a specversion without data is no envelope", {"specversion": "1.0", "id": "1"}),
        ("data without a specversion is no envelope", {"data": {"target": {}}}),
        ("an envelope around an empty object is an invalid event", e.cloudevent({})),
    ],
)
def test_what_is_no_envelope_is_an_event_without_a_target(relay: Function, content: dict) -> None:
    dead_lettered(relay, content, INVALID)


def test_null_content_is_refused(relay: Function) -> None:
    # Ambiguous: null is no JSON object (malformed), or an absent detail (no envelope, so an invalid event).
    for content in (e.eventbridge(None), e.cloudevent(None)):
        dead_lettered(relay, content, MALFORMED, INVALID)


@cases(
    "payload, code",
    [
        ("a direct payload that is an array is malformed", b"[1, 2]", MALFORMED),
        ("a direct payload that is a text is malformed", b'"text"', MALFORMED),
        ("a direct payload that is a number is malformed", b"42", MALFORMED),
        ("a direct payload that is null is malformed", b"null", MALFORMED),
        ("a direct payload that is true is malformed", b"true", MALFORMED),
        ("a direct payload that is an empty object is an invalid event", b"{}", INVALID),
        ("records of another source are an invalid event", b'{"Records":[{"eventSource":"aws:s3","s3":{}}]}', INVALID),
        ("records of DynamoDB are an invalid event", b'{"Records":[{"eventSource":"aws:dynamodb"}]}', INVALID),
        ("records without a source are an invalid event", b'{"Records":[{}]}', INVALID),
        ("records that are an object are an invalid event", b'{"Records":{"eventSource":"aws:sqs"}}', INVALID),
        ("records that are a number are an invalid event", b'{"Records":7}', INVALID),
        ("records that are texts are an invalid event", b'{"Records":["aws:sqs"]}', INVALID),
        ("a direct array nested 12,000 deep is malformed", b"[" * 12_000 + b"]" * 12_000, MALFORMED),
        ("a direct object nested 12,000 deep is invalid", b'{"a":' * 12_000 + b"1" + b"}" * 12_000, INVALID),
    ],
)
def test_direct_payloads(relay: Function, payload: bytes, code: str) -> None:
    response = direct(relay, payload)
    assert (response["outcome"], response["errorCode"]) == ("dead-lettered", code)
    assert "targetKind" not in response


@cases(
    "payload",
    [
        ("a payload that is no JSON ends in an answer", b"not json"),
        ("an empty payload ends in an answer", b""),
        ("a payload that breaks off ends in an answer", b'{"target":{'),
        ("a payload that is no UTF-8 ends in an answer", b'{"target":{"kind":"\xff\xfe"}}'),
        ("a payload of raw bytes ends in an answer", bytes(range(256))),
        ("a payload of 12,000 open brackets ends in an answer", b"[" * 12_000),
        ("a batch in a payload that is no UTF-8 ends in an answer", b'{"Records":[{"eventSource":"aws:sqs","messageId":"a","body":"\xff"}]}'),
    ],
)  # fmt: skip
def test_payloads_that_lambda_would_not_send(relay: Function, payload: bytes) -> None:
    # Lambda sends valid JSON only. What is said to others is an answer, and the function lives on.
    # A dead letter of such a payload may be one that SQS refuses, which is then no more than a retry.
    result = relay.invoke(payload, may_be_refused=True)
    assert result.raw_response is not None or result.raw_error is not None
    assert not result.calls
    relayed(relay, event())


@cases(
    "payload",
    [
        ("empty records are a batch with nothing to do", {"Records": []}),
        ("empty records beside other members are a batch with nothing to do", {"Records": [], "x": 1}),
    ],
)
def test_empty_records(relay: Function, payload: dict) -> None:
    result = relay.invoke(payload)
    assert result.failures == [] and not result.calls and not result.dead_letters


def test_several_sns_records_are_each_an_event(relay: Function) -> None:
    targets = [e.sfn(), e.swf(), e.job()]
    result = relay.invoke(e.sns(*(event(of) for of in targets)))
    assert {call.identity for call in result.accepted} == {e.identity(of) for of in targets}
    assert [item["outcome"] for item in result.response] == ["relayed"] * 3


def test_blanks_around_content_are_no_matter(relay: Function) -> None:
    relayed(relay, " \r\n\t" + json.dumps(e.sns_notification("  " + json.dumps(event()) + "\n")) + "\n ")


def test_details_are_verbatim_through_envelopes(relay: Function) -> None:
    details = '{ "b" : 1.0e5, "a":[ 1 ,2 ], "n":%s, "u":"\\u0041" }' % ("1" * 100)
    of = e.sfn()
    inner = '{"target":%s,"failure":{"message":"m","details":%s}}' % (json.dumps(of), details)
    cloud = '{"specversion":"1.0","id":"1","source":"s","type":"t","data":%s}' % inner
    bridge = '{"detail-type":"x","source":"s","id":"2","detail":%s}' % cloud
    for body in (inner, cloud, bridge, json.dumps(e.sns_notification(bridge))):
        assert relayed(relay, body).params["cause"] == '{"message":"m","details":%s}' % details
    result = relay.invoke(bridge)
    assert result.the_call().params["cause"] == '{"message":"m","details":%s}' % details


def test_records_of_an_odd_shape_do_not_touch_their_neighbours(relay: Function) -> None:
    good = sqs_record(event())
    records = [
        sqs_record("x") | {"body": None},
        sqs_record("x") | {"attributes": None},
        sqs_record("x") | {"attributes": {"ApproximateReceiveCount": "many"}},
        good,
        sqs_record("x") | {"body": 7},
        sqs_record("x") | {"eventSourceARN": None},
        sqs_record("x") | {"messageAttributes": "odd", "md5OfBody": 5, "new": {"a": 1}},
    ]
    result = relay.invoke({"Records": records})
    assert good["messageId"] not in result.failures
    assert len(result.accepted) == 1


@pytest.mark.parametrize("missing", ["", None, ...])
def test_a_record_without_a_message_id_never_answers_an_empty_identifier(relay: Function, missing: object) -> None:
    # Lambda takes an empty or null identifier as "everything failed". What is answered instead is not said.
    of = e.sfn()
    record = sqs_record(event(of)) | {"messageId": missing}
    if missing is ...:
        del record["messageId"]
    result = relay.invoke({"Records": [record]})
    if result.raw_response is not None:
        assert all(item["itemIdentifier"] for item in result.response["batchItemFailures"])


def test_one_event_ends_as_it_does_in_any_envelope(relay: Function) -> None:
    bad = event({"kind": "codepipeline-job", "jobId": "nonsense"})
    for names in ((), ("sns",), ("eventbridge",), ("cloudevent",), ("sns", "eventbridge", "cloudevent")):
        dead_lettered(relay, wrap(bad, names), INVALID)


def test_a_custom_eventbridge_event_that_looks_like_no_notice_is_unwrapped(relay: Function) -> None:
    of = e.sfn()
    assert relayed(relay, e.eventbridge(event(of), "ECS Task State Change", "com.example")).identity == of["taskToken"]
