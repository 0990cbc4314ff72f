"""Recipes of docs/dead-workers.md, deployed as they are written there."""

import json
import uuid

import pytest

from cloud import RELAY_ACCOUNT, REGION, attributes_of, wait_for
from conftest import recipe


def give_up(cloud, queue_url):
    """A worker that takes the message and dies, as often as it gets it."""
    sqs = cloud.client("sqs")
    assert wait_for(lambda: sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=2).get("Messages"))

    def empty():
        return not sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=2).get("Messages")

    wait_for(empty)


def test_sqs_worker_with_a_dead_letter_queue(cloud, relay, sqs_worker):
    execution = cloud.start(sqs_worker["MachineArn"], {"frame": 7})
    give_up(cloud, sqs_worker["WorkQueueUrl"])
    end = cloud.end_of(execution, 60)
    assert (end["status"], end["error"]) == ("FAILED", "Worker.Abandoned")
    assert "sqs-worker" in json.loads(end["cause"])["message"]


def test_abandoned_work_without_a_token_is_kept(cloud, relay, sqs_worker):
    mark = str(uuid.uuid4())
    cloud.client("sqs").send_message(QueueUrl=sqs_worker["WorkQueueUrl"], MessageBody=json.dumps({"work": mark}))
    give_up(cloud, sqs_worker["WorkQueueUrl"])
    letter = relay.dead_letter(lambda message: mark in message["Body"], 60)
    assert json.loads(letter["Body"]) == {"work": mark}
    assert attributes_of(letter)["ERROR_CODE"] == "INVALID_EVENT"
    assert attributes_of(letter)["SOURCE_ARN"] == sqs_worker["DeadLetterQueueArn"]


@pytest.fixture(scope="session")
def backed_action(cloud, relay):
    return cloud.deploy(
        recipe("Pipeline action backed by a state machine"),
        stack="backed-action",
        capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        WorkFunctionArn=f"arn:aws:lambda:{REGION}:{RELAY_ACCOUNT}:function:is-not-there",
    )


def test_a_pipeline_action_backed_by_a_state_machine(cloud, code_pipeline, relay, backed_action):
    job = code_pipeline.open_job()
    # As the action of the recipe starts it.
    execution = cloud.start(backed_action["MachineArn"], {"CODEPIPELINE_JOB_ID": job})
    assert cloud.end_of(execution)["status"] == "FAILED"
    failure = wait_for(lambda: code_pipeline.failure(job))
    assert failure["type"] == "JobFailed"
    assert execution in json.dumps(failure)


def test_a_pipeline_action_whose_state_machine_is_stopped_by_hand(cloud, code_pipeline, relay):
    machine = cloud.state_machine({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 300, "End": True}}})
    job = code_pipeline.open_job()
    execution = cloud.start(machine, {"CODEPIPELINE_JOB_ID": job})
    cloud.client("stepfunctions").stop_execution(executionArn=execution)
    failure = wait_for(lambda: code_pipeline.failure(job))
    assert failure["message"].startswith("StepFunctions.ABORTED: ")


def test_an_execution_that_holds_the_token_of_its_parent(cloud, relay):
    child = cloud.state_machine(
        {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "Child.Broke", "Cause": "frame 7"}}}
    )
    parent = cloud.state_machine(
        {
            "StartAt": "Child",
            "States": {
                "Child": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken",
                    "Parameters": {"StateMachineArn": child, "Input": {"TaskToken.$": "$$.Task.Token"}},
                    "TimeoutSeconds": 120,
                    "End": True,
                }
            },
        }
    )
    end = cloud.end_of(cloud.start(parent))
    assert (end["status"], end["error"]) == ("FAILED", "Child.Broke")
    assert "frame 7" in end["cause"]
