"""What the agent may be allowed or not: its capabilities, and a right that AWS has denied it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Capability(StrEnum):
    """What falls away alone when a right is missing; the rest goes on."""

    PUBLISH = "publish"
    """Without it metrics stay on the node."""
    OBSERVE = "observe"
    """Without it nothing is resized and nothing ended: the views of EMR grow old."""
    STEPS = "steps"
    """Without it an idle cluster is not ended: a step may be waiting."""
    RESIZE = "resize"
    TERMINATE = "terminate"
    PRICES = "prices"
    """Without it a task fleet under `fleet.max_usd_per_hour` does not grow, and `tidemark quote` cannot tell."""
    STREAMS = "streams"
    """Without it rules on the lag of Kinesis streams hold."""
    NOTIFY = "notify"
    """Without it notices are only in the log."""
    ALARMS = "alarms"
    """Without it the alarms of a cluster stay when it has ended, and cost."""
    LIFECYCLE = "lifecycle"
    """Without it the table hears nothing of this cluster, and the agent nothing of what is wanted of it."""
    ACTIONS = "actions"
    """Without it no alarm's notice is heard: people and policies act alone."""
    INSTALL = "install"
    """What `install.sh` does on the node, not the running agent."""
    DIAGNOSE = "diagnose"
    """What only `tidemark doctor` looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRight:
    """AWS has denied an operation, and has not allowed it since."""

    capability: Capability
    operation: str
    action: str
    """The IAM action, such as `elasticmapreduce:ListSteps`."""
    sid: str
    """The statement of `bootstrap/iam-policy.json` that gives it."""
    since: float
    retry_at: float
    """Not worth asking for again before, Unix seconds."""

    @property
    def text(self) -> str:
        return f"{self.action} is denied: add the statement {self.sid} of iam-policy.json"
