"""Who wants what in the simulated days: owners who launch, end or disappear, jobs of three priorities, bad luck."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.lifecycle.rows import ClusterProfile, JobProfile, job_profile_key, profile_key
from agent.lifecycle.words import Retry

DAY_S = 86_400.0
SUBNETS = ("subnet-a", "subnet-b", "subnet-c")


def _request(*, keep: bool = False, protected: bool = False, patient: bool = True) -> dict[str, Any]:
    types = [{"InstanceType": "m5.xlarge", "WeightedCapacity": 1}]
    action = "SWITCH_TO_ON_DEMAND" if patient else "TERMINATE_CLUSTER"
    spot = {"SpotSpecification": {"TimeoutDurationMinutes": 5, "TimeoutAction": action}}
    fleets = [
        {"Name": "primary", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types},
        {
            "Name": "core",
            "InstanceFleetType": "CORE",
            "TargetSpotCapacity": 2,
            "InstanceTypeConfigs": types,
            "LaunchSpecifications": spot,
        },
    ]
    return {
        "ReleaseLabel": "emr-7.10.0",
        "ServiceRole": "emr",
        "JobFlowRole": "ec2",
        "Instances": {
            "InstanceFleets": fleets,
            "Ec2SubnetIds": list(SUBNETS),
            "KeepJobFlowAliveWhenNoSteps": keep,
            "TerminationProtected": protected,
        },
    }


def profiles() -> Iterator[ClusterProfile | JobProfile]:
    for name, settings in {
        "nightly": {"request": _request(patient=False), "retry": Retry.LOST, "terminate_after_s": 6 * 3600},
        "session": {"request": _request(keep=True), "terminate_after_s": 4 * 3600},
        "guarded": {
            "request": _request(keep=True, protected=True),
            "terminate_after_s": 4 * 3600,
            "lift_protection": True,
        },
        "small": {"request": _request(keep=True), "minimum": 3, "maximum": 40, "idle_s": 900},
        "large": {"request": _request(keep=True), "minimum": 0, "maximum": 20, "idle_s": 900},
    }.items():
        yield ClusterProfile(key=profile_key(name), **settings)
    for cluster_profile in ("small", "large"):
        for urgency, priority in {"low": 10, "normal": 100, "critical": 900}.items():
            yield JobProfile(
                key=job_profile_key(f"{cluster_profile}-{urgency}"),
                type="spark",
                size=cluster_profile,
                priority=priority,
                cluster_profile=cluster_profile,
                step={"Jar": "command-runner.jar", "Args": []},
                attempts=6,
                max_wait_s=2 * DAY_S,
            )


@dataclass(frozen=True, slots=True)
class Said:
    """A message that somebody sends."""

    at: float
    body: str


def step_args(rng: random.Random, mean_s: float) -> list[str]:
    status = 1 if rng.random() < 0.03 else 0
    return [f"sleep:{min(3 * mean_s, rng.expovariate(1 / mean_s)):.0f}:{status}"]


def arrivals(rng: random.Random, day: int, count: int) -> list[float]:
    """Times of a day, a third of them within the first minute of an hour."""
    begin = day * DAY_S
    times = []
    for _ in range(count):
        if rng.random() < 1 / 3:
            times.append(begin + rng.randrange(24) * 3600 + rng.uniform(0, 60))
        else:
            times.append(begin + rng.uniform(0, DAY_S))
    return sorted(times)


def owners(rng: random.Random, day: int, count: int, begin: float) -> Iterator[tuple[str, list[Said]]]:
    """Owner and what is said of it: the launch, and in most cases its end, which may overtake the launch."""
    for number, at in enumerate(arrivals(rng, day, count)):
        owner = f"run-{day}-{number}"
        kind = rng.choices(["nightly", "session", "guarded"], [70, 20, 10])[0]
        launch: dict[str, Any] = {"profile": kind, "owner": owner, "alias": f"wg-{owner}", "id": owner}
        if kind == "nightly":
            args = [step_args(rng, 1500) for _ in range(rng.randint(1, 3))]
            steps = [{"Jar": "command-runner.jar", "Args": one} for one in args]
            launch["steps"] = [{"Name": f"s{i}", "HadoopJarStep": step} for i, step in enumerate(steps)]
        said = [Said(begin + at, json.dumps({"launch": {**launch, "at": begin + at}}))]
        if kind != "nightly":
            said += _ending(rng, owner, begin + at)
        elif rng.random() < 0.02:
            said.append(Said(begin + at + rng.uniform(0, 3600), json.dumps({"owner": owner, "event": "gone"})))
        yield owner, said


def _ending(rng: random.Random, owner: str, at: float) -> list[Said]:
    ends = at + max(1.0, rng.lognormvariate(math.log(2700), 1.0))
    kind = rng.choices(["done", "failed", "gone", "never"], [85, 5, 5, 5])[0]
    if kind == "never":
        return []
    # a worker that fails knows only the name of its group
    name = f"wg-{owner}" if kind == "failed" else owner
    said = [Said(ends, json.dumps({"owner": name, "event": kind}))]
    return said * (2 if rng.random() < 0.05 else 1)


def jobs(rng: random.Random, day: int, count: int, begin: float) -> Iterator[tuple[str, Said]]:
    for number, at in enumerate(arrivals(rng, day, count)):
        job = f"job-{day}-{number}"
        size = rng.choices(["small", "large"], [75, 25])[0]
        urgency = rng.choices(["low", "normal", "critical"], [30, 60, 10])[0]
        told = {
            "id": job,
            "profile": f"{size}-{urgency}",
            "owner": f"team-{number % 7}",
            "args": step_args(rng, 700),
            "at": begin + at,
        }
        yield job, Said(begin + at, json.dumps({"job": told}))
