"""What every actuator does with EMR's answers: a fault raised by a read, an outcome of a change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from agent import log
from agent.aws.errors import AWS_ERRORS, fault, reason
from agent.domain.decisions import Outcome, Resize, Result
from agent.domain.faults import Fault, NotTakenFault, TransientFault

T = TypeVar("T")


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


def ask_once(doing: str, call: Callable[..., Any], **request: Any) -> Any:
    """The answer of a client that makes a single attempt. Raises Fault: a NotTakenFault when it was throttled. After
    several attempts that word says nothing: the answer to an earlier one may have been lost."""
    try:
        return call(**request)
    except AWS_ERRORS as error:
        found = fault(error, doing)
        raise (NotTakenFault(str(found)) if reason(error) == "throttled" else found) from error


def change(clients: EmrClients, decision: Resize, doing: str, operation: str, **request: Any) -> Any:
    """Send targets that are absolute, and so may be sent again. Raises Fault.

    What somebody asked for is sent once at first: throttled then, it may wait for the next turn.
    """
    if decision.request is not None:
        try:
            return ask_once(doing, getattr(clients.once, operation), **request)
        except NotTakenFault:
            raise
        except TransientFault as error:
            log.event(logging.INFO, "emr.sent_again", operation=doing, error=str(error))
    return ask(doing, getattr(clients.client, operation), **request)


def beforehand(read: Callable[[], T]) -> T:
    """What is read before anything is sent. Raises Fault, and never one that leaves it open what was done."""
    try:
        return read()
    except TransientFault as error:
        raise NotTakenFault(str(error)) from error


def outcome(error: Fault, decision: Resize | None = None) -> Result:
    """REFUSED when EMR understood and said no; FAILED when it may have acted or could not be reached; POSTPONED when
    somebody asked for this and EMR surely has done nothing."""
    if isinstance(error, NotTakenFault) and decision is not None and decision.request is not None:
        return Result(Outcome.POSTPONED, str(error))
    return Result(Outcome.FAILED if isinstance(error, TransientFault) else Outcome.REFUSED, str(error))


def refused(detail: str) -> Result:
    """Refused by ourselves: nothing was sent."""
    return Result(Outcome.REFUSED, detail)
