"""Notices and turns for tests, and a desk on a list."""

from __future__ import annotations

from typing import Any

from agent.domain.decisions import Hold, Outcome, Reason, Resize, Result, Terminate
from agent.domain.notices import Message, Notice, NoticeKind, Severity, Told
from agent.domain.observation import Interruption, Shortage
from agent.domain.rights import Capability, MissingRight
from agent.domain.turns import Turn
from agent.notices.desk import Desk
from agent.notices.render import message
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.telemetry import Telemetry
from tests.policy.build import NOW, history, observation, reading, signal


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


def a_turn(**changed: Any) -> Turn:
    """One in which nothing happens."""
    hold = Hold((Reason(Why.NOT_BREACHING, "calm"),))
    facts: dict[str, Any] = {
        "observation": observation(),
        "proposals": (),
        "wanted": hold,
        "decision": hold,
        "notice": None,
        "unconfirmed": None,
        "result": Result(Outcome.NONE),
    }
    return Turn(**{**facts, **changed})


RIGHT = MissingRight(
    capability=Capability.RESIZE,
    operation="ModifyInstanceFleet",
    action="elasticmapreduce:ModifyInstanceFleet",
    sid="TidemarkResizeTaskCapacity",
    since=NOW,
    retry_at=NOW + 300,
)
OUT_BY_FIVE = Resize(current=5, target=10, because=(Reason(Why.BREACHED, "memory is low"),), rule="memory-low")
END = Terminate((Reason(Why.IDLE, "idle for an hour"),))


def a_life() -> list[Turn]:
    """Turns in which there is a notice of every kind to tell, a minute apart, and half an hour at the end."""

    def at(minute: float, **changed: Any) -> Turn:
        now = NOW + 60 * minute
        seen = observation(**{"at": now, "reading": reading(at=now), **changed.pop("seen", {})})
        return a_turn(observation=seen, **changed)

    said = Interruption(seen_at=NOW, action="terminate", at=NOW + 1000)
    short = history(shortage=Shortage(began=NOW, times=1))
    idle = history(idle_since=NOW, notified_of=NOW, notified_at=NOW)
    refused = Result(Outcome.REFUSED, "EMR says no")
    applied = Result(Outcome.APPLIED)
    held = {"wanted": OUT_BY_FIVE, "withheld": Reason(Why.MAXIMUM, "at most 5 units")}
    return [
        at(0, wanted=OUT_BY_FIVE, decision=OUT_BY_FIVE, result=applied),
        at(1, wanted=OUT_BY_FIVE, decision=OUT_BY_FIVE, result=refused),
        at(2, seen={"history": short}),
        at(3),
        at(4, seen={"missing": (RIGHT,)}),
        at(5, seen={"signals": {"DatumsLost": signal(7.0, NOW)}}),
        at(6, notice=END.because[0], seen={"history": idle}),
        at(7, seen={"interruption": said}),
        at(8, wanted=END, decision=END, result=refused),
        at(9, wanted=END, decision=END, result=applied),
        *(at(minute, **held) for minute in range(10, 42)),
        *(at(minute, seen={"reading": None}) for minute in range(42, 54)),
        at(54),
    ]
