"""The watchdog, the deadline and the notice before either."""

from __future__ import annotations

from typing import Any

import pytest

from agent.domain.decisions import Decision, Hold, Terminate
from agent.domain.observation import History, Observation
from agent.policy import busy, deadline, idle
from agent.policy.consider import consider
from agent.policy.ending import ends_at
from agent.policy.guards import GUARDS
from agent.policy.reasons import Why
from tests.policy.build import NOW, app, cluster, evidence, history, node, observation, reading, settings, signal

IDLE = {"after_s": 3600, "notice_s": 300}


def says(seen: Observation, **changed: Any) -> Decision:
    (said,) = idle.decide(seen, settings(idle={**IDLE, **changed}))
    return said


def noticed(since: float, at: float) -> History:
    return history(idle_since=since, notified_of=since, notified_at=at)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (history(manager_answered_at=None), Why.GRACE),
        (history(manager_answered_at=NOW - 899), Why.GRACE),
        (history(), Why.BUSY),
        (history(idle_since=NOW - 3599), Why.IDLE_COUNTING),
        (history(idle_since=NOW - 3600), None),
    ],
)
def test_it_ends_only_after_grace_and_idleness(told: History, code: Why | None) -> None:
    said = says(observation(history=told))
    if code is None:
        assert isinstance(said, Terminate)
    else:
        assert isinstance(said, Hold)
        assert said.because[-1].code == code


def test_the_reasons_name_the_busy_probe_or_list_the_evidence() -> None:
    busy = says(observation(evidence=evidence(steps=True)))
    assert busy.because[0].text == "steps: as told"
    idle_for_long = says(observation(history=noticed(NOW - 4000, NOW - 400)))
    for probe in ("applications", "steps", "resize", "isbusy"):
        assert f"{probe}: " in idle_for_long.because[0].text
    assert "idle for 4000 s of 3600 s, since 1970-01-12 12:40:00 UTC (" in idle_for_long.because[0].text


def test_it_says_nothing_while_it_is_off() -> None:
    assert idle.decide(observation(), settings(idle={"enabled": False})) == ()
    assert deadline.decide(observation(), settings()) == ()


@pytest.mark.parametrize(
    ("age", "told", "code"),
    [
        (7199, history(), Why.DEADLINE_AHEAD),
        (7200, history(), None),
    ],
)
def test_the_deadline_counts_from_the_clusters_creation(age: float, told: History, code: Why | None) -> None:
    """It does not need the watchdog to be on."""
    seen = observation(cluster=cluster(created_at=NOW - age), history=told)
    (said,) = deadline.decide(seen, settings(idle={"enabled": False, "terminate_after_s": 7200}))
    assert said.because[-1].code == (code or Why.DEADLINE)
    assert isinstance(said, Terminate) is (code is None)


@pytest.mark.parametrize(
    ("idle_for", "changed", "due"),
    [
        (3299, {}, False),
        (3300, {}, True),
        (0, {"after_s": 60}, True),
        (3600, {"notice_s": 0}, True),
        (3599, {"notice_s": 0}, False),
    ],
)
def test_the_notice_is_due_its_time_before_the_end_or_at_once(
    idle_for: float, changed: dict[str, Any], due: bool
) -> None:
    """Shorter idleness than notice: the notice goes as soon as idleness is counted."""
    seen = observation(history=history(idle_since=NOW - idle_for))
    considered = consider(seen, settings(idle={**IDLE, **changed}), GUARDS)
    assert (considered.notice is not None) is due
    assert considered.observation.history.notified_at == (NOW if due else None)


def test_a_notice_gets_its_full_time_and_without_one_the_end_comes_at_once() -> None:
    told = settings(idle={"after_s": 60, "notice_s": 300})
    assert ends_at(observation(history=noticed(NOW - 100, NOW - 100)), told) == NOW + 200
    at_once = consider(
        observation(history=history(idle_since=NOW - 60)), settings(idle={"after_s": 60, "notice_s": 0}), GUARDS
    )
    assert isinstance(at_once.decision, Terminate)


def test_one_notice_an_end() -> None:
    considered = consider(observation(history=noticed(NOW - 3400, NOW - 100)), settings(idle=IDLE), GUARDS)
    assert considered.notice is None


@pytest.mark.parametrize(
    "changed",
    [{"cluster": cluster(termination_protected=True)}, {"cluster": cluster(foreign_scaler="managed scaling policy")}],
)
def test_no_notice_goes_out_of_an_end_that_would_be_held(changed: dict[str, Any]) -> None:
    seen = observation(history=history(idle_since=NOW - 3600), **changed)
    assert consider(seen, settings(idle=IDLE), GUARDS).notice is None


def test_an_idle_protected_cluster_is_held_with_the_reason_and_still_shrinks() -> None:
    rules_ripe = {"idle_since": NOW - 9000, "notified_of": NOW - 9000, "notified_at": NOW - 900}
    told = history(**rules_ripe, breaching_since={"in": NOW - 400})
    seen = observation(signals={"Free": signal(90)}, cluster=cluster(termination_protected=True), history=told)
    considered = consider(seen, settings(idle=IDLE), GUARDS)
    assert isinstance(considered.wanted, Terminate)
    assert getattr(considered.decision, "target", None) == 7
    assert any("termination protection" in reason.text for reason in considered.decision.because)
    held = consider(observation(cluster=cluster(termination_protected=True), history=told), settings(idle=IDLE), GUARDS)
    assert isinstance(held.decision, Hold)
    assert Why.PROTECTED in [reason.code for reason in held.decision.because]


def test_a_deadline_ends_a_busy_cluster() -> None:
    told = history(notified_of=NOW - 10, notified_at=NOW - 310)
    seen = observation(
        cluster=cluster(created_at=NOW - 7210), reading=reading(applications=(app(),)), evidence=(), history=told
    )
    considered = consider(seen, settings(idle={**IDLE, "terminate_after_s": 7200}), GUARDS)
    assert isinstance(considered.decision, Terminate)
    assert considered.decision.because[0].code == Why.DEADLINE


@pytest.mark.parametrize(
    ("contradiction", "word"),
    [
        ({"containers_pending": 2}, "2 containers are pending"),
        ({"nodes": (node("core-1", 1024.0),)}, "1 nodes hold work"),
    ],
)
def test_an_empty_list_of_applications_beside_work_is_contradictory_and_so_busy(
    contradiction: dict[str, Any], word: str
) -> None:
    """As of a list that an access control list has filtered."""
    seen = observation(reading=reading(applications=(), **contradiction))
    (found,) = [one for one in busy.verdicts(seen, settings()) if one.probe == busy.APPLICATIONS]
    assert found.busy and word in found.detail
