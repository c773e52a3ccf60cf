"""One line in the log for each change, and none for what stays or is not known."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from agent.domain.observation import Observation
from agent.domain.readings import Application
from agent.sightings import Sightings
from tests.policy.build import NOW, fleet, history, observation, reading, settings
from tests.policy.test_queue import NAMED, WAITS
from tests.policy.test_queue import seen as queued


def app(number: int, host: str | None) -> Application:
    return Application(id=f"app-{number}", name="x", state="RUNNING", memory_used_mb=1.0, master_host=host)


def seen(*apps: Application, **changed: Any) -> Observation:
    return observation(**{"reading": reading(applications=apps), **changed})


ON_TASK, ON_CORE = app(1, "TASK-3"), app(2, "core-1")
MOVED = app(3, "task-4")


def test_masters_on_task_nodes_are_told_once_a_change(caplog: pytest.LogCaptureFixture) -> None:
    rounds = [
        (seen(ON_CORE), []),
        (seen(ON_CORE, ON_TASK), ["application_master.on_task_node"]),
        (seen(ON_TASK), []),
        (seen(ON_TASK, fleet=replace(fleet(), nodes=None)), []),
        (seen(ON_TASK, reading=None), []),
        (seen(ON_TASK, MOVED), ["application_master.on_task_node"]),
        (seen(MOVED), []),
        (seen(ON_CORE), ["application_master.none_on_task_nodes"]),
        (seen(), []),
    ]
    sightings = Sightings(settings())
    for at, told in rounds:
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="tidemark"):
            sightings.look(at)
        assert [record.getMessage() for record in caplog.records] == told


def test_the_warning_names_the_applications_and_their_hosts(caplog: pytest.LogCaptureFixture) -> None:
    Sightings(settings()).look(seen(ON_TASK, ON_CORE))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert getattr(record, "fields")["applications"] == "app-1 on TASK-3"  # noqa: B009 - set by the logger


def test_a_limit_is_told_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    rounds = [
        (queued(WAITS), []),
        (queued(NAMED), ["queue.limited"]),
        (queued(NAMED), []),
        (queued(NAMED, containers_reserved=1), ["queue.limited_no_more"]),
        (seen(), []),
    ]
    sightings = Sightings(settings())
    for at, told in rounds:
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="tidemark"):
            sightings.look(at)
        assert [record.getMessage() for record in caplog.records] == told


def test_a_loss_of_capacity_is_told_in_the_turn_that_sees_it(caplog: pytest.LogCaptureFixture) -> None:
    rounds = [
        (seen(), []),
        (seen(history=history(capacity_lost_at=NOW)), ["capacity.lost"]),
        (seen(history=history(capacity_lost_at=NOW - 10)), []),
    ]
    sightings = Sightings(settings())
    for at, told in rounds:
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="tidemark"):
            sightings.look(at)
        assert [record.getMessage() for record in caplog.records] == told
