from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.readings import Application, ClusterManager, ClusterReading, ContainerAsk, NodeCounts
from agent.domain.waiting import queue_limited
from agent.wire import yarn
from agent.wire.json_fields import Malformed

DATA = Path(__file__).parents[1] / "data" / "yarn"


def load(name: str) -> Any:
    """Recorded from a real ResourceManager, `moment/what` (RECORDED.md), or made by hand (README.md)."""
    return json.loads((DATA / f"{name}.json").read_text())


def counts(**of: int | None) -> NodeCounts:
    none = {"active": 0, "unhealthy": 0, "lost": 0, "decommissioning": 0, "decommissioned": 0}
    return NodeCounts(**{**none, **of})


@pytest.mark.parametrize(
    ("body", "total", "available", "pending", "waiting", "reserved", "nodes"),
    [
        ("empty/metrics", 0, 0, 0, 0, 0, counts()),
        ("running/metrics", 2200, 408, 1536, 2, 0, counts(active=2)),
        ("fragmented/metrics", 3600, 272, 768, 1, 1, counts(active=3)),
        ("decommissioning/metrics", 1868, 76, 1536, 2, 0, counts(active=1, decommissioning=1)),
        ("lost/metrics", 1100, 76, 1536, 2, 0, counts(active=1, lost=1, decommissioned=1)),
        ("labels/metrics", 2200, 1176, 2304, 3, 0, counts(active=2)),
        ("metrics_strings", 24576, 10240, 9216, 3, 1, counts(active=3, lost=1)),
        ("metrics_2.8", 24576, 10240, None, 3, 1, counts(active=3, lost=1)),
    ],
)
def test_memory_is_that_of_all_partitions_and_what_is_not_reported_is_none(
    body: str, total: float, available: float, pending: float | None, waiting: int, reserved: int, nodes: NodeCounts
) -> None:
    told = load(body)["clusterMetrics"].get("pendingVirtualCores")
    assert yarn.metrics(load(body), 7.0) == ClusterReading(
        at=7.0,
        manager=ClusterManager.YARN,
        memory_total_mb=total,
        memory_available_mb=available,
        memory_pending_mb=pending,
        containers_pending=waiting,
        containers_reserved=reserved,
        cores_pending=None if told is None else float(told),
        node_counts=nodes,
    )


@pytest.mark.parametrize("key", ["active", "unhealthy", "lost", "decommissioning", "decommissioned"])
def test_a_count_of_nodes_that_is_not_told_is_none(key: str) -> None:
    """Before 2.8 those that are being drained are not."""
    body = load("lost/metrics")
    del body["clusterMetrics"][f"{key}Nodes"]
    reading = yarn.metrics(body, 7.0)
    known = {"active": 1, "lost": 1, "decommissioned": 1}
    assert isinstance(reading, ClusterReading) and reading.node_counts == counts(**{**known, key: None})


def test_the_fair_scheduler_is_taken_by_its_plain_figures() -> None:
    """Its used memory leaves out what is reserved, and it says that the totals are no cross-partition metrics."""
    body = load("fragmented/metrics")
    body["clusterMetrics"]["crossPartitionMetricsAvailable"] = False
    body["clusterMetrics"]["totalUsedResourcesAcrossPartition"]["memory"] = 2560
    reading = yarn.metrics(body, 7.0)
    assert isinstance(reading, ClusterReading) and reading.memory_available_mb == 272


def test_an_older_release_without_the_flag_shows_labels_by_a_larger_total() -> None:
    body = load("labels/metrics")
    del body["clusterMetrics"]["crossPartitionMetricsAvailable"]
    reading = yarn.metrics(body, 7.0)
    assert isinstance(reading, ClusterReading)
    assert (reading.memory_total_mb, reading.memory_available_mb) == (2200, 1176)


def test_an_older_release_without_the_flag_and_without_labels_is_taken_by_its_plain_figures() -> None:
    """Whether its used memory includes what is reserved depends on the scheduler, which it does not tell."""
    body = load("fragmented/metrics")
    del body["clusterMetrics"]["crossPartitionMetricsAvailable"]
    body["clusterMetrics"]["totalUsedResourcesAcrossPartition"]["memory"] = 2560
    reading = yarn.metrics(body, 7.0)
    assert isinstance(reading, ClusterReading) and reading.memory_available_mb == 272


def test_a_required_figure_that_is_missing_or_no_number_is_bad_data_and_names_itself() -> None:
    for broken in (None, "many", True, float("nan"), 10**400):
        body = load("running/metrics")
        body["clusterMetrics"]["availableMB"] = broken
        assert yarn.metrics(body, 7.0) == Malformed("metrics: availableMB")
    body = load("running/metrics")
    body["clusterMetrics"]["totalMB"] = -1
    assert yarn.metrics(body, 7.0) == Malformed("metrics: totalMB")
    assert yarn.metrics({"RemoteException": {}}, 7.0) == Malformed("metrics: no object")


def test_headroom_below_zero_is_none() -> None:
    """The fair scheduler subtracts what containers hold from what the nodes have: some of those may have gone."""
    body = load("running/metrics")
    body["clusterMetrics"] |= {"availableMB": -9000, "totalMB": 4096, "crossPartitionMetricsAvailable": False}
    reading = yarn.metrics(body, 7.0)
    assert isinstance(reading, ClusterReading)
    assert (reading.memory_total_mb, reading.memory_available_mb) == (4096, 0)


@pytest.mark.parametrize(("used", "available", "total"), [(1500, -500, 1000), (1500, -2000, 0), (0, 800, 800)])
def test_a_node_that_has_shrunk_under_its_containers_has_nothing_free(used: int, available: int, total: int) -> None:
    record = load("running/nodes")["nodes"]["node"][0] | {"usedMemoryMB": used, "availMemoryMB": available}
    nodes = yarn.nodes({"nodes": {"node": [record]}}, 0.0)
    assert isinstance(nodes, tuple)
    assert [(node.memory_total_mb, node.memory_free_mb) for node in nodes] == [(total, max(0, available))]


@pytest.mark.parametrize(
    ("body", "masters"),
    [
        ("running/apps", [256]),
        ("limited/apps", [256, None]),  # the other one's master is only reckoned with
        ("labels/apps", [256]),  # in another partition than its executors
        ("waiting/apps", [None]),
        ("apps_2.7", [None, None, None]),
    ],
)
def test_what_an_application_master_holds_is_told_since_2_8(body: str, masters: list[float | None]) -> None:
    assert [app.master_memory_mb for app in applications(load(body))] == masters


def test_a_master_of_which_the_scheduler_keeps_no_figure_is_not_known() -> None:
    body = load("running/apps")
    (usage,) = body["apps"]["app"][0]["resourceInfo"]["resourceUsagesByPartition"]
    body["apps"]["app"][0]["resourceInfo"]["resourceUsagesByPartition"] = usage
    assert applications(body)[0].master_memory_mb == 256, "a list of one as its only member"
    for nothing in (0, -1, None, "much"):
        usage["amUsed"]["memory"] = nothing
        assert applications(body)[0].master_memory_mb is None


WORKING, DRAINED, EMPTY = (True, False, 1100, 1024, 2), (False, True, 768, 768, 1), (True, False, 1100, 0, 0)
GONE = (False, False, 0, 0, 0)


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        ("running", {"2": WORKING, "3": (True, False, 1100, 768, 1)}),
        ("decommissioning", {"2": WORKING, "3": DRAINED}),
        ("decommissioned", {"2": WORKING, "3": GONE}),
        ("lost", {"2": WORKING, "3": GONE, "4": GONE}),
        ("finished", {"2": EMPTY, "3": GONE, "4": GONE}),
    ],
)
def test_nodes_are_alive_only_when_running(moment: str, found: dict[str, tuple[bool, bool, int, int, int]]) -> None:
    nodes = yarn.nodes(load(f"{moment}/nodes"), 0.0)
    assert isinstance(nodes, tuple)
    assert {
        n.host.rpartition(".")[2]: (n.alive, n.draining, n.memory_total_mb, n.memory_used_mb, n.containers)
        for n in nodes
    } == found
    assert all(n.holds_work is (n.memory_used_mb > 0) for n in nodes)


@pytest.mark.parametrize("state", ["UNHEALTHY", "NEW", "REBOOTED", "SHUTDOWN", "HIBERNATING"])
def test_a_node_of_any_other_state_is_neither_alive_nor_draining(state: str) -> None:
    body = load("running/nodes")
    for record in body["nodes"]["node"]:
        record["state"] = state
    nodes = yarn.nodes(body, 0.0)
    assert isinstance(nodes, tuple) and len(nodes) == 2
    assert [(n.alive, n.draining, n.memory_free_mb, n.holds_work) for n in nodes] == [(False, False, 0, True)] * 2


def applications(body: object) -> list[Application]:
    """Those that run come first: a ResourceManager lists them in no order."""
    found = yarn.applications(body, 0.0)
    assert isinstance(found, tuple)
    return sorted(found, key=lambda app: app.state, reverse=True)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("empty/apps", []),
        ("waiting/apps", [("ACCEPTED", 0)]),
        ("running/apps", [("RUNNING", 1792)]),
        ("limited/apps", [("RUNNING", 1024), ("ACCEPTED", 0)]),
        ("finished/apps", []),
        ("finished/apps_of_all_states", []),
        ("apps_2.7", [("RUNNING", 13312), ("RUNNING", 1024), ("ACCEPTED", 0)]),
    ],
)
def test_applications_are_those_not_finished(body: str, found: list[tuple[str, float]]) -> None:
    assert [(app.state, app.memory_used_mb) for app in applications(load(body))] == found


def test_only_sparks_applications_have_a_ui() -> None:
    body = load("running/apps")
    (record,) = body["apps"]["app"]
    assert record["trackingUrl"].endswith(f"/proxy/{record['id']}/")
    for kind, url in (("SPARK", record["trackingUrl"]), ("", record["trackingUrl"]), ("TEZ", None)):
        record["applicationType"] = kind
        assert [(app.id, app.ui_url) for app in applications(body)] == [(record["id"], url)]
    assert [app.ui_url for app in applications(load("waiting/apps"))] == [None], "not yet"


def test_an_unknown_state_is_not_finished() -> None:
    body = load("finished/apps_of_all_states")
    body["apps"]["app"][0]["state"] = "HIBERNATING"
    assert [app.state for app in applications(body)] == ["HIBERNATING"]


@pytest.mark.parametrize("empty", [{"apps": None}, {"apps": {}}, {"apps": {"app": []}}])
def test_no_applications_is_an_empty_list_in_each_way_that_hadoop_writes_it(empty: object) -> None:
    assert yarn.applications(empty, 0.0) == ()


def test_a_list_of_one_may_be_written_as_its_only_member() -> None:
    (only,) = load("running/apps")["apps"]["app"]
    apps = yarn.applications({"apps": {"app": only}}, 0.0)
    assert isinstance(apps, tuple) and [a.id for a in apps] == [only["id"]]


@pytest.mark.parametrize("body", [{}, [], None, {"apps": []}, {"apps": {"application": []}}, {"apps": {"app": [7]}}])
def test_an_answer_without_the_list_is_bad_data_and_not_an_empty_cluster(body: object) -> None:
    assert isinstance(yarn.applications(body, 0.0), Malformed)
    assert isinstance(yarn.nodes(body, 0.0), Malformed)


def test_one_bad_application_spoils_the_list() -> None:
    """The one that is left out might be the one that is running."""
    for bad in (0, 1):
        body = load("limited/apps")
        del body["apps"]["app"][bad]["state"]
        assert yarn.applications(body, 0.0) == Malformed("apps: state")


def test_nodes_tell_what_is_free_in_memory_and_cores_and_their_partition() -> None:
    nodes = yarn.nodes(load("labels/nodes"), 0.0)
    assert isinstance(nodes, tuple)
    assert {n.host: (n.memory_free_mb, n.cores_available, n.label) for n in nodes} == {
        "127.0.0.2": (844, 1, "CORE"),
        "127.0.0.3": (332, 1, ""),
    }


@pytest.mark.parametrize(
    ("changed", "free", "cores", "label"),
    [
        ({"nodeLabels": "CORE", "availableVirtualCores": -3}, 332, -3, "CORE"),
        ({"nodeLabels": [], "availableVirtualCores": None}, 332, None, ""),
        ({"nodeLabels": None}, 332, 1, ""),
        ({"nodeLabels": [""]}, 332, 1, ""),
        ({"availMemoryMB": None}, 0, 1, ""),
        ({"state": "DECOMMISSIONING"}, 0, 1, ""),
        ({"state": "UNHEALTHY"}, 0, 1, ""),
        ({"state": "LOST"}, 0, 1, ""),
    ],
)
def test_a_node_that_takes_no_work_has_nothing_free_whatever_it_reports(
    changed: dict[str, Any], free: float, cores: float | None, label: str
) -> None:
    (record,) = (each for each in load("running/nodes")["nodes"]["node"] if each["nodeHostName"] == "127.0.0.3")
    nodes = yarn.nodes({"nodes": {"node": [record | changed]}}, 0.0)
    assert isinstance(nodes, tuple)
    assert [(n.memory_free_mb, n.cores_available, n.label) for n in nodes] == [(free, cores, label)]


def test_applications_tell_their_kind_containers_and_where_their_master_runs() -> None:
    def told(body: str) -> list[tuple[str | None, int | None, float | None, str | None]]:
        return [(app.kind, app.containers, app.cores_used, app.master_host) for app in applications(load(body))]

    assert told("running/apps") == [("SPARK", 3, 3, "127.0.0.2")]
    assert told("limited/apps") == [("SPARK", 2, 2, "127.0.0.2"), ("SPARK", None, 0, None)]
    assert told("waiting/apps") == [("SPARK", None, None, None)]
    tez = ("TEZ", 2, 1, None)
    assert told("apps_2.7") == [("SPARK", 2, 1, "ip-10-0-0-11.ec2.internal"), tez, ("SPARK", None, 1, None)]


def test_applications_tell_what_they_ask_for() -> None:
    two = ContainerAsk(memory_mb=768, cores=1, label="", count=2)
    assert [app.asks for app in applications(load("running/apps"))] == [(two,)]
    body = load("apps_2.7")
    assert [app.asks for app in applications(body)] == [None, None, None], "this release does not tell"
    body["apps"]["app"][0]["resourceRequests"] = None
    assert applications(body)[0].asks is None


def request(**changed: Any) -> dict[str, Any]:
    told = {
        "priority": 1,
        "resourceName": "*",
        "capability": {"memory": 4505, "vCores": 2},
        "numContainers": 3,
        "relaxLocality": True,
        "nodeLabelExpression": "",
    }
    return told | changed


ASK = ContainerAsk(memory_mb=4505, cores=2, label="", count=3)


@pytest.mark.parametrize(
    ("requests", "asks"),
    [
        ([], ()),
        ([request()], (ASK,)),
        (request(), (ASK,)),
        ([request(resourceName="/default-rack"), request(), request(resourceName="host-1")], (ASK,)),
        ([request(numContainers=0)], ()),
        ([request(nodeLabelExpression="CORE")], (ContainerAsk(memory_mb=4505, cores=2, label="CORE", count=3),)),
        ([request(capability={"memorySize": 4505, "virtualCores": 2})], (ASK,)),
        ([request(relaxLocality=False)], None),
        ([request(capability={})], None),
        ([request(capability={"memory": 0})], None),
        ([request(numContainers=None)], None),
        ([request(), 7], None),
        ("many", None),
    ],
)
def test_what_an_application_asks_for_is_told_whole_or_not_at_all(
    requests: object, asks: tuple[ContainerAsk, ...] | None
) -> None:
    body = load("running/apps")
    body["apps"]["app"][0]["resourceRequests"] = requests
    assert [app.asks for app in applications(body)] == [asks]


def test_an_application_that_asks_for_nothing_has_no_list_where_the_release_would_tell_one() -> None:
    running, waiting = applications(load("limited/apps"))
    assert running.asks == () and waiting.asks
    body = load("apps_2.7")
    body["apps"]["app"][0]["unmanagedApplication"] = False
    assert [app.asks for app in applications(body)] == [(), None, None]


DETAILS = "Details : AM Partition = <DEFAULT_PARTITION>; AM Resource Request = <memory:1024, vCores:1>; "


@pytest.mark.parametrize(
    ("diagnostics", "limit"),
    [
        ("", None),
        ("AM container is launched, waiting for AM container to Register with RM", None),
        (f"Application is added to the scheduler and is not activated. Queue's AM resource limit exceeded.  {DETAILS}",
         "the queue's share for application masters"),
        (f"[Sat Nov 21] Application is added to the scheduler. User\u2019s AM resource limit exceeded. {DETAILS}",
         "the user's share for application masters"),
        ("(Resource request: <memory:27136, vCores:4> exceeds maximum AM resource allowed).",
         "the queue's share for application masters"),
        ("(Resource request: <memory:1, vCores:1> exceeds current queue or its parents maximum resource allowed).",
         "the queue's maximum"),
        ("Skipping AM assignment as cluster resource is empty. ", None),
    ],
)  # fmt: skip
def test_a_limit_that_the_scheduler_names_is_told_only_of_what_waits(diagnostics: str, limit: str | None) -> None:
    body = load("limited/apps")
    for app in body["apps"]["app"]:
        app["diagnostics"] = diagnostics
    assert [(a.state, a.limited_by) for a in applications(body)] == [("RUNNING", None), ("ACCEPTED", limit)]


def test_a_real_resource_manager_that_holds_an_application_back_is_understood() -> None:
    """One application has all that it wants; the master of the other would fit and may not start."""
    reading, nodes = yarn.metrics(load("limited/metrics"), 1.0), yarn.nodes(load("limited/nodes"), 1.0)
    apps = tuple(applications(load("limited/apps")))
    assert isinstance(reading, ClusterReading) and isinstance(nodes, tuple)
    assert [(app.state, app.asks, app.containers, app.master_host) for app in apps] == [
        ("RUNNING", (), 2, "127.0.0.2"),
        ("ACCEPTED", (ContainerAsk(memory_mb=256, cores=1, label="", count=1),), None, None),
    ]
    limit = queue_limited(replace(reading, nodes=nodes, applications=apps))
    assert limit is not None and limit.said
    assert "the queue's share for application masters" in limit.text


@pytest.mark.parametrize(
    ("info", "active"),
    [
        ({"haState": "ACTIVE", "state": "STARTED"}, True),
        ({"haState": "STANDBY", "state": "STARTED"}, False),
        ({"haState": "INITIALIZING"}, False),
        ({"state": "STARTED"}, True),
    ],
)
def test_a_resource_manager_leads_if_it_is_active_or_knows_no_high_availability(
    info: dict[str, str], active: bool
) -> None:
    standing = yarn.standing({"clusterInfo": info}, 3.0)
    assert isinstance(standing, yarn.Standing) and standing.active is active and standing.at == 3.0
    recorded = load("empty/info")
    assert recorded["clusterInfo"]["haState"] == "ACTIVE", "of one without high availability"
    recorded["clusterInfo"] |= {"haState": None} | info
    assert yarn.standing(recorded, 3.0) == standing
    assert yarn.standing({"clusterInfo": None}, 3.0) == Malformed("info: no object")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=8
)
METRICS = st.dictionaries(st.sampled_from(sorted(load("running/metrics")["clusterMetrics"])), ANY_JSON)
NODE = st.dictionaries(
    st.sampled_from(sorted({key for each in load("labels/nodes")["nodes"]["node"] for key in each})), ANY_JSON
)
APP = st.dictionaries(st.sampled_from(sorted(load("running/apps")["apps"]["app"][0])), ANY_JSON)


@given(ANY_JSON | st.fixed_dictionaries({"clusterMetrics": METRICS}))
def test_metrics_never_raise(value: object) -> None:
    reading = yarn.metrics(value, 0.0)
    assert isinstance(reading, Malformed) or reading.memory_available_mb >= 0


@given(
    ANY_JSON
    | st.fixed_dictionaries({"nodes": st.fixed_dictionaries({"node": st.lists(NODE)})})
    | st.fixed_dictionaries({"apps": st.fixed_dictionaries({"app": st.lists(APP) | APP})})
)
def test_nodes_and_applications_never_raise(value: object) -> None:
    assert isinstance(yarn.nodes(value, 0.0), Malformed | tuple)
    assert isinstance(yarn.applications(value, 0.0), Malformed | tuple)
    assert isinstance(yarn.standing(value, 0.0), Malformed | yarn.Standing)
