"""A second stack beside the first, in the same account and region, with a customer key for its queues; and its end."""

import json
import os
import uuid

import pytest
from botocore.exceptions import ClientError

from cloud import Relay, attributes_of, wait_for

STACK = "encrypted-relay"


@pytest.fixture(scope="module")
def encrypted(cloud, relay, template_that_retains, publisher_account):
    outputs = cloud.deploy(
        template_that_retains,
        stack=STACK,
        Architecture=os.environ["E2E_ARCHITECTURE"],
        QueueEncryption="KMS",
        PublisherAccounts=publisher_account,  # as the first stack: the statements of both must have ids of their own
        PublisherOrganizationId="o-abcdefghij",
    )
    return Relay(cloud, outputs)


def test_every_queue_is_encrypted_with_a_key_that_rotates(cloud, encrypted):
    key = encrypted.outputs["KeyArn"]
    for queue in (encrypted.queue_url, encrypted.dead_letter_queue_url, encrypted.parking_queue_url):
        answer = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["KmsMasterKeyId"])
        assert answer["Attributes"] == {"KmsMasterKeyId": key}
    assert cloud.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


@pytest.mark.row("Two stacks fit into one account and region")
def test_the_two_stacks_share_nothing(relay, encrypted):
    # LocalStack makes no dashboards and calls them all "unknown". Both stacks' alarms notify nobody.
    shared = {name for name, value in relay.outputs.items() if encrypted.outputs[name] == value}
    assert shared <= {"DashboardName", "AlarmsNotify"}


@pytest.mark.localstack("it keeps the last statement of a bus only; tests/aws/test_stacks.py has both")
def test_statements_of_both_buses_have_ids_of_their_stack(cloud, relay, encrypted):
    def statements(bus):
        policy = json.loads(cloud.client("events").describe_event_bus(Name=bus)["Policy"])
        return {statement["Sid"] for statement in policy["Statement"]}

    # LocalStack keeps the last statement of a bus, where AWS adds each.
    (of_one,), (of_other,) = statements(relay.bus), statements(encrypted.bus)
    assert of_one.startswith("PublisherAccounts-")
    assert of_other.startswith("PublisherOrganization-")
    assert of_one.split("-", 1)[1] != of_other.split("-", 1)[1]


@pytest.mark.row("`kms:ViaService` holds for what Lambda's pollers and the function do")
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


@pytest.mark.row("Queues stay when the stack goes")
def test_a_stack_that_is_deleted_leaves_its_messages_its_key_and_the_other_stack(cloud, relay, encrypted):
    body = json.dumps({"id": str(uuid.uuid4()), "target": {"kind": "no-such-kind"}})
    encrypted.publish(body)
    wait_for(lambda: cloud.messages_in(encrypted.dead_letter_queue_url))
    cloud.delete(STACK)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloud.client("lambda").get_function(FunctionName=encrypted.function)
    for queue in (encrypted.queue_url, encrypted.parking_queue_url):
        assert cloud.messages_in(queue) == 0
    assert encrypted.dead_letter(lambda message: message["Body"] == body)
    # What is still encrypted with it somewhere could not be read without it.
    key = cloud.client("kms").describe_key(KeyId=encrypted.outputs["KeyArn"])["KeyMetadata"]
    assert key["KeyState"] == "Enabled"
    execution, token = cloud.activity_execution()
    relay.publish({"target": {"kind": "step-functions-task", "taskToken": token}})
    assert cloud.end_of(execution)["status"] == "FAILED"
