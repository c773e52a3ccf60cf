"""Bytes and JSON to readings: pure, no socket, no clock."""
