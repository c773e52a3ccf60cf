"""How a Hadoop daemon is started without Hadoop's start scripts: its class, its JVM's options, its environment."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.sandbox.hadoop.jars import HadoopJars
from agent.sandbox.java import Java

NAME_NODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
DATA_NODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"
RESOURCE_MANAGER = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"
NODE_MANAGER = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
ADMIN = "org.apache.hadoop.yarn.client.cli.RMAdminCLI"
FILE_SYSTEM_SHELL = "org.apache.hadoop.fs.FsShell"

USER = "hadoop"

_OPENED = ("java.lang", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent")
"""Guice, Jersey's JAXB and Hadoop's own reflection reach into these; Hadoop's scripts would pass it (HADOOP_OPTS)."""

_SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k", "-Djava.net.preferIPv4Stack=true")
"""The daemons do little: on two cores a quick start counts for more than a fast steady state."""

_NO_SETSID = """\
#!/bin/sh
# NodeManagers find out whether they can put containers into sessions of their own. With this they cannot, so that a
# container is in its NodeManager's process group and ends with it, however that ends.
exit 1
"""


@dataclass(frozen=True, slots=True)
class Launcher:
    """Command lines and environments of the JVMs of one sandbox cluster."""

    jars: HadoopJars
    java: Java
    workdir: Path

    def command(self, main_class: str, conf: Path, heap_mb: int = 200) -> list[str]:
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
        options = [*_SMALL, f"-Xmx{heap_mb}m", f"-Dhadoop.log.dir={self.workdir / 'logs'}"]
        return [str(self.java.executable), *options, *opened, "-cp", f"{conf}:{self.jars.class_path}", main_class]

    def environment(self, conf: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """This process's, without its Hadoop, Spark and Python settings."""
        foreign = ("HADOOP_", "YARN_", "SPARK_", "PYSPARK_", "PYTHON", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        return {
            **kept,
            "JAVA_HOME": str(self.java.home),
            "HADOOP_CONF_DIR": str(conf),
            "YARN_CONF_DIR": str(conf),
            "HADOOP_USER_NAME": USER,
            "USER": USER,
            # glibc's arenas of some ten threads cost more than the heaps.
            "MALLOC_ARENA_MAX": "2",
            **(more or {}),
        }

    def node_path(self) -> str:
        """A PATH for NodeManagers on which `setsid` does not work."""
        folder = self.workdir / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / "setsid"
        program.write_text(_NO_SETSID, encoding="utf-8")
        program.chmod(0o755)
        return f"{folder}:{os.environ.get('PATH', os.defpath)}"


def hold_ports(host: str, count: int) -> list[socket.socket]:
    """Sockets on ports of that host that nobody else has, all different and outside the range of the kernel's clients.

    While they are open nobody else is given these ports, by this function or by the kernel; a daemon can listen there,
    and come back to it, because like every JVM's its socket and these have SO_REUSEADDR and these do not listen.
    """
    found: list[socket.socket] = []
    for port in random.sample(range(20_000, 32_000), 2_000):
        each = socket.socket()
        try:
            # the option comes later, so that it fails also where somebody else only holds the port
            each.bind((host, port))
        except OSError:
            each.close()
            continue
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.append(each)
        if len(found) == count:
            return found
    release(found)
    raise OSError(f"no {count} free ports on {host}")


def port_of(held: socket.socket) -> int:
    port: int = held.getsockname()[1]
    return port


def release(held: Iterable[socket.socket]) -> None:
    for each in held:
        each.close()
