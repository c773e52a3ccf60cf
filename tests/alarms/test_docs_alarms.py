"""`docs/alarms.md` says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.alarms.alarm import Alarm
from agent.alarms.definitions import NEEDS_A_PERSON, alarms
from agent.alarms.report import condition
from agent.costs.bill import bill
from agent.costs.workload import Workload
from tests.alarms.told import CLUSTER, told

PAGE = Path(__file__).parent.parent.parent / "docs" / "alarms.md"


def rows(text: str) -> dict[str, tuple[str, str]]:
    """By alarm: when it goes off, and whether it needs a person."""
    table = text.split("| alarm | goes off when |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return {name.strip(" `"): (when, person) for name, when, person, _ in cells}


def test_the_table_has_every_alarm_with_its_bounds() -> None:
    made = [alarm for alarm in alarms(told(), CLUSTER) if isinstance(alarm, Alarm)]
    told_there = rows(PAGE.read_text(encoding="utf-8"))
    assert told_there.pop(NEEDS_A_PERSON)
    assert told_there == {alarm.what: (condition(alarm), "yes" if alarm.person else "") for alarm in made}


def test_the_price_on_the_page_is_that_of_the_alarms() -> None:
    (line,) = (line for line in bill(told(), Workload()).lines if "alarms" in line.what)
    assert line.usd == pytest.approx(1.50)
    assert "come to 1.50 USD" in PAGE.read_text(encoding="utf-8").replace("\n", " ")
