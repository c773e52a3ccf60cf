"""Clusters from launch to end, beside the agent: one table, one queue, one handler, one way to end a cluster."""
