"""A state machine, the stack's rules, the queue, the function and EMR together, all of them the sandbox's or real."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from agent.lifecycle import dynamo_table
from agent.lifecycle.dynamo_table import DynamoTable
from agent.lifecycle.handler import Function
from agent.lifecycle.rows import ClusterProfile, ClusterRow, JobProfile, JobRow, job_profile_key, profile_key
from agent.lifecycle.store import Store
from agent.lifecycle.words import JobState, State
from agent.sandbox.emr import NO_QUOTAS, Delays, SandboxServer
from agent.sandbox.lambda_pump import LambdaPump
from agent.settings import AwsSettings
from agent.settings_lifecycle import LifecycleSettings
from tests.lifecycle.test_state_machine import ROLE, RUN_CLUSTER, RUN_JOB, definition, until
from tests.release.test_lifecycle_template import TEMPLATE, plain
from tests.running import CREDENTIALS
from tests.sandbox.emr_world import REGION, boto, fleets

pytestmark = pytest.mark.story

DELAYS = Delays(provision_s=0.05, bootstrap_s=0.05, decommission_s=0.05, terminate_s=0.05, minute_s=1.0)


class Stack:
    """What `lifecycle.yaml` makes, as far as the sandbox has it: the table, the queue, the rules about executions and
    clusters, the two state machines, and the function at the queue."""

    def __init__(self, server: SandboxServer, name: str) -> None:
        self.sqs, self.states, self.events, self.emr = (
            boto(service, server.endpoint) for service in ("sqs", "stepfunctions", "events", "emr")
        )
        dynamodb = boto("dynamodb", server.endpoint)
        dynamo_table.create(dynamodb, name)
        self.store = Store(DynamoTable(dynamodb, name))
        self.queue = self.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        filled = {"QueueUrl": self.queue, "Table": name}
        self.machines = {
            machine: self.states.create_state_machine(
                name=f"{machine}-{name}", definition=definition(machine, **filled), roleArn=ROLE
            )["stateMachineArn"]
            for machine in (RUN_JOB, RUN_CLUSTER)
        }
        self._rules(name, answer["Attributes"]["QueueArn"])
        self.pump = LambdaPump(function(name, self.queue, server.endpoint), self.sqs, self.queue)

    def _rules(self, name: str, queue_arn: str) -> None:
        resources = plain(cfn_yaml.loads(TEMPLATE.read_text()))["Resources"]
        known = {"RunJob": self.machines[RUN_JOB], "RunCluster": self.machines[RUN_CLUSTER]}

        def filled(node: Any) -> Any:
            if isinstance(node, dict):
                return known[node["Ref"]] if set(node) == {"Ref"} else {key: filled(one) for key, one in node.items()}
            return [filled(one) for one in node] if isinstance(node, list) else node

        for rule in ("ClusterEvents", "ExecutionEvents"):
            pattern = json.dumps(filled(resources[rule]["Properties"]["EventPattern"]))
            self.events.put_rule(Name=f"{name}-{rule}", EventPattern=pattern)
            self.events.put_targets(Rule=f"{name}-{rule}", Targets=[{"Id": "queue", "Arn": queue_arn}])
        self._named = [f"{name}-{rule}" for rule in ("ClusterEvents", "ExecutionEvents")]

    def close(self) -> None:
        """moto's state is the process's: what these rules send would go on."""
        self.pump.stop()
        for rule in self._named:
            self.events.remove_targets(Rule=rule, Ids=["queue"])
            self.events.delete_rule(Name=rule)

    def start(self, machine: str, **given: Any) -> str:
        begun = self.states.start_execution(
            stateMachineArn=self.machines[machine], name=uuid.uuid4().hex, input=json.dumps(given)
        )
        return str(begun["executionArn"])

    def ended(self, execution: str) -> Mapping[str, Any]:
        def found() -> Any:
            answer = self.states.describe_execution(executionArn=execution)
            return answer if answer["status"] != "RUNNING" else None

        answer: Mapping[str, Any] = until(found)
        return answer

    def clusters_of(self, owner: str) -> tuple[ClusterRow, ...]:
        return self.store.of_owner(owner)[0]

    def job_of(self, owner: str) -> JobRow | None:
        return next(iter(self.store.jobs_of(owner)), None)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    with SandboxServer(delays=DELAYS, quotas=NO_QUOTAS, region=REGION) as server:
        name = f"story-{uuid.uuid4().hex[:12]}"
        made = Stack(server, name)
        request = {"ReleaseLabel": "emr-7.10.0", "JobFlowRole": "ec2", "ServiceRole": "emr", "Instances": fleets()}
        transient = {**request, "Instances": {**fleets(), "KeepJobFlowAliveWhenNoSteps": False}}
        for profile in (
            ClusterProfile(key=profile_key("etl"), request=request, maximum=1),
            ClusterProfile(key=profile_key("nightly"), request=transient),
            JobProfile(
                key=job_profile_key("load"),
                type="load",
                size="small",
                priority=500,
                cluster_profile="etl",
                step={"Jar": "command-runner.jar", "Args": ["sh", "-c"]},
            ),
        ):
            made.store.put_profile(profile)
        made.pump.start()
        try:
            yield made
        finally:
            made.close()


def function(name: str, queue_url: str, endpoint: str) -> Callable[[Any, Any], Any]:
    aws = AwsSettings(region=REGION, endpoint_url=endpoint)
    return Function(LifecycleSettings(table=name, queue_url=queue_url), aws).handle


def step(command: str) -> Mapping[str, Any]:
    return {"Name": "one", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["sh", "-c", command]}}


def test_an_execution_ends_with_its_job(stack: Stack) -> None:
    """The pool had no cluster: one is launched, given to the job, and runs its step."""
    good = stack.start(RUN_JOB, profile="load", args=["exit 0"])
    assert stack.ended(good)["status"] == "SUCCEEDED"
    bad = stack.start(RUN_JOB, profile="load", args=["exit 3"])
    ended = stack.ended(bad)
    assert (ended["status"], ended["error"]) == ("FAILED", "Tidemark.JobFailed")
    jobs = [stack.job_of(good), stack.job_of(bad)]
    assert len({job.cluster_id for job in jobs if job}) == 1


def test_a_job_that_cannot_be_is_said_at_once(stack: Stack) -> None:
    ended = stack.ended(stack.start(RUN_JOB, profile="lode"))
    assert (ended["status"], ended["error"]) == ("FAILED", "Tidemark.JobRejected")
    assert "no job profile 'lode'" in ended["cause"]


def test_stopping_the_execution_cancels_its_job(stack: Stack) -> None:
    execution = stack.start(RUN_JOB, profile="load", args=["sleep 600"])
    until(lambda: (job := stack.job_of(execution)) is not None and job.state is JobState.RUNNING)
    stack.states.stop_execution(executionArn=execution)
    until(lambda: (job := stack.job_of(execution)) is not None and job.state is JobState.CANCELLED)


@pytest.mark.parametrize(("command", "status"), [("exit 0", "SUCCEEDED"), ("exit 3", "FAILED")])
def test_an_execution_ends_as_its_cluster_did(stack: Stack, command: str, status: str) -> None:
    execution = stack.start(RUN_CLUSTER, profile="nightly", steps=[step(command)], look_every_s=1)
    assert stack.ended(execution)["status"] == status
    (cluster,) = stack.clusters_of(execution)
    assert cluster.ended


def test_stopping_the_execution_ends_its_cluster(stack: Stack) -> None:
    execution = stack.start(RUN_CLUSTER, profile="nightly", steps=[step("sleep 600")], look_every_s=1)
    until(lambda: [row for row in stack.clusters_of(execution) if row.state is State.RUNNING])
    stack.states.stop_execution(executionArn=execution)
    until(lambda: all(row.ended for row in stack.clusters_of(execution)))
    (cluster,) = stack.clusters_of(execution)
    assert cluster.end_reason == "owner-gone"
