"""relayctl beside the deployed stack: what a worker and an operator do with it."""

import json
import os
import subprocess
import uuid

import pytest

from cloud import OTHER_ACCOUNT, RELAY_ACCOUNT, REGION, apart, wait_for

EXAMINED_REGION = apart("eu-central-1")
EXAMINED = "examined"


class Tool:
    """The built relayctl, with nothing in its environment but what reaches the cloud."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.path = os.environ["E2E_RELAYCTL"]

    def environment(self, region=REGION, **variables):
        return {
            "PATH": os.environ["PATH"],
            **self.cloud.credentials(),
            "AWS_REGION": region,
            **variables,
        }

    def __call__(self, *arguments, **variables):
        env = self.environment(**variables)
        return subprocess.run([self.path, *arguments], env=env, capture_output=True, text=True, timeout=120)

    def json(self, *arguments, **options):
        """The objects that a run with --json prints, and its exit code."""
        done = self(*arguments, "--json", **options)
        return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


@pytest.fixture(scope="module")
def relayctl(cloud):
    return Tool(cloud)


# ---------------------------------------------------------------- publish and run


@pytest.mark.parametrize("place", ["queue", "bus"])
def test_a_published_failure_ends_the_execution(cloud, relay, relayctl, place):
    execution, token = cloud.activity_execution()
    to = ["--queue-url", relay.queue_url] if place == "queue" else ["--event-bus", relay.bus]
    done = relayctl("publish", "--type", "Render.Failed", "--message", f"by {place}", *to, TASK_TOKEN=token)
    assert (done.returncode, token in done.stdout + done.stderr) == (0, False), done.stderr
    end = cloud.end_of(execution)
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "Render.Failed", f"by {place}")


def heartbeat_execution(cloud, seconds):
    """An execution whose activity fails by itself when no heartbeat comes for so long: its ARN and the task's token."""
    states = cloud.client("stepfunctions")
    activity = states.create_activity(name=cloud.name(f"activity-{uuid.uuid4().hex}"))["activityArn"]
    work = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 120, "HeartbeatSeconds": seconds, "End": True}
    execution = cloud.start(cloud.state_machine({"StartAt": "Work", "States": {"Work": work}}))
    token = states.get_activity_task(activityArn=activity, workerName="e2e")["taskToken"]
    cloud.tokens.append(token)
    return execution, token


def test_a_worker_under_run_is_kept_alive_by_heartbeats_and_its_failure_ends_the_execution(cloud, relay, relayctl):
    execution, token = heartbeat_execution(cloud, seconds=12)
    worker = ["sh", "-c", "sleep 15; echo disk full >&2; exit 4"]
    done = relayctl("run", "--heartbeat", "1", "--", *worker, TASK_TOKEN=token, RELAY_QUEUE_URL=relay.queue_url)
    assert done.returncode == 4
    end = cloud.end_of(execution)
    assert end["error"] == "Worker.Exited"
    details = json.loads(end["cause"])["details"]
    assert (details["exitCode"], details["stderr"]) == (4, ["disk full"])


def test_a_worker_whose_task_is_closed_is_told_to_stop(cloud, relay, relayctl):
    execution, token = heartbeat_execution(cloud, seconds=60)
    cloud.client("stepfunctions").stop_execution(executionArn=execution)
    variables = {"TASK_TOKEN": token, "RELAY_QUEUE_URL": relay.queue_url}
    done = relayctl("run", "--heartbeat", "1", "--stop-when-closed", "--", "sleep", "60", **variables)
    assert done.returncode == 128 + 15, done.stderr


def test_without_a_relay_run_calls_the_api(cloud, relayctl):
    execution, token = cloud.activity_execution()
    done = relayctl("run", "--direct", "--", "sh", "-c", "kill -KILL $$", TASK_TOKEN=token)
    assert done.returncode == 128 + 9
    assert cloud.end_of(execution)["error"] == "Worker.Killed"


# ---------------------------------------------------------------- dlq


def letter_of(relay, relayctl, event_id):
    def look():
        letters, _ = relayctl.json("dlq", "list", "--limit", "0", "--queue-url", relay.dead_letter_queue_url)
        return [letter for letter in letters if letter.get("eventId") == event_id]

    return wait_for(look, what=f"dead letter of {event_id}")[0]


def test_a_letter_that_is_moved_back_is_relayed(code_pipeline, relay, relayctl):
    job = code_pipeline.open_job("unknown at first")
    relay.publish({"id": f"back-{job}", "target": {"kind": "codepipeline-job", "jobId": job}})
    letter = letter_of(relay, relayctl, f"back-{job}")
    assert (letter["code"], letter["source"]) == ("REJECTED_BY_SERVICE", relay.queue_arn)
    moved, code = relayctl.json("dlq", "redrive", "--id", letter["id"], "--queue-url", relay.dead_letter_queue_url)
    assert (code, moved[-1]["summary"]["moved"]) == (0, 1)
    relay.wait_for_outcome(event_id=f"back-{job}", outcome="relayed")


def test_a_letter_that_would_be_refused_again_stays_until_it_is_purged(relay, relayctl):
    relay.publish({"id": "stays", "target": {"kind": "no-such-kind"}})
    letter = letter_of(relay, relayctl, "stays")
    at = ["--id", letter["id"], "--queue-url", relay.dead_letter_queue_url]
    moved, code = relayctl.json("dlq", "redrive", *at)
    assert (code, moved[-1]["summary"]["stay"]) == (1, {"still-unroutable": 1})
    assert "no-such-kind" in relayctl("dlq", "show", letter["id"], *at[2:]).stdout
    assert relayctl("dlq", "purge", "--yes", *at).stdout == "1 letter deleted\n"
    assert relayctl.json("dlq", "list", *at) == ([], 0)


# ---------------------------------------------------------------- doctor


@pytest.fixture(scope="module")
def examined(cloud, relay):
    """A stack that nobody else uses, as the template makes it."""
    return cloud.deploy(
        os.environ["E2E_TEMPLATE"],
        region=EXAMINED_REGION,
        stack=EXAMINED,
        Architecture=os.environ["E2E_ARCHITECTURE"],
        EcsTaskNotices="true",
        AlarmTopicArn=f"arn:aws:sns:{EXAMINED_REGION}:{RELAY_ACCOUNT}:alarms",
    )


def findings(relayctl, *subject):
    found, code = relayctl.json("doctor", *subject, region=EXAMINED_REGION)
    assert all(finding["fix"] for finding in found)
    return {finding["id"] for finding in found}, code


def test_nothing_is_wrong_with_the_stack_as_the_template_makes_it(cloud, examined, relayctl):
    assert findings(relayctl, "--stack", cloud.name(EXAMINED)) == (set(), 0)
    assert findings(relayctl, "--function", examined["FunctionName"]) == (set(), 0)


@pytest.mark.localstack("it breaks a stack, which AWS shows minutes later")
def test_each_thing_that_is_wrong_is_found(cloud, examined, relayctl):
    def client(service):
        return cloud.client(service, region=EXAMINED_REGION)

    def set_queue(url, **attributes):
        client("sqs").set_queue_attributes(QueueUrl=url, Attributes=attributes)

    eager = json.dumps({"deadLetterTargetArn": examined["DeadLetterQueueArn"], "maxReceiveCount": 3})
    set_queue(examined["QueueUrl"], VisibilityTimeout="30", RedrivePolicy=eager)
    set_queue(examined["DeadLetterQueueUrl"], MessageRetentionPeriod="86400", SqsManagedSseEnabled="false")

    functions = client("lambda")
    mappings = functions.list_event_source_mappings(FunctionName=examined["FunctionName"])["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mappings[0]["UUID"], FunctionResponseTypes=[])
    configuration = functions.get_function_configuration(FunctionName=examined["FunctionName"])
    # A region and an account of which the role's policy knows nothing.
    allowed = {"RELAY_ALLOWED_REGIONS": "ap-south-1", "RELAY_ALLOWED_ACCOUNTS": OTHER_ACCOUNT, "RELAY_ROLE_NAME": "target"}
    variables = configuration["Environment"]["Variables"] | allowed
    functions.update_function_configuration(FunctionName=examined["FunctionName"], Environment={"Variables": variables})

    rules = client("events")
    (rule,) = [rule["Name"] for rule in rules.list_rules()["Rules"] if rule["State"] == "ENABLED"]
    rules.remove_targets(Rule=rule, Ids=[target["Id"] for target in rules.list_targets_by_rule(Rule=rule)["Targets"]])

    alarms = client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{EXAMINED}-")["MetricAlarms"]
    (waiting,) = [alarm["AlarmName"] for alarm in alarms if "DeadLettersWaiting" in alarm["AlarmName"]]
    client("cloudwatch").delete_alarms(AlarmNames=[waiting])

    found, code = relayctl.json("doctor", "--stack", EXAMINED, region=EXAMINED_REGION)
    assert code == 1
    assert {finding["id"] for finding in found} >= {
        "no-item-failures",
        "visibility-too-short",
        "redrive-too-eager",
        "retention-too-short",
        "not-encrypted",
        "role-lacks-permission",
        "rule-without-target",
        "alarm-missing",
    }
    lacking = "\n".join(finding["what"] for finding in found if finding["id"] == "role-lacks-permission")
    assert "states:SendTaskFailure in ap-south-1" in lacking
    assert f"arn:aws:iam::{OTHER_ACCOUNT}:role/target" in lacking

    parking = [m for m in mappings if m["EventSourceArn"] == examined["ParkingQueueArn"]]
    functions.delete_event_source_mapping(UUID=parking[0]["UUID"])
    assert "parking-unmapped" in findings(relayctl, "--stack", EXAMINED)[0]

    set_queue(examined["QueueUrl"], RedrivePolicy="")
    assert "no-redrive" in findings(relayctl, "--stack", EXAMINED)[0]


def test_what_cannot_be_examined_is_no_clean_bill_of_health(relayctl):
    assert findings(relayctl, "--stack", "no-such-stack") == (set(), 4)
    unreachable = relayctl("doctor", "--stack", "failure-relay", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert unreachable.returncode == 4
    assert "cannot be reached" in unreachable.stderr
