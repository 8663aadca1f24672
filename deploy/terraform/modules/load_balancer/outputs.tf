output "url" {
  description = "Where users find the system."
  value       = "https://${var.domain}"
}

output "dns_name" {
  description = "The balancer's own name, for a content network in front."
  value       = aws_lb.this.dns_name
}

output "metrics" {
  description = "How metrics name the balancer and the group of its targets."
  value       = { name = aws_lb.this.arn_suffix, targets = aws_lb_target_group.host.arn_suffix }
}
