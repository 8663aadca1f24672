# Which ports are open, to whom, and what is refused.

mock_provider "aws" {}

variables {
  name   = "test"
  vpc_id = "vpc-1"
}

run "only_https_is_open_to_all" {
  command = plan

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.https : [rule.cidr_ipv4, rule.from_port, rule.to_port]] == [["0.0.0.0/0", 443, 443]]
    error_message = "443 is open to all, and nothing beside it."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.ssh) + length(aws_vpc_security_group_ingress_rule.web) == 0
    error_message = "SSH and 8501 are closed unless asked for."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.host_https.from_port == 443 && length(aws_vpc_security_group_egress_rule.host_to_store) == 0
    error_message = "The host speaks to nobody but over TLS."
  }
}

run "ssh_and_web_from_stated_addresses" {
  command = plan

  variables {
    ssh_cidrs = ["203.0.113.0/24"]
    web_cidrs = ["198.51.100.7/32"]
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.ssh : [rule.cidr_ipv4, rule.from_port, rule.to_port]] == [["203.0.113.0/24", 22, 22]]
    error_message = "SSH is open to the office alone."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.web : [rule.cidr_ipv4, rule.from_port, rule.to_port]] == [["198.51.100.7/32", 8501, 8501]]
    error_message = "8501 is open to one address alone."
  }
}

run "ssh_never_from_the_world" {
  command = plan
  variables {
    ssh_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.ssh_cidrs]
}

run "ssh_never_from_half_the_world" {
  command = plan
  variables {
    ssh_cidrs = ["203.0.113.0/24", "0.0.0.0/1"]
  }
  expect_failures = [var.ssh_cidrs]
}

run "web_never_from_the_world" {
  command = plan
  variables {
    web_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.web_cidrs]
}

run "no_address_that_is_none" {
  command = plan
  variables {
    https_cidrs = ["everybody"]
  }
  expect_failures = [var.https_cidrs]
}

run "behind_a_balancer_only_the_balancer_is_reached" {
  command = plan

  variables {
    balanced = true
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.https) == 0 && length(aws_vpc_security_group_ingress_rule.balancer) == 1
    error_message = "The world reaches the balancer, not the host."
  }
}

run "stores_are_reached_by_the_host_alone" {
  command = plan

  variables {
    database = true
    cache    = true
  }

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.store : name => rule.from_port } == { database = 5432, cache = 6379 }
    error_message = "One rule each, on its own port."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.store : rule.cidr_ipv4 == null])
    error_message = "No address reaches a store: only the host's group does."
  }
}
