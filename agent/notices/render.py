"""A notice as a message: a subject and a text for people, JSON for programs, attributes for filter policies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from agent.domain.notices import Message, Notice, NoticeKind

SCHEMA = 1
"""Version of the JSON. Keys are added within a version, never changed or taken away."""
MAX_SUBJECT = 99
"""SNS takes fewer than 100 characters on one line; printable ASCII is what every mail program shows (SNS, Publish)."""


def message(notice: Notice, cluster_id: str, cluster_name: str, suppressed: Mapping[NoticeKind, int]) -> Message:
    """`suppressed`: how many of which kind were not told since the last message."""
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
    whole = f"Tidemark: {cluster_name or cluster_id} {notice.headline}"
    plain = "".join(letter if " " <= letter <= "~" else " " for letter in whole)
    return " ".join(plain.split())[:MAX_SUBJECT].rstrip()


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
