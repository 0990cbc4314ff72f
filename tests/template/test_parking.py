"""The parking queue: contract between the queue, its mapping, the role, the settings and the alarms."""

import pytest

from cloudformation import Template
from test_template import ABANDONED_WORK, QUEUE_ARNS, alarms, as_list, dashboard_metrics, statements, watched

RELAY = "template.yaml"


def test_the_parking_queue_invokes_the_function_with_a_low_concurrency_of_its_own():
    mappings = Template(RELAY).resources("AWS::Lambda::EventSourceMapping")
    parking, fresh = mappings["ParkingMapping"], mappings["QueueMapping"]
    assert parking["EventSourceArn"] == "<ParkingQueue.Arn>"
    assert parking["FunctionName"] == fresh["FunctionName"]
    assert int(parking["ScalingConfig"]["MaximumConcurrency"]) < int(fresh["ScalingConfig"]["MaximumConcurrency"])


def test_its_concurrency_is_a_parameter():
    template = Template(RELAY, ParkingConcurrency=7)
    assert template.resources()["ParkingMapping"]["ScalingConfig"] == {"MaximumConcurrency": "7"}


def test_a_parked_batch_in_work_is_not_given_out_again():
    resources = Template(RELAY).resources()
    window = resources["ParkingMapping"]["MaximumBatchingWindowInSeconds"]
    assert resources["ParkingQueue"]["VisibilityTimeout"] >= 6 * resources["RelayFunction"]["Timeout"] + window


def test_it_is_a_standard_queue():
    # A FIFO queue takes no delay for a single message.
    queue = Template(RELAY).resources()["ParkingQueue"]
    assert "FifoQueue" not in queue
    assert "QueueName" not in queue


def test_what_can_be_neither_relayed_nor_parked_ends_in_the_dead_letter_queue():
    queue = Template(RELAY).resources()["ParkingQueue"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == "<DeadLetterQueue.Arn>"
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 1000


def test_the_role_may_park_and_take_back():
    (consume,) = [s for s in statements(Template(RELAY), "RelayPolicy") if "sqs:ReceiveMessage" in as_list(s["Action"])]
    (send,) = [s for s in statements(Template(RELAY), "RelayPolicy") if "sqs:SendMessage" in as_list(s["Action"])]
    assert as_list(consume["Resource"]) == ["<Queue.Arn>", "<ParkingQueue.Arn>"]
    assert as_list(send["Resource"]) == ["<DeadLetterQueue.Arn>", "<ParkingQueue.Arn>"]


def test_nobody_but_the_relay_may_send_there():
    for statement in statements(Template(RELAY, PublisherAccounts="222222222222"), "ParkingQueuePolicy"):
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == "*"
    (others,) = [s for s in statements(Template(RELAY), "ParkingQueuePolicy") if s["Action"] == "sqs:SendMessage"]
    assert others["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": "<RelayRole.Arn>"}}


def test_the_function_is_told_of_it():
    template = Template(RELAY, ParkAfter=5, ParkedSecondsMax=86400)
    variables = template.resources()["RelayFunction"]["Environment"]["Variables"]
    assert variables["RELAY_PARKING_QUEUE_URL"] == "<ParkingQueue>"
    assert variables["RELAY_PARK_AFTER"] == "5"
    assert variables["RELAY_PARKED_SECONDS_MAX"] == "86400"


def test_the_defaults_are_those_of_the_function():
    defaults = Template(RELAY).defaults
    assert (defaults["ParkAfter"], defaults["ParkedSecondsMax"]) == (3, 345_600)


def test_many_messages_in_flight_raise_an_alarm_long_before_sqs_stops():
    alarm = alarms()["MessagesInFlightAlarm"]
    ((namespace, metric, dimensions, _),) = watched(alarm)
    assert (namespace, metric) == ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible")
    assert dimensions == [{"Name": "QueueName", "Value": "<Queue.QueueName>"}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 80_000)


def test_parked_messages_that_nobody_takes_raise_an_alarm():
    alarm = alarms()["ParkedMessagesAlarm"]
    ((_, metric, dimensions, _),) = watched(alarm)
    assert metric == "ApproximateAgeOfOldestMessage"
    assert dimensions == [{"Name": "QueueName", "Value": "<ParkingQueue.QueueName>"}]
    assert alarm["Threshold"] > 900  # the longest delay: younger ones are where they should be


@pytest.mark.parametrize("alarm", ["RetriesClimbingAlarm", "RetriesPersistAlarm"])
def test_what_is_parked_counts_as_retried_to_the_alarms(alarm):
    (total,) = [m for m in alarms()[alarm]["Metrics"] if "Expression" in m]
    assert total["Expression"] == "SUM(FILL(METRICS(), 0))"
    assert {name for _, name, _, _ in watched(alarms()[alarm])} == {"Retried", "Parked"}


def test_the_dashboard_shows_the_parking_queue():
    shown = {name for _, name, rest in dashboard_metrics() if rest == ["QueueName", "<ParkingQueue.QueueName>"]}
    assert shown == {
        "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible", "ApproximateAgeOfOldestMessage",
    }  # fmt: skip


# ------------------------------------------------------------------ the other queues that may fill


def test_a_dead_letter_of_ten_days_raises_an_alarm_before_it_expires():
    alarm = alarms()["DeadLettersExpiringAlarm"]
    ((_, metric, dimensions, _),) = watched(alarm)
    assert metric == "ApproximateAgeOfOldestMessage"
    assert dimensions == [{"Name": "QueueName", "Value": "<DeadLetterQueue.QueueName>"}]
    assert int(alarm["Threshold"]) == 10 * 86_400
    assert int(alarm["Threshold"]) < Template(RELAY).resources()["DeadLetterQueue"]["MessageRetentionPeriod"]


@pytest.mark.parametrize("number", range(1, 6))
def test_each_abandoned_work_queue_is_watched_for_depth_and_age(number):
    names = [arn.rsplit(":", 1)[1] for arn in QUEUE_ARNS[:number]]
    found = alarms(AbandonedWorkQueueArns=",".join(QUEUE_ARNS[:number]))
    for alarm, metric in (
        ("AbandonedWorkWaitingAlarm", "ApproximateNumberOfMessagesVisible"),
        ("AbandonedWorkAgeAlarm", "ApproximateAgeOfOldestMessage"),
    ):
        looked_at = list(watched(found[alarm]))
        assert {name for _, name, _, _ in looked_at} == {metric}
        assert [dimensions for _, _, dimensions, _ in looked_at] == [[{"Name": "QueueName", "Value": n}] for n in names]


def test_without_abandoned_work_there_is_no_alarm_for_it():
    assert not [name for name in alarms() if name.startswith("Abandoned")]
    assert len([name for name in alarms(**ABANDONED_WORK) if name.startswith("Abandoned")]) == 2
