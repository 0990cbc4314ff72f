#!/usr/bin/env python3
"""What the package costs a worker that does not fail, beyond the boto3 client that the worker has anyway.

    python3 benchmarks/import_cost.py [rounds]

Each round is a new process; the best of all rounds counts, because whatever else the machine does only adds. The
ratio is that of a worker with a boto3 client and the package to one with the client alone. The garbage that boto3
left is collected before the package is imported: it is not the package's, and would be charged to whoever comes next.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"

#: The bound of the package: milliseconds beyond boto3's own client.
MILLISECONDS_MAX = 5.0

PROGRAM = """
import gc, time
begun = time.perf_counter()
import boto3
boto3.client("sqs", region_name="eu-west-1")
client = time.perf_counter()
gc.collect()
collected = time.perf_counter()
import failure_relay
imported = time.perf_counter()
@failure_relay.task
def work(): pass
work()
ready = time.perf_counter()
for _ in range(1000): work()
done = time.perf_counter()
print(client - begun, imported - collected, ready - imported, (done - ready) / 1000)
"""


def main(rounds: int) -> int:
    """Prints the best of so many rounds; 1 when the package costs more than it may."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "TASK_TOKEN": "a-token",
        "RELAY_QUEUE_URL": "https://q/1/q",
    }
    environment.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    # As an installed package is.
    compileall.compile_dir(SOURCE, quiet=1)
    best = [float("inf")] * 4
    for _ in range(rounds):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        best = [min(pair) for pair in zip(best, map(float, run.stdout.split()))]
    client, imported, first, each = (seconds * 1000 for seconds in best)
    print(f"import boto3 and make a client  {client:9.3f} ms")
    print(f"import failure_relay            {imported:9.3f} ms")
    print(f"the first task                  {first:9.3f} ms")
    print(f"each further task               {each:9.3f} ms")
    print(f"ratio                           {(client + imported + first) / client:9.3f}")
    return int(imported + first > MILLISECONDS_MAX)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
