"""Tells the demo live: one line an event, as it is seen."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from agent.policy.reasons import CONTEXT
from agent.sandbox.demo.report import Mark
from agent.sandbox.demo.stages import Passed, Stage
from agent.sandbox.demo.witness import Seen

STYLES = {
    "stage": "bold green",
    "decision": "bold",
    "hold": "dim",
    "notice": "magenta",
    "fleet": "cyan",
    "executors": "cyan",
    "AWS": "blue",
    "signal": "yellow",
    "set-up": "dim",
    "failed": "bold red",
}


class Narrator:
    def __init__(self, console: Console, began: float) -> None:
        self._console = console
        self._began = began

    def say(self, kind: str, text: str, at: float | None = None) -> None:
        elapsed = (time.time() if at is None else at) - self._began
        line = Text(f"{elapsed:6.1f} s  ")
        line.append(f"{kind:<10}", style=STYLES.get(kind, ""))
        line.append(text, style="dim" if kind in ("hold", "set-up") else "")
        self._console.print(line, soft_wrap=True)

    def passed(self, passed: Passed, number: int, of: int) -> None:
        self.say("stage", f"{number}/{of} {passed.stage.name}: {passed.evidence}", passed.at)

    def missing(self, stage: Stage, why: str) -> None:
        self.say("failed", f"not observed: {stage.name} ({why})")


class JournalTail:
    """Follows the agent's journal while it is written: decisions that act, and a hold when its reason changes."""

    def __init__(self, path: Path, narrator: Narrator) -> None:
        self._path = path
        self._narrator = narrator
        self._file: TextIO | None = None
        self._rest = ""
        self._last_hold: frozenset[str] = frozenset()
        self.marks: list[Mark] = []

    def read(self) -> None:
        if self._file is None:
            if not self._path.exists():
                return
            self._file = self._path.open(encoding="utf-8")
        self._rest += self._file.read()
        *lines, self._rest = self._rest.split("\n")
        for line in lines:
            self._tell(json.loads(line))

    def close(self) -> None:
        self.read()
        if self._file is not None:
            self._file.close()

    def _tell(self, line: Mapping[str, Any]) -> None:
        decision = line.get("decision")
        if decision is None:
            return
        at = line["observation"]["at"]
        if line["notice"] is not None:
            self._narrator.say("notice", f"the end is announced: {line['notice'][1]}", at)
        own = [(code, text) for code, text in decision["because"] if code not in CONTEXT]
        match decision["says"]:
            case "hold":
                self._hold(at, own)
            case "resize":
                word = "out" if decision["target"] > decision["current"] else "in"
                self._act(at, f"scale {word} {decision['current']} → {decision['target']}", own, line)
            case "terminate":
                self._act(at, "terminate", own, line)

    def _hold(self, at: float, because: Sequence[tuple[str, str]]) -> None:
        """Say the reasons that are new: what stays as it was needs no line."""
        kinds = {_kind(code, text): text for code, text in because}
        new = [text for kind, text in kinds.items() if kind not in self._last_hold]
        self._last_hold = frozenset(kinds)
        if new:
            self._narrator.say("hold", "; ".join(new), at)

    def _act(self, at: float, label: str, because: Sequence[tuple[str, str]], line: Mapping[str, Any]) -> None:
        self._last_hold = frozenset()
        reasons = "; ".join(text for _, text in because)
        self.marks.append(Mark(at, label, reasons))
        self._narrator.say("decision", f"{label}: {line['outcome']}, because {reasons}", at)


def _kind(code: str, text: str) -> str:
    """What makes a reason the same reason in another turn: its code and its subject, not its numbers."""
    subject = text.split(maxsplit=1)[0]
    return f"{code} {subject}" if subject.endswith(":") else code


class ChangeTeller:
    """Says what changed between two looks at the world."""

    def __init__(self, narrator: Narrator, memory_low_percent: float) -> None:
        self._narrator = narrator
        self._low = memory_low_percent
        self._fleet: tuple[int, int, str] | None = None
        self._executors: int | None = None
        self._step = self._cluster = ""
        self._below: bool | None = None

    def tell(self, seen: Seen) -> None:
        if seen.memory_available:
            at = max(seen.memory_available)
            value = seen.memory_available[at]
            if (value < self._low) is not self._below:
                self._below = value < self._low
                word = "below" if self._below else "not below"
                self._narrator.say("signal", f"MemoryAvailablePercent {value:.0f}, {word} {self._low:g}")
        if seen.fleet:
            fleet = seen.fleet[-1]
            now = (fleet.target, fleet.provisioned, fleet.state)
            if now != self._fleet:
                self._fleet = now
                self._narrator.say("fleet", f"target {now[0]}, provisioned {now[1]} units, {now[2]}", fleet.at)
        if seen.executor_count and seen.executor_count[-1][1] != self._executors:
            at, self._executors = seen.executor_count[-1]
            self._narrator.say("executors", f"{self._executors} active", at)
        if seen.step_state != self._step:
            self._step = seen.step_state
            self._narrator.say("AWS", f"the step is {self._step}")
        if seen.cluster_state != self._cluster:
            self._cluster = seen.cluster_state
            self._narrator.say("AWS", f"the cluster is {self._cluster}")


class CallTeller:
    """Counts the agent's AWS calls, and says those that change something."""

    CHANGES = frozenset({"ModifyInstanceFleet", "AddInstanceFleet", "TerminateJobFlows", "Publish"})

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator
        self.counts: Counter[str] = Counter()

    def tell(self, operation: str, summary: str) -> None:
        self.counts[operation] += 1
        if operation in self.CHANGES:
            self._narrator.say("AWS", f"{operation} {summary}".rstrip())
