"""The table of Spark's series: which are wanted of which role, and which are known and not wanted.

A template names a series without its identity. `{a,b}` is a choice; `<collector>` and `<word>` stand for one
component, `<query>` and `<any>` for any text, dots included. Names of Spark 3.3 to 4.x.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from agent.domain.roles import Role

JVMS = frozenset({Role.DRIVER, Role.EXECUTOR, Role.MASTER, Role.WORKER})
APPLICATION_JVMS = frozenset({Role.DRIVER, Role.EXECUTOR})
DRIVERS = frozenset({Role.DRIVER})

OLD_GENERATIONS = (
    "G1-Old-Gen",
    "PS-Old-Gen",
    "Tenured-Gen",
    "CMS-Old-Gen",
    "ZGC-Old-Generation",
    "Shenandoah-Old-Gen",
)
ONE_GENERATION = ("ZHeap", "Shenandoah")
"""Collectors without generations have one pool: the whole heap."""

KEPT: tuple[tuple[frozenset[Role], tuple[str, ...]], ...] = (
    (
        JVMS,
        (
            "jvm.heap.{used,max,committed}",
            "jvm.non-heap.{used,max,committed}",
            "jvm.direct.{used,capacity}",
            f"jvm.pools.{{{','.join(OLD_GENERATIONS + ONE_GENERATION)}}}.{{used,max,committed,used-after-gc}}",
            "jvm.pools.G1-Survivor-Space.committed",
            "jvm.<collector>.{count,time}",
            "JVMCPU.jvmCpuTime",
        ),
    ),
    (
        APPLICATION_JVMS,
        (
            "ExecutorMetrics.<word>",
            "executor.threadpool.{activeTasks,completeTasks,startedTasks,currentPool_size}",
            "executor.{bytesRead,bytesWritten,recordsRead,recordsWritten}.count",
            "executor.{cpuTime,runTime,jvmGCTime,deserializeTime,deserializeCpuTime,succeededTasks,resultSize}.count",
            "executor.{memoryBytesSpilled,diskBytesSpilled}.count",
            "executor.{shuffleBytesWritten,shuffleRecordsWritten,shuffleWriteTime,shuffleRecordsRead}.count",
            "executor.{shuffleTotalBytesRead,shuffleLocalBytesRead,shuffleRemoteBytesRead,shuffleFetchWaitTime}.count",
        ),
    ),
    (
        DRIVERS,
        (
            "BlockManager.{memory,disk}.<word>",
            "DAGScheduler.{job,stage}.<word>",
            "ExecutorAllocationManager.executors.<word>",
            "ExecutorAllocationManager.executors.<word>.count",
            "LiveListenerBus.queue.<word>.{size,numDroppedEvents.count}",
            "LiveListenerBus.numEventsPosted.count",
            "appStatus.{jobs,stages,tasks}.<word>.count",
            "spark.streaming.<query>.{inputRate-total,processingRate-total,latency,eventTime-watermark}",
            "spark.streaming.<query>.{states-rowsTotal,states-usedBytes}",
            "StreamingMetrics.streaming.<word>",
        ),
    ),
    (
        frozenset({Role.APPLICATION_MASTER}),
        (
            "applicationMaster.{numExecutorsRunning,numExecutorsFailed,numReleasedContainers}",
            "applicationMaster.{numLocalityAwareTasks,numContainersPendingAllocate}",
        ),
    ),
    (frozenset({Role.MASTER}), ("master.{workers,aliveWorkers,apps,waitingApps}",)),
    (frozenset({Role.WORKER}), ("worker.{executors,coresUsed,coresFree,memUsed_MB,memFree_MB}",)),
)

IGNORED = (
    "jvm.{heap,non-heap,total}.{init,used,max,committed,usage}",
    "jvm.pools.<any>.{init,used,max,committed,usage,used-after-gc}",
    "jvm.{direct,mapped}.{count,used,capacity}",
    "executor.threadpool.maxPool_size",
    "executor.<word>.count",
    "executor.filesystem.<word>.<word>",
    "NettyBlockTransfer.<any>",
    "CodeGenerator.<any>",
    "HiveExternalCatalog.<any>",
    "DAGScheduler.messageProcessingTime.<word>",
    "LiveListenerBus.listenerProcessingTime.<any>",
    "LiveListenerBus.queue.<word>.listenerProcessingTime.<word>",
    "appStatus.jobDuration",
    "appStatus.<any>.count",
    "spark.streaming.<query>.<word>",
    "plugin.<any>",
    "{DoubleAccumulatorSource,LongAccumulatorSource}.<any>",
    "application.<any>.{cores,runtime_ms,status}",
    "{shuffleService,ExternalShuffle}.<any>",
)
"""Known and not wanted. A series of the table above is ignored likewise in a role that it is not wanted of."""

ROLE_SOURCES: Mapping[str, Role] = MappingProxyType(
    {"master": Role.MASTER, "worker": Role.WORKER, "applicationMaster": Role.APPLICATION_MASTER}
)
"""Sources that only one role has, which is how a report without identity tells what it is from."""

NAMELESS_REGISTRIES = frozenset({"application", "CodeGenerator", "HiveExternalCatalog", "shuffleService"})
"""Sources that also report without any identity (a master's `applications` registry, a shuffle service): of no use."""

_PLACEHOLDERS = {
    "collector": r"(?!(?:direct|mapped)\.)[^.]+",
    "word": r"[^.]+",
    "query": r".+",
    "any": r".+",
}


def compiled(template: str) -> re.Pattern[str]:
    """The regular expression that a template stands for."""
    parts = re.split(r"(\{[^}]*\}|<[a-z]+>)", template)
    return re.compile("".join(_part(part) for part in parts))


def sources_of(template: str) -> tuple[str, ...]:
    """The first components of the series that a template stands for."""
    if template.startswith("{"):
        return tuple(template[1:].partition("}")[0].split(","))
    return (template.partition(".")[0],)


def _part(part: str) -> str:
    if part.startswith("{"):
        return "(?:" + "|".join(re.escape(choice) for choice in part[1:-1].split(",")) + ")"
    if part.startswith("<"):
        return _PLACEHOLDERS[part[1:-1]]
    return re.escape(part)
