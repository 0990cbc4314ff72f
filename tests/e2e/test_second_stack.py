"""A second stack beside the first, in the same account and region, with a customer key for its queues; and its end."""

import json
import os
import uuid

import pytest
from botocore.exceptions import ClientError

from cloud import Relay, attributes_of

STACK = "encrypted-relay"


@pytest.fixture(scope="module")
def encrypted(cloud, relay):
    outputs = cloud.deploy(
        os.environ["E2E_TEMPLATE"], stack=STACK, Architecture=os.environ["E2E_ARCHITECTURE"], QueueEncryption="KMS"
    )
    return Relay(cloud, outputs)


def test_both_queues_are_encrypted_with_a_key_that_rotates(cloud, encrypted):
    key = encrypted.outputs["KeyArn"]
    for queue in (encrypted.queue_url, encrypted.dead_letter_queue_url):
        answer = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["KmsMasterKeyId"])
        assert answer["Attributes"] == {"KmsMasterKeyId": key}
    assert cloud.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


def test_the_two_stacks_share_nothing(relay, encrypted):
    # LocalStack makes no dashboards and calls them all "unknown".
    shared = {name for name, value in relay.outputs.items() if encrypted.outputs[name] == value}
    assert shared <= {"DashboardName"}


@pytest.mark.parametrize("way", [Relay.publish, Relay.put_event], ids=["queue", "bus"])
def test_a_failure_goes_through_the_encrypted_queue(cloud, relay, encrypted, way):
    execution, token = cloud.activity_execution()
    event = {"id": f"encrypted-{uuid.uuid4()}", "target": {"kind": "step-functions-task", "taskToken": token}}
    way(encrypted, event | {"failure": {"type": "Kept.Secret", "message": "with a key"}})
    end = cloud.end_of(execution)
    assert (end["error"], end["cause"]) == ("Kept.Secret", "with a key")
    assert encrypted.wait_for_outcome(event_id=event["id"])["outcome"] == "relayed"
    assert not relay.outcomes(event_id=event["id"])


def test_a_dead_letter_is_in_the_encrypted_dead_letter_queue(encrypted):
    body = json.dumps({"id": str(uuid.uuid4()), "target": {"kind": "no-such-kind"}})
    encrypted.publish(body)
    letter = encrypted.dead_letter(lambda message: message["Body"] == body)
    assert attributes_of(letter)["ERROR_CODE"] == "UNKNOWN_TARGET"


def test_a_stack_that_is_deleted_leaves_its_key_and_the_other_stack(cloud, relay, encrypted):
    cloud.delete(STACK)
    with pytest.raises(ClientError, match="NonExistentQueue"):
        cloud.client("sqs").get_queue_attributes(QueueUrl=encrypted.queue_url)
    # What is still encrypted with it somewhere could not be read without it.
    key = cloud.client("kms").describe_key(KeyId=encrypted.outputs["KeyArn"])["KeyMetadata"]
    assert key["KeyState"] == "Enabled"
    execution, token = cloud.activity_execution()
    relay.publish({"target": {"kind": "step-functions-task", "taskToken": token}})
    assert cloud.end_of(execution)["status"] == "FAILED"
