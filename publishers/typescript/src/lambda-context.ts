/** What this package reads of the context object of a Lambda function. */
export interface LambdaContext {
  /** The request id: the id of every event about this invocation. */
  awsRequestId?: string;
  /** The milliseconds that the invocation has left. */
  getRemainingTimeInMillis?(): number;
}
