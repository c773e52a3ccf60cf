"""The node that the agent lives on: its own address, Hadoop's and Spark's configuration folders."""
