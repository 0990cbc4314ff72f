data "aws_s3_bucket" "template" {
  bucket = var.template_bucket
}

# The name changes with the content, so that the stack is updated when the template was.
resource "aws_s3_object" "template" {
  bucket = data.aws_s3_bucket.template.bucket
  key    = "${var.stack_name}/${filesha256(var.packaged_template)}.template"
  source = var.packaged_template

  lifecycle {
    precondition {
      condition     = can(regex("CodeUri: s3://", file(var.packaged_template)))
      error_message = "packaged_template names no functions in a bucket: give the file that sam package wrote."
    }
  }
}

resource "aws_cloudformation_stack" "relay" {
  name         = var.stack_name
  template_url = "https://${data.aws_s3_bucket.template.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  parameters   = local.parameters
  # The template makes roles and policies, and uses the SAM transform.
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  iam_role_arn = var.iam_role_arn
  tags         = var.tags
}
