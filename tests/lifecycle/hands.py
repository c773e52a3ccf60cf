"""What the tests of launch and end share: a table with rows, and ports that remember what they were told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from agent.aws.clients import Clients
from agent.lifecycle.budget import Budget
from agent.lifecycle.ending import ClusterEnder
from agent.lifecycle.eyes import EmrEyes
from agent.lifecycle.ladder import LAUNCH_TAG, PROFILE_TAG, TABLE_TAG, name_of
from agent.lifecycle.launch import FleetLauncher
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobRow, LaunchRow, cluster_key, launch_key, profile_key
from agent.lifecycle.store import Store
from agent.lifecycle.table import Change, Index, Item, Table
from agent.lifecycle.words import State
from agent.sandbox.emr.service_model import check
from agent.settings import AwsSettings
from agent.telemetry import Telemetry
from tests.sandbox.emr_world import REGION, World, fleets

TABLE = "tidemark"


def clients(it: World) -> Clients:
    """As the lifecycle makes them."""
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    return Clients(AwsSettings(region=REGION, endpoint_url=it.server.endpoint, max_attempts=1))


def once_client(it: World) -> Any:
    """A client of a single attempt; every request is held to the service model."""
    return check(clients(it).emr_once)


class Heard:
    """Deadlines and Teller in one."""

    def __init__(self) -> None:
        self.deadlines: dict[str, float] = {}
        self.dropped: list[str] = []
        self.ends: list[ClusterRow] = []
        self.jobs: list[JobRow] = []

    def set(self, cluster_id: str, at: float) -> None:
        self.deadlines[cluster_id] = at

    def drop(self, cluster_id: str) -> None:
        self.dropped.append(cluster_id)

    def ended(self, row: ClusterRow) -> None:
        self.ends.append(row)

    def job_ended(self, job: JobRow) -> None:
        self.jobs.append(job)


class Died(BaseException):
    """The process is gone: nothing catches it."""


class Mortal:
    """A table and an EMR client whose n-th call, counted together, is the last: before it is done, or right after."""

    def __init__(self, dies_at: int | None = None, after: bool = False) -> None:
        self.calls = 0
        self._dies_at = dies_at
        self._after = after

    def run(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls == self._dies_at and not self._after:
            raise Died
        answer = call(*args, **kwargs)
        if self.calls == self._dies_at:
            raise Died
        return answer

    def table(self, table: Table) -> Table:
        return _MortalTable(self, table)

    def client(self, client: Any) -> Any:
        return _MortalClient(self, client)


class _MortalClient:
    def __init__(self, life: Mortal, client: Any) -> None:
        self._life, self._client = life, client

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        return lambda **request: self._life.run(call, **request)


class _MortalTable:
    def __init__(self, life: Mortal, table: Table) -> None:
        self._life, self._table = life, table

    def get(self, key: str) -> Item | None:
        found: Item | None = self._life.run(self._table.get, key)
        return found

    def change(self, change: Change) -> Item | None:
        found: Item | None = self._life.run(self._table.change, change)
        return found

    def change_all(self, changes: Any) -> bool:
        return bool(self._life.run(self._table.change_all, changes))

    def rows(self, index: Index, of: str, limit: int | None = None) -> Any:
        return self._life.run(self._table.rows, index, of, limit)

    def keyed(self, prefix: str) -> Any:
        return self._life.run(self._table.keyed, prefix)


class Rig:
    """The lifecycle's hands on a sandbox, with a table in memory."""

    def __init__(self, it: World, table: Table | None = None, client: Any = None) -> None:
        self.it = it
        self.table = table or MemoryTable()
        self.store = Store(self.table)
        self.client = client or once_client(it)
        self.budget = Budget(self.table, 1.0)
        self.heard = Heard()
        self.telemetry = Telemetry()
        self.eyes = EmrEyes(self.client, self.budget, it.clock)
        self.ender = ClusterEnder(
            store=self.store, eyes=self.eyes, client=self.client, budget=self.budget, deadlines=self.heard,
            teller=self.heard, clock=it.clock, count=self.telemetry.count, table=TABLE,
        )  # fmt: skip

        self.launcher = FleetLauncher(
            store=self.store, eyes=self.eyes, client=self.client, budget=self.budget, ender=self.ender,
            deadlines=self.heard, clock=it.clock, count=self.telemetry.count, table=TABLE,
        )  # fmt: skip

    def counts(self) -> Mapping[str, int]:
        return self.telemetry.counts()

    def profile(self, request: Mapping[str, Any] | None = None, **more: Any) -> ClusterProfile:
        made = ClusterProfile(key=profile_key("nightly"), request=request or profile_request(), **more)
        self.store.put_profile(made)
        return made

    def known(self, cluster: str, **more: Any) -> ClusterRow:
        """The row of a cluster that has been ready."""
        row = ClusterRow(
            key=cluster_key(cluster), owner="df-1", profile="nightly", created_at=self.it.clock.now - 600, **more
        )
        assert self.store.know(row) is not None
        seen = self.store.saw_state(cluster, State.WAITING, self.it.clock.now - 300, self.it.clock.now)
        assert seen is not None
        return seen

    def row(self, cluster: str) -> ClusterRow:
        found = self.store.cluster(cluster)
        assert found is not None
        return found

    def wish(self, launch_id: str = "l-1", **more: Any) -> LaunchRow:
        fields = {"owner": "df-1", "profile": "nightly", "open": "LAUNCH", "created_at": self.it.clock.now, **more}
        row = LaunchRow(key=launch_key(launch_id), **fields)
        assert self.store.ask_launch(row)
        return row

    def launch(self, launch_id: str = "l-1") -> LaunchRow:
        found = self.store.launch(launch_id)
        assert found is not None
        return found


def profile_request(**instances: Any) -> dict[str, Any]:
    """RunJobFlow's, as a person writes it into a profile."""
    return {
        "ReleaseLabel": "emr-7.10.0",
        "JobFlowRole": "ec2",
        "ServiceRole": "emr",
        "Instances": dict(fleets(spot=2, **instances)),
    }


def our_cluster(it: World, launch_id: str = "l-9", attempt: int = 1, table: str = TABLE, **instances: Any) -> str:
    """One that was launched by the lifecycle and that the table need not know."""
    tags = {LAUNCH_TAG: f"{launch_id}.{attempt}", PROFILE_TAG: "nightly", TABLE_TAG: table}
    return it.ready(
        Name=name_of("nightly", launch_id, attempt),
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        Instances=fleets(**instances),
    )
