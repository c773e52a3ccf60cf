"""The running agent takes its cluster's alarms with it, and no others; a restart is no end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.alarms.alarm import CLUSTER_ID, CLUSTER_NAME, Subject
from agent.alarms.cloudwatch import of, put
from agent.alarms.definitions import alarms
from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from tests.alarms.told import told
from tests.fakes.http import FakeHttp, value
from tests.running import agent, wait_for
from tests.sandbox.emr_world import boto, fleets

DATA = Path(__file__).parent.parent / "data" / "standalone"
DELAYS = Delays(provision_s=0.1, bootstrap_s=0.1, decommission_s=0.1, terminate_s=3600)
"""A cluster that takes an hour to end: the alarms do not go because it is gone."""


class Place:
    """A cluster with its alarms, beside those of its name and of another cluster."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.emr = boto("emr", endpoint)
        self.cloudwatch = boto("cloudwatch", endpoint)
        request = {"Name": "test", "ReleaseLabel": "emr-7.10.0", "JobFlowRole": "ec2", "ServiceRole": "emr"}
        self.cluster = str(self.emr.run_job_flow(Instances=fleets(), **request)["JobFlowId"])
        wait_for(lambda: self.state() == "WAITING", "the cluster waits")
        for name, cluster in (("", self.cluster), ("", "j-OTHER"), ("nightly", "")):
            list(put(self.cloudwatch, alarms(told(name), cluster), lambda _: None))

    def state(self) -> str:
        return str(self.emr.describe_cluster(ClusterId=self.cluster)["Cluster"]["Status"]["State"])

    def left(self) -> tuple[bool, bool, bool]:
        """Whether there are alarms of this cluster, of the other one, and of the name."""
        meant = (Subject(CLUSTER_ID, self.cluster), Subject(CLUSTER_ID, "j-OTHER"), Subject(CLUSTER_NAME, "nightly"))
        here, other, named = (bool(of(self.cloudwatch, subject)) for subject in meant)
        return here, other, named

    def named(self, text: str) -> str:
        return text.replace('id = "j-TEST"', f'id = "{self.cluster}"')

    def settings(self, **idle: Any) -> str:
        told = "".join(f"{name} = {str(value).lower()}\n" for name, value in idle.items())
        return f"""
[aws]
region = "eu-west-1"
endpoint_url = "{self.endpoint}"
[idle]
{told}
"""


def manager(master: FakeHttp) -> str:
    """A cluster manager that answers: while none does nothing is ended."""
    master.answers("/json/", value(json.loads((DATA / "empty_3.5.9.json").read_text())))
    return f'[sources.standalone]\nurl = "{master.url}"\nperiod_s = 0.5\n'


@pytest.fixture
def place() -> Iterator[Place]:
    with SandboxServer(delays=DELAYS, quotas=NO_QUOTAS) as server:
        yield Place(server.endpoint)


def test_a_deadline_ends_the_cluster_and_its_alarms(place: Place, tmp_path: Path) -> None:
    settings = place.settings(enabled=False, terminate_after_s=1, notice_s=0)
    with FakeHttp() as master, agent(tmp_path, settings + manager(master), place.named) as running:
        wait_for(lambda: place.state() == "TERMINATING", lambda: f"the end:\n{running.log()}")
        wait_for(lambda: place.left() == (False, True, True), lambda: f"the alarms go:\n{running.log()}")


def test_an_agent_that_is_stopped_leaves_them_unless_the_cluster_is_ending(place: Place, tmp_path: Path) -> None:
    settings = place.settings(enabled=False)
    with agent(tmp_path, settings, place.named) as running:
        assert running.stop() == 0
    assert place.left() == (True, True, True)
    with agent(tmp_path, settings, place.named) as running:
        place.emr.terminate_job_flows(JobFlowIds=[place.cluster])
        assert running.stop() == 0
        assert place.left() == (False, True, True), running.log()


def test_an_agent_that_only_says_what_it_would_do_deletes_nothing(place: Place, tmp_path: Path) -> None:
    settings = place.settings(enabled=False) + "[sinks.cloudwatch]\nenabled = false\n"
    dry = lambda text: place.named(text).replace("[fleet]", '[fleet]\nactuator = "dry_run"')  # noqa: E731
    place.emr.terminate_job_flows(JobFlowIds=[place.cluster])
    with agent(tmp_path, settings, dry) as running:
        assert running.stop() == 0
    assert place.left() == (True, True, True)
