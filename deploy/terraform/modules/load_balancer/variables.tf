variable "name" {
  description = "Name of the balancer."
  type        = string
  nullable    = false
}

variable "vpc_id" {
  description = "The network."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Public parts of the network, in two zones at least."
  type        = list(string)
  nullable    = false
}

variable "security_group_id" {
  description = "Who may speak to the balancer."
  type        = string
  nullable    = false
}

variable "instance_id" {
  description = "The host."
  type        = string
  nullable    = false
}

variable "domain" {
  description = "Name that users know the system by."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A domain is written such as forecast.example.com."
  }
}

variable "zone_id" {
  description = "Route 53 zone of the domain, where the certificate is proved and the name is set."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether the balancer refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroying it may remove its access logs."
  type        = bool
  default     = false
  nullable    = false
}
