"""How much of an instance's memory YARN gets on EMR: the default of `yarn.nodemanager.resource.memory-mb`.

Read from the tables by instance type in "Task configuration" of the Amazon EMR Release Guide, of 2022 and of today,
which follow two rules but for a few types. YARN gets three quarters of what EMR counts of the memory, or all of it
but 8 GiB, whichever is more. Of older families EMR counts all memory, of newer ones 61/64 of it. With HBase it is less.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KEPT_MB = 8192
COUNTED_WHOLE = frozenset(
    {
        *("c3", "c4", "c5", "c5d", "c5n", "d2", "g4dn", "i2", "i3", "i3en", "m3", "m4", "m5", "m5a", "m5d"),
        *("r3", "r4", "r5", "r5a", "r5d", "z1d"),
    }
)
"""Families of which EMR counts all memory."""

_ODD = {
    "c1.medium": 1024,
    "c1.xlarge": 5120,
    "c3.xlarge": 5632,
    "c4.large": 1792,
    "c4.xlarge": 5632,
    "c5a.12xlarge": 90112,
    "m1.medium": 2048,
    "m1.large": 5120,
    "m1.xlarge": 12288,
    "m2.xlarge": 14336,
    "m2.4xlarge": 61440,
    "m5zn.xlarge": 11520,
    "m5zn.2xlarge": 11520,
    "m6g.12xlarge": 181_248,
    "m6gd.12xlarge": 181_248,
}
SMALL_MB, SMALL_SHARE_MB = 8192, 5632
"""What the tables say of the newer types with 8 GiB."""
ODD: Mapping[str, int] = MappingProxyType(_ODD)
"""MiB, for the types whose figure in the tables follows neither rule."""


def yarn_memory_mb(instance_type: str, memory_mb: int) -> int:
    """MiB that YARN gives to containers on such an instance, of `memory_mb` in all.

    A type that the tables do not have is taken for one of a newer family: the rule that gives less. A cluster's own
    configuration may say something else; on a node that is there YARN's own figure counts.
    """
    if instance_type in ODD:
        return ODD[instance_type]
    family = instance_type.partition(".")[0]
    if memory_mb == SMALL_MB and family not in COUNTED_WHOLE:
        return SMALL_SHARE_MB
    counted = memory_mb if family in COUNTED_WHOLE else memory_mb * 61 // 64
    return max(counted * 3 // 4, counted - KEPT_MB)
