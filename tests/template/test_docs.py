"""docs/*.md against what they speak of: alarms, codes, settings, queries, tests, and templates to paste."""

import json
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloudformation import ROOT, Template

RUNBOOK = (ROOT / "docs/runbook.md").read_text()
DEAD_WORKERS, RECIPES = (ROOT / "docs/dead-workers.md").read_text().split("\n# Recipes\n")
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").glob("*/README.md")])
CODES = {
    "MALFORMED_EVENT", "INVALID_EVENT", "UNSUPPORTED_VERSION", "UNKNOWN_TARGET", "TARGET_NOT_ALLOWED",
    "REJECTED_BY_SERVICE", "RETRIES_EXHAUSTED", "NOT_ENABLED",
}  # fmt: skip


def section(text, heading):
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    assert found, f"no section {heading}"
    return found[1]


EVERY_ALARM_ON = {
    "AbandonedWorkQueueArns": "arn:aws:sqs:eu-west-1:111111111111:dead", "Leases": "true", "Sweep": "report",
    "Canary": "true",
}  # fmt: skip
ALARMS = Template("template.yaml", **EVERY_ALARM_ON).resources("AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("alarm", ALARMS)
def test_the_runbook_has_a_section_for_each_alarm(alarm):
    assert re.search(rf"^### {alarm}$", RUNBOOK, re.M)


def test_the_runbook_has_no_section_for_an_alarm_that_is_gone():
    named = set(re.findall(r"\w+Alarm\b", RUNBOOK))
    assert named <= set(ALARMS)


@pytest.mark.parametrize("page", ["first-deployment.md", "threat-model.md"])
def test_a_page_for_security_teams_names_what_the_templates_have(page):
    # Words of AWS's own: a managed policy, members of answers, of policies, of functions and of state machines, the metrics' namespace.
    there = {"SenderId", "Active", "LastProcessingResult", "Resource", "Retry", "Catch", "FailureRelay", "PutJobFailureResult",
             "ResourceNotFound", "OnFailure", "AdministratorAccess"}  # fmt: skip
    for path in ("template.yaml", "deploy/cross-account-role.yaml", "deploy/smoke-test.yaml"):
        raw = Template(path).raw
        there |= {name for part in ("Parameters", "Resources", "Outputs") for name in raw.get(part, {})}
        there |= set(re.findall(r"(?:Sid|MetricName): (\w+)", Template(path).text))
    # Errors and metrics of the services, and codes in capitals.
    metrics = "NumberOfNotificationsFailed|FailedInvocations|Executions(Failed|Succeeded)"
    theirs = re.compile(rf"\w*(Exception|Error|TimedOut|InvalidToken|AccessDenied|{metrics})|[A-Z_]+")
    for name in set(re.findall(r"`([A-Z][A-Za-z]+)`", (ROOT / "docs" / page).read_text())):
        assert name in there or theirs.fullmatch(name), name


def test_the_runbook_explains_each_dead_letter_code():
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", section(RUNBOOK, "Dead-letter codes"), re.M)) == CODES


def test_the_runbook_explains_each_setting_with_its_parameters():
    template = Template("template.yaml", **EVERY_ALARM_ON)
    rows = re.findall(r"^\| `(RELAY_[A-Z_]+)` \| (.*?) \|", section(RUNBOOK, "Settings"), re.M)
    variables = [template.resources()[name]["Environment"]["Variables"] for name in ("RelayFunction", "WatchFunction")]
    assert {name for name, _ in rows} == set().union(*variables)
    for _, cell in rows:
        assert set(re.findall(r"`(\w+)`", cell)) <= set(template.defaults)


def test_the_runbook_names_queries_that_are_there():
    queries = Template("template.yaml").resources("AWS::Logs::QueryDefinition").values()
    there = {q["Name"].split("/")[1] for q in queries}
    assert set(re.findall(r'\b[Qq]uery "([a-z ]+)"', RUNBOOK)) <= there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_test_that_a_page_names_is_there(page):
    tests = "\n".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py"))
    for name in set(re.findall(r"`(test_\w+)`", page.read_text())):
        assert f"def {name}(" in tests, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        file = page.parent / path if path else page
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.M) if anchor else []
        slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
        assert not anchor or anchor in slugs, target


def test_what_is_to_be_switched_on_for_a_worker_is_there_and_all_that_can_be_is_named():
    parameters = set(Template("template.yaml").defaults)
    switched_on = set(re.findall(r"\b([A-Z]\w+)=(?:true|report|fail)\b", DEAD_WORKERS))
    assert switched_on <= parameters
    assert {name for name in parameters if name.endswith("Notices")} | {"Leases", "Sweep"} <= switched_on


def recipes():
    return re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", RECIPES, re.S | re.M)


@pytest.mark.parametrize("heading, text", recipes(), ids=[h for h, _ in recipes()])
def test_a_recipe_is_complete(heading, text, tmp_path):
    assert "In the relay's stack:" in text
    assert "Death to report:" in text
    parameters = set(Template("template.yaml").defaults)
    assert set(re.findall(r"`(\w+)=(?:true)?`", text)) <= parameters
    template, *_parts_of_a_pipeline = re.findall(r"```yaml\n(.*?)```", text, re.S)
    path = tmp_path / "recipe.yaml"
    path.write_text(template)
    lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([lint, "--regions", "eu-west-1", "--", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "null" not in template  # CloudFormation refuses it, though the linter does not


def test_the_picture_of_the_dashboard_is_of_this_dashboard():
    draw = ROOT / "site/dashboard/draw.py"
    drawn = subprocess.run([sys.executable, draw, "-"], capture_output=True, text=True, check=True)
    assert (ROOT / "docs/pictures/dashboard.svg").read_text() == drawn.stdout, "run site/dashboard/draw.py"


def test_the_page_of_the_dashboard_says_which_alarms_rang_and_when():
    day = json.loads((ROOT / "site/dashboard/bad-day.json").read_text())
    began = datetime.fromisoformat(day["start"].replace("Z", "+00:00"))

    def clock(second):
        return "" if second is None else f"{began + timedelta(seconds=second):%H:%M}"

    rang = {alarm: ", ".join(f"{clock(a)}–{clock(b)}" for a, b in times) for alarm, times in day["alarms"].items() if times}
    rows = re.findall(r"^\| \[(\w+Alarm)\]\S+ \| (.*?) \|$", (ROOT / "docs/dashboard.md").read_text(), re.M)
    assert dict(rows) == rang
    assert set(day["alarms"]) == set(Template("template.yaml").resources("AWS::CloudWatch::Alarm"))


def test_the_readme_is_short_enough_for_five_minutes():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200
