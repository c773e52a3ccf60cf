"""After a failover: what the agent of the new active ResourceManager takes away, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.observation import Observation
from agent.policy.consider import consider
from agent.policy.guards import GUARDS
from agent.policy.heard import heard, leads_since
from agent.policy.history import advance
from agent.policy.reasons import Why
from agent.settings import Settings
from tests.policy.build import LONG_AGO, NOW, history, observation, reading, settings
from tests.policy.strategies import any_settings, observations
from tests.policy.test_properties import shrinks_or_ends

SETTINGS = settings()
IN = Resize(because=(), current=10, target=7, rule="in")
OUT = Resize(because=(), current=10, target=15, rule="out")
END = Terminate(because=())


def seen(since: float | None = LONG_AGO, **changed: Any) -> Observation:
    facts: dict[str, Any] = {"peers": 2, "unheard": (), **changed}
    return observation(history=history(leads_since=since), reading=reading(**facts))


@pytest.mark.parametrize("decision", [IN, END], ids=["scale in", "end"])
@pytest.mark.parametrize(
    "observed, held",
    [
        (seen(), False),
        (seen(unheard=("application_1_0001",)), True),
        (seen(unheard=("application_1_0001", "application_1_0002")), True),
        (seen(unheard=None), True),
        (seen(since=NOW - 10), True),
        (seen(since=None), True),
        (seen(peers=0, unheard=("application_1_0001",), since=None), False),
    ],
    ids=["all heard", "one not", "two not", "nobody knows", "just now", "not yet", "one primary alone"],
)
def test_nothing_is_taken_away_until_spark_is_heard(decision: Decision, observed: Observation, held: bool) -> None:
    found = heard(observed, decision, SETTINGS)
    assert isinstance(found, Hold) is held
    if held:
        assert found.because[-1].code == Why.UNHEARD


def test_a_hard_deadline_asks_nobody_who_is_heard() -> None:
    due = Terminate((Reason(Why.DEADLINE, "due"),))
    assert heard(seen(since=None, unheard=None), due, SETTINGS) is due


def test_it_counts_from_when_the_pause_is_over() -> None:
    assert isinstance(heard(seen(since=NOW - 59.9), IN, SETTINGS), Hold)
    assert heard(seen(since=NOW - 60), IN, SETTINGS) is IN


def test_a_scale_out_goes_on_and_so_does_a_hold() -> None:
    silent = seen(since=None, unheard=None)
    assert heard(silent, OUT, SETTINGS) is OUT
    held = Hold(because=())
    assert heard(silent, held, SETTINGS) is held


def test_a_turn_to_act_is_counted_from_the_first_answer_of_the_active_one() -> None:
    standby, active = reading(peers=2, leader=False), reading(peers=2)
    watching = observation(history=history(), reading=standby)
    assert leads_since(watching) is None
    acting = replace(watching, reading=active)
    assert leads_since(acting) == NOW
    later = replace(acting, at=NOW + 30, history=replace(acting.history, leads_since=NOW))
    assert leads_since(later) == NOW
    assert leads_since(replace(later, reading=None)) == NOW, "silence is no failover"
    assert leads_since(replace(later, reading=standby)) is None
    assert leads_since(observation(history=history(), reading=reading())) is None, "alone"
    assert advance(acting, SETTINGS).leads_since == NOW


@effort(max_examples=300)
@given(observations, any_settings, st.none() | st.just(("application_1",)))
def test_with_an_application_unheard_nothing_shrinks_and_idleness_ends_nothing(
    observed: Observation, told: Settings, unheard: tuple[str, ...] | None
) -> None:
    of_several = replace(observed.reading or reading(), peers=2, unheard=unheard)
    decision = consider(replace(observed, reading=of_several), told, GUARDS).decision
    assert not shrinks_or_ends(decision) or decision.because[0].code == Why.DEADLINE
