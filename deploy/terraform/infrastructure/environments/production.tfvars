# A network of its own, a database that outlives the host. With a domain in Route 53, add load_balancer.
environment         = "production"
region              = "eu-central-1"
vpc_cidr            = "10.30.0.0/16"
instance_type       = "m6i.large"
data_gb             = 100
log_days            = 365
backup_days         = 365
deletion_protection = true

database = {
  instance_class = "db.m6g.large"
  storage_gb     = 50
  two_zones      = true
  backup_days    = 35
}
