"""Which endpoints are polled, and at addresses that the node's files tell only later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent import pollers
from agent.domain.readings import Reading
from agent.node import daemons
from agent.settings_sources import HadoopSettings, RestSettings, SourcesSettings
from agent.sources.rest_poller import Ask, Poll
from tests.node.nodes import node

NOBODY: Any = None


class Asked:
    """Polls made for an address; each call adds its address to `calls`."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[str, ...]]] = []
        self.calls: list[str] = []

    def at(self, url: str, others: Sequence[str]) -> Poll:
        self.made.append((url, tuple(others)))

        def poll(_: Ask) -> Iterator[Reading]:
            self.calls.append(url)
            yield from ()

        return poll


def test_nobody_is_asked_until_hadoop_is_there_and_then_its_own_daemon(tmp_path: Path) -> None:
    it, asked = node(tmp_path), Asked()
    found = pollers.Found(lambda: daemons.resource_manager(it.root), asked.at)
    assert list(found(NOBODY)) == [] and asked.made == []
    it.yarn_site({"yarn.resourcemanager.hostname": "ip-10-0-0-10"})
    for _ in range(3):
        list(found(NOBODY))
    assert asked.made == [("http://ip-10-0-0-10:8088", ())], "made once: a poll may remember who answered"
    it.yarn_site({"yarn.resourcemanager.webapp.address": "ip-10-0-0-10:9999"})
    list(found(NOBODY))
    # while a reconfiguration writes it
    (it.root / "etc/hadoop/conf/yarn-site.xml").write_text("<configuration>")
    list(found(NOBODY))
    assert asked.calls == ["http://ip-10-0-0-10:8088"] * 3 + ["http://ip-10-0-0-10:9999"] * 2


@pytest.mark.parametrize(
    "sources, on_emr, names",
    [
        (SourcesSettings(), True, ["yarn", "hdfs", "spark"]),
        (SourcesSettings(yarn=HadoopSettings(url=""), hdfs=HadoopSettings(url="")), True, []),
        (SourcesSettings(yarn=HadoopSettings(url="http://a:1")), False, ["yarn", "spark"]),
        (SourcesSettings(standalone=RestSettings(url="http://a:1")), False, ["standalone", "spark"]),
        (SourcesSettings(standalone=RestSettings(url="http://a:1")), True, ["standalone", "hdfs", "spark"]),
        (SourcesSettings(spark=RestSettings(url="http://a:1")), False, ["spark"]),
        (SourcesSettings(), False, []),
    ],
)
def test_what_is_polled(sources: SourcesSettings, on_emr: bool, names: list[str]) -> None:
    if daemons.are_expected():
        pytest.skip("this machine has Hadoop's configuration, which `auto` would follow")

    def make(name: str, rest: RestSettings, poll: Poll) -> Any:
        return name

    assert [name for name, _ in pollers.wanted(sources, lambda: None, make, on_emr=on_emr)] == names
