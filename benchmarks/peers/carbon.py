"""carbon-cache, Graphite's own receiver (Python, Twisted)."""

from __future__ import annotations

import pickle
import socket
import struct

from benchmarks.peers import obtain
from benchmarks.peers.peer import ANSWER_S, Peer, Place

REQUIREMENTS = ("carbon==1.1.10", "whisper==1.1.10", "Twisted==26.10.0")

_SETTINGS = """\
[cache]
STORAGE_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
CONF_DIR = {folder}
LOG_DIR = {folder}
PID_DIR = {folder}
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = 0
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {control}
MAX_CREATES_PER_MINUTE = inf
# in its favour: it writes next to nothing, so that what is measured is the way of a line into its memory
MAX_UPDATES_PER_SECOND = 1
CACHE_WRITE_STRATEGY = naive
CARBON_METRIC_PREFIX = carbon
CARBON_METRIC_INTERVAL = 1
LOG_UPDATES = False
LOG_CREATES = False
LOG_CACHE_HITS = False
ENABLE_TAGS = False
"""


class CarbonCache(Peer):
    name = "carbon-cache (Python)"
    does = "parses, caches"
    version = "1.1.10"
    reports_per_s = 400.0  # its accept queue is 50 long

    def __init__(self) -> None:
        self._received: dict[float, float] = {}
        """`metricsReceived` of each second: kept here, because carbon moves its own counters to disk in time."""

    def obtain(self) -> None:
        self._bin = obtain.python_packages("carbon", REQUIREMENTS) / "bin"

    def command(self, place: Place) -> list[str]:
        self._received = {}
        settings = place.folder / "carbon.conf"
        settings.write_text(_SETTINGS.format(folder=place.folder, port=place.port, control=place.control))
        (place.folder / "storage-schemas.conf").write_text("[all]\npattern = .*\nretentions = 60s:1d\n")
        start = [str(self._bin / "python"), str(self._bin / "carbon-cache.py"), f"--config={settings}"]
        return ["env", f"GRAPHITE_ROOT={place.folder}", *start, "--nodaemon", "start"]

    def watch(self, place: Place) -> None:
        host = socket.gethostname().replace(".", "_")
        self._received.update(cached(place.control, f"carbon.agents.{host}-a.metricsReceived"))

    def handled(self, place: Place) -> int:
        self.watch(place)
        return int(sum(self._received.values()))


def cached(port: int, metric: str) -> list[tuple[float, float]]:
    """Time and value of what carbon's cache has of a metric, asked over its query protocol."""
    request = pickle.dumps({"type": "cache-query", "metric": metric}, protocol=2)
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as connection:
        connection.sendall(struct.pack("!L", len(request)) + request)
        with connection.makefile("rb") as answer:
            (length,) = struct.unpack("!L", answer.read(4))
            datapoints: list[tuple[float, float]] = pickle.loads(answer.read(length))["datapoints"]
    return datapoints
