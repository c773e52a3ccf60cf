"""Graphite receivers of Debian: carbon-c-relay (C), VictoriaMetrics and InfluxDB (Go)."""

from __future__ import annotations

import json
import re

from benchmarks.peers import obtain
from benchmarks.peers.peer import Peer, Place, http_get, prometheus_sum

_RELAY = """\
listen type linemode 127.0.0.1:{port} proto tcp;
statistics submit every 1 seconds prefix with carbon.relays.own;
cluster own file {folder}/statistics;
match ^carbon\\.relays\\.own send to own stop;
match * send to blackhole stop;
"""

_INFLUX = """\
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
max-series-per-database = 0
max-values-per-tag = 0
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{control}"
log-enabled = false
[[graphite]]
enabled = true
bind-address = "127.0.0.1:{port}"
protocol = "tcp"
database = "graphite"
"""


class CarbonRelay(Peer):
    name = "carbon-c-relay (C)"
    does = "routes, keeps nothing"

    def obtain(self) -> None:
        folder, self.version = obtain.debian_package("carbon-c-relay")
        self._program = folder / "usr" / "bin" / "carbon-c-relay"

    def command(self, place: Place) -> list[str]:
        settings = place.folder / "relay.conf"
        settings.write_text(_RELAY.format(port=place.port, folder=place.folder))
        return [str(self._program), "-w", "1", "-B", "4096", "-f", str(settings)]

    def handled(self, place: Place) -> int:
        """Its own statistics are lines too, but the rules keep those apart: only the load is blackholed."""
        file = place.folder / "statistics"
        text = file.read_text() if file.is_file() else ""
        found = re.findall(r"^carbon\.relays\.own\.metricsBlackholed (\d+) ", text, re.MULTILINE)
        return int(found[-1]) if found else 0


class VictoriaMetrics(Peer):
    name = "VictoriaMetrics (Go)"
    does = "parses, stores"

    def obtain(self) -> None:
        folder, self.version = obtain.debian_package("victoria-metrics")
        self._program = folder / "usr" / "bin" / "victoria-metrics"

    def command(self, place: Place) -> list[str]:
        ports = [f"-httpListenAddr=127.0.0.1:{place.control}", f"-graphiteListenAddr=127.0.0.1:{place.port}"]
        return [str(self._program), f"-storageDataPath={place.folder / 'data'}", "-loggerLevel=WARN", *ports]

    def handled(self, place: Place) -> int:
        return prometheus_sum(http_get(place, "/metrics"), 'vm_rows_inserted_total{type="graphite"}')


class InfluxDb(Peer):
    name = "InfluxDB (Go)"
    does = "parses, stores"

    def obtain(self) -> None:
        folder, self.version = obtain.debian_package("influxdb")
        self._program = folder / "usr" / "bin" / "influxd"

    def command(self, place: Place) -> list[str]:
        settings = place.folder / "influxdb.conf"
        settings.write_text(_INFLUX.format(folder=place.folder, port=place.port, control=place.control))
        return [str(self._program), "-config", str(settings)]

    def handled(self, place: Place) -> int:
        """Points that its Graphite input has handed to the store."""
        found = json.loads(http_get(place, "/debug/vars"))
        return int(next(v["values"]["pointsTx"] for k, v in found.items() if k.startswith("graphite:tcp")))
