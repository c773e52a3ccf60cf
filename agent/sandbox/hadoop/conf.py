"""Configuration folders for the daemons, their clients and each NodeManager."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

MASTER_HOST = "127.0.0.1"
ALL_INTERFACES = "0.0.0.0"
"""Where the shuffle service listens: it knows no other address (YarnShuffleService, TransportContext.createServer)."""

CORE_LABEL = "CORE"
"""The label that EMR 5.19 to 5.x give core nodes, so that application masters stay on them."""

EXCLUDE_FILE = "exclude.xml"
SHUFFLE_PORT_VARIABLE = "TIDEMARK_SHUFFLE_PORT"
"""In the environment of each NodeManager and so of its containers."""

_LOG4J = """\
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{HH:mm:ss.SSS} %p %c{1}: %m%n
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the daemons of the primary listen, all on `MASTER_HOST`."""

    name_node: int
    name_node_web: int
    resource_manager: int
    scheduler: int
    tracker: int
    admin: int
    resource_manager_web: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What of the cluster's configuration may differ."""

    heartbeat_ms: int = 500
    lost_after_s: float = 10.0
    """After so long without a heartbeat the ResourceManager calls a node LOST. Its default is ten minutes."""
    graceful_timeout_s: int = 60
    """Only for nodes that are excluded without a timeout of their own."""
    application_master_share: float = 1.0
    """How much of the queue application masters may have together. At 0 one application runs at a time."""
    core_label: bool = False
    """Core nodes carry `CORE_LABEL`, not exclusively, and application masters are placed there only."""


def core_site(workdir: Path, ports: Ports) -> dict[str, str]:
    return {
        "fs.defaultFS": f"hdfs://{MASTER_HOST}:{ports.name_node}",
        "hadoop.tmp.dir": str(workdir / "tmp"),
        "ipc.client.connect.retry.interval": "200",
    }


def hdfs_site(workdir: Path, ports: Ports) -> dict[str, str]:
    any_port = f"{MASTER_HOST}:0"
    return {
        "dfs.namenode.name.dir": (workdir / "hdfs" / "name").as_uri(),
        "dfs.datanode.data.dir": (workdir / "hdfs" / "data").as_uri(),
        "dfs.namenode.rpc-address": f"{MASTER_HOST}:{ports.name_node}",
        "dfs.namenode.http-address": f"{MASTER_HOST}:{ports.name_node_web}",
        "dfs.datanode.address": any_port,
        "dfs.datanode.http.address": any_port,
        "dfs.datanode.ipc.address": any_port,
        "dfs.datanode.hostname": MASTER_HOST,
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.replication": "1",
        "dfs.permissions.enabled": "false",
        "dfs.namenode.safemode.extension": "0",
        # TotalLoad comes with the DataNode's heartbeats.
        "dfs.heartbeat.interval": "1",
        # A nearly full disk of a laptop is no reason for safe mode.
        "dfs.namenode.resource.du.reserved": "1048576",
        "dfs.namenode.handler.count": "4",
        "dfs.datanode.handler.count": "2",
    }


def yarn_site(workdir: Path, ports: Ports, shape: Shape) -> dict[str, str]:
    """For the ResourceManager and everyone who talks to it; a NodeManager's is this and `node_site`."""
    return {
        **_addresses(ports),
        "yarn.resourcemanager.scheduler.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler"
        ),
        "yarn.scheduler.minimum-allocation-mb": "64",
        "yarn.scheduler.minimum-allocation-vcores": "1",
        "yarn.resourcemanager.nodes.exclude-path": str(workdir / EXCLUDE_FILE),
        "yarn.resourcemanager.nodemanager-graceful-decommission-timeout-secs": str(shape.graceful_timeout_s),
        "yarn.resourcemanager.decommissioning-nodes-watcher.poll-interval-secs": "1",
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": str(shape.heartbeat_ms),
        "yarn.nm.liveness-monitor.expiry-interval-ms": str(int(shape.lost_after_s * 1000)),
        # Applications and nodes outlive a restart of the ResourceManager, as on EMR.
        "yarn.resourcemanager.recovery.enabled": "true",
        "yarn.resourcemanager.store.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore"
        ),
        "yarn.resourcemanager.fs.state-store.uri": (workdir / "resourcemanager").as_uri(),
        "yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms": "1000",
        "yarn.resourcemanager.connect.retry-interval.ms": "500",
        "yarn.resourcemanager.resource-tracker.client.thread-count": "5",
        "yarn.resourcemanager.scheduler.client.thread-count": "5",
        "yarn.resourcemanager.client.thread-count": "5",
        "yarn.log-aggregation-enable": "false",
        "yarn.timeline-service.enabled": "false",
        # Executors find the shuffle service of their own node by it: the hosts share the ports of one machine.
        "spark.shuffle.service.port": f"${{env.{SHUFFLE_PORT_VARIABLE}:-7337}}",
        **(_label_settings(workdir) if shape.core_label else {}),
    }


def node_site(
    folder: Path, host: str, memory_mb: int, cores: int, shuffle_class_path: str | None, label: str | None
) -> dict[str, str]:
    """What a NodeManager has of its own. Its name is its address, so that no reverse look-up can fold two into one:
    with a bind host it takes the host of `yarn.nodemanager.address` as it stands (ContainerManagerImpl)."""
    return {
        "yarn.nodemanager.hostname": host,
        "yarn.nodemanager.bind-host": host,
        "yarn.nodemanager.address": f"{host}:0",
        "yarn.nodemanager.localizer.address": f"{host}:0",
        "yarn.nodemanager.webapp.address": f"{host}:0",
        "yarn.nodemanager.collector-service.address": f"{host}:0",
        "yarn.nodemanager.resource.memory-mb": str(memory_mb),
        "yarn.nodemanager.resource.cpu-vcores": str(cores),
        "yarn.nodemanager.local-dirs": str(folder / "local"),
        "yarn.nodemanager.log-dirs": str(folder / "containers"),
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.disk-utilization-threshold.enabled": "false",
        "yarn.nodemanager.disk-health-checker.disk-free-space-threshold.enabled": "false",
        "yarn.nodemanager.container-manager.thread-count": "5",
        "yarn.nodemanager.sleep-delay-before-sigkill.ms": "2000",
        "yarn.nodemanager.env-whitelist": (
            f"JAVA_HOME,HADOOP_CONF_DIR,PATH,LANG,SPARK_LOCAL_IP,SPARK_LOCAL_HOSTNAME,{SHUFFLE_PORT_VARIABLE}"
        ),
        **_shuffle_settings(shuffle_class_path),
        **_node_label(label),
    }


def capacity_scheduler(shape: Shape) -> dict[str, str]:
    queue = "yarn.scheduler.capacity.root"
    labels = {
        f"{queue}.accessible-node-labels": "*",
        f"{queue}.accessible-node-labels.{CORE_LABEL}.capacity": "100",
        f"{queue}.default.accessible-node-labels": "*",
        f"{queue}.default.accessible-node-labels.{CORE_LABEL}.capacity": "100",
    }
    return {
        f"{queue}.queues": "default",
        f"{queue}.default.capacity": "100",
        "yarn.scheduler.capacity.maximum-am-resource-percent": str(shape.application_master_share),
        # Memory alone counts, as on EMR unless it is told otherwise.
        "yarn.scheduler.capacity.resource-calculator": (
            "org.apache.hadoop.yarn.util.resource.DefaultResourceCalculator"
        ),
        "yarn.scheduler.capacity.node-locality-delay": "-1",
        **(labels if shape.core_label else {}),
    }


def write_folder(folder: Path, sites: Mapping[str, Mapping[str, str]]) -> Path:
    """Fill a HADOOP_CONF_DIR: `{"yarn-site": {...}}` becomes `yarn-site.xml`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, properties in sites.items():
        (folder / f"{name}.xml").write_text(_site(properties), encoding="utf-8")
    (folder / "log4j.properties").write_text(_LOG4J, encoding="utf-8")
    # What /jmx says of metrics, TotalLoad for one, is otherwise up to ten seconds old (MetricsSourceAdapter).
    (folder / "hadoop-metrics2.properties").write_text("*.period=1\n", encoding="utf-8")
    for daemon in ("hdfs", "datanode"):
        # The pages of these two are in Hadoop's tarball only; without the folders they do not even serve /jmx.
        (folder / "webapps" / daemon).mkdir(parents=True, exist_ok=True)
    return folder


def write_excluded(file: Path, hosts: Iterable[tuple[str, int]]) -> None:
    """Hosts that are to leave, each with its own timeout in seconds (HostsFileReader; 0 is: at once)."""
    entries = "".join(f"<host><name>{host}</name><timeout>{timeout}</timeout></host>" for host, timeout in hosts)
    scratch = file.with_suffix(".new")
    scratch.write_text(f'<?xml version="1.0"?>\n<hosts>{entries}</hosts>\n', encoding="utf-8")
    scratch.replace(file)


def _addresses(ports: Ports) -> dict[str, str]:
    return {
        "yarn.resourcemanager.hostname": MASTER_HOST,
        "yarn.resourcemanager.address": f"{MASTER_HOST}:{ports.resource_manager}",
        "yarn.resourcemanager.scheduler.address": f"{MASTER_HOST}:{ports.scheduler}",
        "yarn.resourcemanager.resource-tracker.address": f"{MASTER_HOST}:{ports.tracker}",
        "yarn.resourcemanager.admin.address": f"{MASTER_HOST}:{ports.admin}",
        "yarn.resourcemanager.webapp.address": f"{MASTER_HOST}:{ports.resource_manager_web}",
    }


def _label_settings(workdir: Path) -> dict[str, str]:
    return {
        "yarn.node-labels.enabled": "true",
        "yarn.node-labels.configuration-type": "distributed",
        "yarn.node-labels.fs-store.root-dir": (workdir / "labels").as_uri(),
        # EMR's own name for it is yarn.node-labels.am.default-node-label-expression.
        "yarn.resourcemanager.node-labels.am.default-node-label-expression": CORE_LABEL,
    }


def _node_label(label: str | None) -> dict[str, str]:
    if label is None:
        return {}
    return {
        "yarn.nodemanager.node-labels.provider": "config",
        "yarn.nodemanager.node-labels.provider.configured-node-partition": label,
    }


def _shuffle_settings(class_path: str | None) -> dict[str, str]:
    if class_path is None:
        return {}
    return {
        "yarn.nodemanager.aux-services": "spark_shuffle",
        "yarn.nodemanager.aux-services.spark_shuffle.class": "org.apache.spark.network.yarn.YarnShuffleService",
        # A class loader of its own: Spark and Hadoop come with different releases of Netty and Jackson.
        "yarn.nodemanager.aux-services.spark_shuffle.classpath": class_path,
        # It can be reached from outside this machine: each application's secret, which YARN brings it, is needed.
        "spark.authenticate": "true",
    }


def _site(properties: Mapping[str, str]) -> str:
    entries = "".join(
        f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
        for name, value in properties.items()
    )
    return f'<?xml version="1.0"?>\n<configuration>\n{entries}</configuration>\n'
