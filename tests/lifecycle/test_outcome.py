"""The table of outcomes, line by line."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from agent.lifecycle.outcome import ALIVE, Kind, outcome
from agent.lifecycle.rows import ClusterRow, cluster_key
from agent.lifecycle.words import ENDED, LOST, PLANNED, EndReason, Phase, State

CODES = (
    "ALL_STEPS_COMPLETED",
    "USER_REQUEST",
    "STEP_FAILURE",
    "INSTANCE_FAILURE",
    "INSTANCE_FLEET_TIMEOUT",
    "INTERNAL_ERROR",
    "BOOTSTRAP_FAILURE",
    "VALIDATION_ERROR",
)
ERRORS, WELL = State.TERMINATED_WITH_ERRORS, State.TERMINATED


def ended(state: State, code: str | None, **more: Any) -> ClusterRow:
    return ClusterRow(
        key=cluster_key("j-1"), state=state, reason_code=code, phase=Phase.ENDED, **{"attempt": 1, **more}
    )


def of(reason: EndReason, **more: Any) -> dict[str, Any]:
    return {"end_reason": reason, "end_why": "because", **more}


STEP = {"failed_step": "s-1"}
TABLE: list[tuple[State, str | None, dict[str, Any], Kind, bool]] = [
    # all its steps are through
    (WELL, "ALL_STEPS_COMPLETED", {}, Kind.SUCCEEDED, False),
    (WELL, "ALL_STEPS_COMPLETED", STEP, Kind.FAILED, False),
    (WELL, "ALL_STEPS_COMPLETED", of(EndReason.IDLE), Kind.SUCCEEDED, False),
    (WELL, "ALL_STEPS_COMPLETED", of(EndReason.TERMINATE_AFTER), Kind.SUCCEEDED, False),
    # planned ends
    (WELL, "USER_REQUEST", of(EndReason.IDLE), Kind.SUCCEEDED, False),
    (WELL, "USER_REQUEST", of(EndReason.SURPLUS), Kind.SUCCEEDED, False),
    (WELL, "USER_REQUEST", of(EndReason.OWNER_DONE), Kind.SUCCEEDED, False),
    (WELL, "USER_REQUEST", of(EndReason.OWNER_DONE, **STEP), Kind.SUCCEEDED, False),
    (WELL, "USER_REQUEST", of(EndReason.OWNER_DONE, claim="job-1"), Kind.FAILED, False),
    (WELL, "USER_REQUEST", of(EndReason.IDLE, **STEP), Kind.FAILED, False),
    (WELL, "USER_REQUEST", of(EndReason.SURPLUS, pool=True, **STEP), Kind.SUCCEEDED, False),
    (ERRORS, "INSTANCE_FAILURE", of(EndReason.IDLE), Kind.SUCCEEDED, False),
    # ends for a fault
    (WELL, "USER_REQUEST", of(EndReason.TERMINATE_AFTER), Kind.FAILED, False),
    (WELL, "USER_REQUEST", of(EndReason.ORPHAN), Kind.FAILED, False),
    (WELL, "USER_REQUEST", of(EndReason.TWIN), Kind.FAILED, False),
    (WELL, "USER_REQUEST", of(EndReason.OWNER_FAILED), Kind.FAILED, False),
    (WELL, "USER_REQUEST", of(EndReason.ZERO_CORE), Kind.LOST, True),
    (WELL, "USER_REQUEST", of(EndReason.ZERO_MASTER), Kind.LOST, True),
    (WELL, "USER_REQUEST", of(EndReason.HEARTBEAT_LOST), Kind.LOST, True),
    (WELL, "USER_REQUEST", of(EndReason.LAUNCH_TIMEOUT), Kind.LOST, True),
    (ERRORS, "INTERNAL_ERROR", of(EndReason.ZERO_CORE), Kind.LOST, True),
    # ends by people
    (WELL, "USER_REQUEST", {}, Kind.ABORTED, False),
    (WELL, "USER_REQUEST", of(EndReason.BY_HAND), Kind.ABORTED, False),
    (WELL, "USER_REQUEST", of(EndReason.OWNER_GONE), Kind.ABORTED, False),
    (WELL, None, {}, Kind.ABORTED, False),
    # the job's own fault
    (ERRORS, "STEP_FAILURE", {}, Kind.FAILED, False),
    (ERRORS, "STEP_FAILURE", of(EndReason.OWNER_DONE), Kind.FAILED, False),
    # nobody's fault
    (ERRORS, "INSTANCE_FAILURE", {}, Kind.LOST, True),
    (ERRORS, "INSTANCE_FLEET_TIMEOUT", {}, Kind.LOST, True),
    (ERRORS, "INTERNAL_ERROR", {}, Kind.LOST, True),
    (ERRORS, "INTERNAL_ERROR", of(EndReason.OWNER_GONE), Kind.ABORTED, False),
    (ERRORS, "INSTANCE_FLEET_TIMEOUT", of(EndReason.OWNER_GONE), Kind.LOST, False),
    (ERRORS, "BOOTSTRAP_FAILURE", {}, Kind.LOST, True),
    (ERRORS, "BOOTSTRAP_FAILURE", {"attempt": 2}, Kind.FAILED, False),
    (ERRORS, "BOOTSTRAP_FAILURE", of(EndReason.BY_HAND), Kind.LOST, False),
    # a request that was refused, or could not be met
    (ERRORS, "VALIDATION_ERROR", {}, Kind.FAILED, False),
    (ERRORS, "VALIDATION_ERROR/VALIDATION_ERROR_SUBNET_NOT_FOUND", {}, Kind.FAILED, False),
    (ERRORS, "VALIDATION_ERROR/insufficient capacity", {}, Kind.LOST, True),
    (ERRORS, "VALIDATION_ERROR/INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ", {}, Kind.LOST, True),
    (ERRORS, "VALIDATION_ERROR/INTERNAL_ERROR_SPOT_NO_CAPACITY_PRIMARY", {}, Kind.LOST, True),
    # what EMR may say some day
    (ERRORS, "NEW_CODE", {}, Kind.FAILED, False),
    (WELL, "NEW_CODE", {}, Kind.ABORTED, False),
]


@pytest.mark.parametrize(("state", "code", "more", "kind", "retry"), TABLE)
def test_every_line(state: State, code: str | None, more: dict[str, Any], kind: Kind, retry: bool) -> None:
    found = outcome(ended(state, code, **more))
    assert (found.kind, found.retry) == (kind, retry)
    assert found.why


def test_every_code_and_every_reason_has_its_line() -> None:
    assert {(code or "").partition("/")[0] for _, code, *_ in TABLE} >= set(CODES)
    assert {more["end_reason"] for _, _, more, *_ in TABLE if "end_reason" in more} == set(EndReason)


@pytest.mark.parametrize("state", [state for state in State if state not in ENDED])
def test_a_cluster_that_is_alive_has_none_whatever_we_want_of_it(state: State) -> None:
    alive = ClusterRow(key=cluster_key("j-1"), state=state, phase=Phase.ENDING, end_reason=EndReason.OWNER_DONE)
    assert outcome(alive) == ALIVE


@pytest.mark.parametrize(("code", "reason"), list(product([None, *CODES], EndReason)))
def test_what_somebody_wanted_ended_is_never_tried_again(code: str | None, reason: EndReason) -> None:
    for state, attempt in product(ENDED, (1, 2)):
        found = outcome(ended(state, code, end_reason=reason, attempt=attempt))
        assert not found.retry or reason in LOST
        assert found.kind is not Kind.SUCCEEDED or reason in PLANNED or code == "ALL_STEPS_COMPLETED"


@pytest.mark.parametrize("code", [None, *CODES])
def test_only_what_is_lost_is_tried_again(code: str | None) -> None:
    for state, reason in product(ENDED, [None, *EndReason]):
        found = outcome(ended(state, code, end_reason=reason))
        assert found.kind is Kind.LOST or not found.retry


def test_the_words_name_the_step_and_our_reason() -> None:
    assert "s-1" in outcome(ended(WELL, "ALL_STEPS_COMPLETED", failed_step="s-1")).why
    found = outcome(ended(WELL, "USER_REQUEST", end_reason=EndReason.ZERO_CORE, end_why="no core node since 300 s"))
    assert "zero-core" in found.why and "no core node since 300 s" in found.why
