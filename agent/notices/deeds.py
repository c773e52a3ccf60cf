"""What the agent did or is about to do, as notices: resizes and the end of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from agent.domain.decisions import Outcome, Resize, Terminate
from agent.domain.notices import Notice, NoticeKind, Severity
from agent.domain.turns import Turn
from agent.policy import ending, reasons
from agent.settings import Settings

FAILURES = frozenset({Outcome.REFUSED, Outcome.FAILED})


def deeds(turn: Turn, settings: Settings) -> Iterator[Notice]:
    """Of this turn alone. A dry run is not told: nothing happened."""
    if turn.notice is not None:
        yield _coming(turn, settings)
    match turn.decision:
        case Resize() if turn.result.outcome is Outcome.APPLIED:
            yield _resized(turn, turn.decision)
        case Resize() if turn.result.outcome in FAILURES:
            yield _not_resized(turn, turn.decision)
        case Terminate() if turn.result.outcome is Outcome.APPLIED:
            yield _ended(turn, turn.decision)
        case Terminate() if turn.result.outcome in FAILURES:
            yield _not_ended(turn, turn.decision)
        case _:
            pass


def _coming(turn: Turn, settings: Settings) -> Notice:
    seen = turn.observation
    assert turn.notice is not None
    ends_at = ending.ends_at(seen, settings) or seen.at
    left_s = max(0.0, ends_at - seen.at)
    return Notice(
        kind=NoticeKind.ENDING,
        severity=Severity.CRITICAL,
        at=seen.at,
        headline=f"is ended in {left_s:.0f} s, at {datetime.fromtimestamp(ends_at, UTC):%H:%M:%S} UTC",
        because=(turn.notice,),
        advice="To keep it: run something on it, switch on termination protection, or `tidemark pause` on its primary. "
        "Against a hard deadline (of the settings, the cluster's tag or the table) only protection helps.",
        facts={"ends_at": ends_at, "left_s": round(left_s)},
    )


def _facts(decision: Resize) -> dict[str, str | int | None]:
    return {
        "from_units": decision.current,
        "to_units": decision.target,
        "direction": "out" if decision.scales_out else "in",
        "on_demand_units": decision.on_demand,
        "rule": decision.rule,
    }


def _resized(turn: Turn, decision: Resize) -> Notice:
    how = "scaled out" if decision.scales_out else "scaled in"
    return Notice(
        kind=NoticeKind.RESIZED,
        severity=Severity.INFO,
        at=turn.observation.at,
        headline=f"is {how}: task capacity {decision.current} -> {decision.target} units",
        because=reasons.own(decision.because),
        facts=_facts(decision),
    )


def _not_resized(turn: Turn, decision: Resize) -> Notice:
    refused = turn.result.outcome is Outcome.REFUSED
    said = turn.result.detail or "see the agent's log"
    what = f"from {decision.current} to {decision.target} units"
    return Notice(
        kind=NoticeKind.RESIZE_FAILED,
        severity=Severity.WARNING,
        at=turn.observation.at,
        headline=f"is not resized {what}: EMR refused it"
        if refused
        else f"may be resized {what} or not: no clear answer",
        because=reasons.own(decision.because),
        advice=f"What came back: {said}. The agent looks again after a pause; `tidemark doctor` on the primary looks "
        "for what is missing.",
        facts={**_facts(decision), "outcome": str(turn.result.outcome), "detail": turn.result.detail},
    )


def _ended(turn: Turn, decision: Terminate) -> Notice:
    return Notice(
        kind=NoticeKind.ENDED,
        severity=Severity.CRITICAL,
        at=turn.observation.at,
        headline="is ended now",
        because=reasons.own(decision.because),
    )


def _not_ended(turn: Turn, decision: Terminate) -> Notice:
    said = turn.result.detail or "EMR gave no reason"
    refused = turn.result.outcome is Outcome.REFUSED
    return Notice(
        kind=NoticeKind.END_FAILED,
        severity=Severity.CRITICAL,
        at=turn.observation.at,
        headline="should end and does not: it goes on costing money"
        if refused
        else "should end, and it is not known whether EMR took that",
        because=reasons.own(decision.because),
        advice=f"What came back: {said}. The agent asks again. If the cluster is still there, end it by hand, or give "
        "the right that is missing (`tidemark doctor`).",
        facts={"outcome": str(turn.result.outcome), "detail": turn.result.detail},
    )
