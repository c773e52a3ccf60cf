from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.aggregate.snapshot import Instance, Role, Snapshot
from agent.aggregate.table import Table
from agent.domain.readings import Application, ClusterManager, ClusterReading, ExecutorRemoval, HdfsReading, NodeReading
from agent.settings_sources import ListenerSettings
from agent.telemetry import Telemetry
from agent.wire import refusals
from tests.captures import FILES, connections, first, report

GIB = 1 << 30
AT = 1_795_220_000.0
APP = "application_1795220000000_0001"
FULL = {"jvm.heap.used": 0.97 * GIB, "jvm.heap.max": GIB, "jvm.heap.committed": GIB}
ROOMY = {"jvm.heap.used": 0.4 * GIB, "jvm.heap.max": GIB, "jvm.heap.committed": GIB}


def table(hold_s: float = 300.0, **bounds: Any) -> Table:
    return Table(ListenerSettings(**bounds), hold_s, Telemetry())


def send(
    to: Table, values: Mapping[str, object], at: float, executor: str = "1", app: str = APP, stamp: float | None = None
) -> None:
    to.report(report(f"{app}.{executor}.", values, at if stamp is None else stamp), "10.0.0.1", at)


def only(snapshot: Snapshot) -> Instance:
    (instance,) = snapshot.instances
    return instance


def ids(snapshot: Snapshot) -> set[str]:
    return {instance.id for instance in snapshot.instances}


# What a report becomes


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("times", [1, 3], ids=["validated", "repeated"])
def test_values_are_those_that_were_sent(file, times):
    """Every kept value equals its line; a report that comes again is read by position and gives the same."""
    for connection in connections(file):
        into = table()
        for _ in range(times):
            into.report(connection.raw, "10.0.0.1", connection.at)
        snapshot = into.snapshot(connection.at)
        assert snapshot.counts[refusals.LINES_RECEIVED] == times * len(connection.lines)
        assert not [name for name in snapshot.counts if "Rejected" in name]
        if connection.role == "applications":
            assert not snapshot.instances
            continue
        instance = only(snapshot)
        sent = {name: value for name, value, _ in connection.lines}
        prefix = f"{instance.app}.{instance.id}." if instance.app else ""
        assert len(instance.values) >= 19
        for series, value in instance.values.items():
            assert value == float(sent[prefix + series])


def test_executor_driver_and_daemons_are_told_apart():
    into = table()
    for role, peer in (("driver", "10.0.0.1"), ("exec-0", "10.0.0.2"), ("master", "10.0.0.1")):
        into.report(first(role).raw, peer, first(role).at)
    into.report(first("worker").raw, "10.0.0.2", first("worker").at)
    into.report(first("worker").raw, "10.0.0.3", first("worker").at)
    told = {(one.role, one.app, one.id, one.peer) for one in into.snapshot(first("worker").at).instances}
    app = "app-20261121001843-0000"
    assert told == {
        (Role.DRIVER, app, "driver", "10.0.0.1"),
        (Role.EXECUTOR, app, "0", "10.0.0.2"),
        (Role.MASTER, "", "10.0.0.1", "10.0.0.1"),
        (Role.WORKER, "", "10.0.0.2", "10.0.0.2"),
        (Role.WORKER, "", "10.0.0.3", "10.0.0.3"),
    }


def test_two_workers_on_one_host_are_told_apart_by_their_sinks_prefix():
    into = table()
    for prefix, used in (("one.", 10), ("two.", 20)):
        values = {"jvm.heap.used": used, "worker.memFree_MB": 1}
        into.report(report(prefix, values, AT), "10.0.0.2", AT)
    assert {one.id: one.values["jvm.heap.used"] for one in into.snapshot(AT).instances} == {
        "one@10.0.0.2": 10,
        "two@10.0.0.2": 20,
    }


def test_master_and_worker_on_one_host_are_two():
    into = table()
    into.report(first("master").raw, "10.0.0.1", first("master").at)
    into.report(first("worker").raw, "10.0.0.1", first("worker").at)
    assert {one.role for one in into.snapshot(first("worker").at).instances} == {Role.MASTER, Role.WORKER}


def test_a_sentinel_is_no_value():
    into = table()
    send(into, {"jvm.heap.used": 5, "jvm.heap.max": -1, "jvm.non-heap.max": 0, "JVMCPU.jvmCpuTime": -1}, AT)
    assert only(into.snapshot(AT)).values == {"jvm.heap.used": 5}


def test_executor_metrics_before_the_first_heartbeat_are_no_values():
    into = table()
    send(into, {"ExecutorMetrics.JVMHeapMemory": 0, "ExecutorMetrics.TotalGCTime": 0, "jvm.heap.used": 5}, AT)
    assert only(into.snapshot(AT)).values == {"jvm.heap.used": 5}
    send(into, {"ExecutorMetrics.JVMHeapMemory": 7, "ExecutorMetrics.TotalGCTime": 0, "jvm.heap.used": 5}, AT + 10)
    assert only(into.snapshot(AT + 10)).values == {
        "ExecutorMetrics.JVMHeapMemory": 7,
        "ExecutorMetrics.TotalGCTime": 0,
        "jvm.heap.used": 5,
    }


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1.2.3", "-", "1e999"])
@pytest.mark.parametrize("known", [False, True], ids=["validated", "repeated"])
def test_what_is_no_finite_number_is_no_value_and_does_not_harm_the_others(value, known):
    into = table()
    if known:
        send(into, {"jvm.heap.used": 1, "jvm.heap.max": 9}, AT)
    send(into, {"jvm.heap.used": value, "jvm.heap.max": 10}, AT)
    values = only(into.snapshot(AT)).values
    assert values["jvm.heap.max"] == 10
    assert values.get("jvm.heap.used") in ({None, 1} if known else {None})


def test_a_report_with_the_same_names_in_other_places_is_not_read_by_position():
    into = table()
    send(into, {"jvm.heap.committed": 1, "jvm.heap.max": 2, "jvm.heap.used": 3}, AT)
    send(into, {"jvm.heap.committed": 1, "jvm.heap.used": 5, "jvm.heap.max": 6}, AT)
    assert only(into.snapshot(AT)).values == {"jvm.heap.committed": 1, "jvm.heap.used": 5, "jvm.heap.max": 6}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{0}jvm.heap.max 9 {1}\n{0}jvm.heap.used 2 soon\n", refusals.BAD_TIMESTAMP),
        ("{0}jvm.heap.max 9 {1}\n{0}jvm.heap.used NaN {1}\n", refusals.NOT_FINITE),
        ("{0}jvm.heap.max 9 {1}\n{0}jvm.heap.used two {1}\n", refusals.BAD_NUMBER),
        ("{0}jvm.heap.max 9 {1}\n{0}jvm.heap.used 2 {1}", refusals.TRUNCATED),
    ],
)
def test_a_known_report_is_held_to_the_same_rules(text, reason):
    into = table()
    send(into, {"jvm.heap.max": 9, "jvm.heap.used": 1}, AT)
    into.report(text.format(f"{APP}.1.", int(AT)).encode(), "10.0.0.1", AT)
    snapshot = into.snapshot(AT)
    assert only(snapshot).values.get("jvm.heap.used", 1) == 1
    assert {name: count for name, count in snapshot.counts.items() if "Rejected" in name} == {reason: 1}


def test_within_a_second_the_last_report_wins():
    into = table()
    for used in (1, 2, 3):
        send(into, {"jvm.heap.used": used}, AT)
    assert only(into.snapshot(AT)).values == {"jvm.heap.used": 3}


def test_a_report_older_than_the_last_one_is_refused():
    into = table()
    send(into, {"jvm.heap.used": 2}, AT)
    send(into, {"jvm.heap.used": 1}, AT, stamp=AT - 1)
    snapshot = into.snapshot(AT)
    assert only(snapshot).values == {"jvm.heap.used": 2}
    assert snapshot.counts[refusals.OUT_OF_ORDER] == 1


def test_a_senders_clock_counts_only_within_two_minutes():
    into = table()
    send(into, {"jvm.heap.used": 1}, AT, stamp=AT + 3600)
    send(into, {"jvm.heap.used": 2}, AT + 10, stamp=AT - 3600)
    snapshot = into.snapshot(AT + 10)
    assert only(snapshot).values == {"jvm.heap.used": 2}
    assert only(snapshot).last_seen == AT + 10
    assert snapshot.counts[refusals.TIMESTAMPS_REPLACED] == 2


@given(st.integers(0, len(first("exec-0").raw)))
@settings(max_examples=60)
def test_a_truncated_report_leaves_what_it_did_not_name_as_it_was(length):
    connection = first("exec-0")
    into, whole = table(), table()
    for one in (into, whole):
        one.report(connection.raw, "10.0.0.1", connection.at)
    into.report(connection.raw[:length], "10.0.0.1", connection.at + 1)
    assert only(into.snapshot(connection.at + 1)).values == only(whole.snapshot(connection.at)).values


def test_what_reports_leave_out_for_long_is_forgotten():
    into = table()
    send(into, {"jvm.heap.used": 1, "jvm.heap.max": 9}, AT)
    for later in range(10, 60, 10):
        send(into, {"jvm.heap.used": 2}, AT + later)
    assert only(into.snapshot(AT + 45)).values == {"jvm.heap.used": 2, "jvm.heap.max": 9}
    assert only(into.snapshot(AT + 46)).values == {"jvm.heap.used": 2}


@given(st.lists(st.one_of(st.binary(max_size=300), st.sampled_from([one.raw for one in connections(FILES[0])]))))
@settings(max_examples=60)
def test_any_bytes_are_taken_and_each_line_is_accounted_for(reports):
    into = table()
    for raw in reports:
        into.report(raw, "10.0.0.1", AT)
    counts = into.snapshot(AT).counts
    lines = sum(raw.count(b"\n") + (not raw.endswith(b"\n") and raw != b"") for raw in reports)
    assert counts.get(refusals.LINES_RECEIVED, 0) == lines


@given(st.data())
@settings(max_examples=60)
def test_a_changed_byte_never_puts_a_value_under_another_name(data):
    """The way by position must not be led astray: each value is the one beside its name, or the one before."""
    connection = first("exec-0")
    into = table()
    into.report(connection.raw, "10.0.0.1", connection.at)
    before = only(into.snapshot(connection.at)).values
    raw = bytearray(connection.raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    into.report(bytes(raw), "10.0.0.1", connection.at)
    fields = [line.split() for line in bytes(raw).split(b"\n")]
    sent = {three[0]: three[1] for three in fields if len(three) == 3}
    for instance in into.snapshot(connection.at).instances:
        for series, value in instance.values.items():
            text = sent.get(f"{instance.app}.{instance.id}.{series}".encode())
            assert value == before.get(series) or (text is not None and value == float(text))


# Bounds


def test_applications_past_the_bound_are_refused_until_one_has_gone():
    into = table(max_applications=2)
    for number in range(5):
        send(into, ROOMY, AT, app=f"application_1_000{number}")
    snapshot = into.snapshot(AT)
    assert {one.app for one in snapshot.instances} == {"application_1_0000", "application_1_0001"}
    assert snapshot.counts[refusals.TOO_MANY_APPLICATIONS] == 3
    send(into, ROOMY, AT + 60, app="application_1_0004")
    assert {one.app for one in into.snapshot(AT + 60).instances} == {"application_1_0004"}


def test_a_listed_application_takes_the_place_of_a_made_up_one():
    """Whoever can reach the port can fill the table with names; the cluster manager tells which are real."""
    into = table(max_applications=2)
    for number in range(2):
        send(into, ROOMY, AT, app=f"made_up_{number}")
    real = Application(id=APP, name="", state="RUNNING", memory_used_mb=1)
    into.take(
        ClusterReading(
            at=AT, manager=ClusterManager.YARN, memory_total_mb=1, memory_available_mb=1, applications=(real,)
        )
    )
    send(into, ROOMY, AT)
    send(into, ROOMY, AT, app="made_up_2")
    snapshot = into.snapshot(AT)
    assert {one.app for one in snapshot.instances} == {"made_up_1", APP}
    assert snapshot.counts[refusals.APPLICATIONS_DISPLACED] == 1


def test_what_has_been_forgotten_makes_room_for_as_much_again():
    """The bound on all values together counts what is held, not what ever came."""
    into = table(max_executors=2, max_names_per_source=3)
    for round in range(20):
        for executor in ("1", "2"):
            send(into, ROOMY, AT + 100 * round, executor=f"{round}{executor}")
        assert len(into.snapshot(AT + 100 * round).instances) == 2
    assert refusals.TOO_MANY_VALUES not in into.snapshot(AT + 2000).counts


def test_an_executor_that_reports_again_after_it_was_forgotten_did_not_die():
    into = table()
    dies(into, FULL)
    for at in (AT + 40, AT + 60, AT + 80):
        send(into, ROOMY, at, executor="driver")
    assert into.snapshot(AT + 80).memory_deaths
    send(into, FULL, AT + 81)
    assert not into.snapshot(AT + 81).memory_deaths


def test_after_our_clock_was_set_back_known_executors_are_heard():
    into = table()
    send(into, ROOMY, AT + 3600)
    send(into, FULL, AT)
    assert only(into.snapshot(AT)).values == FULL


def test_executors_past_the_bound_are_refused_and_known_ones_are_heard():
    into = table(max_executors=3)
    for number in range(10):
        send(into, ROOMY, AT, executor=str(number))
    send(into, FULL, AT + 1, executor="0")
    snapshot = into.snapshot(AT + 1)
    assert ids(snapshot) == {"0", "1", "2"}
    assert snapshot.counts[refusals.TOO_MANY_EXECUTORS] == 7
    assert next(one for one in snapshot.instances if one.id == "0").values == FULL


def test_names_past_the_bound_of_a_source_are_refused():
    into = table(max_names_per_source=8)
    send(into, {f"jvm.collector{number}.time": number for number in range(20)} | {"JVMCPU.jvmCpuTime": 5}, AT)
    snapshot = into.snapshot(AT)
    assert only(snapshot).values == {f"jvm.collector{n}.time": n for n in range(8)} | {"JVMCPU.jvmCpuTime": 5}
    assert snapshot.counts[refusals.TOO_MANY_NAMES] == 12


def test_a_million_names_leave_the_table_within_its_bounds():
    into = table(max_executors=200, max_names_per_source=16)
    for executor in range(1000):
        values = {f"jvm.c{executor}-{name}.time": 1 for name in range(500)}
        values |= {f"spark.streaming.q{executor}-{name}.latency": 1 for name in range(500)}
        send(into, values, AT, executor=str(executor))
    snapshot = into.snapshot(AT)
    assert len(snapshot.instances) <= 200
    assert sum(len(one.values) for one in snapshot.instances) <= 200 * 16
    send(into, ROOMY, AT + 60, executor="7")
    assert only(into.snapshot(AT + 60)).values == ROOMY


# Lifetimes


@pytest.mark.parametrize(("period_s", "life_s"), [(10, 45), (1, 45), (60, 180)])
def test_an_executor_is_forgotten_after_three_periods_of_silence_but_not_before_45_s(period_s, life_s):
    into = table(report_period_s=period_s)
    send(into, ROOMY, AT)
    assert ids(into.snapshot(AT + life_s)) == {"1"}
    assert not into.snapshot(AT + life_s + 1).instances


def test_an_executor_that_falls_silent_while_its_application_goes_on_is_lost():
    into = table()
    send(into, ROOMY, AT, executor="1")
    for later in range(0, 60, 10):
        send(into, ROOMY, AT + later, executor="driver")
    assert into.snapshot(AT + 44).executors_lost == 0
    snapshot = into.snapshot(AT + 50)
    assert (ids(snapshot), snapshot.executors_lost) == ({"driver"}, 1)


def test_executors_that_end_with_their_application_are_not_lost():
    into = table()
    for executor in ("1", "2", "driver"):
        send(into, FULL, AT, executor=executor)
    snapshot = into.snapshot(AT + 400)
    assert (snapshot.instances, snapshot.executors_lost, snapshot.memory_deaths) == ((), 0, ())


def test_an_executor_that_comes_back_is_not_new():
    """What it counted before it fell silent has been counted: see Snapshot.new_after."""
    into = table()
    send(into, ROOMY, AT + 100)
    assert only(into.snapshot(AT + 100)).first_seen == AT + 100
    into.snapshot(AT + 200)
    send(into, ROOMY, AT + 200)
    snapshot = into.snapshot(AT + 200)
    assert only(snapshot).first_seen <= snapshot.new_after


def test_instances_are_new_only_after_two_periods_of_listening():
    into = table(report_period_s=10)
    into.snapshot(AT)
    assert into.snapshot(AT + 100).new_after == AT + 20


# Deaths of memory


def dies(into: Table, last: Mapping[str, object], executor: str = "1") -> None:
    """It reports for the last time at AT + 10; its driver goes on until AT + 40."""
    send(into, ROOMY, AT, executor=executor)
    send(into, last, AT + 10, executor=executor)
    for later in (0, 10, 20, 30, 40):
        send(into, ROOMY, AT + later, executor="driver")


OLD_FULL = ROOMY | {"jvm.heap.used": 0.92 * GIB, "jvm.pools.G1-Old-Gen.used": 0.91 * GIB}
NO_SURVIVORS = ROOMY | {"jvm.heap.used": 0.9 * GIB, "jvm.pools.G1-Survivor-Space.committed": 0}


@pytest.mark.parametrize("last", [FULL, OLD_FULL, NO_SURVIVORS], ids=["heap", "old generation", "survivors"])
def test_silence_after_a_full_heap_is_a_death_of_memory(last):
    into = table()
    dies(into, last | {"executor.threadpool.activeTasks": 1})
    assert not into.snapshot(AT + 30).memory_deaths or ids(into.snapshot(AT + 30)) == {"driver"}
    snapshot = into.snapshot(AT + 40)
    (death,) = snapshot.memory_deaths
    assert (death.app, death.executor, death.at, death.heap_max_bytes) == (APP, "1", AT + 10, GIB)
    assert "fell silent" in death.how
    assert ids(snapshot) == {"driver"}


def test_the_captured_death_is_recognised():
    """An executor of Spark 3.5 that exited with code 52: its last reports say 91 and 92 %, with NaN for survivors."""
    last = connections(FILES[0])
    app = "app-20261121002738-0000"
    into = table()
    for connection in last:
        into.report(connection.raw, "10.0.0.1", connection.at)
    for later in (0, 10, 20, 30):
        send(into, ROOMY, last[0].at + later, executor="driver", app=app)
    assert [(death.app, death.executor) for death in into.snapshot(last[0].at + 30).memory_deaths] == [(app, "0")]


@pytest.mark.parametrize("last", [ROOMY, FULL | {"executor.threadpool.activeTasks": 0}], ids=["low heap", "idle"])
def test_an_executor_that_is_removed_in_the_normal_way_did_not_die_of_memory(last):
    into = table()
    send(into, last, AT)
    dies(into, last)
    if "executor.threadpool.activeTasks" in last:
        send(into, last, AT + 10)
        send(into, last, AT + 10)
    for later in (40, 50, 60, 70):
        send(into, ROOMY, AT + later, executor="driver")
        assert not into.snapshot(AT + later).memory_deaths


def test_when_everybody_is_silent_nobody_has_died():
    into = table()
    for executor in ("1", "2", "driver"):
        send(into, FULL, AT, executor=executor)
    assert not into.snapshot(AT + 40).memory_deaths


def test_an_executor_that_was_only_slow_is_taken_back():
    into = table()
    dies(into, FULL)
    assert into.snapshot(AT + 40).memory_deaths
    send(into, FULL, AT + 41)
    snapshot = into.snapshot(AT + 41)
    assert (ids(snapshot), snapshot.memory_deaths) == ({"1", "driver"}, ())


def test_a_death_is_held_as_long_as_asked_and_counted_once():
    into = table(hold_s=100)
    dies(into, FULL)
    for later in range(40, 200, 10):
        send(into, ROOMY, AT + later, executor="driver")
        assert len(into.snapshot(AT + later).memory_deaths) == (1 if later < 110 else 0)
    assert into.snapshot(AT + 200).executors_lost == 1


def removal(reason: str, at: float = AT + 15) -> ExecutorRemoval:
    return ExecutorRemoval(at=at, app=APP, executor="1", reason=reason)


@pytest.mark.parametrize(
    "reason",
    [
        "Command exited with code 52",
        "Container from a bad node: container_1 on host: ip-10. Exit status: 52. Diagnostics: ...",
        "Container killed by YARN for exceeding memory limits. 5.5 GB of 5.5 GB physical memory used.",
        "Container killed by YARN for exceeding physical memory limits. 5.5 GB of 5.5 GB used. Exit status: 143",
        "Exit status: 137. ... is running 1B beyond the 'PHYSICAL' memory limit. Current usage: 2.0 GB",
        "Unable to create executor due to java.lang.OutOfMemoryError: Java heap space",
    ],
)
def test_spark_saying_memory_is_a_death_of_memory(reason):
    into = table()
    send(into, ROOMY, AT + 10, executor="1")
    send(into, ROOMY, AT + 10, executor="driver")
    into.take(removal(reason))
    snapshot = into.snapshot(AT + 15)
    (death,) = snapshot.memory_deaths
    assert (death.at, death.heap_max_bytes, death.how) == (AT + 15, GIB, reason)
    assert (ids(snapshot), snapshot.executors_lost) == ({"driver"}, 1)


@pytest.mark.parametrize(
    "reason",
    [
        "Executor killed by driver.",
        "worker lost: 10.0.0.5:52",
        "Command exited with code 143",
        "Container marked as failed: container_152. Exit status: 137",
        "Executor decommission: spot interruption",
    ],
)
def test_spark_saying_something_else_outranks_what_silence_said(reason):
    into = table()
    dies(into, FULL)
    assert into.snapshot(AT + 40).memory_deaths
    into.take(removal(reason, AT + 41))
    assert not into.snapshot(AT + 41).memory_deaths


def test_spark_saying_it_again_and_again_is_one_death_from_when_it_was():
    into = table(hold_s=100)
    dies(into, FULL)
    into.snapshot(AT + 40)
    for later in range(40, 140, 15):
        into.take(removal("Command exited with code 52", AT + later))
        deaths = into.snapshot(AT + later).memory_deaths
        assert [death.at for death in deaths] == ([AT + 10] if later < 110 else [])


# Readings


def test_the_last_reading_of_each_kind_is_held():
    into = table()
    cluster = ClusterReading(at=AT, manager=ClusterManager.YARN, memory_total_mb=10, memory_available_mb=5)
    hdfs = HdfsReading(at=AT, total_load=3, live_data_nodes=2)
    node = NodeReading(at=AT, cpu_percent=1, memory_used_percent=2, load_1m=3, agent_cpu_percent=4, agent_rss_bytes=5)
    for reading in (cluster, hdfs, node):
        into.take(reading)
    snapshot = into.snapshot(AT)
    assert (snapshot.cluster, snapshot.hdfs, snapshot.node) == (cluster, hdfs, node)


# Threads


def test_snapshots_while_reports_arrive_show_whole_reports():
    """Used and maximum are always of the same report."""
    into = table()
    stop = threading.Event()

    def keep_sending() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for executor in range(20):
                send(into, {"jvm.heap.used": number, "jvm.heap.max": number}, AT, executor=str(executor))

    thread = threading.Thread(target=keep_sending)
    thread.start()
    try:
        seen = 0
        while seen < 200:
            for instance in into.snapshot(AT).instances:
                assert instance.values["jvm.heap.used"] == instance.values["jvm.heap.max"]
                seen += 1
    finally:
        stop.set()
        thread.join()


def test_all_captures_together_leave_every_jvm_in_the_table():
    captured = connections(FILES[1])
    into = table()
    for connection in captured:
        into.report(connection.raw, "10.0.0.1", connection.at)
    assert {(one.role, one.id) for one in into.snapshot(captured[-1].at).instances} == {
        (Role.DRIVER, "driver"),
        (Role.EXECUTOR, "0"),
        (Role.EXECUTOR, "1"),
        (Role.MASTER, "10.0.0.1"),
        (Role.WORKER, "10.0.0.1"),
    }
