from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.readings import ClusterManager, ClusterReading, ContainerAsk, NodeCounts
from agent.domain.waiting import queue_limited
from agent.wire import yarn
from agent.wire.json_fields import Malformed

DATA = Path(__file__).parents[1] / "data" / "yarn"


def load(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("body", "total", "available", "pending"),
    [
        ("metrics_3.3", 24576, 10240, 9216),
        ("metrics_strings", 24576, 10240, 9216),
        ("metrics_2.8", 24576, 10240, None),
        ("metrics_labels", 40960, 20480, 9216),
    ],
)
def test_memory_is_that_of_all_partitions_and_what_is_not_reported_is_none(
    body: str, total: float, available: float, pending: float | None
) -> None:
    assert yarn.metrics(load(body), 7.0) == ClusterReading(
        at=7.0,
        manager=ClusterManager.YARN,
        memory_total_mb=total,
        memory_available_mb=available,
        memory_pending_mb=pending,
        containers_pending=3,
        containers_reserved=1,
        cores_pending=None if pending is None else 3,
        node_counts=NodeCounts(
            active=3,
            unhealthy=0,
            lost=1,
            decommissioning=0 if "decommissioningNodes" in load(body)["clusterMetrics"] else None,
            decommissioned=0,
        ),
    )


def test_the_fair_scheduler_is_taken_by_its_plain_figures() -> None:
    """Its used memory leaves out what is reserved, and it says that the totals are no cross-partition metrics."""
    body = load("metrics_3.3")
    body["clusterMetrics"]["crossPartitionMetricsAvailable"] = False
    body["clusterMetrics"]["totalUsedResourcesAcrossPartition"]["memory"] = 13312
    reading = yarn.metrics(body, 7.0)
    assert isinstance(reading, ClusterReading) and reading.memory_available_mb == 10240


def test_an_older_release_without_the_flag_shows_labels_by_a_larger_total() -> None:
    body = load("metrics_labels")
    del body["clusterMetrics"]["crossPartitionMetricsAvailable"]
    reading = yarn.metrics(body, 7.0)
    assert isinstance(reading, ClusterReading)
    assert (reading.memory_total_mb, reading.memory_available_mb) == (40960, 20480)


def test_an_older_release_without_the_flag_and_without_labels_is_taken_by_its_plain_figures() -> None:
    """Whether its used memory includes what is reserved depends on the scheduler, which it does not tell."""
    body = load("metrics_3.3")
    del body["clusterMetrics"]["crossPartitionMetricsAvailable"]
    body["clusterMetrics"]["totalUsedResourcesAcrossPartition"]["memory"] = 13312
    reading = yarn.metrics(body, 7.0)
    assert isinstance(reading, ClusterReading) and reading.memory_available_mb == 10240


def test_a_required_figure_that_is_missing_or_negative_is_bad_data_and_names_itself() -> None:
    for broken in (None, -1, "many", True, float("nan"), 10**400):
        body = load("metrics_3.3")
        body["clusterMetrics"]["availableMB"] = broken
        assert yarn.metrics(body, 7.0) == Malformed("metrics: availableMB")
    assert yarn.metrics({"RemoteException": {}}, 7.0) == Malformed("metrics: no object")


def test_nodes_are_alive_only_when_running() -> None:
    nodes = yarn.nodes(load("nodes"), 0.0)
    assert isinstance(nodes, tuple)
    found = [(n.host[10:12], n.alive, n.draining, n.memory_total_mb, n.memory_used_mb, n.containers) for n in nodes]
    assert found == [
        ("11", True, False, 8192, 8192, 2),
        ("12", True, False, 8192, 0, 0),
        ("13", False, True, 5120, 5120, 1),
        ("14", False, False, 8192, 0, 0),
        ("15", False, False, 0, 0, 0),
    ]
    assert [n.holds_work for n in nodes] == [True, False, True, False, False]


def test_applications_are_those_not_finished_and_only_sparks_have_a_ui() -> None:
    apps = yarn.applications(load("apps"), 0.0)
    assert isinstance(apps, tuple)
    assert [(a.id[-4:], a.state, a.memory_used_mb) for a in apps] == [
        ("0001", "RUNNING", 13312),
        ("0002", "ACCEPTED", 0),
        ("0003", "RUNNING", 1024),
    ]
    ui = "http://ip-10-0-0-10.ec2.internal:20888/proxy/application_1795230000000_0001/"
    assert [a.ui_url for a in apps] == [ui, None, None]


def test_an_unknown_state_is_not_finished() -> None:
    body = load("apps")
    body["apps"]["app"][3]["state"] = "HIBERNATING"
    apps = yarn.applications(body, 0.0)
    assert isinstance(apps, tuple) and apps[-1].state == "HIBERNATING"


@pytest.mark.parametrize("empty", [{"apps": None}, {"apps": {}}, {"apps": {"app": []}}])
def test_no_applications_is_an_empty_list_in_each_way_that_hadoop_writes_it(empty: object) -> None:
    assert yarn.applications(empty, 0.0) == ()


def test_a_list_of_one_may_be_written_as_its_only_member() -> None:
    only = load("apps")["apps"]["app"][0]
    apps = yarn.applications({"apps": {"app": only}}, 0.0)
    assert isinstance(apps, tuple) and [a.id for a in apps] == [only["id"]]


@pytest.mark.parametrize("body", [{}, [], None, {"apps": []}, {"apps": {"application": []}}, {"apps": {"app": [7]}}])
def test_an_answer_without_the_list_is_bad_data_and_not_an_empty_cluster(body: object) -> None:
    assert isinstance(yarn.applications(body, 0.0), Malformed)
    assert isinstance(yarn.nodes(body, 0.0), Malformed)


def test_one_bad_application_spoils_the_list() -> None:
    """The one that is left out might be the one that is running."""
    body = load("apps")
    del body["apps"]["app"][1]["state"]
    assert yarn.applications(body, 0.0) == Malformed("apps: state")


def test_nodes_tell_what_is_free_in_memory_and_cores_and_their_partition() -> None:
    body = load("nodes")
    for record, label in zip(body["nodes"]["node"], (["CORE"], "CORE", [], None, [""]), strict=True):
        record["nodeLabels"] = label
    body["nodes"]["node"][0]["availableVirtualCores"] = -3
    del body["nodes"]["node"][1]["availableVirtualCores"]
    nodes = yarn.nodes(body, 0.0)
    assert isinstance(nodes, tuple)
    assert [(n.memory_free_mb, n.cores_available, n.label) for n in nodes] == [
        (0, -3, "CORE"),
        (8192, None, "CORE"),
        (0, 4, ""),
        (0, 4, ""),
        (0, 4, ""),
    ], "a node that takes no work has nothing free, whatever it reports"


def test_applications_tell_their_kind_containers_and_where_their_master_runs() -> None:
    apps = yarn.applications(load("apps"), 0.0)
    assert isinstance(apps, tuple)
    assert [(a.kind, a.containers, a.cores_used, a.master_host) for a in apps] == [
        ("SPARK", 2, 1, "ip-10-0-0-11.ec2.internal"),
        ("SPARK", None, 1, None),
        ("TEZ", 2, 1, None),
    ]
    assert [a.asks for a in apps] == [None, None, None], "this release does not tell"


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
        (None, None),
    ],
)
def test_what_an_application_asks_for_is_told_whole_or_not_at_all(
    requests: object, asks: tuple[ContainerAsk, ...] | None
) -> None:
    body = load("apps")
    body["apps"]["app"][0]["resourceRequests"] = requests
    apps = yarn.applications(body, 0.0)
    assert isinstance(apps, tuple) and apps[0].asks == asks


def test_an_application_that_asks_for_nothing_has_no_list_where_the_release_would_tell_one() -> None:
    body = load("apps")
    body["apps"]["app"][0]["unmanagedApplication"] = False
    apps = yarn.applications(body, 0.0)
    assert isinstance(apps, tuple)
    assert [app.asks for app in apps] == [(), None, None]


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
    body = load("apps")
    for app in body["apps"]["app"]:
        app["diagnostics"] = diagnostics
    apps = yarn.applications(body, 0.0)
    assert isinstance(apps, tuple)
    assert [a.limited_by for a in apps] == [None, limit, None]


def test_a_real_resource_manager_that_holds_an_application_back_is_understood() -> None:
    """One application has all that it wants; the master of the other would fit and may not start."""
    body = load("queue_limited_3.4.2")
    reading, nodes = yarn.metrics(body["metrics"], 1.0), yarn.nodes(body["nodes"], 1.0)
    apps = yarn.applications(body["apps"], 1.0)
    assert isinstance(reading, ClusterReading) and isinstance(nodes, tuple) and isinstance(apps, tuple)
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
    assert yarn.standing({"clusterInfo": None}, 3.0) == Malformed("info: no object")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=8
)
METRICS = st.dictionaries(st.sampled_from(sorted(load("metrics_3.3")["clusterMetrics"])), ANY_JSON)
NODE = st.dictionaries(st.sampled_from(sorted(load("nodes")["nodes"]["node"][0])), ANY_JSON)
APP = st.dictionaries(st.sampled_from([*sorted(load("apps")["apps"]["app"][0]), "resourceRequests"]), ANY_JSON)


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
