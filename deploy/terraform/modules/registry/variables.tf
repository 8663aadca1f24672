variable "name" {
  description = "First part of the repositories' names."
  type        = string
  nullable    = false
}

variable "images" {
  description = "Images of the project, by the last part of their names."
  type        = set(string)
  default     = ["service", "webapp", "jobs"]
  nullable    = false

  validation {
    condition     = length(var.images) > 0
    error_message = "There is an image at least."
  }
}

variable "kept_images" {
  description = "Releases that are kept of each image; older ones go, so that a roll-back reaches this far."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.kept_images >= 5
    error_message = "A roll-back needs images: 5 at least."
  }
}

variable "kms_key_arn" {
  description = "Key of the images."
  type        = string
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroying a repository may remove its images."
  type        = bool
  default     = false
  nullable    = false
}
