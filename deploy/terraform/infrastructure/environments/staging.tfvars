# As production, smaller: what is tried here is what runs there.
environment         = "staging"
region              = "eu-central-1"
vpc_cidr            = "10.20.0.0/16"
instance_type       = "t3.large"
log_days            = 90
backup_days         = 30
deletion_protection = false
