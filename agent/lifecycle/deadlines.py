"""Terminate-After, the middle layer: a one-time schedule of EventBridge that sends the deadline to the queue.

It needs neither the cluster's primary, as the agent does, nor the next sweep. One that is lost, late or delivered twice
does no harm: the row's own deadline counts when it comes, and the sweep looks at it too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from math import ceil
from typing import Any

from agent import log
from agent.aws.errors import AWS_ERRORS, code_of, fault, is_not_found
from agent.domain.faults import Fault
from agent.domain.ports import Clock
from agent.lifecycle.ports import Deadlines
from agent.settings_lifecycle import LifecycleSettings

AHEAD_S = 60.0
"""A deadline that is nearer, or over, is scheduled for then: it is what Scheduler's precision makes of it anyway."""
THERE_ALREADY = "ConflictException"


class ScheduledDeadlines:
    """Over a boto3 client for EventBridge Scheduler. Never raises the world's faults: they are counted."""

    def __init__(
        self, client: Callable[[], Any], settings: LifecycleSettings, clock: Clock, count: Callable[[str], None]
    ) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._count = count

    def set(self, cluster_id: str, at: float) -> None:
        """In the place of the one before, if there is one."""
        schedule = self._schedule(cluster_id, at)
        try:
            self._put(schedule)
        except Fault as error:
            self._failed(cluster_id, error)

    def drop(self, cluster_id: str) -> None:
        name = {"Name": name_of(cluster_id), "GroupName": self._settings.schedule_group}
        try:
            self._client().delete_schedule(**name)
        except AWS_ERRORS as error:
            if not is_not_found(error):
                self._failed(cluster_id, fault(error, "DeleteSchedule"))

    def _put(self, schedule: dict[str, Any]) -> None:
        try:
            self._client().create_schedule(**schedule)
        except AWS_ERRORS as error:
            if code_of(error) != THERE_ALREADY:
                raise fault(error, "CreateSchedule") from error
            self._move(schedule)

    def _move(self, schedule: dict[str, Any]) -> None:
        try:
            self._client().update_schedule(**schedule)
        except AWS_ERRORS as error:
            raise fault(error, "UpdateSchedule") from error

    def _schedule(self, cluster_id: str, at: float) -> dict[str, Any]:
        due = datetime.fromtimestamp(ceil(max(at, self._clock() + AHEAD_S)), UTC)
        return {
            "Name": name_of(cluster_id),
            "GroupName": self._settings.schedule_group,
            "ScheduleExpression": f"at({due:%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": self._settings.queue_arn,
                "RoleArn": self._settings.schedule_role_arn,
                "Input": json.dumps({"deadline": {"cluster_id": cluster_id, "terminate_at": at}}),
            },
        }

    def _failed(self, cluster_id: str, error: Fault) -> None:
        self._count("LifecycleErrors.Deadlines")
        log.event(logging.WARNING, "deadline.failed", cluster=cluster_id, error=str(error))


class NoDeadlines:
    """Where there is no group of schedules: the agent and the sweep see to deadlines."""

    def set(self, cluster_id: str, at: float) -> None:
        pass

    def drop(self, cluster_id: str) -> None:
        pass


def deadlines(
    client: Callable[[], Any], settings: LifecycleSettings, clock: Clock, count: Callable[[str], None]
) -> Deadlines:
    scheduled = settings.schedule_group and settings.queue_arn and settings.schedule_role_arn
    return ScheduledDeadlines(client, settings, clock, count) if scheduled else NoDeadlines()


def name_of(cluster_id: str) -> str:
    """At most 64 of letters, digits, `-`, `_` and `.` (CreateSchedule); a cluster has 16 letters and digits."""
    return f"tidemark-{cluster_id}"[:64]
