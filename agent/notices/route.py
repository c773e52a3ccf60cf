"""Where notices go and which, the older setting of the topic included."""

from __future__ import annotations

from dataclasses import dataclass

from agent.domain.notices import NoticeKind
from agent.notices.limits import ALWAYS
from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Route:
    topic: str | None
    """For text."""
    json_topic: str | None
    kinds: frozenset[NoticeKind]


def remarks(settings: Settings) -> tuple[str, ...]:
    """What is well to know of these settings, though they can be used."""
    told, older = settings.notices, settings.idle.notice_topic_arn
    if older is None:
        return ()
    if told.topic_arn is None and told.json_topic_arn is None:
        return ("idle.notice_topic_arn is told of the cluster's end only: move it to notices.topic_arn for the rest",)
    return ("idle.notice_topic_arn is not used beside notices.topic_arn: leave it out",)


def topic(settings: Settings) -> str | None:
    """One of the topics that notices go to; None where they are only logged."""
    way = route(settings)
    return way.topic or way.json_topic


def route(settings: Settings) -> Route:
    """`idle.notice_topic_arn` alone still gets what it always got: what takes the cluster with it."""
    told, older = settings.notices, settings.idle.notice_topic_arn
    if told.topic_arn is None and told.json_topic_arn is None and older is not None:
        return Route(older, None, ALWAYS)
    kinds = frozenset(NoticeKind if told.kinds is None else told.kinds)
    return Route(told.topic_arn, told.json_topic_arn, kinds | ALWAYS)
