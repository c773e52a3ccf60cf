"""What has been run already: one JSON line a run, found again by all that it depends on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from agent.settings import Settings
from agent.simulate.outcome import Outcome
from agent.simulate.run import VERSION
from agent.simulate.workload import Workload
from agent.simulate.world import World


def digest(workload: Workload) -> str:
    """Of all its jobs: takes a while, so once a workload."""
    return hashlib.sha256(repr((workload.jobs, workload.horizon_s)).encode()).hexdigest()


def key(jobs: str, world: World, settings: Settings) -> str:
    """Changes with the jobs (their digest), the world, the settings and the simulator."""
    told = settings.model_dump_json(include={"policy", "fleet"}, exclude_defaults=True)
    # in full for the policy that acts: its defaults may change
    acting = settings.model_dump_json(include={"policy": {settings.policy.kind.value}})
    return hashlib.sha256("|".join([VERSION, jobs, repr(world), told, acting]).encode()).hexdigest()


class Results:
    """The file of them. A line that cannot be read is run again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Outcome] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                found = json.loads(line)
                self._known[found["key"]] = Outcome(**found["outcome"])
            except (ValueError, TypeError, LookupError):
                continue

    def get(self, key: str) -> Outcome | None:
        return self._known.get(key)

    def put(self, key: str, label: str, outcome: Outcome) -> None:
        self._known[key] = outcome
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "label": label, "outcome": asdict(outcome)}, ensure_ascii=False) + "\n")
