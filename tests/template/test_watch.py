"""The watch: what is there only where leases or the sweep are on, what it may do, and what tells of its trouble."""

import json

import pytest

from cloudformation import Template
from test_security import OWN_KEY
from test_template import EVERYTHING_ON, RELAY, alarms, as_list, dashboard, statements, watched

LEASES = {"Leases": "true"}
SWEEP = {"Sweep": "report"}
KMS = {"QueueEncryption": "KMS"}
# Those that are of the watch alone, by the part that they need.
OF_BOTH = {
    "WatchFunction", "WatchRole", "WatchPolicy", "WatchLogGroup", "WatchErrorsAlarm", "WatchSilentAlarm",
}  # fmt: skip
OF_LEASES = OF_BOTH | {"Table", "LeasesRule", "LeasesPermission", "TableThrottledAlarm"}
OF_THE_SWEEP = OF_BOTH | {"SweepRule", "SweepPermission", "StrandedTasksAlarm"}


def actions(template, policy):
    return {action for s in statements(template, policy) for action in as_list(s["Action"])}


def variables(function, **parameters):
    return Template(RELAY, **parameters).resources()[function]["Environment"]["Variables"]


# ------------------------------------------------------------------ what is there


@pytest.mark.parametrize(
    "parameters, expected",
    [({}, set()), (LEASES, OF_LEASES), (SWEEP, OF_THE_SWEEP), (LEASES | SWEEP, OF_LEASES | OF_THE_SWEEP)],
    ids=["neither", "leases", "sweep", "both"],
)
def test_the_watch_is_there_only_where_it_has_something_to_do(parameters, expected):
    without = set(Template(RELAY).resources())
    assert not without & (OF_LEASES | OF_THE_SWEEP)
    assert set(Template(RELAY, **parameters).resources()) - without == expected


def test_without_leases_the_relay_knows_no_table_and_may_use_none():
    for parameters in ({}, SWEEP, SWEEP | KMS):
        assert "RELAY_TABLE_NAME" not in variables("RelayFunction", **parameters)
        assert "dynamodb" not in json.dumps(statements(Template(RELAY, **parameters), "RelayPolicy"))
    assert "RELAY_TABLE_NAME" not in variables("WatchFunction", **SWEEP)


def test_relay_and_watch_know_the_same_table_and_the_watch_the_relays_queue():
    on = LEASES | SWEEP
    assert variables("RelayFunction", **on)["RELAY_TABLE_NAME"] == "<Table>"
    assert variables("WatchFunction", **on)["RELAY_TABLE_NAME"] == "<Table>"
    assert variables("WatchFunction", **on)["RELAY_QUEUE_URL"] == "<Queue>"


def test_every_setting_of_the_sweep_follows_its_parameter():
    changed = {
        "Sweep": "fail",
        "SweepStateMachineArns": "arn:aws:states:eu-west-1:111111111111:stateMachine:one",
        "SweepGraceSeconds": 7,
        "SweepSilentSeconds": 8,
        "SweepFailsMax": 9,
        "TaskTokenNames": "MY_TOKEN",
    }
    before, after = variables("WatchFunction", **LEASES), variables("WatchFunction", **LEASES, **changed)
    same = {name for name in before if before[name] == after[name]}
    assert same == {"RELAY_QUEUE_URL", "RELAY_TABLE_NAME"}
    assert before["RELAY_SWEEP"] == "off"


def test_the_table_is_what_the_two_functions_expect():
    table = Template(RELAY, **LEASES).resources()["Table"]
    key = {part["KeyType"]: part["AttributeName"] for part in table["KeySchema"]}
    assert key == {"HASH": "pk", "RANGE": "sk"}
    (index,) = table["GlobalSecondaryIndexes"]
    key = {part["KeyType"]: part["AttributeName"] for part in index["KeySchema"]}
    assert (index["IndexName"], key) == ("due", {"HASH": "due_shard", "RANGE": "due_at"})
    projected = index["Projection"]["NonKeyAttributes"]
    assert set(projected) == {"kind", "region", "account", "fingerprint", "event_id", "source", "sent_at", "ttl_seconds"}
    assert not {"target", "failure"} & set(projected), "whoever may read the index alone sees no token"
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    assert types == {"pk": "S", "sk": "S", "due_shard": "S", "due_at": "N"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_table_is_encrypted_with_the_customers_key_where_there_is_one():
    def encryption(**parameters):
        return Template(RELAY, **LEASES, **parameters).resources()["Table"].get("SSESpecification")

    assert encryption() is None  # with a key that DynamoDB owns
    for parameters, key in ((KMS, "<Key.Arn>"), (KMS | {"KmsKeyArn": OWN_KEY}, OWN_KEY)):
        assert encryption(**parameters) == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


# ------------------------------------------------------------------ what it may do

ALWAYS = {
    "sqs:SendMessage", "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords",
}  # fmt: skip
FOR_LEASES = {"dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:DeleteItem"}
FOR_THE_SWEEP = {
    "states:ListStateMachines", "states:ListExecutions", "states:DescribeExecution",
    "states:DescribeStateMachineForExecution", "states:GetExecutionHistory", "ecs:DescribeTasks", "batch:DescribeJobs",
    "codebuild:BatchGetBuilds", "ec2:DescribeInstances", "ssm:ListCommandInvocations",
}  # fmt: skip


@pytest.mark.parametrize(
    "parameters, expected",
    [(LEASES, FOR_LEASES), (SWEEP, FOR_THE_SWEEP), (LEASES | SWEEP, FOR_LEASES | FOR_THE_SWEEP)],
    ids=["leases", "sweep", "both"],
)
def test_the_watch_may_do_no_more_than_its_work(parameters, expected):
    assert actions(Template(RELAY, **parameters), "WatchPolicy") == ALWAYS | expected


def test_the_watch_fails_nothing_itself_and_the_relay_looks_into_nothing():
    template = Template(RELAY, **EVERYTHING_ON)
    assert not any("Send" in action for action in actions(template, "WatchPolicy") - {"sqs:SendMessage"})
    assert not actions(template, "RelayPolicy") & FOR_THE_SWEEP
    granted = {a for a in actions(template, "RelayPolicy") if a.startswith("dynamodb:")}
    assert granted == {"dynamodb:UpdateItem", "dynamodb:GetItem", "dynamodb:Query"}


@pytest.mark.parametrize("policy", ["RelayPolicy", "WatchPolicy"])
def test_the_table_of_this_stack_and_no_other_may_be_used(policy):
    for statement in statements(Template(RELAY, **EVERYTHING_ON), policy):
        if any(action.startswith("dynamodb:") for action in as_list(statement["Action"])):
            assert statement["Resource"] in ("<Table.Arn>", "<Table.Arn>/index/due")
    index_alone = [s for s in statements(Template(RELAY, **LEASES), "WatchPolicy") if s["Action"] == "dynamodb:Query"]
    assert [s["Resource"] for s in index_alone] == ["<Table.Arn>/index/due"]


@pytest.mark.parametrize("parameters", [LEASES, SWEEP, EVERYTHING_ON])
def test_the_watch_is_granted_everything_only_where_the_action_knows_no_resource(parameters):
    for statement in statements(Template(RELAY, **parameters), "WatchPolicy"):
        if "*" in as_list(statement["Resource"]) and statement["Sid"] not in (
            "LambdaMakesNetworkInterfaces", "TheFunctionMakesNone",
        ):  # fmt: skip
            assert set(as_list(statement["Action"])) <= {
                "xray:PutTraceSegments", "xray:PutTelemetryRecords", "states:ListStateMachines", "batch:DescribeJobs",
                "ec2:DescribeInstances", "ssm:ListCommandInvocations",
            }  # fmt: skip


def test_in_a_vpc_the_watchs_code_makes_no_network_interface_but_still_finds_instances():
    policy = statements(Template(RELAY, **EVERYTHING_ON), "WatchPolicy")
    (allow,) = [s for s in policy if s["Sid"] == "LambdaMakesNetworkInterfaces"]
    (deny,) = [s for s in policy if s["Sid"] == "TheFunctionMakesNone"]
    assert deny["Effect"] == "Deny"
    assert set(deny["Action"]) == set(allow["Action"])
    assert "ec2:DescribeInstances" not in deny["Action"]
    assert "VpcConfig" in Template(RELAY, **EVERYTHING_ON).resources()["WatchFunction"]


def test_only_the_state_machines_that_are_swept_are_listed():
    def listed(**parameters):
        policy = statements(Template(RELAY, Sweep="fail", **parameters), "WatchPolicy")
        return [s["Resource"] for s in policy if s["Sid"] == "ReadStateMachines"]

    assert listed() == [["arn:aws:states:eu-west-1:111111111111:stateMachine:*"]]
    arns = ["arn:aws:states:eu-west-1:111111111111:stateMachine:one", "arn:aws:states:eu-west-1:111111111111:stateMachine:b-*"]
    assert listed(SweepStateMachineArns=",".join(arns)) == [arns]


def test_histories_that_are_encrypted_with_a_customers_key_can_be_read():
    def keys(**parameters):
        template = Template(RELAY, AdditionalKmsKeyArns=OWN_KEY, **parameters)
        return [s["Action"] for s in statements(template, "WatchPolicy") if s["Sid"] == "KeysOfStateMachines"]

    assert keys(**SWEEP) == ["kms:Decrypt"]
    assert keys(**LEASES) == []


# ------------------------------------------------------------------ when it runs


def test_each_schedule_starts_the_watch_and_may():
    resources = Template(RELAY, **EVERYTHING_ON).resources()
    for part, expression, payload in (("Leases", "rate(1 minute)", {}), ("Sweep", "rate(1 hour)", {"sweep": True})):
        rule = resources[f"{part}Rule"]
        (target,) = rule["Targets"]
        assert (rule["ScheduleExpression"], target["Arn"]) == (expression, "<WatchFunction.Arn>")
        assert json.loads(target["Input"]) == payload
        permission = resources[f"{part}Permission"]
        assert permission["SourceArn"] == f"<{part}Rule.Arn>"
        assert permission["Principal"] == "events.amazonaws.com"


def test_a_run_over_leases_ends_before_the_next_begins():
    assert Template(RELAY, **LEASES).resources()["WatchFunction"]["Timeout"] == 60
    assert Template(RELAY, **SWEEP).resources()["WatchFunction"]["Timeout"] <= 900


def test_it_is_a_binary_of_its_own_built_as_the_relay_is():
    raw = Template(RELAY).raw["Resources"]
    watch, relay = raw["WatchFunction"], raw["RelayFunction"]
    assert watch["Metadata"]["BuildProperties"] == {"Binary": "failure-watch"}
    assert watch["Metadata"]["BuildMethod"] == relay["Metadata"]["BuildMethod"]
    for member in ("CodeUri", "Handler", "Runtime", "Architectures", "Tracing"):
        assert watch["Properties"][member] == relay["Properties"][member]


# ------------------------------------------------------------------ what an operator sees

BOTH = LEASES | SWEEP


def test_a_watch_that_is_silent_raises_an_alarm_and_so_does_one_that_fails():
    for parameters in (LEASES, SWEEP):
        on = alarms(**parameters)
        silent, failing = on["WatchSilentAlarm"], on["WatchErrorsAlarm"]
        assert (silent["MetricName"], silent["ComparisonOperator"]) == ("Invocations", "LessThanThreshold")
        assert silent["TreatMissingData"] == "breaching"
        assert (failing["MetricName"], failing["TreatMissingData"]) == ("Errors", "notBreaching")
    # One bad minute is made up for by the next; a sweep has no next one soon.
    assert alarms(**LEASES)["WatchErrorsAlarm"]["Threshold"] > 1
    assert alarms(**SWEEP)["WatchErrorsAlarm"]["Threshold"] == 1


def test_an_alarm_of_the_watch_looks_back_a_day_at_most():
    for parameters in (LEASES, SWEEP, BOTH):
        for alarm in alarms(**parameters).values():
            for *_, period in watched(alarm):
                assert period * alarm["EvaluationPeriods"] <= 86_400


def test_tasks_that_the_sweep_fails_itself_raise_no_alarm():
    alarm = alarms(**SWEEP)["StrandedTasksAlarm"]
    assert {name for _, name, _, _ in watched(alarm)} == {"Stranded", "SweepFailed"}
    (shown,) = [m for m in alarm["Metrics"] if m.get("ReturnData", True)]
    assert shown["Expression"] == "stranded - failed"


def test_a_table_that_throttles_raises_an_alarm_its_index_too():
    seen = {(name, len(dimensions)) for _, name, dimensions, _ in watched(alarms(**LEASES)["TableThrottledAlarm"])}
    assert seen == {("ReadThrottleEvents", 1), ("ReadThrottleEvents", 2), ("WriteThrottleEvents", 1), ("WriteThrottleEvents", 2)}


@pytest.mark.parametrize("parameters", [LEASES, SWEEP, BOTH], ids=["leases", "sweep", "both"])
def test_the_dashboard_shows_the_watch_and_its_alarms(parameters):
    widgets = dashboard(**parameters)["widgets"]
    (listed,) = [w["properties"]["alarms"] for w in widgets if w["type"] == "alarm"]
    assert sorted(a.strip("<>").removesuffix(".Arn") for a in listed) == sorted(alarms(**parameters))
    shown = {m[1] for w in widgets for m in w["properties"].get("metrics", []) if m[0] == "FailureRelay"}
    assert {"LeasesDue", "LeasesPublished", "Waiting", "Stranded", "Silent", "SweepFailed", "SweepErrors"} <= shown
    cells = [(w["x"], w["y"], w["width"], w["height"]) for w in widgets]
    for number, (x, y, width, height) in enumerate(cells):
        for other_x, other_y, other_width, other_height in cells[number + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x or y + height <= other_y or other_y + other_height <= y
            assert apart


def test_without_the_watch_the_dashboard_is_as_it_was():
    assert not [w for w in dashboard()["widgets"] if "watch" in json.dumps(w).lower()]


def test_the_stack_tells_table_and_function():
    outputs = Template(RELAY).raw["Outputs"]
    for name, condition in (("TableName", "LeasesOn"), ("WatchFunctionName", "WatchOn")):
        assert outputs[name]["Condition"] == condition
