"""What the last values of one JVM amount to. None means that its report did not tell; it is never zero instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.aggregate.snapshot import Instance
from agent.wire.spark_series import OLD_GENERATIONS, ONE_GENERATION

PROCESS_TREE = tuple(f"ExecutorMetrics.ProcessTree{kind}RSSMemory" for kind in ("JVM", "Python", "Other"))


def value(jvm: Instance, *names: str) -> float | None:
    """The first of these names that the JVM reported; a negative value is a sentinel and counts as not reported."""
    for name in names:
        found = jvm.values.get(name)
        if found is not None and found >= 0:
            return found
    return None


def heap_used(jvm: Instance) -> float | None:
    return value(jvm, "jvm.heap.used", "ExecutorMetrics.JVMHeapMemory")


def heap_max(jvm: Instance) -> float | None:
    return value(jvm, "jvm.heap.max") or None


def heap_percent(jvm: Instance) -> float | None:
    """From used and max: `jvm.heap.usage` comes in steps of a percent and is wrong where a maximum is undefined."""
    return percent(heap_used(jvm), heap_max(jvm), limit=100)


def old_generation_percent(jvm: Instance) -> float | None:
    """A collector without generations has one pool, the whole heap: that one counts."""
    for pool in OLD_GENERATIONS + ONE_GENERATION:
        used = value(jvm, f"jvm.pools.{pool}.used")
        if used is not None:
            return percent(used, value(jvm, f"jvm.pools.{pool}.max") or heap_max(jvm), limit=100)
    return None


def live_set_percent(jvm: Instance) -> float | None:
    """What the last collection of the old generation left. Zero means that there was none yet."""
    for pool in OLD_GENERATIONS + ONE_GENERATION:
        left = value(jvm, f"jvm.pools.{pool}.used-after-gc")
        if left:
            return percent(left, value(jvm, f"jvm.pools.{pool}.max") or heap_max(jvm), limit=100)
    return None


def unified_memory(jvm: Instance) -> float | None:
    return _total(jvm, ("ExecutorMetrics.OnHeapUnifiedMemory", "ExecutorMetrics.OffHeapUnifiedMemory"))


def off_heap(jvm: Instance) -> float | None:
    return value(jvm, "jvm.non-heap.used", "ExecutorMetrics.JVMOffHeapMemory")


def direct_memory(jvm: Instance) -> float | None:
    return value(jvm, "jvm.direct.used", "ExecutorMetrics.DirectPoolMemory")


def resident_percent(jvm: Instance) -> float | None:
    """Zero resident memory means that Spark's process tree metrics are off (the default), not that there is none."""
    return percent(_total(jvm, PROCESS_TREE) or None, heap_max(jvm))


def executors_needed(driver: Instance) -> float | None:
    needed = value(driver, "ExecutorAllocationManager.executors.numberMaxNeededExecutors")
    there = value(driver, "ExecutorAllocationManager.executors.numberAllExecutors")
    return None if needed is None or there is None else max(0.0, needed - there)


def collector_times(values: Mapping[str, float]) -> tuple[str, ...]:
    """`jvm.<collector>.time` of whatever collectors there are: their names differ with every GC."""
    return tuple(name for name in values if name.startswith("jvm.") and name.endswith(".time"))


def dropped_events(values: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(name for name in values if name.endswith(".numDroppedEvents.count"))


def percent(part: float | None, whole: float | None, limit: float | None = None) -> float | None:
    """Whole percents, so that a distribution of them needs no binning; at most `limit` where there is one."""
    if part is None or not whole:
        return None
    share = float(round(100 * part / whole))
    return share if limit is None else min(limit, share)


def _total(jvm: Instance, names: Iterable[str]) -> float | None:
    found = [known for name in names if (known := value(jvm, name)) is not None]
    return sum(found) if found else None
