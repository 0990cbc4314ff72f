"""The canary: a state machine of the stack that fails through the relay, and counts what it is then told."""

import json
import os
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cloud import Relay, wait_for

pytestmark = pytest.mark.localstack("it breaks the relay and reads metrics at once; tests/aws/test_canary_of_a_stack.py waits for them")

# A region of its own: the notices of the other scenarios' default bus reach rules that are disabled too.
CANARY_REGION = "eu-west-3"
MINUTES = 7


class Canary:
    """The state machine in a stack of its own."""

    def __init__(self, cloud, stack, **parameters):
        self.cloud = cloud
        self.stack = stack
        outputs = cloud.deploy(
            os.environ["E2E_TEMPLATE"],
            region=CANARY_REGION,
            stack=stack,
            Architecture=os.environ["E2E_ARCHITECTURE"],
            Canary="true",
            CanaryMinutes=MINUTES,
            **parameters,
        )
        self.relay = Relay(cloud, outputs)
        self.machine = outputs["CanaryStateMachineArn"]

    def client(self, service):
        return self.cloud.client(service, region=CANARY_REGION)

    def start(self):
        """The name of a run, and its ARN."""
        name = f"run-{uuid.uuid4()}"
        started = self.client("stepfunctions").start_execution(stateMachineArn=self.machine, name=name, input="{}")
        return name, started["executionArn"]

    def counted(self, metric):
        """All values of a metric, as (how many, their sum)."""
        found = self.client("cloudwatch").get_metric_statistics(
            Namespace="FailureRelay",
            MetricName=metric,
            Dimensions=[{"Name": "Stack", "Value": self.stack}],
            StartTime=datetime.now(UTC) - timedelta(hours=1),
            EndTime=datetime.now(UTC) + timedelta(hours=1),
            Period=3600,
            Statistics=["SampleCount", "Sum"],
        )["Datapoints"]
        return sum(point["SampleCount"] for point in found), sum(point["Sum"] for point in found)

    def take_message(self):
        """What a run has published."""
        sqs = self.client("sqs")
        (message,) = wait_for(lambda: sqs.receive_message(QueueUrl=self.relay.queue_url).get("Messages"))
        sqs.delete_message(QueueUrl=self.relay.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])


@pytest.fixture(scope="module")
def lease_run(cloud):
    """A run of a canary with leases, and when its lease runs out. It is begun first: a lease lasts a minute at least."""
    canary = Canary(cloud, "canary-with-leases", Leases="true")
    return canary, *canary.start(), time.time() + 60


@pytest.fixture(scope="module")
def canary(cloud, lease_run):
    return Canary(cloud, "canary")


@pytest.fixture
def relay_stands_still(canary):
    functions = canary.client("lambda")
    (mapping,) = functions.list_event_source_mappings(EventSourceArn=canary.relay.queue_arn)["EventSourceMappings"]
    for enabled in (False, True):
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        state = "Enabled" if enabled else "Disabled"
        wait_for(lambda: functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state, what=f"mapping {state}")
        if not enabled:
            yield


def test_a_relay_that_works_lets_the_canary_succeed(cloud, canary):
    name, execution = canary.start()
    assert cloud.end_of(execution, 60)["status"] == "SUCCEEDED"
    line = canary.relay.wait_for_outcome(event_id=f"canary-{name}")
    assert (line["outcome"], line["source"], line["target_kind"]) == ("relayed", "canary", "step-functions-task")
    assert canary.counted("CanaryFailed") == (1, 0)
    runs, milliseconds = canary.counted("CanaryTime")
    assert runs == 1
    assert 0 < milliseconds < 60_000
    assert canary.counted("CanaryLeaseTime") == (0, 0)


def test_another_text_than_it_published_makes_the_canary_fail(cloud, canary, relay_stands_still):
    before, _ = canary.counted("CanaryTime")
    _, failed_before = canary.counted("CanaryFailed")
    _, execution = canary.start()
    event = canary.take_message()
    canary.client("stepfunctions").send_task_failure(
        taskToken=event["target"]["taskToken"], error=event["failure"]["type"], cause="Another text."
    )
    end = cloud.end_of(execution)
    assert (end["status"], end["error"]) == ("FAILED", "Canary.Wrong")
    assert "Another text." in end["cause"]
    _, failed = canary.counted("CanaryFailed")
    after, _ = canary.counted("CanaryTime")
    assert (failed, after) == (failed_before + 1, before)


def test_a_relay_that_takes_nothing_makes_the_canary_fail(cloud, canary, relay_stands_still):
    _, failed_before = canary.counted("CanaryFailed")
    _, execution = canary.start()
    end = cloud.end_of(execution, 90)
    assert (end["status"], end["error"]) == ("FAILED", "Canary.Wrong")
    assert "States.Timeout" in end["cause"]
    _, failed = canary.counted("CanaryFailed")
    assert failed == failed_before + 1


def test_the_schedule_starts_the_canary(canary):
    events = canary.client("events")
    (rule,) = [rule for rule in events.list_rules()["Rules"] if rule["Name"].startswith("canary-CanaryRule-")]
    assert (rule["ScheduleExpression"], rule["State"]) == (f"rate({MINUTES} minutes)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert (target["Arn"], target["Input"]) == (canary.machine, "{}")
    role = target["RoleArn"].rpartition("/")[2]
    (policy,) = canary.client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    document = canary.client("iam").get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    (statement,) = document["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("states:StartExecution", canary.machine)


def test_its_alarms_look_at_what_it_counts(canary):
    alarms = canary.client("cloudwatch").describe_alarms(AlarmNamePrefix="canary-Canary")["MetricAlarms"]
    seen = {(alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"][0]["Value"]) for alarm in alarms}
    assert seen == {("FailureRelay", "CanaryFailed", "canary")}
    assert {alarm["Period"] * alarm["EvaluationPeriods"] for alarm in alarms} == {300, 2 * MINUTES * 60}


def test_a_lease_that_runs_out_lets_the_canary_succeed(cloud, lease_run):
    canary, name, execution, runs_out = lease_run
    wait_for(lambda: time.time() > runs_out, 61)
    # LocalStack's schedules send nothing to a target whose input is empty.
    watch = canary.relay.outputs["WatchFunctionName"]
    wait_for(lambda: canary.client("lambda").invoke(FunctionName=watch) and not cloud.running(execution))
    assert cloud.end_of(execution)["status"] == "SUCCEEDED"
    outcomes = canary.relay.outcomes(event_id=f"canary-lease-{name}")
    assert [line["outcome"] for line in outcomes] == ["lease-taken", "relayed"]
    assert canary.counted("CanaryFailed") == (1, 0)
    runs, milliseconds = canary.counted("CanaryLeaseTime")
    assert runs == 1
    assert 0 <= milliseconds < 120_000
    assert canary.counted("CanaryTime")[0] == 1
