# The smallest system: one host in the account's default network, easily taken down.
environment         = "development"
region              = "eu-central-1"
instance_type       = "t2.medium"
detailed_monitoring = false
log_days            = 30
backup_days         = 14
deletion_protection = false
