"""Each kind of target in both templates: its parameter, its permission, its place in RELAY_TARGETS.

What is wanted is worked out by `faults`. The tests beneath take one thing away and expect it to be named, so that a
check which cannot fail is noticed.
"""

import pytest

from cloudformation import Template
from kinds import KINDS, SIGNED, names_of_the_relay

RELAY = "template.yaml"
ROLE = "deploy/cross-account-role.yaml"
GIVEN = {RELAY: {}, ROLE: {"RelayRoleArn": "arn:aws:iam::222222222222:role/relay", "AllowedRegions": "eu-west-1"}}
IN = {RELAY: KINDS, ROLE: SIGNED}

# As narrow as each service allows. `*` only where its actions know no resource type:
# https://docs.aws.amazon.com/service-authorization/latest/reference/
RESOURCES = {
    "codepipeline-job": ["*"],
    "codepipeline-third-party-job": ["*"],
    "step-functions-task": [
        "arn:aws:states:*:111111111111:stateMachine:*",
        "arn:aws:states:*:111111111111:activity:*",
    ],
    "swf-activity-task": ["arn:aws:swf:*:111111111111:/domain/*"],
    "lambda-durable-callback": ["arn:aws:lambda:*:111111111111:function:*:*/durable-execution/*/*"],
    "cloudformation-custom-resource": [],
    "cloudformation-wait-condition": [],
    "sagemaker-pipeline-step": ["arn:aws:sagemaker:*:111111111111:pipeline/*/execution/*"],
    "auto-scaling-lifecycle-action": [
        "arn:aws:autoscaling:*:111111111111:autoScalingGroup:*:autoScalingGroupName/*"
    ],
    "codedeploy-lifecycle-hook": ["*"],
    "codepipeline-approval": ["arn:aws:codepipeline:*:111111111111:*/*/*"],
    "image-builder-workflow-step": [
        "arn:aws:imagebuilder:*:111111111111:image/*/*/*",
        "arn:aws:imagebuilder:*:111111111111:workflow-step-execution/*",
    ],
    "service-catalog-engine-workflow": ["*"],
    "ecs-deployment-hook": [
        "arn:aws:ecs:*:111111111111:service/*/*",
        "arn:aws:ecs:*:111111111111:service-deployment/*/*/*",
    ],
}


def as_list(it):
    return it if isinstance(it, list) else [it]


def grants(template, actions):
    """Each statement of an identity's policy that allows one of the actions."""
    for properties in template.resources().values():
        documents = [properties["PolicyDocument"]] if "Roles" in properties else []
        documents += [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for statement in (statement for document in documents for statement in document["Statement"]):
            if statement["Effect"] == "Allow" and set(as_list(statement["Action"])) & set(actions):
                yield statement


def faults(path, kind, edit=None):
    """What a template gets wrong about a kind."""
    return list(_faults(path, kind, edit))


def _faults(path, kind, edit):
    raw = Template(path, edit=edit).raw
    if kind.parameter not in raw["Parameters"]:
        yield f"{kind}: there is no parameter {kind.parameter}"
        return
    if raw["Parameters"][kind.parameter]["Default"] != str(kind.is_on_by_default).lower():
        yield f"{kind}: {kind.parameter} has the wrong default"

    def with_kinds(is_on):
        switches = {other.parameter: str(is_on(other)).lower() for other in IN[path] if other.parameter in raw["Parameters"]}
        return Template(path, edit=edit, **switches, **GIVEN[path])

    alone, all_but = with_kinds(lambda other: other == kind), with_kinds(lambda other: other != kind)
    (assertion,) = raw["Rules"]["AtLeastOneTarget"]["Assertions"]
    if not alone.value(assertion["Assert"]):
        yield f"{kind}: it cannot be the only kind"
    actions_of_all = [action for other in KINDS for action in other.actions]
    allowed = {action for statement in grants(alone, actions_of_all) for action in as_list(statement["Action"])}
    if lacking := sorted(set(kind.actions) - allowed):
        yield f"{kind}: {', '.join(lacking)} is not allowed though it is on"
    if more := sorted(allowed - set(kind.actions)):
        yield f"{kind}: {', '.join(more)} is allowed though that kind is off"
    if list(grants(all_but, kind.actions)):
        yield f"{kind}: its actions are allowed though it is off"
    for statement in grants(alone, kind.actions):
        if as_list(statement["Resource"]) != RESOURCES[kind.name]:
            yield f"{kind}: its actions are allowed on {statement['Resource']}"
        if "aws:RequestedRegion" not in statement.get("Condition", {}).get("StringEquals", {}):
            yield f"{kind}: its actions are allowed in every region"
    if path == RELAY:
        settings = alone.resources()["RelayFunction"]["Environment"]["Variables"]
        if settings["RELAY_TARGETS"] != kind.name:
            yield f"{kind}: RELAY_TARGETS is {settings['RELAY_TARGETS']!r} with this kind alone"


every_kind = pytest.mark.parametrize(
    "path, kind", [(path, kind) for path in IN for kind in IN[path]], ids=lambda it: str(it).split("/")[-1]
)


def test_each_kind_of_the_relay_is_known_to_this_suite():
    names = [kind.name for kind in KINDS]
    assert set(names_of_the_relay()) ^ set(names) == set(), "kinds that one side alone knows"
    assert names == names_of_the_relay(), "the order of registration"


def test_the_resources_of_each_kind_are_known():
    assert {kind.name for kind in KINDS} ^ set(RESOURCES) == set(), "kinds that one list alone has"
    assert len({kind.parameter for kind in KINDS}) == len(KINDS)
    assert [kind.name for kind in KINDS if not kind.actions] == [name for name, arns in RESOURCES.items() if not arns]


@every_kind
def test_a_kind_is_whole(path, kind):
    assert faults(path, kind) == []


def test_no_parameter_enables_what_is_no_kind():
    for path, kinds in IN.items():
        switches = {name for name in Template(path).raw["Parameters"] if name.startswith("Enable")}
        assert switches == {kind.parameter for kind in kinds}


@pytest.mark.parametrize("path", IN)
def test_one_kind_at_least_is_on(path):
    template = Template(path, **{kind.parameter: "false" for kind in IN[path]}, **GIVEN[path])
    (assertion,) = template.raw["Rules"]["AtLeastOneTarget"]["Assertions"]
    assert not template.value(assertion["Assert"])


def test_a_relay_of_presigned_kinds_alone_may_fail_nothing_and_has_no_empty_policy():
    switches = {kind.parameter: str(not kind.actions).lower() for kind in KINDS}
    template = Template(RELAY, **switches)
    assert "TargetsPolicy" not in template.resources()
    assert not list(grants(template, [action for kind in KINDS for action in kind.actions]))


def test_targets_are_called_in_order_of_registration():
    template = Template(RELAY, **{kind.parameter: "true" for kind in KINDS})
    settings = template.resources()["RelayFunction"]["Environment"]["Variables"]
    assert settings["RELAY_TARGETS"].split(",") == [kind.name for kind in KINDS]


# ------------------------------------------------------------------ what is taken away is missed


def statements_of(raw):
    """The list of statements that says what may be failed, as the template has it."""
    resources = raw["Resources"]
    if "TargetsPolicy" in resources:
        return resources["TargetsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    return resources["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]


def conditional(raw, kind):
    """The kind's entry among the statements, with its index."""
    for index, entry in enumerate(statements_of(raw)):
        if entry["Fn::If"][0] == kind.parameter.removeprefix("Enable"):
            return index, entry["Fn::If"]
    raise AssertionError(f"no statement of {kind}")


def without_parameter(raw, kind):
    del raw["Parameters"][kind.parameter]


def with_another_default(raw, kind):
    raw["Parameters"][kind.parameter]["Default"] = str(not kind.is_on_by_default).lower()


def without_permission(raw, kind):
    del statements_of(raw)[conditional(raw, kind)[0]]


def with_another_action(raw, kind):
    conditional(raw, kind)[1][1]["Action"] = "states:SendTaskSuccess"


def with_a_permission_that_stays(raw, kind):
    index, (_, statement, _) = conditional(raw, kind)
    statements_of(raw)[index] = statement


def on_everything(raw, kind):
    conditional(raw, kind)[1][1]["Resource"] = "arn:aws:other:::*"


def in_every_region(raw, kind):
    del conditional(raw, kind)[1][1]["Condition"]


def never_alone(raw, kind):
    (assertion,) = raw["Rules"]["AtLeastOneTarget"]["Assertions"]
    conditions = assertion["Assert"]["Fn::Or"]
    for group in [conditions] + [entry["Fn::Or"] for entry in conditions if "Fn::Or" in entry]:
        group[:] = [entry for entry in group if entry.get("Fn::Equals") != [{"Ref": kind.parameter}, "true"]]


def without_its_setting(raw, kind):
    variables = raw["Resources"]["RelayFunction"]["Properties"]["Environment"]["Variables"]
    entries = variables["RELAY_TARGETS"]["Fn::Join"][1]
    entries[:] = [entry for entry in entries if entry["Fn::If"][1] != kind.name]


OF_PARAMETERS = [without_parameter, with_another_default, never_alone]
OF_PERMISSIONS = [without_permission, with_another_action, with_a_permission_that_stays, on_everything, in_every_region]
ABLATIONS = [
    (path, kind, ablation)
    for path in IN
    for kind in IN[path]
    for ablation in OF_PARAMETERS + (OF_PERMISSIONS if kind.actions else []) + ([without_its_setting] if path == RELAY else [])
]


@pytest.mark.parametrize(
    "path, kind, ablation", ABLATIONS, ids=lambda it: getattr(it, "__name__", str(it)).split("/")[-1]
)
def test_what_a_kind_lacks_is_named(path, kind, ablation):
    named = faults(path, kind, edit=lambda raw: ablation(raw, kind))
    assert named
    assert all(fault.startswith(f"{kind}: ") for fault in named)
