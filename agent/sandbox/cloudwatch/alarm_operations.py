"""The operations on alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException

from agent.sandbox.cloudwatch.alarms import Alarm
from agent.sandbox.cloudwatch.definitions import MetricAlarm, check_actions, metric_alarm_of
from agent.sandbox.cloudwatch.metrics import Metric, metric_of
from agent.sandbox.cloudwatch.model import Model, Operation, page
from agent.sandbox.cloudwatch.refusals import invalid, not_found, not_in_sandbox
from agent.sandbox.cloudwatch.rules import Rule, RuleError, parse
from agent.sandbox.cloudwatch.states import State

MAX_ALARMS = 5000
"""Of one account in one Region."""
PAGE = 50
HISTORY_PAGE = 100
Request = Mapping[str, Any]


def put_metric_alarm(model: Model, request: Request) -> None:
    definition = metric_alarm_of(request, model.region)
    _put(model, request, definition)


def put_composite_alarm(model: Model, request: Request) -> None:
    if "ActionsSuppressor" in request or "ActionConfiguration" in request:
        raise not_in_sandbox("The suppression of the actions of a composite alarm")
    check_actions(request, model.region)
    try:
        rule = parse(request["AlarmRule"])
    except RuleError as error:
        raise invalid(f"Error in AlarmRule: {error}") from error
    unknown = [name for name in rule.alarms() if name not in model.alarms.by_name and name != request["AlarmName"]]
    if unknown:
        raise invalid(
            f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm rule do not exist"
        )
    if request["AlarmName"] in _reached(model, rule):
        raise invalid("Could not save the composite alarm as its rule leads back to itself")
    _put(model, request, rule)


def _put(model: Model, request: Request, definition: MetricAlarm | Rule) -> None:
    name = request["AlarmName"]
    old = model.alarms.by_name.get(name)
    if old is not None and isinstance(old.definition, Rule) != isinstance(definition, Rule):
        raise invalid(f"An alarm of another type has the name {name}.")
    if old is None and len(model.alarms.by_name) >= MAX_ALARMS:
        raise ServiceException("LimitExceeded", f"There are {MAX_ALARMS} alarms already.")
    kept = {key: value for key, value in request.items() if key != "Tags"}
    alarm = model.alarms.put(kept, definition, model.clock())
    if old is None and request.get("Tags"):
        model.tags[alarm.arn] = {tag["Key"]: tag["Value"] for tag in request["Tags"]}


def _reached(model: Model, rule: Rule) -> set[str]:
    """Every alarm that the state of this rule hangs on."""
    found: set[str] = set()
    waiting = list(rule.alarms())
    while waiting:
        name = waiting.pop()
        alarm = model.alarms.by_name.get(name)
        if name not in found and alarm is not None and isinstance(alarm.definition, Rule):
            waiting.extend(alarm.definition.alarms())
        found.add(name)
    return found


def describe_alarms(model: Model, request: Request) -> Mapping[str, Any]:
    if "AlarmNames" in request and "AlarmNamePrefix" in request:
        raise invalid("AlarmNames and AlarmNamePrefix cannot both be given.")
    found = [alarm for _, alarm in sorted(model.alarms.by_name.items()) if _wanted(model, alarm, request)]
    shown, token = page(found, request.get("MaxRecords", PAGE), request.get("NextToken"))
    answer: dict[str, Any] = {
        "MetricAlarms": [described(alarm) for alarm in shown if alarm.kind == "MetricAlarm"],
        "CompositeAlarms": [described(alarm) for alarm in shown if alarm.kind == "CompositeAlarm"],
    }
    return {**answer, "NextToken": token} if token else answer


def _wanted(model: Model, alarm: Alarm, request: Request) -> bool:
    actions = [*alarm.request.get("OKActions", ()), *alarm.request.get("AlarmActions", ())]
    actions.extend(alarm.request.get("InsufficientDataActions", ()))
    parent = model.alarms.by_name.get(request.get("ChildrenOfAlarmName", ""))
    children = parent.definition.alarms() if parent is not None and isinstance(parent.definition, Rule) else ()
    # without AlarmTypes the answer has metric alarms only (DescribeAlarms in the API reference)
    types = request.get("AlarmTypes") or (
        ("MetricAlarm", "CompositeAlarm")
        if "ChildrenOfAlarmName" in request or "ParentsOfAlarmName" in request
        else ("MetricAlarm",)
    )
    return (
        alarm.kind in types
        and ("AlarmNames" not in request or alarm.name in request["AlarmNames"])
        and alarm.name.startswith(request.get("AlarmNamePrefix", ""))
        and request.get("StateValue", alarm.state) == alarm.state
        and ("ActionPrefix" not in request or any(one.startswith(request["ActionPrefix"]) for one in actions))
        and ("ChildrenOfAlarmName" not in request or alarm.name in children)
        and ("ParentsOfAlarmName" not in request or alarm.name in model.alarms.parents(request["ParentsOfAlarmName"]))
    )


def described(alarm: Alarm) -> Mapping[str, Any]:
    """As DescribeAlarms has it."""
    lists: Mapping[str, Any] = {"OKActions": [], "AlarmActions": [], "InsufficientDataActions": []}
    only_metric: Mapping[str, Any] = {"Dimensions": []} if "MetricName" in alarm.request else {}
    return {
        **lists,
        **only_metric,
        **alarm.request,
        "AlarmArn": alarm.arn,
        "ActionsEnabled": alarm.actions_enabled,
        "AlarmConfigurationUpdatedTimestamp": moment(alarm.updated_at),
        "StateValue": str(alarm.state),
        "StateReason": alarm.reason,
        **({"StateReasonData": alarm.data} if alarm.data else {}),
        "StateUpdatedTimestamp": moment(alarm.state_at),
        "StateTransitionedTimestamp": moment(alarm.state_at),
    }


def describe_alarms_for_metric(model: Model, request: Request) -> Mapping[str, Any]:
    wanted = metric_of(request["Namespace"], request["MetricName"], request.get("Dimensions", ()))
    return {"MetricAlarms": [described(alarm) for alarm in model.alarms.by_name.values() if _metric(alarm) == wanted]}


def _metric(alarm: Alarm) -> Metric | None:
    if isinstance(alarm.definition, Rule) or "MetricName" not in alarm.request:
        return None
    return alarm.definition.plan.metrics[alarm.definition.watched].metric


def delete_alarms(model: Model, request: Request) -> None:
    """Names that are unknown are passed over, as in CloudWatch (DeleteAlarms in the API reference)."""
    names = request["AlarmNames"]
    there = [model.alarms.by_name[name] for name in names if name in model.alarms.by_name]
    if sum(alarm.kind == "CompositeAlarm" for alarm in there) > 1:
        raise invalid("At most one composite alarm can be deleted at a time.")
    for alarm in there:
        if set(model.alarms.parents(alarm.name)) - set(names):
            raise invalid(f"Cannot delete {alarm.name} as there are composite alarm(s) depending on it.")
        model.tags.pop(alarm.arn, None)
    model.alarms.delete(names, model.clock())


def set_alarm_state(model: Model, request: Request) -> None:
    alarm = _known(model, request["AlarmName"])
    data = request.get("StateReasonData", "")
    try:
        json.loads(data or "{}")
    except ValueError as error:
        raise ServiceException("InvalidFormat", "StateReasonData is not JSON") from error
    model.alarms.change(alarm, State(request["StateValue"]), request["StateReason"], data, model.clock())


def enable_alarm_actions(model: Model, request: Request) -> None:
    _switch(model, request, True)


def disable_alarm_actions(model: Model, request: Request) -> None:
    _switch(model, request, False)


def _switch(model: Model, request: Request, enabled: bool) -> None:
    for name in request["AlarmNames"]:
        if name in model.alarms.by_name:
            model.alarms.by_name[name].actions_enabled = enabled


def describe_alarm_history(model: Model, request: Request) -> Mapping[str, Any]:
    types = request.get("AlarmTypes") or ("MetricAlarm",)
    found = [
        item
        for item in model.alarms.history
        if request.get("AlarmName", item.alarm) == item.alarm
        and request.get("HistoryItemType", item.item_type) == item.item_type
        and (item.kind in types or "AlarmName" in request)
        and request.get("StartDate", item.at) <= item.at <= request.get("EndDate", item.at)
    ]
    if request.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        found.reverse()
    shown, token = page(found, request.get("MaxRecords", HISTORY_PAGE), request.get("NextToken"))
    items = [
        {
            "AlarmName": item.alarm,
            "AlarmType": item.kind,
            "Timestamp": moment(item.at),
            "HistoryItemType": item.item_type,
            "HistorySummary": item.summary,
            "HistoryData": item.data,
        }
        for item in shown
    ]
    return {"AlarmHistoryItems": items, **({"NextToken": token} if token else {})}


def list_tags(model: Model, request: Request) -> Mapping[str, Any]:
    tags = model.tags.get(_resource(model, request), {})
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def tag(model: Model, request: Request) -> None:
    tags = model.tags.setdefault(_resource(model, request), {})
    tags.update({one["Key"]: one["Value"] for one in request["Tags"]})


def untag(model: Model, request: Request) -> None:
    tags = model.tags.get(_resource(model, request), {})
    for key in request["TagKeys"]:
        tags.pop(key, None)


def _resource(model: Model, request: Request) -> str:
    arn = str(request["ResourceARN"])
    known = {alarm.arn for alarm in model.alarms.by_name.values()}
    if arn not in known | {dashboard.arn for dashboard in model.dashboards.values()}:
        raise ServiceException("ResourceNotFoundException", f"{arn} does not exist")
    return arn


def _known(model: Model, name: str) -> Alarm:
    alarm = model.alarms.by_name.get(name)
    if alarm is None:
        raise not_found(f"There is no alarm {name}")
    return alarm


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


OPERATIONS: Mapping[str, Operation] = {
    "DeleteAlarms": delete_alarms,
    "DescribeAlarmHistory": describe_alarm_history,
    "DescribeAlarms": describe_alarms,
    "DescribeAlarmsForMetric": describe_alarms_for_metric,
    "DisableAlarmActions": disable_alarm_actions,
    "EnableAlarmActions": enable_alarm_actions,
    "ListTagsForResource": list_tags,
    "PutCompositeAlarm": put_composite_alarm,
    "PutMetricAlarm": put_metric_alarm,
    "SetAlarmState": set_alarm_state,
    "TagResource": tag,
    "UntagResource": untag,
}
