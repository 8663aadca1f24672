# The same variables as modules/system, which holds their defaults and their rules: null means its default.

variable "region" {
  description = "Region of everything."
  type        = string
  nullable    = false
}

variable "project" {
  description = "First part of every name."
  type        = string
  default     = null
}

variable "environment" {
  description = "development, staging or production."
  type        = string
}

variable "vpc_cidr" {
  description = "Addresses of a network of our own; null takes the account's default network."
  type        = string
  default     = null
}

variable "instance_type" {
  description = "Kind of the host's machine: any for AMD64 with 4 GB of memory or more."
  type        = string
  default     = null
}

variable "ami_id" {
  description = "Image of the machine; null takes Amazon Linux 2023 as it is at the first apply."
  type        = string
  default     = null
}

variable "detailed_monitoring" {
  description = "Whether EC2's own metrics come every minute, which costs a little, rather than every five."
  type        = bool
  default     = null
}

variable "system_gb" {
  description = "Size of the disk with the system."
  type        = number
  default     = null
}

variable "data_gb" {
  description = "Size of the disk with everything that must outlive the host."
  type        = number
  default     = null
}

variable "ssh_public_key" {
  description = "Public part of a key pair for SSH; null makes none."
  type        = string
  default     = null
}

variable "ssh_cidrs" {
  description = "Who may reach the host by SSH; nobody without. Never the world."
  type        = list(string)
  default     = null
}

variable "https_cidrs" {
  description = "Who may reach the system on 443."
  type        = list(string)
  default     = null
}

variable "web_cidrs" {
  description = "Who may reach the web app's own port, 8501, past the front; nobody without. nginx serves the app on 443: 8501 answers only where a compose file of your own publishes it."
  type        = list(string)
  default     = null
}

variable "compose_version" {
  description = "Version of Docker's compose plugin on the host."
  type        = string
  default     = null
}

variable "compose_sha256" {
  description = "SHA-256 of that plugin; null trusts the sum that its publisher puts beside it."
  type        = string
  default     = null
}

variable "database" {
  description = "A PostgreSQL of RDS beside the host, which the next release uses in place of compose's own; null makes none. What comes before: docs/operations/aws.md."
  type = object({
    instance_class = optional(string)
    storage_gb     = optional(number)
    two_zones      = optional(bool)
    backup_days    = optional(number)
  })
  default = null
}

variable "cache" {
  description = "A Redis of ElastiCache beside the host, which the next release uses in place of compose's own; null makes none. What comes before: docs/operations/aws.md."
  type = object({
    node_type = optional(string)
    two_zones = optional(bool)
  })
  default = null
}

variable "cache_auth_token" {
  description = "Password of that Redis, by the environment (TF_VAR_cache_auth_token), never by a file."
  type        = string
  default     = null
  sensitive   = true
}

variable "domain" {
  description = "Name by which users reach the host where no load balancer stands in front: the one its certificate names."
  type        = string
  default     = null
}

variable "load_balancer" {
  description = "A load balancer with a certificate for this domain of this Route 53 zone; null lets the host be reached directly."
  type        = object({ domain = string, zone_id = string })
  default     = null
}

variable "alarm_emails" {
  description = "Who is told of alarms."
  type        = set(string)
  default     = null
}

variable "alarm_limits" {
  description = "From where on alarms go off; what is left out stays as it is."
  type = object({
    cpu_percent    = optional(number)
    memory_percent = optional(number)
    disk_percent   = optional(number)
    errors         = optional(number)
  })
  default = null
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = null
}

variable "backup_days" {
  description = "Days that backups are kept in the bucket."
  type        = number
  default     = null
}

variable "deletion_protection" {
  description = "Whether what holds data refuses to be deleted. To take an environment down, turn this off and apply first."
  type        = bool
  default     = null
}
