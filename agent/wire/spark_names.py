"""Spark's metric names: which JVM a line is from, and which of its series the agent wants.

    name     = [sink prefix "."] namespace "." executor_id "." series      driver and executor
             = [sink prefix "."] namespace "." series                      applicationMaster
             = [sink prefix "."] series                                    every other instance: no identity at all
    series   = source "." metric ["." attribute]

Namespaces, prefixes, application and query names may hold dots, so nothing is counted by dots: a name is cut where a
known source begins whose whole rest is recognised, looked for from the right. Source of the shapes: apache/spark,
core/src/main/scala/org/apache/spark/metrics/MetricsSystem.scala (buildRegistryName) and the `metrics/source` classes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.domain.roles import Role
from agent.wire import refusals
from agent.wire.graphite import MAX_REFUSALS, Line
from agent.wire.spark_series import IGNORED, KEPT, NAMELESS_REGISTRIES, ROLE_SOURCES, compiled, sources_of

_DRIVER_PREFIX = re.compile(r"(?:.*?\.)?driver\.")
_DSTREAM = "StreamingMetrics.streaming."
_IDENTITY = re.compile(r"(?:(?P<namespace>.*)\.)?(?P<id>driver|\d{1,10})\.")
_APPLICATION_ID = re.compile(r"(?:^|\.)(application_\d+_\d+|app-\d{14}-\d+|local-\d+)$")
_CUTS_TRIED = 4
MAX_JVMS = 16
"""One report is of one JVM (GraphiteReporter opens a connection each time). Each further one costs a place in the
table, and a sender of thousands in one report would keep everybody else waiting."""
LONGEST_NAME = 512
"""Characters; a longer one is not looked into. The longest seen of Spark has 166."""

Roles = frozenset[Role]
NO_ROLE: Roles = frozenset()

Table = Mapping[str, tuple[tuple[re.Pattern[str], Roles], ...]]


@dataclass(frozen=True, slots=True)
class Origin:
    """The JVM that a report is from, as far as its names tell."""

    role: Role
    app: str
    """Application id where the namespace ends in one, else the namespace with its prefix; empty for a daemon."""
    id: str
    """Executor id, `driver`, `applicationMaster`; empty for a daemon."""
    prefix: str
    """All that stands before the series, with its last dot."""


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one JVM in one report."""

    origin: Origin
    kept: tuple[tuple[str, int], ...]
    """Wanted series, each with the index of its line."""


@dataclass(frozen=True, slots=True)
class Names:
    """A whole report, recognised: each of its lines is kept in a group, ignored, or rejected for a reason."""

    groups: tuple[Group, ...]
    ignored: int
    rejected: Mapping[str, int]


def read(lines: Sequence[Line]) -> Names:
    """Who sent these lines and what they are called. Never raises."""
    rejected: Counter[str] = Counter()
    found: dict[str, list[tuple[str, int]]] = {}
    prefix = ""
    for index, line in enumerate(lines):
        cut = split(line.name, prefix)
        if cut is not None and (cut[0] in found or len(found) < MAX_JVMS):
            prefix, series = cut
            found.setdefault(prefix, []).append((series, index))
            continue
        if cut is not None:
            rejected[refusals.SKIPPED] += len(lines) - index
            break
        rejected[refusals.UNKNOWN_NAME] += 1
        if rejected[refusals.UNKNOWN_NAME] >= MAX_REFUSALS:
            rejected[refusals.SKIPPED] += len(lines) - index - 1
            break
    groups: list[Group] = []
    ignored = 0
    for prefix, names in found.items():
        origin = _origin(prefix, names)
        if origin is None:
            nameless = sum(_source(series) in NAMELESS_REGISTRIES for series, _ in names)
            ignored += nameless
            rejected[refusals.NO_IDENTITY] += len(names) - nameless
            continue
        kept = tuple((series, index) for series, index in names if origin.role in (recognise(series) or NO_ROLE))
        ignored += len(names) - len(kept)
        groups.append(Group(origin, kept))
    return Names(tuple(groups), ignored, +rejected)


def split(name: str, likely_prefix: str = "") -> tuple[str, str] | None:
    """The name cut into prefix and series; None when no known source of Spark's is in it.

    `likely_prefix`, the one of the line before, is tried first: it settles names that hold a second source.
    """
    if len(name) > LONGEST_NAME:
        return None
    if name.startswith(likely_prefix) and recognise(name[len(likely_prefix) :]) is not None:
        return likely_prefix, name[len(likely_prefix) :]
    if _DSTREAM in name:
        return _split_dstream(name, likely_prefix)
    starts = [match.start() for match in _SOURCE.finditer(name)][-_CUTS_TRIED:]
    cuts = [(name[:start], name[start:]) for start in reversed(starts) if recognise(name[start:]) is not None]
    for prefix, series in cuts:
        if _IDENTITY.fullmatch(prefix):
            return prefix, series
    return cuts[0] if cuts else None


def _split_dstream(name: str, likely_prefix: str) -> tuple[str, str] | None:
    """DStreams put the application's name, which may hold anything, between driver and source; it is left out."""
    driver = _DRIVER_PREFIX.match(name)
    if driver is None:
        return None
    known = name.startswith(likely_prefix) and likely_prefix.endswith("driver.")
    return likely_prefix if known else driver[0], name[name.rindex(_DSTREAM) :]


@lru_cache(maxsize=4096)
def recognise(series: str) -> Roles | None:
    """The roles in which a series is wanted, none when it is known and not wanted; None for an unknown one."""
    for pattern, roles in _TABLE.get(_source(series), ()):
        if pattern.fullmatch(series):
            return roles
    return None


def source_of(series: str) -> str:
    """`spark.streaming` for a structured streaming query, else the first component."""
    return "spark.streaming" if series.startswith("spark.streaming.") else _source(series)


def _source(series: str) -> str:
    return series.partition(".")[0]


def _by_source() -> Table:
    """The series' patterns under their sources, the wanted ones first, each with the roles that it is wanted of."""
    table: dict[str, list[tuple[re.Pattern[str], Roles]]] = {}
    for roles, templates in (*KEPT, (NO_ROLE, IGNORED)):
        for template in templates:
            for source in sources_of(template):
                table.setdefault(source, []).append((compiled(template), roles))
    return {source: tuple(patterns) for source, patterns in table.items()}


_TABLE = _by_source()
_SOURCE = re.compile(rf"(?:^|(?<=\.))(?:{'|'.join(map(re.escape, sorted(_TABLE)))})\.")


def _origin(prefix: str, names: Sequence[tuple[str, int]]) -> Origin | None:
    """By the sources that only one role has, else by the executor id at the prefix's end."""
    sources = {_source(series) for series, _ in names}
    for source, role in ROLE_SOURCES.items():
        if source not in sources:
            continue
        if role is Role.APPLICATION_MASTER:
            return Origin(role, _application(prefix.removesuffix(".")), role.value, prefix)
        return Origin(role, "", "", prefix)
    identity = _IDENTITY.fullmatch(prefix)
    if identity is None:
        return None
    role = Role.DRIVER if identity["id"] == Role.DRIVER.value else Role.EXECUTOR
    return Origin(role, _application(identity["namespace"] or ""), identity["id"], prefix)


def _application(namespace: str) -> str:
    match = _APPLICATION_ID.search(namespace)
    return match[1] if match else namespace
