"""The plan of one pool: which jobs get which clusters, and whether there should be more clusters or fewer. Pure.

What it is given comes from indexes, which may be behind, and several planners may look at once. So a plan is a
proposal: a claim is one condition on cluster and job, a launch takes its place in the pool by one condition on the
slot, an end is refused for a cluster that was claimed meanwhile. Whoever finds that somebody was faster plans again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from agent.lifecycle.acts import Act, Claim, End, Wish
from agent.lifecycle.jobs import has_waited_too_long
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobRow, LaunchRow, SlotRow, launch_key
from agent.lifecycle.words import READY, EndReason, JobState, LaunchState, Phase
from agent.settings_lifecycle import LifecycleSettings

LAUNCH = "LAUNCH"


def plan(
    profile: ClusterProfile,
    clusters: Collection[ClusterRow],
    launches: Collection[LaunchRow],
    jobs: Collection[JobRow],
    slots: Collection[SlotRow],
    now: float,
    settings: LifecycleSettings,
) -> tuple[Act, ...]:
    """Claims, then launches, then ends. All rows are the profile's: clusters and launches of its pool that have not
    ended, jobs that wait, places that are taken.

    - Free clusters go to jobs by priority, then age. The claims are in that order. When one fails because somebody has
      the cluster, those behind it belong to the next plan: a less urgent job must not pass a more urgent one.
    - A launch is wished for each job that neither a free cluster nor one that is coming will take, and for what lacks
      of the minimum, in the lowest places of the pool that nobody has.
    - A cluster beyond the minimum that has been free for longer than `idle_s` is ended, the longest first; one beyond
      a maximum that was lowered at once. As long as a job could have it, it is not.
    """
    pool = _Pool.of(profile, clusters, launches, now, settings)
    waiting = sorted(_waiting(jobs, now), key=lambda job: job.rank or "")
    claims = [
        Claim(job_id=job.id, cluster_id=cluster.id)
        for job, cluster in zip(waiting, pool.free[: pool.may_claim], strict=False)
    ]
    without = len(waiting) - len(claims)
    wanted = max(without - len(pool.coming), profile.minimum - pool.present)
    wishes = [_wish(profile, number, now) for number in _places(profile, launches, slots, wanted)]
    taken = {claim.cluster_id for claim in claims}
    left = [cluster for cluster in pool.idle if cluster.id not in taken]
    return (*claims, *wishes, *_ends(profile, pool, left, now))


def launch_id_of(profile: str, number: int, now: float) -> str:
    """Of a launch for a place of the pool at a time, in milliseconds: two planners at one instant make the same one,
    and of two at different instants only one gets the place."""
    return f"{profile}-{number}-{int(now * 1000):x}"


def owner_of(profile: str) -> str:
    """Who a pool's clusters are launched for: nobody but the pool."""
    return f"pool/{profile}"


@dataclass(frozen=True, slots=True)
class _Pool:
    free: tuple[ClusterRow, ...]
    """A job may have them, the one that was used last first: those that are too many stay free, and are ended."""
    idle: tuple[ClusterRow, ...]
    """Nobody has them, fresh or not, free for the longest first."""
    claimed: int
    coming: frozenset[str]
    """Launches whose cluster is not ready yet."""
    maximum: int

    @property
    def ready(self) -> int:
        return len(self.idle) + self.claimed

    @property
    def present(self) -> int:
        return self.ready + len(self.coming)

    @property
    def may_claim(self) -> int:
        """A maximum that was lowered holds for the clusters at work."""
        return max(0, self.maximum - self.claimed)

    @classmethod
    def of(
        cls,
        profile: ClusterProfile,
        clusters: Collection[ClusterRow],
        launches: Collection[LaunchRow],
        now: float,
        settings: LifecycleSettings,
    ) -> _Pool:
        live = [one for one in clusters if not one.ended and one.end_reason is None and one.phase is not Phase.ENDING]
        idle = [one for one in live if one.phase is Phase.IDLE and one.claim is None]
        idle.sort(key=lambda one: (one.idle_since or now, one.id))
        free = [one for one in reversed(idle) if _is_free(one, now, settings)]
        claimed = sum(one.phase is not Phase.LAUNCHING for one in live) - len(idle)
        coming = _coming(profile, clusters, launches, now)
        return cls(tuple(free), tuple(idle), claimed, coming, profile.maximum)


def _is_free(cluster: ClusterRow, now: float, settings: LifecycleSettings) -> bool:
    """EMR has it ready, it does not drain, its time is not up, and its agent, if any, has been heard of lately."""
    beat, deadline = cluster.heartbeat_at, cluster.terminate_at
    fresh = beat is None or beat > now - settings.heartbeat_lost_s
    return fresh and cluster.state in READY and cluster.drain is None and (deadline is None or deadline > now)


def _coming(
    profile: ClusterProfile, clusters: Collection[ClusterRow], launches: Collection[LaunchRow], now: float
) -> frozenset[str]:
    """By launch id: a launch and its cluster are one, whichever of the two has been seen."""
    rows = {one.launch_id: one for one in clusters if one.launch_id is not None}
    starting = {
        one.launch_id or one.id
        for one in clusters
        if one.phase is Phase.LAUNCHING and not one.ended and one.end_reason is None
    }
    asked = {
        one.id
        for one in launches
        if one.state in {LaunchState.ASKED, LaunchState.CLAIMED}
        or (one.state is LaunchState.LAUNCHED and one.id not in rows and _may_still_come(one, profile, now))
    }
    return frozenset(starting | asked)


def _may_still_come(launch: LaunchRow, profile: ClusterProfile, now: float) -> bool:
    """Its cluster is not to be seen: the index is behind, or it has ended and nobody has closed the launch."""
    return (launch.claimed_at or launch.created_at) > now - profile.launch_timeout_s


def _waiting(jobs: Collection[JobRow], now: float) -> list[JobRow]:
    """For one that has waited too long no cluster is launched: the sweep fails it."""
    return [one for one in jobs if one.state is JobState.QUEUED and not has_waited_too_long(one, now)]


def _places(
    profile: ClusterProfile, launches: Collection[LaunchRow], slots: Collection[SlotRow], wanted: int
) -> list[int]:
    """So many places of the pool, if there are, that nobody has, the lowest first: 1 is the first. Places beyond a
    maximum that was lowered count as long as they are taken."""
    taken = {one.number for one in slots} | {one.slot for one in launches if one.slot is not None}
    room = max(0, profile.maximum - len(taken))
    free = (number for number in range(1, profile.maximum + 1) if number not in taken)
    return list(islice(free, max(0, min(room, wanted))))


def _wish(profile: ClusterProfile, number: int, now: float) -> Wish:
    launch_id = launch_id_of(profile.name, number, now)
    launch = LaunchRow(
        key=launch_key(launch_id),
        owner=owner_of(profile.name),
        profile=profile.name,
        state=LaunchState.ASKED,
        open=LAUNCH,
        created_at=now,
        pool=True,
        slot=number,
    )
    return Wish(launch=launch)


def _ends(profile: ClusterProfile, pool: _Pool, left: Sequence[ClusterRow], now: float) -> list[End]:
    """`left`: clusters that nobody gets by this plan, free for the longest first."""
    beyond = max(0, pool.ready - profile.maximum)
    ends = [
        End(cluster_id=one.id, reason=EndReason.SURPLUS, why=f"the pool may have {profile.maximum} clusters")
        for one in left[:beyond]
    ]
    spare = pool.ready - len(ends) - profile.minimum
    for one in left[beyond:]:
        free_s = now - one.idle_since if one.idle_since is not None else 0.0
        if spare <= 0 or free_s <= profile.idle_s:
            continue
        spare -= 1
        told = f"free for {free_s:.0f} s, and {profile.minimum} of {pool.ready} clusters are kept"
        ends.append(End(cluster_id=one.id, reason=EndReason.SURPLUS, why=told))
    return ends
