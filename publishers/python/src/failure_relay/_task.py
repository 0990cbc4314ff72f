"""``task``: any work, run so that whoever waits for it learns of its failure."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Awaitable, Generator
from contextlib import suppress
from types import TracebackType
from typing import Any, Callable, TypeVar, cast

from ._run import Call, Run, Settings, current_run
from ._signals import watch

F = TypeVar("F", bound=Callable[..., Any])


class Course:
    """One run with what surrounds it: the signal handler, and in a Lambda function the watch over its
    deadline.
    """

    __slots__ = ("_deadline", "_watched", "run")

    def __init__(self, settings: Settings, call: Call | None = None) -> None:
        self.run = Run(settings, call)
        self._watched = False
        self._deadline: Any = None

    def enter(self, watch_deadline: Callable[[Run], Any] | None = None) -> None:
        """The work is about to begin."""
        self.run.enter()
        if not self.run.muted and self.run.told.target is not None:
            self._watched = watch.begin()
            if watch_deadline is not None:
                self._deadline = watch_deadline(self.run)

    def leave(self, error: BaseException | None) -> None:
        """All was told."""
        if self._deadline is not None:
            self._deadline.end()
        if self._watched:
            self._watched = False
            watch.end()
        self.run.leave(error)

    # What surrounds a work that is called.

    def call(self, work: Callable[[], Any]) -> Any:
        """Runs a work to its end."""
        try:
            self.run.take()
            result = work()
        except BaseException as error:
            self.settle(error)
            raise
        self.run.result = result
        self.settle(None)
        return result

    async def call_async(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Runs a coroutine to its end; what is published does not block its loop."""
        try:
            await self.take_async()
            result = await work()
        except BaseException as error:
            await self.settle_async(error)
            raise
        self.run.result = result
        await self.settle_async(None)
        return result

    def settle(self, error: BaseException | None) -> None:
        """Tells how the work ended. In a coroutine that cannot wait, a thread tells it, which keeps the
        process alive.
        """
        if not self.run.has_to_settle(error):
            self.run.settle(error)
        elif _loop_runs_here():
            _in_thread(lambda: self.run.settle(error))
        else:
            self.run.settle(error)

    async def take_async(self) -> None:
        """Takes lease and claims beside the loop."""
        if self.run.has_to_take() and _loop_runs_here():
            await _beside_the_loop(self.run.take)
        else:
            self.run.take()

    async def settle_async(self, error: BaseException | None) -> None:
        """Tells how the work ended beside the loop."""
        # A coroutine that is being closed may not wait for anything.
        if self.run.has_to_settle(error) and _loop_runs_here() and not isinstance(error, GeneratorExit):
            await _beside_the_loop(lambda: self.run.settle(error))
        else:
            self.settle(error)


class Task:
    """A work: a context manager, an asynchronous one, and a decorator of functions, generators and
    coroutines.

    In a ``with`` block, ``task.result`` is what is told as the result, and ``task.lease_lost`` an event that
    is set when
    the lease is lost.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._courses: list[Course] = []
        self._last: Course | None = None

    def __repr__(self) -> str:
        return "<failure_relay.task>"

    # What a work asks and says.

    @property
    def result(self) -> Any:
        """The work's result, as ``success`` tells it."""
        run = self._run()
        return None if run is None else run.result

    @result.setter
    def result(self, value: Any) -> None:
        run = self._run()
        if run is not None:
            run.result = value

    @property
    def lease_lost(self) -> threading.Event:
        """Set when no renewal was confirmed for the whole ttl: the task is about to be failed, and the work
        should stop.
        """
        run = self._run()
        return threading.Event() if run is None else run.lease_lost

    def _run(self) -> Run | None:
        """The run of this task around the caller, else the last one."""
        around, own = current_run(), {id(course.run) for course in self._courses}
        while around is not None:
            if id(around) in own:
                return around
            around = around.parent
        courses = self._courses or ([self._last] if self._last else [])
        return courses[-1].run if courses else None

    # A context manager.

    def __enter__(self) -> Task:
        course = self._begin()
        try:
            course.run.take()
        except BaseException as error:
            # Somebody stopped the worker before its work began.
            course.settle(error)
            self._end(course, error)
            raise
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        course = self._current_course()
        try:
            course.settle(error)
        finally:
            self._end(course, error)

    async def __aenter__(self) -> Task:
        course = self._begin()
        try:
            await course.take_async()
        except BaseException as error:
            await course.settle_async(error)
            self._end(course, error)
            raise
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        course = self._current_course()
        try:
            await course.settle_async(error)
        finally:
            self._end(course, error)

    def _begin(self, call: Call | None = None, watch_deadline: Callable[[Run], Any] | None = None) -> Course:
        course = Course(self._settings, call)
        # Its client serves the calls to come.
        self._settings = self._settings._replace(outlet=course.run.outlet)
        course.enter(watch_deadline)
        self._courses.append(course)
        return course

    def _current_course(self) -> Course:
        run = self._run()
        return next(course for course in self._courses if course.run is run)

    def _end(self, course: Course, error: BaseException | None) -> None:
        self._courses.remove(course)
        self._last = course
        course.leave(error)

    # A decorator.

    def __call__(self, work: F) -> F:
        """The work, each call of which is a run of its own."""
        return cast(F, decorated(work, _nothing, self._begin, self._end))


def _nothing(args: Any, kwargs: Any) -> None:
    """A work that is no Lambda handler is called with nothing that says whose task it is."""


def decorated(
    work: Callable[..., Any],
    call_of: Callable[[Any, Any], Call | None],
    begin: Callable[..., Course],
    end: Callable[[Course, BaseException | None], None],
    watch_of: Callable[[Any, Any], Callable[[Run], Any] | None] = _nothing,
) -> Callable[..., Any]:
    """A function of the same sort as the work, with a run around each call."""
    called = (
        work
        if inspect.isroutine(work) or isinstance(work, functools.partial)
        else getattr(work, "__call__", work)  # noqa: B004 the method is asked, not whether there is one
    )
    if inspect.isasyncgenfunction(called):
        raise TypeError(
            "task: an asynchronous generator has no end to tell; decorate the coroutine that consumes it"
        )

    if inspect.iscoroutinefunction(called):

        async def run_coroutine(*args: Any, **kwargs: Any) -> Any:
            course = begin(call_of(args, kwargs), watch_of(args, kwargs))
            failed: BaseException | None = None
            try:
                return await course.call_async(lambda: work(*args, **kwargs))
            except BaseException as error:
                failed = error
                raise
            finally:
                end(course, failed)
                failed = None

        return functools.wraps(work)(run_coroutine)

    if inspect.isgeneratorfunction(called):

        def run_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            course = begin(call_of(args, kwargs), watch_of(args, kwargs))
            failed: BaseException | None = None
            try:
                course.run.take()
                course.run.result = yield from work(*args, **kwargs)
                course.settle(None)
                return course.run.result
            except BaseException as error:
                failed = error
                course.settle(error)
                raise
            finally:
                end(course, failed)
                failed = None

        return functools.wraps(work)(run_generator)

    def run_function(*args: Any, **kwargs: Any) -> Any:
        course = begin(call_of(args, kwargs), watch_of(args, kwargs))
        failed: BaseException | None = None
        try:
            return course.call(lambda: work(*args, **kwargs))
        except BaseException as error:
            failed = error
            raise
        finally:
            end(course, failed)
            failed = None

    return functools.wraps(work)(run_function)


def _loop_runs_here() -> bool:
    # Not imported: where nobody has imported it, no loop of it runs.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _in_thread(work: Callable[[], None]) -> None:
    """Runs something in a thread that keeps the process alive; here, when no thread can be had."""
    try:
        threading.Thread(target=work, name="failure-relay-report", daemon=False).start()
    except RuntimeError:
        work()


async def _beside_the_loop(work: Callable[[], None]) -> None:
    """Runs something in a thread and waits for it. When the wait is cancelled the thread goes on."""
    import asyncio

    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish() -> None:
        if not done.done():
            done.set_result(None)

    def run() -> None:
        try:
            work()
        finally:
            # The loop may have been closed meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(finish)

    _in_thread(run)
    try:
        await done
    except asyncio.CancelledError:
        return
