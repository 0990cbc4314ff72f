/** What stands at the end of a text that was cut. */
export const TRUNCATED = "… [truncated]";

/** `text` cut on a character boundary, so that with the marker it has at most `max` UTF-16 units. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return startOf(text, Math.max(0, max - TRUNCATED.length));
}

/**
 * `text` cut on a character boundary, so that as a JSON string with the marker it has at most `max` bytes in UTF-8; the marker
 * alone when nothing more fits.
 */
export function cutToJsonBytes(text: string, max: number): string {
  let left = max - byteLength(TRUNCATED);
  let end = 0;
  for (const character of text) {
    left -= jsonBytesOf(character);
    if (left < 0) return text.slice(0, end) + TRUNCATED;
    end += character.length;
  }
  return text;
}

/** The bytes of one character in JSON: what JSON or SQS does not take as it is, is escaped. */
function jsonBytesOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return "\b\t\n\f\r".includes(character) ? 2 : 6;
  if (code < 0x80) return character === '"' || character === "\\" ? 2 : 1;
  if (code < 0x800) return 2;
  if (code > 0xffff) return 4;
  const isEscaped = (code >= 0xd800 && code <= 0xdfff) || code >= 0xfffe;
  return isEscaped ? 6 : 3;
}

/** The number of bytes of `text` in UTF-8. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

function startOf(text: string, length: number): string {
  return text.slice(0, isInsidePair(text, length) ? length - 1 : length) + TRUNCATED;
}

function isInsidePair(text: string, index: number): boolean {
  return (
    index > 0 && /[\uD800-\uDBFF]/.test(text.charAt(index - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(index))
  );
}
