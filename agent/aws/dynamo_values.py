"""Rows as DynamoDB's attribute values, by boto3's own serializer; its numbers are decimal, ours int and float."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def attribute_value(value: Any) -> dict[str, Any]:
    """A value of JSON, such as `{"S": "text"}`. A float is written with the digits that tell it from every other, so
    that it comes back as it was. Raises ValueError for what DynamoDB or JSON does not have: a set, infinity."""
    try:
        return dict(_serializer.serialize(_decimal(value)))
    except ArithmeticError as error:
        raise ValueError(f"DynamoDB has no number like one in {value!r}: 38 digits, and less than 1e126") from error


def attribute_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attribute_value(value) for name, value in values.items()}


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The other way: whole numbers come as int, however they were written (1.0 is stored as 1). Beyond
    2**53 that is not always the float that was written: its digits are."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in values.items()}


def _decimal(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"DynamoDB has no number {value}")
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _decimal(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_decimal(inner) for inner in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    raise ValueError(f"not a value of JSON: {value!r}")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        whole = int(value)
        return whole if whole == value else float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
