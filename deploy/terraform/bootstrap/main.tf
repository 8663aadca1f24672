# Where the state of everything else is kept, and the lock that lets one person at a time change it.
# This root's own state stays on the machine that ran it: it can be imported again from five names.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project   = var.project
      ManagedBy = "terraform"
      Root      = "bootstrap"
    }
  }
}

data "aws_caller_identity" "this" {}

locals {
  name = "${var.project}-state-${data.aws_caller_identity.this.account_id}-${var.region}"
}

module "encryption" {
  source = "../modules/encryption"

  name = "${var.project}-state"
}

module "state" {
  source = "../modules/bucket"

  name              = local.name
  kms_key_arn       = module.encryption.key_arn
  old_versions_days = 365
  force_destroy     = var.force_destroy
}

resource "aws_dynamodb_table" "lock" {
  name                        = "${var.project}-state-lock"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "LockID"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "LockID"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = module.encryption.key_arn
  }
}
