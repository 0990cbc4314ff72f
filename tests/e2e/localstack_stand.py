"""The cloud that LocalStack plays on this machine, and the embedded endpoint for what LocalStack does not have."""

import os
import signal
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from cloud import OTHER_ACCOUNT, OTHER_REGION, REGION, RELAY_ACCOUNT, Cloud, Relay
from code_pipeline import CodePipeline
from localstack_host import LocalStack
from recipe import recipe

# The services that the embedded endpoint plays beside LocalStack.
PLAYED = ("CODEPIPELINE", "SAGEMAKER", "AUTO_SCALING", "CODEDEPLOY", "IMAGEBUILDER")
# The recipes in which a queue's worker has the work of such a service, by kind.
RECIPES_OF_QUEUES = {
    "sagemaker-pipeline-step": "SageMaker callback step",
    "auto-scaling-lifecycle-action": "Lifecycle hook of an Auto Scaling group",
    "codedeploy-lifecycle-hook": "CodeDeploy hook tested elsewhere",
    "image-builder-workflow-step": "Image Builder step",
}


class LocalStackCloud(Cloud):
    """As many accounts and regions as the scenarios want, and all of them new."""

    is_localstack = True
    sender = RELAY_ACCOUNT
    """LocalStack's SenderId."""

    def __init__(self, localstack):
        super().__init__()
        self.localstack = localstack
        self.clients = {}

    def client(self, service, account=RELAY_ACCOUNT, region=REGION):
        key = service, account, region
        if key not in self.clients:
            self.clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=self.localstack.url,
                aws_access_key_id=account,  # LocalStack's way to name an account
                aws_secret_access_key="test",
                config=Config(read_timeout=90, retries={"max_attempts": 1}),
            )
        return self.clients[key]

    def credentials(self, account=RELAY_ACCOUNT):
        return {
            "AWS_ENDPOINT_URL": self.localstack.url,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def environment(self, account=RELAY_ACCOUNT):
        """Nothing of the caller's AWS configuration may leak in, nor a proxy into loopback calls."""
        own = {n: v for n, v in os.environ.items() if not n.startswith("AWS_") and not n.lower().endswith("_proxy")}
        return own | self.credentials(account)

    def name(self, name):
        return name

    def machine_role(self, account=RELAY_ACCOUNT):
        return f"arn:aws:iam::{account}:role/state-machine"

    def swf_domain(self):
        self.client("swf").register_domain(name="e2e", workflowExecutionRetentionPeriodInDays="1")
        return "e2e"

    def function_log(self, relay):
        return self.localstack.function_log(relay.function)


@pytest.fixture(scope="session")
def code_pipeline():
    pipeline = CodePipeline(os.environ["E2E_RELAYCTL"], Path(os.environ["E2E_STATE"]) / "codepipeline")
    yield pipeline
    pipeline.stop()


# A run that is told to end stops LocalStack too, as with Ctrl-C.
signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def localstack(code_pipeline):
    running = LocalStack(
        Path(os.environ["E2E_STATE"]),
        function_env={f"AWS_ENDPOINT_URL_{service}": code_pipeline.url for service in PLAYED},
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def cloud(localstack):
    return LocalStackCloud(localstack)


@pytest.fixture(scope="session")
def queue_recipes(cloud):
    """These recipes as the document has them, with one try of a second, by kind. LocalStack passes over what it does not have."""
    own = {"auto-scaling-lifecycle-action": {"GroupName": "render"}}
    return {
        kind: cloud.deploy(
            recipe(heading),
            stack=kind,
            capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            TrySeconds=1,
            Tries=1,
            **own.get(kind, {}),
        )
        for kind, heading in RECIPES_OF_QUEUES.items()
    }


@pytest.fixture(scope="session")
def publisher_account():
    """An account that may publish to the relay."""
    return OTHER_ACCOUNT


@pytest.fixture(scope="session")
def relay(cloud, topic, sqs_worker, queue_recipes, all_switched_on, publisher_account):
    """The stack with all that is off by default switched on, and back-offs that a test can wait for."""
    abandoned = [outputs["DeadLetterQueueArn"] for outputs in [sqs_worker, *queue_recipes.values()]]
    outputs = cloud.deploy(
        os.environ["E2E_TEMPLATE"],
        **all_switched_on,
        AllowedRegions=OTHER_REGION,
        AllowedAccounts=OTHER_ACCOUNT,
        PublisherAccounts=publisher_account,
        PublisherTopicArn=topic,
        AbandonedWorkQueueArns=",".join(abandoned),
        EnableSageMakerPipelineSteps="true",
        EnableAutoScalingLifecycleActions="true",
        EnableCodeDeployLifecycleHooks="true",
        EnableImageBuilderWorkflowSteps="true",
    )
    return Relay(cloud, outputs)


@pytest.fixture(scope="session")
def role_of_the_other_account(cloud, relay):
    return cloud.deploy(
        os.path.abspath("deploy/cross-account-role.yaml"),
        account=OTHER_ACCOUNT,
        stack="failure-relay-target",
        capabilities=["CAPABILITY_NAMED_IAM"],
        RelayRoleArn=relay.role_arn,
        AllowedRegions=f"{REGION},{OTHER_REGION}",
    )["RoleArn"]
