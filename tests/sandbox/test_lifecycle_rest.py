"""A model that passes over what is at rest tells and shows the same as one that looks at everything, always."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sandbox.emr import NO_QUOTAS, Market, Role, TimedNodes
from agent.sandbox.emr.api import EmrApi
from agent.sandbox.emr.model import Emr
from agent.sandbox.emr.orders import Decommission, End, Launch, Reports, StartStep
from tests.sandbox.emr_world import DELAYS, ManualClock, fleets, step

RUN = {"Name": "x", "ReleaseLabel": "emr-7.10.0", "JobFlowRole": "ec2", "ServiceRole": "emr"}
Move = tuple[str, int]


class Driven:
    """EMR without HTTP whose steps end when the test says so."""

    def __init__(self, restless: bool) -> None:
        self.restless = restless
        self.clock = ManualClock()
        self.emr = Emr(DELAYS, "eu-west-1", "123456789012")
        self.api = EmrApi(self.emr, self.clock, NO_QUOTAS, str)
        self.nodes = TimedNodes(DELAYS, self.clock)
        self.running: list[str] = []
        self.exits: dict[str, int] = {}
        self.ids: list[str] = []

    def ask(self, operation: str, **request: Any) -> tuple[int, Any]:
        return self.api.answer(operation, json.dumps(request).encode())

    def tick(self, seconds: float) -> None:
        self.clock.now += seconds
        if self.restless:
            for cluster in self.emr.going():
                cluster.wake()
                for pool in cluster.pools:
                    pool._settled = None
        question = self.emr.question()
        exits, self.exits = self.exits, {}
        reports = Reports(
            phases={machine.id: self.nodes.phase(machine) for machine in question.machines},
            asked=frozenset(machine.id for machine in question.choices),
            idle=self.nodes.idle(question.choices),
            exits=exits,
        )
        for order in self.emr.advance(self.clock.now, reports):
            match order:
                case Launch(machine):
                    self.emr.launched(machine, self.nodes.launch(machine))
                case Decommission(machine):
                    self.nodes.decommission(machine)
                case End(machine):
                    self.nodes.terminate(machine)
                case StartStep(_, step_id, _):
                    self.running.append(step_id)
                case _:
                    self.exits |= {order.step_id: -9}

    def move(self, what: str, number: int) -> int | None:
        """The status of the answer, when there was a question."""
        if what == "launch":
            status, answer = self.ask("RunJobFlow", **RUN, Instances=fleets(spot=number % 4))
            self.ids.append(answer["JobFlowId"])
            return status
        if what == "exit":
            if self.running:
                self.exits[self.running.pop(0)] = number % 2
            return None
        if what == "limit":
            self.emr.limit(Market.SPOT, number % 5 or None)
            return None
        return self._on_cluster(what, self.ids[number % len(self.ids)], number) if self.ids else None

    def _on_cluster(self, what: str, cluster: str, number: int) -> int | None:
        pools = self.emr.clusters[cluster].pools
        targets = {"TargetOnDemandCapacity": 0, "TargetSpotCapacity": number % 6}
        requests: dict[str, tuple[str, dict[str, Any]]] = {
            "terminate": ("TerminateJobFlows", {"JobFlowIds": [cluster]}),
            "protect": (
                "SetTerminationProtection", {"JobFlowIds": [cluster], "TerminationProtected": bool(number % 2)},
            ),
            "drain": (
                "SetKeepJobFlowAliveWhenNoSteps", {"JobFlowIds": [cluster], "KeepJobFlowAliveWhenNoSteps": False},
            ),
            "step": ("AddJobFlowSteps", {"JobFlowId": cluster, "Steps": [step("s", "true")]}),
            "resize": (
                "ModifyInstanceFleet",
                {"ClusterId": cluster, "InstanceFleet": {"InstanceFleetId": pools[2].id, **targets}},
            ),
        }  # fmt: skip
        if what in requests:
            operation, request = requests[what]
            return self.ask(operation, **request)[0]
        if cluster in {going.id for going in self.emr.going()}:
            self._to_the_world(what, cluster, number)
        return None

    def _to_the_world(self, what: str, cluster: str, number: int) -> None:
        tasks = self.emr.clusters[cluster].pools[2]
        if what == "lose":
            self.emr.lose(cluster, (Role.CORE, Role.MASTER, Role.TASK)[number % 3], self.clock.now)
        elif what == "suspend":
            self.emr.suspend(tasks.id)
        elif what == "interrupt" and tasks.live:
            self.emr.interrupt(tasks.live[0].machine.id, self.clock.now)
        elif what == "lost" and tasks.live and tasks.live[0].launched:
            self.nodes.terminate(tasks.live[0].machine)

    def told(self) -> list[tuple[int, float, str, str]]:
        order = {cluster: number for number, cluster in enumerate(self.ids)}
        return [(order[e.detail["clusterId"]], e.at, e.detail_type, e.detail["state"]) for e in self.emr.take_events()]

    def shown(self) -> list[Any]:
        return [
            (
                cluster.state,
                cluster.reason,
                [(p.state, *(p.provisioned(m) for m in Market), *(p.wanted(m) for m in Market)) for p in cluster.pools],
                [s.state for s in cluster.steps.steps],
            )
            for cluster in self.emr.clusters.values()
        ]


MOVES = st.tuples(
    st.sampled_from(
        ["launch", "step", "exit", "resize", "interrupt", "lost", "lose", "suspend", "limit", "protect", "drain",
         "terminate"]
    ),
    st.integers(0, 30),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(moves=st.lists(st.tuples(MOVES, st.sampled_from([0, 5, 60, 200, 1000])), max_size=25))
def test_resting_changes_nothing(moves: Sequence[tuple[Move, int]]) -> None:
    resting, restless = Driven(restless=False), Driven(restless=True)
    for (what, number), seconds in [(("launch", 2), 300), *moves]:
        assert resting.move(what, number) == restless.move(what, number)
        for _ in range(3):
            resting.tick(seconds)
            restless.tick(seconds)
            assert resting.told() == restless.told()
            assert resting.shown() == restless.shown()


def test_most_of_the_time_it_rests() -> None:
    it = Driven(restless=False)
    it.move("launch", 2)
    for _ in range(10):
        it.tick(60)
    (cluster,) = it.emr.going()
    assert cluster.rests(frozenset(), {})
    assert not cluster.rests(frozenset({cluster.machines[0].id}), {})
    it.move("step", 0)
    assert not cluster.rests(frozenset(), {})
    for _ in range(3):
        it.tick(60)
    assert cluster.rests(frozenset(), {})
    assert not cluster.rests(frozenset(), {it.running[0]: 0})
