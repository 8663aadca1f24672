output "vpc_id" {
  description = "The network."
  value       = local.own == 1 ? aws_vpc.this[0].id : data.aws_vpc.default[0].id
}

output "public_subnet_ids" {
  description = "Parts that reach the internet: one a zone, two at least."
  value       = local.own == 1 ? aws_subnet.public[*].id : sort(data.aws_subnets.default[0].ids)
}

output "private_subnet_ids" {
  description = "Parts without a way out; in the default network there are none, and its parts stand in."
  value       = local.own == 1 ? aws_subnet.private[*].id : sort(data.aws_subnets.default[0].ids)
}
