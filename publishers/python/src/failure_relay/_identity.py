"""Who: the target, looked for in the payload and the environment that started the worker.

The first that is found counts. When it is wrong it is published as it is, for the relay to dead-letter it,
and no other
name is tried: a wrong identity is a mistake to be seen, not one to be guessed around. Pure: what is searched
is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._envelope import layers
from ._jsontext import load_object
from ._kinds import KINDS, TASK_TOKEN_NAMES
from ._shapes import target_of_shape

Object = dict[str, Any]

_TARGET = "FAILURE_RELAY_TARGET"


def token_names(environment: Mapping[str, str]) -> list[str]:
    """The further names of task tokens in ``RELAY_TASK_TOKEN_NAMES``; one that starts with ``/`` is a JSON
    pointer.
    """
    names = environment.get("RELAY_TASK_TOKEN_NAMES", "").split(",")
    return [name.strip() for name in names if name.strip()]


def find(environment: Mapping[str, str], payload: Any = None) -> Any:
    """The target that a payload names, else the environment, else ``None``."""
    names = token_names(environment)
    found = in_payload(payload, names) if isinstance(payload, dict) else None
    return in_environment(environment, names) if found is None else found


def in_payload(payload: Object, names: Sequence[str]) -> Any:
    """The target in a JSON payload: rule 0 in each layer, then rules 1 to 4 in the innermost."""
    innermost = payload
    for layer in layers(payload):
        target = target_of_shape(layer)
        if target is not None:
            return target
        innermost = layer
    for found in (_whole_target(innermost), _codepipeline_job(innermost)):
        if found is not None:
            return found
    return _by_name(innermost, names)


def in_environment(environment: Mapping[str, str], names: Sequence[str]) -> Any:
    """The target in environment variables: rules 1 to 4, then rule 5, a variable whose value is a JSON
    object.
    """
    text = environment.get(_TARGET)
    found = _target_in_text(text) if text else _by_name(environment, names)
    return _in_json_variables(environment, names) if found is None else found


def _in_json_variables(environment: Mapping[str, str], names: Sequence[str]) -> Any:
    for value in environment.values():
        if value.lstrip("\ufeff \t\r\n").startswith("{"):
            payload = load_object(value)
            found = in_payload(payload, names) if payload is not None else None
            if found is not None:
                return found
    return None


def _target_in_text(text: str) -> Any:
    """The target that a text holds; a text that holds no JSON object is wrong, and is the target as it is."""
    target = load_object(text)
    return text if target is None else target


def _whole_target(payload: Object) -> Any:
    target = payload.get(_TARGET)
    if target is not None and target != "":
        return _target_in_text(target) if isinstance(target, str) else target
    target = payload.get("target")
    known = isinstance(target, dict) and isinstance(target.get("kind"), str) and target["kind"] in KINDS
    return target if known else None


def _codepipeline_job(payload: Object) -> Object | None:
    """The job with which CodePipeline invokes a Lambda function."""
    job = payload.get("CodePipeline.job")
    job_id = _text(job, "id") if isinstance(job, dict) else None
    return {"kind": "codepipeline-job", "jobId": job_id} if job_id else None


def _by_name(place: Mapping[str, Any], names: Sequence[str]) -> Object | None:
    """Rules 2 to 4: the names that environments and payloads have in common."""
    job_id, client_token = _text(place, "CODEPIPELINE_JOB_ID"), _text(place, "CODEPIPELINE_CLIENT_TOKEN")
    if job_id and client_token:
        return {"kind": "codepipeline-third-party-job", "jobId": job_id, "clientToken": client_token}
    if job_id:
        return {"kind": "codepipeline-job", "jobId": job_id}
    for name in (*names, *TASK_TOKEN_NAMES):
        task_token = _text(place, name)
        if task_token:
            return {"kind": "step-functions-task", "taskToken": task_token}
    swf_token, callback_id = _text(place, "SWF_TASK_TOKEN"), _text(place, "DURABLE_CALLBACK_ID")
    if swf_token:
        return {"kind": "swf-activity-task", "taskToken": swf_token}
    return {"kind": "lambda-durable-callback", "callbackId": callback_id} if callback_id else None


def _text(place: Mapping[str, Any], name: str) -> str | None:
    """The text under a name or a JSON pointer; what is empty or no text is not found."""
    value = _pointed(place, name) if name.startswith("/") else place.get(name)
    return value if isinstance(value, str) and value else None


def _pointed(place: Any, pointer: str) -> Any:
    value = place
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
