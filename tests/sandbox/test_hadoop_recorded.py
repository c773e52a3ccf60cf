"""What the agent makes of the recorded answers of a real ResourceManager and NameNode."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.domain.slots import Size, executor_size, free_slots
from agent.wire import hadoop_jmx, yarn
from agent.wire.json_fields import Malformed

DATA = Path(__file__).parents[1] / "data"
MOMENTS = (
    "empty",
    "waiting",
    "running",
    "decommissioning",
    "decommissioned",
    "lost",
    "finished",
    "labels",
    "limited",
    "fragmented",
)


def recorded(moment: str, what: str, kind: str = "yarn") -> Any:
    return json.loads((DATA / kind / moment / f"{what}.json").read_text())


@pytest.mark.parametrize("moment", MOMENTS)
def test_memory_of_the_nodes_adds_up_to_that_of_the_cluster(moment: str) -> None:
    reading = yarn.metrics(recorded(moment, "metrics"), 1.0)
    nodes = yarn.nodes(recorded(moment, "nodes"), 1.0)
    assert not isinstance(reading, Malformed) and not isinstance(nodes, Malformed)
    working = [node for node in nodes if node.alive or node.draining]
    kept = recorded(moment, "metrics")["clusterMetrics"]["reservedMB"]
    assert sum(node.memory_used_mb for node in working) == reading.memory_total_mb - reading.memory_available_mb - kept
    assert sum(node.memory_total_mb for node in working) == reading.memory_total_mb


@pytest.mark.parametrize("moment", MOMENTS)
def test_applications_hold_what_is_used(moment: str) -> None:
    reading = yarn.metrics(recorded(moment, "metrics"), 1.0)
    applications = yarn.applications(recorded(moment, "apps"), 1.0)
    assert not isinstance(reading, Malformed) and not isinstance(applications, Malformed)
    kept = recorded(moment, "metrics")["clusterMetrics"]["reservedMB"]
    used = reading.memory_total_mb - reading.memory_available_mb - kept
    assert sum(each.memory_used_mb for each in applications if each.state == "RUNNING") == used


@pytest.mark.parametrize(
    ("moment", "states"),
    [("empty", []), ("waiting", ["ACCEPTED"]), ("running", ["RUNNING"]), ("finished", [])],
)
def test_an_application_is_there_from_its_acceptance_to_its_end(moment: str, states: list[str]) -> None:
    applications = yarn.applications(recorded(moment, "apps"), 1.0)
    assert not isinstance(applications, Malformed)
    assert [each.state for each in applications] == states


def test_what_waits_is_pending_though_memory_is_free() -> None:
    """332 MB are free on one node and 76 MB on the other: no room for an executor of 768 MB."""
    reading = yarn.metrics(recorded("running", "metrics"), 1.0)
    assert not isinstance(reading, Malformed)
    assert (reading.memory_pending_mb, reading.containers_pending) == (2 * 768, 2)
    assert reading.memory_available_mb == 332 + 76


def test_free_memory_on_several_nodes_is_room_for_no_executor() -> None:
    reading = yarn.metrics(recorded("fragmented", "metrics"), 1.0)
    nodes = yarn.nodes(recorded("fragmented", "nodes"), 1.0)
    applications = yarn.applications(recorded("fragmented", "apps"), 1.0)
    assert not isinstance(reading, Malformed)
    assert not isinstance(nodes, Malformed) and not isinstance(applications, Malformed)
    size = executor_size(replace(reading, nodes=nodes, applications=applications))
    assert size == Size(768)
    assert sum(node.memory_free_mb for node in nodes) == 1040 > 768
    assert free_slots(nodes, size) == 0
    assert (reading.containers_reserved, reading.memory_available_mb) == (1, 1040 - 768)


def test_a_node_that_drains_was_killed_or_has_left_takes_no_work() -> None:
    found = {}
    for moment in ("decommissioning", "decommissioned", "lost"):
        nodes = yarn.nodes(recorded(moment, "nodes"), 1.0)
        assert not isinstance(nodes, Malformed)
        found[moment] = {node.host: (node.alive, node.draining) for node in nodes}
    works, drains, left = (True, False), (False, True), (False, False)
    assert found["decommissioning"] == {"127.0.0.2": works, "127.0.0.3": drains}
    assert found["decommissioned"] == {"127.0.0.2": works, "127.0.0.3": left}
    assert found["lost"] == {"127.0.0.2": works, "127.0.0.3": left, "127.0.0.4": left}


def test_with_labels_memory_is_that_of_all_partitions() -> None:
    body = recorded("labels", "metrics")
    reading = yarn.metrics(body, 1.0)
    assert not isinstance(reading, Malformed)
    assert (body["clusterMetrics"]["totalMB"], reading.memory_total_mb) == (1100, 2200)


def test_total_load_counts_the_file_that_is_being_written() -> None:
    found = [hadoop_jmx.hdfs(recorded(moment, "fsnamesystem", "hdfs"), 1.0) for moment in ("idle", "writing")]
    idle, writing = (each for each in found if not isinstance(each, Malformed))
    assert (idle.total_load, writing.total_load) == (0, 1)
    assert idle.live_data_nodes == writing.live_data_nodes == 1
