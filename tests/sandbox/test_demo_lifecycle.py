"""The demo of the lifecycle tells the truth: what it takes for seen was there, and without a part it says so."""

from __future__ import annotations

import html
import io
import signal
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from rich.console import Console

from agent.aws.emr_requests import faults_of_run_job_flow
from agent.cli import main
from agent.lifecycle import profiles
from agent.sandbox import demo_app
from agent.sandbox.demo.lifecycle import plan as plans
from agent.sandbox.demo.lifecycle import runner, stages
from agent.sandbox.demo.lifecycle.hosts import ByType
from agent.sandbox.demo.lifecycle.plan import CLUSTERS, GUARDED, LANDING, TIMED, Part, Places, Plan
from agent.sandbox.demo.lifecycle.runner import Ending
from agent.sandbox.demo.lifecycle.witness import Life, Seen
from agent.sandbox.emr import Delays, TimedNodes
from agent.sandbox.emr.api import Call
from agent.sandbox.nodes import Machine, NodePhase
from agent.settings_lifecycle import LifecycleSettings
from tests.running import wait_for

PLACES = Places(
    region="eu-west-1",
    endpoint_url="http://e",
    table="t",
    queue_url="http://q",
    queue_arn="arn:q",
    schedule_group="g",
    schedule_role_arn="arn:r",
    bucket="b",
    owner_topic_arn="arn:t",
    dead_url="http://d",
)


def test_the_profiles_pass_the_checks_of_profile_put() -> None:
    found = profiles.read(plans.profiles(Plan(), "b", ["spark-submit", "a b", '"']), "p.toml", faults_of_run_job_flow)
    by_name = {one.name: one for one in found.clusters}
    assert tuple(by_name) == CLUSTERS
    assert by_name[LANDING].request["Steps"][0]["HadoopJarStep"]["Args"] == ["spark-submit", "a b", '"']
    assert by_name[GUARDED].request["Instances"]["TerminationProtected"] and by_name[GUARDED].lift_protection


def test_its_settings_differ_from_the_defaults_only_in_places_times_and_the_share_of_the_quotas() -> None:
    used, default = plans.lifecycle(Plan(), PLACES), LifecycleSettings()
    differing = {name for name in LifecycleSettings.model_fields if getattr(used, name) != getattr(default, name)}
    assert {name for name in differing if not name.endswith("_s")} == plans.PLACES | {"calls_share"}
    told = {name for name, _, _ in plans.differences(Plan(), used)}
    assert {f"lifecycle.{name}" for name in differing - plans.PLACES} <= told
    assert plans.lifecycle(Plan(without=Part.SCHEDULE), PLACES).schedule_group == ""


def test_a_machines_type_says_which_host_makes_it_real() -> None:
    now = [0.0]
    slow, quick = (TimedNodes(Delays(bootstrap_s=s, decommission_s=s), lambda: now[0]) for s in (60.0, 1.0))
    host = ByType({"big": slow}, quick)
    machines = [
        Machine(id=kind, ec2_id=f"i-{kind}", cluster_id="j", role="CORE", market="SPOT", instance_type=kind, units=1)
        for kind in ("big", "small")
    ]
    for machine in machines:
        host.launch(machine)
    now[0] = 10.0
    assert [host.phase(machine) for machine in machines] == [NodePhase.STARTING, NodePhase.READY]
    slow.busy.add("big")
    assert host.idle(machines) == {"small"}
    host.decommission(machines[1])
    host.terminate(machines[0])
    now[0] = 20.0
    assert [host.phase(machine) for machine in machines] == [NodePhase.GONE, NodePhase.GONE]


# --- what counts as seen


def ended(profile: str, reason: str, asked_at: float, **row: object) -> Seen:
    """EMR and the table have the end, and EMR was asked for it then."""
    item = {"state": "TERMINATED", "phase": "ENDED", "end_reason": reason, **row}
    life = Life("j-1", f"{profile} l.1", emr=[(0.0, "RUNNING"), (200.0, "TERMINATED")], row=item)
    call = Call(asked_at, "TerminateJobFlows", {"JobFlowIds": ["j-1"]}, None)
    return Seen(lives={profile: life}, calls=[call], schedules_at_most=1)


@pytest.mark.parametrize(
    ("asked_at", "without", "seen"),
    [
        pytest.param(99.9, None, False, id="too soon"),
        pytest.param(100.5, None, True, id="by its schedule"),
        pytest.param(109.0, None, False, id="when the sweep was at work again"),
        pytest.param(109.0, Part.SCHEDULE, True, id="by the sweep, without a schedule"),
        pytest.param(99.9, Part.SCHEDULE, False, id="too soon without a schedule"),
    ],
)
def test_a_deadline_counts_when_it_ends_the_cluster_in_time(asked_at: float, without: Part | None, seen: bool) -> None:
    it = ended(TIMED, "terminate-after", asked_at, terminate_at=Decimal(100))
    sight = stages.deadline_ends_it(Plan(without=without, grace_s=8.0))
    assert (sight(it) is not None) is seen
    it.lives[TIMED].row = {**it.lives[TIMED].row, "end_reason": "owner-done"}
    assert sight(it) is None


def test_an_end_by_the_owner_comes_after_the_word_of_it() -> None:
    it = ended(LANDING, "owner-done", 100.0)
    it.lives[LANDING].reason_code = "USER_REQUEST"
    assert stages.owner_ends_it(it) is None, "nobody has said so"
    assert stages.owner_ends_it(replace(it, done_said_at=101.0)) is None
    assert stages.owner_ends_it(replace(it, done_said_at=99.0)) is not None


def test_a_lost_core_counts_while_emr_calls_the_cluster_alive() -> None:
    life = Life("j-1", "guarded l.1", emr=[(0.0, "WAITING"), (30.0, "TERMINATING")])
    it = Seen(lives={GUARDED: life}, lost_at=10.0)
    assert stages.core_is_missed(it) is None
    life.table = [(1.0, "WAITING"), (20.0, "ZERO_CORE")]
    assert "WAITING" in (stages.core_is_missed(it) or "")
    life.table = [(1.0, "WAITING"), (40.0, "ZERO_CORE")]
    assert stages.core_is_missed(it) is None


def test_the_result_is_held_to_what_is_worked_out_here() -> None:
    plan = Plan(job_partitions=2, job_partition_mb=1)
    right = f"{demo_app.expected_checksum(2, 2**20 // demo_app.RECORD_BYTES):x}"
    it = Seen(steps=[("day", "COMPLETED")], applications={"app-1"}, result={"app": "app-1", "checksum": right})
    sight = stages.steps_run(plan)
    assert sight(it) is not None
    assert sight(replace(it, result={"app": "app-1", "checksum": "0"})) is None
    assert sight(replace(it, applications=set())) is None, "the master has never had it"
    assert sight(replace(it, steps=[("day", "RUNNING")])) is None


def test_anything_that_is_left_is_seen() -> None:
    lives = {name: Life(f"j-{name}", name, emr=[(0.0, "TERMINATED")]) for name in CLUSTERS}
    it = Seen(lives=lives, waiting=0, dead=0, schedules=0, open_rows=())
    assert (stages.nothing_is_left(it) or "").endswith("no message")
    assert "1 that was put off" in (stages.nothing_is_left(replace(it, put_off=1)) or "")
    alive = {**lives, TIMED: Life("j-alive", TIMED, emr=[(0.0, "WAITING")])}
    for left in (
        replace(it, waiting=1),
        replace(it, dead=1),
        replace(it, schedules=1),
        replace(it, open_rows=("LAUNCH#l",)),
        replace(it, open_rows=None),
        replace(it, more_clusters=["j-twin"]),
        replace(it, lives=alive),
    ):
        assert stages.nothing_is_left(left) is None


@pytest.mark.parametrize(
    "wrong",
    [["--lifecycle", "--without", "spot"], ["--without", "sweep"], ["--lifecycle", "--policy", "demand"]],
)
def test_options_of_two_stories_are_a_usage_error(wrong: list[str]) -> None:
    done = CliRunner().invoke(main, ["demo", *wrong])
    assert done.exit_code == 2
    assert "--lifecycle" in done.output


# --- the story


def told(plan: Plan, folder: Path) -> tuple[Ending, str]:
    said = io.StringIO()
    ending = runner.run(plan, folder / "demo", Console(file=said, width=250))
    return ending, said.getvalue()


@pytest.mark.spark
@pytest.mark.story
@pytest.mark.timeout(500)
@pytest.mark.parametrize("part", [Part.SCHEDULE, Part.EVENTS])
def test_without_one_layer_another_saves_the_story_and_that_is_told(tmp_path: Path, part: Part) -> None:
    ending, said = told(Plan(without=part, patience_s=200.0), tmp_path)
    assert ending.missing is None, said
    assert len(ending.passed) == 10
    assert ending.saved is not None and "the sweep has" in ending.saved
    assert ending.saved in html.unescape(ending.page.read_text(encoding="utf-8"))


@pytest.mark.spark
@pytest.mark.story
@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    ("part", "stage"),
    [
        (Part.SWEEP, "lost core nodes are noticed"),
        (Part.OWNER, "its owner is done and it is ended"),
    ],
)
def test_without_one_part_the_demo_fails_and_names_the_stage(tmp_path: Path, part: Part, stage: str) -> None:
    """Only the stage that cannot be seen is given up soon, yet later than it usually comes."""
    ending, said = told(Plan(without=part, patience_s=200.0, within_s={stage: 25.0}), tmp_path)
    assert ending.missing is not None, said
    assert ending.missing.name == stage, said
    assert f"not observed: {stage}" in said
    assert stage not in {one.stage.name for one in ending.passed}
    assert "not seen" in ending.page.read_text(encoding="utf-8")


def heed_ctrl_c() -> None:
    """Who starts the tests in the background may ignore SIGINT, and that is inherited."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def lives(process: psutil.Process) -> bool:
    """A zombie whose parent is gone waits for nobody but init."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.spark
@pytest.mark.story
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_demo_that_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "agent", "demo", "--lifecycle", "--folder", str(tmp_path / "demo")]
    demo = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=heed_ctrl_c
    )
    assert demo.stdout is not None
    begun = next((line for line in demo.stdout if "tidemark run" in line), None)
    assert begun is not None, "the demo begins"
    family = psutil.Process(demo.pid).children(recursive=True)
    assert len(family) >= 5, "a master, workers, steps, an agent, a verb that waits"
    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=120)
    assert demo.returncode == 1 and "interrupted" in rest
    wait_for(lambda: not any(map(lives, family)), "all of them are gone", 30)
