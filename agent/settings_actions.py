"""Settings of what somebody outside may ask for: alarms by way of SNS, and people at the primary."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from agent.settings_base import Model, Seconds, Units

QUEUE_URL = r"^https?://\S+/(?P<account>\d{12})/[A-Za-z0-9_-]{1,80}$"
TOPIC_ARN = r"^arn:(?P<partition>aws[a-z-]*):sns:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):[A-Za-z0-9_-]{1,256}$"
"""No FIFO queue and no FIFO topic: CloudWatch's alarms go to standard topics."""


class AlarmState(StrEnum):
    ALARM = "ALARM"
    OK = "OK"


class AlarmAction(Model):
    """What one alarm asks for when it comes into a state. Exactly one of the three sizes."""

    name: str = Field(
        min_length=1,
        max_length=255,
        description="The alarm's name; of one that `tidemark alarms put` made, its end without the cluster: "
        "`memory-low`.",
    )
    state: AlarmState = Field(AlarmState.ALARM, description="The state that it has just come into.")
    adjustment_units: int | None = Field(None, description="Capacity units to add; negative removes.")
    adjustment_percent: Annotated[float, Field(ge=-100, le=10_000)] | None = Field(
        None, description="Percent of the present target to add; negative removes. At least one unit."
    )
    to_units: Units | None = Field(None, description="The target itself.")
    cooldown_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        300.0,
        description="For so long after its resize this alarm makes no other, and no policy resizes the other way.",
    )

    @model_validator(mode="after")
    def _one_size(self) -> AlarmAction:
        given = [size for size in (self.adjustment_units, self.adjustment_percent, self.to_units) if size is not None]
        if len(given) != 1 or 0 in (self.adjustment_units, self.adjustment_percent):
            raise ValueError(
                "give exactly one of adjustment_units, adjustment_percent and to_units; no adjustment of 0"
            )
        return self


class EndpointSettings(Model):
    """An HTTPS endpoint that SNS delivers to, where a queue is not to be had. Off by default."""

    enabled: bool = Field(False, description="Whether it listens.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(8443, description="Port; 0: one of the system's choice.")
    certificate_path: Path | None = Field(
        None, description="Its certificate and the chain up to an authority that SNS trusts, PEM."
    )
    key_path: Path | None = Field(None, description="The private key of that certificate, PEM, without a passphrase.")
    request_timeout_s: Seconds = Field(10.0, description="Time for a whole request, the TLS handshake included.")

    @model_validator(mode="after")
    def _has_a_certificate(self) -> EndpointSettings:
        if self.enabled and (self.certificate_path is None or self.key_path is None):
            raise ValueError(
                "an endpoint needs certificate_path and key_path: SNS's signature does not hide what it says"
            )
        return self


class ActionsSettings(Model):
    """What somebody outside may ask for. A request passes the same guards as any policy."""

    queue_url: Annotated[str, Field(pattern=QUEUE_URL)] | None = Field(
        None, description="SQS queue that is subscribed to the alarms' topic. Unset: no queue is read."
    )
    topic_arn: Annotated[str, Field(pattern=TOPIC_ARN)] | None = Field(
        None,
        description="The alarms' SNS topic. Notices of another topic, and of alarms of another account or Region, are "
        "refused. Required with a queue or the endpoint.",
    )
    verify_signatures: bool = Field(
        True, description="Whether a notice must bear SNS's signature. The endpoint asks for it in any case."
    )
    accept_raw: bool = Field(
        False,
        description="Whether the queue may deliver notices raw, without SNS's envelope. They bear no signature: the "
        "queue's own policy is then all that keeps others out.",
    )
    sns_origin: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:-]+$")] | None = Field(
        None,
        description="Where SNS's signing certificates and confirmations are. Unset: `https://sns.<Region of the "
        "topic>.amazonaws.com`, which is right everywhere but in the sandbox.",
    )
    max_age_s: Annotated[Seconds, Field(le=86_400)] = Field(
        300.0, description="An alarm's change that is older is refused, and what a guard withholds so long is dropped."
    )
    by_hand_cooldown_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        900.0,
        description="For so long after what a person asked for, no policy and no alarm resizes the other way: a node "
        "needs minutes to come, and then to find work.",
    )
    request_path: Path = Field(
        Path("/var/lib/tidemark/scale.json"),
        description="Where `tidemark scale` leaves what it asks for; the answer is beside it.",
    )
    ledger_path: Path = Field(
        Path("/var/lib/tidemark/requests.json"),
        description="What has been done already, so that nothing is done twice after a restart.",
    )
    endpoint: EndpointSettings = EndpointSettings()
    alarms: tuple[AlarmAction, ...] = Field((), description="What alarms ask for.")

    @model_validator(mode="after")
    def _knows_its_topic(self) -> ActionsSettings:
        if (self.queue_url is not None or self.endpoint.enabled) and self.topic_arn is None:
            raise ValueError("topic_arn is required with queue_url or the endpoint: it says whose notices count")
        named = [(action.name, action.state) for action in self.alarms]
        if twice := sorted({f"{name} {state}" for name, state in named if named.count((name, state)) > 1}):
            raise ValueError(f"an alarm asks for one thing in each state: {', '.join(twice)}")
        return self

    @property
    def topic(self) -> re.Match[str]:
        """The parts of the topic's ARN. Only where there is one."""
        found = re.fullmatch(TOPIC_ARN, self.topic_arn or "")
        assert found is not None, "the model has checked it"
        return found

    @property
    def origin(self) -> str:
        """Scheme and host of SNS for the topic, in lower case."""
        if self.sns_origin is not None:
            return self.sns_origin.lower()
        suffix = ".cn" if self.topic["partition"] == "aws-cn" else ""
        return f"https://sns.{self.topic['region']}.amazonaws.com{suffix}"

    def of_alarm(self, names: tuple[str, ...], state: str) -> AlarmAction | None:
        """What an alarm with one of these names asks for in that state."""
        return next((action for action in self.alarms if action.name in names and action.state == state), None)


def sizes(action: AlarmAction) -> dict[str, Any]:
    """The size, by the names that a request has for it."""
    return {"units": action.adjustment_units, "percent": action.adjustment_percent, "to_units": action.to_units}
