"""Points of metrics, CloudWatch's statistics of them, and its alarms as the template defines them."""

import math
from collections import defaultdict


class Metrics:
    def __init__(self, start):
        self.start = start
        self.points = defaultdict(list)

    def add(self, namespace, name, dimensions, time, *values):
        self.points[namespace, name, dimensions].extend((time - self.start, value) for value in values)

    def add_embedded(self, line):
        """What a line in the embedded metric format says.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        time = line["_aws"]["Timestamp"] / 1000
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = tuple((name, line[name]) for name in names)
                for metric in directive["Metrics"]:
                    values = line[metric["Name"]]
                    values = values if isinstance(values, list) else [values]
                    self.add(directive["Namespace"], metric["Name"], dimensions, time, *values)

    def statistic(self, key, statistic, period, seconds):
        """One value for each period, None where there is no point."""
        values = [[] for _ in range(seconds // period)]
        for time, value in self.points[key]:
            if 0 <= time < seconds:
                values[int(time // period)].append(value)
        return [statistic_of(statistic, of_period) if of_period else None for of_period in values]


def statistic_of(name, values):
    if name.startswith("p"):
        rank = math.ceil(float(name[1:]) / 100 * len(values))
        return sorted(values)[max(rank, 1) - 1]
    return {"Sum": sum, "Maximum": max, "Minimum": min}[name](values)


def times_in_alarm(alarm, metrics, seconds):
    """When an alarm of the template rang: pairs of seconds, the last one open (None) where it still rings."""
    period, values = values_of(alarm, metrics, seconds)
    rang, rings = [], False
    for end in range(1, len(values) + 1):
        window = values[max(0, end - alarm["EvaluationPeriods"]) : end]
        if window[-1] is None and alarm["TreatMissingData"] == "ignore":
            continue
        now_rings = sum(breaches(alarm, value) for value in window) >= alarm["DatapointsToAlarm"]
        if now_rings != rings:
            if now_rings:
                rang.append([end * period, None])
            else:
                rang[-1][1] = end * period
        rings = now_rings
    return rang


def values_of(alarm, metrics, seconds):
    """The period, and what the alarm compares in each."""
    if "Metrics" not in alarm:
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        return alarm["Period"], metrics.statistic(key_of(alarm), statistic, alarm["Period"], seconds)
    (expression,) = [metric["Expression"] for metric in alarm["Metrics"] if "Expression" in metric]
    assert expression == "SUM(FILL(METRICS(), 0))", f"not known how to work out {expression}"
    stats = [metric["MetricStat"] for metric in alarm["Metrics"] if "MetricStat" in metric]
    (period,) = {stat["Period"] for stat in stats}
    summed = [metrics.statistic(key_of(stat["Metric"]), stat["Stat"], period, seconds) for stat in stats]
    return period, [sum(value or 0 for value in values) for values in zip(*summed)]


def key_of(metric):
    dimensions = tuple((d["Name"], d["Value"]) for d in metric.get("Dimensions", []))
    return metric["Namespace"], metric["MetricName"], dimensions


def breaches(alarm, value):
    if value is None:
        assert alarm["TreatMissingData"] in ("notBreaching", "ignore"), alarm["TreatMissingData"]
        return False
    threshold = float(alarm["Threshold"])
    return {
        "GreaterThanOrEqualToThreshold": value >= threshold,
        "GreaterThanThreshold": value > threshold,
    }[alarm["ComparisonOperator"]]
