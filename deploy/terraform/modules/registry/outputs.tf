output "urls" {
  description = "Image -> address of its repository."
  value       = { for image, repository in aws_ecr_repository.this : image => repository.repository_url }
}

output "arns" {
  description = "ARNs of the repositories."
  value       = [for repository in aws_ecr_repository.this : repository.arn]
}
