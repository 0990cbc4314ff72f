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


def escaped_in_full(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


def embedded(value: object, levels: int) -> object:
    for _ in range(levels):
        value = json.dumps(value)
    return value


NAMES = [
    "taskToken", "TASK_TOKEN", "task-token", "TaskToken", "SFN_TASK_TOKEN", "TASK_TOKEN_ENV_VARIABLE",
    "AWS_STEPFUNCTIONS_TASK_TOKEN", "SWF_TASK_TOKEN", "DURABLE_CALLBACK_ID", "clientToken", "CODEPIPELINE_CLIENT_TOKEN",
    "secretAccessKey", "sessionToken", "accessKeyId", "My_Grip", "myGrip",
]  # fmt: skip

FORMS = [
    ("a member", lambda name, t: {name: t}),
    ("a member of JSON in a string", lambda name, t: json.dumps({"a": 1, name: t})),
    ("a member of JSON in a string in a string", lambda name, t: embedded({"a": 1, name: t}, 2)),
    ("a member four strings deep", lambda name, t: embedded({"a": 1, name: t}, 4)),
    ("a value of a name", lambda name, t: {"environment": [{"name": name, "value": t}]}),
    ("a value before its name", lambda name, t: {"environment": [{"value": t, "type": "PLAINTEXT", "name": name}]}),
    ("a value of a name in a string", lambda name, t: json.dumps([{"name": name, "value": t}])),
    ("an option of a command line", lambda name, t: f"worker --{name} {t} --verbose"),
    ("an option with an equals sign", lambda name, t: f"worker --{name}={t} --verbose"),
    ("an option in a list of words", lambda name, t: {"command": ["worker", f"--{name}", t]}),
    ("an option with an equals sign in a list", lambda name, t: {"command": ["worker", f"--{name}={t}"]}),
    ("a list of words in a string", lambda name, t: json.dumps(["worker", f"--{name}", t])),
]


@pytest.fixture
def named(relay_with) -> Function:
    return relay_with(AWS_LAMBDA_LOG_LEVEL="TRACE", RELAY_TASK_TOKEN_NAMES="my-grip,/deep/handle")


@pytest.mark.parametrize("name", NAMES)
@cases("form", FORMS)
def test_a_lost_text_shows_no_secret_in_any_form(named: Function, name: str, form) -> None:
    secret, of = Secrets.issue(40), e.sfn()
    body = event(of, {"message": "the text that was lost", "details": form(name, secret)})
    result = named.invoke(e.sqs(body), {identity(of): [error("KmsAccessDeniedException"), ok()]})
    assert any("the text that was lost" in json.dumps(line) for line in result.warnings())


@cases(
    "written",
    [
        ("with escaped slashes", lambda t: t.replace("/", "\\/")),
        ("in escapes", escaped_in_full),
        ("in escapes inside escapes", lambda t: escaped_in_full(t).replace("\\", "\\\\")),
    ],
)
def test_a_lost_text_shows_no_secret_that_is_escaped(named: Function, written) -> None:
    secret, of = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE" + Secrets.issue(16), e.sfn()
    details = '{"secretAccessKey":"%s","in":"{\\"taskToken\\":\\"%s\\"}"}' % (written(secret), written(secret).replace("\\", "\\\\"))
    body = '{"target":%s,"failure":{"message":"m","details":%s}}' % (json.dumps(of), details)
    result = named.invoke(e.sqs(body), {identity(of): [error("KmsAccessDeniedException"), ok()]})
    said = result.output
    assert "[redacted]" in said and not any(part in said for part in ("K7MDENG", "bPxRfi", "wJalrXUtn", escaped_in_full("7MDEN")))


@pytest.mark.parametrize("name", ["ValidationException", "BrandNewException"])
@cases(
    "said",
    [
        ("as it is", lambda t: f"Invalid Token: '{t}'"),
        ("in escapes", lambda t: f"Invalid Token: '{escaped_in_full(t)}'"),
        ("in escapes inside a string", lambda t: json.dumps({"Message": f"Invalid Token: '{escaped_in_full(t)}'"})),
        ("as a member of JSON in a string", lambda t: json.dumps(json.dumps({"taskToken": t}))),
    ],
)
def test_a_service_that_repeats_the_token_in_another_form_shows_none(loudest: Function, name: str, said) -> None:
    of = e.sfn()
    result = loudest.invoke(e.sqs(event(of)), {identity(of): error(name, message=said(of["taskToken"]))})
    attributes = "".join(v for d in result.dead_letters for v in d.attributes.values())
    assert escaped_in_full(of["taskToken"][:8]) not in result.output + attributes


@pytest.mark.parametrize("member", ["id", "source"])
@cases("form", FORMS)
def test_an_id_or_a_source_shows_no_secret_in_any_form(named: Function, member: str, form) -> None:
    secret = Secrets.issue(40)
    for of in (e.sfn(), {"kind": "later"}):
        for name in ("taskToken", "MY_GRIP"):
            body = event(of, **{member: form(name, secret)})
            named.invoke(e.sqs(body))
            named.invoke(body)
