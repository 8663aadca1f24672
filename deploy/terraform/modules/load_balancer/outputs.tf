output "url" {
  description = "Where users find the system."
  value       = "https://${var.domain}"
}

output "dns_name" {
  description = "The balancer's own name, for a content network in front."
  value       = aws_lb.this.dns_name
}

output "metric_name" {
  description = "Name of the balancer in its metrics."
  value       = aws_lb.this.arn_suffix
}
