terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Where, is said at init: -backend-config=backend.hcl (an output of bootstrap) and -backend-config=key=ENVIRONMENT.
  backend "s3" {}
}
