from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.readings import HdfsReading
from agent.wire import hadoop_jmx
from agent.wire.json_fields import Malformed
from tests.wire.test_yarn import ANY_JSON

DATA = Path(__file__).parents[1] / "data" / "hdfs"


def load(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


def test_load_and_live_data_nodes_come_from_the_active_namenode() -> None:
    for moment, load_then in (("idle", 0), ("writing", 1)):
        found = hadoop_jmx.hdfs(load(f"{moment}/fsnamesystem"), 3.0)
        assert found == HdfsReading(at=3.0, total_load=load_then, live_data_nodes=1)


def test_a_standby_namenode_is_refused() -> None:
    assert hadoop_jmx.hdfs(load("standby"), 3.0) == Malformed("jmx: not active")


@pytest.mark.parametrize(("state", "refused"), [("active", False), ("standby", True), ("observer", True)])
def test_the_status_beside_the_figures_counts_too(state: str, refused: bool) -> None:
    body = load("writing/fsnamesystem")
    (status,) = load("writing/status")["beans"]
    assert (status["name"], status["State"]) == (hadoop_jmx.STATUS, "active")
    body["beans"].append(status | {"State": state})
    assert isinstance(hadoop_jmx.hdfs(body, 3.0), Malformed) is refused


def test_a_namenode_that_tells_no_state_has_no_standby() -> None:
    body = load("writing/fsnamesystem")
    del body["beans"][0]["tag.HAState"]
    assert isinstance(hadoop_jmx.hdfs(body, 3.0), HdfsReading)


def test_the_bean_is_found_by_its_name_among_others() -> None:
    body = load("writing/fsnamesystem")
    body["beans"].insert(0, {"name": "java.lang:type=Threading", "TotalLoad": 99, "NumLiveDataNodes": 99})
    reading = hadoop_jmx.hdfs(body, 3.0)
    assert isinstance(reading, HdfsReading) and reading.total_load == 1


@pytest.mark.parametrize("key", ["TotalLoad", "NumLiveDataNodes"])
def test_a_missing_figure_is_bad_data(key: str) -> None:
    body = load("writing/fsnamesystem")
    del body["beans"][0][key]
    assert hadoop_jmx.hdfs(body, 3.0) == Malformed(f"jmx: {key}")


def test_no_bean_is_what_a_name_that_does_not_exist_gets() -> None:
    assert hadoop_jmx.hdfs({"beans": []}, 3.0) == Malformed("jmx: no object")


BEAN = st.dictionaries(st.sampled_from(["TotalLoad", "NumLiveDataNodes", "tag.HAState"]), ANY_JSON)


@given(ANY_JSON | st.fixed_dictionaries({"beans": st.lists(BEAN.map(lambda b: b | {"name": hadoop_jmx.FSNAMESYSTEM}))}))
def test_it_never_raises(value: object) -> None:
    assert isinstance(hadoop_jmx.hdfs(value, 0.0), Malformed | HdfsReading)
