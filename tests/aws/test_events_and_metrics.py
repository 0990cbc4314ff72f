"""docs/first-deployment.md, "Events and metrics". The patterns of the rules are in tests/e2e/test_notices.py."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud import wait_for

METRICS_SECONDS_MAX = 180


@pytest.mark.aws("it makes no metrics of log lines")
@pytest.mark.row("Logs and metrics arrive without a permission")
def test_what_was_relayed_is_counted(cloud, relay):
    began = datetime.now(UTC) - timedelta(minutes=1)
    execution, token = cloud.activity_execution()
    relay.publish({"target": {"kind": "step-functions-task", "taskToken": token}})
    assert cloud.end_of(execution)["status"] == "FAILED"

    def counted():
        found = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="FailureRelay",
            MetricName="Relayed",
            StartTime=began,
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in found["Datapoints"])

    wait_for(lambda: counted() >= 1, METRICS_SECONDS_MAX, "metric Relayed")


@pytest.mark.row("The account's concurrency is enough")
def test_the_accounts_concurrency_is_enough(cloud, relay):
    functions = cloud.client("lambda")
    limit = functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    mappings = functions.list_event_source_mappings(FunctionName=relay.function)["EventSourceMappings"]
    taken = sum(mapping["ScalingConfig"]["MaximumConcurrency"] for mapping in mappings)
    assert taken and limit >= 2 * taken
