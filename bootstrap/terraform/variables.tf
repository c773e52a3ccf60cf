variable "release_bucket" {
  description = "Bucket that Tidemark was published to, in the provider's Region."
  type        = string
}

variable "release_prefix" {
  description = "Prefix that Tidemark was published below, without the version and without a slash at either end."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._=+-]+(/[A-Za-z0-9._=+-]+)*$", var.release_prefix))
    error_message = "Letters, digits and . _ = + - between single slashes, none at either end."
  }
}

variable "tidemark_version" {
  description = "Published version. Another one replaces the cluster, as any change of a bootstrap action does."
  type        = string
}

variable "write_bucket_policy" {
  description = "Whether this module owns the release bucket's policy. A bucket has only one: false if yours has its own."
  type        = bool
  default     = false
}

variable "may_do" {
  description = "Value of the cluster's tag `tidemark`, on which the agent's rights depend."
  type        = string
  default     = "resize"

  validation {
    condition     = contains(["observe", "resize", "terminate"], var.may_do)
    error_message = "One of observe, resize, terminate."
  }
}

variable "notice_email" {
  description = "Who hears that the cluster is about to end. Empty for nobody."
  type        = string
  default     = ""
}

variable "cluster_name" {
  type    = string
  default = "tidemark-sample"
}

variable "lifecycle_table_arn" {
  description = "ARN of the table of clusters, if `lifecycle.table` is set. Empty for an agent that works alone."
  type        = string
  default     = ""
}

variable "release_label" {
  type    = string
  default = "emr-7.14.0"
}

variable "subnet_ids" {
  description = "Subnets that EMR chooses from; the more of them, the more spot capacity there is to find."
  type        = list(string)
}

variable "service_role" {
  description = "The role with which EMR itself starts instances, as `aws emr create-default-roles` makes it."
  type        = string
  default     = "EMR_DefaultRole"
}

variable "log_bucket" {
  description = "Bucket for the cluster's logs, the agent's among them."
  type        = string
}

variable "log_prefix" {
  type    = string
  default = "emr-logs"
}

variable "task_units" {
  description = "Spot capacity units of the task fleet at the start. From then on the agent decides."
  type        = number
  default     = 1

  validation {
    condition     = var.task_units >= 1
    error_message = "EMR refuses a fleet that starts empty; the agent may empty it later."
  }
}
