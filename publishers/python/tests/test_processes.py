"""Works in processes of their own: signals, forks, exits, and what is left when a process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from answering import SILENCE, Answer
from conftest import run_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks of POSIX")

BEGIN = """
import asyncio, os, signal, sys, threading, time
# Who runs the tests in the background has switched it off, and the worker inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
import failure_relay
def ready(): print("ready", flush=True)
def wait():
    ready()
    while True: time.sleep(0.01)
"""


def finish(worker: subprocess.Popen[str], send: int = 0) -> tuple[int, str, str]:
    """Waits for the worker, after sending it a signal when it says that it is ready."""
    out = ""
    if send:
        assert worker.stdout is not None
        out = worker.stdout.readline()
        worker.send_signal(send)
    rest, err = worker.communicate(timeout=15)
    return worker.returncode, out + rest, err


def types(service: Any) -> list[str]:
    return [event["failure"]["type"] for event in service.events()]


def test_sigterm_is_reported_and_the_process_dies_by_the_signal(service: Any, token: str) -> None:
    worker = run_python(BEGIN + "with failure_relay.task(): wait()")
    code, _, err = finish(worker, signal.SIGTERM)
    assert (code, err) == (-signal.SIGTERM, "")
    (event,) = service.events()
    assert event["failure"]["type"] == "Worker.Interrupted"
    assert any("in wait" in line for line in event["failure"]["details"]["trace"])


def test_sigterm_runs_the_handler_that_was_there_after_the_report(service: Any, token: str) -> None:
    program = """
def before(number, frame):
    os.write(1, b"handler %d\\n" % number)
    sys.exit(7)
signal.signal(signal.SIGTERM, before)
with failure_relay.task(): wait()
"""
    service.otherwise = Answer(seconds=0.3)
    code, out, err = finish(run_python(BEGIN + program), signal.SIGTERM)
    assert (code, out, err) == (7, "ready\nhandler 15\n", "")
    assert types(service) == ["Worker.Interrupted"]


def test_an_ignored_sigterm_stays_ignored(service: Any, token: str) -> None:
    program = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with failure_relay.task():
    ready()
    time.sleep(0.5)
print("done")
"""
    code, out, _ = finish(run_python(BEGIN + program), signal.SIGTERM)
    assert (code, out) == (0, "ready\ndone\n")
    assert service.requests == []


def test_after_the_work_the_handler_is_the_one_that_was_there(service: Any, token: str) -> None:
    program = """
def before(number, frame): pass
signal.signal(signal.SIGTERM, before)
with failure_relay.task():
    with failure_relay.task():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is not before
assert signal.getsignal(signal.SIGTERM) is before
with failure_relay.task():
    def own(number, frame): pass
    signal.signal(signal.SIGTERM, own)
assert signal.getsignal(signal.SIGTERM) is own
"""
    assert finish(run_python(BEGIN + program))[0::2] == (0, "")


def test_sigterm_reports_works_of_different_targets_and_of_threads(service: Any, token: str) -> None:
    program = """
def in_a_thread():
    with failure_relay.task({"kind": "swf-activity-task", "taskToken": "swf-token-1"}):
        time.sleep(60)
threading.Thread(target=in_a_thread, daemon=True).start()
time.sleep(0.1)
with failure_relay.task(), failure_relay.task(): wait()
"""
    assert finish(run_python(BEGIN + program), signal.SIGTERM)[0] == -signal.SIGTERM
    assert sorted(event["target"]["kind"] for event in service.events()) == [
        "step-functions-task",
        "swf-activity-task",
    ]


def test_sigterm_during_the_report_does_not_report_twice(service: Any, token: str) -> None:
    service.otherwise = Answer(seconds=0.6)
    worker = run_python(BEGIN + "with failure_relay.task():\n    ready()\n    raise ValueError('disk full')")
    assert worker.stdout is not None
    worker.stdout.readline()
    service.wait_for(1)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=15)
    assert worker.returncode == -signal.SIGTERM
    assert types(service) == ["ValueError"]


def test_sigterm_in_a_loop_of_asyncio_is_reported_before_the_loops_own_handler(
    service: Any, token: str
) -> None:
    program = """
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with failure_relay.task():
        ready()
        await stop.wait()
    print("stopped well")
asyncio.run(main())
"""
    code, out, err = finish(run_python(BEGIN + program), signal.SIGTERM)
    assert (code, out, err) == (0, "ready\nstopped well\n", "")
    assert types(service) == ["Worker.Interrupted"]


def test_sigterm_with_a_relay_that_does_not_answer_ends_the_process_all_the_same(
    service: Any, token: str
) -> None:
    service.otherwise = SILENCE
    worker = run_python(BEGIN + "with failure_relay.task(timeout=0.6): wait()")
    begun = time.monotonic()
    code, _, err = finish(worker, signal.SIGTERM)
    assert code == -signal.SIGTERM
    assert err.count("the failure was not reported") == 1
    assert time.monotonic() - begun < 5


def test_a_keyboard_interrupt_is_reported_and_ends_the_process_as_ever(service: Any, token: str) -> None:
    code, _, err = finish(run_python(BEGIN + "with failure_relay.task(): wait()"), signal.SIGINT)
    assert code in (-signal.SIGINT, 1)
    assert "KeyboardInterrupt" in err
    assert types(service) == ["KeyboardInterrupt"]


def test_sys_exit_in_the_work_is_reported_and_is_the_exit_code(service: Any, token: str) -> None:
    assert finish(run_python(BEGIN + "with failure_relay.task(): sys.exit(3)"))[0] == 3
    assert types(service) == ["SystemExit"]


FORK = """
def child_of(work):
    pid = os.fork()
    if pid == 0:
        try: work()
        finally: os._exit(0)
    os.waitpid(pid, 0)
def failing(): raise ValueError("in the child")
def reporting(): assert failure_relay.report(ValueError("in the child")) is False
"""


@pytest.mark.parametrize(
    "in_the_child",
    [
        "failing",
        "reporting",
        "failure_relay.task(failing)",
        "failure_relay.task(success=True, lease=60)(lambda: None)",
        "lambda: os.kill(os.getpid(), signal.SIGTERM)",
    ],
)
def test_a_process_that_was_forked_from_the_work_reports_nothing(
    service: Any, token: str, in_the_child: str
) -> None:
    program = f"with failure_relay.task():\n    child_of({in_the_child})\n"
    assert finish(run_python(BEGIN + FORK + program))[0] == 0
    assert service.requests == []


def test_an_error_that_leaves_the_work_in_a_forked_process_reports_nothing(service: Any, token: str) -> None:
    program = """
try:
    with failure_relay.task():
        if os.fork() == 0:
            raise ValueError("in the child")
        os.wait()
except ValueError:
    os._exit(1)
"""
    assert finish(run_python(BEGIN + program))[0] == 0
    assert service.requests == []


def test_a_process_of_multiprocessing_reports_nothing_and_its_parent_reports(
    service: Any, token: str
) -> None:
    program = """
import multiprocessing
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with failure_relay.task():
        child = context.Process(target=failing)
        child.start()
        child.join()
        raise RuntimeError(f"child {child.exitcode}")
"""
    assert finish(run_python(BEGIN + FORK + program))[0] == 1
    assert [event["failure"]["message"] for event in service.events()] == ["child 1"]


def test_a_work_that_begins_in_a_forked_process_is_reported(service: Any, token: str) -> None:
    assert finish(run_python(BEGIN + FORK + "child_of(failure_relay.task(failing))"))[0] == 0
    assert types(service) == ["ValueError"]


def test_a_report_of_a_block_in_a_coroutine_is_made_before_the_process_ends(service: Any, token: str) -> None:
    service.otherwise = Answer(seconds=0.3)
    program = """
async def main():
    with failure_relay.task():
        raise ValueError("disk full")
asyncio.run(main())
"""
    assert finish(run_python(BEGIN + program))[0] == 1
    assert types(service) == ["ValueError"]


def test_a_report_at_the_very_end_of_a_process_is_made(service: Any, token: str) -> None:
    program = """
import atexit
atexit.register(lambda: print(failure_relay.report(ValueError("at exit"))))
"""
    assert finish(run_python(BEGIN + program))[1] == "True\n"
    assert types(service) == ["ValueError"]


def test_a_work_in_the_last_thread_of_a_process_is_reported(service: Any, token: str) -> None:
    program = """
def work():
    time.sleep(0.1)
    with failure_relay.task(): raise ValueError("in the last thread")
threading.Thread(target=work).start()
"""
    finish(run_python(BEGIN + program))
    assert types(service) == ["ValueError"]


def test_a_first_process_of_a_container_ends_with_the_code_of_the_signal(service: Any, token: str) -> None:
    # The kernel does not let such a process kill itself; `os.kill` then does nothing.
    program = """
os.kill = lambda pid, number: None
with failure_relay.task(): wait()
"""
    assert finish(run_python(BEGIN + program), signal.SIGTERM)[0] == 143


def test_a_killed_work_reports_nothing_which_is_what_the_lease_is_for(service: Any, token: str) -> None:
    assert (
        finish(run_python(BEGIN + "with failure_relay.task(lease=60): wait()"), signal.SIGKILL)[0]
        == -signal.SIGKILL
    )
    assert [event["lease"]["action"] for event in service.events()] == ["take"]


def test_sigterm_releases_the_lease_after_the_report(service: Any, token: str) -> None:
    assert (
        finish(run_python(BEGIN + "with failure_relay.task(lease=60): wait()"), signal.SIGTERM)[0]
        == -signal.SIGTERM
    )
    told = [
        event["lease"]["action"] if "lease" in event else event["failure"]["type"]
        for event in service.events()
    ]
    assert told == ["take", "Worker.Interrupted", "release"]


def test_a_lease_does_not_keep_a_process_alive(service: Any, token: str) -> None:
    program = "failure_relay.task(lease=60).__enter__()"
    assert finish(run_python(BEGIN + program))[0] == 0
