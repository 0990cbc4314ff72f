"""Whatever ends a run of tests/aws/run, what it has made goes; and nothing else does."""

import os
import signal
import time

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import leftovers
import one_of_each


def made(client):
    """What runs have made, as names by kind."""
    found, unknown = leftovers.look(client, leftovers.ours())
    assert not unknown
    return {(kind.name, name) for kind, name, _ in found}


def started(trial, localstack, client):
    """A run that is deploying."""
    running = trial.start("--localstack", localstack.url, "-k", "smoke")
    end = time.time() + 120
    while not any(kind == "stacks" for kind, _ in made(client)):
        assert running.poll() is None and time.time() < end, running.communicate()
        time.sleep(0.2)
    return running


def test_after_a_scenario_that_failed_nothing_is_left(trial, localstack, client):
    code, out, err = trial("--localstack", localstack.url, "-k", "smoke", E2E_PATIENCE="0")
    assert code == 1, err
    assert "0 passed, 1 failed" in out and "Nothing of this name is left." in out
    assert "stacks 3" in out, "the smoke test was deployed, and its execution waits"
    assert one_of_each.listed(client) == set() and one_of_each.usable_keys(client) == []


def test_after_an_interruption_nothing_is_left(trial, localstack, client):
    running = started(trial, localstack, client)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=200)
    assert running.returncode == 1, err
    assert "not tried" in out and "Nothing of this name is left." in out
    assert made(client) == set()


def test_what_a_killed_run_left_is_found_and_deleted_and_nothing_else(trial, localstack, client):
    running = started(trial, localstack, client)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    assert {"stacks", "buckets", "topics"} <= {kind for kind, _ in made(client)}
    others = [client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("relay-test-mine", "failure-relay-queue")]
    code, out, err = trial("--localstack", localstack.url, "--clean")
    assert (code, "nothing is left" in out) == (0, True), err
    assert made(client) == set()
    assert set(client("sqs").list_queues()["QueueUrls"]) == set(others)
    for url in others:
        client("sqs").delete_queue(QueueUrl=url)


def test_each_kind_of_thing_is_found_and_deleted(trial, localstack, client):
    one_of_each.make(client)
    states = client("stepfunctions")
    role = "arn:aws:iam::000000000000:role/mine"
    mine = states.create_state_machine(name="drill-00000000-callback", definition=one_of_each.WAITS, roleArn=role)["stateMachineArn"]
    # LocalStack makes no dashboards; the stacks are in the tests above.
    assert {kind for kind, _ in made(client)} == {kind.name for kind in leftovers.KINDS} - {"stacks", "dashboards"}
    assert one_of_each.listed(client) and one_of_each.usable_keys(client)
    code, out, err = trial("--localstack", localstack.url, "--clean", "relay-test-0a1b2c3d")
    assert (code, "nothing is left" in out) == (0, True), out + err
    assert one_of_each.listed(client) == set() and one_of_each.usable_keys(client) == []
    assert [machine["stateMachineArn"] for machine in states.list_state_machines()["stateMachines"]] == [mine], "another's drill"
    states.delete_state_machine(stateMachineArn=mine)


def test_a_run_whose_reader_is_gone_deletes_all_the_same(trial, localstack, client):
    running = started(trial, localstack, client)
    running.stdout.close()
    running.stderr.close()
    running.send_signal(signal.SIGINT)
    running.wait(200)
    assert made(client) == set()


def test_a_key_that_is_hidden_hides_no_other(client):
    kms = client("kms")
    id = kms.create_key(Description="relay-test-0a1b2c3d-key")["KeyMetadata"]["KeyId"]

    class Hidden:
        """KMS, in which the first key may not be described."""

        def __getattr__(self, name):
            return getattr(kms, name)

        def get_paginator(self, _operation):
            return self

        def paginate(self):
            return self

        def search(self, _found):
            return ["hidden", id]

        def describe_key(self, KeyId):
            if KeyId == "hidden":
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "DescribeKey")
            return kms.describe_key(KeyId=KeyId)

    assert ("relay-test-0a1b2c3d-key", id) in leftovers.keys(lambda service: Hidden())
    kms.schedule_key_deletion(KeyId=id, PendingWindowInDays=7)


@pytest.mark.parametrize(
    "answer, is_under_way",
    [
        ("DELETE_IN_PROGRESS", True),
        ("UPDATE_ROLLBACK_IN_PROGRESS", True),
        ("DELETE_FAILED", False),
        (ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "DescribeStacks"), True),
        (ClientError({"Error": {"Code": "ValidationError", "Message": "Stack with id x does not exist"}}, "DescribeStacks"), False),
        (EndpointConnectionError(endpoint_url="https://cloudformation"), True),
    ],
)
def test_a_stack_is_gone_only_when_that_is_known(answer, is_under_way):
    class CloudFormation:
        def describe_stacks(self, StackName):
            if isinstance(answer, Exception):
                raise answer
            return {"Stacks": [{"StackStatus": answer}]}

    assert leftovers.is_under_way(lambda service: CloudFormation(), "x") == is_under_way


def test_what_does_not_go_is_told(monkeypatch):
    def refuses(client, id):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DeleteQueue")

    def cannot_be_listed(client):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "ListTables")

    queue = leftovers.Kind("queues", lambda client: [("relay-test-0a1b2c3d-work", "url")], refuses)
    tables = leftovers.Kind("tables", cannot_be_listed, refuses)
    monkeypatch.setattr(leftovers, "KINDS", [queue, tables])
    monkeypatch.setattr(leftovers, "GONE_SECONDS_MAX", 0)
    deletion = leftovers.delete_all(None, leftovers.ours(), lambda line: None)
    assert deletion.deleted == {}
    queues, tables = deletion.left
    assert queues.startswith("queues: relay-test-0a1b2c3d-work") and tables.startswith("tables: ")


@pytest.mark.parametrize(
    "name, is_ours",
    [
        ("relay-test-0a1b2c3d", True),
        ("relay-test-0a1b2c3d-failure-relay", True),
        ("relay-test-0a1b2c3d4", False),
        ("relay-test-mine", False),
        ("my-relay-test-0a1b2c3d", False),
    ],
)
def test_a_name_is_a_runs_only_with_its_eight_digits(name, is_ours):
    assert leftovers.ours()(name) == is_ours


def test_one_run_is_not_another():
    assert leftovers.ours("relay-test-0a1b2c3d")("relay-test-0a1b2c3d-x")
    assert not leftovers.ours("relay-test-0a1b2c3d")("relay-test-ffffffff-x")
