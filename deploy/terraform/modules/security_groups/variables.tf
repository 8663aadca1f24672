variable "name" {
  description = "First part of the names."
  type        = string
  nullable    = false
}

variable "vpc_id" {
  description = "The network."
  type        = string
  nullable    = false
}

variable "https_cidrs" {
  description = "Who may reach the system on 443."
  type        = list(string)
  default     = ["0.0.0.0/0"]
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.https_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Addresses are blocks such as 203.0.113.0/24."
  }
}

variable "ssh_cidrs" {
  description = "Who may reach the host by SSH; nobody without. Sessions of SSM need no open port."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.ssh_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Addresses are blocks such as 203.0.113.0/24."
  }

  validation {
    condition     = alltrue([for cidr in var.ssh_cidrs : tonumber(try(split("/", cidr)[1], 0)) >= 16])
    error_message = "SSH is opened to stated addresses, never to the world: no block wider than /16."
  }
}

variable "web_cidrs" {
  description = "Who may reach the web app's own port, 8501, past the front; nobody without. nginx serves the app on 443: 8501 answers only where a compose file of your own publishes it."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.web_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Addresses are blocks such as 203.0.113.0/24."
  }

  validation {
    condition     = alltrue([for cidr in var.web_cidrs : tonumber(try(split("/", cidr)[1], 0)) >= 16])
    error_message = "Port 8501 speaks without TLS: it is opened to stated addresses alone, no block wider than /16."
  }
}

variable "balanced" {
  description = "Whether a load balancer stands in front: then it is reached on 443, and the host by it alone."
  type        = bool
  default     = false
  nullable    = false
}

variable "database" {
  description = "Whether there is a database, which only the host reaches."
  type        = bool
  default     = false
  nullable    = false
}

variable "cache" {
  description = "Whether there is a cache, which only the host reaches."
  type        = bool
  default     = false
  nullable    = false
}
