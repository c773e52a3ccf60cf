"""Where requests from outside lie until they are settled: each does its deed at most once.

Notices of alarms come in from other threads than the one that takes turns. Whatever is wrong with one, the answer is a
value: it is counted by its reason, said once in the log, and does no harm.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from agent import log
from agent.actions.hand import HandFile
from agent.actions.ledger import Ledger
from agent.domain.alarm_notices import AlarmNotice, Refusal
from agent.domain.decisions import Reason
from agent.domain.ports import Clock
from agent.domain.requests import Answer, Fate, Request, Source
from agent.settings_actions import ActionsSettings, AlarmAction, sizes
from agent.telemetry import Telemetry

MAX_WAITING = 32
AHEAD_S = 60.0
"""So far the clocks of AWS and of this node may be apart."""
SAY_S = 60.0
USUAL = frozenset({Refusal.UNMAPPED, Refusal.DUPLICATE, Refusal.OUT_OF_ORDER, Refusal.LATE})
"""Reasons that say nothing of anybody's ill will or mistake."""
CLUSTER_DIMENSIONS = {"ClusterId": "id", "JobFlowId": "id", "ClusterName": "name"}
"""Tidemark's dimensions and EMR's own (AWS/ElasticMapReduce)."""


@dataclass(frozen=True, slots=True)
class OwnNames:
    """What this cluster is called."""

    id: str
    name: str
    """Empty where it has none."""

    def is_other(self, dimension: tuple[str, str]) -> bool:
        """Whether that dimension of a metric is another cluster's."""
        kind = CLUSTER_DIMENSIONS.get(dimension[0])
        return kind is not None and dimension[1] != getattr(self, kind)

    def of_alarm(self, name: str) -> tuple[str, ...]:
        """The names under which the settings may know an alarm: its own, and without this cluster's prefix."""
        prefixes = [f"Tidemark {own} " for own in (self.id, self.name) if own]
        return (name, *(name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)))


@dataclass(frozen=True, slots=True)
class Taken:
    """A request waits."""

    id: str


@dataclass(slots=True)
class _Waiting:
    request: Request
    alarm: str | None
    """ARN; None for what was asked by hand."""
    last: Answer | None = None


class Inbox:
    """Safe to use from every thread. Counts `AlarmNoticesRefused.<reason>` and `RequestsSettled.<fate>`."""

    def __init__(
        self,
        settings: ActionsSettings,
        names: OwnNames,
        ledger: Ledger,
        hand: HandFile,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._names = names
        self._ledger = ledger
        self._hand = hand
        self._clock = clock
        self._telemetry = telemetry
        self._waiting: dict[str, _Waiting] = {}
        self._unreadable: str | None = None
        self._said: dict[Refusal, tuple[float | None, int]] = {}
        self._lock = threading.Lock()

    def adopt(self, settings: ActionsSettings) -> None:
        """Judge by other settings from now on; what waits already stays as it was asked."""
        with self._lock:
            self._settings = settings

    # what comes in

    def offer(self, notice: AlarmNotice) -> Taken | Refusal:
        """The request that the notice has led to, of this copy or an earlier one that still waits; or why to none."""
        with self._lock:
            taken = self._take(notice, self._clock())
        if isinstance(taken, Refusal):
            self.refuse(taken, f"{notice.name} {notice.state}")
        return taken

    def refuse(self, refusal: Refusal, what: str) -> None:
        """Count what leads to nothing, and say so: of each reason once a minute, with the number left out since."""
        self._telemetry.count(f"AlarmNoticesRefused.{refusal}")
        now = self._clock()
        with self._lock:
            said_at, left_out = self._said.get(refusal, (None, 0))
            if said_at is not None and 0 <= now - said_at < SAY_S:
                self._said[refusal] = (said_at, left_out + 1)
                return
            self._said[refusal] = (now, 0)
        level = logging.INFO if refusal in USUAL else logging.WARNING
        log.event(level, "alarm.refused", reason=str(refusal), what=what[:200], left_out=left_out)

    def is_late(self, notice: AlarmNotice) -> bool:
        return self._clock() - notice.changed_at > self._settings.max_age_s

    def waits(self, id: str) -> bool:
        """Whether that request has not been settled."""
        with self._lock:
            return id in self._waiting

    def _take(self, notice: AlarmNotice, at: float) -> Taken | Refusal:
        topic = self._settings.topic
        if (notice.account, notice.region) != (topic["account"], topic["region"]):
            return Refusal.OTHER_ACCOUNT
        if any(map(self._names.is_other, notice.dimensions)):
            return Refusal.OTHER_CLUSTER
        if notice.changed_at > at + AHEAD_S:
            return Refusal.AHEAD
        id = _id(notice)
        if id in self._waiting:
            return Taken(id)
        known = self._ledger.changed_at(notice.arn)
        if self._ledger.is_done(id):
            return Refusal.DUPLICATE
        if known is not None and notice.changed_at < known:
            return Refusal.OUT_OF_ORDER
        return self._ask(id, notice, at)

    def _ask(self, id: str, notice: AlarmNotice, at: float) -> Taken | Refusal:
        if self._ledger.begins_at is not None and notice.changed_at <= self._ledger.begins_at:
            return Refusal.LATE
        # before anything else is refused: an older change of the alarm is over, whatever this one asks for
        self._supersede(notice, at)
        action = self._settings.of_alarm(self._names.of_alarm(notice.name), notice.state)
        if action is None:
            return Refusal.UNMAPPED
        if at - notice.changed_at > self._settings.max_age_s:
            return Refusal.LATE
        if len(self._waiting) >= MAX_WAITING:
            return Refusal.FULL
        request = _request(id, notice, action, self._settings.max_age_s)
        self._waiting[id] = _Waiting(request, notice.arn)
        _log_taken(request)
        return Taken(id)

    def _supersede(self, notice: AlarmNotice, at: float) -> None:
        self._ledger.saw(notice.arn, notice.changed_at)
        for id in [id for id, each in self._waiting.items() if each.alarm == notice.arn]:
            text = f"the alarm has come into {notice.state} since"
            self._settle(Answer(id=id, at=at, fate=Fate.SUPERSEDED, because=(Reason("superseded", text),)))

    # the desk of the turns

    def pending(self, at: float) -> tuple[Request, ...]:
        with self._lock:
            self._look_by_hand(at)
            for id, each in list(self._waiting.items()):
                # a clock that was set back makes no wish last longer
                if not each.request.asked_at - AHEAD_S <= at < each.request.expires_at:
                    because = () if each.last is None else each.last.because
                    self._settle(Answer(id=id, at=at, fate=Fate.EXPIRED, because=because))
            return tuple(each.request for each in self._waiting.values())

    def claim(self, id: str, at: float) -> bool:
        with self._lock:
            return id in self._waiting and not self._ledger.is_done(id) and self._ledger.done(id, at)

    def answer(self, answers: Sequence[Answer]) -> None:
        with self._lock:
            for answer in answers:
                each = self._waiting.get(answer.id)
                if each is None:
                    continue
                if not answer.fate.settled and self._ledger.is_done(answer.id):
                    # it was about to be done, and surely was not
                    self._ledger.undone(answer.id)
                if answer.fate.settled:
                    self._settle(answer)
                elif each.last is None or each.last.because != answer.because or each.last.detail != answer.detail:
                    each.last = answer
                    self._tell(each, answer)

    def _settle(self, answer: Answer) -> None:
        each = self._waiting.pop(answer.id)
        if not self._ledger.is_done(answer.id):
            self._ledger.done(answer.id, answer.at)
        self._telemetry.count(f"RequestsSettled.{answer.fate}")
        log.event(
            logging.INFO,
            "request.settled",
            id=answer.id,
            by=each.request.rule,
            fate=str(answer.fate),
            target=answer.target,
            because="; ".join(reason.text for reason in answer.because),
            detail=answer.detail,
        )
        self._tell(each, answer)

    def _tell(self, each: _Waiting, answer: Answer) -> None:
        if each.request.source is not Source.HAND:
            return
        try:
            self._hand.tell(answer)
        except OSError as error:
            # the ledger knows: it is not done twice, only not answered
            log.event(logging.WARNING, "request.not_answered", id=answer.id, error=str(error))

    def _look_by_hand(self, at: float) -> None:
        """One request lies in the file at a time; what is not there any more has been taken back."""
        found = self._hand.waiting()
        if isinstance(found, str):
            if found != self._unreadable:
                log.event(logging.WARNING, "request.unreadable", error=found)
            self._unreadable, found = found, None
        for id, each in list(self._waiting.items()):
            if each.request.source is Source.HAND and (found is None or found.id != id):
                self._settle_without_answer(id, at)
        if found is None or found.id in self._waiting or at >= found.expires_at or len(self._waiting) >= MAX_WAITING:
            return
        waiting = _Waiting(found, None)
        if (over := self._is_over(found, at)) is not None:
            self._tell(waiting, over)
            return
        self._waiting[found.id] = waiting
        _log_taken(found)

    def _is_over(self, found: Request, at: float) -> Answer | None:
        """The answer to what lies there and may have been done already, or comes from a time that is not yet."""
        told, begins_at = self._hand.told(found.id), self._ledger.begins_at
        if self._ledger.is_done(found.id):
            if told is not None and told.fate.settled:
                return told
            fate, text = Fate.FAILED, "the agent was stopped while it did this"
        elif begins_at is not None and found.asked_at <= begins_at:
            fate, text = Fate.FAILED, "what has been done cannot be read, and this may have been"
        elif found.asked_at > at + AHEAD_S:
            fate, text = Fate.EXPIRED, "it is from a time that has not come: was the clock set back?"
        else:
            return None
        return Answer(id=found.id, at=at, fate=fate, because=(Reason("over", text),))

    def _settle_without_answer(self, id: str, at: float) -> None:
        """Nobody waits for it, and another request may lie in the file by now."""
        by = self._waiting.pop(id).request.rule
        self._ledger.done(id, at)
        self._telemetry.count(f"RequestsSettled.{Fate.SUPERSEDED}")
        log.event(logging.INFO, "request.settled", id=id, by=by, fate=str(Fate.SUPERSEDED), because="taken back")


def _request(id: str, notice: AlarmNotice, action: AlarmAction, max_age_s: float) -> Request:
    return Request(
        id=id,
        source=Source.ALARM,
        name=notice.name,
        why=f"it has come into {notice.state}" + (f": {notice.reason}" if notice.reason else ""),
        asked_at=notice.changed_at,
        expires_at=notice.changed_at + max_age_s,
        cooldown_s=action.cooldown_s,
        **sizes(action),
    )


def _id(notice: AlarmNotice) -> str:
    """Of the change, not of the message: SNS and SQS may bring one change in several messages."""
    text = f"{notice.arn}\n{notice.state}\n{notice.changed_at!r}"
    return f"alarm-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _log_taken(request: Request) -> None:
    log.event(
        logging.INFO,
        "request.taken",
        id=request.id,
        by=request.rule,
        units=request.units,
        percent=request.percent,
        to_units=request.to_units,
        force=request.force,
        why=request.why,
    )
