"""Which endpoints are polled, each by a poller of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from agent.domain.readings import Reading
from agent.node import daemons
from agent.node.daemons import Addresses
from agent.settings_base import AUTO
from agent.settings_sources import RestSettings, SourcesSettings
from agent.sources.polls import LatestCluster, SparkPoll, hdfs_poll, standalone_poll, yarn_poll
from agent.sources.rest_poller import Ask, Poll, RestPoller

Make = Callable[[str, RestSettings, Poll], RestPoller]
"""A poller of that name, with that endpoint's settings."""

Find = Callable[[], Addresses | None]
"""Where a daemon answers, by this node's files; None while they do not tell."""


class Found:
    """A poll of a daemon whose address this node's files tell; no question is asked until they do."""

    def __init__(self, find: Find, poll_at: Callable[[str, Sequence[str]], Poll]) -> None:
        self._find = find
        self._poll_at = poll_at
        self._at: Addresses | None = None
        self._poll: Poll = _nobody

    def __call__(self, ask: Ask) -> Iterable[Reading]:
        """The poll itself is kept while the address is the same: it may remember who answered."""
        at = self._find()
        if at is not None and at != self._at:
            self._at, self._poll = at, self._poll_at(at.url, at.other_urls)
        return self._poll(ask)


def of_manager(sources: SourcesSettings, make: Make) -> RestPoller:
    """One that asks the cluster manager when told to: apart from the one that polls it, for two threads must not
    share connections. Without a cluster manager it asks nobody."""
    name = "manager"
    if sources.standalone.url:
        return make(name, sources.standalone, standalone_poll(sources.standalone.url))
    return make(name, sources.yarn, _yarn(sources.yarn) if sources.yarn.url else _nobody)


def wanted(
    sources: SourcesSettings, latest: LatestCluster, make: Make, *, on_emr: bool
) -> list[tuple[str, RestPoller]]:
    """Those that the settings ask for, each for a thread of its own. What is left to this node (`auto`) is asked for
    on a node of EMR, and on any other machine that has Hadoop's configuration."""
    hadoop = on_emr or daemons.are_expected()
    found: list[tuple[str, RestSettings, Poll]] = []
    yarn = not sources.standalone.url and _asked(sources.yarn, hadoop)
    if yarn:
        found.append(("yarn", sources.yarn, _yarn(sources.yarn)))
    if sources.standalone.url:
        found.append(("standalone", sources.standalone, standalone_poll(sources.standalone.url)))
    if _asked(sources.hdfs, hadoop):
        found.append(("hdfs", sources.hdfs, _hdfs(sources.hdfs)))
    if yarn or sources.standalone.url or sources.spark.url:
        found.append(("spark", sources.spark, SparkPoll(latest, sources.spark.url, sources.standalone.url)))
    return [(name, make(name, rest, poll)) for name, rest, poll in found]


def _asked(rest: RestSettings, hadoop: bool) -> bool:
    return hadoop if rest.url == AUTO else bool(rest.url)


def _yarn(rest: RestSettings) -> Poll:
    return Found(daemons.resource_manager, yarn_poll) if rest.url == AUTO else yarn_poll(rest.url, rest.other_urls)


def _hdfs(rest: RestSettings) -> Poll:
    return Found(daemons.name_node, hdfs_poll) if rest.url == AUTO else hdfs_poll(rest.url, rest.other_urls)


def _nobody(_: Ask) -> Iterable[Reading]:
    return ()
