# What Terraform needs to deploy the template. The template's own parameters are in parameters.tf.

variable "packaged_template" {
  type        = string
  description = "The file that sam package wrote. The functions that it names are in a bucket already."
}

variable "template_bucket" {
  type        = string
  description = "Bucket that the packaged template is put into, for it is too long to be sent with the request. The one that sam package used will do."
}

variable "stack_name" {
  type        = string
  default     = "failure-relay"
  description = "Name of the CloudFormation stack. The names of queues, log groups and the dashboard begin with it."
}

variable "iam_role_arn" {
  type        = string
  default     = null
  description = "Role with which CloudFormation makes the stack. null: the permissions that Terraform has."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of the stack, which CloudFormation gives to what is in it."
}
