"""Alarms in CloudWatch: what is there, and changing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from agent.alarms.alarm import AnyAlarm, Composite, Subject
from agent.alarms.found import Found
from agent.alarms.requests import request
from agent.aws.errors import AWS_ERRORS, fault

TYPES = ("MetricAlarm", "CompositeAlarm")
"""DescribeAlarms leaves composite alarms out unless they are asked for."""
AT_ONCE = 100
"""Names in one DeleteAlarms; a composite alarm goes with no other (CloudWatch API reference, DeleteAlarms)."""
PAUSE_S = 0.5
"""Between two puts: PutMetricAlarm takes three a second, of the whole account and Region."""


def beginning_with(client: Any, subject: Subject) -> list[Found]:
    """Every alarm whose name begins as those of this subject do, whoever made it. Raises Fault."""
    return list(described(client, AlarmNamePrefix=subject.prefix))


def of(client: Any, subject: Subject) -> list[Found]:
    """Ours on this subject, by name. Raises Fault."""
    return sorted((one for one in beginning_with(client, subject) if one.made_for(subject)), key=lambda one: one.name)


def put(client: Any, alarms: Iterable[AnyAlarm], sleep: Callable[[float], None]) -> Iterator[AnyAlarm]:
    """Send each when it is asked for, not too fast, and yield it when CloudWatch has taken it. Raises Fault."""
    for number, alarm in enumerate(alarms):
        if number:
            sleep(PAUSE_S)
        try:
            if isinstance(alarm, Composite):
                client.put_composite_alarm(**request(alarm))
            else:
                client.put_metric_alarm(**request(alarm))
        except AWS_ERRORS as error:
            operation = "PutCompositeAlarm" if isinstance(alarm, Composite) else "PutMetricAlarm"
            raise fault(error, f"{operation} {alarm.name!r}") from error
        yield alarm


def delete(client: Any, found: Sequence[Found]) -> None:
    """Delete them, composites first: CloudWatch keeps an alarm that a composite is made of. Raises Fault."""
    names = [one.name for one in found if not one.composite]
    batches = [[one.name] for one in found if one.composite]
    batches += [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]
    for batch in batches:
        try:
            client.delete_alarms(AlarmNames=batch)
        except AWS_ERRORS as error:
            raise fault(error, "DeleteAlarms") from error


def described(client: Any, **asked: Any) -> Iterator[Found]:
    """Every alarm that DescribeAlarms has under these conditions, a page at a time. Raises Fault."""
    try:
        for page in client.get_paginator("describe_alarms").paginate(AlarmTypes=list(TYPES), **asked):
            for kind in ("MetricAlarms", "CompositeAlarms"):
                yield from map(Found, page.get(kind, ()))
    except AWS_ERRORS as error:
        raise fault(error, "DescribeAlarms") from error
