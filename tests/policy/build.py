"""Facts for tests, each calm unless told otherwise: a settled fleet, a healthy cluster, nothing running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.domain.datums import Distribution
from agent.domain.fleets import Cluster, Collection, Fleet, FleetNode
from agent.domain.observation import Evidence, History, Observation
from agent.domain.readings import Application, ClusterManager, ClusterNode, ClusterReading
from agent.domain.signals import Signal
from agent.settings import Settings

NOW = 1_000_000.0
LONG_AGO = NOW - 100_000

OUT = {"name": "out", "signal": "Free", "comparison": "<", "bound": 15, "for_s": 300, "adjustment_units": 5}
IN = {"name": "in", "signal": "Free", "comparison": ">", "bound": 75, "for_s": 180, "adjustment_units": -3}


def settings(
    *,
    rules: list[dict[str, Any]] | None = None,
    fleet: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    idle: Mapping[str, Any] | None = None,
) -> Settings:
    """Limits 0 to 20; the default two rules, on a signal named Free; the watchdog on unless told otherwise."""
    return Settings.model_validate(
        {
            "fleet": {"max_capacity_units": 20, **(fleet or {})},
            "policy": {"rules": [OUT, IN] if rules is None else rules, **(policy or {})},
            "idle": {"enabled": True, **(idle or {})},
        }
    )


def signal(value: float, at: float = NOW) -> Signal:
    return Signal.of(at, Distribution.of([value]))


def fleet(target: int = 10, provisioned: int | None = None, **changed: Any) -> Fleet:
    there = target if provisioned is None else provisioned
    facts: dict[str, Any] = {
        "at": NOW,
        "id": "if-1",
        "collection": Collection.FLEET,
        "state": "RUNNING",
        "target_on_demand": 0,
        "target_spot": target,
        "provisioned_on_demand": 0,
        "provisioned_spot": there,
        "nodes": tuple(FleetNode(hosts=(f"task-{number}",), units=1) for number in range(there)),
    }
    return Fleet(**{**facts, **changed})


def cluster(**changed: Any) -> Cluster:
    facts: dict[str, Any] = {
        "at": NOW,
        "id": "j-1",
        "name": "test",
        "state": "WAITING",
        "created_at": LONG_AGO,
        "collection": Collection.FLEET,
        "termination_protected": False,
        "foreign_scaler": None,
    }
    return Cluster(**{**facts, **changed})


def node(host: str, used_mb: float = 0.0) -> ClusterNode:
    return ClusterNode(
        host=host, alive=True, draining=False, memory_total_mb=4096.0, memory_used_mb=used_mb, containers=None
    )


def app(state: str = "RUNNING") -> Application:
    return Application(id="application_1", name="job", state=state, memory_used_mb=0.0)


def reading(busy_hosts: tuple[str, ...] = (), hosts: int = 10, **changed: Any) -> ClusterReading:
    names = [f"task-{number}" for number in range(hosts)]
    facts: dict[str, Any] = {
        "at": NOW,
        "manager": ClusterManager.YARN,
        "memory_total_mb": 40960.0,
        "memory_available_mb": 40960.0,
        "nodes": tuple(node(name, 1024.0 if name in busy_hosts else 0.0) for name in names),
        "applications": (),
    }
    return ClusterReading(**{**facts, **changed})


def evidence(at: float = NOW, **busy: bool) -> tuple[Evidence, ...]:
    said = {"steps": False, "isbusy": False, **busy}
    return tuple(Evidence(probe=name, busy=says, detail="as told", at=at) for name, says in said.items())


def history(**changed: Any) -> History:
    """That of an agent which has run for long and has done nothing."""
    facts: dict[str, Any] = {
        "started_at": LONG_AGO,
        "observed_at": NOW,
        "manager_answered_at": LONG_AGO,
    }
    return History(**{**facts, **changed})


def observation(**changed: Any) -> Observation:
    facts: dict[str, Any] = {
        "at": NOW,
        "signals": {"Free": signal(50.0)},
        "evidence": evidence(),
        "fleet": fleet(),
        "cluster": cluster(),
        "reading": reading(),
        "history": history(),
    }
    return Observation(**{**facts, **changed})
