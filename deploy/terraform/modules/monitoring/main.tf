# What AWS itself watches: the machine below the containers, and that it still speaks at all. What happens inside is
# watched by Prometheus on the host; these alarms are the ones that also go off when the host is gone.

data "aws_region" "this" {}
data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  namespace = "Storecast/${var.name}"
  errors    = "ErrorsLogged"
  host      = { InstanceId = var.instance_id }

  # Metric, where from, over what, from where on, over how many periods; no data is an alarm where silence is bad.
  alarms = merge(
    {
      "host-unreachable" = {
        what  = "The machine or what is below it does not answer: see runbook host lost."
        from  = "AWS/EC2", metric = "StatusCheckFailed", of = local.host, by = "Maximum"
        above = 0, seconds = 60, periods = 3, silence = "breaching"
      }
      "cpu" = {
        what  = "The host has had no processor left for a quarter of an hour."
        from  = "AWS/EC2", metric = "CPUUtilization", of = local.host, by = "Average"
        above = var.limits.cpu_percent, seconds = 300, periods = 3, silence = "missing"
      }
      "memory" = {
        what  = "The host runs out of memory; without any figure its agent is gone."
        from  = local.namespace, metric = "mem_used_percent", of = local.host, by = "Maximum"
        above = var.limits.memory_percent, seconds = 300, periods = 3, silence = "breaching"
      }
      "disk" = {
        what  = "One of the host's disks fills."
        from  = local.namespace, metric = "disk_used_percent", of = local.host, by = "Maximum"
        above = var.limits.disk_percent, seconds = 300, periods = 3, silence = "missing"
      }
      "errors" = {
        what  = "The system logs errors."
        from  = local.namespace, metric = local.errors, of = {}, by = "Sum"
        above = var.limits.errors, seconds = 300, periods = 1, silence = "notBreaching"
      }
    },
    { for name, alarm in {
      "cpu-credits" = {
        what  = "A machine of the kind t is about to be slowed down: it has no credits left."
        from  = "AWS/EC2", metric = "CPUCreditBalance", of = local.host, by = "Minimum"
        below = 20, seconds = 300, periods = 3, silence = "missing"
      }
    } : name => alarm if startswith(var.instance_type, "t") },
    {
      for key, database in var.databases : "${key}-disk" => {
        what  = "The database has less than 2 GB of disk left."
        from  = "AWS/RDS", metric = "FreeStorageSpace", of = { DBInstanceIdentifier = database }, by = "Minimum"
        below = 2147483648, seconds = 300, periods = 3, silence = "missing"
      }
    },
    {
      for key, balancer in var.balancers : "${key}-errors" => {
        what  = "The load balancer hands on errors of the host."
        from  = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", of = { LoadBalancer = balancer.name }, by = "Sum"
        above = var.limits.errors, seconds = 300, periods = 1, silence = "notBreaching"
      }
    },
    {
      for key, balancer in var.balancers : "${key}-no-host" => {
        what  = "No host behind the load balancer is healthy."
        from  = "AWS/ApplicationELB", metric = "UnHealthyHostCount", of = { LoadBalancer = balancer.name, TargetGroup = balancer.targets }, by = "Maximum"
        above = 0, seconds = 60, periods = 3, silence = "missing"
      }
    },
  )
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["host", "containers"])

  name              = "/${var.name}/${each.value}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

# The service logs one JSON object a line (time, level, logger, event), which Docker wraps in one of its own as a text.
resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "${var.name}-errors"
  log_group_name = aws_cloudwatch_log_group.this["containers"].name
  pattern        = "{ ($.log = \"*level*error*logger*\") || ($.log = \"*level*critical*logger*\") || ($.log = \"*Traceback*\") }"

  metric_transformation {
    namespace     = local.namespace
    name          = local.errors
    value         = "1"
    default_value = "0"
  }
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.what
  namespace           = each.value.from
  metric_name         = each.value.metric
  dimensions          = each.value.of
  statistic           = each.value.by
  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = try(each.value.below, each.value.above)
  period              = each.value.seconds
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.silence
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Where the machine under the host fails, AWS moves the host to another one, with its disks and its address.
resource "aws_cloudwatch_metric_alarm" "recover" {
  alarm_name          = "${var.name}-recover"
  alarm_description   = "The machine below the host failed: AWS moves the host."
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed_System"
  dimensions          = local.host
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 2
  alarm_actions = [
    "arn:${data.aws_partition.this.partition}:automate:${data.aws_region.this.name}:ec2:recover",
    aws_sns_topic.alarms.arn,
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type = "alarm", x = 0, y = 0, width = 24, height = 3
        properties = {
          title  = "Alarms"
          alarms = concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn], [aws_cloudwatch_metric_alarm.recover.arn])
        }
      }],
      [for number, chart in local.charts : {
        type = "metric", x = (number % 3) * 8, y = 3 + 6 * floor(number / 3), width = 8, height = 6
        properties = {
          title   = chart.title
          region  = data.aws_region.this.name
          view    = "timeSeries"
          stat    = chart.stat
          period  = 300
          metrics = chart.metrics
          yAxis   = { left = { min = 0 } }
        }
      }],
      [{
        type = "log", x = 0, y = 3 + 6 * ceil(length(local.charts) / 3), width = 24, height = 6
        properties = {
          title  = "Errors"
          region = data.aws_region.this.name
          view   = "table"
          query  = "SOURCE '${aws_cloudwatch_log_group.this["containers"].name}' | fields @timestamp, @message | filter @message like /error|Traceback/ | sort @timestamp desc | limit 50"
        }
      }],
    )
  })
}

locals {
  of_host = ["InstanceId", var.instance_id]
  charts = concat(
    [
      { title = "Processor, percent", stat = "Average", metrics = [concat(["AWS/EC2", "CPUUtilization"], local.of_host)] },
      { title = "Memory, percent", stat = "Maximum", metrics = [concat([local.namespace, "mem_used_percent"], local.of_host)] },
      { title = "Fullest disk, percent", stat = "Maximum", metrics = [concat([local.namespace, "disk_used_percent"], local.of_host)] },
      {
        title   = "Network, bytes", stat = "Sum",
        metrics = [concat(["AWS/EC2", "NetworkIn"], local.of_host), concat(["AWS/EC2", "NetworkOut"], local.of_host)]
      },
      { title = "Errors logged", stat = "Sum", metrics = [[local.namespace, local.errors]] },
    ],
    [
      for key, balancer in var.balancers : {
        title = "Requests and errors at the ${key}", stat = "Sum",
        metrics = [
          ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", balancer.name],
          ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", balancer.name],
        ]
      }
    ],
    [
      for key, balancer in var.balancers : {
        title   = "Answer at the ${key}, seconds (95th percentile)", stat = "p95",
        metrics = [["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", balancer.name]]
      }
    ],
    [
      for key, database in var.databases : {
        title   = "Processor of the ${key}, percent", stat = "Average",
        metrics = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", database]]
      }
    ],
    [
      for key, database in var.databases : {
        title   = "Connections of the ${key}", stat = "Maximum",
        metrics = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", database]]
      }
    ],
  )
}
