"""The agent's heartbeat, over a table in memory and one in DynamoDB: what it writes, what comes back, what is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.domain.faults import TransientFault
from agent.domain.fleets import Fleet
from agent.domain.observation import Observation
from agent.domain.readings import HdfsReading
from agent.lifecycle.heartbeat import Heartbeat, UnitSeconds
from agent.lifecycle.ladder import name_of
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.rows import ClusterRow, JobRow, LaunchRow, job_key
from agent.lifecycle.store import Store
from agent.lifecycle.table import Change, Item, Table
from agent.lifecycle.words import EndReason, JobState, LaunchState, Phase, State
from agent.telemetry import Telemetry
from tests.lifecycle.dynamo import dynamo, dynamo_table
from tests.policy.build import NOW, app, cluster, evidence, fleet, history, node, observation, reading

ID = "j-1"
GRACE_S = 900.0


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynamo() as made:
        yield made


@pytest.fixture(params=["memory", "dynamodb"])
def table(request: pytest.FixtureRequest, client: Any) -> Iterator[Table]:
    if request.param == "memory":
        yield MemoryTable()
        return
    with dynamo_table(client) as made:
        yield made


class Beating:
    """A heart on a stepping clock, and what it was told about the file that keeps EMR from ending the cluster."""

    def __init__(self, table: Table) -> None:
        self.store = Store(table)
        self.now = NOW
        self.claimed: list[bool] = []
        self.telemetry = Telemetry()
        self.heart = self.anew(table)

    def anew(self, table: Table) -> Heartbeat:
        """Of an agent that has just begun."""
        self.heart = Heartbeat(
            Store(table), ID, lambda: self.now, self.telemetry, hold_busy=self.claimed.append, grace_s=GRACE_S
        )
        return self.heart

    def beat(self, seen: Observation | None = None, after: float = 0.0) -> ClusterRow | None:
        """One turn, so much later, and a beat; the row afterwards."""
        self.now += after
        self.heart.saw(replace(seen or observation(), at=self.now))
        self.heart.step()
        return self.store.cluster(ID)

    @property
    def errors(self) -> int:
        return self.telemetry.counts().get("LifecycleErrors", 0)


def sure(row: ClusterRow | None) -> ClusterRow:
    assert row is not None
    return row


def units(spot: int, on_demand: int = 0) -> Fleet:
    return fleet(spot, provisioned_spot=spot, provisioned_on_demand=on_demand)


def test_a_beat_writes_what_the_turn_saw_into_a_row_that_it_makes_if_nobody_has(table: Table) -> None:
    it = Beating(table)
    seen = observation(
        reading=reading(nodes=(node("task-0"), node("core-0"), node("core-1")), applications=(app(),)),
        fleet=fleet(1),
        hdfs=HdfsReading(at=NOW, total_load=0, live_data_nodes=2),
        cluster=cluster(name="nightly", created_at=NOW - 500.0),
    )
    row = sure(it.beat(seen))
    assert (row.name, row.created_at, row.heartbeat_at) == ("nightly", NOW - 500, NOW)
    assert (row.core_nodes, row.task_nodes, row.apps, row.idle_since) == (2, 1, 1, None)
    assert (row.state, row.phase, row.open) == (State.WAITING, Phase.WORKING, "CLUSTER")
    assert it.heart.orders().heard_at == NOW
    assert it.store.mark_end(ID, EndReason.IDLE, "idle", NOW) is not None, "such a row may be ended for want of work"


def test_a_row_that_somebody_has_made_keeps_what_he_wrote(table: Table) -> None:
    it = Beating(table)
    it.store.know(ClusterRow(key=f"CLUSTER#{ID}", name="etl", owner="df-1", created_at=5.0, pool=True))
    row = sure(it.beat(observation(cluster=cluster(name="other"))))
    assert (row.name, row.owner, row.created_at, row.phase) == ("etl", "df-1", 5.0, Phase.LAUNCHING)


def test_a_cluster_of_a_launch_that_is_not_written_down_yet_still_becomes_one_of_its_pool(table: Table) -> None:
    """Whoever launched it died before he could write: its agent may be the first to be heard."""
    it = Beating(table)
    launch = LaunchRow(
        key="LAUNCH#l-1", owner="pool", profile="etl", state=LaunchState.CLAIMED, created_at=NOW, pool=True, slot=1
    )
    assert it.store.ask_launch(launch)
    name = name_of("etl", "l-1", 1)
    assert sure(it.beat(observation(cluster=cluster(name=name)))).phase is Phase.LAUNCHING
    assert it.store.launched(launch, ClusterRow(key=f"CLUSTER#{ID}", name=name, profile="etl", pool=True, slot=1))
    row = sure(it.store.saw_state(ID, State.WAITING, NOW, NOW))
    assert (row.phase, row.pool, row.slot) == (Phase.IDLE, True, 1)


def test_what_is_not_known_any_more_is_not_told_as_if_it_were(table: Table) -> None:
    it = Beating(table)
    calm = observation(history=history(idle_since=NOW - 100))
    assert sure(it.beat(calm)).apps == 0
    row = sure(it.beat(calm, after=121))
    assert (row.apps, row.core_nodes, row.task_nodes) == (None, None, None)
    assert row.heartbeat_at == NOW + 121


def test_the_row_that_comes_back_is_the_orders(table: Table) -> None:
    it = Beating(table)
    it.beat()
    it.store.set_deadline(ID, NOW + 77)
    it.store.drain(ID, "retired")
    assert it.heart.orders().terminate_at is None, "before the next beat nothing is known of it"
    it.beat(after=60)
    orders = it.heart.orders()
    assert (orders.heard_at, orders.terminate_at, orders.drain) == (NOW + 60, NOW + 77, "retired")
    it.store.mark_end(ID, EndReason.OWNER_DONE, "the pipeline has ended", NOW)
    it.beat(after=60)
    assert (it.heart.orders().end_reason, it.heart.orders().end_why) == ("owner-done", "the pipeline has ended")


def job() -> JobRow:
    return JobRow(key=job_key("a"), owner="o", profile="p", state=JobState.QUEUED, created_at=NOW)


def test_a_claim_is_heard_keeps_the_file_touched_and_counts_as_work(table: Table) -> None:
    it = Beating(table)
    it.store.know(ClusterRow(key=f"CLUSTER#{ID}", created_at=1.0, pool=True))
    it.store.saw_state(ID, State.WAITING, NOW, NOW)
    it.store.submit(job())
    idle = observation(history=history(idle_since=NOW - 5000))
    assert sure(it.beat(idle)).idle_since == NOW - 5000
    assert it.store.claim(ID, job(), NOW, NOW - 1) is not None
    it.beat(idle, after=60)
    assert it.heart.orders().claim == "a"
    it.store.release(ID, "a", NOW + 100)
    assert sure(it.beat(idle, after=60)).idle_since == NOW + 60, "no probe has seen the job, and it was there"
    assert it.claimed == [False, True, False]


def test_a_free_cluster_in_its_place_is_kept_for_its_pool_but_not_from_draining(table: Table) -> None:
    it = Beating(table)
    it.store.know(ClusterRow(key=f"CLUSTER#{ID}", created_at=1.0, pool=True, profile="etl", slot=1))
    it.store.saw_state(ID, State.WAITING, NOW, NOW)
    idle = observation(history=history(idle_since=NOW - 5000))
    it.beat(idle)
    assert it.heart.orders().claim == "pool etl"
    assert it.claimed == [False], "EMR's own idle end is not put off"
    it.store.drain(ID, "retired")
    it.beat(idle, after=60)
    assert it.heart.orders().claim is None


def test_a_cluster_that_is_to_drain_is_given_to_no_job(table: Table) -> None:
    it = Beating(table)
    it.store.know(ClusterRow(key=f"CLUSTER#{ID}", created_at=1.0, pool=True))
    it.store.saw_state(ID, State.WAITING, NOW, NOW)
    it.store.submit(job())
    it.store.drain(ID, "retired")
    assert it.store.claim(ID, job(), NOW, None) is None
    assert it.store.mark_end(ID, EndReason.IDLE, "idle", NOW) is not None


@pytest.mark.parametrize(
    "seen",
    [
        observation(evidence=()),
        observation(history=history(manager_answered_at=None)),
        observation(history=history(manager_answered_at=NOW - GRACE_S + 60)),
    ],
    ids=["the watchdog is off", "the cluster manager has not answered", "in the grace period"],
)
def test_where_nobody_judges_idleness_the_row_keeps_what_it_says(table: Table, seen: Observation) -> None:
    it = Beating(table)
    it.store.know(ClusterRow(key=f"CLUSTER#{ID}", created_at=1.0, pool=True, idle_since=NOW - 9))
    assert sure(it.beat(seen)).idle_since == NOW - 9
    assert sure(it.beat(observation(evidence=evidence(steps=True)))).idle_since is None


def test_capacity_is_counted_by_market_and_across_a_restart(table: Table) -> None:
    it = Beating(table)
    it.beat(observation(fleet=units(4, 1)))
    row = sure(it.beat(observation(fleet=units(2)), after=60))
    assert (row.spot_unit_s, row.on_demand_unit_s) == (240, 60)
    it.anew(table)
    assert sure(it.beat(observation(fleet=units(2)), after=600)).spot_unit_s == 240, "nobody looked in between"
    row = sure(it.beat(observation(fleet=units(0)), after=60))
    assert (row.spot_unit_s, row.on_demand_unit_s) == (360, 60)


class Lossy:
    """A table whose changes are made, and whose answers to some are lost, or that is not reached at all."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.lost = self.away = False

    def change(self, change: Change) -> Item | None:
        if self.away:
            raise TransientFault("the table is away")
        answer = self._table.change(change)
        if self.lost:
            raise TransientFault("the answer was lost")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def test_a_beat_whose_answer_was_lost_counts_once(table: Table) -> None:
    lossy = Lossy(table)
    it = Beating(lossy)
    seen = observation(fleet=units(1))
    it.beat(seen)
    it.beat(seen, after=60)
    lossy.lost = True
    assert sure(it.beat(seen, after=60)).spot_unit_s == 120
    lossy.lost, lossy.away = False, True
    assert sure(it.beat(seen, after=60)).spot_unit_s == 120
    lossy.away = False
    assert sure(it.beat(seen, after=60)).spot_unit_s == 240
    assert it.errors == 2


def test_a_table_that_is_silent_leaves_the_orders_as_they_grow_old(table: Table) -> None:
    lossy = Lossy(table)
    it = Beating(lossy)
    it.beat()
    it.store.set_deadline(ID, NOW + 77)
    it.beat()
    lossy.away = True
    it.beat(after=600)
    assert (it.heart.orders().heard_at, it.heart.orders().terminate_at) == (NOW, NOW + 77)
    assert it.errors == 1


def test_a_cluster_that_the_table_has_as_ended_brings_no_orders(table: Table) -> None:
    it = Beating(table)
    it.beat()
    it.store.saw_state(ID, State.TERMINATED, NOW + 1, NOW + 1)
    it.beat(after=60)
    assert it.heart.orders().heard_at == NOW
    assert it.errors == 1
    assert sure(it.store.cluster(ID)).heartbeat_at == NOW


def test_beside_a_standby_nothing_is_written_and_after_a_failover_the_count_goes_on(table: Table) -> None:
    leads, stands_by = observation(fleet=units(1)), observation(fleet=units(1), reading=reading(leader=False))
    one, other = Beating(table), Beating(table)
    one.beat(leads)
    one.beat(leads, after=60)
    assert sure(other.beat(stands_by, after=120)).heartbeat_at == NOW + 60
    assert other.heart.orders().heard_at is None
    # the failover: from now on the other one acts
    other.beat(leads, after=0)
    assert sure(other.beat(leads, after=60)).spot_unit_s == 120
    assert sure(one.beat(stands_by, after=200)).spot_unit_s == 120
    assert sure(one.beat(leads, after=10)).spot_unit_s == 120, "it reads first what the other one has counted"
    assert sure(one.beat(leads, after=60)).spot_unit_s == 180


def test_the_first_beat_waits_a_period_for_something_to_be_seen(table: Table) -> None:
    it = Beating(table)
    it.heart.step()
    assert it.store.cluster(ID) is None
    it.heart.step()
    assert sure(it.store.cluster(ID)).heartbeat_at == NOW, "an agent that sees nothing is alive all the same"


def test_units_count_until_the_next_look_and_not_over_what_nobody_saw() -> None:
    count = UnitSeconds()
    count.look(0.0, 3, 1)
    count.look(10.0, 5, 0)
    count.look(5.0, 5, 0)  # the clock was set back
    count.look(15.0, 2, 0)
    assert (count.spot_s, count.on_demand_s) == (80.0, 10.0)
    count.look(15.0 + 301.0, 2, 0)
    count.lose_sight()
    count.look(400.0, 1, 1)
    assert (count.spot_s, count.on_demand_s) == (80.0, 10.0)
