"""What an operator has: the defaults of the stack, the log, the metrics, the alarms."""

import json
import os
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud import Relay, apart, wait_for

DEFAULTS_REGION = apart("eu-north-1")


of_all_that_went_before = pytest.mark.localstack("it looks at the log of all scenarios, of which an account runs some")


def of_the_template(ending):
    """The logical ids of the template's resources that end so."""
    return re.findall(rf"^  (\w+{ending}):$", Path(os.environ["E2E_TEMPLATE"]).read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def defaults(cloud):
    """The stack with its defaults, in a region of its own."""
    template, architecture = os.environ["E2E_TEMPLATE"], os.environ["E2E_ARCHITECTURE"]
    outputs = cloud.deploy(template, region=DEFAULTS_REGION, stack="defaults", Architecture=architecture)
    return Relay(cloud, outputs), outputs


def test_the_stack_with_its_defaults_relays(cloud, defaults):
    relay, _ = defaults
    execution, token = cloud.activity_execution(region=DEFAULTS_REGION)
    event = {"target": {"kind": "step-functions-task", "taskToken": token}, "failure": {"type": "By.Default"}}
    cloud.client("sqs", region=DEFAULTS_REGION).send_message(QueueUrl=relay.queue_url, MessageBody=json.dumps(event))
    assert cloud.end_of(execution)["error"] == "By.Default"


@pytest.mark.localstack("SQS gives the name of a queue again a minute after its deletion")
def test_a_dead_letter_queue_that_is_gone_keeps_the_event_in_the_queue(cloud, defaults):
    relay, _ = defaults
    sqs = cloud.client("sqs", region=DEFAULTS_REGION)
    attributes = sqs.get_queue_attributes(QueueUrl=relay.dead_letter_queue_url, AttributeNames=["MessageRetentionPeriod"])
    sqs.delete_queue(QueueUrl=relay.dead_letter_queue_url)
    body = json.dumps({"id": "patient", "target": {"kind": "no-such-kind"}})
    sqs.send_message(QueueUrl=relay.queue_url, MessageBody=body)
    relay.wait_for_outcome(event_id="patient", outcome="retry")
    sqs.create_queue(QueueName=relay.dead_letter_queue_url.rpartition("/")[2], Attributes=attributes["Attributes"])
    line = relay.wait_for_outcome(event_id="patient", outcome="dead-lettered", seconds=60)
    assert line["error_code"] == "UNKNOWN_TARGET"
    (letter,) = sqs.receive_message(QueueUrl=relay.dead_letter_queue_url)["Messages"]
    assert letter["Body"] == body


def test_the_stack_with_its_defaults_takes_no_notice(cloud, defaults):
    events = cloud.client("events", region=DEFAULTS_REGION)
    resources = cloud.client("cloudformation", region=DEFAULTS_REGION).describe_stack_resources(StackName=cloud.name("defaults"))
    notices = [r for r in resources["StackResources"] if r["LogicalResourceId"].endswith("NoticeRule")]
    rules = {r["LogicalResourceId"]: events.describe_rule(Name=r["PhysicalResourceId"])["State"] for r in notices}
    assert set(rules) == set(of_the_template("NoticeRule")) and set(rules.values()) == {"DISABLED"}


def test_a_second_deployment_changes_nothing(cloud, defaults):
    _, outputs = defaults
    again = cloud.deploy(
        os.environ["E2E_TEMPLATE"], region=DEFAULTS_REGION, stack="defaults", Architecture=os.environ["E2E_ARCHITECTURE"]
    )
    assert again == outputs


def test_a_setting_is_changed_by_deploying_again(cloud, defaults):
    relay, _ = defaults
    cloud.deploy(os.environ["E2E_TEMPLATE"], region=DEFAULTS_REGION, stack="defaults", MaxReceives=5, EcsTaskNotices="true")
    configuration = cloud.client("lambda", region=DEFAULTS_REGION).get_function_configuration(FunctionName=relay.function)
    assert configuration["Environment"]["Variables"]["RELAY_MAX_RECEIVES"] == "5"


def test_every_alarm_is_there(cloud, relay):
    resources = cloud.client("cloudformation").describe_stack_resources(StackName=cloud.name("failure-relay"))["StackResources"]
    alarms = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::CloudWatch::Alarm"}
    # The stack has abandoned work, and neither leases nor a sweep nor a canary.
    off = {
        "WatchErrorsAlarm", "WatchSilentAlarm", "StrandedTasksAlarm", "TableThrottledAlarm",
        "CanaryFailedAlarm", "CanarySilentAlarm",
    }  # fmt: skip
    assert set(alarms) == set(of_the_template("Alarm")) - off
    existing = cloud.client("cloudwatch").describe_alarms(AlarmNames=list(alarms.values()))["MetricAlarms"]
    assert len(existing) == len(alarms)


def emitted(relay):
    """Each metric as the function wrote it: name, dimension sets, values."""
    for line in relay.log():
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "FailureRelay"
            assert directive["Dimensions"] == [["TargetKind"], []]
            for metric in directive["Metrics"]:
                values = line[metric["Name"]]
                yield metric["Name"], metric["Unit"], values if isinstance(values, list) else [values]


def test_each_metric_counts_what_it_says(code_pipeline, relay):
    def totals():
        sums = Counter()
        for name, unit, values in emitted(relay):
            assert unit == ("Milliseconds" if name == "ReportAge" else "Count")
            sums[name] += len(values) if name == "ReportAge" else sum(values)
        return sums

    before = totals()
    job, denied = code_pipeline.open_job(), code_pipeline.open_job("denied once")
    failed_at = datetime.now(UTC) - timedelta(seconds=90)
    event = {
        "id": f"aged-{job}",
        "target": {"kind": "codepipeline-job", "jobId": job},
        "time": failed_at.isoformat(),
        "failure": {"message": "x" * 9000},
    }
    relay.publish(event)
    line = relay.wait_for_outcome(event_id=event["id"], outcome="relayed")
    assert 90_000 <= line["age_ms"] < 150_000
    relay.publish(event)
    relay.publish({"target": {"kind": "codepipeline-job", "jobId": denied}})
    relay.publish({"target": {"kind": "codepipeline-job", "jobId": "wrong"}})
    relay.publish({"source": "aws.codebuild", "detail-type": "CodeBuild Build State Change", "detail": {"build-status": "SUCCEEDED"}})
    expected = Counter(Relayed=2, AlreadySettled=1, Retried=1, DeadLettered=1, Ignored=1, Truncated=1, ReportAge=1)
    wait_for(lambda: totals() - before == expected, what=f"{expected}")


@of_all_that_went_before
def test_each_member_that_a_query_asks_for_is_logged(relay):
    """tests/template holds the queries to this list; here it is held to what the function wrote."""
    asked_for = {
        "timestamp", "level", "outcome", "target_kind", "target_fingerprint", "event_id", "source", "record_id",
        "receives", "duration_ms", "age_ms", "error_code", "error_message", "service_error", "publisher", "trace_id",
    }  # fmt: skip
    assert asked_for <= {member for line in relay.outcomes() for member in line}


@of_all_that_went_before
def test_each_receive_of_a_record_ends_in_one_line(relay):
    receives = Counter((line["record_id"], line["receives"]) for line in relay.outcomes() if "receives" in line)
    assert receives and set(receives.values()) == {1}


def test_no_token_is_in_the_log(cloud, code_pipeline, relay):
    log = "\n".join(map(str, cloud.localstack.function_log(relay.function)))
    assert cloud.tokens and not any(token in log for token in cloud.tokens)
    assert code_pipeline.calls(operation="codepipeline:PutThirdPartyJobFailureResult")
    assert "s3cret-client-token" not in log
