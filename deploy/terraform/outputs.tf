# Written by deploy/generate from template.yaml.

output "queue_url" {
  description = "Publish failure events here."
  value       = aws_cloudformation_stack.relay.outputs["QueueUrl"]
}

output "queue_arn" {
  value = aws_cloudformation_stack.relay.outputs["QueueArn"]
}

output "dead_letter_queue_url" {
  description = "Events that could not be relayed."
  value       = aws_cloudformation_stack.relay.outputs["DeadLetterQueueUrl"]
}

output "dead_letter_queue_arn" {
  value = aws_cloudformation_stack.relay.outputs["DeadLetterQueueArn"]
}

output "parking_queue_url" {
  description = "Failures that wait because their target is in trouble. Only the relay may send here."
  value       = aws_cloudformation_stack.relay.outputs["ParkingQueueUrl"]
}

output "parking_queue_arn" {
  value = aws_cloudformation_stack.relay.outputs["ParkingQueueArn"]
}

output "event_bus_name" {
  description = "Or here, with any source and detail-type, the failure event as detail."
  value       = aws_cloudformation_stack.relay.outputs["EventBusName"]
}

output "event_bus_arn" {
  value = aws_cloudformation_stack.relay.outputs["EventBusArn"]
}

output "function_name" {
  description = "Or invoke it directly, with the failure event as payload."
  value       = aws_cloudformation_stack.relay.outputs["FunctionName"]
}

output "function_arn" {
  value = aws_cloudformation_stack.relay.outputs["FunctionArn"]
}

output "relay_role_arn" {
  description = "The role that deploy/cross-account-role.yaml is to trust."
  value       = aws_cloudformation_stack.relay.outputs["RelayRoleArn"]
}

output "publisher_policy_arn" {
  description = "Managed policy for the roles of publishers in this account."
  value       = aws_cloudformation_stack.relay.outputs["PublisherPolicyArn"]
}

output "key_arn" {
  description = "The key that this stack made for the queues. null where the variables make none."
  value       = lookup(aws_cloudformation_stack.relay.outputs, "KeyArn", null)
}

output "log_group_name" {
  value = aws_cloudformation_stack.relay.outputs["LogGroupName"]
}

output "table_name" {
  description = "Leases and claims. It holds tokens. null where the variables make none."
  value       = lookup(aws_cloudformation_stack.relay.outputs, "TableName", null)
}

output "watch_function_name" {
  description = "Reports leases that came due and, invoked with {\"sweep\": true}, tasks whose worker is gone. null where the variables make none."
  value       = lookup(aws_cloudformation_stack.relay.outputs, "WatchFunctionName", null)
}

output "canary_state_machine_arn" {
  description = "Start it to try the relay now. null where the variables make none."
  value       = lookup(aws_cloudformation_stack.relay.outputs, "CanaryStateMachineArn", null)
}

output "dashboard_name" {
  value = aws_cloudformation_stack.relay.outputs["DashboardName"]
}

output "alarms_notify" {
  description = "Who hears of the alarms."
  value       = aws_cloudformation_stack.relay.outputs["AlarmsNotify"]
}
