/** What stands at the end of a text that was cut. */
export const TRUNCATED = "… [truncated]";

/** `text` cut on a character boundary, so that with the marker it has at most `max` UTF-16 units. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return startOf(text, Math.max(0, max - TRUNCATED.length));
}

/** The longest start of `text` that `fits` with the marker behind it; the marker alone when nothing more does. */
export function cutToFit(text: string, fits: (candidate: string) => boolean): string {
  let [low, high] = [0, text.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(startOf(text, middle))) low = middle;
    else high = middle - 1;
  }
  return startOf(text, Math.max(0, low));
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
