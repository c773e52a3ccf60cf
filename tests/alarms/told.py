"""Settings for the tests of alarms."""

from __future__ import annotations

from typing import Any

from agent.settings import Settings

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
PERSON = "arn:aws:sns:eu-west-1:123456789012:person"
CLUSTER = "j-2AXXXXXXGAPLF"


def told(
    name: str = "", sink: dict[str, Any] | None = None, aws: dict[str, Any] | None = None, **alarms: Any
) -> Settings:
    tables = {
        "fleet": {"max_capacity_units": 9},
        "cluster": {"name": name},
        "aws": aws or {},
        "sinks": {"cloudwatch": sink or {}},
        "alarms": {"topic_arns": [TOPIC], **alarms},
    }
    return Settings.model_validate(tables)


def own(**more: Any) -> dict[str, Any]:
    return {"name": "mine", "metric": "AppsPending", "comparison": ">", "bound": 3, "for_s": 300, **more}
