"""docs/first-deployment.md against tests/aws/run: each row is tried by a scenario, or named with the reason why it is not."""

import ast
import sys

from cloudformation import ROOT

sys.path.append(str(ROOT / "tests/aws"))

from rows import NOT_TRIED, PAGE, rows_of_the_page  # noqa: E402

SCENARIOS = [*(ROOT / "tests/aws").glob("test_*.py"), *(ROOT / "tests/e2e").glob("test_*.py")]


def shown():
    """How the rows begin that scenarios show: the arguments of `pytest.mark.row`."""
    calls = [node for path in SCENARIOS for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return {a.value for call in calls if ast.unparse(call.func) == "pytest.mark.row" for a in call.args}


def of_neither_or_both(rows):
    def begins_with_one_of(row, starts):
        return any(row.assumed.startswith(start) for start in starts)

    return [row for row in rows if begins_with_one_of(row, shown()) == begins_with_one_of(row, NOT_TRIED)]


def test_each_row_is_tried_or_is_named_with_the_reason():
    assert of_neither_or_both(rows_of_the_page()) == []


def test_a_row_that_is_added_is_noticed():
    table = "| What is assumed | The command that shows it | If it is otherwise |\n| --- | --- | --- |\n"
    assert table in PAGE.read_text()
    added = PAGE.read_text().replace(table, f"{table}| AWS is there | `aws` | wait |\n", 1)
    assert [row.assumed for row in of_neither_or_both(rows_of_the_page(added))] == ["AWS is there"]


def test_what_is_said_of_a_row_is_said_of_one_that_is_there():
    rows = [row.assumed for row in rows_of_the_page()]
    for start in [*shown(), *NOT_TRIED]:
        assert sum(row.startswith(start) for row in rows) == 1, start
