"""A turn, and what the table held in it, as the state of the status page. Pure: time is the turn's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.aggregate.rollup import RollUp
from agent.aggregate.snapshot import Snapshot
from agent.domain.decisions import differ
from agent.domain.observation import Observation
from agent.domain.turns import Turn
from agent.policy import busy, ending, reasons
from agent.settings import Settings
from agent.status import sights
from agent.status.keeping import said
from agent.status.losses import losses
from agent.status.state import (
    VERSION,
    Agent,
    Entry,
    Idle,
    Interruption,
    Loop,
    Missing,
    Money,
    Paused,
    Probe,
    Reason,
    Request,
    Series,
    State,
    Voice,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """What does not change while the agent runs."""

    version: str
    cluster_id: str
    region: str
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was remembered of earlier turns, this one included."""

    turns: int
    now: Entry
    decisions: tuple[Entry, ...]
    money: Money
    series: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the table held when the turn looked."""

    snapshot: Snapshot
    rollup: RollUp


def state(turn: Turn, held: Held | None, kept: Kept, loops: tuple[Loop, ...], settings: Settings, me: Self) -> State:
    """The whole state at the end of that turn."""
    seen = turn.observation
    snapshot = None if held is None else held.snapshot
    return State(
        version=VERSION,
        at=seen.at,
        agent=_agent(snapshot, kept, loops, settings, me),
        now=kept.now,
        decisions=kept.decisions,
        voices=tuple(_voices(turn)),
        advice=tuple(Reason(code=str(one.code), text=one.text) for one in turn.advice),
        cluster=sights.cluster(seen, settings),
        manager=sights.manager(seen, settings),
        executors=None if held is None else sights.executors(seen, held.snapshot, held.rollup, settings),
        remaining=sights.remaining(seen, settings),
        hdfs=None if snapshot is None else sights.hdfs(seen, snapshot, settings),
        fleet=sights.fleet(seen, settings),
        limits=sights.limits(settings),
        shortage=sights.shortage(seen),
        idle=_idle(seen, settings),
        money=kept.money,
        losses=losses(seen, snapshot),
        missing=tuple(
            Missing(capability=str(one.capability), action=one.action, text=one.text, since=one.since)
            for one in seen.missing
        ),
        paused=_paused(seen),
        interruption=_interruption(seen),
        requests=tuple(_requests(turn)),
        figures=tuple(sights.figures(seen, settings)),
        series=kept.series,
    )


def _agent(snapshot: Snapshot | None, kept: Kept, loops: tuple[Loop, ...], settings: Settings, me: Self) -> Agent:
    node = None if snapshot is None else snapshot.node
    return Agent(
        version=me.version,
        cluster_id=me.cluster_id,
        cluster_name=settings.cluster.name,
        region=me.region,
        actuator=str(settings.fleet.actuator),
        policy=str(settings.policy.kind),
        started_at=me.started_at,
        turns=kept.turns,
        turn_period_s=settings.policy.turn_period_s,
        loops=loops,
        cpu_percent=None if node is None else node.agent_cpu_percent,
        memory_bytes=None if node is None else float(node.agent_rss_bytes),
    )


def _voices(turn: Turn) -> Iterable[Voice]:
    for shadow, voices in ((False, turn.proposals), (True, turn.shadows)):
        for name, decision in voices:
            yield Voice(policy=name, shadow=shadow, differs=differ(decision, turn.decision), decision=said(decision))


def _requests(turn: Turn) -> Iterable[Request]:
    answers = {answer.id: answer for answer in turn.requests}
    for asked in turn.observation.requests[: sights.LISTED]:
        answer = answers.get(asked.id)
        yield Request(
            id=sights.cut(asked.id),
            source=str(asked.source),
            name=sights.cut(asked.name),
            why=sights.cut(asked.why),
            asked_at=asked.asked_at,
            expires_at=asked.expires_at,
            fate=None if answer is None else str(answer.fate),
            because=()
            if answer is None
            else tuple(Reason(code=str(one.code), text=one.text) for one in reasons.own(answer.because)),
        )


def _idle(seen: Observation, settings: Settings) -> Idle:
    history, on = seen.history, settings.idle.enabled
    coming = ending.of_deadline(seen, settings.idle)
    limit_s = settings.idle.max_evidence_age_s
    return Idle(
        enabled=on,
        idle=history.idle_since is not None if on else None,
        idle_since=history.idle_since if on else None,
        after_s=settings.idle.after_s,
        probes=tuple(
            Probe(
                probe=each.probe,
                busy=each.busy,
                detail=sights.cut(each.detail),
                seen=sights.age(each.at, seen.at, limit_s + settings.idle.steps_period_s * (each.probe == busy.STEPS)),
            )
            for each in (busy.verdicts(seen, settings) if on else ())
        ),
        ends_at=ending.ends_at(seen, settings),
        deadline_at=None if coming is None else coming.due,
        notified_at=history.notified_at,
        terminate_sent_at=history.terminate_sent_at,
    )


def _paused(seen: Observation) -> Paused | None:
    paused = seen.paused
    return None if paused is None or paused.until <= seen.at else Paused(until=paused.until, why=sights.cut(paused.why))


def _interruption(seen: Observation) -> Interruption | None:
    told = seen.interruption
    return None if told is None else Interruption(action=told.action, at=told.at, seen_at=told.seen_at)
