"""Whether only the alarms' topic may send to the queue: whoever else may, could ask for capacity."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from agent.aws.clients import Clients
from agent.aws.errors import AWS_ERRORS, is_denied, reason
from agent.doctor.findings import Finding, fail, ok, skip, warn
from agent.settings import Settings

SENDS = "sqs:sendmessage"
OPERATORS = frozenset({"arnequals", "arnlike", "stringequals"})
"""Those of a condition on `aws:SourceArn` that say exactly which topic, if its value has no wildcard."""
ADVICE = (
    "let its policy allow sqs:SendMessage only to sns.amazonaws.com with aws:SourceArn = actions.topic_arn: see "
    "docs/actions.md"
)


def senders(made: Clients, settings: Settings) -> Finding:
    """What the queue's own policy says of who may send to it."""
    url, topic = settings.actions.queue_url, settings.actions.topic_arn
    if url is None:
        if settings.actions.alarms and not settings.actions.endpoint.enabled:
            return warn("actions.alarms names alarms, and nothing hears of them", "set actions.queue_url")
        return skip("actions.queue_url is unset")
    try:
        found = made.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    except AWS_ERRORS as error:
        return skip("not allowed to look" if is_denied(error) else f"not known: {reason(error)}")
    text = found.get("Attributes", {}).get("Policy")
    if not text:
        return fail("the queue has no policy, so no topic can send to it", ADVICE)
    try:
        others = list(_strangers(json.loads(text), topic or ""))
        heard = any(_is_topic(each, topic or "") for each in _sending(json.loads(text)))
    except (ValueError, TypeError, AttributeError):
        return warn("the queue's policy cannot be read", ADVICE)
    if others:
        bad = fail if not settings.actions.verify_signatures or settings.actions.accept_raw else warn
        return bad(f"others than {topic} may send to the queue: {', '.join(others)}", ADVICE)
    if not heard:
        return fail(f"{topic} may not send to the queue", ADVICE)
    return ok(f"only {topic} may send to it")


def _sending(policy: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The statements that allow to send."""
    for each in _listed(policy.get("Statement", ())):
        if each.get("Effect") == "Allow" and ("NotAction" in each or _may_send(each)):
            yield each


def _strangers(policy: Mapping[str, Any], topic: str) -> Iterator[str]:
    """By their Sid: the statements that let others than the topic send."""
    for number, each in enumerate(_sending(policy), 1):
        if not _is_topic(each, topic):
            yield str(each.get("Sid") or f"statement {number} that allows it")


def _may_send(statement: Mapping[str, Any]) -> bool:
    return any(fnmatchcase(SENDS, str(action).lower()) for action in _listed(statement.get("Action", ())))


def _is_topic(statement: Mapping[str, Any], topic: str) -> bool:
    """Whether a condition limits it to that topic and no other."""
    for operator, keys in statement.get("Condition", {}).items():
        if operator.lower() in OPERATORS:
            for key, values in keys.items():
                if key.lower() == "aws:sourcearn" and _listed(values) == [topic]:
                    return True
    return False


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
