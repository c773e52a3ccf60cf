"""How a cluster's end becomes a task's end: its result, or the exception by which Airflow decides about a retry."""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from agent.lifecycle.following import Following
from agent.lifecycle.outcome import Kind

Event = dict[str, Any]
"""What a trigger fires with, and the result of a task that has succeeded. JSON."""


class ClusterLost(AirflowException):
    """Nobody's fault: spot capacity, nodes or the whole cluster went away. Worth a retry."""


class ClusterFailed(AirflowException):
    """A step failed, or the cluster's time was up. It is tried again if the task has retries."""


class ClusterRefused(AirflowFailException):
    """EMR or the lifecycle refused what was asked for, and would again: no retry."""


class ClusterAborted(AirflowFailException):
    """Somebody has ended the cluster or its launch: no retry."""


def told(following: Following) -> Event:
    """What the task's result is made of; JSON."""
    launch, cluster = following.launch, following.cluster
    return {
        "kind": None if following.outcome.kind is None else following.outcome.kind.value,
        "why": following.outcome.why,
        "hopeless": following.hopeless,
        "attempts": 0 if launch is None else launch.attempt,
        "cluster_id": None if launch is None else launch.cluster_id,
        "state": None if cluster is None else cluster.state.value,
        "created_at": None if cluster is None else cluster.created_at,
        "ready_at": None if cluster is None else cluster.ready_at,
        "ended_at": None if cluster is None else cluster.ended_at,
    }


def judged(event: Event) -> Event:
    """The event of one that has SUCCEEDED; of any other the exception that tells Airflow whether to try again."""
    what = f"cluster {event['cluster_id']}" if event.get("cluster_id") else f"launch {event.get('launch_id')}"
    text = f"{what}: {event['why']}"
    match event["kind"]:
        case Kind.SUCCEEDED:
            return event
        case Kind.ABORTED:
            raise ClusterAborted(text)
        case Kind.FAILED if event.get("hopeless"):
            raise ClusterRefused(text)
        case Kind.FAILED:
            raise ClusterFailed(text)
        case _:
            raise ClusterLost(text)
