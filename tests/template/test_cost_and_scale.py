"""docs/cost-and-scale.md: that it says what is computed, and that what is computed is right."""

import dataclasses
import math
import subprocess
import sys

import pytest

from cloudformation import ROOT
from kinds import KINDS

sys.path.insert(0, str(ROOT / "benches"))

from cost_and_scale import costs, delay, document, tables, throughput  # noqa: E402
from cost_and_scale.figures import benchmark_row, figures, metrics_of, renewal_factor, unit_price  # noqa: E402
from cost_and_scale.throughput import Quota  # noqa: E402

PAGE = (ROOT / "docs/cost-and-scale.md").read_text()
QUOTA = Quota("step-functions-task", "here", burst=3000, per_second=500)


@pytest.fixture(scope="module")
def f():
    return figures()


def with_prices(f, **prices):
    return dataclasses.replace(f, prices={**f.prices, **prices})


def with_stack(f, **settings):
    return dataclasses.replace(f, stack=dataclasses.replace(f.stack, **settings))


def test_the_document_is_what_is_computed():
    done = subprocess.run([sys.executable, ROOT / "benches/cost_and_scale/run", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_table_that_was_changed_by_hand_is_found():
    text = "<!-- computed: one -->\n\nI cost 1\n\n<!-- end -->\n<!-- computed: two -->\n\n2\n\n<!-- end -->"
    blocks = {"one": lambda: "I cost 1", "two": lambda: "2"}
    assert document.stale(text, blocks) == []
    assert document.stale(text.replace("cost 1", "cost 0"), blocks) == ["one"]
    assert document.renewed(text.replace("cost 1", "cost 0"), blocks) == text


@pytest.mark.parametrize("text", ["", "<!-- computed: other -->\n<!-- end -->", "<!-- computed: one -->\n<!-- end -->\n" * 2])
def test_a_table_that_the_document_lacks_or_has_twice_is_an_error(text):
    with pytest.raises(ValueError, match="blocks"):
        document.renewed(text, {"one": str})


@pytest.mark.parametrize(("usd", "per"), [(0, 1), (-1, 1), ("0.4", 1), (0.4, 0), (0.4, 1.5)])
def test_what_is_no_price_is_refused(usd, per):
    with pytest.raises(ValueError, match="no price"):
        unit_price("sqs_request", {"usd": usd, "per": per})


def test_a_benchmark_without_the_row_is_refused():
    with pytest.raises(ValueError, match="no row"):
        benchmark_row("| bare function | 1 |", "Services")
    with pytest.raises(ValueError, match="renewal"):
        renewal_factor("A renewal takes less.")


def test_each_price_has_a_page_and_a_date(f):
    for price in f.listed.values():
        assert price["price_page"].startswith("https://aws.amazon.com/") and price["of"] and price["read_at"]


def test_each_kind_of_target_has_its_quota_or_none(f):
    assert set(f.quotas["targets"]) ^ {kind.name for kind in KINDS} == set(), "kinds that one list alone has"


def test_a_million_events_one_by_one_are_what_a_hand_computes(f):
    lines = costs.relayed(f, costs.MILLION, 128, 1)
    assert lines["SQS requests"] == pytest.approx(3 * 0.40)
    assert lines["Lambda invocations"] == pytest.approx(0.20)
    # 50 ms for the API and 0.46 ms of CPU at 128/1769 of a core are 56.4, billed as 57 ms of an eighth of a GB.
    assert costs.batch_ms(f, 128, 1) == 57
    assert lines["Lambda duration"] == pytest.approx(1e6 * 0.057 * 0.125 * 0.0000133334)
    assert lines["X-Ray traces"] == pytest.approx(5.00)


def test_batches_of_ten_share_a_receive_a_delete_an_invocation_and_a_trace(f):
    alone, tens = (costs.relayed(f, costs.MILLION, 128, batch) for batch in (1, 10))
    assert tens["SQS requests"] == pytest.approx(1.2 * 0.40)
    assert tens["Lambda invocations"] == pytest.approx(alone["Lambda invocations"] / 10)
    assert tens["X-Ray traces"] == pytest.approx(alone["X-Ray traces"] / 10)
    assert alone["Logs"] / 10 < tens["Logs"] < alone["Logs"]


def test_a_dearer_service_raises_its_own_line_alone(f):
    before, after = (costs.relayed(g, costs.MILLION, 128, 1) for g in (f, with_prices(f, sqs_request=1.0)))
    assert {name for name in before if before[name] != after[name]} == {"SQS requests"}


def test_a_function_that_is_not_traced_pays_for_no_trace(f):
    assert f.stack.traced
    for untraced in (with_stack(f, traced=False), tables.untraced(f)):
        assert costs.relayed(untraced, costs.MILLION, 128, 1)["X-Ray traces"] == 0


def test_a_busy_relay_is_traced_once_a_second_and_a_twentieth_of_the_rest(f):
    assert costs.traces(f, 100) == 100
    assert costs.traces(f, costs.MONTH_SECONDS + 100) == costs.MONTH_SECONDS + 5


def test_an_alarm_counts_for_each_metric_that_it_looks_at():
    metric = {"Id": "m", "MetricStat": {}}
    assert metrics_of({"MetricName": "Errors"}) == 1
    assert metrics_of({"Metrics": [{"Id": "sum", "Expression": "m+n"}, metric, metric]}) == 2


def test_two_idle_queues_are_asked_fifteen_times_a_minute_each(f):
    assert costs.empty_receives(f, 2) == 2 * 15 * 60 * 24 * 30


def test_a_renewal_is_counted_as_leases_md_derives_it(f):
    assert costs.renewals_of_worker(600) == 12_960
    assert costs.renewal(f)["DynamoDB writes"] == pytest.approx(4 * 0.625e-6)
    assert "| renew | *S* + 2 |" in (ROOT / "docs/leases.md").read_text()


def test_renewals_take_more_cpu_and_wait_for_the_table(f):
    assert f.benchmark.renewal_factor > 1
    assert costs.renewals_ms(f, 128, 10) == math.ceil(10 + 1.55 * f.benchmark.renewal_factor * 1769 / 128)


def test_the_sum_of_a_way_is_that_of_its_parts(f):
    assert delay.total([delay.Step("", 1, 2, ""), delay.Step("", 10, 20, "")]) == (11, 22)


def test_within_its_quota_each_event_is_called_once_and_told_at_once(f):
    found = throughput.flood(f, QUOTA, QUOTA.per_second, 60)
    assert (found.calls_per_event, found.told_s, found.parked_max) == (1, 60, 0)


def test_a_burst_that_the_bucket_holds_is_told_at_once(f):
    found = throughput.flood(f, QUOTA, QUOTA.per_second * 2, 5)
    assert (found.told_s, found.calls_per_event) == (5, 1)


def test_no_event_is_lost_in_the_flood_and_none_is_told_faster_than_the_quota(f):
    found = throughput.flood(f, QUOTA, 5000, 60)
    assert found.events == 300_000
    assert found.told_s >= (300_000 - QUOTA.burst) / QUOTA.per_second
    assert found.half_told_s < found.nearly_told_s < found.told_s
    assert found.calls_per_event > 1 and 0 < found.parked_max < found.events
    assert 0 < found.in_flight_max < f.quotas["sqs_in_flight_max"]["value"], "SQS would stop delivering"


def test_a_target_that_takes_nothing_is_an_error_and_no_number(f, monkeypatch):
    monkeypatch.setattr(throughput, "SIMULATED_SECONDS_MAX", 100)
    with pytest.raises(ValueError, match="not told"):
        throughput.flood(f, Quota("k", "here", burst=0, per_second=0), 1, 1)


def test_what_is_parked_in_an_outage_comes_back_within_the_longest_delay_unless_there_is_much(f):
    assert 450 < throughput.outage(f, 1, 3600).told_s <= 901
    assert throughput.outage(f, 100, 3600).told_s == pytest.approx(360_000 / throughput.of_the_parking_queue(f), rel=0.02)


def test_the_numbers_in_the_text_are_those_of_the_template(f):
    stack, lines = f.stack, f.lines["relayed"]
    for words in (
        f"kept for {stack.retention_days} days", f"{f.assumed['pollers']} long polls of {stack.poll_seconds} s on each of the two queues",
        f"{lines['metrics']} for each kind of target", f"`MaximumConcurrency` ({stack.concurrency}, up to 1,000)",
        f"from its third try on parked\nfor 7.5 to {stack.back_off_cap // 60} minutes",
        f"holds about {f.quotas['sqs_in_flight_max']['value']:,} in flight",
        f"[{f.quotas['api_destination_per_second']['value']}](https://docs.aws.amazon.com/eventbridge/",
        f"takes {costs.sweep_seconds(f, 1000):.0f} s, and one of 3,000 the whole {costs.sweep_seconds(f, 3000):.0f} s of its function",
    ):  # fmt: skip
        assert words in PAGE, words
    assert (stack.queues, stack.park_after) == (2, 3)
