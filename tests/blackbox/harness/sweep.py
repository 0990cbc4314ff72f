"""What a sweep asks: Step Functions with its histories, and the services in which its workers run.

Each answer is checked against botocore's model, so that no case rests on an answer that AWS cannot give.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from xml.sax.saxutils import escape

from . import answers as a
from . import models
from .aws_endpoint import Call
from .function import ACCOUNT, REGION
from .histories import TOKEN, History, Started, machine, state
from .secrets import Secrets

HOUR_S = 3600.0
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/render"
CALLS_OF_WORKERS = (
    "DescribeTasks", "DescribeJobs", "BatchGetBuilds", "DescribeExecution", "DescribeInstances", "ListCommandInvocations",
)  # fmt: skip
_IDS_MAX = 100
"""How many workers ECS, Batch and CodeBuild tell of in one call."""


def states_arn(kind: str, name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:{kind}:{name}"


@dataclass
class Machine:
    name: str
    definition: dict
    type: str = "STANDARD"

    @property
    def arn(self) -> str:
        return states_arn("stateMachine", self.name)


@dataclass
class Execution:
    machine: Machine
    history: History
    status: str = "RUNNING"
    name: str = field(default_factory=lambda: str(uuid.uuid4()))
    definition: dict | None = None
    """With which it was started, where the machine has another one by now."""
    map_run: str | None = None
    """The ARN of the map run of which it is a child."""

    @property
    def arn(self) -> str:
        return states_arn("execution", f"{self.machine.name}:{self.name}")


class World:
    """All that there is in the account. `script` is what the endpoint answers of it."""

    def __init__(self) -> None:
        self.now = time.time()
        self.machines: list[Machine] = []
        self.executions: list[Execution] = []
        self.map_runs: dict[str, str] = {}
        """The execution of each map run."""
        self.tasks: dict[str, dict] = {}
        self.jobs: dict[str, dict] = {}
        self.builds: dict[str, dict] = {}
        self.children: dict[str, dict] = {}
        """Executions that are workers of others."""
        self.instances: dict[str, dict] = {}
        self.commands: dict[str, list[dict]] = {}
        self.page = 1000
        """How many entries a page has at most, whatever is asked for."""
        self.broken: list[str] = []
        """What is wrong with the answers of this very world."""
        self.faults: dict[str, a.Scripted] = {}
        """Answers that replace the world's own, by operation."""

    def ago(self, seconds: float) -> float:
        return self.now - seconds

    # --- what there is

    def machine(self, definition: dict, name: str | None = None, kind: str = "STANDARD") -> Machine:
        made = Machine(name or f"machine-{uuid.uuid4()}", definition, kind)
        self.machines.append(made)
        return made

    def run(self, of: Machine, history: History, **members: object) -> Execution:
        self.executions.append(Execution(of, history, **members))  # type: ignore[arg-type]
        return self.executions[-1]

    def history(self, ago_s: float = 3 * HOUR_S) -> History:
        return History(self.ago(ago_s))

    def waiting(
        self, started: Started, *, ago_s: float = 3 * HOUR_S, name: str | None = None, token: str | None = None, **options: object
    ) -> str:
        """An execution of a machine of its own, whose one state waits for this worker. Returns the task token."""
        token, history = token or Secrets.issue(600), self.history(ago_s)
        history.wait("Wait", started, token)
        self.run(self.machine(machine({"Wait": state(started)}), name, **options), history)  # type: ignore[arg-type]
        return token

    # --- workers; each is told how it is, and registered with its service

    def ecs_task(self, *, token_name: str | None = "TASK_TOKEN", count: int = 1, known: bool = True, **members: object) -> Started:
        """By default a task that was killed an hour ago. The first of `count` is as described, the others run."""
        ids = [uuid.uuid4().hex for _ in range(count)]
        arns = [f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/render/{name}" for name in ids]
        given = [{"Name": token_name, "Value": TOKEN}] if token_name else []
        overrides = {"ContainerOverrides": [{"Name": "worker", "Environment": given}]}
        if known:
            for arn in arns:
                self.tasks[arn] = {"taskArn": arn, "clusterArn": CLUSTER, "lastStatus": "RUNNING", "containers": [{"name": "worker"}]}
            self.tasks[arns[0]] = self.stopped(arns[0], **members)
        described = [{"TaskArn": arn, "ClusterArn": CLUSTER, "LastStatus": "PROVISIONING"} for arn in arns]
        parameters = {"Cluster": CLUSTER, "TaskDefinition": "worker", "LaunchType": "FARGATE", "Overrides": overrides}
        return Started("ecs", "runTask", parameters, {"Tasks": described, "Failures": []}, arns[0])

    def stopped(self, arn: str, *, ended_s: float | None = HOUR_S, exits: dict[str, int | None] | None = None, **members: object) -> dict:
        """How ECS tells of a task that has stopped; None in `exits` is a container without an exit code."""
        containers = [
            {"name": name, "lastStatus": "STOPPED", **({} if code is None else {"exitCode": code})}
            for name, code in (exits if exits is not None else {"worker": 137}).items()
        ]
        task = {"taskArn": arn, "clusterArn": CLUSTER, "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited", "containers": containers, **members}  # fmt: skip
        if ended_s is not None:
            task["stoppedAt"] = self.ago(ended_s)
        return {name: value for name, value in task.items() if value is not None}

    def batch_job(self, status: str = "FAILED", *, ended_s: float | None = HOUR_S, known: bool = True, **members: object) -> Started:
        name = str(uuid.uuid4())
        if known:
            ended = {} if ended_s is None else {"stoppedAt": int(self.ago(ended_s) * 1000)}
            self.jobs[name] = {"jobId": name, "jobName": "render", "jobQueue": "q", "jobDefinition": "d", "status": status,
                               "startedAt": int(self.ago(2 * HOUR_S) * 1000), **ended, **members}  # fmt: skip
        environment = [{"Name": "TASK_TOKEN", "Value": TOKEN}]
        parameters = {"JobName": "render", "JobQueue": "q", "JobDefinition": "d", "ContainerOverrides": {"Environment": environment}}
        arn = f"arn:aws:batch:{REGION}:{ACCOUNT}:job/{name}"
        return Started("aws-sdk:batch", "submitJob", parameters, {"JobArn": arn, "JobId": name, "JobName": "render"}, name)

    def build(self, status: str = "FAILED", *, ended_s: float | None = HOUR_S, known: bool = True) -> Started:
        name = f"render:{uuid.uuid4()}"
        arn = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:build/{name}"
        if known:
            ended = {} if ended_s is None or status == "IN_PROGRESS" else {"endTime": self.ago(ended_s)}
            self.builds[name] = {"id": name, "arn": arn, "buildStatus": status, "buildComplete": status != "IN_PROGRESS",
                                 "projectName": "render", "startTime": self.ago(2 * HOUR_S), **ended}  # fmt: skip
        variables = [{"Name": "TASK_TOKEN", "Value": TOKEN, "Type": "PLAINTEXT"}]
        parameters = {"ProjectName": "render", "EnvironmentVariablesOverride": variables}
        return Started("aws-sdk:codebuild", "startBuild", parameters, {"Build": {"Id": name, "Arn": arn}}, name)

    def child(self, status: str = "FAILED", *, ended_s: float | None = HOUR_S, service: str = "states", known: bool = True, **members: object) -> Started:
        arn = states_arn("execution", f"child:{uuid.uuid4()}")
        if known:
            ended = {} if ended_s is None or status == "RUNNING" else {"stopDate": self.ago(ended_s)}
            self.children[arn] = {"executionArn": arn, "stateMachineArn": states_arn("stateMachine", "child"), "status": status,
                                  "startDate": self.ago(2 * HOUR_S), **ended, **members}  # fmt: skip
        parameters = {"StateMachineArn": states_arn("stateMachine", "child"), "Input": {"taskToken": TOKEN}}
        return Started(service, "startExecution", parameters, {"ExecutionArn": arn, "StartDate": self.ago(2 * HOUR_S)}, arn)

    def ec2(self, *states: str | None, ended_s: float | None = HOUR_S) -> Started:
        """Instances in these states; None is one of which EC2 knows nothing."""
        names = [f"i-0{uuid.uuid4().hex[:16]}" for _ in states]
        for name, at in zip(names, states, strict=True):
            if at is not None:
                when = "" if ended_s is None else datetime.fromtimestamp(self.ago(ended_s), timezone.utc).strftime("%Y-%m-%d %H:%M:%S GMT")
                self.instances[name] = {"state": at, "reason": f"User initiated ({when})" if when else ""}
        parameters = {"ImageId": "ami-1", "MinCount": len(states), "MaxCount": len(states), "ClientToken": "c",
                      "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "TASK_TOKEN", "Value": TOKEN}]}]}  # fmt: skip
        output = {"ReservationId": "r-1", "Instances": [{"InstanceId": name, "State": {"Name": "pending"}} for name in names]}
        return Started("aws-sdk:ec2", "runInstances", parameters, output, names[0])

    def ssm(self, *statuses: str, ended_s: float | None = HOUR_S) -> Started:
        name = str(uuid.uuid4())
        self.commands[name] = []
        for status in statuses:
            ends = {"Delayed": "Pending", "Cancelling": "InProgress"}
            plugin = {"Name": "aws:runShellScript", "Status": ends.get(status, status)}
            if status in ("Success", "Failed", "TimedOut", "Cancelled") and ended_s is not None:
                plugin["ResponseFinishDateTime"] = self.ago(ended_s)  # type: ignore[assignment]
            self.commands[name].append(
                {"CommandId": name, "InstanceId": f"i-0{uuid.uuid4().hex[:16]}", "Status": status, "StatusDetails": status,
                 "RequestedDateTime": self.ago(2 * HOUR_S), "CommandPlugins": [plugin]}
            )  # fmt: skip
        instances = [at["InstanceId"] for at in self.commands[name]]
        parameters = {"DocumentName": "AWS-RunShellScript", "InstanceIds": instances, "Parameters": {"TaskToken": TOKEN}}
        return Started("aws-sdk:ssm", "sendCommand", parameters, {"Command": {"CommandId": name, "InstanceIds": instances}}, name)

    # --- what it answers

    def script(self) -> dict[str, a.Scripted]:
        own = {name: getattr(self, f"_{name}") for name in (
            "ListStateMachines", "ListExecutions", "ListMapRuns", "DescribeStateMachine", "DescribeStateMachineForExecution",
            "GetExecutionHistory", *CALLS_OF_WORKERS,
        )}  # fmt: skip
        return {**own, **self.faults}

    def _pages(self, call: Call, name: str, rows: list[dict], limit: int, token: str = "nextToken") -> a.Reply:
        start = int(call.params.get(token) or 0)
        size = min(self.page, limit, call.params.get("maxResults") or call.params.get("MaxResults") or limit)
        more = {token: str(start + size)} if start + size < len(rows) else {}
        return self._answer(call, {name: rows[start : start + size], **more})

    def _answer(self, call: Call, document: dict) -> a.Reply:
        self.broken += models.answer_violations(call.service, call.operation, document)
        return a.Reply(200, json.dumps(document).encode(), accepts=True)

    def _ListStateMachines(self, call: Call) -> a.Answer:
        rows = [{"stateMachineArn": m.arn, "name": m.name, "type": m.type, "creationDate": 1.5} for m in self.machines]
        return self._pages(call, "stateMachines", rows, 1000)

    def _ListExecutions(self, call: Call) -> a.Answer:
        params = call.params
        of = next((m for m in self.machines if m.arn == params.get("stateMachineArn")), None)
        if of is None and "mapRunArn" not in params:
            return a.error("StateMachineDoesNotExist")
        if of is not None and of.type == "EXPRESS":
            return a.error("StateMachineTypeNotSupported")
        rows = [
            {"executionArn": e.arn, "stateMachineArn": e.machine.arn, "name": e.name, "status": e.status, "startDate": self.ago(4 * HOUR_S)}
            for e in self.executions
            if (e.machine is of and e.map_run is None or "mapRunArn" in params and e.map_run == params["mapRunArn"])
            and params.get("statusFilter") in (None, e.status)
        ]
        return self._pages(call, "executions", rows, 1000)

    def _ListMapRuns(self, call: Call) -> a.Answer:
        rows = [
            {"executionArn": of, "mapRunArn": run, "stateMachineArn": states_arn("stateMachine", "m"), "startDate": 1.5}
            for run, of in self.map_runs.items()
            if of == call.params["executionArn"]
        ]
        return self._pages(call, "mapRuns", rows, 1000)

    def _DescribeStateMachine(self, call: Call) -> a.Answer:
        for m in self.machines:
            if m.arn == call.params["stateMachineArn"]:
                return self._answer(call, {"stateMachineArn": m.arn, "name": m.name, "status": "ACTIVE", "type": m.type, "creationDate": 1.5,
                                      "roleArn": "arn:aws:iam::1:role/r", "definition": json.dumps(m.definition)})  # fmt: skip
        return a.error("StateMachineDoesNotExist")

    def _execution(self, call: Call) -> Execution | None:
        return next((e for e in self.executions if e.arn == call.params["executionArn"]), None)

    def _DescribeStateMachineForExecution(self, call: Call) -> a.Answer:
        if (e := self._execution(call)) is None:
            return a.error("ExecutionDoesNotExist")
        definition = json.dumps(e.definition or e.machine.definition)
        return self._answer(call, {"stateMachineArn": e.machine.arn, "name": e.machine.name, "updateDate": 1.5,
                              "roleArn": "arn:aws:iam::1:role/r", "definition": definition})  # fmt: skip

    def _GetExecutionHistory(self, call: Call) -> a.Answer:
        if (e := self._execution(call)) is None:
            return a.error("ExecutionDoesNotExist")
        events = e.history.events
        return self._pages(call, "events", events[::-1] if call.params.get("reverseOrder") else events, 1000)

    def _DescribeExecution(self, call: Call) -> a.Answer:
        if (found := self.children.get(call.params["executionArn"])) is not None:
            return self._answer(call, found)
        if (e := self._execution(call)) is not None:
            return self._answer(call, {"executionArn": e.arn, "stateMachineArn": e.machine.arn, "status": e.status, "startDate": self.ago(4 * HOUR_S)})
        return a.error("ExecutionDoesNotExist")

    def _DescribeTasks(self, call: Call) -> a.Answer:
        asked = call.params["tasks"]
        if not 1 <= len(asked) <= _IDS_MAX:
            return a.error("InvalidParameterException", message="too many tasks")
        cluster = call.params.get("cluster", "default").rsplit("/", 1)[-1]
        by_id = {arn.rsplit("/", 1)[1]: task for arn, task in self.tasks.items() if arn.split("/")[1] == cluster}
        found = {one: by_id.get(one.rsplit("/", 1)[-1]) for one in asked}
        failures = [
            {"arn": one if ":" in one else f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{cluster}/{one}", "reason": "MISSING"}
            for one, task in found.items()
            if task is None
        ]
        return self._answer(call, {"tasks": [task for task in found.values() if task], "failures": failures})

    def _DescribeJobs(self, call: Call) -> a.Answer:
        asked = call.params["jobs"]
        if len(asked) > _IDS_MAX:
            return a.error("ClientException", message="too many jobs")
        return self._answer(call, {"jobs": [self.jobs[one] for one in asked if one in self.jobs]})

    def _BatchGetBuilds(self, call: Call) -> a.Answer:
        names = {one: one.rsplit("build/", 1)[-1] for one in call.params["ids"]}
        known = [self.builds[name] for name in names.values() if name in self.builds]
        unknown = [one for one, name in names.items() if name not in self.builds]
        return self._answer(call, {"builds": known, **({"buildsNotFound": unknown} if unknown else {})})

    def _DescribeInstances(self, call: Call) -> a.Answer:
        params = call.params
        filters = {one["Name"]: one["Values"] for one in params.get("Filters", [])}
        asked = params.get("InstanceIds", []) + filters.get("instance-id", [])
        unknown = [one for one in params.get("InstanceIds", []) if one not in self.instances]
        if unknown:
            return a.error("InvalidInstanceID.NotFound", message=f"The instance IDs '{', '.join(unknown)}' do not exist")
        rows = [one for one in asked if one in self.instances]
        start, size = int(params.get("NextToken") or 0), min(self.page, params.get("MaxResults") or 1000)
        items = "".join(
            f"<item><reservationId>r-1</reservationId><instancesSet><item><instanceId>{one}</instanceId>"
            f"<instanceState><code>48</code><name>{self.instances[one]['state']}</name></instanceState>"
            f"<reason>{escape(self.instances[one]['reason'])}</reason></item></instancesSet></item>"
            for one in rows[start : start + size]
        )
        more = f"<nextToken>{start + size}</nextToken>" if start + size < len(rows) else ""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<requestId>r</requestId><reservationSet>{items}</reservationSet>{more}</DescribeInstancesResponse>"
        )
        return a.Reply(200, body.encode(), {"content-type": "text/xml;charset=UTF-8"}, accepts=True)

    def _ListCommandInvocations(self, call: Call) -> a.Answer:
        rows = self.commands.get(call.params.get("CommandId", ""))
        if rows is None:
            return a.error("InvalidCommandId")
        if not call.params.get("Details"):
            rows = [{**row, "CommandPlugins": []} for row in rows]
        return self._pages(call, "CommandInvocations", rows, 50, "NextToken")
