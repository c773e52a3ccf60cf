"""EC2's instance metadata, version 2 only: a fallback for what EMR's files on the node do not tell.

botocore's own reader of it derives the Region by cutting the last letter off the zone, which is wrong in Local Zones.
"""

from __future__ import annotations

import ipaddress
import json

import requests

ENDPOINT = "http://169.254.169.254"
TIMEOUT_S = 1.0
ATTEMPTS = 2

_TOKEN_TTL_S = 60


class Imds:
    """Every answer is None when there is none: no EC2, metadata switched off, too many hops.

    After a token could not be had nothing more is asked: off EC2 each question would cost its time-out.
    """

    def __init__(self, endpoint: str = ENDPOINT, timeout_s: float = TIMEOUT_S, attempts: int = ATTEMPTS) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._token: str | None = None
        self._given_up = False

    def region(self) -> str | None:
        return self._identity("region")

    def account_id(self) -> str | None:
        return self._identity("accountId")

    def private_address(self) -> str | None:
        """IPv4."""
        found = self._get("/latest/meta-data/local-ipv4")
        try:
            return None if found is None else str(ipaddress.IPv4Address(found.strip()))
        except ValueError:
            return None

    def _identity(self, field: str) -> str | None:
        text = self._get("/latest/dynamic/instance-identity/document")
        try:
            document = json.loads(text or "")
        except ValueError:
            return None
        found = document.get(field) if isinstance(document, dict) else None
        return found if isinstance(found, str) and found else None

    def _get(self, path: str) -> str | None:
        if self._token is None and not self._given_up:
            self._token = self._ask("PUT", "/latest/api/token", "-ttl-seconds", str(_TOKEN_TTL_S))
            self._given_up = self._token is None
        return None if self._token is None else self._ask("GET", path, "", self._token)

    def _ask(self, method: str, path: str, header: str, value: str) -> str | None:
        headers = {f"X-aws-ec2-metadata-token{header}": value}
        with requests.Session() as session:
            # a proxy would be asked for its own metadata
            session.trust_env = False
            for _ in range(self._attempts):
                try:
                    answer = session.request(
                        method, self._endpoint + path, headers=headers, timeout=self._timeout_s, allow_redirects=False
                    )
                except requests.RequestException:
                    continue
                if answer.status_code == 200:
                    return answer.text
                if answer.status_code < 500:
                    return None
        return None
