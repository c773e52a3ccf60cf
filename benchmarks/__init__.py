"""Measurements beside others, on this machine. Never part of the tests. `python -m benchmarks --help`."""
