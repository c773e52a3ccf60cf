"""What we ask Spark to send: `spark_conf/metrics.properties` filled in, and refused when Spark would refuse it.

Spark rethrows whatever a sink's constructor throws (MetricsSystem.registerSinks), so one bad value here makes every
job of the cluster fail to start. Whoever writes this file renders it with `render` and puts nothing else in place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

SINK = "tidemark"
"""Our sink's name. Only `servlet` and `prometheusServlet` are special to Spark; a job's own sink stays its own."""

SINK_CLASS = "org.apache.spark.metrics.sink.GraphiteSink"

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PLACEHOLDER = re.compile(r"@[A-Z_]+@")
_OURS = f"*.sink.{SINK}."


class UnusableSink(ValueError):
    """Spark could not construct the sink that was asked for. `faults` has every reason found."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def render(template: str, *, host: str, port: int, period_s: int, worker_prefix: str | None = None) -> str:
    """The text of a `metrics.properties` that makes Spark report to `host:port` every `period_s` seconds.

    A standalone worker's lines carry no identity; `worker_prefix` (no dots) is put before those of the workers that
    read this file, and before nothing else. Raises UnusableSink with every fault at once.
    """
    filled = template.replace("@HOST@", host).replace("@PORT@", str(port)).replace("@PERIOD_S@", str(period_s))
    if worker_prefix is not None:
        filled = f"{filled.rstrip()}\n\nworker.sink.{SINK}.prefix={worker_prefix}\n"
    found = faults(filled)
    if not found and properties(filled)[f"{_OURS}host"] != host:
        found = (f"host: {host!r} is no host name or address",)
    if found:
        raise UnusableSink(found)
    return filled


def faults(text: str) -> tuple[str, ...]:
    """Why Spark could not construct our sink from this text, or would send where or what nobody reads."""
    return tuple(_faults(properties(text)))


def regex(text: str) -> str:
    """The filter of our sink; empty when there is none, which lets everything through."""
    return properties(text).get(f"{_OURS}regex", "")


def properties(text: str) -> Mapping[str, str]:
    """The entries of a Java properties text of one-line `key=value` entries, comments left out; the last one wins."""
    entries = (line.strip() for line in text.splitlines())
    pairs = (entry.partition("=") for entry in entries if entry and entry[0] not in "#!")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _faults(given: Mapping[str, str]) -> Iterator[str]:
    for key, value in given.items():
        if _PLACEHOLDER.search(value):
            yield f"{key}: a placeholder is not filled in: {value!r}"
        if "\\" in value:
            yield f"{key}: a backslash escapes in a properties file: {value!r}"
    yield from _sink_faults({key.removeprefix(_OURS): value for key, value in given.items() if key.startswith(_OURS)})
    prefix = given.get(f"worker.sink.{SINK}.prefix")
    if prefix is not None and not _PREFIX.fullmatch(prefix):
        yield f"prefix: {prefix!r} must be a word without dots"


def _sink_faults(ours: Mapping[str, str]) -> Iterator[str]:
    if ours.get("class") != SINK_CLASS:
        yield f"class: {ours.get('class')!r} is not {SINK_CLASS}"
    if not _HOST.fullmatch(ours.get("host", "")):
        yield f"host: {ours.get('host', '')!r} is no host name or address"
    if not _whole_number(ours.get("port", ""), 1, 65_535):
        yield f"port: {ours.get('port', '')!r} is not a whole number from 1 to 65535"
    if not _whole_number(ours.get("period", "10"), 1, 86_400):
        yield f"period: {ours['period']!r} is not a whole number from 1 to 86400"
    if ours.get("unit", "seconds").lower() != "seconds":
        yield f"unit: {ours['unit']!r}; the period is in seconds here"
    if ours.get("protocol", "tcp").lower() != "tcp":
        yield f"protocol: {ours['protocol']!r}; the agent listens on TCP only"
    yield from _regex_faults(ours.get("regex", ""))


def _regex_faults(pattern: str) -> Iterator[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"regex: {error}"


def _whole_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and least <= int(text) <= most
