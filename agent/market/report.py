"""A quote as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import compress

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from agent.market.quote import GIB_MB, Executor, Row

UNKNOWN = "unknown"
COLUMNS = (
    ("memory\nGB", False),
    ("YARN\nGB", True),
    ("exec-\nutors", True),
    ("spot", True),
    ("median", False),
    ("on\ndemand", True),
    ("saving", True),
    ("EMR\nfee", False),
    ("USD per\nGB·h", True),
)
"""Of numbers, and whether they stay where there is little room."""
WIDTH = 120
"""Where no terminal says how wide it is."""
ROOMY = 110
"""From how many columns on there is room for all."""


def table(rows: Sequence[Row], executor: Executor, hours: float, width: int = WIDTH) -> Table:
    """The rows in their order. Prices are USD an hour for one instance. Where there is little room, some columns are
    left out."""
    shown = [stays or width >= ROOMY for _, stays in COLUMNS]
    size = f"{_gb(executor.memory_mb)} GB and {executor.cores} cores, in containers of {_gb(executor.container_mb)} GB"
    made = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=f"Executors of {size}",
        title_justify="left",
        caption=f"USD an hour for one instance. median: of the spot price over {hours:g} h. saving: by the spot price "
        "of now. USD per GB·h: spot price and EMR fee, for a GB of memory in the containers that fit.",
        caption_justify="left",
    )
    made.add_column("type", no_wrap=True)
    made.add_column("zone", no_wrap=True)
    for name, _ in compress(COLUMNS, shown):
        made.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        made.add_row(row.instance_type, row.zone or _dim("none"), *map(_cell, compress(_texts(row), shown)))
    return made


def as_json(rows: Sequence[Row], executor: Executor, region: str, at: float, fee_percent: float) -> str:
    """`{"at", "region", "emr_fee_percent", "executor": {…}, "rows": [{"rank", "instance_type", "zone", …}, …]}`, the
    best first; null for what is not known."""
    head = {
        "at": at,
        "region": region,
        "emr_fee_percent": fee_percent,
        "executor": {**asdict(executor), "container_mb": executor.container_mb},
    }
    ranked = [{"rank": number, **asdict(row)} for number, row in enumerate(rows, 1)]
    return json.dumps({**head, "rows": ranked}, indent=2)


def _texts(row: Row) -> list[str]:
    none_fits = row.executors == 0
    return [
        _gb(row.memory_mb),
        _gb(row.yarn_mb),
        UNKNOWN if row.executors is None else str(row.executors),
        _usd(row.spot, 4),
        _usd(row.median, 4),
        _usd(row.on_demand, 4),
        UNKNOWN if row.saving is None else f"{100 * row.saving:.0f} %",
        _usd(row.fee, 4),
        "none fits" if none_fits else _usd(row.usd_per_gb_hour, 5),
    ]


def _cell(text: str) -> Text:
    return _dim(text) if text in {UNKNOWN, "none fits"} else Text(text)


def _dim(text: str) -> Text:
    return Text(text, "dim")


def _gb(memory_mb: int | None) -> str:
    return UNKNOWN if memory_mb is None else f"{memory_mb / GIB_MB:.4g}"


def _usd(usd: float | None, digits: int) -> str:
    return UNKNOWN if usd is None else f"{usd:.{digits}f}"
