"""Records that are costly to read: one builder for each way in which a publisher can waste a relay's time or memory.

Each takes a size in bytes and makes a body of about that size. `valid` is what all are compared with: an event of which
almost every byte is in `failure.details`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAb3VvVbGN0"
SFN = '{"kind":"step-functions-task","taskToken":"%s"}'
ROUTABLE = SFN % TOKEN
ABANDONED_QUEUE = "arn:aws:sqs:eu-west-1:111122223333:worker-dead-letters"


def filled(around: str, unit: str, size: int, join: str = "") -> str:
    """`around`, with `%s` replaced by as many units as fit."""
    count = max(1, (size - len(around)) // (len(unit) + len(join)))
    return around.replace("%s", join.join([unit] * count), 1)


def numbered(around: str, unit: str, size: int) -> str:
    """As `filled`, but each unit has a number of its own in the place of `#`."""
    count = max(1, (size - len(around)) // (len(unit) + 6))
    return around.replace("%s", ",".join(unit.replace("#", f"{number:06}") for number in range(count)), 1)


def valid(size: int) -> str:
    return filled('{"target":%s,"failure":{"message":"m","details":"%%s"}}' % ROUTABLE, "x", size)


def lambda_record(payload: str, **members: str) -> str:
    rest = "".join(f',"{name}":{value}' for name, value in members.items())
    return '{"requestContext":{"condition":"RetriesExhausted","requestId":"r"},"requestPayload":%s%s}' % (payload, rest)


def aws(source: str, detail_type: str, detail: str) -> str:
    return '{"source":"%s","detail-type":"%s","detail":%s}' % (source, detail_type, detail)


def ecs(detail: str) -> str:
    return aws("aws.ecs", "ECS Task State Change", '{"lastStatus":"STOPPED","stopCode":"TaskFailedToStart",%s}' % detail)


def batch(detail: str) -> str:
    return aws("aws.batch", "Batch Job State Change", '{"status":"FAILED",%s}' % detail)


def codebuild(detail: str) -> str:
    return aws("aws.codebuild", "CodeBuild Build State Change", '{"build-status":"FAILED",%s}' % detail)


def states(detail: str) -> str:
    return aws("aws.states", "Step Functions Execution Status Change", '{"status":"FAILED",%s}' % detail)


def glue(detail: str) -> str:
    return aws("aws.glue", "Glue Job State Change", '{"state":"FAILED",%s}' % detail)


def nested(size: int) -> str:
    """A body in three notifications inside one another, each of which must be read to find the next."""
    inner = filled('{"target":{"kind":"?"},"x":"%s"}', "x", size // 2)
    for _ in range(3):
        inner = json.dumps({"Type": "Notification", "Message": inner})
    return inner


def nested_quotes(size: int) -> str:
    """The same with quotes, which double at each level."""
    inner = '{"x":"%s"}' % ('\\"' * (size // 60))
    for _ in range(3):
        inner = json.dumps({"Type": "Notification", "Message": inner})
    return inner


def f(around: str, unit: str = "x", join: str = "") -> Callable[[int], str]:
    return lambda size: filled(around, unit, size, join)


def n(around: str, unit: str) -> Callable[[int], str]:
    return lambda size: numbered(around, unit, size)


HOSTILE: dict[str, Callable[[int], str]] = {
    "garbage": f("%s"),
    "backslashes": f("%s", "\\"),
    "quotes": f("%s", '"'),
    "line ends": f("%s", "\n"),
    "an invalid body at its very end": f('{"target":{"kind":"?","x":"%s"'),
    "a valid string and nothing else": f('"%s"'),
    "a string of backslashes": f('{"x":"%s"}', "\\\\"),
    "a string of escapes": f('{"x":"%s"}', "\\u0041"),
    "blanks": f("{%s}", " "),
    "a token that is too long": f('{"target":%s}' % (SFN % "%s")),
    "a token that is too long, in escapes": f('{"target":%s}' % (SFN % "%s"), "\\u0041"),
    "a token that is too long, of quotes": f('{"target":%s}' % (SFN % "%s"), '\\"'),
    "a token of lone surrogates": f('{"target":%s}' % (SFN % "%s"), "\\ud800"),
    "a token beside an unknown kind": f('{"target":{"kind":"later","taskToken":"%s"}}'),
    "both tokens too long": lambda size: '{"target":{"kind":"codepipeline-third-party-job","jobId":"j","taskToken":"%s","clientToken":"%s"}}'
    % ("x" * (size // 2), "y" * (size // 2)),
    "a token that the id repeats": lambda size: '{"id":"%s","target":%s}' % ("y" * (size // 2), SFN % ("x" * (size // 2))),
    "a job id that is too long": f('{"target":{"kind":"codepipeline-job","jobId":"%s"}}'),
    "a kind that is too long": f('{"target":{"kind":"%s"}}'),
    "a kind of escapes": f('{"target":{"kind":"%s"}}', "\\u0041"),
    "a version that is too long": f('{"version":"%s","target":%%s}'.replace("%%s", ROUTABLE)),
    "a region that is too long": f('{"target":{"kind":"step-functions-task","taskToken":"t","region":"%s"}}'),
    "an account that is too long": f('{"target":{"kind":"step-functions-task","taskToken":"t","account":"%s"}}'),
    "a long id": f('{"id":"%s","target":' + ROUTABLE + "}"),
    "a long id of an unroutable event": f('{"id":"%s","target":{"kind":"?"}}'),
    "a long id of escapes": f('{"id":"%s","target":{"kind":"?"}}', "\\u0041"),
    "a long id of quotes": f('{"id":"%s","target":{"kind":"?"}}', '\\"'),
    "a long id of token names": f('{"id":"%s","target":{"kind":"?"}}', '\\"taskToken\\":'),
    "an id that is an object": f('{"id":{%s},"target":{"kind":"?"}}', '"a":1', ","),
    "an id that is a list of blanks": f('{"id":[%s],"target":{"kind":"?"}}', " "),
    "a long source": f('{"source":"%s","target":{"kind":"?"}}'),
    "a source that is a list": f('{"source":[%s],"target":{"kind":"?"}}', "1", ","),
    "a long time": f('{"time":"%s","target":{"kind":"?"}}'),
    "a time that is a list": f('{"time":[%s],"target":{"kind":"?"}}', "1", ","),
    "objects inside objects": f('{"x":%s}', '{"a":'),
    "lists inside lists": lambda size: '{"target":{"kind":"?","x":%s%s}}' % ("[" * (size // 2), "]" * (size // 2)),
    "objects inside objects, complete": lambda size: '{"target":{"kind":"?","x":%s1%s}}' % ('{"a":' * (size // 6), "}" * (size // 6)),
    "a million members": n('{%s,"target":{"kind":"?"}}', '"#":1'),
    "a million members of a target": n('{"target":{%s,"kind":"?"}}', '"#":1'),
    "a million members of a failure": n('{"target":' + ROUTABLE + ',"failure":{%s}}', '"#":1'),
    "members of the same name": f('{"target":{%s}}', '"kind":"?"', ","),
    "tokens of the same name": f('{"target":{%s}}', '"taskToken":"t"', ","),
    "members without a name": f('{"target":{%s}}', '"":1', ","),
    "targets of the same name": f("{%s}", '"target":{"kind":"?"}', ","),
    "names of escapes": f('{"target":{"%s":1}}', "\\u0041"),
    "a long message": f('{"target":' + ROUTABLE + ',"failure":{"message":"%s"}}'),
    "a message of escapes": f('{"target":' + ROUTABLE + ',"failure":{"message":"%s"}}', "\\u0041"),
    "a message of control characters": f('{"target":' + ROUTABLE + ',"failure":{"message":"%s","details":1}}', "\\u0001"),
    "a failure that is a list": f('{"target":' + ROUTABLE + ',"failure":[%s]}', "1", ","),
    "a type that is an object": f('{"target":' + ROUTABLE + ',"failure":{"type":{%s}}}', '"a":1', ","),
    "an execution id that is a list": f('{"target":' + ROUTABLE + ',"failure":{"details":1,"externalExecutionId":[%s]}}', "1", ","),
    "details of quotes": f('{"target":' + ROUTABLE + ',"failure":{"details":[%s]}}', '"\\""', ","),
    "envelopes inside one another": nested,
    "envelopes of quotes inside one another": nested_quotes,
    "five EventBridge events": lambda size: '{"detail-type":"x","detail":' * 5 + filled('{"x":"%s"}', "x", size) + "}" * 5,
    "a CloudEvent": f('{"specversion":"1.0","id":"%s","data":{"target":{"kind":"?"}}}'),
    "resources of an EventBridge event": f('{"detail-type":"x","detail":{},"resources":[%s]}', '"arn:a:events:::x"', ","),
    "resources that are no text": f('{"detail-type":"x","detail":{},"resources":[%s]}', "1", ","),
    "records inside a body": f('{"Records":[%s]}', "{}", ","),
    "a payload of a Lambda record": f(lambda_record('{"x":"%s"}')),
    "members of a Lambda record's payload": n(lambda_record("{%s}"), '"#":1'),
    "a payload of records": f(lambda_record('{"Records":[%s]}'), "{}", ","),
    "a token in a Lambda record": f(lambda_record('{"taskToken":"%s"}')),
    "an error message of a Lambda record": f(lambda_record('{"taskToken":"t"}', responsePayload='{"errorMessage":"%s"}')),
    "an error type of a Lambda record": f(lambda_record('{"taskToken":"t"}', responsePayload='{"errorType":"%s"}')),
    "a request id of a Lambda record": lambda size: lambda_record('{"taskToken":"t"}').replace('"r"', '"%s"' % ("x" * size)),
    "containers of a task": n(ecs('"containers":[%s]'), '{"name":"#"}'),
    "containers that are no object": f(ecs('"containers":[%s]'), "1", ","),
    "overrides of a task": n(ecs('"overrides":{"containerOverrides":[%s]}'), '{"name":"#"}'),
    "overrides of a task with environments": f(
        ecs('"overrides":{"containerOverrides":[%s]}'), '{"environment":[{"name":"TASK_TOKEN","value":""}]}', ","
    ),
    "variables of a task": n(ecs('"overrides":{"containerOverrides":[{"environment":[%s]}]}'), '{"name":"#","value":"v"}'),
    "variables that are no object": f(ecs('"overrides":{"containerOverrides":[{"environment":[%s]}]}'), "1", ","),
    "a stop reason": f(
        ecs('"stoppedReason":"%s","overrides":{"containerOverrides":[{"environment":[{"name":"TASK_TOKEN","value":"t"}]}]}')
    ),
    "variables that hold objects": f(
        ecs('"overrides":{"containerOverrides":[{"environment":[%s]}]}'), '{"name":"a","value":"{\\"b\\":1}"}', ","
    ),
    "words of a command": f(ecs('"overrides":{"containerOverrides":[{"command":[%s]}]}'), '"--x"', ","),
    "attempts of a job": f(batch('"container":{"environment":[{"name":"TASK_TOKEN","value":"t"}]},"attempts":[%s]'), "{}", ","),
    "variables of a job": n(batch('"container":{"environment":[%s]}'), '{"name":"#","value":"v"}'),
    "nodes of a job": f(batch('"nodeProperties":{"nodeRangeProperties":[%s]}'), "{}", ","),
    "a status reason": f(batch('"container":{"environment":[{"name":"TASK_TOKEN","value":"t"}]},"statusReason":"%s"')),
    "variables of a build": n(
        codebuild('"additional-information":{"environment":{"environment-variables":[%s]}}'), '{"name":"#","value":"v"}'
    ),
    "the input of an execution": f(states('"input":"{\\"x\\":\\"%s\\"}"')),
    "the input of an execution, of quotes": f(states('"input":"{\\"x\\":[%s]}"'), '\\"\\"', ","),
    "the cause of an execution": f(states('"input":"{\\"taskToken\\":\\"t\\"}","cause":"%s"')),
    "a task that names nobody": f(ecs('"taskArn":"arn:aws:ecs:r:a:task/%s"')),
    "a reason of a task that names nobody": f(ecs('"stoppedReason":"%s"')),
    "a status reason of a job that names nobody": f(batch('"statusReason":"%s"')),
    "a job that names nobody, of escapes": f(batch('"jobId":"%s"'), "\\u0041"),
    "the cause of an execution that names nobody": f(states('"cause":"%s"')),
    "a job run": f(glue('"jobRunId":"%s"')),
    "a job run of escapes": f(glue('"jobRunId":"%s"'), "\\u0041"),
    "a job run that is a list": f(glue('"jobRunId":[%s]'), "1", ","),
    "a reason of a job run": f(glue('"message":"%s"')),
    "a reason of a job run that is a list": f(glue('"message":[%s]'), "1", ","),
    "members of a job run": n(glue("%s"), '"#":1'),
    "a target in a notice": f(states('"input":{"FAILURE_RELAY_TARGET":"%s"}')),
}
"""Bodies of SQS messages, by what they hold too much of."""
