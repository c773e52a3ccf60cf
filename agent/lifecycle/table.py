"""The port to the one table: rows by key, changes with conditions, a few indexes. DynamoDB's terms, not its syntax."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

Item = Mapping[str, Any]
"""A row: its key is the attribute `key`; the other values are those of JSON, numbers as int or float."""

KEY = "key"


@dataclass(frozen=True, slots=True)
class Absent:
    """The row has no such attribute; also true of a row that is not there."""

    name: str


@dataclass(frozen=True, slots=True)
class Present:
    name: str


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute is there and equal."""

    name: str
    value: str | float


@dataclass(frozen=True, slots=True)
class OneOf:
    """The attribute is there and one of these."""

    name: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """The attribute is absent, or none of these."""

    name: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Below:
    """The attribute is absent, or a number below this."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Above:
    """The attribute is there and a number above this."""

    name: str
    value: float


Condition = Absent | Present | Equals | OneOf | NoneOf | Below | Above


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of one row, if all of `when` holds. No attribute is named twice; a value of None is left out."""

    key: str
    set: Mapping[str, Any] = field(default_factory=dict)
    default: Mapping[str, Any] = field(default_factory=dict)
    """Set only where the attribute is absent."""
    add: Mapping[str, float] = field(default_factory=dict)
    """Added to a number; an absent one counts as 0."""
    remove: Sequence[str] = ()
    when: Sequence[Condition] = ()
    delete: bool = False
    """The row goes; only `when` counts beside it."""


class Index(Enum):
    """The table's secondary indexes: the attribute that chooses, the attribute that orders. A row that lacks one of
    the two is not in the index. Keys of indexes are strings, except where noted."""

    OWNER = ("owner", "created_at")
    """Clusters, launches and jobs of an owner; `created_at` is a number."""
    ALIAS = ("alias", "created_at")
    OPEN = ("open", "key")
    """What has not ended, by kind: CLUSTER, LAUNCH, JOB; profiles, and the places of a pool that are taken."""
    QUEUE = ("queue", "rank")
    """Jobs that wait, by the cluster profile that can run them, the most urgent first."""

    @property
    def partition(self) -> str:
        return self.value[0]

    @property
    def sort(self) -> str:
        return self.value[1]


class Table(Protocol):
    """Every method raises Fault when the table cannot be reached or refuses."""

    def get(self, key: str) -> Item | None:
        """The row as it is now (a consistent read)."""

    def change(self, change: Change) -> Item | None:
        """Make the change, and answer the row as it is afterwards (empty when it was deleted). None: a condition does
        not hold, and nothing has changed. Without a condition on presence an absent row is made."""

    def change_all(self, changes: Sequence[Change]) -> bool:
        """All of them or none: whether every condition held. At most 100, each of another row."""

    def rows(self, index: Index, of: str, limit: int | None = None) -> Iterator[Item]:
        """Rows of an index in its order. They may be behind the truth by a moment: a hint, not a fact."""

    def keyed(self, prefix: str) -> Iterator[Item]:
        """Rows whose key begins so, those that have ended too: for lists that a person asks for. Reads the whole table
        where it must."""
