"""The idle watchdog of the running agent on a real YARN: what it says of each kind of work or of none, and does."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from agent import journal
from agent.domain.decisions import Hold, Outcome, Terminate
from agent.domain.turns import Turn
from agent.policy.reasons import Why
from agent.sandbox.emr import Delays
from agent.sandbox.hadoop.cluster import HadoopCluster
from agent.sandbox.hadoop.conf import Shape
from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.hadoop.spark import SparkOnYarn
from agent.sandbox.java import Java
from agent.sandbox.spark.conf import SMALL_APPLICATION, MetricsSink
from agent.sandbox.spark.home import SparkHome
from tests.running import RunningAgent, agent
from tests.sandbox.emr_world import REGION, World, fleets, step, world
from tests.sandbox.hadoop_world import nodes_up
from tests.sandbox.spark_world import APPLICATIONS, wait_for

pytestmark = [pytest.mark.hadoop, pytest.mark.story, pytest.mark.timeout(900)]

UNIT_MB = 1152
"""An application master of 256 MB and an executor of 768 MB; the 128 MB that are left are room for nothing."""

MASTERS_SHARE = 0.5
"""Room for two application masters: a third application waits for the queue, a second one only for memory."""

NOTEBOOK = APPLICATIONS / "notebook.py"
SETTINGS = {**SMALL_APPLICATION, "spark.dynamicAllocation.maxExecutors": "1"}

HELD = "[holds 2 containers with 1024 MB"
FAR_AHEAD = 4_000_000_000
PATIENCE_S = 300.0
"""For what takes some ten seconds on a machine with nothing else to do."""


@pytest.fixture(scope="module")
def running_yarn(
    hadoop_jars: HadoopJars, java_home: Java, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HadoopCluster]:
    shape = Shape(application_master_share=MASTERS_SHARE)
    folder = tmp_path_factory.mktemp("hadoop")
    with HadoopCluster(folder, jars=hadoop_jars, java=java_home, shape=shape, memory_mb_per_unit=UNIT_MB) as cluster:
        nodes_up(cluster, cluster.add_node(core=True))
        yield cluster


@pytest.fixture(scope="module")
def emr(running_yarn: HadoopCluster, spark_home: SparkHome) -> Iterator[World]:
    """In real time. Its clusters are names beside the one YARN: their end leaves it running for the next."""
    delays = Delays(provision_s=0.1, bootstrap_s=0.1, decommission_s=0.1, terminate_s=0.1)
    environment = SparkOnYarn(running_yarn, spark=spark_home).submit_environment()
    with world(clock=time.time, tick_s=0.05, delays=delays, step_env=environment) as it:
        yield it


@pytest.fixture
def yarn(running_yarn: HadoopCluster) -> Iterator[HadoopCluster]:
    """Empty before and after."""
    yield running_yarn
    for app in unfinished(running_yarn):
        kill(running_yarn, app)
    wait_for(lambda: empty(running_yarn), "YARN is empty again", PATIENCE_S)


def unfinished(cluster: HadoopCluster) -> set[str]:
    """Ids, as the ResourceManager says now."""
    states = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
    return {app["id"] for app in (_told(cluster, f"apps?states={states}")["apps"] or {}).get("app", [])}


def application(cluster: HadoopCluster, app: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _told(cluster, f"apps/{app}")["app"]
    return found


def empty(cluster: HadoopCluster) -> bool:
    view = cluster.read_view()
    return view is not None and not unfinished(cluster) and not any(node.containers for node in view.nodes)


def kill(cluster: HadoopCluster, app: str) -> None:
    url = f"{cluster.resource_manager_url}/ws/v1/cluster/apps/{app}/state?user.name=hadoop"
    requests.put(url, json={"state": "KILLED"}, timeout=60).raise_for_status()


def _told(cluster: HadoopCluster, path: str) -> Any:
    answer = requests.get(f"{cluster.resource_manager_url}/ws/v1/cluster/{path}", timeout=60)
    answer.raise_for_status()
    return answer.json()


class Watched:
    """A cluster of EMR, the running agent that watches it, and its journal.

    Until `release` its `isbusy` file keeps the cluster, so that nothing depends on how long the rest takes to set up.
    """

    def __init__(self, running: RunningAgent, emr: World, cluster_id: str) -> None:
        self.running = running
        self.id = cluster_id
        self._emr = emr

    @property
    def state(self) -> str:
        return self._emr.state(self.id)

    def release(self) -> float:
        """From now on only real work keeps the cluster. The time of it."""
        (self.running.folder / "isbusy").unlink()
        return time.time()

    def turns(self, since: float = 0.0) -> list[Turn]:
        """All that began after that time."""
        lines = (self.running.folder / "journal.jsonl").read_text().splitlines()
        found = [line for line in journal.read(lines) if isinstance(line, Turn)]
        return [turn for turn in found if turn.observation.at > since]

    def says(self, *words: str, since: float = 0.0) -> Turn:
        """The first turn since then with a reason that has all these words, once there is one."""

        def found() -> Turn | None:
            return next((turn for turn in self.turns(since) if all(word in because(turn) for word in words)), None)

        return wait_for(found, f"{words} among the reasons", PATIENCE_S)

    def notices(self, since: float = 0.0) -> Turn:
        """The first turn since then in which a notice went out, once there is one."""

        def found() -> Turn | None:
            return next((turn for turn in self.turns(since) if turn.notice is not None), None)

        return wait_for(found, "a notice", PATIENCE_S)

    def lasts(self, since: float, seconds: float) -> list[Turn]:
        """The turns since then, once they span so long."""

        def found() -> list[Turn] | None:
            turns = self.turns(since)
            return turns if turns and turns[-1].observation.at > since + seconds else None

        return wait_for(found, f"turns for {seconds:g} s", PATIENCE_S)

    def ends(self) -> Turn:
        """The turn that ended the cluster, once EMR says that it has ended."""
        wait_for(lambda: self.state == "TERMINATED", "EMR says TERMINATED", PATIENCE_S)
        assert self._emr.cluster(self.id)["Status"]["StateChangeReason"]["Code"] == "USER_REQUEST"
        sent = [turn for turn in self.turns() if isinstance(turn.decision, Terminate)]
        # one that found somebody silent just before acting is followed by another
        (turn,) = [turn for turn in sent if turn.result.outcome is Outcome.APPLIED]
        assert turn.result.outcome is Outcome.APPLIED and turn.decision.because[0].code == Why.IDLE
        return turn

    @property
    def kept(self) -> bool:
        """Whether it is up, and nobody has asked to end it."""
        asked = {id for call in self._emr.server.api.calls("TerminateJobFlows") for id in call.request["JobFlowIds"]}
        return self.id not in asked and self.state in ("WAITING", "RUNNING")


@contextmanager
def watched(
    folder: Path, emr: World, yarn: HadoopCluster, *steps: Mapping[str, Any], **idle: float
) -> Iterator[Watched]:
    """An agent that has no rules, only the watchdog, beside a new cluster of EMR."""
    cluster_id = emr.launch(Instances=fleets(task=False), Steps=list(steps))
    wait_for(lambda: emr.state(cluster_id) == ("RUNNING" if steps else "WAITING"), "the cluster is up", PATIENCE_S)
    folder.mkdir()
    isbusy = folder / "isbusy"
    isbusy.touch()
    os.utime(isbusy, (FAR_AHEAD, FAR_AHEAD))
    times = {"grace_s": 0.0, "steps_period_s": 1.0, **idle}
    extra = f"""
[aws]
region = "{REGION}"
endpoint_url = "{emr.server.endpoint}"
[sources.yarn]
url = "{yarn.resource_manager_url}"
period_s = 0.5
[sinks.cloudwatch]
enabled = false
[idle]
isbusy_path = "{isbusy}"
""" + "".join(f"{name} = {value}\n" for name, value in times.items())

    def edit(text: str) -> str:
        return text.replace("j-TEST", cluster_id).replace("[policy]", "[policy]\nrules = []")

    with agent(folder, extra, edit) as running:
        yield Watched(running, emr, cluster_id)


class Session:
    """`notebook.py` on YARN, named as its folder, with reports to the agent at `port`."""

    def __init__(self, yarn: HadoopCluster, spark: SparkHome, port: int, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._yarn = yarn
        sink = MetricsSink("127.0.0.1", port)
        self._spark = SparkOnYarn(yarn, spark=spark, sink=sink, settings=SETTINGS)
        self._named = {"spark.app.name": folder.name}
        self.id = ""

    @property
    def command(self) -> list[str]:
        return self._spark.submit_command(NOTEBOOK, [str(self.folder)], self._named)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Submitted by a process that is killed afterwards."""
        others = unfinished(self._yarn)
        process = self._spark.submit(NOTEBOOK, [str(self.folder)], self._named, log_name=self.folder.name)
        try:
            self.listed(others)
            yield
        finally:
            process.kill()
            process.wait()

    def listed(self, others: set[str]) -> None:
        """Wait until YARN lists one that is none of the others: its id from now on."""
        (self.id,) = wait_for(lambda: unfinished(self._yarn) - others, "YARN lists it", PATIENCE_S)

    @property
    def told(self) -> Mapping[str, Any]:
        """As the ResourceManager says now."""
        return application(self._yarn, self.id)

    def is_held(self, by: Watched) -> None:
        """Wait until it has its two containers, and that agent knows it."""
        by.says(f"{self.id} ({self.folder.name}) is RUNNING {HELD}")
        told = self.told
        assert (told["state"], told["runningContainers"], told["allocatedMB"]) == ("RUNNING", 2, 1024)

    def rests(self, by: Watched) -> None:
        """Wait until that agent has heard from its JVMs that nothing is at work."""

        def heard() -> bool:
            return any(self.id in evidence.of for evidence in by.turns()[-1].observation.evidence)

        wait_for(heard, "it reports to be at rest", PATIENCE_S)


def because(turn: Turn) -> str:
    return turn.decision.because[0].text


def busy(turns: list[Turn]) -> bool:
    """Whether there are some, and each of them holds, and first of all because of work."""
    return bool(turns) and all(
        isinstance(turn.decision, Hold) and turn.decision.because[0].code == Why.BUSY for turn in turns
    )


def idle_since(turn: Turn) -> float:
    since = turn.observation.history.idle_since
    assert since is not None
    return since


def utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def ended_with_notice(it: Watched, since: float, *, after_s: float, notice_s: float) -> Turn:
    """The turn that ended it: after its time, and with a notice that had its own."""
    end = it.ends()
    notice = it.notices(since)
    assert end.observation.at - idle_since(end) >= after_s
    assert end.observation.at - notice.observation.at >= notice_s
    assert notice.notice is not None and notice.notice.code == Why.IDLE
    assert f"since {utc(idle_since(end))} (" in notice.notice.text and f"since {utc(idle_since(end))} (" in because(end)
    said = f'notice subject="Tidemark: test is ended in {notice_s:.0f} s, at '
    assert said in it.running.log() and notice.notice.text in it.running.log()
    return end


def test_a_session_that_runs_nothing_keeps_the_cluster_unless_the_settings_say_for_how_long(
    yarn: HadoopCluster, emr: World, spark_home: SparkHome, tmp_path: Path
) -> None:
    """Two agents look at the same session, one with the default."""
    with (
        watched(tmp_path / "default", emr, yarn, after_s=1, notice_s=0) as default,
        watched(tmp_path / "agent", emr, yarn, after_s=1, notice_s=1, unused_application_after_s=2) as it,
    ):
        one = Session(yarn, spark_home, it.running.port, tmp_path / "notebook")
        with one.open():
            one.is_held(default)
            one.is_held(it)
            since = default.release()
            it.release()
            end = ended_with_notice(it, since, after_s=1, notice_s=1)
            kept = default.lasts(since, end.observation.at - since)
            assert default.kept and one.told["state"] == "RUNNING"
    assert busy(kept)
    assert {because(turn) for turn in kept} == {
        f"applications: 1 unfinished: {one.id} (notebook) is RUNNING {HELD}]; steps: not asked yet"
    }
    history = end.observation.history
    assert idle_since(end) - history.unused_since[one.id] >= 2
    before = [turn for turn in it.turns(since) if turn.observation.at < idle_since(end)]
    assert busy(before) and all(f"{one.id} (notebook) is RUNNING {HELD}, " in because(turn) for turn in before)
    unused = rf"{one.id} \(notebook\) is RUNNING {re.escape(HELD)}, without a task or a job for \d+ s of 2 s\]"
    assert re.search(unused, because(end))
    assert f"rest: no task and no job reported by {one.id} (2 containers)" in because(end)


def test_a_task_after_the_notice_calls_the_end_off(
    yarn: HadoopCluster, emr: World, spark_home: SparkHome, tmp_path: Path
) -> None:
    with watched(tmp_path / "agent", emr, yarn, after_s=1, notice_s=900, unused_application_after_s=2) as it:
        one = Session(yarn, spark_home, it.running.port, tmp_path / "notebook")
        with one.open():
            one.is_held(it)
            first = it.notices(it.release())
            assert first.notice is not None and one.id in first.notice.text
            (one.folder / "cell").touch()
            used = it.says("tasks: 1 tasks and 1 jobs", since=first.observation.at)
            assert busy([used])
            assert f"{one.id} (notebook) is RUNNING {HELD}, not known to be unused]" in because(used)
            history = used.observation.history
            assert history.idle_since is None and history.unused_since == {}
            (one.folder / "cell").unlink()
            second = it.notices(used.observation.at)
            assert it.kept
    assert second.observation.history.unused_since[one.id] > used.observation.at
    assert idle_since(second) - second.observation.history.unused_since[one.id] >= 2
    assert not any(isinstance(turn.decision, Terminate) for turn in it.turns())


def test_applications_that_wait_for_resources_keep_the_cluster_and_are_named(
    yarn: HadoopCluster, emr: World, spark_home: SparkHome, tmp_path: Path
) -> None:
    """One waits for memory and one for its queue. The session that holds the memory alone would not be enough."""
    with watched(tmp_path / "agent", emr, yarn, after_s=1, notice_s=0, unused_application_after_s=1) as it:
        one, two, three = (
            Session(yarn, spark_home, it.running.port, tmp_path / name) for name in ("notebook", "etl", "report")
        )
        with one.open():
            one.is_held(it)
            with two.open():
                memory = f"{two.id} (etl) is ACCEPTED [waits for 1 container of 256 MB]"
                it.says(memory)
                with three.open():
                    queue = (
                        f"{three.id} (report) is ACCEPTED [waits for 1 container of 256 MB, kept waiting by the "
                        "queue's share for application masters]"
                    )
                    it.says(queue)
                    one.rests(it)
                    since = it.release()
                    turns = it.lasts(since, 6)
                    assert it.kept and (two.told["state"], three.told["state"]) == ("ACCEPTED", "ACCEPTED")
                    assert "AM resource limit exceeded" in three.told["diagnostics"]
                    kill(yarn, three.id)
                    kill(yarn, two.id)
                    end = it.ends()
    assert busy(turns)
    session = f"{one.id} (notebook) is RUNNING {HELD}, not known to be unused]"
    assert all(each in because(turn) for turn in turns for each in ("3 unfinished: ", memory, queue, session))
    assert f"applications: 1 unfinished: {one.id} (notebook)" in because(end)


def test_a_shell_step_keeps_the_cluster_until_it_is_done(yarn: HadoopCluster, emr: World, tmp_path: Path) -> None:
    """Nothing of it shows in YARN. Another step waits for it."""
    copied, cleaned = tmp_path / "copied", tmp_path / "cleaned"
    steps = [
        step(name, "bash", "-c", f"until [ -e {file} ]; do sleep 0.2; done")
        for name, file in (("nightly copy", copied), ("clean-up", cleaned))
    ]
    with watched(tmp_path / "agent", emr, yarn, *steps, after_s=1, notice_s=1) as it:
        it.says("isbusy: ")
        since = it.release()
        turns = it.lasts(since, 5)
        assert empty(yarn) and it.kept
        listed = {each["Name"]: each["Id"] for each in emr.emr.list_steps(ClusterId=it.id)["Steps"]}
        assert busy(turns)
        assert {because(turn) for turn in turns} == {f"steps: step {listed['nightly copy']} (nightly copy) is RUNNING"}
        assert all("applications" not in because(turn) for turn in turns)
        copied.touch()
        it.says(f"steps: step {listed['clean-up']} (clean-up) is RUNNING", since=since)
        assert it.kept
        cleaned.touch()
        end = ended_with_notice(it, since, after_s=1, notice_s=1)
    assert emr.steps(it.id) == {"nightly copy": "COMPLETED", "clean-up": "COMPLETED"}
    assert "applications: none unfinished" in because(end) and "steps: no active step" in because(end)


def test_a_cluster_that_has_done_everything_is_ended_with_every_probes_word(
    yarn: HadoopCluster, emr: World, spark_home: SparkHome, tmp_path: Path
) -> None:
    with watched(tmp_path / "agent", emr, yarn, after_s=2, notice_s=1) as it:
        job = Session(yarn, spark_home, it.running.port, tmp_path / "job")
        (job.folder / "cell").touch()
        emr.emr.add_job_flow_steps(JobFlowId=it.id, Steps=[step("daily job", *job.command)])
        job.listed(set())
        since = it.release()
        working = it.says(f"{job.id} (job) is RUNNING {HELD}]", "tasks: 1 tasks and 1 jobs", since=since)
        (job.folder / "end").touch()
        (job.folder / "cell").unlink()
        end = ended_with_notice(it, since, after_s=2, notice_s=1)
    assert busy([working])
    assert emr.steps(it.id) == {"daily job": "COMPLETED"}
    assert job.told["finalStatus"] == "SUCCEEDED"
    assert idle_since(end) >= job.told["finishedTime"] / 1000
    for word in (
        "applications: none unfinished",
        "resize: none in flight",
        "isbusy: no such file",
        "tasks: 0 tasks and 0 jobs",
        "unlisted: nobody reports unlisted",
        "steps: no active step",
    ):
        assert word in because(end)
