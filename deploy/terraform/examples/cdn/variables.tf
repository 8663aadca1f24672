variable "region" {
  description = "Region of everything."
  type        = string
  default     = "eu-central-1"
  nullable    = false
}

variable "domain" {
  description = "Name of the load balancer, behind the content network."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "Route 53 zone of that domain."
  type        = string
  nullable    = false
}

variable "public_domain" {
  description = "Name that users know the system by."
  type        = string
  nullable    = false
}

variable "certificate_arn" {
  description = "Certificate of the public domain; content networks take those of us-east-1 alone."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.certificate_arn, "arn:aws:acm:us-east-1:")
    error_message = "CloudFront takes certificates of us-east-1 alone."
  }
}
