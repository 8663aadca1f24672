variable "name" {
  description = "First part of the names, such as storecast-production."
  type        = string
  nullable    = false
}

variable "parameters" {
  description = "Path of the host's parameters in SSM, such as /storecast/production."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(/[A-Za-z0-9_.-]+)+$", var.parameters))
    error_message = "A path of parameters begins with a slash and ends without one."
  }
}

variable "instance_type" {
  description = "Kind of machine: any for AMD64, as the images are."
  type        = string
  default     = "t2.medium"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.(nano|micro|small|medium|large|metal|[0-9]*xlarge|metal-[0-9]+xl)$", var.instance_type))
    error_message = "A kind of machine is written such as t2.medium or m6i.xlarge."
  }

  validation {
    condition     = !can(regex("^([a-z]+[0-9]+g[a-z]*|a1)\\.", var.instance_type))
    error_message = "The images are built for AMD64: no Graviton machine runs them."
  }

  validation {
    condition     = !can(regex("\\.(nano|micro|small)$", var.instance_type))
    error_message = "The whole system needs 4 GB of memory at least: medium or larger."
  }
}

variable "ami_id" {
  description = "Image of the machine; null takes Amazon Linux 2023 as it is at the first apply."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "An image of a machine is named such as ami-0123456789abcdef0."
  }
}

variable "subnet_id" {
  description = "Part of the network that the host stands in."
  type        = string
  nullable    = false
}

variable "security_group_id" {
  description = "Who may speak to the host, and to whom it may."
  type        = string
  nullable    = false
}

variable "detailed_monitoring" {
  description = "Whether EC2's own metrics come every minute, which costs a little, rather than every five."
  type        = bool
  default     = true
  nullable    = false
}

variable "ssh_public_key" {
  description = "Public part of a key pair for SSH; null makes none. The private part is never given to Terraform."
  type        = string
  default     = null

  validation {
    condition     = var.ssh_public_key == null || can(regex("^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/=]+", var.ssh_public_key))
    error_message = "A public key is one line that begins with ssh-ed25519, ecdsa-sha2-... or ssh-rsa."
  }
}

variable "kms_key_arn" {
  description = "Key of the disks, and of what the host reads and writes."
  type        = string
  nullable    = false
}

variable "system_gb" {
  description = "Size of the disk with the system and the images."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.system_gb >= 20 && var.system_gb <= 1000
    error_message = "The system's disk has 20 to 1000 GB."
  }
}

variable "data_gb" {
  description = "Size of the disk with everything that must outlive the host."
  type        = number
  default     = 40
  nullable    = false

  validation {
    condition     = var.data_gb >= 10 && var.data_gb <= 16000
    error_message = "The disk of the data has 10 to 16000 GB."
  }
}

variable "repository_arns" {
  description = "Repositories that the host pulls from; no others."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.repository_arns) > 0 && alltrue([for arn in var.repository_arns : !strcontains(arn, "*")])
    error_message = "Repositories are named one by one."
  }
}

variable "images" {
  description = "Address of the repositories up to the image's name: REGISTRY/NAME."
  type        = string
  nullable    = false
}

variable "artifacts_bucket" {
  description = "Name and ARN of the bucket that holds the releases' bundles, under releases/."
  type        = object({ name = string, arn = string })
  nullable    = false
}

variable "backups_bucket" {
  description = "Name and ARN of the bucket that backups are written to, under host/."
  type        = object({ name = string, arn = string })
  nullable    = false
}

variable "log_group_arns" {
  description = "Log groups that the host writes to; no others."
  type        = list(string)
  nullable    = false
}

variable "metrics_namespace" {
  description = "Namespace of the host's metrics; it can write to no other."
  type        = string
  nullable    = false
}

variable "compose_version" {
  description = "Version of Docker's compose plugin; Amazon Linux does not bring it."
  type        = string
  default     = "2.32.4"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.compose_version))
    error_message = "A version is written such as 2.32.4."
  }
}

variable "compose_sha256" {
  description = "SHA-256 of that plugin for AMD64; null trusts the sum that its publisher puts beside it."
  type        = string
  default     = null

  validation {
    condition     = var.compose_sha256 == null || can(regex("^[0-9a-f]{64}$", var.compose_sha256))
    error_message = "A SHA-256 has 64 hexadecimal digits."
  }
}
