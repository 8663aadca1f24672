# One machine that runs the compose system, and what it may do. Everything worth keeping lies on a disk of its own,
# so that the machine can be replaced at any time.

data "aws_partition" "this" {}
data "aws_region" "this" {}
data "aws_caller_identity" "this" {}

data "aws_ssm_parameter" "ami" {
  count = var.ami_id == null ? 1 : 0
  name  = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

data "aws_subnet" "this" {
  id = var.subnet_id
}

locals {
  region = data.aws_region.this.name
}

resource "aws_key_pair" "this" {
  count      = var.ssh_public_key == null ? 0 : 1
  key_name   = var.name
  public_key = var.ssh_public_key
}

resource "aws_instance" "this" {
  # checkov:skip=CKV_AWS_135:set for every kind that can be; t2 cannot
  ami                         = var.ami_id != null ? var.ami_id : nonsensitive(data.aws_ssm_parameter.ami[0].value)
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_id
  vpc_security_group_ids      = [var.security_group_id]
  key_name                    = try(aws_key_pair.this[0].key_name, null)
  iam_instance_profile        = aws_iam_instance_profile.this.name
  ebs_optimized               = !startswith(var.instance_type, "t2.")
  monitoring                  = var.detailed_monitoring
  user_data_replace_on_change = true

  user_data = templatefile("${path.module}/files/user_data.sh.tftpl", {
    settings = {
      STORECAST_REGION     = local.region
      STORECAST_PARAMETERS = var.parameters
      STORECAST_ARTIFACTS  = var.artifacts_bucket.name
      STORECAST_BACKUPS    = var.backups_bucket.name
      STORECAST_IMAGES     = var.images
    }
    compose_version = var.compose_version
    compose_sha256  = var.compose_sha256 == null ? "" : var.compose_sha256
    programs        = { for name in ["storecast-release", "storecast-compose", "storecast-backup"] : name => file("${path.module}/files/${name}") }
    units = {
      for name in ["storecast.service", "storecast-backup.service", "storecast-backup.timer"] :
      name => file("${path.module}/files/${name}")
    }
    data_volume = aws_ebs_volume.data.id
  })

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = var.system_gb
    encrypted             = true
    kms_key_id            = var.kms_key_arn
    delete_on_termination = true
  }

  tags = { Name = var.name }

  lifecycle {
    # A newer image of the machine is taken by `terraform apply -replace`, not by the next apply that happens to run.
    ignore_changes = [ami]
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_ebs_volume" "data" {
  availability_zone = data.aws_subnet.this.availability_zone
  type              = "gp3"
  size              = var.data_gb
  encrypted         = true
  kms_key_id        = var.kms_key_arn
  tags              = { Name = "${var.name}-data" }
}

resource "aws_volume_attachment" "data" {
  device_name                    = "/dev/sdf"
  volume_id                      = aws_ebs_volume.data.id
  instance_id                    = aws_instance.this.id
  stop_instance_before_detaching = true
}

# It reaches registries and AWS by this address, and is reached by it where no load balancer stands in front.
resource "aws_eip" "this" {
  domain   = "vpc"
  instance = aws_instance.this.id
  tags     = { Name = var.name }
}

# The one command that a deployment may run on the host: to start a release by its version.
resource "aws_ssm_document" "release" {
  name            = "${var.name}-release"
  document_type   = "Command"
  document_format = "JSON"
  target_type     = "/AWS::EC2::Instance"

  content = jsonencode({
    schemaVersion = "2.2"
    description   = "Start a release of Storecast on its host"
    parameters = {
      Version = {
        type           = "String"
        description    = "Version whose bundle lies in the artifacts bucket"
        allowedPattern = "^[0-9]+\\.[0-9]+\\.[0-9]+([.+-][0-9A-Za-z.-]+)?$"
      }
    }
    mainSteps = [{
      action = "aws:runShellScript"
      name   = "release"
      inputs = {
        timeoutSeconds = "900"
        runCommand     = ["/usr/local/bin/storecast-release '{{ Version }}'"]
      }
    }]
  })
}
