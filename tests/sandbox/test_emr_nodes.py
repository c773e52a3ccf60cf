"""The seam to what makes instances real: when it is called, from where, and what EMR reports of it."""

from __future__ import annotations

import threading
from collections.abc import Collection

from agent.sandbox.emr import SandboxServer
from agent.sandbox.nodes import Machine, NodeHost, NodePhase
from tests.sandbox.emr_world import World, fleets, world


class Host:
    """A NodeHost whose machines do only what the test says."""

    def __init__(self) -> None:
        self.phases: dict[str, NodePhase] = {}
        self.idle_ids: frozenset[str] = frozenset()
        self.log: list[tuple[str, str]] = []
        self.threads: set[int] = set()
        self.locked_calls = 0
        self.server: SandboxServer | None = None
        self.hold_task = False

    def _called(self, what: str, machine: Machine | None = None) -> None:
        self.threads.add(threading.get_ident())
        if machine is not None:
            self.log.append((what, machine.id))
        if self.server is not None:
            other = threading.Thread(target=self._try_lock, args=(self.server,))
            other.start()
            other.join()

    def _try_lock(self, server: SandboxServer) -> None:
        if server.emr.lock.acquire(blocking=False):
            server.emr.lock.release()
        else:
            self.locked_calls += 1

    def launch(self, machine: Machine) -> str:
        self._called("launch", machine)
        held = self.hold_task and machine.role == "TASK"
        self.phases[machine.id] = NodePhase.STARTING if held else NodePhase.READY
        return f"127.0.1.{len(self.phases)}"

    def phase(self, machine: Machine) -> NodePhase:
        self._called("phase")
        return self.phases[machine.id]

    def idle(self, machines: Collection[Machine]) -> frozenset[str]:
        self._called("idle")
        assert machines
        return self.idle_ids

    def decommission(self, machine: Machine) -> None:
        self._called("decommission", machine)
        self.phases[machine.id] = NodePhase.DRAINING

    def terminate(self, machine: Machine) -> None:
        self._called("terminate", machine)
        self.phases[machine.id] = NodePhase.GONE


def task(it: World, cluster: str, *states: str) -> list[tuple[str, str, str]]:
    found = it.instances(cluster, InstanceFleetType="TASK", **({"InstanceStates": list(states)} if states else {}))
    return [(i["Id"], i["Status"]["State"], i.get("PrivateIpAddress", "")) for i in found]


def test_the_protocol_is_what_the_sandbox_takes() -> None:
    host: NodeHost = Host()
    assert host


def test_an_instance_runs_only_when_its_host_says_ready_and_shows_the_hosts_address() -> None:
    host = Host()
    host.hold_task = True
    with world(host=host) as it:
        cluster = it.ready(Instances=fleets(spot=1))
        [(machine, state, address)] = task(it, cluster)
        assert (state, address) == ("BOOTSTRAPPING", "127.0.1.3")
        it.pass_time(1000)
        assert task(it, cluster)[0][1] == "BOOTSTRAPPING"
        assert it.fleet(cluster)["Status"]["State"] == "BOOTSTRAPPING"
        host.phases[machine] = NodePhase.READY
        it.pass_time(5)
        assert task(it, cluster) == [(machine, "RUNNING", "127.0.1.3")]
        assert it.instances(cluster)[2]["PrivateDnsName"] == "ip-127-0-1-3.eu-west-1.compute.internal"


def test_a_decommissioned_instance_stays_until_its_host_says_gone() -> None:
    host = Host()
    with world(host=host) as it:
        cluster = it.ready(Instances=fleets(spot=2))
        kept, leaving = (machine for machine, _, _ in task(it, cluster))
        host.idle_ids = frozenset({leaving})
        it.resize(cluster, spot=1)
        it.pass_time(1000)
        assert ("decommission", leaving) in host.log and ("decommission", kept) not in host.log
        assert [m for m, _, _ in task(it, cluster, "RUNNING")] == [kept, leaving]
        assert it.fleet(cluster)["ProvisionedSpotCapacity"] == 2
        host.phases[leaving] = NodePhase.GONE
        it.pass_time(5)
        assert [m for m, _, _ in task(it, cluster, "RUNNING")] == [kept]
        assert it.fleet(cluster)["ProvisionedSpotCapacity"] == 1
        assert host.log.count(("decommission", leaving)) == 1 and ("terminate", leaving) not in host.log


def test_the_idle_instance_goes_even_when_it_is_the_oldest() -> None:
    host = Host()
    with world(host=host) as it:
        cluster = it.ready(Instances=fleets(spot=3))
        oldest = task(it, cluster)[0][0]
        host.idle_ids = frozenset({oldest})
        it.resize(cluster, spot=2)
        it.pass_time(5)
        assert [one for one in host.log if one[0] == "decommission"] == [("decommission", oldest)]


def test_a_machine_that_fails_later_is_ended_and_replaced() -> None:
    host = Host()
    with world(host=host) as it:
        cluster = it.ready(Instances=fleets(spot=1))
        machine = task(it, cluster)[0][0]
        host.phases[machine] = NodePhase.FAILED
        it.pass_time(240)
        assert ("terminate", machine) in host.log
        assert [m != machine for m, state, _ in task(it, cluster) if state == "RUNNING"] == [True]


def test_a_machine_that_vanishes_is_replaced() -> None:
    host = Host()
    with world(host=host) as it:
        cluster = it.ready(Instances=fleets(spot=1))
        machine = task(it, cluster)[0][0]
        host.phases[machine] = NodePhase.GONE
        it.pass_time(240)
        assert [state for m, state, _ in task(it, cluster) if m == machine] == ["TERMINATED"]
        assert len(task(it, cluster, "RUNNING")) == 1


def test_the_end_of_the_cluster_terminates_every_machine_without_a_drain() -> None:
    host = Host()
    with world(host=host) as it:
        cluster = it.ready(Instances=fleets(spot=2))
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.pass_time(60)
        assert sorted(machine for what, machine in host.log if what == "terminate") == sorted(host.phases)
        assert not any(what == "decommission" for what, _ in host.log)
        assert it.state(cluster) == "TERMINATED"


def test_the_host_is_called_from_one_thread_and_never_under_the_lock() -> None:
    host = Host()
    with world(host=host) as it:
        host.server = it.server
        cluster = it.ready(Instances=fleets(spot=2))
        it.resize(cluster, spot=1)
        it.pass_time(20)
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.pass_time(30)
        assert {what for what, _ in host.log} == {"launch", "decommission", "terminate"}
        assert host.threads == {threading.get_ident()}
        assert host.locked_calls == 0
