/**
 * What is needed when the first work begins: loaded then, so that importing the package and wrapping a handler cost next to
 * nothing. It holds the one state that there is: which work the running code belongs to.
 *
 * @packageDocumentation
 */
export { invoking } from "./invocation.js";
export { reportError } from "./report-error.js";
export { runTask } from "./run-task.js";
export { stages } from "./stages.js";
