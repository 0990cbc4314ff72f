"""CodePipeline and others that LocalStack does not have: the embedded endpoint, as `relayctl serve` runs it.

It enforces the service's limits (which .ci/run compares with botocore's model), keeps jobs that are open and then
closed once, and refuses what it does not know. Which jobs are open is said at its start, so all jobs of a run are made
then, and each test takes one. What goes wrong with a job is part of its id: see TEMPERS.
"""

import hashlib
import json
import subprocess
import urllib.request
import uuid

from cloud import REGION, RELAY_ACCOUNT, wait_for

JOBS = 200  # well behaved ones
JOBS_OF_A_TEMPER = 8
START_SECONDS_MAX = 20


def for_each_job(first, fault):
    return {"count_by": "identity", "when": {"first": first}, "fault": fault}


JOB_NOT_FOUND = {"service-error": {"code": "JobNotFoundException"}}
# What is answered in place of the truth. AccessDenied is nothing that the SDK tries again by itself, so that each one
# is an attempt of the relay's; of the others it makes several within an invocation.
TEMPERS = {
    "denied": {"fault": "access-denied"},
    "denied once": for_each_job(1, "access-denied"),
    "denied three times": for_each_job(3, "access-denied"),
    "throttled five times": for_each_job(5, {"throttle": {}}),
    "silent once": for_each_job(1, {"no-answer": {}}),
    "silent three times": for_each_job(3, {"no-answer": {}}),
    "unknown at first": for_each_job(1, JOB_NOT_FOUND),
}

ENDPOINTS_ACCOUNT = "123456789012"
PIPELINE = f"arn:aws:sagemaker:{REGION}:{RELAY_ACCOUNT}:pipeline/render/execution/0123456789ab"
IMAGE = f"arn:aws:imagebuilder:{REGION}:{RELAY_ACCOUNT}:image/render/1.0.0/1"
# One open piece of work of each service that waits for a worker of a queue.
WAITING = {
    "sagemaker-pipeline-step": {"callbackToken": "26vcYbeWsZ", "pipelineExecutionArn": PIPELINE},
    "auto-scaling-lifecycle-action": {
        "autoScalingGroupName": "render",
        "lifecycleHookName": "prepare",
        "lifecycleActionToken": "c613620e-07e2-4ed2-a9e2-ef8258911ade",
    },
    "codedeploy-lifecycle-hook": {"deploymentId": "d-1A2B3C4D5", "lifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi"},
    "image-builder-workflow-step": {
        "stepExecutionId": "step-43cd0134-7a1f-4ddf-8b42-9c5a1f1a2b3c",
        "imageBuildVersionArn": IMAGE,
    },
}
# The members that name the work.
IDENTITIES = ("callbackToken", "lifecycleActionToken", "lifecycleEventHookExecutionId", "stepExecutionId")


class CodePipeline:
    def __init__(self, relayctl, state):
        tempers = {temper: f"0000{n:04x}" for n, temper in enumerate(TEMPERS)}  # the first part of the job's id
        self.jobs = {temper: [job_id(first) for _ in range(JOBS_OF_A_TEMPER)] for temper, first in tempers.items()}
        self.jobs[None] = [job_id() for _ in range(JOBS)]
        self.third_party_jobs = {job_id(): f"s3cret-client-token-{uuid.uuid4()}" for _ in range(JOBS_OF_A_TEMPER)}
        state.mkdir(parents=True, exist_ok=True)
        self._write(state / "jobs.json", {"Records": [*self._records()]})
        rules = [
            {"operation": "PutJobFailureResult", "matching": {"job_id": f"{tempers[temper]}-*"}, **rule}
            for temper, rule in TEMPERS.items()
        ]
        self._write(state / "faults.json", rules)
        command = [relayctl, "serve", "--json", "--port", "0", "--open", state / "jobs.json"]
        self.log = state / "calls.jsonl"
        with self.log.open("wb") as log, (state / "talk.log").open("wb") as talk:
            self.process = subprocess.Popen(
                [*command, "--faults", state / "faults.json"], stdin=subprocess.DEVNULL, stdout=log, stderr=talk
            )
        environment = wait_for(lambda: self._lines()[:1], START_SECONDS_MAX, f"start of {relayctl} serve")
        self.url = environment[0]["environment"]["AWS_ENDPOINT_URL"]

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def open_job(self, temper=None):
        """The id of a job that is open."""
        return self.jobs[temper].pop()

    def open_third_party_job(self):
        """The id of a third-party job that is open, and its client token."""
        return self.third_party_jobs.popitem()

    def is_open(self, job):
        return self._task(job)["state"] == "open"

    def failure(self, job):
        """The `failureDetails` that closed the job, or None as long as it is open."""
        task = self._task(job)
        if task["state"] != "failed":
            return None
        details = {"type": task["error"], "message": task["cause"], "externalExecutionId": task["externalExecutionId"]}
        return {name: value for name, value in details.items() if value is not None}

    def late_reports(self, job):
        """How many reports came after the one that closed the job."""
        return self._task(job)["refusedReports"]

    def end_of_waiting(self, kind):
        """What closed the open work of a kind, or None as long as it is open."""
        (identity,) = [value for name, value in WAITING[kind].items() if name in IDENTITIES]
        fingerprint = hashlib.sha256(identity.encode()).hexdigest()[:16]
        (task,) = [task for task in self._tasks() if task["fingerprint"] == fingerprint]
        return None if task["state"] == "open" else task

    def calls(self, **members):
        """The calls that were answered or left without an answer, with these members: no ids and no texts."""
        calls = [line["call"] for line in self._lines() if "call" in line]
        return [call for call in calls if all(call[name] == value for name, value in members.items())]

    def _task(self, job):
        (task,) = [task for task in self._tasks() if task.get("jobId") == job]
        return task

    def _tasks(self):
        with urllib.request.urlopen(f"{self.url}/tasks", timeout=10) as answer:
            return json.load(answer)

    def _lines(self):
        *whole, _ = self.log.read_text().split("\n")
        return [json.loads(line) for line in whole]

    def _records(self):
        for job in [job for jobs in self.jobs.values() for job in jobs]:
            yield record({"kind": "codepipeline-job", "jobId": job})
        for job, token in self.third_party_jobs.items():
            yield record({"kind": "codepipeline-third-party-job", "jobId": job, "clientToken": token})
        for kind, members in WAITING.items():
            # ARNs name the account of LocalStack; whoever calls the endpoint is of its own.
            yield record({"kind": kind, **members, "account": ENDPOINTS_ACCOUNT})

    @staticmethod
    def _write(path, content):
        path.write_text(json.dumps(content))


def job_id(first=None):
    job = str(uuid.uuid4())
    # No id of a well-behaved job begins with four zeros.
    return f"{first}{job[8:]}" if first else f"1{job[1:]}"


def record(target):
    body = json.dumps({"target": {**target, "region": REGION}})
    return {"eventSource": "aws:sqs", "messageId": str(uuid.uuid4()), "body": body}
