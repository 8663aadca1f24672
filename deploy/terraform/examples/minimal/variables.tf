variable "region" {
  description = "Region of everything."
  type        = string
  default     = "eu-central-1"
  nullable    = false
}
