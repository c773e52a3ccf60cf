"""Rows that follow from other rows. Pure."""

from __future__ import annotations

from agent.lifecycle.rows import ClusterProfile, ClusterRow, LaunchRow, cluster_key
from agent.lifecycle.store import CLUSTER
from agent.lifecycle.words import State


def cluster(
    launch: LaunchRow, profile: ClusterProfile | None, cluster_id: str, name: str, attempt: int, at: float
) -> ClusterRow:
    """Of a cluster that this attempt of the launch has asked for; EMR made it `at` that time, as far as we know. Its
    deadline is the launch's own, else the profile's, counted from then; without a profile the launch's own at most."""
    after_s = None if profile is None else profile.terminate_after_s
    return ClusterRow(
        key=cluster_key(cluster_id),
        name=name,
        owner=launch.owner,
        alias=launch.alias,
        profile=launch.profile,
        pool=launch.pool,
        slot=launch.slot,
        launch_id=launch.id,
        attempt=attempt,
        created_at=at,
        open=CLUSTER,
        state=State.STARTING,
        terminate_at=launch.terminate_at or (None if after_s is None else at + after_s),
    )
