import { isObject, type JsonObject, parseObject } from "./json.js";

/** Envelopes are unwrapped this deep, the outermost counted. */
const DEPTH_MAX = 4;

/**
 * `payload`, and below it what each envelope around the work holds; the innermost is the last.
 *
 * An object with a `target` object is unwrapped no further, and neither is an envelope whose content is not a JSON object.
 */
export function layers(payload: JsonObject): [JsonObject, ...JsonObject[]] {
  const found: [JsonObject, ...JsonObject[]] = [payload];
  let object = payload;
  while (found.length <= DEPTH_MAX && !isObject(object.target)) {
    const inner = asObject(content(object));
    if (inner === undefined) break;
    found.push(inner);
    object = inner;
  }
  return found;
}

function content(object: JsonObject): unknown {
  if (Array.isArray(object.Records))
    return object.Records.length === 1 ? recordContent(object.Records[0]) : undefined;
  if (object.Type === "Notification" && typeof object.Message === "string") return object.Message;
  if (isPresent(object["detail-type"]) && isPresent(object.detail)) return object.detail;
  if (isPresent(object.specversion) && isPresent(object.data)) return object.data;
  return undefined;
}

/** What one record holds: the body of an SQS message, the message of an SNS record, else the record itself. */
function recordContent(record: unknown): unknown {
  if (!isObject(record)) return undefined;
  if (isPresent(record.body)) return record.body;
  return isObject(record.Sns) && isPresent(record.Sns.Message) ? record.Sns.Message : record;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function asObject(value: unknown): JsonObject | undefined {
  if (typeof value === "string") return parseObject(value);
  return isObject(value) ? value : undefined;
}
