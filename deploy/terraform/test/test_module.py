"""The module against the template, read as Terraform reads it but without Terraform or the AWS provider."""

import re
from pathlib import Path

import hcl2
import pytest
from hcl2 import SerializationOptions

from cloudformation import ROOT, Template

MODULE = ROOT / "deploy/terraform"
README = (MODULE / "README.md").read_text()
TEMPLATE = Template("template.yaml").raw
TYPES = {"Number": "number", "String": "string"}


def read(text):
    return hcl2.loads(text, serialization_options=SerializationOptions(strip_string_quotes=True, explicit_blocks=False,
                                                                with_comments=False))


FILES = {path.name: read(path.read_text()) for path in sorted(MODULE.glob("*.tf"))}


def blocks(kind, file=None):
    """Each block of a kind by its label."""
    them = [block for name, content in FILES.items() if file in (None, name) for block in content.get(kind, [])]
    found = {label: body for block in them for label, body in block.items()}
    assert len(found) == len(them), f"a {kind} stands twice"
    return found


VARIABLES = blocks("variable")
GIVEN = FILES["parameters.tf"]["locals"][0]["given"]
RESOURCES = blocks("resource")
STACK = RESOURCES["aws_cloudformation_stack"]["relay"]


def test_the_module_has_the_files_that_terraform_users_look_for():
    assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} <= set(FILES)


def test_each_parameter_is_given_and_nothing_else():
    assert list(GIVEN) == list(TEMPLATE["Parameters"])


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_a_parameter_has_its_variable(name):
    parameter = TEMPLATE["Parameters"][name]
    (variable,) = set(re.findall(r"var\.(\w+)", GIVEN[name]))
    assert variable.replace("_", "") == name.lower()
    body = VARIABLES[variable]
    assert "default" in body and body["default"] is None, "null is the template's default"
    assert body["description"]
    is_list = "commas" in parameter.get("ConstraintDescription", "")
    is_boolean = parameter.get("AllowedValues") == ["true", "false"]
    assert body["type"] == ("${list(string)}" if is_list else "bool" if is_boolean else TYPES[parameter["Type"]])


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_a_variable_asks_for_what_its_parameter_asks_for(name):
    parameter = TEMPLATE["Parameters"][name]
    (variable,) = set(re.findall(r"var\.(\w+)", GIVEN[name]))
    conditions = " ".join(rule["condition"] for rule in VARIABLES[variable].get("validation", []))
    for bound, operator in (("MinValue", ">="), ("MaxValue", "<=")):
        if bound in parameter:
            assert f"{operator} {parameter[bound]}" in conditions
    if parameter.get("AllowedValues", ["true", "false"]) != ["true", "false"]:
        values = re.search(r"contains\(\[(.*?)\]", conditions)[1].replace('"', "").split(", ")
        assert values == list(map(str, parameter["AllowedValues"]))
    if "AllowedPattern" in parameter:
        pattern = re.search(r'can\(regex\("(.*?)", ', conditions)[1]
        assert pattern.replace("\\\\", "\\") == parameter["AllowedPattern"]


def test_each_output_is_handed_on_and_no_other():
    values = {label: body["value"] for label, body in blocks("output").items()}
    named = {label: re.search(r'"(\w+)"', value)[1] for label, value in values.items()}
    assert sorted(named.values()) == sorted(TEMPLATE["Outputs"])
    for label, name in named.items():
        assert label.replace("_", "") == name.lower()
        is_there_always = "Condition" not in TEMPLATE["Outputs"][name]
        assert values[label] == (f'${{aws_cloudformation_stack.relay.outputs["{name}"]}}' if is_there_always else
                                 f'${{lookup(aws_cloudformation_stack.relay.outputs, "{name}", null)}}')  # fmt: skip


def test_each_variable_is_used_and_each_that_is_used_is_there():
    text = "\n".join(path.read_text() for path in MODULE.glob("*.tf"))
    for name in VARIABLES:
        own = re.search(rf'^variable "{name}" {{\n.*?^}}', text, re.S | re.M)[0]
        assert f"var.{name}" in text.replace(own, ""), name
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(VARIABLES)


def test_the_stack_has_what_the_template_needs():
    assert STACK["parameters"] == "${local.parameters}"
    # template_body takes 51,200 bytes.
    assert "template_body" not in STACK and len(Template("template.yaml").text) > 51_200
    kinds = {resource["Type"] for resource in TEMPLATE["Resources"].values()}
    assert any(kind.startswith("AWS::IAM::") for kind in kinds) == ("CAPABILITY_IAM" in STACK["capabilities"])
    assert ("Transform" in TEMPLATE) == ("CAPABILITY_AUTO_EXPAND" in STACK["capabilities"])
    assert len(STACK["capabilities"]) == 2


def test_the_stack_is_updated_when_the_template_was():
    key = RESOURCES["aws_s3_object"]["template"]["key"]
    assert "filesha256(var.packaged_template)" in key
    assert "aws_s3_object.template.key" in STACK["template_url"]


def test_the_names_of_the_parameters_that_the_template_describes_are_the_variables():
    names = "|".join(TEMPLATE["Parameters"])
    for variable, body in VARIABLES.items():
        assert not re.search(rf"\b({names})\b", body["description"]), variable


def examples():
    return re.findall(r"```hcl\n(.*?)```", README, re.S)


@pytest.mark.parametrize("example", examples())
def test_an_example_of_the_readme_uses_what_there_is(example):
    for module in read(example)["module"]:
        for body in module.values():
            wanted = {name for name, variable in VARIABLES.items() if "default" not in variable}
            assert wanted <= set(body)
            assert set(body) - {"source"} <= set(VARIABLES)
    outputs = set(re.findall(r"module\.\w+\.(\w+)", example))
    assert outputs and outputs <= set(blocks("output"))


def test_the_readme_has_examples_and_names_what_the_module_itself_takes():
    assert len(examples()) == 1
    for name in blocks("variable", "variables.tf"):
        assert f"`{name}`" in README
    source = re.search(r'source\s*=\s*"(.*?)"', examples()[0])[1]
    assert source.endswith("deploy/terraform") and Path(source).name == MODULE.name
