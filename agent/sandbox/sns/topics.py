"""moto's SNS, asked from inside the sandbox."""

from __future__ import annotations

from moto.core.exceptions import ServiceException
from moto.sns.models import sns_backends


def publish(topic_arn: str, subject: str, message: str) -> None:
    """To all its subscriptions, as the Publish of a client. Raises ServiceException when there is no such topic."""
    parts = topic_arn.split(":")
    if len(parts) != 6 or topic_arn not in sns_backends[parts[4]][parts[3]].topics:
        raise ServiceException("NotFound", "Topic does not exist")
    sns_backends[parts[4]][parts[3]].publish(message, arn=topic_arn, subject=subject)
