"""The lag of Kinesis streams, asked of CloudWatch over HTTP: fresh, late, absent and refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from moto.server import ThreadedMotoServer

from agent.aggregate.signals import signals
from agent.aggregate.table import Table
from agent.aws.clients import Clients
from agent.domain.signals import ITERATOR_AGE, Signal, Statistic
from agent.policy.freshness import Fresh, look
from agent.settings import AwsSettings
from agent.settings_rules import Rule
from agent.settings_sources import KinesisSettings, ListenerSettings
from agent.sources.kinesis import KinesisAges
from agent.telemetry import Telemetry
from tests.policy.build import settings

NOW = float(datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC).timestamp())
RULE = Rule(name="behind", signal=ITERATOR_AGE, statistic=Statistic.MAXIMUM, comparison=">", bound=60_000, for_s=0,
            adjustment_units=2)  # fmt: skip


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # moto keeps what earlier tests of this process published
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10).raise_for_status()
    yield f"http://{host}:{port}"
    server.stop()


class Asking:
    """The agent's reader of these streams, on a clock of the test's, in front of the agent's table."""

    def __init__(self, endpoint: str, *streams: KinesisSettings) -> None:
        self.now = NOW
        self.telemetry = Telemetry()
        self.table = Table(ListenerSettings(), 300.0, self.telemetry)
        self.client = Clients(AwsSettings(region="eu-west-1", endpoint_url=endpoint, max_attempts=1)).cloudwatch
        self.calls = 0
        self._ages = KinesisAges(
            streams,
            60.0,
            self._counted,
            self.table,
            clock=lambda: self.now,
            telemetry=self.telemetry,
            jitter=lambda: 0.0,
        )

    def _counted(self) -> Any:
        self.calls += 1
        return self.client

    def publish(self, stream: str, age_ms: float, minute: int, consumer: str | None = None) -> None:
        """As Kinesis does: one point for the minute that began so many minutes before noon and half a minute."""
        name, dimensions = "GetRecords.IteratorAgeMilliseconds", [{"Name": "StreamName", "Value": stream}]
        if consumer is not None:
            name = "SubscribeToShardEvent.MillisBehindLatest"
            dimensions.append({"Name": "ConsumerName", "Value": consumer})
        at = datetime.fromtimestamp(NOW - 30 - 60 * minute, UTC)
        datum = {"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Value": age_ms, "Unit": "Milliseconds"}
        self.client.put_metric_data(Namespace="AWS/Kinesis", MetricData=[datum])

    def signal(self) -> Signal | None:
        self._ages.step()
        return signals({}, self.table.snapshot(self.now)).get(ITERATOR_AGE)


ORDERS, CLICKS = KinesisSettings(stream="orders"), KinesisSettings(stream="clicks")


def test_the_newest_point_is_the_signal_with_the_time_at_which_it_was_true(endpoint: str) -> None:
    asking = Asking(endpoint, ORDERS)
    for minute, age_ms in ((5, 10.0), (2, 90_000.0), (3, 20.0)):
        asking.publish("orders", age_ms, minute)
    found = asking.signal()
    assert found is not None
    assert found.values[Statistic.MAXIMUM] == 90_000.0
    assert asking.now - found.at == 90, "the minute ended a minute and a half ago"
    assert isinstance(look(RULE, {ITERATOR_AGE: found}, asking.now, settings().policy), Fresh)


def test_no_point_is_no_signal_and_never_zero(endpoint: str) -> None:
    asking = Asking(endpoint, ORDERS)
    asking.publish("another", 5.0, 1)
    assert asking.signal() is None


def test_one_stream_without_points_makes_the_whole_unknown(endpoint: str) -> None:
    asking = Asking(endpoint, ORDERS, CLICKS)
    asking.publish("orders", 5.0, 1)
    assert asking.signal() is None
    asking.publish("clicks", 7.0, 4)
    asking.now += 61
    found = asking.signal()
    assert found is not None
    assert (found.values[Statistic.MINIMUM], found.values[Statistic.MAXIMUM]) == (5.0, 7.0)
    assert asking.now - found.at == 271, "as old as the oldest of them"


def test_what_is_heard_no_more_grows_stale_and_the_rule_holds(endpoint: str) -> None:
    asking = Asking(endpoint, ORDERS)
    asking.publish("orders", 90_000.0, 1)
    assert asking.signal() is not None
    asking.now += 1200
    found = asking.signal()
    assert found is not None, "the last word stays, with its age"
    held = look(RULE, {ITERATOR_AGE: found}, asking.now, settings().policy)
    assert not isinstance(held, Fresh) and "more than 300 s" in held.text


def test_a_rule_may_set_its_own_age() -> None:
    old = Signal(NOW - 200, dict.fromkeys(Statistic, 5.0))
    strict = RULE.model_copy(update={"max_age_s": 120.0})
    assert isinstance(look(RULE, {ITERATOR_AGE: old}, NOW, settings().policy), Fresh)
    assert not isinstance(look(strict, {ITERATOR_AGE: old}, NOW, settings().policy), Fresh)


def test_a_registered_consumers_own_lag_is_taken(endpoint: str) -> None:
    asking = Asking(endpoint, KinesisSettings(stream="orders", consumer="spark"))
    asking.publish("orders", 1.0, 1)
    asking.publish("orders", 42.0, 1, consumer="spark")
    found = asking.signal()
    assert found is not None and found.values[Statistic.AVERAGE] == 42.0


def test_it_is_asked_for_once_a_period_whatever_the_number_of_streams(endpoint: str) -> None:
    asking = Asking(endpoint, *(KinesisSettings(stream=f"stream-{number}") for number in range(100)))
    for _ in range(60):
        asking.signal()
        asking.now += 5
    assert asking.calls == 5


def test_a_clock_that_was_set_back_asks_at_once(endpoint: str) -> None:
    asking = Asking(endpoint, ORDERS)
    asking.signal()
    asking.now -= 86_400
    asking.signal()
    assert asking.calls == 2


def test_an_unreachable_cloudwatch_is_counted_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refused
        asking = Asking(f"http://127.0.0.1:{unused.getsockname()[1]}", ORDERS)
        assert asking.signal() is None
    assert asking.telemetry.counts()["PollErrors.kinesis.unreachable"] == 1
