"""The served sandbox: the seams to moto, answers that boto3 must not repeat, the running clock."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import moto
import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID

from agent.sandbox.emr import NO_QUOTAS, Call, Delays, SandboxServer
from agent.sandbox.emr.api import EmrApi
from agent.sandbox.emr.front import MOTO_ANSWERS, Front
from agent.sandbox.emr.operations import OPERATIONS
from agent.sandbox.emr.server import ACCOUNT
from agent.sandbox.emr.service_model import check, service_model
from tests.sandbox.emr_world import boto, fleets, world

# what we rely on of moto


def test_moto_is_the_version_that_these_seams_were_made_for() -> None:
    assert moto.__version__ == "5.2.5"


def test_motos_application_serves_the_other_services_behind_ours() -> None:
    with world() as it:
        cloudwatch = boto("cloudwatch", it.server.endpoint)
        cloudwatch.put_metric_data(Namespace="Sandbox/Test", MetricData=[{"MetricName": "a", "Value": 1.5}])
        listed = cloudwatch.list_metrics(Namespace="Sandbox/Test")["Metrics"]
        assert [m["MetricName"] for m in listed] == ["a"]
        topic = boto("sns", it.server.endpoint).create_topic(Name="notice")["TopicArn"]
        assert boto("sns", it.server.endpoint).publish(TopicArn=topic, Message="x")["MessageId"]
        assert boto("ec2", it.server.endpoint).describe_regions()["Regions"]


def test_large_gzipped_bodies_reach_cloudwatch() -> None:
    with world() as it:
        cloudwatch = boto("cloudwatch", it.server.endpoint)
        data = [{"MetricName": f"metric-{n:04}", "Value": float(n)} for n in range(500)]
        cloudwatch.put_metric_data(Namespace="Sandbox/Many", MetricData=data)
        pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="Sandbox/Many")
        assert sum(len(page["Metrics"]) for page in pages) == 500


def test_the_operations_of_emr_that_touch_no_cluster_are_motos() -> None:
    assert set(OPERATIONS) | MOTO_ANSWERS <= set(service_model().operation_names)
    assert not set(OPERATIONS) & MOTO_ANSWERS
    with world() as it:
        assert "emr-7.10.0" in it.emr.list_release_labels()["ReleaseLabels"]
        it.emr.create_security_configuration(Name="tls", SecurityConfiguration="{}")
        assert it.emr.describe_security_configuration(Name="tls")["Name"] == "tls"


def test_our_account_is_motos() -> None:
    assert ACCOUNT == DEFAULT_ACCOUNT_ID


def test_what_moto_lacks_is_refused_once_instead_of_a_500_that_boto3_repeats() -> None:
    with world() as it:
        with pytest.raises(ClientError, match="NotInSandbox") as caught:
            boto("cloudwatch", it.server.endpoint, attempts=3).list_metric_streams()
        assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0
        with pytest.raises(ClientError, match="NotInSandbox") as caught:
            boto("ec2", it.server.endpoint, attempts=3).get_spot_placement_scores(TargetCapacity=1)
        assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


# answers


def test_every_operation_of_the_model_is_answered_without_a_500() -> None:
    with world() as it:
        for operation in service_model().operation_names:
            status, answer = it.server.api.answer(operation, b"{}")
            assert status in {200, 400}, operation
            assert status == 200 or answer["__type"] in {"ValidationException", "InvalidRequestException"}, operation


def test_an_operation_that_is_not_in_the_sandbox_is_refused_once() -> None:
    with world() as it, pytest.raises(ClientError, match="ListStudios is not in the sandbox") as caught:
        check(boto("emr", it.server.endpoint, attempts=3)).list_studios()
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_an_operation_that_is_not_in_the_model_and_a_broken_body_are_400() -> None:
    with world() as it:
        assert it.server.api.answer("Explode", b"{}")[0] == 400
        assert it.server.api.answer("DescribeCluster", b"{")[1]["__type"] == "SerializationException"
        assert it.server.api.answer("DescribeCluster", b"[]")[1]["__type"] == "ValidationException"


def test_a_request_that_the_model_forbids_is_refused_by_the_server() -> None:
    with world() as it, pytest.raises(ClientError, match="TASKK") as caught:
        boto("emr", it.server.endpoint).list_instances(ClusterId="j-1", InstanceFleetType="TASKK")
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_bug_of_the_sandbox_is_a_400_that_names_it() -> None:
    class Broken(EmrApi):
        def __init__(self) -> None: ...

        def answer(self, operation: str, body: bytes) -> tuple[int, dict[str, str]]:
            raise ZeroDivisionError(operation, body)

    front, status = Front(Broken(), lambda *_: [b""]), []
    environ = {"HTTP_X_AMZ_TARGET": "ElasticMapReduce.ListSteps", "wsgi.input": io.BytesIO(b"{}")}
    body = b"".join(front(environ, lambda line, _: status.append(line)))
    assert status == ["400 Error"] and b"ZeroDivisionError" in body


def test_an_injected_failure_comes_before_or_after_the_deed() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        fleet = it.fleet(cluster)["Id"]
        config = {"InstanceFleetId": fleet, "TargetOnDemandCapacity": 0}
        for applied, target in ((False, 0), (True, 2)):
            it.server.api.fail_next("ModifyInstanceFleet", applied=applied)
            with pytest.raises(ClientError) as caught:
                it.emr.modify_instance_fleet(ClusterId=cluster, InstanceFleet={**config, "TargetSpotCapacity": 2})
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
            assert it.fleet(cluster)["TargetSpotCapacity"] == target


def test_calls_are_told_as_they_happen_and_kept() -> None:
    told: list[Call] = []
    with world(on_call=told.append) as it:
        cluster = it.ready(Instances=fleets())
        with pytest.raises(ClientError):
            it.emr.describe_cluster(ClusterId="j-none")
        assert [(c.operation, c.error) for c in told] == [
            ("RunJobFlow", None), ("DescribeCluster", "InvalidRequestException"),
        ]  # fmt: skip
        it.state(cluster)
        assert [c.request for c in it.server.api.calls("DescribeCluster")] == [
            {"ClusterId": "j-none"}, {"ClusterId": cluster},
        ]  # fmt: skip


# the running clock


def wait(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


def test_a_served_sandbox_advances_by_itself_and_stops_with_its_context() -> None:
    quick = Delays(provision_s=0.05, bootstrap_s=0.05, decommission_s=0.05, terminate_s=0.05)
    before = set(threading.enumerate())
    with SandboxServer(delays=quick, quotas=NO_QUOTAS, tick_s=0.01) as server:
        emr = check(boto("emr", server.endpoint))
        cluster = emr.run_job_flow(Name="x", Instances=fleets(spot=1))["JobFlowId"]

        def state() -> str:
            return str(emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"])

        wait(lambda: state() == "WAITING")
        emr.terminate_job_flows(JobFlowIds=[cluster])
        wait(lambda: state() == "TERMINATED")
        folder = server.folder
        mine = [t for t in threading.enumerate() if t.name.startswith("sandbox-") and t not in before]
        assert len(mine) == 2 and all(t.daemon for t in mine)
    assert not any(t.is_alive() for t in mine)
    assert not folder.exists()


def test_two_sandboxes_do_not_share_clusters() -> None:
    with world() as one, world() as other:
        cluster = one.launch(Instances=fleets())
        with pytest.raises(ClientError):
            other.state(cluster)
        assert one.state(cluster) == "STARTING"


def test_many_clients_at_once_see_one_consistent_fleet() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets())
        fleet = it.fleet(cluster)["Id"]
        failures: list[BaseException] = []

        def work(number: int, emr: Any) -> None:
            try:
                for target in range(10):
                    config = {"InstanceFleetId": fleet, "TargetOnDemandCapacity": number, "TargetSpotCapacity": target}
                    emr.modify_instance_fleet(ClusterId=cluster, InstanceFleet=config)
                    emr.list_instances(ClusterId=cluster)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n, check(boto("emr", it.server.endpoint)))) for n in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            it.pass_time(10)
        assert failures == []
        it.pass_time(600)
        final = it.fleet(cluster)
        assert final["ProvisionedSpotCapacity"] == final["TargetSpotCapacity"] == 9
