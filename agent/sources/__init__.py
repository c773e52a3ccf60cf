"""I/O in."""
