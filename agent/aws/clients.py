"""boto3 clients with short time-outs, made when first asked for: each costs several megabytes."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config

from agent.settings import AwsSettings


class Clients:
    """One client a service. Clients are safe to share between threads; making one is not, hence the lock."""

    def __init__(self, settings: AwsSettings, region: str | None = None) -> None:
        self._settings = settings
        self._session = boto3.session.Session(region_name=settings.region or region or None)
        self._config = Config(
            connect_timeout=settings.connect_timeout_s,
            read_timeout=settings.read_timeout_s,
            retries={"mode": "standard", "total_max_attempts": settings.max_attempts},
            user_agent_extra="tidemark",
        )
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def emr(self) -> Any:
        return self._client("emr")

    @property
    def cloudwatch(self) -> Any:
        return self._client("cloudwatch")

    @property
    def sns(self) -> Any:
        return self._client("sns")

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._made:
                self._made[service] = self._session.client(
                    service, endpoint_url=self._settings.endpoint_url, config=self._config
                )
            return self._made[service]
