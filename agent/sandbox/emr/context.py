"""What an operation is given, and how a long answer is cut into pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.sandbox.emr.model import Emr
from agent.sandbox.emr.refusals import invalid_request

Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    emr: Emr
    """Locked by the caller."""
    now: float
    page_size: int
    step_log: Callable[[str], str]
    """Where the output of the step with this id is."""


def page(name: str, items: Sequence[Any], request: Request, size: int) -> Mapping[str, Any]:
    """The items from the request's Marker on, at most `size`; a Marker when there are more."""
    marker = str(request.get("Marker", "0"))
    if not marker.isdigit():
        raise invalid_request(f"Marker '{marker}' is not valid.")
    begin = int(marker)
    more = {"Marker": str(begin + size)} if begin + size < len(items) else {}
    return {name: list(items[begin : begin + size]), **more}
