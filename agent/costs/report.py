"""A bill as tables for people and as data for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from agent.costs.bill import Bill, Line, counted
from agent.costs.capacity import Capacity
from agent.costs.workload import Workload
from agent.domain.prices import UnitPrices
from agent.settings_costs import CostsSettings

WIDTH = 120
"""Where no terminal says how wide it is."""
UNKNOWN = "unknown"


def watching(bill: Bill, workload: Workload, prices: CostsSettings) -> Table:
    tier = "with" if prices.free_tier else "without"
    made = _table(
        f"Watching a cluster with {counted(workload.applications, 'application')} and "
        f"{counted(workload.executors, 'executor')}, "
        f"{workload.hours_per_day:g} hours a day",
        "At most: what a cluster does not have is not published. "
        f"Prices of {prices.region}, {prices.as_of} (table costs), "
        f"{tier} the free tier. A metric is billed for each hour in which it got data.",
    )
    for name in ("in an hour", "a month", "USD a month"):
        made.add_column(name, justify="right", no_wrap=True)
    _rows(made, bill.lines, bill.usd, "together")
    made.add_section()
    _rows(made, bill.naive, bill.naive_usd, "naive: each executor for itself")
    return made


def task_capacity(sizes: Sequence[Capacity], prices: UnitPrices) -> Table:
    unit = f"on demand {_usd(prices.on_demand)}, spot {_usd(prices.spot)}"
    caption = f"USD an hour for one capacity unit, with EMR's fee: {unit}."
    if any(each.usd_per_hour is None for each in sizes):
        caption += " What is unknown: --ask asks AWS; or --target and --unit-usd-per-hour."
    made = _table("Task capacity", caption)
    for name in ("units on demand", "units spot", "USD an hour", "USD a day"):
        made.add_column(name, justify="right", no_wrap=True)
    for each in sizes:
        day = None if each.usd_per_hour is None else 24 * each.usd_per_hour
        made.add_row(
            each.what, *map(_cell, (_count(each.on_demand), _count(each.spot), _usd(each.usd_per_hour), _usd(day)))
        )
    return made


def as_json(bill: Bill, workload: Workload, costs: CostsSettings, sizes: Sequence[Capacity], prices: UnitPrices) -> str:
    """`{"workload", "prices_of", "lines", "usd_a_month", "naive", "naive_usd_a_month", "task_capacity",
    "unit_usd_per_hour"}`; null for what is not known."""
    found: dict[str, Any] = {
        "workload": asdict(workload),
        "prices_of": {"region": costs.region, "as_of": costs.as_of, "free_tier": costs.free_tier},
        "lines": [asdict(line) for line in bill.lines],
        "usd_a_month": bill.usd,
        "naive": [asdict(line) for line in bill.naive],
        "naive_usd_a_month": bill.naive_usd,
        "task_capacity": [asdict(each) for each in sizes],
        "unit_usd_per_hour": {"on_demand": prices.on_demand, "spot": prices.spot},
    }
    return json.dumps(found, indent=2)


def _rows(made: Table, lines: Iterable[Line], usd: float, total: str) -> None:
    for line in lines:
        an_hour = "" if line.an_hour is None else f"{line.an_hour:,.6g}"
        made.add_row(line.what, an_hour, f"{_quantity(line.a_month)} {line.unit}", f"{line.usd:,.2f}")
    made.add_row(Text(total, "bold"), "", "", Text(f"{usd:,.2f}", "bold"))


def _table(title: str, caption: str) -> Table:
    made = Table(
        box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", caption=caption, caption_justify="left"
    )
    made.add_column("", overflow="fold")
    return made


def _quantity(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _cell(text: str) -> Text:
    return Text(text, "dim" if text == UNKNOWN else "")


def _count(units: int | None) -> str:
    return UNKNOWN if units is None else str(units)


def _usd(usd: float | None) -> str:
    return UNKNOWN if usd is None else f"{usd:,.4f}"
