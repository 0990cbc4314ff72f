"""One failure is followed from its publisher to its target by the publisher's X-Ray trace.

AWS's EventBridge puts the trace of a PutEvents call on the message as a publisher does; LocalStack's leaves it out, so
the way over the bus is not tried here.
"""

import time
import uuid


def trace_header():
    """As the X-Ray SDKs write it."""
    return f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent=53995c3f42cd8ad8;Sampled=1"


def test_the_trace_of_the_publisher_is_in_the_log_line_of_its_event(cloud, relay):
    execution, token = cloud.activity_execution()
    event = {"id": f"traced-{uuid.uuid4()}", "target": {"kind": "step-functions-task", "taskToken": token}}
    trace = trace_header()
    relay.publish(event, trace)
    assert cloud.end_of(execution)["status"] == "FAILED"
    line = relay.wait_for_outcome(event_id=event["id"])
    assert (line["outcome"], line["trace_id"]) == ("relayed", trace)


def test_every_try_of_an_event_has_its_trace(code_pipeline, relay):
    job = code_pipeline.open_job("denied once")
    event = {"id": f"traced-{job}", "target": {"kind": "codepipeline-job", "jobId": job}}
    trace = trace_header()
    relay.publish(event, trace)
    relay.wait_for_outcome(event_id=event["id"], outcome="relayed")
    lines = relay.outcomes(event_id=event["id"])
    assert [(line["outcome"], line["trace_id"]) for line in lines] == [("retry", trace), ("relayed", trace)]


def test_the_function_is_traced_too(cloud, relay):
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=relay.function)
    assert configuration["TracingConfig"] == {"Mode": "Active"}
