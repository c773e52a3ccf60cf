"""The CloudWatch sink, with unmodified boto3 over HTTP against a CloudWatch that enforces the real limits."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from agent.aws.clients import Clients
from agent.domain.datums import Datum, Distribution, Unit
from agent.settings import AwsSettings
from agent.sinks.backoff import Backoff
from agent.sinks.limits import MAX_BODY_BYTES
from agent.telemetry import Telemetry
from tests.fakes.cloudwatch import FakeCloudWatch
from tests.sinks.helpers import CLUSTER, datum, lost, running, settled, sink, sink_of, wait_for


@pytest.fixture
def cloudwatch() -> Iterator[FakeCloudWatch]:
    with FakeCloudWatch() as fake:
        yield fake


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def test_a_datum_arrives_as_it_was_shipped(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    at = float(int(time.time()) - 60)
    one = sink(cloudwatch.client(), telemetry, storage_resolution_s=1, namespace="Elsewhere")
    spread = Distribution((1.5, 2.0, 1e12), (1, 3, 2))
    with running(one):
        one.ship([Datum(name="JvmHeapUsed", unit=Unit.BYTES, dimensions=CLUSTER, at=at, distribution=spread)])
        wait_for(lambda: settled(telemetry) == 1)
    assert cloudwatch.state.namespaces == {"Elsewhere"}
    assert cloudwatch.state.accepted == [
        {
            "MetricName": "JvmHeapUsed",
            "Dimensions": [{"Name": "ClusterId", "Value": "j-TEST"}],
            "Timestamp": at,
            "Values": [1.5, 2.0, 1e12],
            "Counts": [1.0, 3.0, 2.0],
            "Unit": "Bytes",
            "StorageResolution": 1,
        }
    ]


def test_no_request_holds_more_than_1000_datums(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    one = sink(cloudwatch.client(), telemetry)
    one.ship([datum(f"M{i}") for i in range(2300)])
    one.close(30)
    assert [len(request.datums) for request in cloudwatch.state.requests] == [1000, 1000, 300]
    assert cloudwatch.names() == [f"M{i}" for i in range(2300)]


def test_requests_are_split_by_bytes_and_compressed(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    """300 datums of 150 long values each are over 1 MB: more than one request takes."""
    one = sink(cloudwatch.client(), telemetry)
    heavy = [math.pi * 1e9 * (1 + i / 7) for i in range(150)]
    one.ship([datum(f"M{i}", heavy) for i in range(300)])
    one.close(30)
    requests = cloudwatch.state.requests
    assert sum(request.body_bytes for request in requests) > 1_000_000
    assert all(MAX_BODY_BYTES / 2 < request.body_bytes <= MAX_BODY_BYTES for request in requests[:-1])
    assert all(request.encoding == "gzip" and request.wire_bytes < request.body_bytes / 2 for request in requests)
    assert telemetry.counts() == {"DatumsDelivered": 300}


def test_a_small_request_is_not_compressed(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    """botocore compresses a body from 10,240 bytes on (request_min_compression_size_bytes)."""
    one = sink(cloudwatch.client(), telemetry)
    one.ship([datum()])
    one.close(10)
    assert [request.encoding for request in cloudwatch.state.requests] == [""]


def test_a_poisoned_datum_is_lost_alone(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    cloudwatch.state.poisoned = {"M3", "M77", "M78"}
    one = sink(cloudwatch.client(), telemetry)
    one.ship([datum(f"M{i}") for i in range(100)])
    one.close(30)
    assert cloudwatch.names() == [f"M{i}" for i in range(100) if i not in (3, 77, 78)]
    assert lost(telemetry) == {"refused": 3}
    assert len(cloudwatch.state.requests) < 2 * 3 * math.log2(128) + 1


def test_a_fault_while_a_poisoned_datum_is_sought_loses_nothing_else(
    cloudwatch: FakeCloudWatch, telemetry: Telemetry
) -> None:
    cloudwatch.state.poisoned = {"M5"}
    cloudwatch.state.behaviours.extend(["accept", "accept", "throttle", "accept", "fail"])
    one = sink(cloudwatch.client(), telemetry)
    one.ship([datum(f"M{i}") for i in range(16)])
    one.close(30)
    assert sorted(cloudwatch.names()) == sorted(f"M{i}" for i in range(16) if i != 5)
    assert lost(telemetry) == {"refused": 1}


@pytest.mark.parametrize("trouble", ["throttle", "fail", "deny"])
def test_trouble_shorter_than_the_queue_loses_nothing(
    cloudwatch: FakeCloudWatch, telemetry: Telemetry, trouble: str
) -> None:
    cloudwatch.state.behaviours.extend([trouble] * 12)
    one = sink(cloudwatch.client(), telemetry)
    with running(one):
        for period in range(5):
            one.ship([datum(f"P{period}M{i}") for i in range(80)])
        wait_for(lambda: settled(telemetry) == 400)
    assert telemetry.counts()["DatumsDelivered"] == 400
    assert cloudwatch.names() == [f"P{p}M{i}" for p in range(5) for i in range(80)]
    word = {"throttle": "throttled", "fail": "unavailable", "deny": "denied"}[trouble]
    assert telemetry.counts()[f"PublishErrors.{word}"] == 12


def test_an_outage_longer_than_the_queue_loses_the_oldest_and_counts_them(
    cloudwatch: FakeCloudWatch, telemetry: Telemetry
) -> None:
    cloudwatch.state.always = "throttle"
    one = sink(cloudwatch.client(), telemetry, max_retained_datums=100)
    with running(one):
        for i in range(250):
            one.ship([datum(f"M{i}")])
        wait_for(lambda: telemetry.counts().get("PublishErrors.throttled", 0) >= 3)
        cloudwatch.state.always = "accept"
        wait_for(lambda: settled(telemetry) == 250)
    assert lost(telemetry) == {"queue_full": 150}
    assert len(cloudwatch.names()) == 100
    assert cloudwatch.names()[-1] == "M249"


def test_what_has_waited_too_long_is_lost_and_counted(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    """Time is the test's own here: the older datum is held for 11 minutes, the younger for one."""
    start = time.time()
    now = [start]
    one = sink(cloudwatch.client(), telemetry, clock=lambda: now[0], max_retained_s=600)
    one.ship([datum("Old", at=start)])
    now[0] = start + 600
    one.ship([datum("Young", at=start)])
    now[0] = start + 660
    one.close(10)
    assert cloudwatch.names() == ["Young"]
    assert lost(telemetry) == {"too_old": 1}


def test_an_unreachable_cloudwatch_is_outlived(telemetry: Telemetry) -> None:
    """Connections are refused, then the service is back at another address: the client is asked for anew each time."""
    gone = FakeCloudWatch()
    client = gone.client()
    gone.close()
    clients = [client]
    with FakeCloudWatch() as back:
        one = sink_of(lambda: clients[-1], telemetry)
        with running(one):
            one.ship([datum()])
            wait_for(lambda: telemetry.counts().get("PublishErrors.unreachable", 0) >= 2)
            clients.append(back.client())
            wait_for(lambda: settled(telemetry) == 1)
        assert back.names() == ["JvmHeapUsed"]


def test_a_client_that_cannot_be_made_is_a_counted_error(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Region is set anywhere: boto3 raises where the client is made."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    clients = Clients(AwsSettings())
    one = sink_of(lambda: clients.cloudwatch, telemetry)
    with running(one):
        one.ship([datum()])
        wait_for(lambda: telemetry.counts().get("PublishErrors.unreachable", 0) >= 2)
    one.close(0.2)
    assert lost(telemetry) == {"closed": 1}


def test_shipping_does_not_wait_for_a_hanging_cloudwatch(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    cloudwatch.state.always = "hang"
    one = sink(cloudwatch.client(read_timeout_s=30), telemetry)
    stop = threading.Event()
    threading.Thread(target=one.run, args=(lambda: None, stop), daemon=True).start()
    one.ship([datum("First")])
    wait_for(lambda: cloudwatch.state.hanging == 1)
    before = time.monotonic()
    for i in range(100):
        one.ship([datum(f"M{i}")])
    assert time.monotonic() - before < 5
    stop.set()
    one.close(0.3)
    assert time.monotonic() - before < 10, "close keeps its deadline although a request hangs"
    assert lost(telemetry) == {"closed": 101}


def test_a_request_that_returns_after_the_close_is_not_counted_again(
    cloudwatch: FakeCloudWatch, telemetry: Telemetry
) -> None:
    cloudwatch.state.behaviours.append("hang")
    one = sink(cloudwatch.client(read_timeout_s=30), telemetry)
    one.ship([datum()])
    one.close(0.3)
    cloudwatch.state.released.set()
    wait_for(lambda: not any(t.name == "cloudwatch-flush" for t in threading.enumerate()))
    one.ship([datum()])
    assert telemetry.counts() == {"DatumsLost.closed": 2, "PublishErrors.unreachable": 1}


def test_stopping_does_not_wait_for_the_back_off(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    cloudwatch.state.always = "deny"
    one = sink(cloudwatch.client(), telemetry, backoff=Backoff(base_s=600, cap_s=600))
    with running(one) as stop:
        one.ship([datum()])
        wait_for(lambda: telemetry.counts().get("PublishErrors.denied", 0) == 1)
        stop.set()  # `running` fails unless the thread ends within seconds
    one.close(5)
    assert lost(telemetry) == {"closed": 1}


def test_the_loop_beats_while_it_backs_off(cloudwatch: FakeCloudWatch, telemetry: Telemetry) -> None:
    cloudwatch.state.always = "deny"
    one = sink(cloudwatch.client(), telemetry, backoff=Backoff(base_s=600, cap_s=600))
    beats = []
    stop = threading.Event()
    thread = threading.Thread(target=one.run, args=(lambda: beats.append(1), stop), daemon=True)
    one.ship([datum()])
    thread.start()
    wait_for(lambda: telemetry.counts().get("PublishErrors.denied", 0) == 1)
    known = len(beats)
    wait_for(lambda: len(beats) >= known + 2)
    stop.set()
    thread.join(10)
    assert telemetry.counts()["PublishErrors.denied"] == 1


TEXTS = st.text(max_size=6) | st.sampled_from(["ClusterId", "j-1", ":x", " ", "\n", "a" * 256, "b" * 1025])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 2.0**361, 5e-324, -(2.0**360)])
AGES = st.sampled_from([0.0, 60.0, 15 * 86_400.0, -3 * 3600.0, -3600.0, math.nan, math.inf, -math.inf, 1e300])


@st.composite
def any_datum(draw: st.DrawFn) -> Datum:
    many = draw(st.sampled_from([0, 0, 0, 151]))
    values = sorted({*draw(st.lists(NUMBERS, min_size=1, max_size=5)), *map(float, range(many))})
    counts = draw(st.lists(st.integers(1, 10**200), min_size=len(values), max_size=len(values)))
    dimensions = draw(st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
    dimensions += [(f"D{i}", "v") for i in range(draw(st.sampled_from([0, 0, 29, 31])))]
    return Datum(
        name=draw(TEXTS),
        unit=draw(st.sampled_from(Unit)),
        dimensions=tuple(dimensions),
        at=time.time() - draw(AGES),
        distribution=Distribution(tuple(values), tuple(counts)),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shipped=st.lists(st.lists(any_datum() | st.builds(datum), max_size=8), max_size=4),
    behaviours=st.lists(st.sampled_from(["accept", "throttle", "fail"]), max_size=6),
)
def test_whatever_is_shipped_nothing_invalid_is_sent_and_every_datum_is_accounted_for(
    shipped: list[list[Datum]], behaviours: list[str]
) -> None:
    telemetry = Telemetry()
    with FakeCloudWatch() as fake:
        fake.state.behaviours.extend(behaviours)
        one = sink(fake.client(), telemetry)
        for period in shipped:
            one.ship(period)
        one.close(30)
        assert not [
            request.error for request in fake.state.requests if request.error == "InvalidParameterValueException"
        ]
        assert len(fake.state.accepted) == telemetry.counts().get("DatumsDelivered", 0)
    assert settled(telemetry) == sum(map(len, shipped))
    assert all(reason.startswith("invalid.") for reason in lost(telemetry))
    assert sum(
        telemetry.counts().get(name, 0) for name in telemetry.counts() if name.startswith("PublishErrors.")
    ) <= len(behaviours)


def test_moto_reads_back_what_the_agents_own_client_shipped(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        clients = Clients(AwsSettings(region="eu-central-1", endpoint_url=f"http://{host}:{port}"))
        at = float(int(time.time()) // 60 * 60 - 60)
        one = sink(clients.cloudwatch, telemetry)
        spread = Distribution((10.0, 20.0, 50.0), (1, 2, 1))
        one.ship(
            [Datum(name="ExecutorHeapUsedPercent", unit=Unit.PERCENT, dimensions=CLUSTER, at=at, distribution=spread)]
        )
        one.close(20)
        points = clients.cloudwatch.get_metric_statistics(
            Namespace="Tidemark",
            MetricName="ExecutorHeapUsedPercent",
            Dimensions=[{"Name": "ClusterId", "Value": "j-TEST"}],
            StartTime=datetime.fromtimestamp(at - 60, UTC),
            EndTime=datetime.fromtimestamp(at + 120, UTC),
            Period=60,
            Statistics=["Sum", "SampleCount", "Minimum", "Maximum", "Average"],
        )["Datapoints"]
    finally:
        server.stop()
    assert len(points) == 1
    assert points[0]["Timestamp"] == datetime.fromtimestamp(at, UTC)
    assert points[0]["Unit"] == "Percent"
    found = [points[0][name] for name in ("Sum", "SampleCount", "Minimum", "Maximum", "Average")]
    assert found == [100.0, 4.0, 10.0, 50.0, 25.0]
