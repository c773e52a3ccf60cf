"""One-time schedules for deadlines, by the lifecycle's own client, which come to the queue."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from agent.lifecycle.deadlines import AHEAD_S, NoDeadlines, ScheduledDeadlines, deadlines, name_of
from agent.lifecycle.events import DeadlineCame
from agent.lifecycle.ingress import events_of
from agent.settings_lifecycle import LifecycleSettings
from agent.telemetry import Telemetry
from tests.lifecycle.hands import clients
from tests.sandbox.emr_world import BEGIN, world
from tests.sandbox.test_lifecycle_schedules import Desk

ROLE = "arn:aws:iam::123456789012:role/scheduler"
CLUSTER = "j-3KVTXXXXXX7UG"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with world() as it:
        yield Desk(it)


def made(desk: Desk, telemetry: Telemetry, **more: str) -> ScheduledDeadlines:
    given = {"schedule_group": desk.group, "queue_arn": desk.arn, "schedule_role_arn": ROLE, **more}
    settings = LifecycleSettings.model_validate(given)
    found = deadlines(lambda: clients(desk.it).scheduler, settings, desk.it.clock, telemetry.count)
    assert isinstance(found, ScheduledDeadlines)
    return found


def test_a_deadline_comes_to_the_queue_when_it_is_over_and_its_schedule_goes(desk: Desk) -> None:
    at = BEGIN + 600.4
    made(desk, Telemetry()).set(CLUSTER, at)
    desk.it.pass_time(600)
    assert (desk.sent(), desk.names()) == ([], {name_of(CLUSTER)})
    desk.it.pass_time(20)
    (body,) = desk.sent()
    assert events_of(body) == (DeadlineCame(cluster_id=CLUSTER, terminate_at=at),)
    assert desk.names() == set()


def test_setting_it_again_moves_it_and_dropping_it_twice_is_no_fault(desk: Desk) -> None:
    telemetry = Telemetry()
    mine = made(desk, telemetry)
    mine.set(CLUSTER, BEGIN + 300)
    mine.set(CLUSTER, BEGIN + 900)
    desk.it.pass_time(600, step=50)
    assert (desk.sent(), desk.names()) == ([], {name_of(CLUSTER)})
    desk.it.pass_time(400, step=50)
    assert json.loads(desk.sent()[0])["deadline"]["terminate_at"] == BEGIN + 900
    mine.set(CLUSTER, BEGIN + 5000)
    for _ in range(2):
        mine.drop(CLUSTER)
    assert desk.names() == set() and telemetry.counts() == {}


def test_one_that_is_over_comes_soon(desk: Desk) -> None:
    made(desk, Telemetry()).set(CLUSTER, BEGIN - 5000)
    desk.it.pass_time(AHEAD_S + 5)
    assert len(desk.sent()) == 1


def test_what_cannot_be_scheduled_is_counted_and_raises_nothing(desk: Desk) -> None:
    telemetry = Telemetry()
    mine = made(desk, telemetry, schedule_group="none-of-that-name")
    mine.set(CLUSTER, BEGIN + 300)
    assert telemetry.counts() == {"LifecycleErrors.Deadlines": 1}


@pytest.mark.parametrize("left_out", ["schedule_group", "queue_arn", "schedule_role_arn"])
def test_without_a_group_a_queue_or_a_role_there_are_none(left_out: str) -> None:
    given = {"schedule_group": "g", "queue_arn": "a", "schedule_role_arn": "r", left_out: ""}
    nothing = deadlines(lambda: None, LifecycleSettings.model_validate(given), lambda: 0.0, Telemetry().count)
    assert isinstance(nothing, NoDeadlines)
    nothing.set(CLUSTER, 1.0)
    nothing.drop(CLUSTER)
