"""The stages of the three clusters' story. Each is passed only by what was seen from outside the lifecycle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from agent.sandbox import demo_app
from agent.sandbox.demo.lifecycle.plan import GUARDED, LANDING, OBJECT, TIMED, Part, Places, Plan
from agent.sandbox.demo.lifecycle.witness import ENDED, Life, Seen

READY = frozenset({"RUNNING", "WAITING"})
LAUNCH_TAG, OWNER_TAG = "tidemark:launch", "tidemark:owner"
AGENT, STEPS = "its agent is heard of", "its steps run on a real Spark"
BEATS = 3
"""So many different heartbeats are a beat and not one write."""

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


def object_launches(seen: Seen) -> str | None:
    """EMR has a cluster whose name and tag say of which launch it is."""
    life = seen.life(LANDING)
    launch = life.tags.get(LAUNCH_TAG, "")
    if not launch or life.name != f"{LANDING} {launch}":
        return None
    return f"EMR has {life.cluster_id}, named and tagged for launch {launch}"


def table_has_it(owner: str) -> Sight:
    def sight(seen: Seen) -> str | None:
        life = seen.life(LANDING)
        if life.table_state not in READY or life.row.get("owner") != owner or life.tags.get(OWNER_TAG) != owner:
            return None
        return f"the table has it {life.table_state} for {owner}"

    return sight


def agent_is_heard(seen: Seen) -> str | None:
    beats = seen.life(LANDING).beats
    return f"its row has had {len(beats)} heartbeats of its agent" if len(beats) >= BEATS else None


def steps_run(plan: Plan) -> Sight:
    def sight(seen: Seen) -> str | None:
        if not seen.steps or any(state != "COMPLETED" for _, state in seen.steps) or seen.result is None:
            return None
        result, expected = seen.result, f"{_expected(plan.job_partitions, plan.job_partition_mb):x}"
        if result["app"] not in seen.applications or result["checksum"] != expected:
            return None
        return (
            f"EMR has the step COMPLETED; Spark's master had {result['app']} on {seen.workers} worker(s), "
            f"and its checksum {expected} is right"
        )

    return sight


def owner_ends_it(seen: Seen) -> str | None:
    life, ended = seen.life(LANDING), seen.ended_by(LANDING)
    if life.emr_state != "TERMINATED" or life.reason_code != "USER_REQUEST":
        return None
    if ended is None or seen.done_said_at is None or ended.at < seen.done_said_at:
        return None
    return f"EMR has it TERMINATED by USER_REQUEST, asked for {ended.at - seen.done_said_at:.1f} s after SNS was told"


def outcome_is_told(seen: Seen) -> str | None:
    row = seen.life(LANDING).row
    if seen.waiter is None or seen.waiter[0] != 0 or row.get("end_reason") != "owner-done" or not _over(row):
        return None
    return f"the table has it {row['state']}, owner-done; `cluster wait` ended with 0: {seen.waiter[1]}"


def core_is_missed(seen: Seen) -> str | None:
    """EMR goes on calling it ready while the table says what it lacks."""
    life = seen.life(GUARDED)
    zero_at = next((at for at, state in life.table if state == "ZERO_CORE"), None)
    if zero_at is None or seen.lost_at is None or (state := life.emr_then(zero_at)) not in READY:
        return None
    return f"EMR calls {life.cluster_id} {state}, the table ZERO_CORE, {zero_at - seen.lost_at:.0f} s after the loss"


def coreless_is_ended(seen: Seen) -> str | None:
    life = seen.life(GUARDED)
    if not _ended_for(life, "zero-core") or not life.protected:
        return None
    lifted = any(
        call.operation == "SetTerminationProtection" and life.cluster_id in call.request.get("JobFlowIds", ())
        for call in tuple(seen.calls)
    )
    return f"EMR has it {life.emr_state} although it was protected, the table zero-core" if lifted else None


def deadline_ends_it(plan: Plan) -> Sight:
    """Not before its time; and with a schedule before the sweep, which rests, could have."""

    def sight(seen: Seen) -> str | None:
        life, ended = seen.life(TIMED), seen.ended_by(TIMED)
        if not _ended_for(life, "terminate-after") or ended is None:
            return None
        late_s = ended.at - float(life.row["terminate_at"])
        if late_s < 0:
            return None
        if plan.without is Part.SCHEDULE:
            return f"EMR was asked {late_s:.1f} s after its deadline: by the sweep, there was no schedule"
        if late_s >= plan.grace_s or not seen.schedules_at_most:
            return None
        return f"EMR was asked {late_s:.1f} s after its deadline, by its schedule: the sweep rested"

    return sight


def nothing_is_left(seen: Seen) -> str | None:
    """A question that our share of the quotas did not allow comes again after minutes, and finds its cluster ended."""
    if seen.more_clusters or len(seen.lives) < 3 or any(life.emr_state not in ENDED for life in seen.lives.values()):
        return None
    if seen.open_rows != () or seen.schedules != 0 or seen.waiting != 0 or seen.dead != 0:
        return None
    put_off = f" but {seen.put_off} that was put off, about clusters that have ended" if seen.put_off else ""
    return f"3 clusters, all ended; no open row, no schedule, no dead letter, no message{put_off}"


def what_is_left(seen: Seen) -> str:
    """In words, for whoever waits for nothing in vain."""
    live = [life.cluster_id for life in seen.lives.values() if life.emr_state not in ENDED] + seen.more_clusters
    rows = ", ".join(seen.open_rows or ())
    return (
        f"live clusters: {', '.join(live) or 'none'}; open rows: {rows or 'none'}; schedules: {seen.schedules}; "
        f"messages: {seen.waiting}; dead letters: {seen.dead}"
    )


def story(plan: Plan, places: Places) -> tuple[Stage, ...]:
    """The stages in their order."""

    def stage(name: str, sight: Sight, more_s: float = 0.0) -> Stage:
        return Stage(name, sight, plan.within_s.get(name, plan.patience_s + more_s))

    return (
        stage("an object in S3 launches a cluster", object_launches),
        stage("the table has its owner and its state", table_has_it(f"s3://{places.bucket}/{OBJECT}")),
        stage(AGENT, agent_is_heard),
        stage(STEPS, steps_run(plan), 60.0),
        stage("its owner is done and it is ended", owner_ends_it),
        stage("what came of it is told", outcome_is_told),
        stage("lost core nodes are noticed", core_is_missed),
        stage("the cluster without core nodes is ended", coreless_is_ended),
        stage("a deadline ends its cluster, and not before", deadline_ends_it(plan), plan.terminate_after_s),
        stage("nothing is left", nothing_is_left),
    )


def saved(plan: Plan, seen: Seen) -> str | None:
    """What stood in for the part that was taken away, when the story came to its end without it."""
    if plan.without is Part.SCHEDULE:
        ended, at = seen.ended_by(TIMED), seen.life(TIMED).row.get("terminate_at")
        late = f" {ended.at - float(at):.0f} s late" if ended is not None and at is not None else ""
        return f"Without the schedule the sweep has ended the cluster{late}: no single layer is needed for that."
    if plan.without is Part.EVENTS:
        return f"Without EMR's events the sweep has found all of it out{_behind(seen)}: events only make it sooner."
    return None


def _behind(seen: Seen) -> str:
    """How far the table was behind EMR, at worst."""
    late = [
        at - (life.emr_had(state) or at)
        for life in seen.lives.values()
        for at, state in life.table
        if state in ENDED | READY and life.emr_had(state) is not None
    ]
    return f", up to {max(late):.0f} s late" if late and max(late) > 0 else ""


def _ended_for(life: Life, reason: str) -> bool:
    return life.emr_state in ENDED and life.row.get("end_reason") == reason and _over(life.row)


def _over(row: object) -> bool:
    return isinstance(row, dict) and row.get("phase") == "ENDED" and "open" not in row


@cache
def _expected(partitions: int, partition_mb: int) -> int:
    """Worked out here: the application's own word is not taken for it."""
    return demo_app.expected_checksum(partitions, partition_mb * 2**20 // demo_app.RECORD_BYTES)
