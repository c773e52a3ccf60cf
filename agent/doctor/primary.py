"""Checks of this node: what it is, the agent on it, Spark's configuration, YARN and HDFS."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from agent import regular_file
from agent.doctor.findings import Check, Finding, fail, ok, skip, warn
from agent.doctor.ground import Ground
from agent.node import address, daemons
from agent.node.daemons import Addresses
from agent.settings import Settings
from agent.settings_base import AUTO
from agent.settings_sources import RestSettings
from agent.sources.http_reader import Failed, Failure, HttpReader
from agent.wire import hadoop_jmx, yarn
from agent.wire.json_fields import Malformed
from agent.wire.metrics_properties import SINK, SINK_CLASS, faults, properties

PROPERTIES = Path("/etc/spark/conf/metrics.properties")
ANSWER_S = 5.0
TAIL_BYTES = 4 * 1024**2
"""More than one turn of a large cluster takes in the journal."""
LATE_TURNS = 6
"""A turn may wait for EMR; so many periods without one are a fault."""


def checks(ground: Ground, settings: Settings, clock: Callable[[], float]) -> tuple[Check, ...]:
    return (
        Check("node", lambda: node(ground)),
        Check("agent process", lambda: process(ground)),
        Check("listener", lambda: listener(settings)),
        Check("last turn", lambda: last_turn(settings, ground.at(settings.journal.path), clock())),
        Check("spark sink", lambda: spark_sink(ground, settings)),
        Check("resource manager", partial(resource_manager, ground, settings)),
        Check("name node", partial(name_node, ground, settings)),
    )


def node(ground: Ground) -> Finding:
    it = ground.identity
    if it.cluster_id is None:
        if ground.cluster_id is None:
            return fail("no node of EMR, and cluster.id is not set", "run it on the primary node, or set cluster.id")
        return warn(f"no node of EMR; cluster.id is {ground.cluster_id}", "fine for a trial; on a cluster, look again")
    several = "one of several primaries of " if it.high_availability else "primary of "
    seen = f"{several if it.is_primary else ''}{it.cluster_id}, {it.region or 'Region unknown'}, {it.release_label}"
    if it.is_primary is False:
        return fail(f"not the primary: {seen}", "the agent belongs on the primary node")
    told = ground.settings.cluster.id if ground.settings is not None else ""
    if told and told != it.cluster_id:
        return fail(f"{seen}; cluster.id says {told}", "leave cluster.id empty, or name this cluster")
    return ok(seen)


def process(ground: Ground) -> Finding:
    """The supervisor and its child, by their command lines."""
    lines = {one.pid: one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])}
    running = {pid: line for pid, line in lines.items() if "agent.supervisor" in line or "agent.process" in line}
    mine = {pid: line for pid, line in running.items() if str(ground.path) in line}
    parents = sorted(pid for pid, line in mine.items() if "agent.supervisor" in line)
    children = sorted(mine.keys() - set(parents))
    if not mine and running:
        return warn(f"only with other settings than {ground.path}", "name the agent's own settings with --config")
    if not mine:
        return fail("not seen", "systemctl status tidemark; journalctl -u tidemark; as root, if you are not")
    if len(parents) > 1:
        return warn(f"{len(parents)} supervisors: {parents}", "one agent a node: stop the others")
    if not children:
        return fail(f"supervisor {parents[0]} without an agent", "it is being started again: look at the log")
    return ok(f"supervisor {parents[0] if parents else '?'}, agent {children[0]}")


def listener(settings: Settings) -> Finding:
    """Whether the agent's port is bound. It is not connected to: the agent would count that."""
    port = settings.listener.port
    if port == 0:
        return warn("the port is left to the system", "Spark's configuration needs a fixed one: set listener.port")
    try:
        bound = [one.laddr for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    except psutil.AccessDenied:
        return skip("this user may not look", "run it as root")
    mine = sorted({at.ip for at in bound if at and at.port == port})
    if not mine:
        return fail(f"nobody listens on {port}", "the agent does not run or could not bind: look at its log")
    where = f"{', '.join(mine)}, port {port}"
    if set(mine) <= {"127.0.0.1", "::1"}:
        return warn(where, "executors on other nodes cannot reach it; right only where there are none")
    return ok(where)


def last_turn(settings: Settings, path: Path, now: float) -> Finding:
    """The age of the journal's last turn, and what it said."""
    try:
        with regular_file.opened(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return fail(f"{path} is not there", "the agent has not made a turn yet, or cannot write there")
    except OSError as error:
        return skip(f"{path}: {error.strerror}", "run it as root")
    for line in reversed(lines):
        try:
            found = json.loads(line)
            at, said, because = _turn(found)
        except (ValueError, LookupError, TypeError):
            continue
        seen = f"{now - at:.0f} s ago: {said}" + (f" ({because})" if because else "")
        if now - at > LATE_TURNS * max(10.0, settings.policy.turn_period_s):
            return fail(seen, "the agent hangs or is gone, or the disk is full: look at its log")
        return ok(seen)
    return fail(f"{path} holds no turn", "the agent has just begun, or the disk is full")


def _turn(line: dict[str, object]) -> tuple[float, str, str]:
    """When, what, and the first reason's code. Raises LookupError, TypeError or ValueError for what is no turn."""
    observation, decision = line["observation"], line["decision"]
    if not isinstance(observation, dict) or not isinstance(decision, dict):
        raise TypeError
    because = decision["because"]
    return float(observation["at"]), str(decision["says"]), str(because[0][0]) if because else ""


def spark_sink(ground: Ground, settings: Settings) -> Finding:
    """What applications that start on this node from now on report to."""
    path = ground.at(PROPERTIES)
    again = "`tidemark spark-conf apply` writes it; look at journalctl -u tidemark-sparkconf"
    try:
        text = regular_file.read(path).decode("latin-1")
    except FileNotFoundError:
        return warn(f"{path} is not there", f"without Spark nothing reports; with it: {again}")
    except OSError as error:
        return skip(f"{path}: {error.strerror}", "run it as root")
    given = properties(text)
    host, port = (given.get(f"*.sink.{SINK}.{key}", "") for key in ("host", "port"))
    if f"*.sink.{SINK}.class" not in given:
        return warn(f"{path} has no sink named {SINK}", again)
    if wrong := faults(text):
        return fail(f"{path}: {'; '.join(wrong)}", f"every Spark job would fail with it: correct it, or {again}")
    seen = f"{SINK_CLASS.rpartition('.')[2]} to {host}:{port}"
    if settings.listener.port not in (0, int(port)):
        return fail(seen, f"the agent listens on {settings.listener.port}: {again}")
    if host.lower() not in address.own():
        return warn(seen, f"that is another node: right where the agent there acts (several primaries); else {again}")
    return ok(seen)


def resource_manager(ground: Ground, settings: Settings) -> Finding:
    if settings.sources.standalone.url:
        return skip("sources.standalone is the cluster manager")
    rest = settings.sources.yarn
    at = _addresses(ground, rest, daemons.resource_manager)
    if at is None:
        return _nowhere(ground, "sources.yarn.url", "nothing is scaled in and nothing ended")
    answer = _ask(rest, at.url + yarn.INFO_PATH)
    if isinstance(answer, Failed):
        return _unanswered(at.url, answer)
    standing = yarn.standing(answer, 0.0)
    if isinstance(standing, Malformed):
        return fail(f"{at.url} answers something else: {standing.reason}", "is that a ResourceManager?")
    seen = f"{at.url} is {(standing.state or 'active').lower()}"
    if standing.active:
        return ok(seen)
    return warn(seen, "this agent only watches; the one beside the active one acts")


def name_node(ground: Ground, settings: Settings) -> Finding:
    rest = settings.sources.hdfs
    at = _addresses(ground, rest, daemons.name_node)
    if at is None:
        return _nowhere(ground, "sources.hdfs.url", "HDFS's load is not known")
    answers = [(url, _ask(rest, url + hadoop_jmx.PATH)) for url in (at.url, *at.other_urls)]
    for url, answer in answers:
        if not isinstance(answer, Failed) and not isinstance(reading := hadoop_jmx.hdfs(answer, 0.0), Malformed):
            return ok(f"{url}: {reading.live_data_nodes} DataNodes are live")
    first, answer = answers[0]
    if isinstance(answer, Failed):
        return _unanswered(first, answer)
    return warn(f"{first} is a standby, or no NameNode", "name the others in sources.hdfs.other_urls")


def _addresses(ground: Ground, rest: RestSettings, find: Callable[[Path], Addresses | None]) -> Addresses | None:
    if rest.url == AUTO:
        return find(ground.root)
    return Addresses(rest.url.rstrip("/"), tuple(url.rstrip("/") for url in rest.other_urls)) if rest.url else None


def _nowhere(ground: Ground, setting: str, without: str) -> Finding:
    if not ground.on_emr:
        return skip(f"{setting} names none, and this node's files do not")
    return warn(f"{setting} names none, and this node's files do not (yet)", f"without it {without}")


def _ask(rest: RestSettings, url: str) -> object | Failed:
    reader = HttpReader(ANSWER_S, ca_file=rest.ca_file, verify_tls=rest.verify_tls)
    try:
        return reader.json(url)
    finally:
        reader.close()


def _unanswered(url: str, answer: Failed) -> Finding:
    patience = "it may be starting; compare with yarn-site.xml and hdfs-site.xml"
    if answer.failure in {Failure.KERBEROS, Failure.DENIED, Failure.TLS}:
        return fail(f"{url}: {answer.failure}", answer.detail)
    return fail(f"{url}: {answer.failure}: {answer.detail}", patience)
