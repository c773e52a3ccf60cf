"""The running agent beside a job on a real YARN: spot capacity that disappears, and capacity that it gives back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent
from agent.domain.decisions import Resize
from agent.domain.turns import Turn
from agent.sandbox.emr.states import Market
from agent.sandbox.hadoop.cluster import HadoopCluster
from agent.sandbox.hadoop.conf import Shape
from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.java import Java
from agent.sandbox.spark.home import SparkHome
from tests.sandbox.applications import waves
from tests.sandbox.hadoop_world import containers, executors_on, state
from tests.sandbox.spark_world import APPLICATIONS, running, wait_for
from tests.sandbox.test_hadoop_spark import CHECKSUM, SETTINGS, UNIT_MB, Job
from tests.sandbox.yarn_loop import ENDS, RESIZES, Events, Loop, flaps, loop, lowers, raises, targets

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(900)]

RULES = """
[[policy.rules]]
name = "waiting"
signal = "ContainersPending"
comparison = ">"
bound = 0
for_s = 1
adjustment_units = 2
cooldown_s = 1
[[policy.rules]]
name = "memory-free"
signal = "MemoryAvailablePercent"
comparison = ">"
bound = 10
for_s = 1
adjustment_units = -1
cooldown_s = 1
"""
"""Impatient ones: about a quarter of the memory is always left over, so that one of the two asks at every moment."""

THREE_EXECUTORS = {"spark.dynamicAllocation.minExecutors": "3", "spark.dynamicAllocation.initialExecutors": "3"}


@pytest.fixture
def cluster(hadoop_jars: HadoopJars, java_home: Java, tmp_path: Path) -> Iterator[HadoopCluster]:
    with HadoopCluster(
        tmp_path / "hadoop",
        jars=hadoop_jars,
        java=java_home,
        shape=Shape(lost_after_s=8.0),
        memory_mb_per_unit=UNIT_MB,
    ) as started:
        yield started


@pytest.mark.parametrize(
    ("path", "turns_back"),
    [([2], 0), ([2, 2], 0), ([2, 4, 6], 0), ([2, 1], 0), ([2, 4, 2], 1), ([2, 1, 1, 2], 1), ([2, 1, 2, 1], 2)],
)
def test_a_flap_is_a_turn_back(path: list[int], turns_back: int) -> None:
    assert flaps(path) == turns_back


def grown(world: Loop) -> None:
    """The application's first executor is on the core node beside its master, and the agent has bought two units."""
    (core,) = world.running("CORE")
    wait_for(lambda: containers(world.cluster, core) == 2, "master and first executor are on the core node", 300)
    wait_for(lambda: len(world.running("TASK")) == 2, "EMR has the two units that the agent asked for", 300)
    assert targets(world.calls(RESIZES, 0, time.time())) == [2]


@pytest.mark.story
def test_a_lost_spot_node_costs_the_job_nothing_and_the_agent_neither_shrinks_nor_flaps(
    cluster: HadoopCluster, spark_home: SparkHome, tmp_path: Path
) -> None:
    """A flap is a turn back: a target lowered after it was raised, or raised after it was lowered (`flaps`).

    From the loss to the end of the job none may be sent to EMR, and no scale-in at all. What the loss itself justifies
    is not a resize: the target stands, and to fill it again is EMR's affair. The rules ask for both directions all the
    while: for less while YARN has not noticed the loss, for more while the market has nothing to replace it with, for
    less again when the replacement is full.
    """
    with loop(cluster, tmp_path, RULES) as world:
        job = Job(world.spark(spark_home, {**SETTINGS, **THREE_EXECUTORS}))
        grown(world)
        wait_for(lambda: job.has_work("1", "2", "3"), "all executors have finished tasks", 300)
        world.let_go()

        victim, survivor = world.running("TASK")
        executors = executors_on(victim)
        assert executors
        world.server.emr.limit(Market.SPOT, 1)
        lost_at = time.time()
        cluster.kill(victim)
        wait_for(lambda: not running(executors | {victim.process.pid}), "node and executor have disappeared", 30)
        wait_for(lambda: world.instances("TASK", "TERMINATED"), "EMR has noticed", 30)
        (gone,) = world.instances("TASK", "TERMINATED")
        assert gone["Status"]["StateChangeReason"]["Code"] == "INSTANCE_FAILURE"
        wait_for(lambda: state(cluster, victim) == "LOST", "YARN has noticed", 300)
        world.await_turn("more is wanted for the work that waits", lost_at, lambda turn: raises(turn.wanted))
        assert world.fleet()["ProvisionedSpotCapacity"] == 1 and world.target() == 2
        world.server.emr.limit(Market.SPOT, None)
        wait_for(lambda: len(world.running("TASK")) == 2, "EMR has replaced it", 300)
        (replacement,) = [node for node in world.running("TASK") if node is not survivor]
        wait_for(lambda: executors_on(replacement), "the replacement has an executor", 300)
        wait_for(lambda: job.tasks().keys() - {"1", "2", "3"}, "the replacement's executor has finished tasks", 300)
        filled_at = time.time()
        world.await_turn("less is wanted again", filled_at, lambda turn: lowers(turn.wanted))
        passes = job.passes()
        wait_for(lambda: job.passes() > passes + 1, "the job goes on", 300)
        report = job.finish()
        assert report["correct"] and report["checksum"] == report["expected"] == CHECKSUM

        events = Events(tmp_path / "events")
        end = events.ended_at()
        turns = [turn for turn in world.turns() if lost_at <= turn.observation.at < end]
        assert not [turn for turn in turns if lowers(turn.decision) or lowers(turn.unconfirmed)]
        assert not world.calls(ENDS, lost_at, end)
        sent = targets(world.calls(RESIZES, lost_at, end))
        assert flaps([2, *sent]) == 0 and all(target >= 2 for target in sent), sent
        assert sent == [], "the fleet's target stands"
        assert {event["Executor ID"] for event in events.of("ExecutorRemoved")} & events.executors_on(victim.host)


def needed(turn: Turn) -> int:
    """Units of the task fleet on which containers ran, by what YARN told the agent for this turn."""
    fleet, reading = turn.observation.fleet, turn.observation.reading
    assert fleet is not None and fleet.nodes is not None and reading is not None and reading.nodes is not None
    at_work = {node.host for node in reading.nodes if node.containers}
    return sum(node.units for node in fleet.nodes if at_work & set(node.hosts))


@pytest.mark.story
def test_the_agent_gives_capacity_back_in_the_middle_of_a_job_and_no_finished_work_is_lost(
    cluster: HadoopCluster, spark_home: SparkHome, tmp_path: Path
) -> None:
    """The shuffle files of the first wave, in part written on the node that leaves, are read again after it has gone.

    Executors that have nothing to do are given up by Spark itself, which moves their files; only then is a node free
    for the agent to give back, for it never goes below what running work holds.
    """
    settings = {
        **SETTINGS,
        "spark.dynamicAllocation.initialExecutors": "3",
        "spark.dynamicAllocation.executorIdleTimeout": "10s",
        "spark.dynamicAllocation.shuffleTracking.timeout": "10s",
    }
    with loop(cluster, tmp_path, RULES) as world:
        spark = world.spark(spark_home, settings)
        application = spark.submit(APPLICATIONS / "waves.py", [str(tmp_path)])
        grown(world)
        nodes = world.running("TASK")
        wait_for(lambda: all(executors_on(node) for node in nodes), "each task node has an executor", 300)
        full = world.await_turn("less is wanted", time.time(), lambda turn: lowers(turn.wanted))
        assert not lowers(full.decision), "all of it works"
        (tmp_path / "wide").touch()
        world.let_go()
        wait_for((tmp_path / "narrow-begun").exists, "one task works alone", 300)
        acted = world.await_turn("less is decided", full.observation.at, lambda turn: lowers(turn.decision))
        assert acted.result.outcome == "applied"
        wait_for(lambda: any(node.gone for node in nodes), "a node has been drained and ended", 300)
        (tmp_path / "narrow").touch()
        assert application.wait(120) == 0
        result = json.loads((tmp_path / "waves.json").read_text())
        assert result["first"] == result["again"] == [list(pair) for pair in waves.expected()]

        events = Events(tmp_path / "events")
        end = events.ended_at()
        left = [node for node in nodes if node.gone]
        assert all(state(cluster, node) == "DECOMMISSIONED" for node in left)
        assert all(
            any(events.finished_tasks(executor, stage=0) for executor in events.executors_on(node.host))
            for node in left
        ), "what has left had finished tasks of the first wave"
        assert not (events.failed_stages() or events.repeated_stages() or events.failed_tasks())
        of_first_stage = [task for task in events.of("TaskEnd") if task["Stage ID"] == 0]
        assert len(of_first_stage) == waves.PARTITIONS, "none was done twice"

        shrinks = [turn for turn in world.turns() if lowers(turn.decision) and turn.observation.at < end]
        sent = [turn for turn in shrinks if turn.result.outcome == "applied"]
        asked_for = [turn.decision.target for turn in sent if isinstance(turn.decision, Resize)]
        pairs = [(target, needed(turn)) for target, turn in zip(asked_for, sent, strict=True)]
        too_few = [(target, held) for target, held in pairs if target < held]
        assert too_few == [], "targets below the units that held work"
        assert targets(world.calls(RESIZES, full.observation.at, end)) == asked_for
        assert not world.calls(ENDS, 0, end)

        asked = world.asked_of_resource_manager()
        by_agent = {method for method, _, who in asked if who == f"tidemark/{agent.__version__}"}
        assert by_agent == {"GET"}
        assert {method for method, _, _ in asked} == {"GET"}, "and nobody else did in its place"
