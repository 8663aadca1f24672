variable "region" {
  description = "Region of the state; the one of the infrastructure is its own variable."
  type        = string
  nullable    = false
}

variable "project" {
  description = "First part of every name."
  type        = string
  default     = "storecast"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.project))
    error_message = "A project is named by 2 to 21 small letters, digits and dashes."
  }
}

variable "deletion_protection" {
  description = "Whether the lock table refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroying this may remove the states that are kept here. Only for rehearsals."
  type        = bool
  default     = false
  nullable    = false
}
