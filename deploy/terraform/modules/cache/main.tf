# Redis for the limits and answers that several services share; TLS and a password are not optional.

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "Storecast: shared limits and answers"
  engine               = "redis"
  engine_version       = "7.1"
  node_type            = var.node_type
  port                 = 6379
  subnet_group_name    = aws_elasticache_subnet_group.this.name
  security_group_ids   = [var.security_group_id]

  num_cache_clusters         = var.two_zones ? 2 : 1
  automatic_failover_enabled = var.two_zones
  multi_az_enabled           = var.two_zones

  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  auth_token                 = var.auth_token
  auth_token_update_strategy = "ROTATE"

  # It can be lost: what it holds is computed again.
  snapshot_retention_limit   = 1
  auto_minor_version_upgrade = true
}
