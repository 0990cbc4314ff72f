"""One LocalStack and one deployed stack for all scenarios."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cloud import OTHER_ACCOUNT, OTHER_REGION, REGION, Cloud, Relay  # noqa: E402
from code_pipeline import CodePipeline  # noqa: E402
from localstack_host import LocalStack  # noqa: E402


# The services that the embedded endpoint plays beside LocalStack.
PLAYED = ("CODEPIPELINE", "SAGEMAKER", "AUTO_SCALING", "CODEDEPLOY", "IMAGEBUILDER")
# The recipes in which a queue's worker has the work of such a service, by kind.
RECIPES_OF_QUEUES = {
    "sagemaker-pipeline-step": "SageMaker callback step",
    "auto-scaling-lifecycle-action": "Lifecycle hook of an Auto Scaling group",
    "codedeploy-lifecycle-hook": "CodeDeploy hook tested elsewhere",
    "image-builder-workflow-step": "Image Builder step",
}


def recipe(heading):
    """The template under a heading of docs/dead-workers.md, as a file."""
    _, section = Path("docs/dead-workers.md").read_text().split(f"\n## {heading}\n")
    path = Path(os.environ["E2E_STATE"]) / (re.sub(r"\W+", "-", heading) + ".yaml")
    path.write_text(section.split("```yaml\n", 1)[1].split("```", 1)[0])
    return str(path)


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
    return Cloud(localstack)


@pytest.fixture(scope="session")
def topic(cloud):
    return cloud.client("sns").create_topic(Name="worker-failures")["TopicArn"]


@pytest.fixture(scope="session")
def sqs_worker(cloud):
    """The recipe "SQS worker with a dead-letter queue" as the document has it, with two tries of a second each."""
    template = recipe("SQS worker with a dead-letter queue")
    return cloud.deploy(template, stack="sqs-worker", TrySeconds=1, Tries=2)


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
def relay(cloud, topic, sqs_worker, queue_recipes):
    """The stack with all that is off by default switched on, and back-offs that a test can wait for."""
    outputs = cloud.deploy(
        os.environ["E2E_TEMPLATE"],
        Architecture=os.environ["E2E_ARCHITECTURE"],
        LogLevel="DEBUG",
        RetryBaseSeconds=1,
        RetryCapSeconds=2,
        ParkedSecondsMax=60,
        AllowedRegions=OTHER_REGION,
        AllowedAccounts=OTHER_ACCOUNT,
        PublisherAccounts=OTHER_ACCOUNT,
        PublisherTopicArn=topic,
        AbandonedWorkQueueArns=",".join(outputs["DeadLetterQueueArn"] for outputs in [sqs_worker, *queue_recipes.values()]),
        EnableSageMakerPipelineSteps="true",
        EnableAutoScalingLifecycleActions="true",
        EnableCodeDeployLifecycleHooks="true",
        EnableImageBuilderWorkflowSteps="true",
        TaskTokenNames="MY_OWN_TOKEN",
        LambdaNotices="true",
        EcsTaskNotices="true",
        BatchJobNotices="true",
        CodeBuildNotices="true",
        StepFunctionsNotices="true",
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


def pytest_collection_modifyitems(items):
    # test_operations looks at the log of all that went before it.
    items.sort(key=lambda item: item.path.name == "test_operations.py")
