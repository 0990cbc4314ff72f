import type { Secrets } from "./secrets.js";

/** Writes lines, without secrets, to `console.warn` and `console.error`: the only things that this package ever prints. */
export class Log {
  readonly #secrets: () => Secrets;

  /** @param secrets - what no line may hold; asked for when there is a line to write */
  constructor(secrets: () => Secrets) {
    this.#secrets = secrets;
  }

  /** Something is not as it should be, but nothing is lost. */
  warn(text: string, cause?: unknown): void {
    console.warn(this.#line(text, cause));
  }

  /** An orchestrator is not told what it waits for. */
  error(text: string, cause?: unknown): void {
    console.error(this.#line(text, cause));
  }

  #line(text: string, cause: unknown): string {
    const sentence = cause === undefined ? text : `${text}: ${reason(cause)}`;
    return `failure-relay: ${this.#secrets()
      .redact(sentence)
      .replace(/\s*[\r\n]+\s*/g, " ")}`;
  }
}

/** What an error says, in one short text. */
function reason(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, 1_000);
}
