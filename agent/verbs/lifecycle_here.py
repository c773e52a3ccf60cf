"""Does here and now what the lifecycle's function would do, where there is no queue: one message, start to end."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.aws.clients import Clients
from agent.lifecycle.composing import conductor
from agent.lifecycle.delivery import deliver
from agent.lifecycle.later import NoLater
from agent.lifecycle.rows import ClusterRow, JobRow
from agent.lifecycle.table import Table
from agent.settings_lifecycle import LifecycleSettings


class _NoDeadlines:
    """The sweep sees to deadlines too."""

    def set(self, cluster_id: str, at: float) -> None: ...

    def drop(self, cluster_id: str) -> None: ...


class _NoTeller:
    """Whoever runs the verb reads its output."""

    def ended(self, row: ClusterRow) -> None: ...

    def job_ended(self, job: JobRow) -> None: ...


class _NoTokens:
    def ended(self, job: JobRow) -> None: ...

    def still_runs(self, job: JobRow) -> None: ...


def do(body: str, table: Table, clients: Clients, settings: LifecycleSettings, count: Callable[[str], None]) -> None:
    """Raises Fault. What our share of EMR's quotas does not allow is left to the next sweep."""
    conducts = conductor(
        table=table,
        emr=clients.emr_once,
        settings=settings,
        clock=time.time,
        count=count,
        deadlines=_NoDeadlines(),
        tokens=_NoTokens(),
        teller=_NoTeller(),
        later=NoLater(),
    )
    deliver(conducts, body, {}, time.time(), count)
