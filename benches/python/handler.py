"""What a team would write instead, as the documentation of Powertools for AWS Lambda shows it:
https://docs.powertools.aws.dev/lambda/python/latest/utilities/batch/
"""

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

processor = BatchProcessor(event_type=EventType.SQS)
sfn = boto3.client("stepfunctions")


def record_handler(record: SQSRecord):
    event = record.json_body
    sfn.send_task_failure(
        taskToken=event["target"]["taskToken"],
        error=event["failure"]["type"],
        cause=event["failure"]["message"],
    )


def lambda_handler(event, context):
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
