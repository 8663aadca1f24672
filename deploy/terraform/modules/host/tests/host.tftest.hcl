# The machine: what it is by default, and which kinds are refused.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

variables {
  name              = "storecast-test"
  parameters        = "/storecast/test"
  subnet_id         = "subnet-1"
  security_group_id = "sg-1"
  kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/1"
  repository_arns   = ["arn:aws:ecr:eu-central-1:123456789012:repository/storecast-test-service"]
  images            = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/storecast-test"
  artifacts_bucket  = { name = "artifacts", arn = "arn:aws:s3:::artifacts" }
  backups_bucket    = { name = "backups", arn = "arn:aws:s3:::backups" }
  log_group_arns    = ["arn:aws:logs:eu-central-1:123456789012:log-group:/storecast-test/host"]
  metrics_namespace = "Storecast/storecast-test"
}

run "safe_by_default" {
  command = plan

  assert {
    condition     = aws_instance.this.instance_type == "t2.medium"
    error_message = "A t2.medium, unless another is named."
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "Metadata only by version 2, and not for containers."
  }

  assert {
    condition     = aws_instance.this.root_block_device[0].encrypted && aws_instance.this.root_block_device[0].volume_type == "gp3" && aws_instance.this.root_block_device[0].kms_key_id == var.kms_key_arn
    error_message = "The system's disk is a gp3 one, encrypted with our key."
  }

  assert {
    condition     = aws_ebs_volume.data.encrypted && aws_ebs_volume.data.kms_key_id == var.kms_key_arn
    error_message = "The data's disk is encrypted with our key."
  }

  assert {
    condition     = length(aws_key_pair.this) == 0
    error_message = "No key pair, unless one is given."
  }
}

run "a_key_pair_from_its_public_part" {
  command = plan

  variables {
    ssh_public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMe0Lr5Yx3hQKaJq0sHXcQKkWq6hQJ4sYp0nQ2zXy1Ab ops"
  }

  assert {
    condition     = aws_instance.this.key_name == "storecast-test"
    error_message = "The host takes the key pair."
  }
}

run "never_a_private_key" {
  command = plan
  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
  }
  expect_failures = [var.ssh_public_key]
}

run "any_other_machine_for_amd64" {
  command = plan
  variables {
    instance_type = "m6i.2xlarge"
  }

  assert {
    condition     = aws_instance.this.instance_type == "m6i.2xlarge" && aws_instance.this.ebs_optimized
    error_message = "Any kind by its name."
  }
}

run "no_graviton" {
  command = plan
  variables {
    instance_type = "m7g.large"
  }
  expect_failures = [var.instance_type]
}

run "not_too_small" {
  command = plan
  variables {
    instance_type = "t2.micro"
  }
  expect_failures = [var.instance_type]
}

run "not_a_machine" {
  command = plan
  variables {
    instance_type = "big"
  }
  expect_failures = [var.instance_type]
}

run "no_disk_without_room" {
  command = plan
  variables {
    data_gb = 1
  }
  expect_failures = [var.data_gb]
}

run "repositories_one_by_one" {
  command = plan
  variables {
    repository_arns = ["arn:aws:ecr:eu-central-1:123456789012:repository/*"]
  }
  expect_failures = [var.repository_arns]
}
