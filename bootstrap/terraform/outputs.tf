output "cluster_id" {
  value = aws_emr_cluster.cluster.id
}

output "node_role_arn" {
  description = "Give other clusters this role's instance profile, and the tag `tidemark`."
  value       = aws_iam_role.node.arn
}

output "node_profile_name" {
  value = aws_iam_instance_profile.node.name
}

output "notice_topic_arn" {
  value = aws_sns_topic.notice.arn
}

output "alarm_topic_arn" {
  description = "The action of alarms that the agent is to act on, and the topic in `alarms.topic_arns`."
  value       = aws_sns_topic.alarms.arn
}
