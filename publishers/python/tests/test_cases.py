"""How workers report failure in public code, and how it goes wrong: each worker as it is, rebuilt small, and with the
publisher in its place.

As it is, the orchestrator is not told, or told nothing, or told a lie; or a token is shown. With the publisher
the event that arrives carries the failure with its text.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Callable

import pytest
from answering import Answer, Answering, Request

import failure_relay

JOB = "11111111-2222-4333-8444-555555555555"
LONG = "frame 7 could not be rendered: " + "x" * 40_000


def as_the_services_answer(request: Request) -> Answer:
    """Step Functions and CodePipeline refuse what is over their limits; SQS takes what it gets."""
    body = request.body
    limits = {"SendTaskFailure": {"error": 256, "cause": 32_768}, "SendTaskSuccess": {"output": 262_144}}
    for member, limit in limits.get(request.operation, {}).items():
        if len(body.get(member) or "") > limit:
            return Answer(400, "ValidationException")
    if request.operation == "PutJobFailureResult" and not body.get("failureDetails", {}).get("message"):
        return Answer(400, "ValidationException")
    return Answer(body={})


@pytest.fixture
def orchestrator(service: Answering, token: str) -> Answering:
    service.otherwise = as_the_services_answer
    return service


def client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    # Botocore does not check lengths that are too long; the service does.
    return boto3.client(service, config=Config(retries={"total_max_attempts": 1}))


def told(service: Answering) -> list[str]:
    """The calls that the orchestrator itself accepted."""
    accepted = []
    for request in service.requests:
        if request.operation != "SendMessage" and as_the_services_answer(request).status < 400:
            accepted.append(request.operation)
    return accepted


def arrived(service: Answering) -> dict[str, Any]:
    """The one event that was published."""
    (event,) = service.events()
    return dict(event["failure"])


def run_to_its_end(work: Callable[[], Any]) -> BaseException | None:
    try:
        work()
    except BaseException as error:
        return error
    return None


def failing_work() -> None:
    raise RuntimeError(LONG)


# 1. The error's text is cut by an index that takes one character, and the traceback is not cut at all.


def test_case_1_as_it_is_a_long_traceback_is_refused_and_the_task_hangs(
    orchestrator: Answering, token: str
) -> None:
    def worker() -> None:
        try:
            failing_work()
        except RuntimeError as error:
            text = str(error)
            short = text[252] + " ..." if len(text) > 256 else text
            client("stepfunctions").send_task_failure(
                taskToken=token, error=short, cause=traceback.format_exc()
            )

    assert "ValidationException" in str(run_to_its_end(worker))
    assert told(orchestrator) == []


def test_case_1_with_the_publisher_the_failure_arrives_with_its_text(orchestrator: Answering) -> None:
    run_to_its_end(failure_relay.task(failing_work))
    failure = arrived(orchestrator)
    assert (failure["type"], failure["message"]) == ("RuntimeError", LONG)
    assert failure["details"]["trace"]


# 2. The error is the whole text; and the result is made into JSON outside the `try`.


def harness(token: str, work: Callable[[], Any]) -> None:
    try:
        output = work()
    except Exception as error:
        client("stepfunctions").send_task_failure(taskToken=token, error=str(error))
        raise
    client("stepfunctions").send_task_success(taskToken=token, output=json.dumps(output))


@pytest.mark.parametrize("work", [failing_work, lambda: {"at": object()}])
def test_case_2_as_it_is_nothing_is_reported(orchestrator: Answering, token: str, work: Any) -> None:
    assert run_to_its_end(lambda: harness(token, work)) is not None
    assert told(orchestrator) == []


def test_case_2_with_the_publisher_the_failure_arrives_with_its_text(orchestrator: Answering) -> None:
    run_to_its_end(failure_relay.task(success=True)(failing_work))
    assert arrived(orchestrator)["message"] == LONG
    assert told(orchestrator) == []


def test_case_2_with_the_publisher_a_result_that_is_not_json_is_a_failure(orchestrator: Answering) -> None:
    assert failure_relay.task(success=True)(lambda: {"at": object()})()
    failure = arrived(orchestrator)
    assert failure["type"] == "Worker.ResultNotAccepted"
    assert "not JSON serializable" in failure["message"]


# 3. The error is a prefix and the whole text, the cause a constant; the token is in the log.


def test_case_3_as_it_is_the_report_is_refused_and_the_token_is_in_the_log(
    orchestrator: Answering, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def worker() -> None:
        sfn = client("stepfunctions")
        logging.getLogger("pipeline").info("external task token: %s", token)
        try:
            failing_work()
        except RuntimeError as error:
            sfn.send_task_failure(
                taskToken=token, error="Pipeline Failure: " + str(error), cause="See the logs for details."
            )

    run_to_its_end(worker)
    assert told(orchestrator) == []
    assert token in caplog.text


def test_case_3_with_the_publisher_the_failure_arrives_and_no_log_has_the_token(
    orchestrator: Answering, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    @failure_relay.task
    def worker() -> None:
        raise RuntimeError(f"Pipeline failure of {token}: {LONG}")

    run_to_its_end(worker)
    failure = arrived(orchestrator)
    assert failure["message"] == f"Pipeline failure of [redacted]: {LONG}"
    assert token not in caplog.text


# 4. Any error of the report but a closed task is logged and forgotten: one throttle too many, and the task hangs.


def test_case_4_as_it_is_one_throttle_is_the_end_of_the_report(orchestrator: Answering, token: str) -> None:
    orchestrator.answers = [Answer(400, "ThrottlingException")]

    def worker() -> None:
        try:
            failing_work()
        except RuntimeError as error:
            try:
                client("stepfunctions").send_task_failure(
                    taskToken=token, error="Error", cause=str(error)[:256]
                )
            except Exception:
                logging.getLogger("step").exception("could not report")

    assert run_to_its_end(worker) is None
    assert len(orchestrator.requests) == 1


@pytest.mark.parametrize("message", [None, "", LONG])
def test_case_4_with_the_publisher_a_throttle_is_tried_again(orchestrator: Answering, message: Any) -> None:
    orchestrator.answers = [Answer(400, "ThrottlingException"), Answer(400, "RequestThrottled")]

    @failure_relay.task
    def worker() -> None:
        raise RuntimeError(*([] if message is None else [message]))

    run_to_its_end(worker)
    assert len(orchestrator.requests) == 3
    failure = orchestrator.events()[-1]["failure"]
    assert failure["message"] == (message or "RuntimeError")


# 5. A success that cannot be told becomes a failure report, whose own error nobody catches.


def test_case_5_as_it_is_a_success_that_is_refused_tells_nothing(orchestrator: Answering, token: str) -> None:
    def worker() -> None:
        sfn = client("stepfunctions")
        try:
            sfn.send_task_success(taskToken=token, output=json.dumps("r" * 300_000))
        except Exception as error:
            sfn.send_task_failure(taskToken=token, error="TaskError", cause=str(error) + LONG)

    assert "ValidationException" in str(run_to_its_end(worker))
    assert told(orchestrator) == []


def test_case_5_with_the_publisher_it_is_reported_that_the_result_is_too_large(
    orchestrator: Answering,
) -> None:
    result = failure_relay.task(success=True)(lambda: "r" * 300_000)()
    assert len(result) == 300_000
    failure = arrived(orchestrator)
    assert failure["type"] == "Worker.ResultNotAccepted"
    assert "300002 of the 262144" in failure["message"]


# 6. A shell's trap calls an option that does not exist, and waits for its child before it runs at all.

TRAP = """
report() { printf '%s\\n' "$*" >>"$CALLS"; case "$*" in *--task-output*) return 2 ;; esac; }
trap 'report send-task-failure --task-token "$TASK_TOKEN" --task-output failed; exit 1' ERR
false
"""


def test_case_6_as_it_is_the_trap_calls_an_option_that_does_not_exist(tmp_path: Path, token: str) -> None:
    calls = tmp_path / "calls"
    run = subprocess.run(["bash", "-c", TRAP], env={"TASK_TOKEN": token, "CALLS": str(calls), "PATH": "/bin:/usr/bin"},
                         check=False)  # fmt: skip
    assert run.returncode != 0
    assert "--task-output" in calls.read_text()
    assert token in calls.read_text(), "and the token is on a command line"


def test_case_6_with_the_publisher_a_child_that_fails_is_reported_with_its_output(
    orchestrator: Answering,
) -> None:
    @failure_relay.task
    def worker() -> None:
        command = [sys.executable, "-c", "import sys; sys.exit('scan failed: 3 findings')"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(run.stderr.strip())

    run_to_its_end(worker)
    assert arrived(orchestrator)["message"] == "scan failed: 3 findings"


# 7. `$?` in the trap is that of the assignment before it: always 0.


def test_case_7_as_it_is_the_error_is_always_0(token: str) -> None:
    program = "trap 'cause=failed && error=$? && echo \"error=$error\"' ERR; (exit 7)"
    run = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
    assert run.stdout == "error=0\n"


def test_case_7_with_the_publisher_the_exit_code_arrives(orchestrator: Answering) -> None:
    @failure_relay.task
    def worker() -> None:
        subprocess.run(["bash", "-c", "exit 7"], check=True)

    run_to_its_end(worker)
    failure = arrived(orchestrator)
    assert failure["type"] == "CalledProcessError"
    assert "returned non-zero exit status 7" in failure["message"]


# 8. The traceback's text is the name of an object; arguments and client are outside the `try`.


def test_case_8_as_it_is_the_cause_is_the_name_of_an_object_or_nothing(
    orchestrator: Answering, token: str
) -> None:
    def worker(arguments: dict[str, Any]) -> None:
        frame = int(arguments["frame"])
        sfn = client("stepfunctions")
        try:
            raise RuntimeError(f"frame {frame}")
        except RuntimeError as error:
            sfn.send_task_failure(taskToken=token, error="RuntimeError", cause=str(error.__traceback__))

    run_to_its_end(lambda: worker({"frame": 7}))
    assert orchestrator.requests[0].body["cause"].startswith("<traceback object")
    run_to_its_end(lambda: worker({}))
    assert len(orchestrator.requests) == 1


def test_case_8_with_the_publisher_what_fails_before_the_work_is_reported_too(
    orchestrator: Answering,
) -> None:
    @failure_relay.task
    def main(arguments: dict[str, Any]) -> None:
        frame = int(arguments["frame"])
        raise RuntimeError(f"frame {frame}")

    for arguments in ({"frame": 7}, {}):
        run_to_its_end(lambda given=arguments: main(given))  # type: ignore[misc]
    texts = [(event["failure"]["type"], event["failure"]["message"]) for event in orchestrator.events()]
    assert texts == [("RuntimeError", "frame 7"), ("KeyError", "'frame'")]
    assert any("in main" in line for line in orchestrator.events()[0]["failure"]["details"]["trace"])


# 9. The error as JSON is `{}`; the job succeeds as soon as something was started.


def test_case_9_as_it_is_the_message_is_an_empty_object(orchestrator: Answering) -> None:
    def handler(event: Any, context: Any) -> None:
        codepipeline = client("codepipeline")
        try:
            failing_work()
        except RuntimeError as error:
            details = {"type": "JobFailed", "message": json.dumps(vars(error))}
            codepipeline.put_job_failure_result(jobId=event["CodePipeline.job"]["id"], failureDetails=details)

    handler({"CodePipeline.job": {"id": JOB}}, None)
    assert orchestrator.requests[0].body["failureDetails"]["message"] == "{}"


def test_case_9_with_the_publisher_the_job_fails_with_the_errors_text(orchestrator: Answering) -> None:
    @failure_relay.handler
    def handler(event: Any, context: Any) -> None:
        failing_work()

    run_to_its_end(lambda: handler({"CodePipeline.job": {"id": JOB}}, None))
    (event,) = orchestrator.events()
    assert event["target"] == {"kind": "codepipeline-job", "jobId": JOB}
    assert event["failure"]["message"] == LONG


# 10. After the report the function fails, and Lambda runs the action twice more.


def test_case_10_with_the_publisher_each_of_lambdas_three_runs_is_the_same_report(
    orchestrator: Answering,
) -> None:
    class Context:
        aws_request_id = "8f5c2a4e-0000-4000-8000-000000000001"

    @failure_relay.handler
    def handler(event: Any, context: Any) -> None:
        failing_work()

    for _ in range(3):
        assert run_to_its_end(lambda: handler({"CodePipeline.job": {"id": JOB}}, Context())) is not None
    # Lambda repeats an asynchronous invocation with the same request id: the relay answers the later ones with
    # `already-settled`, and its log shows that they are one.
    assert [event["id"] for event in orchestrator.events()] == [Context.aws_request_id] * 3


# And: a call that raises what it was to raise, without the details.


def test_a_call_without_its_details_as_it_is_is_refused_by_the_client(orchestrator: Answering) -> None:
    def handler(event: Any, context: Any) -> None:
        try:
            failing_work()
        except RuntimeError:
            raise client("codepipeline").put_job_failure_result(
                jobId=event["CodePipeline.job"]["id"]
            ) from None

    error = run_to_its_end(lambda: handler({"CodePipeline.job": {"id": JOB}}, None))
    assert type(error).__name__ == "ParamValidationError"
    assert orchestrator.requests == []


# And: the cause is the whole description of a cluster as JSON, over the limit, and the token is in the log.


def test_a_description_as_the_cause_is_published_as_details(orchestrator: Answering) -> None:
    cluster = {"Cluster": {"Status": {"State": "TERMINATED_WITH_ERRORS"}, "Tags": ["x" * 100] * 400}}
    assert failure_relay.report(RuntimeError("the cluster ended"), details=cluster)
    assert arrived(orchestrator)["details"] == cluster
