"""Does here and now what the lifecycle's function would do, where there is no queue: one message, start to end."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.aws.clients import Clients
from agent.lifecycle.composing import on_aws
from agent.lifecycle.delivery import deliver
from agent.lifecycle.table import Table
from agent.settings_lifecycle import LifecycleSettings


def do(body: str, table: Table, clients: Clients, settings: LifecycleSettings, count: Callable[[str], None]) -> None:
    """Raises Fault. What our share of EMR's quotas does not allow is left to the next sweep."""
    conducts = on_aws(table, clients, settings, time.time, count, by_queue=False)
    deliver(conducts, body, {}, time.time(), count)
