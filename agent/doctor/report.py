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


def table(findings: Sequence[Named]) -> Table:
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    made.add_column("check", no_wrap=True)
    made.add_column("")
    made.add_column("seen", ratio=1)
    made.add_column("what to do", ratio=1)
    for named in findings:
        found = named.finding
        made.add_row(named.name, Text(found.status, STYLES[found.status]), Text(found.seen), Text(found.advice))
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
