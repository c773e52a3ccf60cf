"""Tidemark's listener and table, alone in a process, as the agent runs them: for `run.py`.

Prints where it listens. A snapshot is taken every ten seconds, as by the agent's turn. On standard input it takes the
orders `connections`, which prints how many were accepted, and `table`, which prints counters and all values as JSON.
"""

from __future__ import annotations

import json
import select
import sys
import threading
import time

from agent.aggregate.table import Table
from agent.settings_sources import ListenerSettings
from agent.sources.graphite_listener import Listener
from agent.telemetry import Telemetry
from agent.wire import refusals

TURN_S = 10.0


def main() -> None:
    settings = ListenerSettings(host="127.0.0.1", port=0, report_period_s=600)  # nobody expires between two rounds
    telemetry = Telemetry()
    table = Table(settings, 300.0, telemetry)
    listener = Listener(settings, table, time.time, telemetry)
    host, port = listener.bind()
    stop = threading.Event()
    thread = threading.Thread(target=listener.run, args=(lambda: None, stop))
    thread.start()
    print(host, port, flush=True)
    turn_at = time.monotonic() + TURN_S
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], max(0, turn_at - time.monotonic()))
        order = sys.stdin.readline().strip() if ready else "turn"
        if order == "connections":
            print(telemetry.counts().get(refusals.CONNECTIONS_ACCEPTED, 0), flush=True)
            continue
        if not order:
            break
        turn_at = time.monotonic() + TURN_S
        snapshot = table.snapshot(time.time())
        if order == "table":
            values = {f"{one.app} {one.id}": dict(one.values) for one in snapshot.instances}
            print(json.dumps({"counts": dict(snapshot.counts), "values": values}), flush=True)
    stop.set()
    thread.join()
    listener.close()


if __name__ == "__main__":
    main()
