import type { Environment } from "./identity.js";
import type { PublishOptions } from "./options.js";

/** Where events go. */
export type Destination =
  | { kind: "queue"; url: string; region: string | undefined }
  | { kind: "bus"; name: string; region: string | undefined };

/** A message group of SQS has at most so many characters. */
const MESSAGE_GROUP_MAX = 128;

/** Where to publish: an argument, else `RELAY_QUEUE_URL`, else `RELAY_EVENT_BUS`; `undefined` when none is set. */
export function destination(options: PublishOptions, environment: Environment): Destination | undefined {
  if (options.queueUrl) return queue(options.queueUrl);
  if (options.eventBus) return bus(options.eventBus);
  if (environment.RELAY_QUEUE_URL) return queue(environment.RELAY_QUEUE_URL);
  if (environment.RELAY_EVENT_BUS) return bus(environment.RELAY_EVENT_BUS);
  return undefined;
}

/** Who publishes: an argument, else `RELAY_SOURCE`, else the Lambda function's name, else the program's. */
export function source(options: PublishOptions, environment: Environment): string {
  return options.source || environment.RELAY_SOURCE || environment.AWS_LAMBDA_FUNCTION_NAME || programName();
}

/** The source as SQS takes a message group: it keeps one publisher from delaying the others. */
export function messageGroup(source: string): string {
  return [...source]
    .map((character) => (/[!-~]/.test(character) ? character : "-"))
    .join("")
    .slice(0, MESSAGE_GROUP_MAX);
}

function queue(url: string): Destination {
  return { kind: "queue", url, region: regionOfQueue(url) };
}

function bus(name: string): Destination {
  const arn = /^arn:[^:]*:events:([^:]+):/.exec(name);
  return { kind: "bus", name, region: arn?.[1] };
}

/** The region that the URL of a queue tells, in any of the forms that SQS has had. */
function regionOfQueue(url: string): string | undefined {
  const host = /^https?:\/\/([^/:?#]+)/i.exec(url)?.[1]?.toLowerCase() ?? "";
  if (host === "queue.amazonaws.com") return "us-east-1";
  const region =
    /(?:^|\.)sqs(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\./.exec(host) ??
    /^([a-z]{2,}(?:-[a-z]+)+-\d+)\.queue\./.exec(host);
  return region?.[1];
}

function programName(): string {
  const path = process.argv[1] || process.execPath;
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1) || "node";
}
