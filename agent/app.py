"""The composition root: settings become objects, objects become loops. Start and stop in order."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import agent
from agent import log, pollers
from agent.actuators.steps import StepsProbe
from agent.aggregate.table import Table
from agent.aws.clients import Clients, read_timeout_s
from agent.aws.identity import Identity, identify_node
from agent.aws.imds import Imds
from agent.capabilities import Capabilities
from agent.control import Controller, Outside
from agent.domain.decisions import Hold
from agent.domain.observation import Evidence, Interruption
from agent.domain.ports import Probe
from agent.domain.readings import ClusterReading
from agent.domain.signals import Signal
from agent.domain.turns import Turn
from agent.journal import Journal
from agent.loops import Loops, LoopState, periodic
from agent.market.reader import CHECK_S
from agent.node import address
from agent.parts import Parts
from agent.periods import Periods, Sensed
from agent.policy import reasons
from agent.policy.guards import GUARDS
from agent.policy.money import usd_per_hour
from agent.reload import SettingsFile
from agent.settings import AwsSettings, Settings, SettingsError, SettingsFault
from agent.settings_sources import ListenerSettings, RestSettings
from agent.sightings import Sightings
from agent.sinks.notices import Outbox
from agent.sources import probes
from agent.sources.graphite_listener import Listener
from agent.sources.interruptions import Interruptions
from agent.sources.isbusy import IsBusyFile, KeptBusy
from agent.sources.kinesis import CHECK_S as KINESIS_CHECK_S
from agent.sources.node import NodeReader
from agent.sources.pause import PauseFile
from agent.sources.rest_poller import Poll, RestPoller
from agent.status.board import Board
from agent.status.making import Held, Self
from agent.status.page import SECURITY_POLICY
from agent.status.server import StatusServer
from agent.telemetry import Telemetry

LISTENER_LIMIT_S = 5.0
"""It comes round every half second; one that does not holds Spark's connections."""

LOOP_LIMIT_S = 120.0
"""For loops that wait for nothing but a bounded poll or a file."""

INTERRUPTIONS_S = 5.0
"""How often EC2's metadata are asked for a notice, as AWS recommends; each is two minutes ahead."""

CLEAR_UP_S = 5.0
"""How long a stop waits at last for the cluster's alarms to go; one that is a mere restart waits no longer for EMR."""

AWS_CALLS_A_TURN = 16
"""More than a turn makes: both views, what is read afresh, the act itself."""
AWS_CALLS_A_BEAT = 6
"""A change that meets a transaction at its row is tried again (`agent.lifecycle.dynamo_table`)."""
AWS_CALLS_FOR_PRICES = 40
"""More than it takes to ask for the prices of a fleet of 30 types, the most that EMR takes."""
BOTOCORE_BACKOFF_S = 20.0
"""The longest pause between two attempts (botocore, standard retry mode)."""


class App:
    """All parts of the running agent, for one cluster; `path` is the file that the settings came from.

    Raises SettingsError where they do not suffice.
    """

    def __init__(self, settings: Settings, path: Path) -> None:
        self._settings = settings
        self._file = SettingsFile(path, settings)
        self._clock = time.time
        self._telemetry = Telemetry()
        self._random = Random()
        identity = identify_node(Imds())
        self._cluster_id = settings.cluster.id or identity.cluster_id or _fail("cluster.id", _NO_CLUSTER)
        self._capabilities = Capabilities(self._clock, self._telemetry, self._random.random)
        self._clients = Clients(settings.aws, identity.region, self._capabilities)
        self._on_emr = identity.cluster_id is not None
        if self._clients.region is None:
            _fail("aws.region", "is empty, and neither this node nor the AWS configuration tells the Region")
        self._table = Table(settings.listener, settings.policy.memory_death_hold_s, self._telemetry)
        self._listener = Listener(
            _at_own_address(settings.listener, identity), self._table, self._clock, self._telemetry
        )
        parts = self._parts = Parts(
            settings=settings,
            cluster_id=self._cluster_id,
            clients=self._clients,
            clock=self._clock,
            telemetry=self._telemetry,
            random=self._random,
        )
        self._sinks = parts.sinks()
        self._periods = Periods(self._table, settings.cluster, self._cluster_id, self._clock())
        self._node = NodeReader(lambda: (os.getpid(), os.getppid()), self._clock)
        self._sensed: Sensed | None = None
        self._usd_per_hour: float | None = None
        self._manager = pollers.of_manager(settings.sources, self._poller)
        self._prices = parts.prices(lambda: self._settings.wants_prices)
        self._outbox = Outbox(parts.senders(), self._telemetry)
        self._desk = parts.desk(self._outbox.put)
        self._interruptions = Interruptions(Imds, self._tell_interruption, self._clock)
        self._hands = parts.hands()
        self._alarms = parts.removal()
        self._road_in = parts.road_in(self._leads)
        self._busy_file = KeptBusy(settings.idle.isbusy_path, self._clock)
        self._heartbeat = parts.heartbeat(self._busy_file)
        self._controller = self._build_controller()
        self._last_hold: tuple[str, ...] = ()
        self._sightings = Sightings(settings)
        self._standing: Callable[[], tuple[LoopState, ...]] = tuple
        self._board = self._build_board()
        self._status = self._build_status() if settings.status.enabled else None

    def start(self, loops: Loops) -> None:
        """Bind the listener and start every loop. Raises OSError when the port is taken."""
        host, port = self._listener.bind()
        log.event(
            logging.INFO,
            "agent.started",
            version=agent.__version__,
            cluster=self._cluster_id,
            listening=f"{host}:{port}",
            actuator=self._settings.fleet.actuator,
            min_units=self._settings.fleet.min_capacity_units,
            max_units=self._settings.fleet.max_capacity_units,
        )
        call_s = longest_call_s(self._settings.aws)
        loops.add("listener", self._listener.run, LISTENER_LIMIT_S)
        for name, poller in pollers.wanted(
            self._settings.sources, self._last_reading, self._poller, on_emr=self._on_emr
        ):
            loops.add(name, poller.run, LOOP_LIMIT_S)
        for name, built in self._sinks.items():
            if built.run is not None:
                loops.add(name, built.run, LOOP_LIMIT_S + call_s)
        self._desk.began(self._clock())
        loops.add("notices", self._outbox.run, LOOP_LIMIT_S + call_s)
        if self._on_emr:
            look = periodic("interruptions", INTERRUPTIONS_S, self._interruptions.look, self._telemetry)
            loops.add("interruptions", look, LOOP_LIMIT_S + call_s)
        waiting = self._settings.aws.model_copy(update={"read_timeout_s": read_timeout_s(self._settings.aws)})
        self._road_in.start(loops, longest_call_s(waiting))
        if self._settings.sources.kinesis:
            step = self._parts.kinesis(self._table).step
            loops.add("kinesis", periodic("kinesis", KINESIS_CHECK_S, step, self._telemetry), LOOP_LIMIT_S + call_s)
        if self._heartbeat is not None:
            every_s, step = self._settings.lifecycle.heartbeat_s, self._heartbeat.step
            beating = periodic("heartbeat", every_s, step, self._telemetry, self._random.random)
            loops.add("heartbeat", beating, LOOP_LIMIT_S + AWS_CALLS_A_BEAT * call_s)
        period_s = self._settings.sinks.cloudwatch.period_s
        for name, every_s, step, limit_s in (
            ("node", self._settings.sources.node_period_s, self._read_node, LOOP_LIMIT_S),
            ("turn", self._settings.policy.turn_period_s, self._turn, LOOP_LIMIT_S + AWS_CALLS_A_TURN * call_s),
            ("ship", period_s, self._ship_unless_first(period_s), LOOP_LIMIT_S),
            ("prices", CHECK_S, self._prices.step, LOOP_LIMIT_S + AWS_CALLS_FOR_PRICES * call_s),
        ):
            loops.add(name, periodic(name, every_s, step, self._telemetry), limit_s)
        loops.start()
        self._standing = loops.standing
        if self._status is not None:
            self._status.start()

    def stop(self, loops: Loops, deadline_s: float) -> None:
        """Stop every loop, then ship what the last period has so far."""
        end = time.monotonic() + deadline_s
        # the port first: nobody reads from it any more
        loops.stop(deadline_s / 4, first="listener")
        self._listener.close()
        self._road_in.close()
        loops.stop(deadline_s / 2)
        if self._status is not None:
            self._status.stop()
        self._ship()
        clearing = self._remove_alarms_if_ending()
        # a cluster that is ended takes the agent with it: its last notice comes before the last figures
        self._outbox.close(max(0.0, end - time.monotonic()) / 2)
        for built in self._sinks.values():
            built.sink.close(max(0.0, end - time.monotonic()))
        clearing.join(min(CLEAR_UP_S, max(0.0, end - time.monotonic())))

    def _ship_unless_first(self, period_s: float) -> Callable[[], None]:
        """The loop's first step comes at once, when there is no period to close yet."""
        began = time.monotonic()

        def step() -> None:
            if time.monotonic() - began >= period_s / 2:
                self._ship()

        return step

    def _ship(self) -> None:
        agent = self._controller
        datums = self._periods.close(
            self._clock(), agent.fleet, agent.idle, agent.shadow_targets, usd_per_hour=self._usd_per_hour
        )
        for built in self._sinks.values():
            built.sink.ship(datums)

    def _read_node(self) -> None:
        self._table.take(self._node.read())

    def _turn(self) -> None:
        if (settings := self._file.changed()) is not None:
            self._settings = settings
            self._sightings.adopt(settings)
            self._desk.adopt(settings)
            self._road_in.adopt(settings.actions)
            self._controller.adopt(settings, self._probes(), self._clock())
        turn = self._controller.turn(self._clock())
        if self._heartbeat is not None:
            self._heartbeat.saw(turn.observation)
        self._desk.look(turn)
        self._usd_per_hour = usd_per_hour(turn.observation, self._settings)
        self._tell(turn)
        self._show(turn)

    def _tell_interruption(self, told: Interruption) -> None:
        self._telemetry.count(f"InterruptionNotices.{told.action}")
        log.event(logging.WARNING, "primary.interruption", action=told.action, at=told.at)

    def _tell(self, turn: Turn) -> None:
        """Log every decision that acts, and a hold when its reasons have changed."""
        self._sightings.look(turn.observation)
        decision = turn.decision
        because = reasons.text(decision.because)
        if isinstance(decision, Hold):
            codes = tuple(reason.code for reason in decision.because)
            if codes != self._last_hold:
                log.event(logging.INFO, "decision.hold", because=because)
            self._last_hold = codes
            return
        self._last_hold = ()
        log.event(
            logging.INFO,
            "decision.acted",
            decision=type(decision).__name__.lower(),
            target=getattr(decision, "target", None),
            outcome=turn.result.outcome,
            detail=turn.result.detail,
            because=because,
        )

    def _look(self, at: float) -> tuple[dict[str, Signal], ClusterReading | None]:
        self._sensed = self._periods.sense(
            at, self._controller.fleet, self._controller.idle, usd_per_hour=self._usd_per_hour
        )
        return dict(self._sensed.signals), self._sensed.reading

    def _last_reading(self) -> ClusterReading | None:
        return self._sensed.reading if self._sensed is not None else None

    def _tasks(self) -> Evidence:
        if self._sensed is None:
            return Evidence(probe="tasks", busy=True, detail="nothing sensed yet", at=self._clock())
        snapshot = self._sensed.snapshot
        return probes.tasks((instance.values for instance in snapshot.instances), snapshot.at)

    def _unlisted(self) -> Evidence:
        within_s = 2 * self._settings.listener.report_period_s
        return probes.unlisted(self._reports, self._clock(), within_s)

    def _reports(self) -> tuple[ClusterReading | None, list[probes.Report]]:
        if self._sensed is None:
            return None, []
        jvms = self._sensed.snapshot.instances
        return self._sensed.reading, [
            probes.Report(one.role, one.app, one.id, one.last_seen, one.values) for one in jvms
        ]

    def _probes(self) -> tuple[Probe, ...]:
        idle = self._settings.idle
        always = (IsBusyFile(idle.isbusy_path, idle.after_s, self._clock, self._busy_file), self._tasks, self._unlisted)
        if idle.unused_application_after_s is None:
            return always
        return (*always, probes.AtRest(self._reports, self._clock))

    def _remove_alarms_if_ending(self) -> threading.Thread:
        """EMR stops the agent when the cluster ends, whoever ended it; a restart of the agent is no such end."""

        def look() -> None:
            if self._alarms is not None:
                self._alarms.if_ending(self._hands.cluster_reader)

        looking = threading.Thread(target=look, name="alarms-at-the-end", daemon=True)
        looking.start()
        return looking

    def _build_controller(self) -> Controller:
        settings, hands = self._settings, self._hands
        outside = Outside(
            look=self._look,
            ask_manager=self._manager.poll_once,
            fleet=hands.fleet_reader,
            cluster=hands.cluster_reader,
            probes=self._probes(),
            steps=StepsProbe(self._clients.emr, self._cluster_id, self._clock),
            resizer=hands.fleet,
            ender=self._parts.ender(),
            journal=Journal(settings.journal.path, settings.journal.max_bytes),
            prices=self._prices.latest,
            shuffle=lambda: {} if self._sensed is None else self._sensed.snapshot.shuffle,
            remaining=lambda: None if self._sensed is None else self._sensed.snapshot.remaining,
            hdfs=lambda: None if self._sensed is None else self._sensed.snapshot.hdfs,
            pause=PauseFile(settings.policy.pause_path, self._clock),
            requests=self._road_in.inbox,
            orders=(lambda: None) if self._heartbeat is None else self._heartbeat.orders,
            missing=self._capabilities.missing,
            interruption=self._interruptions,
            ending=nothing if self._alarms is None else self._alarms,
        )
        return Controller(
            settings, GUARDS, outside, self._telemetry, started_at=self._clock(), jitter=self._random.random
        )

    def _show(self, turn: Turn) -> None:
        if self._status is not None:
            sensed = self._sensed
            held = None if sensed is None else Held(snapshot=sensed.snapshot, rollup=sensed.rollup)
            self._board.take(turn, held, self._settings)

    def _build_board(self) -> Board:
        me = Self(
            version=agent.__version__,
            cluster_id=self._cluster_id,
            region=self._clients.region or "",
            started_at=self._clock(),
        )
        return Board(self._settings, me, self._clock, self._telemetry, lambda: self._standing())

    def _build_status(self) -> StatusServer:
        board = self._board
        return StatusServer(self._settings.status, board.pages, board.check, SECURITY_POLICY, self._telemetry)

    def _leads(self) -> bool:
        """Whether this agent is the one to act, as far as the cluster manager has told."""
        reading = self._last_reading()
        return reading is None or reading.leader

    def _poller(self, name: str, rest: RestSettings, poll: Poll) -> RestPoller:
        return RestPoller(name, rest, poll, self._table, self._clock, self._telemetry)


def _at_own_address(listener: ListenerSettings, identity: Identity) -> ListenerSettings:
    host = address.listening(listener.host, identity, Imds())
    if host is None:
        _fail("listener.host", "is `auto`, and the private address of this node is not known: give it")
    return listener.model_copy(update={"host": host})


def longest_call_s(settings: AwsSettings) -> float:
    """How long one AWS call may take at most, its attempts and the pauses between them included."""
    attempt_s = settings.connect_timeout_s + settings.read_timeout_s
    return settings.max_attempts * attempt_s + (settings.max_attempts - 1) * BOTOCORE_BACKOFF_S


def nothing() -> None:
    """Where there is nothing to clear up."""


_NO_CLUSTER = "is empty and no file of EMR on this machine tells the cluster: set it to the cluster's id (j-…)"


def _fail(path: str, text: str) -> str:
    raise SettingsError("settings", (SettingsFault(path, text),))
