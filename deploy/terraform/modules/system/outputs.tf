output "name" {
  description = "First part of this environment's names."
  value       = local.name
}

output "url" {
  description = "Where users find the system."
  value       = try(module.load_balancer[0].url, "https://${coalesce(var.domain, module.host.address)}")
}

output "host_address" {
  description = "Fixed public address of the host: what the domain's record points at where no load balancer stands in front."
  value       = module.host.address
}

output "instance_id" {
  description = "The host."
  value       = module.host.instance_id
}

output "release_document" {
  description = "SSM document that starts a release on the host."
  value       = module.host.release_document
}

output "release_parameter" {
  description = "SSM parameter that names the release that runs."
  value       = aws_ssm_parameter.release.name
}

output "parameters" {
  description = "Path under which the host finds its parameters; those under env/ become the environment of compose."
  value       = local.parameters
}

output "repositories" {
  description = "Image -> address of its repository."
  value       = module.registry.urls
}

output "artifacts_bucket" {
  description = "Bucket of the releases' bundles."
  value       = module.artifacts.name
}

output "backups_bucket" {
  description = "Bucket of the backups."
  value       = module.backups.name
}

output "host_policy" {
  description = "What the host may do, as JSON."
  value       = module.host.policy
}

output "alarms" {
  description = "Names of the alarms."
  value       = module.monitoring.alarms
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = module.monitoring.dashboard
}

output "database" {
  description = "Address of the database and where its password is kept; null where there is none."
  value       = try({ address = module.database[0].address, secret_arn = module.database[0].secret_arn }, null)
}

output "cache_address" {
  description = "Address of the cache; null where there is none."
  value       = try(module.cache[0].address, null)
}

output "balancer_dns_name" {
  description = "The load balancer's own name; null where there is none."
  value       = try(module.load_balancer[0].dns_name, null)
}

output "images" {
  description = "Address of the repositories up to the image's name."
  value       = module.registry.images
}
