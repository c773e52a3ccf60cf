"""The addresses of this node."""

from __future__ import annotations

import ipaddress
import socket

import psutil

from agent.aws.identity import Identity
from agent.aws.imds import Imds
from agent.settings_base import AUTO

LOOPBACK = "127.0.0.1"
_METADATA = "169.254.169.254"


def listening(host: str, identity: Identity, imds: Imds) -> str | None:
    """Where the agent listens by its setting `listener.host`; None when the node's address is asked for and unknown."""
    if host not in {"", AUTO}:
        return host
    return LOOPBACK if identity.cluster_id is None else private(imds)


def private(imds: Imds) -> str | None:
    """The address under which the other nodes reach this one: the one that the kernel would send from towards the
    VPC; where it does not tell, what EC2's metadata says. None when neither tells."""
    return _sent_from(_METADATA) or imds.private_address()


def own() -> frozenset[str]:
    """Every name and address of this node, in lower case."""
    found = {one.address.lower() for each in psutil.net_if_addrs().values() for one in each}
    return frozenset({*found, socket.gethostname().lower(), socket.getfqdn().lower()})


def _sent_from(to: str) -> str | None:
    """Connecting a datagram socket chooses a route and sends nothing (udp(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((to, 80))
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    chosen = ipaddress.ip_address(found)
    return None if chosen.is_loopback or chosen.is_unspecified or chosen.is_link_local else found
