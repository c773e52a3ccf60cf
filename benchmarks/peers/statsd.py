"""Servers of the statsd protocol: the same samples as gauges, `name:value|g`, over TCP."""

from __future__ import annotations

import re
import socket

from benchmarks.peers import obtain
from benchmarks.peers.peer import ANSWER_S, Peer, Place, Wire, http_get, prometheus_sum

# One flush an hour: in its favour, and its counters are set back at each flush.
_STATSD = """\
{{ servers: [{{server: "./servers/tcp", address: "127.0.0.1", port: {port}}}],
  mgmt_address: "127.0.0.1", mgmt_port: {control}, flushInterval: 3600000, backends: [] }}
"""


class Statsd(Peer):
    name = "statsd (node)"
    does = "parses, keeps last values"
    wire = Wire.STATSD
    version = "0.9.0"

    def obtain(self) -> None:
        self._program = obtain.node_package("statsd", self.version) / "stats.js"

    def command(self, place: Place) -> list[str]:
        settings = place.folder / "statsd.js"
        settings.write_text(_STATSD.format(port=place.port, control=place.control))
        return ["node", str(self._program), str(settings)]

    def handled(self, place: Place) -> int:
        said = b""
        with socket.create_connection(("127.0.0.1", place.control), timeout=ANSWER_S) as connection:
            connection.sendall(b"counters\n")
            while b"END" not in said and (more := connection.recv(65536)):
                said += more
        counters = dict(re.findall(r"'statsd\.(\w+)': (\d+)", said.decode()))
        return int(counters.get("metrics_received", 0)) - int(counters.get("bad_lines_seen", 0))


class StatsdExporter(Peer):
    name = "statsd_exporter (Go)"
    does = "parses, keeps last values"
    wire = Wire.STATSD
    version = "0.31.0"

    def obtain(self) -> None:
        self._program = obtain.go_program("github.com/prometheus/statsd_exporter", f"v{self.version}")

    def command(self, place: Place) -> list[str]:
        lines = [f"--statsd.listen-tcp=127.0.0.1:{place.port}", "--statsd.listen-udp=", "--log.level=error"]
        return [str(self._program), f"--web.listen-address=127.0.0.1:{place.control}", *lines]

    def handled(self, place: Place) -> int:
        """Events of the kind that was sent; a line that is not understood makes none."""
        return prometheus_sum(http_get(place, "/metrics"), 'statsd_exporter_events_total{type="gauge"}')
