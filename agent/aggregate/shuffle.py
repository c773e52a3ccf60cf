"""What applications have written for later stages to fetch, by the host on which it lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from agent.domain.readings import ShuffleReading


def by_host(known: Mapping[str, ShuffleReading]) -> Mapping[str, float]:
    """Bytes on each host, over all applications."""
    total: Counter[str] = Counter()
    for reading in known.values():
        total.update(reading.bytes_by_host)
    return dict(total)
