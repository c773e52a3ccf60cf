"""An alarm that is there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.alarms.alarm import Subject


@dataclass(frozen=True, slots=True)
class Found:
    """An alarm as DescribeAlarms tells it."""

    described: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.described["AlarmName"])

    @property
    def state(self) -> str:
        return str(self.described.get("StateValue", ""))

    @property
    def since(self) -> float | None:
        """When it came to be in that state, Unix seconds."""
        at = self.described.get("StateTransitionedTimestamp") or self.described.get("StateUpdatedTimestamp")
        return at.timestamp() if isinstance(at, datetime) else None

    @property
    def composite(self) -> bool:
        return "AlarmRule" in self.described

    def made_for(self, subject: Subject) -> bool:
        """Whether it is one of ours on this subject."""
        return str(self.described.get("AlarmDescription", "")).endswith(subject.signature)
