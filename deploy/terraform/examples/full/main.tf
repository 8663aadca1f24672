# Everything there is: own network, database, cache, load balancer with a certificate, SSH from one office.

module "storecast" {
  source = "../../modules/system"

  environment   = "production"
  vpc_cidr      = "10.40.0.0/16"
  instance_type = "m6i.xlarge"
  data_gb       = 200

  ssh_public_key = var.ssh_public_key
  ssh_cidrs      = var.office_cidrs

  database         = { instance_class = "db.m6g.large", storage_gb = 100 }
  cache            = { node_type = "cache.m7g.large" }
  cache_auth_token = var.cache_auth_token
  load_balancer    = { domain = var.domain, zone_id = var.zone_id }

  alarm_emails = var.alarm_emails
  alarm_limits = { disk_percent = 70 }
}
