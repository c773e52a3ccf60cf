"""A launch becomes one cluster, over HTTP, whoever dies on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agent.domain.faults import TransientFault
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.rows import cluster_key
from agent.lifecycle.store import CLAIM_LEASE_S
from agent.lifecycle.table import Change
from agent.lifecycle.words import EndReason, LaunchState, Phase, State
from tests.lifecycle.hands import Died, Mortal, Rig, once_client, our_cluster, profile_request
from tests.sandbox.emr_world import World, fleets, step, world


def clusters(it: World) -> Mapping[str, str]:
    """The state of every cluster that goes on, by id."""
    states = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
    return {one["Id"]: one["Status"]["State"] for one in it.emr.list_clusters(ClusterStates=states)["Clusters"]}


def launches(it: World) -> int:
    return len(it.server.api.calls("RunJobFlow"))


def test_a_wish_becomes_a_cluster_and_a_row_that_says_whose_it_is() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile(terminate_after_s=7200)
        rig.wish(alias="wg-1")
        cluster = rig.launcher.go_on("l-1")
        assert cluster is not None and it.cluster(cluster)["Name"] == "nightly l-1.1"
        launch, row = rig.launch(), rig.row(cluster)
        assert (launch.state, launch.cluster_id) == (LaunchState.LAUNCHED, cluster)
        assert (row.owner, row.alias, row.profile, row.launch_id, row.attempt) == ("df-1", "wg-1", "nightly", "l-1", 1)
        assert (row.phase, row.created_at, row.terminate_at) == (Phase.LAUNCHING, it.clock.now, it.clock.now + 7200)
        assert rig.heard.deadlines == {cluster: row.terminate_at}
        assert rig.launcher.go_on("l-1") == cluster and launches(it) == 1
        assert rig.counts() == {"LaunchAttempts.1": 1}


def test_a_launch_of_its_own_deadline_keeps_it() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile(terminate_after_s=7200)
        rig.wish(terminate_at=it.clock.now + 60)
        cluster = rig.launcher.go_on("l-1")
        assert cluster is not None and rig.row(cluster).terminate_at == it.clock.now + 60


def test_a_place_of_the_pool_goes_with_its_cluster() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile(maximum=2)
        rig.wish(pool=True, slot=1)
        cluster = rig.launcher.go_on("l-1")
        assert cluster is not None
        row = rig.row(cluster)
        assert row.pool and row.slot == 1
        assert it.cluster(cluster)["AutoTerminate"] is False


@pytest.mark.story
@pytest.mark.parametrize("after", [False, True], ids=["before a call", "after a call"])
def test_whoever_dies_is_followed_by_one_who_goes_on_and_no_second_cluster_stays(after: bool) -> None:
    with world() as it:
        for dies_at in range(1, 30):
            launch_id, life, table = f"l-{after}-{dies_at}", Mortal(dies_at, after), MemoryTable()
            rig = Rig(it, table)
            rig.profile(terminate_after_s=7200)
            rig.wish(launch_id)
            before = clusters(it)
            try:
                assert Rig(it, life.table(table), life.client(once_client(it))).launcher.go_on(launch_id) is not None
            except Died:
                it.clock.now += CLAIM_LEASE_S + 1
                assert rig.launcher.go_on(launch_id) is not None, dies_at
            (made,) = clusters(it).keys() - before.keys()
            assert rig.launch(launch_id).cluster_id == made, dies_at
            assert rig.row(made).launch_id == launch_id
            it.clock.now += 60
        assert life.calls < dies_at, "it died at every one of its calls"


def test_two_deaths_in_a_row_leave_one_cluster() -> None:
    """The second one died while it looked for what the first had left."""
    with world() as it:
        table = MemoryTable()
        rig = Rig(it, table)
        rig.profile()
        rig.wish()
        client = once_client(it)
        client.meta.events.register("after-call.emr.RunJobFlow", _die)
        with pytest.raises(Died):
            Rig(it, table, client).launcher.go_on("l-1")
        it.clock.now += CLAIM_LEASE_S + 1
        client.meta.events.register("before-call.emr.ListClusters", _die)
        with pytest.raises(Died):
            Rig(it, table, client).launcher.go_on("l-1")
        it.clock.now += CLAIM_LEASE_S + 1
        assert rig.launcher.go_on("l-1") is not None and launches(it) == 1 and len(clusters(it)) == 1
        assert rig.counts() == {"LaunchesFound": 1}


def _die(**_: Any) -> None:
    raise Died


def test_a_claim_is_nobody_elses_until_its_lease_is_over() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish()
        assert rig.store.claim_launch("l-1", 1, it.clock.now) is not None
        it.clock.now += CLAIM_LEASE_S - 1
        assert rig.launcher.go_on("l-1") is None and launches(it) == 0
        it.clock.now += 2
        assert rig.launcher.go_on("l-1") is not None and launches(it) == 1


def test_another_tables_cluster_of_the_same_name_is_not_taken_for_ours() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish()
        theirs = our_cluster(it, "l-1", table="staging")
        rig.store.claim_launch("l-1", 1, it.clock.now)
        it.clock.now += CLAIM_LEASE_S + 1
        made = rig.launcher.go_on("l-1")
        assert made not in {None, theirs} and set(clusters(it)) == {made, theirs}


def test_a_cluster_that_came_of_a_lost_answer_and_has_ended_since_is_found_too() -> None:
    with world() as it:
        rig = Rig(it)
        request = profile_request(KeepJobFlowAliveWhenNoSteps=False)
        rig.profile({**request, "Steps": [step("s", "true")]})
        rig.wish()
        it.server.api.fail_next("RunJobFlow", code="InternalServerError", applied=True)
        with pytest.raises(TransientFault):
            rig.launcher.go_on("l-1")
        (made,) = clusters(it)
        it.emr.terminate_job_flows(JobFlowIds=[made])
        it.pass_time(600)
        assert it.state(made) == "TERMINATED"
        assert rig.launcher.go_on("l-1") == made and launches(it) == 1
        assert rig.launch().cluster_id == made


def test_one_whose_agent_was_heard_and_that_ended_before_it_was_found_is_the_launchs_all_the_same() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish()
        it.server.api.fail_next("RunJobFlow", code="InternalServerError", applied=True)
        with pytest.raises(TransientFault):
            rig.launcher.go_on("l-1")
        (made,) = clusters(it)
        rig.store.heartbeat(made, {}, it.clock.now)
        rig.store.saw_state(made, State.TERMINATED, it.clock.now + 1, it.clock.now)
        it.clock.now += CLAIM_LEASE_S + 1
        assert rig.launcher.go_on("l-1") == made
        assert rig.launch().state is LaunchState.LAUNCHED and rig.row(made).open is None


def test_a_throttled_call_gives_the_claim_back() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish()
        it.server.api.fail_next("RunJobFlow", code="ThrottlingException", status=400)
        assert rig.launcher.go_on("l-1") is None
        assert rig.launch().state is LaunchState.ASKED and "Throttling" in (rig.launch().why or "")
        assert rig.launcher.go_on("l-1") is not None


def test_with_our_share_used_up_nobody_claims_and_nothing_is_sent() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish()
        while rig.budget.spend("RunJobFlow", it.clock.now):
            pass
        assert rig.launcher.go_on("l-1") is None
        assert rig.launch().state is LaunchState.ASKED and launches(it) == 0
        it.clock.now += 60
        assert rig.launcher.go_on("l-1") is not None


def test_a_claim_that_was_taken_over_stays_until_somebody_could_look() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish()
        rig.store.claim_launch("l-1", 1, it.clock.now)
        it.clock.now += CLAIM_LEASE_S + 1
        while rig.budget.spend("ListClusters", it.clock.now):
            pass
        it.clock.now += 3  # the common window is another one, that of the operation is not
        assert rig.launcher.go_on("l-1") is None
        assert rig.launch().state is LaunchState.CLAIMED and launches(it) == 0
        it.clock.now += CLAIM_LEASE_S + 1
        assert rig.launcher.go_on("l-1") is not None


def test_what_emr_or_its_model_refuses_closes_the_launch_with_the_reason() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile({**profile_request(), "Instances": {"InstanceGroups": []}})
        rig.wish()
        assert rig.launcher.go_on("l-1") is None
        assert rig.launch().state is LaunchState.FAILED and "RunJobFlow" in (rig.launch().why or "")
        rig.profile({**profile_request(), "ReleaseLabels": "emr-7.10.0"})
        rig.wish("l-2")
        assert rig.launcher.go_on("l-2") is None
        assert rig.launch("l-2").state is LaunchState.FAILED and "ReleaseLabels" in (rig.launch("l-2").why or "")
        rig.wish("l-3", profile="weekly")
        assert rig.launcher.go_on("l-3") is None
        assert rig.launch("l-3").why == "there is no profile 'weekly' any more"
        rig.profile()
        rig.wish("l 4")
        assert rig.launcher.go_on("l 4") is None
        assert "white space" in (rig.launch("l 4").why or "")


def test_the_cluster_of_a_launch_that_was_cancelled_meanwhile_ends() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish()
        client = once_client(it)

        def cancel(**_: Any) -> None:
            rig.store.close_launch(rig.launch(), LaunchState.CANCELLED, it.clock.now, "its owner is gone")

        client.meta.events.register("after-call.emr.RunJobFlow", cancel)
        assert Rig(it, rig.table, client).launcher.go_on("l-1") is None
        assert clusters(it) == {} and launches(it) == 1
        (made,) = (one["Id"] for one in it.emr.list_clusters()["Clusters"])
        assert rig.row(made).end_reason is EndReason.ORPHAN


def test_a_twin_ends_and_the_launchs_cluster_stays() -> None:
    """Somebody else's cluster of the same attempt was adopted while we asked."""
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish()
        client = once_client(it)

        def adopt(**_: Any) -> None:
            came = {"state": LaunchState.LAUNCHED.value, "cluster_id": first}
            rig.table.change(Change(key=rig.launch().key, set=came))

        first = our_cluster(it, "l-1")
        client.meta.events.register("after-call.emr.RunJobFlow", adopt)
        assert Rig(it, rig.table, client).launcher.go_on("l-1") is None
        assert list(clusters(it)) == [first] and rig.launch().cluster_id == first


def test_what_is_not_asked_for_is_not_launched() -> None:
    with world() as it:
        rig = Rig(it)
        rig.profile()
        rig.wish(state=LaunchState.CANCELLED)
        assert rig.launcher.go_on("l-1") is None and rig.launcher.go_on("l-none") is None
        assert launches(it) == 0


def test_emr_is_looked_at_with_its_nodes() -> None:
    with world() as it:
        rig = Rig(it)
        cluster = our_cluster(it)
        plain, whole = rig.eyes.describe(cluster), rig.eyes.describe(cluster, fleets=True)
        assert plain is not None and whole is not None
        assert (plain.state, plain.masters, plain.cores) == (State.WAITING, None, None)
        assert (whole.masters, whole.cores, whole.at) == (1, 1, it.clock.now)
        assert plain.tags["tidemark:launch"] == "l-9.1" and not plain.protected
        starting = it.launch(Instances=fleets())
        seen = rig.eyes.describe(starting, fleets=True)
        assert seen is not None and seen.masters is None, "what is not there yet is not counted"


def test_all_pages_of_clusters_are_read_or_none() -> None:
    with world(page_size=3) as it:
        made = {it.launch(Instances=fleets()) for _ in range(7)}
        rig = Rig(it)
        found = rig.eyes.listed(it.clock.now - 60)
        assert found is not None and {one.cluster_id for one in found} == made
        for _ in range(6):
            rig.budget.spend("ListClusters", it.clock.now)
        assert rig.eyes.listed(it.clock.now - 60) is None
        it.clock.now += 60
        assert rig.eyes.listed(it.clock.now) == []
        assert rig.store.cluster(cluster_key("none")) is None
