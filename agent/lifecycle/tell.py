"""Tells people and programs by SNS what has become of clusters and jobs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from agent import log
from agent.aws.errors import AWS_ERRORS
from agent.lifecycle.outcome import outcome
from agent.lifecycle.ports import Teller
from agent.lifecycle.rows import ClusterRow, JobRow

LONGEST_SUBJECT = 99
"""Characters of ASCII, no line breaks (SNS, Publish: fewer than 100)."""
LONGEST_TEXT = 4096
"""Of what is told in words: a message with its attributes has 256 KiB."""


class TopicTeller:
    """Over a boto3 SNS client: mailboxes and telephones get text, everything else gets the same as JSON, by which
    subscriptions filter too (`MessageBody`: with several formats SNS delivers no attributes). Never raises the world's
    faults."""

    def __init__(self, client: Callable[[], Any], topic_arn: str, count: Callable[[str], None]) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._count = count

    def ended(self, row: ClusterRow) -> None:
        self._publish(*of_cluster(row))

    def job_ended(self, job: JobRow) -> None:
        self._publish(*of_job(job))

    def _publish(self, subject: str, text: str, facts: Mapping[str, Any]) -> None:
        body = json.dumps({name: value for name, value in facts.items() if value is not None})
        message = {"default": body, "email": text, "sms": text}
        try:
            self._client().publish(
                TopicArn=self._topic_arn,
                Subject=_subject(subject),
                Message=json.dumps(message),
                MessageStructure="json",
            )
        except AWS_ERRORS as error:
            self._count("LifecycleErrors.Teller")
            log.event(logging.WARNING, "notice.failed", subject=subject, error=str(error))
        else:
            self._count("LifecycleNotices")


class LogTeller:
    """Where no topic is set."""

    def ended(self, row: ClusterRow) -> None:
        subject, text, _ = of_cluster(row)
        log.event(logging.INFO, "notice", subject=subject, text=text)

    def job_ended(self, job: JobRow) -> None:
        subject, text, _ = of_job(job)
        log.event(logging.INFO, "notice", subject=subject, text=text)


def teller(client: Callable[[], Any], topic_arn: str, count: Callable[[str], None]) -> Teller:
    return TopicTeller(client, topic_arn, count) if topic_arn else LogTeller()


def of_cluster(row: ClusterRow) -> tuple[str, str, dict[str, Any]]:
    """Subject, text and facts of a cluster that has ended, or that we have begun to end."""
    found = outcome(row)
    event = "cluster-ended" if row.ended else "cluster-ending"
    what = f"ended: {found.kind}" if row.ended else f"is being ended: {row.end_reason}"
    why = found.why if row.ended else row.end_why
    whose = f" of {row.owner}" if row.owner else ""
    facts = {
        "event": event,
        "cluster_id": row.id,
        "name": row.name,
        "owner": row.owner,
        "profile": row.profile,
        "launch_id": row.launch_id,
        "attempt": row.attempt or None,
        "state": row.state.value,
        "code": row.reason_code,
        "outcome": None if found.kind is None else found.kind.value,
        "reason": None if row.end_reason is None else row.end_reason.value,
        "why": None if why is None else why[:LONGEST_TEXT],
        "at": row.ended_at if row.ended else row.end_at,
    }
    subject = f"Cluster {row.id} {what}"
    return (
        subject,
        f"Cluster {row.id} ({row.name or 'without a name'}){whose} {what}. {why or ''}"[:LONGEST_TEXT],
        facts,
    )


def of_job(job: JobRow) -> tuple[str, str, dict[str, Any]]:
    why = "; ".join(job.why)
    facts = {
        "event": "job-ended",
        "job_id": job.id,
        "owner": job.owner,
        "profile": job.profile,
        "state": job.state.value,
        "cluster_id": job.cluster_id,
        "step_id": job.step_id,
        "attempt": job.attempt,
        "why": why[:LONGEST_TEXT] or None,
        "at": job.ended_at,
    }
    subject = f"Job {job.id} {job.state}"
    return subject, f"Job {job.id} of {job.owner} is {job.state}. {why}"[:LONGEST_TEXT], facts


def _subject(text: str) -> str:
    plain = "".join(one if " " <= one <= "~" else "?" for one in text)
    return plain[:LONGEST_SUBJECT]
