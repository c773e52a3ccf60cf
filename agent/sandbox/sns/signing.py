"""Signatures of SNS messages, with a key of the sandbox and a certificate that it serves.

Source: "Verifying the signatures of Amazon SNS messages" in SNS's developer guide.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

HASHES: Mapping[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}
"""By SignatureVersion. A topic has version 1 unless its attribute SignatureVersion says otherwise."""

SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip
"""What is signed of each type, in this order; a subject only when there is one."""

VALID_FOR = timedelta(days=365)


def text_to_sign(message: Mapping[str, str]) -> str:
    return "".join(f"{name}\n{message[name]}\n" for name in SIGNED[message["Type"]] if name in message)


class Signer:
    """Makes its key when it first signs: that takes a noticeable part of a second."""

    def sign(self, message: Mapping[str, str], version: str) -> str:
        """The value of `Signature`. Raises KeyError for another version than 1 and 2."""
        signature = self._key.sign(text_to_sign(message).encode(), padding.PKCS1v15(), HASHES[version]())
        return base64.b64encode(signature).decode()

    @property
    def path(self) -> str:
        """Where the certificate is to be served."""
        return f"/SimpleNotificationService-{hashlib.sha256(self.certificate).hexdigest()[:32]}.pem"

    @cached_property
    def certificate(self) -> bytes:
        """PEM, signed by itself."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + VALID_FOR)
            .sign(self._key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
