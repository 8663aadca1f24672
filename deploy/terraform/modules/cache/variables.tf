variable "name" {
  description = "Name of the cache."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Parts of the network, in two zones at least."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Who may speak to the cache."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of what is on its disk."
  type        = string
  nullable    = false
}

variable "node_type" {
  description = "Kind of machine."
  type        = string
  default     = "cache.t4g.small"
  nullable    = false

  validation {
    condition     = startswith(var.node_type, "cache.")
    error_message = "A cache's kind of machine begins with cache."
  }
}

variable "two_zones" {
  description = "Whether a second machine in another zone takes over when the first is lost."
  type        = bool
  default     = true
  nullable    = false
}

variable "auth_token" {
  description = "Password of the cache, 32 characters at least. Terraform keeps it in its state, which is encrypted."
  type        = string
  sensitive   = true
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9!&#$^<>-]{32,128}$", var.auth_token))
    error_message = "The cache's password has 32 to 128 letters, digits and signs out of !&#$^<>-."
  }
}
