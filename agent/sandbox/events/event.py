"""One event of a service of AWS, and the JSON in which EventBridge hands it to a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: float
    """When it happened, by the sandbox's clock: `time` of the event, which has whole seconds."""
    source: str
    """Such as `aws.emr`."""
    detail_type: str
    detail: Mapping[str, Any]
    resources: tuple[str, ...] = ()

    def body(self, event_id: str, region: str, account: str) -> Mapping[str, Any]:
        """As a queue has it that is the target of a rule without an input transformer."""
        return {
            "version": "0",
            "id": event_id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": account,
            "time": iso(self.at),
            "region": region,
            "resources": list(self.resources),
            "detail": dict(self.detail),
        }


def iso(at: float) -> str:
    """`2026-01-31T09:05:00Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
