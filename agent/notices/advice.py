"""What to do about a refusal that lasts, by the guard's reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agent.policy.reasons import Why

BY_DESIGN = frozenset(
    {
        Why.MINIMUM,
        Why.NOT_LEADER,
        Why.PAUSED,
        Why.ENDING,
        Why.NOTICE_RUNNING,
        Why.PRIMARY_INTERRUPTED,
        Why.COOLDOWN,
    }
)
"""Refusals that are meant to last, that somebody asked for, or that are told under another name."""

_CONNECTION = "Run `tidemark doctor` on the primary: it says whether EMR can be reached and which right is missing."
_CAPACITY = "Allow more instance types or availability zones for the task fleet, or a share on demand"

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        Why.CLUSTER_UNKNOWN: _CONNECTION,
        Why.FLEET_UNKNOWN: _CONNECTION,
        Why.RIGHT_MISSING: "Add the statement that the reason names to the role of the cluster's instances.",
        Why.FOREIGN_SCALER: "Take the other scaling policy off the cluster, or remove the agent: one of them decides.",
        Why.NOT_RESIZABLE: "Look at the cluster's state in EMR: in this one it takes no resize.",
        Why.FLEET_STATE: "Look at the task fleet in EMR: a fleet that is suspended or arrested needs a person.",
        Why.NOT_SETTLED: "Look at the task fleet in EMR: its last resize has not come to an end.",
        Why.REFUSED: "Look for EMR's answer in the agent's log (`resize`), or run `tidemark doctor`.",
        Why.BLIND: "See whether the ResourceManager answers on the primary, and `sources.yarn.url` if it moved.",
        Why.UNHEARD: "Applications do not report to this agent: is Spark's sink installed (`tidemark doctor`)?",
        Why.SIGNAL_MISSING: "A rule has no signal: see that its source runs, or take the rule out.",
        Why.SIGNAL_STALE: "A rule's signal is too old: see that its source runs.",
        Why.QUEUE_LIMITED: "More nodes would not help: raise the queue's or the user's limit in YARN's scheduler.",
        Why.MEMORY_DEATHS: "Executors die of memory: they need more (spark.executor.memory, overhead), not nodes.",
        Why.HEAP_PRESSURE: "Executors are full: give them more memory, or fewer cores each.",
        Why.SPOT_SHORTAGE: f"{_CAPACITY} (`policy.shortage.on_demand_percent`).",
        Why.CAPACITY_LOST: "Nodes go again and again: look for spot interruptions of these instance types.",
        Why.MONEY_CAP: "The cap in money is reached: raise `fleet.max_usd_per_hour` if the work is worth it.",
        Why.PRICE_UNKNOWN: "Prices cannot be asked for, and there is a cap in money: see the right and the end points.",
        Why.NO_GROUP: "No task instance group of the cluster can take this: see their states in EMR.",
        Why.MAXIMUM: "The cluster wants more than `fleet.max_capacity_units`: raise it if the work is worth it.",
        Why.PROTECTED: "The cluster is idle and protected: take termination protection off, or end it by hand.",
        Why.APPLICATION_MASTER: "Masters run on task nodes: keep them on core nodes by a node label.",
    }
)
"""By reason code. For other codes there is `OTHERWISE`."""

OTHERWISE = "docs/deciding.md explains the reason; `tidemark status` and the journal have the numbers of each turn."


def advice(code: str) -> str:
    return ADVICE.get(code, OTHERWISE)
