# One environment, put together: network, host, buckets, registry, and what was asked for beside them.

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  name       = "${var.project}-${var.environment}"
  parameters = "/${var.project}/${var.environment}"
  # Names of buckets are the world's: account and region make them ours.
  owner = "${data.aws_caller_identity.this.account_id}-${data.aws_region.this.name}"
}

module "encryption" {
  source = "../encryption"

  name = local.name
}

module "network" {
  source = "../network"

  name          = local.name
  cidr          = var.vpc_cidr
  kms_key_arn   = module.encryption.key_arn
  flow_log_days = var.log_days
}

module "security_groups" {
  source = "../security_groups"

  name        = local.name
  vpc_id      = module.network.vpc_id
  https_cidrs = var.https_cidrs
  ssh_cidrs   = var.ssh_cidrs
  web_cidrs   = var.web_cidrs
  balanced    = var.load_balancer != null
  database    = var.database != null
  cache       = var.cache != null
}

module "registry" {
  source = "../registry"

  name          = local.name
  kms_key_arn   = module.encryption.key_arn
  force_destroy = !var.deletion_protection
}

module "artifacts" {
  source = "../bucket"

  name          = "${local.name}-artifacts-${local.owner}"
  kms_key_arn   = module.encryption.key_arn
  force_destroy = !var.deletion_protection
}

module "backups" {
  source = "../bucket"

  name              = "${local.name}-backups-${local.owner}"
  kms_key_arn       = module.encryption.key_arn
  old_versions_days = var.backup_days
  expires           = { "host/" = var.backup_days }
  force_destroy     = !var.deletion_protection
}

module "host" {
  source = "../host"

  name                = local.name
  parameters          = local.parameters
  instance_type       = var.instance_type
  ami_id              = var.ami_id
  detailed_monitoring = var.detailed_monitoring
  subnet_id           = module.network.public_subnet_ids[0]
  security_group_id   = module.security_groups.host_id
  ssh_public_key      = var.ssh_public_key
  kms_key_arn         = module.encryption.key_arn
  system_gb           = var.system_gb
  data_gb             = var.data_gb
  repository_arns     = module.registry.arns
  images              = module.registry.images
  artifacts_bucket    = { name = module.artifacts.name, arn = module.artifacts.arn }
  backups_bucket      = { name = module.backups.name, arn = module.backups.arn }
  log_group_arns      = module.monitoring.log_group_arns
  metrics_namespace   = module.monitoring.namespace
  compose_version     = var.compose_version
  compose_sha256      = var.compose_sha256
}

module "monitoring" {
  source = "../monitoring"

  name          = local.name
  log_days      = var.log_days
  kms_key_arn   = module.encryption.key_arn
  emails        = var.alarm_emails
  limits        = var.alarm_limits
  instance_id   = module.host.instance_id
  instance_type = var.instance_type
  databases     = { for database in module.database : "database" => database.identifier }
  balancers     = { for balancer in module.load_balancer : "balancer" => balancer.metrics }
}

module "database" {
  source = "../database"
  count  = var.database == null ? 0 : 1

  name                = local.name
  subnet_ids          = module.network.private_subnet_ids
  security_group_id   = module.security_groups.database_id
  kms_key_arn         = module.encryption.key_arn
  instance_class      = var.database.instance_class
  storage_gb          = var.database.storage_gb
  two_zones           = var.database.two_zones
  backup_days         = var.database.backup_days
  deletion_protection = var.deletion_protection
}

module "cache" {
  source = "../cache"
  count  = var.cache == null ? 0 : 1

  name              = local.name
  subnet_ids        = module.network.private_subnet_ids
  security_group_id = module.security_groups.cache_id
  kms_key_arn       = module.encryption.key_arn
  node_type         = var.cache.node_type
  two_zones         = var.cache.two_zones
  auth_token        = var.cache_auth_token
}

module "load_balancer" {
  source = "../load_balancer"
  count  = var.load_balancer == null ? 0 : 1

  name                = local.name
  vpc_id              = module.network.vpc_id
  subnet_ids          = slice(module.network.public_subnet_ids, 0, 2)
  security_group_id   = module.security_groups.balancer_id
  instance_id         = module.host.instance_id
  domain              = var.load_balancer.domain
  zone_id             = var.load_balancer.zone_id
  deletion_protection = var.deletion_protection
  force_destroy       = !var.deletion_protection
}

# What the agent of CloudWatch collects: the file of the repository, with this environment's names.
resource "aws_ssm_parameter" "agent" {
  name   = "${local.parameters}/cloudwatch-agent"
  type   = "SecureString"
  key_id = module.encryption.key_arn
  value = replace(
    replace(file("${path.module}/../../../../monitoring/cloudwatch/agent.json"), "NAMESPACE", module.monitoring.namespace),
    "LOGS/", "${module.monitoring.log_prefix}/"
  )
}

# Which release runs. The deployment writes it; Terraform only sees that it is there.
resource "aws_ssm_parameter" "release" {
  name   = "${local.parameters}/release"
  type   = "SecureString"
  key_id = module.encryption.key_arn
  value  = "none"

  lifecycle {
    ignore_changes = [value]
  }
}

# What stands beside the host in place of compose's own. A release reads it when it starts.
locals {
  beside = compact([var.database == null ? "" : "database", var.cache == null ? "" : "cache"])
}

resource "aws_ssm_parameter" "beside" {
  count  = length(local.beside) == 0 ? 0 : 1
  name   = "${local.parameters}/env/STORECAST_BESIDE"
  type   = "SecureString"
  key_id = module.encryption.key_arn
  value  = join(" ", local.beside)
}

resource "aws_ssm_parameter" "database_host" {
  count  = var.database == null ? 0 : 1
  name   = "${local.parameters}/env/STORECAST_DATABASE_HOST"
  type   = "SecureString"
  key_id = module.encryption.key_arn
  value  = split(":", module.database[0].address)[0]
}
