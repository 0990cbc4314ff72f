"""deploy/smoke-test.yaml, with which an operator tries a relay that is deployed."""

import os
import uuid


def test_the_smoke_test_ends_as_its_page_says(cloud, relay):
    outputs = cloud.deploy(
        os.path.abspath("deploy/smoke-test.yaml"),
        stack="failure-relay-smoke-test",
        RelayQueueUrl=relay.queue_url,
        PublisherPolicyArn=relay.outputs["PublisherPolicyArn"],
    )
    name = f"smoke-{uuid.uuid4()}"
    states = cloud.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=outputs["StateMachineArn"], name=name)["executionArn"]
    end = cloud.end_of(execution)
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "Smoke.Test", "The relay works.")
    line = relay.wait_for_outcome(event_id=name, outcome="relayed")
    assert line["source"] == "smoke-test"
    assert line["age_ms"] < 60_000
