"""What to do about the cluster, and why: pure functions of the observation and the settings.

A policy is one function and one line here. It says what it would do, each time with its reasons; the arbiter
chooses, the guards soften.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from agent.domain.decisions import Decision
from agent.domain.observation import Observation
from agent.policy import dataproc, deadline, demand, idle, limits, lost_core, orders, requested, shortage, threshold
from agent.settings import Settings
from agent.settings_policy import SHORTAGE, PolicyKind

Policy = Callable[[Observation, Settings], tuple[Decision, ...]]

SCALERS: Mapping[PolicyKind, Policy] = MappingProxyType(
    {
        PolicyKind.THRESHOLD: threshold.decide,
        PolicyKind.DATAPROC: dataproc.decide,
        PolicyKind.DEMAND: demand.decide,
    }
)
"""Those that say how much task capacity there should be: `policy.kind` names the one that acts."""

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        SHORTAGE: shortage.decide,
        "requests": requested.decide,
        "limits": limits.decide,
        "idle": idle.decide,
        "deadline": deadline.decide,
        "orders": orders.decide,
        "lost_core": lost_core.decide,
    }
)
"""Those that always speak, after the one that scales, in the order in which they are asked; of equal proposals the
earlier wins."""
