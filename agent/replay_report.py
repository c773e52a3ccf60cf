"""A journal decided again, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from rich.table import Table
from rich.text import Text

from agent.domain.decisions import Decision, Hold, Resize
from agent.journal import Bad
from agent.policy import reasons
from agent.replay import Replayed, replay
from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Report:
    turns: tuple[Replayed, ...]
    bad: tuple[Bad, ...]
    """Lines that could not be read."""

    @classmethod
    def of(cls, lines: Iterable[str], settings: Settings) -> Self:
        """Decide every line again."""
        replayed = list(replay(lines, settings))
        return cls(
            tuple(one for one in replayed if isinstance(one, Replayed)),
            tuple(one for one in replayed if isinstance(one, Bad)),
        )

    @property
    def differing(self) -> int:
        return sum(turn.differs for turn in self.turns)

    def table(self, *, everything: bool) -> Table:
        """Turns that differ or that act; every turn when asked for."""
        table = Table("at (UTC)", "then", "now", "because (now)", title="Decided again", title_justify="left")
        for turn in self.turns:
            acts = not isinstance(turn.recorded.decision, Hold)
            if everything or acts or turn.differs:
                at = datetime.fromtimestamp(turn.recorded.observation.at, UTC)
                decision = turn.now.decision
                table.add_row(
                    at.strftime("%m-%d %H:%M:%S"),
                    label(turn.recorded.decision),
                    Text(label(decision), style="bold red" if turn.differs else ""),
                    reasons.text(decision.because),
                )
        return table

    def summary(self) -> Text:
        text = Text(f"{len(self.turns)} turns, ")
        text.append(f"{self.differing} would differ", style="bold red" if self.differing else "green")
        if self.bad:
            first = self.bad[0]
            text.append(f", {len(self.bad)} lines cannot be read (line {first.number} {first.why})", style="yellow")
        return text


def label(decision: Decision) -> str:
    if isinstance(decision, Resize):
        return f"resize {decision.current} → {decision.target}"
    return type(decision).__name__.lower()
