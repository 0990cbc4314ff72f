"""A release that is deployed without Rust: its template, and its function's zip in a bucket."""

import os
import subprocess
import uuid
from pathlib import Path

import pytest

from cloud import Relay

pytestmark = pytest.mark.localstack("a bucket has the name that its release has")

STACK = "released-relay"
BUCKET = "releases"


def release(*command):
    return subprocess.run([f"release/{command[0]}", *map(str, command[1:])], check=True, capture_output=True, text=True,
                          env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}).stdout.strip()  # fmt: skip


@pytest.fixture(scope="module")
def released(cloud, tmp_path_factory):
    folder, version, architecture = tmp_path_factory.mktemp("release"), release("version"), os.environ["E2E_ARCHITECTURE"]
    bootstrap = Path(os.environ["E2E_TEMPLATE"]).with_name("RelayFunction") / "bootstrap"
    release("archive", folder / "relay.zip", f"{bootstrap}:bootstrap:755")
    release("template", folder, version, "0" * 40)
    storage = cloud.client("s3")
    storage.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": storage.meta.region_name})
    storage.upload_file(str(folder / "relay.zip"), BUCKET, f"failure-relay/{version}/relay-{architecture}.zip")
    outputs = cloud.deploy(str(folder / "failure-relay.yaml"), stack=STACK, Architecture=architecture, CodeBucket=BUCKET)
    return Relay(cloud, outputs)


def test_a_failure_goes_through_the_function_from_the_zip(cloud, released):
    execution, token = cloud.activity_execution()
    event = {"id": f"released-{uuid.uuid4()}", "target": {"kind": "step-functions-task", "taskToken": token}}
    released.publish(event | {"failure": {"type": "From.Release", "message": "no Rust was here"}})
    end = cloud.end_of(execution)
    assert (end["error"], end["cause"]) == ("From.Release", "no Rust was here")
    assert released.wait_for_outcome(event_id=event["id"])["outcome"] == "relayed"
