"""Thin wrappers around `agent.lifecycle` for other people's schedulers. Nothing here decides anything."""
