"""A notice and a message for tests, and a desk on a list."""

from __future__ import annotations

from typing import Any

from agent.domain.decisions import Reason
from agent.domain.notices import Message, Notice, NoticeKind, Severity, Told
from agent.notices.desk import Desk
from agent.notices.render import message
from agent.settings import Settings
from agent.telemetry import Telemetry
from tests.policy.build import NOW


def a_notice(**changed: Any) -> Notice:
    facts: dict[str, Any] = {
        "kind": NoticeKind.RESIZED,
        "severity": Severity.INFO,
        "at": NOW,
        "headline": "is scaled out: task capacity 5 -> 10 units",
        "because": (Reason("breached", "memory-low: MemoryAvailablePercent Average 9 < 15 for 310 s of 300 s"),),
        "facts": {"from_units": 5, "to_units": 10},
    }
    return Notice(**{**facts, **changed})


def a_message(**changed: Any) -> Message:
    return message(a_notice(**changed), "j-1", "nightly", {})


class Heard:
    """A desk, all that it sent and remembered, and its counts."""

    def __init__(self, settings: Settings, told: Told | None = None) -> None:
        self.messages: list[Message] = []
        self.told = told or Told()
        self.telemetry = Telemetry()
        self.desk = Desk(
            settings,
            "j-1",
            self.told,
            send=self.messages.append,
            remember=self._remember,
            telemetry=self.telemetry,
        )

    def _remember(self, told: Told) -> None:
        self.told = told

    def kinds(self) -> list[str]:
        return [one.attributes["kind"] for one in self.messages]
