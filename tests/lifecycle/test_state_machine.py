"""The state machines: well-formed, and in a real engine; what they send is what the queue's reader takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.lifecycle import dynamo_table, ingress, tokens
from agent.lifecycle.dynamo_table import DynamoTable
from agent.lifecycle.events import Event, JobCancelled, JobSubmitted, LaunchAsked, OwnerEnded
from agent.lifecycle.outcome import Kind, outcome
from agent.lifecycle.rows import ClusterRow, JobRow, LaunchRow, cluster_key, job_key, launch_key
from agent.lifecycle.store import Store
from agent.lifecycle.table import Change
from agent.lifecycle.words import EndReason, JobState, LaunchState, Phase, Retry, State
from agent.release.places import CHECKOUT
from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from tests.running import PATIENCE_S
from tests.sandbox.emr_world import boto

pytestmark = pytest.mark.story

RUN_JOB, RUN_CLUSTER = "run_job", "run_cluster"
CFN_LINT = str(Path(sys.executable).with_name("cfn-lint"))
STATELINT = str(Path(sys.executable).with_name("statelint"))
ROLE = "arn:aws:iam::123456789012:role/machine"


def definition(name: str, **filled: str) -> str:
    """The file with its placeholders filled, as CloudFormation does (DefinitionSubstitutions)."""
    text = (CHECKOUT / "bootstrap" / f"{name}.asl.json").read_text()
    for placeholder, value in {"Partition": "aws", **filled}.items():
        text = text.replace("${" + placeholder + "}", value)
    assert "${" not in text
    return text


class Engine:
    """The sandbox's Step Functions, a queue and a table."""

    def __init__(self, endpoint: str) -> None:
        self.sqs, self.states, self.dynamodb = (boto(name, endpoint) for name in ("sqs", "stepfunctions", "dynamodb"))
        name = f"t-{uuid.uuid4().hex[:12]}"
        self.queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.table = name
        dynamo_table.create(self.dynamodb, name)
        self.store = Store(DynamoTable(self.dynamodb, name))

    def start(self, text: str, given: Mapping[str, Any]) -> str:
        made = self.states.create_state_machine(name=f"m-{uuid.uuid4().hex[:12]}", definition=text, roleArn=ROLE)
        begun = self.states.start_execution(
            stateMachineArn=made["stateMachineArn"], name=uuid.uuid4().hex, input=json.dumps(given)
        )
        return str(begun["executionArn"])

    def run(self, name: str, given: Mapping[str, Any]) -> str:
        filled = {"QueueUrl": self.queue, **({"Table": self.table} if name == RUN_CLUSTER else {})}
        return self.start(definition(name, **filled), given)

    def event(self) -> Event:
        """The next message, as the function reads it."""
        message = until(lambda: self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=1).get("Messages"))[0]
        self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        (found,) = ingress.events_of(message["Body"], {"message_id": message["MessageId"]})
        return found

    def end(self, execution: str) -> Mapping[str, Any]:
        def ended() -> Any:
            found = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found: Mapping[str, Any] = until(ended)
        return found

    def put(self, row: LaunchRow | ClusterRow) -> None:
        DynamoTable(self.dynamodb, self.table).change(Change(key=row.key, set=row.attributes))


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with SandboxServer(tick_s=None, quotas=NO_QUOTAS) as server:
        yield server.endpoint


@pytest.fixture
def engine(endpoint: str) -> Engine:
    return Engine(endpoint)


# well-formed


@pytest.mark.parametrize("name", [RUN_JOB, RUN_CLUSTER])
def test_cfn_lint_finds_nothing_in_the_definition(name: str, tmp_path: Path) -> None:
    def lint(text: str) -> str:
        machine = {"RoleArn": ROLE, "Definition": json.loads(text)}
        resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}
        template = tmp_path / "template.json"
        template.write_text(json.dumps({"Resources": {"Machine": resource}}))
        return subprocess.run([CFN_LINT, str(template)], capture_output=True, text=True, check=False).stdout

    text = definition(name, QueueUrl="https://queue", Table="table")
    assert lint(text) == ""
    assert "E3601" in lint(text.replace('"StartAt"', '"StartsAt"'))


@pytest.mark.parametrize("name", [RUN_JOB, RUN_CLUSTER])
def test_statelint_finds_nothing_in_the_definition(name: str, tmp_path: Path) -> None:
    """Every state is reached, every transition and every path leads somewhere."""

    def lint(text: str) -> tuple[int, str]:
        path = tmp_path / "machine.json"
        path.write_text(text)
        done = subprocess.run([STATELINT, str(path)], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    text = definition(name, QueueUrl="https://queue", Table="table")
    assert lint(text) == (0, "")
    code, said = lint(text.replace('"Next": "Input"', '"Next": "Imput"'))
    assert code != 0
    assert "Imput" in said


# a job


def test_a_job_is_submitted_with_its_token_and_its_end_is_the_executions(engine: Engine) -> None:
    execution = engine.run(RUN_JOB, {"profile": "nightly", "args": ["--day", "2026-11-21"], "priority": 7})
    job = engine.event()
    assert isinstance(job, JobSubmitted)
    assert (job.profile, job.owner, job.args, job.priority) == ("nightly", execution, ("--day", "2026-11-21"), 7)
    assert job.task_token is not None
    engine.states.send_task_heartbeat(taskToken=job.task_token)
    engine.states.send_task_success(taskToken=job.task_token, output=json.dumps({"job": job.id}))
    ended = engine.end(execution)
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {"job": job.id}


def test_what_is_not_given_is_the_job_profiles(engine: Engine) -> None:
    execution = engine.run(RUN_JOB, {"profile": "nightly"})
    job = engine.event()
    assert isinstance(job, JobSubmitted)
    assert (job.args, job.priority) == ((), None)
    engine.states.stop_execution(executionArn=execution)


def test_no_two_executions_have_the_same_job(engine: Engine) -> None:
    executions = [engine.run(RUN_JOB, {"profile": "nightly"}) for _ in range(3)]
    jobs = [engine.event() for _ in executions]
    assert len({job.id for job in jobs if isinstance(job, JobSubmitted)}) == 3
    for execution in executions:
        engine.states.stop_execution(executionArn=execution)


@pytest.mark.parametrize("state", sorted(tokens.ERRORS))
def test_a_job_that_came_to_nothing_fails_the_execution_with_its_reason(engine: Engine, state: JobState) -> None:
    """As the function tells it; nothing is left to cancel."""
    execution = engine.run(RUN_JOB, {"profile": "nightly"})
    job = engine.event()
    assert isinstance(job, JobSubmitted)
    row = JobRow(
        key=job_key(job.id),
        owner=job.owner,
        profile=job.profile,
        state=state,
        created_at=1.0,
        task_token=job.task_token,
        why=("its step failed",),
    )
    tokens.StepFunctionsTokens(lambda: engine.states, lambda _: None).ended(row)
    ended = engine.end(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", tokens.ERRORS[state])
    assert ended["cause"] == f"job {job.id}: its step failed"
    assert not engine.sqs.receive_message(QueueUrl=engine.queue).get("Messages")


def test_a_job_that_nobody_hears_of_is_cancelled(engine: Engine) -> None:
    execution = engine.run(RUN_JOB, {"profile": "nightly", "heartbeat_s": 1})
    job, cancelled = engine.event(), engine.event()
    assert isinstance(job, JobSubmitted)
    assert isinstance(cancelled, JobCancelled)
    assert cancelled.id == job.id
    # States.HeartbeatTimeout of AWS is a States.Timeout of moto's engine
    assert cancelled.why.endswith("Timeout")
    assert engine.end(execution)["error"] == "Tidemark.GivenUp"


def test_a_job_has_its_time_and_no_more(engine: Engine) -> None:
    execution = engine.run(RUN_JOB, {"profile": "nightly", "timeout_s": 1})
    job, cancelled = engine.event(), engine.event()
    assert isinstance(job, JobSubmitted)
    assert cancelled == JobCancelled(id=job.id, why="its execution has given it up: States.Timeout")
    assert json.loads(engine.end(execution)["cause"])["Error"] == "States.Timeout"


# a cluster

STEP = {"Name": "one", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}


def launched(engine: Engine, execution: str) -> LaunchRow:
    """The row that the message leads to."""
    asked = engine.event()
    assert isinstance(asked, LaunchAsked)
    assert asked.owner == execution
    row = LaunchRow(
        key=launch_key(asked.id), owner=asked.owner, profile=asked.profile, steps=asked.steps, created_at=1.0
    )
    engine.put(row)
    return row


def ended_cluster(cluster_id: str, **more: Any) -> ClusterRow:
    given = {"state": State.TERMINATED, "phase": Phase.ENDED, "reason_code": "ALL_STEPS_COMPLETED", **more}
    return ClusterRow(key=cluster_key(cluster_id), name="nightly x.1", created_at=1.0, **given)


def test_a_cluster_is_asked_for_with_all_that_is_given(engine: Engine) -> None:
    given = {"profile": "nightly", "steps": [STEP], "retry": "lost", "terminate_at": 2e9, "look_every_s": 1}
    execution = engine.run(RUN_CLUSTER, given)
    asked = engine.event()
    assert isinstance(asked, LaunchAsked)
    assert (asked.profile, asked.owner, asked.retry, asked.terminate_at) == ("nightly", execution, Retry.LOST, 2e9)
    assert [step.model_dump(exclude_defaults=True) for step in asked.steps] == [STEP]
    engine.states.stop_execution(executionArn=execution)


@pytest.mark.parametrize(
    ("cluster", "status"),
    [
        ({}, "SUCCEEDED"),
        ({"failed_step": "s-1"}, "FAILED"),
        ({"reason_code": "USER_REQUEST", "end_reason": EndReason.TERMINATE_AFTER}, "FAILED"),
    ],
)
def test_the_execution_ends_with_the_last_attempts_cluster(
    engine: Engine, cluster: Mapping[str, Any], status: str
) -> None:
    execution = engine.run(RUN_CLUSTER, {"profile": "nightly", "steps": [STEP], "look_every_s": 1})
    row = launched(engine, execution)
    engine.put(row.model_copy(update={"state": LaunchState.LAUNCHED, "cluster_id": "j-1"}))
    engine.put(ended_cluster("j-2", **cluster))
    engine.put(row.model_copy(update={"state": LaunchState.ENDED, "cluster_id": "j-2", "attempt": 2}))
    ended = engine.end(execution)
    assert ended["status"] == status
    if status == "FAILED":
        assert ended["error"] == "Tidemark.ClusterFailed"
        assert json.loads(ended["cause"])["Item"]["state"] == {"S": "TERMINATED"}


def test_a_launch_that_came_to_nothing_fails_the_execution_with_its_reason(engine: Engine) -> None:
    execution = engine.run(RUN_CLUSTER, {"profile": "nightly", "look_every_s": 1})
    row = launched(engine, execution)
    engine.put(row.model_copy(update={"state": LaunchState.FAILED, "why": "no such subnet"}))
    ended = engine.end(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "Tidemark.NoCluster")
    assert "no such subnet" in ended["cause"]


def test_what_cannot_be_looked_at_is_given_up_and_has_no_owner_any_more(engine: Engine) -> None:
    text = definition(RUN_CLUSTER, QueueUrl=engine.queue, Table="no-such-table")
    machine = json.loads(text)
    machine["States"]["LookAtLaunch"]["Retry"][0] |= {"IntervalSeconds": 1, "MaxAttempts": 1}
    execution = engine.start(json.dumps(machine), {"profile": "nightly", "look_every_s": 1})
    assert isinstance(engine.event(), LaunchAsked)
    gone = engine.event()
    assert isinstance(gone, OwnerEnded)
    assert (gone.owner, gone.reason) == (execution, EndReason.OWNER_GONE)
    assert engine.end(execution)["error"] == "Tidemark.GivenUp"


def test_success_is_what_the_code_calls_so(engine: Engine) -> None:
    """One execution that puts every row through the machine's own choice."""
    codes = ["ALL_STEPS_COMPLETED", "USER_REQUEST", "STEP_FAILURE", "INSTANCE_FAILURE", "BOOTSTRAP_FAILURE", None]
    codes += ["INTERNAL_ERROR", "VALIDATION_ERROR/insufficient capacity", "INSTANCE_FLEET_TIMEOUT"]
    rows = [
        ended_cluster("j-1", reason_code=code, end_reason=reason, failed_step=step, state=state)
        for code in codes
        for reason in [None, *EndReason]
        for step in (None, "s-1")
        for state in (State.TERMINATED, State.TERMINATED_WITH_ERRORS)
    ]
    choice = json.loads(definition(RUN_CLUSTER, QueueUrl="", Table=""))["States"]["HasSucceeded"]
    say = {name: {"Type": "Pass", "Result": name, "End": True} for name in ("Succeeded", "ClusterFailed")}
    each = {"StartAt": "Choose", "States": {"Choose": choice, **say}}
    every = {"Type": "Map", "ItemsPath": "$", "ItemProcessor": each, "End": True}
    items = [
        {"cluster": {"Item": {name: {"S": value} for name, value in row.item().items() if isinstance(value, str)}}}
        for row in rows
    ]
    text = json.dumps({"StartAt": "Every", "States": {"Every": every}})
    made = engine.states.create_state_machine(name=f"m-{uuid.uuid4().hex[:12]}", definition=text, roleArn=ROLE)
    begun = engine.states.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps(items))
    said = json.loads(engine.end(begun["executionArn"])["output"])
    expected = ["Succeeded" if outcome(row).kind is Kind.SUCCEEDED else "ClusterFailed" for row in rows]
    differing = [(row, one) for row, one, other in zip(rows, said, expected, strict=True) if one != other]
    assert differing == []
    assert {"Succeeded", "ClusterFailed"} == set(said)
