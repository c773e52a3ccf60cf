"""Each right is told from its absence over HTTP, and no attempt changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.stub import Stubber

from agent.alarms.cloudwatch import put
from agent.alarms.definitions import alarms
from agent.aws.rights import RIGHTS, TAG
from agent.doctor.attempts import ATTEMPTS, attempted, needed
from agent.doctor.findings import Finding, Status
from agent.doctor.ground import clients
from agent.domain.rights import Capability
from agent.lifecycle.dynamo_table import DynamoTable, create
from agent.lifecycle.store import Store
from agent.settings import Settings
from tests.fakes.cloudwatch import FakeCloudWatch
from tests.running import free_port
from tests.sandbox.emr_world import REGION, World, boto, fleets, groups, task_group, world

TOPIC = "arn:aws:sns:eu-west-1:123456789012:notices"
EMR = [operation for operation, attempt in ATTEMPTS.items() if attempt.service == "emr"]
PRICES = [operation for operation in ATTEMPTS if RIGHTS[operation].capability is Capability.PRICES]
ALARMS = [operation for operation in ATTEMPTS if RIGHTS[operation].capability is Capability.ALARMS]


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with world() as made:
        yield made


def told(endpoint: str, **more: Any) -> Settings:
    """Settings that ask for every right of one kind of task capacity."""
    fleet = {"max_capacity_units": 9, "instance_types": [{"instance_type": "m5.xlarge"}], **more.pop("fleet", {})}
    idle = {"enabled": True, "notice_topic_arn": TOPIC, **more.pop("idle", {})}
    return Settings.model_validate({"aws": {"region": REGION, "endpoint_url": endpoint}, "fleet": fleet, "idle": idle})


def look(operation: str, settings: Settings, cluster: str | None) -> Finding:
    return attempted(RIGHTS[operation], settings, clients(settings, NOBODY), cluster)


class Nobody:
    region = None


NOBODY: Any = Nobody()


def everything(it: World, cluster: str) -> Any:
    """All that a change could show in."""
    listing = it.emr.list_instance_fleets if "InstanceFleets" in cluster_kind(it, cluster) else None
    described = it.cluster(cluster)
    return described, None if listing is None else listing(ClusterId=cluster)["InstanceFleets"]


def cluster_kind(it: World, cluster: str) -> str:
    return "InstanceFleets" if it.cluster(cluster)["InstanceCollectionType"] == "INSTANCE_FLEET" else "InstanceGroups"


@pytest.mark.parametrize("operation", EMR)
def test_a_right_that_is_there_and_one_that_is_not(it: World, operation: str) -> None:
    by_groups = operation.endswith("Groups")
    cluster = it.ready(Instances=groups(task_group(2)) if by_groups else fleets(spot=2))
    actuator = "instance_groups" if by_groups else "instance_fleet"
    settings = told(it.server.endpoint, fleet={"actuator": actuator})
    before = everything(it, cluster)
    assert look(operation, settings, cluster).status is Status.OK
    it.server.api.deny({operation})
    found = look(operation, settings, cluster)
    mild = RIGHTS[operation].capability is Capability.DIAGNOSE
    assert found.status is (Status.WARN if mild else Status.FAIL)
    assert RIGHTS[operation].sid in found.advice
    it.server.api.deny(())
    assert everything(it, cluster) == before
    assert len(it.server.api.calls(operation)) >= 2


@pytest.mark.parametrize("operation", PRICES)
def test_a_right_to_prices_that_is_there_and_one_that_is_not(it: World, operation: str) -> None:
    settings = told(it.server.endpoint, fleet={"max_usd_per_hour": 5.0})
    assert look(operation, settings, None).status is Status.OK
    it.server.market.deny({operation})
    found = look(operation, settings, None)
    assert (found.status, "TidemarkObservePrices" in found.advice) == (Status.FAIL, True)
    it.server.market.deny(())
    assert look(operation, told(it.server.endpoint), None).status is Status.SKIP


def test_ending_is_never_tried_and_the_clusters_tag_is_looked_at(it: World) -> None:
    for value, status in (("terminate", Status.SKIP), ("resize", Status.WARN), (None, Status.WARN)):
        tags = [] if value is None else [{"Key": TAG, "Value": value}]
        cluster = it.ready(Instances=fleets(), Tags=tags)
        found = look("TerminateJobFlows", told(it.server.endpoint), cluster)
        assert (found.status, "cannot be tried" in found.seen) == (status, True)
    assert it.server.api.calls("TerminateJobFlows") == ()


def test_what_the_settings_do_without_is_not_tried(it: World) -> None:
    cluster = it.ready(Instances=fleets())
    dry = told(it.server.endpoint, fleet={"actuator": "dry_run"}, idle={"enabled": False, "notice_topic_arn": None})
    skipped = {right.operation for right in needed() if look(right.operation, dry, cluster).status is Status.SKIP}
    assert skipped == {
        "ModifyInstanceFleet", "ModifyInstanceGroups", "AddInstanceFleet", "AddInstanceGroups", "TerminateJobFlows",
        "ListSteps", "Publish", "DescribeAlarms", "DeleteAlarms", "DescribeInstanceTypes", "DescribeSpotPriceHistory",
        "GetProducts", "GetMetricData", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage", "GetItem",
        "UpdateItem",
    }  # fmt: skip


def test_publishing_is_tried_without_a_datum_arriving(it: World) -> None:
    with FakeCloudWatch() as fake:
        settings = told(fake.endpoint_url)
        assert look("PutMetricData", settings, None).status is Status.OK
        fake.state.always = "deny"
        found = look("PutMetricData", settings, None)
        assert (found.status, "TidemarkPublishMetrics" in found.advice) == (Status.FAIL, True)
        fake.state.always = "throttle"
        assert look("PutMetricData", settings, None).status is Status.WARN
        assert fake.names() == []


def test_the_removal_of_alarms_is_tried_without_one_going(it: World) -> None:
    settings = told(it.server.endpoint)
    cloudwatch = boto("cloudwatch", it.server.endpoint)
    list(put(cloudwatch, alarms(settings, "j-1"), lambda _: None))
    before = len(cloudwatch.describe_alarms()["MetricAlarms"])
    assert [look(operation, settings, "j-1").status for operation in ALARMS] == [Status.OK, Status.OK]
    assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == before > 0
    for operation in ALARMS:
        made = clients(settings, NOBODY)
        with Stubber(made.cloudwatch) as stub:
            stub.add_client_error(xform_name(operation), "AccessDenied", "no", http_status_code=403)
            found = attempted(RIGHTS[operation], settings, made, "j-1")
        assert (found.status, RIGHTS[operation].sid in found.advice) == (Status.WARN, True)


def test_a_notice_is_tried_without_one_being_sent(it: World) -> None:
    settings = told(it.server.endpoint)
    made = clients(settings, NOBODY)
    topic = made.sns.create_topic(Name="notices")["TopicArn"]
    queue = f"arn:aws:sqs:{REGION}:123456789012:doctor"
    sqs = boto("sqs", it.server.endpoint)
    url = sqs.create_queue(QueueName="doctor")["QueueUrl"]
    made.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    settings = told(it.server.endpoint, idle={"notice_topic_arn": topic})
    assert look("Publish", settings, None).status is Status.OK
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


TABLE_RIGHTS = ("GetItem", "UpdateItem")


def of_table(it: World, name: str) -> Settings:
    """Settings of an agent that ends its cluster for nothing but what the table says."""
    told_so = told(it.server.endpoint, idle={"enabled": False})
    return told_so.model_copy(update={"lifecycle": told_so.lifecycle.model_copy(update={"table": name})})


@pytest.mark.parametrize("known", [True, False], ids=["the cluster's row is there", "it is not"])
def test_the_rights_to_the_table_are_tried_without_a_row_being_written(it: World, known: bool) -> None:
    client = boto("dynamodb", it.server.endpoint)
    name = f"doctor-{known}"
    create(client, name)
    store = Store(DynamoTable(client, name))
    if known:
        store.heartbeat("j-1", {}, 5.0)
    before = client.scan(TableName=name)["Items"]
    settings = of_table(it, name)
    assert [look(operation, settings, "j-1").status for operation in TABLE_RIGHTS] == [Status.OK, Status.OK]
    assert client.scan(TableName=name)["Items"] == before


def test_a_table_that_does_not_exist_fails_and_a_missing_right_names_its_statement(it: World) -> None:
    settings = of_table(it, "nowhere")
    for operation in TABLE_RIGHTS:
        found = look(operation, settings, "j-1")
        assert (found.status, "does not exist" in found.seen) == (Status.FAIL, True)
        made = clients(settings, NOBODY)
        with Stubber(made.dynamodb) as stub:
            stub.add_client_error(xform_name(operation), "AccessDeniedException", "no", http_status_code=400)
            found = attempted(RIGHTS[operation], settings, made, "j-1")
        assert (found.status, "TidemarkLifecycleTable" in found.advice) == (Status.FAIL, True)


def test_a_cluster_that_the_table_may_end_needs_the_right_to_end_it(it: World) -> None:
    cluster = it.ready(Instances=fleets())
    assert look("TerminateJobFlows", of_table(it, "clusters"), cluster).status is Status.WARN
    assert look("TerminateJobFlows", told(it.server.endpoint, idle={"enabled": False}), cluster).status is Status.SKIP


def test_a_topic_that_does_not_exist_fails(it: World) -> None:
    """The sandbox's SNS looks at the subject before the topic: botocore's own stub answers instead."""
    settings = told(it.server.endpoint)
    made = clients(settings, NOBODY)
    with Stubber(made.sns) as stub:
        stub.add_client_error("publish", "NotFound", "Topic does not exist", http_status_code=404)
        found = attempted(RIGHTS["Publish"], settings, made, None)
    assert (found.status, "does not exist" in found.seen) == (Status.FAIL, True)


def test_an_endpoint_that_does_not_answer_leaves_the_right_unknown(it: World) -> None:
    settings = told(f"http://127.0.0.1:{free_port()}")
    assert look("ListSteps", settings, "j-1").status is Status.WARN


def test_without_a_cluster_nothing_of_it_is_asked(it: World) -> None:
    assert look("ListSteps", told(it.server.endpoint), None).status is Status.SKIP
    assert it.server.api.calls() == ()


def test_every_right_of_the_agent_is_tried_or_cannot_be() -> None:
    assert {right.operation for right in needed()} - set(ATTEMPTS) == {"TerminateJobFlows"}
