# Who may speak to whom, one rule a resource. The groups are ours alone: a rule added by hand is not seen by a plan,
# only by whoever looks at the group.

locals {
  behind = {
    database = { port = 5432, wanted = var.database, what = "PostgreSQL" }
    cache    = { port = 6379, wanted = var.cache, what = "Redis" }
  }
  stores = { for name, store in local.behind : name => store if store.wanted }
}

resource "aws_security_group" "host" {
  name        = "${var.name}-host"
  description = "Storecast host"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-host" }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each = toset(var.balanced ? [] : var.https_cidrs)

  security_group_id = aws_security_group.host.id
  description       = "HTTPS"
  cidr_ipv4         = each.value
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_ingress_rule" "ssh" {
  for_each = toset(var.ssh_cidrs)

  security_group_id = aws_security_group.host.id
  description       = "SSH from a stated address"
  cidr_ipv4         = each.value
  from_port         = 22
  to_port           = 22
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  for_each = toset(var.web_cidrs)

  security_group_id = aws_security_group.host.id
  description       = "Web app past the front, from a stated address"
  cidr_ipv4         = each.value
  from_port         = 8501
  to_port           = 8501
  ip_protocol       = "tcp"
}

# Packages, images, SSM and logs: all over TLS. Names are asked of the network's own resolver.
resource "aws_vpc_security_group_egress_rule" "host_https" {
  security_group_id = aws_security_group.host.id
  description       = "HTTPS to registries and AWS"
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "host_to_store" {
  for_each = local.stores

  security_group_id            = aws_security_group.host.id
  description                  = each.value.what
  referenced_security_group_id = aws_security_group.store[each.key].id
  from_port                    = each.value.port
  to_port                      = each.value.port
  ip_protocol                  = "tcp"
}

resource "aws_security_group" "store" {
  for_each = local.stores

  name        = "${var.name}-${each.key}"
  description = "Storecast ${each.key}: the host alone"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "store" {
  for_each = local.stores

  security_group_id            = aws_security_group.store[each.key].id
  description                  = "${each.value.what} from the host"
  referenced_security_group_id = aws_security_group.host.id
  from_port                    = each.value.port
  to_port                      = each.value.port
  ip_protocol                  = "tcp"
}

resource "aws_security_group" "balancer" {
  count       = var.balanced ? 1 : 0
  name        = "${var.name}-balancer"
  description = "Storecast load balancer"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each = toset(var.balanced ? var.https_cidrs : [])

  security_group_id = aws_security_group.balancer[0].id
  description       = "HTTPS"
  cidr_ipv4         = each.value
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_host" {
  count = var.balanced ? 1 : 0

  security_group_id            = aws_security_group.balancer[0].id
  description                  = "HTTPS to the host"
  referenced_security_group_id = aws_security_group.host.id
  from_port                    = 443
  to_port                      = 443
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_ingress_rule" "host_from_balancer" {
  count = var.balanced ? 1 : 0

  security_group_id            = aws_security_group.host.id
  description                  = "HTTPS from the load balancer"
  referenced_security_group_id = aws_security_group.balancer[0].id
  from_port                    = 443
  to_port                      = 443
  ip_protocol                  = "tcp"
}
