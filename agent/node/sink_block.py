"""A `metrics.properties` with our sink in it and without, as text; refused when Spark would be worse off for it.

Spark rethrows what the constructor of a sink throws (MetricsSystem.registerSinks): a wrong line here makes every job
that is submitted fail. So nothing is made but a text that is what was there plus our block, entry by entry.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.node import block, java_properties
from agent.wire import metrics_properties
from agent.wire.metrics_properties import SINK, UnusableSink

ABOUT = "# Managed by Tidemark and written anew when it is changed. `tidemark spark-conf remove` takes it away."
CREATED = "# There was no such file before it."

_OURS = re.compile(rf"(\*|[A-Za-z]+)[.]sink[.]{SINK}[.].+")
_BY_SPARK_CONF = "spark.metrics.conf."
_HOST = f"*.sink.{SINK}.host"


class Refused(Exception):
    """The file is left as it is. `faults` has every reason found, each with what to do."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Sink:
    """What the block says: where Spark is to report to, and how often."""

    host: str
    port: int
    period_s: float


def with_sink(text: str | None, sink: Sink, template: str, defaults: str = "") -> str:
    """The text with the block for this sink in it; `text` is None where there is no file yet.

    `template` is `spark_conf/metrics.properties`, `defaults` the text of `spark-defaults.conf`. Raises Refused.
    """
    parts = _split(text or "")
    theirs = _entries(parts.others)
    if faults := (*_collisions(theirs), *_overrides(defaults)):
        raise Refused(*faults)
    ours = _wanted(sink, template, dict(theirs))
    about = [ABOUT, CREATED] if text is None or _created(parts) else [ABOUT]
    made = block.joined(parts, [*about, *(f"{key}={value}" for key, value in ours.items())])
    if sorted(_entries(made)) != sorted((*theirs, *ours.items())):
        raise Refused("the lines around our block run into it: is there a backslash at the end of the line before it?")
    return made


def without_sink(text: str) -> str | None:
    """The text without the block, byte for byte; None when it made up the whole of a file that we created. Raises
    Refused."""
    parts = _split(text)
    return None if not parts.others and _created(parts) else parts.others


def host(text: str) -> str | None:
    """The address that the block names; None without one. Raises Refused."""
    return dict(_entries(_split(text).block)).get(_HOST)


def notes(defaults: str) -> tuple[str, ...]:
    """What in `spark-defaults.conf` keeps applications from reading the file at all. Raises Refused."""
    given = dict(_entries(defaults, "spark-defaults.conf")).get("spark.metrics.conf")
    if given is None:
        return ()
    return (f"spark.metrics.conf in spark-defaults.conf names {given!r}: applications read that file instead",)


def _wanted(sink: Sink, template: str, theirs: Mapping[str, str]) -> Mapping[str, str]:
    """Our entries, without sources that the user has configured already."""
    if not float(sink.period_s).is_integer():
        raise Refused(f"listener.report_period_s {sink.period_s:g} is no whole number of seconds, as Spark needs it")
    if (fault := _unreachable(sink.host)) is not None:
        raise Refused(fault)
    try:
        filled = metrics_properties.render(template, host=sink.host, port=sink.port, period_s=int(sink.period_s))
    except UnusableSink as error:
        raise Refused(*error.faults) from error
    given = metrics_properties.properties(filled)
    return {key: value for key, value in given.items() if not _configured(key, theirs)}


def _configured(key: str, theirs: Mapping[str, str]) -> bool:
    _, _, of = key.partition(".")
    return key in theirs or f"*.{of}" in theirs


def _unreachable(host: str) -> str | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "host 'localhost' is each node itself" if host.lower() == "localhost" else None
    if address.is_unspecified or address.is_multicast:
        return f"host {host} is no address of a node"
    return None


def _collisions(theirs: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for key, _ in theirs:
        if _OURS.fullmatch(key):
            yield f"{key} stands outside our block: take it out, or give that sink another name than {SINK!r}"


def _overrides(defaults: str) -> Iterator[str]:
    for key, _ in _entries(defaults, "spark-defaults.conf"):
        if key.startswith(_BY_SPARK_CONF) and _OURS.fullmatch(key.removeprefix(_BY_SPARK_CONF)):
            yield f"{key} in spark-defaults.conf would override our block entry by entry: take it out"


def _created(parts: block.Parts) -> bool:
    return CREATED in parts.block.splitlines()


def _split(text: str) -> block.Parts:
    try:
        return block.split(text)
    except block.Unbalanced as error:
        raise Refused(str(error)) from error


def _entries(text: str, name: str = "the file") -> tuple[tuple[str, str], ...]:
    try:
        return java_properties.entries(text)
    except java_properties.Malformed as error:
        raise Refused(f"Java cannot read {name} to its end: {error}") from error
