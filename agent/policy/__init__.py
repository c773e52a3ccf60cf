"""Decisions: pure functions of an observation and the settings."""
