"""The packaged template: template.yaml, but for where the code is."""

import copy
import os
import re
import shutil
import sys

import pytest

from run import COMMIT, ROOT, VERSION, release

sys.path.insert(0, str(ROOT / "tests/template"))
from cloudformation import Template  # noqa: E402

PACKAGED = Template(os.environ["PACKAGED_TEMPLATE"], CodeBucket="code").raw
SOURCE = Template("template.yaml").raw
FUNCTIONS = {"relay": "RelayFunction", "watch": "WatchFunction"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_code_is_in_the_bucket_by_version_and_processor(name):
    code = PACKAGED["Resources"][FUNCTIONS[name]]["Properties"]["CodeUri"]
    assert code == {"Bucket": {"Ref": "CodeBucket"}, "Key": {"Fn::Sub": f"${{CodePrefix}}{VERSION}/{name}-${{Architecture}}.zip"}}


def test_there_is_a_zip_for_each_processor_that_the_template_allows():
    script = (ROOT / "release/functions").read_text()
    (processors,) = re.findall(r"for processor in \$\{\*:-(.*)\}; do", script)
    (names,) = re.findall(r"for name in (.*); do", script)
    assert '"$out/$name-$processor.zip"' in script
    assert sorted(processors.split()) == sorted(PACKAGED["Parameters"]["Architecture"]["AllowedValues"])
    assert names.split() == list(FUNCTIONS)


def test_an_upgrade_finds_other_code_though_the_stack_keeps_its_parameters():
    assert PACKAGED["Parameters"]["CodePrefix"]["Default"] == "failure-relay/"
    assert "Default" not in PACKAGED["Parameters"]["CodeBucket"]


def test_it_names_version_and_commit():
    assert PACKAGED["Metadata"]["FailureRelay"]["Version"] == VERSION
    assert re.fullmatch("[0-9a-f]{40}", PACKAGED["Metadata"]["FailureRelay"]["Commit"])


def test_all_else_is_as_in_the_sources():
    expected, packaged = copy.deepcopy(SOURCE), copy.deepcopy(PACKAGED)
    for name in FUNCTIONS.values():
        del expected["Resources"][name]["Properties"]["CodeUri"], packaged["Resources"][name]["Properties"]["CodeUri"]
        del expected["Resources"][name]["Metadata"]["BuildMethod"], expected["Resources"][name]["Metadata"]["BuildProperties"]
    for parameter in ("CodeBucket", "CodePrefix"):
        del packaged["Parameters"][parameter]
    del packaged["Metadata"]["FailureRelay"]
    group = packaged["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].pop(0)
    assert group["Parameters"] == ["CodeBucket", "CodePrefix"]
    for document in (expected, packaged):
        del document["Parameters"]["Architecture"]["Description"]
    assert packaged == expected


@pytest.mark.parametrize(("what", "by"), [
    ("      CodeUri: .\n", "      CodeUri: src\n"),
    ("\nParameters:\n", "\n  Parameters:\n"),
    ("\nOutputs:\n", "\n  Third:\n    Metadata: {BuildMethod: go1.x}\n\nOutputs:\n"),
])
def test_a_template_that_it_does_not_know_fails(tmp_path, what, by):
    (tmp_path / "release").mkdir()
    script = shutil.copy(ROOT / "release/template", tmp_path / "release")
    text = (ROOT / "template.yaml").read_text()
    assert what in text
    (tmp_path / "template.yaml").write_text(text.replace(what, by, 1))
    release(script, tmp_path, VERSION, COMMIT, fails=True)
    assert not (tmp_path / "failure-relay.yaml").exists()
