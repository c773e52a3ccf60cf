"""What every actuator does with EMR's answers: a fault raised by a read, an outcome of a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agent.aws.errors import AWS_ERRORS, fault
from agent.domain.decisions import Outcome, Result
from agent.domain.faults import Fault, TransientFault


@dataclass(frozen=True, slots=True)
class EmrClients:
    """boto3 EMR clients. Targets are absolute, so that a resize may be sent again; adding a fleet or group may not."""

    client: Any
    once: Any
    """One that makes a single attempt: after a lost answer a second one would add a second group."""


LIVE_INSTANCES = ("AWAITING_FULFILLMENT", "PROVISIONING", "BOOTSTRAPPING", "RUNNING")
"""The states of ListInstances in which an instance is not terminated (InstanceState)."""


def ask(doing: str, call: Callable[..., Any], **request: Any) -> Any:
    """The answer. Raises Fault."""
    try:
        return call(**request)
    except AWS_ERRORS as error:
        raise fault(error, doing) from error


def pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    """Every item under `key`, over all pages; a page is fetched when it is reached. Raises Fault."""
    try:
        for page in client.get_paginator(operation).paginate(**request):
            yield from page.get(key, ())
    except AWS_ERRORS as error:
        raise fault(error, operation) from error


def first_page(client: Any, operation: str, key: str, **request: Any) -> list[Any]:
    """The items of the first page that has any: mostly one call. Raises Fault."""
    try:
        found = (list(page.get(key, ())) for page in client.get_paginator(operation).paginate(**request))
        return next((items for items in found if items), [])
    except AWS_ERRORS as error:
        raise fault(error, operation) from error


def outcome(error: Fault) -> Result:
    """REFUSED when EMR understood and said no; FAILED when it may have acted or could not be reached."""
    return Result(Outcome.FAILED if isinstance(error, TransientFault) else Outcome.REFUSED, str(error))


def refused(detail: str) -> Result:
    """Refused by ourselves: nothing was sent."""
    return Result(Outcome.REFUSED, detail)
