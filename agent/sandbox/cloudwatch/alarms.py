"""The alarms of one region: what was put, their states over time, their history and the actions that follow."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.sandbox.cloudwatch.definitions import MetricAlarm
from agent.sandbox.cloudwatch.evaluator import interval_of, judge, stamp
from agent.sandbox.cloudwatch.metrics import MetricStore
from agent.sandbox.cloudwatch.rules import Rule
from agent.sandbox.cloudwatch.states import State

MAX_CATCH_UP_S = 7 * 86_400.0
"""A clock that jumps by more than that is not followed minute by minute."""
ACTIONS: Mapping[State, str] = {
    State.OK: "OKActions",
    State.ALARM: "AlarmActions",
    State.INSUFFICIENT_DATA: "InsufficientDataActions",
}
NEW = "Unchecked: Initial alarm creation"


@dataclass
class Alarm:
    """Belongs to the holder of the model's lock."""

    name: str
    arn: str
    request: Mapping[str, Any]
    definition: MetricAlarm | Rule
    updated_at: float
    next_at: float
    state_at: float
    state: State = State.INSUFFICIENT_DATA
    reason: str = NEW
    data: str = ""
    actions_enabled: bool = True

    @property
    def kind(self) -> str:
        return "CompositeAlarm" if isinstance(self.definition, Rule) else "MetricAlarm"


@dataclass(frozen=True, slots=True)
class HistoryItem:
    at: float
    alarm: str
    kind: str
    """MetricAlarm or CompositeAlarm."""
    item_type: str
    """ConfigurationUpdate, StateUpdate or Action."""
    summary: str
    data: str


@dataclass(frozen=True, slots=True)
class Transition:
    """A state that has changed, with the actions to run for it."""

    alarm: str
    arn: str
    kind: str
    request: Mapping[str, Any]
    definition: MetricAlarm | Rule
    updated_at: float
    at: float
    old: State
    new: State
    reason: str
    children: tuple[tuple[str, State, float], ...] = ()
    """ARN, state and since when, of the alarms that a composite alarm speaks of."""
    actions: tuple[str, ...] = ()


@dataclass
class Alarms:
    region: str
    account: str
    metrics: MetricStore
    speed: float = 1.0
    by_name: dict[str, Alarm] = field(default_factory=dict)
    history: list[HistoryItem] = field(default_factory=list)
    _waiting: list[Transition] = field(default_factory=list)

    def put(self, request: Mapping[str, Any], definition: MetricAlarm | Rule, now: float) -> Alarm:
        """Create it, or overwrite its configuration and leave its state."""
        name, old = request["AlarmName"], self.by_name.get(request["AlarmName"])
        alarm = Alarm(name, self.arn(name), request, definition, now, self._next(definition, now), now)
        alarm.actions_enabled = request.get("ActionsEnabled", True)
        if old is not None:
            alarm.state, alarm.reason, alarm.data, alarm.state_at = old.state, old.reason, old.data, old.state_at
        self.by_name[name] = alarm
        change = "updated" if old else "created"
        kind = "Update" if old else "Create"
        body = {"version": "1.0", "type": kind, f"{kind.lower()}dAlarm": _configuration(request)}
        self.note(alarm, now, "ConfigurationUpdate", f'Alarm "{name}" {change}', body)
        return alarm

    def delete(self, names: Iterable[str], now: float) -> None:
        for name in names:
            alarm = self.by_name.pop(name, None)
            if alarm is not None:
                body = {"version": "1.0", "type": "Delete", "deletedAlarm": _configuration(alarm.request)}
                self.note(alarm, now, "ConfigurationUpdate", f'Alarm "{name}" deleted', body)

    def change(self, alarm: Alarm, state: State, reason: str, data: str, at: float) -> None:
        """The state that it has from now on; the actions of the new state wait to be run."""
        old = alarm.state
        if state is old:
            return
        children = self._children(alarm.definition)
        actions = tuple(alarm.request.get(ACTIONS[state], ())) if alarm.actions_enabled else ()
        self._waiting.append(
            Transition(
                alarm.name,
                alarm.arn,
                alarm.kind,
                alarm.request,
                alarm.definition,
                alarm.updated_at,
                at,
                old,
                state,
                reason,
                children,
                actions,
            )
        )
        body = {
            "version": "1.0",
            "oldState": {"stateValue": old, "stateReason": alarm.reason},
            "newState": {"stateValue": state, "stateReason": reason},
        }
        alarm.state, alarm.reason, alarm.data, alarm.state_at = state, reason, data, at
        self.note(alarm, at, "StateUpdate", f"Alarm updated from {old} to {state}", body)

    def advance(self, now: float) -> None:
        """Evaluate every alarm at each of its times up to now, in their order."""
        for alarm in self.by_name.values():
            if now - alarm.next_at > MAX_CATCH_UP_S:
                alarm.next_at = self._next(alarm.definition, now - MAX_CATCH_UP_S)
        while (due := min((alarm.next_at for alarm in self.by_name.values()), default=math.inf)) <= now:
            for alarm in self.by_name.values():
                if alarm.next_at <= due:
                    alarm.next_at = self._next(alarm.definition, due)
                    self._judge(alarm, due)
            for alarm in self._composites():
                self._compose(alarm, due)

    def _judge(self, alarm: Alarm, at: float) -> None:
        if isinstance(alarm.definition, MetricAlarm):
            found = judge(alarm.definition, self.metrics, at, alarm.state, self.speed)
            self.change(alarm, found.state, found.reason, found.data, at)

    def transitions(self) -> Sequence[Transition]:
        """Those since the last time this was asked."""
        found, self._waiting = self._waiting, []
        return found

    def note(self, alarm: Alarm | Transition, at: float, item_type: str, summary: str, body: Mapping[str, Any]) -> None:
        name = alarm.name if isinstance(alarm, Alarm) else alarm.alarm
        self.history.append(HistoryItem(at, name, alarm.kind, item_type, summary, json.dumps(body)))

    def parents(self, name: str) -> Sequence[str]:
        """The composite alarms that speak of it."""
        return [
            alarm.name
            for alarm in self.by_name.values()
            if isinstance(alarm.definition, Rule) and name in alarm.definition.alarms()
        ]

    def arn(self, name: str) -> str:
        return f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{name}"

    def _composites(self) -> Sequence[Alarm]:
        """Each after those that it speaks of: there are no circles, `put` is not asked for one."""
        done: dict[str, Alarm] = {}

        def visit(name: str) -> None:
            alarm = self.by_name.get(name)
            if alarm is None or name in done or not isinstance(alarm.definition, Rule):
                return
            for child in alarm.definition.alarms():
                visit(child)
            done[name] = alarm

        for name in self.by_name:
            visit(name)
        return list(done.values())

    def _compose(self, alarm: Alarm, at: float) -> None:
        rule = alarm.definition
        assert isinstance(rule, Rule), "asked for composite alarms only"
        state = State.ALARM if rule.holds(self._state_of) else State.OK
        last = max(
            (child for name in rule.alarms() if (child := self.by_name.get(name))),
            key=lambda child: child.state_at,
            default=None,
        )
        because = "the rule needs no alarm" if last is None else f"{last.arn} transitioned to {last.state}"
        moment = at if last is None else last.state_at
        self.change(alarm, state, f"{because} at {stamp(moment)}", "", at)

    def _state_of(self, name: str) -> State:
        alarm = self.by_name.get(name)
        return State.INSUFFICIENT_DATA if alarm is None else alarm.state

    def _children(self, definition: MetricAlarm | Rule) -> tuple[tuple[str, State, float], ...]:
        if not isinstance(definition, Rule):
            return ()
        found = (self.by_name.get(name) for name in definition.alarms())
        return tuple((child.arn, child.state, child.state_at) for child in found if child is not None)

    def _next(self, definition: MetricAlarm | Rule, now: float) -> float:
        """The first time after now at which it is evaluated: a whole number of its intervals."""
        interval = (10 if isinstance(definition, Rule) else interval_of(definition)) / self.speed
        number = math.floor(now / interval) + 1
        # an interval that is no whole number can round the quotient down, and the time would stand still
        return (number if number * interval > now else number + 1) * interval


def _configuration(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in request.items()}
