"""LogTail: what the relay may read of its workers' logs, and that by default it may read nothing."""

import re

import pytest
from test_template import RELAY, as_list, statements

from cloudformation import ROOT, Template

GROUPS = "arn:aws:logs:eu-west-1:111111111111:log-group:"


def reads(**parameters):
    """What the function may read with logs: and ecs: actions, by statement."""
    found = {}
    for statement in statements(Template(RELAY, **parameters), "RelayPolicy"):
        actions = as_list(statement["Action"])
        if any(re.match(r"logs:(Get|Filter|Describe)|ecs:Describe", action) for action in actions):
            found[statement["Sid"]] = (actions, as_list(statement["Resource"]))
    return found


def test_by_default_no_log_is_read_and_nothing_may_be():
    assert reads() == {}
    assert Template(RELAY).resources()["RelayFunction"]["Environment"]["Variables"]["RELAY_LOG_TAIL"] == "0"


def test_with_it_on_only_streams_of_the_named_groups_may_be_read():
    found = reads(LogTail=20)
    assert found["LogsOfDeadWorkers"] == (
        ["logs:GetLogEvents"],
        [f"{GROUPS}{name}:log-stream:*" for name in ("/aws/batch/job", "/aws/codebuild/*", "/ecs/*")],
    )
    assert found["WhereDeadTasksLog"] == (["ecs:DescribeTaskDefinition"], ["*"])
    assert Template(RELAY, LogTail=20).resources()["RelayFunction"]["Environment"]["Variables"]["RELAY_LOG_TAIL"] == "20"


@pytest.mark.parametrize("names", [["/mine"], ["/mine", "/yours-*"]])
def test_fewer_groups_are_fewer_permissions(names):
    _, resources = reads(LogTail=1, LogTailGroups=",".join(names))["LogsOfDeadWorkers"]
    assert resources == [f"{GROUPS}{name}:log-stream:*" for name in names]


def test_as_many_lines_may_be_asked_for_as_the_function_takes():
    limit = re.search(r"LINES_MAX: u32 = (\d+)", (ROOT / "crates/failure-event/src/log_tail.rs").read_text())
    assert Template(RELAY).raw["Parameters"]["LogTail"]["MaxValue"] == int(limit[1])
