"""The watchdog on what a real cluster holds: sessions, waiting applications, steps; and the option for sessions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Hold, Resize, Terminate
from agent.domain.observation import Evidence, Observation
from agent.domain.readings import Application
from agent.policy import busy, idle
from agent.policy.consider import consider
from agent.policy.guards import GUARDS
from agent.policy.history import advance
from agent.policy.reasons import Why
from agent.settings import Settings
from tests.policy.build import NOW, evidence, history, node, observation, reading, settings, signal

SESSION = Application(id="session_1", name="notebook", state="RUNNING", memory_used_mb=1408, kind="SPARK", containers=1)
WAITING = Application(id="waiting_1", name="etl", state="ACCEPTED", memory_used_mb=0, kind="SPARK")
AFTER_S = 7200.0
NODES = (replace(node("core-0", 1408.0), containers=1),)
CROWDED = (replace(node("core-0", 2816.0), containers=2),)


def told(after_s: float | None = AFTER_S) -> Settings:
    return settings(idle={"after_s": 3600, "unused_application_after_s": after_s})


def rest(*ids: str, at: float = NOW) -> Evidence:
    return Evidence(probe="rest", busy=False, detail=f"no task and no job reported by {ids}", at=at, of=ids)


def seen(*apps: Application, resting: Evidence | None = None, pending: int | None = 0, **changed: Any) -> Observation:
    given = evidence(**changed.pop("probes", {}))
    held = NODES if apps else (node("core-0"),)
    facts: dict[str, Any] = {
        "evidence": given if resting is None else (*given, resting),
        "reading": reading(applications=apps, containers_pending=pending, nodes=changed.pop("nodes", held)),
    }
    return observation(**{**facts, **changed})


@pytest.mark.parametrize(
    ("apps", "probes", "word"),
    [
        (
            (SESSION,),
            {},
            "applications: 1 unfinished: session_1 (notebook) is RUNNING [holds 1 container with 1408 MB]",
        ),
        ((WAITING,), {}, "applications: 1 unfinished: waiting_1 (etl) is ACCEPTED"),
        ((), {"steps": True}, "steps: as told"),
        ((), {}, None),
    ],
    ids=["a session that holds an application", "an application that waits", "a shell step", "a finished cluster"],
)
def test_what_the_watchdog_says_and_by_which_evidence(
    apps: tuple[Application, ...], probes: dict[str, bool], word: str | None
) -> None:
    at = seen(*apps, probes=probes)
    (said,) = idle.decide(replace(at, history=advance(at, told(None))), told(None))
    assert isinstance(said, Hold)
    (reason,) = said.because
    if word is None:
        assert reason.code == Why.IDLE_COUNTING
        for probe in busy.REQUIRED:
            assert probe in reason.text
    else:
        assert reason.code == Why.BUSY
        assert word in reason.text


def turns(at: Observation, told: Settings, seconds: float, period: float = 10.0) -> Observation:
    """As much later, a turn each period, every view and every probe as fresh as at the beginning."""
    end, now = at.at + seconds, at.at
    while now < end:
        now += period
        assert at.reading is not None and at.fleet is not None and at.cluster is not None
        at = replace(
            at,
            at=now,
            reading=replace(at.reading, at=now),
            fleet=replace(at.fleet, at=now),
            cluster=replace(at.cluster, at=now),
            evidence=tuple(replace(each, at=now) for each in at.evidence),
        )
        at = replace(at, history=advance(at, told))
    return at


def busy_probes(at: Observation, told: Settings) -> list[str]:
    return [each.probe for each in busy.busy(at, told)]


def test_a_session_without_use_stops_counting_after_its_time_and_the_end_comes_an_hour_later() -> None:
    at = turns(seen(SESSION, resting=rest("session_1")), told(), AFTER_S)
    assert busy_probes(at, told()) == ["applications"]
    at = turns(at, told(), 20)
    assert busy_probes(at, told()) == []
    (verdict,) = [each for each in busy.verdicts(at, told()) if each.probe == "applications"]
    assert (
        "session_1 (notebook) is RUNNING [holds 1 container with 1408 MB, without a task or a job for 7210 s of 7200 s]"
        in verdict.detail
    )
    late = turns(at, told(), 3700)
    notified = replace(late.history, notified_of=late.history.idle_since, notified_at=late.at - 400)
    decision = consider(replace(late, history=notified), told(), GUARDS).decision
    assert isinstance(decision, Terminate)
    assert "session_1" in decision.because[0].text and "rest: no task" in decision.because[0].text


@pytest.mark.parametrize(
    ("at", "after_s"),
    [
        pytest.param(seen(SESSION, resting=rest("session_1")), None, id="the option is off"),
        pytest.param(seen(SESSION), AFTER_S, id="nobody speaks for it"),
        pytest.param(seen(SESSION, resting=rest("another_1")), AFTER_S, id="only for another one"),
        pytest.param(seen(SESSION, WAITING, resting=rest("session_1")), AFTER_S, id="another one waits"),
        pytest.param(seen(SESSION, resting=rest("session_1"), pending=2), AFTER_S, id="containers are asked for"),
        pytest.param(seen(SESSION, resting=rest("session_1"), pending=None), AFTER_S, id="nobody tells whether"),
        pytest.param(seen(SESSION, resting=rest("session_1"), nodes=CROWDED), AFTER_S, id="one is not listed"),
        pytest.param(seen(SESSION, resting=rest("session_1"), nodes=None), AFTER_S, id="nodes are not told"),
        pytest.param(seen(replace(SESSION, state="ACCEPTED"), resting=rest("session_1")), AFTER_S, id="does not run"),
    ],
)
def test_on_any_doubt_it_is_in_use(at: Observation, after_s: float | None) -> None:
    later = turns(at, told(after_s), AFTER_S + 3600)
    assert "applications" in busy_probes(later, told(after_s))
    assert later.history.idle_since is None


def test_one_look_that_shows_use_starts_the_time_anew() -> None:
    at = turns(seen(SESSION, resting=rest("session_1")), told(), 5000)
    used = turns(replace(at, evidence=(*evidence(at=at.at), rest(at=at.at))), told(), 10)
    assert used.history.unused_since == {}
    again = turns(replace(used, evidence=(*evidence(at=at.at), rest("session_1", at=used.at))), told(), 5000)
    assert busy_probes(again, told()) == ["applications"]


def test_a_gap_in_the_turns_starts_the_time_anew() -> None:
    at = turns(seen(SESSION, resting=rest("session_1")), told(), 7000)
    after = turns(replace(at, at=at.at + 600), told(), 300)
    assert busy_probes(after, told()) == ["applications"]
    assert after.history.unused_since["session_1"] > at.at


def test_a_stale_word_of_rest_is_none() -> None:
    at = seen(SESSION, resting=rest("session_1", at=NOW - 121), history=history(unused_since={"session_1": NOW - 9000}))
    assert advance(at, told()).unused_since == {}


@given(st.lists(st.sampled_from(["session_1", "waiting_1", "third_1"]), unique=True), st.floats(0, 20_000))
def test_idle_only_if_every_application_has_been_at_rest_for_its_time(ids: list[str], lasted: float) -> None:
    at = seen(SESSION, WAITING, history=history(unused_since=dict.fromkeys(ids, NOW - lasted)))
    idle_now = "applications" not in busy_probes(at, told())
    assert idle_now is ({"session_1", "waiting_1"} <= set(ids) and lasted >= AFTER_S)


def test_a_session_that_is_unused_and_holds_nearly_all_memory_does_not_buy_more_and_is_ended() -> None:
    """Low headroom is a rule's breach; without any work behind it, it must neither grow the cluster nor keep it."""
    rules = [{"name": "low", "signal": "MemoryAvailablePercent", "comparison": "<", "bound": 15, "for_s": 300,
              "adjustment_units": 5}]  # fmt: skip
    asked = settings(rules=rules, idle={"after_s": 3600, "unused_application_after_s": AFTER_S, "notice_s": 0})
    past = history(
        unused_since={SESSION.id: NOW - AFTER_S - 4000}, idle_since=NOW - 4000, breaching_since={"low": NOW - 9000}
    )
    low = {"MemoryAvailablePercent": signal(5.0)}
    full = seen(SESSION, resting=rest(SESSION.id), signals=low, history=past)
    ended = consider(full, asked, GUARDS)
    assert isinstance(ended.wanted, Terminate), ended.wanted.because
    used = replace(full, history=replace(past, unused_since={}, idle_since=None), evidence=evidence())
    wanted = consider(used, asked, GUARDS).wanted
    assert isinstance(wanted, Resize) and wanted.scales_out, "in use, the same headroom is a reason to grow"
