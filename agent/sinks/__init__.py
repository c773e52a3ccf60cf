"""I/O out, numbers and notices. A sink is one module and one line in `SINKS`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

from agent.domain.ports import Beat, Clock, Sink
from agent.settings_sinks import SinksSettings
from agent.sinks.cloudwatch import CloudWatchSink
from agent.sinks.jsonl import JsonlSink
from agent.telemetry import Telemetry

__all__ = ["SINKS", "BuiltSink", "SinkParts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkParts:
    """All that a sink may be made of."""

    settings: SinksSettings
    cloudwatch: Callable[[], Any]
    """The boto3 client, made when first asked for."""
    clock: Clock
    telemetry: Telemetry
    random: Random


@dataclass(frozen=True, slots=True)
class BuiltSink:
    sink: Sink
    run: Callable[[Beat, threading.Event], None] | None = None
    """To be run in a thread of its own; None when the sink needs none."""


def _cloudwatch(parts: SinkParts) -> BuiltSink | None:
    settings = parts.settings.cloudwatch
    if not settings.enabled:
        return None
    sink = CloudWatchSink(settings, parts.cloudwatch, parts.clock, parts.telemetry, parts.random)
    return BuiltSink(sink, sink.run)


def _jsonl(parts: SinkParts) -> BuiltSink | None:
    settings = parts.settings.jsonl
    if settings.path is None:
        return None
    namespace = parts.settings.cloudwatch.namespace
    return BuiltSink(JsonlSink(settings.path, settings.max_bytes, namespace, parts.telemetry))


SINKS: Mapping[str, Callable[[SinkParts], BuiltSink | None]] = MappingProxyType(
    {"cloudwatch": _cloudwatch, "jsonl": _jsonl}
)
"""Each makes its sink, or None where the settings do not ask for it."""
