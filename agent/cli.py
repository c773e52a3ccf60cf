"""The verbs. The only module that prints."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """Tidemark: an autoscaling agent for Spark on Amazon EMR."""
