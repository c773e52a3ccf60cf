"""What the agent polls on a cluster: a ResourceManager and the web UIs of running applications, as large as asked.

The answers have the fields of the captured ones in `tests/data/`, repeated; they are made once.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent.parent / "tests" / "data"
EXECUTORS_A_NODE = 8


@contextmanager
def cluster(applications: dict[str, int]) -> Iterator[str]:
    """Serve them on 127.0.0.1: `applications` is how many executors each has. Yields the base URL."""
    answers: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = answers.get(self.path.partition("?")[0])
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    url = f"http://127.0.0.1:{server.server_address[1]}"
    answers.update(_answers(url, applications))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _answers(url: str, applications: dict[str, int]) -> dict[str, bytes]:
    nodes = max(1, sum(applications.values()) // EXECUTORS_A_NODE)
    found: dict[str, Any] = {
        "/ws/v1/cluster/metrics": _captured("yarn/running/metrics.json"),
        "/ws/v1/cluster/nodes": {"nodes": {"node": [_node(number) for number in range(nodes)]}},
        "/ws/v1/cluster/apps": {
            "apps": {"app": [_application(url, app) for app in applications]} if applications else {}
        },
    }
    for app, executors in applications.items():
        base = f"/proxy/{app}/api/v1/applications"
        found[base] = [{**_captured("spark_rest/applications_3.5.9.json")[0], "id": app}]
        one = _captured("spark_rest/allexecutors_running_3.5.9.json")[-1]
        found[f"{base}/{app}/allexecutors"] = [
            {**one, "id": str(number + 1), "isActive": True} for number in range(executors)
        ]
    return {path: json.dumps(answer).encode() for path, answer in found.items()}


def _node(number: int) -> dict[str, Any]:
    host = f"ip-10-0-{number // 250}-{number % 250}.ec2.internal"
    found: dict[str, Any] = _captured("yarn/running/nodes.json")["nodes"]["node"][0]
    return {**found, "id": f"{host}:8041", "nodeHostName": host, "nodeHTTPAddress": f"{host}:8042"}


def _application(url: str, app: str) -> dict[str, Any]:
    found: dict[str, Any] = _captured("yarn/running/apps.json")["apps"]["app"][0]
    return {**found, "id": app, "trackingUrl": f"{url}/proxy/{app}/"}


def _captured(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))
