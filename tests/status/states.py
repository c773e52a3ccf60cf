"""Turns and states for tests, made the way the running agent makes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.aggregate.rollup import roll_up
from agent.aggregate.signals import signals
from agent.aggregate.snapshot import Instance, Role, Snapshot
from agent.domain.decisions import Decision, Hold, Outcome, Reason, Resize, Result
from agent.domain.observation import Observation
from agent.domain.readings import HdfsReading, NodeReading
from agent.domain.turns import Turn
from agent.settings import Settings
from agent.status import making
from agent.status.keeping import Chronicle, Ledger, Trail
from agent.status.making import Held, Kept, Self
from agent.status.state import State
from tests.policy import build

NOW = build.NOW
ME = Self(version="9.9", cluster_id="j-1", region="eu-west-1", started_at=NOW - 3600)
MEBIBYTE = 1024 * 1024


def because(*codes: str) -> tuple[Reason, ...]:
    return tuple(Reason(code, f"text of {code}") for code in codes)


def turn(decision: Decision | None = None, outcome: Outcome = Outcome.NONE, **observed: Any) -> Turn:
    """A turn that decided so; `observed` goes into its observation."""
    decided = Hold(because("not-breaching")) if decision is None else decision
    seen = build.observation(**observed)
    return Turn(
        observation=seen,
        proposals=(("threshold", decided),),
        wanted=decided,
        decision=decided,
        notice=None,
        unconfirmed=None,
        result=Result(outcome, "as EMR said" if outcome is not Outcome.NONE else ""),
        shadows=(("demand", Resize(10, 12, because("work-left"))),),
    )


def held(percents: Iterable[float] = (5, 42, 47, 95), at: float = NOW, counts: dict[str, int] | None = None) -> Held:
    """What the table held of executors with so much of their heap in use."""
    snapshot = Snapshot(
        at=at,
        instances=tuple(_executor(str(number), percent, at) for number, percent in enumerate(percents)),
        memory_deaths=(),
        executors_lost=2,
        cluster=None,
        hdfs=HdfsReading(at=at - 7, total_load=12, live_data_nodes=3),
        node=NodeReading(
            at=at,
            cpu_percent=10,
            memory_used_percent=20,
            load_1m=0.5,
            agent_cpu_percent=0.4,
            agent_rss_bytes=80 * MEBIBYTE,
        ),
        counts={"LinesReceived": 100, **(counts or {})},
    )
    return Held(snapshot=snapshot, rollup=roll_up(snapshot, None, fleet=None, idle=False))


def _executor(id: str, percent: float, at: float) -> Instance:
    values = {"jvm.heap.used": percent * 1e7, "jvm.heap.max": 1e9}
    return Instance(
        role=Role.EXECUTOR, app="app-1", id=id, peer="10.0.0.1", first_seen=at - 60, last_seen=at - 3, values=values
    )


def seen_by(table: Held, observation: Observation) -> dict[str, Any]:
    """The signals that such a table gives, beside those of the observation."""
    return {**observation.signals, **signals(table.rollup, table.snapshot)}


def state(
    decision: Decision | None = None,
    outcome: Outcome = Outcome.NONE,
    *,
    made: Turn | None = None,
    table: Held | None = None,
    settings: Settings | None = None,
    **observed: Any,
) -> State:
    """The state after one such turn, or the one given: the agent's first."""
    given = build.settings() if settings is None else settings
    if table is not None and "signals" not in observed:
        observed["signals"] = seen_by(table, build.observation())
    made = turn(decision, outcome, **observed) if made is None else made
    chronicle = Chronicle()
    kept = Kept(
        turns=1,
        now=chronicle.add(made),
        decisions=chronicle.entries(),
        money=Ledger().add(made.observation, given),
        series=Trail().add(made.observation, given),
    )
    return making.state(made, table, kept, (), given, ME)
