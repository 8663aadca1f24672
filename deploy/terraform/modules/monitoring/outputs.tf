output "topic_arn" {
  description = "Where alarms are published."
  value       = aws_sns_topic.alarms.arn
}

output "alarms" {
  description = "Names of the alarms."
  value       = sort(concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], [aws_cloudwatch_metric_alarm.recover.alarm_name]))
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "log_group_arns" {
  description = "Log groups that the host writes to."
  value       = [for group in aws_cloudwatch_log_group.this : group.arn]
}

output "namespace" {
  description = "Namespace of the host's metrics."
  value       = local.namespace
}

output "log_prefix" {
  description = "First part of the log groups' names."
  value       = "/${var.name}"
}
