"""Executions of Step Functions that wait for a job with a task token: they are told of its end, and that it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agent.aws.errors import AWS_ERRORS, code_of, fault
from agent.lifecycle.rows import JobRow
from agent.lifecycle.words import JobState

GONE = frozenset({"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"})
"""The execution waits no longer: it has timed out, was aborted, or has been told before (SendTaskSuccess, errors)."""
ERRORS = {
    JobState.FAILED: "Tidemark.JobFailed",
    JobState.CANCELLED: "Tidemark.JobCancelled",
    JobState.REJECTED: "Tidemark.JobRejected",
}
"""By which a state machine's Catch and Retry tell them apart."""
LONGEST_CAUSE = 32768
"""Characters (SendTaskFailure)."""


class StepFunctionsTokens:
    """Over a boto3 client for Step Functions. Raises Fault when an execution that waits could not be told."""

    def __init__(self, client: Callable[[], Any], count: Callable[[str], None]) -> None:
        self._client = client
        self._count = count

    def ended(self, job: JobRow) -> None:
        if job.task_token is None:
            return
        if job.state is JobState.SUCCEEDED:
            output = json.dumps({"job": job.id, "cluster_id": job.cluster_id, "step_id": job.step_id})
            self._tell("send_task_success", taskToken=job.task_token, output=output)
            return
        told = {"error": ERRORS[job.state], "cause": _cause(job)}
        self._tell("send_task_failure", taskToken=job.task_token, **told)

    def still_runs(self, job: JobRow) -> None:
        if job.task_token is not None:
            self._tell("send_task_heartbeat", taskToken=job.task_token)

    def _tell(self, operation: str, **request: Any) -> None:
        try:
            getattr(self._client(), operation)(**request)
        except AWS_ERRORS as error:
            if code_of(error) not in GONE:
                raise fault(error, operation) from error
            self._count("TaskTokensGone")


class NoTokens:
    """Where no execution can wait."""

    def ended(self, job: JobRow) -> None:
        pass

    def still_runs(self, job: JobRow) -> None:
        pass


def _cause(job: JobRow) -> str:
    why = "; ".join(job.why) or "no reason is known"
    return f"job {job.id}: {why}"[:LONGEST_CAUSE]
