"""What the lifecycle's table wants of this cluster: the answer to the agent's heartbeat."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """There are such where a table is configured, though it may never have answered."""

    heard_at: float | None = None
    """When the heartbeat that brought them was sent, Unix seconds; None: none has been answered since the start."""
    terminate_at: float | None = None
    """The cluster's hard deadline, Unix seconds. Once heard it holds until another is heard."""
    end_reason: str | None = None
    """Why the cluster is to end, in the table's word; None: nobody has decided that it is."""
    end_why: str = ""
    claim: str | None = None
    """The job that has been given this cluster; with one it is not ended for want of work."""
    drain: str | None = None
    """Why the cluster is to end as soon as nothing is left to do on it; None: it need not."""
