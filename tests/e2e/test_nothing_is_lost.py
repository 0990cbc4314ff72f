"""Batches with good and bad records, the dead-letter queue and the way back, a function that is killed."""

import json
import os
import signal
import uuid

from cloud import attributes_of, wait_for


def test_only_the_right_records_of_a_batch_come_back(cloud, code_pipeline, relay):
    execution, token = cloud.activity_execution()
    good, later = code_pipeline.open_job(), code_pipeline.open_job("denied three times")
    mark = str(uuid.uuid4())
    ids = relay.publish_all(
        [
            {"target": {"kind": "step-functions-task", "taskToken": token}, "failure": {"type": "Good"}},
            {"id": mark, "target": {"kind": "no-such-kind"}},
            {"target": {"kind": "codepipeline-job", "jobId": later}},
            {"target": {"kind": "codepipeline-job", "jobId": good}},
        ]
    )
    assert cloud.end_of(execution)["error"] == "Good"
    wait_for(lambda: code_pipeline.failure(good))
    wait_for(lambda: code_pipeline.failure(later))
    assert attributes_of(relay.dead_letter(lambda m: mark in m["Body"]))["ERROR_CODE"] == "UNKNOWN_TARGET"

    def outcomes(message_id):
        return [line["outcome"] for line in relay.outcomes(record_id=message_id)]

    wait_for(lambda: outcomes(ids[2])[-1:] == ["relayed"])
    assert outcomes(ids[0]) == ["relayed"]
    assert outcomes(ids[1]) == ["dead-lettered"]
    assert outcomes(ids[2]) == ["retry", "retry", "parked", "relayed"]
    assert outcomes(ids[3]) == ["relayed"]
    assert [line["receives"] for line in relay.outcomes(record_id=ids[2])] == [1, 2, 3, 4]
    assert code_pipeline.late_reports(good) == 0
    wait_for(lambda: cloud.messages_in(relay.queue_url) == 0)


def test_an_unroutable_event_is_in_the_dead_letter_queue_with_all_its_attributes(relay):
    mark = str(uuid.uuid4())
    # As Python would write it: LocalStack's event source mapping reads and rewrites each body that is JSON.
    body = json.dumps({"id": mark, "target": {"kind": "codepipeline-job", "jobId": "NOT-A-UUID"}, "x": "ü ✗"})
    message_id = relay.publish(body)
    letter = relay.dead_letter(lambda message: mark in message["Body"])
    assert letter["Body"] == body
    attributes = attributes_of(letter)
    assert attributes.pop("ERROR_MESSAGE").startswith("target.jobId: ")
    assert attributes == {
        "ERROR_CODE": "INVALID_EVENT",
        "TARGET_KIND": "codepipeline-job",
        "EVENT_ID": mark,
        "SOURCE_ARN": relay.queue_arn,
        "SOURCE_MESSAGE_ID": message_id,
        "RETRY_ATTEMPTS": "0",
        "PUBLISHER": relay.cloud.sender,
    }


def test_what_is_no_json_is_in_the_dead_letter_queue_byte_for_byte(relay):
    mark = str(uuid.uuid4())
    body = f"  {{ 'id': '{mark}',\t\"ü✗\"\n"
    relay.publish(body)
    letter = relay.dead_letter(lambda message: mark in message["Body"])
    assert letter["Body"] == body
    assert attributes_of(letter)["ERROR_CODE"] == "MALFORMED_EVENT"


def test_a_redrive_then_succeeds(cloud, code_pipeline, relay):
    job = code_pipeline.open_job("unknown at first")
    event = {"id": f"redriven-{job}", "target": {"kind": "codepipeline-job", "jobId": job}}
    relay.publish(event)
    line = relay.wait_for_outcome(event_id=event["id"])
    assert (line["outcome"], line["error_code"]) == ("dead-lettered", "REJECTED_BY_SERVICE")
    assert line["service_error"] == "JobNotFoundException"
    cloud.client("sqs").start_message_move_task(
        SourceArn=relay.dead_letter_queue_arn, DestinationArn=relay.queue_arn
    )
    wait_for(lambda: code_pipeline.failure(job))
    relay.wait_for_outcome(event_id=event["id"], outcome="relayed")
    wait_for(lambda: cloud.messages_in(relay.dead_letter_queue_url) == 0)


def test_a_function_that_is_killed_in_mid_batch_loses_nothing(cloud, code_pipeline, relay):
    with relay.visibility(4):
        jobs = [code_pipeline.open_job() for _ in range(4)] + [code_pipeline.open_job("silent once")]
        before = len(code_pipeline.calls(fault="no-answer"))
        relay.publish_all([{"target": {"kind": "codepipeline-job", "jobId": job}} for job in jobs])
        wait_for(lambda: len(code_pipeline.calls(fault="no-answer")) > before)  # which holds the batch open
        for pid in list(cloud.localstack.function_pids(relay.function)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for job in jobs:
            wait_for(lambda: code_pipeline.failure(job), 60)
        wait_for(lambda: cloud.messages_in(relay.queue_url) == 0, 60)


def test_a_service_that_never_answers_holds_up_nobody_else(cloud, code_pipeline, relay):
    stuck, other = code_pipeline.open_job("silent three times"), code_pipeline.open_job()
    ids = relay.publish_all([{"target": {"kind": "codepipeline-job", "jobId": job}} for job in (stuck, other)])
    wait_for(lambda: code_pipeline.failure(other))
    assert code_pipeline.is_open(stuck)
    relay.wait_for_outcome(record_id=ids[0], outcome="retry")
    wait_for(lambda: code_pipeline.failure(stuck), 60)


def test_a_throttled_service_is_tried_until_it_answers(code_pipeline, relay):
    job = code_pipeline.open_job("throttled five times")
    event = {"id": f"throttled-{job}", "target": {"kind": "codepipeline-job", "jobId": job}}
    relay.publish(event)
    wait_for(lambda: code_pipeline.failure(job), 60)
    relay.wait_for_outcome(event_id=event["id"], outcome="relayed")
    assert relay.outcomes(event_id=event["id"])[0]["service_error"] == "ThrottlingException"


def test_the_redrive_policy_ends_what_never_succeeds(cloud, code_pipeline, relay):
    sqs = cloud.client("sqs")
    before = sqs.get_queue_attributes(QueueUrl=relay.queue_url, AttributeNames=["RedrivePolicy"])["Attributes"]
    assert json.loads(before["RedrivePolicy"])["maxReceiveCount"] == 1000
    fewer = json.dumps({"deadLetterTargetArn": relay.dead_letter_queue_arn, "maxReceiveCount": 2})
    sqs.set_queue_attributes(QueueUrl=relay.queue_url, Attributes={"RedrivePolicy": fewer})
    job = code_pipeline.open_job("denied")
    body = json.dumps({"target": {"kind": "codepipeline-job", "jobId": job}})
    relay.publish(body)
    letter = relay.dead_letter(lambda message: job in message["Body"], 60)
    assert letter["Body"] == body
    assert "ERROR_CODE" not in attributes_of(letter)  # SQS moved it, not the relay
    sqs.set_queue_attributes(QueueUrl=relay.queue_url, Attributes=before)


def test_a_burst_is_relayed_once_each(cloud, code_pipeline, relay):
    jobs = [code_pipeline.open_job() for _ in range(40)]
    for n in range(0, len(jobs), 10):
        relay.publish_all([{"target": {"kind": "codepipeline-job", "jobId": j}} for j in jobs[n : n + 10]])
    for job in jobs:
        wait_for(lambda: code_pipeline.failure(job), 60)
    wait_for(lambda: cloud.messages_in(relay.queue_url) == 0)
    assert [code_pipeline.late_reports(job) for job in jobs] == [0] * len(jobs)
