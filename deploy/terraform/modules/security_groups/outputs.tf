output "host_id" {
  description = "Group of the host."
  value       = aws_security_group.host.id
}

output "database_id" {
  description = "Group of the database, or null."
  value       = try(aws_security_group.store["database"].id, null)
}

output "cache_id" {
  description = "Group of the cache, or null."
  value       = try(aws_security_group.store["cache"].id, null)
}

output "balancer_id" {
  description = "Group of the load balancer, or null."
  value       = try(aws_security_group.balancer[0].id, null)
}
