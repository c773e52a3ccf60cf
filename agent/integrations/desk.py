"""The lifecycle from outside: its table to look at, its queue to ask for something. Knows no scheduler."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Self

from agent.aws.clients import Clients
from agent.domain.ports import Clock
from agent.lifecycle import queue
from agent.lifecycle.budget import Budget
from agent.lifecycle.dynamo_table import DynamoTable
from agent.lifecycle.eyes import EmrEyes
from agent.lifecycle.following import Following, arrived, follow
from agent.lifecycle.outcome import Outcome
from agent.lifecycle.store import Store
from agent.lifecycle.watch import Sight, watch
from agent.lifecycle.words import State
from agent.settings import AwsSettings
from agent.settings_lifecycle import LifecycleSettings, of_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which lifecycle it is. No secrets: credentials come from botocore's own chain, wherever this is used."""

    table: str
    queue_url: str = ""
    region: str = ""
    endpoint_url: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str], **given: str | None) -> Self:
        """What is given, else TIDEMARK_TABLE and TIDEMARK_QUEUE_URL. Raises ValueError when no table is named."""
        settings = of_environment(environ)
        told = {"table": settings.table, "queue_url": settings.queue_url}
        made = cls(**{**told, **{name: value for name, value in given.items() if value}})
        if not made.table:
            raise ValueError("no table of the lifecycle is named: give `table`, or set TIDEMARK_TABLE")
        return made

    def data(self) -> dict[str, str]:
        """What `Where(**data)` is made of again."""
        return {name: str(value) for name, value in asdict(self).items()}


class Desk:
    """Threads may share it. Raises Fault throughout."""

    def __init__(
        self,
        where: Where,
        settings: LifecycleSettings,
        *,
        clock: Clock = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Of the settings, its table and queue do not count: `where` names them."""
        self._where = where
        self._clients = Clients(AwsSettings.model_validate({k: v for k, v in where.data().items() if v and k in _AWS}))
        self._settings = settings
        table = DynamoTable(self._clients.dynamodb, where.table)
        self.store = Store(table)
        self._eyes = EmrEyes(self._clients.emr_once, Budget(table, self._settings.calls_share, only_looks=True), clock)
        self._clock = clock
        self._chance = chance

    def launch(
        self,
        launch_id: str,
        profile: str,
        owner: str,
        alias: str,
        steps: Sequence[Mapping[str, Any]],
        terminate_at: float | None,
        retry: str | None,
    ) -> None:
        """Ask for a cluster. Asked a second time, it is the same launch."""
        wish = {"id": launch_id, "profile": profile, "owner": owner, "alias": alias, "steps": list(steps)}
        more = {"terminate_at": terminate_at, "retry": retry}
        self._ask({"launch": {**wish, **{name: value for name, value in more.items() if value is not None}}})

    def owner_gone(self, owner: str, why: str) -> None:
        """All that was asked for the owner up to now is to end, also a launch that is heard of only later."""
        self._ask({"owner": owner, "event": "gone", "why": why})

    def is_known_gone(self, owner: str) -> bool:
        return self.store.owner(owner) is not None

    def sight(self, cluster_id: str) -> Sight:
        """The cluster's state: mostly the table's, sometimes EMR's, which is then written back."""
        return watch(cluster_id, self.store, self._eyes, self._clock(), self._chance, self._settings)

    def arrived(self, sight: Sight, wanted: Collection[State]) -> Outcome:
        return arrived(sight, wanted, self._clock(), self._settings.lost_core_s)

    def follow(self, launch_id: str) -> Following:
        return follow(launch_id, self.store, self.sight, self._clock())

    def _ask(self, message: Mapping[str, Any]) -> None:
        if not self._where.queue_url:
            raise ValueError("no queue of the lifecycle is named: give `queue_url`, or set TIDEMARK_QUEUE_URL")
        queue.send(self._clients.sqs, self._where.queue_url, message)


_AWS = ("region", "endpoint_url")


@lru_cache(maxsize=8)
def desk_of(where: Where) -> Desk:
    """One for all tasks and triggers of a process: clients cost megabytes, and threads may share them."""
    return Desk(where, of_environment(os.environ))
