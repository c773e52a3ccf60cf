"""AWS and a Spark cluster on this machine, for the demo and the tests. Never imported by the running agent."""
