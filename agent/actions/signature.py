"""Whether SNS has signed a message: with a certificate that comes from SNS itself.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages". That the certificate is fetched
over HTTPS from SNS's own host is what it is trusted for; its chain adds nothing to that.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from agent import log
from agent.actions.origin import is_certificate_at
from agent.domain.ports import Clock
from agent.sources.http_reader import Failed, HttpReader
from agent.wire.sns import Envelope

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

FETCH_TIMEOUT_S = 10.0
MAX_CERTIFICATE_BYTES = 65_536
MAX_CERTIFICATES = 8
MAX_FAILED = 64
RETRY_S = 30.0
"""After a certificate could not be had it is not asked for again at once."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell now; later perhaps."""

    why: str


class Verifier:
    """Safe to use from every thread. `origin`: scheme and host that certificates are fetched from, and nowhere else."""

    def __init__(self, origin: str, clock: Clock) -> None:
        self._origin = origin
        self._clock = clock
        self._reader = HttpReader(FETCH_TIMEOUT_S, MAX_CERTIFICATE_BYTES)
        self._known: dict[str, Certificate] = {}
        self._failed: dict[str, tuple[float, str]] = {}
        """By URL: when it could not be had, and why. Of each its own: a made-up one must not bar the true one."""
        self._lock = threading.Lock()

    def is_genuine(self, envelope: Envelope) -> bool | Unknown:
        """Whether SNS has signed exactly this. Takes no longer than one fetch of a certificate."""
        url = envelope.certificate_url
        if envelope.signature_version not in {"1", "2"} or not is_certificate_at(url, self._origin):
            return False
        with self._lock:
            certificate = self._certificate(url)
        if certificate is None or isinstance(certificate, Unknown):
            return False if certificate is None else certificate
        return self._is_in_force(certificate) and _signed(certificate, envelope)

    def _certificate(self, url: str) -> Certificate | Unknown | None:
        """None for what is no certificate."""
        from cryptography import x509

        if url in self._known:
            return self._known[url]
        now = self._clock()
        failed = self._failed.get(url)
        if failed is not None and 0 <= now - failed[0] < RETRY_S:
            return Unknown(failed[1])
        body = self._reader.body(url)
        if isinstance(body, Failed):
            why = f"{url}: {body.failure}: {body.detail}"
            _keep(self._failed, url, (now, why), MAX_FAILED)
            log.event(logging.WARNING, "alarm.certificate_not_read", url=url, why=str(body.failure), error=body.detail)
            return Unknown(why)
        try:
            certificate = x509.load_pem_x509_certificate(body)
        except ValueError as error:
            log.event(logging.WARNING, "alarm.no_certificate", url=url, error=str(error))
            return None
        _keep(self._known, url, certificate, MAX_CERTIFICATES)
        return certificate

    def _is_in_force(self, certificate: Certificate) -> bool:
        now = datetime.fromtimestamp(self._clock(), UTC)
        return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _keep(kept: dict[str, T], url: str, value: T, most: int) -> None:
    """Under that URL, and at most so many, the latest."""
    kept.pop(url, None)
    while len(kept) >= most:
        del kept[next(iter(kept))]
    kept[url] = value


def _signed(certificate: Certificate, envelope: Envelope) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    digest = hashes.SHA256() if envelope.signature_version == "2" else hashes.SHA1()
    try:
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(envelope.signature, envelope.signed, PKCS1v15(), digest)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
