"""boto3 clients with short time-outs, made when first asked for: each costs several megabytes."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import DataNotFoundError, InvalidRegionError, UnknownRegionError, UnknownServiceError
from botocore.loaders import Loader

from agent.aws.errors import DENIED
from agent.settings import AwsSettings

SERVICES = ("emr", "cloudwatch", "sns", "sqs", "sts", "ec2", "pricing", "dynamodb")
"""Those that the node calls."""
LONGEST_WAIT_S = 20.0
"""So long SQS may wait for a message before it answers (ReceiveMessage, WaitTimeSeconds)."""


def read_timeout_s(settings: AwsSettings) -> float:
    """Of the client for SQS."""
    return LONGEST_WAIT_S + settings.read_timeout_s


def has_model(service: str) -> bool:
    """Whether the installed botocore knows the service: a bundle carries only some."""
    try:
        Loader().load_service_model(service, "service-2")
    except (DataNotFoundError, UnknownServiceError):
        return False
    return True


def price_list_region(region: str) -> str:
    """The nearest endpoint of the Price List API: one of the same partition and, if there is one, continent.

    botocore's table of endpoints has them: us-east-1, eu-central-1 and ap-south-1, one in China, none in GovCloud,
    whose prices are in the list of us-east-1 but not for the credentials of GovCloud.
    """
    session = boto3.session.Session()
    try:
        partition = session.get_partition_for_region(region)
    except (UnknownRegionError, InvalidRegionError):
        partition = "aws"
    offered = session.get_available_regions("pricing", partition_name=partition) or ["us-east-1"]
    continent = region.partition("-")[0]
    near = [one for one in offered if one.partition("-")[0] == continent]
    return str((near or [one for one in offered if one == "us-east-1"] or offered)[0])


class RightsListener(Protocol):
    """Hears what AWS's answers say of the agent's rights, in the thread that made the call."""

    def denied(self, operation: str, said: str) -> None: ...

    def allowed(self, operation: str) -> None: ...


class Clients:
    """One client a service. Clients are safe to share between threads; making one is not, hence the lock.

    `rights` hears of every call that AWS denied or did; what failed for another reason says nothing of rights.
    """

    def __init__(self, settings: AwsSettings, region: str | None = None, rights: RightsListener | None = None) -> None:
        self._settings = settings
        self._rights = rights
        self._session = boto3.session.Session(region_name=settings.region or region or None)
        self._config = Config(
            connect_timeout=settings.connect_timeout_s,
            read_timeout=settings.read_timeout_s,
            retries={"mode": "standard", "total_max_attempts": settings.max_attempts},
            user_agent_extra="tidemark",
        )
        self._made: dict[tuple[str, int], Any] = {}
        self._lock = threading.Lock()

    @property
    def emr(self) -> Any:
        return self._client("emr")

    @property
    def emr_once(self) -> Any:
        """EMR without a second attempt, for what is not idempotent: a lost answer may have been a yes."""
        return self._client("emr", self._config.merge(Config(retries={"mode": "standard", "total_max_attempts": 1})))

    @property
    def region(self) -> str | None:
        """None when neither the settings, nor the node, nor botocore's own chain tell."""
        found: str | None = self._session.region_name
        return found

    @property
    def cloudwatch(self) -> Any:
        return self._client("cloudwatch")

    @property
    def dynamodb(self) -> Any:
        return self._client("dynamodb")

    @property
    def ec2(self) -> Any:
        return self._client("ec2")

    @property
    def pricing(self) -> Any:
        """The Price List API, in a Region that has it: it tells of every Region of the partition."""
        return self._client("pricing", region=price_list_region(self.region or ""))

    @property
    def scheduler(self) -> Any:
        """EventBridge Scheduler. Only the function calls it: a bundle for nodes has no model of it."""
        return self._client("scheduler")

    @property
    def sns(self) -> Any:
        return self._client("sns")

    @property
    def sqs(self) -> Any:
        """SQS, with the patience for the longest wait for a message, 20 s."""
        return self._client("sqs", self._config.merge(Config(read_timeout=read_timeout_s(self._settings))))

    @property
    def s3(self) -> Any:
        return self._client("s3")

    @property
    def stepfunctions(self) -> Any:
        """Only for the function, as `scheduler`."""
        return self._client("stepfunctions")

    @property
    def sts(self) -> Any:
        return self._client("sts")

    def credentials_from(self) -> str | None:
        """Where botocore's chain found credentials, in its words (`iam-role`: the instance profile); None without
        any. Asks EC2's metadata."""
        found = self._session.get_credentials()
        return None if found is None else str(found.method)

    def _client(self, service: str, config: Config | None = None, region: str | None = None) -> Any:
        config = config or self._config
        key = (service, config.retries["total_max_attempts"])
        with self._lock:
            if key not in self._made:
                client = self._session.client(service, region, endpoint_url=self._settings.endpoint_url, config=config)
                if self._rights is not None:
                    client.meta.events.register("after-call", _hearing(self._rights))
                self._made[key] = client
            return self._made[key]


def _hearing(rights: RightsListener) -> Any:
    """A handler for botocore's `after-call`, which is emitted once a call, after its last attempt."""

    def heard(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
        error = parsed.get("Error", {})
        if http_response.status_code < 300:
            rights.allowed(model.name)
        elif error.get("Code") in DENIED:
            rights.denied(model.name, str(error.get("Message", "")))

    return heard
