"""Failures whose target is in trouble wait in the parking queue, delay nobody else, and come back."""

import json
import uuid

import pytest

from cloud import attributes_of, wait_for


@pytest.fixture
def parking_stands_still(cloud, relay):
    """Nothing is taken out of the parking queue meanwhile, so that a test can look into it."""
    functions = cloud.client("lambda")
    (mapping,) = functions.list_event_source_mappings(EventSourceArn=relay.parking_queue_arn)["EventSourceMappings"]
    set_enabled(functions, mapping["UUID"], False)
    yield lambda: set_enabled(functions, mapping["UUID"], True)
    set_enabled(functions, mapping["UUID"], True)


def set_enabled(functions, uuid, enabled):
    functions.update_event_source_mapping(UUID=uuid, Enabled=enabled)
    state = "Enabled" if enabled else "Disabled"
    wait_for(lambda: functions.get_event_source_mapping(UUID=uuid)["State"] == state, what=f"mapping {state}")


def test_a_failure_whose_target_refuses_is_parked_and_relayed_when_the_target_is_back(cloud, code_pipeline, relay):
    job = code_pipeline.open_job("denied three times")
    event = {"id": f"parked-{job}", "target": {"kind": "codepipeline-job", "jobId": job}, "failure": {"message": "late"}}
    message_id = relay.publish(event)
    wait_for(lambda: code_pipeline.failure(job), 60)
    line = relay.wait_for_outcome(event_id=event["id"], outcome="relayed")
    lines = relay.outcomes(event_id=event["id"])
    # The log follows the first message, whichever queue its copy came from.
    assert [line["outcome"] for line in lines] == ["retry", "retry", "parked", "relayed"]
    assert [line["receives"] for line in lines] == [1, 2, 3, 4]
    assert {line["record_id"] for line in lines} == {message_id}
    assert {line["publisher"] for line in lines} == {cloud.sender}
    assert code_pipeline.failure(job)["message"] == "late"
    wait_for(lambda: cloud.messages_in(relay.queue_url) == cloud.messages_in(relay.parking_queue_url) == 0)


def test_a_parked_message_says_what_it_was(cloud, code_pipeline, relay, parking_stands_still):
    job = code_pipeline.open_job("denied three times")
    # As Python would write it: LocalStack's event source mapping reads and rewrites each body that is JSON.
    body = json.dumps({"id": f"looked-at-{job}", "target": {"kind": "codepipeline-job", "jobId": job}, "x": "ü ✗"})
    message_id = relay.publish(body)
    relay.wait_for_outcome(record_id=message_id, outcome="parked", seconds=60)

    sqs = cloud.client("sqs")

    def look():
        found = sqs.receive_message(
            QueueUrl=relay.parking_queue_url, MessageAttributeNames=["All"], AttributeNames=["All"], VisibilityTimeout=1
        )
        return [message for message in found.get("Messages", []) if job in message["Body"]]

    (message,) = wait_for(look)
    assert message["Body"] == body
    attributes = attributes_of(message)
    assert attributes["SOURCE_ARN"] == relay.queue_arn
    assert attributes["SOURCE_MESSAGE_ID"] == message_id
    assert attributes["RETRY_ATTEMPTS"] == "3"
    assert attributes["PUBLISHER"] == cloud.sender
    assert attributes["PARKED_SINCE"][4] == "-"
    assert int(attributes["SENT_AT"]) <= int(message["Attributes"]["SentTimestamp"])
    # It is done where it came from.
    wait_for(lambda: cloud.messages_in(relay.queue_url) == 0)
    take_back = parking_stands_still
    take_back()
    wait_for(lambda: code_pipeline.failure(job), 60)


def test_what_is_parked_delays_nobody_else(cloud, code_pipeline, relay, parking_stands_still):
    denied = [code_pipeline.open_job("denied") for _ in range(3)]
    relay.publish_all([{"target": {"kind": "codepipeline-job", "jobId": job}} for job in denied])
    wait_for(lambda: cloud.messages_in(relay.parking_queue_url) == 3, 60)
    wait_for(lambda: cloud.messages_in(relay.queue_url) == 0)
    execution, token = cloud.activity_execution()
    relay.publish({"target": {"kind": "step-functions-task", "taskToken": token}, "failure": {"type": "Fresh"}})
    assert cloud.end_of(execution)["error"] == "Fresh"
    assert cloud.messages_in(relay.parking_queue_url) == 3


def test_what_was_parked_too_long_is_dead_lettered_with_the_last_error(code_pipeline, relay):
    job = code_pipeline.open_job("denied")
    mark = str(uuid.uuid4())
    body = json.dumps({"id": mark, "target": {"kind": "codepipeline-job", "jobId": job}})
    message_id = relay.publish(body)
    letter = relay.dead_letter(lambda message: mark in message["Body"], seconds=150)
    assert letter["Body"] == body
    attributes = attributes_of(letter)
    assert attributes["ERROR_CODE"] == "RETRIES_EXHAUSTED"
    assert "AccessDenied" in attributes["ERROR_MESSAGE"]
    assert attributes["SOURCE_ARN"] == relay.queue_arn
    assert attributes["SOURCE_MESSAGE_ID"] == message_id
    assert "PARKED_SINCE" in attributes
    assert int(attributes["RETRY_ATTEMPTS"]) > 3
