"""The ways in: queue, event bus, topic, direct invocation."""

import json
import uuid

import pytest

from cloud import wait_for


@pytest.fixture
def task(cloud):
    return cloud.activity_execution()


def event(token, message):
    return {
        "id": f"event-{uuid.uuid4()}",
        "target": {"kind": "step-functions-task", "taskToken": token},
        "failure": {"type": "Worker.Died", "message": message},
    }


def test_the_event_bus(cloud, relay, task):
    execution, token = task
    relay.put_event(event(token, "over EventBridge"))
    assert cloud.end_of(execution)["cause"] == "over EventBridge"


def test_the_topic_that_is_subscribed_to_the_queue(cloud, relay, topic, task):
    execution, token = task
    cloud.client("sns").publish(TopicArn=topic, Message=json.dumps(event(token, "over SNS and the queue")))
    assert cloud.end_of(execution)["cause"] == "over SNS and the queue"


def test_a_topic_that_invokes_the_function(cloud, relay, task):
    execution, token = task
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=cloud.name(f"direct-{uuid.uuid4().hex}"))["TopicArn"]
    cloud.client("lambda").add_permission(
        FunctionName=relay.function,
        StatementId=topic.rpartition(":")[2],
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=relay.function_arn)
    sns.publish(TopicArn=topic, Message=json.dumps(event(token, "SNS to Lambda")))
    assert cloud.end_of(execution)["cause"] == "SNS to Lambda"


def test_a_direct_invocation_is_answered_with_the_outcome(cloud, relay, task):
    execution, token = task
    failure = event(token, "invoked")
    error, answer = relay.invoke(failure)
    assert error is None
    assert answer == {"outcome": "relayed", "targetKind": "step-functions-task", "eventId": failure["id"]}
    assert cloud.end_of(execution)["cause"] == "invoked"


def test_an_asynchronous_invocation(cloud, relay, task):
    execution, token = task
    relay.invoke(event(token, "asynchronous"), asynchronous=True)
    assert cloud.end_of(execution)["cause"] == "asynchronous"


def test_a_direct_invocation_that_is_to_be_retried_fails(code_pipeline, relay):
    job = code_pipeline.open_job("denied")
    error, answer = relay.invoke({"target": {"kind": "codepipeline-job", "jobId": job}})
    assert error
    assert job not in json.dumps(answer)


def test_an_asynchronous_invocation_that_keeps_failing_ends_in_the_dead_letter_queue(cloud, code_pipeline, relay):
    lambda_ = cloud.client("lambda")
    before = lambda_.get_function_event_invoke_config(FunctionName=relay.function)
    assert before["MaximumRetryAttempts"] == 2
    # Without the minutes that Lambda waits between the attempts.
    lambda_.put_function_event_invoke_config(FunctionName=relay.function, MaximumRetryAttempts=0)
    job = code_pipeline.open_job("denied")
    failure = {"id": f"async-{job}", "target": {"kind": "codepipeline-job", "jobId": job}}
    relay.invoke(failure, asynchronous=True)
    letter = relay.dead_letter(lambda message: job in message["Body"], seconds=60)
    assert json.loads(letter["Body"]) == failure
    lambda_.put_function_event_invoke_config(
        FunctionName=relay.function, MaximumRetryAttempts=2, MaximumEventAgeInSeconds=21600
    )


def test_an_event_of_an_unknown_shape_on_the_bus_is_a_dead_letter_and_not_lost(relay):
    mark = str(uuid.uuid4())
    relay.put_event({"no target": mark})
    letter = relay.dead_letter(lambda message: mark in message["Body"])
    assert wait_for(lambda: letter["MessageAttributes"]["ERROR_CODE"]["StringValue"]) == "INVALID_EVENT"
