"""The installed agent, started as its unit says from where it was installed, confined as far as a test can."""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.bootstrap import info
from tests.bootstrap.conftest import S3
from tests.bootstrap.node import Kind, Node
from tests.bootstrap.outcome import assert_good, good
from tests.bootstrap.releases import Published

pytestmark = pytest.mark.node

LIMIT_S = 120.0

CONFINED = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
refused = libc.prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE of Linux 6.3: what MemoryDenyWriteExecute= stands for
print("memory that is written and executed:", "allowed here" if refused else "denied", file=sys.stderr)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def exec_start(node: Node, unit: str) -> list[str]:
    lines = node.text(f"etc/systemd/system/{unit}").splitlines()
    (command,) = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    return shlex.split(command)


def of_prefix(node: Node, command: list[str]) -> list[str]:
    """The paths of a unit as they are on this node."""
    if node.kind is Kind.NAMESPACES:
        return command
    return [node.inside(node.root / word[1:]) if word.startswith("/") else word for word in command]


def as_the_unit(node: Node) -> list[str]:
    """As the service's user, without capabilities, and never to gain any."""
    if node.kind is Kind.PREFIX:
        return []
    user = ["setpriv", "--reuid=tidemark", "--regid=tidemark", "--init-groups", "--no-new-privs", "--bounding-set=-all"]
    return [*user, "/tools/bin/python3.11", "-c", CONFINED]


@contextlib.contextmanager
def started(node: Node) -> Iterator[subprocess.Popen[str]]:
    command = [*as_the_unit(node), *of_prefix(node, exec_start(node, "tidemark.service"))]
    said = (node.root / "tmp/said").open("w", encoding="utf-8")
    running = subprocess.Popen(
        node.command(command), env=node.environment(), stderr=said, stdin=subprocess.DEVNULL, text=True
    )
    try:
        yield running
    finally:
        # the end of `unshare` alone ends nothing: its `--kill-child` is void once the child has changed its user
        for process in (*psutil.Process(running.pid).children(recursive=True), running):
            process.kill()
        running.wait()
        said.close()


def wait_until_it_listens(port: int, running: subprocess.Popen[str], node: Node) -> None:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        assert running.poll() is None, node.text("tmp/said")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise AssertionError(f"nothing listens on port {port}: {node.text('tmp/said')}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.timeout(600)
def test_the_installed_agent_listens_and_the_doctor_answers(primary: Node, s3: S3, published: Published) -> None:
    port = free_port()
    sets = {"fleet.max_capacity_units": 4, "listener.host": "127.0.0.1", "listener.port": port}
    sets |= {"aws.endpoint_url": s3.endpoint, "aws.region": info.REGION, "aws.connect_timeout_s": 1}
    if primary.kind is Kind.PREFIX:
        sets |= {"cluster.id": info.CLUSTER_ID, "journal.path": str(primary.root / "var/lib/tidemark/journal.jsonl")}
        sets |= {"log.path": str(primary.root / "var/log/tidemark/agent.log")}
    primary.env = s3.env
    arguments = [word for key, value in sets.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    good(primary.install(published.at(f"s3://{s3.bucket}/{published.version}").script, *arguments))
    assert_good(primary, published)
    with started(primary) as running:
        wait_until_it_listens(port, running, primary)
        tidemark = primary.inside(primary.root / "opt/tidemark/current/bin/tidemark")
        root = primary.inside(primary.root) if primary.kind is Kind.PREFIX else "/"
        answer = primary.run([tidemark, "doctor", "--json", "--root", root])
        findings = json.loads(answer.stdout)
        assert answer.returncode in (0, 1), answer.stderr
        assert info.CLUSTER_ID in answer.stdout
        checks = {check["check"]: check["status"] for check in findings["checks"]}
        local = ("interpreter", "packages", "settings", "state folder", "log folder")
        assert {checks[name] for name in local} == {"ok"}
    assert "Traceback" not in primary.text("tmp/said")
    assert "agent.started" in primary.text("var/log/tidemark/agent.log")
    if primary.kind is Kind.NAMESPACES:
        owner = (primary.root / "var/log/tidemark/agent.log").stat().st_uid
        assert owner == (primary.root / "var/lib/tidemark").stat().st_uid != 0


def test_the_sink_helper_is_quiet_where_spark_is_not_there_and_writes_where_it_is(
    primary: Node, s3: S3, published: Published
) -> None:
    if primary.kind is Kind.PREFIX:
        pytest.skip("the unit's own command line is run, which needs a root of its own")
    primary.env = s3.env
    script = published.at(f"s3://{s3.bucket}/{published.version}").script
    good(primary.install(script, "--set=fleet.max_capacity_units=4", "--set=listener.host=10.0.0.10"))
    command = exec_start(primary, "tidemark-sparkconf.service")
    good(primary.run(command))
    conf = primary.root / "etc/spark/conf.dist"
    conf.mkdir(parents=True)
    (primary.root / "etc/spark/conf").symlink_to("/etc/spark/conf.dist")
    own = "*.sink.console.class=org.apache.spark.metrics.sink.ConsoleSink\n"
    (conf / "metrics.properties").write_text(own, encoding="utf-8")
    done = primary.run(command)
    assert done.returncode == 0, done.stderr
    assert "tidemark" in (conf / "metrics.properties").read_text(encoding="utf-8"), done.stdout + done.stderr
    good(primary.install(script, "--remove"))
    assert (conf / "metrics.properties").read_text(encoding="utf-8") == own
