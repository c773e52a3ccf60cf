"""What CloudWatch and SNS send, made by the test: alarms' notices, envelopes, and a signature of the test's own."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

ACCOUNT, REGION, CLUSTER = "123456789012", "eu-west-1", "j-TEST"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
NOW = 1_800_000_000.0


def stamp(at: float) -> str:
    """As CloudWatch writes a time."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def alarm(name: str = "heap", *, state: str = "ALARM", at: float = NOW, **changed: Any) -> dict[str, Any]:
    """The example of the user guide, in short; `dimensions` are those of its metric."""
    account, region = changed.pop("account", ACCOUNT), changed.pop("region", REGION)
    dimensions = changed.pop("dimensions", {"ClusterId": CLUSTER})
    return {
        "AlarmName": name,
        "AlarmDescription": None,
        "AWSAccountId": account,
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint [91.0] was greater than the threshold (85.0).",
        "StateChangeTime": stamp(at),
        "Region": "EU (Ireland)",
        "AlarmArn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
        "OldStateValue": "OK" if state == "ALARM" else "ALARM",
        "Trigger": {
            "MetricName": "ExecutorHeapUsedPercent",
            "Namespace": "Tidemark",
            "Dimensions": [{"value": value, "name": name} for name, value in dimensions.items()],
        },
        **changed,
    }


@cache
def key(number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    number: int = 0, *, begins: timedelta = timedelta(days=-1), ends: timedelta = timedelta(days=2)
) -> bytes:
    """PEM, around the time of these notices."""
    now = datetime.fromtimestamp(NOW, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key(number).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .sign(key(number), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


SIGNED = {
    "Notification": ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
    "SubscriptionConfirmation": ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
    "UnsubscribeConfirmation": ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
}


def envelope(
    message: Mapping[str, Any] | str, *, certificate_url: str, number: int = 0, **changed: Any
) -> dict[str, Any]:
    """Signed over what it says; `changed` before the signature."""
    made: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "TopicArn": TOPIC,
        "Subject": "ALARM: heap",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2027-01-15T08:00:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": certificate_url,
        **changed,
    }
    made = {name: value for name, value in made.items() if value is not None}
    text = "".join(f"{name}\n{made[name]}\n" for name in SIGNED[made["Type"]] if name in made)
    digest: hashes.HashAlgorithm = hashes.SHA1() if made["SignatureVersion"] == "1" else hashes.SHA256()
    signature = key(number).sign(text.encode(), padding.PKCS1v15(), digest)
    return {**made, "Signature": base64.b64encode(signature).decode()}
