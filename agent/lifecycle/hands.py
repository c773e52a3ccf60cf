"""All that acts are done with, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.lifecycle.ports import Deadlines, Ender, Eyes, Later, Launcher, Runner, Teller, Tokens
from agent.lifecycle.store import Store
from agent.settings_lifecycle import LifecycleSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    store: Store
    eyes: Eyes
    ender: Ender
    launcher: Launcher
    runner: Runner
    tokens: Tokens
    deadlines: Deadlines
    later: Later
    teller: Teller
    settings: LifecycleSettings
    count: Callable[[str], None]
    """Of telemetry."""


@dataclass(frozen=True, slots=True)
class Moment:
    now: float
    """Unix seconds."""
    again: bool
    """Whether what our share of a quota does not allow now comes again by the queue; the sweep comes by itself."""
    tries: int = 0
    """How often it has been put off before."""
