"""Section 1: the failure event."""

from __future__ import annotations

import json
import uuid

import pytest

from harness import events as e
from harness.answers import error
from harness.events import KINDS, event, identity, raw_event, sqs_record, target
from harness.function import ACCOUNT, REGION, Function
from harness.outcome import answer, dead_lettered, direct, relayed, send
from harness.secrets import Secrets
from harness.table import cases
from harness.text import ASTRAL, fingerprint, split_context, utf16_len

INVALID, UNSUPPORTED = "INVALID_EVENT", "UNSUPPORTED_VERSION"
DEEP = 12_000
"""Deeper than any parser's usual limit, and than a recursive descent survives on a small stack."""


# --- version ---------------------------------------------------------------------------------


@cases(
    "version",
    [
        ("version 1 is accepted", "1"),
        ("version 1.0 is accepted", "1.0"),
        ("version 1.9 is accepted", "1.9"),
        ("version 1.12345 is accepted", "1.12345"),
        ("version 1.00 is accepted", "1.00"),
        ("version with a minor number beyond any integer is accepted", "1." + "9" * 60),
        ("version null counts as absent", None),
    ],
)
def test_supported_version(relay: Function, version: object) -> None:
    relayed(relay, event(version=version))


def test_an_event_without_a_version_is_accepted(relay: Function) -> None:
    relayed(relay, event())


@cases(
    "version",
    [
        (f"version {json.dumps(v)} is not supported", v)
        for v in (
            "2", "0", "10", "1.", "1.x", "1.0.0", "1.-1", "1.+1", "1. 0", " 1", "1 ", "v1", "01", "one", "1,0", ".1",
            "1.0x", "1\n", "1.0\n", 1, 1.0, 2, True, False, {}, [], ["1"], {"major": 1},
        )
    ],
)  # fmt: skip
def test_unsupported_version(relay: Function, version: object) -> None:
    dead_lettered(relay, event(version=version), UNSUPPORTED)


@cases(
    "document",
    [
        ("an unsupported version is named before an unknown kind", {"target": {"kind": "teleport"}}),
        ("an unsupported version is named before a missing kind", {"target": {}}),
        ("an unsupported version is named before a broken identity", {"target": {"kind": "codepipeline-job"}}),
        ("an unsupported version is named beside a target that is a text", {"target": "arn:of:something"}),
        ("an unsupported version is named beside a target that is an array", {"target": []}),
        ("an unsupported version is named beside a target that is a number", {"target": 7}),
        (
            "an unsupported version is named before a region that is not allowed",
            {"target": {"kind": "codepipeline-job", "jobId": str(uuid.uuid4()), "region": "us-west-2"}},
        ),
        ("an unsupported version is named before a failure of any shape", {"target": {}, "failure": [1]}),
    ],
)
def test_an_unsupported_version_comes_first(relay: Function, document: dict) -> None:
    dead_lettered(relay, {"version": "2", **document}, UNSUPPORTED)


@cases(
    "document",
    [
        ("an unsupported version without a target is an invalid event", {"version": "2"}),
        ("an unsupported version with a null target is an invalid event", {"version": "2", "target": None}),
    ],
)
def test_a_version_without_a_target(relay: Function, document: dict) -> None:
    dead_lettered(relay, document, INVALID)


def test_an_empty_version_is_unsupported(relay: Function) -> None:
    dead_lettered(relay, event(version=""), UNSUPPORTED)


# --- id --------------------------------------------------------------------------------------


@cases(
    "value, expected",
    [
        ("a text id is the id", "order-42", {"order-42"}),
        ("an id of digits is its text", 42, {"42"}),
        ("an id of true is its text", True, {"true"}),
        ("an id that is an object is its compact text", {"a": 1}, {'{"a":1}'}),
        ("an id that is an array is its compact text", [1, "b"], {'[1,"b"]'}),
        ("an id beyond ASCII is kept", "id-é-" + ASTRAL, {"id-é-" + ASTRAL}),
    ],
)
def test_id(relay: Function, value: object, expected: set[str]) -> None:
    assert direct(relay, event(id=value))["eventId"] in expected


@cases("text", [("an id of 400 digits keeps them", "9" * 400), ("a fractional id keeps its digits", "1.25")])
def test_id_number(relay: Function, text: str) -> None:
    payload = '{"id":%s,"target":%s}' % (text, json.dumps(e.sfn()))
    assert direct(relay, payload)["eventId"] == text


def test_a_direct_event_without_an_id_has_no_event_id(relay: Function) -> None:
    assert "eventId" not in direct(relay, event())


def test_a_null_id_counts_as_absent(relay: Function) -> None:
    assert "eventId" not in direct(relay, event(id=None))


def test_an_id_in_the_event_wins_over_the_envelope(relay: Function) -> None:
    assert direct(relay, e.eventbridge(event(id="inner")))["eventId"] == "inner"


@cases(
    "build",
    [
        ("the id of an EventBridge event is the default", lambda c: e.eventbridge(c, id="default")),
        ("the id of a CloudEvent is the default", lambda c: e.cloudevent(c, id="default")),
        (
            "the id of the innermost of two envelopes is the default",
            lambda c: e.eventbridge(e.cloudevent(c, id="default"), id="outer"),
        ),
        (
            "the id of an EventBridge event inside a CloudEvent is the default",
            lambda c: e.cloudevent(e.eventbridge(c, id="default"), id="outer"),
        ),
        (
            "the message id of an SNS notification inside an EventBridge event is the default",
            lambda c: e.eventbridge(e.sns_notification(c, MessageId="default"), id="outer"),
        ),
        ("the message id of an SNS record is the default", lambda c: e.sns(e.sns_record(c, MessageId="default"))),
    ],
)
def test_the_default_id_is_that_of_the_innermost_envelope(relay: Function, build) -> None:
    assert direct(relay, build(event()))["eventId"] == "default"


def test_a_null_id_takes_the_default_of_the_envelope(relay: Function) -> None:
    assert direct(relay, e.eventbridge(event(id=None), id="default"))["eventId"] == "default"


def test_an_sqs_event_takes_the_message_id(relay: Function) -> None:
    letter = dead_lettered(relay, sqs_record(event(e.sfn(region="us-west-2")), message_id="m-1"), "TARGET_NOT_ALLOWED")
    assert letter.attributes["EVENT_ID"] == "m-1"


def test_an_envelope_id_wins_over_the_sqs_message_id(relay: Function) -> None:
    body = e.eventbridge(event(e.sfn(region="us-west-2")), id="envelope")
    letter = dead_lettered(relay, sqs_record(body, message_id="m-1"), "TARGET_NOT_ALLOWED")
    assert letter.attributes["EVENT_ID"] == "envelope"


def test_an_innermost_envelope_without_an_id_leaves_the_outer_one_or_the_message(relay: Function) -> None:
    # Ambiguous: the innermost envelope has none; the next one's id, or the message id, may stand in.
    inner = e.cloudevent(event(e.sfn(region="us-west-2")))
    del inner["id"]
    body = e.eventbridge(inner, id="outer")
    letter = dead_lettered(relay, sqs_record(body, message_id="m-1"), "TARGET_NOT_ALLOWED")
    assert letter.attributes["EVENT_ID"] in ("outer", "m-1")


# --- source and time -------------------------------------------------------------------------


@cases(
    "members",
    [
        ("a source of any JSON type is accepted: number", {"source": 7}),
        ("a source of any JSON type is accepted: object", {"source": {"a": [1]}}),
        ("a source that is null is accepted", {"source": None}),
        ("members that are not listed are ignored", {"added": {"later": True}, "Failure": 1, "detail": {}, "Type": "x"}),
        ("a time that is RFC 3339 is accepted", {"time": "2025-01-01T00:00:00Z"}),
        ("a time with an offset is accepted", {"time": "2025-01-01T00:00:00.123456+05:30"}),
        ("a time that is a word does not stop the event", {"time": "yesterday"}),
        ("a time without a zone does not stop the event", {"time": "2025-01-01T00:00:00"}),
        ("a time that is a number does not stop the event", {"time": 1735689600}),
        ("a time that is an object does not stop the event", {"time": {}}),
        ("a time in month 13 does not stop the event", {"time": "2025-13-01T00:00:00Z"}),
        ("a time that is empty does not stop the event", {"time": ""}),
        ("a time that is null counts as absent", {"time": None}),
        ("a time far in the future does not stop the event", {"time": "9999-12-31T23:59:59Z"}),
        ("a time in year 0 does not stop the event", {"time": "0000-01-01T00:00:00Z"}),
        ("a leap second does not stop the event", {"time": "2016-12-31T23:59:60Z"}),
    ],
)
def test_describing_members(relay: Function, members: dict) -> None:
    relayed(relay, event(**members))


@cases(
    "time",
    [
        ("a time that is a word is warned about", "yesterday"),
        ("a time without a zone is warned about", "2025-01-01T00:00:00"),
        ("a time of another type is warned about", 1735689600),
        ("a time in February 30 is warned about", "2025-02-30T00:00:00Z"),
    ],
)
def test_a_time_that_does_not_parse_is_ignored_with_a_warning(relay: Function, time: object) -> None:
    result = send(relay, event(time=time))
    result.the_call()
    assert result.warnings(), result.output
    assert all("age_ms" not in line for line in result.outcome_lines)


def test_a_good_time_is_not_warned_about(relay: Function) -> None:
    assert not send(relay, event(time="2025-01-01T00:00:00Z")).warnings()


# --- the byte order mark, and legal JSON of any kind -------------------------------------------


@cases(
    "build",
    [
        ("a byte order mark before a body is read past", lambda t: e.sqs(sqs_record("\ufeff" + t))),
        ("a byte order mark before an SNS message is read past", lambda t: e.sns("\ufeff" + t)),
        (
            "a byte order mark before a notification's message is read past",
            lambda t: e.sqs(sqs_record(e.sns_notification("\ufeff" + t))),
        ),
        (
            "a byte order mark before a body that is an envelope is read past",
            lambda t: e.sqs(sqs_record("\ufeff" + e.text(e.sns_notification(t)))),
        ),
        ("a byte order mark before the payload itself is read past", lambda t: "\ufeff" + t),
    ],
)
def test_byte_order_mark(relay: Function, build) -> None:
    assert not (result := relay.invoke(build(e.text(event())))).failed
    result.the_call()


def nested_array(depth: int) -> str:
    return "[" * depth + "]" * depth


def nested_object(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


HOSTILE = [
    ("a number with an exponent of a million", "1e999999"),
    ("a number with a negative exponent of a million", "-1E-999999"),
    ("an integer of 400 digits", "1" * 400),
    ("a fraction of 400 digits", "0." + "123456789" * 45),
    ("minus zero", "-0"),
    ("minus zero with a fraction", "-0.0"),
    ("a lone high surrogate", '"\\ud800"'),
    ("a lone low surrogate", '"a\\udc00b"'),
    ("surrogates in the wrong order", '"\\udc00\\ud800"'),
    ("a lone surrogate in a name", '{"\\ud800":1}'),
    ("an escaped NUL", '"a\\u0000b"'),
    ("names twice", '{"a":1,"a":2}'),
    ("an empty name", '{"":{"":[]}}'),
    ("blanks in odd places", '{ "b" :\t1.0e5 ,\r\n "a":  [ 1 , 2 ] }'),
    ("a raw DEL and a line separator", '"\x7f\u2028"'),
    ("a noncharacter", '"\uffff"'),
    ("escapes that need not be", '"\\/\\u0041"'),
    ("arrays nested 12,000 deep", nested_array(DEEP)),
    ("objects nested 12,000 deep", nested_object(DEEP)),
]


@cases("value", HOSTILE)
def test_details_keep_what_is_legal_json(relay: Function, value: str) -> None:
    # Within the limit of the cause, details are verbatim, whatever they hold.
    of = e.sfn()
    call = relayed(relay, raw_event(of, '{"message":"m","details":%s}' % value))
    if utf16_len(value) < 30_000:
        assert call.params["cause"] == '{"message":"m","details":%s}' % value


@cases("value", HOSTILE)
def test_unlisted_members_may_hold_any_legal_json(relay: Function, value: str) -> None:
    of = e.swf()
    body = '{"before":%s,"target":%s,"failure":{"message":"m","more":%s},"after":%s}' % (
        value, json.dumps(of), value, value,
    )  # fmt: skip
    assert relayed(relay, body).params["details"] == "m"


@cases("value", [row for row in HOSTILE if not row[0].startswith("a noncharacter")])
def test_a_message_of_any_json_type_is_taken(relay: Function, value: str) -> None:
    call = relayed(relay, raw_event(e.sfn(), '{"message":%s}' % value))
    assert call.params["cause"]


@cases("value", HOSTILE)
def test_a_failure_of_any_json_type_is_taken(relay: Function, value: str) -> None:
    relayed(relay, raw_event(e.sfn(), value))


@cases("value", HOSTILE)
def test_a_type_and_an_execution_id_of_any_json_type_are_taken(relay: Function, value: str) -> None:
    call = relayed(relay, raw_event(e.job(), '{"type":%s,"externalExecutionId":%s}' % (value, value)))
    assert call.params["failureDetails"]["message"]


@cases(
    "value, expected",
    [
        ("a lone surrogate in a message becomes U+FFFD", '"a\\ud800b"', "a\ufffdb"),
        ("a lone low surrogate at the end of a message becomes U+FFFD", '"a\\udfff"', "a\ufffd"),
        ("a high surrogate before another pair becomes U+FFFD", '"\\ud83d\\ud83d\\udd25"', "\ufffd" + ASTRAL),
        ("a surrogate pair by escapes is its character", '"\\ud83d\\udd25"', ASTRAL),
        ("an escaped NUL in a message is kept", '"a\\u0000b"', "a\x00b"),
    ],
)
def test_surrogates_in_text(relay: Function, value: str, expected: str) -> None:
    assert relayed(relay, raw_event(e.sfn(), '{"message":%s}' % value)).params["cause"] == expected


def test_a_lone_surrogate_in_a_message_becomes_fffd_beside_details_too(relay: Function) -> None:
    call = relayed(relay, raw_event(e.sfn(), '{"message":"a\\ud800b","details":"\\ud800"}'))
    parts = split_context(call.params["cause"])
    assert (parts["message"], parts["details"]) == ("a\ufffdb", '"\\ud800"')


def test_a_lone_surrogate_in_type_and_execution_id_becomes_fffd(relay: Function) -> None:
    failure = '{"type":"T\\ud800","externalExecutionId":"x\\udc00"}'
    details = relayed(relay, raw_event(e.job(), failure)).params["failureDetails"]
    assert details["message"].startswith("T\ufffd: ") and details["externalExecutionId"] == "x\ufffd"


@cases(
    "body",
    [
        ("null in every optional member is absence", '{"version":null,"id":null,"source":null,"time":null,"target":%s,"failure":null}'),
        (
            "null in every member of the failure is absence",
            '{"target":%s,"failure":{"type":null,"message":null,"details":null,"externalExecutionId":null}}',
        ),
        ("null in unlisted members is ignored", '{"x":null,"target":%s,"detail":null,"Records":null,"Message":null}'),
    ],
)
def test_null_everywhere(relay: Function, body: str) -> None:
    call = relayed(relay, body % json.dumps(e.sfn(region=None, account=None)))
    assert call.params["error"] == "WorkerFailed"
    assert call.params["cause"] == "The worker reported a failure without a message."


def test_a_name_twice_ends_in_an_outcome(relay: Function) -> None:
    # Ambiguous: JSON does not say which of two members counts, so either target, or a dead letter.
    one, two = e.sfn(), e.sfn()
    result = send(relay, '{"target":%s,"target":%s}' % (json.dumps(one), json.dumps(two)))
    assert not result.failures
    assert len(result.accepted) + len(result.dead_letters) == 1


@cases(
    "body",
    [
        ("a body that is no JSON is malformed", "the render failed"),
        ("a body of one brace is malformed", "{"),
        ("a body that breaks off is malformed", '{"target":{"kind":"step-functions-task","taskToken":"abc'),
        ("a body with text after the object is malformed", '{"target":{}} trailing'),
        ("two objects in a body are malformed", "{}{}"),
        ("a body with single quotes is malformed", "{'target':{}}"),
        ("a body with a trailing comma is malformed", '{"target":{},}'),
        ("a body with a raw control character in a text is malformed", '{"id":"a\nb","target":{}}'),
        ("a body with NaN is malformed", '{"id":NaN}'),
        ("a body of blanks is malformed", "   "),
        ("a body that is a text is malformed", '"target"'),
        ("a body that is a number is malformed", "42"),
        ("a body that is null is malformed", "null"),
        ("a body that is true is malformed", "true"),
        ("a body that is an array is malformed", '[{"target":{}}]'),
        ("a body that is JSON within a JSON text is malformed", json.dumps(json.dumps({"target": {}}))),
        ("a body of 12,000 open brackets is malformed", "[" * DEEP),
        ("a body of 12,000 open objects is malformed", '{"a":' * DEEP),
        ("a body that is an array nested 12,000 deep is malformed", nested_array(DEEP)),
        ("a body of two byte order marks is malformed", "\ufeff\ufeff{}"),
    ],
)
def test_malformed(relay: Function, body: str) -> None:
    letter = dead_lettered(relay, body, "MALFORMED_EVENT")
    assert letter.body == body and letter.attributes["ERROR_MESSAGE"]


def test_a_body_that_is_an_object_nested_12000_deep_is_an_invalid_event(relay: Function) -> None:
    dead_lettered(relay, nested_object(DEEP), INVALID)


def test_a_body_of_one_mebibyte_is_relayed(relay: Function) -> None:
    of = e.sfn()
    empty = raw_event(of, '{"message":""}')
    body = raw_event(of, '{"message":"%s"}' % ("m" * (1_048_576 - len(empty))))
    assert len(body) == 1_048_576
    relayed(relay, body)


def test_a_body_of_one_mebibyte_of_brackets_ends_in_an_outcome(relay: Function) -> None:
    # With room for the attributes, which would else have to go.
    body = nested_array(522_000)
    assert dead_lettered(relay, body, "MALFORMED_EVENT").body == body


def test_details_of_one_mebibyte_of_brackets_are_cut(relay: Function) -> None:
    of = e.sfn()
    deep = nested_array((1_048_576 - 1000) // 2)
    call = relayed(relay, raw_event(of, '{"details":%s}' % deep))
    assert json.loads(call.params["cause"])["details"].startswith("[[[[")


# --- target and its kind ---------------------------------------------------------------------


@cases(
    "document",
    [
        ("an event without a target is invalid", {"failure": {"message": "m"}}),
        ("an empty object is an invalid event", {}),
        ("a target of null is absent", {"target": None}),
        ("a target that is a text is invalid", {"target": "step-functions-task"}),
        ("a target that is a number is invalid", {"target": 5}),
        ("a target that is true is invalid", {"target": True}),
        ("a target that is an array is invalid", {"target": [{"kind": "step-functions-task", "taskToken": "t"}]}),
        ("a target without a kind is invalid", {"target": {"taskToken": "t"}}),
        ("an empty target is invalid", {"target": {}}),
        ("a kind of null is invalid", {"target": {"kind": None, "taskToken": "t"}}),
        ("a kind that is empty is invalid", {"target": {"kind": "", "taskToken": "t"}}),
        ("a kind that is a number is invalid", {"target": {"kind": 1}}),
        ("a kind that is an array is invalid", {"target": {"kind": ["step-functions-task"]}}),
        ("a kind that is an object is invalid", {"target": {"kind": {}}}),
        ("a target in another case of letters is no target", {"Target": {"kind": "step-functions-task", "taskToken": "t"}}),
    ],
)
def test_invalid_target(relay: Function, document: dict) -> None:
    letter = dead_lettered(relay, document, INVALID)
    assert "target" in letter.attributes["ERROR_MESSAGE"]
    assert "TARGET_KIND" not in letter.attributes


@cases(
    "kind",
    [
        (f"the kind {json.dumps(k)} is unknown", k)
        for k in (
            "codedeploy-deployment", "Step-Functions-Task", "step-functions-task ", " step-functions-task",
            "step_functions_task", "stepfunctions-task", "codepipeline", "swf", "\u0000", "🔥", " ",
        )
    ],
)  # fmt: skip
def test_unknown_kind(relay: Function, kind: str) -> None:
    letter = dead_lettered(relay, event({"kind": kind, "taskToken": Secrets.issue()}), "UNKNOWN_TARGET")
    assert "TARGET_KIND" not in letter.attributes


def test_a_kind_with_a_lone_surrogate_is_dead_lettered(relay: Function) -> None:
    # Ambiguous: a string that is not listed, or an identity with a lone surrogate.
    dead_lettered(relay, '{"target":{"kind":"step\\ud800","taskToken":"t"}}', "UNKNOWN_TARGET", INVALID)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_relayed_to_its_api(relay: Function, kind: str) -> None:
    api = {
        "codepipeline-job": ("codepipeline", "PutJobFailureResult"),
        "codepipeline-third-party-job": ("codepipeline", "PutThirdPartyJobFailureResult"),
        "step-functions-task": ("stepfunctions", "SendTaskFailure"),
        "swf-activity-task": ("swf", "RespondActivityTaskFailed"),
    }[kind]
    of = target(kind)
    call = relayed(relay, event(of))
    assert (call.service, call.operation) == api
    assert call.identity == identity(of) and call.params.get("clientToken") == of.get("clientToken")
    assert call.region == REGION


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_with_members_that_are_not_listed_is_relayed(relay: Function, kind: str) -> None:
    relayed(relay, event(target(kind, added="later", deep=[[[{}]]], nothing=None)))


def identity_members() -> list[tuple]:
    rows = []
    for kind in KINDS:
        members = ("jobId", "clientToken") if "third" in kind else ("jobId",) if "job" in kind else ("taskToken",)
        for member in members:
            for label, value in (
                ("null", None), ("empty", ""), ("a number", 7), ("true", True), ("an array", ["x"]), ("an object", {"x": 1}),
            ):  # fmt: skip
                rows.append((f"{member} of a {kind} that is {label} is invalid", kind, member, value))
            rows.append((f"{member} of a {kind} that is missing is invalid", kind, member, ...))
            rows.append((f"{member} of a {kind} with a lone surrogate is invalid", kind, member, "abc\ud800def"))
    return rows


@cases("kind, member, value", identity_members())
def test_identity_members(relay: Function, kind: str, member: str, value: object) -> None:
    of = target(kind, **{member: value})
    if value is ...:
        del of[member]
    letter = dead_lettered(relay, event(of), INVALID)
    assert f"target.{member}" in letter.attributes["ERROR_MESSAGE"]
    assert letter.attributes["TARGET_KIND"] == kind


UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


@cases(
    "job",
    [
        ("a job id in upper case is invalid", UUID.upper()),
        ("a job id with one upper-case digit is invalid", UUID[:-1] + "F"),
        ("a job id that is a character short is invalid", UUID[:-1]),
        ("a job id that is a character long is invalid", UUID + "0"),
        ("a job id without dashes is invalid", UUID.replace("-", "")),
        ("a job id in braces is invalid", "{" + UUID + "}"),
        ("a job id with a line feed after it is invalid", UUID + "\n"),
        ("a job id with a blank before it is invalid", " " + UUID),
        ("a job id with a letter beyond f is invalid", "g" + UUID[1:]),
        ("a job id with digits of another script is invalid", "٠" + UUID[1:]),
        ("a job id as a URN is invalid", "urn:uuid:" + UUID),
        ("a job id with dashes elsewhere is invalid", "0f1e2d3c4-b5a-6978-8796-a5b4c3d2e1f0"),
    ],
)
def test_job_id(relay: Function, job: str) -> None:
    letter = dead_lettered(relay, event(e.job(jobId=job)), INVALID)
    assert "target.jobId" in letter.attributes["ERROR_MESSAGE"]


def test_a_job_id_of_any_version_of_uuid_is_accepted(relay: Function) -> None:
    for value in ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"):
        assert relayed(relay, event(e.job(jobId=value))).params["jobId"] == value


LIMITS = [
    ("step-functions-task", "taskToken", 2048),
    ("swf-activity-task", "taskToken", 1024),
    ("codepipeline-third-party-job", "jobId", 512),
    ("codepipeline-third-party-job", "clientToken", 256),
]


def within() -> list[tuple]:
    rows = []
    for kind, member, limit in LIMITS:
        half = limit // 2
        rows += [
            (f"{member} of a {kind} of 1 character is accepted", kind, member, "x"),
            (f"{member} of a {kind} of {limit - 1} characters is accepted", kind, member, "t" * (limit - 1)),
            (f"{member} of a {kind} of {limit} characters is accepted", kind, member, "t" * limit),
            (f"{member} of a {kind} of {half} astral characters is accepted", kind, member, ASTRAL * half),
            (f"{member} of a {kind} of {limit} characters beyond ASCII is accepted", kind, member, "é" * limit),
            (f"{member} of a {kind} with control characters is accepted", kind, member, "a\n\t\x01b"),
        ]
    return rows


@cases("kind, member, value", within())
def test_identity_within_its_limit(relay: Function, kind: str, member: str, value: str) -> None:
    assert relayed(relay, event(target(kind, **{member: value}))).params[member] == value


def beyond() -> list[tuple]:
    rows = []
    for kind, member, limit in LIMITS:
        half = limit // 2
        rows += [
            (f"{member} of a {kind} of {limit + 1} characters is invalid", kind, member, "t" * (limit + 1)),
            (f"{member} of a {kind} of {half + 1} astral characters is invalid", kind, member, ASTRAL * (half + 1)),
            (
                f"{member} of a {kind} of {limit} characters, one of them astral, is invalid",
                kind, member, "t" * (limit - 1) + ASTRAL,
            ),
            (f"{member} of a {kind} of 100,000 characters is invalid", kind, member, "t" * 100_000),
        ]  # fmt: skip
    return rows


@cases("kind, member, value", beyond())
def test_identity_beyond_its_limit(relay: Function, kind: str, member: str, value: str) -> None:
    letter = dead_lettered(relay, event(target(kind, **{member: value})), INVALID)
    assert f"target.{member}" in letter.attributes["ERROR_MESSAGE"]


@cases(
    "build",
    [
        ("a job takes no client token", lambda: e.job(clientToken="unlisted")),
        ("a task takes no job id", lambda: e.sfn(jobId="unlisted")),
        ("an activity takes no job id", lambda: e.swf(jobId=7)),
    ],
)
def test_members_of_other_kinds_are_ignored(relay: Function, build) -> None:
    relayed(relay, event(build()))


# --- region and account ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_relays_own_region_and_account_may_be_named(relay: Function, kind: str) -> None:
    call = relayed(relay, event(target(kind, region=REGION, account=ACCOUNT)))
    assert call.region == REGION and not call.access_key.startswith("ASIA")


@pytest.mark.parametrize("kind", KINDS)
def test_another_region_is_not_allowed_unless_it_is_listed(relay: Function, kind: str) -> None:
    letter = dead_lettered(relay, event(target(kind, region="us-west-2")), "TARGET_NOT_ALLOWED")
    assert "target.region" in letter.attributes["ERROR_MESSAGE"] and letter.attributes["TARGET_KIND"] == kind


@pytest.mark.parametrize("kind", KINDS)
def test_another_account_is_not_allowed_unless_it_is_listed(relay: Function, kind: str) -> None:
    letter = dead_lettered(relay, event(target(kind, account="999988887777")), "TARGET_NOT_ALLOWED")
    assert "target.account" in letter.attributes["ERROR_MESSAGE"]


@cases(
    "members, codes",
    [
        ("an account of 11 digits is invalid", {"account": "11112222333"}, (INVALID,)),
        ("an account of 13 digits is invalid", {"account": "1111222233334"}, (INVALID,)),
        ("an account of letters is invalid", {"account": "aaaabbbbcccc"}, (INVALID,)),
        ("an account with dashes is invalid", {"account": "1111-2222-3333"}, (INVALID,)),
        ("an account that is a number is invalid", {"account": 111122223333}, (INVALID,)),
        ("an account that is an object is invalid", {"account": {}}, (INVALID,)),
        ("an account with digits of another script is invalid", {"account": "١١١١٢٢٢٢٣٣٣٣"}, (INVALID,)),
        ("an account with a line feed is invalid", {"account": ACCOUNT + "\n"}, (INVALID,)),
        ("a region that is a number is invalid", {"region": 1}, (INVALID,)),
        ("a region that is an array is invalid", {"region": [REGION]}, (INVALID,)),
        # A region that could not exist is outside the allow-list, or a member that is wrong.
        ("a region that is a sentence is refused", {"region": "over there"}, (INVALID, "TARGET_NOT_ALLOWED")),
        ("a region in another case is refused", {"region": REGION.upper()}, (INVALID, "TARGET_NOT_ALLOWED")),
        ("a region with a host in it is refused", {"region": "x.example.com/"}, (INVALID, "TARGET_NOT_ALLOWED")),
    ],
)
def test_odd_regions_and_accounts(relay: Function, members: dict, codes: tuple[str, ...]) -> None:
    dead_lettered(relay, event(e.sfn(**members)), *codes)


@pytest.mark.parametrize("member", ["region", "account"])
def test_an_empty_region_or_account_is_invalid(relay: Function, member: str) -> None:
    dead_lettered(relay, event(e.sfn(**{member: ""})), INVALID)


# --- failure: defaults and types ---------------------------------------------------------------

NO_MESSAGE = "The worker reported a failure without a message."


@cases(
    "failure, error, cause",
    [
        ("an absent failure has the defaults", ..., "WorkerFailed", NO_MESSAGE),
        ("a failure of null has the defaults", "null", "WorkerFailed", NO_MESSAGE),
        ("an empty failure has the defaults", "{}", "WorkerFailed", NO_MESSAGE),
        ("an empty text as failure has the defaults", '""', "WorkerFailed", NO_MESSAGE),
        ("empty texts count as absent", '{"type":"","message":"","externalExecutionId":""}', "WorkerFailed", NO_MESSAGE),
        ("a failure that is a text is its message", '"it broke"', "WorkerFailed", "it broke"),
        ("a failure that is a number is its message", "42", "WorkerFailed", "42"),
        ("a failure that is true is its message", "true", "WorkerFailed", "true"),
        ("a failure that is false is its message", "false", "WorkerFailed", "false"),
        ("a failure that is zero is its message", "0", "WorkerFailed", "0"),
        ("a failure that is an array is its message", '["a", 1]', "WorkerFailed", '["a",1]'),
        ("a failure that is an empty array is its message", "[]", "WorkerFailed", "[]"),
        ("a message that is a number is its text", '{"message": 42}', "WorkerFailed", "42"),
        ("a message that is false is its text", '{"message": false}', "WorkerFailed", "false"),
        ("a message that is a big number keeps its digits", '{"message":%s}' % ("7" * 400), "WorkerFailed", "7" * 400),
        ("a message that is an object is its compact text", '{"message": { "a" : [ 1 , "x y" ] } }', "WorkerFailed", '{"a":[1,"x y"]}'),
        ("a message that is an empty object is its text", '{"message":{}}', "WorkerFailed", "{}"),
        ("a type that is a number is its text", '{"type": 7}', "7", NO_MESSAGE),
        ("a type that is an array is its compact text", '{"type": [ "A" ]}', '["A"]', NO_MESSAGE),
        ("a type and a message are both taken", '{"type":"Render.OutOfMemory","message":"m"}', "Render.OutOfMemory", "m"),
        ("blanks are a message", '{"message":" "}', "WorkerFailed", " "),
        ("line feeds in a message are kept", '{"message":"a\\r\\nb\\t"}', "WorkerFailed", "a\r\nb\t"),
        ("members in another case are not listed", '{"Message":"m","TYPE":"T"}', "WorkerFailed", NO_MESSAGE),
    ],
)  # fmt: skip
def test_failure(relay: Function, failure: object, error: str, cause: str) -> None:
    body = event() if failure is ... else raw_event(e.sfn(), str(failure))
    call = relayed(relay, body)
    assert (call.params["error"], call.params["cause"]) == (error, cause)


def test_an_execution_id_of_another_type_is_its_compact_text(relay: Function) -> None:
    call = relayed(relay, raw_event(e.job(), '{"externalExecutionId": { "run" : 7 } }'))
    assert call.params["failureDetails"]["externalExecutionId"] == '{"run":7}'


def test_compact_text_keeps_the_order_of_members(relay: Function) -> None:
    call = relayed(relay, raw_event(e.sfn(), '{"message": {"b": 1, "a": 2}}'))
    # The contract keeps the order for details; for a text of another type either order is compact.
    assert call.params["cause"] in ('{"b":1,"a":2}', '{"a":2,"b":1}')


def test_an_invalid_event_never_calls_an_api(relay: Function) -> None:
    result = relay.invoke(event({"kind": "step-functions-task"}))
    assert answer(result)["errorCode"] == INVALID and not result.calls


def test_the_log_names_a_task_by_its_fingerprint(relay: Function) -> None:
    of = e.sfn()
    result = send(relay, event(of), {identity(of): error("TaskTimedOut")})
    assert fingerprint(identity(of)) in result.output
