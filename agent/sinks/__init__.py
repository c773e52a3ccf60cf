"""I/O out, numbers and notices."""
