"""What other decisions would have meant, in capacity-unit-hours and money.

A replay knows only what was seen under the recorded decisions: had others been sent, the cluster would have answered
otherwise, and nobody knows how. So each differing decision is weighed by itself: the target that it leads to, less the
target that the recorded one led to, for as long as both stand. They stand until either of the two acts again, until
the fleet is seen with a target that neither led to, or until the turns have a gap. Differences are never added up on
one another: the next decision is again made from what was really seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.domain.decisions import Decision, Hold, Outcome, Resize, Terminate, differ
from agent.domain.fleets import Fleet
from agent.domain.turns import Turn
from agent.policy.freshness import stale
from agent.policy.money import markets
from agent.settings import Settings

HOUR_S = 3600.0
TOOK = frozenset({Outcome.APPLIED, Outcome.FAILED, Outcome.DRY_RUN})
"""Outcomes after which a decision counts as carried out, as in the agent's own history."""

MEANING = (
    "The difference is in targets, not in what came: from each decision that differs until either side acts again, the "
    "fleet's target is changed by others, or the journal has a gap. What the cluster would have done under other "
    "decisions was not seen, so this is no forecast: `tidemark simulate` makes one."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A sum over time; what the other decisions would have asked for, less what was asked for."""

    more_unit_h: float = 0.0
    less_unit_h: float = 0.0
    """Capacity-unit-hours above and below what was recorded; neither is negative."""
    usd: float = 0.0
    """Net, of those hours whose price is known."""
    unpriced_unit_h: float = 0.0
    """Of both sums together: hours at a price that nobody knew."""

    @property
    def unit_h(self) -> float:
        return self.more_unit_h - self.less_unit_h

    @property
    def money(self) -> float | None:
        """USD, net; None while any of it is unknown."""
        return None if self.unpriced_unit_h else self.usd

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            more_unit_h=self.more_unit_h + other.more_unit_h,
            less_unit_h=self.less_unit_h + other.less_unit_h,
            usd=self.usd + other.usd,
            unpriced_unit_h=self.unpriced_unit_h + other.unpriced_unit_h,
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What a difference is reckoned with."""

    settings: Settings
    """The market that units are bought on, the age that prices may have, and how long turns may be apart."""
    unit_usd_per_hour: float | None = None
    """One price for every unit, instead of those that were seen."""

    @property
    def longest_s(self) -> float:
        """Turns further apart have a gap between them, as for the agent's own history."""
        policy = self.settings.policy
        return max(3 * policy.turn_period_s, policy.max_signal_age_s)


@dataclass(frozen=True, slots=True)
class Standing:
    """The difference that stands after a turn."""

    turn: Turn | None = None
    """None before the first."""
    on_demand: int = 0
    spot: int = 0
    targets: frozenset[int] = field(default=frozenset())
    """What the fleet may be seen with while it stands."""

    @property
    def units(self) -> int:
        return self.on_demand + self.spot


NOTHING = Standing()


def advance(before: Standing, turn: Turn, other: Decision, terms: Terms) -> tuple[Standing, Difference]:
    """What stands after this turn, and the sum of the time since the turn before."""
    passed = _lasted(before, turn, terms)
    gone = Difference() if passed is None else _weighed(before, passed, terms)
    stands = NOTHING if passed is None else before
    return _after(stands, turn, other, terms), gone


def _lasted(before: Standing, turn: Turn, terms: Terms) -> float | None:
    """Seconds since the turn before; None across a gap, and when the clock was set back."""
    if before.turn is None:
        return None
    passed = turn.observation.at - before.turn.observation.at
    return passed if 0 <= passed <= terms.longest_s else None


def _weighed(standing: Standing, lasted_s: float, terms: Terms) -> Difference:
    assert standing.turn is not None, "a difference stands since a turn"
    hours, total = lasted_s / HOUR_S, Difference()
    for units, price in zip((standing.on_demand, standing.spot), _prices(standing.turn, terms), strict=True):
        unit_h = units * hours
        total += Difference(
            usd=0.0 if price is None else unit_h * price,
            unpriced_unit_h=abs(unit_h) if price is None else 0.0,
        )
    net = standing.units * hours
    return total + Difference(more_unit_h=max(0.0, net), less_unit_h=max(0.0, -net))


def _prices(turn: Turn, terms: Terms) -> tuple[float | None, float | None]:
    """USD an hour for a unit on demand and on the spot market."""
    if terms.unit_usd_per_hour is not None:
        return terms.unit_usd_per_hour, terms.unit_usd_per_hour
    prices = turn.observation.prices
    if prices is None or stale(prices.at, turn.observation.at, terms.settings.prices.max_age_s):
        return None, None
    return prices.on_demand, prices.spot


def _after(standing: Standing, turn: Turn, other: Decision, terms: Terms) -> Standing:
    fleet, recorded = turn.observation.fleet, turn.decision
    if fleet is None or (isinstance(recorded, Hold) and isinstance(other, Hold)):
        changed = fleet is not None and standing.units and fleet.target not in standing.targets
        return Standing(turn) if changed else Standing(turn, standing.on_demand, standing.spot, standing.targets)
    if not differ(recorded, other):
        return Standing(turn)
    was = _led_to(fleet, recorded if turn.result.outcome in TOOK else None, terms.settings)
    would = _led_to(fleet, other, terms.settings)
    return Standing(turn, would[0] - was[0], would[1] - was[1], frozenset({fleet.target, sum(was)}))


def _led_to(fleet: Fleet, decision: Decision | None, settings: Settings) -> tuple[int, int]:
    """Units on demand and on the spot market that are asked for afterwards."""
    match decision:
        case Resize():
            return markets(decision, fleet, settings)
        case Terminate():
            return 0, 0
        case _:
            return fleet.target_on_demand, fleet.target_spot
