"""What runs have made in the account, found by its name and deleted.

Every run has a name, and whatever it makes has a name that begins with it: so that what a run left that was killed is found, too.
Nothing here asks how a thing came to be, so that what a stack keeps on purpose is found as well.
"""

import contextlib
import re
import time
from dataclasses import dataclass
from typing import Callable

from botocore.exceptions import BotoCoreError, ClientError

PREFIX = "relay-test-"
A_RUN = f"{PREFIX}[0-9a-f]{{8}}"
ATTEMPTS, ATTEMPTS_WITH_STACKS = 5, 3
STACKS_SECONDS_MAX = 900
GONE_SECONDS_MAX = 90
"""SQS and others list what is gone for a minute."""


def is_run(name):
    return bool(re.fullmatch(A_RUN, name))


def ours(run=None):
    """Whether a name is that of a run's, or of any run's."""
    pattern = re.compile(rf"{re.escape(run) if run else A_RUN}(-.*)?", re.S)
    return lambda name: bool(pattern.fullmatch(name))


@dataclass(frozen=True)
class Kind:
    name: str
    find: Callable
    """What there is of this kind, as (name, id), for a function that gives clients."""
    delete: Callable


def pages(client, operation, found, **arguments):
    return [item for item in client.get_paginator(operation).paginate(**arguments).search(found) if item is not None]


# ---------------------------------------------------------------- stacks


def stacks(client):
    found = pages(client("cloudformation"), "describe_stacks", "Stacks[]")
    return [(stack["StackName"], stack["StackName"]) for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"]


def delete_stack(client, stack):
    client("cloudformation").delete_stack(StackName=stack)


# ---------------------------------------------------------------- what waits and what it waits for


def queues(client):
    urls = pages(client("sqs"), "list_queues", "QueueUrls[]", QueueNamePrefix=PREFIX)
    return [(url.rpartition("/")[2], url) for url in urls]


def topics(client):
    return [(arn.rpartition(":")[2], arn) for arn in pages(client("sns"), "list_topics", "Topics[].TopicArn")]


def state_machines(client):
    """A drill's counts as a thing of the role that it runs with: `relayctl drill` gives it a name of its own."""
    states = client("stepfunctions")
    for machine in pages(states, "list_state_machines", "stateMachines[]"):
        name, arn = machine["name"], machine["stateMachineArn"]
        if name.startswith("drill-"):
            with contextlib.suppress(states.exceptions.StateMachineDoesNotExist):
                role = states.describe_state_machine(stateMachineArn=arn)["roleArn"]
                yield role.rpartition("/")[2], arn
        else:
            yield name, arn


def delete_state_machine(client, arn):
    states = client("stepfunctions")
    # One that has executions is there until they end.
    for execution in pages(states, "list_executions", "executions[].executionArn", stateMachineArn=arn, statusFilter="RUNNING"):
        with contextlib.suppress(states.exceptions.ExecutionDoesNotExist):
            states.stop_execution(executionArn=execution)
    states.delete_state_machine(stateMachineArn=arn)


def activities(client):
    """A drill's has the name of its state machine."""
    owners = {arn.rpartition(":")[2]: owner for owner, arn in state_machines(client)}
    found = pages(client("stepfunctions"), "list_activities", "activities[]")
    return [(owners.get(activity["name"], activity["name"]), activity["activityArn"]) for activity in found]


# ---------------------------------------------------------------- events


def buses(client):
    events, token = client("events"), {}
    while True:
        answer = events.list_event_buses(NamePrefix=PREFIX, **token)
        yield from ((bus["Name"], bus["Name"]) for bus in answer["EventBuses"])
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def rules(client):
    for bus in ["default", *(name for name, _ in buses(client))]:
        for rule in pages(client("events"), "list_rules", "Rules[].Name", EventBusName=bus, NamePrefix=PREFIX):
            yield rule, (bus, rule)


def delete_rule(client, id):
    bus, rule = id
    events = client("events")
    targets = pages(events, "list_targets_by_rule", "Targets[].Id", Rule=rule, EventBusName=bus)
    if targets:
        events.remove_targets(Rule=rule, EventBusName=bus, Ids=targets)
    events.delete_rule(Name=rule, EventBusName=bus)


# ---------------------------------------------------------------- functions and what is seen of them


def functions(client):
    return [(name, name) for name in pages(client("lambda"), "list_functions", "Functions[].FunctionName")]


def log_groups(client):
    found = pages(client("logs"), "describe_log_groups", "logGroups[].logGroupName", logGroupNamePrefix=f"/aws/lambda/{PREFIX}")
    return [(group.rpartition("/")[2], group) for group in found]


def alarms(client):
    found = pages(client("cloudwatch"), "describe_alarms", "MetricAlarms[].AlarmName", AlarmNamePrefix=PREFIX)
    return [(name, name) for name in found]


def dashboards(client):
    found = pages(client("cloudwatch"), "list_dashboards", "DashboardEntries[].DashboardName", DashboardNamePrefix=PREFIX)
    return [(name, name) for name in found]


# ---------------------------------------------------------------- what is kept


def tables(client):
    return [(name, name) for name in pages(client("dynamodb"), "list_tables", "TableNames[]")]


def buckets(client):
    """Those in the region of the client: another region's are those of a run there."""
    storage = client("s3")
    for name in pages(storage, "list_buckets", "Buckets[].Name"):
        if name.startswith(PREFIX) and region_of(storage, name) == storage.meta.region_name:
            yield name, name


def region_of(storage, bucket):
    return storage.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"


def delete_bucket(client, bucket):
    storage = client("s3")
    for key in pages(storage, "list_objects_v2", "Contents[].Key", Bucket=bucket):
        storage.delete_object(Bucket=bucket, Key=key)
    storage.delete_bucket(Bucket=bucket)


def keys(client):
    """By their descriptions, which begin with the name, or with what template.yaml says before it."""
    kms = client("kms")
    for id in pages(kms, "list_keys", "Keys[].KeyId"):
        try:
            key = kms.describe_key(KeyId=id)["KeyMetadata"]
        except ClientError:
            continue  # Somebody else's, whose policy hides it.
        if key["KeyManager"] == "CUSTOMER" and key["KeyState"] != "PendingDeletion":
            yield key["Description"].removeprefix("Queues of "), id


def roles(client):
    return [(name, name) for name in pages(client("iam"), "list_roles", "Roles[].RoleName")]


def delete_role(client, role):
    iam = client("iam")
    for arn in pages(iam, "list_attached_role_policies", "AttachedPolicies[].PolicyArn", RoleName=role):
        iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    for policy in pages(iam, "list_role_policies", "PolicyNames[]", RoleName=role):
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    iam.delete_role(RoleName=role)


def policies(client):
    found = pages(client("iam"), "list_policies", "Policies[]", Scope="Local")
    return [(policy["PolicyName"], policy["Arn"]) for policy in found]


# In the order in which they are deleted: a stack takes with it most of what it made.
STACKS = Kind("stacks", stacks, delete_stack)
KINDS = [
    STACKS,
    Kind("functions", functions, lambda client, id: client("lambda").delete_function(FunctionName=id)),
    Kind("activities", activities, lambda client, id: client("stepfunctions").delete_activity(activityArn=id)),
    Kind("state machines", state_machines, delete_state_machine),
    Kind("rules", rules, delete_rule),
    Kind("event buses", buses, lambda client, id: client("events").delete_event_bus(Name=id)),
    Kind("topics", topics, lambda client, id: client("sns").delete_topic(TopicArn=id)),
    Kind("queues", queues, lambda client, id: client("sqs").delete_queue(QueueUrl=id)),
    Kind("tables", tables, lambda client, id: client("dynamodb").delete_table(TableName=id)),
    Kind("alarms", alarms, lambda client, id: client("cloudwatch").delete_alarms(AlarmNames=[id])),
    Kind("dashboards", dashboards, lambda client, id: client("cloudwatch").delete_dashboards(DashboardNames=[id])),
    Kind("log groups", log_groups, lambda client, id: client("logs").delete_log_group(logGroupName=id)),
    Kind("roles", roles, delete_role),
    Kind("policies", policies, lambda client, id: client("iam").delete_policy(PolicyArn=id)),
    Kind("buckets", buckets, delete_bucket),
    Kind(
        "keys (gone in 7 days)",
        keys,
        lambda client, id: client("kms").schedule_key_deletion(KeyId=id, PendingWindowInDays=7),
    ),
]


@dataclass
class Deletion:
    deleted: dict
    """How many of each kind were there at the beginning, and are not there any more."""
    left: list
    """What is still there, or could not be looked for."""


def look(client, is_ours):
    """What there is, as kind, name and id; and what could not be looked for."""
    found, unknown = [], []
    for kind in KINDS:
        try:
            found += [(kind, name, id) for name, id in kind.find(client) if is_ours(name)]
        except (ClientError, BotoCoreError) as error:
            unknown.append(f"{kind.name}: {error}")
    return found, unknown


def delete_all(client, is_ours, tell=print):
    deleted, refused = {}, {}
    for attempt in range(ATTEMPTS):
        found, _ = look(client, is_ours)
        for kind, name, _ in found:
            deleted.setdefault(kind.name, set()).add(name)
        stacks_left = [row for row in found if row[0] is STACKS]
        only_stacks = stacks_left and attempt < ATTEMPTS_WITH_STACKS
        for kind, name, id in stacks_left if only_stacks else found:
            tell(f"deleting {kind.name}: {name}")
            try:
                kind.delete(client, id)
            except (ClientError, BotoCoreError) as error:
                refused[kind.name, name] = str(error)
        if only_stacks:
            wait_for_stacks(client, [id for _, _, id in stacks_left])
        elif is_gone(client, is_ours):
            break
    found, unknown = look(client, is_ours)
    for kind, name, _ in found:
        deleted.setdefault(kind.name, set()).discard(name)
    left = [f"{kind.name}: {name} {refused.get((kind.name, name), '')}".strip() for kind, name, _ in found]
    return Deletion({kind: len(names) for kind, names in deleted.items() if names}, left + unknown)


def wait_for_stacks(client, names):
    """Until each is gone, or will not go: one may use what another has made, and goes at the next attempt."""
    end = time.time() + STACKS_SECONDS_MAX
    while any(is_under_way(client, name) for name in names) and time.time() < end:
        time.sleep(1)


def is_under_way(client, stack):
    """One that could not be asked about is, until it is known to be gone; while it is updated, its deletion is refused."""
    try:
        (description,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        return "does not exist" not in str(error)
    except BotoCoreError:
        return True
    return description["StackStatus"].endswith("_IN_PROGRESS") and description["StackStatus"] != "REVIEW_IN_PROGRESS"


def is_gone(client, is_ours):
    end = time.time() + GONE_SECONDS_MAX
    while look(client, is_ours)[0]:
        if time.time() > end:
            return False
        time.sleep(3)
    return True
