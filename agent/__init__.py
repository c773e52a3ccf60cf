"""Tidemark: an autoscaling agent for Spark on Amazon EMR."""

__version__ = "0.1.0"
