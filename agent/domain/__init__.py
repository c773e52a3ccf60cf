"""Nouns only: what the agent sees, says and asks for. Standard library, no I/O, no clock, no logging."""
