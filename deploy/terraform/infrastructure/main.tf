# One environment of Storecast in one account: `terraform apply -var-file environments/NAME.tfvars`.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project     = coalesce(var.project, "storecast")
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}

module "system" {
  source = "../modules/system"

  project             = var.project
  environment         = var.environment
  vpc_cidr            = var.vpc_cidr
  instance_type       = var.instance_type
  ami_id              = var.ami_id
  detailed_monitoring = var.detailed_monitoring
  system_gb           = var.system_gb
  data_gb             = var.data_gb
  ssh_public_key      = var.ssh_public_key
  ssh_cidrs           = var.ssh_cidrs
  https_cidrs         = var.https_cidrs
  web_cidrs           = var.web_cidrs
  compose_version     = var.compose_version
  compose_sha256      = var.compose_sha256
  database            = var.database
  cache               = var.cache
  cache_auth_token    = var.cache_auth_token
  domain              = var.domain
  load_balancer       = var.load_balancer
  alarm_emails        = var.alarm_emails
  alarm_limits        = var.alarm_limits
  log_days            = var.log_days
  backup_days         = var.backup_days
  deletion_protection = var.deletion_protection
}
