"""All pages of an answer of AWS; what goes wrong is a Fault that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.aws.errors import AWS_ERRORS, fault


def pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    """Every item under `key`; a page is fetched when it is reached. Raises Fault."""
    try:
        for page in client.get_paginator(operation).paginate(**request):
            yield from page.get(key, ())
    except AWS_ERRORS as error:
        raise fault(error, operation) from error
