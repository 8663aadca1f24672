# An environment put together: what is there by default, what is there when asked for, what is refused.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }

  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-a", "subnet-b", "subnet-c"] }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_elb_service_account" {
    defaults = { arn = "arn:aws:iam::054676820928:root" }
  }

  mock_resource "aws_acm_certificate" {
    override_during = plan
    defaults = {
      arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
      domain_validation_options = [{
        domain_name           = "forecast.example.com"
        resource_record_name  = "_1.forecast.example.com"
        resource_record_type  = "CNAME"
        resource_record_value = "_2.acm-validations.aws"
      }]
    }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
}

variables {
  environment = "development"
}

run "the_smallest_system" {
  command = plan

  assert {
    condition     = length(module.database) + length(module.cache) + length(module.load_balancer) == 0
    error_message = "Nothing that costs by the hour beside the host, unless asked for."
  }

  assert {
    condition     = length(aws_ssm_parameter.beside) + length(aws_ssm_parameter.database_host) == 0
    error_message = "A release uses compose's own database and cache."
  }

  assert {
    condition     = output.name == "storecast-development" && output.parameters == "/storecast/development"
    error_message = "Names say which environment they are of."
  }

  assert {
    condition     = aws_ssm_parameter.agent.type == "SecureString" && aws_ssm_parameter.release.value == "none"
    error_message = "Parameters are encrypted; no release runs before one is deployed."
  }

  assert {
    condition     = toset(keys(jsondecode(nonsensitive(aws_ssm_parameter.agent.value)))) == toset(["agent", "metrics", "logs"])
    error_message = "The agent's settings are JSON."
  }

  assert {
    condition     = length(output.alarms) == 7
    error_message = "Alarms: host, processor, credits, memory, disk, errors, recover."
  }
}

run "a_host_by_its_domain" {
  command = plan

  variables {
    domain = "forecast.example.com"
  }

  assert {
    condition     = output.url == "https://forecast.example.com"
    error_message = "It is asked by the name that its certificate has, not by an address."
  }
}

run "no_domain_but_a_whole_one" {
  command = plan
  variables {
    domain = "https://forecast.example.com"
  }
  expect_failures = [var.domain]
}

run "one_name_alone" {
  command = plan
  variables {
    domain        = "forecast.example.com"
    load_balancer = { domain = "forecast.example.com", zone_id = "Z1" }
  }
  expect_failures = [var.domain]
}

run "everything" {
  command = plan

  variables {
    environment      = "production"
    vpc_cidr         = "10.40.0.0/16"
    instance_type    = "m6i.large"
    database         = {}
    cache            = {}
    cache_auth_token = "0123456789abcdef0123456789abcdef"
    load_balancer    = { domain = "forecast.example.com", zone_id = "Z1" }
    ssh_public_key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMe0Lr5Yx3hQKaJq0sHXcQKkWq6hQJ4sYp0nQ2zXy1Ab ops"
    ssh_cidrs        = ["203.0.113.0/24"]
    alarm_emails     = ["ops@example.com"]
  }

  assert {
    condition     = length(module.database) == 1 && length(module.cache) == 1 && length(module.load_balancer) == 1
    error_message = "All three stand beside the host."
  }

  assert {
    condition     = nonsensitive(aws_ssm_parameter.beside[0].value) == "database cache" && aws_ssm_parameter.beside[0].name == "/storecast/production/env/STORECAST_BESIDE"
    error_message = "A release is told what stands beside the host."
  }

  assert {
    condition     = output.url == "https://forecast.example.com"
    error_message = "Users find it by its domain."
  }

  assert {
    condition     = toset(setsubtract(output.alarms, ["storecast-production-recover", "storecast-production-errors", "storecast-production-disk", "storecast-production-memory", "storecast-production-cpu", "storecast-production-host-unreachable"])) == toset(["storecast-production-balancer-errors", "storecast-production-balancer-no-host", "storecast-production-database-disk"])
    error_message = "What stands beside the host is watched too; a machine of the kind m has no credits."
  }
}

run "a_cache_alone" {
  command = plan

  variables {
    cache            = {}
    cache_auth_token = "0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = nonsensitive(aws_ssm_parameter.beside[0].value) == "cache" && length(aws_ssm_parameter.database_host) == 0
    error_message = "Compose's own database goes on."
  }
}

run "an_unknown_environment" {
  command = plan
  variables {
    environment = "prod"
  }
  expect_failures = [var.environment]
}

run "an_open_port_needs_a_key" {
  command = plan
  variables {
    ssh_cidrs = ["203.0.113.0/24"]
  }
  expect_failures = [var.ssh_cidrs]
}

run "a_cache_needs_its_password" {
  command = plan
  variables {
    cache = {}
  }
  expect_failures = [var.cache_auth_token]
}

run "backups_for_a_week_at_least" {
  command = plan
  variables {
    backup_days = 1
  }
  expect_failures = [var.backup_days]
}
