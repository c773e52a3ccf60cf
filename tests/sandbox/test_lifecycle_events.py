"""What EMR publishes on EventBridge's default bus, as a queue behind a rule has it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sandbox.emr import NO_QUOTAS, Market, TimedNodes
from agent.sandbox.emr.api import EmrApi
from agent.sandbox.emr.clockwork import Clockwork
from agent.sandbox.emr.model import Emr
from agent.sandbox.emr.processes import StepProcesses
from agent.sandbox.events.road import Road, RoadFaults
from tests.sandbox.bus_world import Ear
from tests.sandbox.emr_world import BEGIN, DELAYS, ManualClock, World, fleets, step, world

Event = Mapping[str, Any]
RUN = {"Name": "job 1.1", "ReleaseLabel": "emr-7.10.0", "JobFlowRole": "ec2", "ServiceRole": "emr"}


@pytest.fixture
def it() -> Iterator[World]:
    with world() as made:
        yield made


def of(events: Sequence[Event], detail_type: str) -> list[Mapping[str, str]]:
    return [event["detail"] for event in events if event["detail-type"] == detail_type]


def states(events: Sequence[Event], detail_type: str = "EMR Cluster State Change") -> list[str]:
    return [detail["state"] for detail in of(events, detail_type)]


def test_a_cluster_tells_its_life(it: World) -> None:
    with Ear(it.server.endpoint, source=["aws.emr"]) as ear:
        cluster = it.launch(Name="etl 1.1", Instances=fleets())
        it.pass_time(240)
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.pass_time(120)
        heard = ear.heard()
    assert states(heard) == ["STARTING", "WAITING", "TERMINATED"]
    details = of(heard, "EMR Cluster State Change")
    assert {(d["clusterId"], d["name"]) for d in details} == {(cluster, "etl 1.1")}
    assert [d["severity"] for d in details] == ["INFO", "INFO", "INFO"]
    assert json.loads(details[0]["stateChangeReason"]) == {"code": ""}
    assert json.loads(details[-1]["stateChangeReason"]) == {
        "code": "USER_REQUEST", "message": "Terminated by user request",
    }  # fmt: skip
    assert all(isinstance(value, str) for event in heard for value in event["detail"].values())


def test_the_time_is_that_of_the_sandbox(it: World) -> None:
    with Ear(it.server.endpoint, source=["aws.emr"]) as ear:
        it.launch(Instances=fleets(task=False))
        it.pass_time(0)
        (event,) = ear.heard()
    assert event["time"] == "2023-11-14T22:13:20Z"  # BEGIN
    assert (event["source"], event["region"], event["resources"]) == ("aws.emr", "eu-west-1", [])


def test_steps_and_their_failure(it: World) -> None:
    with Ear(it.server.endpoint, source=["aws.emr"], **{"detail-type": ["EMR Step Status Change"]}) as ear:
        cluster = it.ready(Instances=fleets(), Steps=[step("good", "true"), step("bad", "false")])
        it.wait(lambda: it.steps(cluster) == {"good": "COMPLETED", "bad": "FAILED"})
        heard = ear.heard()
    told = [(event["detail"]["name"], event["detail"]["state"], event["detail"]["severity"]) for event in heard]
    assert [t for t in told if t[0] == "good"] == [
        ("good", "PENDING", "INFO"), ("good", "RUNNING", "INFO"), ("good", "COMPLETED", "INFO"),
    ]  # fmt: skip
    assert [t[1:] for t in told if t[0] == "bad"] == [("PENDING", "INFO"), ("RUNNING", "INFO"), ("FAILED", "ERROR")]
    assert {event["detail"]["actionOnFailure"] for event in heard} == {"CONTINUE"}
    assert heard[0]["detail"]["stepId"].startswith("s-")


def test_a_cluster_is_running_while_steps_are(it: World) -> None:
    with Ear(it.server.endpoint, source=["aws.emr"], **{"detail-type": ["EMR Cluster State Change"]}) as ear:
        cluster = it.ready(Instances={**fleets(), "KeepJobFlowAliveWhenNoSteps": False}, Steps=[step("one", "true")])
        it.wait(lambda: it.state(cluster) == "TERMINATING")
        it.pass_time(60)
        heard = ear.heard()
    assert states(heard) == ["STARTING", "RUNNING", "TERMINATED"]
    assert json.loads(heard[-1]["detail"]["stateChangeReason"])["code"] == "ALL_STEPS_COMPLETED"


def test_a_cluster_that_fails_says_why(it: World) -> None:
    failing = step("bad", "false", on_failure="TERMINATE_CLUSTER")
    with Ear(it.server.endpoint, source=["aws.emr"], detail={"severity": ["CRITICAL"]}) as ear:
        cluster = it.ready(Instances=fleets(), Steps=[failing])
        it.wait(lambda: it.state(cluster) == "TERMINATING")
        it.pass_time(60)
        (event,) = ear.heard()
    assert event["detail"]["state"] == "TERMINATED_WITH_ERRORS"
    assert json.loads(event["detail"]["stateChangeReason"])["code"] == "STEP_FAILURE"


def test_a_fleet_tells_its_resizes_and_its_shortage(it: World) -> None:
    with Ear(it.server.endpoint, source=["aws.emr"]) as ear:
        cluster = it.ready(Instances=fleets(spot=1))
        first = ear.heard()
        it.server.emr.limit(Market.SPOT, 2)
        it.resize(cluster, spot=4)
        it.pass_time(400)
        short = ear.heard()
        it.pass_time(3600)
        late = ear.heard()
    told = of(first, "EMR Instance Fleet State Change")
    assert Counter((d["instanceFleetType"], d["state"]) for d in told) == {
        ("MASTER", "RUNNING"): 1, ("CORE", "RUNNING"): 1, ("TASK", "RUNNING"): 1,
    }  # fmt: skip
    shortages = of(short, "EMR Instance Fleet Resize")
    assert {d["eventCode"] for d in shortages} == {"EC2 provisioning - Insufficient Instance Capacity"}
    assert len(shortages) == 2  # at once, and after five minutes again
    assert states(short, "EMR Instance Fleet State Change") == ["RESIZING"]
    assert of(late, "EMR Instance Fleet Resize")[-1]["eventCode"] == "Spot Provisioning timeout"
    ended = of(late, "EMR Instance Fleet State Change")[-1]
    assert (ended["state"], ended["provisionedSpotCapacity"], ended["targetSpotCapacity"]) == ("RUNNING", "2", "4")


def test_a_shortage_at_the_start_is_about_provisioning(it: World) -> None:
    it.server.emr.limit(Market.SPOT, 0)
    with Ear(it.server.endpoint, **{"detail-type": ["EMR Instance Fleet Provisioning"]}, source=["aws.emr"]) as ear:
        it.launch(Instances=fleets(spot=2))
        it.pass_time(60)
        (event,) = ear.heard()
    assert event["detail"]["instanceFleetType"] == "TASK"
    assert event["detail"]["eventCode"] == "EC2 provisioning - Insufficient Instance Capacity"


def test_a_target_that_is_gone_and_a_rule_that_is_off_keep_nothing_from_others(it: World) -> None:
    pattern = {"source": ["aws.emr"]}
    with Ear(it.server.endpoint, **pattern) as gone, Ear(it.server.endpoint, **pattern) as off:
        gone.lose_queue()
        off.disable()
        with Ear(it.server.endpoint, **pattern) as ear:
            it.launch(Instances=fleets(task=False))
            it.pass_time(0)
            assert len(ear.heard()) == 1
        assert off.heard() == []


def test_events_can_be_lost_doubled_and_late() -> None:
    faults = RoadFaults(seed=7, lost=0.2, doubled=0.2, late=0.5, late_s=300)
    with world(event_faults=faults) as it, Ear(it.server.endpoint, source=["aws.emr"]) as ear:
        for _ in range(10):
            cluster = it.ready(Instances=fleets())
            it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.pass_time(600)
        heard = ear.heard()
    stories: dict[str, list[str]] = {}
    for detail in of(heard, "EMR Cluster State Change"):
        stories.setdefault(detail["clusterId"], []).append(detail["state"])
    order = ["STARTING", "WAITING", "TERMINATED"]
    assert any(set(story) < set(order) for story in stories.values())
    assert any(len(story) > len(set(story)) for story in stories.values())
    assert any(sorted(story, key=order.index) != story for story in stories.values())


@settings(max_examples=100, deadline=None)
@given(
    faults=st.builds(RoadFaults, seed=st.integers(0, 99), lost=st.floats(0, 1), doubled=st.floats(0, 1),
                     late=st.floats(0, 1), late_s=st.floats(0, 600)),
    count=st.integers(0, 50),
)  # fmt: skip
def test_the_road_accounts_for_all_that_was_sent(faults: RoadFaults, count: int) -> None:
    road: Road[int] = Road(faults)
    for number in range(count):
        road.send([number], float(number))
    arrived = Counter(road.arrived(count + faults.late_s))
    assert road.next_due is None
    assert sum(arrived.values()) == count - road.lost + road.doubled
    assert all(copies <= 2 for copies in arrived.values())


def test_the_road_is_straight_without_faults() -> None:
    road: Road[int] = Road()
    road.send(range(5), 1.0)
    assert road.next_due == 1.0
    assert road.arrived(0.9) == []
    assert road.arrived(1.0) == [0, 1, 2, 3, 4]


class Simulated:
    """EMR as a simulation has it: no HTTP, no server, no events on any bus."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.emr = Emr(DELAYS, "eu-west-1", "123456789012")
        self.api = EmrApi(self.emr, self.clock, NO_QUOTAS, str)
        self.clockwork = Clockwork(
            self.emr, TimedNodes(DELAYS, self.clock), StepProcesses(Path("unused"), {}, None), self.clock
        )

    def ask(self, operation: str, **request: Any) -> Mapping[str, Any]:
        status, answer = self.api.answer(operation, json.dumps(request).encode())
        assert status == 200, answer
        return answer

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.clockwork.tick()


def test_the_model_alone_keeps_its_events_until_they_are_taken() -> None:
    it = Simulated()
    it.ask("RunJobFlow", **RUN, Instances=fleets())
    for _ in range(10):
        it.pass_time(60)
    events = it.emr.take_events()
    assert [e.detail["state"] for e in events if e.detail_type == "EMR Cluster State Change"] == ["STARTING", "WAITING"]
    assert it.emr.take_events() == []
    body = events[0].body("an id", "eu-west-1", "123456789012")
    assert (body["time"], body["source"], body["account"]) == ("2023-11-14T22:14:20Z", "aws.emr", "123456789012")
    assert body["detail"]["name"] == "job 1.1"


def test_clusters_that_ended_are_set_aside_and_can_be_forgotten() -> None:
    it = Simulated()
    for _ in range(30):
        cluster = it.ask("RunJobFlow", **RUN, Instances=fleets())["JobFlowId"]
        it.ask("TerminateJobFlows", JobFlowIds=[cluster])
        it.pass_time(60)
    it.pass_time(60)
    last = it.ask("RunJobFlow", **RUN, Instances=fleets())["JobFlowId"]
    it.pass_time(1)
    assert [cluster.id for cluster in it.emr.going()] == [last]
    assert it.ask("DescribeCluster", ClusterId=cluster)["Cluster"]["Status"]["State"] == "TERMINATED"
    listed = it.ask("ListClusters", ClusterStates=["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"])["Clusters"]
    assert [found["Id"] for found in listed] == [last]
    assert len(it.ask("ListClusters", CreatedAfter=BEGIN)["Clusters"]) == 31
    assert it.emr.forget(it.clock.now) == 30
    assert [found["Id"] for found in it.ask("ListClusters")["Clusters"]] == [last]
    status, answer = it.api.answer("DescribeCluster", json.dumps({"ClusterId": cluster}).encode())
    assert (status, answer["__type"]) == (400, "InvalidRequestException")
