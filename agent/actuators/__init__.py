"""I/O out, the cluster: reads and changes its task capacity, ends it."""
