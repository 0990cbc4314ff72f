"""`relayctl sweep` over executions whose histories LocalStack has written."""

import json
import time

import pytest

from cloud import wait_for
from test_relayctl import Tool

FAILS = {"Type": "Fail", "Error": "Child.Failed", "Cause": "out of disk"}
WAITS = {"Type": "Wait", "Seconds": 600, "End": True}
# A name under which the deployed relay does not look for a task token: it would report the child's end before the sweep does.
TOKEN_NAME = "answerTo"
OPTIONS = ["--grace", "1s", "--task-token-names", TOKEN_NAME]


@pytest.fixture(scope="module")
def relayctl(cloud):
    return Tool(cloud)


def machine_that_waits(cloud, resource, parameters):
    """A machine of one callback state, which passes its task token on."""
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}.waitForTaskToken",
        "Parameters": parameters,
        "TimeoutSeconds": 300,
        "End": True,
    }
    return cloud.state_machine({"StartAt": "Wait for it", "States": {"Wait for it": state}})


def parent_of(cloud, child):
    """A machine that starts a child of one state and waits until that calls back."""
    machine = cloud.state_machine({"StartAt": "Work", "States": {"Work": child}})
    parameters = {"StateMachineArn": machine, "Input": {f"{TOKEN_NAME}.$": "$$.Task.Token"}}
    return machine, machine_that_waits(cloud, "states:startExecution", parameters)


def is_submitted(cloud, execution):
    """Whether the worker is started."""
    history = cloud.client("stepfunctions").get_execution_history(executionArn=execution)
    return any(event["type"] == "TaskSubmitted" for event in history["events"])


def start(cloud, machine):
    execution = cloud.start(machine)
    wait_for(lambda: is_submitted(cloud, execution), what=f"a worker of {execution}")
    return execution


def child_that_has_ended(cloud, machine):
    (child,) = cloud.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    cloud.end_of(child["executionArn"])
    time.sleep(2)  # longer than the grace that the tests give


def swept(relayctl, machine, *arguments, **variables):
    """The rows of a sweep of one machine, by execution, and its exit code."""
    rows, code = relayctl.json("sweep", *OPTIONS, "--state-machine", machine, *arguments, **variables)
    return {row["executionArn"]: row for row in rows}, code


def test_an_execution_whose_child_died_is_found_and_failed(cloud, relay, relayctl):
    child, machine = parent_of(cloud, FAILS)
    execution = start(cloud, machine)
    child_that_has_ended(cloud, child)

    rows, code = swept(relayctl, machine)
    assert (rows[execution]["status"], code) == ("stranded", 1)
    assert cloud.running(execution), "a sweep that was not told to fail anything failed it"

    swept(relayctl, machine, "--fail", RELAY_QUEUE_URL=relay.queue_url)
    end = cloud.end_of(execution)
    assert end["status"] == "FAILED" and "out of disk" in end["cause"]
    assert swept(relayctl, machine) == ({}, 0)


def test_an_execution_whose_child_lives_waits_on(cloud, relay, relayctl):
    _, machine = parent_of(cloud, WAITS)
    execution = start(cloud, machine)
    rows, code = swept(relayctl, machine, "--fail", RELAY_QUEUE_URL=relay.queue_url)
    assert (rows[execution]["status"], code) == ("waiting", 0)
    assert cloud.running(execution)


def test_whether_the_reader_of_a_queue_lives_is_unknown(cloud, relay, relayctl):
    url, _ = cloud.queue("work-of-the-sweep")
    body = {f"{TOKEN_NAME}.$": "$$.Task.Token"}
    machine = machine_that_waits(cloud, "sqs:sendMessage", {"QueueUrl": url, "MessageBody": body})
    execution = start(cloud, machine)
    rows, code = swept(relayctl, machine, "--fail", RELAY_QUEUE_URL=relay.queue_url)
    assert (rows[execution]["status"], code) == ("unknown", 0)
    assert cloud.running(execution)


def test_no_token_is_shown(cloud, relayctl):
    child, machine = parent_of(cloud, FAILS)
    execution = start(cloud, machine)
    child_that_has_ended(cloud, child)
    (started,) = cloud.client("stepfunctions").list_executions(stateMachineArn=child)["executions"]
    description = cloud.client("stepfunctions").describe_execution(executionArn=started["executionArn"])
    token = json.loads(description["input"])[TOKEN_NAME]
    for arguments in (), ("--json",):
        done = relayctl("sweep", *OPTIONS, "--state-machine", machine, *arguments)
        assert "Wait for it" in done.stdout and token not in done.stdout + done.stderr
    cloud.client("stepfunctions").stop_execution(executionArn=execution)
