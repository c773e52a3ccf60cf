"""What applications have told one by one, while it is of use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from agent.domain.readings import ClusterReading

LIFE_S = 300.0
"""Applications are asked in turn; one that has not been heard of for so long is forgotten."""


class _Told(Protocol):
    @property
    def at(self) -> float: ...


T = TypeVar("T", bound=_Told)


def standing(known: Mapping[str, T], cluster: ClusterReading | None, at: float) -> dict[str, T]:
    """By application: what is still of use to somebody. A finished application wants nothing any more."""
    listed = cluster.applications if cluster is not None else None
    unfinished = None if listed is None else {app.id for app in listed}
    return {
        app: reading
        for app, reading in known.items()
        if abs(at - reading.at) <= LIFE_S and (unfinished is None or app in unfinished)
    }
