"""Spark's REST API (`/api/v1`): which applications a web UI serves, and why executors were removed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from agent.domain.readings import ExecutorRemoval, ShuffleReading
from agent.wire.json_fields import Field, Malformed, amount, flag, member, read_all, text

APPLICATIONS_PATH = "/api/v1/applications"

_NAME = re.compile(r"[\w.-]+")


def _name(value: object) -> str | None:
    """A text that can stand in a path as it is."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


_APPLICATION = (
    Field("id", "id", _name),
    Field("attempts", "attempts", lambda value: value if isinstance(value, list) else None),
)

_EXECUTOR = (
    Field("id", "id", text),
    Field("isActive", "active", flag),
    Field("removeTime", "time", text, required=False),
    Field("removeReason", "reason", text, required=False),
)

_SHUFFLE = (
    Field("hostPort", "host", text, required=False),
    Field("totalShuffleWrite", "written", amount, required=False),
)


@dataclass(frozen=True, slots=True)
class SparkApplication:
    """One application that is running, as its web UI names it."""

    id: str
    attempt: str | None
    """Set in YARN's cluster mode only; then it is a part of every path."""

    @property
    def executors_path(self) -> str:
        """Executors that are gone included."""
        return f"{self.path}/allexecutors"

    @property
    def stages_path(self) -> str:
        return f"{self.path}/stages?status=active"

    @property
    def path(self) -> str:
        attempt = f"/{self.attempt}" if self.attempt else ""
        return f"{APPLICATIONS_PATH}/{self.id}{attempt}"


def applications(value: object, at: float) -> tuple[SparkApplication, ...] | Malformed:  # noqa: ARG001
    """`/api/v1/applications`, those whose last attempt has not completed. The last attempt stands first."""
    found = read_all(value, _APPLICATION, "applications")
    if isinstance(found, Malformed):
        return found
    return tuple(
        SparkApplication(app["id"], _name(member(app["attempts"][0], "attemptId")))
        for app in found
        if app["attempts"] and member(app["attempts"][0], "completed") is not True
    )


def removals(value: object, at: float, app: str) -> tuple[ExecutorRemoval, ...] | Malformed:
    """`.../allexecutors`: the executors that were removed. `app` is the application's id.

    Each is as old as Spark says, at most the request's own time `at`; exit code 52 in the reason is an
    executor that died of memory (`SparkExitCode.OOM`).
    """
    found = read_all(value, _EXECUTOR, "allexecutors")
    if isinstance(found, Malformed):
        return found
    return tuple(
        ExecutorRemoval(
            at=min(at, _time(executor["time"], at)),
            app=app,
            executor=executor["id"],
            reason=executor["reason"] or "",
        )
        for executor in found
        if not executor["active"] and executor["id"] != "driver"
    )


def shuffle(value: object, at: float, app: str) -> ShuffleReading | Malformed:
    """`.../allexecutors`: bytes written for the shuffle by host. The driver writes none."""
    found = read_all(value, _SHUFFLE, "allexecutors")
    if isinstance(found, Malformed):
        return found
    by_host: Counter[str] = Counter()
    for executor in found:
        if executor["written"] and executor["host"]:
            by_host[_host(executor["host"])] += executor["written"]
    return ShuffleReading(at=at, app=app, bytes_by_host=dict(by_host))


def _host(host_port: str) -> str:
    """`10.0.0.7:7337` or `[2001:db8::7]:7337`, without the port; one that has none is taken as it is."""
    host, colon, _ = host_port.rpartition(":")
    return (host if colon else host_port).strip("[]").lower()


def _time(written: str | None, otherwise: float) -> float:
    """Spark writes `2026-11-21T03:17:00.462GMT`."""
    try:
        return datetime.strptime(f"{written}+0000", "%Y-%m-%dT%H:%M:%S.%fGMT%z").timestamp()
    except (ValueError, OverflowError):
        return otherwise
