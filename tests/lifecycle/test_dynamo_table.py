"""DynamoDB over a network that loses answers, and beside transactions of others."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent.aws.errors import reason
from agent.domain.faults import PermanentFault, TransientFault
from agent.lifecycle.dynamo_table import PAUSES_S, DynamoTable, create
from agent.lifecycle.table import Absent, Change, Equals, Present
from tests.lifecycle.lossy import LOSE, Lossy, canceled, lossy, refusal
from tests.sandbox.emr_world import boto, world


@pytest.fixture(scope="module")
def way() -> Iterator[Lossy]:
    with world() as sandbox, lossy(sandbox.server.endpoint) as made:
        yield made


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def table(way: Lossy, slept: list[float]) -> DynamoTable:
    """Its client tries three times."""
    client, name = boto("dynamodb", way.url, attempts=3), f"test-{uuid.uuid4()}"
    create(client, name)
    way.coming.clear()
    way.seen.clear()
    return DynamoTable(client, name, sleep=slept.append)


def put(table: DynamoTable, key: str, **attributes: Any) -> None:
    assert table.change(Change(key=key, set=attributes)) is not None


CLAIM = Change(key="C", set={"claim": "job-1", "at": 5.5}, remove=["idle_since"], when=[Absent("claim")])


def test_a_change_whose_answer_was_lost_is_known_as_ones_own(table: DynamoTable, way: Lossy) -> None:
    put(table, "C", idle_since=1)
    way.seen.clear()
    way.coming["UpdateItem"].append(LOSE)
    assert table.change(CLAIM) == {"key": "C", "claim": "job-1", "at": 5.5}
    assert way.seen["UpdateItem"] == 2


def test_somebody_elses_is_not(table: DynamoTable, way: Lossy) -> None:
    put(table, "C", claim="job-2", at=5.5)
    way.coming["UpdateItem"].append(LOSE)
    assert table.change(CLAIM) is None
    assert table.get("C") == {"key": "C", "claim": "job-2", "at": 5.5}


def test_nor_is_what_was_there_before_a_first_try(table: DynamoTable) -> None:
    """The same values, but nothing was sent twice: it was somebody else."""
    put(table, "C", claim="job-1", at=5.5)
    assert table.change(CLAIM) is None


def test_a_change_that_says_nothing_of_its_own_is_a_conflict(table: DynamoTable, way: Lossy) -> None:
    put(table, "C", free=True)
    way.coming["UpdateItem"].append(LOSE)
    assert table.change(Change(key="C", remove=["free"], when=[Present("free")])) is None
    assert table.get("C") == {"key": "C"}


def test_a_deletion_whose_answer_was_lost(table: DynamoTable, way: Lossy) -> None:
    put(table, "S", launch_id="l-1")
    way.coming["DeleteItem"].append(LOSE)
    assert table.change(Change(key="S", delete=True, when=[Equals("launch_id", "l-1")])) == {}
    put(table, "S", launch_id="l-2")
    way.coming["DeleteItem"].append(LOSE)
    assert table.change(Change(key="S", delete=True, when=[Equals("launch_id", "l-1")])) is None


def test_a_transaction_whose_answer_was_lost_is_done_once(table: DynamoTable, way: Lossy) -> None:
    way.coming["TransactWriteItems"].append(LOSE)
    both = [Change(key="A", add={"n": 1}, when=[Absent("n")]), Change(key="B", set={"b": 1})]
    assert table.change_all(both)
    assert way.seen["TransactWriteItems"] == 2
    assert table.get("A") == {"key": "A", "n": 1}
    assert not table.change_all(both)


CONFLICT = refusal("TransactionConflictException")


def test_a_change_that_meets_a_transaction_is_tried_again(table: DynamoTable, way: Lossy, slept: list[float]) -> None:
    way.coming["UpdateItem"].extend([CONFLICT, CONFLICT])
    assert table.change(Change(key="A", add={"n": 1})) == {"key": "A", "n": 1}
    assert way.seen["UpdateItem"] == 3
    assert len(slept) == 2
    assert all(pause <= waited <= 2 * pause for pause, waited in zip(PAUSES_S, slept, strict=False))


def test_a_transaction_that_meets_another_is_tried_again(table: DynamoTable, way: Lossy, slept: list[float]) -> None:
    way.coming["TransactWriteItems"].extend([canceled("None", "TransactionConflict"), canceled("TransactionConflict")])
    assert table.change_all([Change(key="A", add={"n": 1}), Change(key="B", set={"b": 1})])
    assert len(slept) == 2
    assert table.get("A") == {"key": "A", "n": 1}


def test_conflicts_without_end_are_a_fault_that_may_pass(table: DynamoTable, way: Lossy, slept: list[float]) -> None:
    way.coming["TransactWriteItems"].extend([canceled("TransactionConflict")] * 9)
    with pytest.raises(TransientFault, match="TransactWriteItems"):
        table.change_all([Change(key="A", set={"a": 1})])
    assert len(slept) == len(PAUSES_S)
    way.coming["UpdateItem"].extend([CONFLICT] * 9)
    with pytest.raises(TransientFault, match="UpdateItem") as raised:
        table.change(Change(key="A", set={"a": 1}))
    assert reason(raised.value.__cause__) == "unavailable"  # type: ignore[arg-type]
    way.coming.clear()
    assert table.get("A") is None


def test_a_condition_that_fails_beside_a_conflict_is_the_answer(
    table: DynamoTable, way: Lossy, slept: list[float]
) -> None:
    way.coming["TransactWriteItems"].append(canceled("TransactionConflict", "ConditionalCheckFailed"))
    assert not table.change_all([Change(key="A", set={"a": 1}), Change(key="B", set={"b": 1}, when=[Present("b")])])
    assert slept == []


def test_a_transaction_cancelled_for_too_much_at_once_may_pass(table: DynamoTable, way: Lossy) -> None:
    way.coming["TransactWriteItems"].extend([canceled("None", "ThrottlingError")] * 3)
    with pytest.raises(TransientFault):
        table.change_all([Change(key="A", set={"a": 1})])
    way.coming["TransactWriteItems"].clear()
    way.coming["TransactWriteItems"].append(canceled("ValidationError", "TransactionConflict"))
    with pytest.raises(PermanentFault):
        table.change_all([Change(key="A", set={"a": 1})])


def test_too_much_at_once_is_a_fault_that_may_pass(table: DynamoTable, way: Lossy) -> None:
    for operation in ("GetItem", "UpdateItem", "Query", "Scan"):
        way.coming[operation].extend([refusal("ProvisionedThroughputExceededException")] * 3)
    calls = (
        lambda: table.get("A"),
        lambda: table.change(Change(key="A", set={"a": 1})),
        lambda: list(table.keyed("A")),
    )
    for call in calls:
        with pytest.raises(TransientFault):
            call()


def test_a_token_of_another_transaction_is_refused(way: Lossy) -> None:
    """As DynamoDB does, so that the sandbox's tokens are no wider."""
    client, name = boto("dynamodb", way.url), f"test-{uuid.uuid4()}"
    create(client, name)

    def send(number: str) -> None:
        item = {"key": {"S": "A"}, "n": {"N": number}}
        client.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item}}], ClientRequestToken="t")

    send("1")
    send("1")
    with pytest.raises(ClientError) as raised:
        send("2")
    assert raised.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"
