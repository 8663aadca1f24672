# The state's bucket and its lock.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
}

variables {
  region = "eu-central-1"
}

run "the_lock_table" {
  command = apply

  assert {
    condition     = aws_dynamodb_table.lock.hash_key == "LockID" && one(aws_dynamodb_table.lock.server_side_encryption).enabled && one(aws_dynamodb_table.lock.point_in_time_recovery).enabled
    error_message = "The table of the locks is encrypted, can be gone back in, and has the key that Terraform asks for."
  }

  assert {
    condition     = aws_dynamodb_table.lock.deletion_protection_enabled
    error_message = "It is not deleted by a slip."
  }

  assert {
    condition     = output.bucket == "storecast-state-123456789012-eu-central-1"
    error_message = "The bucket's name says whose state it is."
  }

  assert {
    condition     = strcontains(output.backend, "bucket         = \"storecast-state-123456789012-eu-central-1\"") && strcontains(output.backend, "encrypt        = true")
    error_message = "The backend's settings are ready to be used."
  }
}

run "a_project_that_can_name_things" {
  command = plan
  variables {
    project = "Store Cast"
  }
  expect_failures = [var.project]
}
