"""Real Hadoop daemons on the loopback, a node that comes and goes for each instance, and Spark on their YARN."""
