"""Histories of executions as `GetExecutionHistory` shows them, and definitions as `DescribeStateMachine` does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from .function import REGION

TOKEN = object()
"""Stands in the parameters of a state where its definition asks for the task token."""
JSON_PATH, JSONATA = "JSONPath", "JSONata"


class Started(NamedTuple):
    """What a callback state starts."""

    service: str
    """As `resourceType` in the history: `ecs`, `aws-sdk:batch`."""
    action: str
    parameters: dict
    output: object
    """What the service answered; None where the task is not submitted yet."""
    id: str = ""
    """By which the worker is known to its service."""

    @property
    def resource(self) -> str:
        return f"arn:aws:states:::{self.service}:{self.action}.waitForTaskToken"


def with_token(parameters: object, token: str) -> object:
    """The parameters as the history shows them: what is asked for has its value."""
    match parameters:
        case dict():
            return {name: with_token(value, token) for name, value in parameters.items()}
        case list():
            return [with_token(value, token) for value in parameters]
    return token if parameters is TOKEN else parameters


def as_defined(parameters: object, language: str) -> object:
    """The parameters as the definition writes them."""
    if language == JSONATA:
        return with_token(parameters, "{% $states.context.Task.Token %}")
    match parameters:
        case dict():
            return {
                name + (".$" if value is TOKEN else ""): "$$.Task.Token" if value is TOKEN else as_defined(value, language)
                for name, value in parameters.items()
            }
        case list():
            return [as_defined(value, language) for value in parameters]
    return parameters


def state(started: Started, language: str = JSON_PATH, **members: object) -> dict:
    """The definition of the state."""
    name = "Arguments" if language == JSONATA else "Parameters"
    return {"Type": "Task", "Resource": started.resource, name: as_defined(started.parameters, language), "End": True, **members}


def machine(states: dict[str, dict], language: str | None = None, start: str | None = None) -> dict:
    document = {"StartAt": start or next(iter(states)), "States": states}
    return {**document, "QueryLanguage": language} if language else document


class History:
    """The events of one execution. Each method appends, and tells the id of the last event that it has appended."""

    def __init__(self, at: float) -> None:
        self.events: list[dict] = []
        self.at = at
        """When the next events happen, in epoch seconds."""
        self.event("ExecutionStarted", 0, executionStartedEventDetails={"input": "{}", "roleArn": "arn:aws:iam::1:role/r"})

    def event(self, kind: str, previous: int | None = None, **details: dict) -> int:
        """`previous` is the event before it in the same branch; default: the last event of all."""
        number = len(self.events) + 1
        before = number - 1 if previous is None else previous
        self.events.append({"id": number, "previousEventId": before, "timestamp": self.at, "type": kind, **details})
        return number

    def enter(self, name: str, previous: int | None = None, kind: str = "Task") -> int:
        return self.event(f"{kind}StateEntered", previous, stateEnteredEventDetails={"name": name, "input": "{}"})

    def leave(self, name: str, previous: int | None = None, kind: str = "Task") -> int:
        return self.event(f"{kind}StateExited", previous, stateExitedEventDetails={"name": name, "output": "{}"})

    def schedule(self, started: Started, token: str, previous: int | None = None, suffix: str = ".waitForTaskToken") -> int:
        """From the state's entry to the answer of the started service."""
        where = {"resourceType": started.service, "resource": started.action + suffix}
        asked = json.dumps(with_token(started.parameters, token))
        last = self.event("TaskScheduled", previous, taskScheduledEventDetails={**where, "region": REGION, "parameters": asked})
        last = self.event("TaskStarted", last, taskStartedEventDetails=where)
        if started.output is None:
            return last
        details = {**where, "output": json.dumps(started.output), "outputDetails": {"truncated": False}}
        return self.event("TaskSubmitted", last, taskSubmittedEventDetails=details)

    def wait(self, name: str, started: Started, token: str, previous: int | None = None) -> int:
        return self.schedule(started, token, self.enter(name, previous))

    def end(self, kind: str, started: Started, previous: int | None = None) -> int:
        """`TaskFailed`, `TaskTimedOut` or `TaskSucceeded`."""
        details = {"resourceType": started.service, "resource": f"{started.action}.waitForTaskToken"}
        return self.event(kind, previous, **{f"{kind[0].lower()}{kind[1:]}EventDetails": details})

    def in_parallel(self, name: str, *branches: Callable[[int], int], previous: int | None = None) -> list[int]:
        """Enters a Parallel; each branch is told the event that started it. Returns their last events."""
        self.enter(name, previous, "Parallel")
        started = self.event("ParallelStateStarted")
        return [branch(started) for branch in branches]

    def in_map(self, name: str, *iterations: Callable[[int], int], previous: int | None = None) -> list[int]:
        """Enters an inline Map; each iteration is told the event that started it."""
        self.enter(name, previous, "Map")
        started = self.event("MapStateStarted", mapStateStartedEventDetails={"length": len(iterations)})
        numbers = [
            self.event("MapIterationStarted", started, mapIterationStartedEventDetails={"name": name, "index": index})
            for index in range(len(iterations))
        ]
        return [iteration(number) for iteration, number in zip(iterations, numbers, strict=True)]
