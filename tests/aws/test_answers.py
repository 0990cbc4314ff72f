"""docs/first-deployment.md, "Answers of the services": to what comes twice, and to what nobody knows."""

import json
import uuid

import pytest

from cloud import wait_for

WAITS = {
    "Resources": {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "600"}},
    }
}


def outcome_of(relay, target):
    event = {"id": f"answer-{uuid.uuid4()}", "target": target}
    relay.publish(event)
    return relay.wait_for_outcome(event_id=event["id"])


@pytest.mark.aws("it answers a repeated SendTaskFailure as if it were the first")
@pytest.mark.row("A task that was failed already is answered `TaskTimedOut`")
def test_a_task_that_was_failed_already_is_settled(cloud, relay):
    execution, token = cloud.activity_execution()
    target = {"kind": "step-functions-task", "taskToken": token}
    assert outcome_of(relay, target)["outcome"] == "relayed"
    assert cloud.end_of(execution)["status"] == "FAILED"
    assert outcome_of(relay, target)["outcome"] == "already-settled"


@pytest.mark.row("A CodePipeline job id that nobody knows is answered `JobNotFoundException`")
def test_a_job_that_nobody_knows_is_a_dead_letter(relay):
    line = outcome_of(relay, {"kind": "codepipeline-job", "jobId": str(uuid.uuid4())})
    assert (line["outcome"], line["error_code"], line["service_error"]) == ("dead-lettered", "REJECTED_BY_SERVICE", "JobNotFoundException")


@pytest.mark.row("SWF answers a token that it cannot read")
def test_a_token_that_swf_cannot_read_is_answered(relay):
    line = outcome_of(relay, {"kind": "swf-activity-task", "taskToken": "garbage"})
    assert line["outcome"] in ("dead-lettered", "already-settled"), line
    assert line["service_error"] != "TimeoutError"


@pytest.mark.aws("its wait conditions have a URL of its own host, which the relay does not take for CloudFormation's")
@pytest.mark.row("CloudFormation takes the body that is put to a custom resource's URL, and to a wait condition's")
def test_a_wait_condition_fails_with_the_message(cloud, relay):
    stacks, stack = cloud.client("cloudformation"), cloud.name("waits")
    stacks.create_stack(StackName=stack, TemplateBody=json.dumps(WAITS), OnFailure="DO_NOTHING")

    def url():
        found = stacks.describe_stack_resources(StackName=stack)["StackResources"]
        handles = [r.get("PhysicalResourceId") for r in found if r["LogicalResourceId"] == "Handle"]
        return handles[0] if handles and "Wait" in {r["LogicalResourceId"] for r in found} else None

    failure = {"type": "Worker.Died", "message": "the disk is full"}
    target = {"kind": "cloudformation-wait-condition", "signalUrl": wait_for(url), "uniqueId": "worker-1"}
    relay.publish({"target": target, "failure": failure})

    def reasons():
        events = stacks.describe_stack_events(StackName=stack)["StackEvents"]
        return [event.get("ResourceStatusReason", "") for event in events]

    wait_for(lambda: any("the disk is full" in reason for reason in reasons()), 60)
