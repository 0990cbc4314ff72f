"""A work that is run by ``task``: what is reported, once, and what the worker sees of it: nothing."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import pickle
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from answering import Answer

import failure_relay

OTHER = {"kind": "swf-activity-task", "taskToken": "swf-token-1"}
REFUSED = Answer(400, "AccessDenied")


def failing() -> None:
    raise ValueError("disk full")


def test_a_work_that_raises_is_reported_and_raises_the_same_error(queue: Any, token: str) -> None:
    error = ValueError("disk full")
    with pytest.raises(ValueError, match="disk full") as caught, failure_relay.task():
        raise error
    assert caught.value is error
    event = queue.event()
    assert event["target"] == {"kind": "step-functions-task", "taskToken": token}
    assert (event["failure"]["type"], event["failure"]["message"]) == ("ValueError", "disk full")
    assert event["failure"]["details"]["trace"][-1] == "  raise error"


def test_a_work_that_returns_publishes_nothing(queue: Any, token: str) -> None:
    with failure_relay.task():
        pass
    assert queue.events() == []


def test_decorators_work_with_and_without_parentheses(queue: Any, token: str) -> None:
    @failure_relay.task
    def bare(a: int, *, b: int) -> int:
        """Adds."""
        return a + b

    @failure_relay.task()
    def called(a: int, *, b: int) -> int:
        raise ValueError(f"{a} {b}")

    @failure_relay.task(OTHER)
    def with_a_target() -> None:
        failing()

    assert bare(1, b=2) == 3
    assert (bare.__name__, bare.__doc__) == ("bare", "Adds.")
    with pytest.raises(ValueError, match="1 2"):
        called(1, b=2)
    with pytest.raises(ValueError, match="disk full"):
        with_a_target()
    assert [event["target"]["kind"] for event in queue.events()] == [
        "step-functions-task",
        "swf-activity-task",
    ]


def test_a_decorated_method_a_partial_and_a_callable_object_work(service: Any, token: str) -> None:
    class Worker:
        @failure_relay.task
        def method(self) -> None:
            failing()

        def __call__(self) -> None:
            failing()

    for work in (
        Worker().method,
        failure_relay.task(functools.partial(failing)),
        failure_relay.task(Worker()),
    ):
        with pytest.raises(ValueError, match="disk full"):
            work()
    assert len(service.events()) == 3


def test_each_call_of_a_decorated_function_is_a_work_of_its_own(service: Any, token: str) -> None:
    work = failure_relay.task(failing)
    for _ in range(2):
        with pytest.raises(ValueError, match="disk full"):
            work()
    first, second = service.events()
    assert first["id"] != second["id"]


def test_a_generator_is_a_work_until_it_is_exhausted(service: Any, token: str) -> None:
    @failure_relay.task
    def pages() -> Generator[int, None, str]:
        yield 1
        yield 2
        raise ValueError("page 3")

    seen = []
    with pytest.raises(ValueError, match="page 3"):
        for page in pages():
            seen.append(page)
            assert service.events() == []
    assert seen == [1, 2]
    assert len(service.events()) == 1


def test_an_asynchronous_generator_cannot_be_decorated() -> None:
    async def pages() -> Any:
        yield 1

    with pytest.raises(TypeError, match="asynchronous generator"):
        failure_relay.task(pages)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SystemExit(3), "3"),
        (SystemExit("disk full"), "disk full"),
        (SystemExit(True), "True"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (MemoryError(), "MemoryError"),
        (GeneratorExit(), "GeneratorExit"),
    ],
)
def test_what_is_no_exception_is_reported_too(
    service: Any, token: str, error: BaseException, message: str
) -> None:
    with pytest.raises(type(error)) as caught, failure_relay.task():
        raise error
    assert caught.value is error
    (event,) = service.events()
    assert (event["failure"]["type"], event["failure"]["message"]) == (type(error).__name__, message)


@pytest.mark.parametrize("code", [0, None, False])
def test_an_exit_that_says_that_all_is_well_is_not_reported(service: Any, token: str, code: Any) -> None:
    with pytest.raises(SystemExit), failure_relay.task():
        raise SystemExit(code)
    assert service.requests == []


def test_nested_works_of_one_task_are_reported_once(service: Any, token: str) -> None:
    @failure_relay.task
    def inner() -> None:
        failing()

    with pytest.raises(ValueError, match="disk full"), failure_relay.task():
        inner()
    assert len(service.events()) == 1


def test_a_work_that_reports_itself_is_reported_once(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="disk full"), failure_relay.task():
        try:
            failing()
        except ValueError as error:
            assert failure_relay.report(error)
            assert failure_relay.report(error, message="again")
            raise
    assert len(service.events()) == 1


def test_a_report_by_a_thread_of_the_work_counts(service: Any, environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="disk full"), failure_relay.task(OTHER):
        thread = threading.Thread(target=lambda: failure_relay.report(RuntimeError("in the thread")))
        thread.start()
        thread.join()
        failing()
    (event,) = service.events()
    assert event["target"] == OTHER
    assert event["failure"]["message"] == "in the thread"


def test_a_work_in_a_thread_of_the_work_is_the_same_work(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="disk full"), failure_relay.task():
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(failure_relay.task(failing)) for _ in range(4)]
        futures[0].result()
    assert len(service.events()) == 1


def test_works_of_several_threads_are_reported_each_for_its_own_target(service: Any) -> None:
    def work(number: int) -> None:
        with failure_relay.task({"kind": "step-functions-task", "taskToken": f"token-{number}"}):
            time.sleep(0.05)
            raise ValueError(str(number))

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, number) for number in range(8)]:
            with pytest.raises(ValueError, match=r"[0-7]"):
                future.result()
    told = {event["target"]["taskToken"]: event["failure"]["message"] for event in service.events()}
    assert told == {f"token-{number}": str(number) for number in range(8)}


def test_of_two_reports_at_a_time_one_is_published(service: Any, token: str) -> None:
    service.otherwise = Answer(seconds=0.2)
    with failure_relay.task():
        threads = [threading.Thread(target=failure_relay.report, args=(ValueError("x"),)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(service.events()) == 1


def test_works_with_different_targets_are_each_reported(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="disk full"), failure_relay.task(), failure_relay.task(OTHER):
        failing()
    assert [event["target"]["kind"] for event in service.events()] == [
        "swf-activity-task",
        "step-functions-task",
    ]


def test_a_report_for_another_target_does_not_count_for_the_work(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="disk full"), failure_relay.task():
        try:
            failing()
        except ValueError as error:
            assert failure_relay.report(error, target=OTHER)
            assert failure_relay.report(error, target=OTHER)
            raise
    assert [event["target"]["kind"] for event in service.events()] == [
        "swf-activity-task",
        "step-functions-task",
    ]


def test_a_report_that_was_not_confirmed_does_not_count_and_the_later_one_has_its_id(
    service: Any, token: str
) -> None:
    service.answers = [REFUSED]
    with pytest.raises(ValueError, match="disk full"), failure_relay.task():
        try:
            failing()
        except ValueError as error:
            assert not failure_relay.report(error)
            raise
    first, second = service.events()
    assert first["id"] == second["id"]


def test_a_report_that_was_not_confirmed_is_made_again_when_the_work_returns(
    service: Any, token: str
) -> None:
    service.answers = [REFUSED]
    with failure_relay.task(success=True):
        assert not failure_relay.report(ValueError("disk full"))
    assert [request.operation for request in service.requests] == ["SendMessage", "SendMessage"]


def test_a_report_after_the_work_is_the_same_report(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="disk full") as caught, failure_relay.task():
        failing()
    assert failure_relay.report(caught.value)
    assert len(service.events()) == 1


def test_a_report_after_a_work_whose_report_was_not_confirmed_has_the_same_id(
    service: Any, token: str
) -> None:
    service.answers = [REFUSED]
    with pytest.raises(ValueError, match="disk full") as caught, failure_relay.task():
        failing()
    assert failure_relay.report(caught.value)
    first, second = service.events()
    assert first["id"] == second["id"]


def test_an_error_can_be_pickled_after_it_was_reported(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="disk full") as caught, failure_relay.task():
        failing()
    assert pickle.loads(pickle.dumps(caught.value)).args == ("disk full",)


def test_a_work_without_a_task_runs_with_one_warning(service: Any, caplog: pytest.LogCaptureFixture) -> None:
    with (
        pytest.raises(ValueError, match="disk full"),
        failure_relay.task(success=True, lease=60, claim="i-1"),
    ):
        failing()
    assert service.requests == []
    assert [(record.name, record.levelname) for record in caplog.records] == [("failure_relay", "WARNING")]


def test_a_strict_work_without_a_task_does_not_begin(service: Any) -> None:
    with pytest.raises(failure_relay.ConfigurationError), failure_relay.task(strict=True):
        pytest.fail("the work began")


def test_a_strict_work_with_nowhere_to_publish_to_does_not_begin(
    environment: pytest.MonkeyPatch, token: str
) -> None:
    with pytest.raises(failure_relay.ConfigurationError, match="queue_url"), failure_relay.task(strict=True):
        pytest.fail("the work began")


def test_a_work_with_nowhere_to_publish_to_runs_and_says_so(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="disk full"), failure_relay.task():
        failing()
    (record,) = caplog.records
    assert (record.levelname, "RELAY_QUEUE_URL" in record.getMessage()) == ("ERROR", True)


def test_a_target_that_is_wrong_is_published_as_it_is(service: Any, token: str) -> None:
    for target in ({"kind": "jenkins"}, {}, "text", 7):
        with pytest.raises(ValueError, match="disk full"), failure_relay.task(target):
            failing()
    assert [event["target"] for event in service.events()] == [{"kind": "jenkins"}, {}, "text", 7]


def test_one_task_object_may_be_entered_again(service: Any, token: str) -> None:
    task = failure_relay.task()
    for _ in range(2):
        with pytest.raises(ValueError, match="disk full"), task:
            failing()
    with pytest.raises(ValueError, match="disk full"), task, task:
        failing()
    assert len(service.events()) == 3


def test_nothing_of_a_work_is_left_behind(service: Any, token: str) -> None:
    before = contextvars.copy_context()
    with pytest.raises(ValueError, match="disk full"), failure_relay.task():
        failing()
    from failure_relay import _run

    assert _run.active_runs() == []
    assert _run.current_run() is None
    assert all(
        before.get(variable) is value for variable, value in contextvars.copy_context().items() if value
    )


# Coroutines.


def test_a_coroutine_is_reported_while_its_loop_goes_on(service: Any, token: str) -> None:
    service.otherwise = Answer(seconds=0.4)
    beats = []

    async def beat() -> None:
        while True:
            beats.append(time.monotonic())
            await asyncio.sleep(0.01)

    @failure_relay.task
    async def work() -> None:
        raise ValueError("disk full")

    async def main() -> None:
        beating = asyncio.ensure_future(beat())
        with pytest.raises(ValueError, match="disk full"):
            await work()
        beating.cancel()

    asyncio.run(main())
    assert len(service.events()) == 1
    assert len(beats) > 20


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_block_in_a_coroutine_does_not_block_the_loop(service: Any, token: str, asynchronous: bool) -> None:
    service.otherwise = Answer(seconds=1.0)
    gaps = []

    async def beat() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    async def work() -> None:
        if asynchronous:
            async with failure_relay.task():
                failing()
        else:
            with failure_relay.task():
                failing()

    async def main() -> None:
        beating = asyncio.ensure_future(beat())
        with pytest.raises(ValueError, match="disk full"):
            await work()
        await asyncio.sleep(1.5)
        beating.cancel()

    asyncio.run(main())
    assert len(service.events()) == 1
    assert max(gaps) < 0.9


def test_a_cancelled_coroutine_is_reported(service: Any, token: str) -> None:
    @failure_relay.task()
    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    assert [event["failure"]["type"] for event in service.events()] == ["CancelledError"]


def test_a_coroutine_that_is_cancelled_again_while_it_is_reported_ends_and_is_reported(
    service: Any, token: str
) -> None:
    service.otherwise = Answer(seconds=0.3)

    @failure_relay.task()
    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0.01)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.05)
        assert task.done()

    asyncio.run(main())
    service.wait_for(1)
    assert len(service.events()) == 1


def test_coroutines_side_by_side_are_reported_each_for_its_own_target(service: Any) -> None:
    async def work(number: int) -> None:
        async with failure_relay.task({"kind": "step-functions-task", "taskToken": f"token-{number}"}):
            await asyncio.sleep(0.01 * (number % 3))
            raise ValueError(str(number))

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(6)), return_exceptions=True)

    asyncio.run(main())
    told = {event["target"]["taskToken"]: event["failure"]["message"] for event in service.events()}
    assert told == {f"token-{number}": str(number) for number in range(6)}


def test_a_coroutine_that_is_closed_is_reported(service: Any, token: str) -> None:
    @failure_relay.task
    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        coroutine = work()
        coroutine.send(None)
        coroutine.close()
        await asyncio.sleep(0.3)

    asyncio.run(main())
    assert [event["failure"]["type"] for event in service.events()] == ["GeneratorExit"]


def test_a_report_by_a_thread_of_a_coroutine_counts(service: Any, token: str) -> None:
    @failure_relay.task
    async def work() -> None:
        try:
            failing()
        except ValueError as error:
            loop = asyncio.get_running_loop()
            assert await loop.run_in_executor(None, failure_relay.report, error)
            raise

    with pytest.raises(ValueError, match="disk full"):
        asyncio.run(work())
    assert len(service.events()) == 1


def test_a_coroutine_returns_what_it_returns(service: Any, token: str) -> None:
    @failure_relay.task
    async def work() -> int:
        return 7

    assert asyncio.run(work()) == 7
    assert service.requests == []
