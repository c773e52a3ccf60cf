"""The table in DynamoDB: changes become UpdateItem, DeleteItem and TransactWriteItems with condition expressions."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from agent.aws.dynamo_values import attribute_value, attribute_values, plain
from agent.aws.emr_calls import ask, pages
from agent.aws.errors import AWS_ERRORS, fault, is_condition_failed, is_conflict
from agent.domain.faults import PermanentFault
from agent.lifecycle.conditions import NUMBERS, check, check_all, given, is_check, meets, needs_row
from agent.lifecycle.table import (
    KEY,
    Above,
    Absent,
    Below,
    Change,
    Condition,
    Equals,
    Index,
    Item,
    NoneOf,
    OneOf,
    Present,
)

PAUSES_S = (0.05, 0.1, 0.2, 0.4)
"""Before a change is tried again that met a transaction at its row; each is drawn out by chance up to twofold."""
_MOST_OPERANDS = 100
"""Of IN, in an expression."""


class DynamoTable:
    """Over a boto3 client for DynamoDB, which may be shared between threads.

    The client sends again what got no answer. A condition that the first try has itself broken then fails in the
    second: `change` looks at the row that DynamoDB sends with such a failure, and takes it for its own doing when all
    that it sets is there. Of two writers who set the very same, both may then hear yes: whoever must be the only one
    sets something of his own, such as the id of his job. Without a condition that the first try breaks, what is in
    `add` may be added twice. `change_all` goes by a token that makes DynamoDB answer a second try as the first, for
    ten minutes (TransactWriteItems, ClientRequestToken). After a TransientFault it is open whether a change was made.
    """

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._sleep = sleep

    def get(self, key: str) -> Item | None:
        request = {"TableName": self._name, "Key": {KEY: attribute_value(key)}, "ConsistentRead": True}
        found = ask("GetItem", self._client.get_item, **request).get("Item")
        return None if found is None else plain(found)

    def change(self, change: Change) -> Item | None:
        """A change that changes nothing is a read: its conditions are looked at here."""
        check(change)
        if is_check(change):
            row = self.get(change.key)
            return (row or {}) if meets(row, change.when) else None
        doing, call, answer = (
            ("DeleteItem", self._client.delete_item, "NONE")
            if change.delete
            else ("UpdateItem", self._client.update_item, "ALL_NEW")
        )
        request = {**_compiled(self._name, change), "ReturnValues": answer}
        try:
            done = self._patiently(call, {**request, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
        except AWS_ERRORS as error:
            if is_condition_failed(error):
                return _done_before(change, error)
            raise fault(error, doing) from error
        return plain(done.get("Attributes", {}))

    def change_all(self, changes: Sequence[Change]) -> bool:
        check_all(changes)
        wanted = [_in_transaction(self._name, change) for change in changes if change.when or not is_check(change)]
        if not wanted:
            return True
        try:
            request = {"TransactItems": wanted, "ClientRequestToken": str(uuid.uuid4())}
            self._patiently(self._client.transact_write_items, request)
        except AWS_ERRORS as error:
            if is_condition_failed(error):
                return False
            raise fault(error, "TransactWriteItems") from error
        return True

    def rows(self, index: Index, of: str, limit: int | None = None) -> Iterator[Item]:
        """Pages are fetched when they are reached. Rows with the same place in the order come in any."""
        request: dict[str, Any] = {
            "TableName": self._name,
            "IndexName": index.name,
            "KeyConditionExpression": "#p = :p",
            "ExpressionAttributeNames": {"#p": index.partition},
            "ExpressionAttributeValues": {":p": attribute_value(of)},
        }
        if limit is not None:
            request["Limit"] = limit
        return islice(map(plain, pages(self._client, "query", "Items", **request)), limit)

    def keyed(self, prefix: str) -> Iterator[Item]:
        """In no order. A scan with a filter: DynamoDB reads the whole table for it and charges for that, half a unit
        for every 4 KB, a megabyte a call; what it finds may be behind the truth by a moment."""
        request = {
            "TableName": self._name,
            "FilterExpression": "begins_with(#k, :p)",
            "ExpressionAttributeNames": {"#k": KEY},
            "ExpressionAttributeValues": {":p": attribute_value(prefix)},
        }
        return map(plain, pages(self._client, "scan", "Items", **request))

    def _patiently(self, call: Callable[..., Any], request: Mapping[str, Any]) -> Any:
        for pause in PAUSES_S:
            try:
                return call(**request)
            except AWS_ERRORS as error:
                if not is_conflict(error):
                    raise
            self._sleep(pause * random.uniform(1.0, 2.0))
        return call(**request)


def create(client: Any, name: str) -> None:
    """Make the table, and wait until it can be used. Raises Fault, also when there is one of that name."""
    ask("CreateTable", client.create_table, **definition(name))
    ask("DescribeTable", client.get_waiter("table_exists").wait, TableName=name, WaiterConfig={"Delay": 1})


def definition(name: str) -> dict[str, Any]:
    """The request of CreateTable: on demand, and each index with all attributes."""
    keys = dict.fromkeys([KEY, *(key for index in Index for key in index.value)])
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": "N" if key in NUMBERS else "S"} for key in keys
        ],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index.name,
                "KeySchema": [
                    {"AttributeName": index.partition, "KeyType": "HASH"},
                    {"AttributeName": index.sort, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index in Index
        ],
    }


class _Expressions:
    """Placeholders for names and values: no word is reserved, and nothing of a value is read as syntax."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#n{len(self._names)}")

    def value(self, value: Any) -> str:
        placeholder = f":v{len(self._values)}"
        try:
            self._values[placeholder] = attribute_value(value)
        except ValueError as error:
            raise PermanentFault(f"not a value for DynamoDB: {error}") from error
        return placeholder

    def condition(self, condition: Condition) -> str:
        name = self.name(condition.name)
        match condition:
            case Absent():
                return f"attribute_not_exists({name})"
            case Present():
                return f"attribute_exists({name})"
            case Equals(value=value):
                return f"{name} = {self.value(value)}"
            case OneOf(values=values):
                return self._among(name, values)
            case NoneOf(values=values):
                return f"(attribute_not_exists({name}) OR NOT {self._among(name, values)})"
            case Below(value=value):
                return f"(attribute_not_exists({name}) OR {name} < {self.value(value)})"
            case Above(value=value):
                return f"{name} > {self.value(value)}"

    def update(self, change: Change) -> str:
        first = (f"{self.name(n)} = if_not_exists({self.name(n)}, {self.value(v)})" for n, v in _pairs(change.default))
        clauses = {
            "SET": [*(f"{self.name(n)} = {self.value(v)}" for n, v in _pairs(change.set)), *first],
            "REMOVE": [self.name(n) for n in change.remove],
            "ADD": [f"{self.name(n)} {self.value(v)}" for n, v in _pairs(change.add)],
        }
        return " ".join(f"{verb} {', '.join(actions)}" for verb, actions in clauses.items() if actions)

    def used(self) -> dict[str, Any]:
        """What of a request holds the placeholders; DynamoDB refuses empty ones."""
        names = {"ExpressionAttributeNames": {short: name for name, short in self._names.items()}}
        values = {"ExpressionAttributeValues": self._values}
        return {**(names if self._names else {}), **(values if self._values else {})}

    def _among(self, name: str, values: Iterable[str]) -> str:
        left = list(dict.fromkeys(values))
        if not left:
            return f"(attribute_exists({name}) AND attribute_not_exists({name}))"
        operands = [self.value(value) for value in left]
        parts = (", ".join(operands[at : at + _MOST_OPERANDS]) for at in range(0, len(operands), _MOST_OPERANDS))
        return f"({' OR '.join(f'{name} IN ({part})' for part in parts)})"


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return iter(given(values).items())


def _compiled(table: str, change: Change) -> dict[str, Any]:
    """What UpdateItem, DeleteItem and the parts of a transaction have in common."""
    expressions = _Expressions()
    request: dict[str, Any] = {"TableName": table, "Key": {KEY: attribute_value(change.key)}}
    when: list[Condition] = [*change.when, *([Present(KEY)] if needs_row(change) else [])]
    if when:
        request["ConditionExpression"] = " AND ".join(map(expressions.condition, when))
    if not change.delete and not is_check(change):
        request["UpdateExpression"] = expressions.update(change)
    return {**request, **expressions.used()}


def _in_transaction(table: str, change: Change) -> dict[str, Any]:
    kind = "Delete" if change.delete else "ConditionCheck" if is_check(change) else "Update"
    return {kind: _compiled(table, change)}


def _done_before(change: Change, error: Any) -> Item | None:
    """The row, if the client had to send the change again and an earlier try has done it; else None."""
    if not error.response["ResponseMetadata"].get("RetryAttempts"):
        return None
    sent = error.response.get("Item")
    if change.delete:
        return {} if sent is None else None
    row, wanted = plain(sent or {}), plain(attribute_values(given(change.set)))
    there = wanted and all(row.get(name) == value for name, value in wanted.items())
    complete = all(name in row for name in given(change.default)) and not any(name in row for name in change.remove)
    return row if there and complete else None
