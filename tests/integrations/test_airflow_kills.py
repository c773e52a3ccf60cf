"""Who kills a task ends its cluster, and nobody else: in a whole Airflow, whose processes are paused and killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.lifecycle.rows import ClusterRow
from agent.lifecycle.words import EndReason, State
from tests.integrations.cloud import Cloud, shell
from tests.integrations.whole_airflow import WholeAirflow, whole_airflow

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def airflow(airflow_home: Path, sky: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeAirflow]:
    with whole_airflow(tmp_path_factory.mktemp("whole"), sky.environment) as made:
        yield made


class Waited:
    """A run whose task waits for a cluster that works until `go` is there."""

    def __init__(self, airflow: WholeAirflow, sky: Cloud, dag: str, go: Path) -> None:
        self.airflow, self.sky, self.dag = airflow, sky, dag
        sky.profile("nightly")
        steps = [shell(f"until test -e {go}; do sleep 0.1; done")]
        self.run = airflow.run(dag, {"profile": "nightly", "steps": steps})
        self.alias = f"airflow/{dag}/{self.run}/task"
        airflow.until(lambda: self._works(), f"no cluster works for {dag}")

    def _works(self) -> bool:
        found = [one.cluster_id for one in self.sky.launches(self.alias) if one.cluster_id]
        return bool(found) and self.sky.step_runs(found[-1])

    def clusters(self) -> list[ClusterRow]:
        return [self.sky.cluster_of(one) for one in self.sky.launches(self.alias) if one.cluster_id]

    def first_ends(self) -> ClusterRow:
        self.airflow.until(lambda: self.clusters()[0].ended, "the cluster does not end")
        return self.clusters()[0]


@pytest.mark.parametrize(("dag", "state"), [("cluster", "deferred"), ("cluster_in_worker", "running")])
def test_marking_the_task_as_failed_ends_its_cluster(
    airflow: WholeAirflow, sky: Cloud, tmp_path: Path, dag: str, state: str
) -> None:
    waited = Waited(airflow, sky, dag, tmp_path / "go")
    airflow.wait_for(dag, waited.run, state)
    airflow.mark_failed(dag, waited.run)
    cluster = waited.first_ends()
    assert (cluster.state, cluster.end_reason) == (State.TERMINATED, EndReason.OWNER_GONE)
    assert cluster.end_why is not None and "its task in Airflow" in cluster.end_why
    assert len(waited.clusters()) == 1


def test_what_a_killed_worker_has_left_ends_before_the_next_try_begins(
    airflow: WholeAirflow, sky: Cloud, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    waited = Waited(airflow, sky, "cluster_in_worker", go)
    os.kill(airflow.wait_for("cluster_in_worker", waited.run, "running")["pid"], signal.SIGKILL)
    assert waited.first_ends().end_why == "its task in Airflow is in try 2"
    go.touch()
    assert airflow.wait_for("cluster_in_worker", waited.run, "success")["try_number"] == 2
    assert [one.reason_code for one in waited.clusters()] == ["USER_REQUEST", "ALL_STEPS_COMPLETED"]


def test_a_triggerer_that_another_one_has_taken_over_from_ends_nothing(
    airflow: WholeAirflow, sky: Cloud, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    waited = Waited(airflow, sky, "cluster", go)
    airflow.until(lambda: airflow.triggerer("cluster", waited.run) is not None, "no triggerer has the task")
    first = airflow.triggerer("cluster", waited.run)
    with airflow.second_triggerer():
        with airflow.paused("triggerer"):
            airflow.until(lambda: airflow.triggerer("cluster", waited.run) not in (None, first), "nobody takes over")
        airflow.until(lambda: airflow.said("the task is deferred: nothing is ended"), "the first one does not notice")
        go.touch()
        assert airflow.wait_for("cluster", waited.run, "success")["try_number"] == 1
    assert [one.reason_code for one in waited.clusters()] == ["ALL_STEPS_COMPLETED"]
