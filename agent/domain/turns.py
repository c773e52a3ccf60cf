"""What one turn of the agent leaves behind: the record that is logged, journalled and replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.domain.decisions import Because, Decision, Reason, Result
from agent.domain.observation import Observation
from agent.domain.requests import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One pass of observe, decide, act."""

    observation: Observation
    """What was decided on, with the history as the deciding functions saw it."""
    proposals: tuple[tuple[str, Decision], ...]
    """What each policy said, by its name; a policy may say several things or nothing."""
    wanted: Decision
    """The chosen proposal, before the guards."""
    decision: Decision
    """The same after the guards."""
    notice: Reason | None
    """Why a notice of the coming end goes out in this turn; None when none does."""
    unconfirmed: Decision | None
    """What was decided before everything was read afresh for acting on it; None when there was nothing to act on."""
    result: Result
    advice: Because = ()
    """What no number of nodes cures, as it looked in this turn."""
    shadows: tuple[tuple[str, Decision], ...] = ()
    """What each shadow policy would have done, by its name."""
    withheld: Reason | None = None
    """Why what was wanted is not done, by the guard that withheld it; None where nothing was withheld."""
    requests: tuple[Answer, ...] = ()
    """What this turn made of each request that it saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The agent began: the history is empty from here on."""

    at: float
    settings: Mapping[str, Any]
    """What the decisions depend on, as plain values: the tables `policy`, `fleet` and `idle`, and two times of
    `lifecycle`."""
    settings_hash: str
    """SHA-256 of those tables, hexadecimal."""
