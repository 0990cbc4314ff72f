"""The canary: that it is there only where it is asked for, what it publishes and checks, and what its alarms look at."""

import json
import re

import jsonschema
import pytest

from cloudformation import ROOT, Template
from test_template import EVERYTHING_ON, RELAY, alarms, as_list, dashboard, statements

ON = {"Canary": "true"}
LEASES = {"Leases": "true"}
SWEEP = {"Sweep": "report"}
RESOURCES = {
    "CanaryStateMachine", "CanaryRole", "CanaryRule", "CanaryRuleRole", "CanaryFailedAlarm", "CanarySilentAlarm",
}  # fmt: skip
OF_THIS_STACK = [{"Name": "Stack", "Value": "failure-relay"}]
A_RUN = "0a1b2c3d-run"


def definition(**parameters):
    return Template(RELAY, **ON, **parameters).resources()["CanaryStateMachine"]["Definition"]


def callbacks(**parameters):
    """The state of each branch that waits to be failed, by its name."""
    branches = definition(**parameters)["States"]["FailThroughTheRelay"]["Branches"]
    return {branch["StartAt"]: branch["States"][branch["StartAt"]] for branch in branches}


def in_a_run(it):
    """What a state publishes, with the few expressions that it uses worked out."""
    if isinstance(it, dict):
        return {name: in_a_run(value) for name, value in it.items()}
    if not isinstance(it, str) or not it.startswith("{%"):
        return it
    values = {
        "$states.context.Execution.Name": A_RUN,
        "$states.context.State.EnteredTime": "2026-11-20T10:15:00.000Z",
        "$states.context.Task.Token": "AQCEAAAAKgAAAAMAAAAAAAAAAexample",
    }
    parts = it.removeprefix("{%").removesuffix("%}").strip().split(" & ")
    return "".join(part[1:-1] if part.startswith("'") else values[part] for part in parts)


def counted(state):
    """Each metric that a state counts: its unit and value, by its name."""
    arguments = state["Arguments"]
    assert arguments["Namespace"] == "FailureRelay"
    assert all(metric["Dimensions"] == OF_THIS_STACK for metric in arguments["MetricData"])
    return {metric["MetricName"]: (metric["Unit"], metric["Value"]) for metric in arguments["MetricData"]}


# ------------------------------------------------------------------ what is there


@pytest.mark.parametrize("others", [{}, LEASES, SWEEP], ids=["alone", "leases", "sweep"])
def test_the_canary_is_there_only_where_it_is_asked_for(others):
    without = set(Template(RELAY, **others).resources())
    assert not without & RESOURCES
    assert set(Template(RELAY, **ON, **others).resources()) - without == RESOURCES


def test_without_it_nothing_speaks_of_it():
    described = json.dumps(Template(RELAY, **LEASES, **SWEEP).resources())
    assert "Canary" not in described


def test_a_relay_that_may_fail_no_step_functions_task_takes_no_canary():
    raw = Template(RELAY).raw["Rules"]["TheCanaryIsAStepFunctionsTask"]
    (assertion,) = raw["Assertions"]
    for canary, tasks, accepted in (("true", "true", True), ("true", "false", False), ("false", "false", True)):
        template = Template(RELAY, Canary=canary, EnableStepFunctionsTasks=tasks)
        assert template.value(assertion["Assert"]) == accepted


def test_it_is_started_as_often_as_is_asked_for():
    for minutes in (5, 60, 720):
        rule = Template(RELAY, **ON, CanaryMinutes=minutes).resources()["CanaryRule"]
        (target,) = rule["Targets"]
        assert rule["ScheduleExpression"] == f"rate({minutes} minutes)"
        assert (target["Arn"], target["RoleArn"]) == ("<CanaryStateMachine>", "<CanaryRuleRole.Arn>")
        # A notice of its end holds the input, in which the relay looks for a task.
        assert json.loads(target["Input"]) == {}
    # EventBridge takes no "rate(1 minutes)".
    assert Template(RELAY).raw["Parameters"]["CanaryMinutes"]["MinValue"] > 1
    assert Template(RELAY).defaults["CanaryMinutes"] == 60


# ------------------------------------------------------------------ what it publishes and checks


def test_with_leases_it_takes_one_too():
    assert set(callbacks()) == {"PublishFailure"}
    assert set(callbacks(**LEASES)) == {"PublishFailure", "TakeLease"}


@pytest.mark.parametrize("name", ["PublishFailure", "TakeLease"])
def test_what_it_publishes_is_an_event_of_the_schema(name):
    schema = json.loads((ROOT / "schema/failure-event.v1.schema.json").read_text())
    state = callbacks(**LEASES)[name]
    assert state["Resource"] == "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    assert state["Arguments"]["QueueUrl"] == "<Queue>"
    event = in_a_run(state["Arguments"]["MessageBody"])
    jsonschema.validate(event, schema)
    assert event["source"] == "canary"
    assert A_RUN in event["id"]
    assert A_RUN in event["failure"]["message"]
    assert ("lease" in event) == (name == "TakeLease")


def test_the_two_failures_of_a_run_cannot_be_taken_for_each_other():
    events = [in_a_run(state["Arguments"]["MessageBody"]) for state in callbacks(**LEASES).values()]
    for member in (lambda e: e["id"], lambda e: e["failure"]["type"], lambda e: e["failure"]["message"]):
        assert len({member(event) for event in events}) == 2


@pytest.mark.parametrize("name", ["PublishFailure", "TakeLease"])
def test_it_checks_the_error_and_the_text_that_it_published(name):
    # Without details and an id of the worker's the cause is the message alone.
    state = callbacks(**LEASES)[name]
    failure = state["Arguments"]["MessageBody"]["failure"]
    assert set(failure) == {"type", "message"}
    message = failure["message"].removeprefix("{% ").removesuffix(" %}")
    (catch,) = state["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    checked = catch["Output"]["right"].removeprefix("{% ").removesuffix(" %}").split(" and ")
    assert checked[:2] == [f"$states.errorOutput.Error = '{failure['type']}'", f"$states.errorOutput.Cause = {message}"]
    # A lease that is reported before it ran out is a false alarm.
    lasts = state["Arguments"]["MessageBody"].get("lease", {}).get("ttlSeconds")
    elapsed = "$millis() - $toMillis($states.context.State.EnteredTime)"
    assert checked[2:] == ([f"{elapsed} >= {lasts * 1000}"] if lasts else [])
    assert catch["Output"]["milliseconds"] == f"{{% {elapsed}{f' - {lasts * 1000}' if lasts else ''} %}}"


def test_what_is_not_failed_in_time_ends_by_itself():
    waits = {name: state["TimeoutSeconds"] for name, state in callbacks(**LEASES).items()}
    assert waits == {"PublishFailure": 60, "TakeLease": 60 + 60 + 60}
    lease = callbacks(**LEASES)["TakeLease"]["Arguments"]["MessageBody"]["lease"]
    assert lease == {"action": "take", "ttlSeconds": 60}
    assert definition()["TimeoutSeconds"] > max(waits.values())


def test_a_run_succeeds_only_where_each_part_was_right():
    states = definition(**LEASES)["States"]
    assert states["FailThroughTheRelay"]["Next"] == "Right"
    (choice,) = states["Right"]["Choices"]
    assert choice["Condition"] == "{% $count($states.input[right = true]) = $count($states.input) %}"
    assert (choice["Next"], states["Right"]["Default"]) == ("CountSuccess", "CountFailure")
    assert states["CountSuccess"]["End"] is True
    assert states[states["CountFailure"]["Next"]]["Type"] == "Fail"


# ------------------------------------------------------------------ what it counts, and who looks at it


def test_each_run_counts_whether_it_went_wrong_and_a_good_one_how_long_it_took():
    def both(**parameters):
        states = definition(**parameters)["States"]
        return counted(states["CountSuccess"]), counted(states["CountFailure"])

    failed, took = ("Count", 1), ("Milliseconds", "{% $states.input[0].milliseconds %}")
    assert both() == ({"CanaryFailed": ("Count", 0), "CanaryTime": took}, {"CanaryFailed": failed})
    of_the_lease = ("Milliseconds", "{% $states.input[1].milliseconds %}")
    assert both(**LEASES) == (
        {"CanaryFailed": ("Count", 0), "CanaryTime": took, "CanaryLeaseTime": of_the_lease},
        {"CanaryFailed": failed},
    )
    assert list(callbacks(**LEASES)) == ["PublishFailure", "TakeLease"]


def test_one_alarm_is_on_failure_and_one_on_absence():
    on = alarms(**ON)
    for name in ("CanaryFailedAlarm", "CanarySilentAlarm"):
        assert (on[name]["Namespace"], on[name]["MetricName"]) == ("FailureRelay", "CanaryFailed")
        assert on[name]["Dimensions"] == OF_THIS_STACK
    failed, silent = on["CanaryFailedAlarm"], on["CanarySilentAlarm"]
    assert (failed["Statistic"], failed["ComparisonOperator"], failed["Threshold"]) == (
        "Maximum", "GreaterThanOrEqualToThreshold", 1,
    )  # fmt: skip
    assert failed["TreatMissingData"] == "ignore", "between two runs it stays as the last one left it"
    assert (silent["Statistic"], silent["ComparisonOperator"], silent["Threshold"]) == ("SampleCount", "LessThanThreshold", 1)
    assert silent["TreatMissingData"] == "breaching"


@pytest.mark.parametrize("minutes", [5, 60, 720])
def test_absence_is_noticed_after_twice_the_time_between_two_runs(minutes):
    silent = alarms(**ON, CanaryMinutes=minutes)["CanarySilentAlarm"]
    assert silent["Period"] * int(silent["EvaluationPeriods"]) == 2 * minutes * 60
    assert silent["DatapointsToAlarm"] == silent["EvaluationPeriods"]


def test_the_longest_time_between_two_runs_is_one_that_an_alarm_can_look_back():
    parameter = Template(RELAY).raw["Parameters"]["CanaryMinutes"]
    assert 2 * parameter["MaxValue"] * 60 <= 86_400
    # A run with a lease that is not reported, and a minute for the schedule's own delay, between two counts.
    longest = max(state["TimeoutSeconds"] for state in callbacks(**LEASES).values())
    assert longest + 60 < parameter["MinValue"] * 60


@pytest.mark.parametrize("others", [{}, LEASES, SWEEP, LEASES | SWEEP], ids=["alone", "leases", "sweep", "both"])
def test_the_dashboard_shows_the_canary_and_its_alarms(others):
    widgets = dashboard(**ON, **others)["widgets"]
    (listed,) = [w["properties"]["alarms"] for w in widgets if w["type"] == "alarm"]
    assert sorted(a.strip("<>").removesuffix(".Arn") for a in listed) == sorted(alarms(**ON, **others))
    lines = [m for w in widgets for m in w["properties"].get("metrics", []) if m[1:2] and str(m[1]).startswith("Canary")]
    assert {m[1] for m in lines} == {"CanaryFailed", "CanaryTime", "CanaryLeaseTime"}
    assert all(m[2:4] == ["Stack", "failure-relay"] for m in lines)
    cells = [(x, y) for w in widgets for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])]
    assert len(cells) == len(set(cells)), "a widget covers another"
    assert {y for _, y in cells} == set(range(max(y for _, y in cells) + 1)), "a row is empty"


# ------------------------------------------------------------------ what it may do


@pytest.mark.parametrize("name, service", [("CanaryRole", "states.amazonaws.com"), ("CanaryRuleRole", "events.amazonaws.com")])
def test_its_roles_are_for_one_service_acting_for_this_account(name, service):
    (trust,) = Template(RELAY, **ON).resources()[name]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": service}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "111111111111"}}


@pytest.mark.parametrize("name", ["CanaryRole", "CanaryRuleRole"])
def test_its_roles_have_the_boundary_and_the_path_that_are_asked_for(name):
    plain, asked = (Template(RELAY, **p).resources()[name] for p in (ON, EVERYTHING_ON))
    assert (plain["Path"], plain.get("PermissionsBoundary")) == ("/", None)
    assert (asked["Path"], asked["PermissionsBoundary"]) == ("/workers/", EVERYTHING_ON["PermissionsBoundaryArn"])


def test_it_may_publish_as_any_publisher_and_count_and_no_more():
    role = Template(RELAY, **EVERYTHING_ON).resources()["CanaryRole"]
    assert role["ManagedPolicyArns"] == ["<PublisherPolicy>"]
    ((statement,),) = [policy["PolicyDocument"]["Statement"] for policy in role["Policies"]]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "cloudwatch:PutMetricData")
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "FailureRelay"}}


def test_its_schedule_may_start_it_and_nothing_else():
    role = Template(RELAY, **EVERYTHING_ON).resources()["CanaryRuleRole"]
    assert "ManagedPolicyArns" not in role
    ((statement,),) = [policy["PolicyDocument"]["Statement"] for policy in role["Policies"]]
    assert (statement["Action"], statement["Resource"]) == ("states:StartExecution", "<CanaryStateMachine>")


def test_a_relay_that_is_held_to_some_state_machines_may_fail_the_canary_too():
    def resources(**parameters):
        policy = statements(Template(RELAY, **parameters), "TargetsPolicy")
        return [r for s in policy if s["Action"] == "states:SendTaskFailure" for r in as_list(s["Resource"])]

    some = {"StepFunctionsArns": "arn:aws:states:eu-west-1:111111111111:stateMachine:one"}
    assert resources(**ON, **some) == [some["StepFunctionsArns"], "<CanaryStateMachine>"]
    assert resources(**some) == [some["StepFunctionsArns"]]
    assert resources(**ON) == resources()


def test_the_stack_tells_what_to_start():
    output = Template(RELAY).raw["Outputs"]["CanaryStateMachineArn"]
    assert (output["Condition"], output["Value"]) == ("CanaryOn", {"Ref": "CanaryStateMachine"})


def test_the_page_names_what_is_there():
    page = (ROOT / "docs/canary.md").read_text()
    named = set(re.findall(r"`(Canary\w+)`", page))
    metrics = {"CanaryFailed", "CanaryTime", "CanaryLeaseTime"}
    assert metrics <= named <= metrics | RESOURCES | set(Template(RELAY).defaults) | set(Template(RELAY).raw["Outputs"])


def test_the_page_counts_the_states_that_a_run_enters():
    def entered(**parameters):
        states = definition(**parameters)["States"]
        branches = states["FailThroughTheRelay"]["Branches"]
        return 1 + sum(len(branch["States"]) for branch in branches) + len(["Right", "CountSuccess"])

    page = (ROOT / "docs/canary.md").read_text()
    assert f"A run enters {entered()} states, {entered(**LEASES)} with leases" in page
