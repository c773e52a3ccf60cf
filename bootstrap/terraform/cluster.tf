# A sample cluster whose spot task fleet the agent resizes, and the topic for its notices.

resource "aws_sns_topic" "notice" {
  display_name = "Tidemark"
}

resource "aws_sns_topic_subscription" "notice" {
  count = var.notice_email == "" ? 0 : 1

  topic_arn = aws_sns_topic.notice.arn
  protocol  = "email"
  endpoint  = var.notice_email
}

resource "aws_emr_cluster" "cluster" {
  name                   = var.cluster_name
  release_label          = var.release_label
  applications           = ["Hadoop", "Spark"]
  service_role           = var.service_role
  log_uri                = "s3://${var.log_bucket}/${var.log_prefix}/"
  visible_to_all_users   = true
  termination_protection = false
  tags                   = { tidemark = var.may_do }

  # No managed scaling policy and no auto_termination_policy: where EMR does either, the agent only observes.

  ec2_attributes {
    instance_profile = aws_iam_instance_profile.node.arn
    subnet_ids       = var.subnet_ids
  }

  bootstrap_action {
    name = "Tidemark"
    path = "s3://${var.release_bucket}/${var.release_prefix}/${var.tidemark_version}/install.sh"
    args = [
      "--config", "s3://${var.release_bucket}/${var.release_prefix}/config.toml",
      "--set=notices.topic_arn=${aws_sns_topic.notice.arn}",
      "--set=actions.topic_arn=${aws_sns_topic.alarms.arn}",
      "--set=actions.queue_url=${aws_sqs_queue.alarms.url}",
    ]
  }

  configurations_json = jsonencode([{
    Classification = "spark-defaults"
    Properties = {
      "spark.metrics.appStatusSource.enabled"  = "true"
      "spark.sql.streaming.metricsEnabled"     = "true"
      "spark.executor.metrics.pollingInterval" = "2s"
    }
  }])

  master_instance_fleet {
    name                      = "primary"
    target_on_demand_capacity = 1

    instance_type_configs {
      instance_type = "m6i.xlarge"
    }

    instance_type_configs {
      instance_type = "m5.xlarge"
    }
  }

  core_instance_fleet {
    name                      = "core"
    target_on_demand_capacity = 1

    instance_type_configs {
      instance_type = "r6i.xlarge"
    }

    instance_type_configs {
      instance_type = "r5.xlarge"
    }
  }

  # The role without its policies would fail the bootstrap action.
  depends_on = [aws_iam_role_policy.tidemark, aws_iam_role_policy.logs]
}

resource "aws_emr_instance_fleet" "task" {
  cluster_id                = aws_emr_cluster.cluster.id
  name                      = "task"
  target_on_demand_capacity = 0
  target_spot_capacity      = var.task_units

  instance_type_configs {
    instance_type     = "r6i.xlarge"
    weighted_capacity = 1
  }

  instance_type_configs {
    instance_type     = "r5.xlarge"
    weighted_capacity = 1
  }

  instance_type_configs {
    instance_type     = "r6i.2xlarge"
    weighted_capacity = 2
  }

  instance_type_configs {
    instance_type     = "r5.2xlarge"
    weighted_capacity = 2
  }

  launch_specifications {
    spot_specification {
      allocation_strategy      = "price-capacity-optimized"
      timeout_action           = "SWITCH_TO_ON_DEMAND"
      timeout_duration_minutes = 20
    }
  }

  # The agent changes both, and would otherwise be undone by the next apply.
  lifecycle {
    ignore_changes = [target_spot_capacity, target_on_demand_capacity]
  }
}
