"""What LocalStack itself would run in Java, in Python: the JSONata of state machines, and DynamoDB.

LocalStack finds both through the entry points that `localstack_host.py` writes.
"""

import json

from jsonata import Jsonata
from localstack.aws.api.dynamodb import DynamodbApi
from localstack.runtime import hooks
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, aws_provider
from localstack.services.stepfunctions.asl.jsonata import jsonata


def evaluate(expression):
    try:
        # To JSON and back, as what the JVM answers is: of JSONata's own types nothing is left.
        return json.loads(json.dumps(Jsonata(expression).evaluate(None)))
    except Exception as error:
        raise jsonata.JSONataException("UNKNOWN", str(error)) from error


@hooks.on_infra_start()
def jsonata_in_python():
    jsonata._eval_jsonata = evaluate


@aws_provider(api="dynamodb", name="in_python")
def dynamodb():
    return Service.for_provider(DynamodbApi(), dispatch_table_factory=MotoFallbackDispatcher)
