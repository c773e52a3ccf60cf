"""Datums in the shape of PutMetricData, and how large they are on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from agent.domain.datums import Datum

ENVELOPE_BYTES = 512
"""The request around the datums: namespace (at most 255 characters) and punctuation."""


def encode(datum: Datum, storage_resolution_s: int) -> dict[str, Any]:
    """One MetricDatum."""
    return {
        "MetricName": datum.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in datum.dimensions],
        "Timestamp": datum.at,
        "Values": list(datum.distribution.values),
        "Counts": [float(count) for count in datum.distribution.counts],
        "Unit": str(datum.unit),
        "StorageResolution": storage_resolution_s,
    }


def size_of(entry: dict[str, Any]) -> int:
    """Bytes in the body of a request, uncompressed: botocore sends CloudWatch JSON (AWS JSON 1.0)."""
    return len(json.dumps(entry)) + len(", ")


def batches(entries: Iterable[tuple[int, dict[str, Any]]], count: int, body_bytes: int) -> Iterator[list[int]]:
    """Keys of `entries`, in order, so split that no batch passes either limit; one too large alone goes alone."""
    batch: list[int] = []
    size = ENVELOPE_BYTES
    for key, entry in entries:
        more = size_of(entry)
        if batch and (len(batch) == count or size + more > body_bytes):
            yield batch
            batch, size = [], ENVELOPE_BYTES
        batch.append(key)
        size += more
    if batch:
        yield batch
