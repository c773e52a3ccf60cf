"""The one way to end a cluster, over HTTP by the lifecycle's and by the agent's own clients."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.domain.decisions import Outcome
from agent.domain.faults import NotTakenFault, TransientFault
from agent.lifecycle.ending import REASONS, TABLE_SILENT, AgentEnder
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.rows import ClusterRow, JobRow, cluster_key, job_key
from agent.lifecycle.store import CLUSTER, Store
from agent.lifecycle.table import Change, Item
from agent.lifecycle.words import EndReason, JobState, Phase, State
from agent.policy.reasons import Why
from agent.sandbox.emr import Quota
from tests.actuators.hands import agent_client
from tests.lifecycle.hands import Died, Mortal, Rig, once_client, our_cluster, profile_request
from tests.sandbox.emr_world import World, fleets, groups, world

JOB = JobRow(key=job_key("j1"), owner="me", profile="p", state=JobState.QUEUED, created_at=0)


def terminations(it: World) -> int:
    return len(it.server.api.calls("TerminateJobFlows"))


def claimed(rig: Rig, cluster: str) -> None:
    rig.store.submit(JOB)
    assert rig.store.claim(cluster, JOB, rig.it.clock.now, None) is not None


# the lifecycle's


def test_an_end_is_written_down_asked_of_emr_told_and_its_schedule_dropped() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        assert rig.ender.end(cluster, EndReason.OWNER_DONE, "df-1 is done")
        row = rig.row(cluster)
        assert (row.end_reason, row.end_why, row.phase) == (EndReason.OWNER_DONE, "df-1 is done", Phase.ENDING)
        assert it.state(cluster) == "TERMINATING" and terminations(it) == 1
        assert [one.id for one in rig.heard.ends] == [cluster] and rig.heard.dropped == [cluster]
        assert rig.counts() == {"ClustersEnded.owner-done": 1}


def test_ending_again_asks_emr_once_and_the_first_reason_stays() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        assert rig.ender.end(cluster, EndReason.OWNER_DONE, "done")
        it.clock.now += 60
        assert rig.ender.end(cluster, EndReason.TERMINATE_AFTER, "its time is up")
        assert rig.row(cluster).end_reason is EndReason.OWNER_DONE and terminations(it) == 1
        assert len(rig.heard.ends) == 1


def test_an_end_that_nobody_was_told_of_is_written_down_when_it_is_seen() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.pass_time(120)
        assert rig.ender.end(cluster, EndReason.TERMINATE_AFTER, "its time is up")
        row = rig.row(cluster)
        assert (row.state, row.phase, row.open) == (State.TERMINATED, Phase.ENDED, None)
        assert row.end_reason is None and terminations(it) == 1, "it was ended by somebody else"


@pytest.mark.story
def test_whoever_died_after_any_call_is_followed_by_the_next_delivery() -> None:
    with world() as it:
        for after in (False, True):
            for dies_at in range(1, 20):
                cluster = it.ready(Instances=fleets())
                life, table = Mortal(dies_at, after), MemoryTable()
                Rig(it, table).known(cluster)
                try:
                    mortal = Rig(it, life.table(table), life.client(once_client(it)))
                    assert mortal.ender.end(cluster, EndReason.OWNER_DONE, "done")
                except Died:
                    it.clock.now += 60
                    assert Rig(it, table).ender.end(cluster, EndReason.OWNER_DONE, "done")
                row = Store(table).cluster(cluster)
                assert row is not None and row.end_reason is EndReason.OWNER_DONE, dies_at
                assert it.state(cluster) in {"TERMINATING", "TERMINATED"}, dies_at
                it.pass_time(60)
        assert life.calls < dies_at, "it died at every one of its calls"


def test_an_end_for_want_of_work_is_withheld_from_a_cluster_that_a_job_has() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster, pool=True)
        claimed(rig, cluster)
        assert not rig.ender.end(cluster, EndReason.SURPLUS, "two more than the minimum")
        assert terminations(it) == 0 and rig.row(cluster).end_reason is None
        assert rig.counts() == {"EndsWithheld.claimed": 1}
        it.clock.now += 60
        assert rig.ender.end(cluster, EndReason.TERMINATE_AFTER, "its time is up, job or not")


@pytest.mark.parametrize(
    ("reason", "known"),
    [
        (EndReason.LAUNCH_TIMEOUT, {"state": State.STARTING, "phase": Phase.LAUNCHING}),
        (EndReason.TERMINATE_AFTER, {"terminate_at": 1e10}),
        (EndReason.ZERO_CORE, {"state": State.WAITING}),
        (EndReason.ZERO_MASTER, {"state": State.ZERO_CORE}),
    ],
)
def test_an_end_that_was_put_off_is_not_made_when_its_reason_has_passed(
    reason: EndReason, known: dict[str, Any]
) -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster, **known)
        assert not rig.ender.end(cluster, reason, "as it was minutes ago")
        assert rig.counts() == {"EndsWithheld.over": 1}
        assert rig.row(cluster).end_reason is None and terminations(it) == 0
        # what is marked goes on: somebody has decided it in time
        rig.store.mark_end(cluster, reason, "in time", it.clock.now)
        assert rig.ender.end(cluster, reason, "as it was minutes ago")
        assert terminations(it) == 1


def test_a_cluster_whose_agent_came_back_and_that_a_job_has_is_not_ended_for_its_silence() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster, pool=True, phase=Phase.IDLE, state=State.WAITING)
        claimed(rig, cluster)
        assert not rig.ender.end(cluster, EndReason.HEARTBEAT_LOST, "it was free, and silent")
        assert rig.row(cluster).claim == "j1" and terminations(it) == 0


@pytest.mark.parametrize("lift", [True, False])
def test_protection_is_lifted_when_the_profile_allows_it_only(lift: bool) -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(TerminationProtected=True))
        rig = Rig(it)
        rig.profile(profile_request(TerminationProtected=True), lift_protection=lift)
        rig.known(cluster)
        assert rig.ender.end(cluster, EndReason.OWNER_DONE, "done") is lift
        assert it.state(cluster) == ("TERMINATING" if lift else "WAITING")
        assert (rig.row(cluster).end_reason is not None) is lift, "what may not be ended is not marked: it can work"
        assert rig.counts() == ({"ClustersEnded.owner-done": 1} if lift else {"EndsWithheld.protected": 1})


def test_the_protection_that_emr_itself_gives_to_three_primaries_is_lifted() -> None:
    with world() as it:
        three = groups(TerminationProtected=True)
        three["InstanceGroups"][0]["InstanceCount"] = 3
        cluster = it.ready(Instances=three)
        rig = Rig(it)
        asked = {name: value for name, value in three.items() if name != "TerminationProtected"}
        rig.profile({**profile_request(), "Instances": asked})
        rig.known(cluster)
        assert rig.ender.end(cluster, EndReason.OWNER_DONE, "done")
        assert it.state(cluster) == "TERMINATING"


def test_a_protected_cluster_of_no_profile_stays() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(TerminationProtected=True))
        assert not Rig(it).ender.end(cluster, EndReason.BY_HAND, "enough")
        assert not it.server.api.calls("SetTerminationProtection") and terminations(it) == 0


def test_a_cluster_that_nobody_wrote_down_is_ended_by_hand_and_for_no_other_reason() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        assert not rig.ender.end(cluster, EndReason.OWNER_DONE, "done")
        assert rig.ender.end(cluster, EndReason.BY_HAND, "enough")
        assert it.state(cluster) == "TERMINATING"
        assert rig.counts() == {"EndsWithheld.unknown": 1, "ClustersEnded.by-hand": 1}


@pytest.mark.parametrize("reason", [EndReason.ORPHAN, EndReason.TWIN])
def test_a_name_alone_ends_nothing(reason: EndReason) -> None:
    """`etl 2024.1` could be the first attempt of a launch `2024`; and another table's launches are its own."""
    with world() as it:
        rig = Rig(it)
        strangers = [it.ready(Name="etl 2024.1", Instances=fleets()), our_cluster(it, table="staging")]
        assert not any(rig.ender.end(cluster, reason, "nobody knows it") for cluster in strangers)
        assert rig.counts() == {"EndsWithheld.stranger": 2} and terminations(it) == 0
        it.clock.now += 60
        assert rig.ender.end(our_cluster(it), reason, "nobody knows it")


def test_with_the_share_used_up_nothing_is_sent_and_it_is_for_later() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        while rig.budget.spend("TerminateJobFlows", it.clock.now):
            pass
        it.clock.now += 3  # the common window is another one, that of the operation is not
        with pytest.raises(NotTakenFault, match="TerminateJobFlows: our share"):
            rig.ender.end(cluster, EndReason.IDLE, "idle")
        assert terminations(it) == 0 and rig.counts() == {"EndsPostponed.quota": 1}
        assert rig.row(cluster).end_reason is EndReason.IDLE, "the sweep goes on from here"
        it.clock.now += 60
        assert rig.ender.end(cluster, EndReason.IDLE, "idle") and terminations(it) == 1


def test_what_has_ended_by_the_table_is_not_asked_about() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        rig.store.saw_state(cluster, State.TERMINATED, it.clock.now, it.clock.now, "USER_REQUEST")
        assert rig.ender.end(cluster, EndReason.OWNER_DONE, "done")
        assert terminations(it) == 0 and not it.server.api.calls("DescribeCluster") and rig.heard.dropped == [cluster]


def test_a_fault_of_emr_goes_through() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        it.server.api.fail_next("TerminateJobFlows", code="InternalServerError")
        with pytest.raises(TransientFault):
            rig.ender.end(cluster, EndReason.OWNER_DONE, "done")
        assert rig.heard.ends == []


def test_nothing_else_asks_emr_to_end_a_cluster() -> None:
    root = Path(agent.__file__).parent
    callers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(r"terminate_job_flows", path.read_text()) and "sandbox" not in path.parts
    }
    assert callers == {"lifecycle/ending.py"}


# the agent's


def own(it: World, cluster: str, attempts: int = 1, store: Store | None = None) -> AgentEnder:
    return AgentEnder(agent_client(it, attempts), cluster, it.clock, store)


def test_without_a_table_an_idle_cluster_is_ended_through_the_api() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        result = own(it, cluster).terminate("idle for an hour", "idle")
        assert result.outcome is Outcome.APPLIED and result.detail == "idle for an hour"
        assert it.state(cluster) == "TERMINATING"


def test_a_protected_cluster_is_refused_and_the_protection_is_left_on() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(TerminationProtected=True))
        rig = Rig(it)
        rig.known(cluster)
        result = own(it, cluster, store=rig.store).terminate("idle", "idle")
        assert result.outcome is Outcome.REFUSED and "termination protection" in result.detail
        assert terminations(it) == 0 and not it.server.api.calls("SetTerminationProtection")
        assert it.cluster(cluster)["TerminationProtected"] is True and rig.row(cluster).end_reason is None


def test_protection_that_comes_on_between_the_look_and_the_call_is_refused_by_emr() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        client = agent_client(it)

        def protect(**_: Any) -> None:
            it.emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=True)

        client.meta.events.register("before-call.emr.TerminateJobFlows", protect)
        result = AgentEnder(client, cluster, it.clock).terminate("idle", "idle")
        assert result.outcome is Outcome.REFUSED
        assert "since they are termination protected" in result.detail
        assert it.state(cluster) == "WAITING"


def test_ending_twice_is_applied_and_sent_once() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        mine = own(it, cluster)
        mine.terminate("idle", "idle")
        again = mine.terminate("idle", "idle")
        assert again.outcome is Outcome.APPLIED and "already" in again.detail
        assert terminations(it) == 1


def test_a_500_after_the_deed_is_repeated_without_harm_and_one_that_stays_is_failed() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        mine = own(it, cluster, attempts=2)
        it.server.api.fail_next("TerminateJobFlows", times=2, code="InternalServerError")
        assert mine.terminate("idle", "idle").outcome is Outcome.FAILED
        assert it.state(cluster) == "WAITING"
        it.server.api.fail_next("TerminateJobFlows", code="InternalServerError", applied=True)
        assert mine.terminate("idle", "idle").outcome is Outcome.APPLIED


def test_throttling_is_failed() -> None:
    with world(quotas={"DescribeCluster": Quota(0, 0)}) as it:
        cluster = it.launch(Instances=fleets())
        assert own(it, cluster).terminate("idle", "idle").outcome is Outcome.FAILED
        assert terminations(it) == 0


@pytest.mark.parametrize(("code", "reason"), sorted(REASONS.items()))
def test_the_agent_marks_the_row_with_the_reason_of_its_decision(code: str, reason: EndReason) -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster)
        assert own(it, cluster, store=rig.store).terminate("in words", code).outcome is Outcome.APPLIED
        row = rig.row(cluster)
        assert (row.end_reason, row.end_why) == (reason, "in words") and it.state(cluster) == "TERMINATING"


def test_a_cluster_that_has_been_given_to_a_job_is_not_ended_for_idleness_but_for_its_deadline() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(cluster, pool=True)
        claimed(rig, cluster)
        mine = own(it, cluster, store=rig.store)
        result = mine.terminate("idle", "idle")
        assert result.outcome is Outcome.POSTPONED and result.detail == "the cluster has been given to job j1"
        assert mine.terminate("idle", "some other word").outcome is Outcome.POSTPONED
        assert mine.terminate("its time is up", "deadline").outcome is Outcome.APPLIED


def test_the_agent_tells_the_table_that_its_cluster_is_ready_when_nobody_else_has() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        rig = Rig(it)
        rig.store.know(ClusterRow(key=cluster_key(cluster), created_at=it.clock.now - 900, open=CLUSTER))
        assert rig.row(cluster).phase is Phase.LAUNCHING
        assert own(it, cluster, store=rig.store).terminate("idle", "idle").outcome is Outcome.APPLIED
        row = rig.row(cluster)
        assert row.state is State.WAITING and row.end_reason is EndReason.IDLE


def test_what_somebody_else_has_marked_and_what_nobody_wrote_down_is_ended() -> None:
    with world() as it:
        marked, unknown = it.ready(Instances=fleets()), it.ready(Instances=fleets())
        rig = Rig(it)
        rig.known(marked)
        rig.store.mark_end(marked, EndReason.OWNER_GONE, "gone", it.clock.now)
        for cluster in (marked, unknown):
            assert own(it, cluster, store=rig.store).terminate("idle", "idle").outcome is Outcome.APPLIED
            assert it.state(cluster) == "TERMINATING"
        assert rig.row(marked).end_reason is EndReason.OWNER_GONE


class SilentTable(MemoryTable):
    def change(self, change: Change) -> Item | None:  # noqa: ARG002
        raise TransientFault("UpdateItem: unreachable")


def test_a_table_that_does_not_answer_withholds_the_end_unless_the_caller_goes_on_without_it() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        mine = own(it, cluster, store=Store(SilentTable()))
        result = mine.terminate("idle", "idle")
        assert result.outcome is Outcome.POSTPONED and result.detail.startswith(TABLE_SILENT)
        assert terminations(it) == 0
        assert mine.terminate("idle", "idle", without_table=True).outcome is Outcome.APPLIED
        assert it.state(cluster) == "TERMINATING"


def test_codes_are_those_of_the_policies() -> None:
    assert REASONS.keys() == {Why.IDLE, Why.DEADLINE, Why.ZERO_CORE, Why.ORDERED}
