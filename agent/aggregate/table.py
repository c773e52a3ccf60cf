"""The bounded table of last values: reports and readings go in, a snapshot comes out.

The listener's thread writes while the turn's thread takes snapshots. One lock guards the bookkeeping and is held for
microseconds a report; splitting, parsing and turning text into numbers happen outside it.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import dataclass

from agent.aggregate.arrivals import Arrival, Reader
from agent.aggregate.deaths import Deaths, evidence, heap_max, says_memory
from agent.aggregate.entries import Entry, Key, id_of, key_of
from agent.aggregate.layouts import Shape, Shapes
from agent.aggregate.remaining import remaining
from agent.aggregate.shuffle import by_host
from agent.aggregate.snapshot import MemoryDeath, Role, Snapshot
from agent.aggregate.standing import standing
from agent.domain.readings import (
    ClusterReading,
    ExecutorRemoval,
    HdfsReading,
    NodeReading,
    Reading,
    RemoteReading,
    ShuffleReading,
)
from agent.domain.stages import StagesReading
from agent.settings_sources import ListenerSettings
from agent.telemetry import Telemetry
from agent.wire import refusals
from agent.wire.graphite import LONGEST_NUMBER, LONGEST_STAMP

TRUSTED_CLOCK_S = 120.0
"""A sender's timestamp further off than this is not used."""
SHORTEST_LIFE_S = 45.0
APPLICATION_LIFE_S = 300.0
SILENT_PERIODS = 2
"""Reports that an executor misses, while its application goes on, before its last ones are judged."""
RETURNING_LIMIT = 4096

_OF_APPLICATIONS = frozenset({Role.DRIVER, Role.EXECUTOR, Role.APPLICATION_MASTER})
_LINE_FEED = 10
_PLAIN = b"0123456789.- "


@dataclass(slots=True)
class _Application:
    last_seen: float
    """Arrival of the newest report of any of its JVMs."""
    live: int = 0
    """Its entries."""


class Table:
    """Implements ReportReceiver and ReadingReceiver."""

    def __init__(self, settings: ListenerSettings, memory_death_hold_s: float, telemetry: Telemetry) -> None:
        self._settings = settings
        self._life_s = max(3 * settings.report_period_s, SHORTEST_LIFE_S)
        self._max_values = 2 * settings.max_executors * settings.max_names_per_source
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._shapes = Shapes()
        self._reader = Reader(settings, self._shapes)
        self._entries: dict[Key, Entry] = {}
        self._by_fingerprint: dict[int, Entry] = {}
        self._applications: dict[str, _Application] = {}
        self._returning: dict[Key, None] = {}
        self._values = 0
        self._deaths = Deaths(memory_death_hold_s, settings.max_executors)
        self._lost = 0
        self._tally: Counter[str] = Counter()
        self._swept_at = -math.inf
        self._listening_since = math.inf
        self._cluster: ClusterReading | None = None
        self._hdfs: HdfsReading | None = None
        self._node: NodeReading | None = None
        self._shuffle: dict[str, ShuffleReading] = {}
        self._stages: dict[str, StagesReading] = {}
        self._remote: dict[str, RemoteReading] = {}

    def report(self, raw: bytes, peer: str, at: float) -> None:
        """Take one report. What is refused is counted; nothing is raised, whatever the bytes.

        A report with exactly the names of the same JVM's last one, all with one timestamp, is read by position: its
        wanted values are kept as they came. The names are compared by Python's keyed 64-bit hash of all of them, so
        that an executor costs no copy of its names. Every other report is validated line by line.
        """
        tokens = raw.split()
        fingerprint = hash((peer, *tokens[::3]))
        with self._lock:
            entry = self._by_fingerprint.get(fingerprint)
            if entry is not None and entry.shape is not None and self._repeat(entry, entry.shape, raw, tokens, at):
                return
        understood = self._reader.read(raw)
        with self._lock:
            self._listening_since = min(self._listening_since, at)
            self._tally.update(understood.counts)
            for arrival in understood.arrivals:
                self._store(arrival, fingerprint, peer, at)

    def take(self, reading: Reading) -> None:
        with self._lock:
            match reading:
                case ClusterReading():
                    self._cluster = reading
                case HdfsReading():
                    self._hdfs = reading
                case NodeReading():
                    self._node = reading
                case ExecutorRemoval():
                    self._removed(reading)
                case ShuffleReading():
                    self._shuffle[reading.app] = reading
                case StagesReading():
                    self._stages[reading.app] = reading
                case RemoteReading():
                    self._remote = {**self._remote, reading.signal: reading}

    def snapshot(self, at: float) -> Snapshot:
        """Everything that is alive at `at`."""
        with self._lock:
            self._listening_since = min(self._listening_since, at)
            self._sweep(at)
            entries = [entry for entry in self._entries.values() if not entry.suspect]
            deaths = self._deaths.standing(at)
            lost, cluster, hdfs, node = self._lost, self._cluster, self._hdfs, self._node
            self._shuffle = standing(self._shuffle, cluster, at)
            self._stages = standing(self._stages, cluster, at)
            shuffle, stages, remote = self._shuffle, self._stages, self._remote
            tally, self._tally = self._tally, Counter()
        for name, count in tally.items():
            self._telemetry.count(name, count)
        return Snapshot(
            at=at,
            instances=tuple(entry.instance() for entry in entries),
            memory_deaths=deaths,
            executors_lost=lost,
            cluster=cluster,
            hdfs=hdfs,
            node=node,
            counts=self._telemetry.counts(),
            shuffle=by_host(shuffle),
            remaining=remaining(stages, cluster),
            remote=remote,
            new_after=self._listening_since + SILENT_PERIODS * self._settings.report_period_s,
        )

    def _repeat(self, entry: Entry, shape: Shape, raw: bytes, tokens: list[bytes], at: float) -> bool:
        """Whether the report could be taken by position; if not, nothing has changed."""
        stamp = tokens[2] if len(tokens) == 3 * shape.lines else b""
        if not stamp.isdigit() or len(stamp) > LONGEST_STAMP or raw[-1] != _LINE_FEED:
            return False
        if tokens[2::3].count(stamp) != shape.lines:
            return False
        packed = b" ".join(shape.pick(tokens))
        if packed.translate(None, _PLAIN) or len(packed) > LONGEST_NUMBER * len(shape.layout.series):
            return False
        tally = self._tally
        tally[refusals.REPORTS_RECEIVED] += 1
        tally[refusals.LINES_RECEIVED] += shape.lines
        tally[refusals.LINES_IGNORED] += shape.ignored
        if shape.unknown:
            tally[refusals.UNKNOWN_NAME] += shape.unknown
        time = self._time(entry, int(stamp), at, len(shape.layout.series))
        if time is not None:
            entry.put(shape.layout, packed, time, at)
            self._heard(entry, at)
        return True

    def _time(self, entry: Entry, stamp: int, at: float, values: int) -> float | None:
        """When the report was made; None when that is before the last one that was taken."""
        time: float = stamp
        if abs(stamp - at) > TRUSTED_CLOCK_S:
            self._tally[refusals.TIMESTAMPS_REPLACED] += 1
            time = at
        if time >= entry.stamp or entry.stamp - at > TRUSTED_CLOCK_S:  # our own clock was set back since
            return time
        self._tally[refusals.OUT_OF_ORDER] += 1
        self._tally[refusals.REPORT_REJECTED] += values
        return None

    def _heard(self, entry: Entry, at: float) -> None:
        application = self._applications.get(entry.app)
        if application is not None and entry.role in _OF_APPLICATIONS:
            application.last_seen = at

    def _store(self, arrival: Arrival, fingerprint: int, peer: str, at: float) -> None:
        if not arrival.values:
            return
        values = len(arrival.values)
        entry = self._entries.get(key_of(arrival.origin, peer))
        more = values - (0 if entry is None else len(entry.last.layout.series))
        refused = refusals.TOO_MANY_VALUES if self._values + more > self._max_values else None
        if refused is None and entry is None:
            refused = self._refusal(arrival, at)
        if refused is not None:
            self._tally[refused] += 1
            self._tally[refusals.REPORT_REJECTED] += values
            return
        entry = entry or self._admitted(arrival, peer, at)
        time = self._time(entry, arrival.stamp, at, values)
        if time is None:
            return
        entry.leave_out(arrival.named, self._settings.max_names_per_source)
        layout = self._shapes.layout(tuple(arrival.values))
        entry.put(layout, b" ".join(arrival.values.values()), time, at)
        entry.peer = peer
        self._values += more
        self._heard(entry, at)
        if arrival.shape is not None:
            self._by_fingerprint.pop(entry.fingerprint, None)
            self._by_fingerprint[fingerprint] = entry
            entry.shape, entry.fingerprint = arrival.shape, fingerprint

    def _refusal(self, arrival: Arrival, at: float) -> str | None:
        """Why there is no place for a JVM that is not known yet; None when there is one."""
        app = arrival.origin.app
        new = bool(arrival.origin.id) and app not in self._applications

        def full() -> str | None:
            if len(self._entries) >= self._settings.max_executors:
                return refusals.TOO_MANY_EXECUTORS
            if new and len(self._applications) >= self._settings.max_applications:
                return refusals.TOO_MANY_APPLICATIONS
            return None

        if full() is not None and at - self._swept_at >= 1:  # a flood must not buy a walk through the table each
            self._sweep(at)
            for gone in [name for name, known in self._applications.items() if known.live == 0]:
                del self._applications[gone]
        if new and len(self._applications) >= self._settings.max_applications:
            self._displace_for(app)
        return full()

    def _displace_for(self, app: str) -> None:
        """An application that the cluster manager lists takes the place of one that it does not: whoever can reach
        the port can make up names, and must not keep the real ones out."""
        listed = {one.id for one in self._cluster.applications or ()} if self._cluster is not None else set()
        stranger = next((name for name in self._applications if name not in listed), None)
        if app not in listed or stranger is None:
            return
        for entry in [entry for entry in self._entries.values() if entry.app == stranger]:
            self._drop(entry)
        del self._applications[stranger]
        self._tally[refusals.APPLICATIONS_DISPLACED] += 1

    def _admitted(self, arrival: Arrival, peer: str, at: float) -> Entry:
        origin = arrival.origin
        key = key_of(origin, peer)
        first_seen = at
        if key in self._returning:
            # it has a past that is not new: see Snapshot.new_after
            del self._returning[key]
            first_seen = min(at, self._listening_since)
        entry = Entry(key, origin.role, origin.app, id_of(origin, peer), peer, first_seen, -math.inf)
        self._entries[key] = entry
        if origin.id:
            self._applications.setdefault(origin.app, _Application(at)).live += 1
            self._deaths.retract((origin.app, origin.id))
        return entry

    def _sweep(self, at: float) -> None:
        """Judge who is silent, forget who has been so for too long."""
        self._swept_at = at
        self._judge_silence()
        for entry in [entry for entry in self._entries.values() if at - entry.last.at > self._life_s]:
            self._lost += self._is_lost(entry)
            self._drop(entry)
        for entry in self._entries.values():
            entry.forget_missing(at - self._life_s)
        for app in [app for app, known in self._applications.items() if at - known.last_seen > APPLICATION_LIFE_S]:
            del self._applications[app]
        self._reader.keep_only(series for entry in self._entries.values() for series in entry.last.layout.series)

    def _drop(self, entry: Entry) -> None:
        del self._entries[entry.key]
        self._by_fingerprint.pop(entry.fingerprint, None)
        self._values -= len(entry.last.layout.series)
        self._returning[entry.key] = None
        if len(self._returning) > RETURNING_LIMIT:
            del self._returning[next(iter(self._returning))]
        application = self._applications.get(entry.app)
        if application is not None and entry.role in _OF_APPLICATIONS:
            application.live -= 1

    def _is_lost(self, entry: Entry) -> bool:
        """Whether its application went on without it."""
        application = self._applications.get(entry.app)
        executor = entry.role is Role.EXECUTOR
        return executor and application is not None and self._went_on(application, entry, periods=1)

    def _judge_silence(self) -> None:
        """Executors that fell silent with a full heap while their application went on died of memory.

        Silence is measured against the application's newest report, never against the clock: when the agent itself
        has slept, everybody is silent.
        """
        for entry in self._entries.values():
            if entry.role is not Role.EXECUTOR:
                continue
            application = self._applications.get(entry.app)
            if application is None or not self._went_on(application, entry, SILENT_PERIODS):
                if entry.suspect:
                    entry.suspect = False
                    self._deaths.retract((entry.app, entry.id))
            elif entry.judged_at != entry.last.at:
                entry.judged_at = entry.last.at
                how = evidence(entry)
                if how is not None:
                    death = MemoryDeath(entry.app, entry.id, entry.last.at, heap_max(entry), how)
                    entry.suspect = self._deaths.infer(death)

    def _went_on(self, application: _Application, entry: Entry, periods: int) -> bool:
        return application.last_seen - entry.last.at > periods * self._settings.report_period_s

    def _removed(self, reading: ExecutorRemoval) -> None:
        """Spark's own word on why an executor went; its last values go with it."""
        who = (reading.app, reading.executor)
        if self._deaths.told_again(who, reading.at):
            return
        executors = [entry for entry in self._entries.values() if entry.app == reading.app and entry.id.isdigit()]
        gone = [entry for entry in executors if entry.id == reading.executor]
        maximum = max((heap_max(entry) for entry in gone or executors[:1]), default=0.0)
        death = MemoryDeath(reading.app, reading.executor, reading.at, maximum, reading.reason)
        self._deaths.told(death, died_of_memory=says_memory(reading.reason))
        for entry in gone:
            self._lost += 1
            self._drop(entry)
