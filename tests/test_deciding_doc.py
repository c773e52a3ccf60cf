"""docs/deciding.md: its worked example is computed, and it knows every reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.domain.decisions import Resize
from agent.policy import demand
from agent.policy.load import load
from agent.policy.reasons import Why
from tests.policy.build import settings
from tests.policy.test_demand import TOLD, app, seen

PAGE = (Path(__file__).parent.parent / "docs" / "deciding.md").read_text(encoding="utf-8")


def figures() -> dict[str, float]:
    table = PAGE.split("<!-- example -->")[1].split("<!-- end of example -->")[0]
    rows = [row.split("|")[1:3] for row in table.strip().splitlines()[2:]]
    return {name.strip(): float(value) for name, value in rows}


def test_the_worked_example_is_what_the_rule_says() -> None:
    told = figures()
    running, pending = int(told["running containers, R"]), int(told["pending containers, P"])
    slots, delay_s = int(told["slots of a capacity unit, S"]), told["provisioning delay, L"]
    work = {"a": told["remaining work, W"]}
    of = seen((slots, slots), (app("a", running, pending),), work, provisioning_s=delay_s)
    assert of.fleet is not None
    assert of.reading is not None
    now = load(of.reading, of.fleet)
    assert now is not None
    assert (now.running, now.pending, now.free, now.slots_per_unit) == (running, pending, told["free slots, F"], slots)
    kind = settings(policy={"kind": "demand", "demand": TOLD})
    found = demand.reckon(of, of.reading, of.fleet, now, work, kind)
    assert found.arriving == told["units on their way, p"]
    assert work["a"] - running * delay_s == told["left when a node arrives"]
    assert (told["left when a node arrives"]) ** 0.5 - running == pytest.approx(
        told["worth it for the application"], abs=0.05
    )
    assert told["left when a node arrives"] / delay_s == pytest.approx(told["enough work for each slot"], abs=0.05)
    assert found.useful == told["useful"]
    assert found.missing_units == told["missing units"]
    (decision,) = demand.decide(of, kind)
    assert isinstance(decision, Resize)
    assert decision.target - decision.current == told["ordered"]


def test_every_reason_is_explained_once() -> None:
    table = PAGE.split("<!-- reasons -->")[1].split("<!-- end of reasons -->")[0]
    codes = [re.findall(r"`([a-z-]+)`", row.split("|")[1])[0] for row in table.strip().splitlines()[2:]]
    assert sorted(codes) == sorted(why.value for why in Why)
