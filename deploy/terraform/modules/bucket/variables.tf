variable "name" {
  description = "Name of the bucket, the same in the whole world of S3."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name is 3 to 63 small letters, digits and dashes, without a dash at either end."
  }
}

variable "kms_key_arn" {
  description = "Key that everything in the bucket is encrypted with."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z0-9-]+:kms:", var.kms_key_arn))
    error_message = "The key is named by its ARN."
  }
}

variable "old_versions_days" {
  description = "Days that overwritten and deleted objects can still be had back."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.old_versions_days >= 7 && floor(var.old_versions_days) == var.old_versions_days
    error_message = "Old versions are kept for whole days, 7 at least: a week-end must not be too long to notice a loss."
  }
}

variable "expires" {
  description = "Prefix of objects -> days after which they are removed. Others stay."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for days in values(var.expires) : days >= 1])
    error_message = "Objects expire after a day at the earliest."
  }
}

variable "force_destroy" {
  description = "Whether destroying the bucket may remove what is in it."
  type        = bool
  default     = false
  nullable    = false
}
