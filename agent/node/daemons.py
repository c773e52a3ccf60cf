"""Where this node's ResourceManager and NameNode answer, from Hadoop's configuration files, as soon as they are there.

A bootstrap action runs before Hadoop is installed, so the files are looked at again with every question.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.node import acting, address, hadoop_conf
from agent.node.rooted import resolved


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs: of the daemon on this node, and of the others where there is high availability."""

    url: str
    other_urls: tuple[str, ...] = ()


def resource_manager(root: Path = Path("/")) -> Addresses | None:
    """None while the file is not there, and when it names several of which none can be told to be on this node:
    which agent acts hangs on that."""
    yarn = hadoop_conf.read(resolved(root, hadoop_conf.YARN_SITE))
    managers = hadoop_conf.managers(yarn)
    if len(managers) < 2:
        return Addresses(managers[0].url) if managers else None
    own_id, own = hadoop_conf.own_id(yarn), address.own()
    here = next((each for each in managers if acting.is_here(each, own_id, own)), None)
    if here is None:
        return None
    return Addresses(here.url, tuple(each.url for each in managers if each is not here))


def name_node(root: Path = Path("/")) -> Addresses | None:
    """Whichever NameNode is asked first: the active one answers for HDFS."""
    core = hadoop_conf.read(resolved(root, hadoop_conf.CORE_SITE))
    hdfs = hadoop_conf.read(resolved(root, hadoop_conf.HDFS_SITE))
    urls = tuple(hadoop_conf.name_nodes({**core, **hdfs}))
    return Addresses(urls[0], urls[1:]) if urls else None


def are_expected(root: Path = Path("/")) -> bool:
    """Whether Hadoop's configuration is on this machine already."""
    return any(resolved(root, path).is_file() for path in (hadoop_conf.YARN_SITE, hadoop_conf.HDFS_SITE))
