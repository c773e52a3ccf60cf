"""The lifecycle's queue, as whoever asks for something sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.aws.emr_calls import ask
from agent.domain.faults import Fault


def send(client: Any, queue_url: str, message: Mapping[str, Any]) -> None:
    """Over a boto3 SQS client, a message as `agent.lifecycle.messages` reads it. Raises Fault."""
    ask("SendMessage", client.send_message, QueueUrl=queue_url, MessageBody=json.dumps(message))


def dead_letters(client: Any, queue_url: str) -> int | None:
    """How many messages nobody could act on, about; None where there is no queue for them, or it may not be asked."""
    try:
        policy = _attribute(client, queue_url, "RedrivePolicy")
        if policy is None:
            return None
        name = str(json.loads(policy)["deadLetterTargetArn"]).rpartition(":")[2]
        url = ask("GetQueueUrl", client.get_queue_url, QueueName=name)["QueueUrl"]
        return int(_attribute(client, url, "ApproximateNumberOfMessages") or 0)
    except (Fault, ValueError, KeyError):
        return None


def _attribute(client: Any, queue_url: str, name: str) -> str | None:
    request = {"QueueUrl": queue_url, "AttributeNames": [name]}
    answer = ask("GetQueueAttributes", client.get_queue_attributes, **request)
    found: str | None = answer.get("Attributes", {}).get(name)
    return found
