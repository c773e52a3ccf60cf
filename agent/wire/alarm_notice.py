"""What CloudWatch publishes to an alarm's SNS topic: JSON, one object a change of state. Pure.

Source: Amazon CloudWatch User Guide, "Notifying users on alarm changes" with the examples there; of composite alarms
the same keys without `Trigger`. The key `Region` has a name for people; the Region itself is in the ARN.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from agent.domain.alarm_notices import AlarmNotice, Refusal

MAX_BYTES = 1_048_576
"""The largest message of SQS (SendMessage); SNS takes a quarter of it."""
MAX_REASON = 300
STATES = frozenset({"ALARM", "OK", "INSUFFICIENT_DATA"})

_ARN = re.compile(
    r"arn:aws[a-z-]*:cloudwatch:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):alarm:(?P<name>.{1,255})", re.S
)


def parse(text: str) -> AlarmNotice | Refusal:
    """The notice in the message of an SNS notification. Never raises."""
    found = json_object(text)
    return found if isinstance(found, Refusal) else of_object(found)


def json_object(text: str) -> Mapping[str, Any] | Refusal:
    """The JSON object in a text of bounded size. Never raises."""
    if len(text) > MAX_BYTES:
        return Refusal.TOO_LARGE
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Refusal.MALFORMED
    return found if isinstance(found, dict) else Refusal.MALFORMED


def of_object(found: Mapping[str, Any]) -> AlarmNotice | Refusal:
    """The notice that the object is. Never raises."""
    texts = [found.get(key) for key in ("AlarmName", "AlarmArn", "AWSAccountId", "NewStateValue", "StateChangeTime")]
    if not all(isinstance(text, str) for text in texts):
        return Refusal.MALFORMED
    name, arn, account, state, time = map(str, texts)
    parts, changed_at = _ARN.fullmatch(arn), _unix(time)
    if parts is None or parts["name"] != name or parts["account"] != account or state not in STATES:
        return Refusal.MALFORMED
    if changed_at is None:
        return Refusal.MALFORMED
    return AlarmNotice(
        name=name,
        arn=arn,
        account=account,
        region=parts["region"],
        state=state,
        changed_at=changed_at,
        reason=" ".join(str(found.get("NewStateReason") or "").split())[:MAX_REASON],
        dimensions=frozenset(_dimensions(found.get("Trigger"))),
    )


def _unix(text: str) -> float | None:
    """`2026-11-21T16:12:52.123+0000`. A time without its offset is none."""
    try:
        at = datetime.fromisoformat(text)
        seconds = at.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return seconds if at.tzinfo is not None and math.isfinite(seconds) else None


def _dimensions(trigger: object) -> Iterator[tuple[str, str]]:
    """Of the one metric, and of those of an expression."""
    if not isinstance(trigger, dict):
        return
    yield from _pairs(trigger.get("Dimensions"))
    metrics = trigger.get("Metrics")
    for each in metrics if isinstance(metrics, list) else ():
        stat = each.get("MetricStat") if isinstance(each, dict) else None
        metric = stat.get("Metric") if isinstance(stat, dict) else None
        if isinstance(metric, dict):
            yield from _pairs(metric.get("Dimensions"))


def _pairs(dimensions: object) -> Iterator[tuple[str, str]]:
    for each in dimensions if isinstance(dimensions, list) else ():
        if isinstance(each, dict):
            name, value = each.get("name", each.get("Name")), each.get("value", each.get("Value"))
            if isinstance(name, str) and isinstance(value, str):
                yield name, value
