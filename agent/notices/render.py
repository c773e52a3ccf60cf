"""A notice as a message: a subject and a text for people, JSON for programs, attributes for filter policies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from agent.domain.decisions import Reason
from agent.domain.notices import Message, Notice, NoticeKind

SCHEMA = 1
"""Version of the JSON. Keys are added within a version, never changed or taken away."""
MAX_SUBJECT = 99
"""SNS takes fewer than 100 characters on one line; printable ASCII is what every mail program shows (SNS, Publish)."""
LEAST_OF_NAME = 24
"""So much of the cluster's name is in a subject, however long the rest is."""
MAX_LINE = 2000
"""Characters of one text: all of them together stay below what SNS takes, so that no JSON is cut."""


def message(notice: Notice, cluster_id: str, cluster_name: str, suppressed: Mapping[NoticeKind, int]) -> Message:
    """`suppressed`: how many of which kind were not told since the last message."""
    notice, cluster_name = _shown(notice), _line(cluster_name).strip()
    attributes = {
        "kind": str(notice.kind),
        "severity": str(notice.severity),
        "cluster_id": cluster_id,
        "cluster_name": cluster_name,
    }
    return Message(
        at=notice.at,
        subject=subject(notice, cluster_id, cluster_name),
        text="\n".join(_lines(notice, cluster_id, cluster_name, suppressed)),
        json=json.dumps(data(notice, cluster_id, cluster_name, suppressed)),
        attributes={name: value for name, value in attributes.items() if value},
        severity=notice.severity,
    )


def subject(notice: Notice, cluster_id: str, cluster_name: str) -> str:
    """A long name gives way to what happened; one that has no ASCII in it, to the id."""
    headline, name = _ascii(notice.headline), _ascii(cluster_name) or _ascii(cluster_id)
    room = max(LEAST_OF_NAME, MAX_SUBJECT - len(f"Tidemark:  {headline}"))
    if len(name) > room:
        name = name[: room - 2].rstrip() + ".."
    return f"Tidemark: {name} {headline}"[:MAX_SUBJECT].rstrip()


def _ascii(text: str) -> str:
    return " ".join("".join(letter if " " <= letter <= "~" else " " for letter in text).split())


def _shown(notice: Notice) -> Notice:
    """The same with nothing in its texts but what can be shown on a line: names of applications, of steps and of
    alarms, and AWS's answers are in them."""
    facts = {name: _line(fact) if isinstance(fact, str) else fact for name, fact in notice.facts.items()}
    because = tuple(Reason(reason.code, _line(reason.text)) for reason in notice.because)
    return replace(notice, headline=_line(notice.headline), because=because, advice=_line(notice.advice), facts=facts)


def _line(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= MAX_LINE else plain[: MAX_LINE - 2] + ".."


def data(notice: Notice, cluster_id: str, cluster_name: str, suppressed: Mapping[NoticeKind, int]) -> dict[str, object]:
    """As `docs/notices.md` documents it."""
    return {
        "schema": SCHEMA,
        "source": "tidemark",
        "kind": str(notice.kind),
        "severity": str(notice.severity),
        "at": _utc(notice.at, "T", "Z"),
        "cluster_id": cluster_id,
        "cluster_name": cluster_name,
        "headline": notice.headline,
        "because": [{"code": reason.code, "text": reason.text} for reason in notice.because],
        "advice": notice.advice,
        "facts": dict(notice.facts),
        "suppressed": {str(kind): count for kind, count in suppressed.items()},
    }


def _lines(notice: Notice, cluster_id: str, cluster_name: str, suppressed: Mapping[NoticeKind, int]) -> Iterator[str]:
    yield f"{cluster_name or cluster_id} {notice.headline}."
    if notice.because:
        yield "\nWhy:"
        yield from (f"- {reason.text} ({reason.code})" for reason in notice.because)
    if notice.advice:
        yield f"\nWhat to do:\n{notice.advice}"
    yield f"\nCluster: {cluster_id}" + (f" ({cluster_name})" if cluster_name else "")
    yield f"When: {_utc(notice.at, ' ', ' UTC')}"
    yield f"Kind: {notice.kind}, {notice.severity}"
    if suppressed:
        counts = ", ".join(f"{count} x {kind}" for kind, count in suppressed.items())
        yield f"\nNot told one by one since the last message: {counts}"


def _utc(at: float, between: str, after: str) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d{between}%H:%M:%S}{after}"
