"""What the tests of the actuators share: settings, decisions, and the agent's own client on a sandbox."""

from __future__ import annotations

import os
from typing import Any

from agent.aws.clients import Clients
from agent.aws.emr_calls import EmrClients
from agent.domain.decisions import Reason, Resize
from agent.domain.fleets import Fleet
from agent.policy import placement
from agent.sandbox.emr.service_model import check
from agent.settings import AwsSettings
from agent.settings_fleet import FleetSettings
from tests.policy.build import observation, settings
from tests.sandbox.emr_world import REGION, World


def fleet_settings(**more: Any) -> FleetSettings:
    return FleetSettings.model_validate({"max_capacity_units": 100, **more})


def agent_client(it: World, attempts: int = 1, checked: bool = True) -> Any:
    """A client made as the agent makes it."""
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    settings = AwsSettings(region=REGION, endpoint_url=it.server.endpoint, max_attempts=attempts)
    client = Clients(settings).emr
    return check(client) if checked else client


def agent_clients(it: World, attempts: int = 1, checked: bool = True) -> EmrClients:
    """Both clients as the agent makes them."""
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    made = Clients(AwsSettings(region=REGION, endpoint_url=it.server.endpoint, max_attempts=attempts))
    return EmrClients(check(made.emr), check(made.emr_once)) if checked else EmrClients(made.emr, made.emr_once)


def placed(fleet: Fleet, target: int, **seen: Any) -> Resize:
    """The decision for that target as the policies hand it to the actuator, for groups told for each of them."""
    seen = {"reading": None, **seen}
    decision = placement.placed(observation(fleet=fleet, **seen), resize(fleet.target, target), settings())
    assert isinstance(decision, Resize), decision
    return decision


def resize(current: int, target: int) -> Resize:
    return Resize(current, target, (Reason("rule", "memory is low"),), rule="memory-low")
