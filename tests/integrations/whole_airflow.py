"""A whole Airflow: scheduler, DAG processor, API server and triggerer, each a process, and its users' API."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import requests

PATIENCE_S = 120.0
"""An upper bound for what takes seconds, so that a busy machine fails nothing."""
STOPS_S = 5.0
"""So long a process has to stop by itself: some wait for children that have been told to stop, too."""
PROCESSES = ("api-server", "scheduler", "dag-processor", "triggerer")


class WholeAirflow:
    def __init__(self, home: Path, port: int, env: Mapping[str, str]) -> None:
        self.home = home
        self._env = env
        self._url = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def log_in(self) -> None:
        """Everybody is an administrator here (AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS)."""
        token = self._session.get(f"{self._url}/auth/token", timeout=30).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def answers(self) -> bool:
        try:
            return self._session.get(f"{self._url}/api/v2/version", timeout=30).ok
        except requests.ConnectionError:
            return False

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = self._session.request(method, f"{self._url}/api/v2/{path}", json=body or None, timeout=60)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}\n{self.log()}"
        return answer.json()

    def knows(self, dag: str) -> bool:
        return any(one["dag_id"] == dag for one in self.ask("GET", "dags")["dags"])

    def run(self, dag: str, conf: Mapping[str, Any]) -> str:
        """The id of a run that is queued; every DAG of ours has one task, called `task`."""
        self.until(lambda: self.knows(dag), f"the DAG {dag} is not read")
        return str(self.ask("POST", f"dags/{dag}/dagRuns", logical_date=None, conf=dict(conf))["dag_run_id"])

    def task(self, dag: str, run: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.ask("GET", f"dags/{dag}/dagRuns/{run}/taskInstances/task")
        return found

    def wait_for(self, dag: str, run: str, state: str) -> Mapping[str, Any]:
        """The task, once it is in that state."""
        self.until(lambda: self.task(dag, run)["state"] == state, f"{dag} does not become {state}")
        return self.task(dag, run)

    def triggerer(self, dag: str, run: str) -> int | None:
        """The id of the triggerer in which the task waits."""
        job = self.task(dag, run)["triggerer_job"]
        return None if job is None else int(job["id"])

    def said(self, words: str) -> bool:
        """Whether the log of any task has these words; what its trigger says is there too."""
        return any(words in one.read_text() for one in (self.home / "logs").rglob("*.log*"))

    def mark_failed(self, dag: str, run: str) -> None:
        """What the button of the user interface does."""
        self.ask("PATCH", f"dags/{dag}/dagRuns/{run}/taskInstances/task", new_state="failed")

    @contextmanager
    def second_triggerer(self) -> Iterator[None]:
        (port,) = _free_ports(1)
        env = {**self._env, "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(port)}
        with _process("triggerer", self.home / "second.log", env):
            yield

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """The process and its children stand still meanwhile: to the others it is dead."""
        family = _family(self.processes[name].pid)
        for one in family:
            one.suspend()
        try:
            yield
        finally:
            for one in family:
                one.resume()

    def until(self, condition: Callable[[], bool], otherwise: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"{otherwise}\n{self.log()}"
            time.sleep(0.2)

    def log(self) -> str:
        """The last lines of each process."""
        tails = ((name, (self.home / f"{name}.log").read_text().splitlines()[-40:]) for name in PROCESSES)
        return "\n".join(f"--- {name}\n" + "\n".join(lines) for name, lines in tails)


@contextmanager
def whole_airflow(home: Path, more: Mapping[str, str]) -> Iterator[WholeAirflow]:
    """`home` is an empty folder; `more` is added to the environment of its processes."""
    api, worker_logs, trigger_logs = _free_ports(3)
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "4",
        **more,
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=env, check=True, timeout=PATIENCE_S)
    airflow = WholeAirflow(home, api, env)
    with ExitStack() as processes:
        for name in PROCESSES:
            airflow.processes[name] = processes.enter_context(_process(name, home / f"{name}.log", env))
        airflow.until(airflow.answers, "the API server does not answer")
        airflow.log_in()
        yield airflow
        for one in airflow.processes.values():
            one.terminate()


@contextmanager
def _process(name: str, log: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        command = [sys.executable, "-m", "airflow", name]
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)
    try:
        yield process
    finally:
        family = _family(process.pid)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPS_S)
        # its children, which outlive some of them
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


def _family(pid: int) -> list[psutil.Process]:
    try:
        whole = psutil.Process(pid)
        return [whole, *whole.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
