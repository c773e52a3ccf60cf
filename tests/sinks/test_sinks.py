"""The table of sinks."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from agent.settings_sinks import CloudWatchSettings, JsonlSettings, SinksSettings
from agent.sinks import SINKS, BuiltSink, SinkParts
from agent.telemetry import Telemetry
from tests.fakes.cloudwatch import FakeCloudWatch
from tests.sinks.helpers import datum


def built(settings: SinksSettings, client: object = None) -> dict[str, BuiltSink]:
    parts = SinkParts(
        settings=settings, cloudwatch=lambda: client, clock=time.time, telemetry=Telemetry(), random=Random(1)
    )
    return {name: made for name, build in SINKS.items() if (made := build(parts)) is not None}


def test_a_sink_is_made_only_where_the_settings_ask_for_it(tmp_path: Path) -> None:
    off = CloudWatchSettings(enabled=False)
    file = JsonlSettings(path=tmp_path / "datums.jsonl")
    assert set(built(SinksSettings())) == {"cloudwatch"}
    assert set(built(SinksSettings(cloudwatch=off))) == set()
    assert set(built(SinksSettings(cloudwatch=off, jsonl=file))) == {"jsonl"}


def test_several_sinks_get_the_same_datums_at_once(tmp_path: Path) -> None:
    with FakeCloudWatch() as fake:
        made = built(SinksSettings(jsonl=JsonlSettings(path=tmp_path / "datums.jsonl")), fake.client())
        for one in made.values():
            one.sink.ship([datum("JvmHeapUsed")])
            one.sink.close(10)
        assert fake.names() == ["JvmHeapUsed"]
    assert '"name": "JvmHeapUsed"' in (tmp_path / "datums.jsonl").read_text()
