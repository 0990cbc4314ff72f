import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One call that an AWS service received. */
export interface Call {
  /** Such as `SendMessage`. */
  operation: string;
  /** The region that the request was signed for. */
  region: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: each operation has an input of its own.
  input: any;
}

/** What the fake answers; `undefined`: as the service does when all is well; `"silence"`: never. */
export type Answer = { status: number; body?: unknown } | "silence" | undefined;

/** AWS on loopback: SQS, EventBridge, Step Functions, SWF, CodePipeline and Lambda, as far as publishers call them. */
export class FakeAws {
  readonly calls: Call[] = [];
  /** Decides what is answered; called with the call and its number for that operation, from 1. */
  answer: (call: Call, count: number) => Answer | Promise<Answer> = () => undefined;
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<FakeAws> {
    const fake = new FakeAws();
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get queueUrl(): string {
    return `${this.url}/111122223333/failure-events`;
  }

  /** The events that were sent, to the queue and to the bus. */
  // biome-ignore lint/suspicious/noExplicitAny: what tests look at.
  get events(): any[] {
    const bodies = this.calls.map(({ operation, input }) =>
      operation === "SendMessage"
        ? input.MessageBody
        : operation === "PutEvents"
          ? input.Entries[0].Detail
          : undefined,
    );
    return bodies.filter((body) => body !== undefined).map((body) => JSON.parse(body));
  }

  reset(): void {
    this.calls.length = 0;
    this.answer = () => undefined;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const call = read(request, Buffer.concat(chunks));
    this.calls.push(call);
    const count = this.calls.filter(({ operation }) => operation === call.operation).length;
    const answer = await this.answer(call, count);
    if (answer === "silence") return;
    const { status, body } = answer ?? { status: 200, body: accepted(call) };
    response.writeHead(status, { "content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "0" });
    response.end(body === undefined ? "{}" : JSON.stringify(body));
  }
}

function read(request: IncomingMessage, body: Buffer): Call {
  const region = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? "")?.[1];
  const target = request.headers["x-amz-target"];
  if (typeof target === "string") {
    return { operation: target.split(".").at(-1) ?? "", region, input: JSON.parse(body.toString()) };
  }
  const callback = /^\/2025-12-01\/durable-execution-callbacks\/([^/]+)\/succeed/.exec(request.url ?? "");
  if (callback?.[1] === undefined)
    return { operation: `${request.method} ${request.url}`, region, input: body };
  const input = { CallbackId: decodeURIComponent(callback[1]), Result: body.toString() };
  return { operation: "SendDurableExecutionCallbackSuccess", region, input };
}

function accepted({ operation, input }: Call): unknown {
  if (operation === "PutEvents") return { FailedEntryCount: 0, Entries: [{ EventId: "1" }] };
  if (operation !== "SendMessage") return {};
  return { MessageId: "1", MD5OfMessageBody: createHash("md5").update(input.MessageBody).digest("hex") };
}
