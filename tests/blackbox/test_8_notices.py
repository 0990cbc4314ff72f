"""Section 8: notices that AWS itself sends."""

from __future__ import annotations

import json

import pytest

from harness import events as e
from harness import notices as n
from harness.answers import error, ok
from harness.aws_endpoint import Call, assumed_access_key
from harness.events import identity
from harness.function import Function
from harness.notices import COMMANDS, ENVIRONMENTS, MISSING, PAYLOADS
from harness.outcome import dead_lettered, direct, ignored, relayed, send
from harness.secrets import Secrets
from harness.table import cases
from harness.text import split_context

INVALID = "INVALID_EVENT"


@pytest.fixture
def relay(relay_with) -> Function:
    return relay_with(RELAY_ABANDONED_WORK_QUEUES=n.ABANDONED_QUEUE, RELAY_TASK_TOKEN_NAMES="myTaskToken,/deep/inside/token,OtherToken")


def token() -> str:
    return Secrets.issue(64)


def told(call: Call) -> dict:
    """Type, message and execution id of a Step Functions call, however its details look."""
    parts = split_context(call.params["cause"])
    assert "details" not in parts or json.loads(parts["details"])
    return {"type": call.params["error"], "message": parts["message"], "id": parts.get("externalExecutionId")}


# --- the identity, in each source ------------------------------------------------------------------------

TASK_NAMES = (
    "myTaskToken", "OtherToken", "TASK_TOKEN", "TASK_TOKEN_ENV_VARIABLE", "SFN_TASK_TOKEN", "AWS_STEPFUNCTIONS_TASK_TOKEN", "TaskToken",
    "taskToken",
)  # fmt: skip
"""Plain names in their order; the pointer is between the first two."""


def everywhere() -> list[tuple]:
    """Each notice, as a function of an environment or payload."""
    return [(f"in {name}", build) for name, build in (*ENVIRONMENTS.items(), *PAYLOADS.items())]


@cases("build", everywhere())
@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_task_token_is_found_under_each_name(relay: Function, build, name: str) -> None:
    value = token()
    call = relayed(relay, build({"OTHER": "x", name: value}))
    assert (call.operation, call.identity) == ("SendTaskFailure", value)


@cases("build", everywhere())
def test_an_activity_token_is_found(relay: Function, build) -> None:
    value = token()
    call = relayed(relay, build({"SWF_TASK_TOKEN": value}))
    assert (call.operation, call.identity) == ("RespondActivityTaskFailed", value)


@cases("build", everywhere())
def test_a_job_id_is_found(relay: Function, build) -> None:
    job = e.job_id()
    call = relayed(relay, build({"CODEPIPELINE_JOB_ID": job}))
    assert (call.operation, call.identity) == ("PutJobFailureResult", job)


@cases("build", everywhere())
def test_a_job_id_with_a_client_token_is_a_third_party_job(relay: Function, build) -> None:
    client = token()
    call = relayed(relay, build({"CODEPIPELINE_JOB_ID": "third-party-7", "CODEPIPELINE_CLIENT_TOKEN": client}))
    assert (call.operation, call.identity, call.params["clientToken"]) == ("PutThirdPartyJobFailureResult", "third-party-7", client)


@cases("build", everywhere())
@pytest.mark.parametrize("kind", e.KINDS)
def test_a_whole_target_is_found(relay: Function, build, kind: str) -> None:
    of = e.target(kind)
    in_environment = build in ENVIRONMENTS.values()
    call = relayed(relay, build({"FAILURE_RELAY_TARGET": json.dumps(of) if in_environment else of}))
    assert call.identity == identity(of)


@pytest.mark.parametrize("name", list(PAYLOADS))
def test_a_target_member_of_a_known_kind_is_found_in_a_payload(relay: Function, name: str) -> None:
    of = e.sfn()
    assert relayed(relay, PAYLOADS[name]({"target": of})).identity == of["taskToken"]


@pytest.mark.parametrize("name", [name for name in PAYLOADS if name != "abandoned work"])
def test_a_target_member_of_another_kind_is_no_identity(relay: Function, name: str) -> None:
    value = token()
    assert relayed(relay, PAYLOADS[name]({"target": {"kind": "house"}, "TaskToken": value})).identity == value
    assert relayed(relay, PAYLOADS[name]({"target": "house", "TaskToken": value})).identity == value


@pytest.mark.parametrize("name", list(PAYLOADS))
def test_a_codepipeline_job_is_found_in_a_payload(relay: Function, name: str) -> None:
    credentials = {"accessKeyId": Secrets.issue(20, "ASIA"), "secretAccessKey": Secrets.issue(40), "sessionToken": Secrets.issue(200)}
    job = {"id": e.job_id(), "accountId": "111122223333", "data": {"artifactCredentials": credentials}}
    call = relayed(relay, PAYLOADS[name]({"CodePipeline.job": job}))
    assert (call.operation, call.identity) == ("PutJobFailureResult", job["id"])
    assert not any(secret in json.dumps(call.params) for secret in credentials.values())


@pytest.mark.parametrize("name", list(PAYLOADS))
def test_a_pointer_reaches_into_a_payload(relay: Function, name: str) -> None:
    value = token()
    assert relayed(relay, PAYLOADS[name]({"deep": {"inside": {"token": value}}})).identity == value


IN_ORDER = ["FAILURE_RELAY_TARGET", "CODEPIPELINE_JOB_ID", *TASK_NAMES, "SWF_TASK_TOKEN"]
PAIRS = list(zip(IN_ORDER, IN_ORDER[1:], strict=False)) + [
    ("FAILURE_RELAY_TARGET", "SWF_TASK_TOKEN"), ("CODEPIPELINE_JOB_ID", "TaskToken"), ("myTaskToken", "taskToken"),
]  # fmt: skip


@cases("build", everywhere())
@pytest.mark.parametrize("first, second", PAIRS)
def test_the_first_in_order_counts(relay: Function, build, first: str, second: str) -> None:
    of = e.swf()
    values = {name: token() for name in IN_ORDER}
    values["CODEPIPELINE_JOB_ID"] = e.job_id()
    values["FAILURE_RELAY_TARGET"] = json.dumps(of) if build in ENVIRONMENTS.values() else of  # type: ignore[assignment]
    expected = of["taskToken"] if first == "FAILURE_RELAY_TARGET" else values[first]
    # In the document the later one comes first: the order of names decides, not that of members.
    assert relayed(relay, build({second: values[second], first: values[first]})).identity == expected


@pytest.mark.parametrize("name", list(PAYLOADS))
def test_the_order_in_a_payload_has_more(relay: Function, name: str) -> None:
    build = PAYLOADS[name]
    of, job, value = e.sfn(), {"id": e.job_id()}, token()
    assert relayed(relay, build({"CodePipeline.job": job, "target": of})).identity == of["taskToken"]
    assert relayed(relay, build({"TASK_TOKEN": value, "CodePipeline.job": job})).identity == job["id"]
    deep = {"deep": {"inside": {"token": value}}}
    assert relayed(relay, build({"OtherToken": token(), **deep})).identity == value
    first = token()
    assert relayed(relay, build({**deep, "myTaskToken": first})).identity == first


def test_more_names_are_none_by_default(functions) -> None:
    plain = functions.get()
    ignored(plain, n.lambda_record({"myTaskToken": token()}))
    value = token()
    assert relayed(plain, n.lambda_record({"TaskToken": value})).identity == value


@cases("build", everywhere())
def test_an_empty_text_is_not_found(relay: Function, build) -> None:
    value = token()
    environment = {"FAILURE_RELAY_TARGET": "", "CODEPIPELINE_JOB_ID": "", "TASK_TOKEN": "", "TaskToken": value}
    assert relayed(relay, build(environment)).identity == value


@pytest.mark.parametrize("name", list(PAYLOADS))
@pytest.mark.parametrize("odd", [None, 7, True, ["t"], {"t": 1}])
def test_a_value_that_is_no_text_is_not_found(relay: Function, name: str, odd: object) -> None:
    value = token()
    payload = {"CODEPIPELINE_JOB_ID": odd, "TASK_TOKEN": odd, "TaskToken": value}
    assert relayed(relay, PAYLOADS[name](payload)).identity == value


@cases("build", everywhere())
@cases(
    "wrong",
    [
        ("a job id that is no UUID", {"CODEPIPELINE_JOB_ID": "nonsense"}),
        ("a task token that is too long", {"TASK_TOKEN": "t" * 2049}),
    ],
)
def test_the_first_that_is_found_is_dead_lettered_when_it_is_wrong(relay: Function, build, wrong: dict) -> None:
    dead_lettered(relay, build({**wrong, "SWF_TASK_TOKEN": token(), "taskToken": token()}), INVALID)


@cases("build", everywhere())
@cases(
    "wrong, code",
    [
        ("a target of an unknown kind", {"kind": "house"}, "UNKNOWN_TARGET"),
        ("a target without a kind", {"taskToken": "t"}, INVALID),
        ("a target without its identity", {"kind": "step-functions-task"}, INVALID),
        ("a target in a region that is not allowed", {"kind": "step-functions-task", "taskToken": "t", "region": "us-west-2"}, "TARGET_NOT_ALLOWED"),
        ("an empty target", {}, INVALID),
    ],
)  # fmt: skip
def test_a_wrong_target_is_dead_lettered_as_in_section_1(relay: Function, build, wrong: dict, code: str) -> None:
    value = json.dumps(wrong) if build in ENVIRONMENTS.values() else wrong
    dead_lettered(relay, build({"FAILURE_RELAY_TARGET": value, "TASK_TOKEN": token()}), code)


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
@pytest.mark.parametrize("text", ["nonsense", "[]", '"x"', "42", "null", '{"kind":'])
def test_a_target_in_an_environment_that_is_no_json_object_is_invalid(relay: Function, name: str, text: str) -> None:
    dead_lettered(relay, ENVIRONMENTS[name]({"FAILURE_RELAY_TARGET": text, "TASK_TOKEN": token()}), INVALID)


@pytest.mark.parametrize("name", [name for name in (*ENVIRONMENTS, *PAYLOADS) if name != "abandoned work"])
@cases(
    "content",
    [
        ("nothing at all", {}),
        ("other names", {"PATH": "/bin", "TOKEN": "t", "task_token": "t"}),
        ("a name in another case", {"tasktoken": "t", "Task_Token": "t"}),
        ("a client token without a job", {"CODEPIPELINE_CLIENT_TOKEN": "t"}),
    ],
)
def test_a_notice_without_an_identity_is_ignored(relay: Function, name: str, content: dict) -> None:
    ignored(relay, {**ENVIRONMENTS, **PAYLOADS}[name](content))


@pytest.mark.parametrize("name", [name for name in PAYLOADS if name != "abandoned work"])
def test_names_deeper_in_a_payload_are_no_identity(relay: Function, name: str) -> None:
    ignored(relay, PAYLOADS[name]({"Input": {"TaskToken": "t"}, "list": [{"TaskToken": "t"}], "CodePipeline.job": {}}))


# --- JSON in a variable -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
@cases(
    "payload",
    [
        ("a token", lambda t: {"TaskToken": t}),
        ("a target", lambda t: {"target": {"kind": "step-functions-task", "taskToken": t}}),
        ("a whole target", lambda t: {"FAILURE_RELAY_TARGET": {"kind": "step-functions-task", "taskToken": t}}),
        ("a pointer", lambda t: {"deep": {"inside": {"token": t}}}),
        ("an EventBridge event", lambda t: e.eventbridge({"TaskToken": t})),
        ("an SQS batch of one record", lambda t: e.sqs(json.dumps({"TaskToken": t}))),
    ],
)
def test_json_in_a_variable_is_searched_as_a_payload(relay: Function, name: str, payload) -> None:
    value = token()
    environment = {"PATH": "/bin", "BROKEN": '{"TaskToken":', "LIST": '["TaskToken"]', "EVENT": f" {json.dumps(payload(value))}\n"}
    assert relayed(relay, ENVIRONMENTS[name](environment)).identity == value


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_a_name_counts_before_json_in_a_variable(relay: Function, name: str) -> None:
    value = token()
    environment = {"EVENT": json.dumps({"FAILURE_RELAY_TARGET": e.sfn()}), "SWF_TASK_TOKEN": value}
    assert relayed(relay, ENVIRONMENTS[name](environment)).identity == value


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_variables_with_json_are_searched_in_their_order(relay: Function, name: str) -> None:
    value = token()
    environment = {"NOTHING": "{}", "Z": json.dumps({"taskToken": value}), "A": json.dumps({"TASK_TOKEN": token()})}
    assert relayed(relay, ENVIRONMENTS[name](environment)).identity == value
    wrong = {"Z": json.dumps({"CODEPIPELINE_JOB_ID": "nonsense"}), "A": json.dumps({"TASK_TOKEN": token()})}
    dead_lettered(relay, ENVIRONMENTS[name](wrong), INVALID)


def test_a_reference_with_json_is_no_identity(relay: Function) -> None:
    variable = {"name": "EVENT", "value": json.dumps({"TaskToken": token()}), "type": "SECRETS_MANAGER"}
    ignored(relay, n.codebuild([variable]))


# --- command lines ------------------------------------------------------------------------------------------------

OPTIONS = (
    "--task-token", "--taskToken", "--TaskToken", "--TASK_TOKEN", "--task_token", "--tasktoken", "--sfn-task-token", "--task-token-env-variable",
    "--aws-stepfunctions-task-token", "--my-task-token", "--othertoken",
)  # fmt: skip


@pytest.mark.parametrize("name", list(COMMANDS))
@pytest.mark.parametrize("option", OPTIONS)
def test_a_task_token_is_found_on_a_command_line(relay: Function, name: str, option: str) -> None:
    value = token()
    assert relayed(relay, COMMANDS[name](["python3", "render.py", option, value, "--frame", "7"])).identity == value
    value = f"{token()}=="
    call = relayed(relay, COMMANDS[name](["--verbose", f"{option}={value}"]))
    assert (call.operation, call.identity) == ("SendTaskFailure", value)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_jobs_and_activities_are_found_on_a_command_line(relay: Function, name: str) -> None:
    build, job, value = COMMANDS[name], e.job_id(), token()
    call = relayed(relay, build(["--codepipeline-job-id", job]))
    assert (call.operation, call.identity) == ("PutJobFailureResult", job)
    call = relayed(relay, build(["--codepipelineClientToken", value, "--CODEPIPELINE_JOB_ID=third-party-7"]))
    assert (call.operation, call.identity, call.params["clientToken"]) == ("PutThirdPartyJobFailureResult", "third-party-7", value)
    value = token()
    call = relayed(relay, build(["--swf-task-token", value]))
    assert (call.operation, call.identity) == ("RespondActivityTaskFailed", value)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_order_of_the_names_decides_on_a_command_line(relay: Function, name: str) -> None:
    build, value = COMMANDS[name], token()
    assert relayed(relay, build(["--swf-task-token", token(), "--taskToken", value])).identity == value
    assert relayed(relay, build(["--task-token", token(), "--other-token", value])).identity == value
    job = e.job_id()
    assert relayed(relay, build([f"--task-token={token()}", f"--codepipeline-job-id={job}"])).identity == job


@pytest.mark.parametrize("name", list(COMMANDS))
def test_an_environment_counts_before_a_command_line(relay: Function, name: str) -> None:
    value = token()
    assert relayed(relay, COMMANDS[name](["--task-token", token()], {"SWF_TASK_TOKEN": value})).identity == value
    value = token()
    environment = {"EVENT": json.dumps({"taskToken": value})}
    assert relayed(relay, COMMANDS[name](["--task-token", token()], environment)).identity == value


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_first_argument_that_is_an_object_is_searched_as_a_payload(relay: Function, name: str) -> None:
    build, value = COMMANDS[name], token()
    second = json.dumps({"TaskToken": token()})
    event = json.dumps(e.eventbridge({"deep": {"inside": {"token": value}}}))
    assert relayed(relay, build(["render", "{", "[]", "7", event, second])).identity == value
    ignored(relay, build(["render", "{}", second]))
    value = token()
    assert relayed(relay, build([json.dumps({"CODEPIPELINE_JOB_ID": e.job_id()}), "--task-token", value])).identity == value


@cases(
    "command",
    [
        ("an option of another name", ["--token", "t"]),
        ("an option with one dash", ["-task-token", "t"]),
        ("a word that is no option", ["task-token", "t"]),
        ("a variable of a shell", ["TASK_TOKEN=t"]),
        ("an option at the end", ["render", "--task-token"]),
        ("an option with an empty value", ["--task-token", ""]),
        ("an option with nothing behind its sign", ["--task-token="]),
        ("an option with a number", ["--task-token", 7]),
        ("a whole target", ["--failure-relay-target", '["t"]']),
        ("a script of a shell", ["sh", "-c", "render --task-token t"]),
        ("a text", "--task-token t"),
        ("an object", {"--task-token": "t"}),
        ("nothing", []),
        ("null", None),
    ],
)
def test_what_is_no_identity_on_a_command_line(relay: Function, command: object) -> None:
    for build in COMMANDS.values():
        ignored(relay, build(command))


def test_a_wrong_identity_on_a_command_line_is_dead_lettered(relay: Function) -> None:
    for build in COMMANDS.values():
        dead_lettered(relay, build(["--codepipeline-job-id", "nonsense", "--task-token", token()]), INVALID)
        dead_lettered(relay, build(["--task-token", "t" * 2049]), INVALID)
        dead_lettered(relay, build([json.dumps({"FAILURE_RELAY_TARGET": {"kind": "house"}})]), "UNKNOWN_TARGET")


def test_a_lone_surrogate_on_a_command_line_is_invalid(relay: Function) -> None:
    for command in (["--task-token", "a\ud800"], ["--task-token=a\ud800"]):
        dead_lettered(relay, json.dumps(n.ecs_command(command)), INVALID)


def test_a_command_of_a_container_that_ended_well_is_no_identity(relay: Function) -> None:
    failed, well = {"name": "failed", "command": ["render"]}, {"name": "well", "command": ["--task-token", token()]}
    ignored(relay, n.ecs([failed, well], [n.container("failed", 1), n.container("well", 0)]))
    value = token()
    first, second = {"name": "first", "command": ["--task-token", value]}, n.override("second", {"TASK_TOKEN": token()})
    assert relayed(relay, n.ecs([first, second], [n.container("second", 1)])).identity == value


def test_a_long_list_is_no_burden(relay: Function) -> None:
    value = token()
    environment = {f"N{number}": "{}" for number in range(20_000)}
    assert relayed(relay, n.ecs_command([*["--x"] * 50_000, "--task-token", value], environment)).identity == value


# --- payloads that are envelopes ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(PAYLOADS))
@cases(
    "wrap",
    [
        ("an SQS batch of one record is unwrapped", lambda c: e.sqs(json.dumps(c))),
        ("an SNS invocation of one record is unwrapped", lambda c: e.sns(json.dumps(c))),
        ("an EventBridge event is unwrapped", e.eventbridge),
        ("a CloudEvent is unwrapped", e.cloudevent),
        ("a notification is unwrapped", e.sns_notification),
        ("a notification in an SQS batch of one record is unwrapped", lambda c: e.sqs(e.text(e.sns_notification(c)))),
    ],
)
def test_a_payload_that_is_an_envelope_is_unwrapped(relay: Function, name: str, wrap) -> None:
    value = token()
    assert relayed(relay, PAYLOADS[name](wrap({"TaskToken": value}))).identity == value


@pytest.mark.parametrize("name", [name for name in PAYLOADS if name != "abandoned work"])
def test_a_payload_of_two_records_names_no_identity(relay: Function, name: str) -> None:
    ignored(relay, PAYLOADS[name](e.sqs('{"TaskToken":"a"}', '{"TaskToken":"b"}')))


# --- in any envelope, and directly -----------------------------------------------------------------------------


def one_of_each(value: str) -> dict[str, dict]:
    environment = {"TASK_TOKEN": value}
    found = {name: build(environment) for name, build in ENVIRONMENTS.items()}
    found |= {name: build(environment) for name, build in PAYLOADS.items() if name != "abandoned work"}
    return found


@pytest.mark.parametrize("name", [name for name in (*ENVIRONMENTS, *PAYLOADS) if name != "abandoned work"])
@cases(
    "wrap",
    [
        ("invoked directly", lambda c: c),
        ("in an SQS record", e.sqs),
        ("in an SNS record", e.sns),
        ("in a notification in an SQS record", lambda c: e.sqs(e.text(e.sns_notification(c)))),
        ("in an EventBridge event", e.eventbridge),
        ("in a CloudEvent", e.cloudevent),
        ("in four envelopes", lambda c: e.sqs(e.text(e.wrap(c, ["sns", "cloudevent", "eventbridge"])))),
    ],
)
def test_a_notice_in_each_envelope(relay: Function, name: str, wrap) -> None:
    value = token()
    result = relay.invoke(wrap(one_of_each(value)[name]))
    assert not result.failed and result.the_call().identity == value


@pytest.mark.parametrize("name", [name for name in (*ENVIRONMENTS, *PAYLOADS) if name != "abandoned work"])
def test_a_notice_in_five_envelopes_is_invalid(relay: Function, name: str) -> None:
    notice = one_of_each(token())[name]
    dead_lettered(relay, e.wrap(notice, ["sns", "cloudevent", "eventbridge", "cloudevent"]), INVALID)


@pytest.mark.parametrize("name", [name for name in (*ENVIRONMENTS, *PAYLOADS) if name != "abandoned work"])
def test_a_direct_notice_is_answered(relay: Function, name: str) -> None:
    response = direct(relay, one_of_each(token())[name])
    assert (response["outcome"], response["targetKind"]) == ("relayed", "step-functions-task")


@pytest.mark.parametrize("name", [name for name in (*ENVIRONMENTS, *PAYLOADS) if name != "abandoned work"])
def test_a_direct_notice_without_an_identity_is_answered_as_ignored(relay: Function, name: str) -> None:
    response = direct(relay, {**ENVIRONMENTS, **PAYLOADS}[name]({}))
    assert response["outcome"] == "ignored" and "targetKind" not in response


@pytest.mark.parametrize("name", [name for name in (*ENVIRONMENTS, *PAYLOADS) if name != "abandoned work"])
def test_a_notice_after_the_workers_own_report_is_settled(relay: Function, name: str) -> None:
    result = send(relay, one_of_each(token())[name], {"*": error("TaskTimedOut")})
    assert not result.failures and not result.dead_letters and len(result.calls) == 1


def test_the_notice_id_is_the_event_id(relay: Function) -> None:
    for build in ENVIRONMENTS.values():
        assert direct(relay, build({"TASK_TOKEN": token()}, id="notice-1"))["eventId"] == "notice-1"
    assert direct(relay, n.lambda_event(n.lambda_record({"TASK_TOKEN": token()}), id="notice-1"))["eventId"] == "notice-1"


def test_the_dead_letter_of_a_notice_is_the_notice(relay: Function) -> None:
    body = json.dumps(n.ecs_died({"CODEPIPELINE_JOB_ID": "nonsense"}, id="notice-1"))
    letter = dead_lettered(relay, body, INVALID)
    assert letter.body == body and letter.attributes["EVENT_ID"] == "notice-1"
    assert letter.attributes["TARGET_KIND"] == "codepipeline-job"


# --- region and account --------------------------------------------------------------------------------------------


@pytest.fixture
def abroad(relay_with) -> Function:
    return relay_with(
        RELAY_ALLOWED_REGIONS="us-east-1", RELAY_ALLOWED_ACCOUNTS="444455556666", RELAY_ROLE_NAME="relay",
        RELAY_ABANDONED_WORK_QUEUES="arn:aws:sqs:us-west-2:999988887777:jobs-dlq",
    )  # fmt: skip


ABROAD = {"region": "us-east-1", "account": "444455556666"}


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_region_and_account_are_those_of_the_notice(abroad: Function, name: str) -> None:
    call = relayed(abroad, ENVIRONMENTS[name]({"TASK_TOKEN": token()}, **ABROAD))
    assert (call.region, call.access_key) == ("us-east-1", assumed_access_key("444455556666"))


def test_region_and_account_of_an_execution_are_those_of_the_notice(abroad: Function) -> None:
    call = relayed(abroad, {**n.states({"TASK_TOKEN": token()}), **ABROAD})
    assert (call.region, call.access_key) == ("us-east-1", assumed_access_key("444455556666"))


@pytest.mark.parametrize("wrap", [lambda r: r, n.lambda_event])
def test_region_and_account_of_a_lambda_record_are_those_of_the_function(abroad: Function, wrap) -> None:
    arn = "arn:aws:lambda:us-east-1:444455556666:function:worker:$LATEST"
    call = relayed(abroad, wrap(n.lambda_record({"TASK_TOKEN": token()}, function_arn=arn)))
    assert (call.region, call.access_key) == ("us-east-1", assumed_access_key("444455556666"))


def test_region_and_account_of_abandoned_work_are_the_relays_own(abroad: Function) -> None:
    record = e.sqs_record({"TASK_TOKEN": token()}, queue="arn:aws:sqs:us-west-2:999988887777:jobs-dlq")
    call = relayed(abroad, record)
    assert call.region == "eu-west-1" and call.access_key.startswith("AKIA")


def test_region_and_account_inside_the_identity_win(abroad: Function) -> None:
    of = e.sfn(region="eu-west-1", account="111122223333")
    call = relayed(abroad, n.ecs_died({"FAILURE_RELAY_TARGET": json.dumps(of)}, **ABROAD))
    assert call.region == "eu-west-1" and call.access_key.startswith("AKIA")
    of = e.sfn(**ABROAD)
    call = relayed(abroad, n.ecs_died({"FAILURE_RELAY_TARGET": json.dumps(of)}))
    assert (call.region, call.access_key) == ("us-east-1", assumed_access_key("444455556666"))


@pytest.mark.parametrize("place", [{"region": "us-west-2"}, {"account": "999988887777"}])
def test_a_notice_from_outside_the_allow_lists_is_refused(relay: Function, abroad: Function, place: dict) -> None:
    for function in (relay, abroad):
        dead_lettered(function, n.ecs_died({"TASK_TOKEN": token()}, **place), "TARGET_NOT_ALLOWED")


# --- Lambda ------------------------------------------------------------------------------------------------------------


@cases(
    "response, condition, error_type, message",
    [
        ("error type and message are told", {"errorType": "E", "errorMessage": "m"}, "RetriesExhausted", "E", "m"),
        ("a time-out is told", {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"},
         "RetriesExhausted", "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
        ("a crash without an error type is told by its condition", {"errorMessage": "RequestId: x Process exited"}, "RetriesExhausted",
         "Lambda.RetriesExhausted", "RequestId: x Process exited"),
        ("an error type of null is absent", {"errorType": None, "errorMessage": "m"}, "RetriesExhausted", "Lambda.RetriesExhausted", "m"),
        ("an empty error type is absent", {"errorType": "", "errorMessage": "m"}, "EventAgeExceeded", "Lambda.EventAgeExceeded", "m"),
        ("a message of null is a sentence", {"errorType": "E", "errorMessage": None}, "RetriesExhausted", "E", None),
        ("an empty message is a sentence", {"errorType": "E", "errorMessage": ""}, "EventAgeExceeded", "E", None),
        ("no response payload is the condition", None, "EventAgeExceeded", "Lambda.EventAgeExceeded", None),
        ("a response payload that is a text is the condition", "text", "EventAgeExceeded", "Lambda.EventAgeExceeded", None),
        ("a condition that is new is a failure", {}, "Whatever", "Lambda.Whatever", None),
    ],
)  # fmt: skip
def test_a_lambda_record(relay: Function, response: object, condition: str, error_type: str, message: str | None) -> None:
    said = told(relayed(relay, n.lambda_record({"TaskToken": token()}, condition, response)))
    assert (said["type"], said["id"]) == (error_type, n.RECORD_ID)
    assert said["message"] == message if message else condition in said["message"]


def test_a_lambda_record_without_a_response(relay: Function) -> None:
    record = n.lambda_record({"TaskToken": token()}, "EventAgeExceeded")
    del record["responsePayload"], record["responseContext"]
    assert told(relayed(relay, record))["type"] == "Lambda.EventAgeExceeded"


def test_the_type_of_a_notice_counts_as_given(relay: Function) -> None:
    job = e.job_id()
    details = relayed(relay, n.lambda_record({"CodePipeline.job": {"id": job}})).params["failureDetails"]
    assert details["type"] == "JobFailed" and details["message"].startswith("Exception: it broke")
    assert details["externalExecutionId"] == n.RECORD_ID


def test_a_lambda_record_of_success_is_ignored(relay: Function) -> None:
    ignored(relay, n.lambda_record({"TaskToken": token()}, "Success"))
    ignored(relay, n.lambda_event(n.lambda_record({"TaskToken": token()}, "Success"), "Success"))
    ignored(relay, n.lambda_record(MISSING, "Success"))


def test_a_lambda_record_without_a_request_payload_is_invalid(relay: Function) -> None:
    dead_lettered(relay, n.lambda_record(), INVALID)
    dead_lettered(relay, n.lambda_event(n.lambda_record()), INVALID)


@pytest.mark.parametrize("payload", [None, [], "text", 7, {}, ""])
def test_a_lambda_record_whose_payload_names_nothing_is_ignored(relay: Function, payload: object) -> None:
    ignored(relay, n.lambda_record(payload))


@pytest.mark.parametrize("condition", [None, 7, {}, ...])
def test_without_a_condition_it_is_no_lambda_record(relay: Function, condition: object) -> None:
    record = n.lambda_record({"TaskToken": token()}, condition)
    if condition is ...:
        record["requestContext"] = {}
    dead_lettered(relay, record, INVALID)


def test_details_of_a_lambda_record_hold_no_token(relay: Function) -> None:
    value = token()
    response = {"errorType": "E", "errorMessage": "m", "stackTrace": [f"handle({value})"]}
    call = relayed(relay, n.lambda_record({"TaskToken": value}, response=response))
    assert value not in call.params["cause"]


# --- ECS -----------------------------------------------------------------------------------------------------------------

REASON = "Essential container in task exited"
OOM = "OutOfMemoryError: Container killed due to memory usage"


@cases(
    "stopped, exit_code, reason, message",
    [
        ("all is told", REASON, 137, OOM, f"{REASON} (container worker: {OOM}, exit code 137)"),
        ("without a reason the exit code is told", REASON, 1, MISSING, f"{REASON} (container worker: exit code 1)"),
        ("without an exit code the reason is told", REASON, MISSING, OOM, f"{REASON} (container worker: {OOM})"),
        ("without both the container is told", REASON, MISSING, MISSING, f"{REASON} (container worker)"),
        ("an exit code of null is not known", REASON, None, OOM, f"{REASON} (container worker: {OOM})"),
        ("an empty reason is not known", REASON, 2, "", f"{REASON} (container worker: exit code 2)"),
    ],
)
def test_the_message_of_a_task(relay: Function, stopped: str, exit_code: object, reason: object, message: str) -> None:
    notice = n.ecs([n.override("worker", {"TASK_TOKEN": token()})], [n.container("worker", exit_code, reason)], stopped_reason=stopped)
    said = told(relayed(relay, notice))
    assert said == {"type": "ECS.EssentialContainerExited", "message": message, "id": n.TASK_ARN}


@pytest.mark.parametrize("stopped", [MISSING, None, ""])
def test_a_task_without_a_reason_tells_the_container(relay: Function, stopped: object) -> None:
    notice = n.ecs([n.override("worker", {"TASK_TOKEN": token()})], [n.container("worker", 137)], stopped_reason=stopped)
    message = told(relayed(relay, notice))["message"]
    assert "container worker" in message and "exit code 137" in message and "null" not in message


STOP_CODES = ("TaskFailedToStart", "UserInitiated", "ServiceSchedulerInitiated", "SpotInterruption", "TerminationNotice", "InfrastructureHealth", "New")


@pytest.mark.parametrize("code", STOP_CODES)
@pytest.mark.parametrize("exit_code", [0, 143, MISSING])
def test_any_other_stop_code_is_a_failure_whatever_the_exit_code(relay: Function, code: str, exit_code: object) -> None:
    value = token()
    notice = n.ecs([n.override("worker", {"TASK_TOKEN": value})], [n.container("worker", exit_code)], code)
    call = relayed(relay, notice)
    assert (call.identity, call.params["error"]) == (value, f"ECS.{code}")


@pytest.mark.parametrize("code", [MISSING, None, ""])
def test_a_task_without_a_stop_code_is_stopped(relay: Function, code: object) -> None:
    notice = n.ecs([n.override("worker", {"TASK_TOKEN": token()})], [n.container("worker", 1)], code)
    assert told(relayed(relay, notice))["type"] == "ECS.Stopped"


@pytest.mark.parametrize("code", ["EssentialContainerExited", MISSING, None])
def test_a_task_that_ended_well_is_ignored(relay: Function, code: object) -> None:
    ignored(relay, n.ecs([n.override("worker", {"TASK_TOKEN": token()})], [n.container("worker", 0)], code))


def test_a_killed_sidecar_beside_a_worker_that_ended_well_is_ignored(relay: Function) -> None:
    overrides = [n.override("worker", {"TASK_TOKEN": token()}), n.override("sidecar", {"X": "y"})]
    ignored(relay, n.ecs(overrides, [n.container("sidecar", 137), n.container("worker", 0)]))


@pytest.mark.parametrize("status", ["DEPROVISIONING", "STOPPING", "RUNNING", "PENDING", "PROVISIONING", "DEACTIVATING"])
def test_a_task_that_is_not_stopped_is_ignored(relay: Function, status: str) -> None:
    notice = n.ecs([n.override("worker", {"TASK_TOKEN": token()})], [n.container("worker", 137)], last_status=status)
    ignored(relay, notice)


@pytest.mark.parametrize("code", ["TaskFailedToStart", "EssentialContainerExited", MISSING])
def test_a_container_that_is_not_listed_has_no_exit_code(relay: Function, code: object) -> None:
    value = token()
    call = relayed(relay, n.ecs([n.override("worker", {"TASK_TOKEN": value})], [], code, "CannotPullContainerError"))
    assert call.identity == value
    assert split_context(call.params["cause"])["message"].startswith("CannotPullContainerError")


def test_of_several_that_failed_the_first_override_counts(relay: Function) -> None:
    a, b = token(), token()
    overrides = [n.override("a", {"TASK_TOKEN": a}), n.override("b", {"TASK_TOKEN": b})]
    assert relayed(relay, n.ecs(overrides, [n.container("b", 1), n.container("a", 2)])).identity == a


def test_of_several_the_one_that_failed_counts(relay: Function) -> None:
    a, b = token(), token()
    overrides = [n.override("a", {"TASK_TOKEN": a}), n.override("b", {"TASK_TOKEN": b})]
    call = relayed(relay, n.ecs(overrides, [n.container("a", 0), n.container("b", 1)]))
    assert call.identity == b and "container b" in call.params["cause"]


def test_with_another_stop_code_the_first_that_carries_an_identity_counts(relay: Function) -> None:
    a, b = token(), token()
    overrides = [n.override("x", {"X": "y"}), n.override("a", {"TASK_TOKEN": a}), n.override("b", {"TASK_TOKEN": b})]
    containers = [n.container("b", 1), n.container("a", 0), n.container("x", 1)]
    assert relayed(relay, n.ecs(overrides, containers, "SpotInterruption")).identity == a


def test_a_failed_container_without_an_identity_does_not_lend_one(relay: Function) -> None:
    overrides = [n.override("failed", {}), n.override("well", {"TASK_TOKEN": token()})]
    ignored(relay, n.ecs(overrides, [n.container("failed", 1), n.container("well", 0)]))


@cases(
    "detail",
    [
        ("no overrides", {"overrides": {}}),
        ("overrides of null", {"overrides": None}),
        ("no container overrides", {"overrides": {"containerOverrides": []}}),
        ("an override without an environment", {"overrides": {"containerOverrides": [{"name": "worker"}]}}),
        ("an environment of null", {"overrides": {"containerOverrides": [{"name": "worker", "environment": None}]}}),
        ("odd pairs", {"overrides": {"containerOverrides": [{"name": "worker", "environment": [None, 7, {}, {"name": "TASK_TOKEN"}]}]}}),
    ],
)
def test_a_task_of_an_odd_shape_names_nothing_and_is_ignored(relay: Function, detail: dict) -> None:
    notice = n.ecs([], [n.container("worker", 1)])
    notice["detail"] |= detail
    ignored(relay, notice)


@pytest.mark.parametrize("containers", [None, MISSING, "odd", [None, 7]])
def test_a_task_that_names_a_token_is_never_ignored_for_a_detail_that_is_missing(relay: Function, containers: object) -> None:
    value = token()
    notice = n.ecs([n.override("worker", {"TASK_TOKEN": value})], stopped_reason=MISSING)
    notice["detail"].pop("containers") if containers is MISSING else notice["detail"].update(containers=containers)
    del notice["detail"]["taskArn"]
    assert relayed(relay, notice).identity == value


# --- Batch ------------------------------------------------------------------------------------------------------------------


@cases(
    "detail, message",
    [
        ("the last attempt's reason is told", {"attempts": [n.attempt("first"), n.attempt("last")]}, "last"),
        ("without attempts the status reason is told", {"attempts": [], "statusReason": "Host EC2 terminated"}, "Host EC2 terminated"),
        ("a last attempt without a reason leaves the status reason", {"attempts": [n.attempt("first"), n.attempt()], "statusReason": "s"}, "s"),
        ("a reason of null is absent", {"attempts": [n.attempt(None)], "statusReason": "s"}, "s"),
        ("an empty reason is absent", {"attempts": [n.attempt("")], "statusReason": "s"}, "s"),
        ("without any reason a sentence is told", {"attempts": [n.attempt()], "statusReason": MISSING}, None),
        ("a status reason of null is absent", {"attempts": [], "statusReason": None}, None),
    ],
)
def test_a_batch_job(relay: Function, detail: dict, message: str | None) -> None:
    environment = {"container": {"environment": n.pairs({"TASK_TOKEN": token()})}}
    said = told(relayed(relay, n.batch({**environment, **detail})))
    assert (said["type"], said["id"]) == ("Batch.JobFailed", n.BATCH_JOB)
    assert said["message"] == message if message else said["message"]


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"])
def test_a_batch_job_that_has_not_failed_is_ignored(relay: Function, status: str) -> None:
    ignored(relay, n.batch({"status": status, "container": {"environment": n.pairs({"TASK_TOKEN": token()})}}))


def test_a_batch_job_without_an_environment_is_ignored(relay: Function) -> None:
    for detail in ({}, {"container": {}}, {"container": None}, {"container": {"environment": None}}, {"eksProperties": {}}):
        ignored(relay, n.batch(detail))


# --- CodeBuild --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["FAILED", "FAULT", "TIMED_OUT", "STOPPED"])
def test_a_build_that_failed(relay: Function, status: str) -> None:
    said = told(relayed(relay, n.codebuild_died({"TASK_TOKEN": token()}, status=status)))
    assert (said["type"], said["id"]) == (f"CodeBuild.{status}", n.BUILD_ID)
    assert "render" in said["message"] and status in said["message"]


@pytest.mark.parametrize("status", ["SUCCEEDED", "IN_PROGRESS"])
def test_a_build_that_has_not_failed_is_ignored(relay: Function, status: str) -> None:
    ignored(relay, n.codebuild_died({"TASK_TOKEN": token()}, status=status))


@pytest.mark.parametrize("kind", ["PLAINTEXT", MISSING, None])
def test_plain_variables_are_read(relay: Function, kind: object) -> None:
    value = token()
    variable: dict = {"name": "TASK_TOKEN", "value": value}
    if kind is not MISSING:
        variable["type"] = kind
    assert relayed(relay, n.codebuild([variable])).identity == value


@pytest.mark.parametrize("kind", ["PARAMETER_STORE", "SECRETS_MANAGER"])
def test_references_are_no_identity(relay: Function, kind: str) -> None:
    reference = {"name": "TASK_TOKEN", "value": "/name/of/a/parameter", "type": kind}
    ignored(relay, n.codebuild([reference]))
    value = token()
    plain = {"name": "TaskToken", "value": value, "type": "PLAINTEXT"}
    assert relayed(relay, n.codebuild([reference, plain])).identity == value


# --- Step Functions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_execution_that_failed(relay: Function, status: str) -> None:
    said = told(relayed(relay, n.states({"TaskToken": token()}, status)))
    assert (said["type"], said["id"]) == (f"StepFunctions.{status}", n.EXECUTION_ARN) and said["message"]


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "PENDING_REDRIVE"])
def test_an_execution_that_has_not_failed_is_ignored(relay: Function, status: str) -> None:
    ignored(relay, n.states({"TaskToken": token()}, status))
    ignored(relay, n.states(None, status, inputDetails={"included": False}))


@cases(
    "error_name, cause, expected_type, expected_message",
    [
        ("error and cause are told", "States.Runtime", "why", "States.Runtime", "why"),
        ("an error of null is absent", None, "why", "StepFunctions.FAILED", "why"),
        ("an empty error is absent", "", "why", "StepFunctions.FAILED", "why"),
        ("a cause of null is a sentence", "E", None, "E", None),
        ("an empty cause is a sentence", "E", "", "E", None),
        ("no cause is a sentence", "E", MISSING, "E", None),
    ],
)
def test_error_and_cause_of_an_execution(
    relay: Function, error_name: object, cause: object, expected_type: str, expected_message: str | None
) -> None:
    said = told(relayed(relay, n.states({"TaskToken": token()}, "FAILED", error_name, cause)))
    assert said["type"] == expected_type
    assert said["message"] == expected_message if expected_message else said["message"]


def test_an_execution_whose_input_was_left_out_is_invalid(relay: Function) -> None:
    for status in ("FAILED", "TIMED_OUT", "ABORTED"):
        dead_lettered(relay, n.states(None, status, inputDetails={"included": False}), INVALID)
        dead_lettered(relay, n.states(MISSING, status, inputDetails={"included": False}), INVALID)


@pytest.mark.parametrize("payload", ["{}", "[]", '"text"', "42", "null"])
def test_an_execution_whose_input_names_nothing_is_ignored(relay: Function, payload: str) -> None:
    ignored(relay, n.states(payload))


def test_a_child_that_carries_a_pipelines_job(relay: Function) -> None:
    job = e.job_id()
    call = relayed(relay, n.states({"CodePipeline.job": {"id": job}}, "TIMED_OUT"))
    assert call.identity == job and call.params["failureDetails"]["message"].startswith("StepFunctions.TIMED_OUT: ")


# --- abandoned work ------------------------------------------------------------------------------------------------------------


def test_abandoned_work_is_told_with_its_queue_and_receives(relay: Function) -> None:
    record = n.abandoned({"TaskToken": token(), "id": "work-1"}, receives=3, message_id="m-1")
    said = told(relayed(relay, record))
    assert (said["type"], said["id"]) == ("Worker.Abandoned", "m-1")
    assert "jobs-dlq" in said["message"] and "3" in said["message"]


def test_abandoned_work_is_told_with_the_queue_that_it_came_from(relay: Function) -> None:
    record = n.abandoned({"TaskToken": token()}, receives=7, DeadLetterQueueSourceArn=n.WORK_QUEUE)
    message = told(relayed(relay, record))["message"]
    assert "jobs" in message and "jobs-dlq" not in message and "7" in message


def test_the_same_body_in_another_queue_is_an_invalid_event(relay: Function) -> None:
    dead_lettered(relay, {"TaskToken": token()}, INVALID)


@pytest.mark.parametrize("queue", [n.ABANDONED_QUEUE + "-2", n.ABANDONED_QUEUE.upper(), n.WORK_QUEUE])
def test_only_the_queues_that_are_set_hold_abandoned_work(relay: Function, queue: str) -> None:
    dead_lettered(relay, e.sqs_record({"TaskToken": token()}, queue=queue), INVALID)


@cases(
    "body",
    [
        ("abandoned work without an identity is a dead letter", {"order": 7}),
        ("abandoned work that is empty is a dead letter", {}),
        ("abandoned work that is not JSON is a dead letter", "render frame 7"),
        ("abandoned work that is a cut JSON text is a dead letter", '{"TaskToken":"t'),
        ("abandoned work that is an array is a dead letter", "[1]"),
        ("abandoned work in a notification that is not JSON is a dead letter", e.sns_notification("render frame 7")),
        ("abandoned work with a target of an unknown kind is a dead letter", {"target": {"kind": "house"}}),
        ("abandoned work with a target of an unknown kind and a version is a dead letter", {"version": "2", "target": {"kind": "house"}}),
    ],
)
def test_abandoned_work_is_never_ignored(relay: Function, body: object) -> None:
    record = n.abandoned(body)
    assert dead_lettered(relay, record, INVALID).body == record["body"]


def test_abandoned_work_without_a_body_is_invalid(relay: Function) -> None:
    record = n.abandoned("")
    del record["body"]
    dead_lettered(relay, record, INVALID)


def test_a_failure_event_in_a_queue_of_abandoned_work_is_a_failure_event(relay: Function) -> None:
    of = e.sfn()
    call = relayed(relay, n.abandoned(e.event(of, {"type": "T", "message": "m"})))
    assert call.params == {"taskToken": of["taskToken"], "error": "T", "cause": "m"}


def test_another_notice_in_a_queue_of_abandoned_work_is_that_notice(relay: Function) -> None:
    call = relayed(relay, n.abandoned(n.lambda_record({"TaskToken": token()})))
    assert call.params["error"] == "Exception"
    ignored(relay, n.abandoned(n.lambda_record({"TaskToken": token()}, "Success")))
    ignored(relay, n.abandoned(n.ecs_died({})))


def test_members_of_abandoned_work_are_its_own(relay: Function) -> None:
    body = {"CODEPIPELINE_JOB_ID": "nonsense", "id": "work-1", "version": "7", "time": "yesterday", "failure": {"type": "X"}}
    letter = dead_lettered(relay, n.abandoned(body, message_id="m-1"), INVALID)
    assert letter.attributes["EVENT_ID"] == "m-1"
    call = relayed(relay, n.abandoned({**body, "CODEPIPELINE_JOB_ID": e.job_id()}))
    assert call.params["failureDetails"]["message"].startswith("Worker.Abandoned: ")


def test_max_receives_does_not_apply_to_abandoned_work(relay_with) -> None:
    relay = relay_with(RELAY_ABANDONED_WORK_QUEUES=n.ABANDONED_QUEUE, RELAY_MAX_RECEIVES="2")
    value = token()
    record = n.abandoned({"TaskToken": value}, receives=50)
    result = relay.invoke(e.sqs(record), {value: error("AccessDeniedException")})
    assert result.failures == [record["messageId"]] and not result.dead_letters


def test_the_back_off_of_abandoned_work_uses_the_cap(relay_with) -> None:
    relay = relay_with(
        RELAY_ABANDONED_WORK_QUEUES=n.ABANDONED_QUEUE, RELAY_RETRY_BASE_SECONDS="1", RELAY_RETRY_CAP_SECONDS="300"
    )
    records = [n.abandoned({"TaskToken": token()}, receives=1) for _ in range(12)]
    result = relay.invoke(e.sqs(*records), {"*": error("AccessDeniedException")})
    waits = [change["VisibilityTimeout"] for change in result.aws.visibility]
    assert len(waits) == 12 and all(1 <= wait <= 300 for wait in waits)
    assert max(waits) > 1, "the base was used, not the cap"


def test_the_dead_letter_of_abandoned_work(relay: Function) -> None:
    letter = dead_lettered(relay, n.abandoned({"order": 7}, message_id="m-1", receives=4), INVALID)
    attributes = letter.attributes
    assert attributes["SOURCE_ARN"] == n.ABANDONED_QUEUE and attributes["SOURCE_MESSAGE_ID"] == "m-1"
    assert attributes["RETRY_ATTEMPTS"] == "3"


# --- recognition -----------------------------------------------------------------------------------------------------------------


@cases(
    "notice",
    [
        ("an ECS detail-type of another source", lambda t: {**n.ecs_died({"TASK_TOKEN": t}), "source": "com.example"}),
        ("an ECS event of another detail-type", lambda t: {**n.ecs_died({"TASK_TOKEN": t}), "detail-type": "ECS Service Action"}),
        ("a Batch detail-type of another source", lambda t: {**n.batch_died({"TASK_TOKEN": t}), "source": "aws.ecs"}),
        ("a CodeBuild phase change", lambda t: {**n.codebuild_died({"TASK_TOKEN": t}), "detail-type": "CodeBuild Build Phase Change"}),
    ],
)
def test_what_is_no_notice_is_an_envelope_without_a_target(relay: Function, notice) -> None:
    dead_lettered(relay, notice(token()), INVALID)


def test_hostile_notices_end_in_an_outcome(relay: Function) -> None:
    deep = "[" * 12_000 + "]" * 12_000
    value = token()
    body = '{"requestContext":{"condition":"RetriesExhausted"},"requestPayload":{"x":%s,"TaskToken":"%s","n":1e999999,"s":"\\ud800"}}' % (deep, value)
    assert relayed(relay, body).identity == value
    record = n.abandoned('{"x":%s,"TaskToken":"%s"}' % (deep, value))
    assert relayed(relay, record).identity == value
    assert relayed(relay, n.states('\ufeff{"x":%s,"TaskToken":"%s"}' % (deep, value))).identity == value


def test_a_notice_with_a_key_that_cannot_be_used_is_relayed_without_a_text(relay: Function) -> None:
    value = token()
    script = {value: lambda call: error("KmsAccessDeniedException") if "cause" in call.params else ok()}
    assert relayed(relay, n.ecs_died({"TASK_TOKEN": value}), script).params == {"taskToken": value}


@pytest.mark.parametrize("level", ["TRACE", "DEBUG"])
def test_notices_show_no_secret(relay_with, level: str) -> None:
    relay = relay_with(AWS_LAMBDA_LOG_LEVEL=level, RELAY_ABANDONED_WORK_QUEUES=n.ABANDONED_QUEUE)
    credentials = {"accessKeyId": Secrets.issue(20, "ASIA"), "secretAccessKey": Secrets.issue(40), "sessionToken": Secrets.issue(200)}
    job = {"CodePipeline.job": {"id": "nonsense", "data": {"artifactCredentials": credentials}}}
    environment = {"TASK_TOKEN": token(), "SWF_TASK_TOKEN": token(), "CODEPIPELINE_CLIENT_TOKEN": token()}
    contents = [build(environment) for build in (*ENVIRONMENTS.values(), *PAYLOADS.values())] + [build(job) for build in PAYLOADS.values()]
    for script in ({}, {"*": error("AccessDeniedException")}, {"*": error("InvalidToken")}):
        relay.invoke(e.sqs(*contents), script)
