output "instance_id" {
  description = "The machine, as SSM and EC2 know it."
  value       = aws_instance.this.id
}

output "address" {
  description = "Fixed public address."
  value       = aws_eip.this.public_ip
}

output "role_arn" {
  description = "Role of the host."
  value       = aws_iam_role.this.arn
}

output "policy" {
  description = "What the role may do, as JSON."
  value       = data.aws_iam_policy_document.host.json
}

output "release_document" {
  description = "Name of the SSM document that starts a release."
  value       = aws_ssm_document.release.name
}

output "data_volume_id" {
  description = "Disk of everything that must outlive the host."
  value       = aws_ebs_volume.data.id
}
