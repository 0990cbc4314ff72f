"""The rules for notices: what each lets through to the queue, and what it keeps away."""

import json
import re

import pytest

from cloudformation import ROOT, Template
from event_pattern import matches

RELAY = "template.yaml"
HERE = "eu-west-1:111111111111"
TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAexample"

# Each rule: the parameter that narrows it, and a notice about something of a given name.
RULES = {
    "LambdaNoticeRule": (
        "LambdaFunctionPrefixes",
        lambda name: {
            "source": "lambda",
            "detail-type": "Lambda Function Invocation Result - Failure",
            "detail": {
                "requestContext": {
                    "functionArn": f"arn:aws:lambda:{HERE}:function:{name}:$LATEST",
                    "condition": "RetriesExhausted",
                },
                "requestPayload": {"taskToken": TOKEN},
            },
        },
    ),
    "EcsNoticeRule": ("EcsClusterPrefixes", lambda name: ecs(name, environment=[("TASK_TOKEN", TOKEN)])),
    "BatchNoticeRule": (
        "BatchQueuePrefixes",
        lambda name: {
            "source": "aws.batch",
            "detail-type": "Batch Job State Change",
            "detail": {"status": "FAILED", "jobQueue": f"arn:aws:batch:{HERE}:job-queue/{name}"},
        },
    ),
    "CodeBuildNoticeRule": (
        "CodeBuildProjectPrefixes",
        lambda name: codebuild(name, environment=[("TASK_TOKEN", TOKEN)]),
    ),
    "StepFunctionsNoticeRule": (
        "StateMachinePrefixes",
        lambda name: {
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "detail": {"status": "ABORTED", "stateMachineArn": f"arn:aws:states:{HERE}:stateMachine:{name}"},
        },
    ),
}


def pairs(environment):
    return [{"name": name, "value": value} for name, value in environment]


def ecs(cluster="c", environment=(), command=None):
    override = {"name": "worker", "environment": pairs(environment)}
    override |= {"command": command} if command else {}
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": {
            "clusterArn": f"arn:aws:ecs:{HERE}:cluster/{cluster}",
            "lastStatus": "STOPPED",
            "overrides": {"containerOverrides": [{"name": "sidecar"}, override]},
        },
    }


def codebuild(project="p", environment=()):
    variables = [{**pair, "type": "PLAINTEXT"} for pair in pairs(environment)]
    return {
        "source": "aws.codebuild",
        "detail-type": "CodeBuild Build State Change",
        "detail": {
            "build-status": "TIMED_OUT",
            "project-name": project,
            "additional-information": {"environment": {"environment-variables": variables}},
        },
    }


def lets_through(rule, event, **parameters):
    pattern = Template(RELAY, **parameters).resources("AWS::Events::Rule")[rule]["EventPattern"]
    return matches(pattern, event)


@pytest.mark.parametrize("rule", RULES)
def test_without_prefixes_a_rule_takes_every_name(rule):
    _, notice = RULES[rule]
    assert lets_through(rule, notice("render-1"))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "prefixes, taken, kept_away",
    [
        ("render-", ["render-", "render-1"], ["rende", "other-render-1", "Render-1"]),
        ("a-,b-", ["a-1", "b-1"], ["c-1"]),
        ("a-,b-,c-", ["a-1", "b-1", "c-1"], ["d-1", "ab-1"]),
    ],
)
def test_notices_about_other_names_never_reach_the_queue(rule, prefixes, taken, kept_away):
    parameter, notice = RULES[rule]
    for name in taken:
        assert lets_through(rule, notice(name), **{parameter: prefixes}), name
    for name in kept_away:
        assert not lets_through(rule, notice(name), **{parameter: prefixes}), name


@pytest.mark.parametrize("rule", set(RULES) - {"CodeBuildNoticeRule"})  # whose notice has the name alone
def test_a_prefix_is_of_names_in_this_account_and_region(rule):
    parameter, notice = RULES[rule]
    elsewhere = json.loads(json.dumps(notice("render-1")).replace("111111111111", "999999999999"))
    assert lets_through(rule, elsewhere)
    assert not lets_through(rule, elsewhere, **{parameter: "render-"})


def test_four_prefixes_are_refused():
    for parameter, _ in RULES.values():
        pattern = Template(RELAY).raw["Parameters"][parameter]["AllowedPattern"]
        assert re.fullmatch(pattern, "a-,b-,c-")
        assert not re.fullmatch(pattern, "a-,b-,c-,d-")


NAMES = [
    "FAILURE_RELAY_TARGET", "CODEPIPELINE_JOB_ID", "TASK_TOKEN", "TASK_TOKEN_ENV_VARIABLE", "SFN_TASK_TOKEN",
    "AWS_STEPFUNCTIONS_TASK_TOKEN", "TaskToken", "taskToken", "SWF_TASK_TOKEN", "DURABLE_CALLBACK_ID", "MY_TOKEN",
]  # fmt: skip
JSON_VALUES = [f'{{"taskToken": "{TOKEN}"}}', f' \n{{"input": {{"t": "{TOKEN}"}}}}']


@pytest.mark.parametrize("name", NAMES)
def test_a_token_in_a_variable_reaches_the_relay(name):
    variables = [("PATH", "/bin"), (name, TOKEN)]
    assert lets_through("EcsNoticeRule", ecs(environment=variables), TaskTokenNames="MY_TOKEN")
    assert lets_through("CodeBuildNoticeRule", codebuild(environment=variables), TaskTokenNames="MY_TOKEN")


@pytest.mark.parametrize("value", JSON_VALUES)
def test_a_token_inside_a_variable_that_holds_json_reaches_the_relay(value):
    variables = [("PATH", "/bin"), ("INPUT", value)]
    assert lets_through("EcsNoticeRule", ecs(environment=variables))
    assert lets_through("CodeBuildNoticeRule", codebuild(environment=variables))


@pytest.mark.parametrize(
    "command",
    [
        ["render", "--task-token", TOKEN],
        ["render", f"--taskToken={TOKEN}"],
        ["render", f"--swf_task_token={TOKEN}"],
        ["render", *JSON_VALUES[:1]],
        ["render", *JSON_VALUES[1:]],
    ],
)
def test_a_token_on_the_command_line_of_an_ecs_task_reaches_the_relay(command):
    assert lets_through("EcsNoticeRule", ecs(command=command))


def test_work_that_names_no_task_stays_away_from_the_queue():
    assert not lets_through("EcsNoticeRule", ecs())
    assert not lets_through("EcsNoticeRule", ecs(environment=[("PATH", "/bin")], command=["render", "-v", "frame"]))
    assert not lets_through("CodeBuildNoticeRule", codebuild(environment=[("PATH", "/bin")]))


def test_a_task_that_runs_and_a_build_that_succeeded_stay_away_from_the_queue():
    running = ecs(environment=[("TASK_TOKEN", TOKEN)])
    running["detail"]["lastStatus"] = "RUNNING"
    assert not lets_through("EcsNoticeRule", running)
    succeeded = codebuild(environment=[("TASK_TOKEN", TOKEN)])
    succeeded["detail"]["build-status"] = "SUCCEEDED"
    assert not lets_through("CodeBuildNoticeRule", succeeded)


# Each rule of notices that never name a task: its parameter, the samples that it takes, and where their states stand.
STATES = {
    "GlueNoticeRule": ("GlueJobNotices", {"glue-job-run-that-failed": "state"}),
    "SageMakerNoticeRule": (
        "SageMakerJobNotices",
        {
            "sagemaker-training-job-that-failed": "TrainingJobStatus",
            "sagemaker-processing-job-that-failed": "ProcessingJobStatus",
            "sagemaker-transform-job-that-was-stopped": "TransformJobStatus",
        },
    ),
    "EmrNoticeRule": ("EmrStepNotices", {"emr-step-that-failed": "state"}),
    "EmrServerlessNoticeRule": ("EmrServerlessJobNotices", {"emr-serverless-job-run-that-was-cancelled": "state"}),
    "Ec2NoticeRule": ("Ec2InstanceNotices", {"ec2-instance-that-was-terminated": "state"}),
    "SsmNoticeRule": ("SsmCommandNotices", {"ssm-command-that-timed-out": "status"}),
    "BedrockNoticeRule": ("BedrockJobNotices", {"bedrock-batch-inference-job-that-expired": "status"}),
}
DEATHS = {
    "GlueNoticeRule": ["FAILED", "TIMEOUT", "STOPPED", "ERROR"],
    "SageMakerNoticeRule": ["Failed", "Stopped"],
    "EmrNoticeRule": ["FAILED", "CANCELLED"],
    "EmrServerlessNoticeRule": ["FAILED", "CANCELLED"],
    "Ec2NoticeRule": ["stopped", "terminated"],
    "SsmNoticeRule": [
        "Failed", "TimedOut", "Cancelled", "Undeliverable", "Terminated", "DeliveryTimedOut", "ExecutionTimedOut",
    ],
    "BedrockNoticeRule": ["Failed", "Stopped", "Expired"],
}  # fmt: skip
OTHER_STATES = [
    "SUCCEEDED", "SUCCESS", "Success", "Completed", "COMPLETED", "RUNNING", "running", "InProgress", "Stopping",
    "STOPPING", "stopping", "shutting-down", "pending", "PENDING", "PartiallyCompleted", "CANCELLING",
]  # fmt: skip


def sample(name):
    return json.loads((ROOT / f"events/notices/ignored/{name}.json").read_text())


@pytest.mark.parametrize("rule", STATES)
def test_each_death_that_names_no_task_reaches_the_relay_and_nothing_else_of_its_service(rule):
    _, samples = STATES[rule]
    for name, member in samples.items():
        notice = sample(name)
        assert lets_through(rule, notice), name
        for state in DEATHS[rule]:
            assert lets_through(rule, notice | {"detail": {member: state}}), (name, state)
        for state in OTHER_STATES:
            assert not lets_through(rule, notice | {"detail": notice["detail"] | {member: state}}), (name, state)
        assert not lets_through(rule, notice | {"source": "my.app"}), name
        assert not lets_through(rule, notice | {"detail-type": "Another State Change"}), name
        assert not any(lets_through(other, notice) for other in STATES if other != rule), name


@pytest.mark.parametrize("rule", STATES)
def test_each_rule_is_switched_on_by_its_parameter_alone(rule):
    parameter, _ = STATES[rule]
    rules = Template(RELAY, **{parameter: "true"}).resources("AWS::Events::Rule")
    on = {name for name, properties in rules.items() if properties.get("State", "ENABLED") == "ENABLED"}
    assert on == {"FailureRule", rule}


def test_with_leases_work_that_names_no_task_reaches_the_relay():
    assert lets_through("EcsNoticeRule", ecs(), Leases="true")
    assert lets_through("CodeBuildNoticeRule", codebuild(environment=[("PATH", "/bin")]), Leases="true")
    assert not lets_through("EcsNoticeRule", ecs("other"), Leases="true", EcsClusterPrefixes="render-")
    assert not lets_through("CodeBuildNoticeRule", codebuild("other"), Leases="true", CodeBuildProjectPrefixes="render-")
    running = ecs()
    running["detail"]["lastStatus"] = "RUNNING"
    assert not lets_through("EcsNoticeRule", running, Leases="true")
