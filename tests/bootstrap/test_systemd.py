"""Under a real systemd: the hardened units let the agent do its work, start it again, and stop it in order."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bootstrap import info
from tests.bootstrap.booted import Booted, CannotBoot
from tests.bootstrap.conftest import S3
from tests.bootstrap.node import Node
from tests.bootstrap.outcome import good
from tests.bootstrap.releases import Published
from tests.bootstrap.test_started import free_port

pytestmark = pytest.mark.node

UNITS = Path(__file__).parent.parent.parent / "bootstrap" / "units"
LIMIT_S = 120.0


@pytest.fixture
def booted(primary: Node) -> Iterator[Booted]:
    try:
        running = Booted(primary).__enter__()
    except CannotBoot as reason:
        pytest.skip(str(reason))
    yield running
    running.__exit__(None, None, None)


def wait_for(what: str, seen: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not seen():
        assert time.monotonic() < end, what
        time.sleep(0.3)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("variant", ["systemd-252", "systemd-219"])
def test_the_units_do_their_work(primary: Node, booted: Booted, s3: S3, published: Published, variant: str) -> None:
    """The variant for 219 runs here under a newer systemd, which takes its directives as well."""
    agent_log = primary.root / "var/log/tidemark/agent.log"
    script = primary.root / "var/install.sh"
    script.write_text(published.at(f"s3://{s3.bucket}/{published.version}").script, encoding="utf-8")
    primary.env = dict(s3.env)
    sets = {"fleet.max_capacity_units": 4, "listener.host": "127.0.0.1", "listener.port": free_port()}
    sets |= {"aws.endpoint_url": s3.endpoint}
    arguments = [f"--set={key}={json.dumps(value)}" for key, value in sets.items()]
    good(booted.run("bash", "/var/install.sh", "--no-start", *arguments))
    if variant == "systemd-219":
        for unit in (UNITS / variant).iterdir():
            (primary.root / "etc/systemd/system" / unit.name).write_text(unit.read_text("utf-8"), encoding="utf-8")
        good(booted.run("systemctl", "daemon-reload"))
        good(booted.run("systemctl", "start", "tidemark.service", "tidemark-sparkconf.timer"))
    else:
        good(booted.run("bash", "/var/install.sh"))
    wait_for("agent.started", lambda: agent_log.exists() and "agent.started" in agent_log.read_text("utf-8"))
    assert info.CLUSTER_ID in agent_log.read_text("utf-8"), "EMR's files are readable from within the unit"
    wait_for("a journal", lambda: (primary.root / "var/lib/tidemark/journal.jsonl").exists())

    conf = primary.root / "etc/spark/conf"
    conf.mkdir(parents=True)
    (conf / "metrics.properties").write_text("", encoding="utf-8")
    # a run of the timer's that began before Spark was there cannot write yet
    wait_for("the sink", lambda: booted.run("systemctl", "start", "tidemark-sparkconf.service").returncode == 0)
    assert "*.sink.tidemark.host=127.0.0.1" in (conf / "metrics.properties").read_text("utf-8")

    main = booted.run("systemctl", "show", "-p", "MainPID", "--value", "tidemark.service").stdout.strip()
    good(booted.run("kill", "-KILL", main))
    wait_for("started again", lambda: agent_log.read_text("utf-8").count("agent.started") == 2)
    good(booted.run("bash", "/mnt/var/lib/instance-controller/public/shutdown-actions/tidemark.sh"))
    assert "agent.stopped" in agent_log.read_text("utf-8")
    assert booted.run("systemctl", "show", "-p", "Result", "--value", "tidemark.service").stdout.strip() == "success"
    assert (primary.root / "var/log/tidemark/journal-at-the-end.log").exists()

    good(booted.run("bash", "/var/install.sh", "--remove"))
    assert "tidemark" not in booted.run("systemctl", "list-unit-files", "--no-pager").stdout
    assert (conf / "metrics.properties").read_text("utf-8") == ""
