export { FailureRelay, type FailureRelayProps } from "./failure-relay.js";
export type { FailureRelayOutputs } from "./outputs.js";
export type { FailureRelayParameters } from "./parameters.js";
