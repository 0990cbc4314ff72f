import type { Target } from "./target.js";

/** A client of the AWS SDK for JavaScript v3, such as `new SQSClient({})` or `new EventBridgeClient({})`. */
export interface AwsClient {
  // biome-ignore lint/suspicious/noExplicitAny: each SDK client takes the commands of its own service only.
  send(command: any, options?: any): Promise<any>;
}

/** Where to publish, and how. Times are in seconds. */
export interface PublishOptions {
  /** The URL of the queue; default: `RELAY_QUEUE_URL`. */
  queueUrl?: string | undefined;
  /** The name or ARN of the event bus; default: `RELAY_EVENT_BUS`, where there is no queue. */
  eventBus?: string | undefined;
  /** Who publishes; default: `RELAY_SOURCE`, else the Lambda function's name, else the program's. */
  source?: string | undefined;
  /** An `SQSClient`, or for a bus an `EventBridgeClient`; default: one of its own, made when it is first needed. */
  client?: AwsClient | undefined;
  /** So long may publishing one event take, with its retries; default: 5. */
  timeout?: number | undefined;
}

/** The options of `report`. */
export interface ReportOptions extends PublishOptions {
  /** What failed; default: that of the work around the call, else what the environment names. */
  target?: Target | undefined;
  /** Told instead of the error's class. */
  type?: string | undefined;
  /** Told instead of the error's text. */
  message?: string | undefined;
  /** Told instead of the stack and the causes: any JSON value. */
  details?: unknown;
  /** The worker's own id of the run; default: the Lambda request id, where there is one. */
  externalExecutionId?: string | undefined;
}

/** A resource whose death means that the work has failed, with the seconds for which the claim is kept. */
export interface Resource {
  /** An ARN or id, as a notice of its death names it. */
  resource: string;
  /** 60 to 2,678,400; default: 14 days. */
  ttlSeconds?: number;
}

/** The options of `task`. */
export interface TaskOptions extends PublishOptions {
  /** What fails when the work fails; default: what the event or the environment names. */
  target?: Target | undefined;
  /** Tells the service itself that the work succeeded, with its result, by the worker's own role. Default: `false`. */
  success?: boolean | undefined;
  /** Seconds, from 60 to 86,400, after which the relay takes a worker that says nothing for dead. Default: no lease. */
  lease?: number | undefined;
  /** Called once when the lease is lost: the task is about to be failed, so the work should stop. */
  onLeaseLost?: (() => void) | undefined;
  /** Resources whose death means that the work has failed. */
  claim?: string | Resource | readonly (string | Resource)[] | undefined;
  /** Refuses to begin work whose failure could not be reported, for want of a target or a queue. Default: `false`. */
  strict?: boolean | undefined;
}

/** The options of `handler` and `middleware`. */
export interface HandlerOptions extends TaskOptions {
  /**
   * Seconds before the end of the function's time at which it is reported that the work did not end in time; at most half of
   * the time that there is at the start; 0: never. Default: 2.
   */
  deadline?: number | undefined;
}
