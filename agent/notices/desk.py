"""The desk: looks at each turn, says what there is to tell, and keeps to the limits of telling."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from agent.domain.notices import Message, Notice, NoticeKind, Severity, Told
from agent.domain.turns import Turn
from agent.notices.conditions import Conditions, conditions
from agent.notices.deeds import deeds
from agent.notices.limits import admit, may_send, set_back, suppress
from agent.notices.render import message
from agent.notices.route import route
from agent.settings import Settings
from agent.telemetry import Telemetry


class Desk:
    """One owner calls it. `send` takes a message at once and `remember` what was told.

    Counts `NoticesSuppressed.<kind>`.
    """

    def __init__(
        self,
        settings: Settings,
        cluster_id: str,
        told: Told,
        *,
        send: Callable[[Message], None],
        remember: Callable[[Told], None],
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._kinds = route(settings).kinds
        self._cluster_id = cluster_id
        self._name = settings.cluster.name
        self._told = told
        self._send = send
        self._remember = remember
        self._telemetry = telemetry
        self._known = Conditions()

    def adopt(self, settings: Settings) -> None:
        """Tell by other settings from now on."""
        self._settings = settings
        self._kinds = route(settings).kinds

    def began(self, at: float) -> None:
        """The agent begins; told only if it began before."""
        before, self._told = self._told.started_at, replace(self._told, started_at=at)
        self._remember(self._told)
        if before is not None:
            self._tell(at, [_restarted(at, before)])

    def look(self, turn: Turn) -> None:
        """Tell what this turn gives to tell."""
        if not self._settings.cluster.name and turn.observation.cluster is not None:
            self._name = turn.observation.cluster.name
        self._known, lasting = conditions(self._known, turn, self._settings)
        self._tell(turn.observation.at, [*deeds(turn, self._settings), *lasting])

    def _tell(self, at: float, notices: Iterable[Notice]) -> None:
        before = self._told
        self._told = set_back(self._told, at)
        for notice in notices:
            if notice.kind not in self._kinds:
                continue
            if not may_send(self._told, notice.kind, notice.at, self._settings.notices):
                self._told = suppress(self._told, notice.kind)
                self._telemetry.count(f"NoticesSuppressed.{notice.kind}")
                continue
            self._told, besides = admit(self._told, notice.kind, notice.at)
            self._send(message(notice, self._cluster_id, self._name, besides))
        if self._told is not before:
            self._remember(self._told)


def _restarted(at: float, before: float) -> Notice:
    return Notice(
        kind=NoticeKind.AGENT_RESTARTED,
        severity=Severity.INFO,
        at=at,
        headline="has a fresh agent: it was restarted",
        advice="It counts anew, and takes nothing away before it has seen enough. If nobody restarted it, its log says "
        "why it ended.",
        facts={"began_before_at": before},
    )
