"""The kinds of JVM that report."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Spark calls them metrics system instances; the values are its own names for them."""

    DRIVER = "driver"
    EXECUTOR = "executor"
    APPLICATION_MASTER = "applicationMaster"
    MASTER = "master"
    WORKER = "worker"
