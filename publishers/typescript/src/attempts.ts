/** No more attempts than this are made, however quickly they fail. */
const ATTEMPTS_MAX = 5;

/** One attempt takes at most this share of the whole time, so that a call that hangs leaves time for another. */
const SHARE_OF_ONE = 0.4;

/** The pause after the first attempt that failed, in milliseconds; it doubles, and half of it is random. */
const PAUSE_MS = 100;

/** No attempt is begun with less time than this left. */
const ATTEMPT_MS_MIN = 20;

/** Nobody answered within the time that one attempt, or all of them, had. */
class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/**
 * Makes a call until it succeeds, is refused for good, or its time is up. An answer that is not known to be final is
 * retried: nothing is dropped by ignorance.
 *
 * @param totalMs - the time that all attempts have together
 * @param attempt - makes the call once, and gives up when the signal says so
 * @throws the error of the last attempt
 */
export async function withinTime<T>(
  totalMs: number,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = performance.now() + totalMs;
  const left = () => end - performance.now();
  for (let count = 1; ; count++) {
    try {
      return await limited(Math.min(left(), totalMs * SHARE_OF_ONE), attempt);
    } catch (error) {
      const pause = PAUSE_MS * 2 ** (count - 1) * (0.5 + Math.random() / 2);
      if (isFinal(error) || count === ATTEMPTS_MAX || left() < pause + ATTEMPT_MS_MIN) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** One call, given up after `limitMs` whether it heeds the signal or not. */
async function limited<T>(limitMs: number, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const giveUp = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        reject(new TimeoutError(`no answer within ${Math.round(limitMs)} ms`));
        giveUp.abort();
      },
      Math.max(0, limitMs),
    );
  });
  try {
    return await Promise.race([attempt(giveUp.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** A refusal that the same call would meet again: a client error that is neither throttling nor about credentials that expire. */
function isFinal(error: unknown): boolean {
  if (error instanceof MissingPackageError) return true;
  const {
    name = "",
    $metadata,
    $retryable,
  } = error as { name?: string; $metadata?: { httpStatusCode?: number }; $retryable?: unknown };
  const status = $metadata?.httpStatusCode ?? 0;
  if ($retryable !== undefined || status < 400 || status >= 500 || status === 408 || status === 429)
    return false;
  return !/Throttl|TooManyRequests|LimitExceeded|SlowDown|Expired|RequestTimeout|TimeTooSkewed|Unavailable/i.test(
    name,
  );
}

/** A package of the AWS SDK is not installed. */
export class MissingPackageError extends Error {
  override readonly name = "MissingPackageError";
}
