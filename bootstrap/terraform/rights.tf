# The role of the cluster's nodes with exactly the agent's rights, and the policy of the bucket that it is installed from.

data "aws_partition" "current" {}

data "aws_iam_policy_document" "assume" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.${data.aws_partition.current.dns_suffix}"]
    }
  }
}

# The statements of iam-policy.json.
data "aws_iam_policy_document" "tidemark" {
  statement {
    sid       = "TidemarkPublishMetrics"
    effect    = "Allow"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["Tidemark"]
    }
  }

  statement {
    sid    = "TidemarkObserveCluster"
    effect = "Allow"
    actions = [
      "elasticmapreduce:DescribeCluster",
      "elasticmapreduce:GetAutoTerminationPolicy",
      "elasticmapreduce:GetManagedScalingPolicy",
      "elasticmapreduce:ListInstanceFleets",
      "elasticmapreduce:ListInstanceGroups",
      "elasticmapreduce:ListInstances",
      "elasticmapreduce:ListSteps",
    ]
    resources = ["arn:${data.aws_partition.current.partition}:elasticmapreduce:*:*:cluster/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/tidemark"
      values   = ["observe", "resize", "terminate"]
    }
  }

  statement {
    sid    = "TidemarkResizeTaskCapacity"
    effect = "Allow"
    actions = [
      "elasticmapreduce:AddInstanceFleet",
      "elasticmapreduce:AddInstanceGroups",
      "elasticmapreduce:ModifyInstanceFleet",
      "elasticmapreduce:ModifyInstanceGroups",
    ]
    resources = ["arn:${data.aws_partition.current.partition}:elasticmapreduce:*:*:cluster/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/tidemark"
      values   = ["resize", "terminate"]
    }
  }

  statement {
    sid       = "TidemarkTerminateCluster"
    effect    = "Allow"
    actions   = ["elasticmapreduce:TerminateJobFlows"]
    resources = ["arn:${data.aws_partition.current.partition}:elasticmapreduce:*:*:cluster/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/tidemark"
      values   = ["terminate"]
    }
  }

  statement {
    sid    = "TidemarkObservePrices"
    effect = "Allow"
    actions = [
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeSpotPriceHistory",
      "pricing:GetProducts",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "TidemarkObserveStreams"
    effect    = "Allow"
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"]
  }

  statement {
    sid       = "TidemarkObserveAlarms"
    effect    = "Allow"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["*"]
  }

  statement {
    sid       = "TidemarkDeleteItsAlarms"
    effect    = "Allow"
    actions   = ["cloudwatch:DeleteAlarms"]
    resources = ["arn:${data.aws_partition.current.partition}:cloudwatch:*:*:alarm:Tidemark?j-*"]
  }

  statement {
    sid       = "TidemarkHearAlarms"
    effect    = "Allow"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.alarms.arn]
  }

  statement {
    sid       = "TidemarkNotify"
    effect    = "Allow"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.notice.arn]
  }

  statement {
    sid       = "TidemarkReadRelease"
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.release_bucket}/${var.release_prefix}/*"]
  }
}

data "aws_iam_policy_document" "table" {
  statement {
    sid       = "TidemarkLifecycleTable"
    effect    = "Allow"
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [var.lifecycle_table_arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["CLUSTER#*"]
    }
  }
}

# What a node needs without Tidemark as well. Your jobs' own data comes on top.
data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "WriteLogs"
    effect    = "Allow"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.log_bucket}/${var.log_prefix}/*"]
  }

  statement {
    sid       = "FindLogs"
    effect    = "Allow"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.log_bucket}"]
  }
}

data "aws_iam_policy_document" "release_bucket" {
  statement {
    sid       = "NodesReadReleases"
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.release_bucket}/${var.release_prefix}/*"]

    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.node.arn]
    }
  }

  statement {
    sid     = "OnlyByTls"
    effect  = "Deny"
    actions = ["s3:*"]
    resources = [
      "arn:${data.aws_partition.current.partition}:s3:::${var.release_bucket}",
      "arn:${data.aws_partition.current.partition}:s3:::${var.release_bucket}/*",
    ]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # Two levels down are the versions; the settings beside them may change.
  statement {
    sid       = "PublishedVersionsAreNotOverwritten"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.release_bucket}/${var.release_prefix}/*/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["true"]
    }

    condition {
      test     = "Bool"
      variable = "s3:ObjectCreationOperation"
      values   = ["true"]
    }
  }
}

resource "aws_iam_role" "node" {
  description        = "What the nodes of clusters with Tidemark may do."
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "tidemark" {
  name   = "tidemark"
  role   = aws_iam_role.node.name
  policy = data.aws_iam_policy_document.tidemark.json
}

resource "aws_iam_role_policy" "table" {
  count  = var.lifecycle_table_arn == "" ? 0 : 1
  name   = "tidemark-table"
  role   = aws_iam_role.node.name
  policy = data.aws_iam_policy_document.table.json
}

resource "aws_iam_role_policy" "logs" {
  name   = "cluster-logs"
  role   = aws_iam_role.node.name
  policy = data.aws_iam_policy_document.logs.json
}

resource "aws_iam_instance_profile" "node" {
  role = aws_iam_role.node.name
}

resource "aws_s3_bucket_policy" "release" {
  count = var.write_bucket_policy ? 1 : 0

  bucket = var.release_bucket
  policy = data.aws_iam_policy_document.release_bucket.json
}
