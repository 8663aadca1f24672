variable "name" {
  description = "Name of the key, without the `alias/`."
  type        = string
  nullable    = false
}

variable "deletion_days" {
  description = "Days between the order to delete the key and its end; the order can be taken back until then."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deletion_days >= 7 && var.deletion_days <= 30
    error_message = "KMS waits for 7 to 30 days."
  }
}
