"""Runs relayctl and draws what it showed, as docs/pictures/terminal-*.svg. Run by site/recordings/record.

Each session runs in a terminal against an endpoint of its own (`relayctl serve`). The dead letters are the function's own: it was
given records that it cannot route. What differs from run to run, ports and ages, is written the same.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from terminal import COLUMNS, draw

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/blackbox"))

from harness.events import sqs, sqs_record  # noqa: E402
from harness.function import Function, binary  # noqa: E402

PICTURES = ROOT / "docs/pictures"
RELAYCTL = Path(os.environ.get("RELAYCTL", ROOT / "target/debug/relayctl")).resolve()
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
PAUSE_S = 1.2  # so that an age is told in seconds, whatever they are
SESSIONS = {
    "rehearse": ("Six events through the real function, without AWS", [
        "relayctl rehearse --set RELAY_CONCURRENCY=1 events/routable/s*-task.json events/routable/codepipeline-job.json"
        " events/unroutable/INVALID_EVENT-no-[jkt]*.json",
    ]),
    "explain": ("What the relay does with a notice of AWS's", [
        "relayctl explain events/notices/routable/batch-job-that-failed.json",
    ]),
    "run": ("A worker that is killed, and its report", [
        "TASK_TOKEN=AQCEAAAAKgAAAAMAAAAAexample relayctl run -- sh -c 'echo frame 118; kill -KILL $$'",
    ]),
    "validate": ("An event with a slip, before it is sent", [
        "relayctl validate events/unroutable/INVALID_EVENT-a-job-id-in-upper-case.json",
    ]),
    "dlq": ("Dead letters: why, and back to the queue once their region is allowed", [
        "relayctl dlq stats",
        "relayctl dlq list --code MALFORMED_EVENT",
        "RELAY_ALLOWED_REGIONS=eu-central-1 relayctl dlq redrive",
    ]),
}  # fmt: skip


class Endpoint:
    """`relayctl serve` on a free port, while it is needed."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [RELAYCTL, "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
        )
        self.environment = {}
        while "RELAY_TABLE_NAME" not in self.environment:
            line = self.process.stdout.readline()
            name, _, value = line.removeprefix("export ").strip().partition("=")
            assert name, "relayctl serve has ended"
            self.environment[name] = value.strip("'")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def write_dead_letters(environment):
    """Six events for a region that the relay may not call, and one that is not JSON."""
    settings = {name: environment[name] for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "RELAY_DEAD_LETTER_QUEUE_URL")}
    queue = "arn:aws:sqs:us-east-1:123456789012:failure-events"
    event = '{"id": "encode-%d", "target": {"kind": "step-functions-task", "region": "eu-central-1", "taskToken": "token-%d"}}'
    function = Function(settings).wait_until_ready()
    for number, body in enumerate([*(event % (number, number) for number in range(6)), "disk full"]):
        result = function.invoke(sqs(sqs_record(body, queue=queue, message_id=f"message-{number}")), check_secrets=False)
        assert result.failures == [], result.output
    function.close()
    time.sleep(PAUSE_S)


def shown_by(command, environment):
    """What a command shows in a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {
        **environment, "PATH": f"{RELAYCTL.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(ROOT), "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }  # fmt: skip
    process = subprocess.Popen(
        ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return always_the_same(shown.decode().replace("\r\n", "\n")), process.wait()


def always_the_same(shown):
    shown = re.sub(r"[^\r\n]*\r\x1b\[2K", "", shown)  # a progress bar, which is gone at the end
    shown = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:4599", shown)
    shown = re.sub(r"(failure-events \()[0-9a-f-]{36}", r"\g<1>06c45d18-8009-454f-b88b-b8a8724c81ec", shown)
    return re.sub(r"(?<!\d)\d( +)s\b", r"1\1s", shown)


def session(name):
    title, commands = SESSIONS[name]
    output = ""
    with Endpoint() as endpoint:
        environment = {**endpoint.environment, "RELAY_ALLOWED_REGIONS": ""}
        if name == "dlq":
            write_dead_letters(environment)
        for command in commands:
            shown, code = shown_by(command, environment)
            output += f"{BOLD}$ {command}{PLAIN}\n{shown}"
            output += f"\x1b[90m[exit {code}]{PLAIN}\n" if code else ""
    return "\n".join(draw(title, output)) + "\n"


def main(options):
    assert RELAYCTL.exists() and binary().exists(), "build relayctl and the function first"
    stale = []
    for name in SESSIONS:
        path, picture = PICTURES / f"terminal-{name}.svg", session(name)
        if options != ["--check"]:
            path.write_text(picture)
        elif not path.exists() or path.read_text() != picture:
            stale.append(path)
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not what relayctl shows: site/recordings/record", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
