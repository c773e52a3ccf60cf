"""What holds whatever the observation."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from agent.domain.decisions import Decision, Hold, Resize, Terminate
from agent.domain.observation import Observation
from agent.policy.consider import consider
from agent.policy.guards import GUARDS, Guard
from agent.policy.reasons import Why
from agent.settings import Settings
from agent.settings_policy import SHORTAGE
from tests.policy.build import IN, NOW, app, cluster, evidence, fleet, history, observation, reading, settings, signal
from tests.policy.strategies import any_settings, decisions, observations

OLD = st.floats(1000, 1e6) | st.floats(-1e6, -1000)
"""Ages past every limit of the default settings, on either side."""


@effort(max_examples=400)
@given(observations, any_settings)
def test_no_decision_leaves_the_limits(seen: Observation, told: Settings) -> None:
    """A target outside of them already only ever comes nearer."""
    decision = consider(seen, told, GUARDS).decision
    if isinstance(decision, Resize):
        assert seen.fleet is not None
        assert decision.current == seen.fleet.target
        if decision.scales_out:
            assert decision.target <= told.fleet.max_capacity_units
        elif decision.rule == SHORTAGE:
            assert decision.target >= seen.fleet.provisioned, "an answer to a shortage takes nothing away"
        else:
            assert decision.target >= told.fleet.min_capacity_units


@effort(max_examples=400)
@given(observations, decisions, any_settings, st.sampled_from(GUARDS))
def test_a_guard_only_softens_and_then_adds_its_reason(
    seen: Observation, decision: Decision, told: Settings, guard: Guard
) -> None:
    softened = guard(seen, decision, told)
    if softened == decision:
        return
    assert softened.because[:-1] == decision.because, "it adds exactly one reason after those that were there"
    match decision, softened:
        case Resize() | Terminate(), Hold():
            pass
        case Resize(), Resize():
            assert softened.current == decision.current
            assert softened.rule == decision.rule
            assert softened.scales_out == decision.scales_out
            assert abs(softened.target - softened.current) < abs(decision.target - decision.current)
        case _:
            raise AssertionError(f"{decision} became {softened}")


def shrinks_or_ends(decision: Decision) -> bool:
    return isinstance(decision, Terminate) or (isinstance(decision, Resize) and not decision.scales_out)


@effort(max_examples=300)
@given(observations, any_settings, st.sampled_from(["reading", "fleet", "cluster"]), st.none() | OLD)
def test_a_missing_or_stale_view_never_scales_in_or_terminates(
    seen: Observation, told: Settings, view: str, age: float | None
) -> None:
    """Only a hard deadline and an order do not look at the fleet."""
    found = getattr(seen, view)
    worse = None if age is None or found is None else replace(found, at=NOW - age)
    decision = consider(replace(seen, **{view: worse}), told, GUARDS).decision
    if view == "fleet" and isinstance(decision, Terminate):
        assert decision.because[0].code in {Why.DEADLINE, Why.ORDERED}
    else:
        assert not shrinks_or_ends(decision)


@effort(max_examples=200)
@given(observations, any_settings)
def test_beside_a_resource_manager_that_does_not_lead_nothing_is_done(seen: Observation, told: Settings) -> None:
    standby = reading(leader=False) if seen.reading is None else replace(seen.reading, leader=False)
    assert isinstance(consider(replace(seen, reading=standby), told, GUARDS).decision, Hold)


@effort(max_examples=300)
@given(observations, any_settings, st.none() | OLD)
def test_missing_or_stale_signals_never_resize_for_a_rule(seen: Observation, told: Settings, age: float | None) -> None:
    stale = {} if age is None else {name: replace(found, at=NOW - age) for name, found in seen.signals.items()}
    decision = consider(replace(seen, signals=stale), told, GUARDS).decision
    assert not (isinstance(decision, Resize) and decision.rule is not None)


@effort(max_examples=300)
@given(observations, any_settings, st.sampled_from(["steps", "isbusy"]), st.none() | OLD)
def test_missing_or_stale_evidence_never_ends_for_idleness(
    seen: Observation, told: Settings, probe: str, age: float | None
) -> None:
    kept = tuple(each for each in seen.evidence if each.probe != probe)
    old = () if age is None else tuple(replace(each, at=NOW - age) for each in seen.evidence if each.probe == probe)
    decision = consider(replace(seen, evidence=(*kept, *old)), told, GUARDS).decision
    assert not (isinstance(decision, Terminate) and decision.because[0].code == Why.IDLE)


@effort(max_examples=300)
@given(observations, any_settings)
def test_an_empty_history_neither_shrinks_nor_ends_nor_resizes_for_a_rule_in_cooldown(
    seen: Observation, told: Settings
) -> None:
    fresh = history(started_at=NOW, observed_at=None, manager_answered_at=None)
    decision = consider(replace(seen, history=fresh), told, GUARDS).decision
    assert not shrinks_or_ends(decision)


@given(observations, decisions, any_settings)
def test_deciding_is_a_function(seen: Observation, decision: Decision, told: Settings) -> None:
    assert consider(seen, told, GUARDS) == consider(seen, told, GUARDS)


def test_the_properties_above_are_about_something() -> None:
    """From the calm observation that they spoil, scale in and both ends do come."""
    ripe = history(
        breaching_since={"in": NOW - 400}, idle_since=NOW - 9000, notified_of=NOW - 9000, notified_at=NOW - 900
    )
    free = {"Free": signal(90)}
    off = settings(rules=[IN], idle={"enabled": False})
    assert shrinks_or_ends(consider(observation(signals=free, history=ripe), off, GUARDS).decision)
    assert isinstance(consider(observation(history=ripe), settings(), GUARDS).decision, Terminate)
    late = observation(
        fleet=fleet(),
        cluster=cluster(created_at=NOW - 5000),
        reading=reading(applications=(app(),)),
        evidence=evidence(steps=True),
        history=history(notified_of=NOW - 1400, notified_at=NOW - 300),
    )
    assert isinstance(consider(late, settings(idle={"terminate_after_s": 3600}), GUARDS).decision, Terminate)
