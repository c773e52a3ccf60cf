"""Our own words on the queue, JSON objects that people, schedules and state machines send -> events. Pure.

`{"owner": ..., "event": "done" | "failed" | "gone"}`, `{"launch": {...}}`, `{"deadline": {...}}`, `{"sweep": ...}`,
`{"job": {...}}`, `{"cancel_job": {...}}`, `{"end": {...}}`, `{"go_on": {...}}`: exactly one of them a message.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from agent.lifecycle.events import (
    DeadlineCame,
    EndAsked,
    Event,
    GoOn,
    JobCancelled,
    JobSubmitted,
    LaunchAsked,
    Malformed,
    OwnerEnded,
    SweepDue,
)
from agent.lifecycle.rows import StepSpec
from agent.lifecycle.words import EndReason, Retry

MAX_ID = 100
"""It becomes part of a cluster's or step's name (256) and of a tag's value."""
MAX_OWNER = 1100
"""An S3 object's whole address fits: 63 and 1024 bytes; a key of an index may have 2048."""
MAX_STEPS = 256
"""Pending or running on a cluster (EMR, AddJobFlowSteps)."""
LATEST_EPOCH = 1e11
"""Beyond it a time is in milliseconds."""
ENDED = {"done": EndReason.OWNER_DONE, "failed": EndReason.OWNER_FAILED, "gone": EndReason.OWNER_GONE}

_ID = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.:/=+@-]{{0,{MAX_ID - 1}}}")
CLUSTER_ID = re.compile(r"j-[A-Za-z0-9]{1,40}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is known of the message itself, by its innermost envelope."""

    id: str = ""
    """The same at every delivery; empty: there is none."""
    at: float = 0.0
    """When it was sent; 0: not told."""


def made_id(kind: str, *parts: str) -> str:
    """The same of the same parts, short, and fit to be in a name."""
    if len(parts) == 1 and _ID.fullmatch(parts[0]):
        return parts[0]
    return f"{kind}-{hashlib.sha256(chr(0).join(parts).encode(errors='surrogatepass')).hexdigest()[:24]}"


def _epoch(value: object) -> object:
    """Unix seconds as a number, in a text, or as the date and time that EventBridge and Scheduler write."""
    if isinstance(value, bool):
        raise ValueError("a time is a number of Unix seconds")
    if isinstance(value, str) and "T" in value:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError("a date and time needs its offset, such as Z")
        value = at.timestamp()
    if isinstance(value, int | float) and value > LATEST_EPOCH:
        raise ValueError("a time is in Unix seconds; this looks like milliseconds")
    return value


Epoch = Annotated[float, BeforeValidator(_epoch), Field(ge=0, le=LATEST_EPOCH, allow_inf_nan=False)]
Id = Annotated[str, StringConstraints(pattern=rf"^{_ID.pattern}\z")]
JobId = Annotated[str, StringConstraints(min_length=1, max_length=256)]
ClusterId = Annotated[str, StringConstraints(pattern=rf"^{CLUSTER_ID.pattern}\z")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Owner = Annotated[str, StringConstraints(min_length=1, max_length=MAX_OWNER)]
Why = Annotated[str, StringConstraints(max_length=2000)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Launch(_Said):
    profile: Name
    id: Id | None = None
    owner: Owner | None = None
    alias: Owner | None = None
    steps: Annotated[tuple[StepSpec, ...], Field(max_length=MAX_STEPS)] = ()
    terminate_at: Epoch | None = None
    retry: Retry | None = None
    at: Epoch | None = None


class _Job(_Said):
    """What can be written down is: a job that is rejected tells whoever waits for it why."""

    profile: Name
    id: JobId | None = None
    owner: Owner | None = None
    args: tuple[str, ...] = ()
    priority: Annotated[int, Field(ge=-10_000, le=10_000)] | None = None
    task_token: Token | None = None
    at: Epoch | None = None


class _Deadline(_Said):
    cluster_id: ClusterId
    terminate_at: Epoch


class _CancelJob(_Said):
    id: JobId
    why: Why = ""


class _End(_Said):
    cluster_id: ClusterId
    why: Why = ""


class _GoOn(_Said):
    what: Literal["launch", "end", "run", "ask", "ask-nodes"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    reason: EndReason | None = None
    why: Why = ""
    tries: Annotated[int, Field(ge=0)] = 0


class _OwnerMessage(_Said):
    owner: Owner
    event: Literal["done", "failed", "gone"]
    why: Why = ""
    at: Epoch | None = None

    def event_of(self, delivery: Delivery) -> Event:
        return OwnerEnded(owner=self.owner, reason=ENDED[self.event], at=_at(self.at, delivery), why=self.why)


class _LaunchMessage(_Said):
    launch: _Launch

    def event_of(self, delivery: Delivery) -> Event:
        asked = self.launch
        launch_id = asked.id or delivery.id
        return LaunchAsked(
            id=launch_id,
            profile=asked.profile,
            owner=asked.owner or launch_id,
            at=_at(asked.at, delivery),
            alias=asked.alias,
            steps=asked.steps,
            terminate_at=asked.terminate_at,
            retry=asked.retry,
        )


class _JobMessage(_Said):
    job: _Job
    task_token: Token | None = None
    """As Step Functions puts it beside the job."""

    def event_of(self, delivery: Delivery) -> Event:
        asked = self.job
        job_id = asked.id or delivery.id
        return JobSubmitted(
            id=job_id,
            profile=asked.profile,
            owner=asked.owner or job_id,
            at=_at(asked.at, delivery),
            args=asked.args,
            priority=asked.priority,
            task_token=asked.task_token or self.task_token,
        )


class _DeadlineMessage(_Said):
    deadline: _Deadline

    def event_of(self, _: Delivery) -> Event:
        return DeadlineCame(cluster_id=self.deadline.cluster_id, terminate_at=self.deadline.terminate_at)


class _SweepMessage(_Said):
    sweep: Any
    """Whatever makes the sender happy; `at` of an object is its time."""

    def event_of(self, delivery: Delivery) -> Event:
        told = self.sweep.get("at") if isinstance(self.sweep, dict) else None
        return SweepDue(at=_lenient(told) or delivery.at)


class _CancelMessage(_Said):
    cancel_job: _CancelJob

    def event_of(self, _: Delivery) -> Event:
        return JobCancelled(id=self.cancel_job.id, why=self.cancel_job.why)


class _EndMessage(_Said):
    end: _End

    def event_of(self, _: Delivery) -> Event:
        return EndAsked(cluster_id=self.end.cluster_id, why=self.end.why or "asked for by a message")


class _GoOnMessage(_Said):
    go_on: _GoOn

    def event_of(self, _: Delivery) -> Event:
        told = self.go_on
        return GoOn(what=told.what, id=told.id, reason=told.reason, why=told.why, tries=told.tries)


_Message = (
    _OwnerMessage
    | _LaunchMessage
    | _JobMessage
    | _DeadlineMessage
    | _SweepMessage
    | _CancelMessage
    | _EndMessage
    | _GoOnMessage
)
WORDS: Mapping[str, type[_Message]] = {
    "owner": _OwnerMessage,
    "launch": _LaunchMessage,
    "deadline": _DeadlineMessage,
    "sweep": _SweepMessage,
    "job": _JobMessage,
    "cancel_job": _CancelMessage,
    "end": _EndMessage,
    "go_on": _GoOnMessage,
}


def event_of(found: Mapping[str, Any], delivery: Delivery) -> Event:
    """Never raises: what cannot be acted on is Malformed, with every fault, where it is and the nearest right word."""
    words = [word for word in WORDS if word in found]
    if len(words) != 1:
        return _not_one(found, words)
    try:
        message = WORDS[words[0]].model_validate(found)
    except ValidationError as error:
        return Malformed(why="bad-field", details={"faults": [_fault(one) for one in error.errors()]})
    event = message.event_of(delivery)
    if isinstance(event, LaunchAsked | JobSubmitted) and not event.id:
        return Malformed(why="no-id", details={"where": f"{words[0]}.id", "problem": "nothing tells it from another"})
    return event


def nearest(word: str, words: Iterable[str]) -> str | None:
    near = difflib.get_close_matches(word[:200], list(words), n=1, cutoff=0.5)
    return near[0] if near else None


def _not_one(found: Mapping[str, Any], words: Sequence[str]) -> Malformed:
    if words:
        return Malformed(why="several-words", details={"words": words, "problem": "one message asks for one thing"})
    given = [str(key)[:100] for key in found][:10]
    near = next((near for key in given if (near := nearest(key, WORDS))), None)
    return Malformed(why="unknown-word", details={"where": given, "nearest": near, "known": list(WORDS)})


def _fault(error: Any) -> Mapping[str, Any]:
    """One of pydantic's, as data; what was given is cut short."""
    where = tuple(error["loc"])
    fault = {"where": ".".join(map(str, where))[:200], "problem": str(error["msg"])[:300]}
    if error["type"] == "extra_forbidden":
        near = nearest(str(where[-1]), _names_beside(where))
        return {**fault, "problem": "no such field", **({"nearest": near} if near else {})}
    if error["type"] == "missing":
        return {**fault, "problem": "it has to be there"}
    given = error.get("input")
    near = nearest(given, _allowed(error)) if isinstance(given, str) else None
    return {**fault, "given": repr(given)[:200], **({"nearest": near} if near else {})}


def _allowed(error: Any) -> list[str]:
    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))


def _names_beside(where: Sequence[int | str]) -> list[str]:
    """The fields that there are in the place of an unknown one."""
    models: Mapping[str, type[BaseModel]] = {
        "launch": _Launch,
        "job": _Job,
        "deadline": _Deadline,
        "cancel_job": _CancelJob,
        "end": _End,
        "go_on": _GoOn,
        "steps": StepSpec,
    }
    above = next((str(part) for part in reversed(where[:-1]) if str(part) in models), None)
    if above is not None:
        return list(models[above].model_fields)
    return [name for message in WORDS.values() for name in message.model_fields]


def _at(told: float | None, delivery: Delivery) -> float:
    return delivery.at if told is None else told


def _lenient(value: object) -> float:
    read: Callable[[object], object] = _epoch
    try:
        at = read(value)
        return float(at) if isinstance(at, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
