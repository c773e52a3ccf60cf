"""The page of a real agent, asked over its port; and that no viewer and no fault of the page reaches the agent."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.running import free_port, wait_for
from tests.status.watched import HOSTILE, Watched, watched


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("agent")) as each:
        wait_for(lambda: (each.state().get("manager") or {}).get("applications"), each.running.log)
        yield each


def test_the_state_tells_what_it_sees_and_why_it_holds(seen: Watched) -> None:
    def known() -> bool:
        seen.report(10, 30, 95)
        state = seen.state()
        return bool(state["executors"] and state["executors"]["reporting"] == 3 and state["fleet"] and state["cluster"])

    wait_for(known, seen.running.log)
    state = seen.state()
    assert state["manager"]["memory_available_bytes"] == 2048 * 2**20
    assert state["manager"]["applications"][0]["name"] == HOSTILE
    assert state["cluster"]["name"] == "nightly"
    assert (state["fleet"]["target"], state["fleet"]["id"]) == (0, None)
    assert state["executors"]["heap"] == [0, 1, 0, 1, 0, 0, 0, 0, 0, 1]
    assert state["now"]["decision"]["because"]
    assert {"turn", "listener", "ship", "yarn"} <= {loop["name"] for loop in state["agent"]["loops"]}
    assert {probe["probe"] for probe in state["idle"]["probes"]} >= {"applications", "steps", "resize", "isbusy"}


def test_every_turn_has_a_page_of_its_own(seen: Watched) -> None:
    first = seen.state()
    wait_for(lambda: seen.state()["agent"]["turns"] > first["agent"]["turns"] + 2, seen.running.log)
    assert seen.state()["at"] > first["at"]


def test_the_page_and_the_metrics_are_of_the_same_turn_as_the_state(seen: Watched) -> None:
    html = requests.get(seen.url, timeout=10).text
    assert "nightly" in html and "&lt;script&gt;" in html and HOSTILE not in html
    text = requests.get(f"{seen.url}metrics", timeout=10).text
    samples = {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}
    assert samples["tidemark_memory_available_percent"] == 25
    assert samples["tidemark_heartbeat"] == 1


def test_it_is_well_once_it_sees(seen: Watched) -> None:
    wait_for(lambda: requests.get(f"{seen.url}healthz", timeout=10).status_code == 200, seen.running.log)
    assert requests.get(f"{seen.url}healthz", timeout=10).json() == {"healthy": True, "why": []}


def test_a_hundred_hung_viewers_hold_up_neither_turns_nor_spark(seen: Watched) -> None:
    hung = [socket.create_connection(("127.0.0.1", seen.running.status_port), timeout=10) for _ in range(100)]
    with contextlib.ExitStack() as stack:
        for each in hung:
            stack.enter_context(each)
        journal = seen.running.folder / "journal.jsonl"
        before = len(journal.read_text().splitlines())
        wait_for(lambda: len(journal.read_text().splitlines()) > before + 5, "turns go on")
        seen.report(50)
        wait_for(lambda: '"JvmHeapUsed"' in journal.read_text().splitlines()[-1], "reports are heard")


def test_a_port_that_is_taken_costs_the_page_and_nothing_else(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"[status]\nport = {other.getsockname()[1]}\n#"
        with watched(tmp_path, lambda text: text.replace("[status]\n", taken, 1)) as seen:
            journal = tmp_path / "journal.jsonl"
            wait_for(lambda: journal.exists() and len(journal.read_text().splitlines()) > 3, seen.running.log)
            assert "status.cannot_bind" in seen.running.log()
            turns = [json.loads(line) for line in journal.read_text().splitlines()][1:]
            # it is in the numbers that are shipped, so that an alarm can be set on it
            assert seen.running.supervisor.poll() is None
            wait_for(lambda: "StatusErrors" in journal.read_text(), "it is counted")
        assert {turn["decision"]["says"] for turn in turns} == {"hold"}


def test_a_page_that_is_off_is_not_there(tmp_path: Path) -> None:
    with watched(tmp_path, lambda text: text.replace("[status]\n", "[status]\nenabled = false\n", 1)) as seen:
        journal = tmp_path / "journal.jsonl"
        wait_for(lambda: journal.exists() and len(journal.read_text().splitlines()) > 2, seen.running.log)
        assert "status.serving" not in seen.running.log()
        with pytest.raises(requests.ConnectionError):
            requests.get(seen.url, timeout=10)


def test_blind_is_not_well(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    def blinded(text: str) -> str:
        before, url, after = text.partition("[sources.yarn]\nurl = ")
        return before + url + f'"{nobody}"' + after[after.index("\n") :]

    with watched(tmp_path, blinded) as seen:
        wait_for(lambda: bool(seen.state()), seen.running.log)
        blind = {"healthy": False, "why": ["blind: the cluster manager has not answered yet"]}
        wait_for(lambda: requests.get(f"{seen.url}healthz", timeout=10).json() == blind, seen.running.log)
        assert requests.get(f"{seen.url}healthz", timeout=10).status_code == 503
        assert "the agent is blind" in requests.get(seen.url, timeout=10).text
