/**
 * What is needed only when there is something to tell: a failure, a success, a lease. A file of its own, because most works
 * end well and should not pay for reading it.
 *
 * It holds no state, so that the few small modules that the two files have in common may be in both.
 *
 * @packageDocumentation
 */
export { withinTime } from "./attempts.js";
export { redacted } from "./event.js";
export { describe } from "./failure.js";
export { Safeguards } from "./safeguards.js";
export { Secrets } from "./secrets.js";
export { checkSuccess, ResultNotAcceptedError, resultJson, tellSuccess } from "./success.js";
export { Transport } from "./transport.js";
