"""`tidemark quote`: which types are meant, and what EC2 and the price list say of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.aws.clients import Clients
from agent.aws.errors import NO_CREDENTIALS
from agent.aws.identity import identify_node
from agent.aws.imds import Imds
from agent.domain.faults import Fault
from agent.market import instance_types, task_types
from agent.market.facts import Hardware
from agent.market.on_demand import on_demand_prices
from agent.market.quote import EMR_OVERHEAD, Executor, Prices, Row, rank
from agent.market.spot_history import spot_prices
from agent.settings import AwsSettings, Settings
from agent.settings_fleet import FleetSettings, PriceSettings

T = TypeVar("T")


class QuoteError(Exception):
    """There is no quote; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Question:
    types: tuple[str, ...]
    zones: tuple[str, ...]
    """Empty: every zone of the Region."""
    executor: Executor
    hours: float
    """Over which the median is."""
    prices: PriceSettings


@dataclass(frozen=True, slots=True)
class Quote:
    rows: Sequence[Row]
    region: str
    at: float
    fee_percent: float
    warnings: tuple[str, ...]
    """What is not known and why."""


def prepared(
    settings: Settings | None,
    types: Sequence[str],
    region: str | None,
    *,
    zones: tuple[str, ...],
    executor_memory: int,
    executor_cores: int,
    executor_overhead: float | None,
    hours: float,
    endpoint_url: str | None,
) -> tuple[Question, Clients]:
    """What is asked and whom, from the settings, if there are any, and the options, which go first. Raises
    QuoteError."""
    identity = identify_node(Imds())
    aws = AwsSettings() if settings is None else settings.aws
    told = {"region": region, "endpoint_url": endpoint_url}
    aws = aws.model_copy(update={name: value for name, value in told.items() if value})
    clients = Clients(aws, identity.region)
    if clients.region is None:
        raise QuoteError("the Region is not known: name it with --region, or set aws.region")
    fleet, cluster_id = (None, None) if settings is None else (settings.fleet, settings.cluster.id)
    overhead = EMR_OVERHEAD if executor_overhead is None else executor_overhead
    question = Question(
        tuple(meant(types, fleet, cluster_id or identity.cluster_id, clients)),
        zones,
        Executor(executor_memory, executor_cores, overhead),
        hours,
        PriceSettings() if settings is None else settings.prices,
    )
    return question, clients


def meant(named: Sequence[str], fleet: FleetSettings | None, cluster_id: str | None, clients: Clients) -> list[str]:
    """The types that are named, else those of the cluster's task capacity, else those that the settings would add.
    Raises QuoteError when nothing tells."""
    if named:
        return list(named)
    told = ""
    if fleet is not None and cluster_id:
        try:
            found = task_types.read(clients.emr, cluster_id, fleet).weights
        except Fault as fault:
            found, told = task_types.configured(fleet), f" ({_said(fault)})"
    else:
        found = {} if fleet is None else task_types.configured(fleet)
    if not found:
        raise QuoteError(
            f"no types to compare{told}: name them with --type, or with --config a file that names a cluster or "
            "fleet.instance_types"
        )
    return list(found)


def ask(question: Question, clients: Clients, at: float) -> Quote:
    """The rows, the best first. Without on-demand prices there are rows all the same, and a warning. Raises
    QuoteError."""
    region = clients.region or ""
    hardware = _needed(lambda: instance_types.describe(clients.ec2, question.types))
    _all_exist(question.types, hardware, region, clients)
    spot = _needed(lambda: spot_prices(clients.ec2, question.types, at, question.hours, question.zones))
    warnings = []
    listed: Mapping[str, float] = question.prices.on_demand_usd_per_hour
    try:
        listed = on_demand_prices(_pricing(question, clients), question.types, region, listed)
    except Fault as fault:
        warnings.append(
            f"on-demand prices are not known: {_said(fault)}; or name them in prices.on_demand_usd_per_hour"
        )
    fee = question.prices.emr_fee_percent / 100
    unlisted = [name for name in question.types if name not in listed]
    if unlisted and not warnings:
        warnings.append(f"the price list has no one price for {', '.join(unlisted)}")
    if unlisted and fee:
        warnings.append("without an on-demand price EMR's fee is not known, and so is not what memory costs")
    rows = rank(question.types, hardware, question.executor, Prices(spot, listed, fee), question.zones)
    return Quote(rows, region, at, question.prices.emr_fee_percent, tuple(warnings))


def _pricing(question: Question, clients: Clients) -> Any:
    """None where the settings name every price: no client is made for nothing."""
    if set(question.types) <= question.prices.on_demand_usd_per_hour.keys():
        return None
    return clients.pricing


def _needed(asked: Callable[[], T]) -> T:
    try:
        return asked()
    except Fault as fault:
        raise QuoteError(_said(fault)) from fault


def _said(fault: Fault) -> str:
    if isinstance(fault.__cause__, NO_CREDENTIALS):
        return "no AWS credentials were found: set AWS_PROFILE, or run it on a node with an instance profile"
    return str(fault)


def _all_exist(types: Sequence[str], hardware: Mapping[str, Hardware], region: str, clients: Clients) -> None:
    unknown = [name for name in types if name not in hardware]
    if not unknown:
        return
    families = {f"{name.partition('.')[0]}.*" for name in unknown}
    offered = _needed(lambda: instance_types.describe(clients.ec2, families))
    hints = []
    for name in unknown:
        near = difflib.get_close_matches(name, offered, n=1, cutoff=0.5)
        hints.append(f"{name!r} is no instance type in {region}" + (f"; did you mean {near[0]!r}?" if near else ""))
    raise QuoteError("; ".join(hints))
