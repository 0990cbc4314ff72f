"""Section 2: what each API is sent, every limit and its cut, and the second try without KMS."""

from __future__ import annotations

import json

import pytest

from harness import events as e
from harness.answers import Scripted, error, ok
from harness.events import event, identity, raw_event
from harness.function import Function
from harness.outcome import answer, relayed, send
from harness.table import cases
from harness.text import ASTRAL, MARKER, assert_cut, split_context, utf16_len

SIX = ("JobFailed", "ConfigurationError", "PermissionError", "RevisionOutOfSync", "RevisionUnavailable", "SystemUnavailable")
NO_MESSAGE = "The worker reported a failure without a message."
JOBS = (e.job, e.third_party)
TASKS = ((e.sfn, "error", "cause"), (e.swf, "reason", "details"))
ESCAPE_SLACK = 12
"""What a cut inside a JSON text may leave unused: the longest escape of one character."""


def job_details(relay: Function, build, failure: object) -> dict:
    body = raw_event(build(), failure) if isinstance(failure, str) else event(build(), failure)
    return relayed(relay, body).params["failureDetails"]


# --- CodePipeline ------------------------------------------------------------------------------


@pytest.mark.parametrize("build", JOBS)
@pytest.mark.parametrize("name", SIX)
def test_the_six_types_are_passed_on_without_a_prefix(relay: Function, build, name: str) -> None:
    assert job_details(relay, build, {"type": name, "message": "m"}) == {"type": name, "message": "m"}


@pytest.mark.parametrize("build", JOBS)
@pytest.mark.parametrize("name", ["Render.OutOfMemory", "jobfailed", "JobFailed ", "WorkerFailed", "🔥"])
def test_any_other_type_is_job_failed_and_a_prefix(relay: Function, build, name: str) -> None:
    assert job_details(relay, build, {"type": name, "message": "m"}) == {"type": "JobFailed", "message": f"{name}: m"}


@pytest.mark.parametrize("build", JOBS)
@cases(
    "failure, expected",
    [
        ("no failure is the default message without a prefix", "{}", {"type": "JobFailed", "message": NO_MESSAGE}),
        ("an empty type is no prefix", '{"type":"","message":"m"}', {"type": "JobFailed", "message": "m"}),
        ("a null type is no prefix", '{"type":null,"message":"m"}', {"type": "JobFailed", "message": "m"}),
        ("a type that is a number is a prefix", '{"type":42,"message":"m"}', {"type": "JobFailed", "message": "42: m"}),
        ("a type without a message is a prefix of the default", '{"type":"T"}', {"type": "JobFailed", "message": f"T: {NO_MESSAGE}"}),
        ("details follow after a line feed", '{"message":"m","details":{"a": 1}}', {"type": "JobFailed", "message": 'm\n{"a": 1}'}),
        ("details follow the default message", '{"details":[1, 2]}', {"type": "JobFailed", "message": f"{NO_MESSAGE}\n[1, 2]"}),
        ("details that are a text keep their quotes", '{"message":"m","details":"x"}', {"type": "JobFailed", "message": 'm\n"x"'}),
        ("details that are false follow", '{"message":"m","details":false}', {"type": "JobFailed", "message": "m\nfalse"}),
        ("details that are null are absent", '{"message":"m","details":null}', {"type": "JobFailed", "message": "m"}),
        (
            "prefix, message, details and execution id are together",
            '{"externalExecutionId":"run-1","details":{ },"message":"m","type":"T"}',
            {"type": "JobFailed", "message": "T: m\n{ }", "externalExecutionId": "run-1"},
        ),
        ("an empty execution id is left out", '{"message":"m","externalExecutionId":""}', {"type": "JobFailed", "message": "m"}),
        ("a null execution id is left out", '{"message":"m","externalExecutionId":null}', {"type": "JobFailed", "message": "m"}),
        (
            "an execution id that is a number is its text",
            '{"message":"m","externalExecutionId":9007199254740993}',
            {"type": "JobFailed", "message": "m", "externalExecutionId": "9007199254740993"},
        ),
    ],
)  # fmt: skip
def test_failure_details_of_a_job(relay: Function, build, failure: str, expected: dict) -> None:
    assert job_details(relay, build, failure) == expected


def lengths(limit: int) -> list[tuple]:
    """Texts at the limit −1, 0 and +1, in ASCII and in astral characters; the last column is whether they are cut."""
    odd = limit % 2
    return [
        (f"{limit - 1} characters are kept", "m" * (limit - 1), False),
        (f"{limit} characters are kept", "m" * limit, False),
        (f"{limit + 1} characters are cut", "m" * (limit + 1), True),
        (f"{limit} characters beyond ASCII are kept", "é" * limit, False),
        (f"{limit + 1} characters beyond ASCII are cut", "é" * (limit + 1), True),
        (f"astral characters of {limit} units are kept", "x" * odd + ASTRAL * (limit // 2), False),
        (f"astral characters of {limit + 1} units are cut", "x" * (1 - odd) + ASTRAL * ((limit + odd) // 2), True),
        (f"astral characters of {limit + 2} units are cut", "x" * odd + ASTRAL * (limit // 2 + 1), True),
        (f"{limit} astral characters are cut", ASTRAL * limit, True),
        (f"x and {limit} astral characters are cut", "x" + ASTRAL * limit, True),
        ("200,000 characters are cut", "long " * 40_000, True),
    ]


def check(actual: str, original: str, limit: int, cut: bool) -> None:
    if cut:
        assert_cut(actual, original, limit)
    else:
        assert actual == original


@pytest.mark.parametrize("build", JOBS)
@cases("text, cut", lengths(5000))
def test_a_message_of_a_job_is_cut_at_5000_units(relay: Function, build, text: str, cut: bool) -> None:
    check(job_details(relay, build, {"message": text})["message"], text, 5000, cut)


@pytest.mark.parametrize("build", JOBS)
@cases("text, cut", lengths(1500))
def test_an_execution_id_is_cut_at_1500_units(relay: Function, build, text: str, cut: bool) -> None:
    check(job_details(relay, build, {"externalExecutionId": text})["externalExecutionId"], text, 1500, cut)


@cases(
    "failure, whole",
    [
        ("the prefix counts, at the limit", {"type": "Typ", "message": "m" * 4995}, "Typ: " + "m" * 4995),
        ("the prefix counts, one beyond", {"type": "Typ", "message": "m" * 4996}, "Typ: " + "m" * 4996),
        ("a prefix beyond the limit is cut", {"type": "T" * 6000, "message": "m"}, "T" * 6000 + ": m"),
        ("details count, at the limit", {"message": "m" * 4996, "details": 77}, "m" * 4996 + "\n77"),
        ("details count, one beyond", {"message": "m" * 4997, "details": 777}, "m" * 4997 + "\n777"),
        ("details are cut in the middle", {"message": "m", "details": "d" * 6000}, 'm\n"' + "d" * 6000 + '"'),
        ("astral details are cut on a boundary", {"message": "m", "details": ASTRAL * 4000}, None),
    ],
)
def test_the_whole_message_of_a_job_is_what_counts(relay: Function, failure: dict, whole: str | None) -> None:
    failure_text = json.dumps(failure, ensure_ascii=False, separators=(",", ":"))
    if whole is None:
        whole = f'm\n"{failure["details"]}"'
    actual = job_details(relay, e.job, failure_text)["message"]
    check(actual, whole, 5000, utf16_len(whole) > 5000)


# --- Step Functions and SWF ----------------------------------------------------------------------


@pytest.mark.parametrize("build, name, text_name", TASKS)
@cases("text, cut", lengths(256))
def test_the_type_of_a_task_is_cut_at_256_units(
    relay: Function, build, name: str, text_name: str, text: str, cut: bool
) -> None:
    check(relayed(relay, event(build(), {"type": text, "message": "m"})).params[name], text, 256, cut)


@pytest.mark.parametrize("build, name, text_name", TASKS)
@cases("text, cut", lengths(32768))
def test_a_message_alone_is_the_text_and_is_cut_at_32768_units(
    relay: Function, build, name: str, text_name: str, text: str, cut: bool
) -> None:
    check(relayed(relay, event(build(), {"message": text})).params[text_name], text, 32768, cut)


@pytest.mark.parametrize("build, name, text_name", TASKS)
@cases(
    "failure, expected",
    [
        ("a message alone is no JSON", '{"message":"m"}', "m"),
        ("a message that looks like JSON is itself", '{"message":"{}"}', "{}"),
        ("details bring a JSON object", '{"message":"m","details":{"a":1}}', '{"message":"m","details":{"a":1}}'),
        ("details are verbatim", '{"message":"m","details":{ "b" : 1.0e5,\\n "a":[ ] }}'.replace("\\n", "\n"),
         '{"message":"m","details":{ "b" : 1.0e5,\n "a":[ ] }}'),
        ("details keep names twice", '{"message":"m","details":{"a":1,"a":2}}', '{"message":"m","details":{"a":1,"a":2}}'),
        ("details keep escapes", '{"message":"m","details":"\\u0041\\/"}', '{"message":"m","details":"\\u0041\\/"}'),
        ("details that are false are there", '{"message":"m","details":false}', '{"message":"m","details":false}'),
        ("details that are zero are there", '{"message":"m","details":0}', '{"message":"m","details":0}'),
        ("details that are an empty object are there", '{"message":"m","details":{}}', '{"message":"m","details":{}}'),
        ("details of null are absent", '{"message":"m","details":null}', "m"),
        ("an execution id brings a JSON object", '{"message":"m","externalExecutionId":"run"}', '{"message":"m","externalExecutionId":"run"}'),
        ("an empty execution id is absent", '{"message":"m","externalExecutionId":""}', "m"),
        ("the order is message, details, execution id", '{"externalExecutionId":"run","details":[1],"message":"m"}',
         '{"message":"m","details":[1],"externalExecutionId":"run"}'),
        ("the default message is a member too", '{"details":1}', '{"message":"%s","details":1}' % NO_MESSAGE),
        ("the default message is beside an execution id", '{"externalExecutionId":"r"}',
         '{"message":"%s","externalExecutionId":"r"}' % NO_MESSAGE),
        ("an execution id of another type is a text", '{"message":"m","externalExecutionId":7}', '{"message":"m","externalExecutionId":"7"}'),
        ("quotes in a message are escaped", '{"message":"say \\"no\\"\\\\","details":1}', '{"message":"say \\"no\\"\\\\","details":1}'),
        ("characters beyond ASCII are kept", '{"message":"é🔥","details":"é🔥"}', '{"message":"é🔥","details":"é🔥"}'),
        ("blanks around details are no part of them", '{"message":"m","details": \t [1] \r\n }', '{"message":"m","details":[1]}'),
    ],
)  # fmt: skip
def test_text_with_context(relay: Function, build, name: str, text_name: str, failure: str, expected: str) -> None:
    actual = relayed(relay, raw_event(build(), failure)).params[text_name]
    if actual != expected:
        # Which characters of `message` and the execution id are escaped is not said: the members decide.
        assert split_context(actual) == split_context(expected) and list(json.loads(actual)) == list(json.loads(expected))


def test_empty_details_are_kept_or_absent(relay: Function) -> None:
    # Ambiguous: "an empty string counts as absent" may or may not be meant for details, which are any JSON value.
    actual = relayed(relay, raw_event(e.sfn(), '{"message":"m","details":""}')).params["cause"]
    assert actual in ("m", '{"message":"m","details":""}')


@pytest.mark.parametrize("build, name, text_name", TASKS)
@pytest.mark.parametrize("over", [-1, 0, 1])
def test_context_at_its_limit(relay: Function, build, name: str, text_name: str, over: int) -> None:
    room = 32768 - len('{"message":"m","details":""}')
    details = '"%s"' % ("d" * (room + over))
    actual = relayed(relay, raw_event(build(), '{"message":"m","details":%s}' % details)).params[text_name]
    if over <= 0:
        assert actual == '{"message":"m","details":%s}' % details
    else:
        assert_cut_context(actual, {"message": "m", "details": details})


def assert_cut_context(actual: str, original: dict[str, str], tight: bool = True) -> None:
    """A JSON cause that was too long: valid, within the limit, members in order, each whole or a cut text."""
    assert utf16_len(actual) <= 32768
    if tight:
        assert utf16_len(actual) >= 32768 - ESCAPE_SLACK, f"{utf16_len(actual)}: cut by more than needed"
    parts = split_context(actual)
    assert list(parts) == list(original), "members are missing or in another order"
    for name, value in parts.items():
        if value == original[name]:
            continue
        if name == "details":
            if value == original["details"]:
                continue
            text = json.loads(value)
            assert isinstance(text, str), "details are to be a JSON text"
            # Ambiguous for details that are a text themselves: their JSON text, or what it holds.
            sources = [original["details"]]
            if original["details"].startswith('"'):
                sources.append(json.loads(original["details"]))
            assert text.endswith(MARKER) and any(s.startswith(text[: -len(MARKER)]) for s in sources)
        else:
            assert value.endswith(MARKER) and original[name].startswith(value[: -len(MARKER)])


@pytest.mark.parametrize("build, name, text_name", TASKS)
@cases(
    "failure",
    [
        ("an object too long becomes a cut text", {"message": "m", "details": {"log": "line\n" * 10_000}}),
        ("an array too long becomes a cut text", {"message": "m", "details": list(range(20_000))}),
        ("details of quotes are cut by their escapes", {"message": "m", "details": ['"'] * 20_000}),
        ("details of backslashes are cut by their escapes", {"message": "m", "details": "\\" * 20_000}),
        ("details of astral characters are cut on a boundary", {"message": "m", "details": ASTRAL * 20_000}),
        ("details of control characters are cut by their escapes", {"message": "m", "details": "\x01" * 20_000}),
        ("an execution id stays whole while details can give way", {"message": "m", "details": "d" * 40_000, "externalExecutionId": "run-1"}),
        ("a long message stays whole while details can give way", {"message": "m" * 20_000, "details": "d" * 40_000}),
        ("a message of quotes stays whole while details can give way", {"message": '"' * 10_000, "details": "d" * 40_000}),
        ("the default message stays whole", {"details": "d" * 40_000}),
    ],
)  # fmt: skip
def test_details_give_way_first(relay: Function, build, name: str, text_name: str, failure: dict) -> None:
    details = json.dumps(failure["details"], ensure_ascii=False)
    members = [f'"{k}":{details if k == "details" else json.dumps(v)}' for k, v in failure.items()]
    actual = relayed(relay, raw_event(build(), "{%s}" % ",".join(members))).params[text_name]
    original = {"message": failure.get("message", NO_MESSAGE), "details": details}
    if "externalExecutionId" in failure:
        original["externalExecutionId"] = failure["externalExecutionId"]
    assert_cut_context(actual, original)
    parts = split_context(actual)
    assert all(parts[k] == original[k] for k in parts if k != "details"), "only details had to be cut"


@pytest.mark.parametrize("build, name, text_name", TASKS)
@cases(
    "failure, order",
    [
        ("a message too long is cut beside details", {"message": "m" * 40_000, "details": {"a": 1}}, ("message", "details")),
        ("a message too long is cut beside long details", {"message": "m" * 40_000, "details": "d" * 40_000}, ("message", "details")),
        (
            "a message too long is cut beside an execution id",
            {"message": "m" * 40_000, "externalExecutionId": "run"},
            ("message", "externalExecutionId"),
        ),
        (
            "an execution id too long is cut",
            {"message": "m", "externalExecutionId": "r" * 40_000},
            ("message", "externalExecutionId"),
        ),
        (
            "all three too long are cut",
            {"message": "m" * 40_000, "details": "d" * 40_000, "externalExecutionId": "r" * 40_000},
            ("message", "details", "externalExecutionId"),
        ),
        (
            "a message of quotes is cut by its escapes",
            {"message": '"' * 40_000, "externalExecutionId": "run"},
            ("message", "externalExecutionId"),
        ),
        (
            "a message of control characters is cut by its escapes",
            {"message": "\x00" * 10_000, "details": 1},
            ("message", "details"),
        ),
        (
            "an astral message is cut on a boundary",
            {"message": "x" + ASTRAL * 20_000, "externalExecutionId": ASTRAL * 20_000},
            ("message", "externalExecutionId"),
        ),
    ],
)
def test_message_and_execution_id_give_way_when_details_cannot(
    relay: Function, build, name: str, text_name: str, failure: dict, order: tuple
) -> None:
    body = event(build(), failure)
    actual = relayed(relay, json.dumps(body, ensure_ascii=False)).params[text_name]
    original = {k: failure[k] if k != "details" else json.dumps(failure[k]) for k in order}
    assert_cut_context(actual, original, tight=False)
    # Only the longest is cut, as it stands in the JSON, unless that is not enough.
    if len(original.get("details", "x" * 100)) < 100:
        assert split_context(actual)["details"] == original["details"]


# --- the second try without KMS --------------------------------------------------------------------

KMS = ("KmsAccessDeniedException", "KmsInvalidStateException")


def kms_first(name: str, then: Scripted) -> Scripted:
    """The service cannot use the key while the call has a text; without one it answers `then`."""
    return lambda call: error(name) if "error" in call.params or "cause" in call.params else then


@pytest.mark.parametrize("name", KMS)
@pytest.mark.parametrize("style", ["bare", "namespaced", "header"])
def test_a_key_that_cannot_be_used_brings_a_second_try_without_texts(relay: Function, name: str, style: str) -> None:
    of = e.sfn()
    script = {identity(of): lambda call: error(name, style=style) if "cause" in call.params else ok()}
    result = send(relay, event(of, {"message": "m"}), script)
    assert not result.failures
    call = result.the_call()
    assert call.params == {"taskToken": of["taskToken"]}
    assert len(result.calls) == 2


@pytest.mark.parametrize("name", KMS)
@cases(
    "then, outcome, code",
    [
        ("the second try is accepted", ok(), "relayed", None),
        ("the second try finds the task closed", error("TaskTimedOut"), "already-settled", None),
        ("the second try finds no task", error("TaskDoesNotExist"), "already-settled", None),
        ("the second try finds the token invalid", error("InvalidToken"), "dead-lettered", "REJECTED_BY_SERVICE"),
        ("the second try is denied", error("AccessDeniedException"), "retry", None),
        ("the second try meets the key again", error("KmsAccessDeniedException"), "retry", None),
        ("the second try is refused by an unknown name", error("SomethingNewException"), "retry", None),
    ],
)
def test_the_outcome_is_that_of_the_second_answer(
    relay: Function, name: str, then: Scripted, outcome: str, code: str | None
) -> None:
    of = e.sfn()
    result = relay.invoke(event(of, {"message": "m"}), {identity(of): kms_first(name, then)})
    if outcome == "retry":
        assert result.failed and not result.dead_letters
        return
    response = answer(result)
    assert response["outcome"] == outcome and response.get("errorCode") == code


@pytest.mark.parametrize("name", KMS)
def test_the_lost_text_is_in_a_warning(relay: Function, name: str) -> None:
    of = e.sfn()
    failure = {"type": "Lost.Type", "message": "the text that was lost", "details": {"exit": 137}}
    result = send(relay, event(of, failure), {identity(of): kms_first(name, ok())})
    result.the_call()
    said = "\n".join(json.dumps(line, ensure_ascii=False) for line in result.warnings())
    assert "the text that was lost" in said and "Lost.Type" in said and "137" in said


@pytest.mark.parametrize("place", ["type", "message", "details", "externalExecutionId"])
def test_the_warning_holds_no_token_that_the_text_repeats(relay: Function, place: str) -> None:
    of = e.sfn()
    failure = {"message": "m", place: f"cannot report {of['taskToken']} here"}
    result = send(relay, event(of, failure), {identity(of): kms_first(KMS[0], ok())})
    assert not result.failures and result.warnings()


@pytest.mark.parametrize("name", ["KmsThrottlingException", "KmsNotFoundException", "KmsDisabledException"])
def test_other_errors_of_the_key_are_retried_with_the_text(relay: Function, name: str) -> None:
    of = e.sfn()
    result = send(relay, event(of), {identity(of): error(name)})
    assert len(result.failures) == 1 and all("cause" in call.params for call in result.calls)


def test_the_second_try_is_for_step_functions_only(relay: Function) -> None:
    of = e.swf()
    result = send(relay, event(of), {identity(of): error("KmsAccessDeniedException")})
    assert len(result.failures) == 1 and all("details" in call.params for call in result.calls)


def long(letter: str, length: int) -> str:
    return letter * length


@pytest.mark.parametrize("build, name, text_name", TASKS)
@cases(
    "failure, cut",
    [
        ("the message is the longest", {"message": long("m", 40_000), "details": [1], "externalExecutionId": "run"}, ["message"]),
        ("the execution id is the longest", {"message": "m", "details": [1], "externalExecutionId": long("r", 40_000)},
         ["externalExecutionId"]),
        ("details are the longest", {"message": long("m", 9_000), "details": long("d", 30_000), "externalExecutionId": long("r", 9_000)},
         ["details"]),
        ("a message longer than long details", {"message": long("m", 30_000), "details": long("d", 20_000)}, ["message"]),
        ("an execution id longer than a long message", {"message": long("m", 15_000), "externalExecutionId": long("r", 20_000)},
         ["externalExecutionId"]),
        ("escapes count: quotes are longer than more letters", {"message": long('"', 12_000), "externalExecutionId": long("r", 20_000)},
         ["message"]),
        ("the longest alone is not enough", {"message": long("m", 40_000), "details": long("d", 50_000)}, ["message", "details"]),
        ("the two longest of three", {"message": long("m", 20_000), "details": long("d", 50_000), "externalExecutionId": long("r", 40_000)},
         ["details", "externalExecutionId"]),
    ],
)  # fmt: skip
def test_the_longest_member_of_a_cause_is_cut_first_and_the_shorter_ones_stay(
    relay: Function, build, name: str, text_name: str, failure: dict, cut: list
) -> None:
    actual = relayed(relay, json.dumps(event(build(), failure))).params[text_name]
    assert utf16_len(actual) <= 32768
    parts = split_context(actual)
    original = {k: json.dumps(v) if k == "details" else v for k, v in failure.items()}
    for member, text in parts.items():
        if member not in cut:
            assert text == original[member], f"{member} is not the longest, and stays"
    *emptied, last = sorted(cut, key=lambda member: -len(json.dumps(failure[member])))
    shown = {m: json.loads(t) if m == "details" else t for m, t in parts.items() if m in cut}
    assert all(shown[member] == MARKER for member in emptied), "the next is cut only when nothing is left of the longest"
    assert shown[last].endswith(MARKER) and shown[last] != MARKER
    assert utf16_len(actual) >= 32768 - ESCAPE_SLACK, "cut by more than needed"
