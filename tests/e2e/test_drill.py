"""`relayctl drill` against the deployed stack: a sound one passes, what is broken is named, and nothing stays behind."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from cloud import apart, wait_for
from test_relayctl import Tool

DRILLED_REGION = apart("ap-southeast-2")
breaks_the_stack = pytest.mark.localstack("it breaks a stack, which AWS shows minutes later")


class Drilled:
    """A stack that nobody else uses."""

    def __init__(self, cloud, stack="drilled", **parameters):
        template, architecture = os.environ["E2E_TEMPLATE"], os.environ["E2E_ARCHITECTURE"]
        self.cloud = cloud
        self.stack = cloud.name(stack)
        self.role = ["--state-machine-role", cloud.machine_role()]
        self.outputs = cloud.deploy(template, region=DRILLED_REGION, stack=stack, Architecture=architecture, **parameters)
        self.tool = Tool(cloud)

    def client(self, service):
        return self.cloud.client(service, region=DRILLED_REGION)

    def drill(self, *arguments):
        """The rows by drill, and the exit code."""
        rows, code = self.tool.json("drill", "--stack", self.stack, *arguments, region=DRILLED_REGION)
        return {row["drill"]: row for row in rows}, code

    def start(self, *arguments):
        """A drill that runs beside the test."""
        env = self.tool.environment(region=DRILLED_REGION)
        command = [self.tool.path, "drill", "--stack", self.stack, "--json", *arguments]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def messages(self):
        urls = [self.outputs[name] for name in ("QueueUrl", "DeadLetterQueueUrl", "ParkingQueueUrl")]
        names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
        asked = [self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names) for url in urls]
        return sum(int(count) for answer in asked for count in answer["Attributes"].values())

    def machines(self):
        states = self.client("stepfunctions")
        names = [machine["name"] for machine in states.list_state_machines()["stateMachines"]]
        names += [activity["name"] for activity in states.list_activities()["activities"]]
        return [name for name in names if name.startswith("drill-")]

    def assert_nothing_is_left(self):
        assert wait_for(lambda: self.messages() == 0, what="empty queues")
        assert wait_for(lambda: not self.machines(), what="no state machine and no activity of a drill")


@pytest.fixture(scope="module")
def drilled(cloud):
    return Drilled(cloud)


def results(rows):
    return {name: row["result"] for name, row in rows.items()}


def faults(row):
    assert all(fault["what"] and fault["fix"] for fault in row["faults"])
    return [fault["id"] for fault in row["faults"]]


def test_a_sound_stack_passes_and_nothing_is_left(drilled):
    rows, code = drilled.drill(*drilled.role)
    kinds = ["codepipeline-job", "codepipeline-third-party-job", "step-functions-task", "swf-activity-task"]
    tried = [*kinds, "callback", "dead-letter", "bus"]
    assert results(rows) == dict.fromkeys(tried, "passed") | {"lease": "skipped"}, rows
    assert code == 0
    assert "JobNotFoundException" in rows["codepipeline-job"]["what"]
    assert "REDRIVE_COUNT 1" in rows["dead-letter"]["what"]
    drilled.assert_nothing_is_left()


def test_without_a_role_a_callback_is_skipped_and_says_what_it_needs(drilled):
    rows, code = drilled.drill("--only", "callback")
    assert (results(rows), code) == ({"callback": "skipped"}, 0)
    assert "--state-machine-role" in rows["callback"]["what"]


@contextlib.contextmanager
def disabled_mapping(drilled):
    functions = drilled.client("lambda")
    listed = functions.list_event_source_mappings(FunctionName=drilled.outputs["FunctionName"])["EventSourceMappings"]
    (uuid,) = [m["UUID"] for m in listed if m["EventSourceArn"] == drilled.outputs["QueueArn"]]

    def set_enabled(enabled):
        functions.update_event_source_mapping(UUID=uuid, Enabled=enabled)
        state = "Enabled" if enabled else "Disabled"
        wait_for(lambda: functions.get_event_source_mapping(UUID=uuid)["State"] == state, what=f"mapping {state}")

    set_enabled(False)
    yield
    set_enabled(True)


@breaks_the_stack
def test_a_disabled_mapping_is_named_and_nothing_is_sent(drilled):
    with disabled_mapping(drilled):
        rows, code = drilled.drill(*drilled.role)
        assert code == 1
        failed = {name for name, result in results(rows).items() if result == "failed"}
        assert failed == {"callback", "dead-letter", "bus"}
        assert all(faults(rows[name]) == ["mapping-disabled"] for name in failed), rows
        drilled.assert_nothing_is_left()


@breaks_the_stack
def test_a_role_that_lacks_a_permission_is_named(drilled):
    iam, role = drilled.client("iam"), drilled.outputs["RelayRoleArn"].rsplit("/", 1)[1]
    name = "fail-tasks-and-jobs"
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    held = [s for s in policy["Statement"] if "states:SendTaskFailure" not in s["Action"]]
    assert len(held) == len(policy["Statement"]) - 1
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy | {"Statement": held}))
    rows, code = drilled.drill(*drilled.role)
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    assert code == 1
    failed = {name for name, result in results(rows).items() if result == "failed"}
    assert failed == {"step-functions-task", "callback"}
    assert all(faults(rows[name]) == ["role-lacks-permission"] for name in failed), rows
    assert "states:SendTaskFailure" in rows["step-functions-task"]["faults"][0]["what"]
    drilled.assert_nothing_is_left()


@breaks_the_stack
def test_a_queue_that_refuses_its_rule_is_named(drilled):
    sqs, url = drilled.client("sqs"), drilled.outputs["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    statements = [s for s in json.loads(policy)["Statement"] if s["Sid"] != "RulesOfThisStack"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})})
    rows, code = drilled.drill("--only", "bus", "--only", "dead-letter")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    assert (results(rows), code) == ({"dead-letter": "passed", "bus": "failed"}, 1)
    assert faults(rows["bus"]) == ["queue-refuses-rule"]
    drilled.assert_nothing_is_left()


@contextlib.contextmanager
def deaf_rule(drilled):
    """The bus's rule catches nothing, which no examination sees."""
    events, bus = drilled.client("events"), drilled.outputs["EventBusName"]
    (rule,) = events.list_rules(EventBusName=bus)["Rules"]
    events.put_rule(Name=rule["Name"], EventBusName=bus, EventPattern=json.dumps({"source": ["nobody"]}))
    yield
    events.put_rule(Name=rule["Name"], EventBusName=bus, EventPattern=rule["EventPattern"])


@breaks_the_stack
def test_a_fault_that_nobody_can_see_is_a_failure_all_the_same(drilled):
    with deaf_rule(drilled):
        rows, code = drilled.drill("--only", "bus", "--timeout", "5s")
    # The drill cannot know that its event vanished.
    assert (results(rows), code) == ({"bus": "failed"}, 1)
    assert (rows["bus"]["faults"], rows["bus"]["what"]) == ([], "no dead letter within 5 s")


@breaks_the_stack
def test_an_interrupted_drill_cleans_up(drilled):
    with deaf_rule(drilled):
        running = drilled.start(*drilled.role, "--only", "callback", "--only", "bus")
        first = json.loads(running.stdout.readline())
        assert (first["drill"], first["result"]) == ("callback", "passed")
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        rest, talk = running.communicate(timeout=60)
    assert json.loads(rest)["result"] == "untried"
    assert running.returncode == 1, talk
    assert "interrupted" in talk and "left behind: the dead letter of drill-" in talk
    drilled.assert_nothing_is_left()


# ---------------------------------------------------------------- what takes minutes


@pytest.fixture(scope="module")
def with_leases(cloud):
    return Drilled(cloud, "drilled-with-leases", Leases="true", Canary="true")


@pytest.mark.localstack("it plays the schedule of the watch; tests/aws/test_canary_of_a_stack.py waits for it")
def test_a_lease_that_runs_out_and_the_canary_are_seen(with_leases):
    lease = ["--only", "lease"]
    running = [with_leases.start(*arguments) for arguments in (lease, [*lease, *with_leases.role], ["--only", "canary"])]
    # LocalStack does not start the watch by its schedule.
    while any(drill.poll() is None for drill in running):
        with_leases.client("lambda").invoke(FunctionName=with_leases.outputs["WatchFunctionName"], Payload="{}")
        time.sleep(5)
    by_letter, by_task, canary = [(*drill.communicate(timeout=400), drill.returncode) for drill in running]
    rows = [json.loads(out) for out, _, _ in (by_letter, by_task, canary)]
    assert [row["result"] for row in rows] == ["passed"] * 3, (rows, by_letter, by_task, canary)
    assert "JobNotFoundException" in rows[0]["what"]
    assert "the execution failed with Drill.LeaseExpired" in rows[1]["what"]
    assert all(row["seconds"] >= 60 for row in rows)
    with_leases.assert_nothing_is_left()


@breaks_the_stack
def test_a_watch_that_nobody_starts_is_named_before_a_lease_is_taken(with_leases):
    events = with_leases.client("events")
    (rule,) = [rule["Name"] for rule in events.list_rules()["Rules"] if "LeasesRule" in rule["Name"]]
    events.disable_rule(Name=rule)
    rows, code = with_leases.drill("--only", "lease")
    events.enable_rule(Name=rule)
    assert (results(rows), code) == ({"lease": "failed"}, 1)
    assert faults(rows["lease"]) == ["watch-not-started"]
    with_leases.assert_nothing_is_left()


@pytest.mark.localstack("it looks into the table while the lease is taken")
def test_an_interrupted_lease_is_released(with_leases):
    running = with_leases.start("--only", "lease")
    table = with_leases.client("dynamodb")

    def held():
        return [item for item in table.scan(TableName=with_leases.outputs["TableName"])["Items"] if "due_shard" in item]

    wait_for(held, what="a lease in the table")
    running.send_signal(signal.SIGINT)
    _, talk = running.communicate(timeout=60)
    assert (running.returncode, "left behind" in talk) == (1, False), talk
    wait_for(lambda: not held(), what="a release")
    with_leases.assert_nothing_is_left()
