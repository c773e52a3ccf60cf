"""What applications have written for later stages to fetch, by the host on which it lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from agent.domain.readings import ClusterReading, ShuffleReading

LIFE_S = 300.0
"""Applications are asked in turn; one that has not been heard of for so long is forgotten."""


def standing_shuffle(
    known: Mapping[str, ShuffleReading], cluster: ClusterReading | None, at: float
) -> dict[str, ShuffleReading]:
    """By application: what is still of use to somebody. A finished application fetches nothing any more."""
    listed = cluster.applications if cluster is not None else None
    unfinished = None if listed is None else {app.id for app in listed}
    return {
        app: reading
        for app, reading in known.items()
        if abs(at - reading.at) <= LIFE_S and (unfinished is None or app in unfinished)
    }


def by_host(known: Mapping[str, ShuffleReading]) -> Mapping[str, float]:
    """Bytes on each host, over all applications."""
    total: Counter[str] = Counter()
    for reading in known.values():
        total.update(reading.bytes_by_host)
    return dict(total)
