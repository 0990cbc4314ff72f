#!/usr/bin/env python3
"""Sends the same DynamoDB requests to the embedded endpoint and to moto's server, and compares the answers.

    pip install boto3==1.44.5 'moto[server]==5.2.5'
    python3 tests/service_models/compare_dynamodb.py target/debug/relayctl

Each case is an operation and its parameters, in an order in which later ones see what earlier ones wrote. Answers must
be the same but for the order of items that have none; of errors the names must be, for moto's words are not always
DynamoDB's. What DynamoDB refuses and moto does not is in `REFUSED`. Each difference is printed, and the exit status is 1
when there is one.
"""

import json
import logging
import subprocess
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

TABLE = "leases"


def key(pk, sk="lease"):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def schema(hash_key, range_key):
    return [
        {"AttributeName": hash_key, "KeyType": "HASH"},
        {"AttributeName": range_key, "KeyType": "RANGE"},
    ]


CREATE_TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in [("pk", "S"), ("sk", "S"), ("due_shard", "S"), ("due_at", "N")]
    ],
    "KeySchema": schema("pk", "sk"),
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "due",
            "KeySchema": schema("due_shard", "due_at"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["kind", "region"]},
        }
    ],
}


def expressions(text, **parameters):
    """The parameters with the placeholders that the text uses: `#x` is the attribute x, and values have their own."""
    values = {
        ":1": {"N": "1"}, ":2": {"N": "2"}, ":10": {"N": "10"}, ":text": {"S": "text"}, ":te": {"S": "te"},
        ":null": {"NULL": True}, ":map": {"M": {"a": {"L": [{"N": "1"}, {"BOOL": True}]}}}, ":shard": {"S": "0"},
        ":resource": {"S": "resource#r"}, ":claim": {"S": "claim#"}, ":yes": {"BOOL": True},
    }
    words = text.replace("(", " ").replace(")", " ").replace(",", " ").split()
    if names := {word: word[1:] for word in words if word.startswith("#")}:
        parameters["ExpressionAttributeNames"] = names
    if used := {word: values[word] for word in words if word in values}:
        parameters["ExpressionAttributeValues"] = used
    return parameters


def update(pk, expression, condition=None, **parameters):
    parameters |= {"Key": key(pk), "UpdateExpression": expression, "ReturnValues": "ALL_NEW"}
    if condition:
        parameters["ConditionExpression"] = condition
    return "update_item", expressions(f"{expression} {condition or ''}", **parameters)


def when(condition):
    """Whether an item fulfils a condition."""
    return update("item", "SET #seen = :yes", condition)


def query(condition, filter=None, projection=None, **parameters):
    parameters["KeyConditionExpression"] = condition
    if filter:
        parameters["FilterExpression"] = filter
    if projection:
        parameters["ProjectionExpression"] = projection
    return "query", expressions(f"{condition} {filter or ''} {projection or ''}", **parameters)


NEWER = "attribute_not_exists(#sent_at) OR #sent_at <= :2"
CASES = [
    ("get_item", {"Key": key("none"), "ConsistentRead": True}),
    # Writes in any order: the newer one wins.
    update("lease#1", "SET #sent_at = :2, #source = if_not_exists(#source, :text)", NEWER),
    update("lease#1", "SET #sent_at = :1", "attribute_not_exists(#sent_at) OR #sent_at <= :1"),
    update("lease#1", "SET #sent_at = :2, #source = if_not_exists(#source, :te) REMOVE #gone", NEWER),
    update("lease#1", "REMOVE #source"),
    update("lease#1", "SET a = sent_at, sent_at = :10"),
    ("get_item", {"Key": key("lease#1")}),
    ("get_item", {"Key": key("lease#1"), "ProjectionExpression": "a, sk"}),
    # Conditions.
    ("put_item", {"Item": key("item") | {
        "n": {"N": "10"}, "t": {"S": "text"}, "x": {"NULL": True}, "m": {"M": {"a": {"L": [{"N": "1"}, {"BOOL": True}]}}},
    }}),
    ("get_item", {"Key": key("item")}),
    *map(when, [
        "n = :10", "n < :2", "n > :2", "n <> :10", "n <> :text", "gone = :1", "gone <> :1", "gone < :1",
        "NOT gone = :1", "begins_with(t, :te)", "begins_with(t, :text)", "begins_with(n, :te)", "x = :null", "m = :map",
        "n BETWEEN :2 AND :10", "t between :te and :text", "n = :1 OR n = :10 AND attribute_exists(t)",
        "(n = :1 OR n = :10) AND attribute_exists(gone)", "NOT (n = :1 AND t = :te)", "attribute_not_exists(gone)",
        "#n = :10 and not attribute_exists(#gone)",
    ]),
    # Wrong expressions.
    update("wrong", "SET region = :text"),
    update("wrong", "SET ttl = :1"),
    update("wrong", "SET a = :1", "status = :1"),
    update("wrong", "SET a = :undefined"),
    update("wrong", "SET pk = :text"),
    update("wrong", "SET a = :1, a = :2"),
    update("wrong", "SET a = :1 SET b = :1"),
    update("wrong", "SET a = b"),
    update("wrong", "SET a :1"),
    update("wrong", ""),
    update("wrong", "SET due_at = :text"),
    ("update_item", {"Key": key("wrong"), "UpdateExpression": "REMOVE a", "ExpressionAttributeNames": {"#a": "a"}}),
    ("update_item", {"Key": key("wrong"), "UpdateExpression": "REMOVE a", "ExpressionAttributeValues": {":a": {"N": "1"}}}),
    ("get_item", {"Key": key("wrong")}),
    # Wrong keys and values.
    ("get_item", {"Key": {"pk": {"S": "a"}}}),
    ("get_item", {"Key": key("a") | {"b": {"S": "c"}}}),
    ("put_item", {"Item": {"pk": {"S": "a"}}}),
    ("put_item", {"Item": key("")}),
    ("put_item", {"Item": key("a") | {"text": {"S": "x" * 400 * 1024}}}),
    ("put_item", {"Item": key("a"), "TableName": "none"}),
    # A partition: claims and a notice.
    *[("put_item", {"Item": key("resource#r", sk) | {"n": {"N": "1"}}}) for sk in ("claim#b", "notice", "claim#a", "claim#c")],
    query("pk = :resource"),
    query("#pk = :resource AND begins_with(#sk, :claim)", ConsistentRead=True),
    query("pk = :resource AND begins_with(sk, :claim)", ScanIndexForward=False, Limit=2),
    query("pk = :resource AND begins_with(sk, :claim)", Limit=2, ExclusiveStartKey=key("resource#r", "claim#b")),
    query("pk = :resource", "n = :2"),
    query("pk = :resource AND sk <= :text", projection="sk, n"),
    query("pk = :resource AND sk BETWEEN :claim AND :text", Select="COUNT"),
    query("sk = :text"),
    query("pk < :resource"),
    query("pk = :resource AND n = :1"),
    # The index: sparse, in order of numbers, with what it projects.
    *[
        ("put_item", {"Item": key(f"lease#{at}") | {
            "due_shard": {"S": "0"}, "due_at": {"N": at}, "kind": {"S": "task"}, "target": {"S": "token"},
        }})
        for at in ("9", "10", "1795287600000")
    ],
    query("due_shard = :shard", IndexName="due"),
    query("due_shard = :shard AND due_at <= :10", IndexName="due", Limit=1),
    query(
        "due_shard = :shard AND due_at <= :10", IndexName="due",
        ExclusiveStartKey=key("lease#9") | {"due_shard": {"S": "0"}, "due_at": {"N": "9"}},
    ),
    query("due_shard = :shard", IndexName="due", ConsistentRead=True),
    ("batch_get_item", {"RequestItems": {TABLE: {"Keys": [key("lease#9"), key("none"), key("lease#10")], "ConsistentRead": True}}}),
    ("batch_get_item", {"RequestItems": {TABLE: {"Keys": [key("a"), key("a")]}}}),
    ("batch_get_item", {"RequestItems": {TABLE: {"Keys": [key(str(n)) for n in range(101)]}}}),
    # What was changed meanwhile is not deleted.
    ("delete_item", expressions("#due_at = :1", Key=key("lease#10"), ConditionExpression="#due_at = :1")),
    ("delete_item", expressions(":10", Key=key("lease#10"), ConditionExpression="due_at = :10", ReturnValues="ALL_OLD")),
    ("delete_item", {"Key": key("lease#10")}),
    query("due_shard = :shard", IndexName="due"),
    ("create_table", CREATE_TABLE),
]
# moto answers these, or fails.
REFUSED = [
    update("wrong", "SET a = :1", "b ="),
    update("wrong", "SET a = :1", "begins_with(b, :1)"),
    update("wrong", "SET a = :1", "attribute_exists(:1)"),
    update("wrong", "SET a = :1", "b BETWEEN :2 AND :1"),
    ("get_item", {"Key": {"pk": {"S": "a"}, "sk": {"N": "1"}}}),
    ("put_item", {"Item": key("a") | {"due_at": {"S": "1"}}}),
    ("put_item", {"Item": key("a") | {"n": {"N": "1e126"}}}),
    ("put_item", {"Item": key("a") | {"n": {"N": "9" * 39}}}),
    query("pk = :resource OR sk = :text"),
    query("pk = :resource AND sk = :1"),
    query("pk = :resource", "sk = :text"),
    query("pk = :resource", IndexName="none"),
    query("due_shard = :shard", IndexName="due", projection="target"),
]


def answer(client, operation, parameters):
    if operation != "batch_get_item":
        parameters = {"TableName": TABLE} | parameters
    try:
        found = getattr(client, operation)(**parameters)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    found.pop("ResponseMetadata")
    found.pop("ConsumedCapacity", None)
    for items in found.get("Responses", {}).values():
        items.sort(key=json.dumps)
    return found


def client(url):
    return boto3.client(
        "dynamodb", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


def differences(ours, theirs):
    for one in (ours, theirs):
        one.create_table(TableName=TABLE, **CREATE_TABLE)
    for operation, parameters in CASES:
        own, other = answer(ours, operation, parameters), answer(theirs, operation, parameters)
        if own != other:
            yield f"{operation} {json.dumps(parameters)[:500]}\n    endpoint: {own}\n    moto:     {other}"
    for operation, parameters in REFUSED:
        own = answer(ours, operation, parameters)
        if own != {"error": "ValidationException"}:
            yield f"{operation} {json.dumps(parameters)[:500]}\n    endpoint: {own}\n    DynamoDB refuses it"


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    endpoint = subprocess.Popen(
        [sys.argv[1], "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        line = next(line for line in endpoint.stdout if line.startswith("export AWS_ENDPOINT_URL="))
        host, port = moto.get_host_and_port()
        found = list(differences(client(line.split("'")[1]), client(f"http://{host}:{port}")))
    finally:
        endpoint.terminate()
        endpoint.wait()
        moto.stop()
    for difference in found:
        print(difference)
    sent = len(CASES) + len(REFUSED)
    print(f"{sent} requests compared with moto: {len(found)} differences", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
