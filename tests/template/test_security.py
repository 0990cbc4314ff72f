"""What a security team looks for in the templates: keys, principals, ids that collide, and what stays behind."""

import json
import re

import pytest

from cloudformation import Template
from kinds import EVERY_KIND_ON, SIGNED
from test_template import EVERYTHING_ON, QUEUES, RELAY, ROLE, as_list, statements

OWN_KEY = "arn:aws:kms:eu-west-1:111111111111:key/2"
ROLE_GIVEN = {
    "RelayRoleArn": "arn:aws:iam::111111111111:role/relay",
    "AllowedRegions": "eu-west-1",
    "StateMachineKmsKeyArns": "arn:aws:kms:eu-west-1:111111111111:key/3",
}


def grants_of_keys(path, **parameters):
    """Each statement of an identity's policy that allows something with a key."""
    template = Template(path, **parameters)
    for name, properties in template.resources().items():
        documents = [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        documents += [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for document in documents:
            for statement in document["Statement"]:
                if any(action.startswith("kms:") for action in as_list(statement["Action"])):
                    yield name, statement


# ------------------------------------------------------------------ keys


@pytest.mark.parametrize(
    "path, parameters, expected",
    [
        (RELAY, EVERYTHING_ON, {"RelayPolicy": 4, "PublisherPolicy": 2, "WatchPolicy": 3}),
        (RELAY, EVERYTHING_ON | {"KmsKeyArn": OWN_KEY}, {"RelayPolicy": 4, "PublisherPolicy": 2, "WatchPolicy": 3}),
        (ROLE, ROLE_GIVEN, {"Role": 1}),
    ],
)
def test_a_customers_key_may_be_used_through_its_service_alone(path, parameters, expected):
    found = {}
    for name, statement in grants_of_keys(path, **parameters):
        found[name] = found.get(name, 0) + 1
        (keys,) = statement["Condition"].values()
        services = as_list(keys["kms:ViaService"])
        assert services
        assert all(re.fullmatch(r"((sqs|dynamodb|states)\.eu-west-1|states\.\*)\.amazonaws\.com", service) for service in services)
        assert "*" not in as_list(statement["Resource"])
    assert found == expected


def test_the_role_uses_state_machines_keys_in_each_allowed_region():
    (statement,) = [s for _, s in grants_of_keys(RELAY, AdditionalKmsKeyArns=OWN_KEY, AllowedRegions="us-east-1")]
    assert statement["Condition"] == {
        "StringLike": {"kms:ViaService": ["sqs.eu-west-1.amazonaws.com", "states.*.amazonaws.com"]}
    }


@pytest.mark.parametrize("encryption", [{}, {"QueueEncryption": "KMS"}, {"QueueEncryption": "KMS", "KmsKeyArn": OWN_KEY}])
def test_what_was_encrypted_with_a_previous_key_can_still_be_read(encryption):
    previous = ["arn:aws:kms:eu-west-1:111111111111:key/0", "arn:aws:kms:eu-west-1:111111111111:key/1"]
    granted = {
        name: as_list(statement["Action"])
        for name, statement in grants_of_keys(RELAY, PreviousKmsKeyArns=",".join(previous), **encryption)
        if statement["Resource"] == previous
    }
    assert granted == {"RelayPolicy": ["kms:Decrypt"], "PublisherPolicy": ["kms:GenerateDataKey", "kms:Decrypt"]}


def test_services_use_the_stacks_key_for_the_accounts_of_their_sources_alone():
    topic = "arn:aws:sns:eu-west-1:777777777777:failures"
    key = Template(RELAY, QueueEncryption="KMS", PublisherTopicArn=topic).resources()["Key"]
    held = {
        s["Principal"]["Service"]: s["Condition"]["StringEquals"]["aws:SourceAccount"]
        for s in key["KeyPolicy"]["Statement"]
        if "Service" in s["Principal"]
    }
    assert held == {"events.amazonaws.com": "111111111111", "sns.amazonaws.com": "777777777777"}


def test_outsiders_use_the_stacks_key_through_sqs_alone():
    key = Template(RELAY, **EVERYTHING_ON).resources()["Key"]
    outsiders = [s for s in key["KeyPolicy"]["Statement"] if s["Sid"].startswith("Publisher")]
    assert len(outsiders) == 2
    for statement in outsiders:
        assert statement["Condition"]["StringEquals"]["kms:ViaService"] == "sqs.eu-west-1.amazonaws.com"


# ------------------------------------------------------------------ two stacks side by side


def stack(name, uuid):
    pseudo = {
        "AWS::StackName": name,
        "AWS::StackId": f"arn:aws:cloudformation:eu-west-1:111111111111:stack/{name}/{uuid}",
    }
    return Template(RELAY, pseudo=pseudo, **EVERYTHING_ON)


# What names a resource in an account and region, whichever stack it is of.
NAMES = {
    "AWS::Events::EventBus": "Name",
    "AWS::Events::EventBusPolicy": "StatementId",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::CloudWatch::Dashboard": "DashboardName",
}
# Names that CloudFormation makes unique when a template gives none.
LEFT_TO_CLOUDFORMATION = {
    "AWS::SQS::Queue": "QueueName",
    "AWS::Serverless::Function": "FunctionName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


def test_two_stacks_of_one_account_and_region_share_no_name():
    one = stack("relay-one", "11111111-2222-3333-4444-555555555555").resources()
    other = stack("relay-two", "66666666-7777-8888-9999-000000000000").resources()
    kinds = {name: r["Type"] for name, r in Template(RELAY).raw["Resources"].items()}
    named = 0
    for name, properties in one.items():
        assert LEFT_TO_CLOUDFORMATION.get(kinds[name]) not in properties, name
        if member := NAMES.get(kinds[name]):
            named += 1
            assert properties[member] != other[name][member], name
        elif kinds[name] == "AWS::Events::Rule":
            # The one rule that has a name is on the stack's own bus, and rules are named within a bus.
            assert "Name" not in properties or properties["EventBusName"] == "<EventBus>", name
        else:
            assert not {"Name", "Id"} & set(properties), name
    assert named == 14


@pytest.mark.parametrize("name", ["r", "r" * 128])
def test_ids_of_statements_fit_whatever_the_stacks_name(name):
    policies = stack(name, "11111111-2222-3333-4444-555555555555").resources("AWS::Events::EventBusPolicy")
    ids = [policy["StatementId"] for policy in policies.values()]
    assert len(set(ids)) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", statement_id) for statement_id in ids)


def test_two_stacks_of_one_name_one_after_the_other_have_other_ids_too():
    one, other = (
        stack("relay", uuid).resources("AWS::Events::EventBusPolicy")["BusPolicyForAccounts"]["StatementId"]
        for uuid in ("11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000")
    )
    assert one != other


def test_policies_of_the_one_bus_are_made_one_after_the_other():
    name = Template(RELAY).raw["Resources"]["BusPolicyForOrganization"]["Properties"]["EventBusName"]
    condition, where_there_is_one, where_not = name["Fn::If"]
    assert condition == Template(RELAY).raw["Resources"]["BusPolicyForAccounts"]["Condition"]
    assert {"Ref": "BusPolicyForAccounts"} in where_there_is_one["Fn::Select"][1]
    assert where_not == {"Ref": "EventBus"}
    for parameters in (EVERYTHING_ON, EVERYTHING_ON | {"PublisherAccounts": ""}):
        policy = Template(RELAY, **parameters).resources()["BusPolicyForOrganization"]
        assert policy["EventBusName"] == "<EventBus>"


# ------------------------------------------------------------------ what stays when the stack goes


def test_queues_and_their_key_outlive_the_stack():
    raw = Template(RELAY).raw["Resources"]
    for queue in QUEUES:
        # A deployment that fails at creation leaves nothing behind.
        assert (raw[queue]["DeletionPolicy"], raw[queue]["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    for kept in ("Key", "Table"):
        assert (raw[kept]["DeletionPolicy"], raw[kept]["UpdateReplacePolicy"]) == ("Retain", "Retain")


# ------------------------------------------------------------------ what organizations ask for


@pytest.mark.parametrize("path, given", [(RELAY, {}), (ROLE, ROLE_GIVEN)])
def test_roles_have_the_boundary_and_the_path_that_are_asked_for(path, given):
    boundary = "arn:aws:iam::111111111111:policy/boundary"
    (plain,) = Template(path, **given).resources("AWS::IAM::Role").values()
    (asked,) = Template(path, PermissionsBoundaryArn=boundary, RolePath="/workers/", **given).resources("AWS::IAM::Role").values()
    assert (plain["Path"], plain.get("PermissionsBoundary")) == ("/", None)
    assert (asked["Path"], asked["PermissionsBoundary"]) == ("/workers/", boundary)


def test_managed_policies_have_the_path_too():
    policies = Template(RELAY, RolePath="/workers/").resources("AWS::IAM::ManagedPolicy").values()
    assert [policy["Path"] for policy in policies] == ["/workers/"] * 2


def test_a_role_with_a_path_can_be_named_in_the_relays_stack():
    pattern = Template(RELAY).raw["Parameters"]["RoleName"]["AllowedPattern"]
    assert re.fullmatch(pattern, "workers/failure-relay-target")
    for wrong in ("/failure-relay-target", "workers/", "arn:aws:iam::222222222222:role/x"):
        assert not re.fullmatch(pattern, wrong), wrong


def test_the_log_group_is_encrypted_with_the_key_that_is_given():
    assert "KmsKeyId" not in Template(RELAY).resources()["LogGroup"]
    assert Template(RELAY, LogKmsKeyArn=OWN_KEY).resources()["LogGroup"]["KmsKeyId"] == OWN_KEY


def test_without_subnets_there_is_no_vpc_and_no_permission_for_it():
    assert "VpcConfig" not in Template(RELAY).resources()["RelayFunction"]
    assert not [s for s in statements(Template(RELAY), "RelayPolicy") if "ec2" in str(s["Action"])]


def test_in_a_vpc_lambda_may_make_network_interfaces_and_the_functions_code_may_not():
    template = Template(RELAY, VpcSubnetIds="subnet-01234567,subnet-89abcdef", VpcSecurityGroupIds="sg-01234567")
    assert template.resources()["RelayFunction"]["VpcConfig"] == {
        "SubnetIds": ["subnet-01234567", "subnet-89abcdef"],
        "SecurityGroupIds": ["sg-01234567"],
    }
    allow, deny = [s for s in statements(template, "RelayPolicy") if "ec2" in str(s["Action"])]
    assert allow["Effect"] == "Allow"
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    assert deny == {
        "Sid": "TheFunctionMakesNone",
        "Effect": "Deny",
        "Action": "ec2:*",
        "Resource": "*",
        "Condition": {"Null": {"lambda:SourceFunctionArn": "false"}},
    }


@pytest.mark.parametrize(
    "subnets, groups, accepted",
    [("", "", True), ("subnet-1", "sg-1", True), ("subnet-1", "", False), ("", "sg-1", False)],
)
def test_subnets_and_security_groups_belong_together(subnets, groups, accepted):
    template = Template(RELAY, VpcSubnetIds=subnets, VpcSecurityGroupIds=groups)
    (assertion,) = template.raw["Rules"]["SubnetsAndSecurityGroups"]["Assertions"]
    assert template.value(assertion["Assert"]) == accepted


def test_the_stack_says_whom_its_alarms_notify():
    def told(**parameters):
        template = Template(RELAY, **parameters)
        return template.value(template.raw["Outputs"]["AlarmsNotify"]["Value"])

    assert told().startswith("NOBODY")
    assert told(AlarmEmail="me@example.com").startswith("me@example.com")
    topic = EVERYTHING_ON["AlarmTopicArn"]
    assert told(AlarmTopicArn=topic) == topic
    assert told(AlarmTopicArn=topic, AlarmEmail="me@example.com").startswith(f"{topic} and me@example.com")


# ------------------------------------------------------------------ limits of AWS


ACCOUNTS_MAX = ",".join(f"{n:012}" for n in range(100))


def test_the_longest_list_of_accounts_fits_into_environment_and_policy():
    parameters = {k: v for k, v in EVERYTHING_ON.items() if k != "AllowedAccounts"}
    template = Template(RELAY, AllowedAccounts=ACCOUNTS_MAX, **parameters)
    variables = template.resources()["RelayFunction"]["Environment"]["Variables"]
    urls = 2 * len("https://sqs.ap-southeast-2.amazonaws.com/111111111111/") + 2 * 80
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 4 KB for all variables together.
    assert len(json.dumps(variables)) + urls < 4096
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 6,144 characters without blanks.
    assert length_of_policy(template, "RelayPolicy") < 6144


def test_every_kind_in_every_region_fits_into_the_policy():
    # As many as AWS's largest partition has, with names that are longer than theirs are on average.
    template = Template(RELAY, AllowedRegions=",".join(["eu-central-1"] * 36), **EVERY_KIND_ON)
    # The same page: 10,240 characters without blanks for the inline policies of a role together.
    assert length_of_policy(template, "TargetsPolicy") < 10_240
    parameters = ROLE_GIVEN | {kind.parameter: "true" for kind in SIGNED} | {"AllowedRegions": ",".join(["eu-central-1"] * 36)}
    (policy,) = Template(ROLE, **parameters).resources()["Role"]["Policies"]
    assert len(json.dumps(policy["PolicyDocument"], separators=(",", ":"))) < 10_240


def length_of_policy(template, name):
    document = json.dumps(template.resources()[name]["PolicyDocument"], separators=(",", ":"))
    arn = len("arn:aws:sqs:ap-southeast-2:111111111111:") + 80
    return len(document) + arn * document.count(".Arn>")


def test_one_account_more_is_refused_with_a_message_that_says_why():
    parameter = Template(RELAY).raw["Parameters"]["AllowedAccounts"]
    assert re.fullmatch(parameter["AllowedPattern"], ACCOUNTS_MAX)
    assert not re.fullmatch(parameter["AllowedPattern"], ACCOUNTS_MAX + ",000000000999")
    assert "4 KB" in parameter["ConstraintDescription"]
