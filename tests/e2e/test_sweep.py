"""The sweep against real histories: tasks that wait for a worker that is gone, found and failed with the tool alone."""

import json
import time
import uuid

import pytest

from cloud import wait_for
from test_relayctl import Tool

STRANDED = 1


@pytest.fixture(scope="module")
def relayctl(cloud):
    return Tool(cloud)


def waiting_for_a_child(cloud, child):
    """A machine that starts another execution, hands its task token on, and waits for a word of it."""
    return cloud.state_machine(
        {
            "StartAt": "Both",
            "States": {
                "Both": {
                    "Type": "Parallel",
                    "Branches": [
                        {
                            "StartAt": "Child",
                            "States": {
                                "Child": {
                                    "Type": "Task",
                                    "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken",
                                    "Parameters": {"StateMachineArn": child, "Input": {"reply": {"to.$": "$$.Task.Token"}}},
                                    "End": True,
                                }
                            },
                        }
                    ],
                    "End": True,
                }
            },
        }
    )


def child_that(cloud, **state):
    return cloud.state_machine({"StartAt": "Work", "States": {"Work": state}})


def swept(relayctl, machine, *options):
    """The one task that a sweep of this machine shows, and its exit status."""
    (task,), status = relayctl.json("sweep", "--state-machine", machine, "--grace", "1s", *options)
    return task, status


def test_the_task_of_a_child_that_failed_is_found_and_failed(cloud, relay, relayctl):
    machine = waiting_for_a_child(cloud, child_that(cloud, Type="Fail", Error="Render.Lost", Cause="no frame left"))
    execution = cloud.start(machine)

    def stranded():
        found, status = relayctl.json("sweep", "--state-machine", machine, "--grace", "1s")
        return (found, status) if status == STRANDED else None

    (task,), _ = wait_for(stranded)
    assert (task["status"], task["executionArn"], task["state"]) == ("stranded", execution, "Child")
    assert cloud.running(execution), "who only looks fails nothing"
    task, _ = swept(relayctl, machine, "--fail", "--queue-url", relay.queue_url)
    end = cloud.end_of(execution)
    assert (end["status"], end["error"]) == ("FAILED", "Render.Lost")
    assert task["reportedAs"].startswith("sweep-")
    relay.wait_for_outcome(outcome="relayed", event_id=task["reportedAs"])
    assert relayctl.json("sweep", "--state-machine", machine) == ([], 0)


def test_the_task_of_a_child_that_runs_is_left_alone(cloud, relay, relayctl):
    machine = waiting_for_a_child(cloud, child_that(cloud, Type="Wait", Seconds=600, End=True))
    execution = cloud.start(machine)
    time.sleep(3)
    task, status = swept(relayctl, machine, "--fail", "--queue-url", relay.queue_url)
    assert (task["status"], status) == ("waiting", 0)
    assert cloud.running(execution)


def test_the_task_of_a_message_is_of_an_unknown_worker(cloud, relay, relayctl):
    url, _ = cloud.queue(f"sweep-{uuid.uuid4().hex}")
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"TaskToken.$": "$$.Task.Token"}},
        "End": True,
    }
    machine = cloud.state_machine({"StartAt": "Ask", "States": {"Ask": ask}})
    execution = cloud.start(machine)
    asked = wait_for(lambda: cloud.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages"))
    token = json.loads(asked[0]["Body"])["TaskToken"]
    done = relayctl("sweep", "--state-machine", machine, "--fail", "--queue-url", relay.queue_url)
    assert done.returncode == 0 and "unknown" in done.stdout, done.stderr
    assert token not in done.stdout + done.stderr
    assert cloud.running(execution)
