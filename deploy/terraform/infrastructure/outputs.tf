output "name" {
  description = "First part of this environment's names."
  value       = module.system.name
}

output "url" {
  description = "Where users find the system."
  value       = module.system.url
}

output "host_address" {
  description = "Fixed public address of the host: what the domain's record points at where no load balancer stands in front."
  value       = module.system.host_address
}

output "instance_id" {
  description = "The host."
  value       = module.system.instance_id
}

output "release_document" {
  description = "SSM document that starts a release on the host."
  value       = module.system.release_document
}

output "release_parameter" {
  description = "SSM parameter that names the release that runs."
  value       = module.system.release_parameter
}

output "parameters" {
  description = "Path under which the host finds its parameters; those under env/ become the environment of compose."
  value       = module.system.parameters
}

output "repositories" {
  description = "Image -> address of its repository."
  value       = module.system.repositories
}

output "artifacts_bucket" {
  description = "Bucket of the releases' bundles."
  value       = module.system.artifacts_bucket
}

output "backups_bucket" {
  description = "Bucket of the backups."
  value       = module.system.backups_bucket
}

output "host_policy" {
  description = "What the host may do, as JSON."
  value       = module.system.host_policy
}

output "alarms" {
  description = "Names of the alarms."
  value       = module.system.alarms
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = module.system.dashboard
}

output "database" {
  description = "Address of the database and where its password is kept; null where there is none."
  value       = module.system.database
}

output "cache_address" {
  description = "Address of the cache; null where there is none."
  value       = module.system.cache_address
}

output "balancer_dns_name" {
  description = "The load balancer's own name; null where there is none."
  value       = module.system.balancer_dns_name
}

output "images" {
  description = "Address of the repositories up to the image's name."
  value       = module.system.images
}
