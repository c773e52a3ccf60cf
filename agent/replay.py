"""Decides a journal again. With the settings it was written under, every turn must come out the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.domain.decisions import differ
from agent.domain.observation import History
from agent.domain.turns import Started, Turn
from agent.journal import Bad, Changed, Line, read
from agent.policy.consider import Considered, consider
from agent.policy.guards import GUARDS, Guard
from agent.policy.history import record
from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Replayed:
    """One recorded turn and what the given settings make of it."""

    recorded: Turn
    now: Considered

    @property
    def differs(self) -> bool:
        """Whether something else would have been done; other words for the same do not count."""
        return differ(self.recorded.decision, self.now.decision)


def replay(lines: Iterable[str], settings: Settings, guards: Sequence[Guard] = GUARDS) -> Iterator[Replayed | Bad]:
    """Every turn of the journal, decided again; lines that cannot be read are passed on.

    What was seen and what became of the recorded decisions is the journal's; the history in between is folded
    anew, so that another bound also breaches at another time. After a beginning that the journal does not hold
    (rotation), a lost line or a change of settings, the recorded history of the next turn is taken over.
    """
    return _decide_again(read(lines), settings, guards)


def _decide_again(lines: Iterable[Line], settings: Settings, guards: Sequence[Guard]) -> Iterator[Replayed | Bad]:
    history: History | None = None
    for line in lines:
        match line:
            case Started(at=at):
                history = History(started_at=at)
            case Changed():
                history = None
            case Bad():
                history = None
                yield line
            case Turn():
                before = line.observation.history if history is None else history
                now = consider(replace(line.observation, history=before), settings, guards)
                history = record(now.observation.history, line.decision, line.result, now.observation)
                yield Replayed(line, now)
