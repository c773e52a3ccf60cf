"""What is asked of each endpoint, and how the answers become readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from agent.domain.readings import ClusterManager, ClusterReading, ExecutorRemoval, Reading, ShuffleReading
from agent.domain.stages import StagesReading
from agent.sources.rest_poller import Ask, Poll
from agent.wire import hadoop_jmx, spark_rest, spark_stages, standalone, yarn
from agent.wire.json_fields import Malformed
from agent.wire.spark_rest import SparkApplication

LatestCluster = Callable[[], ClusterReading | None]
"""The cluster manager's last answer, whatever its age."""


def yarn_poll(url: str, other_urls: Sequence[str] = ()) -> Poll:
    """Metrics, nodes and applications in one reading, as old as the first question. A part that failed is None.

    `url` is the ResourceManager beside this agent. When it does not lead (a standby, or it does not answer) the others
    are asked, and at last the address that the standby sends its readers on to; the reading then says that it is no
    leader's. A standby whose active one does not answer either gives a reading without any figure.
    """
    base, others = url.rstrip("/"), tuple(other.rstrip("/") for other in other_urls)

    def poll(ask: Ask) -> Iterator[Reading]:
        standing = ask.json(base + yarn.INFO_PATH, yarn.standing)
        standby = standing is not None and not standing.active
        reading = None if standby else _yarn(ask, base)
        if reading is not None:
            yield replace(reading, peers=len(others))
            return
        elsewhere = (_yarn(ask, other) for other in others)
        reading = next((found for found in elsewhere if found is not None), None)
        if standing is not None and standby:
            reading = reading or _yarn(ask, base, follow=True) or _nothing_told(standing.at)
        if reading is not None:
            yield replace(reading, leader=False, peers=len(others))

    return poll


def _yarn(ask: Ask, base: str, *, follow: bool = False) -> ClusterReading | None:
    reading = ask.json(base + yarn.METRICS_PATH, yarn.metrics, follow=follow)
    if reading is None:
        return None
    nodes = ask.json(base + yarn.NODES_PATH, yarn.nodes, follow=follow)
    applications = ask.json(base + yarn.APPS_PATH, yarn.applications, follow=follow)
    return replace(reading, nodes=nodes, applications=applications)


def _nothing_told(at: float) -> ClusterReading:
    return ClusterReading(at=at, manager=ClusterManager.YARN, memory_total_mb=0.0, memory_available_mb=0.0)


def standalone_poll(url: str) -> Poll:
    def poll(ask: Ask) -> Iterator[Reading]:
        reading = ask.json(url.rstrip("/") + standalone.STATE_PATH, standalone.cluster)
        if reading is not None:
            yield reading

    return poll


def hdfs_poll(url: str, other_urls: Sequence[str] = ()) -> Poll:
    """The active NameNode's figures: the one that answered last is asked first, then the others in turn."""
    bases = [each.rstrip("/") for each in (url, *other_urls)]

    def poll(ask: Ask) -> Iterator[Reading]:
        for base in tuple(bases):
            reading = ask.json(base + hadoop_jmx.PATH, hadoop_jmx.hdfs)
            if reading is not None:
                bases.remove(base)
                bases.insert(0, base)
                yield reading
                return

    return poll


def _executors(
    value: object, at: float, app: str
) -> tuple[tuple[ExecutorRemoval, ...], ShuffleReading, float] | Malformed:
    removals, shuffle = spark_rest.removals(value, at, app), spark_rest.shuffle(value, at, app)
    if isinstance(removals, Malformed):
        return removals
    return shuffle if isinstance(shuffle, Malformed) else (removals, shuffle, spark_stages.tasks_at_once(value))


class SparkPoll:
    """How far the active stages are, what executors wrote for the shuffle, and why they were removed, each removal
    once, from the web UIs of the running applications.

    With `url` that one address is asked for all that it serves (a driver, a history server); else each
    running application of the cluster manager's last answer is asked at its own UI: YARN's answer has the
    address, of a standalone master it is read off its page at `master_url`. At most `max_applications` a
    round, in turn, so that none is forgotten.
    """

    def __init__(self, latest: LatestCluster, url: str = "", master_url: str = "", max_applications: int = 20) -> None:
        self._latest = latest
        self._url = url.rstrip("/")
        self._master_url = master_url.rstrip("/")
        self._max_applications = max_applications
        self._ui_urls: dict[str, str] = {}
        self._served: dict[str, SparkApplication] = {}
        self._reported: dict[tuple[str, str], set[str]] = {}
        self._turn = 0

    def __call__(self, ask: Ask) -> Iterator[Reading]:
        """Remembers of each application only while it runs: nothing grows with those that have been."""
        if self._url:
            self._served = self._ask_served(ask, self._url)
            bases = dict.fromkeys(self._served, self._url)
        else:
            bases = self._running(ask)
            self._served = {app: served for app, served in self._served.items() if app in bases}
        self._reported = {known: reported for known, reported in self._reported.items() if known[0] in bases}
        for app in self._in_turn(tuple(bases)):
            yield from self._application(ask, app, bases[app])

    def _running(self, ask: Ask) -> dict[str, str]:
        """UI addresses by application id; those known last while the cluster manager does not tell."""
        reading = self._latest()
        if reading is None or reading.applications is None:
            return self._ui_urls
        running = [app for app in reading.applications if app.state == "RUNNING"]
        known = self._ui_urls | {app.id: app.ui_url for app in running if app.ui_url is not None}
        if (
            self._master_url
            and reading.manager is ClusterManager.STANDALONE
            and any(a.id not in known for a in running)
        ):
            known |= standalone.ui_urls(ask.text(self._master_url + standalone.PAGE_PATH) or "")
        self._ui_urls = {app.id: known[app.id].rstrip("/") for app in running if app.id in known}
        return self._ui_urls

    def _ask_served(self, ask: Ask, base: str) -> dict[str, SparkApplication]:
        """By application id what this address serves; what was known last when it fails."""
        served = ask.json(base + spark_rest.APPLICATIONS_PATH, spark_rest.applications)
        return self._served if served is None else {app.id: app for app in served}

    def _application(self, ask: Ask, app: str, base: str) -> Iterator[ExecutorRemoval | ShuffleReading | StagesReading]:
        if app not in self._served:
            served = self._ask_served(ask, base).get(app)
            if served is None:
                return
            self._served[app] = served
        known = self._served[app]
        found = ask.json(base + known.executors_path, partial(_executors, app=app))
        if found is None:
            # a further attempt of it (YARN, cluster mode) has another path, and numbers its executors anew
            del self._served[app]
            return
        reported = self._reported.setdefault((app, known.path), set())
        removals, shuffle, at_once = found
        yield shuffle
        stages = ask.json(base + known.stages_path, partial(spark_stages.stages, app=app, tasks_at_once=at_once))
        if stages is not None:
            yield stages
        for removal in removals:
            if removal.executor not in reported:
                reported.add(removal.executor)
                yield removal

    def _in_turn(self, apps: tuple[str, ...]) -> tuple[str, ...]:
        if len(apps) <= self._max_applications:
            return apps
        start = self._turn % len(apps)
        self._turn += self._max_applications
        return (*apps[start:], *apps[:start])[: self._max_applications]
