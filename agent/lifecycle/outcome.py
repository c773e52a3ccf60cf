"""What has come of a cluster: one table, for sensors, verbs, the state machine and the handler alike. Pure.

Codes: ClusterStateChangeReasonCode of EMR's API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.lifecycle.rows import ClusterRow
from agent.lifecycle.words import LOST, EndReason, State


class Kind(StrEnum):
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    LOST = "LOST"
    """Nobody's fault: another try may do."""
    ABORTED = "ABORTED"
    """Somebody has ended it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    kind: Kind | None
    """None: it is alive, or has not ended that we know."""
    retry: bool
    """Whether another try is worth it, as far as the cluster tells: the launch has the last word."""
    why: str


CAPACITY = ("capacity", "spot_price")
"""Part of the codes with which EC2 says that there is none, or none for us, in small letters."""
ALIVE = Outcome(None, False, "it has not ended")

_BY_REASON: Mapping[EndReason, Kind] = {
    EndReason.OWNER_FAILED: Kind.FAILED,
    EndReason.OWNER_GONE: Kind.ABORTED,
    EndReason.BY_HAND: Kind.ABORTED,
    EndReason.TERMINATE_AFTER: Kind.FAILED,
    EndReason.ORPHAN: Kind.FAILED,
    EndReason.TWIN: Kind.FAILED,
    **dict.fromkeys(LOST, Kind.LOST),
}
"""Of the reasons for which we end a cluster, apart from those that are planned."""


def outcome(row: ClusterRow) -> Outcome:
    """Of the row as it is; the end of a cluster that EMR calls alive has no outcome yet, whatever we want of it.

    A code that tells what went wrong counts before our own mark, and our mark before one that only says that somebody
    ended it, or that nodes went away, which they do at every end.
    """
    if not row.ended:
        return ALIVE
    code, _, error = (row.reason_code or "").partition("/")
    telling = _TELLING.get(code)
    found = telling(row, error) if telling is not None else None
    if found is None:
        found = _ours(row) if row.end_reason is not None else _theirs(row, code)
    wanted = row.end_reason is None or row.end_reason in LOST
    return found if wanted or not found.retry else Outcome(found.kind, False, f"{found.why}; {_mark(row)}")


def _steps_done(row: ClusterRow, _: str) -> Outcome:
    if row.failed_step is not None:
        return Outcome(Kind.FAILED, False, f"its steps are through, and {row.failed_step} failed or was cancelled")
    return Outcome(Kind.SUCCEEDED, False, "all its steps are completed")


def _step_failed(row: ClusterRow, _: str) -> Outcome:
    return Outcome(Kind.FAILED, False, f"its step {row.failed_step or ''} failed".replace("  ", " "))


def _bootstrap_failed(row: ClusterRow, _: str) -> Outcome:
    """More often S3 or rights than a bad node: a second failure is no chance."""
    if row.attempt <= 1:
        return Outcome(Kind.LOST, True, "a bootstrap action failed; it may have been the node")
    return Outcome(Kind.FAILED, False, f"a bootstrap action failed again, in attempt {row.attempt}")


def _refused(_: ClusterRow, error: str) -> Outcome:
    if any(part in error.lower() for part in CAPACITY):
        return Outcome(Kind.LOST, True, f"EC2 has no capacity: {error}")
    return Outcome(Kind.FAILED, False, f"EMR refused its request{': ' + error if error else ''}")


def _no_fleet(_: ClusterRow, error: str) -> Outcome:
    return Outcome(Kind.LOST, True, f"its fleets were not provisioned in time{': ' + error if error else ''}")


_TELLING: Mapping[str, Callable[[ClusterRow, str], Outcome]] = {
    "ALL_STEPS_COMPLETED": _steps_done,
    "STEP_FAILURE": _step_failed,
    "BOOTSTRAP_FAILURE": _bootstrap_failed,
    "VALIDATION_ERROR": _refused,
    "INSTANCE_FLEET_TIMEOUT": _no_fleet,
}
_NODES_LOST = frozenset({"INSTANCE_FAILURE", "INTERNAL_ERROR"})


def _ours(row: ClusterRow) -> Outcome:
    """We have ended it."""
    assert row.end_reason is not None, "the caller has looked"
    kind = _BY_REASON.get(row.end_reason)
    if kind is not None:
        return Outcome(kind, kind is Kind.LOST, _mark(row))
    if row.claim is not None:
        return Outcome(Kind.FAILED, False, f"{_mark(row)}, in the middle of job {row.claim}")
    if row.failed_step is not None and not row.pool and row.end_reason is not EndReason.OWNER_DONE:
        return Outcome(Kind.FAILED, False, f"{_mark(row)}, and its step {row.failed_step} failed or was cancelled")
    return Outcome(Kind.SUCCEEDED, False, _mark(row))


def _theirs(row: ClusterRow, code: str) -> Outcome:
    """Nobody of us has ended it."""
    if code in _NODES_LOST:
        return Outcome(Kind.LOST, True, f"EMR ended it: {code}")
    if code == "USER_REQUEST":
        return Outcome(Kind.ABORTED, False, "somebody has ended it")
    if row.state is State.TERMINATED:
        return Outcome(Kind.ABORTED, False, f"it was ended, and EMR gave {code or 'no reason'}")
    return Outcome(Kind.FAILED, False, f"it ended with errors, and EMR gave {code or 'no reason'}")


def _mark(row: ClusterRow) -> str:
    return f"we ended it ({row.end_reason}){': ' + row.end_why if row.end_why else ''}"
