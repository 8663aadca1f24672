variable "name" {
  description = "Name of the database's machine."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Parts of the network, in two zones at least, without a way out where there are such."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "A database needs subnets in two zones."
  }
}

variable "security_group_id" {
  description = "Who may speak to the database."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of the disk, the backups, the password and the insights."
  type        = string
  nullable    = false
}

variable "instance_class" {
  description = "Kind of machine."
  type        = string
  default     = "db.t4g.medium"
  nullable    = false

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "A database's kind of machine begins with db."
  }
}

variable "storage_gb" {
  description = "Size of the disk at first; it grows to five times that by itself."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.storage_gb >= 20 && var.storage_gb <= 13000
    error_message = "The disk has 20 to 13000 GB."
  }
}

variable "two_zones" {
  description = "Whether a second machine in another zone stands ready."
  type        = bool
  default     = true
  nullable    = false
}

variable "backup_days" {
  description = "Days that any point in time can be gone back to."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "Backups are kept for 7 to 35 days."
  }
}

variable "deletion_protection" {
  description = "Whether the database refuses to be deleted, and leaves a last snapshot where it does not."
  type        = bool
  default     = true
  nullable    = false
}
