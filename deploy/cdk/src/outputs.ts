// Written by deploy/generate from template.yaml.

/** The outputs of the template. */
export interface FailureRelayOutputs {
  /** Publish failure events here. */
  readonly queueUrl: string;
  readonly queueArn: string;
  /** Events that could not be relayed. */
  readonly deadLetterQueueUrl: string;
  readonly deadLetterQueueArn: string;
  /** Failures that wait because their target is in trouble. Only the relay may send here. */
  readonly parkingQueueUrl: string;
  readonly parkingQueueArn: string;
  /** Or here, with any source and detail-type, the failure event as detail. */
  readonly eventBusName: string;
  readonly eventBusArn: string;
  /** Or invoke it directly, with the failure event as payload. */
  readonly functionName: string;
  readonly functionArn: string;
  /** The role that deploy/cross-account-role.yaml is to trust. */
  readonly relayRoleArn: string;
  /** Managed policy for the roles of publishers in this account. */
  readonly publisherPolicyArn: string;
  /** The key that this stack made for the queues. `undefined` where the parameters make none. */
  readonly keyArn: string | undefined;
  readonly logGroupName: string;
  /** Leases and claims. It holds tokens. `undefined` where the parameters make none. */
  readonly tableName: string | undefined;
  /**
   * Reports leases that came due and, invoked with {"sweep": true}, tasks whose worker is gone.
   * `undefined` where the parameters make none.
   */
  readonly watchFunctionName: string | undefined;
  /** Start it to try the relay now. `undefined` where the parameters make none. */
  readonly canaryStateMachineArn: string | undefined;
  readonly dashboardName: string;
  /** Who hears of the alarms. */
  readonly alarmsNotify: string;
}

/** The name of each in the template. */
export const OUTPUTS: Readonly<Record<keyof FailureRelayOutputs, string>> = {
  queueUrl: "QueueUrl",
  queueArn: "QueueArn",
  deadLetterQueueUrl: "DeadLetterQueueUrl",
  deadLetterQueueArn: "DeadLetterQueueArn",
  parkingQueueUrl: "ParkingQueueUrl",
  parkingQueueArn: "ParkingQueueArn",
  eventBusName: "EventBusName",
  eventBusArn: "EventBusArn",
  functionName: "FunctionName",
  functionArn: "FunctionArn",
  relayRoleArn: "RelayRoleArn",
  publisherPolicyArn: "PublisherPolicyArn",
  keyArn: "KeyArn",
  logGroupName: "LogGroupName",
  tableName: "TableName",
  watchFunctionName: "WatchFunctionName",
  canaryStateMachineArn: "CanaryStateMachineArn",
  dashboardName: "DashboardName",
  alarmsNotify: "AlarmsNotify",
};
