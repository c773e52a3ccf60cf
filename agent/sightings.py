"""What is worth a warning in the log when it changes, whatever is decided about it."""

from __future__ import annotations

import logging

from agent import log
from agent.domain.observation import Observation
from agent.domain.waiting import masters_on_task_nodes
from agent.policy.advice import advice
from agent.policy.queue import certain
from agent.settings import Settings


class Sightings:
    """Keeps what it has said, so that each change is one line."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._masters: frozenset[str] = frozenset()
        self._limited = False
        self._advised: str | None = None
        self._lost_at: float | None = None

    def adopt(self, settings: Settings) -> None:
        """Judge by other settings from now on."""
        self._settings = settings

    def look(self, seen: Observation) -> None:
        self._look_for_masters(seen)
        self._look_for_limits(seen)
        self._look_for_advice(seen)
        self._look_for_losses(seen)

    def _look_for_masters(self, seen: Observation) -> None:
        """What is not known leaves the last word standing."""
        masters = masters_on_task_nodes(seen.reading, seen.fleet)
        if masters is None:
            return
        now = frozenset(app.id for app in masters)
        if now - self._masters:
            shown = ", ".join(f"{app.id} on {app.master_host}" for app in masters[:3])
            log.event(
                logging.WARNING,
                "application_master.on_task_node",
                count=len(masters),
                applications=shown,
                advice="a spot interruption ends the application's attempt: keep masters on core nodes by a node label",
            )
        elif self._masters and not now:
            log.event(logging.INFO, "application_master.none_on_task_nodes")
        self._masters = now

    def _look_for_advice(self, seen: Observation) -> None:
        """Said once a change; what flickers around a bound is said again only after something else."""
        for reason in advice(seen, self._settings):
            if reason.code != self._advised:
                log.event(logging.WARNING, "advice", code=reason.code, advice=reason.text)
            self._advised = reason.code

    def _look_for_losses(self, seen: Observation) -> None:
        lost_at, fleet = seen.history.capacity_lost_at, seen.fleet
        if lost_at == seen.at and lost_at != self._lost_at:
            self._lost_at = lost_at
            log.event(
                logging.WARNING,
                "capacity.lost",
                provisioned=None if fleet is None else fleet.provisioned,
                target=None if fleet is None else fleet.target,
                nodes_lost=seen.history.nodes_lost,
            )

    def _look_for_limits(self, seen: Observation) -> None:
        limit = certain(seen, self._settings)
        if limit is not None and not self._limited:
            log.event(logging.WARNING, "queue.limited", why=limit.text)
        elif limit is None and self._limited:
            log.event(logging.INFO, "queue.limited_no_more")
        self._limited = limit is not None
