# A network of its own. With a domain in Route 53, add load_balancer, else domain. The system keeps to the databases of
# compose; docs/operations/aws.md says what `database` and `cache` make, and what is then left to do.
environment         = "production"
region              = "eu-central-1"
vpc_cidr            = "10.30.0.0/16"
instance_type       = "m6i.large"
data_gb             = 100
log_days            = 365
backup_days         = 365
deletion_protection = true
