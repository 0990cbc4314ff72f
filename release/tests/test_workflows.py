"""The workflows: what they are built upon, what they may do, and that they run all of the gate."""

import re
import subprocess

import pytest
import yaml

from run import ROOT

FILES = {path.stem: path for path in (ROOT / ".github/workflows").glob("*")}
WORKFLOWS = {name: yaml.safe_load(path.read_text()) for name, path in FILES.items()}
JOBS = [(name, job, content) for name, workflow in WORKFLOWS.items() for job, content in workflow["jobs"].items()]
STEPS = [(f"{name}.{job}", step) for name, job, content in JOBS for step in content["steps"]]
SHARDS = subprocess.run([ROOT / ".ci/run", "--shards"], check=True, capture_output=True, text=True).stdout.split()


def test_there_are_workflows_for_checks_nights_and_releases():
    assert set(WORKFLOWS) == {"check", "nightly", "release"}
    assert len(STEPS) > 20


@pytest.mark.parametrize("name", FILES)
def test_every_action_is_pinned_by_a_commit_with_its_version_beside_it(name):
    uses = re.findall(r"(?m)^ *(?:- )?uses: *(.*)$", FILES[name].read_text())
    assert uses
    for used in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used


def test_one_action_has_one_commit():
    pins = {}
    for _, step in STEPS:
        if "uses" in step:
            action, commit = step["uses"].split("@")
            pins.setdefault(action, set()).add(commit)
    assert all(len(commits) == 1 for commits in pins.values()), pins


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_do_nothing_and_each_job_what_it_names(name):
    assert WORKFLOWS[name]["permissions"] == {}
    for job, content in WORKFLOWS[name]["jobs"].items():
        writes = {permission for permission, access in content["permissions"].items() if access != "read"}
        allowed = {"image": {"packages", "id-token", "attestations"}, "publish": {"contents", "id-token", "attestations"}}
        assert writes == allowed.get(job, set()), job
        assert content["timeout-minutes"] <= 180
        assert "-latest" not in content["runs-on"], "a machine that changes is no pin"


def test_no_script_is_put_together_from_what_others_wrote():
    for where, step in STEPS:
        assert "${{" not in step.get("run", ""), where


def test_no_job_keeps_the_token_it_was_checked_out_with():
    checkouts = [step for _, step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(JOBS)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_script_that_is_run_exists():
    named = {script for _, step in STEPS for script in re.findall(r"(?:^|\s|\()((?:release|\.ci)/[\w-]+)", step.get("run", ""))}
    assert {".ci/run", "release/build", "release/checksums"} <= named
    for script in named:
        assert (ROOT / script).stat().st_mode & 0o111, script


@pytest.mark.parametrize("name", ["check", "nightly"])
def test_the_shards_are_those_of_the_gate(name):
    assert WORKFLOWS[name]["jobs"]["gate"]["strategy"]["matrix"]["shard"] == SHARDS


def test_each_step_of_the_gate_is_in_a_shard():
    of = re.findall(r"(?m)^ *(?:.* \|\| )?(?:step|beside) (\S+) '", (ROOT / ".ci/run").read_text())
    assert len(of) > 30
    assert set(of) == {*SHARDS, "all"}


def test_a_release_is_built_twice_and_published_only_where_both_are_the_same():
    jobs = WORKFLOWS["release"]["jobs"]
    assert len(jobs["build"]["strategy"]["matrix"]["machine"]) == 2
    for job in ("image", "publish"):
        runs = [step.get("run", "") for step in jobs[job]["steps"]]
        assert any(re.match(r"diff -r .*linux-first.*linux-second", run) for run in runs), job
