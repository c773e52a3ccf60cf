"""DynamoDB in the sandbox: a condition and its write are one step, for any number of writers over HTTP."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.emr_world import World, boto, world

WRITERS = 4
TRIES = 60


@contextmanager
def hasty_threads() -> Iterator[None]:
    """Threads change places between almost any two steps of the interpreter."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Table:
    def __init__(self, it: World) -> None:
        self.clients = [boto("dynamodb", it.server.endpoint) for _ in range(WRITERS)]
        self.name = f"claims-{uuid.uuid4().hex}"
        self.clients[0].create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def double_wins(self, write: Callable[[Any, str, str], object]) -> int:
        """How many claims were won by more than one of the writers that made them at the same time."""
        return sum(self._winners(write, f"claim {number}") > 1 for number in range(TRIES))

    def _winners(self, write: Callable[[Any, str, str], object], key: str) -> int:
        gate = threading.Barrier(WRITERS)

        def claim(number: int) -> bool:
            gate.wait(30)
            try:
                write(self.clients[number], key, f"writer {number}")
            except ClientError as error:
                assert error.response["Error"]["Code"] in {
                    "ConditionalCheckFailedException", "TransactionCanceledException",
                }  # fmt: skip
                return False
            return True

        with ThreadPoolExecutor(WRITERS) as pool:
            return sum(pool.map(claim, range(WRITERS)))

    def put(self, client: Any, key: str, owner: str) -> None:
        client.put_item(
            TableName=self.name,
            Item={"pk": {"S": key}, "owner": {"S": owner}},
            ConditionExpression="attribute_not_exists(pk)",
        )

    def update(self, client: Any, key: str, owner: str) -> None:
        client.update_item(
            TableName=self.name,
            Key={"pk": {"S": key}},
            UpdateExpression="SET #o = :o",
            ConditionExpression="attribute_not_exists(#o)",
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues={":o": {"S": owner}},
        )

    def transact(self, client: Any, key: str, owner: str) -> None:
        put = {
            "TableName": self.name,
            "Item": {"pk": {"S": key}, "owner": {"S": owner}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        count = {
            "TableName": self.name,
            "Key": {"pk": {"S": f"count of {key}"}},
            "UpdateExpression": "ADD claims :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
        client.transact_write_items(TransactItems=[{"Put": put}, {"Update": count}])


@pytest.mark.parametrize("write", ["put", "update", "transact"])
def test_one_writer_wins_a_claim(write: str) -> None:
    with world() as it, hasty_threads():
        table = Table(it)
        assert table.double_wins(getattr(table, write)) == 0


def test_without_the_lock_moto_lets_two_writers_win() -> None:
    """What the lock is for, and that the tests above could fail."""
    with world(serial_dynamodb=False) as it, hasty_threads():
        for _ in range(10):
            table = Table(it)
            if table.double_wins(table.put):
                return
    pytest.fail("moto's race did not show in 600 claims: is the lock still needed?")
