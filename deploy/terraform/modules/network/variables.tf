variable "name" {
  description = "First part of the names."
  type        = string
  nullable    = false
}

variable "cidr" {
  description = "Addresses of a network of our own; null takes the account's default network."
  type        = string
  default     = null

  validation {
    condition     = var.cidr == null || can(cidrsubnet(var.cidr, 4, 3))
    error_message = "The network is a block such as 10.20.0.0/16, with room for sixteen parts."
  }

  validation {
    condition     = var.cidr == null || can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr))
    error_message = "The network's addresses are private ones: 10/8, 172.16/12 or 192.168/16."
  }
}

variable "kms_key_arn" {
  description = "Key of the flow log."
  type        = string
  nullable    = false
}

variable "flow_log_days" {
  description = "Days that the flow log of an own network is kept."
  type        = number
  default     = 365
  nullable    = false
}
