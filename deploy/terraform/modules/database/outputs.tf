output "address" {
  description = "Host name and port."
  value       = aws_db_instance.this.endpoint
}

output "identifier" {
  description = "Name of the machine, as its metrics have it."
  value       = aws_db_instance.this.identifier
}

output "secret_arn" {
  description = "Where its user's password is kept; never the password."
  value       = try(aws_db_instance.this.master_user_secret[0].secret_arn, null)
}
