"""Which endpoints are polled, each by a poller of its own."""

from __future__ import annotations

from collections.abc import Callable

from agent.settings import RestSettings, SourcesSettings
from agent.sources.polls import LatestCluster, SparkPoll, hdfs_poll, standalone_poll, yarn_poll
from agent.sources.rest_poller import Poll, RestPoller

Make = Callable[[str, RestSettings, Poll], RestPoller]
"""A poller of that name, with that endpoint's settings."""


def of_manager(sources: SourcesSettings, make: Make) -> RestPoller:
    """One that asks the cluster manager when told to: apart from the one that polls it, for two threads must not
    share connections. Without a cluster manager it asks nobody."""
    name = "manager"
    if sources.standalone.url:
        return make(name, sources.standalone, standalone_poll(sources.standalone.url))
    if sources.yarn.url:
        return make(name, sources.yarn, yarn_poll(sources.yarn.url, sources.yarn.other_urls))
    return make(name, sources.yarn, lambda _: ())


def wanted(sources: SourcesSettings, latest: LatestCluster, make: Make) -> list[tuple[str, RestPoller]]:
    """Those that the settings ask for, each for a thread of its own."""
    found: list[tuple[str, RestSettings, Poll]] = []
    if sources.yarn.url:
        found.append(("yarn", sources.yarn, yarn_poll(sources.yarn.url, sources.yarn.other_urls)))
    if sources.standalone.url:
        found.append(("standalone", sources.standalone, standalone_poll(sources.standalone.url)))
    if sources.hdfs.url:
        found.append(("hdfs", sources.hdfs, hdfs_poll(sources.hdfs.url, sources.hdfs.other_urls)))
    if sources.yarn.url or sources.standalone.url or sources.spark.url:
        found.append(("spark", sources.spark, SparkPoll(latest, sources.spark.url, sources.standalone.url)))
    return [(name, make(name, rest, poll)) for name, rest, poll in found]
