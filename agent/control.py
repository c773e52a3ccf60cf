"""One turn: observe, decide, guard, act, record.

The controller holds what lies between turns, which is the history and the last views of EMR, and decides nothing
itself. It reads no clock and does no I/O but through what it is given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.domain.decisions import Because, Decision, Hold, Outcome, Resize, Result, Terminate, differ
from agent.domain.fleets import Cluster, Fleet
from agent.domain.observation import Evidence, History, Interruption, Observation, Pause
from agent.domain.orders import Orders
from agent.domain.ports import (
    NO_REQUESTS,
    ClusterActuator,
    ClusterReader,
    FleetActuator,
    FleetReader,
    Probe,
    RequestDesk,
    TurnJournal,
)
from agent.domain.prices import UnitPrices
from agent.domain.readings import ClusterReading, HdfsReading
from agent.domain.requests import Request
from agent.domain.rights import MissingRight
from agent.domain.signals import Signal
from agent.domain.stages import RemainingWork
from agent.domain.turns import Started, Turn
from agent.policy import busy, orders, reasons, requested, settling
from agent.policy.advice import advice
from agent.policy.arbiter import ends_at_once, ends_for_idleness
from agent.policy.consider import Considered, consider
from agent.policy.guards import Guard
from agent.policy.history import forget_changed, record
from agent.settings import Settings
from agent.telemetry import Telemetry
from agent.views import View

Look = Callable[[float], tuple[Mapping[str, Signal], ClusterReading | None]]
"""The signals and the cluster manager's last answer, as the table has them at that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """All that the controller looks at and acts through."""

    look: Look
    ask_manager: Callable[[], None]
    """Ask the cluster manager now; afterwards `look` tells its answer, if there was one. Never raises a Fault."""
    fleet: FleetReader
    cluster: ClusterReader
    probes: tuple[Probe, ...]
    """Cheap ones, asked every turn: `isbusy` at least."""
    steps: Probe
    """Asked rarely: EMR's quota is the account's."""
    resizer: FleetActuator
    ender: ClusterActuator
    journal: TurnJournal
    prices: Callable[[], UnitPrices | None] = lambda: None
    """What a capacity unit costs, as last asked. Never raises."""
    shuffle: Callable[[], Mapping[str, float]] = dict
    """Bytes written for later stages, by host, as of the last look."""
    remaining: Callable[[], RemainingWork | None] = lambda: None
    """What running applications still have to do, as of the last look."""
    pause: Callable[[], Pause | None] = lambda: None
    """The pause that was asked for. Never raises."""
    interruption: Callable[[], Interruption | None] = lambda: None
    """EC2's last word on the node that the agent is on. Never raises."""
    orders: Callable[[], Orders | None] = lambda: None
    """What the lifecycle's table wants, as last heard; None where there is no table. Never raises."""
    hdfs: Callable[[], HdfsReading | None] = lambda: None
    """The NameNode's answer, as of the last look."""
    requests: RequestDesk = NO_REQUESTS
    ending: Callable[[], None] = lambda: None
    """Clear up: the cluster is ending, by our word or another's. Told every turn from then on. Never raises a Fault."""
    missing: Callable[[], tuple[MissingRight, ...]] = tuple
    """The rights that AWS has denied and not given since."""


class Controller:
    """The agent's turns. One owner calls `turn`, with times that do not fall.

    `jitter` gives numbers from 0 to 1; it keeps many clusters of one account from asking EMR in step.
    Counts `ResizeActions`, `EmrReadErrors` and `JournalErrors`.
    """

    def __init__(
        self,
        settings: Settings,
        guards: Sequence[Guard],
        outside: Outside,
        telemetry: Telemetry,
        *,
        started_at: float,
        jitter: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._guards = tuple(guards)
        self._outside = outside
        self._telemetry = telemetry
        self._history = History(started_at=started_at)
        self._fleet: View[Fleet] = View(outside.fleet.read, settings.fleet, telemetry, jitter)
        self._cluster: View[Cluster] = View(outside.cluster.read, settings.fleet, telemetry, jitter)
        self._steps: Evidence | None = None
        self._steps_asked_at: float | None = None
        self._shadow_targets: Mapping[str, int] = {}
        self._requests: tuple[Request, ...] = ()
        self._write(lambda: outside.journal.started(_started(started_at, settings)))

    @property
    def fleet(self) -> Fleet | None:
        """The last view of the task capacity."""
        return self._fleet.last

    @property
    def shadow_targets(self) -> Mapping[str, int]:
        """By shadow policy: what it would set the target to, as of the last turn; empty while the fleet is unknown."""
        return self._shadow_targets

    @property
    def idle(self) -> bool | None:
        """Whether every probe said idle in the last turn; None while the watchdog is off or has not looked."""
        if not self._settings.idle.enabled or self._history.observed_at is None:
            return None
        return self._history.idle_since is not None

    def adopt(self, settings: Settings, probes: tuple[Probe, ...], at: float) -> None:
        """Decide with other settings from the next turn on. What a changed rule has counted so far is forgotten."""
        self._history = forget_changed(self._history, self._settings, settings)
        self._settings = settings
        self._outside = replace(self._outside, probes=probes)
        self._write(lambda: self._outside.journal.changed(_started(at, settings)))

    def turn(self, at: float) -> Turn:
        """One turn at that time. What it returns has been journalled."""
        self._cluster.read_if_due(at)
        if self._cluster.last is not None and self._cluster.last.ending:
            self._outside.ending()
        self._requests = self._outside.requests.pending(at)
        self._fleet.read_if_due(at, hurried=self._resize_in_flight(at) or bool(self._requests))
        first = self._consider(at, self._probe(at))
        if isinstance(first.decision, Hold):
            final, unconfirmed, refusal = first, None, None
        else:
            final, refusal = self._confirm(at, first)
            unconfirmed = first.decision
        result = self._act(final, at) if refusal is None else Result(Outcome.NONE, refusal)
        given = advice(final.observation, self._settings)
        self._count(final, given)
        self._history = record(final.observation.history, final.decision, result, final.observation)
        turn = Turn(
            observation=final.observation,
            proposals=final.proposals,
            wanted=final.wanted,
            decision=final.decision,
            notice=None if final.notice is None else final.notice.because,
            unconfirmed=unconfirmed,
            result=result,
            advice=given,
            shadows=final.shadows,
            withheld=final.withheld,
            requests=requested.answers(final.observation, final.requests, final.decision, result),
        )
        fleet = final.observation.fleet
        self._shadow_targets = {} if fleet is None else {name: _target(said, fleet) for name, said in final.shadows}
        self._write(lambda: self._outside.journal.turn(turn))
        # after the journal: what has been answered may be forgotten by whoever asked
        self._outside.requests.answer(turn.requests)
        return turn

    def _consider(self, at: float, evidence: tuple[Evidence, ...]) -> Considered:
        return consider(self._observe(at, evidence), self._settings, self._guards)

    def _observe(self, at: float, evidence: tuple[Evidence, ...]) -> Observation:
        signals, reading = self._outside.look(at)
        return Observation(
            at=at,
            signals={name: signal.rounded() for name, signal in signals.items()},
            evidence=evidence,
            fleet=self._fleet.last,
            cluster=self._cluster.last,
            reading=reading,
            history=self._history,
            prices=self._outside.prices(),
            shuffle=self._outside.shuffle(),
            paused=self._outside.pause(),
            missing=self._outside.missing(),
            interruption=self._outside.interruption(),
            remaining=self._outside.remaining(),
            requests=self._requests,
            orders=self._outside.orders(),
            hdfs=self._outside.hdfs(),
        )

    def _probe(self, at: float, *, freshly: bool = False) -> tuple[Evidence, ...]:
        """The probes' evidence. Steps are listed only when all else says idle, and then only every so often."""
        idle = self._settings.idle
        if not idle.enabled:
            return ()
        evidence = tuple(probe() for probe in self._outside.probes)
        asked = self._steps_asked_at
        if freshly or asked is None or not 0 <= at - asked < idle.steps_period_s:
            others = busy.busy(self._observe(at, evidence), self._settings)
            if freshly or all(found.probe == busy.STEPS for found in others):
                self._steps, self._steps_asked_at = self._outside.steps(), at
        return evidence if self._steps is None else (*evidence, self._steps)

    def _confirm(self, at: float, first: Considered) -> tuple[Considered, str | None]:
        """The same decided again from facts of this moment; and why it may not be acted on, if it may not."""
        ends = isinstance(first.decision, Terminate)
        # what is taken away must not have got work since the last poll, and what is bought must still be wanted: right
        # after capacity has come the last answer may be that of the time before
        self._outside.ask_manager()
        if not (self._cluster.read_now(at) and self._fleet.read_now(at)):
            return self._consider(at, first.observation.evidence), "EMR could not be asked just before acting"
        evidence = self._probe(at, freshly=True) if ends else first.observation.evidence
        second = self._consider(at, evidence)
        if not _same_kind(first.decision, second.decision):
            return second, "not what was decided before everything was read afresh"
        reading = second.observation.reading
        takes = not (isinstance(second.decision, Resize) and second.decision.scales_out)
        if takes and not ends_at_once(second.decision) and (reading is None or reading.at < at):
            return second, "the cluster manager could not be asked just before acting"
        return second, None

    def _act(self, considered: Considered, at: float) -> Result:
        decision, fleet = considered.decision, considered.observation.fleet
        match decision:
            case Hold():
                return Result(Outcome.NONE)
            case Terminate():
                self._cluster.read_soon(at)
                result = self._outside.ender.terminate(
                    reasons.text(decision.because),
                    decision.because[0].code,
                    without_table=not ends_for_idleness(decision)
                    or orders.unknown(considered.observation, self._settings),
                )
                if result.outcome is Outcome.APPLIED:
                    self._outside.ending()
                return result
            case Resize():
                assert fleet is not None, "the guard `fleet_known` holds without a fleet"
                if decision.request is not None and not self._outside.requests.claim(decision.request, at):
                    return Result(Outcome.NONE, "that it is being done could not be written down beforehand")
                result = self._outside.resizer.resize(fleet, decision)
                if result.outcome is Outcome.APPLIED:
                    self._telemetry.count("ResizeActions")
                return result

    def _count(self, considered: Considered, given: Because) -> None:
        """What guards withheld or made gentler, by reason, what was advised, and who would have decided otherwise."""
        if considered.withheld is not None:
            self._telemetry.count(f"DecisionsWithheld.{considered.withheld.code}")
        for reason in considered.limited:
            self._telemetry.count(f"DecisionsLimited.{reason.code}")
        for reason in given:
            self._telemetry.count(f"AdviceGiven.{reason.code}")
        for name, said in considered.shadows:
            if differ(said, considered.decision):
                self._telemetry.count(f"ShadowDecisionsDiffering.{name}")

    def _resize_in_flight(self, at: float) -> bool:
        fleet, history = self._fleet.last, self._history
        if fleet is None or history.resize_sent_at is None:
            return False
        return settling.in_flight(fleet, history, at, self._settings.fleet) is not None

    def _write(self, write: Callable[[], None]) -> None:
        """A full disk must not stop the agent; that turns are missing from the journal is counted."""
        try:
            write()
        except OSError:
            self._telemetry.count("JournalErrors")


def _target(decision: Decision, fleet: Fleet) -> int:
    return decision.target if isinstance(decision, Resize) else fleet.target


def _same_kind(one: Decision, other: Decision) -> bool:
    if isinstance(one, Resize) and isinstance(other, Resize):
        return one.scales_out == other.scales_out
    return type(one) is type(other) or isinstance(other, Hold)


def _started(at: float, settings: Settings) -> Started:
    tables = settings.model_dump(
        mode="json",
        include={"policy": True, "fleet": True, "idle": True, "lifecycle": {"heartbeat_lost_s", "lost_core_s"}},
    )
    text = json.dumps(tables, sort_keys=True)
    return Started(at=at, settings=tables, settings_hash=hashlib.sha256(text.encode()).hexdigest())
