"""What the core is told of the table before it decides. Rows come by key where they name each other: an index may be
behind, and what is missing here is not known, never gone."""

from __future__ import annotations

from dataclasses import dataclass

from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobProfile, JobRow, LaunchRow, OwnerRow, SlotRow

CLOCKS_S = 1.0
"""EventBridge's times have whole seconds, and services have clocks of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """About one event."""

    cluster: ClusterRow | None = None
    launch: LaunchRow | None = None
    """The cluster's, by its row, else by its name; or the one that is asked for."""
    profile: ClusterProfile | None = None
    """Of the cluster, of the launch that is asked for, or of the job's profile."""
    job: JobRow | None = None
    """The one that the step is named after, else the one that has claimed the cluster; or the one that is asked for."""
    job_profile: JobProfile | None = None
    clusters: tuple[ClusterRow, ...] = ()
    """Of the owner."""
    launches: tuple[LaunchRow, ...] = ()
    jobs: tuple[JobRow, ...] = ()
    profiles: tuple[ClusterProfile, ...] = ()
    """All: for an object that may launch clusters."""
    owners: tuple[OwnerRow, ...] = ()
    """What is known of an end of the owner, by its name and by its alias."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """About everything that has not ended, and what that names: also launches of open clusters and of slots, clusters
    of open launches and jobs, jobs that have claimed a cluster, whether those have ended or not."""

    clusters: tuple[ClusterRow, ...] = ()
    launches: tuple[LaunchRow, ...] = ()
    jobs: tuple[JobRow, ...] = ()
    profiles: tuple[ClusterProfile, ...] = ()
    slots: tuple[SlotRow, ...] = ()
    owners: tuple[OwnerRow, ...] = ()
    """Owners of those that have ended at some time, by name and by alias."""


def over(owners: tuple[OwnerRow, ...], asked_at: float) -> OwnerRow | None:
    """The end of the owner that also ends what was asked for at that time. What is asked for later is of its next
    life: a pipeline that runs every night has one name."""
    ends = [one for one in owners if asked_at <= one.ended_at + CLOCKS_S]
    return max(ends, key=lambda one: one.ended_at, default=None)
