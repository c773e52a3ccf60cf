"""A scale out for work that a queue's limit holds is withheld, and no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.decisions import Decision, Hold, Reason, Resize
from agent.domain.observation import Observation
from agent.domain.readings import Application, ClusterNode, ContainerAsk
from agent.policy.guards import GUARDS, apply
from agent.policy.history import advance
from agent.policy.queue import useful
from agent.policy.reasons import Why
from tests.policy.build import NOW, OUT, history, observation, reading, settings, signal

WANT = (Reason(Why.BREACHED, "asked for"),)
RULES = [
    {**OUT, "name": name, "signal": metric, "comparison": ">", "bound": 0}
    for name, metric in (("apps", "AppsPending"), ("containers", "ContainersPending"), ("memory", "MemoryPending"))
] + [OUT, {**OUT, "name": "heap", "signal": "JvmHeapUsed", "comparison": ">"}]
TOLD = settings(rules=RULES)
SIGNALS = {rule["signal"]: signal(1) for rule in RULES}
FREE = ClusterNode(host="n", alive=True, draining=False, memory_total_mb=8192, memory_used_mb=0, containers=0)
WAITS = Application(
    id="a",
    name="a",
    state="ACCEPTED",
    memory_used_mb=0,
    asks=(ContainerAsk(memory_mb=1408, cores=1, label="", count=1),),
)
NAMED = replace(WAITS, limited_by="the queue's maximum")


def seen(*apps: Application, since: float | None = None, at: float = NOW, **over: Any) -> Observation:
    facts: dict[str, Any] = {"containers_pending": 1, "containers_reserved": 0, "nodes": (FREE,), **over}
    told = reading(applications=apps, at=at, **facts)
    return observation(signals=SIGNALS, reading=told, history=history(queue_limited_since=since))


def asked(rule: str | None, at: Observation, target: int = 15) -> Decision:
    return apply(GUARDS, at, Resize(10, target, WANT, rule), TOLD)


@pytest.mark.parametrize("rule", ["apps", "containers", "memory"])
@pytest.mark.parametrize("told", [seen(NAMED), seen(WAITS, since=NOW - 60)], ids=["named", "by the numbers"])
def test_a_rule_on_waiting_work_is_withheld_with_the_reason(rule: str, told: Observation) -> None:
    decision = asked(rule, told)
    assert isinstance(decision, Hold)
    assert [reason.code for reason in decision.because] == [Why.BREACHED, Why.QUEUE_LIMITED]
    assert "more nodes would not help" in decision.because[1].text


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        pytest.param("out", seen(NAMED), id="a rule on headroom"),
        pytest.param("heap", seen(NAMED), id="a rule on heap"),
        pytest.param(None, seen(NAMED), id="the minimum"),
        pytest.param("apps", seen(WAITS), id="only just seen"),
        pytest.param("apps", seen(WAITS, since=NOW - 59), id="not for a minute yet"),
        pytest.param("apps", seen(NAMED, nodes=None), id="nodes not told"),
        pytest.param("apps", seen(NAMED, at=NOW - 61), id="an old view"),
        pytest.param("apps", seen(NAMED, nodes=(replace(FREE, memory_used_mb=7000),)), id="no room"),
        pytest.param("apps", observation(signals=SIGNALS, reading=None), id="no view"),
    ],
)
def test_every_other_scale_out_stands(rule: str | None, told: Observation) -> None:
    decision = asked(rule, told)
    codes = [reason.code for reason in decision.because]
    assert Why.QUEUE_LIMITED not in codes
    assert isinstance(decision, Resize) or rule is None


@pytest.mark.parametrize("policy", ["demand", "dataproc", "containers"])
def test_of_what_asks_because_of_waiting_work_only_growth_is_withheld(policy: str) -> None:
    held = useful(seen(NAMED), Resize(10, 15, WANT, policy), TOLD)
    assert isinstance(held, Hold) and held.because[-1].code == Why.QUEUE_LIMITED
    less = Resize(10, 7, WANT, policy)
    assert useful(seen(NAMED), less, TOLD) == less


def test_it_lasts_only_while_every_view_shows_it() -> None:
    begun = advance(seen(WAITS), TOLD)
    assert begun.queue_limited_since == NOW
    later = replace(seen(WAITS, since=NOW), at=NOW + 20, reading=replace(seen(WAITS).reading, at=NOW + 20))  # type: ignore[type-var]
    assert advance(later, TOLD).queue_limited_since == NOW
    assert advance(seen(WAITS, since=NOW - 90, containers_reserved=1), TOLD).queue_limited_since is None
    assert advance(seen(WAITS, since=NOW - 90, at=NOW - 61), TOLD).queue_limited_since is None
    after_a_gap = replace(seen(WAITS), history=history(queue_limited_since=NOW - 900, observed_at=NOW - 500))
    assert advance(after_a_gap, TOLD).queue_limited_since == NOW
