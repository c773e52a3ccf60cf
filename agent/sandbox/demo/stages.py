"""The stages of the demo's story. Each is passed only by what was seen from outside the agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.sandbox.demo.plan import Plan
from agent.sandbox.demo.witness import Seen
from agent.settings_policy import PolicyKind

JOB_MORE_S = 60.0
"""The job takes longer than what merely has to be noticed."""

Sight = Callable[[Seen], str | None]
"""What was seen, in words, once the stage has been passed; None before."""


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    sight: Sight
    within_s: float
    """Counted from the stage before."""


@dataclass(frozen=True, slots=True)
class Passed:
    stage: Stage
    at: float
    """Unix seconds."""
    evidence: str


def metrics_arrive(seen: Seen) -> str | None:
    if not seen.heap_used:
        return None
    return (
        f"CloudWatch has JvmHeapUsed of {seen.heap_executors:.0f} executor(s), "
        f"at most {max(seen.heap_used.values()) / 2**20:.0f} MiB so far"
    )


def memory_falls(below: float) -> Sight:
    def sight(seen: Seen) -> str | None:
        low = [value for value in seen.memory_available.values() if value < below]
        return f"CloudWatch has MemoryAvailablePercent at {min(low):.0f}, below {below:g}" if low else None

    return sight


def work_waits(seen: Seen) -> str | None:
    wanted = max(seen.executors_needed.values(), default=0)
    return f"CloudWatch has ExecutorsNeeded up to {wanted:.0f}" if wanted > 0 else None


def fleet_grows(minimum: int) -> Sight:
    def sight(seen: Seen) -> str | None:
        grown = [sight.target for sight in seen.fleet if sight.target > minimum]
        return f"EMR has a task fleet target of {grown[0]} units" if grown else None

    return sight


def spot_is_provisioned(seen: Seen) -> str | None:
    if seen.spot_bought == 0 or seen.on_demand_bought > 0:
        return None
    return f"EMR has provisioned {seen.spot_bought} unit(s), all of them spot, on {len(seen.task_hosts)} node(s)"


def task_executors_work(seen: Seen) -> str | None:
    working = {
        name: executor
        for name, executor in seen.executors.items()
        if executor.host in seen.task_hosts and executor.completed_tasks > 0
    }
    if not working:
        return None
    done = sum(executor.completed_tasks for executor in working.values())
    return f"Spark has finished {done} task(s) on {len(working)} executor(s) of the task fleet"


def hdfs_is_loaded(seen: Seen) -> str | None:
    published = max(seen.total_load.values(), default=0)
    if published == 0 or seen.name_node_load == 0:
        return None
    return f"CloudWatch has HdfsTotalLoad up to {published:.0f}, the NameNode told up to {seen.name_node_load}"


def job_ends(seen: Seen) -> str | None:
    return "EMR has the step COMPLETED" if seen.step_state == "COMPLETED" else None


def fleet_shrinks(minimum: int) -> Sight:
    def sight(seen: Seen) -> str | None:
        last = seen.fleet[-1] if seen.fleet else None
        if last is None or last.target > minimum or last.provisioned > minimum:
            return None
        # the fleet of a cluster that has ended is empty too, and says nothing of a scale-in
        if last.at > seen.ending_since:
            return None
        return f"EMR has the task fleet back at {last.target} target and {last.provisioned} provisioned units"

    return sight


def cluster_is_terminated(seen: Seen) -> str | None:
    if seen.cluster_state != "TERMINATED" or seen.cluster_reason != "USER_REQUEST":
        return None
    return "EMR has the cluster TERMINATED, by USER_REQUEST"


def story(memory_low_percent: float, min_units: int, plan: Plan, *, hdfs: bool) -> tuple[Stage, ...]:
    """The stages in their order; with HDFS its load is one of them. The second is what the policy goes by."""

    def stage(name: str, sight: Sight, more_s: float = 0.0) -> Stage:
        return Stage(name, sight, plan.within_s.get(name, plan.patience_s + more_s))

    transfers = (stage("the job's HDFS transfers reach CloudWatch", hdfs_is_loaded),) if hdfs else ()
    if plan.policy is PolicyKind.THRESHOLD:
        need = stage("available memory falls under the threshold", memory_falls(memory_low_percent))
    else:
        need = stage("Spark wants executors that it has not got", work_waits)
    end = (stage("the idle cluster is terminated", cluster_is_terminated),) if plan.ends_cluster else ()
    return (
        stage("Spark's JVM metrics reach CloudWatch", metrics_arrive),
        need,
        stage("the task fleet's target grows", fleet_grows(min_units)),
        stage("spot capacity is provisioned", spot_is_provisioned),
        stage("real Spark workers take work", task_executors_work),
        *transfers,
        stage("the job ends", job_ends, JOB_MORE_S),
        stage("the task fleet shrinks", fleet_shrinks(min_units)),
        *end,
    )
