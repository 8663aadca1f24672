variable "region" {
  description = "Region of everything."
  type        = string
  default     = "eu-central-1"
  nullable    = false
}

variable "domain" {
  description = "Name that users know the system by."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "Route 53 zone of that domain."
  type        = string
  nullable    = false
}

variable "ssh_public_key" {
  description = "Public part of the key pair for SSH."
  type        = string
  nullable    = false
}

variable "office_cidrs" {
  description = "Where SSH is used from."
  type        = list(string)
  nullable    = false
}

variable "cache_auth_token" {
  description = "Password of the cache, by TF_VAR_cache_auth_token."
  type        = string
  sensitive   = true
  nullable    = false
}

variable "alarm_emails" {
  description = "Who is told of alarms."
  type        = set(string)
  default     = []
  nullable    = false
}
