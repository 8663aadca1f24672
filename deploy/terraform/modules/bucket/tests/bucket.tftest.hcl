# Every bucket: encrypted, versioned, closed, by TLS alone.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }
}

variables {
  name        = "storecast-test-artifacts"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "closed_by_default" {
  command = apply

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Nothing is lost by being overwritten."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    error_message = "Encrypted with our key."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Never public."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy == false
    error_message = "Not destroyed with what is in it."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.tls_only.statement :
      statement.effect == "Deny" && statement.actions == toset(["s3:*"]) && length(statement.resources) == 2
    ])
    error_message = "What comes without TLS 1.2 is refused, for the bucket and for its objects."
  }

  assert {
    condition = toset([
      for statement in data.aws_iam_policy_document.tls_only.statement : one(statement.condition).variable
    ]) == toset(["aws:SecureTransport", "s3:TlsVersion"])
    error_message = "Both the lack of TLS and an old version are refused."
  }
}

run "objects_expire_by_prefix" {
  command = plan
  variables {
    expires = { "host/" = 30 }
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id] == ["old-versions", "expire-host"]
    error_message = "One more rule, of that prefix."
  }
}

run "a_week_at_least" {
  command = plan
  variables {
    old_versions_days = 1
  }
  expect_failures = [var.old_versions_days]
}

run "a_name_that_s3_takes" {
  command = plan
  variables {
    name = "Storecast_Artifacts"
  }
  expect_failures = [var.name]
}
