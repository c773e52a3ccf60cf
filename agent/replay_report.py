"""A journal decided again: which turns differ, what that comes to, and what the shadows said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from rich.console import Group
from rich.table import Table
from rich.text import Text

from agent.domain.decisions import Decision, Hold, Resize, Terminate, differ
from agent.journal import Bad, decision_to_json
from agent.policy import reasons
from agent.replay import Replayed, replay
from agent.replay_difference import MEANING, NOTHING, Difference, Standing, Terms, advance
from agent.settings import Settings


@dataclass(slots=True)
class Other:
    """Decisions beside the recorded ones, and what they come to."""

    name: str
    units: list[int] = field(default_factory=list)
    """By turn: the difference that stands afterwards, in capacity units."""
    differing: int = 0
    difference: Difference = field(default_factory=Difference)
    _standing: Standing = NOTHING

    def take(self, turn: Replayed, decision: Decision, terms: Terms) -> None:
        self._standing, gone = advance(self._standing, turn.recorded, decision, terms)
        self.difference += gone
        self.units.append(self._standing.units)
        self.differing += differ(turn.recorded.decision, decision)

    def as_data(self) -> dict[str, Any]:
        found = self.difference
        return {
            "differing": self.differing,
            "unit_hours": found.unit_h,
            "more_unit_hours": found.more_unit_h,
            "less_unit_hours": found.less_unit_h,
            "usd": found.money,
            "usd_of_known_prices": found.usd,
            "unit_hours_at_unknown_price": found.unpriced_unit_h,
        }


@dataclass(frozen=True, slots=True)
class Report:
    turns: tuple[Replayed, ...]
    bad: tuple[Bad, ...]
    """Lines that could not be read."""
    now: Other
    """These settings."""
    shadows: tuple[Other, ...] = ()
    """The policies that were judged beside the acting one while the journal was written."""

    @classmethod
    def of(cls, lines: Iterable[str], settings: Settings, unit_usd_per_hour: float | None = None) -> Self:
        """Decide every line again. Without a price for a unit those that were seen count."""
        replayed = list(replay(lines, settings))
        turns = tuple(one for one in replayed if isinstance(one, Replayed))
        terms, now = Terms(settings, unit_usd_per_hour), Other("now")
        for turn in turns:
            now.take(turn, turn.now.decision, terms)
        bad = tuple(one for one in replayed if isinstance(one, Bad))
        return cls(turns, bad, now, _shadows(turns, terms))

    @property
    def differing(self) -> int:
        return self.now.differing

    def table(self, *, everything: bool, shadows: bool = False) -> Table:
        """Turns that differ or that act; every turn when asked for."""
        title = "Decided again"
        told = self.shadows if shadows else ()
        table = Table("at (UTC)", "then", "now", title=title, title_justify="left")
        table.add_column("units", justify="right")
        for shadow in told:
            table.add_column(shadow.name)
        table.add_column("because (now)")
        for number, turn in enumerate(self.turns):
            said = [_said(turn, shadow.name) for shadow in told]
            acts = not all(isinstance(one, Hold) for one in (turn.recorded.decision, *said))
            if everything or acts or turn.differs:
                at = datetime.fromtimestamp(turn.recorded.observation.at, UTC)
                decision, units = turn.now.decision, self.now.units[number]
                table.add_row(
                    at.strftime("%m-%d %H:%M:%S"),
                    label(turn.recorded.decision),
                    Text(label(decision), style="bold red" if turn.differs else ""),
                    f"{units:+d}" if units else "",
                    *(label(one) for one in said),
                    reasons.text(decision.because),
                )
        return table

    def summary(self, *, shadows: bool = False) -> Group:
        text = Text(f"{len(self.turns)} turns, ")
        text.append(f"{self.differing} would differ", style="bold red" if self.differing else "green")
        if self.bad:
            first = self.bad[0]
            text.append(f", {len(self.bad)} lines cannot be read (line {first.number} {first.why})", style="yellow")
        lines = [text, Text(f"Difference: {_sum(self.now.difference)}")]
        if shadows and not self.shadows:
            lines.append(Text("The journal holds no shadow policies (policy.shadows)"))
        for shadow in self.shadows if shadows else ():
            found = _sum(shadow.difference)
            lines.append(Text(f"Shadow {shadow.name}: {shadow.differing} turns would have differed; {found}"))
        lines.append(Text(MEANING, style="dim"))
        return Group(*lines)

    def as_json(self, *, everything: bool) -> str:
        """The same for a program: one object."""
        shown = [
            _turn_data(turn, self.now.units[number])
            for number, turn in enumerate(self.turns)
            if everything or turn.differs
        ]
        data = {
            "turns": len(self.turns),
            "unreadable_lines": [{"line": one.number, "why": one.why} for one in self.bad],
            "difference": self.now.as_data(),
            "shadows": {shadow.name: shadow.as_data() for shadow in self.shadows},
            "shown": shown,
            "meaning": MEANING,
        }
        return json.dumps(data, indent=1)


def label(decision: Decision) -> str:
    if isinstance(decision, Resize):
        return f"resize {decision.current} → {decision.target}"
    return type(decision).__name__.lower()


def _shadows(turns: Sequence[Replayed], terms: Terms) -> tuple[Other, ...]:
    """Where a shadow has not spoken, as before it was set, it counts as having said the same."""
    names = dict.fromkeys(name for turn in turns for name, _ in turn.recorded.shadows)
    found = tuple(Other(name) for name in names)
    for shadow in found:
        for turn in turns:
            shadow.take(turn, _said(turn, shadow.name), terms)
    return found


def _said(turn: Replayed, shadow: str) -> Decision:
    """A shadow says how much capacity there should be; whether the cluster ends is not asked of it."""
    recorded = turn.recorded.decision
    return recorded if isinstance(recorded, Terminate) else dict(turn.recorded.shadows).get(shadow, recorded)


def _turn_data(turn: Replayed, units: int) -> dict[str, Any]:
    recorded = turn.recorded
    return {
        "at": recorded.observation.at,
        "then": decision_to_json(recorded.decision),
        "outcome": recorded.result.outcome,
        "now": decision_to_json(turn.now.decision),
        "differs": turn.differs,
        "units": units,
        "shadows": {name: decision_to_json(said) for name, said in recorded.shadows},
    }


def _sum(found: Difference) -> str:
    text = f"{_figure(found.unit_h, '+')} capacity-unit-hours"
    if found.more_unit_h and found.less_unit_h:
        text += f" ({_figure(found.more_unit_h, '+')} and {_figure(-found.less_unit_h)})"
    if found.money is not None:
        return f"{text}, {_figure(found.money, '+')} USD"
    known = f"; {_figure(found.usd, '+')} USD where it is known" if found.usd else ""
    return f"{text}, money unknown: no price for {_figure(found.unpriced_unit_h)} of them{known}"


def _figure(value: float, sign: str = "") -> str:
    """Two decimals, or two digits of what is smaller than that."""
    return f"{value:{sign}.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:{sign}.2g}"
