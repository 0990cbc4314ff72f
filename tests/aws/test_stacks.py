"""docs/first-deployment.md, "Stacks". A second stack and its end are in tests/e2e/test_second_stack.py."""

import json
import os

import pytest

from cloud import REGION, RELAY_ACCOUNT


@pytest.mark.row("The policies of one bus are made one after the other")
def test_the_policies_of_one_bus_are_made_one_after_the_other(cloud, keyed):
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=cloud.name("keyed"))
    # The newest come first; those of a later update are newer.
    events = [event for page in pages for event in page["StackEvents"]][::-1]

    def first(resource, status):
        seen = [n for n, e in enumerate(events) if (e["LogicalResourceId"], e["ResourceStatus"]) == (resource, status)]
        return seen[0]

    assert first("BusPolicyForAccounts", "CREATE_COMPLETE") < first("BusPolicyForOrganization", "CREATE_IN_PROGRESS")


@pytest.mark.aws("it keeps the last statement of a bus only")
@pytest.mark.row("The policies of one bus are made one after the other")
def test_a_bus_has_the_statements_of_both(cloud, keyed):
    relay, _ = keyed
    policy = json.loads(cloud.client("events").describe_event_bus(Name=relay.bus)["Policy"])
    assert {s["Sid"].partition("-")[0] for s in policy["Statement"]} == {"PublisherAccounts", "PublisherOrganization"}


@pytest.mark.aws("it makes a role with a boundary that does not exist")
@pytest.mark.row("A deployment that fails at its creation leaves nothing")
def test_a_deployment_that_fails_at_its_creation_leaves_no_queues(cloud):
    with pytest.raises(AssertionError, match="ROLLBACK_COMPLETE|no-such"):
        cloud.deploy(
            os.environ["E2E_TEMPLATE"],
            stack="failing",
            Architecture=os.environ["E2E_ARCHITECTURE"],
            AlarmTopicArn=f"arn:aws:sns:{REGION}:{RELAY_ACCOUNT}:x",
            PermissionsBoundaryArn=f"arn:aws:iam::{RELAY_ACCOUNT}:policy/no-such",
        )
    queues = cloud.client("sqs").list_queues(QueueNamePrefix=cloud.name("failing"))
    assert not queues.get("QueueUrls")
