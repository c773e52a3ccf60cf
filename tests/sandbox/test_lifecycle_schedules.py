"""Schedules fire in the sandbox: those of EventBridge Scheduler, into queues, by the sandbox's clock."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from agent.sandbox.events.event import iso
from agent.sandbox.events.expressions import BadExpression, Timetable
from tests.sandbox.emr_world import BEGIN, World, boto, world


class Desk:
    """One queue and the schedules that send to it, deleted at the end: moto keeps its state by process."""

    def __init__(self, it: World) -> None:
        self.it = it
        self.sqs = boto("sqs", it.server.endpoint)
        self.scheduler = boto("scheduler", it.server.endpoint)
        self.url, self.arn = self.queue()
        self.group = f"group-{uuid.uuid4().hex[:12]}"
        self.scheduler.create_schedule_group(Name=self.group)

    def queue(self) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=f"due-{uuid.uuid4().hex[:12]}")["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, found

    def put(self, expression: str, text: str | None = "due", **more: Any) -> str:
        name = f"s-{uuid.uuid4().hex[:12]}"
        self.scheduler.create_schedule(**self.request(name, expression, text, **more))
        return name

    def request(self, name: str, expression: str, text: str | None = "due", **more: Any) -> dict[str, Any]:
        target = {"Arn": self.arn, "RoleArn": "arn:aws:iam::123456789012:role/scheduler"}
        return {
            "Name": name,
            "GroupName": self.group,
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": target if text is None else {**target, "Input": text},
            **more,
        }

    def sent(self, url: str | None = None) -> Sequence[str]:
        found: list[str] = []
        while got := self.sqs.receive_message(QueueUrl=url or self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url or self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def names(self) -> set[str]:
        return {found["Name"] for found in self.scheduler.list_schedules(GroupName=self.group)["Schedules"]}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with world() as it:
        yield Desk(it)


def at(seconds: float) -> str:
    return f"at({datetime.fromtimestamp(BEGIN + seconds, UTC):%Y-%m-%dT%H:%M:%S})"


def test_a_deadline_comes_once_and_its_schedule_is_gone(desk: Desk) -> None:
    text = json.dumps(
        {"kind": "deadline", "at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}
    )
    name = desk.put(at(600), text, ActionAfterCompletion="DELETE")
    desk.it.pass_time(590)
    assert (desk.sent(), desk.names()) == ([], {name})
    desk.it.pass_time(20)
    (body,) = map(json.loads, desk.sent())
    assert (body["kind"], body["at"]) == ("deadline", iso(BEGIN + 600))
    assert len(body["id"]) == 16
    assert desk.names() == set()
    desk.it.pass_time(600)
    assert desk.sent() == []


def test_without_deletion_it_stays_and_does_not_come_again(desk: Desk) -> None:
    name = desk.put(at(60), ActionAfterCompletion="NONE")
    desk.it.pass_time(600, step=30)
    assert (desk.sent(), desk.names()) == (["due"], {name})


def test_a_name_that_is_taken_is_refused_and_can_be_updated(desk: Desk) -> None:
    name = desk.put(at(600))
    with pytest.raises(ClientError, match="ConflictException"):
        desk.scheduler.create_schedule(**desk.request(name, at(900)))
    desk.scheduler.update_schedule(**desk.request(name, at(900), "later"))
    desk.it.pass_time(700, step=50)
    assert desk.sent() == []
    desk.it.pass_time(300, step=50)
    assert desk.sent() == ["later"]
    desk.scheduler.update_schedule(**desk.request(name, at(1500), "again"))
    desk.it.pass_time(600, step=50)
    assert desk.sent() == ["again"]


def test_a_deleted_and_a_disabled_one_do_not_fire(desk: Desk) -> None:
    name = desk.put(at(60))
    desk.put(at(60), State="DISABLED")
    desk.scheduler.delete_schedule(Name=name, GroupName=desk.group)
    desk.it.pass_time(120, step=30)
    assert desk.sent() == []


def test_a_rate_fires_at_once_and_then_every_period(desk: Desk) -> None:
    desk.put("rate(5 minutes)", "<aws.scheduler.scheduled-time>")
    desk.it.pass_time(900, step=100)
    assert desk.sent() == [iso(BEGIN + seconds) for seconds in (0, 300, 600, 900)]


def test_a_clock_that_jumps_brings_all_that_was_due(desk: Desk) -> None:
    desk.put("rate(1 hour)", StartDate=datetime.fromtimestamp(BEGIN + 7200, UTC))
    desk.it.clock.now += 6 * 3600
    desk.it.server.tick()
    assert len(desk.sent()) == 5


def test_a_recurring_one_ends_at_its_end_date(desk: Desk) -> None:
    end = datetime.fromtimestamp(BEGIN + 650, UTC)
    desk.put("rate(5 minutes)", EndDate=end, ActionAfterCompletion="DELETE")
    desk.it.pass_time(2000, step=100)
    assert (len(desk.sent()), desk.names()) == (3, set())


def test_a_time_zone_is_kept(desk: Desk) -> None:
    # BEGIN is 22:13:20 UTC, which is 23:13:20 in Berlin
    desk.put("at(2023-11-14T23:20:00)", "in Berlin", ScheduleExpressionTimezone="Europe/Berlin")
    desk.it.pass_time(500, step=100)
    assert desk.sent() == ["in Berlin"]


def test_without_an_input_the_event_of_scheduler_itself_is_sent(desk: Desk) -> None:
    desk.put(at(60), None)
    desk.it.pass_time(120, step=60)
    (body,) = map(json.loads, desk.sent())
    assert (body["source"], body["detail-type"], body["time"]) == (
        "aws.scheduler", "Scheduled Event", iso(BEGIN + 60),
    )  # fmt: skip


def test_what_cannot_be_delivered_goes_to_the_dead_letters(desk: Desk) -> None:
    dead_url, dead_arn = desk.queue()
    request = desk.request("s", at(60), "too late")
    request["Target"] |= {"Arn": f"{desk.arn}-which-is-not", "DeadLetterConfig": {"Arn": dead_arn}}
    desk.scheduler.create_schedule(**request)
    desk.it.pass_time(120, step=60)
    assert desk.sent(dead_url) == ["too late"]


def test_the_universal_target_sends_too(desk: Desk) -> None:
    text = json.dumps({"QueueUrl": desk.url, "MessageBody": "at <aws.scheduler.scheduled-time>"})
    request = desk.request("s", at(60), text)
    request["Target"]["Arn"] = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    desk.scheduler.create_schedule(**request)
    desk.it.pass_time(120, step=60)
    assert desk.sent() == [f"at {iso(BEGIN + 60)}"]


@pytest.mark.parametrize(
    "expression",
    ["tomorrow", "at(2026-01-01)", "rate(0 minutes)", "rate(5 weeks)", "rate(-1 hours)", "cron(0 10 * * ?)",
     "cron(0 10 * * * *)", "cron(0 25 * * ? *)", "cron(0 10 15W * ? *)"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(desk: Desk, expression: str) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        desk.put(expression)
    with pytest.raises(BadExpression):
        Timetable(expression=expression, made_at=BEGIN).following(BEGIN)


def test_a_zone_and_a_group_that_are_not_there_are_refused(desk: Desk) -> None:
    with pytest.raises(ClientError, match="time zone"):
        desk.put(at(60), ScheduleExpressionTimezone="Mars/Olympus")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        desk.put(at(60), GroupName="no-such-group")


def when(expression: str, after: str, zone: str = "UTC") -> str | None:
    instant = datetime.fromisoformat(after).timestamp()
    found = Timetable(expression=expression, zone=zone, made_at=instant).following(instant)
    return None if found is None else iso(found)


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("cron(0 10 * * ? *)", "2026-03-02T10:00:00Z"),
        ("cron(15 12 ? * MON-FRI *)", "2026-03-02T12:15:00Z"),
        ("cron(0 8 ? * 1 *)", "2026-03-08T08:00:00Z"),  # 1 is Sunday
        ("cron(0 8 ? * 2-6 *)", "2026-03-03T08:00:00Z"),
        ("cron(0/15 * * * ? *)", "2026-03-02T09:30:00Z"),
        ("cron(0 0 L * ? *)", "2026-03-31T00:00:00Z"),
        ("cron(0 8 ? * 6L *)", "2026-03-27T08:00:00Z"),  # the last Friday
        ("cron(0 8 ? * 6#2 *)", "2026-03-13T08:00:00Z"),  # the second Friday
        ("cron(0 0 1 1 ? 2028-2029)", "2028-01-01T00:00:00Z"),
        ("cron(0 0 1 1 ? 2020)", None),
        ("at(2026-03-02T09:20:00)", "2026-03-02T09:20:00Z"),
        ("at(2026-03-02T09:10:00)", None),
    ],
)
def test_when_it_fires_next(expression: str, following: str | None) -> None:
    assert when(expression, "2026-03-02T09:15:00+00:00") == following  # a Monday


def test_a_cron_follows_its_zone_over_the_change_of_clocks() -> None:
    assert when("cron(0 10 * * ? *)", "2026-03-28T12:00:00+00:00", "Europe/Berlin") == "2026-03-29T08:00:00Z"
    assert when("cron(0 10 * * ? *)", "2026-03-27T12:00:00+00:00", "Europe/Berlin") == "2026-03-28T09:00:00Z"


@given(
    count=st.integers(1, 100),
    unit=st.sampled_from(["minutes", "hours", "days"]),
    after=st.floats(-1e6, 1e8),
)
def test_a_rate_comes_one_period_after_the_other(count: int, unit: str, after: float) -> None:
    period_s = count * {"minutes": 60, "hours": 3600, "days": 86400}[unit]
    timetable = Timetable(expression=f"rate({count} {unit})", made_at=BEGIN)
    first = timetable.following(BEGIN + after)
    assert first is not None
    assert first > BEGIN + after
    assert first == BEGIN or first - (BEGIN + after) <= period_s
    second = timetable.following(first)
    assert second == first + period_s
