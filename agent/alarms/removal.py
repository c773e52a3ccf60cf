"""The alarms of a cluster go with it: they cost money and tell nobody anything once it has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from agent import log
from agent.alarms.alarm import CLUSTER_ID, Subject
from agent.alarms.cloudwatch import delete, of
from agent.domain.faults import Fault


class Removal:
    """Deletes our alarms on this cluster's id. Those on its name stay. Belongs to one thread at a time."""

    def __init__(self, client: Callable[[], Any], cluster_id: str) -> None:
        self._client = client
        self._subject = Subject(CLUSTER_ID, cluster_id)
        self._done = False

    def __call__(self) -> None:
        """Afterwards they are gone, or the log says why not; then the next call tries again. Never raises a Fault: no
        alarm is worth a cluster that does not end."""
        if self._done:
            return
        try:
            client = self._client()
            found = of(client, self._subject)
            delete(client, found)
        except Fault as fault:
            log.event(logging.WARNING, "alarms.left", cluster=self._subject.value, error=str(fault))
            return
        self._done = True
        if found:
            log.event(logging.INFO, "alarms.removed", names=[one.name for one in found])
