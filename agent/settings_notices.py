"""Settings of the notices that go out by SNS."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from agent.domain.notices import NoticeKind
from agent.settings_base import Count, Model, Seconds


def _standard_topic(arn: str) -> str:
    parts = arn.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns" or not all(parts[3:]):
        raise ValueError(f"{arn!r} is no topic: give its ARN, arn:aws:sns:<region>:<account>:<name>")
    if arn.endswith(".fifo"):
        raise ValueError(f"{arn!r} is a FIFO topic, which has no subscribers by e-mail or HTTP: give a standard one")
    return arn


Topic = Annotated[str, AfterValidator(_standard_topic)]


class NoticeSettings(Model):
    """What is told by SNS, and how often at most; see `docs/notices.md`."""

    topic_arn: Topic | None = Field(
        None, description="SNS topic for notices as text, for people. Unset: notices are only in the log."
    )
    json_topic_arn: Topic | None = Field(
        None,
        description="SNS topic for the same notices as JSON, for programs. It may be the same topic: the message "
        "attribute `format` (`text`, `json`) tells them apart, and a subscription's filter policy can ask for one.",
    )
    kinds: tuple[NoticeKind, ...] | None = Field(
        None, description="Which kinds are told; what takes the cluster with it always is. Unset: all."
    )
    min_interval_s: Annotated[float, Field(ge=0)] = Field(
        300.0, description="Two notices of one kind are at least so far apart; those between are counted."
    )
    max_per_hour: Count = Field(
        12, description="No more in any hour, all kinds together; the end of the cluster is told all the same."
    )
    refusal_after_s: Seconds = Field(
        1800.0, description="A resize or an end that one guard has withheld for so long is told."
    )
    blind_after_s: Seconds = Field(
        600.0, description="A cluster manager that has not been heard of for so long is told."
    )
