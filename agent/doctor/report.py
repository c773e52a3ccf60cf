"""The findings as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from agent.doctor.findings import Named, Status, failed

STYLES = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red", Status.SKIP: "dim"}


WIDTH = 120
"""Where there is no terminal, as in a step's output."""
NAME_WIDTH = 48


def table(findings: Sequence[Named]) -> Table:
    """What to do stands under what was seen, so that both are read on a narrow terminal too."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    made.add_column("")
    made.add_column("check", max_width=NAME_WIDTH, overflow="fold")
    made.add_column("seen, and what to do", ratio=1)
    for named in findings:
        found = named.finding
        seen = Text(found.seen)
        if found.advice:
            seen.append(f"\n→ {found.advice}", STYLES[found.status])
        made.add_row(Text(found.status, STYLES[found.status]), Text(named.name), seen)
    return made


def summary(findings: Sequence[Named]) -> Text:
    counts = Counter(named.finding.status for named in findings)
    text = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    return Text(text, "bold red" if failed(findings) else "bold green")


def as_json(findings: Sequence[Named]) -> str:
    """`{"ok": …, "checks": [{"check", "status", "seen", "advice"}, …]}`."""
    rows = [
        {
            "check": named.name,
            "status": named.finding.status,
            "seen": named.finding.seen,
            "advice": named.finding.advice,
        }
        for named in findings
    ]
    return json.dumps({"ok": not failed(findings), "checks": rows}, indent=2, ensure_ascii=False)
