"""EC2's notices about the node itself, asked over HTTP of a fake of its metadata."""

from __future__ import annotations

import pytest

from agent.aws.imds import Imds
from agent.domain.observation import Interruption
from agent.sources.interruptions import Interruptions
from tests.fakes.imds import FakeImds

LIFE = "/latest/meta-data/instance-life-cycle"
ACTION = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
NOON = 1_700_000_000.0


def watch(fake: FakeImds, told: list[Interruption]) -> Interruptions:
    return Interruptions(lambda: Imds(fake.url), told.append, lambda: NOON)


def test_a_recommendation_and_then_the_notice_are_each_told_once() -> None:
    told: list[Interruption] = []
    with FakeImds() as fake:
        fake.documents[LIFE] = "spot"
        notices = watch(fake, told)
        notices.look()
        assert notices() is None and told == []
        fake.documents[REBALANCE] = '{"noticeTime": "2023-11-14T22:10:00Z"}'
        notices.look()
        notices.look()
        first = Interruption(seen_at=NOON, action="rebalance", at=NOON - 200)
        assert told == [first] and not first.certain
        fake.documents[ACTION] = '{"action": "terminate", "time": "2023-11-14T22:15:20Z"}'
        notices.look()
        notices.look()
        second = Interruption(seen_at=NOON, action="terminate", at=NOON + 120)
        assert told == [first, second] and second.certain and notices() == second


@pytest.mark.parametrize("life", ["on-demand", "scheduled"])
def test_off_the_spot_market_nothing_more_is_asked(life: str) -> None:
    with FakeImds() as fake:
        fake.documents[LIFE] = life
        notices = watch(fake, [])
        notices.look()
        notices.look()
        assert fake.asked == ["PUT /latest/api/token", f"GET {LIFE}"]


def test_metadata_that_do_not_answer_are_asked_again() -> None:
    told: list[Interruption] = []
    with FakeImds() as fake:
        fake.documents[LIFE], fake.documents[ACTION] = "spot", '{"action": "stop", "time": "2023-11-14T22:15:20Z"}'
        fake.failures = 2
        notices = watch(fake, told)
        notices.look()
        assert told == []
        notices.look()
        assert [one.action for one in told] == ["stop"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"action": 5}', '{"action": "", "time": "soon"}', '{"time": 3}'])
def test_a_notice_that_cannot_be_read_is_one_all_the_same(text: str) -> None:
    told: list[Interruption] = []
    with FakeImds() as fake:
        fake.documents[LIFE], fake.documents[ACTION] = "spot", text
        watch(fake, told).look()
        assert told == [Interruption(seen_at=NOON, action="interrupt", at=None)]
