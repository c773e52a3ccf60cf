"""Nothing that was started is left, however its starter ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from agent.sandbox.spark.processes import Processes
from tests.sandbox.spark_world import running, wait_for

FAMILY = ["/bin/sh", "-c", "sleep 600 & echo started; wait"]
"""A program with a child of its own."""

STARTER = """
import os, sys, time
from pathlib import Path
from agent.sandbox.spark.processes import Processes
processes = Processes()
for number in range(2):
    processes.start(sys.argv[2:], environment=dict(os.environ), log=Path(sys.argv[1]) / f"{number}.log", cwd=Path("/"))
print("started", flush=True)
time.sleep(600)
"""


def family_of(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def started(folder: Path, names: list[str]) -> bool:
    return all((folder / name).exists() and "started" in (folder / name).read_text() for name in names)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_all_ends_with_its_starter(tmp_path: Path, how: signal.Signals) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path), *FAMILY], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: started(tmp_path, ["0.log", "1.log"]), "both families run", 30)
        family = family_of(starter.pid)
        assert len(family) == 5, "two of two, and the reaper"
        starter.send_signal(how)
        starter.wait(30)
        wait_for(lambda: not running(family), f"none of {family} runs", 30)
    finally:
        starter.kill()


def test_a_group_is_killed_with_its_children_and_the_others_run_on(tmp_path: Path) -> None:
    processes = Processes()
    try:
        first, second = (
            processes.start(FAMILY, environment=os.environ, log=tmp_path / name, cwd=tmp_path) for name in ("a", "b")
        )
        wait_for(lambda: started(tmp_path, ["a", "b"]), "both families run", 30)
        ends, stays = ({process.pid} | family_of(process.pid) for process in (first, second))
        assert (len(ends), len(stays)) == (2, 2)
        processes.kill(first)
        wait_for(lambda: not running(ends), "the first family is gone", 30)
        assert running(stays) == stays
    finally:
        processes.close()
    wait_for(lambda: not running(stays), "closing ends the rest", 30)


def test_a_child_that_outlives_its_leader_is_killed_too(tmp_path: Path) -> None:
    processes = Processes()
    try:
        leader = processes.start(FAMILY, environment=os.environ, log=tmp_path / "a", cwd=tmp_path)
        wait_for(lambda: started(tmp_path, ["a"]), "the family runs", 30)
        orphans = family_of(leader.pid)
        leader.kill()
        leader.wait(30)
        assert running(orphans) == orphans
        processes.kill(leader)
        wait_for(lambda: not running(orphans), "the orphan is gone", 30)
    finally:
        processes.close()


def test_once_closed_nothing_is_started(tmp_path: Path) -> None:
    processes = Processes()
    processes.close()
    with pytest.raises(RuntimeError):
        processes.start(["true"], environment=os.environ, log=tmp_path / "log", cwd=tmp_path)


def test_the_output_is_in_the_log_and_the_exit_code_is_the_programs(tmp_path: Path) -> None:
    processes = Processes()
    try:
        command = ["/bin/sh", "-c", "echo out; echo error >&2; pwd; exit 7"]
        process = processes.start(command, environment={}, log=tmp_path / "logs" / "a", cwd=tmp_path)
        assert process.wait(30) == 7
        assert (tmp_path / "logs" / "a").read_text() == f"out\nerror\n{tmp_path}\n"
    finally:
        processes.close()
