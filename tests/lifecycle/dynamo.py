"""Tables in the sandbox's DynamoDB, over HTTP, as many as a test wants."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agent.lifecycle.dynamo_table import DynamoTable, create
from agent.sandbox.emr.service_model import check
from tests.sandbox.emr_world import boto, world


@contextmanager
def dynamo() -> Iterator[Any]:
    """A client whose every request and answer is held to the service model."""
    with world() as sandbox:
        yield check(boto("dynamodb", sandbox.server.endpoint))


@contextmanager
def dynamo_table(client: Any) -> Iterator[DynamoTable]:
    """A table of its own, gone afterwards: the sandbox's indexes look at every row of a table."""
    name = f"test-{uuid.uuid4()}"
    create(client, name)
    try:
        yield DynamoTable(client, name)
    finally:
        client.delete_table(TableName=name)
