"""`tidemark cost`: what the market, the price list and EMR say of the task capacity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from agent.actuators import ACTUATORS
from agent.aws.clients import Clients
from agent.aws.emr_calls import EmrClients
from agent.domain.faults import Fault
from agent.domain.fleets import Fleet
from agent.domain.prices import UnitPrices
from agent.market import task_types
from agent.market.facts import Capacity
from agent.market.on_demand import on_demand_prices
from agent.market.spot_history import spot_prices
from agent.market.unit_prices import on_demand_unit, spot_unit
from agent.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    prices: UnitPrices
    fleet: Fleet | None
    warnings: tuple[str, ...]
    """What is not known and why."""


def by_settings(settings: Settings, at: float) -> UnitPrices:
    """What the settings alone tell: on-demand prices of the types that they name. Nobody is asked."""
    weights = task_types.configured(settings.fleet)
    listed, fee = settings.prices.on_demand_usd_per_hour, settings.prices.emr_fee_percent / 100
    return UnitPrices(at=at, spot=None, on_demand=on_demand_unit(Capacity(weights, None), listed, fee))


def ask(settings: Settings, cluster_id: str, clients: Clients, at: float) -> Asked:
    """What AWS tells: of the fleet, if a cluster is named, and of what its types cost now. Never raises a Fault."""
    told: list[str] = []
    fleet, types = None, Capacity(task_types.configured(settings.fleet), None)
    if cluster_id:
        emr = EmrClients(clients.emr, clients.emr_once)
        hands = ACTUATORS[settings.fleet.actuator](emr, cluster_id, settings.fleet, lambda: at)
        fleet = _or_none(hands.fleet_reader.read, told)
        types = _or_none(lambda: task_types.read(clients.emr, cluster_id, settings.fleet), told) or types
    if not types.weights:
        told.append("no instance types: the cluster has none for tasks, and fleet.instance_types names none")
        return Asked(UnitPrices(at=at, spot=None, on_demand=None), fleet, tuple(dict.fromkeys(told)))
    spot = _or_none(lambda: spot_prices(clients.ec2, types.weights, at, hours=1), told)
    listed = _or_none(lambda: _listed(settings, types.weights, clients), told)
    listed = settings.prices.on_demand_usd_per_hour if listed is None else listed
    fee = settings.prices.emr_fee_percent / 100
    prices = UnitPrices(
        at=at,
        spot=None if spot is None else spot_unit(types, spot, listed, fee),
        on_demand=on_demand_unit(types, listed, fee),
    )
    return Asked(prices, fleet, tuple(dict.fromkeys(told)))


def _listed(settings: Settings, types: Mapping[str, int], clients: Clients) -> Mapping[str, float]:
    known = settings.prices.on_demand_usd_per_hour
    client = None if types.keys() <= known.keys() else clients.pricing
    return on_demand_prices(client, types, clients.region or "", known)


def _or_none(asked: Callable[[], T], told: list[str]) -> T | None:
    try:
        return asked()
    except Fault as fault:
        told.append(str(fault))
        return None
