"""The operations on dashboards."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from moto.cloudwatch.exceptions import CloudWatchException

from agent.sandbox.cloudwatch.alarm_operations import moment
from agent.sandbox.cloudwatch.dashboard_body import Finding, findings
from agent.sandbox.cloudwatch.model import Dashboard, Model, Operation, page
from agent.sandbox.cloudwatch.refusals import bad_value, not_found

PAGE = 1000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
Request = Mapping[str, Any]


class DashboardInvalid(CloudWatchException):
    """With all that is wrong, which boto3 shows in the error's response."""

    code = "InvalidParameterInput"

    def __init__(self, found: list[Mapping[str, str]]) -> None:
        listed = json.dumps(found)
        super().__init__(f"The dashboard body is invalid, there are {len(found)} validation errors: {listed}")
        self.dashboard_validation_messages = found


def put_dashboard(model: Model, request: Request) -> Mapping[str, Any]:
    """Refused when the body is wrong; with what is merely unknown in it, it is kept and that is said."""
    name, body = request["DashboardName"], request["DashboardBody"]
    if not _NAME.fullmatch(name):
        raise bad_value(
            "The value for field DashboardName contains invalid characters. Only A-Z a-z 0-9 _ - are valid."
        )
    found = findings(body)
    if any(one.fatal for one in found):
        raise DashboardInvalid([_message(one) for one in found if one.fatal])
    made = Dashboard(name, f"arn:aws:cloudwatch::{model.alarms.account}:dashboard/{name}", body, model.clock())
    model.dashboards[name] = made
    return {"DashboardValidationMessages": [_message(one) for one in found]}


def _message(finding: Finding) -> Mapping[str, str]:
    return {"DataPath": finding.path, "Message": finding.text}


def get_dashboard(model: Model, request: Request) -> Mapping[str, Any]:
    found = _known(model, request["DashboardName"])
    return {"DashboardArn": found.arn, "DashboardBody": found.body, "DashboardName": found.name}


def list_dashboards(model: Model, request: Request) -> Mapping[str, Any]:
    prefix = request.get("DashboardNamePrefix", "")
    found = [one for name, one in sorted(model.dashboards.items()) if name.startswith(prefix)]
    shown, token = page(found, PAGE, request.get("NextToken"))
    entries = [
        {
            "DashboardName": one.name,
            "DashboardArn": one.arn,
            "LastModified": moment(one.modified_at),
            "Size": len(one.body.encode()),
        }
        for one in shown
    ]
    return {"DashboardEntries": entries, **({"NextToken": token} if token else {})}


def delete_dashboards(model: Model, request: Request) -> None:
    """All of them or, when one is unknown, none."""
    for name in request["DashboardNames"]:
        _known(model, name)
    for name in request["DashboardNames"]:
        model.dashboards.pop(name, None)


def _known(model: Model, name: str) -> Dashboard:
    if name not in model.dashboards:
        raise not_found(f"Dashboard {name} does not exist")
    return model.dashboards[name]


OPERATIONS: Mapping[str, Operation] = {
    "DeleteDashboards": delete_dashboards,
    "GetDashboard": get_dashboard,
    "ListDashboards": list_dashboards,
    "PutDashboard": put_dashboard,
}
