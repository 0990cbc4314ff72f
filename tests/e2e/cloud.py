"""What the scenarios do in a cloud: deploy, publish, start work that waits, look at the end.

The cloud is a stand: localstack_stand.py, or tests/aws/account_stand.py for an account that the environment names.
"""

import contextlib
import json
import os
import subprocess
import time
import uuid

ACCOUNT_OF_ITS_OWN = os.environ.get("E2E_ACCOUNT")
"""One account, in one region, is all there is."""
RELAY_ACCOUNT = ACCOUNT_OF_ITS_OWN or "111111111111"
OTHER_ACCOUNT = "222222222222"
REGION = os.environ.get("E2E_REGION", "eu-west-1")
OTHER_REGION = "us-east-1"
# A cloud that is far away takes longer, and does not like to be asked often.
PATIENCE = float(os.environ.get("E2E_PATIENCE", 1))
PAUSE_SECONDS = float(os.environ.get("E2E_PAUSE_SECONDS", 0.2))


def apart(region):
    """The region in which a scenario has its stacks to itself. In an account of one region their names keep them apart."""
    return REGION if ACCOUNT_OF_ITS_OWN else region


def wait_for(look, seconds=30, what=None):
    """The first value of `look` that is true."""
    end = time.time() + seconds * PATIENCE
    while True:
        if found := look():
            return found
        assert time.time() < end, f"not within {seconds * PATIENCE:g} s: {what or look}"
        time.sleep(PAUSE_SECONDS)


class Cloud:
    """What every stand has. Its own are `is_localstack`, `client`, `environment`, `credentials`, `name`, `machine_role`, `sender` and `function_log`."""

    samconfig = os.path.abspath("samconfig.toml")

    def __init__(self):
        self.tokens = []  # all task tokens that were given out

    def deploy(self, template, account=RELAY_ACCOUNT, region=REGION, stack="failure-relay", capabilities=(), **parameters):
        """`sam deploy` with the defaults of samconfig.toml. Gives the outputs."""
        stack = self.name(stack)
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        command = ["deploy", "--template-file", template, "--region", region, "--stack-name", stack]
        command += ["--config-file", self.samconfig]
        command += ["--capabilities", *capabilities] if capabilities else []
        command += ["--parameter-overrides", *overrides] if overrides else []
        self._sam(account, command)
        (description,) = self.client("cloudformation", account, region).describe_stacks(StackName=stack)["Stacks"]
        return {o["OutputKey"]: o["OutputValue"] for o in description.get("Outputs", [])}

    def delete(self, stack, account=RELAY_ACCOUNT, region=REGION):
        """`sam delete` without a question."""
        self._sam(account, ["delete", "--no-prompts", "--stack-name", self.name(stack), "--region", region])

    def _sam(self, account, command):
        env = {**self.environment(account), "SAM_CLI_TELEMETRY": "0"}
        done = subprocess.run([os.environ["E2E_SAM"], *command], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def physical_id(self, stack, resource):
        detail = self.client("cloudformation").describe_stack_resource(
            StackName=self.name(stack), LogicalResourceId=resource
        )
        return detail["StackResourceDetail"]["PhysicalResourceId"]

    # ------------------------------------------------------------ work that waits

    def state_machine(self, definition, account=RELAY_ACCOUNT, region=REGION):
        return self.client("stepfunctions", account, region).create_state_machine(
            name=self.name(f"machine-{uuid.uuid4().hex}"),
            definition=json.dumps(definition),
            roleArn=self.machine_role(account),
        )["stateMachineArn"]

    def start(self, machine, input=None):
        states = self._states_of(machine)
        return states.start_execution(stateMachineArn=machine, input=json.dumps(input or {}))["executionArn"]

    def end_of(self, execution, seconds=30):
        """The description of an execution that has ended."""
        states = self._states_of(execution)

        def ended():
            description = states.describe_execution(executionArn=execution)
            return description["status"] != "RUNNING" and description

        return wait_for(ended, seconds, f"end of {execution}")

    def running(self, execution):
        return self._states_of(execution).describe_execution(executionArn=execution)["status"] == "RUNNING"

    def _states_of(self, arn):
        _, _, _, region, account, *_ = arn.split(":")
        return self.client("stepfunctions", account, region)

    def activity_execution(self, account=RELAY_ACCOUNT, region=REGION, catch=None):
        """An execution that waits for an activity: its ARN and the token of the task."""
        states = self.client("stepfunctions", account, region)
        activity = states.create_activity(name=self.name(f"activity-{uuid.uuid4().hex}"))["activityArn"]
        work = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 120}
        definition = {"StartAt": "Work", "States": {"Work": work | {"End": True}}}
        if catch:
            definition["States"]["Work"] |= {
                "Catch": [{"ErrorEquals": [catch], "Next": "Caught"}],
            }
            definition["States"]["Caught"] = {"Type": "Pass", "End": True}
        execution = self.start(self.state_machine(definition, account, region))
        token = states.get_activity_task(activityArn=activity, workerName="e2e")["taskToken"]
        self.tokens.append(token)
        return execution, token

    # ------------------------------------------------------------ queues

    def queue(self, name, **attributes):
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=self.name(name), Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def messages_in(self, url):
        """How many messages a queue holds, in flight or hidden ones too."""
        names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in attributes.values())


class Relay:
    """The deployed stack."""

    def __init__(self, cloud, outputs):
        self.cloud = cloud
        self.outputs = outputs
        self.queue_url = outputs["QueueUrl"]
        self.queue_arn = outputs["QueueArn"]
        self.dead_letter_queue_url = outputs["DeadLetterQueueUrl"]
        self.dead_letter_queue_arn = outputs["DeadLetterQueueArn"]
        self.parking_queue_url = outputs["ParkingQueueUrl"]
        self.parking_queue_arn = outputs["ParkingQueueArn"]
        self.bus = outputs["EventBusName"]
        self.function = outputs["FunctionName"]
        self.function_arn = outputs["FunctionArn"]
        self.role_arn = outputs["RelayRoleArn"]

    def publish(self, event, trace=None):
        """Puts an event, or a body as it is, on the queue. Gives the message id."""
        body = event if isinstance(event, str) else json.dumps(event)
        system = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}} if trace else {}
        sent = self.cloud.client("sqs").send_message(
            QueueUrl=self.queue_url, MessageBody=body, MessageSystemAttributes=system
        )
        return sent["MessageId"]

    def publish_all(self, events):
        """Puts events on the queue in one call. Gives the message ids."""
        entries = [{"Id": str(n), "MessageBody": json.dumps(event)} for n, event in enumerate(events)]
        answer = self.cloud.client("sqs").send_message_batch(QueueUrl=self.queue_url, Entries=entries)
        assert not answer.get("Failed")
        return [s["MessageId"] for s in sorted(answer["Successful"], key=lambda s: int(s["Id"]))]

    def put_event(self, detail, source="e2e.worker", detail_type="Worker Failed", bus=None):
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": bus or self.bus}
        answer = self.cloud.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer

    def invoke(self, event, asynchronous=False):
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.function,
            InvocationType="Event" if asynchronous else "RequestResponse",
            Payload=json.dumps(event),
        )
        return answer.get("FunctionError"), None if asynchronous else json.loads(answer["Payload"].read())

    def log(self):
        """The JSON lines that the function has logged."""
        return [line for line in self.cloud.function_log(self) if isinstance(line, dict)]

    def outcomes(self, **members):
        """The lines that end an event, with these members."""
        return [
            line
            for line in self.log()
            if "outcome" in line and all(line.get(name) == value for name, value in members.items())
        ]

    def wait_for_outcome(self, seconds=30, **members):
        return wait_for(lambda: self.outcomes(**members), seconds, f"outcome with {members}")[0]

    def dead_letter(self, matches, seconds=30):
        """Takes the first dead letter that matches out of the queue. Others are left there."""
        sqs = self.cloud.client("sqs")

        def look():
            answer = sqs.receive_message(
                QueueUrl=self.dead_letter_queue_url,
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
                MaxNumberOfMessages=10,
                VisibilityTimeout=1,
            )
            for message in answer.get("Messages", []):
                if matches(message):
                    sqs.delete_message(QueueUrl=self.dead_letter_queue_url, ReceiptHandle=message["ReceiptHandle"])
                    return message
            return None

        return wait_for(look, seconds, "dead letter")

    @contextlib.contextmanager
    def visibility(self, seconds):
        """A shorter visibility time-out of the queue, so that a scenario need not wait three minutes."""
        sqs = self.cloud.client("sqs")
        before = sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["VisibilityTimeout"])
        sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"VisibilityTimeout": str(seconds)})
        yield
        sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes=before["Attributes"])


def attributes_of(message):
    return {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
