"""Steps: real commands, in order, with their ends and what their failure does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.sandbox.emr_world import World, fleets, step, world


def over(it: World, cluster: str, name: str) -> bool:
    return it.steps(cluster)[name] in {"COMPLETED", "FAILED", "CANCELLED"}


def pid_written(folder: Path, seconds: float = 20.0) -> int:
    until = time.monotonic() + seconds
    while True:
        assert time.monotonic() < until, "the step did not write its pid"
        text = (folder / "stdout").read_text() if (folder / "stdout").exists() else ""
        if text.endswith("\n"):
            return int(text)
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_step_runs_a_real_command_with_the_given_environment_in_its_own_folder(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "COLOUR": "green"}
    with world(folder=tmp_path, step_env=environment) as it:
        cluster = it.ready(
            Instances=fleets(),
            Steps=[step("say", "sh", "-c", "echo $COLOUR $EMR_CLUSTER_ID $EMR_STEP_ID; pwd; echo bad >&2")],
        )
        it.wait(lambda: over(it, cluster, "say"))
        told = it.emr.list_steps(ClusterId=cluster)["Steps"][0]
        folder = it.server.step_folder(told["Id"])
        assert folder.is_relative_to(tmp_path)
        assert (folder / "stdout").read_text() == f"green {cluster} {told['Id']}\n{folder}\n"
        assert (folder / "stderr").read_text() == "bad\n"
        assert told["Status"]["State"] == "COMPLETED"
        assert told["Config"]["Args"][0] == "sh"
        assert it.emr.describe_step(ClusterId=cluster, StepId=told["Id"])["Step"]["Name"] == "say"
        assert it.state(cluster) == "WAITING"


def test_commands_run_in_the_given_directory(tmp_path: Path) -> None:
    (tmp_path / "script.sh").write_text("echo $1 from $PWD\n")
    with world(step_cwd=tmp_path) as it:
        script = step(
            "s", "script.sh", "hello", jar="s3://eu-west-1.elasticmapreduce/libs/script-runner/script-runner.jar"
        )
        cluster = it.ready(Instances=fleets(), Steps=[script])
        it.wait(lambda: over(it, cluster, "s"))
        folder = it.server.step_folder(it.emr.list_steps(ClusterId=cluster)["Steps"][0]["Id"])
        assert (folder / "stdout").read_text() == f"hello from {tmp_path}\n"


def test_steps_run_one_after_the_other_unless_the_cluster_allows_more(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    command = ("sh", "-c", f"while [ ! -e {hold} ]; do sleep 0.02; done")
    with world() as it:
        cluster = it.launch(Instances=fleets(), Steps=[step("a", *command), step("b", *command), step("c", *command)])
        it.pass_time(100)
        assert set(it.steps(cluster).values()) == {"PENDING"}, "no step runs before the cluster is ready"
        it.pass_time(140)
        assert it.state(cluster) == "RUNNING"
        assert it.steps(cluster) == {"a": "RUNNING", "b": "PENDING", "c": "PENDING"}
        it.emr.modify_cluster(ClusterId=cluster, StepConcurrencyLevel=2)
        it.pass_time(5)
        assert it.steps(cluster) == {"a": "RUNNING", "b": "RUNNING", "c": "PENDING"}
        hold.touch()
        it.wait(lambda: set(it.steps(cluster).values()) == {"COMPLETED"})
        it.pass_time(5)
        assert it.state(cluster) == "WAITING"


@pytest.mark.parametrize(
    ("on_failure", "next_step", "cluster_state", "code"),
    [
        ("CONTINUE", "COMPLETED", "WAITING", None),
        ("CANCEL_AND_WAIT", "CANCELLED", "WAITING", None),
        ("TERMINATE_CLUSTER", "CANCELLED", "TERMINATED_WITH_ERRORS", "STEP_FAILURE"),
        ("TERMINATE_JOB_FLOW", "CANCELLED", "TERMINATED_WITH_ERRORS", "STEP_FAILURE"),
    ],
)
def test_a_failed_step_does_what_its_action_on_failure_says(
    on_failure: str, next_step: str, cluster_state: str, code: str | None
) -> None:
    with world() as it:
        cluster = it.ready(
            Instances=fleets(TerminationProtected=True),
            Steps=[step("bad", "sh", "-c", "exit 3", on_failure=on_failure), step("next", "true")],
        )
        it.wait(lambda: over(it, cluster, "next"))
        it.pass_time(60)
        assert it.steps(cluster) == {"bad": "FAILED", "next": next_step}
        status = it.cluster(cluster)["Status"]
        assert (status["State"], status["StateChangeReason"].get("Code")) == (cluster_state, code)
        bad = next(s for s in it.emr.list_steps(ClusterId=cluster)["Steps"] if s["Name"] == "bad")
        assert bad["Status"]["FailureDetails"]["Message"] == "exit status 3"


def test_a_command_that_cannot_be_started_fails_and_says_why() -> None:
    with world() as it:
        cluster = it.ready(
            Instances=fleets(),
            Steps=[step("lost", "no-such-command"), step("jar", "x", jar="s3://b/mine.jar")],
        )
        it.wait(lambda: over(it, cluster, "jar"))
        failed = {s["Name"]: s for s in it.emr.list_steps(ClusterId=cluster)["Steps"]}
        assert failed["lost"]["Status"]["FailureDetails"]["Message"] == "exit status 127"
        assert "no-such-command" in (it.server.step_folder(failed["lost"]["Id"]) / "stderr").read_text()
        assert "mine.jar" in failed["jar"]["Status"]["FailureDetails"]["Message"]


def test_a_cluster_that_is_not_kept_alive_ends_after_its_last_step_protected_or_not() -> None:
    with world() as it:
        instances = fleets(KeepJobFlowAliveWhenNoSteps=False, TerminationProtected=True)
        cluster = it.ready(Instances=instances, Steps=[step("only", "true")])
        it.wait(lambda: over(it, cluster, "only"))
        it.pass_time(60)
        status = it.cluster(cluster)["Status"]
        assert (status["State"], status["StateChangeReason"]["Code"]) == ("TERMINATED", "ALL_STEPS_COMPLETED")


@pytest.mark.parametrize("option", ["SEND_INTERRUPT", "TERMINATE_PROCESS"])
def test_running_and_pending_steps_can_be_cancelled(option: str) -> None:
    with world() as it:
        sleep = step("long", "sh", "-c", "echo $$; exec sleep 600")
        cluster = it.ready(Instances=fleets(), Steps=[sleep, step("next", "true")])
        ids = {s["Name"]: s["Id"] for s in it.emr.list_steps(ClusterId=cluster)["Steps"]}
        pid = pid_written(it.server.step_folder(ids["long"]))
        answer = it.emr.cancel_steps(
            ClusterId=cluster, StepIds=[ids["long"], ids["next"], "s-none"], StepCancellationOption=option
        )
        assert [one["Status"] for one in answer["CancelStepsInfoList"]] == ["SUBMITTED", "SUBMITTED", "FAILED"]
        assert it.steps(cluster) == {"long": "CANCEL_PENDING", "next": "CANCELLED"}
        it.wait(lambda: over(it, cluster, "long"))
        assert it.steps(cluster)["long"] == "CANCELLED"
        assert gone(pid)
        again = it.emr.cancel_steps(ClusterId=cluster, StepIds=[ids["long"]])
        assert again["CancelStepsInfoList"][0]["Status"] == "FAILED"


def test_terminating_the_cluster_kills_the_running_step_and_cancels_the_rest() -> None:
    with world() as it:
        sleep = step("long", "sh", "-c", "echo $$; exec sleep 600")
        cluster = it.ready(Instances=fleets(), Steps=[sleep, step("next", "true")])
        ids = {s["Name"]: s["Id"] for s in it.emr.list_steps(ClusterId=cluster)["Steps"]}
        pid = pid_written(it.server.step_folder(ids["long"]))
        it.emr.terminate_job_flows(JobFlowIds=[cluster])
        it.wait(lambda: over(it, cluster, "long"))
        it.pass_time(60)
        assert it.steps(cluster) == {"long": "CANCELLED", "next": "CANCELLED"}
        assert it.state(cluster) == "TERMINATED"
        assert gone(pid)


def test_steps_are_listed_by_state_the_newest_first_over_pages() -> None:
    with world(page_size=2) as it:
        cluster = it.launch(Instances=fleets(), Steps=[step(str(n), "true") for n in range(5)])
        pages = it.emr.get_paginator("list_steps").paginate(ClusterId=cluster, StepStates=["PENDING"])
        assert [s["Name"] for page in pages for s in page["Steps"]] == ["4", "3", "2", "1", "0"]
        assert it.emr.list_steps(ClusterId=cluster, StepStates=["RUNNING"])["Steps"] == []
        answer = it.emr.add_job_flow_steps(JobFlowId=cluster, Steps=[step("5", "true")])
        assert it.emr.list_steps(ClusterId=cluster, StepIds=answer["StepIds"])["Steps"][0]["Name"] == "5"


HOST = """
import sys, time
sys.path.insert(0, sys.argv[1])
from tests.sandbox.emr_world import fleets, step, world
with world() as it:
    cluster = it.ready(Instances=fleets(), Steps=[step("long", "sh", "-c", "echo $$; exec sleep 600")])
    print(it.server.step_folder(it.emr.list_steps(ClusterId=cluster)["Steps"][0]["Id"]), flush=True)
    time.sleep(600)
"""


def test_a_step_does_not_outlive_a_sandbox_that_is_killed() -> None:
    root = Path(__file__).parents[2]
    sandbox = subprocess.Popen([sys.executable, "-c", HOST, str(root)], stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert sandbox.stdout is not None
        pid = pid_written(Path(sandbox.stdout.readline().strip()))
        assert not gone(pid)
        sandbox.send_signal(signal.SIGKILL)
        until = time.monotonic() + 10
        while not gone(pid) and time.monotonic() < until:
            time.sleep(0.01)
        assert gone(pid)
    finally:
        sandbox.kill()
        sandbox.communicate()


@pytest.mark.parametrize("action", ["TERMINATE_CLUSTER", "CANCEL_AND_WAIT"])
def test_several_steps_at_once_can_only_go_on_after_a_failure(action: str) -> None:
    with world() as it:
        with pytest.raises(ClientError, match="StepConcurrencyLevel"):
            it.launch(Instances=fleets(), StepConcurrencyLevel=2, Steps=[step("x", "true", on_failure=action)])
        cluster = it.ready(Instances=fleets(), StepConcurrencyLevel=2)
        with pytest.raises(ClientError, match="use CONTINUE"):
            it.emr.add_job_flow_steps(JobFlowId=cluster, Steps=[step("x", "true", on_failure=action)])
        it.emr.add_job_flow_steps(JobFlowId=cluster, Steps=[step("x", "true")])
        assert set(it.steps(cluster)) == {"x"}


def test_ten_step_ids_can_be_asked_for() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        ids = [f"s-{number:013d}" for number in range(11)]
        assert it.emr.list_steps(ClusterId=cluster, StepIds=ids[:10])["Steps"] == []
        with pytest.raises(ClientError, match="At most 10 step ids"):
            it.emr.list_steps(ClusterId=cluster, StepIds=ids)
