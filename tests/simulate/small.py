"""Small workloads and settings for the simulator's tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from agent.settings import Settings
from agent.simulate.compare import settings_for
from agent.simulate.workload import Job, Stage, Workload, workload
from agent.simulate.world import Shuffle, World

MOST = 12


def base(most: int = MOST, **fleet: Any) -> Settings:
    return Settings.model_validate({"fleet": {"max_capacity_units": most, **fleet}})


def settings(kind: str, most: int = MOST, **policy: Any) -> Settings:
    return settings_for({"kind": kind, **policy}, base(most), 30.0)


def jobs_of(*jobs: Job, horizon_s: float = 0.0) -> Workload:
    return workload("small", jobs, horizon_s)


def job(name: str, at: float, *stages: tuple[float, ...], writes: bool = False) -> Job:
    return Job(name, at, tuple(Stage(tasks, writes_shuffle=writes) for tasks in stages))


TASKS = st.lists(st.floats(1, 400), min_size=1, max_size=40).map(tuple)
JOBS = st.lists(
    st.tuples(st.floats(0, 3000), st.lists(TASKS, min_size=1, max_size=3), st.booleans()), min_size=1, max_size=5
)
WORKLOADS = JOBS.map(
    lambda found: jobs_of(
        *(job(f"j{number}", at, *stages, writes=writes) for number, (at, stages, writes) in enumerate(found))
    )
)
CAPS = st.lists(st.tuples(st.floats(0, 4000), st.integers(0, MOST)), max_size=4).map(lambda caps: tuple(sorted(caps)))
WORLDS = st.builds(
    lambda cores, shuffle, caps, seed, most_apps: World(
        core_nodes=1,
        executor_cores=cores,
        shuffle=shuffle,
        spot_cap=caps,
        seed=seed,
        max_running_apps=most_apps,
        notice_s=30,
    ),
    st.integers(1, 4),
    st.sampled_from(Shuffle),
    CAPS,
    st.integers(0, 99),
    st.none() | st.integers(1, 3),
)
KINDS: Mapping[str, Mapping[str, Any]] = {
    "threshold": {},
    "dataproc": {},
    "demand": {"demand": {"spare_units": 1}},
}
