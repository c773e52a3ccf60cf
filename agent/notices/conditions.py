"""What lasts or goes wrong around the agent, as notices: once when it begins and, where it matters, when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.aggregate.catalogue import METRICS
from agent.domain.decisions import Reason, Resize
from agent.domain.notices import Notice, NoticeKind, Severity
from agent.domain.observation import Observation
from agent.domain.signals import Statistic
from agent.domain.turns import Turn
from agent.notices.advice import BY_DESIGN, advice
from agent.policy.freshness import blindness
from agent.policy.reasons import Why
from agent.settings import Settings

QUIET_S = 600.0
"""Without a loss for so long the next one is a new one."""
LOSSES = tuple(metric.name for metric in METRICS if metric.marks_loss)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A guard that withholds the same thing turn after turn."""

    code: str
    since: float
    seen_at: float
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What lasts, as of the last turn; as empty as after a restart."""

    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    """By what is withheld: `out`, `in` or `end`."""
    short: bool = False
    """Whether a spot shortage has been told."""
    blind_since: float | None = None
    blind_told: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)
    """By operation: the IAM action that AWS denies."""
    lost_at: float | None = None
    """When a loss of metrics was last seen."""
    interruption: str | None = None
    """EC2's last word on the primary."""
    announced: float | None = None
    """The `idle_since` of which an end was announced, while it may still come."""


Found = tuple[Conditions, tuple[Notice, ...]]


def conditions(known: Conditions, turn: Turn, settings: Settings) -> Found:
    """What lasts after this turn, and what of it has to be told now."""
    notices: list[Notice] = []
    watchers = (_interruption, _rights, _losses, _announced, *((_refusals, _shortage, _sight) if _acts(turn) else ()))
    for watch in watchers:
        known, told = watch(known, turn, settings)
        notices += told
    return known, tuple(notices)


def _acts(turn: Turn) -> bool:
    """Of several agents, the one beside the active ResourceManager tells of the cluster."""
    reading = turn.observation.reading
    return reading is None or reading.leader


def _interruption(known: Conditions, turn: Turn, _: Settings) -> Found:
    told = turn.observation.interruption
    if told is None or told.action == known.interruption:
        return known, ()
    left = None if told.at is None or not told.certain else max(0.0, told.at - turn.observation.at)
    notice = Notice(
        kind=NoticeKind.PRIMARY_INTERRUPTED,
        severity=Severity.CRITICAL,
        at=turn.observation.at,
        headline="may lose its primary soon, and with it everything"
        if not told.certain
        else "loses its primary" + ("" if left is None else f" in {left:.0f} s") + f" ({told.action})",
        because=(Reason(Why.PRIMARY_INTERRUPTED, f"EC2 says `{told.action}` of the primary, which is on spot"),),
        advice="Save what is only on the cluster. A primary on demand is not interrupted.",
        facts={"action": told.action, "interrupted_at": told.at if told.certain else None, "certain": told.certain},
    )
    return replace(known, interruption=told.action), (notice,)


def _announced(known: Conditions, turn: Turn, _: Settings) -> Found:
    """An end for idleness that was announced, and does not come because the idleness is over."""
    history = turn.observation.history
    if turn.notice is not None:
        return replace(known, announced=history.notified_of if turn.notice.code == Why.IDLE else None), ()
    if known.announced is None or known.announced == history.idle_since or history.terminate_sent_at is not None:
        return known, ()
    notice = Notice(
        kind=NoticeKind.ENDING_CALLED_OFF,
        severity=Severity.INFO,
        at=turn.observation.at,
        headline="is no longer seen as idle: the end that was announced does not come",
    )
    return replace(known, announced=None), (notice,)


def _rights(known: Conditions, turn: Turn, _: Settings) -> Found:
    now = {right.operation: right for right in turn.observation.missing}
    notices = []
    if lost := [right for operation, right in now.items() if operation not in known.missing]:
        notices.append(
            Notice(
                kind=NoticeKind.RIGHT_MISSING,
                severity=Severity.WARNING,
                at=turn.observation.at,
                headline="lacks a right: " + ", ".join(sorted({right.action for right in lost})),
                because=tuple(Reason(Why.RIGHT_MISSING, right.text) for right in lost),
                advice="Add the statements to the role of the cluster's instances; docs/operating.md says what works "
                "meanwhile.",
                facts={"actions": ",".join(sorted({right.action for right in lost}))},
            )
        )
    if back := sorted({action for operation, action in known.missing.items() if operation not in now}):
        notices.append(
            Notice(
                kind=NoticeKind.RIGHT_BACK,
                severity=Severity.INFO,
                at=turn.observation.at,
                headline="has a right again: " + ", ".join(back),
                facts={"actions": ",".join(back)},
            )
        )
    missing = {operation: right.action for operation, right in now.items()}
    return replace(known, missing=missing), tuple(notices)


def _losses(known: Conditions, turn: Turn, _: Settings) -> Found:
    seen = turn.observation
    lost = {name: amount for name in LOSSES if (amount := _sum(seen, name)) > 0}
    if not lost:
        return known, ()
    new = known.lost_at is None or not 0 <= seen.at - known.lost_at < QUIET_S
    known = replace(known, lost_at=seen.at)
    if not new:
        return known, ()
    shown = ", ".join(f"{name} {amount:g}" for name, amount in lost.items())
    notice = Notice(
        kind=NoticeKind.METRICS_LOST,
        severity=Severity.WARNING,
        at=seen.at,
        headline=f"loses metrics: {shown}",
        advice="docs/metrics.md says what each of them means; the figures under `Reason` say why.",
        facts=lost,
    )
    return known, (notice,)


def _sum(seen: Observation, name: str) -> float:
    signal = seen.signals.get(name)
    return 0.0 if signal is None else signal.values[Statistic.SUM]


def _refusals(known: Conditions, turn: Turn, settings: Settings) -> Found:
    at, withheld = turn.observation.at, turn.withheld
    patience = max(3 * settings.policy.turn_period_s, settings.policy.max_signal_age_s)
    standing = {what: one for what, one in known.refusals.items() if 0 <= at - one.seen_at <= patience}
    if withheld is None or withheld.code in BY_DESIGN:
        return replace(known, refusals=standing), ()
    what = _wanted(turn)
    before = standing.get(what)
    if before is None or before.code != withheld.code:
        before = Refusal(withheld.code, at, at)
    due = not before.told and at - before.since >= settings.notices.refusal_after_s
    standing[what] = replace(before, seen_at=at, told=before.told or due)
    notices = (_refusal(turn, what, before, withheld),) if due else ()
    return replace(known, refusals=standing), notices


def _wanted(turn: Turn) -> str:
    if isinstance(turn.wanted, Resize):
        return "out" if turn.wanted.scales_out else "in"
    return "end"


def _refusal(turn: Turn, what: str, refusal: Refusal, withheld: Reason) -> Notice:
    at = turn.observation.at
    lasted_s = at - refusal.since
    words = {"out": "has wanted more capacity", "in": "could do with less capacity", "end": "should have ended"}
    return Notice(
        kind=NoticeKind.REFUSAL_LASTING,
        severity=Severity.WARNING,
        at=at,
        headline=f"{words[what]} for {_lasting(lasted_s)}, and is held: {withheld.code}",
        because=(*turn.wanted.because[:1], withheld),
        advice=advice(withheld.code),
        facts={"withheld": what, "reason": withheld.code, "lasted_s": round(lasted_s)},
    )


def _shortage(known: Conditions, turn: Turn, _: Settings) -> Found:
    seen, told = turn.observation, turn.observation.history.shortage
    began = told.began is not None
    if began == known.short or seen.fleet is None:
        return known, ()
    fleet = seen.fleet
    facts = {"provisioned_units": fleet.provisioned, "target_units": fleet.target, "shortages_in_a_row": told.times}
    if began:
        notice = Notice(
            kind=NoticeKind.SHORTAGE_BEGAN,
            severity=Severity.WARNING,
            at=seen.at,
            headline=f"does not get the spot capacity it asks for: {fleet.provisioned} units are there",
            because=(Reason(Why.SPOT_SHORTAGE, f"an order was not filled in time, {told.times} in a row"),),
            advice=advice(Why.SPOT_SHORTAGE),
            facts=facts,
        )
    else:
        notice = Notice(
            kind=NoticeKind.SHORTAGE_ENDED,
            severity=Severity.INFO,
            at=seen.at,
            headline=f"gets spot capacity again: {fleet.provisioned} of {fleet.target} units are there",
            facts=facts,
        )
    return replace(known, short=began), (notice,)


def _sight(known: Conditions, turn: Turn, settings: Settings) -> Found:
    at = turn.observation.at
    why = blindness(turn.observation, settings.policy.max_signal_age_s)
    if why is None:
        back = Notice(
            kind=NoticeKind.SIGHT_BACK,
            severity=Severity.INFO,
            at=at,
            headline="has a cluster manager that answers again",
            facts={"blind_s": round(at - (known.blind_since or at))},
        )
        return replace(known, blind_since=None, blind_told=False), ((back,) if known.blind_told else ())
    since = at if known.blind_since is None or known.blind_since > at else known.blind_since
    due = not known.blind_told and at - since >= settings.notices.blind_after_s
    known = replace(known, blind_since=since, blind_told=known.blind_told or due)
    notice = Notice(
        kind=NoticeKind.BLIND,
        severity=Severity.WARNING,
        at=at,
        headline=f"has had a silent cluster manager for {_lasting(at - since)}: no scale in, no end for idleness",
        because=(Reason(Why.BLIND, why),),
        advice=advice(Why.BLIND),
        facts={"blind_s": round(at - since)},
    )
    return known, ((notice,) if due else ())


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
