"""Which primary's agent acts: the one beside the active ResourceManager."""

from __future__ import annotations

import socket
from collections.abc import Collection, Sequence

from agent.node.hadoop_conf import Manager
from agent.settings_sources import RestSettings
from agent.sources.http_reader import Failed, HttpReader
from agent.wire import yarn
from agent.wire.json_fields import Malformed

ASK_S = 2.0
"""For one answer: three that hang must be over well before the next run."""


def active(managers: Sequence[Manager], settings: RestSettings) -> Manager | None:
    """The one ResourceManager that says it is active; None when none does, or more than one."""
    found = [each for each in managers if _is_active(each, settings)]
    return found[0] if len(found) == 1 else None


def is_here(manager: Manager, own_id: str, own_names: Collection[str]) -> bool:
    """Whether it runs on this node."""
    if own_id and manager.id:
        return manager.id == own_id
    return manager.host.lower() in own_names or address(manager.host) in own_names


def address(host: str) -> str | None:
    """The IPv4 address of a host, as this node resolves it; None when it does not."""
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError):
        return None


def _is_active(manager: Manager, settings: RestSettings) -> bool:
    reader = HttpReader(ASK_S, ca_file=settings.ca_file, verify_tls=settings.verify_tls)
    try:
        answer = reader.json(manager.url + yarn.INFO_PATH)
    finally:
        reader.close()
    if isinstance(answer, Failed):
        return False
    standing = yarn.standing(answer, 0.0)
    return not isinstance(standing, Malformed) and standing.state == "ACTIVE"
