variable "name" {
  description = "First part of the names."
  type        = string
  nullable    = false
}

variable "log_days" {
  description = "Days that logs are kept, as CloudWatch allows them."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827], var.log_days)
    error_message = "CloudWatch keeps logs for 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096 or 1827 days."
  }
}

variable "kms_key_arn" {
  description = "Key of the logs and of the alarms' topic."
  type        = string
  nullable    = false
}

variable "emails" {
  description = "Who is told of alarms; each confirms by a mail of AWS."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "An address of mail holds one @ and a domain."
  }
}

variable "instance_id" {
  description = "The host."
  type        = string
  nullable    = false
}

variable "databases" {
  description = "Databases, by any key, as their metrics name them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "balancers" {
  description = "Load balancers and their groups of targets, by any key, as their metrics name them."
  type        = map(object({ name = string, targets = string }))
  default     = {}
  nullable    = false
}

variable "limits" {
  description = "From where on an alarm goes off: shares of CPU, memory and disk in percent, errors logged in five minutes."
  type = object({
    cpu_percent    = optional(number, 85)
    memory_percent = optional(number, 90)
    disk_percent   = optional(number, 80)
    errors         = optional(number, 10)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for percent in [var.limits.cpu_percent, var.limits.memory_percent, var.limits.disk_percent] :
      percent > 0 && percent < 100
    ])
    error_message = "Shares lie between 0 and 100 percent."
  }
}

variable "instance_type" {
  description = "Kind of the host's machine: those of the kind t save up credits for their processor, which can run out."
  type        = string
  nullable    = false
}
