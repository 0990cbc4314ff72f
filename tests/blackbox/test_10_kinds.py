"""Section 10: the ten further kinds: what identifies each, what is sent, every answer, and the two presigned URLs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from urllib.parse import parse_qsl, quote

import pytest

from harness import events as e
from harness import kinds as k
from harness import notices as n
from harness.answers import CutConnection, Hang, Reply, Scripted, error, http, ok
from harness.aws_endpoint import Call, assumed_access_key
from harness.events import event, raw_event, sqs_record
from harness.function import ACCESS_KEY, ACCOUNT, REGION, Function, Functions
from harness.kinds import BY_NAME, TEN, derived, identity
from harness.outcome import dead_lettered, direct, ignored, relayed, send
from harness.secrets import Secrets
from harness.table import cases
from harness.text import ASTRAL, MARKER, assert_cut, fingerprint, sha256_hex, utf16_len

NO_MESSAGE = "The worker reported a failure without a message."
OTHER, OTHER_REGION = "444455556666", "eu-central-1"
ROLE = {"RELAY_ALLOWED_ACCOUNTS": OTHER, "RELAY_ALLOWED_REGIONS": f"{OTHER_REGION},us-east-1,cn-north-1,us-gov-west-1,eusc-de-east-1", "RELAY_ROLE_NAME": "relay"}
FAILURE = '{"type":"Render.OutOfMemory","message":"it broke","details":{ "frame" : 1.50 },"externalExecutionId":"run-1"}'
NOTE = 'Render.OutOfMemory: it broke\n{ "frame" : 1.50 }\nrun-1'
NAMES = [kind.name for kind in TEN]
SIGNED = [kind for kind in TEN if not kind.presigned]
PRESIGNED = [kind for kind in TEN if kind.presigned]
SILENT = [kind for kind in TEN if not kind.carries_text]


def ids(kinds: list) -> list[str]:
    return [kind.name for kind in kinds]


def test_each_kind_of_the_relay_is_known_to_this_suite() -> None:
    assert set(k.RelayKinds.read().names) ^ set(k.ALL_NAMES) == set(), "kinds that one side alone knows"


def body(call: Call) -> object:
    return json.loads(call.request.body)


@pytest.fixture(scope="module")
def wide(functions: Functions) -> Function:
    """A relay that may call other regions and another account."""
    return functions.get(**ROLE)


# --- what is sent ------------------------------------------------------------------------------------------


def sent(of: dict) -> dict:
    """The body that `FAILURE` becomes, written from the contract's table."""
    match of["kind"]:
        case "lambda-durable-callback":
            data = '{"details":{ "frame" : 1.50 },"externalExecutionId":"run-1"}'
            return {"ErrorType": "Render.OutOfMemory", "ErrorMessage": "it broke", "ErrorData": data}
        case "cloudformation-custom-resource":
            return {
                "Status": "FAILED", "Reason": NOTE, "PhysicalResourceId": f"failure-relay:{of['requestId']}",
                "StackId": of["stackId"], "RequestId": of["requestId"], "LogicalResourceId": of["logicalResourceId"],
            }  # fmt: skip
        case "cloudformation-wait-condition":
            return {"Status": "FAILURE", "Reason": NOTE, "UniqueId": sha256_hex(identity(of))[:32], "Data": ""}
        case "sagemaker-pipeline-step":
            return {"CallbackToken": of["callbackToken"], "FailureReason": NOTE, "ClientRequestToken": derived(of)}
        case "auto-scaling-lifecycle-action":
            return {
                "Action": "CompleteLifecycleAction", "Version": "2011-01-01", "AutoScalingGroupName": "my-asg",
                "LifecycleHookName": "my-hook", "LifecycleActionToken": of["lifecycleActionToken"], "LifecycleActionResult": "ABANDON",
            }  # fmt: skip
        case "codedeploy-lifecycle-hook":
            hook = of["lifecycleEventHookExecutionId"]
            return {"deploymentId": of["deploymentId"], "lifecycleEventHookExecutionId": hook, "status": "Failed"}
        case "codepipeline-approval":
            names = {name: of[name] for name in ("pipelineName", "stageName", "actionName", "token")}
            return {**names, "result": {"status": "Rejected", "summary": NOTE}}
        case "image-builder-workflow-step":
            step = {name: of[name] for name in ("stepExecutionId", "imageBuildVersionArn")}
            return {**step, "action": "STOP", "reason": NOTE, "clientToken": derived(of)}
        case "service-catalog-engine-workflow":
            return {
                "WorkflowToken": of["workflowToken"], "RecordId": of["recordId"], "Status": "FAILED",
                "FailureReason": NOTE, "IdempotencyToken": derived(of),
            }  # fmt: skip
        case "ecs-deployment-hook":
            return {"serviceDeploymentArn": of["serviceDeploymentArn"], "hookId": of["hookId"], "action": "ROLLBACK"}
    raise AssertionError(f"what is sent for a {of['kind']} is not known")


def test_what_is_sent_is_known_of_each_kind() -> None:
    for kind in TEN:
        sent(kind.build())


PATHS: dict[str, Callable[[dict], tuple[str, str]]] = {
    "lambda-durable-callback": lambda of: (
        "POST", f"/2025-12-01/durable-execution-callbacks/{quote(of['callbackId'], safe='')}/fail"
    ),
    "cloudformation-custom-resource": lambda of: ("PUT", of["responseUrl"].split("amazonaws.com", 1)[1]),
    "cloudformation-wait-condition": lambda of: ("PUT", of["signalUrl"].split("amazonaws.com", 1)[1]),
    "image-builder-workflow-step": lambda of: ("PUT", "/SendWorkflowStepAction"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TEN, ids=NAMES)
def test_a_call_is_what_the_contract_says_to_the_byte(relay: Function, kind: k.Kind) -> None:
    of = kind.build()
    call = relayed(relay, raw_event(of, FAILURE))
    method, path = PATHS.get(kind.name, lambda _: ("POST", "/"))(of)
    assert (call.request.method, call.request.path) == (method, path)
    assert (call.service, call.operation) == (kind.service, kind.operation)
    if kind.name == "auto-scaling-lifecycle-action":
        assert dict(parse_qsl(call.request.body.decode(), strict_parsing=True)) == sent(of)
    else:
        assert body(call) == sent(of)
    assert call.region == REGION
    assert call.access_key == ("" if kind.presigned else ACCESS_KEY)


@pytest.mark.parametrize("kind", TEN, ids=NAMES)
def test_an_event_of_a_target_alone_has_the_defaults(relay: Function, kind: k.Kind) -> None:
    of = kind.build()
    call = relayed(relay, event(of))
    text = {
        "lambda-durable-callback": {"ErrorType": "WorkerFailed", "ErrorMessage": NO_MESSAGE},
        "cloudformation-custom-resource": {"Reason": NO_MESSAGE},
        "cloudformation-wait-condition": {"Reason": NO_MESSAGE},
        "sagemaker-pipeline-step": {"FailureReason": NO_MESSAGE},
        "codepipeline-approval": {"result": {"status": "Rejected", "summary": NO_MESSAGE}},
        "image-builder-workflow-step": {"reason": NO_MESSAGE},
        "service-catalog-engine-workflow": {"FailureReason": NO_MESSAGE},
    }.get(kind.name, {})
    if kind.carries_text:
        expected = {name: value for name, value in {**sent(of), **text}.items() if name != "ErrorData"}
        assert body(call) == expected
    else:
        assert NO_MESSAGE not in call.request.body.decode()


@pytest.mark.parametrize("kind", TEN, ids=NAMES)
def test_a_redelivered_event_makes_the_same_call(relay: Function, kind: k.Kind) -> None:
    of = kind.build()
    first, second = (relayed(relay, raw_event(of, FAILURE)).request.body for _ in range(2))
    assert first == second


@pytest.mark.parametrize("operation", [k.PROVISION, k.UPDATE, k.TERMINATE])
@pytest.mark.parametrize("tag", [{}, {"tracerTagKey": "key", "tracerTagValue": "value"}], ids=["bare", "tagged"])
def test_the_operation_chooses_the_api_of_service_catalog(relay: Function, operation: str, tag: dict) -> None:
    name = {k.PROVISION: "ProvisionProduct", k.UPDATE: "UpdateProvisionedProduct", k.TERMINATE: "TerminateProvisionedProduct"}
    call = relayed(relay, event(k.engine_workflow(operation=operation, **tag)))
    assert call.operation == f"Notify{name[operation]}EngineWorkflowResult"
    assert call.request.headers["x-amz-target"] == f"AWS242ServiceCatalogService.{call.operation}"
    identifier = {"UniqueTag": {"Key": "key", "Value": "value"}} if tag and operation == k.PROVISION else None
    assert call.params.get("ResourceIdentifier") == identifier


def test_a_physical_id_and_a_unique_id_are_sent_as_given(relay: Function) -> None:
    call = relayed(relay, event(k.custom_resource(physicalResourceId="my image/7")))
    assert call.params["PhysicalResourceId"] == "my image/7"
    call = relayed(relay, event(k.wait_condition(uniqueId="frame-7")))
    assert call.params["UniqueId"] == "frame-7"


def test_an_instance_stands_beside_the_token_or_alone(relay: Function) -> None:
    both = k.lifecycle_action(instanceId="i-0123456789abcdef0")
    call = relayed(relay, event(both))
    assert (call.params["LifecycleActionToken"], call.params["InstanceId"]) == (both["lifecycleActionToken"], both["instanceId"])
    alone = k.lifecycle_action(lifecycleActionToken=None, instanceId="i-0123456789abcdef0")
    result = send(relay, event(alone))
    call = result.the_call()
    assert "LifecycleActionToken" not in call.params and call.params["InstanceId"] == alone["instanceId"]
    assert result.outcome_lines[0]["target_fingerprint"] == fingerprint("i-0123456789abcdef0")


def test_a_form_is_escaped(relay: Function) -> None:
    of = k.lifecycle_action(autoScalingGroupName="a b+c&d=e/é%20🔥")
    call = relayed(relay, event(of))
    assert call.params["AutoScalingGroupName"] == of["autoScalingGroupName"]
    assert b"a%20b%2Bc%26d%3De%2F%C3%A9%2520%F0%9F%94%A5" in call.request.body


def test_a_callback_id_is_escaped_in_the_path(relay: Function) -> None:
    id = Secrets.issue(30) + "+/=="
    call = relayed(relay, event(k.callback(callbackId=id)))
    assert call.request.path.endswith("%2B%2F%3D%3D/fail") and call.params["CallbackId"] == id


# --- texts and their limits ----------------------------------------------------------------------------------

NOTES = {
    "sagemaker-pipeline-step": (lambda c: c.params["FailureReason"], 256),
    "codepipeline-approval": (lambda c: c.params["result"]["summary"], 512),
    "image-builder-workflow-step": (lambda c: c.params["reason"], 1024),
    "service-catalog-engine-workflow": (lambda c: c.params["FailureReason"], 2048),
}


@pytest.mark.parametrize("name", NOTES)
@pytest.mark.parametrize("over", [-1, 0, 1])
@cases("unit", [("of one unit", "m"), ("beyond ASCII", "é")])
def test_a_note_at_its_limit(relay: Function, name: str, over: int, unit: str) -> None:
    text_of, limit = NOTES[name]
    message = unit * (limit - len("T: \n1\nx") + over)
    call = relayed(relay, raw_event(BY_NAME[name].build(), json.dumps({"type": "T", "message": message, "details": 1, "externalExecutionId": "x"})))
    whole = f"T: {message}\n1\nx"
    if over <= 0:
        assert text_of(call) == whole
    else:
        assert_cut(text_of(call), whole, limit)


@pytest.mark.parametrize("name", [name for name in NOTES if name != "service-catalog-engine-workflow"])
def test_a_note_is_cut_by_units_on_a_character_boundary(relay: Function, name: str) -> None:
    text_of, limit = NOTES[name]
    whole = "x" + ASTRAL * limit
    assert_cut(text_of(relayed(relay, event(BY_NAME[name].build(), {"message": whole}))), whole, limit)


def test_service_catalog_takes_no_character_beyond_its_pattern(relay: Function) -> None:
    message = "a\x00b\x1bc\x7fd\te\r\nf" + ASTRAL + "g\ufffeh\uffffi\ufffdj\u2028k"
    call = relayed(relay, event(k.engine_workflow(), {"message": message, "type": "T" + ASTRAL}))
    assert call.params["FailureReason"] == "T : a b c\x7fd\te\r\nf g h i\ufffdj\u2028k"
    long = relayed(relay, event(k.engine_workflow(), {"message": ASTRAL * 3000})).params["FailureReason"]
    assert len(long) == 2048 and long == " " * (2048 - len(MARKER)) + MARKER


@cases(
    "failure, expected",
    [
        ("no data without details and execution id", {"message": "m"}, None),
        ("details alone", {"details": {"a": 1}}, '{"details":{"a":1}}'),
        ("an execution id alone", {"externalExecutionId": "run"}, '{"externalExecutionId":"run"}'),
        ("false is there", {"details": False}, '{"details":false}'),
    ],
)
def test_the_data_of_a_callback(relay: Function, failure: dict, expected: str | None) -> None:
    raw = json.dumps(failure, separators=(",", ":"))
    assert relayed(relay, raw_event(k.callback(), raw)).params["Error"].get("ErrorData") == expected


@cases(
    "member, field, limit",
    [("its type", "type", "ErrorType", 256), ("its message", "message", "ErrorMessage", 8192)],
)
@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_texts_of_a_callback_at_their_limits(relay: Function, member: str, field: str, limit: int, over: int) -> None:
    text = "x" * (limit + over)
    actual = relayed(relay, event(k.callback(), {member: text})).params["Error"][field]
    assert actual == text if over <= 0 else assert_cut(actual, text, limit) is None


@pytest.mark.parametrize("over", [0, 1, 10_000])
def test_the_data_of_a_callback_stays_json(relay: Function, over: int) -> None:
    room = 32768 - len('{"details":"","externalExecutionId":"run"}')
    details = "d" * (room + over)
    failure = {"details": details, "externalExecutionId": "run"}
    data = relayed(relay, event(k.callback(), failure)).params["Error"]["ErrorData"]
    assert utf16_len(data) <= 32768
    parsed = json.loads(data)
    assert list(parsed) == ["details", "externalExecutionId"] and parsed["externalExecutionId"] == "run"
    if over == 0:
        assert parsed["details"] == details
    else:
        assert parsed["details"].endswith(MARKER) and utf16_len(data) >= 32768 - 12


RESPONSES = {"cloudformation-custom-resource": k.custom_resource, "cloudformation-wait-condition": k.wait_condition}


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("over", [-1, 0, 1, 5_000])
@cases(
    "unit, cost",
    [
        ("of one byte", "m", 1), ("of two bytes", "é", 2), ("of four bytes", ASTRAL, 4),
        ("that are escaped", '"', 2), ("that are control characters", "\x01", 6),
    ],
)  # fmt: skip
def test_a_response_has_at_most_4096_bytes(relay: Function, name: str, over: int, unit: str, cost: int) -> None:
    of = RESPONSES[name]()
    empty = {**sent(of), "Reason": ""}
    room = 4096 - len(json.dumps(empty, separators=(",", ":")).encode())
    message = "m" * (room % cost) + unit * (room // cost) + unit * max(over, 0)
    if over < 0:
        message = message[:-1]
    call = relayed(relay, event(of, {"message": message}))
    reason = call.params["Reason"]
    assert len(call.request.body) <= 4096
    if over <= 0:
        assert reason == message
    else:
        assert reason.endswith(MARKER) and message.startswith(reason[: -len(MARKER)])
        assert len(call.request.body) > 4096 - 6, "cut by more than needed"


def test_members_that_leave_no_room_are_invalid(relay: Function) -> None:
    of = k.custom_resource(key="another-form", stackId=k.stack_id() + "é" * 900, physicalResourceId="é" * 512, logicalResourceId="é" * 255)
    large = {**of, "stackId": k.stack_id() + "枠" * 900}
    relayed(relay, event(of, {"message": "m" * 5000}))
    dead_lettered(relay, event(large), "INVALID_EVENT")


# --- members -------------------------------------------------------------------------------------------------


UUID = "0f9a1b2c-0000-4000-8000-0123456789ab"
ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-deployment/"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/"
FREE = {"key": "a-key-of-another-form"}
"""Members of a custom resource are free where the URL's key does not name them."""


def long_url(length: int, build: Callable[..., dict], member: str) -> dict:
    of = build()
    return build(**{member: of[member] + "&x=" + "y" * (length - len(of[member]) - 3)})


TAKEN = [
    ("a callback id of one character", lambda: k.callback(callbackId="A")),
    ("a callback id of 1,024 characters", lambda: k.callback(callbackId=Secrets.issue(1022) + "==")),
    ("a response URL of 8,192 characters", lambda: long_url(8192, lambda **c: k.custom_resource(**FREE, **c), "responseUrl")),
    ("a signal URL of 8,192 characters", lambda: long_url(8192, k.wait_condition, "signalUrl")),
    ("a stack id of 1,024 characters", lambda: k.custom_resource(**FREE, stackId=STACK + "s" * (1024 - len(STACK)))),
    ("a request id of 128 characters", lambda: k.custom_resource(**FREE, requestId="r" * 128)),
    ("a logical id of 255 characters", lambda: k.custom_resource(**FREE, logicalResourceId="L" * 255)),
    ("a physical id of 1,024 bytes", lambda: k.custom_resource(physicalResourceId="é" * 512)),
    ("a physical id of null", lambda: {**k.custom_resource(), "physicalResourceId": None}),
    ("a unique id of 64 characters", lambda: k.wait_condition(uniqueId="u" * 64)),
    ("a pipeline execution of null", lambda: {**k.pipeline_step(), "pipelineExecutionArn": None}),
    ("a pipeline execution of 2,048 characters", lambda: k.pipeline_step(pipelineExecutionArn=(a := k.pipeline_arn()) + "x" * (2048 - len(a)))),
    ("a group of 1,600 characters", lambda: k.lifecycle_action(autoScalingGroupName="g" * 1600)),
    ("a group of one character", lambda: k.lifecycle_action(autoScalingGroupName="g")),
    ("a hook of 255 characters", lambda: k.lifecycle_action(lifecycleHookName="h" * 255)),
    ("a hook of all characters", lambda: k.lifecycle_action(lifecycleHookName="aZ0-_/")),
    ("a lifecycle token in upper case", lambda: k.lifecycle_action(lifecycleActionToken=UUID.upper())),
    ("an instance of 19 characters", lambda: k.lifecycle_action(instanceId="i-0123456789abcdef0")),
    ("a deployment of 64 characters", lambda: k.codedeploy_hook(deploymentId="d" * 64)),
    ("a hook execution of 2,048 characters", lambda: k.codedeploy_hook(lifecycleEventHookExecutionId=Secrets.issue(2048))),
    ("names of 100 characters", lambda: k.approval(pipelineName="p" * 100, stageName="s" * 100, actionName="a" * 100)),
    ("names of all characters", lambda: k.approval(pipelineName="aZ0.@-_", stageName=".", actionName="@")),
    ("a step in upper case", lambda: k.image_step(stepExecutionId=f"step-{UUID.upper()}")),
    ("an image of AWS", lambda: k.image_step(imageBuildVersionArn=k.image_arn(account="aws"))),
    ("an image of a marketplace", lambda: k.image_step(imageBuildVersionArn=k.image_arn(account="aws-marketplace"))),
    ("an image with all characters", lambda: k.image_step(imageBuildVersionArn=k.image_arn().replace("/app/1.0.0/1", "/a-_0/10.20.30/40"))),
    ("a workflow token of 20,000 characters", lambda: k.engine_workflow(workflowToken=Secrets.issue(20_000))),
    ("a workflow token of one character", lambda: k.engine_workflow(workflowToken="=")),
    ("a record of 100 characters", lambda: k.engine_workflow(recordId="r" * 100)),
    ("a record of all characters", lambda: k.engine_workflow(recordId="aZ0_-")),
    ("a tracer tag at its limits", lambda: k.engine_workflow(tracerTagKey="k" * 128, tracerTagValue="v" * 256)),
    ("a hook id of 256 characters", lambda: k.deployment_hook(hookId="h" * 256)),
    ("a service deployment of 2,048 characters", lambda: k.deployment_hook(serviceDeploymentArn=ARN + "x" * (2048 - len(ARN)))),
]  # fmt: skip


@cases("build", TAKEN)
def test_a_member_within_its_limit_is_taken(relay: Function, build: Callable[[], dict]) -> None:
    relayed(relay, event(build(), {"message": "m"}))


REFUSED = [
    ("a callback id of 1,025 characters", "callbackId", lambda: k.callback(callbackId=Secrets.issue(1025))),
    ("a callback id with three signs of padding", "callbackId", lambda: k.callback(callbackId="AAAA===")),
    ("a callback id of padding alone", "callbackId", lambda: k.callback(callbackId="==")),
    ("a callback id with padding inside", "callbackId", lambda: k.callback(callbackId="AA=A")),
    ("a callback id of the URL-safe alphabet", "callbackId", lambda: k.callback(callbackId="AA-_")),
    ("a callback id with a line feed", "callbackId", lambda: k.callback(callbackId="AAAA\n")),
    ("a callback id that is a number", "callbackId", lambda: k.callback(callbackId=7)),
    ("a callback id with a lone surrogate", "callbackId", lambda: k.callback(callbackId="\ud800")),
    ("a response URL of 8,193 characters", "responseUrl", lambda: long_url(8193, lambda **c: k.custom_resource(**FREE, **c), "responseUrl")),
    ("a signal URL of 8,193 characters", "signalUrl", lambda: long_url(8193, k.wait_condition, "signalUrl")),
    ("a stack that is no ARN", "stackId", lambda: k.custom_resource(**FREE, stackId="my-stack")),
    ("a stack id of 1,025 characters", "stackId", lambda: k.custom_resource(**FREE, stackId=STACK + "s" * (1025 - len(STACK)))),
    ("a request id of 129 characters", "requestId", lambda: k.custom_resource(**FREE, requestId="r" * 129)),
    ("a logical id of 256 characters", "logicalResourceId", lambda: k.custom_resource(**FREE, logicalResourceId="L" * 256)),
    ("a physical id of 1,025 bytes", "physicalResourceId", lambda: k.custom_resource(physicalResourceId="é" * 512 + "x")),
    ("an empty physical id", "physicalResourceId", lambda: k.custom_resource(physicalResourceId="")),
    ("a physical id that is a number", "physicalResourceId", lambda: k.custom_resource(physicalResourceId=7)),
    ("a unique id of 65 characters", "uniqueId", lambda: k.wait_condition(uniqueId="u" * 65)),
    ("an empty unique id", "uniqueId", lambda: k.wait_condition(uniqueId="")),
    ("a callback token of 9 characters", "callbackToken", lambda: k.pipeline_step(callbackToken="A" * 9)),
    ("a callback token of 11 characters", "callbackToken", lambda: k.pipeline_step(callbackToken="A" * 11)),
    ("a callback token with a dash", "callbackToken", lambda: k.pipeline_step(callbackToken="ABCDE-1234")),
    ("a pipeline execution that is empty", "pipelineExecutionArn", lambda: k.pipeline_step(pipelineExecutionArn="")),
    ("a pipeline execution of 2,049 characters", "pipelineExecutionArn", lambda: k.pipeline_step(pipelineExecutionArn=(a := k.pipeline_arn()) + "x" * (2049 - len(a)))),
    ("a group of 1,601 characters", "autoScalingGroupName", lambda: k.lifecycle_action(autoScalingGroupName="g" * 1601)),
    ("a hook of 256 characters", "lifecycleHookName", lambda: k.lifecycle_action(lifecycleHookName="h" * 256)),
    ("a hook with a blank", "lifecycleHookName", lambda: k.lifecycle_action(lifecycleHookName="my hook")),
    ("a lifecycle token of 35 characters", "lifecycleActionToken", lambda: k.lifecycle_action(lifecycleActionToken=UUID[:-1])),
    ("a lifecycle token without dashes", "lifecycleActionToken", lambda: k.lifecycle_action(lifecycleActionToken="0" * 36)),
    ("an empty lifecycle token beside an instance", "lifecycleActionToken", lambda: k.lifecycle_action(lifecycleActionToken="", instanceId="i-1")),
    ("an instance of 20 characters", "instanceId", lambda: k.lifecycle_action(instanceId="i" * 20)),
    ("an empty instance beside a token", "instanceId", lambda: k.lifecycle_action(instanceId="")),
    ("neither token nor instance", "lifecycleActionToken", lambda: k.lifecycle_action(lifecycleActionToken=None)),
    ("a deployment of 65 characters", "deploymentId", lambda: k.codedeploy_hook(deploymentId="d" * 65)),
    ("a hook execution of 2,049 characters", "lifecycleEventHookExecutionId", lambda: k.codedeploy_hook(lifecycleEventHookExecutionId=Secrets.issue(2049))),
    ("a pipeline of 101 characters", "pipelineName", lambda: k.approval(pipelineName="p" * 101)),
    ("a stage with a blank", "stageName", lambda: k.approval(stageName="my stage")),
    ("an action with a slash", "actionName", lambda: k.approval(actionName="a/b")),
    ("an approval token in upper case", "token", lambda: k.approval(token=Secrets.register(UUID.upper()))),
    ("a step without its prefix", "stepExecutionId", lambda: k.image_step(stepExecutionId=UUID)),
    ("an image without a build", "imageBuildVersionArn", lambda: k.image_step(imageBuildVersionArn=k.image_arn()[:-2])),
    ("an image of another service", "imageBuildVersionArn", lambda: k.image_step(imageBuildVersionArn=k.image_arn().replace("imagebuilder", "ec2"))),
    ("an image of an account of 11 digits", "imageBuildVersionArn", lambda: k.image_step(imageBuildVersionArn=k.image_arn(account="1" * 11))),
    ("an image in upper case", "imageBuildVersionArn", lambda: k.image_step(imageBuildVersionArn=k.image_arn().replace("/app/", "/App/"))),
    ("another operation", "operation", lambda: k.engine_workflow(operation="DESCRIBE_PRODUCT")),
    ("an operation in lower case", "operation", lambda: k.engine_workflow(operation="provision_product")),
    ("a workflow token of 20,001 characters", "workflowToken", lambda: k.engine_workflow(workflowToken=Secrets.issue(20_001))),
    ("a workflow token with a dash", "workflowToken", lambda: k.engine_workflow(workflowToken="a-b")),
    ("a record of 101 characters", "recordId", lambda: k.engine_workflow(recordId="r" * 101)),
    ("a record with a dot", "recordId", lambda: k.engine_workflow(recordId="rec.1")),
    ("a tracer tag's key of 129 characters", "tracerTagKey", lambda: k.engine_workflow(tracerTagKey="k" * 129, tracerTagValue="v")),
    ("a tracer tag's value of 257 characters", "tracerTagValue", lambda: k.engine_workflow(tracerTagKey="k", tracerTagValue="v" * 257)),
    ("an empty tracer tag", "tracerTagKey", lambda: k.engine_workflow(tracerTagKey="", tracerTagValue="v")),
    ("a hook id of 257 characters", "hookId", lambda: k.deployment_hook(hookId="h" * 257)),
    ("a service deployment that is no ARN", "serviceDeploymentArn", lambda: k.deployment_hook(serviceDeploymentArn="cluster/service")),
    ("a service deployment of 2,049 characters", "serviceDeploymentArn", lambda: k.deployment_hook(serviceDeploymentArn=ARN + "x" * (2049 - len(ARN)))),
]  # fmt: skip


@cases("member, build", REFUSED)
def test_a_member_beyond_its_limit_is_invalid(relay: Function, member: str, build: Callable[[], dict]) -> None:
    of = build()
    letter = dead_lettered(relay, event(of), "INVALID_EVENT")
    assert f"target.{member}" in letter.attributes["ERROR_MESSAGE"]
    assert letter.attributes["TARGET_KIND"] == of["kind"]


OPTIONAL = {"physicalResourceId", "uniqueId", "pipelineExecutionArn", "tracerTagKey", "tracerTagValue", "lifecycleActionToken"}
REQUIRED = [
    (f"{member} of {kind.name}", kind, member)
    for kind in TEN
    for member in kind.build()
    if member != "kind" and member not in OPTIONAL
]


@cases("kind, member", REQUIRED)
@pytest.mark.parametrize("value", [None, "", 7, ["x"]], ids=["missing", "empty", "a number", "a list"])
def test_a_member_that_is_required_is_a_text(relay: Function, kind: k.Kind, member: str, value: object) -> None:
    of = kind.build()
    of[member] = value
    letter = dead_lettered(relay, event(of), "INVALID_EVENT")
    assert f"target.{member}" in letter.attributes["ERROR_MESSAGE"]


# --- places --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SIGNED, ids=ids(SIGNED))
def test_region_and_account_of_a_target_choose_the_place(wide: Function, kind: k.Kind) -> None:
    call = relayed(wide, event(kind.build(region=OTHER_REGION, account=OTHER)))
    assert (call.region, call.access_key) == (OTHER_REGION, assumed_access_key(OTHER))


WITH_PLACE = {
    "lambda-durable-callback": lambda region, account: k.callback(callbackId=k.callback_id(region, account)),
    "a padded callback id": lambda region, account: k.callback(callbackId=k.callback_id(region, account, padded=True)),
    "sagemaker-pipeline-step": lambda region, account: k.pipeline_step(pipelineExecutionArn=k.pipeline_arn(region, account)),
    "image-builder-workflow-step": lambda region, account: k.image_step(imageBuildVersionArn=k.image_arn(region, account)),
    "ecs-deployment-hook": lambda region, account: k.deployment_hook(serviceDeploymentArn=k.deployment_arn(region, account)),
}


@pytest.mark.parametrize("name", WITH_PLACE)
def test_the_arn_in_an_identity_tells_the_place(wide: Function, name: str) -> None:
    call = relayed(wide, event(WITH_PLACE[name](OTHER_REGION, OTHER)))
    assert (call.region, call.access_key) == (OTHER_REGION, assumed_access_key(OTHER))


@pytest.mark.parametrize("name", WITH_PLACE)
def test_region_and_account_beside_such_an_arn_win(wide: Function, name: str) -> None:
    of = {**WITH_PLACE[name](OTHER_REGION, OTHER), "region": "us-east-1", "account": ACCOUNT}
    call = relayed(wide, event(of))
    assert (call.region, call.access_key) == ("us-east-1", ACCESS_KEY)


@pytest.mark.parametrize("name", WITH_PLACE)
@pytest.mark.parametrize("place", [("ap-south-1", ACCOUNT), (REGION, "999999999999")], ids=["region", "account"])
def test_the_place_in_an_arn_must_be_allowed(wide: Function, name: str, place: tuple[str, str]) -> None:
    dead_lettered(wide, event(WITH_PLACE[name](*place)), "TARGET_NOT_ALLOWED")


def test_a_callback_id_that_tells_nothing_is_the_relays_own(relay: Function) -> None:
    assert relayed(relay, event(k.callback(callbackId=Secrets.issue(40)))).region == REGION


def test_an_image_of_aws_is_called_for_in_the_relays_own_account(relay: Function) -> None:
    call = relayed(relay, event(k.image_step(imageBuildVersionArn=k.image_arn(account="aws"))))
    assert call.access_key == ACCESS_KEY


@pytest.mark.parametrize("place", [("ap-south-1", ACCOUNT), (REGION, "999999999999")], ids=["region", "account"])
def test_the_place_of_a_stack_must_be_allowed(wide: Function, place: tuple[str, str]) -> None:
    region, account = place
    dead_lettered(wide, event(k.custom_resource(region=region, account=account)), "TARGET_NOT_ALLOWED")


def test_the_region_of_a_signal_must_be_allowed(wide: Function) -> None:
    dead_lettered(wide, event(k.wait_condition(region="ap-south-1")), "TARGET_NOT_ALLOWED")


def test_no_role_is_assumed_for_a_url(wide: Function) -> None:
    for of in (k.custom_resource(region=OTHER_REGION, account=OTHER), k.wait_condition(region=OTHER_REGION)):
        result = send(wide, event(of))
        assert result.the_call().region == OTHER_REGION
        assert not result.aws.others, "a call of STS"


@pytest.mark.parametrize("kind", PRESIGNED, ids=ids(PRESIGNED))
@cases("more", [("a region", {"region": "ap-south-1"}), ("an account", {"account": "999999999999"}), ("nonsense", {"region": 7, "account": "x"})])
def test_region_and_account_are_no_members_of_a_url(relay: Function, kind: k.Kind, more: dict) -> None:
    assert relayed(relay, event({**kind.build(), **more})).region == REGION


# --- presigned URLs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host_of, build", [(k.response_host, k.custom_resource), (k.signal_host, k.wait_condition)], ids=["response", "signal"])
@cases(
    "region, form",
    [
        ("the usual host", OTHER_REGION, ".s3.{region}.amazonaws.com"),
        ("the host with a dash", OTHER_REGION, ".s3-{region}.amazonaws.com"),
        ("us-east-1 without its name", "us-east-1", ".s3.amazonaws.com"),
        ("us-east-1 with its name", "us-east-1", ".s3.us-east-1.amazonaws.com"),
        ("us-east-1 with a dash", "us-east-1", ".s3-us-east-1.amazonaws.com"),
        ("China", "cn-north-1", ".s3.cn-north-1.amazonaws.com.cn"),
        ("GovCloud", "us-gov-west-1", ".s3-us-gov-west-1.amazonaws.com"),
        ("the European sovereign cloud", "eusc-de-east-1", ".s3.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_a_host_of_cloudformation_is_called(wide: Function, host_of, build, region: str, form: str) -> None:
    host = host_of(region, form)
    call = relayed(wide, event(build(region=region, host=host)))
    assert (call.request.headers["host"], call.region) == (host, region)


HOSTS = [
    ("another host", lambda h: "example.com"),
    ("an address", lambda h: "169.254.169.254"),
    ("localhost", lambda h: "localhost"),
    ("a longer name", lambda h: h + ".example.com"),
    ("a prefix", lambda h: "x" + h),
    ("a subdomain", lambda h: "x." + h),
    ("a dot at its end", lambda h: h + "."),
    ("two dots", lambda h: h.replace(".s3", "..s3")),
    ("a port", lambda h: h + ":443"),
    ("another port", lambda h: h + ":8080"),
    ("an empty port", lambda h: h + ":"),
    ("user information", lambda h: "user@" + h),
    ("user and password", lambda h: "user:password@" + h),
    ("itself as user information", lambda h: h + "@example.com"),
    ("itself before a backslash", lambda h: h + "\\@example.com"),
    ("upper case", lambda h: h.upper()),
    ("one letter in upper case", lambda h: h.replace("s3", "S3")),
    ("a percent sign", lambda h: h.replace(".s3", "%2es3")),
    ("a full-width dot", lambda h: h.replace(".s3", "\u3002s3")),
    ("a blank", lambda h: h + " "),
    ("a tab", lambda h: h[:9] + "\t" + h[9:]),
    ("a line feed", lambda h: h + "\n"),
    ("a NUL", lambda h: h + "\0"),
    ("a region of another bucket", lambda h: h.replace("s3.eu-west-1", "s3.eu-west-2")),
    ("China's suffix", lambda h: h + ".cn"),
    ("another suffix", lambda h: h.replace("amazonaws.com", "amazonaws.org")),
    ("no region", lambda h: h.replace(".eu-west-1.", ".")),
    ("a dualstack host", lambda h: h.replace(".s3.", ".s3.dualstack.")),
    ("an accelerated host", lambda h: h.replace(".s3.eu-west-1.", ".s3-accelerate.")),
    ("a FIPS host", lambda h: h.replace(".s3.", ".s3-fips.")),
    ("a host in brackets", lambda h: f"[{h}]"),
    ("no host", lambda h: ""),
    ("a hash in it", lambda h: h + "#"),
    ("a question mark in it", lambda h: "example.com?" + h),
]  # fmt: skip


@pytest.mark.parametrize("member, host_of, build", [("responseUrl", k.response_host, k.custom_resource), ("signalUrl", k.signal_host, k.wait_condition)], ids=["response", "signal"])
@cases("change", HOSTS)
def test_no_other_host_is_called(wide: Function, member: str, host_of, build, change: Callable[[str], str]) -> None:
    of = build()
    of[member] = of[member].replace(host_of(), change(host_of()), 1)
    letter = dead_lettered(wide, event(of), "INVALID_EVENT")
    assert letter.attributes["ERROR_MESSAGE"].startswith(f"target.{member}")


@pytest.mark.parametrize("member, build", [("responseUrl", k.custom_resource), ("signalUrl", k.wait_condition)], ids=["response", "signal"])
@cases(
    "change",
    [
        ("http", lambda url: url.replace("https", "http")),
        ("HTTPS in upper case", lambda url: url.replace("https", "HTTPS")),
        ("no scheme", lambda url: url.replace("https:", "")),
        ("one slash", lambda url: url.replace("https://", "https:/")),
        ("three slashes", lambda url: url.replace("https://", "https:///")),
        ("blanks before it", lambda url: " " + url),
        ("a file", lambda url: url.replace("https", "file")),
        ("no path", lambda url: url[: url.index("amazonaws.com") + len("amazonaws.com")]),
        ("a line feed in its path", lambda url: url.replace("?", "\r\nHost: example.com\r\n\r\n?")),
        ("a blank in its path", lambda url: url.replace("?", " ?")),
        ("characters beyond ASCII in its path", lambda url: url.replace("?", "é?")),
    ],
)
def test_what_is_no_https_url_is_invalid(wide: Function, member: str, build, change: Callable[[str], str]) -> None:
    of = build()
    of[member] = change(of[member])
    dead_lettered(wide, event(of), "INVALID_EVENT")


def test_the_bucket_of_the_other_kind_is_not_called(relay: Function) -> None:
    dead_lettered(relay, event(k.custom_resource(host=k.signal_host())), "INVALID_EVENT")
    dead_lettered(relay, event(k.wait_condition(host=k.response_host())), "INVALID_EVENT")


@cases(
    "key",
    [
        ("escapes in lower case", "a%3ab%7cc"), ("what needs no escape", "%41%2E%2e/%2e%2e/b"), ("two slashes", "//a//b/"),
        ("dots", "a/../b/./c"), ("a plus and a blank", "a+b%20c"), ("marks", "a:b;c,d@e!f$g'h(i)j*k~l=m&n"), ("an escape of an escape", "%257C"),
    ],
)  # fmt: skip
def test_path_and_query_go_byte_for_byte(relay: Function, key: str) -> None:
    query = f"x=%7c%7C&&y=a+b&z=/?:@&{k.signed()}&empty="
    of = k.custom_resource(key=key, query=query)
    assert relayed(relay, event(of)).request.path == f"/{key}?{query}"


NAMED = [("the stack", "stackId", k.stack_id), ("the request", "requestId", lambda: "another"), ("the resource", "logicalResourceId", lambda: "Other")]


@cases("member, other", NAMED)
@cases("safe", [("all escaped", ""), ("slashes as they are", "/"), ("nothing escaped", "/:|")])
def test_a_request_must_be_the_one_that_its_url_names(relay: Function, member: str, other, safe: str) -> None:
    stack = k.stack_id()
    names = {"stackId": stack, "requestId": "r-1", "logicalResourceId": "Image"}
    key = quote(f"{stack}|Image|r-1", safe=safe)
    relayed(relay, event(k.custom_resource(key=key, **names)))
    letter = dead_lettered(relay, event(k.custom_resource(key=key, **{**names, member: other()})), "INVALID_EVENT")
    assert f"target.{member}" in letter.attributes["ERROR_MESSAGE"]


@cases("key", [("one part", "key"), ("two parts", "a%7Cb"), ("four parts", "a%7Cb%7Cc%7Cd")])
def test_a_key_of_another_form_names_nothing(relay: Function, key: str) -> None:
    relayed(relay, event(k.custom_resource(key=key)))


EXPIRED = [
    ("by Signature Version 4", lambda: k.signed(k.LONG_AGO, 7200)),
    ("by Signature Version 2", lambda: k.signed_v2(1_700_000_000)),
    ("at once", lambda: k.signed(k.LONG_AGO, 0)),
]
OPEN = [
    ("for long", lambda: k.signed(k.LONG_AGO, 3_000_000_000)),
    ("by Signature Version 2", lambda: k.signed_v2()),
    ("without telling", lambda: "X-Amz-Signature=" + Secrets.issue(64)),
    ("with a date that is none", lambda: k.signed("yesterday", 10)),
    ("with a time that is none", lambda: k.signed_v2("soon")),
]


@pytest.mark.parametrize("kind", PRESIGNED, ids=ids(PRESIGNED))
@cases("query", EXPIRED)
def test_a_url_that_has_expired_is_settled_without_a_call(relay: Function, kind: k.Kind, query: Callable[[], str]) -> None:
    of = kind.build(query=query())
    result = send(relay, event(of))
    assert not result.calls and not result.failures and not result.dead_letters
    assert [line["outcome"] for line in result.outcome_lines] == ["already-settled"]
    assert direct(relay, event(kind.build(query=query())))["outcome"] == "already-settled"


@pytest.mark.parametrize("kind", PRESIGNED, ids=ids(PRESIGNED))
@cases("query", OPEN)
def test_a_url_that_has_not_expired_is_called(relay: Function, kind: k.Kind, query: Callable[[], str]) -> None:
    relayed(relay, event(kind.build(query=query())))


@pytest.mark.parametrize("kind", PRESIGNED, ids=ids(PRESIGNED))
@cases("name, expected", [("a refusal", "AccessDenied", []), ("a wrong clock", "RequestTimeTooSkewed", None)])
def test_a_url_that_expires_during_the_call_is_settled_by_a_403(relay: Function, kind: k.Kind, name: str, expected) -> None:
    now = datetime.now(timezone.utc)
    of = kind.build(query=k.signed(now.strftime("%Y%m%dT%H%M%SZ"), 3))
    result = send(relay, event(of), {identity(of): error(name, 403, delay_s=4.0)})
    assert result.calls and not result.dead_letters
    # Ambiguous: of a 403 that says that the clock is off, either rule may be meant.
    if expected is not None:
        assert result.failures == expected


@pytest.mark.parametrize("kind", PRESIGNED, ids=ids(PRESIGNED))
def test_an_expired_url_of_a_wrong_host_is_invalid(relay: Function, kind: k.Kind) -> None:
    dead_lettered(relay, event(kind.build(query=k.signed(k.LONG_AGO), host="example.com")), "INVALID_EVENT")


@pytest.mark.parametrize("kind", PRESIGNED, ids=ids(PRESIGNED))
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(relay: Function, kind: k.Kind, status: int) -> None:
    of = kind.build()
    elsewhere = Reply(status, b"", {"location": f"{relay.aws.url}/elsewhere"})
    result = send(relay, event(of), {identity(of): elsewhere})
    assert len(result.failures) == 1
    assert {call.request.path for call in result.calls} == {"/" + (of.get("responseUrl") or of["signalUrl"]).split("/", 3)[3]}


def test_no_proxy_is_asked(relay_with) -> None:
    nobody = "http://127.0.0.1:9"
    relay = relay_with(HTTPS_PROXY=nobody, HTTP_PROXY=nobody, ALL_PROXY=nobody, https_proxy=nobody, http_proxy=nobody)
    relayed(relay, event(k.custom_resource()))


# --- answers -------------------------------------------------------------------------------------------------

RELAYED, SETTLED, DEAD, RETRY = "relayed", "already-settled", "dead-lettered", "retry"
REJECTED_BY_ALL = ("ValidationException", "SerializationException", "InvalidParameterValue", "InvalidParameterValueException")
ALL_TABLES = sorted({name for kind in TEN for name in (*kind.settled, *kind.rejected)})
NO_ACTION = "No active Lifecycle Action found with token 71514b9d-6a40-4b26-8523-05e7ee35fa40"


def outcome_of(kind: k.Kind, name: str) -> str:
    """What a 400 of this name means for a kind, by the contract's two tables."""
    if name in kind.settled:
        return SETTLED
    if name in kind.rejected or name in REJECTED_BY_ALL:
        return DEAD
    return DEAD if kind.presigned else RETRY


def rows() -> list[tuple[str, k.Kind, Scripted, str]]:
    rows: list[tuple[str, k.Kind, Scripted, str]] = []

    def add(sentence: str, answered: Scripted, expected: str, kinds: list = list(TEN)) -> None:
        rows.extend((f"{sentence}, for a {kind.name}", kind, answered, expected) for kind in kinds)

    for kind in TEN:
        for name in sorted({*ALL_TABLES, *REJECTED_BY_ALL, "TaskTimedOut", "InvalidToken", "UnknownResourceFault", "BrandNewException"}):
            add(f"{name} is {outcome_of(kind, name)}", error(name), outcome_of(kind, name), [kind])
        if not kind.presigned and kind.service != "autoscaling":
            for name in (*kind.settled, *kind.rejected):
                for style in ("namespaced", "header"):
                    add(f"{name} ({style}) is {outcome_of(kind, name)}", error(name, style=style), outcome_of(kind, name), [kind])
        for name in (*kind.settled, *kind.rejected):
            for status in (429, 500, 503):
                add(f"{name} with status {status} is retried", error(name, status), RETRY, [kind])
            if not kind.presigned:
                for status in (403, 404, 409):
                    add(f"{name} with status {status} is {outcome_of(kind, name)}", error(name, status), outcome_of(kind, name), [kind])
    add("ResourceContention with status 500 is retried", error("ResourceContention", 500), RETRY, [BY_NAME["auto-scaling-lifecycle-action"]])
    add("no active action is settled", error("ValidationError", message=NO_ACTION), SETTLED, [BY_NAME["auto-scaling-lifecycle-action"]])
    add("no active action with an instance is settled", error("ValidationError", message="No active Lifecycle Action found with instance ID i-1"), SETTLED, [BY_NAME["auto-scaling-lifecycle-action"]])
    add("a text that only holds the words is rejected", error("ValidationError", message=f"x {NO_ACTION}"), DEAD, [BY_NAME["auto-scaling-lifecycle-action"]])
    add("the words in another case are rejected", error("ValidationError", message=NO_ACTION.lower()), DEAD, [BY_NAME["auto-scaling-lifecycle-action"]])
    add("the words under another name are retried", error("Other", message=NO_ACTION), RETRY, [BY_NAME["auto-scaling-lifecycle-action"]])
    add("ConflictException is retried", error("ConflictException"), RETRY, [BY_NAME["sagemaker-pipeline-step"]])
    add("ResourceLimitExceeded is retried", error("ResourceLimitExceeded"), RETRY, [BY_NAME["sagemaker-pipeline-step"]])
    add("ResourceInUseException is retried", error("ResourceInUseException"), RETRY, [BY_NAME["image-builder-workflow-step"]])
    add("ForbiddenException is retried", error("ForbiddenException", 403), RETRY, [BY_NAME["image-builder-workflow-step"]])
    add("CallRateLimitExceededException is retried", error("CallRateLimitExceededException", 429), RETRY, [BY_NAME["image-builder-workflow-step"]])
    add("TooManyRequestsException is retried", error("TooManyRequestsException", 429), RETRY, [BY_NAME["lambda-durable-callback"]])
    for name in ("KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException"):
        add(f"{name} is retried", error(name, 502), RETRY, [BY_NAME["lambda-durable-callback"]])
    for name, status in (("AccessDeniedException", 400), ("AccessDenied", 403), ("ThrottlingException", 400), ("Throttling", 400),
                         ("ExpiredTokenException", 400), ("UnrecognizedClientException", 400), ("RequestLimitExceeded", 400)):  # fmt: skip
        add(f"{name} is retried", error(name, status), RETRY, SIGNED)
    for name, status in (("AccessDenied", 403), ("SignatureDoesNotMatch", 403), ("InvalidAccessKeyId", 403), ("NoSuchBucket", 404),
                         ("InvalidRequest", 400), ("MethodNotAllowed", 405), ("EntityTooLarge", 400), ("PreconditionFailed", 412)):  # fmt: skip
        add(f"{name} with status {status} is rejected", error(name, status), DEAD, PRESIGNED)
    add("a clock that is off is retried", error("RequestTimeTooSkewed", 403), RETRY, PRESIGNED)
    add("a time-out of S3 is retried", error("RequestTimeout", 408), RETRY, PRESIGNED)
    add("SlowDown is retried", error("SlowDown", 503), RETRY, PRESIGNED)
    add("a bare 403 is rejected", http(403, b""), DEAD, PRESIGNED)
    add("a 404 with a page is rejected", http(404, b"<html></html>"), DEAD, PRESIGNED)
    add("a bare 400 is retried", http(400, b""), RETRY, SIGNED)
    add("a 403 with a page is retried", http(403, b"<html></html>"), RETRY, SIGNED)
    add("a bare 408 is retried", http(408, b""), RETRY)
    add("a bare 429 is retried", http(429, b""), RETRY)
    for status in (500, 502, 503, 504):
        add(f"a bare {status} is retried", http(status, b""), RETRY)
    add("a connection that is cut is retried", CutConnection(), RETRY)
    for sentence, answer in (("nothing", b""), ("half an object", b'{"half":'), ("an error", b"<Error><Code>AccessDenied</Code></Error>"), ("no text", b"\xff\x00")):
        add(f"200 with {sentence} is relayed", ok(answer), RELAYED)
    return rows


ROWS = rows()


class Table:
    """All rows in a few batches: what became of each."""

    def __init__(self, relay: Function) -> None:
        self.targets = [kind.build() for _, kind, _, _ in ROWS]
        self.outcomes: dict[int, str] = {}
        self.attributes: dict[int, dict] = {}
        for start in range(0, len(ROWS), 200):
            self._run(relay, range(start, min(start + 200, len(ROWS))))

    def _run(self, relay: Function, rows: range) -> None:
        records = [sqs_record(event(self.targets[i], id=f"row-{i}"), message_id=f"row-{i}") for i in rows]
        script = {identity(self.targets[i]): ROWS[i][2] for i in rows}
        result = relay.invoke(e.sqs(*records), script, time_left_s=120)
        failures = set(result.failures)
        letters = {letter.attributes["EVENT_ID"]: letter.attributes for letter in result.dead_letters}
        for i in rows:
            name, calls = f"row-{i}", result.calls_of(identity(self.targets[i]))
            assert calls, f"no call for {ROWS[i][0]}"
            done = RELAYED if calls[-1].accepted else SETTLED
            self.outcomes[i] = RETRY if name in failures else DEAD if name in letters else done
            self.attributes[i] = letters.get(name, {})


@pytest.fixture(scope="module")
def table(functions: Functions) -> Table:
    return Table(functions.get(RELAY_CONCURRENCY="64"))


@cases("row", [(sentence, i) for i, (sentence, *_) in enumerate(ROWS)])
def test_each_answer(table: Table, row: int) -> None:
    _, kind, _, expected = ROWS[row]
    assert table.outcomes[row] == expected
    if expected == DEAD:
        attributes = table.attributes[row]
        assert (attributes["ERROR_CODE"], attributes["TARGET_KIND"]) == ("REJECTED_BY_SERVICE", kind.name)


def test_services_that_never_answer_hold_up_nothing_beyond_the_deadline(relay: Function) -> None:
    targets = [kind.build() for kind in TEN]
    records = [sqs_record(event(of)) for of in targets]
    result = relay.invoke(e.sqs(*records), {identity(of): Hang() for of in targets}, time_left_s=5)
    assert result.duration_s < 5 and len(result.failures) == len(TEN)


# --- logs, metrics, secrets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TEN, ids=NAMES)
def test_a_task_is_followed_by_the_fingerprint_that_the_table_names(relay: Function, kind: k.Kind) -> None:
    of = kind.build()
    (line,) = send(relay, event(of)).outcome_lines
    assert (line["target_kind"], line["target_fingerprint"]) == (kind.name, fingerprint(identity(of)))


@pytest.mark.parametrize("kind", TEN, ids=NAMES)
@cases(
    "failure, type_name, message",
    [
        ("as given", {"type": "T", "message": "why"}, "T", "why"),
        ("by default", None, "WorkerFailed", NO_MESSAGE),
    ],
)
def test_the_line_has_the_text_that_no_api_takes(relay: Function, kind: k.Kind, failure, type_name: str, message: str) -> None:
    (line,) = send(relay, event(kind.build(), failure)).outcome_lines
    told = (line.get("failure_type"), line.get("failure_message"))
    assert told == ((None, None) if kind.carries_text else (type_name, message))


@pytest.mark.parametrize("kind", SILENT, ids=ids(SILENT))
def test_the_text_of_a_line_is_cut_and_counts_as_no_cut(relay: Function, kind: k.Kind) -> None:
    result = send(relay, event(kind.build(), {"type": "t" * 300, "message": "m" * 6000}))
    (line,) = result.outcome_lines
    assert_cut(line["failure_type"], "t" * 300, 256)
    assert_cut(line["failure_message"], "m" * 6000, 5000)
    assert not any(metrics.get("Truncated") for metrics in result.metric_lines)


@pytest.mark.parametrize("kind", [kind for kind in TEN if kind.carries_text], ids=lambda kind: kind.name)
def test_a_text_that_is_cut_counts(relay: Function, kind: k.Kind) -> None:
    result = send(relay, event(kind.build(), {"message": "m" * 10_000}))
    assert [metrics["Truncated"] for metrics in result.metric_lines if "Truncated" in metrics] in ([1], [[1]])


@pytest.fixture(scope="module")
def loudest(functions: Functions) -> Function:
    return functions.get(AWS_LAMBDA_LOG_LEVEL="TRACE")


SECRET = [kind for kind in TEN if kind.secret and kind.name != "sagemaker-pipeline-step"]


@pytest.mark.parametrize("kind", SECRET, ids=ids(SECRET))
@cases(
    "answered",
    [("accepted", ok()), ("rejected", error("ValidationException")), ("denied", error("AccessDeniedException", 403)), ("lost", CutConnection())],
)
def test_no_secret_is_shown_that_the_publisher_repeats(loudest: Function, kind: k.Kind, answered: Scripted) -> None:
    of = kind.build()
    secret = of[kind.secret]
    failure = {"type": secret, "message": f"PUT {secret}", "details": {kind.secret: secret}, "externalExecutionId": secret}
    members = {"id": secret, "source": f"worker {secret}", "time": secret}
    # Every invocation is checked for what Secrets has issued.
    loudest.invoke(e.sqs(event(of, failure, **members)), {identity(of): answered})
    loudest.invoke(event(of, failure, **members), {identity(of): answered})


@pytest.mark.parametrize("kind", SECRET, ids=ids(SECRET))
def test_no_secret_is_shown_that_the_service_repeats(loudest: Function, kind: k.Kind) -> None:
    of = kind.build()
    for name in ("ValidationException", "AccessDeniedException", "BrandNewException"):
        echo = lambda call, name=name: error(name, message=f"{of[kind.secret]} {call.request.path}")  # noqa: E731
        loudest.invoke(e.sqs(event(of)), {identity(of): echo})


@pytest.mark.parametrize("kind", SECRET, ids=ids(SECRET))
@cases(
    "change",
    [
        ("too long", lambda text: text * 100), ("in a list", lambda text: [text]), ("in an object", lambda text: {"a": text}),
        ("with a lone surrogate", lambda text: text + "\ud800"), ("of a wrong form", lambda text: f"!{text}!"),
    ],
)  # fmt: skip
def test_a_secret_that_is_wrong_is_not_shown(loudest: Function, kind: k.Kind, change) -> None:
    of = kind.build()
    of[kind.secret] = change(of[kind.secret])
    for content in (e.sqs(event(of)), event(of)):
        result = loudest.invoke(content)
        # A few of these are still within a limit that is wide.
        assert len(result.dead_letters) + len(result.accepted) == 1


def test_the_token_of_a_pipeline_step_is_not_shown(loudest: Function) -> None:
    of = k.pipeline_step()
    result = loudest.invoke(e.sqs(event(of, {"message": of["callbackToken"]}, id=of["callbackToken"])))
    result.the_call()
    assert of["callbackToken"] not in result.output


# --- settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TEN, ids=NAMES)
def test_a_kind_that_is_not_enabled_is_not_called(relay_with, kind: k.Kind) -> None:
    letter = dead_lettered(relay_with(RELAY_TARGETS="step-functions-task"), event(kind.build()), "TARGET_NOT_ALLOWED")
    assert letter.attributes["TARGET_KIND"] == kind.name


def test_kinds_are_enabled_one_by_one(relay_with) -> None:
    relay = relay_with(RELAY_TARGETS=",".join(NAMES[::2]))
    for kind in TEN[::2]:
        relayed(relay, event(kind.build()))
    for kind in TEN[1::2]:
        dead_lettered(relay, event(kind.build()), "TARGET_NOT_ALLOWED")


@pytest.mark.parametrize("kind", SIGNED, ids=ids(SIGNED))
def test_each_service_has_an_endpoint_of_its_own(relay_with, relay: Function, kind: k.Kind) -> None:
    nobody = "http://127.0.0.1:9"
    elsewhere = Function({"AWS_ENDPOINT_URL": nobody, f"AWS_ENDPOINT_URL_{kind.endpoint_variable}": relay.aws.url})
    try:
        record = relay.aws.begin({})
        result = elsewhere.invoke(e.sqs(event(kind.build())))
        assert not result.failures and len(record.calls) == 1 and not record.violations
    finally:
        elsewhere.close()


def test_the_endpoint_of_all_is_not_that_of_a_url() -> None:
    """Only the variable that is for tests stands in for S3: without it the URL's own host is asked for, which no name server knows here."""
    of = k.custom_resource(region="us-iso-east-1", host=k.response_host("us-iso-east-1", ".s3.{region}.c2s.ic.gov"))
    function = Function({"AWS_ENDPOINT_URL_CLOUDFORMATION_RESPONSE": None, "RELAY_ALLOWED_REGIONS": "us-iso-east-1"})
    try:
        result = send(function, event(of))
        assert len(result.failures) == 1 and not result.calls
    finally:
        function.close()


# --- exact shapes --------------------------------------------------------------------------------------------


def custom_resource_request(**changes: object) -> tuple[dict, dict]:
    of = k.custom_resource()
    document = {
        "RequestType": "Create", "ServiceToken": n.WORKER_ARN, "ResponseURL": of["responseUrl"], "StackId": of["stackId"],
        "RequestId": of["requestId"], "LogicalResourceId": of["logicalResourceId"], "ResourceType": "Custom::Image",
        "ResourceProperties": {"ServiceToken": n.WORKER_ARN}, **changes,
    }  # fmt: skip
    return document, of


def codedeploy_event() -> tuple[dict, dict]:
    of = k.codedeploy_hook()
    return {"DeploymentId": of["deploymentId"], "LifecycleEventHookExecutionId": of["lifecycleEventHookExecutionId"]}, of


def lifecycle_message(**changes: object) -> tuple[dict, dict]:
    of = k.lifecycle_action(instanceId="i-0123456789abcdef0")
    return {
        "LifecycleActionToken": of["lifecycleActionToken"], "AutoScalingGroupName": "my-asg", "LifecycleHookName": "my-hook",
        "EC2InstanceId": of["instanceId"], "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "Service": "AWS Auto Scaling",
        "Time": "2026-11-20T10:00:00Z", "RequestId": UUID, "AccountId": ACCOUNT, **changes,
    }, of  # fmt: skip


def lifecycle_event(**members: object) -> tuple[dict, dict]:
    message, of = lifecycle_message()
    detail = {name: message[name] for name in ("LifecycleActionToken", "AutoScalingGroupName", "LifecycleHookName", "EC2InstanceId", "LifecycleTransition")}
    return e.eventbridge(detail, "EC2 Instance-launch Lifecycle Action", "aws.autoscaling", **members), of


def callback_message(status: str = "Executing") -> tuple[dict, dict]:
    of = k.pipeline_step(pipelineExecutionArn=k.pipeline_arn())
    return {"token": of["callbackToken"], "pipelineExecutionArn": of["pipelineExecutionArn"], "arguments": {}, "status": status}, of


def engine_message() -> tuple[dict, dict]:
    of = k.engine_workflow(tracerTagKey="key", tracerTagValue="value")
    tag = {"key": "key", "value": "value"}
    return {"token": of["workflowToken"], "operation": of["operation"], "recordId": of["recordId"], "productId": "prod-1", "tracerTag": tag}, of


def approval_notification(**changes: object) -> tuple[dict, dict]:
    of = k.approval()
    document = {name: of[name] for name in ("pipelineName", "stageName", "actionName", "token")}
    return {"region": REGION, "consoleLink": "https://example.com", "approval": {**document, "customData": "x"}, **changes}, of


def ecs_hook_event(name: str = "HOOK_AWAITING_ACTION") -> tuple[dict, dict]:
    of = k.deployment_hook()
    detail = {"eventName": name, "hookId": of["hookId"], "hookType": "PAUSE", "serviceDeploymentArn": of["serviceDeploymentArn"]}
    return e.eventbridge(detail, "ECS Hook State Change", "aws.ecs"), of


def image_builder_event() -> tuple[dict, dict]:
    of = k.image_step()
    detail = {"workflow-execution-id": "wf-1", "workflow-step-execution-id": of["stepExecutionId"], "workflow-step-name": "Wait"}
    resources = [of["imageBuildVersionArn"], f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:workflow/build/w/1.0.0/1"]
    return e.eventbridge(detail, "EC2 Image Builder Workflow Step Waiting", "aws.imagebuilder", resources=resources), of


def durable(path: str, **others: str) -> Callable[[], tuple[dict, dict]]:
    def build() -> tuple[dict, dict]:
        of = k.callback()
        document: dict = {"version": 1, "region": REGION, "input": {}, **others}
        match path.split("."):
            case [name]:
                document[name] = of["callbackId"]
            case [outer, name]:
                document[outer] = {name: of["callbackId"]}
        return document, of

    return build


SHAPES: list[tuple[str, Callable[[], tuple[dict, dict]]]] = [
    ("a custom resource request", custom_resource_request),
    ("a CodeDeploy hook event", codedeploy_event),
    ("a lifecycle action", lifecycle_message),
    ("a lifecycle action of EventBridge", lifecycle_event),
    ("a SageMaker callback message", callback_message),
    ("a SageMaker callback message of a pipeline that stops", lambda: callback_message("Stopping")),
    ("a Service Catalog engine message", engine_message),
    ("an approval notification", approval_notification),
    ("an ECS hook event", ecs_hook_event),
    ("an Image Builder event", image_builder_event),
    *((f"a durable callback in {path}", durable(path)) for path in ("callbackId", "callback_id", "CallbackId", "job.callbackId")),
    *((f"a durable callback in {path}, beside another's id", durable(path, callbackId="order-17")) for path in ("CallbackId", "job.callbackId")),
]


@pytest.fixture(scope="module")
def abandoning(functions: Functions) -> Function:
    return functions.get(RELAY_ABANDONED_WORK_QUEUES=n.ABANDONED_QUEUE, **ROLE)


@cases("shape", SHAPES)
@pytest.mark.parametrize("holder", n.PAYLOADS)
@cases(
    "wrapped",
    [
        ("bare", lambda content: content),
        ("in a notification", e.sns_notification),
        ("in an event", e.eventbridge),
        ("in a record of SQS", lambda content: e.sqs(sqs_record(content))),
        ("in a record of SNS", lambda content: e.sns(content)),
    ],
)
def test_a_shape_is_an_identity(abandoning: Function, shape, holder: str, wrapped) -> None:
    document, of = shape()
    call = relayed(abandoning, n.PAYLOADS[holder](wrapped(document)))
    assert (call.operation, call.identity) == (BY_NAME[of["kind"]].operation, identity(of))
    for member, name in (("instanceId", "InstanceId"), ("deploymentId", "deploymentId"), ("imageBuildVersionArn", "imageBuildVersionArn")):
        if member in of:
            assert call.params[name] == of[member]
    if of["kind"] == "service-catalog-engine-workflow":
        assert call.params["ResourceIdentifier"] == {"UniqueTag": {"Key": "key", "Value": "value"}}


@cases("shape", SHAPES)
def test_a_shape_comes_before_every_name(abandoning: Function, shape) -> None:
    document, of = shape()
    names = {"FAILURE_RELAY_TARGET": json.dumps(e.sfn()), "TASK_TOKEN": Secrets.issue(), "CODEPIPELINE_JOB_ID": e.job_id()}
    call = relayed(abandoning, n.lambda_record({**document, **names}))
    assert call.identity == identity(of)


REQUIRED_OF_SHAPES = [
    ("ResponseURL", custom_resource_request), ("StackId", custom_resource_request), ("RequestId", custom_resource_request),
    ("LogicalResourceId", custom_resource_request), ("RequestType", custom_resource_request), ("DeploymentId", codedeploy_event),
    ("LifecycleEventHookExecutionId", codedeploy_event), ("LifecycleActionToken", lifecycle_message),
    ("AutoScalingGroupName", lifecycle_message), ("LifecycleHookName", lifecycle_message), ("token", callback_message),
    ("pipelineExecutionArn", callback_message), ("token", engine_message), ("recordId", engine_message), ("operation", engine_message),
    ("approval", approval_notification), ("callbackId", durable("callbackId")), ("job", durable("job.callbackId")),
]  # fmt: skip


@pytest.mark.parametrize("name, shape", REQUIRED_OF_SHAPES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(REQUIRED_OF_SHAPES)])
@pytest.mark.parametrize("value", [None, "", 7, "absent"], ids=["null", "empty", "a number", "absent"])
def test_a_shape_needs_all_its_members(abandoning: Function, name: str, shape, value: object) -> None:
    document, _ = shape()
    if value == "absent":
        del document[name]
    else:
        document[name] = value
    ignored(abandoning, n.lambda_record(document))


@cases(
    "document",
    [
        ("a token of 11 characters", {"token": "A" * 11, "pipelineExecutionArn": k.pipeline_arn()}),
        ("another operation", {"token": "t", "recordId": "r", "operation": "OTHER"}),
        ("a callback id that decodes to something else", {"callbackId": "AAAA"}),
        ("a callback id that is no base64", {"callbackId": "%%%"}),
        ("an ECS hook that asks for nothing", ecs_hook_event("HOOK_SUCCEEDED")[0]),
        ("a test notification", {"Event": "autoscaling:TEST_NOTIFICATION", "AutoScalingGroupName": "g"}),
    ],
)
def test_what_only_resembles_a_shape_is_none(abandoning: Function, document: dict) -> None:
    ignored(abandoning, n.lambda_record(document))


def test_a_physical_id_of_a_request_is_kept(abandoning: Function) -> None:
    document, _ = custom_resource_request(PhysicalResourceId="image-7", RequestType="Delete")
    assert relayed(abandoning, n.lambda_record(document)).params["PhysicalResourceId"] == "image-7"
    empty, of = custom_resource_request(PhysicalResourceId="")
    assert relayed(abandoning, n.lambda_record(empty)).params["PhysicalResourceId"] == f"failure-relay:{of['requestId']}"


def test_an_empty_instance_and_an_empty_tag_are_not_there(abandoning: Function) -> None:
    document, _ = lifecycle_message(EC2InstanceId="")
    assert "InstanceId" not in relayed(abandoning, n.lambda_record(document)).params
    document, _ = engine_message()
    document["tracerTag"] = {"key": "", "value": ""}
    assert "ResourceIdentifier" not in relayed(abandoning, n.lambda_record(document)).params


def test_the_place_of_an_event_of_auto_scaling_is_its_own(abandoning: Function) -> None:
    document, _ = lifecycle_event(region=OTHER_REGION, account=OTHER)
    call = relayed(abandoning, n.lambda_record(document))
    assert (call.region, call.access_key) == (OTHER_REGION, assumed_access_key(OTHER))
    document, _ = lifecycle_message(AccountId=OTHER)
    assert relayed(abandoning, n.lambda_record(document)).access_key == assumed_access_key(OTHER)


def test_the_region_beside_an_approval_is_its_own(abandoning: Function) -> None:
    document, _ = approval_notification(region=OTHER_REGION)
    assert relayed(abandoning, n.lambda_record(document)).region == OTHER_REGION


def test_a_request_of_another_regions_function_goes_to_its_own_stack(abandoning: Function) -> None:
    document, _ = custom_resource_request()
    record = n.lambda_record(document, function_arn=f"arn:aws:lambda:ap-south-1:{OTHER}:function:worker")
    assert relayed(abandoning, record).region == REGION


def test_a_shape_that_is_wrong_is_dead_lettered(abandoning: Function) -> None:
    document, _ = custom_resource_request(ResponseURL="https://example.com/")
    dead_lettered(abandoning, n.lambda_record({**document, "TASK_TOKEN": Secrets.issue()}), "INVALID_EVENT")
    of = k.callback(callbackId=Secrets.register("A" * 1024 + k.callback_id()))
    dead_lettered(abandoning, n.lambda_record(of), "INVALID_EVENT")


ASKS = [("Auto Scaling", lifecycle_event), ("an ECS hook", ecs_hook_event), ("Image Builder", image_builder_event)]


@cases("shape", ASKS)
@cases("wrapped", [("bare", lambda c: c), ("in a notification", e.sns_notification)])
def test_an_event_that_asks_for_work_is_ignored(relay: Function, shape, wrapped) -> None:
    ignored(relay, wrapped(shape()[0]))


@cases("shape", ASKS)
def test_an_event_that_asks_for_work_is_ignored_when_it_invokes_the_relay(relay: Function, shape) -> None:
    assert direct(relay, shape()[0])["outcome"] == "ignored"


def test_a_test_notification_is_ignored_wherever_it_is(abandoning: Function) -> None:
    document = {"Event": "autoscaling:TEST_NOTIFICATION", "AutoScalingGroupName": "g", "AccountId": ACCOUNT, "Service": "AWS Auto Scaling"}
    for content in (document, e.sns_notification(document)):
        ignored(abandoning, content)
        ignored(abandoning, n.abandoned(content))


BY_THEMSELVES = [(sentence, shape) for sentence, shape in SHAPES if shape not in dict(ASKS).values()]


@cases("shape", BY_THEMSELVES)
def test_another_shape_by_itself_is_an_event_without_a_target(relay: Function, shape) -> None:
    letter = dead_lettered(relay, shape()[0], "INVALID_EVENT")
    assert letter.attributes["ERROR_MESSAGE"].startswith("target"), letter.attributes


@pytest.mark.parametrize("notice", n.ENVIRONMENTS)
def test_a_callback_id_in_an_environment(abandoning: Function, notice: str) -> None:
    of = k.callback()
    assert relayed(abandoning, n.ENVIRONMENTS[notice]({"DURABLE_CALLBACK_ID": of["callbackId"]})).identity == identity(of)


@pytest.mark.parametrize("notice", n.COMMANDS)
@cases(
    "arguments",
    [
        ("as two arguments", lambda id: ["--durable-callback-id", id]), ("as one", lambda id: [f"--durableCallbackId={id}"]),
    ],
)  # fmt: skip
def test_a_callback_id_on_a_command_line(abandoning: Function, notice: str, arguments) -> None:
    of = k.callback()
    assert relayed(abandoning, n.COMMANDS[notice](["render", *arguments(of["callbackId"])])).identity == identity(of)


@cases("shape", SHAPES)
def test_a_shape_in_a_variable_is_searched_as_a_payload(abandoning: Function, shape) -> None:
    document, of = shape()
    assert relayed(abandoning, n.ecs_died({"EVENT": json.dumps(document)})).identity == identity(of)
