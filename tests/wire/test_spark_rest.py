"""The bodies are a real driver's, see tests/data/spark_rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.readings import ExecutorRemoval, ShuffleReading
from agent.wire import spark_rest
from agent.wire.json_fields import Malformed
from tests.wire.test_yarn import ANY_JSON

DATA = Path(__file__).parents[1] / "data" / "spark_rest"
both = pytest.mark.parametrize("version", ["3.5.9", "4.3.0"])
LATER = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


def load(name: str, version: str = "3.5.9") -> Any:
    return json.loads((DATA / f"{name}_{version}.json").read_text())


@both
def test_the_running_application_and_its_path(version: str) -> None:
    body = load("applications", version)
    apps = spark_rest.applications(body, 0.0)
    assert isinstance(apps, tuple)
    assert [(a.id, a.attempt) for a in apps] == [(body[0]["id"], None)]
    assert apps[0].executors_path == f"/api/v1/applications/{body[0]['id']}/allexecutors"


def test_an_attempt_is_a_part_of_the_path() -> None:
    body = [{"id": "application_1_0001", "attempts": [{"attemptId": "2", "completed": False}]}]
    apps = spark_rest.applications(body, 0.0)
    assert isinstance(apps, tuple)
    assert apps[0].executors_path == "/api/v1/applications/application_1_0001/2/allexecutors"


def test_a_completed_application_is_left_out() -> None:
    body = load("applications")
    body[0]["attempts"][0]["completed"] = True
    assert spark_rest.applications(body, 0.0) == ()


@pytest.mark.parametrize("name", ["../../x", "a b", "a?b", "", 7])
def test_an_id_that_cannot_stand_in_a_path_is_bad_data(name: object) -> None:
    body = load("applications")
    body[0]["id"] = name
    assert spark_rest.applications(body, 0.0) == Malformed("applications: id")


@both
def test_no_removal_while_all_executors_run(version: str) -> None:
    assert spark_rest.removals(load("allexecutors_running", version), 0.0, "app") == ()


@pytest.mark.parametrize(
    ("version", "reasons"),
    [
        (
            "3.5.9",
            [
                "Executor decommission: worker decommissioned",
                "Command exited with code 52",
                "Command exited with code 52",
                "Remote RPC client disassociated. Likely due to containers exceeding thresholds, or network issues. "
                "Check driver logs for WARN messages.",
            ],
        ),
        (
            "4.3.0",
            [
                "Command exited with code 52",
                "Executor decommission: worker decommissioned",
                "worker lost: 127.0.0.1:43139 got disassociated",
                "Command exited with code 52",
            ],
        ),
    ],
)
def test_each_removed_executor_with_sparks_reason(version: str, reasons: list[str]) -> None:
    removals = spark_rest.removals(load("allexecutors_removed", version), LATER, "app-1")
    assert isinstance(removals, tuple)
    assert sorted(r.reason for r in removals) == sorted(reasons)
    assert {r.app for r in removals} == {"app-1"}
    assert "driver" not in {r.executor for r in removals} and len({r.executor for r in removals}) == len(removals)


def removed(**fields: object) -> ExecutorRemoval:
    executor = {"id": "1", "isActive": False, "removeTime": "2026-11-21T03:17:00.462GMT"} | fields
    removals = spark_rest.removals([executor], LATER, "app")
    assert isinstance(removals, tuple)
    return removals[0]


def test_a_removal_is_as_old_as_spark_says() -> None:
    assert removed().at == datetime(2026, 11, 21, 3, 17, 0, 462_000, UTC).timestamp()


def test_a_removal_is_never_of_the_future_nor_without_a_time() -> None:
    assert removed(removeTime="2099-11-21T03:17:00.462GMT").at == LATER
    assert removed(removeTime="yesterday").at == LATER
    assert removed(removeTime=None).at == LATER


def test_a_removal_without_a_reason_is_still_one() -> None:
    assert removed().reason == ""


EXECUTOR = st.dictionaries(st.sampled_from(["id", "isActive", "removeTime", "removeReason"]), ANY_JSON)
APP = st.dictionaries(st.sampled_from(["id", "attempts"]), ANY_JSON | st.lists(ANY_JSON))


@given(ANY_JSON | st.lists(EXECUTOR) | st.lists(APP))
def test_they_never_raise(value: object) -> None:
    assert isinstance(spark_rest.removals(value, 0.0, "app"), Malformed | tuple)
    assert isinstance(spark_rest.applications(value, 0.0), Malformed | tuple)
    assert isinstance(spark_rest.shuffle(value, 0.0, "app"), Malformed | ShuffleReading)


@pytest.mark.parametrize("version", ["3.5.9", "4.3.0"])
def test_the_real_list_of_executors_tells_what_each_host_wrote(version: str) -> None:
    found = spark_rest.shuffle(load("allexecutors_running", version), 5.0, "app-1")
    assert isinstance(found, ShuffleReading)
    assert (found.at, found.app, found.bytes_by_host) == (5.0, "app-1", {}), "that application wrote nothing"
    busy = [{**executor, "totalShuffleWrite": 7} for executor in load("allexecutors_running", version)]
    told = spark_rest.shuffle(busy, 5.0, "app-1")
    assert isinstance(told, ShuffleReading) and sum(told.bytes_by_host.values()) == 7 * len(busy)
    assert told.bytes_by_host.keys() <= {"127.0.0.1", "localhost"}
