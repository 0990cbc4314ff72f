"""Section 6: settings: each valid, empty, invalid, and what it changes."""

from __future__ import annotations

import re

import pytest

from harness import events as e
from harness.answers import error, ok
from harness.aws_endpoint import assumed_access_key, sts_error
from harness.events import KINDS, event, identity, target
from harness.function import ACCOUNT, DEAD_LETTER_QUEUE, REGION, Function
from harness.outcome import dead_lettered, relayed, send
from harness.table import cases

OTHER, THIRD = "444455556666", "777788889999"
ABANDONED = "arn:aws:sqs:eu-west-1:111122223333:jobs-dlq"


# --- at start --------------------------------------------------------------------------------------


def stops(variable: str, value: str | None, **more: str | None) -> None:
    function = Function({variable: value, **more})
    try:
        said = function.stopped_at_start()
        assert said is not None, "the function started"
        assert variable in said, f"the message does not name it: {said}"
    finally:
        function.close()


@cases(
    "variable, value",
    [
        ("no dead-letter queue stops the function", "RELAY_DEAD_LETTER_QUEUE_URL", None),
        ("an empty dead-letter queue stops the function", "RELAY_DEAD_LETTER_QUEUE_URL", ""),
        ("a dead-letter queue that is a name stops the function", "RELAY_DEAD_LETTER_QUEUE_URL", "failures-dlq"),
        ("a dead-letter queue that is a sentence stops the function", "RELAY_DEAD_LETTER_QUEUE_URL", "not a url"),
        ("a dead-letter queue that is an ARN stops the function", "RELAY_DEAD_LETTER_QUEUE_URL", "arn:aws:sqs:eu-west-1:111122223333:q"),
        ("an account of 11 digits stops the function", "RELAY_ALLOWED_ACCOUNTS", "44445555666"),
        ("an account of 13 digits stops the function", "RELAY_ALLOWED_ACCOUNTS", "4444555566667"),
        ("an account of letters stops the function", "RELAY_ALLOWED_ACCOUNTS", "account"),
        ("one wrong account of two stops the function", "RELAY_ALLOWED_ACCOUNTS", f"{OTHER},abc"),
        ("a kind that is not listed stops the function", "RELAY_TARGETS", "codedeploy-hook"),
        ("one wrong kind of two stops the function", "RELAY_TARGETS", "step-functions-task,other"),
        ("a kind in another case stops the function", "RELAY_TARGETS", "Step-Functions-Task"),
        ("a concurrency of 0 stops the function", "RELAY_CONCURRENCY", "0"),
        ("a concurrency of -1 stops the function", "RELAY_CONCURRENCY", "-1"),
        ("a concurrency that is a word stops the function", "RELAY_CONCURRENCY", "many"),
        ("a concurrency that is a fraction stops the function", "RELAY_CONCURRENCY", "1.5"),
        ("a limit of receives that is a word stops the function", "RELAY_MAX_RECEIVES", "five"),
        ("a limit of receives below zero stops the function", "RELAY_MAX_RECEIVES", "-1"),
        ("a back-off base that is a word stops the function", "RELAY_RETRY_BASE_SECONDS", "soon"),
        ("a back-off base below zero stops the function", "RELAY_RETRY_BASE_SECONDS", "-5"),
        ("a back-off cap that is a word stops the function", "RELAY_RETRY_CAP_SECONDS", "late"),
        ("a back-off cap below zero stops the function", "RELAY_RETRY_CAP_SECONDS", "-5"),
        ("an abandoned-work queue that is a name stops the function", "RELAY_ABANDONED_WORK_QUEUES", "jobs-dlq"),
        ("an abandoned-work queue that is a URL stops the function", "RELAY_ABANDONED_WORK_QUEUES",
         "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs-dlq"),
        ("one wrong abandoned-work queue of two stops the function", "RELAY_ABANDONED_WORK_QUEUES", f"{ABANDONED},jobs"),
    ],
)  # fmt: skip
def test_a_wrong_setting_stops_the_function_and_is_named(variable: str, value: str | None) -> None:
    more = {"RELAY_ROLE_NAME": "relay"} if variable == "RELAY_ALLOWED_ACCOUNTS" else {}
    stops(variable, value, **more)


@cases(
    "url, queue",
    [
        ("the dead-letter queue holds no abandoned work", DEAD_LETTER_QUEUE, "arn:aws:sqs:eu-west-1:111122223333:failures-dlq"),
        ("a FIFO dead-letter queue holds none", f"{DEAD_LETTER_QUEUE}.fifo", "arn:aws:sqs:eu-west-1:111122223333:failures-dlq.fifo"),
        ("a dead-letter queue on a local endpoint holds none", "http://127.0.0.1:4566/000000000000/dlq", "arn:aws:sqs:eu-west-1:000000000000:dlq"),
    ],
)
def test_the_relays_own_queue_as_abandoned_work_stops_the_function(url: str, queue: str) -> None:
    stops("RELAY_ABANDONED_WORK_QUEUES", queue, RELAY_DEAD_LETTER_QUEUE_URL=url)
    stops("RELAY_ABANDONED_WORK_QUEUES", f"{ABANDONED},{queue}", RELAY_DEAD_LETTER_QUEUE_URL=url)


@pytest.mark.parametrize("place", ["eu-west-1:444455556666", "us-east-1:111122223333"])
def test_a_queue_of_the_same_name_elsewhere_holds_abandoned_work(relay_with, place: str) -> None:
    relayed(relay_with(RELAY_ABANDONED_WORK_QUEUES=f"arn:aws:sqs:{place}:failures-dlq"), event())


def test_accounts_without_a_role_stop_the_function() -> None:
    function = Function({"RELAY_ALLOWED_ACCOUNTS": OTHER})
    try:
        said = function.stopped_at_start()
        assert said is not None, "the function started"
        assert "RELAY_ROLE_NAME" in said or "RELAY_ALLOWED_ACCOUNTS" in said
    finally:
        function.close()


@pytest.mark.parametrize("role", ["", None])
def test_accounts_with_an_empty_role_stop_the_function(role: str | None) -> None:
    function = Function({"RELAY_ALLOWED_ACCOUNTS": OTHER, "RELAY_ROLE_NAME": role})
    try:
        assert function.stopped_at_start() is not None
    finally:
        function.close()


def test_a_cap_above_43200_stops_the_function_or_is_lowered() -> None:
    # Ambiguous: "at most 43200" may be what parses, or what is used.
    function = Function({"RELAY_RETRY_CAP_SECONDS": "43201", "RELAY_RETRY_BASE_SECONDS": "43200"})
    try:
        said = function.stopped_at_start()
        if said is not None:
            assert "RELAY_RETRY_CAP_SECONDS" in said
            return
        of = e.sfn()
        result = function.invoke(e.sqs(e.sqs_record(event(of), receives=9)), {identity(of): error("AccessDeniedException")})
        assert all(change["VisibilityTimeout"] <= 43200 for change in result.aws.visibility)
    finally:
        function.close()


ROLE = {"RELAY_ROLE_NAME": "relay"}


@cases(
    "settings",
    [
        ("all settings may be empty but the queue", {
            name: "" for name in (
                "RELAY_ALLOWED_REGIONS", "RELAY_ALLOWED_ACCOUNTS", "RELAY_TARGETS", "RELAY_ROLE_NAME", "RELAY_MAX_RECEIVES",
                "RELAY_CONCURRENCY", "RELAY_RETRY_BASE_SECONDS", "RELAY_RETRY_CAP_SECONDS", "RELAY_TASK_TOKEN_NAMES",
                "RELAY_ABANDONED_WORK_QUEUES",
            )
        }),
        ("all settings may be set", {
            "RELAY_ALLOWED_REGIONS": "us-east-1,us-west-2", "RELAY_ALLOWED_ACCOUNTS": f"{OTHER},{THIRD}", "RELAY_TARGETS": ",".join(KINDS),
            "RELAY_ROLE_NAME": "relay", "RELAY_MAX_RECEIVES": "5", "RELAY_CONCURRENCY": "1", "RELAY_RETRY_BASE_SECONDS": "30",
            "RELAY_RETRY_CAP_SECONDS": "43200", "RELAY_TASK_TOKEN_NAMES": "myTaskToken,/deep/token", "RELAY_ABANDONED_WORK_QUEUES": ABANDONED,
        }),
        ("a role without accounts is no matter", ROLE),
        ("a concurrency of a thousand is accepted", {"RELAY_CONCURRENCY": "1000"}),
        ("an unknown setting is no matter", {"RELAY_UNKNOWN": "x"}),
    ],
)  # fmt: skip
def test_a_good_environment_starts(settings: dict[str, str]) -> None:
    function = Function(settings)
    try:
        relayed(function.wait_until_ready(), event())
    finally:
        function.close()


# --- regions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_allowed_region_is_called(relay_with, kind: str) -> None:
    relay = relay_with(RELAY_ALLOWED_REGIONS="us-east-1,ap-southeast-2")
    for region in ("us-east-1", "ap-southeast-2", REGION):
        assert relayed(relay, event(target(kind, region=region))).region == region
    assert relayed(relay, event(target(kind))).region == REGION


def test_a_region_beside_the_allowed_ones_is_refused(relay_with) -> None:
    relay = relay_with(RELAY_ALLOWED_REGIONS="us-east-1,ap-southeast-2")
    for region in ("us-west-2", "us-east-11", "us-east", "us-east-1,ap-southeast-2"):
        dead_lettered(relay, event(e.sfn(region=region)), "TARGET_NOT_ALLOWED", "INVALID_EVENT")


def test_the_dead_letter_of_a_foreign_region_is_stored_at_home(relay_with) -> None:
    relay = relay_with(RELAY_ALLOWED_REGIONS="us-east-1,ap-southeast-2")
    of = e.sfn(region="us-east-1")
    letter = dead_lettered(relay, event(of), "REJECTED_BY_SERVICE", script={identity(of): error("InvalidToken")}, calls=1)
    assert letter.region == REGION


def test_the_relays_own_region_is_that_of_lambda(relay_with) -> None:
    relay = relay_with(AWS_REGION="eu-central-1", AWS_DEFAULT_REGION="eu-central-1")
    assert relayed(relay, event()).region == "eu-central-1"
    assert relayed(relay, event(e.sfn(region="eu-central-1"))).region == "eu-central-1"
    dead_lettered(relay, event(e.sfn(region=REGION)), "TARGET_NOT_ALLOWED")


# --- accounts --------------------------------------------------------------------------------------------


@pytest.fixture
def accounts(relay_with) -> Function:
    return relay_with(RELAY_ALLOWED_ACCOUNTS=f"{OTHER},{THIRD}", RELAY_ROLE_NAME="relay-role", RELAY_ALLOWED_REGIONS="us-east-1")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("account", [OTHER, THIRD])
def test_an_allowed_account_is_called_with_its_role(accounts: Function, kind: str, account: str) -> None:
    result = send(accounts, event(target(kind, account=account)))
    call = result.the_call()
    assert call.access_key == assumed_access_key(account) and call.session_token == "assumed-session"
    assert call.region == REGION
    for assumed in result.aws.others:
        assert assumed.params["RoleArn"] == f"arn:aws:iam::{account}:role/relay-role"


def test_a_session_tells_the_function_and_the_request_that_assumed_the_role(relay_with) -> None:
    relay = relay_with(RELAY_ALLOWED_ACCOUNTS=OTHER, RELAY_ROLE_NAME="session-name")
    result = send(relay, event(e.sfn(account=OTHER)))
    [name] = [call.params["RoleSessionName"] for call in result.aws.others if call.service == "sts"]
    assert "failure-relay" in name and result.request_id in name
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII)


def test_an_allowed_account_in_an_allowed_region(accounts: Function) -> None:
    call = relayed(accounts, event(e.sfn(account=OTHER, region="us-east-1")))
    assert (call.access_key, call.region) == (assumed_access_key(OTHER), "us-east-1")


def test_the_own_account_needs_no_role(accounts: Function) -> None:
    result = send(accounts, event(e.sfn(account=ACCOUNT)))
    assert result.the_call().access_key.startswith("AKIA") and not result.aws.others


def test_an_account_beside_the_allowed_ones_is_refused(accounts: Function) -> None:
    dead_lettered(accounts, event(e.sfn(account="123456789012")), "TARGET_NOT_ALLOWED")


def test_a_foreign_dead_letter_is_stored_at_home(accounts: Function) -> None:
    of = e.sfn(account=OTHER)
    result = send(accounts, event(of), {identity(of): error("InvalidToken")})
    assert result.the_dead_letter().attributes["ERROR_CODE"] == "REJECTED_BY_SERVICE"
    sent = [call for call in result.aws.others if call.service == "sqs"]
    assert sent and all(call.access_key.startswith("AKIA") for call in sent)


@pytest.mark.parametrize("name", ["AccessDenied", "ExpiredTokenException", "RegionDisabledException", "Throttling"])
def test_a_role_that_cannot_be_assumed_is_a_retry(relay_with, name: str) -> None:
    relay = relay_with(RELAY_ALLOWED_ACCOUNTS=OTHER, RELAY_ROLE_NAME=f"denied-{name}")
    good = e.sfn()
    record = e.sqs_record(event(e.sfn(account=OTHER)))
    result = relay.invoke(e.sqs(record, event(good)), {"AssumeRole": sts_error(name)})
    assert result.failures == [record["messageId"]]
    assert [call.identity for call in result.accepted] == [identity(good)] and not result.dead_letters
    [retry] = [line for line in result.outcome_lines if line["outcome"] == "retry"]
    assert retry["service_error"] == name


def test_a_role_that_is_assumed_at_the_second_try_is_used(relay_with) -> None:
    relay = relay_with(RELAY_ALLOWED_ACCOUNTS=OTHER, RELAY_ROLE_NAME="first-denied")
    result = relay.invoke(event(e.sfn(account=OTHER)), {"AssumeRole": sts_error("AccessDenied")})
    assert result.failed
    assert relayed(relay, event(e.sfn(account=OTHER))).access_key == assumed_access_key(OTHER)


# --- kinds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("enabled", KINDS)
def test_only_enabled_kinds_are_relayed(relay_with, enabled: str) -> None:
    relay = relay_with(RELAY_TARGETS=enabled)
    for kind in KINDS:
        if kind == enabled:
            relayed(relay, event(target(kind)))
        else:
            letter = dead_lettered(relay, event(target(kind)), "TARGET_NOT_ALLOWED")
            assert letter.attributes["TARGET_KIND"] == kind


def test_two_kinds_may_be_enabled(relay_with) -> None:
    relay = relay_with(RELAY_TARGETS="swf-activity-task,codepipeline-job")
    relayed(relay, event(e.swf()))
    relayed(relay, event(e.job()))
    dead_lettered(relay, event(e.sfn()), "TARGET_NOT_ALLOWED")
    dead_lettered(relay, event({"kind": "other"}), "UNKNOWN_TARGET")


# --- credentials ---------------------------------------------------------------------------------------------


def test_missing_credentials_are_a_retry(relay_with) -> None:
    relay = relay_with(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_SESSION_TOKEN=None)
    records = [e.sqs_record(event(), message_id="good"), e.sqs_record("no json", message_id="bad")]
    result = relay.invoke(e.sqs(*records), time_left_s=20)
    assert sorted(result.failures) == ["bad", "good"] and not result.calls


@pytest.mark.parametrize("level", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"])
def test_each_log_level_of_lambda_is_accepted(relay_with, level: str) -> None:
    relayed(relay_with(AWS_LAMBDA_LOG_LEVEL=level), event())


def test_an_endpoint_of_one_service_is_used(relay_with, relay: Function) -> None:
    # As the SDK defines it: AWS_ENDPOINT_URL_SFN wins over AWS_ENDPOINT_URL, for this service alone.
    own = relay_with(AWS_ENDPOINT_URL_SFN=relay.aws.url)
    of = e.sfn()
    recorded = relay.aws.begin({"*": ok()})
    assert own.invoke(e.sqs(event(of))).failures == []
    assert [call.identity for call in recorded.calls] == [identity(of)]
