"""EC2's instance metadata, version 2 only: a fallback for what EMR's files on the node do not tell.

botocore's own reader of it derives the Region by cutting the last letter off the zone, which is wrong in Local Zones.
"""

from __future__ import annotations

import ipaddress
import json
from datetime import UTC, datetime

import requests

from agent.domain.observation import REBALANCE

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

    def on_spot(self) -> bool | None:
        """Whether this instance was bought on the spot market."""
        found = self._get("/latest/meta-data/instance-life-cycle")
        return None if found is None else found.strip() == "spot"

    def spot_notice(self) -> tuple[str, float | None] | None:
        """What EC2 is about to do to this spot instance (`terminate`, `stop`, `hibernate`), and when."""
        return self._event("/latest/meta-data/spot/instance-action", "action", "time")

    def rebalance_notice(self) -> tuple[str, float | None] | None:
        """`rebalance`, and when EC2 recommended it: the instance is likelier than others to be interrupted."""
        return self._event("/latest/meta-data/events/recommendations/rebalance", None, "noticeTime")

    def _event(self, path: str, word: str | None, time: str) -> tuple[str, float | None] | None:
        """An answer that cannot be read is a notice all the same: without one EC2 answers 404."""
        text = self._get(path)
        if text is None:
            return None
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        told = found if isinstance(found, dict) else {}
        action = REBALANCE if word is None else told.get(word)
        return action if isinstance(action, str) and action else "interrupt", _unix_time(told.get(time))

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


def _unix_time(text: object) -> float | None:
    """Of `2020-10-27T08:22:00Z`; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
