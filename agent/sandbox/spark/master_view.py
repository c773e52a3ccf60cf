"""What a standalone master and its workers say of themselves, over HTTP and from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests


@dataclass(frozen=True, slots=True)
class WorkerView:
    host: str
    port: int
    web_ui: str
    state: str
    """The master's word: ALIVE, DECOMMISSIONED, DEAD, UNKNOWN."""
    cores: int
    cores_used: int
    memory_mb: int
    memory_used_mb: int
    """Of a decommissioned worker the master never takes back what its executors used (Master.decommissionWorker
    forgets the executor, so that its end is that of an unknown one): ask the worker, see `executors_of`."""

    @property
    def holds_work(self) -> bool:
        return self.cores_used > 0 or self.memory_used_mb > 0


@dataclass(frozen=True, slots=True)
class AppView:
    id: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class MasterView:
    url: str
    """`spark://host:port`."""
    workers: tuple[WorkerView, ...]
    """Every worker the master remembers; one that came twice from the same host is there twice."""
    active_apps: tuple[AppView, ...]

    def worker(self, host: str) -> WorkerView | None:
        """The worker on that host; of several the live one."""
        on_host = [worker for worker in self.workers if worker.host == host]
        return next((worker for worker in on_host if worker.state == "ALIVE"), on_host[-1] if on_host else None)


def read(web_ui: str, timeout_s: float = 5.0) -> MasterView | None:
    """The master's `/json/` (its web UI, JsonProtocol.writeMasterState); None when it does not answer."""
    try:
        answer = requests.get(f"{web_ui}/json/", timeout=timeout_s)
        answer.raise_for_status()
        return decode(answer.json())
    except (requests.RequestException, ValueError, KeyError):
        return None


def executors_of(worker: WorkerView, timeout_s: float = 5.0) -> int | None:
    """How many executors run on it, by the worker's own `/json/`; None when it does not answer."""
    try:
        answer = requests.get(f"{worker.web_ui}/json/", timeout=timeout_s)
        answer.raise_for_status()
        return len(answer.json()["executors"])
    except (requests.RequestException, ValueError, KeyError):
        return None


def decode(body: Any) -> MasterView:
    """Raises KeyError when it is not such an answer."""
    return MasterView(
        url=body["url"],
        workers=tuple(
            WorkerView(
                host=worker["host"],
                port=worker["port"],
                web_ui=worker["webuiaddress"],
                state=worker["state"],
                cores=worker["cores"],
                cores_used=worker["coresused"],
                memory_mb=worker["memory"],
                memory_used_mb=worker["memoryused"],
            )
            for worker in body["workers"]
        ),
        active_apps=tuple(AppView(app["id"], app["name"], app["state"]) for app in body["activeapps"]),
    )
