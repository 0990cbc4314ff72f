"""Runs the first example of the README with the Python that is given, against moto: the newcomer's first report.

try_readme.py README.md PYTHON
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"


def main(readme: str, python: str) -> None:
    examples = re.findall(r"```python\n(.*?)```", Path(readme).read_text(), re.DOTALL)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    credentials = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": REGION}
    os.environ.update(credentials)
    sqs = boto3.client("sqs", endpoint_url=url, region_name=REGION)
    queue = sqs.create_queue(QueueName="failures")["QueueUrl"]
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": url,
        "RELAY_QUEUE_URL": queue,
        "TASK_TOKEN": "token-of-the-example",
    }
    environment.pop("PYTHONPATH", None)
    program = "def render():\n    raise ValueError('disk full')\n" + examples[0]
    begun = time.monotonic()
    run = subprocess.run(
        [python, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1, run
    assert "ValueError: disk full" in run.stderr, run.stderr
    assert "not reported" not in run.stderr, run.stderr
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    event = json.loads(message["Body"])
    assert event["target"] == {"kind": "step-functions-task", "taskToken": "token-of-the-example"}, event
    assert (event["failure"]["type"], event["failure"]["message"]) == ("ValueError", "disk full"), event
    server.stop()
    print(f"the README's first example reported, with {python}, in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
