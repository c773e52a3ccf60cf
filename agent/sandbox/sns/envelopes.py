"""The JSON in which SNS wraps what it delivers, and the HTTP headers beside it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from agent.domain.ports import Clock
from agent.sandbox.sns.signing import Signer

Envelope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stationery:
    """What every envelope of one server is made with."""

    signer: Signer
    endpoint: Callable[[], str]
    """Of the server, such as `http://127.0.0.1:40123`."""
    clock: Clock

    def notification(
        self,
        topic_arn: str,
        subscription_arn: str,
        message: str,
        message_id: str,
        subject: str | None,
        attributes: Mapping[str, Any] | None,
        version: str,
    ) -> Envelope:
        made: Envelope = {"Type": "Notification", "MessageId": message_id, "TopicArn": topic_arn, "Message": message}
        if subject:
            made["Subject"] = subject
        self._sign(made, version)
        made["UnsubscribeURL"] = self._url(Action="Unsubscribe", SubscriptionArn=subscription_arn)
        return {**made, "MessageAttributes": dict(attributes)} if attributes else made

    def confirmation(self, topic_arn: str, token: str, version: str) -> Envelope:
        made: Envelope = {
            "Type": "SubscriptionConfirmation",
            "MessageId": str(uuid.uuid4()),
            "Token": token,
            "TopicArn": topic_arn,
            "Message": f"This endpoint was subscribed to {topic_arn}. Visit the SubscribeURL to confirm it.",
            "SubscribeURL": self._url(Action="ConfirmSubscription", TopicArn=topic_arn, Token=token),
        }
        self._sign(made, version)
        return made

    def _sign(self, envelope: Envelope, version: str) -> None:
        at = datetime.fromtimestamp(self.clock(), UTC)
        envelope["Timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        envelope["SignatureVersion"] = version
        envelope["Signature"] = self.signer.sign(envelope, version)
        envelope["SigningCertURL"] = self.endpoint() + self.signer.path

    def _url(self, **query: str) -> str:
        return f"{self.endpoint()}/?{urlencode(query)}"


def headers(envelope: Mapping[str, Any], subscription_arn: str | None, raw: bool = False) -> Mapping[str, str]:
    """Without a subscription's ARN for a confirmation; `raw` says that only the message is in the body."""
    made = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": str(envelope["Type"]),
        "x-amz-sns-message-id": str(envelope["MessageId"]),
        "x-amz-sns-topic-arn": str(envelope["TopicArn"]),
    }
    if subscription_arn is not None:
        made["x-amz-sns-subscription-arn"] = subscription_arn
    return {**made, "x-amz-sns-rawdelivery": "true"} if raw else made
