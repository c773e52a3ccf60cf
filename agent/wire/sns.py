"""SNS's envelope: what it wraps a message in for a queue or an HTTPS endpoint, and what it signs of it. Pure.

Source: Amazon SNS Developer Guide, "Parsing message formats" and "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


_SIGNED = {
    Kind.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    Kind.SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    Kind.UNSUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""In the order in which they are signed: by name."""
_OPTIONAL = frozenset({"Subject"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    kind: Kind
    topic_arn: str
    message: str
    signature: bytes
    signature_version: str
    """`1` (SHA-1) or `2` (SHA-256), of RSA with PKCS #1 v1.5."""
    certificate_url: str
    signed: bytes
    """What the signature is over."""
    subscribe_url: str = ""
    """Of a confirmation: visiting it confirms."""


def is_envelope(found: Mapping[str, Any]) -> bool:
    """Whether the object claims to be one; an alarm's own notice has no such keys."""
    return "TopicArn" in found and "Type" in found


def envelope(found: Mapping[str, Any]) -> Envelope | None:
    """None for what is no envelope. Never raises."""
    try:
        kind = Kind(str(found.get("Type")))
    except ValueError:
        return None
    names = [name for name in _SIGNED[kind] if name not in _OPTIONAL or found.get(name) is not None]
    told = [found.get(name) for name in (*names, "Signature", "SignatureVersion", "SigningCertURL")]
    if not all(isinstance(text, str) for text in told):
        return None
    try:
        signature = base64.b64decode(found["Signature"], validate=True)
        signed = "".join(f"{name}\n{found[name]}\n" for name in names).encode()
    except (binascii.Error, ValueError):
        return None
    return Envelope(
        kind=kind,
        topic_arn=found["TopicArn"],
        message=found["Message"],
        signature=signature,
        signature_version=found["SignatureVersion"],
        certificate_url=found["SigningCertURL"],
        signed=signed,
        subscribe_url=found.get("SubscribeURL", "") if kind is Kind.SUBSCRIPTION else "",
    )
