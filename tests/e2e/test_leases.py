"""Leases and claims in a deployed stack: the table, the relay, the watch and the rules together."""

import json
import os
import time
import uuid

import pytest

from cloud import Relay, wait_for

pytestmark = pytest.mark.localstack("it plays the schedule of the watch; tests/aws/test_canary_of_a_stack.py waits for it")

LEASES_REGION = "eu-south-1"
SHORTEST_LEASE_S = 60


@pytest.fixture(scope="module")
def leasing(cloud):
    """A stack with leases and the notices of Glue: the relay, and the name of the watch."""
    outputs = cloud.deploy(
        os.environ["E2E_TEMPLATE"],
        region=LEASES_REGION,
        stack="leasing",
        Architecture=os.environ["E2E_ARCHITECTURE"],
        LogLevel="DEBUG",
        Leases="true",
        GlueJobNotices="true",
    )
    return Relay(cloud, outputs), outputs["WatchFunctionName"]


def send(cloud, relay, **event):
    """Puts an event on the queue, and waits until the relay has done with it."""
    event |= {"id": str(uuid.uuid4())}
    cloud.client("sqs", region=LEASES_REGION).send_message(QueueUrl=relay.queue_url, MessageBody=json.dumps(event))
    return relay.wait_for_outcome(event_id=event["id"])["outcome"]


def lease(action, token):
    asked = {"action": action} | ({} if action == "release" else {"ttlSeconds": SHORTEST_LEASE_S})
    return {"lease": asked, "target": {"kind": "step-functions-task", "taskToken": token}}


def watch_runs(cloud, watch):
    answer = cloud.client("lambda", region=LEASES_REGION).invoke(FunctionName=watch, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_of_three_workers_only_the_one_that_fell_silent_is_failed(cloud, leasing):
    relay, watch = leasing
    workers = {name: cloud.activity_execution(region=LEASES_REGION) for name in ("silent", "renewing", "done")}
    for _, token in workers.values():
        assert send(cloud, relay, **lease("take", token)) == "lease-taken"
    taken = time.time()
    assert send(cloud, relay, **lease("release", workers["done"][1])) == "lease-released"
    time.sleep(SHORTEST_LEASE_S / 2)
    assert send(cloud, relay, **lease("renew", workers["renewing"][1])) == "lease-renewed"
    wait_for(lambda: time.time() > taken + SHORTEST_LEASE_S + 2, SHORTEST_LEASE_S)

    watch_runs(cloud, watch)
    end = cloud.end_of(workers["silent"][0])
    assert (end["status"], end["error"]) == ("FAILED", "Worker.LeaseExpired")
    watch_runs(cloud, watch)
    assert cloud.running(workers["renewing"][0]) and cloud.running(workers["done"][0])


@pytest.mark.parametrize("first", ["claim", "notice"])
def test_a_notice_that_names_no_task_finds_it_by_a_claim(cloud, leasing, first):
    relay, _ = leasing
    execution, token = cloud.activity_execution(region=LEASES_REGION)
    run = f"jr_{uuid.uuid4().hex}"

    def claim():
        target = {"kind": "step-functions-task", "taskToken": token}
        send(cloud, relay, claim={"resource": run, "ttlSeconds": 600}, target=target)

    def notice():
        detail = {"jobName": "render", "jobRunId": run, "state": "FAILED", "message": "Out of memory"}
        entry = {"Source": "aws.glue", "DetailType": "Glue Job State Change", "Detail": json.dumps(detail)}
        cloud.client("events", region=LEASES_REGION).put_events(Entries=[entry])

    steps = [claim, notice] if first == "claim" else [notice, claim]
    steps[0]()
    time.sleep(3)  # the notice is looked up and remembered
    steps[1]()
    end = cloud.end_of(execution, 60)
    assert end["status"] == "FAILED" and "Out of memory" in end["cause"]
