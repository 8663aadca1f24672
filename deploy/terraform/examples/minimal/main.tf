# One t2.medium in the default network, reached by HTTPS; its shell by SSM alone. `terraform init && terraform apply`.

module "storecast" {
  source = "../../modules/system"

  environment         = "development"
  deletion_protection = false
}
