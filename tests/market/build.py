"""A sandbox whose time stands still, and clients of it as the agent makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.aws.clients import Clients
from agent.sandbox.market.prices import SpotMarket
from agent.settings import AwsSettings
from tests.sandbox.emr_world import REGION, World

NOW = 1_790_000_000.0
HOUR_S = 3600.0


@dataclass
class Rig:
    world: World

    def __post_init__(self) -> None:
        self.server = self.world.server
        self.market: SpotMarket = self.server.market.market
        self.clients = Clients(AwsSettings(region=REGION, endpoint_url=self.server.endpoint, max_attempts=1))

    @property
    def ec2(self) -> Any:
        return self.clients.ec2

    @property
    def pricing(self) -> Any:
        return self.clients.pricing
