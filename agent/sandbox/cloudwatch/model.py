"""All of CloudWatch that one region of the sandbox holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.domain.ports import Clock
from agent.sandbox.cloudwatch.alarms import Alarms
from agent.sandbox.cloudwatch.metrics import MetricStore
from agent.sandbox.cloudwatch.received import Received
from agent.sandbox.cloudwatch.refusals import bad_token

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dashboard:
    name: str
    arn: str
    body: str
    modified_at: float


@dataclass
class Model:
    """Belongs to the holder of its lock."""

    region: str
    clock: Clock
    metrics: MetricStore
    alarms: Alarms
    dashboards: dict[str, Dashboard]
    """Those of the account: they are the same in every Region."""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    """By ARN."""
    received: Received = field(default_factory=Received)


Operation = Callable[[Model, Mapping[str, Any]], Mapping[str, Any] | None]
"""Of a model and a request that the service model allows. Raises ServiceException."""


def new_model(region: str, account: str, clock: Clock, speed: float, dashboards: dict[str, Dashboard]) -> Model:
    metrics = MetricStore()
    return Model(region, clock, metrics, Alarms(region, account, metrics, speed), dashboards)


def page(items: Sequence[T], size: int, token: str | None) -> tuple[Sequence[T], str | None]:
    """One page and the token of the next. Raises ServiceException for a token that is not ours."""
    if token is not None and not (token.isdecimal() and 0 < int(token) < len(items)):
        raise bad_token()
    begin = int(token or 0)
    return items[begin : begin + size], str(begin + size) if begin + size < len(items) else None
