/** A JSON object whose members are not known yet. */
export type JsonObject = { [member: string]: unknown };

/** Whether `value` is an object, and neither an array nor `null`. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member that is a string and not empty; everything else counts as not there. */
export function stringMember(object: JsonObject, member: string): string | undefined {
  const value = object[member];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The JSON object that `text` is, or `undefined` when it is another value or not JSON. A byte order mark is skipped. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text.startsWith("\uFEFF") ? text.slice(1) : text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The value at an RFC 6901 pointer such as `/input/0/token`. */
export function atPointer(value: unknown, pointer: string): unknown {
  let place = value;
  for (const escaped of pointer.split("/").slice(1)) {
    const step = escaped.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof place !== "object" || place === null || !Object.hasOwn(place, step)) return undefined;
    place = (place as JsonObject)[step];
  }
  return place;
}

/** JSON text in which every character is one that SQS accepts: it refuses U+FFFE and U+FFFF, escaped they pass. */
export function toQueueJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\uFFFE\uFFFF]/g, (character) =>
    character === "\uFFFE" ? "\\ufffe" : "\\uffff",
  );
}
