"""The handler dies before and after every call to a service, or its answer is lost: whole stories end the same.

What may differ, and why, is said where it is compared: `Ends`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from agent.lifecycle.ladder import attempt_in
from agent.lifecycle.rows import ClusterProfile, JobProfile, job_profile_key, profile_key
from agent.lifecycle.words import Retry
from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.states import Market, Role
from benchmarks.soak.people import SUBNETS
from tests.lifecycle.crashing import BEGIN, Call, Fate, How, Story, World

SPOT, ON_DEMAND = "TargetSpotCapacity", "TargetOnDemandCapacity"


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Thousands of deaths have thousands of remarks."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


# what stands behind a story


def profile(name: str, *, spot: bool = False, protected: bool = False, **more: Any) -> ClusterProfile:
    types = [{"InstanceType": "m5.xlarge", "WeightedCapacity": 1}]
    core: dict[str, Any] = {"InstanceFleetType": "CORE", "InstanceTypeConfigs": types, SPOT if spot else ON_DEMAND: 2}
    if spot:
        gives_up = {"TimeoutDurationMinutes": 5, "TimeoutAction": "TERMINATE_CLUSTER"}
        core["LaunchSpecifications"] = {"SpotSpecification": gives_up}
    primary = {"InstanceFleetType": "MASTER", ON_DEMAND: 1, "InstanceTypeConfigs": types}
    request = {
        "ReleaseLabel": "emr-7.10.0",
        "ServiceRole": "emr",
        "JobFlowRole": "ec2",
        "Instances": {
            "InstanceFleets": [primary, core],
            "Ec2SubnetIds": list(SUBNETS),
            "KeepJobFlowAliveWhenNoSteps": True,
            "TerminationProtected": protected,
        },
    }
    return ClusterProfile(key=profile_key(name), request=request, **more)


def step(name: str, seconds: int = 60) -> dict[str, Any]:
    return {"Name": name, "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [f"sleep:{seconds}:0"]}}


POOL = profile("small", maximum=2, idle_s=300)
DAILY = JobProfile(
    key=job_profile_key("daily"),
    type="spark",
    size="small",
    priority=500,
    cluster_profile="small",
    step={"Jar": "command-runner.jar", "Args": []},
    attempts=3,
)


def wants(name: str, kind: str = "session", **more: Any) -> Callable[[World], None]:
    launch = {"id": name, "profile": kind, "owner": f"owner-{name}", "at": BEGIN, **more}
    return lambda it: it.say({"launch": launch})


def submits(name: str, seconds: int = 120, kind: str = "daily") -> Callable[[World], None]:
    args = [f"sleep:{seconds}:0"]
    job = {"id": name, "profile": kind, "owner": "team", "args": args, "task_token": f"token-{name}", "at": BEGIN}
    return lambda it: it.say({"job": job})


def owner_done(name: str) -> Callable[[World], None]:
    return lambda it: it.say({"owner": f"owner-{name}", "event": "done"})


def now(_: World) -> bool:
    return True


def steps_done(*names: str) -> Callable[[World], bool]:
    """The owner sees to its own steps, by EMR."""

    def through(it: World) -> bool:
        done = {
            str(one.config["Name"])
            for cluster in it.emr.emr.clusters.values()
            for one in cluster.steps.steps
            if one.state == "COMPLETED"
        }
        return done >= set(names)

    return through


def is_ready(*attempt: Any) -> Callable[[World], bool]:
    """The cluster of this launch and attempt."""
    return lambda it: any(one.ready_at is not None and _of(one) == attempt for one in it.living())


def runs_a_step(name: str) -> Callable[[World], bool]:
    def running(it: World) -> bool:
        return any(s.config["Name"] == name and s.state == "RUNNING" for one in it.living() for s in one.steps.steps)

    return running


def loses(role: Role, wanted: Callable[[Cluster], bool]) -> Callable[[World], None]:
    def lose(it: World) -> None:
        for one in [one for one in it.living() if wanted(one)]:
            it.emr.lose(one.id, role)

    return lose


def no_spot(it: World) -> None:
    it.emr.emr.limit(Market.SPOT, 0)


def _of(cluster: Cluster) -> tuple[str, int]:
    bears = attempt_in(str(cluster.request["Name"]))
    assert bears is not None
    return bears.launch_id, bears.attempt


def runs(name: str) -> Callable[[Cluster], bool]:
    return lambda cluster: any(one.config["Name"] == name for one in cluster.steps.steps)


STEPS = [step("extract"), step("load")]
STORIES: Mapping[str, Story] = {
    "an owner launches, runs its steps and is done": Story(
        profiles=[profile("session")],
        happens=[(now, wants("a", steps=STEPS, alias="alias-a")), (steps_done("extract", "load"), owner_done("a"))],
    ),
    "the first attempts of a launch are lost": Story(
        profiles=[profile("session", spot=True)],
        begin=no_spot,
        happens=[(now, wants("b", steps=[step("load")])), (steps_done("load"), owner_done("b"))],
    ),
    "a job runs on a cluster of the pool": Story(profiles=[POOL, DAILY], happens=[(now, submits("c", 600))]),
    "the cluster of a job is lost": Story(
        profiles=[POOL, DAILY],
        happens=[(now, submits("d", 400)), (runs_a_step("d.1"), loses(Role.MASTER, runs("d.1")))],
    ),
    "a protected cluster meets its deadline": Story(
        profiles=[profile("session", protected=True, terminate_after_s=1500, lift_protection=True)],
        happens=[(now, wants("e"))],
    ),
    "the core nodes of a cluster without an agent are lost": Story(
        profiles=[profile("session", retry=Retry.LOST)],
        agents=False,
        happens=[
            (now, wants("f")),
            (is_ready("f", 1), loses(Role.CORE, lambda one: _of(one) == ("f", 1))),
            (is_ready("f", 2), owner_done("f")),
        ],
    ),
    "no event ever comes, and the sweep finds it all out": Story(
        profiles=[
            profile("session", retry=Retry.LOST),
            profile("spot", spot=True),
            profile("guarded", protected=True, terminate_after_s=1500, lift_protection=True),
            POOL,
            POOL.model_copy(update={"key": profile_key("large")}),
            DAILY,
            DAILY.model_copy(update={"key": job_profile_key("hourly"), "cluster_profile": "large"}),
        ],
        agents=False,
        events=False,
        begin=no_spot,
        happens=[
            (now, wants("a", steps=STEPS)),
            (steps_done("extract", "load"), owner_done("a")),
            (now, wants("b", "spot", steps=[step("fetch")])),
            (steps_done("fetch"), owner_done("b")),
            (now, submits("c")),
            (now, submits("d", 400, "hourly")),
            (runs_a_step("d.1"), loses(Role.MASTER, runs("d.1"))),
            (now, wants("e", "guarded")),
            (now, wants("f")),
            (is_ready("f", 1), loses(Role.CORE, lambda one: _of(one) == ("f", 1))),
            (is_ready("f", 2), owner_done("f")),
        ],
    ),
}


# how it ends


@dataclass(frozen=True)
class Ends:
    """All that is compared. Not compared: how often people were told (a notice may be lost with who was to send it, or
    come twice), and ids and times."""

    clusters: Mapping[tuple[str, int], tuple[str, str | None, str | None]]
    """Launch and attempt -> EMR's state, EMR's code, our reason."""
    made: int
    """Clusters that EMR has made: none is a double."""
    launches: Mapping[str, tuple[str, int]]
    jobs: Mapping[str, tuple[str, int]]
    steps: Mapping[str, int]
    """How often each was run."""
    told: frozenset[tuple[str, str]]
    """What executions were told."""


def ends(it: World) -> Ends:
    clusters: dict[tuple[str, int], tuple[str, str | None, str | None]] = {}
    launches: dict[str, tuple[str, int]] = {}
    pooled: dict[str, str] = {}
    for one in sorted(it.emr.emr.clusters.values(), key=lambda one: one.created_at):
        name, attempt = _of(one)
        row, launch = it.store.cluster(one.id), it.store.launch(name)
        assert row is not None and row.ended and launch is not None
        if launch.pool:
            # its own name is made of the time
            before = sum(there.startswith(launch.profile) for there in pooled.values())
            name = pooled.setdefault(name, f"{launch.profile} {before}")
        clusters[name, attempt] = (one.state, one.reason and one.reason[0], row.end_reason)
        launches[name] = (launch.state, launch.attempt)
    jobs = {}
    for name in JOBS:
        job = it.store.job(name)
        if job is not None:
            jobs[name] = (job.state, job.attempt)
    assert it.queue.dead == [], "no message comes again and again"
    return Ends(clusters, len(it.emr.emr.clusters), launches, jobs, dict(it.steps()), frozenset(it.services.told))


JOBS = ("c", "d")


def undisturbed(story: Story) -> tuple[Ends, list[Call]]:
    fate = Fate()
    it = World(story, fate)
    fate.state = it.state
    it.run()
    well = ends(it)
    assert it.failed == [] and set(well.steps.values()) <= {1}
    assert well.told == {(f"token-{job}", "succeeded") for job in well.jobs}
    return well, fate.made


def different(story: Story, well: Ends, at: int, how: How) -> str:
    """Empty: it ends the same."""
    fate = Fate(at, how)
    try:
        found = ends(World(story, fate).run())
    except AssertionError as error:
        return str(error)
    assert fate.happened, "the calls are the same up to there"
    return "" if found == well else f"{found} instead of {well}"


def blows(made: Sequence[Call], like: Callable[[Call], Hashable]) -> Iterator[tuple[int, How]]:
    """One of each kind of calls. Nothing has changed between two questions of one message, nor between a call and the
    next one: who dies there dies the same death. And whether a question fails before or after it was answered is the
    same."""
    met = set()
    for at, call in enumerate(made, 1):
        if like(call) in met:
            continue
        met.add(like(call))
        before = made[at - 2] if at > 1 and made[at - 2].message == call.message else None
        if before is None or not before.reads:
            yield at, How.BEFORE
        if not call.reads:
            yield at, How.REFUSED
        yield at, How.LOST
        if at == len(made) or made[at].message != call.message:
            yield at, How.AFTER


def site(call: Call) -> Hashable:
    return call.site


def site_and_state(call: Call) -> Hashable:
    return call.site, call.state


def check(story: Story, like: Callable[[Call], Hashable]) -> str:
    """What was tried."""
    well, made = undisturbed(story)
    tried = list(blows(made, like))
    wrong = [
        f"call {at} of {len(made)}, {made[at - 1].operation}, {how}: {made[at - 1].site}: {found}"
        for at, how in tried
        if (found := different(story, well, at, how))
    ]
    assert not wrong, f"{len(wrong)} of {len(tried)} ended otherwise:\n" + "\n".join(wrong[:5])
    kinds = len({like(call) for call in made})
    return f"{len(made)} calls of {kinds} kinds, {len(tried)} blows"


LONG = "no event ever comes, and the sweep finds it all out"
"""All the others in one: more than a thousand calls."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.story) if one == LONG else one for one in STORIES]
)
def test_it_ends_the_same_whichever_call_is_the_last(name: str) -> None:
    """Once at each place in the code, wherever it was called from."""
    sys.stdout.write(f"\n{name}: {check(STORIES[name], site)}\n")


QUICK = ("an owner launches, runs its steps and is done", "a job runs on a cluster of the pool")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name", [one if one in QUICK else pytest.param(one, marks=pytest.mark.story) for one in STORIES if one != LONG]
)
def test_it_ends_the_same_at_whatever_the_table_says(name: str) -> None:
    """Once at each place in the code and each state of the rows: all calls, as far as they differ."""
    sys.stdout.write(f"\n{name}: {check(STORIES[name], site_and_state)}\n")
