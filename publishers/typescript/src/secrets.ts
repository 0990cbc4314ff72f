import { type Environment, furtherTaskTokenNames, TASK_TOKEN_NAMES } from "./identity.js";
import { isObject, type JsonObject } from "./json.js";
import { SECRET_MEMBERS_BY_KIND, type Target } from "./target.js";

/** What stands where a secret was. */
const REDACTED = "[redacted]";

/** A secret that is shorter than this is replaced only where it is a word of its own: else it would hide the text. */
const WORD_BELOW = 8;

/** So much of a payload is searched for secrets. */
const VALUES_MAX = 100_000;

/** The names under which secrets stand, without case, `-` and `_`. */
const USUAL_NAMES: readonly string[] = [
  ...TASK_TOKEN_NAMES,
  "SWF_TASK_TOKEN",
  "DURABLE_CALLBACK_ID",
  "CODEPIPELINE_CLIENT_TOKEN",
  "accessKeyId",
  "secretAccessKey",
  "sessionToken",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  ...Object.values(SECRET_MEMBERS_BY_KIND).flat(),
].map(normalised);

/**
 * The secrets that a failure must not tell: those of its target, and whatever stands under a secret's name in the
 * environment, in the payload, or in the text itself.
 */
export class Secrets {
  readonly #names: ReadonlySet<string>;
  readonly #words: RegExp[] = [];
  readonly #texts: string[];

  /**
   * @param target - the task or job that failed
   * @param environment - the process environment, with the names that `RELAY_TASK_TOKEN_NAMES` adds
   * @param payload - the event that a Lambda function was called with
   */
  constructor(target: Target | undefined, environment: Environment, payload?: unknown) {
    const further = furtherTaskTokenNames(environment).map((name) => name.slice(name.lastIndexOf("/") + 1));
    this.#names = new Set([...USUAL_NAMES, ...further.map(normalised)]);
    const texts = new Set<string>();
    for (const value of secretMembers(target)) {
      if (value.length < WORD_BELOW) this.#words.push(wordOf(value));
      else for (const form of formsOf(value)) texts.add(form);
    }
    for (const value of [...this.#valuesIn(environment), ...this.#valuesIn(payload)]) {
      if (value.length >= WORD_BELOW) for (const form of formsOf(value)) texts.add(form);
    }
    this.#texts = [...texts].sort((a, b) => b.length - a.length);
  }

  /** `text` without secrets. */
  redact(text: string): string {
    let redacted = text;
    for (const secret of this.#texts) redacted = redacted.replaceAll(secret, REDACTED);
    for (const word of this.#words) redacted = redacted.replace(word, REDACTED);
    return this.#redactCommandLine(this.#redactPairs(this.#redactMembers(redacted)));
  }

  /** A JSON value without secrets in any of its texts and names; text that is not well-formed Unicode is mended. */
  redactJson(value: unknown): unknown {
    if (typeof value === "string") return this.redact(value.toWellFormed());
    if (Array.isArray(value)) return this.#redactList(value);
    if (!isObject(value)) return value;
    const isPair =
      typeof value.name === "string" && typeof value.value === "string" && this.#isSecret(value.name);
    const members = Object.entries(value).map(([name, member]) => {
      const isHidden = (isPair && name === "value") || (typeof member === "string" && this.#isSecret(name));
      return [
        this.redact(name.toWellFormed()),
        isHidden && member !== "" ? REDACTED : this.redactJson(member),
      ];
    });
    return Object.fromEntries(members);
  }

  #redactList(list: readonly unknown[]): unknown[] {
    return list.map((value, index) => {
      const before: unknown = list[index - 1];
      const isArgument = typeof before === "string" && /^--?[\w-]+$/.test(before) && this.#isSecret(before);
      return isArgument && typeof value === "string" ? REDACTED : this.redactJson(value);
    });
  }

  /** `"taskToken": "…"`, in JSON, in JSON inside a string at any depth, and as Node prints objects. */
  #redactMembers(text: string): string {
    const member =
      /(?:(?<!\\)(\\{0,63})(["'])|(?<![\w\\-]))((?:[\w-]|\\{1,63}u[0-9a-fA-F]{4}){2,120})\1\2\s*[:=]\s*(\\{0,63})(["'])/g;
    return this.#redactValues(text, member, (match) => this.#isSecret(match[3] ?? ""));
  }

  /** `"name": "TASK_TOKEN", "value": "…"`. */
  #redactPairs(text: string): string {
    const pair =
      /\bname\\*["']?\s*:\s*\\*["']([\w-]{2,120})\\*["']\s*,\s*\\*["']?value\\*["']?\s*:\s*(\\*)(["'])/gi;
    return this.#redactValues(text, pair, (match) => this.#isSecret(match[1] ?? ""));
  }

  /** Replaces the quoted value that follows each match; its opening quote is the last thing that was matched. */
  #redactValues(text: string, pattern: RegExp, isSecret: (match: RegExpExecArray) => boolean): string {
    let [redacted, copied] = ["", 0];
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      if (!isSecret(match)) {
        pattern.lastIndex = match.index + Math.max(1, match[0].length - 1 - (match.at(-2) ?? "").length);
        continue;
      }
      const start = match.index + match[0].length;
      const end = closingQuote(text, start, match.at(-1) ?? '"', (match.at(-2) ?? "").length);
      if (end > start) redacted += text.slice(copied, start) + REDACTED;
      else redacted += text.slice(copied, start);
      copied = end;
      pattern.lastIndex = Math.max(end, match.index + 1);
    }
    return redacted + text.slice(copied);
  }

  /** `--task-token X`, `--taskToken=X`, `TASK_TOKEN=X`. */
  #redactCommandLine(text: string): string {
    const argument =
      /(?<![\w-])(--?[A-Za-z][\w-]{1,80}(?:=|\s+)|[A-Za-z]\w{1,80}=)("[^"]*"|'[^']*'|[^\s"']+)/g;
    return text.replace(argument, (whole, name: string) =>
      this.#isSecret(name.trim()) ? name + REDACTED : whole,
    );
  }

  #isSecret(name: string): boolean {
    return this.#names.has(normalised(name));
  }

  /** The texts that stand under secrets' names in `value`. */
  *#valuesIn(value: unknown): Generator<string> {
    const left: unknown[] = [value];
    for (let count = 0; left.length > 0 && count < VALUES_MAX; count++) {
      const next = left.pop();
      if (Array.isArray(next)) left.push(...next.slice(0, VALUES_MAX));
      if (!isObject(next)) continue;
      for (const [name, member] of Object.entries(next)) {
        if (typeof member !== "string") left.push(member);
        else if (this.#isSecret(name)) yield member;
      }
    }
  }
}

function normalised(name: string): string {
  const unescaped = name.replace(/\\+u([0-9a-fA-F]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return unescaped.replace(/[-_=]/g, "").toLowerCase();
}

function secretMembers(target: JsonObject | undefined): string[] {
  const kind = target?.kind;
  const known = typeof kind === "string" && Object.hasOwn(SECRET_MEMBERS_BY_KIND, kind);
  const members: readonly string[] = known
    ? SECRET_MEMBERS_BY_KIND[kind as keyof typeof SECRET_MEMBERS_BY_KIND]
    : Object.values(SECRET_MEMBERS_BY_KIND).flat();
  return members
    .map((member) => target?.[member])
    .filter((value) => typeof value === "string" && value !== "") as string[];
}

/** The forms in which a secret may be quoted: as it is, in JSON, with escaped slashes, in a URL. */
function formsOf(secret: string): Set<string> {
  const wellFormed = secret.toWellFormed();
  const inJson = JSON.stringify(wellFormed).slice(1, -1);
  return new Set([secret, inJson, inJson.replaceAll("/", "\\/"), encodeURIComponent(wellFormed)]);
}

function wordOf(secret: string): RegExp {
  const escaped = secret.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "gu");
}

/** Where the value ends that was opened by a quote behind `escapes` backslashes; a value that was cut ends with the text. */
function closingQuote(text: string, from: number, quote: string, escapes: number): number {
  for (let end = text.indexOf(quote, from); end !== -1; end = text.indexOf(quote, end + 1)) {
    let backslashes = 0;
    while (end - backslashes > from && text[end - backslashes - 1] === "\\") backslashes += 1;
    if (backslashes <= escapes) return end - backslashes;
  }
  return text.length;
}
