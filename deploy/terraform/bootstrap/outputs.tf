output "bucket" {
  description = "Bucket of the states."
  value       = module.state.name
}

output "lock_table" {
  description = "Table of the locks."
  value       = aws_dynamodb_table.lock.name
}

output "backend" {
  description = "Settings of the infrastructure's backend: `terraform output -raw backend > backend.hcl`. Its key is the environment's."
  value = join("\n", [
    "bucket         = \"${module.state.name}\"",
    "region         = \"${var.region}\"",
    "encrypt        = true",
    "kms_key_id     = \"${module.encryption.key_arn}\"",
    "dynamodb_table = \"${aws_dynamodb_table.lock.name}\"",
    "",
  ])
}
