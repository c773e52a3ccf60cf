"""The Spark standalone master's `/json/` and the links of its page. Facts are from captures of 3.5.9 and 4.3.0."""

from __future__ import annotations

import html
import re
from typing import Any

from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading
from agent.wire.json_fields import Field, Malformed, amount, member, read_all, text, web_url

STATE_PATH = "/json/"
PAGE_PATH = "/"

_WORKER = (
    Field("host", "host", text),
    Field("state", "state", text),
    Field("memory", "memory", amount),
    Field("memoryused", "used", amount),
)

_APPLICATION = (
    Field("id", "id", text),
    Field("state", "state", text),
    Field("name", "name", text, required=False),
    Field("cores", "cores", amount, required=False),
    Field("memoryperexecutor", "per_executor", amount, required=False),
)

_DRIVER = (
    Field("id", "id", text),
    Field("state", "state", text),
    Field("memory", "memory", amount, required=False),
)


def cluster(value: object, at: float) -> ClusterReading | Malformed:
    """Memory counts ALIVE workers only. Applications are those not finished, drivers in cluster mode included.

    A master that is not ALIVE (standby, recovering) does not know the cluster: refused. What is pending is
    not reported. MB are of 2**20 bytes.
    """
    status = member(value, "status")
    if status != "ALIVE":
        return Malformed("master: not alive" if isinstance(status, str) else "master: status")
    workers = read_all(member(value, "workers"), _WORKER, "workers")
    apps = read_all(member(value, "activeapps"), _APPLICATION, "activeapps")
    drivers = read_all(member(value, "activedrivers"), _DRIVER, "activedrivers")
    for part in (workers, apps, drivers):
        if isinstance(part, Malformed):
            return part
    assert isinstance(workers, list) and isinstance(apps, list) and isinstance(drivers, list)
    alive = [worker for worker in workers if worker["state"] == "ALIVE"]
    total = sum(worker["memory"] for worker in alive)
    return ClusterReading(
        at=at,
        manager=ClusterManager.STANDALONE,
        memory_total_mb=total,
        memory_available_mb=max(0.0, total - sum(worker["used"] for worker in alive)),
        nodes=tuple(_node(worker, something_runs=bool(apps or drivers)) for worker in workers),
        applications=(*map(_application, apps), *map(_driver, drivers)),
    )


def _node(worker: dict[str, Any], something_runs: bool) -> ClusterNode:
    """The master never takes back the memory of a worker that was decommissioned or died, even when its executors are
    long gone. A dead worker holds nothing; one that drains holds what the master says as long as anything runs."""
    draining = worker["state"] == "DECOMMISSIONED"
    return ClusterNode(
        host=worker["host"],
        alive=worker["state"] == "ALIVE",
        draining=draining,
        memory_total_mb=worker["memory"],
        memory_used_mb=0.0 if worker["state"] == "DEAD" or (draining and not something_runs) else worker["used"],
        containers=None,
    )


def _application(app: dict[str, Any]) -> Application:
    """The master does not tell how many executors an application has: its memory is a lower bound, one executor's
    once it has a core."""
    return Application(
        id=app["id"],
        name=app["name"] or "",
        state=app["state"].upper(),
        memory_used_mb=(app["per_executor"] or 0.0) if app["cores"] else 0.0,
        executor_memory_mb=app["per_executor"],
    )


def _driver(driver: dict[str, Any]) -> Application:
    """In cluster mode: a JVM on a worker, that asks for no executor under this id."""
    state = driver["state"].upper()
    return Application(
        id=driver["id"],
        name="driver",
        state=state,
        memory_used_mb=(driver["memory"] or 0.0) if state == "RUNNING" else 0.0,
        asks=(),
    )


_LINK = re.compile(r'<a\s+href="([^"]*)"')
_APP_ID = re.compile(r"[?&]appId=([\w.-]+)$")


def ui_urls(page: str) -> dict[str, str]:
    """The address of each running application's own web UI, by application id, from the master's page.

    The JSON does not have it. On the page the link with the id (`app/?appId=...`) is followed by one to the
    UI, with only the link that kills the application (`#`) between them.
    """
    found: dict[str, str] = {}
    app: str | None = None
    for link in map(html.unescape, _LINK.findall(page)):
        if named := _APP_ID.search(link):
            app = named[1]
        elif app is not None and link != "#":
            if (url := web_url(link)) is not None:
                found[app] = url
            app = None
    return found
