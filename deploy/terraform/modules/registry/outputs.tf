output "urls" {
  description = "Image -> address of its repository."
  value       = local.urls
}

output "arns" {
  description = "ARNs of the repositories."
  value       = [for repository in aws_ecr_repository.this : repository.arn]
}

output "images" {
  description = "What the repositories' addresses have in common: REGISTRY/NAME, to which -IMAGE is added."
  value       = trimsuffix(values(local.urls)[0], "-${keys(local.urls)[0]}")
}
