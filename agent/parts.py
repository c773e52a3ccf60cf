"""The agent's parts that need nothing of each other, made from the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agent.actions.inbox import OwnNames
from agent.actions.road import RoadIn
from agent.actuators import ACTUATORS, Hands
from agent.actuators.dry_run import DryRun
from agent.aggregate.table import Table
from agent.alarms.removal import Removal
from agent.aws.clients import Clients
from agent.aws.emr_calls import EmrClients
from agent.domain.notices import Message
from agent.domain.ports import Clock, ClusterActuator
from agent.lifecycle.dynamo_table import DynamoTable
from agent.lifecycle.ending import AgentEnder
from agent.lifecycle.heartbeat import Heartbeat
from agent.lifecycle.store import Store
from agent.market.reader import PriceReader, Sources
from agent.notices.desk import Desk
from agent.notices.route import route
from agent.settings import Settings
from agent.settings_fleet import ActuatorKind
from agent.sinks import SINKS, BuiltSink, SinkParts
from agent.sinks.notice_memory import NoticeMemory
from agent.sinks.notices import LogSender, Sender, TopicSender
from agent.sources.kinesis import KinesisAges
from agent.telemetry import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What all of them are made with. AWS clients are made when first asked for: each costs several megabytes."""

    settings: Settings
    cluster_id: str
    clients: Clients
    clock: Clock
    telemetry: Telemetry
    random: Random

    def hands(self) -> Hands:
        clients = EmrClients(self.clients.emr, self.clients.emr_once)
        fleet = self.settings.fleet
        return ACTUATORS[fleet.actuator](clients, self.cluster_id, fleet, self.clock)

    def store(self) -> Store | None:
        """Of the lifecycle's table, where there is one."""
        table = self.settings.lifecycle.table
        return Store(DynamoTable(self.clients.dynamodb, table)) if table else None

    def heartbeat(self, hold_busy: Callable[[bool], None]) -> Heartbeat | None:
        store, grace_s = self.store(), self.settings.idle.grace_s
        if store is None:
            return None
        return Heartbeat(store, self.cluster_id, self.clock, self.telemetry, hold_busy=hold_busy, grace_s=grace_s)

    def ender(self) -> ClusterActuator:
        if self.settings.fleet.actuator is ActuatorKind.DRY_RUN:
            return DryRun()
        return AgentEnder(self.clients.emr, self.cluster_id, self.clock, self.store())

    def removal(self) -> Removal | None:
        """Of the cluster's alarms at its end."""
        if not self.settings.alarms.remove_at_end or self.settings.fleet.actuator is ActuatorKind.DRY_RUN:
            return None
        return Removal(lambda: self.clients.cloudwatch, self.cluster_id)

    def road_in(self, leads: Callable[[], bool]) -> RoadIn:
        names = OwnNames(self.cluster_id, self.settings.cluster.name)
        return RoadIn(self.settings.actions, names, lambda: self.clients.sqs, self.clock, self.telemetry, leads)

    def prices(self, wanted: Callable[[], bool]) -> PriceReader:
        settings, clients = self.settings, self.clients
        sources = Sources(
            emr=lambda: clients.emr,
            ec2=lambda: clients.ec2,
            pricing=lambda: clients.pricing,
            region=clients.region or "",
        )
        return PriceReader(
            settings.prices,
            settings.fleet,
            self.cluster_id,
            sources,
            wanted=wanted,
            clock=self.clock,
            telemetry=self.telemetry,
            jitter=self.random.random,
        )

    def kinesis(self, table: Table) -> KinesisAges:
        return KinesisAges(
            self.settings.sources.kinesis,
            self.settings.sources.kinesis_period_s,
            lambda: self.clients.cloudwatch,
            table,
            clock=self.clock,
            telemetry=self.telemetry,
            jitter=self.random.random,
        )

    def senders(self) -> tuple[Sender, ...]:
        way = route(self.settings)
        topics = ((way.topic, "text"), (way.json_topic, "json"))
        return tuple(TopicSender(lambda: self.clients.sns, arn, form) for arn, form in topics if arn) or (LogSender(),)

    def desk(self, send: Callable[[Message], None]) -> Desk:
        memory = NoticeMemory(self.settings.journal.path.with_name("notices.json"))
        return Desk(
            self.settings,
            self.cluster_id,
            memory.read(),
            send=send,
            remember=memory.write,
            telemetry=self.telemetry,
        )

    def sinks(self) -> dict[str, BuiltSink]:
        parts = SinkParts(
            settings=self.settings.sinks,
            cloudwatch=lambda: self.clients.cloudwatch,
            clock=self.clock,
            telemetry=self.telemetry,
            random=self.random,
        )
        made = {name: build(parts) for name, build in SINKS.items()}
        return {name: built for name, built in made.items() if built is not None}
