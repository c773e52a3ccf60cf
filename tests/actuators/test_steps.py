"""The steps probe, over HTTP by the agent's own client."""

from __future__ import annotations

from pathlib import Path

from agent.actuators.steps import StepsProbe
from agent.sandbox.emr import Quota
from tests.actuators.hands import agent_client
from tests.sandbox.emr_world import World, fleets, step, world


def probe(it: World, cluster: str) -> StepsProbe:
    return StepsProbe(agent_client(it), cluster, it.clock)


def test_pending_running_and_cancelling_steps_are_busy_and_ended_ones_are_not(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    stubborn = step("long", "sh", "-c", f"trap '' INT; touch {hold}; while [ -e {hold} ]; do sleep 0.02; done")
    with world() as it:
        cluster = it.launch(Instances=fleets(), Steps=[stubborn])
        mine = probe(it, cluster)
        pending = mine()
        assert (pending.probe, pending.busy, pending.at) == ("steps", True, it.clock.now)
        assert "PENDING" in pending.detail and "long" in pending.detail
        it.pass_time(240)
        assert mine().busy and "RUNNING" in mine().detail
        it.wait(hold.exists)
        identifier = it.emr.list_steps(ClusterId=cluster)["Steps"][0]["Id"]
        it.emr.cancel_steps(ClusterId=cluster, StepIds=[identifier])
        it.pass_time(5)
        assert mine().busy and "CANCEL_PENDING" in mine().detail
        hold.unlink()
        it.wait(lambda: it.steps(cluster)["long"] == "CANCELLED")
        idle = mine()
        assert not idle.busy and idle.detail == "no active step"


def test_it_names_the_step_that_runs_rather_than_one_that_waits_for_it(tmp_path: Path) -> None:
    """EMR lists the newest first, which is the one that waits longest."""
    hold = tmp_path / "hold"
    with world() as it:
        running = step("running", "sh", "-c", f"touch {hold}; while [ -e {hold} ]; do sleep 0.02; done")
        cluster = it.ready(Instances=fleets(), Steps=[running, step("waiting", "true")])
        assert it.steps(cluster) == {"running": "RUNNING", "waiting": "PENDING"}
        assert "(running) is RUNNING" in probe(it, cluster)().detail
        it.wait(hold.exists)
        hold.unlink()
        it.wait(lambda: it.steps(cluster)["waiting"] == "COMPLETED")


def test_a_cluster_that_never_had_a_step_is_idle_by_this_probe() -> None:
    with world() as it:
        assert not probe(it, it.ready(Instances=fleets()))().busy


def test_one_call_is_enough_however_many_steps_wait() -> None:
    with world(page_size=1) as it:
        cluster = it.launch(Instances=fleets(), Steps=[step(str(n), "true") for n in range(4)])
        assert probe(it, cluster)().busy
        assert len(it.server.api.calls("ListSteps")) == 1


def test_a_probe_that_fails_is_busy_and_says_why() -> None:
    with world(quotas={"ListSteps": Quota(0, 0)}) as it:
        throttled = probe(it, it.ready(Instances=fleets()))()
        assert throttled.busy and "Rate exceeded" in throttled.detail
    unreachable = probe(it, "j-1")()
    assert unreachable.busy and unreachable.detail.startswith("cannot tell")
