"""Observations of any kind: calm, broken, contradictory, with clocks that disagree."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

from agent.domain.datums import Distribution
from agent.domain.decisions import Decision, Hold, Reason, Resize, Terminate
from agent.domain.fleets import Cluster, Collection, Fleet, FleetNode
from agent.domain.observation import Evidence, History, Observation
from agent.domain.orders import Orders
from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading, HdfsReading
from agent.domain.rights import Capability, MissingRight
from agent.domain.signals import Signal
from agent.policy.reasons import Why
from agent.settings import Settings
from tests.policy.build import IN, NOW, OUT, cluster, fleet, reading, settings, signal
from tests.policy.build import evidence as said

AGES = st.one_of(
    st.sampled_from([0.0, 10.0, 59.0, 60.0, 61.0, 120.0, 300.0, 420.0, 900.0, 901.0, 3600.0, 9000.0, -5.0, -5000.0]),
    st.floats(-10_000, 100_000, allow_nan=False),
)
TIMES = st.builds(lambda age: NOW - age, AGES)
MAYBE_TIMES = st.none() | TIMES
FIGURES = st.floats(0, 1e12, allow_nan=False) | st.sampled_from([0.0, 5.0, 14.9, 15.0, 50.0, 75.0, 90.0])
HOSTS = st.sampled_from([f"task-{number}" for number in range(6)])
STATES = st.sampled_from(["RUNNING", "RUNNING", "RUNNING", "RESIZING", "SUSPENDED", "PROVISIONING", "MEDITATING"])
CLUSTER_STATES = st.sampled_from(["RUNNING", "WAITING", "WAITING", "STARTING", "TERMINATING", "TERMINATED", "?"])

signals = st.dictionaries(
    st.sampled_from(["Free", "Heap", "ExecutorMemoryDeaths"]),
    st.builds(lambda at, found: Signal.of(at, Distribution.of(found)).rounded(), TIMES, st.lists(FIGURES, min_size=1)),
)
evidence = st.lists(
    st.builds(
        Evidence,
        probe=st.sampled_from(["steps", "isbusy", "tasks", "applications"]),
        busy=st.booleans(),
        detail=st.text(max_size=5),
        at=TIMES,
    ),
    max_size=5,
).map(tuple)
fleets = st.builds(
    Fleet,
    at=TIMES,
    id=st.sampled_from(["if-1", "if-1", None]),
    collection=st.sampled_from(Collection),
    state=STATES,
    target_on_demand=st.integers(0, 3),
    target_spot=st.integers(0, 30),
    provisioned_on_demand=st.integers(0, 3),
    provisioned_spot=st.integers(0, 30),
    largest_unit=st.integers(1, 8),
    has_core=st.none() | st.booleans(),
    nodes=st.none()
    | st.lists(
        st.builds(FleetNode, hosts=st.lists(HOSTS, max_size=2).map(tuple), units=st.integers(1, 8)), max_size=6
    ).map(tuple),
)
settled_fleets = st.builds(
    lambda at, size, nodes: Fleet(
        at=at,
        id="if-1",
        collection=Collection.FLEET,
        state="RUNNING",
        target_on_demand=0,
        target_spot=size,
        provisioned_on_demand=0,
        provisioned_spot=size,
        nodes=nodes,
    ),
    TIMES,
    st.integers(0, 30),
    st.none() | st.lists(st.builds(FleetNode, hosts=st.tuples(HOSTS), units=st.integers(1, 8)), max_size=6).map(tuple),
)
clusters = st.builds(
    Cluster,
    at=TIMES,
    id=st.just("j-1"),
    name=st.just("test"),
    state=CLUSTER_STATES,
    created_at=TIMES,
    collection=st.sampled_from(Collection),
    termination_protected=st.booleans(),
    foreign_scaler=st.sampled_from([None, None, "managed scaling policy"]),
    terminate_at=st.none() | st.just(NOW + 5000) | TIMES,
)
nodes = st.builds(
    ClusterNode,
    host=HOSTS,
    alive=st.booleans(),
    draining=st.booleans(),
    memory_total_mb=st.just(4096.0),
    memory_used_mb=st.sampled_from([0.0, 0.0, 1024.0]),
    containers=st.none() | st.integers(0, 3),
)
applications = st.builds(
    Application,
    id=st.just("application_1"),
    name=st.text(max_size=3),
    state=st.sampled_from(["ACCEPTED", "RUNNING"]),
    memory_used_mb=st.just(0.0),
    ui_url=st.none() | st.just("http://driver:4040"),
)
readings = st.builds(
    ClusterReading,
    at=TIMES,
    manager=st.sampled_from(ClusterManager),
    memory_total_mb=FIGURES,
    memory_available_mb=FIGURES,
    memory_pending_mb=st.none() | FIGURES,
    containers_pending=st.none() | st.integers(0, 9),
    nodes=st.none() | st.lists(nodes, max_size=6).map(tuple),
    applications=st.none() | st.just(()) | st.lists(applications, max_size=2).map(tuple),
    leader=st.booleans(),
    peers=st.just(0) | st.integers(0, 2),
    unheard=st.none() | st.just(()) | st.just(("application_1",)),
    containers_reserved=st.none() | st.integers(0, 1),
)
RULE_TIMES = st.dictionaries(st.sampled_from(["out", "in", "heap"]), TIMES)
histories = st.builds(
    History,
    started_at=TIMES,
    observed_at=MAYBE_TIMES | st.just(NOW - 10),
    breaching_since=RULE_TIMES,
    resized_at=RULE_TIMES,
    scaled_out_at=MAYBE_TIMES,
    scaled_in_at=MAYBE_TIMES,
    resize_sent_at=MAYBE_TIMES,
    refused_at=MAYBE_TIMES,
    unsettled_since=MAYBE_TIMES,
    memory_death_at=MAYBE_TIMES,
    manager_answered_at=MAYBE_TIMES,
    idle_since=MAYBE_TIMES,
    notified_of=MAYBE_TIMES,
    notified_at=MAYBE_TIMES,
    terminate_sent_at=MAYBE_TIMES,
    unused_since=st.dictionaries(st.just("application_1"), TIMES),
    queue_limited_since=MAYBE_TIMES,
    core_seen=st.booleans(),
    coreless_since=MAYBE_TIMES,
)
calm_histories = st.builds(
    lambda rules, idle_since, noticed: History(
        started_at=NOW - 50_000,
        observed_at=NOW - 10,
        breaching_since=rules,
        manager_answered_at=NOW - 50_000,
        idle_since=idle_since,
        notified_of=idle_since if noticed else None,
        notified_at=NOW - 4000 if noticed else None,
    ),
    RULE_TIMES | st.just({"out": NOW - 400, "in": NOW - 400, "heap": NOW - 400}),
    st.none() | st.just(NOW - 20_000),
    st.booleans(),
)
T = TypeVar("T")


def mostly(calm: st.SearchStrategy[T], wild: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Otherwise some fact is always bad, every decision a hold, and every property true of nothing."""
    return st.integers(0, 9).flatmap(lambda draw: wild if draw == 9 else calm)


YOUNG = st.builds(lambda age: NOW - age, st.sampled_from([0.0, 5.0, 30.0, 60.0, -1.0]))


def known(value: float, at: float) -> Signal:
    """As the controller hands it to the policies."""
    return signal(value, at).rounded()


calm_signals = st.fixed_dictionaries(
    {"Free": st.builds(known, st.sampled_from([5.0, 50.0, 90.0, 90.0]), YOUNG)},
    optional={"Heap": st.builds(known, FIGURES, YOUNG), "ExecutorMemoryDeaths": st.builds(known, st.just(0.0), YOUNG)},
)
calm_fleets = st.builds(lambda size, at: fleet(size, at=at), st.integers(0, 30), YOUNG)
calm_clusters = st.builds(
    lambda at, age: cluster(at=at, created_at=NOW - age), YOUNG, st.sampled_from([3000.0, 3599.0, 3600.0, 50_000.0])
)
calm_readings = st.builds(lambda hosts, at: reading(tuple(hosts), hosts=30, at=at), st.sets(HOSTS, max_size=3), YOUNG)
missing = st.builds(
    MissingRight,
    capability=st.sampled_from(Capability),
    operation=st.just("ListSteps"),
    action=st.just("elasticmapreduce:ListSteps"),
    sid=st.just("TidemarkObserveCluster"),
    since=TIMES,
    retry_at=TIMES,
)

orders = st.builds(
    Orders,
    heard_at=st.none() | YOUNG | TIMES,
    terminate_at=st.none() | st.just(NOW + 5000) | TIMES,
    end_reason=st.sampled_from([None, None, None, "owner-done"]),
    end_why=st.text(max_size=5),
    claim=st.sampled_from([None, None, "job-1"]),
    drain=st.sampled_from([None, None, "retired"]),
)
hdfs = st.builds(HdfsReading, at=YOUNG | TIMES, total_load=st.integers(0, 9), live_data_nodes=st.integers(0, 3))

observations = st.builds(
    Observation,
    at=st.just(NOW),
    signals=mostly(calm_signals, signals),
    evidence=mostly(st.builds(said, YOUNG), evidence),
    fleet=mostly(calm_fleets, st.none() | fleets | settled_fleets),
    cluster=mostly(calm_clusters, st.none() | clusters),
    reading=mostly(calm_readings, st.none() | readings),
    history=mostly(calm_histories, histories),
    missing=mostly(st.just(()), st.lists(missing, max_size=3).map(tuple)),
    orders=mostly(st.none(), orders),
    hdfs=st.none() | hdfs,
)

HEAP = {"name": "heap", "signal": "Heap", "statistic": "Maximum", "comparison": ">", "bound": 80, "for_s": 0}
any_settings: st.SearchStrategy[Settings] = st.builds(
    lambda low, size, percent, cooldown, idle, after, notice, deadline: settings(
        rules=[
            {**OUT, "for_s": 0, "cooldown_s": cooldown},
            {**IN, "for_s": 0},
            {**HEAP, "adjustment_percent": percent},
        ],
        fleet={"min_capacity_units": low, "max_capacity_units": low + size},
        idle={"enabled": idle, "after_s": after, "notice_s": notice, "terminate_after_s": deadline, "grace_s": 60},
    ),
    st.integers(0, 10),
    st.integers(0, 20).filter(lambda size: size > 0),
    st.sampled_from([20.0, -20.0, 0.5, 300.0]),
    st.sampled_from([0, 300]),
    st.booleans(),
    st.sampled_from([60, 3600]),
    st.sampled_from([0, 300]),
    st.sampled_from([None, 3600, 100_000]),
)

reasons = st.builds(
    Reason, st.sampled_from([Why.BREACHED, Why.IDLE, Why.DEADLINE, Why.NOT_BREACHING]), st.text(max_size=5)
)
because = st.lists(reasons, min_size=1, max_size=2).map(tuple)
decisions: st.SearchStrategy[Decision] = st.one_of(
    st.builds(Hold, because),
    st.builds(Terminate, because),
    st.tuples(st.integers(0, 40), st.integers(0, 40), because, st.sampled_from([None, "out", "in", "heap", "gone"]))
    .filter(lambda parts: parts[0] != parts[1])
    .map(lambda parts: Resize(*parts)),
)
