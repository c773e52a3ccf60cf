"""State machines in the sandbox: a task that waits for its token, and what EventBridge hears of executions."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from tests.sandbox.bus_world import Ear
from tests.sandbox.emr_world import REGION, World, boto, world

ROLE = "arn:aws:iam::123456789012:role/states"


class Machine:
    """Sends its input to a queue with its token, waits, and sends what it has caught to another queue."""

    def __init__(self, server: SandboxServer, **task: Any) -> None:
        self.sqs = boto("sqs", server.endpoint)
        self.states = boto("stepfunctions", server.endpoint)
        self.jobs = self.sqs.create_queue(QueueName=f"jobs-{uuid.uuid4().hex}")["QueueUrl"]
        self.cancelled = self.sqs.create_queue(QueueName=f"cancelled-{uuid.uuid4().hex}")["QueueUrl"]
        asked = {"token.$": "$$.Task.Token", "execution.$": "$$.Execution.Id", "job.$": "$.job"}
        submit = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": self.jobs, "MessageBody": asked},
            "HeartbeatSeconds": 60,
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Cancel"}],
            "End": True,
            **task,
        }
        submit = {name: value for name, value in submit.items() if value is not None}
        cancel = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": self.cancelled, "MessageBody.$": "$.caught"},
            "Next": "Failed",
        }
        made = {
            "StartAt": "Submit",
            "States": {"Submit": submit, "Cancel": cancel, "Failed": {"Type": "Fail", "Error": "Job.Failed"}},
        }
        self.arn = self.states.create_state_machine(
            name=f"run-{uuid.uuid4().hex}", definition=json.dumps(made), roleArn=ROLE
        )["stateMachineArn"]

    def start(self, **more: Any) -> str:
        answer = self.states.start_execution(stateMachineArn=self.arn, input=json.dumps({"job": "etl"}), **more)
        return str(answer["executionArn"])

    def message(self, url: str) -> Any:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if got := self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
                return json.loads(got[0]["Body"])
        raise AssertionError("no message came in time")

    def token(self) -> str:
        return str(self.message(self.jobs)["token"])

    def described(self, execution: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.states.describe_execution(executionArn=execution)
        return found

    def ended(self, execution: str) -> Mapping[str, Any]:
        eventually(lambda: self.described(execution)["status"] != "RUNNING")
        return self.described(execution)


@pytest.fixture
def it() -> Iterator[World]:
    with world() as made:
        yield made


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def refused(code: str, call: Callable[..., Any], **request: Any) -> None:
    with pytest.raises(ClientError) as raised:
        call(**request)
    assert raised.value.response["Error"]["Code"] == code


def test_a_task_waits_for_its_token_and_ends_with_what_it_is_told(it: World) -> None:
    machine = Machine(it.server)
    execution = machine.start(name="first")
    message = machine.message(machine.jobs)
    assert (message["execution"], message["job"]) == (execution, "etl")
    machine.states.send_task_heartbeat(taskToken=message["token"])
    machine.states.send_task_success(taskToken=message["token"], output='{"outcome": "SUCCEEDED"}')
    ended = machine.ended(execution)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"outcome": "SUCCEEDED"})
    refused("TaskTimedOut", machine.states.send_task_success, taskToken=message["token"], output="{}")
    refused("TaskTimedOut", machine.states.send_task_heartbeat, taskToken=message["token"])


def test_a_failure_is_caught_with_its_error_and_cause(it: World) -> None:
    machine = Machine(it.server)
    execution = machine.start()
    machine.states.send_task_failure(taskToken=machine.token(), error="Tidemark.Lost", cause="zero core")
    assert machine.message(machine.cancelled) == {"Error": "Tidemark.Lost", "Cause": "zero core"}
    ended = machine.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "Job.Failed")


def test_without_heartbeats_it_times_out(it: World) -> None:
    machine = Machine(it.server, HeartbeatSeconds=1)
    execution = machine.start()
    token = machine.token()
    assert machine.message(machine.cancelled)["Error"] == "States.Timeout"
    refused("TaskTimedOut", machine.states.send_task_heartbeat, taskToken=token)
    assert machine.ended(execution)["status"] == "FAILED"


def test_heartbeats_keep_it_going(it: World) -> None:
    machine = Machine(it.server, HeartbeatSeconds=10)
    execution = machine.start()
    token = machine.token()
    until = time.monotonic() + 12
    while time.monotonic() < until:
        machine.states.send_task_heartbeat(taskToken=token)
        time.sleep(1)
    assert machine.described(execution)["status"] == "RUNNING"
    machine.states.send_task_success(taskToken=token, output="{}")
    assert machine.ended(execution)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("task", [{"HeartbeatSeconds": None}, {"HeartbeatSeconds": 5}])
def test_an_aborted_execution_is_aborted_at_once_and_catches_nothing(it: World, task: Mapping[str, Any]) -> None:
    machine = Machine(it.server, **task)
    execution = machine.start()
    token = machine.token()
    machine.states.stop_execution(executionArn=execution, error="Enough", cause="asked for")
    ended = machine.described(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Enough", "asked for")
    refused("TaskTimedOut", machine.states.send_task_success, taskToken=token, output="{}")
    time.sleep(6)  # longer than the heartbeat: nothing follows
    assert "Messages" not in machine.sqs.receive_message(QueueUrl=machine.cancelled)
    assert machine.described(execution)["status"] == "ABORTED"
    assert machine.states.stop_execution(executionArn=execution)["stopDate"] is not None


def test_what_is_not_there_is_refused(it: World) -> None:
    machine = Machine(it.server)
    refused("InvalidToken", machine.states.send_task_heartbeat, taskToken="never given")
    arn = f"{machine.arn.replace('stateMachine', 'execution')}:none"
    refused("ExecutionDoesNotExist", machine.states.stop_execution, executionArn=arn)
    refused("StateMachineDoesNotExist", machine.states.start_execution, stateMachineArn=machine.arn + "x")
    machine.start()
    token = machine.token()
    refused("InvalidOutput", machine.states.send_task_success, taskToken=token, output="no JSON")
    machine.states.send_task_success(taskToken=token, output="{}")


def test_executions_without_a_name_are_several(it: World) -> None:
    machine = Machine(it.server)
    first, second = machine.start(), machine.start()
    assert first != second
    for _ in range(2):
        machine.states.send_task_success(taskToken=machine.token(), output="{}")
    assert {machine.ended(one)["status"] for one in (first, second)} == {"SUCCEEDED"}


def test_the_bus_hears_how_executions_fare(it: World) -> None:
    machine = Machine(it.server)
    with Ear(it.server.endpoint, source=["aws.states"], detail={"stateMachineArn": [machine.arn]}) as ear:
        done, gone, lost = machine.start(name="done"), machine.start(name="gone"), machine.start(name="lost")
        tokens = {}
        for _ in range(3):
            message = machine.message(machine.jobs)
            tokens[message["execution"]] = message["token"]
        machine.states.stop_execution(executionArn=gone)
        machine.states.send_task_success(taskToken=tokens[done], output='{"rows": 7}')
        machine.states.send_task_failure(taskToken=tokens[lost], error="Lost")
        for one in (done, gone, lost):
            machine.ended(one)
        it.server.tick()
        heard = ear.heard()
    assert {event["detail-type"] for event in heard} == {"Step Functions Execution Status Change"}
    told = [(event["detail"]["name"], event["detail"]["status"]) for event in heard]
    assert sorted(told) == [
        ("done", "RUNNING"), ("done", "SUCCEEDED"), ("gone", "ABORTED"), ("gone", "RUNNING"),
        ("lost", "FAILED"), ("lost", "RUNNING"),
    ]  # fmt: skip
    (success,) = [event for event in heard if event["detail"]["status"] == "SUCCEEDED"]
    assert success["resources"] == [done]
    assert json.loads(success["detail"]["output"]) == {"rows": 7}
    assert json.loads(success["detail"]["input"]) == {"job": "etl"}
    assert success["detail"]["stopDate"] >= success["detail"]["startDate"] > 1e12


def test_a_served_sandbox_tells_by_itself() -> None:
    with SandboxServer(quotas=NO_QUOTAS, region=REGION, tick_s=0.02) as server:
        machine = Machine(server)
        with Ear(server.endpoint, source=["aws.states"], detail={"stateMachineArn": [machine.arn]}) as ear:
            execution = machine.start()
            machine.states.stop_execution(executionArn=execution)
            eventually(lambda: any(event["detail"]["status"] == "ABORTED" for event in ear.heard()))


def test_an_object_in_s3_comes_to_the_bus(it: World) -> None:
    s3 = boto("s3", it.server.endpoint)
    bucket = f"in-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    pattern: dict[str, Any] = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": "in/"}]}},
    }
    with Ear(it.server.endpoint, **pattern) as ear:
        s3.put_object(Bucket=bucket, Key="elsewhere/1.csv", Body=b"x")
        s3.put_object(Bucket=bucket, Key="in/2026 01.csv", Body=b"four")
        (event,) = ear.heard()
    assert (event["detail"]["object"]["key"], event["detail"]["object"]["size"]) == ("in/2026 01.csv", 4)
    assert event["source"] == "aws.s3"
