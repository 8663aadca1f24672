output "address" {
  description = "Host name of the machine that writes."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "id" {
  description = "Name, as its metrics have it."
  value       = aws_elasticache_replication_group.this.id
}
