"""One thing of each kind that a run makes, made without a stack; and what the services then list of them."""

import io
import json
import zipfile

NAME = "relay-test-0a1b2c3d-made"
DRILL = "drill-7f3a0b1c-callback"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
MAY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]})
WAITS = json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}})
PATTERN = json.dumps({"source": ["made"]})
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}

LISTS = [
    ("sqs", "list_queues"),
    ("sns", "list_topics"),
    ("sns", "list_subscriptions"),
    ("stepfunctions", "list_state_machines"),
    ("stepfunctions", "list_activities"),
    ("events", "list_event_buses"),
    ("events", "list_rules"),
    ("lambda", "list_functions"),
    ("lambda", "list_event_source_mappings"),
    ("logs", "describe_log_groups"),
    ("cloudwatch", "describe_alarms"),
    ("dynamodb", "list_tables"),
    ("iam", "list_roles"),
    ("s3", "list_buckets"),
]


def make(client):
    iam, events, storage = client("iam"), client("events"), client("s3")
    role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    policy = iam.create_policy(PolicyName=NAME, PolicyDocument=MAY)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=NAME, PolicyArn=policy)
    iam.put_role_policy(RoleName=NAME, PolicyName="inline", PolicyDocument=MAY)
    queue = client("sqs").create_queue(QueueName=NAME)["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns").create_topic(Name=NAME)
    states = client("stepfunctions")
    machine = states.create_state_machine(name=NAME, definition=WAITS, roleArn=role)["stateMachineArn"]
    states.start_execution(stateMachineArn=machine)
    states.create_activity(name=NAME)
    # As `relayctl drill` calls what it makes.
    states.create_activity(name=DRILL)
    states.create_state_machine(name=DRILL, definition=WAITS, roleArn=role)
    events.create_event_bus(Name=NAME)
    for bus in ("default", NAME):
        events.put_rule(Name=NAME, EventBusName=bus, EventPattern=PATTERN)
        events.put_targets(Rule=NAME, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    client("lambda").create_function(
        FunctionName=NAME, Runtime="provided.al2023", Handler="bootstrap", Role=role, Code={"ZipFile": package()}
    )
    client("logs").create_log_group(logGroupName=f"/aws/lambda/{NAME}")
    client("cloudwatch").put_metric_alarm(
        AlarmName=NAME, MetricName="m", Namespace="n", Period=60, EvaluationPeriods=1, Threshold=1, Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    client("dynamodb").create_table(TableName=NAME, **TABLE)
    storage.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": storage.meta.region_name})
    storage.put_object(Bucket=NAME, Key="function.zip", Body=b"x")
    for description in (NAME, f"Queues of {NAME}"):
        client("kms").create_key(Description=description)


def package():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bootstrap", "#!/bin/sh\n")
    return archive.getvalue()


def listed(client):
    """The calls whose answers name a run: what is there, without asking the module that deletes it."""
    answers = {(service, call): getattr(client(service), call)() for service, call in LISTS}
    answers["iam", "list_policies"] = client("iam").list_policies(Scope="Local")
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    # Here are those that were deleted, too.
    answers["cloudformation", "describe_stacks"] = [s for s in stacks if s["StackStatus"] != "DELETE_COMPLETE"]
    return {call for call, answer in answers.items() if any(name in json.dumps(answer, default=str) for name in ("relay-test-", DRILL))}


def usable_keys(client):
    kms = client("kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    return [key["Description"] for key in keys if "relay-test-" in key["Description"] and key["KeyState"] == "Enabled"]
