"""The alarms of a cluster go with it: they cost money and tell nobody anything once it has ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from agent import log
from agent.alarms.alarm import CLUSTER_ID, Subject
from agent.alarms.cloudwatch import delete, of
from agent.domain.faults import Fault
from agent.domain.ports import ClusterReader


class Removal:
    """Deletes our alarms on this cluster's id. Those on its name stay. Never raises a Fault: no alarm is worth a
    cluster that does not end."""

    def __init__(self, client: Callable[[], Any], cluster_id: str) -> None:
        self._client = client
        self._subject = Subject(CLUSTER_ID, cluster_id)
        self._done = False
        self._told = ""
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Afterwards they are gone, or the log says why not; then the next call tries again."""
        with self._lock:
            if not self._done:
                self._done = self._remove()

    def if_ending(self, cluster: ClusterReader) -> None:
        """The same, if EMR says that the cluster is ending; an agent that is stopped for another reason leaves them."""
        if self._done:
            return
        try:
            ending = cluster.read().ending
        except Fault as fault:
            self._tell(fault)
            return
        if ending:
            self()

    def _remove(self) -> bool:
        try:
            client = self._client()
            found = of(client, self._subject)
            delete(client, found)
        except Fault as fault:
            self._tell(fault)
            return False
        if found:
            log.event(logging.INFO, "alarms.removed", names=[one.name for one in found])
        return True

    def _tell(self, fault: Fault) -> None:
        """Once: it is tried again every turn until the end."""
        if str(fault) != self._told:
            log.event(logging.WARNING, "alarms.left", cluster=self._subject.value, error=str(fault))
        self._told = str(fault)
