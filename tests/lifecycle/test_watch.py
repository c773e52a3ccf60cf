"""What watchers see: the table's word, and EMR's now and then, for all of them."""

from __future__ import annotations

from collections import Counter

import pytest

from agent.domain.faults import NotTakenFault, PermanentFault
from agent.lifecycle.outcome import Kind
from agent.lifecycle.watch import FRESH_S, Sight, watch
from agent.lifecycle.words import EndReason, Phase, State
from agent.sandbox.emr.throttle import QUOTAS
from agent.settings_lifecycle import LifecycleSettings
from tests.lifecycle.hands import Rig
from tests.sandbox.emr_world import World, fleets, world

ROLES = {"ReleaseLabel": "emr-7.10.0", "JobFlowRole": "ec2", "ServiceRole": "emr"}
SETTINGS = LifecycleSettings(table="tidemark", ask_share=0.1, stale_s=600)


def seen(rig: Rig, cluster: str, chance: float = 1.0) -> Sight:
    return watch(cluster, rig.store, rig.eyes, rig.it.clock.now, lambda: chance, SETTINGS)


def asked(it: World) -> int:
    return len(it.server.api.calls("DescribeCluster"))


def test_the_table_answers_without_emr() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        it.clock.now += 300
        sight = seen(rig, cluster, chance=0.2)
        assert (sight.state, sight.outcome.kind, sight.source, sight.age_s) == (State.WAITING, None, "table", 300)
        assert asked(it) == 0


def test_now_and_then_emr_is_asked_and_what_it_says_is_written_back_for_all() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.pass_time(120)
        sight = seen(rig, cluster, chance=0.05)
        assert (sight.state, sight.outcome.kind, sight.source) == (State.TERMINATED, Kind.ABORTED, "emr")
        assert (rig.row(cluster).phase, rig.row(cluster).reason_code) == (Phase.ENDED, "USER_REQUEST")
        again = seen(rig, cluster, chance=0.05)
        assert (again.state, again.source) == (State.TERMINATED, "table") and asked(it) == 1


def test_a_row_that_nobody_has_confirmed_for_long_is_asked_whatever_chance_says() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        it.clock.now += 601
        assert seen(rig, cluster).source == "emr"
        assert rig.row(cluster).seen_at == it.clock.now
        assert seen(rig, cluster, chance=0.0).source == "table", "somebody has just asked"
        it.clock.now += FRESH_S + 1
        assert seen(rig, cluster, chance=0.0).source == "emr"


def test_of_many_watchers_one_asks() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        row = rig.known(cluster)
        it.clock.now += 601
        assert rig.store.asking(cluster, row.asked_at, it.clock.now) is not None
        sources = Counter(seen(rig, cluster).source for _ in range(20))
        assert sources == {"table": 20} and asked(it) == 0


def test_a_cluster_without_nodes_stays_so_though_emr_calls_it_alive() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        rig.store.saw_state(cluster, State.ZERO_CORE, it.clock.now, it.clock.now)
        it.clock.now += 601
        sight = seen(rig, cluster)
        assert (sight.state, sight.source, sight.age_s) == (State.ZERO_CORE, "emr", 0)
        rig.store.mark_end(cluster, EndReason.ZERO_CORE, "no core node", it.clock.now)
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.pass_time(700)
        sight = seen(rig, cluster)
        assert (sight.state, sight.outcome.kind) == (State.TERMINATED, Kind.LOST)


def test_one_that_is_not_in_the_table_is_asked_of_emr_and_not_written_down() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        sight = seen(rig, cluster)
        assert (sight.state, sight.outcome.kind, sight.source, sight.row) == (State.WAITING, None, "emr", None)
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.pass_time(60)
        assert seen(rig, cluster).outcome.kind is Kind.ABORTED
        assert rig.store.cluster(cluster) is None
        with pytest.raises(PermanentFault):
            seen(rig, "j-none")


def test_without_an_answer_the_tables_word_stands() -> None:
    with world() as it:
        cluster, stranger = it.ready(Instances=fleets()), it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        it.clock.now += 700
        it.server.api.fail_next("DescribeCluster", code="InternalServerException")
        assert seen(rig, cluster).source == "table"
        it.clock.now += 700
        while rig.budget.spend("DescribeCluster", it.clock.now):
            pass
        assert (seen(rig, cluster).source, seen(rig, cluster).age_s) == ("table", 1400)
        with pytest.raises(NotTakenFault, match="is not in the table"):
            seen(rig, stranger)


def test_a_hundred_watchers_are_never_throttled_and_see_the_end() -> None:
    """One look a minute each, with EMR's own quotas; the event of the end is lost."""
    with world(quotas=QUOTAS) as it:
        rig = Rig(it)
        watched = [it.emr.run_job_flow(Name="x", Instances=fleets(task=False), **ROLES)["JobFlowId"] for _ in range(5)]
        it.pass_time(300)
        for cluster in watched:
            rig.known(cluster)
        for minute in range(20):
            if minute == 10:
                it.emr.terminate_job_flows(JobFlowIds=watched)
            it.pass_time(60)
            for number in range(100):
                chance = ((minute * 100 + number) * 7919 % 1000) / 1000
                seen(rig, watched[number % 5], chance)
        assert all(rig.row(cluster).ended for cluster in watched)
        calls = it.server.api.calls("DescribeCluster")
        assert 30 <= len(calls) <= 75 and not any(call.error for call in calls), Counter(call.error for call in calls)
