"""The cloud of tests/aws/run: one account in one region, as the environment names it. LocalStack may play the account."""

import contextlib
import functools
import json
import os
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from cloud import REGION, RELAY_ACCOUNT, Cloud, Relay

RUN = os.environ["E2E_RUN"]
IS_LOCALSTACK = bool(os.environ.get("E2E_LOCALSTACK"))
SWF_DOMAIN = "relay-test"
"""SWF deletes no domain, so that all runs share one."""
LOG_OVERLAP_MS = 120_000
"""Log events may arrive this much later than ones that are newer."""

# What a scenario asks for that an account cannot give it.
CANNOT_BE_HAD = {
    "code_pipeline": "the embedded endpoint plays the service, and what goes wrong with it",
    "queue_recipes": "it needs services that have work for a worker",
    "role_of_the_other_account": "it needs a second account",
}


class Account(Cloud):
    is_localstack = IS_LOCALSTACK

    def __init__(self):
        super().__init__()
        self.samconfig = os.environ["E2E_SAMCONFIG"]
        self.clients = {}
        self.logs = {}

    def client(self, service, account=RELAY_ACCOUNT, region=REGION):
        assert (account, region) == (RELAY_ACCOUNT, REGION), "a run stays in its account and region"
        if service not in self.clients:
            config = Config(read_timeout=90, retries={"max_attempts": 8, "mode": "standard"})
            self.clients[service] = boto3.client(service, region_name=region, config=config)
        return self.clients[service]

    def credentials(self, account=RELAY_ACCOUNT):
        # Not the keys themselves: those of a role are renewed by whoever uses them.
        return {n: v for n, v in os.environ.items() if n.startswith("AWS_") or n == "HOME"}

    def environment(self, account=RELAY_ACCOUNT):
        return dict(os.environ)

    def deploy(self, template, *arguments, **parameters):
        if Path(template).parent == Path(os.environ["E2E_TEMPLATE"]).parent:
            parameters = json.loads(os.environ["E2E_PARAMETERS"]) | parameters
        return super().deploy(template, *arguments, **parameters)

    def name(self, name):
        return f"{RUN}-{name}"

    @functools.cached_property
    def stand(self):
        return self.deploy(str(Path(__file__).with_name("stand.yaml")), stack="stand", Run=RUN)

    def machine_role(self, account=RELAY_ACCOUNT):
        return self.stand["MachineRoleArn"]

    @functools.cached_property
    def caller(self):
        return self.client("sts").get_caller_identity()

    @property
    def sender(self):
        """What SQS says of a message that this caller has sent."""
        return RELAY_ACCOUNT if IS_LOCALSTACK else self.caller["UserId"]

    def swf_domain(self):
        swf = self.client("swf")
        with contextlib.suppress(swf.exceptions.DomainAlreadyExistsFault):
            swf.register_domain(name=SWF_DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        return SWF_DOMAIN

    def function_log(self, relay):
        """Asks for what is new only: CloudWatch bears few of these calls."""
        group = relay.outputs["LogGroupName"]
        events, newest = self.logs.get(group, ({}, 0))
        pages = self.client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group, startTime=max(0, newest - LOG_OVERLAP_MS)):
            for event in page["events"]:
                events[event["eventId"]] = event
                newest = max(newest, event["timestamp"])
        self.logs[group] = events, newest
        ordered = sorted(events.values(), key=lambda event: event["timestamp"])
        return [parsed(event["message"]) for event in ordered]


def parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return line


@pytest.fixture(scope="session")
def cloud():
    return Account()


@pytest.fixture(scope="session")
def publisher_account():
    """An account that may publish to the relay. It has to exist: SQS refuses the policy otherwise."""
    return RELAY_ACCOUNT


@pytest.fixture(scope="session")
def relay(cloud, topic, sqs_worker, all_switched_on, publisher_account):
    outputs = cloud.deploy(
        os.environ["E2E_TEMPLATE"],
        **all_switched_on,
        PublisherAccounts=publisher_account,
        PublisherTopicArn=topic,
        AbandonedWorkQueueArns=sqs_worker["DeadLetterQueueArn"],
        EnableCloudFormationWaitConditions="true",
    )
    return Relay(cloud, outputs)


def why_not(item):
    """Why a scenario cannot be tried here, or None."""
    if marker := item.get_closest_marker("localstack"):
        return marker.args[0]
    if IS_LOCALSTACK and (marker := item.get_closest_marker("aws")):
        return f"LocalStack: {marker.args[0]}"
    return next((why for fixture, why in CANNOT_BE_HAD.items() if fixture in item.fixturenames), None)


def pytest_collection_modifyitems(items):
    for item in items:
        if why := why_not(item):
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def keyed(cloud, publisher_account):
    """A stack with a customer key, with leases and a canary: the relay, and the topic that publishes to it."""
    topic = cloud.client("sns").create_topic(Name=cloud.name("keyed-failures"))["TopicArn"]
    outputs = cloud.deploy(
        os.environ["E2E_TEMPLATE"],
        stack="keyed",
        Architecture=os.environ["E2E_ARCHITECTURE"],
        LogLevel="DEBUG",
        QueueEncryption="KMS",
        LogKmsKeyArn=cloud.stand["KeyArn"],
        AdditionalKmsKeyArns=cloud.stand["KeyArn"],
        PublisherAccounts=publisher_account,
        PublisherOrganizationId="o-abcdefghij",
        PublisherTopicArn=topic,
        Leases="true",
        Canary="true",
        CanaryMinutes=5,
    )
    return Relay(cloud, outputs), topic
