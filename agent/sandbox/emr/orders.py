"""What the model and the world outside tell each other at a tick: reports in, orders out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.sandbox.nodes import Machine, NodePhase


@dataclass(frozen=True, slots=True)
class Launch:
    machine: Machine


@dataclass(frozen=True, slots=True)
class Decommission:
    machine: Machine


@dataclass(frozen=True, slots=True)
class End:
    machine: Machine


@dataclass(frozen=True, slots=True)
class StartStep:
    cluster_id: str
    step_id: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignalStep:
    step_id: str
    number: int


Order = Launch | Decommission | End | StartStep | SignalStep


@dataclass(frozen=True, slots=True)
class Question:
    """What the model wants to know before it moves on."""

    machines: tuple[Machine, ...]
    """The phase of each of these."""
    choices: tuple[Machine, ...]
    """Which of these are idle."""


@dataclass(frozen=True, slots=True)
class Reports:
    phases: Mapping[str, NodePhase] = field(default_factory=dict)
    """By machine id."""
    asked: frozenset[str] = frozenset()
    """Machine ids for which idleness was asked."""
    idle: frozenset[str] = frozenset()
    exits: Mapping[str, int] = field(default_factory=dict)
    """Exit status by step id; negative: ended by that signal."""
