"""The body of one message of the queue -> events. Pure: nothing raises, and nothing is guessed.

A message is SNS's envelope with any of the following in it, an event of EventBridge, our own words as JSON, or the
bare text of a pipeline: its id when it is done, the name of its worker group when it has failed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from agent.lifecycle import eventbridge, messages
from agent.lifecycle.events import Event, Malformed, OwnerEnded
from agent.lifecycle.messages import Delivery
from agent.lifecycle.words import EndReason
from agent.wire.json_fields import amount

MESSAGE_ID = "message_id"
SENT_AT = "SentTimestamp"
"""Milliseconds (SQS, ReceiveMessage)."""
MOST_ENVELOPES = 3
"""One in the other: a topic that an event was put on."""

_PIPELINE = re.compile(r"df-[A-Z0-9]{1,100}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/@-]{0,255}")
_NO_NAME = frozenset({"null", "true", "false", "nan", "infinity", "undefined", "none"})


def events_of(body: str, attributes: Mapping[str, str] = MappingProxyType({})) -> tuple[Event, ...]:
    """What the message asks for; never empty. `attributes`: SQS's own, and `message_id`.

    A wish without an id of its own gets one of the delivery: the id of the event, else that of SNS, else that of SQS.
    So a second delivery is the same wish.
    """
    message_id = attributes.get(MESSAGE_ID, "")
    sent_ms = amount(attributes.get(SENT_AT)) or 0.0
    delivery = Delivery(messages.made_id("sqs", message_id) if message_id else "", sent_ms / 1000)
    text = body
    for _ in range(MOST_ENVELOPES + 1):
        found = _json(text)
        if isinstance(found, Malformed):
            return (found,)
        if not isinstance(found, dict) or not _is_envelope(found):
            return (_event(found, text, delivery),)
        text, delivery = found["Message"], _of_envelope(found, delivery)
    return (Malformed(why="too-many-envelopes", details={"where": "Message", "problem": f"over {MOST_ENVELOPES}"}),)


def _event(found: object, text: str, delivery: Delivery) -> Event:
    if isinstance(found, str):
        return _plain(found.strip(), delivery)
    if found is None:
        return _plain(text.strip(), delivery)
    if not isinstance(found, dict):
        return Malformed(why="no-object", details={"where": "the message", "problem": f"it is {text[:100]!r}"})
    if eventbridge.is_event(found):
        return eventbridge.event_of(found, eventbridge.delivery_of(found, delivery))
    if found.get("Type") == "SubscriptionConfirmation":
        problem = "somebody has to confirm the subscription: visit its SubscribeURL"
        return Malformed(why="subscription", details={"where": str(found.get("TopicArn"))[:200], "problem": problem})
    if "Records" in found:
        problem = "a bucket's notifications come by EventBridge: switch that on for the bucket"
        return Malformed(why="records", details={"where": "Records", "problem": problem})
    return messages.event_of(found, delivery)


def _plain(text: str, delivery: Delivery) -> Event:
    """A pipeline sends its id when it is done, and the name of its worker group, which is an alias, when it failed."""
    if _PIPELINE.fullmatch(text):
        return OwnerEnded(owner=text, reason=EndReason.OWNER_DONE, at=delivery.at, why="its pipeline is done")
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_NAME:
        return OwnerEnded(owner=text, reason=EndReason.OWNER_FAILED, at=delivery.at, why="its activity failed")
    problem = "neither JSON nor the id of a pipeline nor the name of a worker group"
    return Malformed(why="no-json", details={"where": "the message", "problem": problem, "given": repr(text[:200])})


def _is_envelope(found: Mapping[str, Any]) -> bool:
    return found.get("Type") == "Notification" and isinstance(found.get("Message"), str)


def _of_envelope(found: Mapping[str, Any], outer: Delivery) -> Delivery:
    """SNS gives every copy of a message the same id, SQS does not."""
    message_id = found.get("MessageId")
    inner = outer
    if isinstance(message_id, str) and message_id:
        inner = replace(inner, id=messages.made_id("sns", message_id))
    return replace(inner, at=eventbridge.iso_time(found.get("Timestamp")) or inner.at)


def _json(text: str) -> object:
    """What the text holds; None when it is no JSON. Numbers are finite, and texts can be written as UTF-8: what is not
    so could not be written into the table."""
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        return Malformed(why="too-deep", details={"where": "the message", "problem": "nested too deeply"})
    except ValueError as error:
        if text.lstrip()[:1] in {"{", "["}:
            return Malformed(why="no-json", details={"where": "the message", "problem": str(error)[:200]})
        found = None
    try:
        json.dumps(found, ensure_ascii=False).encode()
        text.encode()
    except (UnicodeEncodeError, RecursionError):
        return Malformed(why="no-text", details={"where": "the message", "problem": "it has half a character in it"})
    return found


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text[:40]} is too large")
    return found
