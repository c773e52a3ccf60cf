"""A launch and its attempt -> the request for RunJobFlow: each rung asks for a cluster that is easier to get."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.lifecycle.rows import ClusterProfile, LaunchRow

LONGEST_NAME = 256
"""Of a cluster (RunJobFlow, XmlStringMaxLen256)."""
LONGEST_ID = 128
"""Of a launch: it is in a cluster's name and in a tag's value, which EC2 limits to 256."""
ON_DEMAND_FROM = 3
"""The attempt from which on no spot capacity is asked for."""
SPOT_SHARE = 0.25
"""Of the time to launch, EMR may look for spot capacity where the profile does not say: what it then buys on-demand
has to boot in the rest of the time."""
LAST_BELT_S = 6 * 3600
"""EMR's own idle end, where the profile has none: much later than ours (60 to 604800 s)."""

MOST_TYPES = 5
"""Of a fleet without an allocation strategy."""
IDLE_END_SINCE = {5: 30, 6: 1}
"""The releases that have an auto-termination policy: 5.30, 6.1, and every later series."""

OWNER, LAUNCH = "{tidemark:owner}", "{tidemark:launch}"
"""In an argument of a step: whom the cluster is for, of an object that launched it its address; the launch's id."""

_WORDS = re.compile("|".join(map(re.escape, (OWNER, LAUNCH))))
LAUNCH_TAG = "tidemark:launch"
OWNER_TAG = "tidemark:owner"
PROFILE_TAG = "tidemark:profile"
TABLE_TAG = "tidemark:table"
"""Whose cluster it is, where an account has several tables."""
LONGEST_TAG = 256

ON_DEMAND, SPOT = "TargetOnDemandCapacity", "TargetSpotCapacity"
_NAME = re.compile(r"(?P<profile>\S.*) (?P<launch>[^\s.][^\s]*)\.(?P<attempt>[1-9][0-9]{0,2})")


def name_of(profile: str, launch_id: str, attempt: int) -> str:
    """The name of the attempt's cluster. A profile's name that is too long for EMR is cut. Raises ValueError for a
    launch id with white space, or one that is too long: it could not be read back."""
    if not launch_id or len(launch_id) > LONGEST_ID or re.search(r"\s", launch_id) or launch_id.startswith("."):
        raise ValueError(f"a launch id is 1 to {LONGEST_ID} characters without white space: {launch_id!r}")
    mark = f" {launch_id}.{attempt}"
    return f"{profile[: LONGEST_NAME - len(mark)]}{mark}"


class Bears(NamedTuple):
    """What a cluster's name tells."""

    launch_id: str
    attempt: int


def attempt_in(name: str) -> Bears | None:
    """The launch id and attempt that a cluster's name bears. A name like that may be a stranger's all the same: before
    a cluster is ended for its name, its tags are looked at."""
    found = _NAME.fullmatch(name)
    return None if found is None else Bears(found["launch"], int(found["attempt"]))


def is_ours(name: str, tags: Mapping[str, str], table: str) -> bool:
    """Whether the cluster of that name is one that was launched for this table: a name alone may be anybody's."""
    named = attempt_in(name)
    if named is None or tags.get(LAUNCH_TAG) != tag_value(f"{named.launch_id}.{named.attempt}"):
        return False
    return tags.get(TABLE_TAG, "") == tag_value(table)


def request_of(profile: ClusterProfile, launch: LaunchRow, table: str = "") -> dict[str, Any]:
    """RunJobFlow's request for the launch's present attempt.

    Attempt 1 takes the profile's markets and all its subnets; where a spot fleet has no word on it, EMR is told to
    switch to on-demand after a quarter of the profile's time to launch. Attempt 2 leaves out subnets that have failed,
    if others are left. From attempt 3 on everything is on-demand. All else passes as the profile has it, but for OWNER
    and LAUNCH in the arguments of its steps.
    """
    request = dict(profile.request)
    request["Name"] = name_of(profile.name, launch.id, launch.attempt)
    request["Tags"] = _tags(request.get("Tags", ()), launch, table)
    request["Instances"] = _instances(request.get("Instances", {}), launch, _spot_timeout_min(profile))
    own = (_step(dict(step), launch.pool) for step in launch.steps)
    steps = [_filled(step, launch) for step in (*request.pop("Steps", ()), *own)]
    if steps:
        request["Steps"] = steps
    if request["Instances"]["KeepJobFlowAliveWhenNoSteps"] and _has_idle_end(request):
        request.setdefault("AutoTerminationPolicy", {"IdleTimeout": _last_belt_s(profile)})
    return request


def keeps_protection(request: Mapping[str, Any]) -> bool:
    """Whether the profile asks for termination protection. Where it does not, and has three primary nodes, EMR itself
    has switched it on (EMR management guide, high availability), and nobody wanted it against us."""
    instances = request.get("Instances", {})
    return bool(instances.get("TerminationProtected", False)) or primaries(request) < 3


def primaries(request: Mapping[str, Any]) -> int:
    instances = request.get("Instances", {})
    fleets = [
        f.get(ON_DEMAND, 0) for f in instances.get("InstanceFleets", ()) if f.get("InstanceFleetType") == "MASTER"
    ]
    groups = [
        g.get("InstanceCount", 0) for g in instances.get("InstanceGroups", ()) if g.get("InstanceRole") == "MASTER"
    ]
    return int(sum([*fleets, *groups]) or 1)


def _spot_timeout_min(profile: ClusterProfile) -> int:
    """5 to 1440 (SpotProvisioningSpecification)."""
    return int(min(1440, max(5, SPOT_SHARE * profile.launch_timeout_s / 60)))


def _has_idle_end(request: Mapping[str, Any]) -> bool:
    found = re.match(r"emr-(\d+)\.(\d+)", request.get("ReleaseLabel", ""))
    return found is not None and int(found[1]) >= 5 and int(found[2]) >= IDLE_END_SINCE.get(int(found[1]), 0)


def _last_belt_s(profile: ClusterProfile) -> int:
    return int(min(604800, max(LAST_BELT_S, 2 * profile.idle_s)))


def _tags(given: Sequence[Mapping[str, str]], launch: LaunchRow, table: str) -> list[dict[str, str]]:
    ours = {
        LAUNCH_TAG: f"{launch.id}.{launch.attempt}",
        OWNER_TAG: launch.owner,
        PROFILE_TAG: launch.profile,
        TABLE_TAG: table,
    }
    theirs = [dict(tag) for tag in given if tag.get("Key") not in ours]
    return theirs + [{"Key": key, "Value": tag_value(value)} for key, value in ours.items() if value]


def tag_value(text: str) -> str:
    """What EC2 takes as a tag's value: letters, digits, spaces and _.:/=+-@ (EC2, tag restrictions)."""
    return re.sub(r"[^\w .:/=+\-@]", "_", text)[:LONGEST_TAG]


def _step(step: dict[str, Any], pool: bool) -> dict[str, Any]:
    """A step that fails must not end a cluster that others use."""
    return {**step, "ActionOnFailure": "CONTINUE"} if pool else step


def _filled(step: Mapping[str, Any], launch: LaunchRow) -> dict[str, Any]:
    """With the launch's own words in the place of OWNER and LAUNCH."""
    jar = step.get("HadoopJarStep", {})
    if "Args" not in jar:
        return dict(step)
    told = {OWNER: launch.owner, LAUNCH: launch.id}
    args = [_WORDS.sub(lambda found: told[found.group()], arg) for arg in jar["Args"]]
    return {**step, "HadoopJarStep": {**jar, "Args": args}}


def _instances(given: Mapping[str, Any], launch: LaunchRow, spot_timeout_min: int) -> dict[str, Any]:
    instances = dict(given)
    instances["KeepJobFlowAliveWhenNoSteps"] = launch.pool or bool(given.get("KeepJobFlowAliveWhenNoSteps", False))
    subnets = [one for one in given.get("Ec2SubnetIds", ()) if one not in launch.failed_subnets]
    if subnets and launch.attempt > 1:
        instances["Ec2SubnetIds"] = subnets
    on_demand = launch.attempt >= ON_DEMAND_FROM
    if "InstanceFleets" in given:
        instances["InstanceFleets"] = [
            _bought(fleet) if on_demand else _bid(fleet, spot_timeout_min) for fleet in given["InstanceFleets"]
        ]
    if "InstanceGroups" in given and on_demand:
        instances["InstanceGroups"] = [_bought_group(group) for group in given["InstanceGroups"]]
    return instances


def _bid(fleet: Mapping[str, Any], timeout_min: int) -> dict[str, Any]:
    """With a word on what EMR does when it finds no spot capacity."""
    if not fleet.get(SPOT) or "SpotSpecification" in fleet.get("LaunchSpecifications", {}):
        return dict(fleet)
    switch = {"TimeoutDurationMinutes": timeout_min, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}
    return {**fleet, "LaunchSpecifications": {**fleet.get("LaunchSpecifications", {}), "SpotSpecification": switch}}


def _bought(fleet: Mapping[str, Any]) -> dict[str, Any]:
    """The same units on-demand; what it says of spot stays, for the resizes that come later. More than five types need
    an allocation strategy (InstanceFleetConfig), and what was said of spot is none for on-demand."""
    if not fleet.get(SPOT):
        return dict(fleet)
    launch = dict(fleet.get("LaunchSpecifications", {}))
    if len(fleet.get("InstanceTypeConfigs", ())) > MOST_TYPES:
        launch.setdefault("OnDemandSpecification", {"AllocationStrategy": "lowest-price"})
    units = {ON_DEMAND: fleet.get(ON_DEMAND, 0) + fleet[SPOT], SPOT: 0}
    return {**fleet, **({"LaunchSpecifications": launch} if launch else {}), **units}


def _bought_group(group: Mapping[str, Any]) -> dict[str, Any]:
    """A bid price makes a group a spot group where Market does not say."""
    if group.get("Market") != "SPOT" and "BidPrice" not in group:
        return dict(group)
    bare = {k: v for k, v in group.items() if k not in {"BidPrice", "BidPriceAsPercentageOfOnDemandPrice"}}
    return {**bare, "Market": "ON_DEMAND"}
