"""Hadoop's configuration files, and the ResourceManagers that `yarn-site.xml` names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from agent import regular_file

YARN_SITE = Path("/etc/hadoop/conf/yarn-site.xml")
HDFS_SITE = Path("/etc/hadoop/conf/hdfs-site.xml")
CORE_SITE = Path("/etc/hadoop/conf/core-site.xml")

HTTP_PORT, HTTPS_PORT = 8088, 8090
"""YarnConfiguration's DEFAULT_RM_WEBAPP_PORT and DEFAULT_RM_WEBAPP_HTTPS_PORT."""

NAME_NODE_PORTS = {"http": 9870, "https": 9871}
"""DFSConfigKeys of Hadoop 3; before it was 50070, and EMR writes the address into `hdfs-site.xml` then."""

_VARIABLE = re.compile(r"\$\{([^}$\s]+)\}")
_MAX_EXPANSIONS = 20
"""As many as Hadoop's Configuration makes (MAX_SUBST)."""
_RM = "yarn.resourcemanager"
_EVERYWHERE = frozenset({"", "0.0.0.0"})

Properties = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Manager:
    """A ResourceManager. `id` is empty where there is one alone."""

    id: str
    host: str
    """As configured: a name or an address."""
    url: str
    """Base of its REST API, without a slash at the end."""


def read(path: Path) -> Properties:
    """The properties of a Hadoop XML file, the last one of a name; none when it is missing or broken."""
    try:
        found = ElementTree.fromstring(regular_file.read(path))
    except (OSError, ElementTree.ParseError, ValueError):
        return {}
    return {
        (each.findtext("name") or "").strip(): (each.findtext("value") or "").strip() for each in found.iter("property")
    }


def managers(yarn: Properties) -> tuple[Manager, ...]:
    """All that `yarn-site.xml` names, in its order; one with high availability off, none without a host."""
    return tuple(_managers(yarn))


def own_id(yarn: Properties) -> str:
    """The id of the ResourceManager on this node, where the file tells; else empty."""
    return _value(yarn, f"{_RM}.ha.id")


def name_nodes(properties: Properties) -> Iterator[str]:
    """Base URLs of the NameNodes' pages, from `core-site.xml` and `hdfs-site.xml` together."""
    scheme = "https" if _value(properties, "dfs.http.policy").upper() == "HTTPS_ONLY" else "http"
    for service in _listed(properties, "dfs.nameservices") or ("",):
        for one in _listed(properties, f"dfs.ha.namenodes.{service}") or ("",):
            suffix = "".join(f".{part}" for part in (service, one) if part)
            host, _, port = _value(properties, f"dfs.namenode.{scheme}-address{suffix}").rpartition(":")
            if host in _EVERYWHERE:
                rpc = _value(properties, f"dfs.namenode.rpc-address{suffix}")
                host = rpc.partition(":")[0] or _default_host(properties)
            if host not in _EVERYWHERE and host != service:
                yield f"{scheme}://{host}:{port or NAME_NODE_PORTS[scheme]}"


def _default_host(properties: Properties) -> str:
    default = urlsplit(_value(properties, "fs.defaultFS"))
    return (default.hostname or "") if default.scheme == "hdfs" else ""


def _listed(properties: Properties, name: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in _value(properties, name).split(",") if each.strip())


def _managers(yarn: Properties) -> Iterator[Manager]:
    ids = [""]
    if _value(yarn, f"{_RM}.ha.enabled").lower() == "true":
        ids = list(_listed(yarn, f"{_RM}.ha.rm-ids")) or [""]
    secure = _value(yarn, "yarn.http.policy").upper() == "HTTPS_ONLY"
    for one in ids:
        suffix = f".{one}" if one else ""
        key, default = (".webapp.https.address", HTTPS_PORT) if secure else (".webapp.address", HTTP_PORT)
        host, _, port = _value(yarn, f"{_RM}{key}{suffix}").rpartition(":")
        if host in _EVERYWHERE:
            host = _value(yarn, f"{_RM}.hostname{suffix}")
        if host not in _EVERYWHERE:
            yield Manager(one, host, f"{'https' if secure else 'http'}://{host}:{port or default}")


def _value(properties: Properties, name: str) -> str:
    """With `${other}` replaced; one that is not known stays as it is, as Hadoop leaves it."""
    value = properties.get(name, "")
    for _ in range(_MAX_EXPANSIONS):
        found = next((v for v in _VARIABLE.finditer(value) if v.group(1) in properties), None)
        if found is None:
            break
        value = value[: found.start()] + properties[found.group(1)] + value[found.end() :]
    return value
