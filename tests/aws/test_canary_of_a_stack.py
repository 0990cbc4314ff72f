"""docs/first-deployment.md, "The canary" and the lease of "Leases, claims and the sweep", in a stack with a customer key."""


import pytest

from cloud import wait_for

LEASE_SECONDS = 60
WATCHED_SECONDS_MAX = 180


@pytest.fixture(scope="module")
def runs(cloud, keyed):
    """A run of the canary, and an execution whose worker took a lease and fell silent. Both begin at once: a lease lasts a minute."""
    relay, _ = keyed
    started = cloud.client("stepfunctions").start_execution(stateMachineArn=relay.outputs["CanaryStateMachineArn"], name="tried")
    execution, token = cloud.activity_execution()
    target = {"kind": "step-functions-task", "taskToken": token}
    relay.publish({"id": "silent", "lease": {"action": "take", "ttlSeconds": LEASE_SECONDS}, "target": target})
    assert relay.wait_for_outcome(event_id="silent")["outcome"] == "lease-taken"
    return started["executionArn"], execution


def end_when_watched(cloud, relay, execution):
    """The end of an execution that the watch has to bring about."""

    def ended():
        if cloud.is_localstack:  # whose schedules send nothing to a target whose input is empty
            cloud.client("lambda").invoke(FunctionName=relay.outputs["WatchFunctionName"])
        return not cloud.running(execution)

    wait_for(ended, WATCHED_SECONDS_MAX, f"end of {execution}")
    return cloud.end_of(execution)


@pytest.mark.row("A lease that nobody renews fails its task", "`kms:ViaService` is `dynamodb.<region>`")
def test_a_lease_that_nobody_renews_fails_its_task(cloud, keyed, runs):
    relay, _ = keyed
    _, execution = runs
    end = end_when_watched(cloud, relay, execution)
    assert (end["status"], end["error"]) == ("FAILED", "Worker.LeaseExpired")
    lasted = end["stopDate"] - end["startDate"]
    assert LEASE_SECONDS <= lasted.total_seconds() < WATCHED_SECONDS_MAX


@pytest.mark.row("Step Functions accepts the definition")
def test_a_run_of_the_canary_succeeds(cloud, keyed, runs):
    relay, _ = keyed
    execution, _ = runs
    assert end_when_watched(cloud, relay, execution)["status"] == "SUCCEEDED"


@pytest.mark.row("`cloudwatch:namespace` holds for what a state machine puts")
def test_what_the_canary_counts_arrives(cloud, keyed, runs):
    def listed():
        found = cloud.client("cloudwatch").list_metrics(
            Namespace="FailureRelay", MetricName="CanaryFailed", Dimensions=[{"Name": "Stack", "Value": cloud.name("keyed")}]
        )
        return found["Metrics"]

    wait_for(listed, WATCHED_SECONDS_MAX, "metric CanaryFailed")


@pytest.mark.aws("its schedules start nothing here")
@pytest.mark.row("`aws:SourceAccount` is there when EventBridge and Step Functions assume a role")
def test_the_schedule_starts_the_canary(cloud, keyed, runs):
    relay, _ = keyed

    def started():
        machine = relay.outputs["CanaryStateMachineArn"]
        executions = cloud.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
        return [e for e in executions if e["name"] != "tried"]

    wait_for(started, WATCHED_SECONDS_MAX, "a run that the schedule has started")
