"""Leave one out: a family's front on the one trace, walked on the other to a given mean delay. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.simulate.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Reached:
    """What a family costs at a mean delay, on the trace that it was not tuned on."""

    node_hours: float
    p99_delay_s: float
    mean_delay_s: float
    exact: bool
    """False when its front does not reach that delay: the nearest end of it then stands here."""


def front(tuned: Sequence[Outcome]) -> list[int]:
    """Positions of the settings that no other beats in both cost and mean delay, from the fastest to the slowest."""
    order = sorted(range(len(tuned)), key=lambda at: (tuned[at].mean_delay_s, tuned[at].node_hours))
    kept: list[int] = []
    for at in order:
        if not kept or tuned[at].node_hours < tuned[kept[-1]].node_hours:
            kept.append(at)
    return kept


def reached(tuned: Sequence[Outcome], scored: Sequence[Outcome], delay_s: float) -> Reached:
    """Between two settings of the front cost and delay are those of a cluster that spends its time with both.

    The front comes from `tuned` alone. Where noise makes the walk cross the delay more than once, the mean counts.
    """
    walk = [scored[at] for at in front(tuned)]
    found = []
    for here, there in pairwise(walk):
        low, high = sorted((here.mean_delay_s, there.mean_delay_s))
        if low <= delay_s <= high and low < high:
            part = (delay_s - here.mean_delay_s) / (there.mean_delay_s - here.mean_delay_s)
            found.append((_between(here.node_hours, there.node_hours, part),
                          _between(here.p99_delay_s, there.p99_delay_s, part)))  # fmt: skip
    if found:
        return Reached(
            node_hours=sum(hours for hours, _ in found) / len(found),
            p99_delay_s=sum(p99 for _, p99 in found) / len(found),
            mean_delay_s=delay_s,
            exact=True,
        )
    nearest = min(walk, key=lambda one: abs(one.mean_delay_s - delay_s))
    return Reached(nearest.node_hours, nearest.p99_delay_s, nearest.mean_delay_s, exact=False)


def _between(here: float, there: float, part: float) -> float:
    return here + part * (there - here)
