"""Whether EMR has steps to do: one probe of the idle watchdog."""

from __future__ import annotations

from typing import Any

from agent.aws.emr_calls import first_page
from agent.domain.faults import Fault
from agent.domain.observation import Evidence
from agent.domain.ports import Clock

PROBE = "steps"
ACTIVE = ("PENDING", "RUNNING", "CANCEL_PENDING")
"""The states of a step that is not over (StepState)."""


class StepsProbe:
    """A Probe. One ListSteps a call."""

    def __init__(self, client: Any, cluster_id: str, clock: Clock) -> None:
        self._client = client
        self._cluster_id = cluster_id
        self._clock = clock

    def __call__(self) -> Evidence:
        """Busy with an active step, one that runs before one that waits its turn, and when EMR does not answer. A step
        need not be a YARN application: a shell step, or one that waits its turn, shows nowhere else."""
        request = {"ClusterId": self._cluster_id, "StepStates": list(ACTIVE)}
        try:
            steps = first_page(self._client, "list_steps", "Steps", **request)
        except Fault as error:
            return Evidence(probe=PROBE, busy=True, detail=f"cannot tell: {error}", at=self._clock())
        if not steps:
            return Evidence(probe=PROBE, busy=False, detail="no active step", at=self._clock())
        step = min(steps, key=lambda each: each["Status"]["State"] == "PENDING")
        detail = f"step {step['Id']} ({step['Name']}) is {step['Status']['State']}"
        return Evidence(probe=PROBE, busy=True, detail=detail, at=self._clock())
