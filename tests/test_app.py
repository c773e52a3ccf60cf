"""The whole agent as processes: what it ships, how it stops, and what a dead, frozen or cut-off one does to others."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest

from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from tests.running import CREDENTIALS, PATIENCE_S, RunningAgent, agent, free_port, settings_text, wait_for

REPORT = "".join(
    f"app-20261121000000-0001.{executor}.jvm.heap.{name} {value} {{at}}\n"
    for executor, used in (("0", 300), ("1", 700))
    for name, value in (("max", 1000), ("used", used))
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A sandbox without quotas, so that what one test asks takes nothing from another."""
    with SandboxServer(quotas=NO_QUOTAS) as server:
        yield server.endpoint


def aws(endpoint: str, period_s: float = 1.0) -> str:
    return f"""
[aws]
region = "eu-west-1"
endpoint_url = "{endpoint}"
connect_timeout_s = 1.0
read_timeout_s = 2.0
max_attempts = 1
[sinks.cloudwatch]
period_s = {period_s}
storage_resolution_s = 1
"""


def heap_samples(endpoint: str) -> list[dict[str, float]]:
    """What CloudWatch has of JvmHeapUsed, asked as any client would."""
    client = boto3.client(
        "cloudwatch", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="t", aws_secret_access_key="t"
    )
    now = time.time()
    points: list[dict[str, float]] = client.get_metric_statistics(
        Namespace="Tidemark",
        MetricName="JvmHeapUsed",
        Dimensions=[{"Name": "ClusterId", "Value": "j-TEST"}],
        StartTime=now - 600,
        EndTime=now + 600,
        Period=1,
        Statistics=["Maximum", "Minimum", "SampleCount"],
    )["Datapoints"]
    return points


def send_report(running: RunningAgent) -> None:
    running.send(REPORT.format(at=int(time.time())).encode())


def test_a_report_reaches_cloudwatch_as_one_distribution(tmp_path: Path, endpoint: str) -> None:
    with agent(tmp_path, aws(endpoint)) as running:

        def arrived() -> bool:
            send_report(running)
            return any(
                (point["Maximum"], point["Minimum"], point["SampleCount"]) == (700, 300, 2)
                for point in heap_samples(endpoint)
            )

        wait_for(arrived, running.log)


def test_a_stop_flushes_the_last_period_and_ends_in_order(tmp_path: Path, endpoint: str) -> None:
    """The period is an hour, so that whatever arrives was flushed by the stop."""
    with agent(tmp_path, aws(endpoint, 3600.0)) as running:
        before = len(heap_samples(endpoint))
        send_report(running)
        wait_for((tmp_path / "journal.jsonl").exists, "a first turn")
        wait_for(lambda: "JvmHeapUsed" in (tmp_path / "journal.jsonl").read_text(), "a turn that knows the report")
        assert running.stop() == 0
        assert len(heap_samples(endpoint)) > before
        assert not running.listening()


def test_every_turn_is_a_journal_line_with_its_reasons(tmp_path: Path, endpoint: str) -> None:
    with agent(tmp_path, aws(endpoint)) as running:
        journal = tmp_path / "journal.jsonl"
        wait_for(lambda: journal.exists() and len(journal.read_text().splitlines()) > 3, running.log)
    started, *turns = [json.loads(line) for line in journal.read_text().splitlines()]
    assert started["kind"] == "started"
    assert all(turn["kind"] == "turn" and turn["decision"]["because"] for turn in turns)


def test_settings_that_cannot_be_used_end_it_with_2_and_name_every_fault(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[fleet]\nmax_capacity_units = -1\n[idl]\n")
    done = subprocess.run(
        [sys.executable, "-m", "agent", "run", "--config", str(tmp_path / "bad.toml")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert "fleet.max_capacity_units" in done.stderr
    assert "did you mean 'idle'" in done.stderr


def test_a_port_that_is_taken_is_said_and_ends_it_with_1(tmp_path: Path, endpoint: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        file = tmp_path / "taken.toml"
        file.write_text(settings_text(port, tmp_path, aws(endpoint)))
        done = subprocess.run(
            [sys.executable, "-m", "agent", "run", "--config", str(file)],
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE_S,
            check=False,
        )
    assert done.returncode == 1
    assert "listener.cannot_bind" in done.stderr
    assert str(port) in done.stderr


def test_a_killed_supervisor_takes_the_agent_with_it(tmp_path: Path, endpoint: str) -> None:
    with agent(tmp_path, aws(endpoint)) as running:
        child = running.child
        running.supervisor.kill()
        running.supervisor.wait()
        wait_for(lambda: not running.listening(), "the port refuses")
        wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child is gone")


def test_a_frozen_agent_is_ended_and_another_one_listens(tmp_path: Path, endpoint: str) -> None:
    with agent(tmp_path, aws(endpoint)) as running:
        child = running.child
        child.send_signal(signal.SIGSTOP)
        wait_for(lambda: another_child(running, child), "the frozen child is gone and there is another one")
        wait_for(running.listening, running.log)


def another_child(running: RunningAgent, before: psutil.Process) -> bool:
    try:
        return running.child.pid != before.pid
    except (IndexError, psutil.NoSuchProcess):
        return False


def test_a_frozen_agent_dies_with_its_supervisor(tmp_path: Path, endpoint: str) -> None:
    """It cannot notice that the pipe is broken: the kernel has to end it."""
    with agent(tmp_path, aws(endpoint)) as running:
        child = running.child
        child.send_signal(signal.SIGSTOP)
        running.supervisor.kill()
        running.supervisor.wait()
        wait_for(lambda: refuses(running.port), "the port refuses")


def test_without_a_region_it_ends_with_2_and_says_which_setting(tmp_path: Path) -> None:
    file = tmp_path / "nowhere.toml"
    file.write_text('[cluster]\nid = "j-TEST"\n[fleet]\nmax_capacity_units = 4\n')
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **CREDENTIALS}
    done = subprocess.run(
        [sys.executable, "-m", "agent", "run", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment,
    )
    assert done.returncode == 2
    assert "aws.region" in done.stderr


def test_a_frozen_agent_with_a_full_accept_queue_comes_to_refuse(tmp_path: Path, endpoint: str) -> None:
    """A queue that is full drops the packets of whoever connects: only the end of the process makes it refuse."""

    def small(text: str) -> str:
        slow_restart = text.replace("restart_delay_s = 0.5", "restart_delay_s = 3600.0")
        return slow_restart.replace("[listener]", "[listener]\nbacklog = 1")

    with agent(tmp_path, aws(endpoint), small) as running:
        running.child.send_signal(signal.SIGSTOP)
        held = fill_accept_queue(running.port)
        assert held, "the queue was never full"
        wait_for(lambda: refuses(running.port), "the port refuses")
        for each in held:
            each.close()


def fill_accept_queue(port: int) -> list[socket.socket]:
    """Connections that nobody accepts, until the kernel drops one's packets; empty when it never does."""
    held: list[socket.socket] = []
    for _ in range(200):
        each = socket.socket()
        each.settimeout(0.3)
        try:
            each.connect(("127.0.0.1", port))
        except TimeoutError:
            each.close()
            return held
        except OSError:
            each.close()
            return []
        held.append(each)
    return []


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_without_any_aws_it_goes_on_hearing_and_deciding(tmp_path: Path) -> None:
    """Nothing answers at the endpoint: it holds, says why, and counts what it could not deliver."""
    with agent(tmp_path, aws(f"http://127.0.0.1:{free_port()}")) as running:
        journal = tmp_path / "journal.jsonl"

        def heard() -> bool:
            send_report(running)
            return journal.exists() and '"JvmHeapUsed"' in journal.read_text()

        wait_for(heard, running.log)
        turns = [json.loads(line) for line in journal.read_text().splitlines()][1:]
        assert {turn["decision"]["says"] for turn in turns} == {"hold"}
        assert running.supervisor.poll() is None
