"""The operations on steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.sandbox.emr import shapes
from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.context import Context, Request, page
from agent.sandbox.emr.refusals import invalid_request, shut_down, validation
from agent.sandbox.emr.states import StepState
from agent.sandbox.emr.steps import Step

MAX_ACTIVE_STEPS = 256
MAX_STEP_IDS = 10
"""In one ListSteps."""


def add_job_flow_steps(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.job_flow(request["JobFlowId"])
    if cluster.state.ending:
        raise shut_down()
    active = sum(step.state.active for step in cluster.steps.steps)
    if active + len(request["Steps"]) > MAX_ACTIVE_STEPS:
        raise validation(f"Maximum number of active steps({MAX_ACTIVE_STEPS}) for cluster exceeded.")
    cluster.steps.check(request["Steps"])
    steps = [Step(config, context.now) for config in request["Steps"]]
    cluster.steps.steps.extend(steps)
    return {"StepIds": [step.id for step in steps]}


def describe_step(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.cluster(request["ClusterId"])
    step = _steps(cluster).get(request["StepId"])
    if step is None:
        raise invalid_request(f"Step id '{request['StepId']}' is not valid.")
    return {"Step": shapes.step(step, context.step_log(step.id))}


def list_steps(context: Context, request: Request) -> Mapping[str, Any]:
    """The newest first, as EMR does."""
    cluster = context.emr.cluster(request["ClusterId"])
    states, ids = request.get("StepStates"), request.get("StepIds")
    if ids and len(ids) > MAX_STEP_IDS:
        raise invalid_request(f"At most {MAX_STEP_IDS} step ids can be asked for in one request.")
    chosen = [
        shapes.step(step, context.step_log(step.id))
        for step in reversed(cluster.steps.steps)
        if (not states or step.state in states) and (not ids or step.id in ids)
    ]
    return page("Steps", chosen, request, context.page_size)


def cancel_steps(context: Context, request: Request) -> Mapping[str, Any]:
    cluster = context.emr.cluster(request["ClusterId"])
    hard = request.get("StepCancellationOption") == "TERMINATE_PROCESS"
    return {"CancelStepsInfoList": [_cancel(context, cluster, step_id, hard) for step_id in request["StepIds"]]}


def _cancel(context: Context, cluster: Cluster, step_id: str, hard: bool) -> Mapping[str, Any]:
    step = _steps(cluster).get(step_id)
    if step is None:
        return {"StepId": step_id, "Status": "FAILED", "Reason": f"Step {step_id} does not exist."}
    if step.state not in {StepState.PENDING, StepState.RUNNING, StepState.CANCEL_PENDING}:
        return {"StepId": step_id, "Status": "FAILED", "Reason": f"Step {step_id} is in state {step.state}."}
    context.emr.order(cluster.steps.cancel(step, hard, context.now))
    return {"StepId": step_id, "Status": "SUBMITTED"}


def _steps(cluster: Cluster) -> Mapping[str, Step]:
    return {step.id: step for step in cluster.steps.steps}
