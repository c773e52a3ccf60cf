"""A right that is missing costs one capability, is said once, and comes back by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent.actuators.cluster import ClusterView
from agent.actuators.instance_fleet import InstanceFleets
from agent.actuators.steps import StepsProbe
from agent.aws.clients import Clients
from agent.aws.emr_calls import EmrClients
from agent.capabilities import JITTER, RETRY_S, Capabilities
from agent.domain.decisions import Outcome
from agent.domain.faults import PermanentFault
from agent.domain.rights import Capability
from agent.lifecycle.ending import AgentEnder
from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from agent.settings import AwsSettings
from agent.sinks.notices import Outbox, TopicSender
from agent.telemetry import Telemetry
from tests.actuators.hands import fleet_settings, resize
from tests.fakes.cloudwatch import FakeCloudWatch
from tests.notices.build import a_message
from tests.running import agent, wait_for
from tests.sandbox.emr_world import REGION, World, boto, fleets, world

QUICK = Delays(provision_s=0.05, bootstrap_s=0.05, decommission_s=0.05, terminate_s=0.05)


class Setting:
    """The agent's own clients on a sandbox, and what they hear of rights."""

    def __init__(self, it: World, endpoint: str | None = None) -> None:
        self.it = it
        self.telemetry = Telemetry()
        self.capabilities = Capabilities(it.clock, self.telemetry, lambda: 0.5)
        settings = AwsSettings(region=REGION, endpoint_url=endpoint or it.server.endpoint, max_attempts=1)
        self.clients = Clients(settings, rights=self.capabilities)

    @property
    def emr(self) -> EmrClients:
        return EmrClients(self.clients.emr, self.clients.emr_once)

    def lost(self) -> dict[Capability, str]:
        return {right.capability: right.action for right in self.capabilities.missing()}


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with world() as it:
        yield Setting(it)


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    return [vars(record)["fields"] for record in caplog.records if record.message == name]


def test_without_list_steps_the_probe_is_busy_says_which_statement_and_comes_back(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tidemark")
    cluster = setting.it.ready(Instances=fleets())
    probe = StepsProbe(setting.clients.emr, cluster, setting.it.clock)
    setting.it.server.api.deny({"ListSteps"})
    for _ in range(3):
        evidence = probe()
        assert evidence.busy
        assert "TidemarkObserveCluster" in evidence.detail
        setting.it.pass_time(300)
    assert setting.lost() == {Capability.STEPS: "elasticmapreduce:ListSteps"}
    assert setting.telemetry.counts() == {"CallsDenied.steps": 3}
    (said,) = events(caplog, "capability.lost")
    assert (said["capability"], said["statement"]) == ("steps", "TidemarkObserveCluster")
    assert "not authorized to perform: elasticmapreduce:ListSteps" in said["error"]
    setting.it.server.api.deny(())
    assert not probe().busy
    assert setting.lost() == {}
    assert events(caplog, "capability.back") == [
        {"capability": "steps", "action": "elasticmapreduce:ListSteps", "after_s": 900}
    ]


def test_without_the_right_to_resize_the_refusal_names_the_statement_and_the_rest_goes_on(setting: Setting) -> None:
    cluster = setting.it.ready(Instances=fleets(spot=2))
    hands = InstanceFleets(setting.emr, cluster, fleet_settings(), setting.it.clock)
    setting.it.server.api.deny({"ModifyInstanceFleet"})
    result = hands.resize(hands.read(), resize(2, 4))
    assert result.outcome is Outcome.REFUSED
    assert "TidemarkResizeTaskCapacity" in result.detail
    (missing,) = setting.capabilities.missing()
    assert (missing.capability, missing.since) == (Capability.RESIZE, setting.it.clock.now)
    assert missing.retry_at == setting.it.clock.now + RETRY_S
    setting.it.server.api.deny(())
    assert hands.resize(hands.read(), resize(2, 4)).outcome is Outcome.APPLIED
    assert setting.lost() == {}


def test_without_describe_cluster_nobody_knows_who_else_scales_and_the_end_is_refused(setting: Setting) -> None:
    cluster = setting.it.ready(Instances=fleets())
    emr = setting.clients.emr
    setting.it.server.api.deny({"DescribeCluster"})
    with pytest.raises(PermanentFault, match="TidemarkObserveCluster"):
        ClusterView(emr, cluster, setting.it.clock).read()
    assert AgentEnder(emr, cluster, setting.it.clock).terminate("idle", "idle").outcome is Outcome.REFUSED
    assert setting.it.server.api.calls("TerminateJobFlows") == ()


def test_without_the_right_to_end_it_the_cluster_stays_and_the_statement_is_named(setting: Setting) -> None:
    cluster = setting.it.ready(Instances=fleets())
    setting.it.server.api.deny({"TerminateJobFlows"})
    result = AgentEnder(setting.clients.emr, cluster, setting.it.clock).terminate("idle", "idle")
    assert result.outcome is Outcome.REFUSED
    assert "TidemarkTerminateCluster" in result.detail
    assert setting.it.state(cluster) == "WAITING"


def test_a_throttle_or_an_outage_says_nothing_of_rights(setting: Setting) -> None:
    cluster = setting.it.ready(Instances=fleets())
    probe = StepsProbe(setting.clients.emr, cluster, setting.it.clock)
    setting.it.server.api.deny({"ListSteps"})
    probe()
    setting.it.server.api.deny(())
    setting.it.server.api.fail_next("ListSteps")
    assert probe().busy
    assert list(setting.lost()) == [Capability.STEPS], "a failure neither takes a right nor gives it back"


def test_publishing_denied_is_a_capability_too(setting: Setting) -> None:
    with FakeCloudWatch() as fake:
        publishing = Setting(setting.it, fake.endpoint_url)
        fake.state.behaviours.append("deny")
        datum = {"MetricName": "Heartbeat", "Timestamp": 0.0, "Values": [1.0], "Counts": [1.0]}
        with pytest.raises(ClientError, match="not authorized"):
            publishing.clients.cloudwatch.put_metric_data(Namespace="Tidemark", MetricData=[datum])
        assert publishing.lost() == {Capability.PUBLISH: "cloudwatch:PutMetricData"}


def test_a_notice_that_is_denied_is_logged_counted_and_not_raised(setting: Setting) -> None:
    class Denying:
        """Words of SNS, which has a code of its own for it."""

        def publish(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "AuthorizationError", "Message": "not authorized"}}, "Publish")

    sender = TopicSender(Denying, "arn:aws:sns:eu-west-1:123456789012:t", "text")
    outbox = Outbox((sender,), setting.telemetry)
    outbox.put(a_message())
    outbox.close(60)
    assert setting.telemetry.counts() == {"NoticesFailed.denied": 1, "NoticesLost.denied": 1}


def test_the_wait_differs_from_one_agent_to_the_next() -> None:
    waits = set()
    for jitter in (0.0, 0.5, 1.0):
        capabilities = Capabilities(lambda: 1000.0, Telemetry(), lambda jitter=jitter: jitter)  # type: ignore[misc]
        capabilities.denied("ListSteps", "no")
        waits.add(capabilities.missing()[0].retry_at - 1000.0)
    assert min(waits) == RETRY_S * (1 - JITTER)
    assert max(waits) == RETRY_S * (1 + JITTER)
    assert len(waits) == 3


ALWAYS_MORE = """
[[policy.rules]]
name = "always"
signal = "NodeCpuPercent"
comparison = ">="
bound = 0
for_s = 0
cooldown_s = 0
adjustment_units = 1
[sources]
node_period_s = 0.5
[sinks.cloudwatch]
enabled = false
"""


def test_a_running_agent_goes_on_says_it_once_and_takes_a_right_up_when_it_comes(tmp_path: Path) -> None:
    """First nothing of the cluster may be seen, then it may be seen and not resized."""
    with SandboxServer(delays=QUICK, quotas=NO_QUOTAS, region=REGION) as server:
        emr = boto("emr", server.endpoint)
        cluster = emr.run_job_flow(
            Name="t", ReleaseLabel="emr-7.14.0", JobFlowRole="e", ServiceRole="e", Instances=fleets(spot=1)
        )["JobFlowId"]
        wait_for(lambda: emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING", "ready")
        server.api.deny({"DescribeCluster", "ModifyInstanceFleet"})
        settings = f'{ALWAYS_MORE}[aws]\nregion = "{REGION}"\nendpoint_url = "{server.endpoint}"\n'

        def quick(text: str) -> str:
            fleet = "max_capacity_units = 4\npoll_period_s = 0.5\nsettle_poll_period_s = 0.5\n"
            return text.replace("j-TEST", cluster).replace("max_capacity_units = 4\n", fleet)

        with agent(tmp_path, settings, quick) as running:
            journal = tmp_path / "journal.jsonl"
            wait_for(lambda: journal.exists() and "TidemarkObserveCluster" in journal.read_text(), running.log)
            wait_for(lambda: len(server.api.calls("DescribeCluster")) > 5, "it asks again and again")
            assert server.api.calls("ModifyInstanceFleet") == ()
            server.api.deny({"ModifyInstanceFleet"})
            wait_for(lambda: '"right-missing"' in journal.read_text(), running.log)
            log = running.log()
        lost = [line for line in log.splitlines() if "capability.lost" in line]
        assert [("DescribeCluster" in line, "ModifyInstanceFleet" in line) for line in lost] == [
            (True, False),
            (False, True),
        ]
        assert "capability.back capability=observe action=elasticmapreduce:DescribeCluster" in log
        assert [call.error for call in server.api.calls("ModifyInstanceFleet")] == ["AccessDeniedException"]


def test_an_operation_that_is_not_in_the_table_is_no_capability() -> None:
    capabilities = Capabilities(lambda: 0.0, Telemetry(), lambda: 0.5)
    capabilities.denied("CreateBucket", "no")
    assert capabilities.missing() == ()
