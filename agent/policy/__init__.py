"""What to do about the cluster, and why: pure functions of the observation and the settings.

A policy is one function and one line here. It says what it would do, each time with its reasons; the arbiter
chooses, the guards soften.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from agent.domain.decisions import Decision
from agent.domain.observation import Observation
from agent.policy import deadline, idle, limits, threshold
from agent.settings import Settings

Policy = Callable[[Observation, Settings], tuple[Decision, ...]]

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "threshold": threshold.decide,
        "limits": limits.decide,
        "idle": idle.decide,
        "deadline": deadline.decide,
    }
)
"""In the order in which they are asked; of equal proposals the earlier wins."""
