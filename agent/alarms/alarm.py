"""An alarm as data, before it is a request."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.datums import Unit
from agent.domain.signals import Statistic
from agent.settings_alarms import MissingData
from agent.settings_rules import Comparison

CLUSTER_ID, CLUSTER_NAME = "ClusterId", "ClusterName"
MAKER = "Tidemark"
"""How the names of our alarms begin."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alarm watches: one cluster, or all of a name."""

    dimension: str
    value: str

    @property
    def prefix(self) -> str:
        """How the names of its alarms begin. Those of another subject may begin so too: the signature tells."""
        return f"{MAKER} {self.value} "

    @property
    def signature(self) -> str:
        """How the descriptions of its alarms end: DescribeAlarms tells no tags, so this says who made them."""
        return f"({MAKER}, {self.dimension} {self.value})"


@dataclass(frozen=True, slots=True)
class Query:
    """One metric of an alarm; `id` is its name in the expression."""

    id: str
    metric: str
    statistic: Statistic


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    path: str
    """Where the settings say it: `alarms.heap_high`, `alarms.own.0`."""
    what: str
    """The end of its name."""
    subject: Subject
    namespace: str
    queries: tuple[Query, ...]
    """One, or those that the expression is made of."""
    expression: str | None = None
    comparison: Comparison
    bound: float
    unit: Unit
    """Of the bound."""
    period_s: int
    breaching: int
    evaluated: int
    """So many periods of so many must breach (M of N)."""
    missing_data: MissingData
    topics: tuple[str, ...]
    text: str
    """What it means and what to do."""
    person: bool
    """Whether somebody has to do something."""

    @property
    def name(self) -> str:
        return self.subject.prefix + self.what

    @property
    def description(self) -> str:
        return f"{self.text} {self.subject.signature}"

    @property
    def high_resolution(self) -> bool:
        return self.period_s < 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """On while any of its alarms is on."""

    path: str
    what: str
    subject: Subject
    of: tuple[str, ...]
    """Names of alarms."""
    topics: tuple[str, ...]
    text: str

    @property
    def name(self) -> str:
        return self.subject.prefix + self.what

    @property
    def description(self) -> str:
        return f"{self.text} {self.subject.signature}"


AnyAlarm = Alarm | Composite
