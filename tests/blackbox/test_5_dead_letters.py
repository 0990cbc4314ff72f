"""Section 5: the dead letter, its body, its attributes, and queues of type FIFO."""

from __future__ import annotations

import json

import pytest

from harness import events as e
from harness import notices as n
from harness.answers import error
from harness.events import FIFO_QUEUE, KINDS, SOURCE_QUEUE, TOPIC, event, identity, sqs_record, target
from harness.function import DEAD_LETTER_QUEUE, Function
from harness.outcome import answer, dead_lettered
from harness.secrets import Secrets
from harness.table import cases
from harness.text import ASTRAL, same_json, sha256_hex

ALL = {"ERROR_CODE", "ERROR_MESSAGE", "TARGET_KIND", "EVENT_ID", "SOURCE_ARN", "SOURCE_MESSAGE_ID", "RETRY_ATTEMPTS", "PUBLISHER"}
SENDER = "AIDAIENQZJOLO23YVJ4VO"
FIFO_DLQ = "https://sqs.eu-west-1.amazonaws.com/111122223333/failures-dlq.fifo"
LIMIT = 1_048_576


def bad_job(**members: object) -> dict:
    """An event of a known kind that is invalid."""
    return event({"kind": "codepipeline-job", "jobId": "nonsense"}, **members)


# --- which attributes, exactly -----------------------------------------------------------------------


def test_attributes_of_an_sqs_record_of_a_known_kind(relay: Function) -> None:
    letter = dead_lettered(relay, sqs_record(bad_job(id="event-1"), message_id="m-1", receives=4), "INVALID_EVENT")
    message = letter.attributes["ERROR_MESSAGE"]
    assert "target.jobId" in message
    assert letter.attributes == {
        "ERROR_CODE": "INVALID_EVENT", "ERROR_MESSAGE": message, "TARGET_KIND": "codepipeline-job", "EVENT_ID": "event-1",
        "SOURCE_ARN": SOURCE_QUEUE, "SOURCE_MESSAGE_ID": "m-1", "RETRY_ATTEMPTS": "3", "PUBLISHER": SENDER,
    }  # fmt: skip


def test_attributes_of_a_malformed_sqs_record(relay: Function) -> None:
    letter = dead_lettered(relay, sqs_record("no json", message_id="m-1"), "MALFORMED_EVENT")
    attributes = dict(letter.attributes)
    assert attributes.pop("ERROR_MESSAGE")
    # Ambiguous: the id's default is the message id, but what is no JSON may have no id that is known.
    assert attributes.pop("EVENT_ID", "m-1") == "m-1"
    assert attributes == {
        "ERROR_CODE": "MALFORMED_EVENT", "SOURCE_ARN": SOURCE_QUEUE, "SOURCE_MESSAGE_ID": "m-1", "RETRY_ATTEMPTS": "0", "PUBLISHER": SENDER,
    }  # fmt: skip


def test_attributes_of_an_sns_record(relay: Function) -> None:
    record = e.sns_record(bad_job(), MessageId="sns-1")
    result = relay.invoke(e.sns(record))
    letter = result.the_dead_letter()
    assert letter.body == record["Sns"]["Message"]
    attributes = dict(letter.attributes)
    assert attributes.pop("ERROR_MESSAGE")
    assert attributes == {
        "ERROR_CODE": "INVALID_EVENT", "TARGET_KIND": "codepipeline-job", "EVENT_ID": "sns-1", "SOURCE_ARN": TOPIC,
    }  # fmt: skip


def test_attributes_of_an_eventbridge_event(relay: Function) -> None:
    payload = json.dumps(e.eventbridge(bad_job(), id="eb-1"))
    result = relay.invoke(payload)
    letter = result.the_dead_letter()
    assert same_json(letter.body, payload)
    attributes = dict(letter.attributes)
    assert attributes.pop("ERROR_MESSAGE")
    expected = {"ERROR_CODE": "INVALID_EVENT", "TARGET_KIND": "codepipeline-job", "EVENT_ID": "eb-1", "PUBLISHER": "111122223333"}
    assert attributes == expected


def test_the_publisher_is_the_sender_of_the_record(relay: Function) -> None:
    # An EventBridge event inside a record is what its sender made of it.
    inside = e.eventbridge(bad_job(), account="444455556666")
    for sender in ("AROAEXAMPLE:i-0123456789abcdef0", "444455556666"):
        letter = dead_lettered(relay, sqs_record(inside, SenderId=sender), "INVALID_EVENT")
        assert letter.attributes["PUBLISHER"] == sender


def test_a_publisher_that_is_not_known_is_left_out(relay: Function) -> None:
    record = sqs_record(bad_job())
    del record["attributes"]["SenderId"]
    assert "PUBLISHER" not in dead_lettered(relay, record, "INVALID_EVENT").attributes
    assert "PUBLISHER" not in dead_lettered(relay, sqs_record(bad_job(), SenderId=""), "INVALID_EVENT").attributes
    for payload in (bad_job(account="111122223333"), e.cloudevent(e.eventbridge(bad_job())), e.sns(bad_job())):
        assert "PUBLISHER" not in relay.invoke(payload).the_dead_letter().attributes


def test_the_publisher_of_a_notice_is_its_account(relay: Function) -> None:
    result = relay.invoke(n.ecs_died({"CODEPIPELINE_JOB_ID": "nonsense"}))
    assert result.the_dead_letter().attributes["PUBLISHER"] == "111122223333"


def test_the_rule_of_a_scheduled_event_may_be_known(relay: Function) -> None:
    # Ambiguous: a scheduled event names its rule in `resources`; whether that makes it "known" is not said.
    rule = "arn:aws:events:eu-west-1:111122223333:rule/nightly"
    result = relay.invoke(e.eventbridge({}, "Scheduled Event", "aws.events", resources=[rule]))
    assert result.the_dead_letter().attributes.get("SOURCE_ARN", rule) == rule


def test_a_resource_that_is_no_rule_is_not_the_source(relay: Function) -> None:
    resource = "arn:aws:ecs:eu-west-1:111122223333:task/cluster/abc"
    result = relay.invoke(e.eventbridge({}, resources=[resource]))
    assert "SOURCE_ARN" not in result.the_dead_letter().attributes


def test_attributes_of_a_direct_invocation(relay: Function) -> None:
    payload = '{ "target" : { "kind" : "other" }, "n" : 1.50, "n": 1e400 }'
    result = relay.invoke(payload)
    letter = result.the_dead_letter()
    assert same_json(letter.body, payload)
    assert set(letter.attributes) == {"ERROR_CODE", "ERROR_MESSAGE"}
    assert answer(result)["errorMessage"] == letter.attributes["ERROR_MESSAGE"]


def test_the_source_is_the_outermost(relay: Function) -> None:
    letter = dead_lettered(relay, sqs_record(e.sns_notification(bad_job())), "INVALID_EVENT")
    assert letter.attributes["SOURCE_ARN"] == SOURCE_QUEUE


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_an_attribute_of_a_rejected_event(relay: Function, kind: str) -> None:
    of = target(kind)
    letter = dead_lettered(
        relay, event(of), "REJECTED_BY_SERVICE", script={identity(of): error("ValidationException")}, calls=None
    )
    assert letter.attributes["TARGET_KIND"] == kind and set(letter.attributes) == ALL


@cases(
    "content, code",
    [
        ("not JSON", "x", "MALFORMED_EVENT"),
        ("no JSON object", "[]", "MALFORMED_EVENT"),
        ("a member that is missing", "{}", "INVALID_EVENT"),
        ("a version that is not supported", '{"version":"9","target":{}}', "UNSUPPORTED_VERSION"),
        ("no such kind", '{"target":{"kind":"other"}}', "UNKNOWN_TARGET"),
        ("a region outside the allow-list", e.text(event(e.job(region="us-west-2"))), "TARGET_NOT_ALLOWED"),
        ("an account outside the allow-list", e.text(event(e.job(account="444455556666"))), "TARGET_NOT_ALLOWED"),
    ],
)
def test_each_code_in_each_source(relay: Function, content: str, code: str) -> None:
    letter = dead_lettered(relay, content, code)
    assert letter.body == content and set(letter.attributes) <= ALL and letter.queue_url == DEAD_LETTER_QUEUE
    result = relay.invoke(e.sns(content))
    assert result.the_dead_letter().attributes["ERROR_CODE"] == code == answer(result)["errorCode"]
    assert result.the_dead_letter().body == content
    if code != "MALFORMED_EVENT" or content == "[]":
        result = relay.invoke(content)
        assert result.the_dead_letter().attributes["ERROR_CODE"] == code == answer(result)["errorCode"]


@pytest.mark.parametrize("receives", [1, 2, 100])
def test_retry_attempts_are_the_receives_before(relay: Function, receives: int) -> None:
    letter = dead_lettered(relay, sqs_record("x", receives=receives), "MALFORMED_EVENT")
    assert letter.attributes["RETRY_ATTEMPTS"] == str(receives - 1)


# --- the body ----------------------------------------------------------------------------------------


@cases(
    "body",
    [
        ("a byte order mark is kept", "\ufeff{}"),
        ("blanks around an object are kept", " \r\n\t{ } \n"),
        ("names twice and odd numbers are kept", '{"a":1.0,"a":1e5,"b":-0.0,"c":%s}' % ("9" * 300)),
        ("escapes are kept as they are", '{"a":"\\u0041\\/\\ud800"}'),
        ("characters beyond ASCII are kept", '{"a":"é\u2028🔥"}'),
        ("a raw DEL and C1 controls are kept", '{"a":"\x7f\x85\x9f"}'),
        ("text that is no JSON is kept", "it broke: \t<html>&amp;"),
        ("an envelope is kept whole", e.text(e.sns_notification(e.cloudevent({})))),
        ("20,000 characters are kept", "x" * 20_000),
    ],
)
def test_the_body_of_a_record_is_kept_byte_for_byte(relay: Function, body: str) -> None:
    assert dead_lettered(relay, body, "MALFORMED_EVENT", "INVALID_EVENT").body == body
    assert relay.invoke(e.sns(body)).the_dead_letter().body == body


def test_a_token_in_the_body_is_kept_there(relay: Function) -> None:
    body = e.text(event(e.sfn(region="us-west-2")))
    assert dead_lettered(relay, body, "TARGET_NOT_ALLOWED").body == body


@pytest.mark.parametrize("below", [0, 1, 40, 100])
def test_where_body_and_attributes_pass_the_limit_the_attributes_go(relay: Function, below: int) -> None:
    body = "x" * (LIMIT - below)
    assert dead_lettered_large(relay, body).body == body


def test_the_limit_counts_bytes(relay: Function) -> None:
    body = "é" * (LIMIT // 2)
    assert dead_lettered_large(relay, body).body == body


def dead_lettered_large(relay: Function, body: str):
    result = relay.invoke(e.sqs(body))
    assert result.failures == []
    letter = result.the_dead_letter()
    assert set(letter.attributes) <= ALL
    return letter


def test_with_room_for_them_the_attributes_stay(relay: Function) -> None:
    letter = dead_lettered_large(relay, "x" * (LIMIT - 4096))
    assert letter.attributes["ERROR_CODE"] == "MALFORMED_EVENT" and "SOURCE_ARN" in letter.attributes


def test_several_large_dead_letters_of_a_batch_are_all_stored(relay: Function) -> None:
    bodies = [f"{i}" + "x" * 500_000 for i in range(5)]
    result = relay.invoke(e.sqs(*bodies))
    assert result.failures == [] and sorted(letter.body for letter in result.dead_letters) == bodies


def test_25_dead_letters_of_a_batch_are_all_stored(relay: Function) -> None:
    bodies = [f"bad {i}" for i in range(25)]
    result = relay.invoke(e.sqs(*bodies))
    assert result.failures == [] and {letter.body for letter in result.dead_letters} == set(bodies)


def test_a_direct_event_with_a_noncharacter_ends_in_an_outcome(relay: Function) -> None:
    # Ambiguous: SQS refuses U+FFFF. "The whole event as JSON" can be told with an escape; "characters
    # that SQS refuses are replaced" may be meant for a body too; told as it came, it is refused.
    payload = '{"target":{"kind":"other"},"x":"\uffff"}'
    result = relay.invoke(payload, may_be_refused=True)
    if not result.failed:
        body = result.the_dead_letter().body
        assert same_json(body, payload) or same_json(body, payload.replace("\uffff", "\ufffd"))


# --- the values of attributes ----------------------------------------------------------------------------


@cases(
    "value, exact",
    [
        ("an id of 255 characters is kept", "i" * 255, True),
        ("an id of 256 characters is kept", "i" * 256, True),
        ("an id of 257 characters is cut", "i" * 257, False),
        ("an id of 100,000 characters is cut", "i" * 100_000, False),
        ("an id of 128 astral characters is kept", ASTRAL * 128, True),
        ("an id of 300 astral characters is cut", ASTRAL * 300, False),
    ],
)
def test_the_event_id_is_at_most_256_characters(relay: Function, value: str, exact: bool) -> None:
    attribute = dead_lettered(relay, bad_job(id=value), "INVALID_EVENT").attributes["EVENT_ID"]
    if exact:
        assert attribute == value
    else:
        assert len(attribute) <= 256 and attribute.startswith(value[:100])


@cases(
    "value",
    [
        ("an id with NUL is told with a replacement", "a\x00b"),
        ("an id with control characters is told with replacements", "a\x01\x1f\x0bb"),
        ("an id with noncharacters is told with replacements", "a\ufffe\uffffb"),
        ("an id of control characters alone is told or left out", "\x00\x01"),
    ],
)
def test_characters_that_sqs_refuses_are_replaced(relay: Function, value: str) -> None:
    # That what is sent is acceptable is checked by the endpoint.
    attribute = dead_lettered(relay, bad_job(id=value), "INVALID_EVENT").attributes.get("EVENT_ID", "a?b")
    if value.startswith("a"):
        assert attribute.startswith("a") and attribute.endswith("b")


def test_an_id_with_a_lone_surrogate_is_told_with_a_replacement(relay: Function) -> None:
    body = '{"id":"a\\ud800b","target":{"kind":"other"}}'
    attribute = dead_lettered(relay, body, "UNKNOWN_TARGET").attributes["EVENT_ID"]
    assert attribute.startswith("a") and attribute.endswith("b")


def test_characters_that_sqs_accepts_stay(relay: Function) -> None:
    value = "tab\tline\nreturn\rDEL\x7fé\u2028\ufffd" + ASTRAL
    assert dead_lettered(relay, bad_job(id=value), "INVALID_EVENT").attributes["EVENT_ID"] == value


def test_an_empty_id_is_no_attribute_that_is_empty(relay: Function) -> None:
    # Ambiguous whether an empty id is absent, so that the message id stands in, or a value that is left out.
    letter = dead_lettered(relay, sqs_record(bad_job(id=""), message_id="m"), "INVALID_EVENT")
    assert letter.attributes.get("EVENT_ID", "m") == "m"


@cases(
    "kind",
    [
        ("a kind of 100,000 characters is told within 1,024", "k" * 100_000),
        ("a kind of astral characters is told within 1,024", ASTRAL * 2_000),
        ("a kind of control characters is told with replacements", "\x00\x01\x02" * 10),
    ],
)
def test_the_error_message_is_at_most_1024_characters(relay: Function, kind: str) -> None:
    message = dead_lettered(relay, event({"kind": kind}), "UNKNOWN_TARGET").attributes["ERROR_MESSAGE"]
    assert 0 < len(message) <= 1024


@cases(
    "of, path",
    [
        ("a missing kind is told by its path", {}, "target.kind"),
        ("an unknown kind is told by its path", {"kind": "other"}, "target.kind"),
        ("a missing job id is told by its path", {"kind": "codepipeline-job"}, "target.jobId"),
        ("a missing client token is told by its path", {"kind": "codepipeline-third-party-job", "jobId": "x"}, "target.clientToken"),
        ("a missing task token is told by its path", {"kind": "step-functions-task"}, "target.taskToken"),
        ("a missing activity token is told by its path", {"kind": "swf-activity-task"}, "target.taskToken"),
        ("a wrong account is told by its path", {"kind": "swf-activity-task", "taskToken": "t", "account": "1"}, "target.account"),
        ("a wrong region is told by its path", {"kind": "swf-activity-task", "taskToken": "t", "region": 1}, "target.region"),
    ],
)
def test_the_error_message_says_where(relay: Function, of: dict, path: str) -> None:
    message = dead_lettered(relay, event(of), "INVALID_EVENT", "UNKNOWN_TARGET").attributes["ERROR_MESSAGE"]
    assert path in message


def test_an_unsupported_version_is_told_by_its_path(relay: Function) -> None:
    letter = dead_lettered(relay, event(version="2"), "UNSUPPORTED_VERSION")
    assert "version" in letter.attributes["ERROR_MESSAGE"]


# --- a FIFO dead-letter queue ------------------------------------------------------------------------------


@pytest.fixture
def fifo_relay(relay_with) -> Function:
    return relay_with(RELAY_DEAD_LETTER_QUEUE_URL=FIFO_DLQ)


def test_group_and_deduplication_of_a_fifo_record(fifo_relay: Function) -> None:
    record = sqs_record(bad_job(id="event-1"), message_id="m-1", group="tenant-7", queue=FIFO_QUEUE)
    letter = dead_lettered(fifo_relay, record, "INVALID_EVENT")
    assert (letter.queue_url, letter.group_id, letter.deduplication_id) == (FIFO_DLQ, "tenant-7", "m-1")


def test_the_group_of_a_record_of_a_standard_queue_is_its_own_too(fifo_relay: Function) -> None:
    letter = dead_lettered(fifo_relay, sqs_record(bad_job(id="event-1"), group="tenant-7"), "INVALID_EVENT")
    assert letter.group_id == "tenant-7"


def test_the_group_of_a_record_without_one_is_the_event_id(fifo_relay: Function) -> None:
    letter = dead_lettered(fifo_relay, sqs_record(bad_job(id="event-1"), message_id="m-1"), "INVALID_EVENT")
    assert (letter.group_id, letter.deduplication_id) == ("event-1", "m-1")


def test_the_group_of_a_malformed_record(fifo_relay: Function) -> None:
    # Ambiguous, as its EVENT_ID is: the message id is the default of the id.
    letter = dead_lettered(fifo_relay, sqs_record("x", message_id="m-1"), "MALFORMED_EVENT")
    assert letter.group_id in ("m-1", "failure-relay") and letter.deduplication_id == "m-1"


def test_the_group_of_a_direct_event_without_an_id(fifo_relay: Function) -> None:
    result = fifo_relay.invoke({})
    letter = result.the_dead_letter()
    assert (letter.group_id, letter.deduplication_id) == ("failure-relay", result.request_id)


def test_the_group_of_a_direct_event_with_an_id(fifo_relay: Function) -> None:
    result = fifo_relay.invoke(bad_job(id="event-1"))
    letter = result.the_dead_letter()
    assert (letter.group_id, letter.deduplication_id) == ("event-1", result.request_id)


def test_the_group_of_an_eventbridge_event(fifo_relay: Function) -> None:
    result = fifo_relay.invoke(e.eventbridge(bad_job(), id="eb-1"))
    letter = result.the_dead_letter()
    assert (letter.group_id, letter.deduplication_id) == ("eb-1", result.request_id)


def test_the_deduplication_of_several_sns_records(fifo_relay: Function) -> None:
    result = fifo_relay.invoke(e.sns(bad_job(id="a"), event(), bad_job(id="c")))
    letters = {letter.group_id: letter.deduplication_id for letter in result.dead_letters}
    assert letters == {"a": f"{result.request_id}-1", "c": f"{result.request_id}-3"}


def test_the_deduplication_of_one_sns_record(fifo_relay: Function) -> None:
    result = fifo_relay.invoke(e.sns(bad_job(id="a")))
    assert result.the_dead_letter().deduplication_id == result.request_id


@cases(
    "value, kept",
    [
        ("a group of 128 characters is kept", "g" * 128, True),
        ("a group of 129 characters is its hash", "g" * 129, False),
        ("a group with a blank is its hash", "a b", False),
        ("a group beyond ASCII is its hash", "é", False),
        ("a group with a control character is its hash", "a\x00b", False),
        ("a group of an astral character is its hash", ASTRAL, False),
        ("a group with all punctuation is kept", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", True),
        ("a group of an object's text is kept", {"a": 1}, True),
    ],
)
def test_a_group_that_sqs_refuses_is_its_hash(fifo_relay: Function, value: object, kept: bool) -> None:
    text = value if isinstance(value, str) else '{"a":1}'
    letter = dead_lettered(fifo_relay, bad_job(id=value), "INVALID_EVENT")
    assert letter.group_id == (text if kept else sha256_hex(text))


@cases(
    "message_id, kept",
    [
        ("a deduplication id of 128 characters is kept", "d" * 128, True),
        ("a deduplication id of 129 characters is its hash", "d" * 129, False),
        ("a deduplication id with a blank is its hash", "a b", False),
        ("a deduplication id beyond ASCII is its hash", "né", False),
    ],
)
def test_a_deduplication_id_that_sqs_refuses_is_its_hash(fifo_relay: Function, message_id: str, kept: bool) -> None:
    letter = dead_lettered(fifo_relay, sqs_record("x", message_id=message_id), "MALFORMED_EVENT")
    assert letter.deduplication_id == (message_id if kept else sha256_hex(message_id))


def test_a_standard_queue_gets_no_deduplication_id(relay: Function) -> None:
    assert dead_lettered(relay, bad_job(), "INVALID_EVENT").deduplication_id is None


def test_a_record_of_an_unknown_kind_with_a_token_keeps_it_secret(relay: Function) -> None:
    dead_lettered(relay, event({"kind": "later", "taskToken": Secrets.issue()}), "UNKNOWN_TARGET")
