"""The bodies are a real master's, see tests/data/standalone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.readings import ClusterManager, ClusterReading
from agent.wire import standalone
from agent.wire.json_fields import Malformed
from tests.wire.test_yarn import ANY_JSON

DATA = Path(__file__).parents[1] / "data" / "standalone"
both = pytest.mark.parametrize("version", ["3.5.9", "4.3.0"])


def load(name: str, version: str = "3.5.9") -> Any:
    return json.loads((DATA / f"{name}_{version}.json").read_text())


def cluster(body: object) -> ClusterReading:
    reading = standalone.cluster(body, 5.0)
    assert isinstance(reading, ClusterReading)
    return reading


@both
def test_running_workers_give_memory_and_nodes(version: str) -> None:
    reading = cluster(load("running", version))
    assert (reading.at, reading.manager) == (5.0, ClusterManager.STANDALONE)
    assert (reading.memory_total_mb, reading.memory_available_mb) == (2700, 1164)
    assert (reading.memory_pending_mb, reading.containers_pending) == (None, None)
    assert reading.nodes is not None
    assert [(n.host, n.alive, n.draining, n.memory_used_mb) for n in reading.nodes] == [
        ("127.0.0.1", True, False, 512)
    ] * 3


@both
def test_memory_counts_alive_workers_only(version: str) -> None:
    reading = cluster(load("mixed", version))
    assert (reading.memory_total_mb, reading.memory_available_mb) == (900, 388)


@both
def test_a_dead_worker_holds_nothing_and_a_draining_one_what_the_master_says(version: str) -> None:
    nodes = cluster(load("mixed", version)).nodes
    assert nodes is not None
    assert {(n.alive, n.draining, n.holds_work) for n in nodes} == {
        (True, False, True),
        (False, True, True),
        (False, False, False),
    }


@both
def test_a_draining_worker_holds_nothing_once_nothing_runs(version: str) -> None:
    """The master itself goes on to count its memory as used: the capture has it."""
    body = load("finished", version)
    assert {w["memoryused"] for w in body["workers"] if w["state"] == "DECOMMISSIONED"} == {512}
    nodes = cluster(body).nodes
    assert nodes is not None and not any(n.holds_work for n in nodes)


@both
def test_a_waiting_application_is_not_finished_and_holds_no_memory(version: str) -> None:
    reading = cluster(load("waiting", version))
    assert reading.applications is not None
    assert [(a.name, a.state, a.memory_used_mb) for a in reading.applications] == [('lab "memjob" é', "WAITING", 0)]
    assert (reading.memory_total_mb, reading.memory_available_mb, reading.nodes) == (0, 0, ())


@both
def test_a_running_application_holds_at_least_one_executor(version: str) -> None:
    apps = cluster(load("running", version)).applications
    assert apps is not None
    assert [(a.state, a.memory_used_mb, a.ui_url) for a in apps] == [("RUNNING", 512, None)]


@both
def test_no_applications_is_an_empty_tuple(version: str) -> None:
    assert cluster(load("empty", version)).applications == ()
    assert cluster(load("finished", version)).applications == ()


def test_a_driver_in_cluster_mode_is_an_application_that_is_not_finished() -> None:
    body = load("empty")
    body["activedrivers"] = [{"id": "driver-20261121031412-0000", "state": "SUBMITTED", "cores": 1, "memory": 1024}]
    apps = cluster(body).applications
    assert apps is not None and [(a.id, a.state) for a in apps] == [("driver-20261121031412-0000", "SUBMITTED")]


@pytest.mark.parametrize("status", ["STANDBY", "RECOVERING", "COMPLETING_RECOVERY"])
def test_a_master_that_is_not_alive_does_not_know_the_cluster(status: str) -> None:
    assert standalone.cluster(load("running") | {"status": status}, 5.0) == Malformed("master: not alive")


@pytest.mark.parametrize("part", ["workers", "activeapps", "activedrivers"])
def test_a_missing_part_is_bad_data_and_not_an_empty_cluster(part: str) -> None:
    body = load("running")
    del body[part]
    assert standalone.cluster(body, 5.0) == Malformed(f"{part}: no list")


@both
def test_the_masters_page_has_the_address_of_each_applications_ui(version: str) -> None:
    page = (DATA / f"page_{version}.html").read_text()
    running = cluster(load("running", version)).applications
    assert running is not None
    urls = standalone.ui_urls(page)
    assert urls.keys() == {a.id for a in running}
    assert all(url.startswith("http://localhost:27") for url in urls.values())


def test_a_page_without_applications_has_no_addresses() -> None:
    assert standalone.ui_urls('<a href="app/?appId=app-1">x</a><a href="#">(kill)</a><a href="/relative">x</a>') == {}
    assert standalone.ui_urls("") == {}


WORKER = st.dictionaries(st.sampled_from(["host", "state", "memory", "memoryused"]), ANY_JSON)
APP = st.dictionaries(st.sampled_from(["id", "state", "name", "cores", "memoryperexecutor"]), ANY_JSON)
STATE = st.fixed_dictionaries(
    {"status": st.just("ALIVE"), "workers": st.lists(WORKER), "activeapps": st.lists(APP), "activedrivers": st.just([])}
)


@given(ANY_JSON | STATE)
def test_it_never_raises(value: object) -> None:
    assert isinstance(standalone.cluster(value, 0.0), Malformed | ClusterReading)


@given(
    st.text() | st.lists(st.sampled_from(["<a href=", '"', "app?appId=x", "http://[", "#", ">", "&amp;"])).map("".join)
)
def test_links_of_any_page_never_raise(page: str) -> None:
    assert isinstance(standalone.ui_urls(page), dict)
