"""A run in figures, its delays against the run that had all capacity at all times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.simulate.run import Ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    node_hours: float
    mean_delay_s: float
    """How much later a job ends than it would with all capacity, on average."""
    p95_delay_s: float
    p99_delay_s: float
    resizes: int
    nodes_launched: int
    wasted_births: int
    killed_hours: float
    highest_target: int


def outcome(ran: Ran, ideal: Ran) -> Outcome:
    delays = sorted(taken - least for taken, least in zip(ran.completions, ideal.completions, strict=True))
    return Outcome(
        node_hours=ran.billed_s / 3600,
        mean_delay_s=sum(delays) / len(delays),
        p95_delay_s=_at(delays, 0.95),
        p99_delay_s=_at(delays, 0.99),
        resizes=ran.resizes,
        nodes_launched=ran.nodes_launched,
        wasted_births=ran.wasted_births,
        killed_hours=ran.killed_s / 3600,
        highest_target=ran.highest_target,
    )


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
