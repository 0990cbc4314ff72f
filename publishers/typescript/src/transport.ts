import { withinTime } from "./attempts.js";
import { clientConfiguration, packages } from "./aws.js";
import { type Destination, messageGroup } from "./destination.js";
import { type FailureEvent, serialise } from "./event.js";
import type { AwsClient } from "./options.js";

/** Brings events to one queue or bus, with one client. */
export class Transport {
  readonly #to: Destination;
  #client: AwsClient | undefined;

  /** @param client - the client to use; default: one of its own, made when it is first needed */
  constructor(to: Destination, client: AwsClient | undefined) {
    this.#to = to;
    this.#client = client;
  }

  /**
   * Sends one event, and returns when it was confirmed.
   *
   * @param timeMs - the time that this has, retries included
   * @throws why it was not confirmed
   */
  async send(event: FailureEvent, timeMs: number): Promise<void> {
    const to = this.#to;
    const body = serialise(event);
    const deduplicationId = globalThis.crypto.randomUUID();
    await withinTime(timeMs, (abortSignal) =>
      to.kind === "queue"
        ? this.#sendMessage(to, event.source, body, deduplicationId, abortSignal)
        : this.#putEvents(to, event.source, body, abortSignal),
    );
  }

  /** @param deduplicationId - the same in every attempt: one that was taken without an answer is not doubled by the next */
  async #sendMessage(
    to: Destination & { kind: "queue" },
    source: string,
    body: string,
    deduplicationId: string,
    abortSignal: AbortSignal,
  ): Promise<void> {
    const { SQSClient, SendMessageCommand } = await packages.sqs();
    this.#client ??= new SQSClient({ ...clientConfiguration(to.region), ...endpointOf(to.url) });
    const message = {
      QueueUrl: to.url,
      MessageBody: body,
      MessageGroupId: messageGroup(source),
      ...(to.url.endsWith(".fifo") && { MessageDeduplicationId: deduplicationId }),
    };
    await this.#client.send(new SendMessageCommand(message), { abortSignal });
  }

  async #putEvents(
    to: Destination & { kind: "bus" },
    source: string,
    body: string,
    abortSignal: AbortSignal,
  ): Promise<void> {
    const { EventBridgeClient, PutEventsCommand } = await packages.eventBridge();
    this.#client ??= new EventBridgeClient(clientConfiguration(to.region));
    const entry = { EventBusName: to.name, Source: source, DetailType: "Failure Event", Detail: body };
    const answer = await this.#client.send(new PutEventsCommand({ Entries: [entry] }), { abortSignal });
    if (answer?.FailedEntryCount > 0) {
      const { ErrorCode = "FailedEntry", ErrorMessage = "the bus did not take the event" } =
        answer.Entries?.[0] ?? {};
      throw Object.assign(new Error(ErrorMessage), { name: ErrorCode });
    }
  }
}

/**
 * The SDK would send to the host of the queue's URL too, but with a warning for each host that is not its own (that of a VPC
 * endpoint), and also where the environment names another endpoint.
 */
function endpointOf(queueUrl: string): { endpoint?: string; useQueueUrlAsEndpoint?: boolean } {
  if (process.env.AWS_ENDPOINT_URL_SQS || process.env.AWS_ENDPOINT_URL)
    return { useQueueUrlAsEndpoint: false };
  return URL.canParse(queueUrl) ? { endpoint: new URL(queueUrl).origin } : {};
}
