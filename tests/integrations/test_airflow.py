"""The operator and the sensor in a real Airflow (`dag.test`), on the sandbox over HTTP."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException

from agent.integrations.airflow import (
    ClusterAborted,
    ClusterFailed,
    ClusterLost,
    ClusterRefused,
    EmrClusterStateSensor,
)
from agent.integrations.airflow_ends import judged
from agent.integrations.airflow_triggers import OVERDUE_S, UNHEARD_S, Attempt, LaunchTrigger, given_up
from agent.integrations.desk import Where
from agent.lifecycle.following import Following
from agent.lifecycle.outcome import ALIVE
from agent.lifecycle.rows import LaunchRow
from agent.lifecycle.words import LaunchState, State
from agent.sandbox.emr import Role
from tests.integrations.cloud import PATIENCE_S, Cloud, shell
from tests.running import free_port

pytestmark = pytest.mark.airflow

BOTH = pytest.mark.parametrize("dag_id", ["cluster", "cluster_in_worker"])


class Ran:
    def __init__(self, run: Any, sky: Cloud) -> None:
        self.state = str(run.state)
        self.task = run.get_task_instance("task")
        self.result = self.task.xcom_pull(task_ids="task")
        self.alias = f"airflow/{run.dag_id}/{run.run_id}/task"
        self.launches = sky.launches(self.alias)
        self.clusters = [sky.cluster_of(one) for one in self.launches if one.cluster_id]


@pytest.fixture(scope="session")
def dags(airflow_home: Path) -> DagBag:
    found = DagBag(airflow_home / "dags")
    assert found.import_errors == {}
    return found


Runs = Callable[..., Ran]


@pytest.fixture
def run(dags: DagBag, sky: Cloud) -> Runs:
    sky.profile("nightly")

    def ran(dag_id: str, **conf: Any) -> Ran:
        return Ran(dags.dags[dag_id].test(run_conf={"profile": "nightly", **conf}), sky)

    return ran


@contextmanager
def meanwhile(act: Callable[[], bool]) -> Iterator[None]:
    """Tries to do it, side by side, until it has been done. What it raises fails the test."""
    failed: list[BaseException] = []
    over = threading.Event()

    def again_and_again() -> None:
        until = time.monotonic() + PATIENCE_S
        try:
            while not act():
                assert time.monotonic() < until, "it could not be done in time"
                if over.wait(0.1):
                    raise AssertionError("the run was over before it could be done")
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=again_and_again, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE_S)
    assert not failed, failed


def once_at_work(sky: Cloud, profile: str, act: Callable[[str], object]) -> Callable[[], bool]:
    """For `meanwhile`: act on a cluster of the profile as soon as its step runs."""

    def tried() -> bool:
        cluster = sky.at_work(profile)
        if cluster is None:
            return False
        act(cluster)
        return True

    return tried


@BOTH
def test_the_task_ends_when_its_cluster_has_ended_well(run: Runs, dag_id: str) -> None:
    ran = run(dag_id, steps=[shell("true")])
    assert ran.state == "success"
    (launch,), (cluster,) = ran.launches, ran.clusters
    assert (launch.owner, launch.state) == (f"{ran.alias}#1", LaunchState.ENDED)
    assert (cluster.state, cluster.reason_code) == (State.TERMINATED, "ALL_STEPS_COMPLETED")
    assert launch.terminate_at is not None
    told = {"cluster_id": cluster.id, "launch_id": launch.id, "attempts": 1, "kind": "SUCCEEDED"}
    assert told.items() <= ran.result.items()
    # EMR's events have whole seconds
    assert ran.result["created_at"] - 1 < ran.result["ready_at"] <= ran.result["ended_at"]


@BOTH
def test_a_retry_launches_anew(run: Runs, dag_id: str, tmp_path: Path) -> None:
    ran = run(dag_id, steps=[shell(f"mkdir {tmp_path}/been || exit 0; exit 1")])
    assert ran.state == "success"
    assert [one.reason_code for one in ran.clusters] == ["STEP_FAILURE", "ALL_STEPS_COMPLETED"]
    assert [one.owner for one in ran.launches] == [f"{ran.alias}#1", f"{ran.alias}#2"]


def test_the_last_try_fails_the_task(run: Runs) -> None:
    ran = run("cluster", steps=[shell("exit 1")])
    assert ran.state == "failed"
    assert [one.reason_code for one in ran.clusters] == ["STEP_FAILURE", "STEP_FAILURE"]


def test_a_cluster_that_is_lost_is_launched_again(run: Runs, sky: Cloud, tmp_path: Path) -> None:
    profile = sky.profile("lost")
    with meanwhile(once_at_work(sky, profile, lambda cluster: sky.lose(cluster, Role.MASTER))):
        ran = run("cluster", profile=profile, steps=[shell(f"mkdir {tmp_path}/been || exit 0; sleep 600")])
    assert ran.state == "success"
    assert [one.reason_code for one in ran.clusters] == ["INSTANCE_FAILURE", "ALL_STEPS_COMPLETED"]


def test_what_a_person_has_ended_is_not_launched_again(run: Runs, sky: Cloud) -> None:
    profile = sky.profile("aborted")
    with meanwhile(once_at_work(sky, profile, lambda one: sky.emr.terminate_job_flows(JobFlowIds=[one]))):
        ran = run("cluster", profile=profile, steps=[shell("sleep 600")])
    assert ran.state == "failed"
    assert [one.reason_code for one in ran.clusters] == ["USER_REQUEST"]


def test_what_is_refused_is_not_asked_for_again(run: Runs) -> None:
    ran = run("cluster", profile="nightlie", steps=[])
    assert ran.state == "failed"
    (launch,) = ran.launches
    assert launch.state is LaunchState.FAILED
    assert launch.why is not None and "nightlie" in launch.why


def test_steps_that_are_still_a_text_are_refused(run: Runs) -> None:
    ran = run("cluster", steps="spark-submit")
    assert (ran.state, ran.launches) == ("failed", [])


def test_the_documented_dag_runs(run: Runs, sky: Cloud) -> None:
    sky.profile("nightly")
    assert run("sessions").state == "success"


@pytest.mark.parametrize("dag_id", ["sensor", "sensor_in_worker"])
def test_the_sensor_waits_for_a_good_end(run: Runs, sky: Cloud, dag_id: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    cluster = launched(sky, shell(f"until test -e {go}; do sleep 0.1; done"))

    def let_go() -> bool:
        asked = sky.store.cluster(cluster)
        if asked is None or not sky.step_runs(cluster):
            return False
        go.touch()
        return True

    with meanwhile(let_go):
        sensed = run(dag_id, cluster_id=cluster)
    assert sensed.state == "success"
    assert (sensed.result["cluster_id"], sensed.result["state"]) == (cluster, "TERMINATED")


def test_the_sensor_fails_with_a_step(run: Runs, sky: Cloud) -> None:
    assert run("sensor", cluster_id=launched(sky, shell("exit 1"))).state == "failed"


def test_the_sensor_waits_for_a_state(run: Runs, sky: Cloud) -> None:
    sky.profile("kept", KeepJobFlowAliveWhenNoSteps=True)
    cluster = launched(sky, profile="kept")
    sensed = run("sensor_of_ready", cluster_id=cluster)
    assert (sensed.state, sensed.result["state"]) == ("success", "WAITING")
    sky.emr.terminate_job_flows(JobFlowIds=[cluster])
    wait(lambda: (row := sky.store.cluster(cluster)) is not None and row.ended)
    assert run("sensor_of_ready", cluster_id=cluster).state == "failed"


def test_the_sensor_fails_for_a_cluster_that_has_lost_its_core_nodes_and_stays(run: Runs, sky: Cloud) -> None:
    """A protected one, which EMR does not end."""
    sky.profile("protected", KeepJobFlowAliveWhenNoSteps=True, TerminationProtected=True)
    cluster = launched(sky, profile="protected")
    wait(lambda: sky.emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING")
    sky.lose(cluster, Role.CORE)

    def swept() -> bool:
        sky.send(sweep={})
        row = sky.store.cluster(cluster)
        return row is not None and row.state is State.ZERO_CORE

    with meanwhile(swept):
        sensed = run("sensor", cluster_id=cluster)
    assert sensed.state == "failed"
    assert sky.emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING"
    sky.emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
    sky.emr.terminate_job_flows(JobFlowIds=[cluster])


def test_a_state_that_there_is_not_is_refused_when_the_dag_is_read() -> None:
    with pytest.raises(ValueError, match=r"\['IDLE'\] are none of"):
        EmrClusterStateSensor(task_id="task", cluster_id="j-1", states=["IDLE", "WAITING"])


def test_a_table_that_is_not_there_launches_nothing(
    run: Runs, sky: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_TABLE", "tidemerk")
    ran = run("cluster", steps=[shell(f"touch {tmp_path}/been")])
    assert (ran.state, ran.launches) == ("failed", [])
    monkeypatch.delenv("TIDEMARK_TABLE")
    assert run("cluster", steps=[]).state == "failed"


def test_a_table_that_does_not_answer_says_nothing(sky: Cloud) -> None:
    attempt = {"launch_id": "launch-1", "owner": "me#1", "alias": "me"}
    where = {**Where.of(sky.environment, region="eu-west-1").data(), "endpoint_url": f"http://127.0.0.1:{free_port()}"}
    waits = LaunchTrigger(where=where, attempt=attempt, asked_at=time.time(), terminate_at=None, poll_s=1)
    assert waits.looked() is None


@pytest.mark.parametrize(
    ("known", "asked_ago_s", "over_s", "words"),
    [
        (True, 1e6, None, None),
        (False, UNHEARD_S - 1, None, None),
        (False, UNHEARD_S + 1, None, "does its function run"),
        (True, 1e6, OVERDUE_S - 1, None),
        (True, 1e6, OVERDUE_S + 1, "has not been seen to end"),
    ],
)
def test_a_wait_without_use_ends(known: bool, asked_ago_s: float, over_s: float | None, words: str | None) -> None:
    row = LaunchRow(key="LAUNCH#1", owner="me", profile="nightly", created_at=0.0) if known else None
    following = Following(launch=row, cluster=None, outcome=ALIVE)
    why = given_up(following, 1e9, 1e9 - asked_ago_s, None if over_s is None else 1e9 - over_s)
    assert (why is None) if words is None else (why is not None and words in why)


@pytest.mark.parametrize(
    ("kind", "hopeless", "raised", "again"),
    [
        ("FAILED", False, ClusterFailed, True),
        ("FAILED", True, ClusterRefused, False),
        ("LOST", False, ClusterLost, True),
        ("ABORTED", False, ClusterAborted, False),
        (None, False, ClusterLost, True),
    ],
)
def test_whether_airflow_tries_again_is_in_the_exception(
    kind: str | None, hopeless: bool, raised: type[Exception], again: bool
) -> None:
    with pytest.raises(raised, match="cluster j-1: for a reason"):
        judged({"kind": kind, "hopeless": hopeless, "cluster_id": "j-1", "why": "for a reason"})
    assert issubclass(raised, AirflowFailException) is not again


def test_each_mapped_task_has_clusters_of_its_own() -> None:
    ti = SimpleNamespace(id="0192-ab", dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=2)
    assert Attempt.of(ti) == Attempt(launch_id="airflow-0192-ab-2", owner="airflow/d/r/t#2", alias="airflow/d/r/t")
    ti.map_index = 0
    assert Attempt.of(ti).owner == "airflow/d/r/t[0]#2"


def launched(sky: Cloud, *steps: Any, profile: str = "nightly") -> str:
    """The id of a cluster that the lifecycle has launched for somebody else."""
    launch_id = f"launch-{uuid.uuid4()}"
    sky.profile("nightly")
    sky.send(launch={"id": launch_id, "profile": profile, "steps": steps})
    wait(lambda: _cluster_id(sky, launch_id) is not None)
    return str(_cluster_id(sky, launch_id))


def _cluster_id(sky: Cloud, launch_id: str) -> str | None:
    launch = sky.store.launch(launch_id)
    return None if launch is None else launch.cluster_id


def wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)
