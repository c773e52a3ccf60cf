"""Spot prices and instance types as EC2 answers them: a form in, XML out.

moto knows one price and one time for every type, and spends seconds on a whole EC2 before it tells what a type has.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from xml.etree import ElementTree

from moto.ec2.models.instance_types import INSTANCE_TYPES

from agent.sandbox.emr.refusals import Refusal
from agent.sandbox.market.prices import DESCRIPTIONS, Change, SpotMarket

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
HISTORY_S = 90 * 86_400.0
"""How far back it goes."""
PAGE = 1000
"""MaxResults, when it is not given, and at most."""

Form = Mapping[str, str]
Fields = list[tuple[str, "str | Fields"]]
"""Of one item, in order: texts, and fields again."""


def history(market: SpotMarket, form: Form, now: float, page_size: int = PAGE) -> bytes:
    """The answer's body. Raises Refusal."""
    since = max(_time(form, "StartTime", now), now - HISTORY_S)
    until = min(_time(form, "EndTime", now), now)
    types = _many(form, "InstanceType")
    if not types:
        raise Refusal("InvalidParameterValue", "The sandbox asks for InstanceTypes: it does not list all of EC2.")
    products = set(_many(form, "ProductDescription")) or set(DESCRIPTIONS)
    zones = _zones(form)
    found = [
        change
        for instance_type in types
        for zone in market.zones(instance_type)
        if zones is None or zone in zones
        for change in market.changes(instance_type, zone, since, until)
        if change.description in products
    ]
    found.sort(key=lambda change: (-change.at, change.instance_type, change.zone))
    return _page("DescribeSpotPriceHistory", "spotPriceHistorySet", [_fields(each) for each in found], form, page_size)


def fault(code: str, text: str) -> bytes:
    """EC2's form of an error."""
    root = ElementTree.Element("Response")
    error = ElementTree.SubElement(ElementTree.SubElement(root, "Errors"), "Error")
    ElementTree.SubElement(error, "Code").text = code
    ElementTree.SubElement(error, "Message").text = text
    ElementTree.SubElement(root, "RequestID").text = str(uuid.uuid4())
    return _text(root)


def instance_types(form: Form, page_size: int = PAGE) -> bytes:
    """The answer's body, with memory and processors of each type. Raises Refusal."""
    named, filters = _many(form, "InstanceType"), _filters(form)
    if unknown := [name for name in named if name not in INSTANCE_TYPES]:
        raise Refusal(
            "InvalidInstanceType", f"The following supplied instance types do not exist: [{', '.join(unknown)}]"
        )
    if others := filters.keys() - {"instance-type"}:
        raise Refusal("InvalidParameterValue", f"The filter '{min(others)}' is not in the sandbox.")
    found: list[Fields] = [
        [
            ("instanceType", name),
            ("memoryInfo", [("sizeInMiB", str(described["MemoryInfo"]["SizeInMiB"]))]),
            ("vCpuInfo", [("defaultVCpus", str(described["VCpuInfo"]["DefaultVCpus"]))]),
        ]
        for name, described in sorted(INSTANCE_TYPES.items())
        if (not named or name in named) and any(fnmatchcase(name, like) for like in filters.get("instance-type", "*"))
    ]
    return _page("DescribeInstanceTypes", "instanceTypeSet", found, form, page_size)


def _page(operation: str, name: str, found: list[Fields], form: Form, page_size: int) -> bytes:
    begin = form.get("NextToken") or "0"
    asked = form.get("MaxResults") or str(page_size)
    if not begin.isdigit() or not asked.isdigit():
        raise Refusal("InvalidParameterValue", "NextToken or MaxResults is not valid.")
    end = int(begin) + min(int(asked), page_size)
    root = ElementTree.Element(f"{operation}Response", xmlns=NAMESPACE)
    ElementTree.SubElement(root, "requestId").text = str(uuid.uuid4())
    items = ElementTree.SubElement(root, name)
    for fields in found[int(begin) : end]:
        _fill(ElementTree.SubElement(items, "item"), fields)
    # EC2 ends with an empty token, not without one
    ElementTree.SubElement(root, "nextToken").text = str(end) if end < len(found) else ""
    return _text(root)


def _fill(element: ElementTree.Element, fields: Fields) -> None:
    for name, value in fields:
        child = ElementTree.SubElement(element, name)
        if isinstance(value, str):
            child.text = value
        else:
            _fill(child, value)


def _text(root: ElementTree.Element) -> bytes:
    written: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return written


def _fields(change: Change) -> Fields:
    return [
        ("instanceType", change.instance_type),
        ("productDescription", change.description),
        ("spotPrice", f"{change.usd:.6f}"),
        ("timestamp", datetime.fromtimestamp(change.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")),
        ("availabilityZone", change.zone),
    ]


def _zones(form: Form) -> set[str] | None:
    """Those asked for, by parameter or filter; None for all."""
    filters = _filters(form)
    if others := filters.keys() - {"availability-zone"}:
        raise Refusal("InvalidParameterValue", f"The filter '{min(others)}' is not in the sandbox.")
    if "AvailabilityZone" in form:
        return {form["AvailabilityZone"]}
    return set(filters["availability-zone"]) if filters else None


def _filters(form: Form) -> Mapping[str, list[str]]:
    names = [key for key in form if key.startswith("Filter.") and key.endswith(".Name")]
    return {form[name]: _many(form, name.removesuffix("Name") + "Value") for name in names}


def _many(form: Form, name: str) -> list[str]:
    return [value for key, value in form.items() if key.startswith(f"{name}.")]


def _time(form: Form, name: str, default: float) -> float:
    try:
        return datetime.fromisoformat(form[name]).timestamp() if name in form else default
    except ValueError as error:
        raise Refusal("InvalidParameterValue", f"{name} is no time") from error
