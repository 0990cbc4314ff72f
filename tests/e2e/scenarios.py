"""What the scenarios share on every stand. A plugin, since those of tests/aws use it too."""

import os
from pathlib import Path

import pytest

from recipe import recipe


def pytest_configure(config):
    config.addinivalue_line("markers", "localstack(why): only LocalStack or the embedded endpoint can play it")
    config.addinivalue_line("markers", "aws(why): only AWS shows it; LocalStack does not")
    config.addinivalue_line("markers", "row(assumed): it shows these rows of docs/first-deployment.md, each by how it begins")


@pytest.fixture(scope="session")
def topic(cloud):
    return cloud.client("sns").create_topic(Name=cloud.name("worker-failures"))["TopicArn"]


@pytest.fixture(scope="session")
def sqs_worker(cloud):
    """The recipe "SQS worker with a dead-letter queue" as the document has it, with two tries of a second each."""
    template = recipe("SQS worker with a dead-letter queue")
    return cloud.deploy(template, stack="sqs-worker", TrySeconds=1, Tries=2)


@pytest.fixture(scope="session")
def all_switched_on():
    return {
        "Architecture": os.environ["E2E_ARCHITECTURE"],
        "LogLevel": "DEBUG",
        "RetryBaseSeconds": 1,
        "RetryCapSeconds": 2,
        "ParkedSecondsMax": 60,
        "TaskTokenNames": "MY_OWN_TOKEN",
        "LambdaNotices": "true",
        "EcsTaskNotices": "true",
        "BatchJobNotices": "true",
        "CodeBuildNotices": "true",
        "StepFunctionsNotices": "true",
    }


@pytest.fixture(scope="session")
def template_that_retains(cloud):
    """LocalStack knows Retain only, which is the same where a stack is deleted that was once created."""
    template = Path(os.environ["E2E_TEMPLATE"])
    if not cloud.is_localstack:
        return str(template)
    retaining = template.with_name("template-retain.yaml")
    retaining.write_text(template.read_text().replace("RetainExceptOnCreate", "Retain"))
    return str(retaining)


def pytest_collection_modifyitems(items):
    # test_operations looks at the log of all that went before it.
    items.sort(key=lambda item: item.path.name == "test_operations.py")
