"""docs/first-deployment.md, "Permissions": what IAM and the services' own rules allow and refuse."""

import json
import os
import uuid

import pytest
from botocore.exceptions import ClientError

from cloud import REGION, RELAY_ACCOUNT, Relay

UNENFORCED = "it does not enforce IAM"


@pytest.fixture(scope="module")
def narrow(cloud):
    """A stack that may fail tasks of a state machine that does not exist."""
    outputs = cloud.deploy(
        os.environ["E2E_TEMPLATE"],
        stack="narrow",
        Architecture=os.environ["E2E_ARCHITECTURE"],
        LogLevel="DEBUG",
        RetryBaseSeconds=1,
        RetryCapSeconds=2,
        StepFunctionsArns=f"arn:aws:states:{REGION}:{RELAY_ACCOUNT}:stateMachine:no-such",
    )
    return Relay(cloud, outputs)


@pytest.mark.row("`states:SendTaskFailure` with a token that cannot be decoded")
def test_a_token_that_cannot_be_decoded_is_answered_and_not_refused(relay):
    event = {"id": f"garbage-{uuid.uuid4()}", "target": {"kind": "step-functions-task", "taskToken": "garbage"}}
    relay.publish(event)
    line = relay.wait_for_outcome(event_id=event["id"])
    assert (line["outcome"], line["error_code"], line["service_error"]) == ("dead-lettered", "REJECTED_BY_SERVICE", "InvalidToken")


@pytest.mark.aws(UNENFORCED)
@pytest.mark.row("It is matched against the state machine's ARN", "`aws:PrincipalArn` is the role's ARN for the function's sessions")
def test_a_task_of_a_state_machine_that_is_not_listed_is_refused_and_parked(cloud, narrow):
    outputs = cloud.deploy(
        os.path.abspath("deploy/smoke-test.yaml"),
        stack="narrow-smoke-test",
        RelayQueueUrl=narrow.queue_url,
        PublisherPolicyArn=narrow.outputs["PublisherPolicyArn"],
    )
    name = f"narrow-{uuid.uuid4()}"
    cloud.client("stepfunctions").start_execution(stateMachineArn=outputs["StateMachineArn"], name=name)
    narrow.wait_for_outcome(event_id=name, outcome="parked")
    lines = narrow.outcomes(event_id=name)[:3]
    assert [line["outcome"] for line in lines] == ["retry", "retry", "parked"]
    assert {line["service_error"] for line in lines} == {"AccessDeniedException"}


@pytest.mark.aws(UNENFORCED)
@pytest.mark.row("`aws:PrincipalArn` is the role's ARN for the function's sessions")
def test_nobody_else_may_park(cloud, relay):
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("sqs").send_message(QueueUrl=relay.parking_queue_url, MessageBody="x")


@pytest.mark.row("The permissions boundary allows what the relay needs")
@pytest.mark.parametrize(
    "action, resource_of",
    [
        ("sqs:ReceiveMessage", lambda relay: relay.queue_arn),
        ("sqs:SendMessage", lambda relay: relay.dead_letter_queue_arn),
        pytest.param(
            "states:SendTaskFailure",
            lambda relay: f"arn:aws:states:{REGION}:{RELAY_ACCOUNT}:stateMachine:any",
            marks=pytest.mark.aws("it simulates no patterns of ARNs"),
        ),
    ],
    ids=["receive", "send", "fail"],
)
def test_neither_the_role_nor_its_boundary_denies_what_the_relay_needs(cloud, relay, action, resource_of):
    region = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string", "ContextKeyValues": [REGION]}
    answer = cloud.client("iam").simulate_principal_policy(
        PolicySourceArn=relay.role_arn, ActionNames=[action], ResourceArns=[resource_of(relay)], ContextEntries=[region]
    )
    assert [result["EvalDecision"] for result in answer["EvaluationResults"]] == ["allowed"]


@pytest.mark.aws("it takes events of any source from anybody")
@pytest.mark.row("EventBridge refuses forged notices")
def test_a_forged_notice_is_refused(cloud):
    entry = {"Source": "aws.ecs", "DetailType": "x", "Detail": json.dumps({})}
    answer = cloud.client("events").put_events(Entries=[entry])
    assert (answer["FailedEntryCount"], answer["Entries"][0]["ErrorCode"]) == (1, "NotAuthorizedForSourceException")


@pytest.mark.aws("its SenderId is the account")
@pytest.mark.row("`SenderId` names the publisher's role")
def test_the_publisher_in_the_log_is_who_published(cloud, relay):
    event = {"id": f"who-{uuid.uuid4()}", "target": {"kind": "no-such-kind"}}
    relay.publish(event)
    assert relay.wait_for_outcome(event_id=event["id"])["publisher"] == cloud.caller["UserId"]
