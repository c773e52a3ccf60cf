"""What AWS's services publish on EventBridge -> events. Pure.

Fields: the event schema of `aws.emr` (EventBridge schema registry), where every value is a text; the user guides of
Step Functions, S3 and CloudTrail. Delivery is by best effort, in any order and more than once, and the texts for
people must not be parsed (EMR management guide, "Monitoring Amazon EMR events").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from agent.lifecycle import messages
from agent.lifecycle.events import (
    CapacityMissing,
    ClusterChanged,
    Event,
    FleetChanged,
    Ignored,
    Malformed,
    ObjectCreated,
    OwnerEnded,
    StepChanged,
)
from agent.lifecycle.messages import CLUSTER_ID, Delivery
from agent.lifecycle.words import EndReason, State
from agent.wire.json_fields import amount

STEP_STATES = ("PENDING", "CANCEL_PENDING", "RUNNING", "COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED")
EXECUTION_ENDS = {
    "SUCCEEDED": EndReason.OWNER_DONE,
    "FAILED": EndReason.OWNER_FAILED,
    "TIMED_OUT": EndReason.OWNER_FAILED,
    "ABORTED": EndReason.OWNER_GONE,
}
EXECUTION_GOES_ON = ("RUNNING", "PENDING_REDRIVE")
OF_EMR = tuple(state.value for state in State if not state.startswith("ZERO"))
_MAX_TEXT = 2000

Detail = Mapping[str, Any]


class _Wrong(Exception):
    """Where the event is not what it should be. Caught in this module."""

    def __init__(self, where: str, problem: str, **more: Any) -> None:
        super().__init__(where, problem)
        self.details = {"where": f"detail.{where}", "problem": problem, **more}


def is_event(found: Mapping[str, Any]) -> bool:
    return "detail-type" in found and "source" in found


def event_of(found: Mapping[str, Any], delivery: Delivery) -> Event:
    """Never raises. An event of somebody's own, whose source is none of AWS's, says what it wants in our own words."""
    source, kind, detail = found.get("source"), found.get("detail-type"), found.get("detail")
    if not isinstance(source, str) or not isinstance(kind, str) or not isinstance(detail, dict):
        return Malformed(why="bad-field", details={"where": "source, detail-type, detail", "problem": "no such event"})
    known = _KNOWN.get((source, kind))
    if known is not None:
        try:
            return known(detail, delivery.at)
        except _Wrong as wrong:
            return Malformed(why="bad-field", details={"source": source, "detail-type": kind, **wrong.details})
    if not source.startswith("aws."):
        return messages.event_of(detail, delivery)
    if source == "aws.events":
        return Malformed(why="no-input", details={"where": kind[:100], "problem": "the rule's target needs an input"})
    return Ignored(why="detail-type")


def delivery_of(found: Mapping[str, Any], outer: Delivery) -> Delivery:
    """By the event's own id and time, where it has them."""
    event_id = found.get("id")
    made = messages.made_id("event", event_id) if isinstance(event_id, str) and event_id else outer.id
    return Delivery(made, iso_time(found.get("time")) or outer.at)


def iso_time(value: object) -> float:
    """Unix seconds of a date and time with its offset; 0 for anything else."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.timestamp() if at is not None and at.tzinfo is not None else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _cluster(detail: Detail, at: float) -> Event:
    code, message = _reason(detail.get("stateChangeReason"))
    return ClusterChanged(
        cluster_id=_cluster_id(detail),
        name=_text(detail, "name", ""),
        state=State(_one_of(detail, "state", OF_EMR)),
        at=at,
        code=code,
        message=message or _text(detail, "message", ""),
    )


def _reason(told: object) -> tuple[str | None, str]:
    """JSON in a text; its code may be empty."""
    try:
        found = json.loads(told) if isinstance(told, str) and told else told
    except (ValueError, RecursionError):
        return None, ""
    if not isinstance(found, dict):
        return None, ""
    code, message = found.get("code"), found.get("message")
    return (
        code[:100] if isinstance(code, str) and code else None,
        message[:_MAX_TEXT] if isinstance(message, str) else "",
    )


def _step(detail: Detail, at: float) -> Event:
    return StepChanged(
        cluster_id=_cluster_id(detail),
        step_id=_text(detail, "stepId"),
        name=_text(detail, "name", ""),
        state=_one_of(detail, "state", STEP_STATES),
        at=at,
        message=_text(detail, "message", ""),
    )


def _fleet(detail: Detail, at: float) -> Event:
    of_fleet = ("provisionedOnDemandCapacity", "provisionedSpotCapacity")
    names = of_fleet if any(name in detail for name in of_fleet) else ("runningInstanceCount",)
    units = [amount(detail.get(name)) for name in names]
    told = [one for one in units if one is not None]
    return FleetChanged(
        cluster_id=_cluster_id(detail),
        role=_role(detail),
        state=_text(detail, "state"),
        at=at,
        provisioned=int(sum(told)) if len(told) == len(units) else None,
    )


def _capacity(detail: Detail, at: float) -> Event:
    """The shape is not published in full: what is not there is not asked for."""
    code = detail.get("eventCode")
    if not isinstance(code, str) or not code:
        return Ignored(why="no-event-code")
    return CapacityMissing(cluster_id=_cluster_id(detail), role=_role(detail), code=code[:200], at=at)


def _role(detail: Detail) -> str:
    told = detail.get("instanceFleetType", detail.get("instanceGroupType"))
    return told[:20] if isinstance(told, str) else ""


def _execution(detail: Detail, at: float) -> Event:
    status = _one_of(detail, "status", (*EXECUTION_ENDS, *EXECUTION_GOES_ON))
    if status not in EXECUTION_ENDS:
        return Ignored(why="execution-goes-on")
    stopped = amount(detail.get("stopDate"))
    return OwnerEnded(
        owner=_text(detail, "executionArn"),
        reason=EXECUTION_ENDS[status],
        at=stopped / 1000 if stopped else at,
        why=f"its execution is {status}",
    )


def _object(detail: Detail, at: float) -> Event:
    bucket, found = detail.get("bucket"), detail.get("object")
    if not isinstance(bucket, dict) or not isinstance(found, dict):
        raise _Wrong("bucket, object", "not there")
    versions = [found.get(name) for name in ("version-id", "sequencer", "etag", "eTag")]
    version = next((one for one in versions if isinstance(one, str) and one), "")
    return ObjectCreated(bucket=_text(bucket, "name"), name=_text(found, "key"), version=version[:1024], at=at)


def _pipeline(detail: Detail, at: float) -> Event:
    if detail.get("eventName") != "DeletePipeline" or detail.get("errorCode"):
        return Ignored(why="api-call")
    asked = detail.get("requestParameters")
    if not isinstance(asked, dict):
        raise _Wrong("requestParameters", "not there")
    return OwnerEnded(
        owner=_text(asked, "pipelineId"), reason=EndReason.OWNER_GONE, at=at, why="its pipeline was deleted"
    )


_KNOWN: Mapping[tuple[str, str], Callable[[Detail, float], Event]] = {
    ("aws.emr", "EMR Cluster State Change"): _cluster,
    ("aws.emr", "EMR Step Status Change"): _step,
    ("aws.emr", "EMR Instance Fleet State Change"): _fleet,
    ("aws.emr", "EMR Instance Group State Change"): _fleet,
    ("aws.emr", "EMR Instance Fleet Provisioning"): _capacity,
    ("aws.emr", "EMR Instance Group Provisioning"): _capacity,
    ("aws.emr", "EMR Instance Fleet Resize"): _capacity,
    ("aws.states", "Step Functions Execution Status Change"): _execution,
    ("aws.s3", "Object Created"): _object,
    ("aws.datapipeline", "AWS API Call via CloudTrail"): _pipeline,
}


def _cluster_id(detail: Detail) -> str:
    found = _text(detail, "clusterId")
    if not CLUSTER_ID.fullmatch(found):
        raise _Wrong("clusterId", "no id of a cluster", given=found[:100])
    return found


def _text(detail: Detail, name: str, default: str | None = None) -> str:
    """Bounded; with a default also where there is none."""
    found = detail.get(name)
    if isinstance(found, str) and found and len(found) <= _MAX_TEXT:
        return found
    if default is None:
        raise _Wrong(name, f"a text of 1 to {_MAX_TEXT} characters has to be there", given=repr(found)[:100])
    return found[:_MAX_TEXT] if isinstance(found, str) else default


def _one_of(detail: Detail, name: str, words: tuple[str, ...]) -> str:
    found = _text(detail, name)
    if found not in words:
        raise _Wrong(name, "unknown", given=found[:100], nearest=messages.nearest(found, words))
    return found
