"""Section 7: tokens and credentials are seen nowhere but in the call and in the dead-letter body.

Every case of the suite is checked for the tokens that it issues; these look where a leak is likely,
at the level at which most is said.
"""

from __future__ import annotations

import json

import pytest

from harness import events as e
from harness.answers import CutConnection, Scripted, error, http, ok
from harness.events import KINDS, event, identity, sqs_record, target
from harness.function import Function
from harness.secrets import Secrets
from harness.table import cases
from harness.text import fingerprint

LEVELS = ["TRACE", "DEBUG", "INFO"]


@pytest.fixture(params=LEVELS)
def loud(request, relay_with) -> Function:
    return relay_with(AWS_LAMBDA_LOG_LEVEL=request.param)


@pytest.fixture(params=["JSON", "Text"])
def loudest(request, relay_with) -> Function:
    return relay_with(AWS_LAMBDA_LOG_LEVEL="TRACE", AWS_LAMBDA_LOG_FORMAT=request.param)


ANSWERS: list[tuple[str, Scripted]] = [
    ("an accepted call", ok()),
    ("a settled task", error("TaskTimedOut")),
    ("a rejected token", error("InvalidToken")),
    ("a denied call", error("AccessDeniedException")),
    ("an unknown answer", error("BrandNewException")),
    ("an answer that cannot be read", http(400, b"\xff")),
    ("a connection that is cut", CutConnection()),
    ("a key that cannot be used", [error("KmsAccessDeniedException"), ok()]),
]


@pytest.mark.parametrize("kind", KINDS)
@cases("answered", ANSWERS)
def test_no_outcome_shows_a_token(loud: Function, kind: str, answered: Scripted) -> None:
    of = target(kind)
    loud.invoke(e.sqs(event(of, {"message": "m", "details": {"a": 1}})), {identity(of): answered})


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_direct_invocation_shows_no_token(loudest: Function, kind: str) -> None:
    of = target(kind)
    assert loudest.invoke(event(of), {identity(of): error("AccessDeniedException", message=json.dumps(of))}).failed


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["ValidationException", "AccessDeniedException", "BrandNewException"])
def test_a_service_that_repeats_the_request_shows_no_token(loudest: Function, kind: str, name: str) -> None:
    of = target(kind)
    echo = lambda call: error(name, message=f"1 validation error: {json.dumps(call.params)}")  # noqa: E731
    loudest.invoke(e.sqs(event(of)), {identity(of): echo})


@cases(
    "body",
    [
        ("a body that breaks off after the token", lambda t: '{"target":{"kind":"step-functions-task","taskToken":"%s"' % t),
        ("a body with text after the token", lambda t: '{"target":{"kind":"step-functions-task","taskToken":"%s"}}x' % t),
        ("a token that is an array", lambda t: json.dumps({"target": {"kind": "step-functions-task", "taskToken": [t]}})),
        ("a token that is an object", lambda t: json.dumps({"target": {"kind": "swf-activity-task", "taskToken": {"a": t}}})),
        ("a token that is too long", lambda t: json.dumps({"target": {"kind": "step-functions-task", "taskToken": t * 60}})),
        ("a token with a lone surrogate", lambda t: json.dumps({"target": {"kind": "step-functions-task", "taskToken": t + "\ud800"}})),
        ("a client token that is too long", lambda t: json.dumps(
            {"target": {"kind": "codepipeline-third-party-job", "jobId": "j", "clientToken": t * 6}})),
        ("a client token without a job id", lambda t: json.dumps({"target": {"kind": "codepipeline-third-party-job", "clientToken": t}})),
        ("a token of an unknown kind", lambda t: json.dumps({"target": {"kind": "later", "taskToken": t}})),
        ("a token without a kind", lambda t: json.dumps({"target": {"taskToken": t}})),
        ("a token beside an unsupported version", lambda t: json.dumps({"version": "2", "target": {"taskToken": t}})),
        ("a token beside a region that is not allowed", lambda t: json.dumps(event(e.sfn(taskToken=t, region="us-west-2")))),
        ("a token beside an account that is wrong", lambda t: json.dumps(event(e.sfn(taskToken=t, account="x")))),
        ("a token in five envelopes", lambda t: e.text(e.wrap(event(e.sfn(taskToken=t)), ["sns"] * 5))),
        ("a token in a notification that is no JSON", lambda t: e.text(e.sns_notification('{"target":{"taskToken":"%s"' % t))),
    ],
)  # fmt: skip
def test_no_dead_letter_shows_a_token(loudest: Function, body) -> None:
    content = body(Secrets.issue())
    result = loudest.invoke(e.sqs(content))
    assert result.the_dead_letter().body == content
    result = loudest.invoke(e.sns(content))
    assert result.the_dead_letter().body == content


@cases(
    "members",
    [
        ("an id that repeats the token", lambda t: {"id": t}),
        ("an id that holds the token", lambda t: {"id": f"task/{t}/1"}),
        ("an id that is an object with the token", lambda t: {"id": {"token": t}}),
        ("a source that repeats the token", lambda t: {"source": f"worker {t}"}),
        ("a time that repeats the token", lambda t: {"time": t}),
        ("a message that repeats the token", lambda t: {"failure": {"message": f"SendTaskSuccess({t})"}}),
        ("a type that repeats the token", lambda t: {"failure": {"type": t}}),
        ("an execution id that repeats the token", lambda t: {"failure": {"externalExecutionId": t}}),
        ("details that repeat the token", lambda t: {"failure": {"details": {"env": {"TASK_TOKEN": t}}}}),
    ],
)
@cases(
    "answered",
    [
        ("and is accepted", ok()),
        ("and is rejected", error("InvalidToken")),
        ("and is denied", error("AccessDeniedException")),
        ("and meets a key that cannot be used", [error("KmsAccessDeniedException"), ok()]),
    ],
)
def test_a_token_that_the_publisher_repeats_is_not_shown(loudest: Function, members, answered: Scripted) -> None:
    of = e.sfn()
    script = {identity(of): answered}
    loudest.invoke(e.sqs(event(of, **members(of["taskToken"]))), script)
    loudest.invoke(event(of, **members(of["taskToken"])), script)


def test_the_artifact_credentials_of_a_job_are_not_shown(loudest: Function) -> None:
    credentials = {"accessKeyId": Secrets.issue(20, "ASIA"), "secretAccessKey": Secrets.issue(40), "sessionToken": Secrets.issue(300)}
    job = {"id": e.job_id(), "accountId": "111122223333", "data": {"artifactCredentials": credentials}}
    result = loudest.invoke(e.sqs(event(e.job(jobId=job["id"]), **{"CodePipeline.job": job})))
    result.the_call()
    result = loudest.invoke(e.sqs({"CodePipeline.job": job, "target": {"kind": "other"}}))
    result.the_dead_letter()


def test_the_credentials_of_the_function_are_not_shown(loudest: Function) -> None:
    Secrets.register("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    Secrets.register("session-token-of-the-function")
    of = e.sfn()
    loudest.invoke(e.sqs(event(of), "no json"), {identity(of): error("AccessDeniedException")})


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_is_followed_by_its_fingerprint(relay: Function, kind: str) -> None:
    of = target(kind)
    result = relay.invoke(e.sqs(sqs_record(event(of))))
    assert fingerprint(identity(of)) in [line.get("target_fingerprint") for line in result.outcome_lines]
