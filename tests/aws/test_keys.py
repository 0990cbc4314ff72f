"""docs/first-deployment.md, "Keys": the conditions in the policies of keys and roles, in a stack with a customer key."""

import json
import os
import uuid

import pytest

from cloud import attributes_of, wait_for

NO_TARGET = "INVALID_EVENT"


@pytest.mark.row("… and for publishers")
def test_a_state_machine_publishes_to_the_encrypted_queue(cloud, keyed):
    relay, _ = keyed
    outputs = cloud.deploy(
        os.path.abspath("deploy/smoke-test.yaml"),
        stack="keyed-smoke-test",
        RelayQueueUrl=relay.queue_url,
        PublisherPolicyArn=relay.outputs["PublisherPolicyArn"],
    )
    end = cloud.end_of(cloud.start(outputs["StateMachineArn"]))
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "Smoke.Test", "The relay works.")


@pytest.mark.row("`aws:SourceAccount` is there when EventBridge sends to an encrypted queue")
def test_eventbridge_sends_to_the_encrypted_queue(keyed):
    relay, _ = keyed
    mark = str(uuid.uuid4())
    relay.put_event({"no target": mark})
    letter = relay.dead_letter(lambda message: mark in message["Body"])
    assert attributes_of(letter)["ERROR_CODE"] == NO_TARGET


@pytest.mark.row("… and when SNS does")
def test_sns_sends_to_the_encrypted_queue(cloud, keyed):
    relay, topic = keyed
    mark = str(uuid.uuid4())
    cloud.client("sns").publish(TopicArn=topic, Message=json.dumps({"no target": mark}))
    letter = relay.dead_letter(lambda message: mark in message["Body"])
    assert attributes_of(letter)["ERROR_CODE"] == NO_TARGET


@pytest.mark.row("`kms:ViaService` is `states.<region>` when Step Functions encrypts a cause")
def test_the_cause_of_a_state_machine_with_a_key_is_in_its_history(cloud, keyed):
    relay, _ = keyed
    states = cloud.client("stepfunctions")
    activity = states.create_activity(name=cloud.name("encrypted-work"))["activityArn"]
    work = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 120, "End": True}
    machine = states.create_state_machine(
        name=cloud.name("encrypted-machine"),
        definition=json.dumps({"StartAt": "Work", "States": {"Work": work}}),
        roleArn=cloud.machine_role(),
        encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": cloud.stand["KeyArn"]},
    )["stateMachineArn"]
    execution = cloud.start(machine)
    token = states.get_activity_task(activityArn=activity, workerName="tests")["taskToken"]
    target = {"kind": "step-functions-task", "taskToken": token}
    relay.publish({"target": target, "failure": {"type": "Kept.Secret", "message": "with a key"}})
    end = cloud.end_of(execution)
    assert (end["error"], end["cause"]) == ("Kept.Secret", "with a key")


@pytest.mark.aws("it does not say which key a log group has")
@pytest.mark.row("CloudWatch may use `LogKmsKeyArn`")
def test_the_log_group_has_its_key(cloud, keyed):
    relay, _ = keyed
    name = relay.outputs["LogGroupName"]
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [g["kmsKeyId"] for g in groups if g["logGroupName"] == name] == [cloud.stand["KeyArn"]]


@pytest.mark.aws("it refuses an update of a stack that takes its key away")
@pytest.mark.row("After a change back, waiting messages are read with `PreviousKmsKeyArns`")
def test_a_message_that_waits_is_read_after_a_change_back(cloud, keyed):
    """The last of the file: from here on the stack has no key."""
    relay, _ = keyed
    functions = cloud.client("lambda")
    (mapping,) = functions.list_event_source_mappings(EventSourceArn=relay.queue_arn)["EventSourceMappings"]

    def set_enabled(enabled):
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        state = "Enabled" if enabled else "Disabled"
        wait_for(lambda: functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state, what=f"mapping {state}")

    set_enabled(False)
    mark = str(uuid.uuid4())
    relay.publish({"no target": mark})
    key = relay.outputs["KeyArn"]
    cloud.deploy(os.environ["E2E_TEMPLATE"], stack="keyed", QueueEncryption="SSE-SQS", PreviousKmsKeyArns=key)
    set_enabled(True)
    assert relay.dead_letter(lambda message: mark in message["Body"], 60)
