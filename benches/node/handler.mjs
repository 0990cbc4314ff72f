// What a team would write instead, as the documentation of Powertools for AWS Lambda shows it:
// https://docs.powertools.aws.dev/lambda/typescript/latest/features/batch/
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { SendTaskFailureCommand, SFNClient } from '@aws-sdk/client-sfn';

const processor = new BatchProcessor(EventType.SQS);
const client = new SFNClient({});

const recordHandler = async (record) => {
  const event = JSON.parse(record.body);
  await client.send(
    new SendTaskFailureCommand({
      taskToken: event.target.taskToken,
      error: event.failure.type,
      cause: event.failure.message,
    }),
  );
};

export const handler = async (event, context) =>
  processPartialResponse(event, recordHandler, processor, { context });
