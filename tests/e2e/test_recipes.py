"""Recipes of docs/dead-workers.md, deployed as they are written there."""

import json
import uuid

import pytest

from cloud import OTHER_ACCOUNT, RELAY_ACCOUNT, REGION, attributes_of, wait_for
from code_pipeline import IMAGE, PIPELINE, WAITING
from notices import ecs
from recipe import recipe


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
    assert cloud.name("sqs-worker") in json.loads(end["cause"])["message"]


def test_abandoned_work_without_a_token_is_kept(cloud, relay, sqs_worker):
    mark = str(uuid.uuid4())
    cloud.client("sqs").send_message(QueueUrl=sqs_worker["WorkQueueUrl"], MessageBody=json.dumps({"work": mark}))
    give_up(cloud, sqs_worker["WorkQueueUrl"])
    letter = relay.dead_letter(lambda message: mark in message["Body"], 60)
    assert json.loads(letter["Body"]) == {"work": mark}
    assert attributes_of(letter)["ERROR_CODE"] == "INVALID_EVENT"
    assert attributes_of(letter)["SOURCE_ARN"] == sqs_worker["DeadLetterQueueArn"]


def asked_by_sagemaker():
    step = WAITING["sagemaker-pipeline-step"]
    return {"token": step["callbackToken"], "pipelineExecutionArn": PIPELINE, "arguments": {"frame": "7"}, "status": "Executing"}


def asked_by_auto_scaling():
    action = WAITING["auto-scaling-lifecycle-action"]
    return {
        "LifecycleActionToken": action["lifecycleActionToken"],
        "AutoScalingGroupName": action["autoScalingGroupName"],
        "LifecycleHookName": action["lifecycleHookName"],
        "EC2InstanceId": "i-0123456789abcdef0",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "Service": "AWS Auto Scaling",
    }


def asked_by_codedeploy():
    hook = WAITING["codedeploy-lifecycle-hook"]
    return {"DeploymentId": hook["deploymentId"], "LifecycleEventHookExecutionId": hook["lifecycleEventHookExecutionId"]}


@pytest.mark.parametrize(
    "kind, asked",
    [
        ("sagemaker-pipeline-step", asked_by_sagemaker),
        ("auto-scaling-lifecycle-action", asked_by_auto_scaling),
        ("codedeploy-lifecycle-hook", asked_by_codedeploy),
    ],
)
def test_work_of_a_service_whose_worker_died_is_answered(cloud, code_pipeline, relay, kind, asked):
    queue = cloud.physical_id(kind, "WorkQueue")
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(asked()))
    give_up(cloud, queue)
    wait_for(lambda: code_pipeline.end_of_waiting(kind), 60, f"end of {kind}")
    assert code_pipeline.end_of_waiting(kind)["state"] == "failed"


def test_a_step_of_image_builder_reaches_its_worker_and_is_answered_when_that_dies(cloud, code_pipeline, relay):
    kind = "image-builder-workflow-step"
    entry = {
        "Source": "aws.imagebuilder",
        "DetailType": "EC2 Image Builder Workflow Step Waiting",
        "Resources": [IMAGE],
        "Detail": json.dumps({"workflow-execution-id": "wf-1", "workflow-step-execution-id": WAITING[kind]["stepExecutionId"]}),
    }
    cloud.client("events").put_events(Entries=[entry])
    give_up(cloud, cloud.physical_id(kind, "WorkQueue"))
    wait_for(lambda: code_pipeline.end_of_waiting(kind), 60, f"end of {kind}")
    assert code_pipeline.end_of_waiting(kind)["state"] == "failed"


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


def test_a_worker_of_another_account(cloud, relay, role_of_the_other_account):
    cloud.deploy(
        recipe("Workers of another account or region"),
        account=OTHER_ACCOUNT,
        stack="notices",
        RelayBusArn=relay.outputs["EventBusArn"],
    )
    execution, token = cloud.activity_execution(account=OTHER_ACCOUNT)
    notice = ecs({"TASK_TOKEN": token}, exit_code=137)
    entry = {"Source": "aws.ecs", "DetailType": notice["detail-type"], "Detail": json.dumps(notice["detail"])}
    cloud.client("events", account=OTHER_ACCOUNT).put_events(Entries=[entry])
    end = cloud.end_of(execution)
    assert (end["status"], end["error"]) == ("FAILED", "ECS.EssentialContainerExited")


FARGATE = {
    "Cluster": "render",
    "TaskDefinitionArn": f"arn:aws:ecs:{REGION}:{RELAY_ACCOUNT}:task-definition/render:1",
    "Container": "worker",
    "Subnets": "subnet-1,subnet-2",
    "TaskRoleArns": f"arn:aws:iam::{RELAY_ACCOUNT}:role/task,arn:aws:iam::{RELAY_ACCOUNT}:role/execution",
}
BATCH = {
    "JobDefinitionArn": f"arn:aws:batch:{REGION}:{RELAY_ACCOUNT}:job-definition/render",
    "JobQueueArn": f"arn:aws:batch:{REGION}:{RELAY_ACCOUNT}:job-queue/render",
}


@pytest.mark.localstack("its clusters, queues and projects are not there")
@pytest.mark.parametrize(
    "heading, parameters",
    [
        ("ECS task with `.waitForTaskToken`", FARGATE),
        ("Fargate Spot", FARGATE),
        ("Batch job", BATCH),
        ("CodeBuild in a state machine", {"ProjectName": "render"}),
    ],
)
def test_a_recipe_whose_services_are_not_here_is_at_least_a_state_machine_that_hands_out_its_token(
    cloud, heading, parameters
):
    stack = heading.split()[0].lower()
    cloud.deploy(recipe(heading), stack=stack, capabilities=["CAPABILITY_IAM"], **parameters)
    machine = cloud.physical_id(stack, "Machine")
    described = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    definition = json.dumps(json.loads(described["definition"]))
    assert '"Name": "TASK_TOKEN"' in definition
    assert '"Value.$": "$$.Task.Token"' in definition


def test_a_lambda_action_hands_its_failures_to_the_relay(cloud, relay):
    """What then happens to a function that dies is in test_notices, with one that this machine can run."""
    stack = "lambda-action"
    cloud.deploy(
        recipe("CodePipeline Lambda action that times out"),
        stack=stack,
        capabilities=["CAPABILITY_IAM"],
        RelayQueueArn=relay.queue_arn,
    )
    action = cloud.physical_id(stack, "Action")
    configuration = cloud.client("lambda").get_function_event_invoke_config(FunctionName=action)
    assert configuration["MaximumRetryAttempts"] == 0
    assert configuration["DestinationConfig"]["OnFailure"] == {"Destination": relay.queue_arn}
