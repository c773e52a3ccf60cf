"""Where Spark is to report to: the address of the primary whose agent acts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from agent.aws.identity import identify, under
from agent.aws.imds import Imds
from agent.node import acting, address, hadoop_conf
from agent.node.rooted import resolved
from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Target:
    host: str | None
    """None when it cannot be known."""
    why: str


def find(settings: Settings, root: Path, present: str | None, imds: Imds) -> Target:
    """`present` is the address that Spark has been given before: it stays while nobody can tell who acts."""
    own = _own(settings.listener.host, root, imds)
    if own is None:
        return Target(present, "this node's address is not known")
    yarn = hadoop_conf.read(resolved(root, hadoop_conf.YARN_SITE))
    managers = hadoop_conf.managers(yarn)
    if len(managers) < 2:
        return Target(own, "this node's agent")
    active = acting.active(managers, settings.sources.yarn)
    if active is None:
        return Target(present or own, "no one ResourceManager says that it is active: as before")
    if acting.is_here(active, hadoop_conf.own_id(yarn), address.own()):
        return Target(own, f"this node's agent, beside the active ResourceManager {active.id}")
    found = acting.address(active.host)
    if found is None or (_is(found, "is_loopback") and not _is(own, "is_loopback")):
        return Target(present or own, f"{active.host} is active, and has no address that others reach: as before")
    return Target(found, f"the agent beside the active ResourceManager {active.id}")


def _own(host: str, root: Path, imds: Imds) -> str | None:
    """Where the agent here is reached: where it listens, unless that is every address."""
    listening = address.listening(host, identify(under(root)), imds)
    if listening is not None and _is(listening, "is_unspecified"):
        return address.private(imds)
    return listening


def _is(host: str, what: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), what))
    except ValueError:
        return False
