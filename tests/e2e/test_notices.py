"""The notice rules as they are deployed: what they let through, what they drop, and what then becomes of it."""

import json
import sys
import textwrap
import time
import uuid

import pytest

from cloud import REGION, RELAY_ACCOUNT, wait_for
from notices import batch, codebuild, ecs, function_package, lambda_record, states

JOB = "CODEPIPELINE_JOB_ID"
forged = pytest.mark.localstack("AWS takes no event from others whose source begins with `aws.`")

# name of the rule in the template, the notice, whether the rule must let it through
MATCHES = [
    ("EcsNoticeRule", "out of memory", ecs({JOB: "j"}, exit_code=137), True),
    ("EcsNoticeRule", "failed to start, no containers", ecs({JOB: "j"}, containers=[], stopCode="TaskFailedToStart"), True),
    ("EcsNoticeRule", "spot interruption", ecs({"TASK_TOKEN": "t"}, exit_code=0, stopCode="SpotInterruption"), True),
    ("EcsNoticeRule", "never started beside a sidecar that ended well", ecs({JOB: "j"}, exit_code=None), True),
    ("EcsNoticeRule", "the usual name", ecs({"A": "b", "TASK_TOKEN_ENV_VARIABLE": "t"}, exit_code=1), True),
    ("EcsNoticeRule", "a name of the operator's", ecs({"MY_OWN_TOKEN": "t"}, exit_code=1), True),
    ("EcsNoticeRule", "any target", ecs({"FAILURE_RELAY_TARGET": "{}"}, exit_code=1), True),
    ("EcsNoticeRule", "running", ecs({JOB: "j"}, lastStatus="RUNNING"), False),
    ("EcsNoticeRule", "on its way to stopped", ecs({JOB: "j"}, exit_code=137, lastStatus="DEPROVISIONING"), False),
    ("EcsNoticeRule", "no identity", ecs({"PATH": "/"}, exit_code=137), False),
    ("EcsNoticeRule", "no environment", ecs({}, exit_code=137), False),
    ("EcsNoticeRule", "another notice of ECS", ecs({JOB: "j"}, exit_code=1, type="ECS Deployment State Change"), False),
    ("EcsNoticeRule", "somebody else's event", ecs({JOB: "j"}, exit_code=1, source="my.app"), False),
    ("BatchNoticeRule", "failed", batch({JOB: "j"}), True),
    ("BatchNoticeRule", "failed, a multi-node job", batch({}, nodeProperties={"numNodes": 2}), True),
    ("BatchNoticeRule", "succeeded", batch({JOB: "j"}, status="SUCCEEDED"), False),
    ("BatchNoticeRule", "waiting for the next attempt", batch({JOB: "j"}, status="RUNNABLE"), False),
    ("BatchNoticeRule", "another notice of Batch", batch({JOB: "j"}, type="Batch Job Queue Blocked"), False),
    ("CodeBuildNoticeRule", "failed", codebuild({JOB: "j"}, "FAILED"), True),
    ("CodeBuildNoticeRule", "fault", codebuild({"TASK_TOKEN": "t"}, "FAULT"), True),
    ("CodeBuildNoticeRule", "timed out", codebuild({JOB: "j"}, "TIMED_OUT"), True),
    ("CodeBuildNoticeRule", "stopped", codebuild({"MY_OWN_TOKEN": "t"}, "STOPPED"), True),
    ("CodeBuildNoticeRule", "succeeded", codebuild({JOB: "j"}, "SUCCEEDED"), False),
    ("CodeBuildNoticeRule", "begun", codebuild({JOB: "j"}, "IN_PROGRESS"), False),
    ("CodeBuildNoticeRule", "no identity", codebuild({"PATH": "/"}, "FAILED"), False),
    ("CodeBuildNoticeRule", "a phase", codebuild({JOB: "j"}, "FAILED", type="CodeBuild Build Phase Change"), False),
    ("StepFunctionsNoticeRule", "failed", states({JOB: "j"}, "FAILED"), True),
    ("StepFunctionsNoticeRule", "timed out", states({JOB: "j"}, "TIMED_OUT"), True),
    ("StepFunctionsNoticeRule", "aborted", states({JOB: "j"}, "ABORTED"), True),
    ("StepFunctionsNoticeRule", "begun", states({JOB: "j"}, "RUNNING"), False),
    ("StepFunctionsNoticeRule", "succeeded", states({JOB: "j"}, "SUCCEEDED"), False),
    ("LambdaNoticeRule", "failed", lambda_record({JOB: "j"}), True),
    ("LambdaNoticeRule", "succeeded", lambda_record({JOB: "j"}, outcome="Success"), False),
    ("LambdaNoticeRule", "another source", lambda_record({JOB: "j"}, source="aws.lambda"), False),
]


@pytest.mark.row("EventBridge accepts the patterns with `$or` and wildcards")
@pytest.mark.parametrize("rule, _name, notice, expected", MATCHES, ids=[f"{r}: {n}" for r, n, _, _ in MATCHES])
def test_the_pattern_of_the_deployed_rule(cloud, relay, rule, _name, notice, expected):
    events = cloud.client("events")
    deployed = events.describe_rule(Name=cloud.physical_id("failure-relay", rule))
    assert deployed["State"] == "ENABLED"
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "account": RELAY_ACCOUNT,
        "region": REGION,
        "time": "2026-01-02T03:04:05Z",
        "resources": [],
        **notice,
    }
    answer = events.test_event_pattern(EventPattern=deployed["EventPattern"], Event=json.dumps(event))
    assert answer["Result"] == expected


def on_the_default_bus(relay, notice):
    relay.put_event(notice["detail"], notice["source"], notice["detail-type"], bus="default")


@forged
@pytest.mark.parametrize(
    "notice, error",
    [
        (lambda token: ecs({"TASK_TOKEN": token}, exit_code=137), "ECS.EssentialContainerExited"),
        (lambda token: ecs({"MY_OWN_TOKEN": token}, containers=[], stopCode="TaskFailedToStart"), "ECS.TaskFailedToStart"),
        (lambda token: ecs({"TASK_TOKEN": token}, exit_code=0, stopCode="SpotInterruption"), "ECS.SpotInterruption"),
        (lambda token: batch({"TASK_TOKEN": token}), "Batch.JobFailed"),
        (lambda token: codebuild({"TASK_TOKEN": token}, "TIMED_OUT"), "CodeBuild.TIMED_OUT"),
        (lambda token: states({"TaskToken": token}, "ABORTED"), "StepFunctions.ABORTED"),
        (lambda token: lambda_record({"taskToken": token}), "Sandbox.Timedout"),
    ],
    ids=["ECS", "ECS that never started", "Fargate Spot", "Batch", "CodeBuild", "Step Functions", "Lambda"],
)
def test_a_notice_fails_the_task_that_it_names(cloud, relay, notice, error):
    execution, token = cloud.activity_execution()
    on_the_default_bus(relay, notice(token))
    end = cloud.end_of(execution)
    assert (end["status"], end["error"]) == ("FAILED", error)
    assert token not in end["cause"]


def test_what_no_rule_lets_through_never_reaches_the_relay(cloud, code_pipeline, relay):
    dropped = []
    for make in (
        lambda job: ecs({JOB: job}, lastStatus="RUNNING"),
        lambda job: ecs({JOB: job}, exit_code=137, lastStatus="DEPROVISIONING"),
        lambda job: batch({JOB: job}, status="SUCCEEDED"),
        lambda job: codebuild({JOB: job}, "IN_PROGRESS"),
        lambda job: states({JOB: job}, "SUCCEEDED"),
        lambda job: lambda_record({JOB: job}, outcome="Success"),
        lambda job: ecs({JOB: job}, exit_code=1, source="my.app"),
    ):
        dropped.append(code_pipeline.open_job())
        on_the_default_bus(relay, make(dropped[-1]))
    last = code_pipeline.open_job()
    on_the_default_bus(relay, batch({JOB: last}))
    wait_for(lambda: code_pipeline.failure(last))
    time.sleep(2)
    assert all(code_pipeline.is_open(job) for job in dropped)
    assert not any(json.dumps(job) in json.dumps(relay.log()) for job in dropped)


@forged
def test_a_notice_that_is_no_failure_is_ignored(cloud, relay):
    execution, token = cloud.activity_execution()
    ignored = len(relay.outcomes(outcome="ignored"))
    # The rule cannot see that the container with the token ended well. The relay can.
    on_the_default_bus(relay, ecs({"TASK_TOKEN": token}, exit_code=0))
    wait_for(lambda: len(relay.outcomes(outcome="ignored")) > ignored)
    assert cloud.running(execution)


def test_a_notice_after_the_workers_own_report_is_quiet(code_pipeline, relay):
    job = code_pipeline.open_job()
    relay.publish({"id": f"own-{job}", "target": {"kind": "codepipeline-job", "jobId": job}, "failure": {"message": "own"}})
    line = relay.wait_for_outcome(event_id=f"own-{job}", outcome="relayed")
    on_the_default_bus(relay, ecs({JOB: job}, exit_code=137))
    relay.wait_for_outcome(target_fingerprint=line["target_fingerprint"], outcome="already-settled")
    assert code_pipeline.failure(job)["message"] == "own"


def test_both_at_once_is_one_report(code_pipeline, relay):
    job = code_pipeline.open_job()
    on_the_default_bus(relay, ecs({JOB: job}, exit_code=137))
    relay.publish({"id": f"race-{job}", "target": {"kind": "codepipeline-job", "jobId": job}})
    first = relay.wait_for_outcome(event_id=f"race-{job}")
    fingerprint = first["target_fingerprint"]
    both = wait_for(lambda: (lines := relay.outcomes(target_fingerprint=fingerprint)) and len(lines) == 2 and lines)
    assert sorted(line["outcome"] for line in both) == ["already-settled", "relayed"]


DIES = textwrap.dedent(
    f"""\
    #!{sys.executable}
    import os, urllib.request
    urllib.request.urlopen("http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/next").read()
    {{how}}
    """
)


@pytest.mark.parametrize("how, kind", [("os._exit(1)", "Runtime.ExitError"), ("import time; time.sleep(60)", "Sandbox.Timedout")])
@pytest.mark.parametrize("destination", ["queue", "bus"])
def test_a_function_that_really_dies(cloud, code_pipeline, relay, how, kind, destination):
    """The recipe "CodePipeline Lambda action that times out", with a function that this machine can run."""
    lambda_ = cloud.client("lambda")
    name = f"action-{uuid.uuid4().hex}"
    lambda_.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=f"arn:aws:iam::{RELAY_ACCOUNT}:role/action",
        Code={"ZipFile": function_package(DIES.format(how=how))},
        Timeout=1,
    )
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
    target = relay.queue_arn if destination == "queue" else f"arn:aws:events:{REGION}:{RELAY_ACCOUNT}:event-bus/default"
    lambda_.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": target}}
    )
    job = code_pipeline.open_job()
    secret = f"artifact-secret-{uuid.uuid4().hex}"
    payload = {
        "CodePipeline.job": {
            "id": job,
            "accountId": RELAY_ACCOUNT,
            "data": {"artifactCredentials": {"accessKeyId": secret, "secretAccessKey": secret, "sessionToken": secret}},
        }
    }
    lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload))
    failure = wait_for(lambda: code_pipeline.failure(job), 60)
    assert failure["message"].startswith(f"{kind}: ")
    assert secret not in json.dumps(failure)
    assert secret not in json.dumps(relay.log())


def test_a_notice_of_an_account_that_is_not_allowed_is_a_dead_letter(cloud, relay):
    execution, token = cloud.activity_execution()
    detail = states({"TaskToken": token}, "FAILED")["detail"]
    notice = {
        "id": str(uuid.uuid4()),
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "account": "999999999999",
        "region": REGION,
        "detail": detail,
    }
    relay.publish(notice)
    line = relay.wait_for_outcome(event_id=notice["id"])
    assert (line["outcome"], line["error_code"]) == ("dead-lettered", "TARGET_NOT_ALLOWED")
    assert cloud.running(execution)
