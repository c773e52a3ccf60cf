"""The dashboard in CloudWatch: put, read and deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent.aws.errors import AWS_ERRORS, fault, is_not_found

MAX_BYTES = 1_048_576
"""Far above what is ever made here; a body that is larger is refused before it is sent."""


def put(client: Any, name: str, body: Mapping[str, Any]) -> Sequence[str]:
    """Make or replace it; what CloudWatch says of parts that it may not draw. Raises Fault, ValueError for a body that
    is too large."""
    text = json.dumps(body, separators=(",", ":"))
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(f"the dashboard has {len(text.encode())} bytes, more than {MAX_BYTES}")
    try:
        answer = client.put_dashboard(DashboardName=name, DashboardBody=text)
    except AWS_ERRORS as error:
        raise fault(error, f"PutDashboard {name}") from error
    return [
        f"{found.get('DataPath')}: {found.get('Message')}" for found in answer.get("DashboardValidationMessages", ())
    ]


def there(client: Any, name: str) -> dict[str, Any] | None:
    """The body in CloudWatch; None where there is no such dashboard. Raises Fault."""
    try:
        found = client.get_dashboard(DashboardName=name)
    except AWS_ERRORS as error:
        if _is_absent(error):
            return None
        raise fault(error, f"GetDashboard {name}") from error
    body: dict[str, Any] = json.loads(found["DashboardBody"])
    return body


def delete(client: Any, name: str) -> bool:
    """Whether there was one. Raises Fault."""
    try:
        client.delete_dashboards(DashboardNames=[name])
    except AWS_ERRORS as error:
        if _is_absent(error):
            return False
        raise fault(error, f"DeleteDashboards {name}") from error
    return True


def _is_absent(error: Any) -> bool:
    """CloudWatch has words of its own for it: `ResourceNotFound` (API reference, GetDashboard)."""
    code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    return is_not_found(error) or code in {"ResourceNotFound", "DashboardNotFoundError", "ResourceNotFoundException"}
