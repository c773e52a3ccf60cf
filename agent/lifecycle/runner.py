"""Runs a job as a step of the cluster that it has claimed. A crash between adding the step and writing it down does
not run the job twice: only one at a time may add, and who takes that over looks for the step by its name first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.aws.emr_calls import ask, ask_once
from agent.domain.faults import NotTakenFault, TransientFault
from agent.domain.ports import Clock
from agent.lifecycle.budget import Spender
from agent.lifecycle.events import StepChanged
from agent.lifecycle.rows import JobRow
from agent.lifecycle.store import CLAIM_LEASE_S, Store

CLOCKS_S = 300.0
"""So far EMR's clock and ours may be apart: no step of a claim is older than it by more."""
GONE = frozenset({"COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"})
"""States in which there is nothing to cancel (StepState)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRunner:
    """The lifecycle's Runner. `client` makes one attempt a call: each is paid for, and a lost answer to AddJobFlowSteps
    may have been a yes."""

    store: Store
    client: Any
    budget: Spender
    clock: Clock
    count: Callable[[str], None]

    def run(self, job: JobRow) -> str | None:
        if job.cluster_id is None or job.step_id is not None:
            return job.step_id
        now = self.clock()
        taken_over = job.adding_at is not None
        if job.adding_at is not None and job.adding_at > now - CLAIM_LEASE_S:
            self._not_now("being-added")
            return None
        adding = self.store.adding(job, now)
        if adding is None:
            self._not_now("being-added")
            return None
        if taken_over:
            step_id, looked = self._find(adding)
            if not looked:
                self.store.not_added(adding, job.adding_at)
            if step_id is not None or not looked:
                return step_id
        return self._add(adding)

    def look(self, job: JobRow) -> StepChanged | None:
        """EMR's word on the job's step, as if it had been told of it. None: it has none, or our share of the quota is
        used up. Raises Fault."""
        if job.cluster_id is None or job.step_id is None or not self._may("DescribeStep"):
            return None
        request = {"ClusterId": job.cluster_id, "StepId": job.step_id}
        step = ask("DescribeStep", self.client.describe_step, **request)["Step"]
        status, times = step["Status"], step["Status"].get("Timeline", {})
        at: datetime | None = times.get("EndDateTime") or times.get("StartDateTime")
        return StepChanged(
            cluster_id=job.cluster_id,
            step_id=job.step_id,
            name=step["Name"],
            state=status["State"],
            at=at.timestamp() if at is not None else self.clock(),
            message=str(status.get("FailureDetails", {}).get("Reason", "")),
        )

    def cancel(self, job: JobRow) -> None:
        """A step that has ended is no fault. A step that may have been added and is not written down is looked for."""
        if job.cluster_id is None:
            return
        step_id = job.step_id
        if step_id is None and job.adding_at is not None:
            step_id, looked = self._find(job)
            if not looked:
                raise NotTakenFault("ListSteps: our share of the quota is used up")
        if step_id is None:
            return
        if not self._may("CancelSteps"):
            raise NotTakenFault("CancelSteps: our share of the quota is used up")
        ask("CancelSteps", self.client.cancel_steps, ClusterId=job.cluster_id, StepIds=[step_id])
        self.count("StepsCancelled")

    def _add(self, job: JobRow) -> str | None:
        """With the sole right to add. What surely did not come about gives the right back."""
        step = {"Name": job.step_name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": dict(job.step)}
        try:
            if not self._may("AddJobFlowSteps"):
                self.store.not_added(job)
                return None
            request = {"JobFlowId": job.cluster_id, "Steps": [step]}
            answer = ask_once("AddJobFlowSteps", self.client.add_job_flow_steps, **request)
        except NotTakenFault:
            self.store.not_added(job)
            self._not_now("throttled")
            return None
        except TransientFault:
            # it may have been added: whoever comes when the right has run out looks first
            raise
        self.count("StepsAdded")
        return str(answer["StepIds"][0])

    def _find(self, job: JobRow) -> tuple[str | None, bool]:
        """The step of the job's present attempt, and whether all pages that could hold it were looked at."""
        since = (job.claimed_at or job.created_at) - CLOCKS_S
        for page in self._pages(job):
            if page is None:
                return None, False
            for step in page:
                if step["Name"] == job.step_name:
                    self.count("StepsFound")
                    return str(step["Id"]), True
            created = [step["Status"].get("Timeline", {}).get("CreationDateTime") for step in page]
            if any(one is not None and one.timestamp() < since for one in created):
                break
        return None, True

    def _pages(self, job: JobRow) -> Iterator[list[Any] | None]:
        """The newest steps first (ListSteps); None where our share of the quota ends."""
        marker: dict[str, str] = {}
        while True:
            if not self._may("ListSteps"):
                yield None
                return
            answer = ask("ListSteps", self.client.list_steps, ClusterId=job.cluster_id, **marker)
            yield answer.get("Steps", [])
            if "Marker" not in answer:
                return
            marker = {"Marker": answer["Marker"]}

    def _may(self, operation: str) -> bool:
        if self.budget.spend(operation, self.clock()):
            return True
        self._not_now("quota")
        return False

    def _not_now(self, because: str) -> None:
        self.count(f"StepsPostponed.{because}")
