"""A ResourceManager that misbehaves, end to end: sockets, decoders, table, rules, guards, turns. EMR alone is a fake.

The cluster is ripe: empty nodes, no application, rules and watchdog about to act. Whatever goes wrong with
the ResourceManager from then on, nothing is scaled in and nothing is ended; when it is well again, both go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.aggregate.table import Table
from agent.control import Controller
from agent.domain.decisions import Hold
from agent.domain.readings import ClusterReading
from agent.domain.signals import Signal
from agent.domain.turns import Turn
from agent.periods import Periods
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_sources import RestSettings
from agent.sources.polls import yarn_poll
from agent.sources.rest_poller import RestPoller
from agent.telemetry import Telemetry
from tests.fakes import http
from tests.fakes.http import FakeHttp
from tests.fakes.tls import Authority
from tests.fakes.world import BEGINNING, World
from tests.policy.build import settings
from tests.running import agent, free_port, wait_for

UNITS = 6
RIPE_S = 200.0
"""The rule's time is over; only the caution of a fresh start, 300 s, still holds the scale in."""
PARTS = ("info", "metrics", "nodes", "apps")
RULES: list[dict[str, Any]] = [
    {
        "name": name,
        "signal": signal,
        "comparison": comparison,
        "bound": bound,
        "for_s": for_s,
        "adjustment_units": units,
    }
    for name, signal, comparison, bound, for_s, units in (
        ("free", "MemoryAvailablePercent", ">", 75, 180, -3),
        ("pending", "ContainersPending", ">", 0, 60, 5),
    )
]


class Rm:
    """A ResourceManager as the agent sees it, at first with everything idle."""

    def __init__(self, server: FakeHttp) -> None:
        self.server = server
        self.metrics: dict[str, Any] = {
            "totalMB": UNITS * 8192,
            "availableMB": UNITS * 8192,
            "pendingMB": 0,
            "pendingVirtualCores": 0,
            "containersPending": 0,
            "containersReserved": 0,
        }
        self.nodes: list[dict[str, Any]] = [
            {
                "nodeHostName": f"task-{number}",
                "state": "RUNNING",
                "usedMemoryMB": 0,
                "availMemoryMB": 8192,
                "numContainers": 0,
                "availableVirtualCores": 4,
            }
            for number in range(UNITS)
        ]
        self.apps: list[dict[str, Any]] = []
        self.well()

    def well(self) -> None:
        self._answers("info", http.value({"clusterInfo": {"state": "STARTED", "haState": "ACTIVE"}}))
        self._answers("metrics", http.value({"clusterMetrics": self.metrics}))
        self._answers("nodes", http.value({"nodes": {"node": self.nodes}}))
        self._answers("apps", http.value({"apps": {"app": self.apps}}))

    def all(self, script: http.Script) -> None:
        for part in PARTS:
            self._answers(part, script)

    def stands_by(self, active: str) -> None:
        self._answers("info", http.value({"clusterInfo": {"state": "STARTED", "haState": "STANDBY"}}))
        self._answers("apps", http.status(307, {"Location": f"{active}/ws/v1/cluster/apps{QUERY}"}))
        for part in ("metrics", "nodes"):
            self._answers(part, http.status(307, {"Location": f"{active}/ws/v1/cluster/{part}"}))

    def _answers(self, part: str, script: http.Script) -> None:
        self.server.answers(f"/ws/v1/cluster/{part}", script)


REQUEST: dict[str, Any] = {
    "resourceName": "*",
    "numContainers": 1,
    "relaxLocality": True,
    "nodeLabelExpression": "",
    "capability": {"memory": 1408, "vCores": 1},
}
"""For an application master."""

QUERY = "?states=NEW%2CNEW_SAVING%2CSUBMITTED%2CACCEPTED%2CRUNNING"
"""As a standby writes it anew."""


class Rig:
    """The agent's parts from the poller to the turn, on the world's stepping clock."""

    def __init__(
        self, path: Path, url: str, *, timeout_s: float = 10.0, ca_file: Path | None = None, **idle: Any
    ) -> None:
        watchdog = {"after_s": 600, "grace_s": 60, "notice_s": 0, "steps_period_s": 300, **idle}
        told: Settings = settings(rules=RULES, idle=watchdog)
        self.world = World(told, path, target=UNITS)
        self.world.units = [BEGINNING] * UNITS
        self.telemetry = Telemetry()
        table = Table(told.listener, told.policy.memory_death_hold_s, self.telemetry)
        self._periods = Periods(table, told.cluster, "j-1", BEGINNING)
        self._poller = RestPoller(
            "yarn",
            RestSettings(url=url, timeout_s=timeout_s, ca_file=ca_file),
            yarn_poll(url),
            table,
            lambda: self.world.now,
            self.telemetry,
        )
        self.world.look = self._look  # type: ignore[method-assign]
        self.world.ask_manager = self._poller.poll_once  # type: ignore[method-assign]
        self.controller: Controller = self.world.controller()

    def _look(self, at: float) -> tuple[Mapping[str, Signal], ClusterReading | None]:
        sensed = self._periods.sense(at, self.controller.fleet, None)
        return sensed.signals, sensed.reading

    def run(self, seconds: float) -> list[Turn]:
        turns = []
        until = self.world.now + seconds
        while self.world.now < until:
            self._poller.poll_once()
            turns += self.world.run(self.controller, 10)
        return turns

    def acts(self) -> list[str]:
        return [call for _, call in self.world.acts()]


@pytest.fixture
def rm() -> Iterator[Rm]:
    with FakeHttp() as server:
        yield Rm(server)


def codes(turns: list[Turn]) -> set[str]:
    return {reason.code for turn in turns for reason in turn.decision.because}


def test_on_an_idle_cluster_with_a_healthy_resource_manager_both_happen(rm: Rm, tmp_path: Path) -> None:
    """Otherwise the tests below would show nothing."""
    rig = Rig(tmp_path / "journal.jsonl", rm.server.url)
    rig.run(1000)
    assert rig.acts() == ["resize 6 -> 3", "resize 3 -> 0", "terminate"]


def broken_nodes(handler: http.Handler) -> None:
    http.value({"nodes": {"node": [{"nodeHostName": "task-0", "state": "RUNNING"}]}})(handler)


FAULTS: dict[str, http.Script] = {
    "restarting, the connection is dropped": http.drops,
    "overloaded": http.status(503),
    "a page instead of JSON": http.content(b"<!DOCTYPE html><html>Please sign in</html>", "text/html"),
    "half an answer": http.truncated(json.dumps({"clusterMetrics": {"totalMB": 1}}).encode()),
    "Kerberos": http.status(401, {"WWW-Authenticate": "Negotiate"}),
    "forbidden": http.status(403),
    "another service": http.value({"status": "ok"}),
    "a standby in words": http.content(b"Can not find any active RM.\n", "text/plain", 307),
    "an older standby in words": http.content(b"This is standby RM. There is no active one.\n", "text/plain"),
    "sent on to a sign-in page": http.status(302, {"Location": "/login"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_whatever_it_answers_nothing_is_scaled_in_and_nothing_is_ended(
    rm: Rm, tmp_path: Path, fault: http.Script
) -> None:
    rig = Rig(tmp_path / "journal.jsonl", rm.server.url)
    rig.run(RIPE_S)
    rm.all(fault)
    turns = rig.run(1500)
    assert rig.acts() == []
    assert all(isinstance(turn.decision, Hold) for turn in turns)
    assert rig.telemetry.counts()["PollErrors"] >= 300
    rm.well()
    rig.run(1000)
    assert rig.acts()[-1] == "terminate", "it recovers by itself"


@pytest.mark.parametrize("slow", [http.hangs, http.drips_body])
def test_slow_answers_are_none(rm: Rm, tmp_path: Path, slow: http.Script) -> None:
    rig = Rig(tmp_path / "journal.jsonl", rm.server.url, timeout_s=0.1)
    rig.run(RIPE_S)
    rm.all(slow)
    turns = rig.run(250)
    assert rig.acts() == []
    assert {Why.SIGNAL_STALE, Why.BLIND} & codes(turns)
    assert rig.telemetry.counts()["PollErrors.yarn.timed_out"] >= 50


def test_a_resource_manager_that_is_gone_leaves_everything_as_it_is(tmp_path: Path) -> None:
    with FakeHttp() as server:
        rm = Rm(server)
        rig = Rig(tmp_path / "journal.jsonl", server.url)
        rig.run(RIPE_S)
        rm.all(http.drops)
        rig.run(10)
    turns = rig.run(1500)
    assert rig.acts() == []
    assert Why.BLIND in codes(turns) or Why.SIGNAL_STALE in codes(turns)


def test_after_a_restart_the_counts_begin_anew(rm: Rm, tmp_path: Path) -> None:
    """A fresh one knows no node for a while; then all come back empty, though their work has not yet been told."""
    rig = Rig(tmp_path / "journal.jsonl", rm.server.url)
    rig.run(290)
    kept = rm.nodes, dict(rm.metrics)
    rm.nodes = []
    rm.metrics |= {"totalMB": 0, "availableMB": 0}
    rm.well()
    rig.run(60)
    rm.nodes, rm.metrics = kept
    rm.well()
    rig.run(170)
    assert rig.acts() == [], "180 s from the first figures after it"
    rig.run(30)
    assert rig.acts() == ["resize 6 -> 3"]


def test_nodes_without_the_fields_that_tell_their_work_keep_every_unit(rm: Rm, tmp_path: Path) -> None:
    rm.server.answers("/ws/v1/cluster/nodes", broken_nodes)
    rig = Rig(tmp_path / "journal.jsonl", rm.server.url, enabled=False)
    turns = rig.run(1000)
    assert rig.acts() == []
    assert Why.WORK_UNKNOWN in codes(turns)


def test_beside_a_standby_the_agent_watches_and_after_the_failover_it_acts(rm: Rm, tmp_path: Path) -> None:
    with FakeHttp() as server:
        local = Rm(server)
        local.stands_by(rm.server.url)
        rig = Rig(tmp_path / "journal.jsonl", server.url)
        turns = rig.run(1500)
        assert rig.acts() == []
        assert Why.NOT_LEADER in codes(turns)
        assert turns[-1].observation.reading is not None
        assert turns[-1].observation.reading.memory_total_mb == UNITS * 8192, "it sees what the active one says"
        assert rig.telemetry.counts().get("PollErrors", 0) == 0
        local.well()
        rig.run(600)
        assert "terminate" in rig.acts()


@pytest.mark.parametrize("trusted", [False, True])
def test_over_https_on_another_port_it_acts_only_if_the_authority_is_trusted(tmp_path: Path, trusted: bool) -> None:
    authority = Authority(tmp_path)
    with FakeHttp(tls=authority.context()) as server:
        Rm(server)
        rig = Rig(tmp_path / "journal.jsonl", server.url, ca_file=authority.file if trusted else None)
        rig.run(1000)
        assert bool(rig.acts()) is trusted
        assert (rig.telemetry.counts().get("PollErrors.yarn.tls", 0) > 0) is not trusted


def test_work_that_its_queue_holds_back_buys_nothing_until_it_fits_no_more(rm: Rm, tmp_path: Path) -> None:
    """An application waits for its master for want of a share; the rule on what is pending asks for units in vain."""
    words = "Application is added to the scheduler and is not yet activated. Queue's AM resource limit exceeded. "
    rm.apps = [{"id": "application_1_0001", "state": "ACCEPTED", "diagnostics": words, "resourceRequests": [REQUEST]}]
    rm.metrics |= {"containersPending": 1, "pendingMB": 1408, "pendingVirtualCores": 1, "availableMB": 3 * 8192}
    rm.well()
    rig = Rig(tmp_path / "journal.jsonl", rm.server.url)
    turns = rig.run(1000)
    assert rig.acts() == []
    assert Why.QUEUE_LIMITED in codes(turns)
    for node in rm.nodes:
        node |= {"usedMemoryMB": 7168, "availMemoryMB": 1024, "numContainers": 1}
    rm.well()
    rig.run(200)
    assert rig.acts() == ["resize 6 -> 11"]


def test_the_whole_agent_says_what_it_sees_of_yarn_and_outlives_its_faults(rm: Rm, tmp_path: Path) -> None:
    """As a process, with nothing but a ResourceManager to look at."""
    words = "Application is added to the scheduler and is not yet activated. Queue's AM resource limit exceeded. "
    rm.apps = [{"id": "application_1_0001", "state": "ACCEPTED", "diagnostics": words, "resourceRequests": [REQUEST]}]
    rm.metrics |= {"containersPending": 1, "pendingMB": 1408}
    rm.well()
    settings_of_it = f"""
[aws]
region = "eu-west-1"
endpoint_url = "http://127.0.0.1:{free_port()}"
connect_timeout_s = 1.0
max_attempts = 1
[sources.yarn]
url = "{rm.server.url}"
period_s = 0.2
[idle]
unused_application_after_s = 600
"""
    journal = tmp_path / "journal.jsonl"
    with agent(tmp_path, settings_of_it) as running:
        wait_for(lambda: "queue.limited why=" in running.log(), running.log)
        wait_for(lambda: '"probe":"rest"' in journal.read_text(), running.log)
        child = running.child.pid
        for reason, fault in (("html", FAULTS["a page instead of JSON"]), ("kerberos", FAULTS["Kerberos"])):
            rm.all(fault)
            wait_for(lambda reason=reason: f"reason={reason}" in running.log(), running.log)  # type: ignore[misc]
        rm.all(http.drops)
        wait_for(lambda: "reason=dropped" in running.log(), running.log)
        rm.stands_by("http://127.0.0.1:1")
        wait_for(lambda: '"leader":false' in journal.read_text(), running.log)
        rm.well()
        wait_for(lambda: '"leader":true' in journal.read_text().splitlines()[-1], running.log)
        assert running.child.pid == child, "the same process all the time"
        turns = [json.loads(line) for line in journal.read_text().splitlines()][1:]
        assert {turn["decision"]["says"] for turn in turns} == {"hold"}
