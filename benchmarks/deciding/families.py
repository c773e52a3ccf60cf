"""The families that are compared, forty settings each.

Those of thresholds and of Dataproc were laid out before any was run. That of `demand` was laid out again twice, after
140 runs when its rule had changed, and after 70 more when its front did not reach the shortest delay: it has been
searched more than the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from random import Random
from typing import Any

from agent.settings import Settings

MAX_UNITS = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    family: str
    label: str
    policy: Mapping[str, Any]
    """The table `policy` of a settings file, but for its turn."""
    fleet: Mapping[str, Any] = field(default_factory=dict)
    """Of the table `fleet` what is not as for the others."""

    def __str__(self) -> str:
        return f"{self.family} {self.label}"

    def settings(self, turn_period_s: float) -> Settings:
        return Settings.model_validate(
            {
                "fleet": {"max_capacity_units": MAX_UNITS, **self.fleet},
                "policy": {**self.policy, "turn_period_s": turn_period_s},
                "idle": {"enabled": False},
            }
        )


def threshold(out: int, back: int, for_s: float, cooldown_s: float) -> Candidate:
    """15 % and 75 % of memory available; steps, patience and pause are what is tuned."""
    rules = [
        _rule("memory-low", "<", 15, for_s, out, cooldown_s),
        _rule("memory-free", ">", 75, for_s, -back, cooldown_s),
    ]
    label = f"+{out}/−{back}, {for_s:g} s, pause {cooldown_s:g} s"
    return Candidate("threshold", label, {"kind": "threshold", "rules": rules})


def _rule(name: str, comparison: str, bound: float, for_s: float, step: int, cooldown_s: float) -> dict[str, Any]:
    return {
        "name": name,
        "signal": "MemoryAvailablePercent",
        "comparison": comparison,
        "bound": bound,
        "for_s": for_s,
        "adjustment_units": step,
        "cooldown_s": cooldown_s,
    }


def dataproc(up: float, down: float, cooldown_s: float) -> Candidate:
    told = {"scale_up_factor": up, "scale_down_factor": down, "cooldown_s": cooldown_s}
    return Candidate("dataproc", f"up {up:g}, down {down:g}, {cooldown_s:g} s", {"kind": "dataproc", "dataproc": told})


def demand(speed: Speed, spare: float) -> Candidate:
    told = {**asdict(speed), "spare_units": spare}
    label = (
        f"thrift {speed.thrift:g}, saving {speed.min_saving_s:g} s, out {speed.scale_out_share:g}, "
        f"lasting {speed.lasting_share:g}, in {speed.scale_in_share:g}, spare {spare:g}"
    )
    return Candidate("demand", label, {"kind": "demand", "demand": told})


@dataclass(frozen=True, slots=True)
class Speed:
    """What a faster or a thriftier rule differs in; see `DemandSettings`."""

    thrift: float
    min_saving_s: float
    scale_out_share: float
    lasting_share: float
    scale_in_share: float


SPEEDS = (
    Speed(0.1, 0.5, 1, 0.5, 0.15),
    Speed(0.1, 0.5, 1, 0.5, 0.3),
    Speed(0.1, 0.5, 1, 0.25, 0.3),
    Speed(0.1, 1, 0.5, 0.1, 0.3),
    Speed(0.1, 1, 0.5, 0, 0.3),
    Speed(0.25, 2, 0.5, 0, 0.5),
    Speed(0.25, 4, 0.3, 0, 0.5),
    Speed(0.25, 8, 0.3, 0, 0.5),
)
"""From the fastest to the thriftiest."""
DEFAULT_DEMAND = Candidate("demand", "default", {"kind": "demand"})
DEFAULT_DATAPROC = dataproc(1, 1, 120)
"""The one whose mean delay fixes the delays at which all are compared."""
CLASSIC = (threshold(5, 3, 300, 300), threshold(1, 1, 300, 300))
"""The rule of the public samples, and the EMR console's own."""

FAMILIES: Mapping[str, tuple[Candidate, ...]] = {
    "threshold": tuple(threshold(*told) for told in product((2, 5, 10, 20, 40), (1, 3, 8, 20), (60, 300), (300,))),
    "dataproc": tuple(dataproc(*told) for told in product((0.05, 0.1, 0.2, 0.4, 1), (0.1, 0.3, 0.6, 1), (120, 300))),
    "demand": tuple(demand(*told) for told in product(SPEEDS, (2, 4, 6, 9, 14))),
}


def in_turn(seed: int = 7) -> list[Candidate]:
    """All of them, one of each family after the other, so that a run that is cut short has as many of each."""
    shuffled = []
    for family in FAMILIES.values():
        order = list(family)
        Random(seed).shuffle(order)
        shuffled.append(order)
    return [candidate for together in zip(*shuffled, strict=True) for candidate in together]
