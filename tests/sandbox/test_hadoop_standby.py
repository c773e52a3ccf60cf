"""Two real ResourceManagers, of which one leads: what the standby says, and where it sends who asks it for more."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.sandbox.hadoop import conf, daemons, views
from agent.sandbox.hadoop.conf import MASTER_HOST, Ports, Shape
from agent.sandbox.hadoop.daemons import Launcher
from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.java import Java
from agent.sandbox.spark.processes import Processes
from agent.sources.polls import yarn_poll
from tests.sandbox.hadoop_world import Poller
from tests.sandbox.spark_world import wait_for

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(900)]

IDS = ("rm1", "rm2")


@dataclass
class Pair:
    """Standbys at first; who leads is said by an administrator. No nodes, no ZooKeeper."""

    folder: Path
    launcher: Launcher
    processes: Processes
    urls: Mapping[str, str]

    def start(self, sites: Mapping[str, str]) -> None:
        for id in IDS:
            own = {**sites, "yarn.resourcemanager.ha.id": id}
            scheduler = conf.capacity_scheduler(Shape())
            site = conf.write_folder(self.folder / id, {"yarn-site": own, "capacity-scheduler": scheduler})
            self._run(daemons.RESOURCE_MANAGER, id, site)
        for id in IDS:
            log = self.folder / f"{id}.log"
            wait_for(lambda id=id: views.resource_manager_started(self.urls[id]), f"{id} answers: {log}", 180)  # type: ignore[misc]

    def lead(self, id: str) -> None:
        for other in IDS:
            if other != id:
                self._administer("-transitionToStandby", other)
        self._administer("-transitionToActive", id)

    def _administer(self, *arguments: str) -> None:
        name = "-".join(("admin", *arguments))
        assert self._run(daemons.ADMIN, name, self.folder / IDS[0], *arguments).wait(120) == 0

    def _run(self, main_class: str, name: str, site: Path, *arguments: str) -> subprocess.Popen[bytes]:
        return self.processes.start(
            [*self.launcher.command(main_class, site), *arguments],
            environment=self.launcher.environment(site),
            log=self.folder / f"{name}.log",
            cwd=self.folder,
        )


@pytest.fixture
def pair(hadoop_jars: HadoopJars, java_home: Java, tmp_path: Path) -> Iterator[Pair]:
    held = {id: daemons.hold_ports(MASTER_HOST, 7) for id in IDS}
    ports = {id: Ports(*map(daemons.port_of, sockets)) for id, sockets in held.items()}
    sites = conf.yarn_site(tmp_path, ports[IDS[0]], Shape()) | {
        "yarn.resourcemanager.ha.enabled": "true",
        "yarn.resourcemanager.ha.automatic-failover.enabled": "false",
        "yarn.resourcemanager.cluster-id": "pair",
        "yarn.resourcemanager.ha.rm-ids": ",".join(IDS),
    }
    for id in IDS:
        addresses = conf.yarn_site(tmp_path, ports[id], Shape()).items()
        sites |= {f"{name}.{id}": value for name, value in addresses if name.endswith((".address", "manager.hostname"))}
    sites = {name: value for name, value in sites.items() if not name.endswith((".address", "manager.hostname"))}
    conf.write_excluded(tmp_path / conf.EXCLUDE_FILE, ())
    processes = Processes()
    urls = {id: f"http://{MASTER_HOST}:{ports[id].resource_manager_web}" for id in IDS}
    try:
        both = Pair(tmp_path, Launcher(hadoop_jars, java_home, tmp_path), processes, urls)
        both.start(sites)
        yield both
    finally:
        processes.close()
        for sockets in held.values():
            daemons.release(sockets)


def test_the_standby_is_left_for_the_active_one_wherever_the_address_of_that_comes_from(pair: Pair) -> None:
    first, second = (pair.urls[id] for id in IDS)
    alone = Poller(yarn_poll(first))
    nobody = alone.once()
    assert (nobody.leader, nobody.nodes, nobody.applications) == (False, None, None), "nobody leads yet"
    assert alone.telemetry.counts()["PollErrors.it.standby"] == alone.errors() > 0

    pair.lead("rm1")
    leads, told = Poller(yarn_poll(first)), Poller(yarn_poll(second, (first,)))
    assert (leads.once().leader, leads.errors()) == (True, 0)
    named = told.once()
    assert (named.leader, named.nodes, named.applications, told.errors()) == (False, (), (), 0)
    sent_on = Poller(yarn_poll(second))
    followed = sent_on.once()
    assert (followed.leader, followed.nodes, followed.applications) == (False, (), ()), sent_on.telemetry.counts()
    assert sent_on.errors() == 0

    pair.lead("rm2")
    failed_over = Poller(yarn_poll(second))
    assert (failed_over.once().leader, failed_over.errors()) == (True, 0)
    assert not leads.once().leader and leads.errors() == 0
