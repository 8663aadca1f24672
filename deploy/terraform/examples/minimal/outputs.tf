output "url" {
  description = "Where users find the system."
  value       = module.storecast.url
}

output "instance_id" {
  description = "The host: `aws ssm start-session --target ID` opens its shell."
  value       = module.storecast.instance_id
}
