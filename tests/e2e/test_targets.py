"""Each kind of target, from the deployed queue to what the service then shows."""

import contextlib
import json
import uuid

import pytest

from cloud import attributes_of, wait_for


def test_an_activity_ends_failed_with_the_very_error_and_cause(cloud, relay):
    execution, token = cloud.activity_execution()
    relay.publish(
        {
            "target": {"kind": "step-functions-task", "taskToken": token},
            "failure": {"type": "Render.OutOfMemory", "message": "frame 7: out of memory ✗"},
        }
    )
    end = cloud.end_of(execution)
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "Render.OutOfMemory", "frame 7: out of memory ✗")


def test_a_callback_ends_failed_with_the_very_error_and_cause(cloud, relay):
    url, _ = cloud.queue(f"callback-{uuid.uuid4().hex}")
    machine = cloud.state_machine(
        {
            "StartAt": "Ask",
            "States": {
                "Ask": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                    "Parameters": {
                        "QueueUrl": url,
                        "MessageBody": {"TaskToken.$": "$$.Task.Token", "Input.$": "$"},
                    },
                    "End": True,
                }
            },
        }
    )
    execution = cloud.start(machine, {"frame": 7})
    asked = wait_for(
        lambda: cloud.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages")
    )
    relay.publish(
        {
            "target": {"kind": "step-functions-task", "taskToken": json.loads(asked[0]["Body"])["TaskToken"]},
            "failure": {
                "type": "Render.Crashed",
                "message": "gone",
                "details": {"z": 1, "a": [1.50, "ü"]},
                "externalExecutionId": "run-1",
            },
        }
    )
    end = cloud.end_of(execution)
    assert (end["status"], end["error"]) == ("FAILED", "Render.Crashed")
    assert json.loads(end["cause"]) == {
        "message": "gone",
        "details": {"z": 1, "a": [1.50, "ü"]},
        "externalExecutionId": "run-1",
    }


def test_a_catch_on_the_error_name_takes_it(cloud, relay):
    execution, token = cloud.activity_execution(catch="Render.OutOfMemory")
    relay.publish(
        {
            "target": {"kind": "step-functions-task", "taskToken": token},
            "failure": {"type": "Render.OutOfMemory", "message": "caught"},
        }
    )
    end = cloud.end_of(execution)
    assert end["status"] == "SUCCEEDED"
    assert json.loads(end["output"]) == {"Error": "Render.OutOfMemory", "Cause": "caught"}


def test_a_catch_on_another_name_does_not(cloud, relay):
    execution, token = cloud.activity_execution(catch="Render.OutOfMemory")
    relay.publish(
        {
            "target": {"kind": "step-functions-task", "taskToken": token},
            "failure": {"type": "Render.Crashed", "message": "not caught"},
        }
    )
    assert cloud.end_of(execution)["error"] == "Render.Crashed"


def register(call, **what):
    """SWF forgets nothing that was registered."""
    with contextlib.suppress(call.__self__.exceptions.TypeAlreadyExistsFault):
        call(**what)


def test_the_history_of_an_swf_workflow_shows_reason_and_details(cloud, relay):
    swf = cloud.client("swf")
    version = {"name": "render", "version": "1"}
    limits = {"executionStartToCloseTimeout": "600", "taskStartToCloseTimeout": "600", "childPolicy": "TERMINATE"}
    domain = cloud.swf_domain()
    # A domain cannot be deleted: another run may use it, too.
    workflow = decide = work = uuid.uuid4().hex
    register(swf.register_workflow_type, domain=domain, **version)
    register(swf.register_activity_type, domain=domain, **version)
    run = swf.start_workflow_execution(
        domain=domain, workflowId=workflow, workflowType=version, taskList={"name": decide}, **limits
    )["runId"]
    decision = swf.poll_for_decision_task(domain=domain, taskList={"name": decide})
    swf.respond_decision_task_completed(
        taskToken=decision["taskToken"],
        decisions=[
            {
                "decisionType": "ScheduleActivityTask",
                "scheduleActivityTaskDecisionAttributes": {
                    "activityType": version,
                    "activityId": "frame-7",
                    "taskList": {"name": work},
                    "scheduleToStartTimeout": "600",
                    "scheduleToCloseTimeout": "600",
                    "startToCloseTimeout": "600",
                    "heartbeatTimeout": "600",
                },
            }
        ],
    )
    task = swf.poll_for_activity_task(domain=domain, taskList={"name": work})
    relay.publish(
        {
            "target": {"kind": "swf-activity-task", "taskToken": task["taskToken"]},
            "failure": {"type": "Render.OutOfMemory", "message": "frame 7", "details": [7]},
        }
    )

    def failed():
        history = swf.get_workflow_execution_history(domain=domain, execution={"workflowId": workflow, "runId": run})
        return [e for e in history["events"] if e["eventType"] == "ActivityTaskFailed"]

    (event,) = wait_for(failed)
    attributes = event["activityTaskFailedEventAttributes"]
    assert attributes["reason"] == "Render.OutOfMemory"
    assert json.loads(attributes["details"]) == {"message": "frame 7", "details": [7]}


def test_a_codepipeline_job_is_failed(code_pipeline, relay):
    job = code_pipeline.open_job()
    relay.publish(
        {
            "target": {"kind": "codepipeline-job", "jobId": job},
            "failure": {"type": "ConfigurationError", "message": "no bucket", "externalExecutionId": "run-1"},
        }
    )
    assert wait_for(lambda: code_pipeline.failure(job)) == {
        "type": "ConfigurationError",
        "message": "no bucket",
        "externalExecutionId": "run-1",
    }


def test_a_third_party_job_is_failed(code_pipeline, relay):
    job, token = code_pipeline.open_third_party_job()
    relay.publish(
        {
            "target": {"kind": "codepipeline-third-party-job", "jobId": job, "clientToken": token},
            "failure": {"type": "Render.OutOfMemory", "message": "frame 7", "details": {"frame": 7}},
        }
    )
    failure = wait_for(lambda: code_pipeline.failure(job))
    assert failure == {"type": "JobFailed", "message": 'Render.OutOfMemory: frame 7\n{"frame": 7}'}


def test_a_third_party_job_with_a_wrong_client_token_is_a_dead_letter(code_pipeline, relay):
    job, token = code_pipeline.open_third_party_job()
    wrong = f"wrong-{token}"
    target = {"kind": "codepipeline-third-party-job", "jobId": job, "clientToken": wrong}
    relay.publish({"id": f"wrong-token-{job}", "target": target})
    letter = relay.dead_letter(lambda message: job in message["Body"])
    attributes = attributes_of(letter)
    assert attributes["ERROR_CODE"] == "REJECTED_BY_SERVICE"
    assert wrong not in json.dumps(attributes)
    line = relay.wait_for_outcome(event_id=f"wrong-token-{job}")
    assert (line["outcome"], line["service_error"]) == ("dead-lettered", "InvalidClientTokenException")
    assert code_pipeline.is_open(job)


def open_target(code_pipeline, kind):
    if kind == "codepipeline-job":
        return {"kind": kind, "jobId": code_pipeline.open_job()}
    job, token = code_pipeline.open_third_party_job()
    return {"kind": kind, "jobId": job, "clientToken": token}


@pytest.mark.parametrize("kind", ["codepipeline-job", "codepipeline-third-party-job"])
def test_a_job_that_is_closed_is_already_settled(code_pipeline, relay, kind):
    target = open_target(code_pipeline, kind)
    job = target["jobId"]
    event = {"id": f"twice-{job}", "target": target, "failure": {"message": "first"}}
    relay.publish(event)
    relay.wait_for_outcome(event_id=event["id"], outcome="relayed")
    relay.publish(event | {"failure": {"message": "second"}})
    relay.wait_for_outcome(event_id=event["id"], outcome="already-settled")
    assert code_pipeline.failure(job) == {"type": "JobFailed", "message": "first"}
    assert code_pipeline.late_reports(job) == 1


@pytest.mark.parametrize("limit", [32768])
def test_a_text_over_the_limit_is_cut_and_still_json(cloud, relay, limit):
    execution, token = cloud.activity_execution()
    relay.publish(
        {
            "target": {"kind": "step-functions-task", "taskToken": token},
            "failure": {"type": "T", "message": "long", "details": {"log": "x" * 100_000}},
        }
    )
    cause = cloud.end_of(execution)["cause"]
    assert len(cause) <= limit
    assert json.loads(cause)["message"] == "long"
