"""EC2's instance metadata, version 2, over HTTP on a loopback port: no answer without a token."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

TOKEN = "AQAEAL-token"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_PUT(self) -> None:
        owner = self.server.owner
        owner.asked.append(f"PUT {self.path}")
        lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token" or not lifetime.isdigit() or not 1 <= int(lifetime) <= 21600:
            return self._answer(400, "")
        if owner.failures:
            owner.failures -= 1
            return self._answer(503, "")
        return self._answer(owner.token_status, TOKEN)

    def do_GET(self) -> None:
        owner = self.server.owner
        owner.asked.append(f"GET {self.path}")
        if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            return self._answer(401, "")
        found = owner.documents.get(self.path)
        return self._answer(404, "") if found is None else self._answer(200, found)

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: FakeImds


class FakeImds:
    """`with FakeImds() as imds`: what was asked is in `asked`; the next `failures` requests for a token get a 503."""

    def __init__(self, region: str = "eu-west-1", private_address: str = "10.0.0.10") -> None:
        identity = {"region": region, "accountId": "123456789012", "availabilityZone": f"{region}-lax-1a"}
        self.documents = {
            "/latest/dynamic/instance-identity/document": json.dumps(identity),
            "/latest/meta-data/local-ipv4": private_address,
        }
        self.asked: list[str] = []
        self.failures = 0
        self.token_status = 200
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
